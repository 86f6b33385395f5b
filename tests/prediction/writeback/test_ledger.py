"""The ledger: last values as they add up, and people taken out of packed chunks."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, SourceError
from mmm.prediction.writeback import Change, Draft, Key, counts, finish, forget, open_ledger, prune
from mmm.prediction.writeback import last as last_module
from mmm.prediction.writeback import ledger as ledger_module
from mmm.prediction.writeback.entries import (
    CLOSED,
    FAILED,
    OPEN,
    PLANNED,
    REFUSED,
    SENT,
    UNDONE,
    WRITTEN,
    Chunk,
    Outcome,
)
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
        patch.setattr(ledger_module, "_WORTH_COPYING", 2 if often else 1000)
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
    ledger.mark(batch, Chunk(1, "sent"), FAILED, "no answer")
    ledger.mark(batch, Chunk(1, "failed"), SENT)
    ledger.connection.close()
    again = open_ledger(tmp_path / "ledger.sqlite")
    assert again.chunks(batch) == [Chunk(0, "pending"), Chunk(1, "sent")]
    attempts = again.connection.execute("SELECT n_attempts FROM chunk ORDER BY number").fetchall()
    assert attempts == [(0,), (2,)]
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
    # The version at byte 60: another one is a ledger that those in use can no longer be read as.
    assert int.from_bytes(path.read_bytes()[60:64], "big") == 2


def test_a_ledger_that_is_not_ours_or_newer_is_refused_and_let_go(tmp_path):
    other, newer = tmp_path / "other.sqlite", tmp_path / "newer.sqlite"
    with closing(sqlite3.connect(other)) as raw:
        raw.execute("CREATE TABLE notes(text)")
    open_ledger(newer).connection.close()
    with closing(sqlite3.connect(newer)) as raw:
        raw.execute("PRAGMA user_version = 3")
    for path, said in (
        (other, "another program wrote it"),
        (newer, r"is of version 3; this mmm reads up to 2\. Install a newer mmm"),
    ):
        with pytest.raises(SourceError, match=said) as refused:
            open_ledger(path)
        # On Linux the files that are still open stand there.
        held = [os.readlink(one) for one in Path("/proc/self/fd").glob("*") if one.exists()]
        assert str(path) not in held
        del refused  # which would keep it open


def test_an_unknown_batch_is_answered_with_the_last_five_that_can_be_taken_back(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(ConfigError, match="It has none at all"):
        ledger.batch("b")
    for _ in range(6):
        batch = ledger.plan(draft(), grades(1), 5)
    ledger.plan(replace(draft("u"), undoes=batch.number), grades(1), 5)
    with pytest.raises(
        ConfigError,
        match=r"no batch 'x'\. The last are 'b-6', 'b-5', 'b-4', 'b-3', 'b-2' and 1 more;",
    ):
        ledger.batch("x")
    ledger.connection.close()


def test_the_end_of_a_batch_drops_what_had_no_answer_and_closes_what_it_undoes(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite", now="2025-03-01T05:00:00+00:00")
    assert ledger.now == "2025-03-01T05:00:00+00:00"
    batch = ledger.plan(draft(), grades(4), 2)
    assert batch.state == OPEN
    ledger.answer(batch, Chunk(0, "sent"), (), others=WRITTEN)
    finish(ledger, batch)
    assert counts(ledger, batch) == {
        "planned": 0, "written": 2, "refused": 0, "kept": 0, "dropped": 2,
    }  # fmt: skip
    assert ledger.batch("b").state == CLOSED
    undo = ledger.plan(replace(draft("u"), undoes=batch.number), grades(2), 2)
    finish(ledger, undo)
    assert [one.state for one in ledger.batches()] == [UNDONE, CLOSED]
    ledger.plan(draft("open"), grades(1), 2)
    ledger.now = "2025-03-09T05:00:00+00:00"
    assert prune(ledger, 1) == 2  # what is open has not ended
    assert [one.id for one in ledger.batches()] == ["open"]
    ledger.connection.close()


def test_a_chunk_with_an_answer_for_all_asks_for_nothing_more(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    batch = ledger.plan(draft(), grades(2), 5)
    chunk = Chunk(0, "sent")
    assert ledger.items(batch, chunk).places == [0, 1]  # as planned here
    ledger.answer(batch, chunk, (), others=WRITTEN)
    assert ledger.items(batch, chunk).places == []
    assert ledger.chunks(batch) == []
    ledger.connection.close()


def test_of_a_large_chunk_what_was_refused_is_not_taken_for_written(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_module, "_WORTH_COPYING", 2)  # of all sizes, as texts
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    batch = ledger.plan(draft(), grades(6), 3)
    first, second = ledger.chunks(batch)
    ledger.answer(batch, first, [Outcome(1, REFUSED, "locked")], others=WRITTEN)
    ledger.answer(batch, second, (), others=WRITTEN)
    finish(ledger, batch)
    assert sorted(ledger.written(SYSTEM)) == ["L0", "L2", "L3", "L4", "L5"]
    ledger.connection.close()


def test_what_a_system_has_is_taken_for_what_was_written(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    ledger.adopt(SYSTEM, {"L1": {"mmm_grade": "A"}})
    assert told(ledger.written(SYSTEM)) == {"L1": {"mmm_grade": "A"}}
    assert not ledger.written("other:crm")
    ledger.connection.close()


@pytest.mark.parametrize("adopted", [False, True])
def test_a_ledger_does_not_grow_with_every_night(tmp_path, monkeypatch, adopted):
    monkeypatch.setattr(last_module, "_MOST", 3)
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    first = datetime(2025, 3, 1)
    for number in range(12):
        ledger.now = (first + timedelta(days=number)).isoformat()
        there = {"L1": {"mmm_grade": "AB"[number % 2]}}
        if adopted:
            ledger.adopt(SYSTEM, there)
        else:
            night(ledger, there, f"b{number}")
    assert ledger.connection.execute("SELECT count(*) FROM written").fetchone()[0] <= 5
    assert told(ledger.written(SYSTEM)) == {"L1": {"mmm_grade": "B"}}
    ledger.connection.close()


def test_who_looks_on_does_not_hold_up_a_night(tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger = open_ledger(path)
    night(ledger, {"L1": {"mmm_grade": "A"}, "L2": {"mmm_grade": "A"}}, size=1)
    looking = open_ledger(path, read_only=True)
    looking.connection.execute("BEGIN")
    assert len(looking.batches()) == 1
    night(ledger, {"L3": {"mmm_grade": "B"}}, "next")
    assert len(looking.batches()) == 1
    looking.connection.close()
    assert len(ledger.batches()) == 2
    ledger.connection.close()


def test_the_instant_of_a_ledger_is_a_whole_second_of_utc(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    now = datetime.fromisoformat(ledger.now)
    assert (now.microsecond, now.utcoffset()) == (0, timedelta(0))
    ledger.connection.close()
