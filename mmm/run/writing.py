"""Scores to a customer system: plan, ledger and sending joined; resume, undo, forget."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmm.crm.target import FIELDS, Fields, Target
from mmm.errors import ConfigError
from mmm.prediction import LeadScores
from mmm.prediction.writeback import (
    OPEN,
    Batch,
    Caller,
    Change,
    Draft,
    Guards,
    Key,
    Ledger,
    Pace,
    Plan,
    Tell,
    batch_id,
    check_key,
    check_missing,
    check_plan,
    check_scores,
    counts,
    digest_of,
    doubt,
    find_batch,
    finish,
    forgotten,
    locked,
    make_plan,
    open_ledger,
    plan_undo,
    prune,
    read_key,
    send,
    settle,
    silent,
    write_letters,
)


@dataclass(frozen=True)
class Job:
    """How scores are written.

    Attributes
    ----------
    ledger : Path
    fields : tuple of str
        Of `FIELDS`.
    step : float
        Least change of probability that is written.
    limit : int or None
        Most leads that are written.
    check : bool
        Compare with what the system holds, rather than with what was last written.
    keep_days : float
        How long the ledger keeps a batch.
    guards : Guards
    pace : Pace
    now : callable
        Returns the present instant, aware.
    """

    ledger: Path
    fields: tuple[str, ...] = FIELDS
    step: float = 0.01
    limit: int | None = None
    check: bool = False
    keep_days: float = 365.0
    guards: Guards = field(default_factory=Guards)
    pace: Pace = field(default_factory=Pace)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        if not 0 <= self.step <= 1:
            raise ConfigError(f"step= is {self.step!r}. Give a change of probability, 0 to 1.")
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"limit= is {self.limit}. Give 1 lead or more.")


@dataclass(frozen=True)
class Summary:
    """What a run did to a customer system.

    Attributes
    ----------
    system : str
    did : {"wrote", "resumed", "undid", "nothing", "dry run"}
    batch : str or None
        Its id, with which it can be taken back.
    n_leads : int
        Leads scored; 0 where only a batch was ended.
    n_changes, n_new, n_emptied : int
        Leads to be written; those of them without earlier values, and those that lose theirs.
    n_moved : int
        Leads that move by more than one grade.
    n_missing : int
        Leads that the system does not know; never sent.
    n_written, n_refused, n_kept : int
        Leads written, not taken, and left as they are since somebody has changed them.
    n_writes, n_reads, n_waits : int
        Calls of the system, and waits between them.
    n_pruned : int
        Batches whose time in the ledger was over.
    not_written : Path or None
        Table of the leads not taken, with reasons.
    changes : tuple of Change
        Of a dry run: what would be written.
    fields_missing : tuple of str
        Of a dry run: fields that are to be created before anything is written.
    """

    system: str
    did: str
    batch: str | None = None
    n_leads: int = 0
    n_changes: int = 0
    n_new: int = 0
    n_emptied: int = 0
    n_moved: int = 0
    n_missing: int = 0
    n_written: int = 0
    n_refused: int = 0
    n_kept: int = 0
    n_writes: int = 0
    n_reads: int = 0
    n_waits: int = 0
    n_pruned: int = 0
    not_written: Path | None = None
    changes: tuple[Change, ...] = field(default=(), repr=False)
    fields_missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, without any lead."""
        plain = asdict(self)
        del plain["changes"]
        return plain


@dataclass(frozen=True, eq=False)
class Desk:
    """An open ledger, a system to call, and the job; while its lock is held."""

    ledger: Ledger
    caller: Caller
    job: Job
    key: Key

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.caller.target.name

    def begun(self) -> Batch | None:
        """Return the batch of this system that has not ended."""
        every = self.ledger.batches(self.system)
        return next((batch for batch in every if batch.state == OPEN), None)


