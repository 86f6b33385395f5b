"""Plan: what has to be written so that a customer system holds the present scores."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mmm.crm.records import Cell
from mmm.crm.target import FIELDS, GRADE, PROBABILITY, Fields
from mmm.prediction.scores import LeadScores
from mmm.prediction.writeback.changes import Changes, Part
from mmm.prediction.writeback.values import columns_of, rounded

GRADES = "ABCD"
_NOTHING: Fields = {}


@dataclass(frozen=True, eq=False)
class Plan:
    """The changes of a batch.

    Attributes
    ----------
    changes : Changes
    n_leads : int
        Leads scored.
    n_new : int
        Changes of leads that held no grade and no probability.
    n_emptied : int
        Changes that take earlier values away, of people who have opted out.
    n_known : int
        Leads scored that held a grade before.
    n_moved : int
        Those of them that move by more than one grade.
    """

    changes: Changes
    n_leads: int
    n_new: int
    n_emptied: int
    n_known: int
    n_moved: int


def batch_id(target: str, model: str, data: str, as_of: str) -> str:
    """Return the name of a batch: the same scores for the same system have the same one.

    Examples
    --------
    >>> batch_id("files:crm.csv", "v1", "9f", "2025-03-01")
    'e93da5348555'
    """
    return hashlib.sha256("\x1f".join((target, model, data, as_of)).encode()).hexdigest()[:12]


def make_plan(
    scores: LeadScores,
    written: Mapping[str, Fields],
    *,
    fields: Sequence[str] = FIELDS,
    step: float = 0.01,
    opted_out: Collection[str] = (),
    skip: Collection[str] = (),
    every: bool = False,
    limit: int | None = None,
) -> Plan:
    """Compare scores with what is written, and keep what has changed.

    A lead has changed where its grade is another one, its probability is a step away, or nothing
    was written yet. Reasons, model and moment go along; alone they change nothing.

    Parameters
    ----------
    scores : LeadScores
    written : mapping of str to Fields
        Present values by lead; absent where nothing is written.
    fields : sequence of str
        Fields to write.
    step : float
        Least change of probability that is written.
    opted_out : collection of str
        Leads whose values are taken away.
    skip : collection of str
        Leads that are not written.
    every : bool
        Write all other leads, changed or not.
    limit : int, optional
        Most changes; the first ones are kept.

    Returns
    -------
    Plan
    """
    leads, grades = list(map(str, scores.lead_id)), scores.grade.tolist()
    there = [written.get(lead, _NOTHING) for lead in leads]
    asked = (GRADE in fields, step if PROBABILITY in fields else None)
    held = [before.get(GRADE) for before in there]
    moved = (
        grade is not None and grade != now and _apart(str(grade), now) > 1
        for grade, now in zip(held, grades, strict=True)
    )  # fmt: skip
    rows = [
        row
        for row, (before, grade, p) in enumerate(zip(there, grades, rounded(scores), strict=True))
        if (every or _changed(before, grade, p, *asked)) and leads[row] not in skip
    ]
    empty = _emptied(sorted(opted_out), written, limit)
    rows = rows if limit is None else rows[: limit - len(empty.leads)]
    names = [name for name in FIELDS if name in fields]
    old = [there[row] for row in rows]
    none: list[Cell] = [] if any(old) else [None] * len(old)  # on a first night of many leads
    kept = Part(
        [leads[row] for row in rows],
        {name: none or [before.get(name) for before in old] for name in names},
        columns_of(scores, names, rows),
    )
    return Plan(
        Changes([empty, kept]),
        n_leads=len(scores),
        n_new=sum(before.get(GRADE) is before.get(PROBABILITY) is None for before in old),
        n_emptied=len(empty.leads),
        n_known=len(held) - held.count(None),
        n_moved=sum(moved),
    )


def _changed(before: Fields, grade: str, p: float, graded: bool, step: float | None) -> bool:
    if graded and before.get(GRADE) != grade:
        return True
    if step is None:
        return False
    there = before.get(PROBABILITY)
    if there is None:
        return True
    moved = abs(p - float(there))
    return moved > 0 and moved >= step - 1e-9


def _emptied(opted_out: Sequence[str], written: Mapping[str, Fields], limit: int | None) -> Part:
    """Take away what there is of people who have opted out; all of them lose the same fields."""
    held = {lead: written.get(lead, _NOTHING) for lead in opted_out}
    some = [lead for lead in held if any(value is not None for value in held[lead].values())]
    some = some[:limit]
    names = [n for n in FIELDS if any(held[lead].get(n) is not None for lead in some)]
    before = {name: [held[lead].get(name) for lead in some] for name in names}
    return Part(some, before, {name: [None] * len(some) for name in names})


def _apart(before: str, now: str) -> int:
    if before not in GRADES or now not in GRADES:
        return 0
    return abs(GRADES.index(before) - GRADES.index(now))
