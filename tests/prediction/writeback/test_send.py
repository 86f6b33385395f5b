"""Sending and taking back, on a ledger itself: what each answer of a system leaves behind."""

import pytest

from mmm.crm.target import GRADE, Refusal
from mmm.errors import ConfigError, SourceError, TargetBusy, TargetError, TargetUnsure
from mmm.prediction.writeback import (
    Caller,
    Change,
    Draft,
    Pace,
    counts,
    doubt,
    find_batch,
    finish,
    key_file,
    letters_file,
    locked,
    open_ledger,
    plan_undo,
    read_key,
    send,
    settle,
    write_letters,
)
from tests.prediction.writeback.fakes import FakeTarget

LEADS = [f"L{i}" for i in range(6)]
NAME = "fake:crm"


@pytest.fixture
def ledger(tmp_path):
    found = open_ledger(tmp_path / "ledger.sqlite", now="2025-03-01T05:00:00+00:00")
    yield found
    found.connection.close()


@pytest.fixture
def target():
    return FakeTarget(LEADS, chunk_size=2)


def planned(ledger, name="b", grade="A", target=NAME):
    """A batch of three chunks of two leads, each lead to get a grade."""
    draft = Draft(name, target, "v1", "d", "2025-03-01", (GRADE,))
    return ledger.plan(draft, [Change(one, {GRADE: None}, {GRADE: grade}) for one in LEADS], 2)


def caller(target, **facts):
    return Caller(target, Pace(n_attempts=3, sleep=lambda seconds: None), **facts)


def grades(target):
    return "".join(row[GRADE] or "-" for row in target.rows.values())


def failing(target, error, when):
    """Let the writes whose numbers are given raise an error before they do anything."""

    def before(records):
        if target.n_writes in when:
            raise error

    target.before = before


def test_a_chunk_refused_whole_is_named_and_goes_on_with_the_next(ledger, target):
    batch, told = planned(ledger), []
    failing(target, TargetError("a field is gone."), {2})
    with pytest.raises(
        TargetError, match=r"1 chunk of batch b not written: a field is gone\. Mend"
    ):
        send(ledger, batch, caller(target, tell=lambda event, **facts: told.append((event, facts))))
    assert grades(target) == "AA--AA"
    assert [facts["done"] for event, facts in told if event == "chunk"] == [1, 2, 3]
    assert ("failed", {"chunk": 1, "reason": "a field is gone."}) in told
    send(ledger, batch, caller(target))
    assert grades(target) == "AAAAAA"
    assert counts(ledger, batch)["written"] == 6


def test_a_system_that_refuses_one_chunk_after_the_other_is_not_asked_on(ledger, target):
    failing(target, TargetError("locked."), {1, 2, 3})
    with pytest.raises(TargetError, match="2 chunks of batch b not written"):
        send(ledger, planned(ledger), caller(target))
    assert target.n_writes == 2


def test_what_was_refused_whole_puts_the_rest_in_doubt(ledger, target):
    batch = planned(ledger)
    failing(target, TargetError("the table is gone."), {3})
    with pytest.raises(TargetError):
        send(ledger, batch, caller(target))
    for row in target.rows.values():  # the table was made anew, empty
        row[GRADE] = None
    doubt(ledger, batch, caller(target))
    send(ledger, batch, caller(target))
    assert grades(target) == "AAAAAA"


@pytest.mark.parametrize("error", [TargetBusy("429"), TargetUnsure("cut")])
def test_a_busy_or_silent_system_is_asked_again_and_then_no_more(ledger, target, error):
    batch = planned(ledger)
    failing(target, error, {1})
    send(ledger, batch, caller(target))
    assert grades(target) == "AAAAAA"
    failing(target, error, range(99))
    target.n_writes = 0
    with pytest.raises(type(error)):
        send(ledger, planned(ledger, "c", "B"), caller(target))
    assert target.n_writes == 3


def test_of_a_call_that_was_cut_only_what_is_missing_is_sent_again(ledger, target):
    sizes = []

    def after(records):
        sizes.append(len(records))
        if len(sizes) == 1:
            target.rows[records[1].lead_id][GRADE] = None  # half of it arrived
            raise TargetUnsure("cut")

    target.after = after
    send(ledger, planned(ledger), caller(target))
    assert sizes == [2, 1, 2, 2]
    assert grades(target) == "AAAAAA"


def test_an_unfinished_batch_is_settled_by_what_the_system_holds(ledger, target):
    batch = planned(ledger)

    def after(records):
        raise TargetUnsure("cut after it was carried out")

    target.after = after
    with pytest.raises(TargetUnsure):
        send(ledger, batch, Caller(target, Pace(n_attempts=1, sleep=lambda seconds: None)))
    n_writes, n_reads = target.n_writes, target.n_reads
    settle(ledger, batch, caller(target))
    found = counts(ledger, batch)
    assert (found["written"], found["dropped"]) == (2, 4)
    assert (target.n_writes, target.n_reads) == (n_writes, n_reads + 1)  # the sent chunk alone


