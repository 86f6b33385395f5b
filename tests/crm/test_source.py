"""Reading since a mark: nothing is lost, and what is unchanged does not come twice."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.crm import FIELDS, source
from mmm.crm.source import OVERLAP, Mark, extract
from mmm.errors import ConfigError, SourceError

START = datetime(2025, 3, 1, 10, tzinfo=UTC)
# A night: minutes gone by, then changes: which lead, how many minutes ago it was stamped, its size.
CHANGES = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 119), st.integers(0, 3)))
NIGHTS = st.lists(st.tuples(st.integers(0, 600), CHANGES), max_size=4)


@given(nights=NIGHTS, untold=st.booleans())
def test_what_was_handed_over_is_what_the_system_holds(nights, untold):
    held, copied, mark, now = {}, {}, None, START
    for minutes, changes in nights:
        now += timedelta(minutes=minutes)
        for lead, ago, size in changes:
            held[lead] = (now - timedelta(minutes=ago), size)
        if untold:
            held["untold"] = (None, 1)
        rows = [{"lead_id": k, "updated_at": at, "size": n} for k, (at, n) in held.items()]
        frame = pd.DataFrame(rows, columns=["lead_id", "updated_at", "size"])
        before = dict(copied)
        found = extract(frame, mark, key="lead_id", clock=lambda now=now: now)
        mark = found.mark and Mark.from_text(found.mark.to_text())
        copied |= dict(zip(found.frame["lead_id"], found.frame["size"], strict=True))
        assert copied == {lead: size for lead, (_, size) in held.items()}
        again = extract(frame, mark, key="lead_id", clock=lambda now=now: now)
        assert set(again.frame["lead_id"]) <= {"untold"}
        assert before.keys() <= copied.keys()


def frame_of(*rows):
    return pd.DataFrame(rows, columns=["lead_id", "updated_at", "size"])


def test_an_instant_in_the_future_does_not_move_the_mark_there():
    now = START + timedelta(days=1)
    frame = frame_of(("a", START, 1), ("wrong clock", START + timedelta(days=9999), 1))
    found = extract(frame, None, clock=lambda: now)
    assert found.mark.at == now
    assert len(extract(frame, found.mark, clock=lambda: now).frame) == 0
    later = frame_of(("b", now + timedelta(hours=1), 1))
    assert len(extract(later, found.mark, clock=lambda: now + timedelta(hours=2)).frame) == 1


def test_the_mark_never_goes_back():
    mark = Mark(START, frozenset())
    assert extract(frame_of(("a", START - timedelta(days=30), 1)), mark).mark.at == START
    assert extract(frame_of(), mark).mark.at == START
    assert extract(frame_of(), None).mark is None


def test_pages_that_overlap_hand_a_lead_over_once_and_as_it_is_now():
    frame = frame_of(("a", START + timedelta(minutes=1), 2), ("b", START, 1), ("a", START, 1))
    found = extract(frame, None, key="lead_id").frame
    assert found.to_dict("list") == {"lead_id": ["a", "b"], "size": [2, 1]}
    assert len(extract(frame, None).frame) == 3


def test_too_many_to_remember_come_again(monkeypatch):
    monkeypatch.setattr(source, "MOST_SEEN", 2)
    frame = frame_of(*[(f"L{n}", START, n) for n in range(3)])
    mark = extract(frame, None).mark
    assert mark.seen == frozenset()
    assert len(extract(frame, mark).frame) == 3


def test_own_fields_and_the_last_change_are_left_out():
    frame = frame_of(("a", START, 1)).assign(**dict.fromkeys(FIELDS, "x"))
    assert list(extract(frame, None).frame.columns) == ["lead_id", "size"]
    assert list(extract(frame, None, updated="no").frame.columns) == [
        "lead_id", "updated_at", "size",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["1/3/2025", "1741000000", "soon", 1741000000, 45000.5])
def test_a_column_of_something_else_is_refused(wrong):
    with pytest.raises(SourceError, match="'updated_at' does not hold instants"):
        extract(frame_of(("a", wrong, 1)), None)


@pytest.mark.parametrize(
    "at", ["2025-03-01", "2025-03-01 10:00:00", "2025-03-01T11:00:00+01:00", pd.Timestamp(START)]
)
def test_instants_and_their_texts_are_read(at):
    found = extract(frame_of(("a", at, 1), ("b", None, 1), ("c", "", 1)), None)
    assert found.mark.at == (START.replace(hour=0) if at == "2025-03-01" else START)
    assert found.mark.floor == found.mark.at - OVERLAP


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"at": "2025-03-01", "seen": []}', "2025"])
def test_what_is_no_mark(text):
    with pytest.raises(ConfigError, match="no mark"):
        Mark.from_text(text)
