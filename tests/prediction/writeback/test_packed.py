"""Values kept by field: what comes out is what went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.crm.records import Records
from mmm.crm.target import FIELDS, Record
from mmm.prediction.writeback.changes import Change, Changes, Part
from mmm.prediction.writeback.packed import pack, unpack, without

cells = st.none() | st.floats(0, 1) | st.sampled_from(["A", "è", "[", '{"of":[]}', "0"])
names = st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True)


@st.composite
def columns(draw):
    length = draw(st.integers(1, 12))
    some = st.lists(cells, min_size=length, max_size=length)
    few = st.lists(st.sampled_from(["A", None, 0.0]), min_size=length, max_size=length)
    return {name: draw(some | few) for name in draw(names)}


@given(columns())
def test_what_is_unpacked_is_what_was_packed(there):
    n = len(next(iter(there.values())))
    text = pack(there)
    assert unpack(text, n) == there
    assert pack(unpack(text, n)) == text
    gone = range(0, n, 3)
    left = {name: [c for k, c in enumerate(kept) if k % 3] for name, kept in there.items()}
    assert without(there, gone) == left
    assert unpack(pack(without(there, gone)), n - len(gone)) == left


def test_what_is_no_number_is_not_kept():
    with pytest.raises(ValueError, match="JSON compliant"):
        pack({"mmm_probability": [0.1, float("nan"), 0.2]})


changes_of_many = st.lists(
    st.builds(
        lambda lead, before, after: Change(lead, {n: before.get(n) for n in after}, after),
        st.sampled_from([f"L{n}" for n in range(30)]),
        st.dictionaries(st.sampled_from(FIELDS), cells),
        st.dictionaries(st.sampled_from(FIELDS[:2]), cells, min_size=1),
    ),
    max_size=12,
)


@given(changes_of_many, st.integers(1, 5))
def test_changes_are_a_sequence_of_changes(plain, size):
    changes = Changes.of(plain)
    assert list(changes) == plain
    assert [changes[k] for k in range(len(changes))] == plain
    assert list(changes[1:3]) == plain[1:3]
    assert list(changes[::-1]) == plain[::-1]
    assert changes.leads == [one.lead_id for one in plain]
    chunks = list(changes.chunks(size))
    assert [one for part in chunks for one in part.changes()] == plain
    assert all(0 < len(part.leads) <= size for part in chunks)
    assert all(one.after.keys() == part.after.keys() for part in chunks for one in part.changes())
    back = [Change(one.lead_id, one.after, one.before) for one in reversed(plain)]
    assert list(changes.taken_back()) == back
    with pytest.raises(IndexError):
        changes[len(plain)]


@given(columns())
def test_records_by_field_are_records(there):
    leads = [f"L{k}" for k in range(len(next(iter(there.values()))))]
    plain = [Record(lead, {n: there[n][k] for n in there}) for k, lead in enumerate(leads)]
    records = Records(leads, there)
    assert list(records) == plain == [records[k] for k in range(len(records))]
    assert list(records[1:]) == plain[1:]
    assert list(Part(leads, there, there).records()) == plain
