"""Scores into a customer system: once, resumable, undone; whatever fails and whenever it dies."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.crm.open import open_target
from mmm.crm.target import FIELDS, GRADE, PROBABILITY, SCORED_AT, Refusal
from mmm.errors import (
    ConfigError,
    InputError,
    SourceError,
    TargetBusy,
    TargetError,
    TargetUnsure,
)
from mmm.prediction.writeback import Guards, Pace, letters_file, locked, open_ledger, read_key, same
from mmm.run.writing import Job, left_alone, resume, undo, write_scores
from tests.prediction.writeback.fakes import (
    FakeTarget,
    Killed,
    Weather,
    changed,
    make_scores,
    wanted,
)


def now():
    return datetime(2025, 3, 1, 5, 30, tzinfo=UTC)


class Slept:
    def __init__(self):
        self.seconds = []

    def __call__(self, seconds):
        self.seconds.append(seconds)


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "ledger.sqlite", pace=Pace(sleep=Slept()), now=now)


def with_(job, **changes):
    return Job(**{name: getattr(job, name) for name in job.__dataclass_fields__} | changes)


def holds(target, scores):
    return target.rows == wanted(scores)


def test_scores_arrive_and_a_second_run_calls_nobody(job):
    scores = make_scores()
    target = FakeTarget(map(str, scores.lead_id))
    done = write_scores(scores, target, job)
    assert holds(target, scores)
    assert (done.did, done.n_written, done.n_new, target.n_writes) == ("wrote", 95, 95, 10)
    assert target.rows["L00000"][SCORED_AT] == "2025-03-01T00:00:00+00:00"
    assert target.n_closed == 1
    calls = target.n_reads, target.n_writes
    again = write_scores(scores, target, job)
    assert again.did == "nothing"
    assert (target.n_reads, target.n_writes) == calls


def test_only_what_changed_is_written(job):
    scores = make_scores(400)
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    first = target.n_writes
    reads = target.n_reads
    less_than_a_step = changed(scores, [], to=None)
    p = less_than_a_step.probability.copy()
    inside = np.abs(p * 4 - np.round(p * 4)) > 0.1
    p[inside] += 0.004
    nearly = make_scores(400)
    nearly = type(nearly)(nearly.lead_id, p, scores.grade.copy(), nearly.reasons, nearly.scored_at,
                          "v1")  # fmt: skip
    assert write_scores(nearly, target, job).did == "nothing"
    rows = np.arange(0, 400, 33)
    done = write_scores(changed(scores, rows), target, job)
    assert done.n_written == len(rows)
    assert (target.n_writes, target.n_reads) == (first + 2, reads)
    assert write_scores(nearly, target, with_(job, step=0.001)).n_written > len(rows)


def test_another_model_alone_writes_nothing_and_grades_always_do(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    assert write_scores(make_scores(30, model="v2"), target, job).did == "nothing"
    grade = scores.grade.copy()
    grade[3] = "A" if grade[3] != "A" else "B"
    one = type(scores)(scores.lead_id, scores.probability, grade, scores.reasons,
                       scores.scored_at, "v2")  # fmt: skip
    assert write_scores(one, target, with_(job, step=0.5)).n_written == 1


def test_a_dry_run_says_the_difference_and_writes_nothing_anywhere(job, tmp_path):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    said = write_scores(scores, target, job, dry_run=True)
    assert (said.did, said.n_changes, len(said.changes)) == ("dry run", 30, 30)
    assert list(tmp_path.iterdir()) == []
    write_scores(scores, target, job)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = write_scores(changed(scores, [4]), target, job, dry_run=True)
    assert [change.lead_id for change in said.changes] == ["L00004"]
    assert target.n_writes == 3
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_lost_ledger_is_read_back_from_the_system(job, tmp_path):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    other = with_(job, ledger=tmp_path / "other.sqlite")
    done = write_scores(scores, target, other)
    assert (done.did, target.n_writes) == ("nothing", 3)
    reads = target.n_reads
    write_scores(scores, target, other)
    assert target.n_reads == reads


def test_check_finds_what_somebody_has_changed(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    target.rows["L00007"][GRADE] = "Z"
    assert write_scores(scores, target, job).did == "nothing"
    assert write_scores(scores, target, with_(job, check=True)).n_written == 1
    assert holds(target, scores)


def test_limit_and_fields(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    few = with_(job, limit=7, fields=(PROBABILITY, GRADE))
    assert write_scores(scores, target, few).n_written == 7
    assert write_scores(scores, target, with_(few, limit=None)).n_written == 23
    assert all(row["mmm_model"] is None for row in target.rows.values())
    assert write_scores(scores, target, job).n_written == 30  # more fields: all leads again
    assert holds(target, scores)


@given(seed=st.integers(0, 10_000), share=st.floats(0, 0.5), kills=st.floats(0, 0.2))
def test_bad_input_41_killed_and_failing_at_random_every_lead_is_written_once(
    tmp_path_factory, seed, share, kills
):
    scores = make_scores(45, seed=seed)
    target = Weather(seed, share, kills).on(FakeTarget(map(str, scores.lead_id)))
    folder = tmp_path_factory.mktemp("kills")
    job = Job(folder / "ledger.sqlite", pace=Pace(n_attempts=40, sleep=Slept()), now=now)
    for _ in range(200):
        try:
            done = write_scores(scores, target, job)
            break
        except Killed:
            continue
    assert holds(target, scores)
    assert all(len(effects) == 1 for effects in target.history.values())
    assert done.n_refused == 0
    before = target.n_writes
    assert write_scores(scores, target, job).did == "nothing"
    assert target.n_writes == before


@given(seed=st.integers(0, 10_000), kills=st.floats(0, 0.3))
def test_bad_input_41_an_undo_that_is_killed_ends_with_what_was_there(
    tmp_path_factory, seed, kills
):
    first, second = make_scores(35, seed=seed), make_scores(35, seed=seed + 1)
    target = FakeTarget(map(str, first.lead_id))
    folder = tmp_path_factory.mktemp("undo")
    job = Job(folder / "l", pace=Pace(n_attempts=40, sleep=Slept()), now=now,
              guards=Guards(insist=True))  # fmt: skip
    write_scores(first, target, job)
    batch = write_scores(second, target, job).batch
    Weather(seed, 0.2, kills).on(target)
    for _ in range(200):
        try:
            undo(target, batch, job)
            break
        except Killed:
            continue
    assert holds(target, first)
    assert all(len(effects) <= 3 for effects in target.history.values())
    before = target.n_writes
    assert undo(target, batch, job).did == "nothing"
    assert target.n_writes == before


def test_a_fifth_of_the_calls_fails_and_the_calls_stay_few(job):
    scores = make_scores(5000)
    target = Weather(3, 0.2).on(FakeTarget(map(str, scores.lead_id)))
    done = write_scores(scores, target, with_(job, pace=Pace(sleep=Slept())))
    assert holds(target, scores)
    least = 500
    assert done.n_writes == target.n_writes <= 1.5 * least
    assert 0 < done.n_reads <= 1 + (done.n_writes - least)


def test_a_kill_then_other_scores_leaves_the_new_ones(job):
    scores, newer = make_scores(60), make_scores(60, seed=5)
    target = FakeTarget(map(str, scores.lead_id))

    def die(records):
        if target.n_writes == 3:
            raise Killed

    target.after = die
    with pytest.raises(Killed):
        write_scores(scores, target, job)
    target.after = lambda records: None
    done = write_scores(newer, target, with_(job, guards=Guards(insist=True)))
    assert holds(target, newer)
    assert done.n_new == 30  # of the others the ledger found out that they had been written
    assert resume(target, job).did == "nothing"


def test_resume_goes_on_without_scoring(job):
    scores = make_scores(60)
    target = FakeTarget(map(str, scores.lead_id))

    def die(records):
        if target.n_writes == 3:
            raise Killed

    target.before = die
    with pytest.raises(Killed):
        write_scores(scores, target, job)
    done = resume(target, job)
    assert (done.did, done.n_written, target.n_writes) == ("resumed", 60, 7)
    assert holds(target, scores)


def test_retry_after_is_kept_and_jitter_is_repeatable(tmp_path):
    def run(name):
        scores, slept = make_scores(10), Slept()
        target = FakeTarget(map(str, scores.lead_id))
        errors = iter([TargetBusy("wait", 30.0), TargetBusy("lock"), TargetUnsure("cut")])
        target.before = lambda records: (_ for _ in ()).throw(error) if (
            error := next(errors, None)) else None  # fmt: skip
        write_scores(scores, target, Job(tmp_path / name, pace=Pace(sleep=slept), now=now))
        return slept.seconds

    first = run("a")
    assert first == run("b")
    assert 30.0 <= first[0] <= 33.0
    assert 0.5 <= first[1] <= 1.0
    assert 1.0 <= first[2] <= 2.0


def test_a_system_that_stays_away_ends_the_run_and_the_next_one_goes_on(job):
    scores = make_scores(60)
    target = FakeTarget(map(str, scores.lead_id))

    def away(records):
        if target.n_writes > 2:
            raise TargetBusy("down")

    target.before = away
    with pytest.raises(TargetBusy, match="down"):
        write_scores(scores, target, job)
    assert target.n_writes == 2 + job.pace.n_attempts
    target.before = lambda records: (_ for _ in ()).throw(TargetBusy("an hour", 3600.0))
    with pytest.raises(TargetBusy, match="an hour"):
        resume(target, job)
    target.before = lambda records: None
    assert resume(target, job).n_written == 60
    assert holds(target, scores)


def test_refused_leads_get_a_letter_and_passing_ones_another_try(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    tried = {}

    def refuse(record):
        tried[record.lead_id] = tried.get(record.lead_id, 0) + 1
        if record.lead_id == "L00003":
            return Refusal(record.lead_id, "=a locked field")
        if record.lead_id == "L00005" and tried[record.lead_id] < 3:
            return Refusal(record.lead_id, "row lock", passing=True)
        if record.lead_id == "L00006":
            return Refusal(record.lead_id, "row lock", passing=True)
        return None

    target.refuse = refuse
    done = write_scores(scores, target, job)
    assert (done.n_written, done.n_refused) == (28, 2)
    assert tried["L00003"] == 1
    assert tried["L00005"] == 3
    assert tried["L00006"] == job.pace.n_attempts
    letters = letters_file(job.ledger).read_text()
    assert "L00003,'=a locked field,refused" in letters
    assert "L00006,row lock,refused" in letters
    target.refuse = lambda record: None
    assert write_scores(scores, target, job).n_written == 2
    assert not letters_file(job.ledger).exists()


def test_a_chunk_that_is_refused_whole_does_not_stop_the_others(job):
    job, scores = with_(job, step=0.0), make_scores(60)
    target = FakeTarget(map(str, scores.lead_id))

    def odd(records):
        if any(record.lead_id == "L00015" for record in records):
            raise TargetError("a value is too long.")

    target.before = odd
    with pytest.raises(TargetError, match=r"1 chunk of batch .* not written: a value is too long"):
        write_scores(scores, target, job)
    assert sum(row[GRADE] is not None for row in target.rows.values()) == 50
    target.before = lambda records: (_ for _ in ()).throw(TargetError("no such field."))
    with pytest.raises(TargetError, match="no such field"):
        write_scores(make_scores(60, seed=4), target, with_(job, guards=Guards(insist=True)))
    assert target.n_writes == 6 + 2
    target.before = lambda records: None
    resume(target, job)
    assert holds(target, make_scores(60, seed=4))


def test_leads_that_the_system_does_not_know_are_never_sent(job):
    scores = make_scores(100)
    target = FakeTarget([f"L{i:05d}" for i in range(97)])
    target.before = lambda records: None
    done = write_scores(scores, target, job)
    assert (done.n_written, done.n_missing) == (97, 3)
    assert "L00098,the system does not know this lead" in letters_file(job.ledger).read_text()
    strange = make_scores(100, leads=[f"X{i}" for i in range(100)])
    writes = target.n_writes
    with pytest.raises(InputError, match="does not know 100 of 100 leads"):
        write_scores(strange, target, job)
    some = make_scores(100, leads=[f"L{i:05d}" for i in range(90)] + [f"X{i}" for i in range(10)])
    with pytest.raises(InputError, match="the limit is 5%"):
        write_scores(some, target, job)
    assert target.n_writes == writes
    target.adds_leads = True
    assert write_scores(some, target, with_(job, guards=Guards(insist=True))).n_missing == 0


def test_bad_input_40_nothing_is_written_where_a_probability_is_none(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    for wrong in (np.nan, 1.5, -0.1):
        p = make_scores(30).probability.copy()
        p[4] = wrong
        broken = make_scores(30)
        object.__setattr__(broken, "probability", p)
        with pytest.raises(InputError, match="missing or outside 0 to 1"):
            write_scores(broken, target, job)
    assert target.n_writes == target.n_reads == 0


def test_a_night_that_moves_many_leads_by_more_than_a_grade_stops(job):
    scores = make_scores(100)
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    writes = target.n_writes
    turned = changed(scores, np.arange(100), to=1 - scores.probability)
    with pytest.raises(InputError, match=r"more than one grade; the limit is 25%.*force=True"):
        write_scores(turned, target, job)
    assert target.n_writes == writes
    assert write_scores(turned, target, with_(job, guards=Guards(max_moved=1.0))).n_moved > 25


def test_undo_restores_what_was_there_and_leaves_what_others_changed(job):
    first, second = make_scores(60), changed(make_scores(60), np.arange(0, 60, 2))
    target = FakeTarget(map(str, first.lead_id))
    target.rows["L00001"]["mmm_reason_1"] = "by hand"
    one = write_scores(first, target, job)
    two = write_scores(second, target, job)
    target.rows["L00002"][GRADE] = "A+"
    back = undo(target, two.batch, job)
    assert (back.n_written, back.n_kept) == (29, 1)
    assert "L00002,changed since,kept" in letters_file(job.ledger).read_text()
    assert target.rows.pop("L00002")[GRADE] == "A+"
    assert all(same(row, wanted(first)[lead]) for lead, row in target.rows.items())
    again = undo(target, "last", job)
    assert (again.did, again.batch) == ("nothing", two.batch)
    undo(target, one.batch, job)
    assert target.rows["L00000"] == dict.fromkeys(FIELDS)
    assert target.rows["L00001"] == dict.fromkeys(FIELDS) | {"mmm_reason_1": "by hand"}


def test_after_an_undo_the_same_scores_can_be_written_again(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    first = write_scores(scores, target, job)
    undo(target, first.batch, job)
    again = write_scores(scores, target, job)
    assert again.batch == f"{first.batch}-2"
    assert holds(target, scores)


def test_undo_of_a_batch_that_is_half_sent(job):
    scores = make_scores(60)
    target = FakeTarget(map(str, scores.lead_id))

    def die(records):
        if target.n_writes == 3:
            raise Killed

    target.after = die
    with pytest.raises(Killed):
        write_scores(scores, target, job)
    target.after = lambda records: None
    assert undo(target, "last", job).n_written == 30
    assert all(row == dict.fromkeys(FIELDS) for row in target.rows.values())
    with pytest.raises(ConfigError, match="no batch 'gone'"):
        undo(target, "gone", job)
    with pytest.raises(ConfigError, match="of another:crm"):
        undo(FakeTarget([], name="another:crm"), "last", job)


def test_a_run_in_the_middle_of_an_undo_is_refused(job):
    scores = make_scores(60)
    target = FakeTarget(map(str, scores.lead_id))
    batch = write_scores(scores, target, job).batch

    def die(records):
        raise Killed

    target.before = die
    with pytest.raises(Killed):
        undo(target, batch, job)
    target.before = lambda records: None
    with pytest.raises(ConfigError, match="half taken back"):
        write_scores(scores, target, job)
    assert resume(target, job).did == "undid"
    assert write_scores(scores, target, job).n_written == 60


def test_people_who_opt_out_lose_their_values_and_are_written_no_more(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    rest = make_scores(30, leads=None)
    keep = np.array([lead not in {"L00003", "L00009"} for lead in rest.lead_id])
    left = type(rest)(rest.lead_id[keep], rest.probability[keep], rest.grade[keep],
                      rest.reasons[keep], rest.scored_at, "v1")  # fmt: skip
    done = write_scores(left, target, job, opted_out={"L00003", "L00009", "L99999"})
    assert (done.n_emptied, done.n_written) == (2, 2)
    assert target.rows["L00003"] == dict.fromkeys(FIELDS)
    again = write_scores(left, target, job, opted_out={"L00003", "L00009"})
    assert again.did == "nothing"


def test_two_runs_at_once_and_ledgers_of_others(job, tmp_path):
    scores = make_scores(10)
    target = FakeTarget(map(str, scores.lead_id))
    with locked(job.ledger), pytest.raises(TargetBusy, match="another run is writing"):
        write_scores(scores, target, job)
    assert target.n_writes == 0
    write_scores(scores, target, job)
    with sqlite3.connect(job.ledger) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(SourceError, match=r"version 9.*Install a newer mmm"):
        write_scores(scores, target, job)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE theirs(a)")
    connection.close()
    with pytest.raises(SourceError, match="is no ledger"):
        write_scores(scores, target, with_(job, ledger=foreign))
    text = tmp_path / "text.sqlite"
    text.write_text("a text, and long enough to be taken for a database" * 20)
    with pytest.raises(SourceError, match="is no ledger"):
        write_scores(scores, target, with_(job, ledger=text))


def test_events_hold_no_personal_data(job):
    scores = make_scores(20, leads=[f"p{i}@example.com" for i in range(20)])
    target = FakeTarget(map(str, scores.lead_id))
    target.before = lambda records: (_ for _ in ()).throw(
        TargetUnsure(f"cut while writing {records[0].lead_id}")
    ) if target.n_writes == 1 else None  # fmt: skip
    said = []
    write_scores(scores, target, job, tell=lambda event, **facts: said.append((event, facts)))
    assert "@" not in str(said)
    key = read_key(job.ledger)
    assert any(key.of("p0@example.com") in str(facts) for _, facts in said)
    assert [event for event, _ in said][-1] == "done"


def test_old_batches_leave_the_ledger(job):
    scores = make_scores(30)
    target = FakeTarget(map(str, scores.lead_id))
    first = write_scores(scores, target, job).batch
    later = with_(job, now=lambda: datetime(2025, 5, 1, tzinfo=UTC), keep_days=30)
    done = write_scores(changed(scores, [1]), target, later)
    assert done.n_pruned == 1
    with pytest.raises(ConfigError, match="no batch"):
        undo(target, first, later)
    ledger = open_ledger(job.ledger)
    assert list(ledger.written(target.name)) == ["L00001"]
    ledger.connection.close()
    assert write_scores(changed(scores, [1]), target, later).did == "nothing"
    with pytest.raises(ConfigError, match="keep_days"):
        write_scores(changed(scores, [1]), target, with_(later, keep_days=0))


def test_a_target_that_holds_back_is_not_believed_until_it_is_closed(job):
    class Held(FakeTarget):
        holds_back = True

        def __init__(self, leads):
            super().__init__(leads)
            self.held = []

        def write(self, records):
            self.held += records
            self.n_writes += 1
            self.before(records)
            return ()

        def close(self):
            for record in self.held:
                self.rows[record.lead_id].update(record.fields)
            self.held = []

    scores = make_scores(60)
    target = Held(map(str, scores.lead_id))

    def die(records):
        if target.n_writes == 4:
            raise Killed

    target.before = die
    with pytest.raises(Killed):
        write_scores(scores, target, job)
    target.held = []
    assert write_scores(scores, target, job).did == "resumed"
    assert holds(target, scores)


def test_left_alone_without_a_ledger(job, tmp_path):
    assert left_alone(job.ledger, ["L1"]) == frozenset()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"step": 2.0}, {"limit": 0}, {"step": float("nan")}], ids=lambda w: next(iter(w))
)
def test_settings_that_make_no_sense(job, wrong):
    with pytest.raises(ConfigError):
        with_(job, **wrong)


def test_a_full_disk_is_told_and_what_was_sent_is_not_sent_again(job, monkeypatch):
    scores = make_scores(40)
    target = FakeTarget(map(str, scores.lead_id))
    real, ledgers = sqlite3.connect, []

    def connect(path, **how):
        connection = real(path, **how)
        if str(path) == str(job.ledger):
            ledgers.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    said = "x" * 20_000  # does not fit into the pages that the ledger has
    target.refuse = lambda one: Refusal(one.lead_id, said) if one.lead_id.endswith("0") else None
    target.after = lambda records: ledgers[-1].execute("PRAGMA max_page_count = 1")
    with pytest.raises(SourceError, match=r"the ledger cannot be written .*full"):
        write_scores(scores, target, job)
    target.refuse, target.after = lambda record: None, lambda records: None
    assert resume(target, job).did == "resumed"
    assert holds(target, scores)
    assert all(len(history) == 1 for history in target.history.values())


def test_a_ledger_that_somebody_else_holds_is_told(job, monkeypatch):
    scores, job = make_scores(20), with_(job, step=0.0, guards=Guards(insist=True))
    target = FakeTarget(map(str, scores.lead_id))
    write_scores(scores, target, job)
    with closing(sqlite3.connect(job.ledger)) as other:
        other.execute("BEGIN IMMEDIATE")
        real = sqlite3.connect
        monkeypatch.setattr(
            sqlite3, "connect", lambda path, **how: real(path, **how | {"timeout": 0.01})
        )
        with pytest.raises(SourceError, match=r"ledger cannot be written .*locked"):
            write_scores(make_scores(20, seed=1), target, job)
        other.rollback()
    assert write_scores(make_scores(20, seed=1), target, job).n_written == 20


def test_without_a_ledger_there_is_nothing_to_go_on_with_or_take_back(job):
    target = FakeTarget(["L1"])
    for work in (lambda: resume(target, job), lambda: undo(target, "last", job)):
        with pytest.raises(ConfigError, match="there is no ledger"):
            work()
    assert not job.ledger.exists()


def test_a_clock_that_goes_back_loses_nothing(job):
    target = FakeTarget([f"L{i:05d}" for i in range(60)])
    noon = datetime(2025, 6, 10, tzinfo=UTC)
    for seed, day in enumerate([10, 3, 400, 2, 2, 500, 1]):
        scores = make_scores(60, seed=seed)
        today = with_(
            job, step=0.0, guards=Guards(insist=True),
            now=lambda day=day: noon + timedelta(days=day),
        )  # fmt: skip
        write_scores(scores, target, today)
        assert target.rows == wanted(scores)
        assert write_scores(scores, target, today).n_writes == 0
    undo(target, "last", today)
    assert target.rows == wanted(make_scores(60, seed=5))


def test_a_table_that_is_dropped_between_chunks_is_filled_again(job, tmp_path):
    scores = make_scores(60)
    file = tmp_path / "crm.db"

    def opened():
        target = open_target(f"sqlite:///{file}", environ={})
        target.chunk_size = 20
        return target

    opened().prepare()
    target, told = opened(), []

    def drop(event, **facts):
        if event == "chunk" and not told:
            with closing(sqlite3.connect(file)) as raw:
                raw.execute("DROP TABLE mmm_scores")
            told.append(event)

    with pytest.raises(TargetError, match=r"2 chunks .* not written: .*no such table"):
        write_scores(scores, target, job, tell=drop)
    opened().prepare()
    assert resume(opened(), job).n_written == 60
    assert opened().read(list(scores.lead_id)) == wanted(scores)
    assert write_scores(scores, opened(), job).n_writes == 0


def test_a_column_that_is_renamed_and_a_lead_that_is_deleted_are_told(job, tmp_path):
    file, scores = tmp_path / "crm.db", make_scores(30)
    opened = partial(open_target, f"sqlite:///{file}#table=leads&key=id", environ={})
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("CREATE TABLE leads (id TEXT PRIMARY KEY, stage TEXT)")
        raw.executemany("INSERT INTO leads VALUES (?, 'new')", [(x,) for x in scores.lead_id])
    opened().prepare()

    def delete(event, **facts):
        if event == "batch":  # behind the reading, before the writing
            with closing(sqlite3.connect(file)) as raw, raw:
                raw.execute("DELETE FROM leads WHERE id = 'L00007'")

    done = write_scores(scores, opened(), job, tell=delete)
    assert (done.n_written, done.n_refused) == (29, 1)
    assert "L00007,no such lead in 'leads',refused" in letters_file(job.ledger).read_text()
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("ALTER TABLE leads RENAME COLUMN mmm_grade TO grade")
    with pytest.raises(TargetError, match="has no 'mmm_grade'"):
        write_scores(changed(scores, [3]), opened(), job)
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("ALTER TABLE leads RENAME COLUMN grade TO mmm_grade")
    assert resume(opened(), job).n_written == 1
