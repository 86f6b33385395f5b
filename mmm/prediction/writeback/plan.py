"""Plan: what has to be written so that a customer system holds the present scores."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmm.crm.target import FIELDS, GRADE, PROBABILITY, Fields
from mmm.prediction.scores import LeadScores
from mmm.prediction.writeback.values import rounded, values_of

GRADES = "ABCD"
_NOTHING: Fields = {}


@dataclass(frozen=True)
class Change:
    """What is written for one lead, and what is there before.

    Attributes
    ----------
    lead_id : str
    before, after : mapping of str to str, float or None
        The same fields, before and after.
    """

    lead_id: str
    before: Fields
    after: Fields


@dataclass(frozen=True, eq=False)
class Plan:
    """The changes of a batch.

    Attributes
    ----------
    changes : tuple of Change
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

    changes: tuple[Change, ...]
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
    changes: list[Change] = []
    n_known = n_moved = 0
    values = values_of(scores, fields)
    asked = (GRADE in fields, step if PROBABILITY in fields else None)
    rows = zip(map(str, scores.lead_id), scores.grade.tolist(), rounded(scores), strict=True)
    for row, (lead, grade, p) in enumerate(rows):
        before = written.get(lead, _NOTHING)
        there = before.get(GRADE)
        if there is not None:
            n_known += 1
            n_moved += there != grade and _apart(str(there), grade) > 1
        if lead in skip or not (every or _changed(before, grade, p, *asked)):
            continue
        after = values(row)
        changes.append(Change(lead, {name: before.get(name) for name in after}, after))
    empty = tuple(_emptied(opted_out, written))[:limit]
    kept = changes if limit is None else changes[: limit - len(empty)]
    return Plan(
        (*empty, *kept),
        n_leads=len(scores),
        n_new=sum(one.before.get(GRADE) is one.before.get(PROBABILITY) is None for one in kept),
        n_emptied=len(empty),
        n_known=n_known,
        n_moved=n_moved,
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


def _emptied(opted_out: Collection[str], written: Mapping[str, Fields]) -> Iterator[Change]:
    for lead in sorted(opted_out):
        there = {name: value for name, value in written.get(lead, {}).items() if value is not None}
        if there:
            yield Change(lead, there, dict.fromkeys(there))


def _apart(before: str, now: str) -> int:
    if before not in GRADES or now not in GRADES:
        return 0
    return abs(GRADES.index(before) - GRADES.index(now))