def write_scores(
    scores: LeadScores,
    target: Target,
    job: Job,
    *,
    opted_out: Collection[str] = (),
    as_of: str | None = None,
    dry_run: bool = False,
    tell: Tell = silent,
) -> Summary:
    """Bring the present scores into a customer system: what has changed, once.

    Parameters
    ----------
    scores : LeadScores
    target : Target
        Closed at the end.
    job : Job
    opted_out : collection of str
        Leads that are not scored, and lose the values that they have.
    as_of : str, optional
        Day of the scoring; by default that of the scores.
    dry_run : bool
        Read and compare, and write nothing anywhere.
    tell : callable
        Told of events by name, with facts that hold no personal data.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If a guard stops the batch before its first write.
    TargetBusy
        If another run has the ledger.
    TargetError
        If the system refuses, or goes on being busy or silent; `resume` goes on from there.
    ConfigError
        If a batch is half taken back.
    """
    check_scores(scores)
    draft = _draft(scores, target, job, as_of)
    with _desk(target, job, tell, dry_run) as desk:
        begun = desk.begun()
        if begun is not None and begun.undoes is not None:
            raise ConfigError(
                "a batch is half taken back. Go on with that first: pass resume=True."
            )
        if begun is not None and not dry_run:
            doubt(desk.ledger, begun, desk.caller)
            if (begun.model, begun.data, begun.as_of) == (draft.model, draft.data, draft.as_of):
                return _go_on(desk, begun, "resumed")
            settle(desk.ledger, begun, desk.caller)
            finish(desk.ledger, begun)
            tell("superseded", batch=begun.id)
        plan, missing, unknown = _compare(desk, scores, opted_out)
        facts = _facts(plan, missing)
        tell("planned", **facts)
        if dry_run:
            lacking = target.prepare(dry_run=True)
            return _summary(desk, "dry run", facts, changes=plan.changes, fields_missing=lacking)
        check_plan(plan, job.guards)
        changed = frozenset(plan.changes.leads) if unknown else ()
        adopted = {lead: there for lead, there in unknown.items() if lead not in changed}
        if adopted:
            desk.ledger.adopt(desk.system, adopted)
        if not plan.changes:
            letters = write_letters(desk.ledger, job.ledger, desk.system, missing)
            return _summary(desk, "nothing", facts, n_pruned=_prune(desk), not_written=letters)
        batch = desk.ledger.plan(draft, plan.changes, target.chunk_size, missing)
        return _go_on(desk, batch, "wrote", facts)


def resume(target: Target, job: Job, *, tell: Tell = silent) -> Summary:
    """Go on with the batch that has not ended, if there is one.

    Parameters
    ----------
    target, job, tell
        As for `write_scores`.

    Raises
    ------
    ConfigError
        If there is no ledger.
    """
    _check_ledger(job)
    with _desk(target, job, tell) as desk:
        begun = desk.begun()
        if begun is None:
            return _summary(desk, "nothing", {})
        doubt(desk.ledger, begun, desk.caller)
        return _go_on(desk, begun, "resumed" if begun.undoes is None else "undid")


def undo(target: Target, name: str, job: Job, *, tell: Tell = silent) -> Summary:
    """Bring back the values that a batch replaced, once.

    Leads that somebody has changed since stay as they are; they are counted, and named in the
    table of leads not written.

    Parameters
    ----------
    name : str
        Id of the batch, or ``last``.
    target, job, tell
        As for `write_scores`.

    Raises
    ------
    ConfigError
        If there is no such batch, or no ledger.
    """
    _check_ledger(job)
    with _desk(target, job, tell) as desk:
        batch = find_batch(desk.ledger, desk.system, name)
        if batch.state == OPEN:
            doubt(desk.ledger, batch, desk.caller)
            settle(desk.ledger, batch, desk.caller)
            finish(desk.ledger, batch)
        back = plan_undo(desk.ledger, batch, target.chunk_size)
        if back is None:
            return _summary(desk, "nothing", {}, batch=batch.id)
        doubt(desk.ledger, back, desk.caller)
        return _go_on(desk, back, "undid")


def left_alone(path: Path, lead_ids: Sequence[str]) -> frozenset[str]:
    """Return those leads that a ledger has forgotten: they are neither scored nor written."""
    if not path.exists():
        return frozenset()
    ledger = open_ledger(path, read_only=True)
    try:
        hashes = forgotten(ledger)
        if not hashes:
            return frozenset()
        key = read_key(path, make=False)
        check_key(ledger, key)
        return frozenset(lead for lead in lead_ids if key.of(lead) in hashes)
    finally:
        ledger.connection.close()