def test_passing_refusals_are_sent_again_and_others_stand(ledger, target):
    tries = []

    def refuse(record):
        tries.append(record.lead_id)
        if record.lead_id == "L1":
            return Refusal("L1", "locked", passing=tries.count("L1") < 2)
        return Refusal("L4", "no such grade") if record.lead_id == "L4" else None

    target.refuse = refuse
    batch = planned(ledger)
    send(ledger, batch, caller(target))
    assert grades(target) == "A-AA-A"
    assert (tries.count("L1"), tries.count("L4"), tries.count("L0")) == (2, 1, 1)
    assert counts(ledger, batch)["refused"] == 2


def test_a_batch_taken_back_leaves_what_others_changed(ledger, target, tmp_path):
    batch = planned(ledger)
    send(ledger, batch, caller(target))
    finish(ledger, batch)
    target.rows["L2"][GRADE] = "D"
    del target.rows["L3"]
    back = plan_undo(ledger, find_batch(ledger, NAME, "last"), 2)
    assert plan_undo(ledger, batch, 2) == back  # begun: it is gone on with
    send(ledger, back, caller(target))
    finish(ledger, back)
    assert grades(target) == "--D--"
    assert counts(ledger, back)["kept"] == 2
    file = write_letters(ledger, tmp_path / "ledger.sqlite")
    assert sorted(file.read_text().splitlines()[1:]) == [
        "L2,changed since,kept,undo-b,fake:crm,2025-03-01",
        "L3,no longer there,kept,undo-b,fake:crm,2025-03-01",
    ]
    assert plan_undo(ledger, find_batch(ledger, NAME, "b"), 2) is None
    with pytest.raises(ConfigError, match=r"undo-b took another one back\. Score again"):
        find_batch(ledger, NAME, "undo-b")


def test_letters_speak_of_the_last_batch_alone(ledger, target, tmp_path):
    path = tmp_path / "ledger.sqlite"
    target.refuse = lambda record: Refusal(record.lead_id, "locked")
    send(ledger, planned(ledger), caller(target))
    assert len(write_letters(ledger, path).read_text().splitlines()) == 7
    file = write_letters(ledger, path, NAME, ["L9"])
    assert [line.split(",")[0] for line in file.read_text().splitlines()[1:]] == ["L9"]
    target.refuse = lambda record: None
    send(ledger, planned(ledger, "c"), caller(target))
    assert write_letters(ledger, path) is None
    assert not letters_file(path).exists()


def test_what_there_is_to_take_back_is_named(ledger):
    with pytest.raises(ConfigError, match=r"no batch of fake:crm\. There is nothing to undo"):
        find_batch(ledger, NAME, "last")
    with pytest.raises(ConfigError, match=r"no batch 'x'\. It has none at all"):
        find_batch(ledger, NAME, "x")
    planned(ledger)
    with pytest.raises(ConfigError, match=r"no batch 'x'\. The last are 'b'; name one"):
        find_batch(ledger, NAME, "x")
    with pytest.raises(ConfigError, match=r"written to fake:crm\. Name that with to="):
        find_batch(ledger, "other:crm", "b")


def test_a_ledger_that_cannot_be_locked_or_opened_says_so(tmp_path):
    ledger = tmp_path / "ledger.sqlite"
    (tmp_path / "ledger.sqlite.lock").mkdir()
    with pytest.raises(SourceError, match=r"cannot lock .*\.lock .*name another"), locked(ledger):
        pass
    (tmp_path / "other.sqlite.lock").write_text("no database, but a text of some length " * 30)
    with pytest.raises(SourceError, match="cannot lock"), locked(tmp_path / "other.sqlite"):
        pass
    ledger.write_text("no database, but a text of some length " * 30)
    with pytest.raises(SourceError, match=r"is no ledger of mmm.*restore it from its copy"):
        open_ledger(ledger)


def test_a_key_is_made_once_and_one_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("MMM_LEDGER_KEY", raising=False)
    ledger = tmp_path / "ledger.sqlite"
    passing = read_key(ledger, make=False).of("L1")
    assert not key_file(ledger).exists()
    made = read_key(ledger)
    assert made.of("L1") == read_key(ledger).of("L1") != passing
    key_file(ledger).write_bytes("schlüssel, lang genug".encode())
    with pytest.raises(SourceError, match="Set MMM_LEDGER_KEY, or mend the file"):
        read_key(ledger)
    key_file(ledger).write_text("short")
    with pytest.raises(ConfigError, match="has 5 characters"):
        read_key(ledger)
