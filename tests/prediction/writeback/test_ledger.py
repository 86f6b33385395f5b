"""The ledger: last values as they add up, and people taken out of packed chunks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import SourceError
from mmm.prediction.writeback import Change, Draft, Key, counts, finish, forget, open_ledger, prune
from mmm.prediction.writeback import last as last_module
from mmm.prediction.writeback.entries import PLANNED, REFUSED, SENT, WRITTEN, Chunk, Outcome
from mmm.prediction.writeback.ledger import answered, reasons_of, reopen

SYSTEM = "fake:crm"
KEY = Key(b"0123456789abcdef")
DAYS = [f"2025-03-{day:02d}" for day in range(1, 9)]
FIELD = st.sampled_from(["mmm_grade", "mmm_model"])
ids = st.text("Lé1\"'\\", min_size=1, max_size=3)
nights = st.lists(
    st.dictionaries(
        st.sampled_from([f"L{n}" for n in range(6)]),
        st.dictionaries(FIELD, st.sampled_from(["A", "B", None]), min_size=1),
        min_size=1,
    ),
    min_size=1,
    max_size=8,
)


def draft(name="b"):
    return Draft(name, SYSTEM, "v1", "d", "2025-03-01", ("mmm_grade", "mmm_model"))


def night(ledger, there, name="b", size=2):
    """Write all that is planned."""
    changes = [Change(lead, dict.fromkeys(after), after) for lead, after in there.items()]
    batch = ledger.plan(draft(name), changes, size)
    for chunk in ledger.chunks(batch):
        ledger.answer(batch, chunk, (), others=WRITTEN)
    finish(ledger, batch)
    return batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ledgers")


@given(nights, st.integers(0, 7), st.booleans())
def test_last_values_are_those_of_the_last_nights(folder, written, kept, often):
    path = folder / "last.sqlite"
    path.unlink(missing_ok=True)
    wanted, day_of = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_module, "_MOST", 0 if often else 1000)  # fold each night, or never
        for day, there in zip(DAYS, written, strict=False):
            ledger = open_ledger(path, now=f"{day}T05:00:00+00:00")
            night(ledger, there, day)
            for lead, after in there.items():
                wanted[lead] = wanted.get(lead, {}) | after
                day_of[lead] = day
            assert told(ledger.written(SYSTEM)) == told(wanted)
            ledger.connection.close()
    ledger = open_ledger(path, now=f"{day}T05:00:00+00:00")
    prune(ledger, kept + 1)
    oldest = int(day[-2:]) - kept - 1
    left = {lead: there for lead, there in wanted.items() if int(day_of[lead][-2:]) >= oldest}
    assert told(ledger.written(SYSTEM)) == told(left)
    ledger.connection.close()


def told(there):
    return {
        lead: {name: value for name, value in fields.items() if value is not None}
        for lead, fields in there.items()
    }


@given(
    leads=st.lists(
        st.text("Lé1\"'\\", min_size=1, max_size=3), min_size=1, max_size=7, unique=True
    ),
    who=st.integers(0, 6),
    n_sent=st.integers(0, 3),
)
def test_one_person_leaves_packed_chunks_and_the_others_stay(folder, leads, who, n_sent):
    path = folder / "forget.sqlite"
    path.unlink(missing_ok=True)
    ledger = open_ledger(path, now="2025-03-01T05:00:00+00:00")
    gone = leads[who % len(leads)]
    there = {lead: {"mmm_grade": "AB"[k % 2]} for k, lead in enumerate(leads)}
    night(ledger, there, "first", size=3)
    changes = [Change(lead, there[lead], {"mmm_grade": "C"}) for lead in leads]
    batch = ledger.plan(draft("second"), changes, 2)
    for chunk in ledger.chunks(batch)[:n_sent]:
        ledger.answer(batch, chunk, [Outcome(0, REFUSED, f"{gone} is locked")], others=WRITTEN)
    before = counts(ledger, batch)
    open_places = [item for chunk in ledger.chunks(batch) for item in left(ledger, batch, chunk)]
    found = forget(ledger, gone, KEY)
    assert (found.n_items, len(found.systems)) == (2, 1)
    assert gone not in ledger.written(SYSTEM)
    assert told(ledger.written(SYSTEM)) == {k: v for k, v in there.items() if k != gone}
    assert [one for one in open_places if one.lead_id != gone] == [
        item for chunk in ledger.chunks(batch) for item in left(ledger, batch, chunk)
    ]
    assert sum(counts(ledger, batch).values()) == sum(before.values()) - 1 == len(leads) - 1
    every = [*answered(ledger, batch, WRITTEN), *answered(ledger, batch, REFUSED)]
    assert {one.lead_id for one in every} <= set(leads) - {gone}
    assert all(one.before == there[one.lead_id] for one in every)
    assert gone not in {lead for lead, _ in reasons_of(ledger, batch, REFUSED)}
    assert all(f"{gone} is" not in reason for _, reason in reasons_of(ledger, batch, REFUSED))
    ledger.connection.close()
    kept = {json.dumps(lead, ensure_ascii=False).encode() for lead in leads if lead != gone}
    spelled = json.dumps(gone, ensure_ascii=False).encode()
    assert all(spelled not in file.read_bytes() for file in folder.glob("forget.sqlite*"))
    assert all(lead in path.read_bytes() for lead in kept)


def left(ledger, batch, chunk):
    ledger._fresh.clear()  # as another process would find it
    return list(ledger.items(batch, chunk).part.changes())


def test_reasons_and_letters_stay_with_their_leads(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    changes = [Change(f"L{k}", {"mmm_grade": None}, {"mmm_grade": "A"}) for k in range(5)]
    batch = ledger.plan(draft(), changes, 5, missing=["X1"])
    chunk = Chunk(0, "sent")
    ledger.answer(batch, chunk, [Outcome(1, REFUSED, "locked"), Outcome(3, PLANNED)], "written")
    assert counts(ledger, batch) == {
        "planned": 1, "written": 3, "refused": 2, "kept": 0, "dropped": 0,
    }  # fmt: skip
    assert [one.lead_id for one in left(ledger, batch, chunk)] == ["L3"]
    assert reasons_of(ledger, batch, REFUSED) == [
        ("X1", "the system does not know this lead"), ("L1", "locked"),
    ]  # fmt: skip
    forget(ledger, "L0", KEY)
    assert [one.lead_id for one in left(ledger, batch, chunk)] == ["L3"]
    assert reasons_of(ledger, batch, REFUSED)[1] == ("L1", "locked")
    finish(ledger, batch)
    assert list(ledger.written(SYSTEM)) == ["L2", "L4"]
    ledger.connection.close()


def test_a_ledger_of_before_the_first_release_is_said(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    ledger.connection.execute("PRAGMA user_version = 1")
    ledger.connection.close()
    with pytest.raises(SourceError, match="Move it away"):
        open_ledger(tmp_path / "ledger.sqlite")


def test_looking_at_a_ledger_that_is_not_there_makes_none(tmp_path):
    path = tmp_path / "ledger.sqlite"
    looked = open_ledger(path, read_only=True)
    assert not looked.written(SYSTEM)
    looked.connection.close()
    assert list(tmp_path.iterdir()) == []
    made = open_ledger(path)
    assert path.stat().st_mode & 0o077 == 0
    made.connection.close()
    again = open_ledger(path, read_only=True)
    with pytest.raises(SourceError, match="cannot be written"):
        again.plan(draft(), [], 5)
    again.connection.close()


def grades(n):
    return [Change(f"L{k}", {"mmm_grade": None}, {"mmm_grade": "A"}) for k in range(n)]


def test_batches_of_one_name_are_numbered_behind_it(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    assert [ledger.plan(draft("b"), grades(1), 5).id for _ in range(3)] == ["b", "b-2", "b-3"]
    assert [one.id for one in ledger.batches(SYSTEM)] == ["b", "b-2", "b-3"]
    ledger.connection.close()


def test_another_process_finds_which_chunk_may_have_been_sent(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    batch = ledger.plan(draft(), grades(4), 2)
    ledger.mark(batch, Chunk(1, "pending"), SENT)
    ledger.connection.close()
    again = open_ledger(tmp_path / "ledger.sqlite")
    assert again.chunks(batch) == [Chunk(0, "pending"), Chunk(1, "sent")]
    again.connection.close()


def test_a_change_that_breaks_off_leaves_nothing_and_the_next_one_works(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    night(ledger, {"L1": {"mmm_grade": "A"}})

    def break_off():
        with ledger.change() as connection:
            connection.execute("DELETE FROM written")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert told(ledger.written(SYSTEM)) == {"L1": {"mmm_grade": "A"}}
    night(ledger, {"L2": {"mmm_grade": "B"}}, "next")
    assert list(ledger.written(SYSTEM)) == ["L1", "L2"]
    ledger.connection.close()


def test_a_batch_in_doubt_asks_again_for_what_was_written_and_for_nothing_else(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    batch = ledger.plan(draft(), grades(5), 2, missing=["X1"])
    first, _, last = ledger.chunks(batch)
    ledger.answer(batch, first, [Outcome(1, REFUSED, "locked")], others=WRITTEN)
    ledger.answer(batch, last, [], others=WRITTEN)
    reopen(ledger, batch)
    assert ledger.chunks(batch) == [Chunk(0, "sent"), Chunk(1, "pending"), Chunk(2, "sent")]
    asked = [[one.lead_id for one in left(ledger, batch, each)] for each in ledger.chunks(batch)]
    assert asked == [["L0"], ["L2", "L3"], ["L4"]]
    assert [lead for lead, _ in reasons_of(ledger, batch, REFUSED)] == ["X1", "L1"]
    ledger.connection.close()


def test_a_ledger_is_made_in_a_new_folder_and_bears_its_mark(tmp_path):
    path = tmp_path / "of" / "mine" / "ledger.sqlite"
    open_ledger(path).connection.close()
    # The application id of a file of SQLite stands at byte 68; that of a ledger may never change.
    assert path.read_bytes()[68:72] == b"mmml"