def _check_ledger(job: Job) -> None:
    """Raise where what was begun cannot be known, rather than say that it was nothing."""
    if not job.ledger.exists():
        raise ConfigError(
            f"there is no ledger {job.ledger}. Name the one of the run with ledger=, or start the "
            "command in its folder."
        )


@contextmanager
def _desk(target: Target, job: Job, tell: Tell, dry_run: bool = False) -> Iterator[Desk]:
    """Open the ledger, alone unless nothing is written; and let go of it."""
    now = job.now().astimezone(UTC).replace(microsecond=0).isoformat()
    with contextmanager(_nothing)() if dry_run else locked(job.ledger):
        ledger = open_ledger(job.ledger, now=now, read_only=dry_run)
        try:
            key = read_key(job.ledger, make=not dry_run)
            if not dry_run:
                check_key(ledger, key)

            def scrubbed(event: str, **facts: object) -> None:
                plain = {n: key.scrub(v) if isinstance(v, str) else v for n, v in facts.items()}
                tell(event, **plain)

            yield Desk(ledger, Caller(target, job.pace, scrubbed), job, key)
        finally:
            ledger.connection.close()


def _nothing() -> Iterator[None]:
    yield


def _draft(scores: LeadScores, target: Target, job: Job, as_of: str | None) -> Draft:
    day = as_of or str(scores.scored_at.date())
    data = digest_of(scores)
    name = batch_id(target.name, scores.model_version, data, day)
    return Draft(name, target.name, scores.model_version, data, day, job.fields)


def _compare(
    desk: Desk, scores: LeadScores, opted_out: Collection[str]
) -> tuple[Plan, list[str], dict[str, Fields]]:
    """Plan from what was last written, and from the system for leads that it is not known of."""
    job, target = desk.job, desk.caller.target
    out = frozenset(map(str, opted_out))
    leads = list(map(str, scores.lead_id))
    known: dict[str, Fields] = {} if job.check else desk.ledger.written(desk.system)
    asked = [lead for lead in [*leads, *sorted(out)] if lead not in known]
    unknown = desk.caller.read(asked)
    known |= unknown
    missing: list[str] = []
    if not getattr(target, "adds_leads", False):
        missing = [lead for lead in leads if lead not in known]
        check_missing(missing, len(leads), job.guards)
    before = desk.ledger.batches(desk.system)
    grown = bool(before) and not set(job.fields) <= set(before[-1].fields)
    plan = make_plan(
        scores, known, fields=job.fields, step=job.step, opted_out=out, every=grown,
        skip=frozenset(missing), limit=job.limit,
    )  # fmt: skip
    return plan, missing, unknown


def _go_on(desk: Desk, batch: Batch, did: str, facts: Mapping[str, int] | None = None) -> Summary:
    """Send what has no answer yet, bring it to the disk, and end the batch."""
    desk.caller.tell("batch", batch=batch.id, system=batch.target)
    send(desk.ledger, batch, desk.caller)
    desk.caller.target.close()
    letters = write_letters(desk.ledger, desk.job.ledger)
    finish(desk.ledger, batch)
    pruned = _prune(desk)
    found = counts(desk.ledger, batch)
    n_written, n_refused, n_kept = (found[state] for state in ("written", "refused", "kept"))
    done = _summary(
        desk, did, {"n_changes": n_written + n_refused + n_kept, **(facts or {})},
        batch=batch.id, n_written=n_written, n_refused=n_refused, n_kept=n_kept,
        n_pruned=pruned, not_written=letters,
    )  # fmt: skip
    desk.caller.tell("done", **{k: v for k, v in done.to_dict().items() if k != "not_written"})
    return done


def _facts(plan: Plan, missing: Sequence[str]) -> dict[str, int]:
    return {
        "n_leads": plan.n_leads,
        "n_changes": len(plan.changes),
        "n_new": plan.n_new,
        "n_emptied": plan.n_emptied,
        "n_moved": plan.n_moved,
        "n_missing": len(missing),
    }


def _summary(desk: Desk, did: str, facts: Mapping[str, int], **more: Any) -> Summary:
    caller = desk.caller
    calls = {"n_writes": caller.n_writes, "n_reads": caller.n_reads, "n_waits": caller.n_waits}
    return Summary(desk.system, did, **{**facts, **calls, **more})


def _prune(desk: Desk) -> int:
    return prune(desk.ledger, desk.job.keep_days)
