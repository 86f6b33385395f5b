"""Records as they come in: the quick way and the slow one say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.crm import FIELDS, Record
from mmm.crm.intake import by_fields, take_in, take_in_batches
from mmm.errors import ConfigError, TargetError
from tests.crm.records import AT, TEXTS, lead_records, merged, record

WILD = TEXTS | st.sampled_from(["", "\x00", "\ud800", "bad"])
CELLS = st.none() | WILD | st.floats() | st.integers() | st.booleans()
ALIKE = st.sets(st.sampled_from(FIELDS)).flatmap(
    lambda names: st.lists(
        st.builds(
            Record, WILD, st.fixed_dictionaries({n: CELLS | st.just(AT) for n in sorted(names)})
        ),
        max_size=5,
    )
)


def unfit(text):
    return "is bad" if text == "bad" else None


@given(records=ALIKE | lead_records(WILD))
def test_tables_take_the_same_as_others_do(records):
    rows, refused = take_in(records, 10, unfit)
    batches, others = take_in_batches(records, 10, unfit)
    assert others == refused
    assert {b.names: list(b.rows()) for b in batches} == {
        names: [(lead, *map(rows[lead].get, names)) for lead in leads]
        for names, leads in by_fields(rows).items()
    }


@given(records=lead_records())
def test_what_is_taken_is_what_was_meant(records):
    rows, refused = take_in(records, 10)
    assert {r.lead_id for r in refused} <= {""}
    assert {k: dict.fromkeys(FIELDS) | v for k, v in rows.items()} == merged({}, records)
    assert list(rows) == sorted(rows)


@pytest.mark.parametrize("n_records", [1, 3])
def test_instants_are_told_in_utc_with_seconds(n_records):
    records = [
        Record(str(n), {"mmm_scored_at": "2025-03-01T06:30:00.25+01:00", "mmm_grade": "A"})
        for n in range(n_records)
    ]
    (batch,), _ = take_in_batches(records, 10)
    assert {cells[2] for cells in batch.rows()} == {AT}


def test_too_many_records_and_unknown_fields():
    for take in (take_in, take_in_batches):
        with pytest.raises(TargetError, match=r"2 records in one call\. Write at most 1"):
            take([record("a"), record("b")], 1)
        with pytest.raises(ConfigError, match="'stage' are no fields of ours"):
            take([Record("a", {"stage": "won", "mmm_grade": "A"})], 1)
        assert not any(take([], 1))
