"""A file of scores that is replaced whole: what that would change, lead by lead."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmm.crm.target import GRADE, PROBABILITY, Fields
from mmm.errors import MmmError
from mmm.prediction.scores import LeadScores
from mmm.prediction.writeback.plan import Plan, make_plan
from mmm.tables.sources import load
from mmm.tables.write import inert

_COLUMNS = {"probability": PROBABILITY, "grade": GRADE}


@dataclass(frozen=True, eq=False)
class Replacement:
    """What becomes of a file.

    Attributes
    ----------
    plan : Plan
        Leads that are new there or have another probability or grade.
    n_gone : int
        Leads of the file that are not scored now, and would no longer stand in it.
    foreign : bool
        Whether the file is there and holds something else than scores, which would be lost.
    """

    plan: Plan
    n_gone: int
    foreign: bool


def compare_whole(scores: LeadScores, file: Path) -> Replacement:
    """Compare scores with the file that they would replace; nothing is written.

    Parameters
    ----------
    scores : LeadScores
        Reasons are not looked at.
    file : Path
        As `mmm.tables.target.write_target` wrote it, or not there.
    """
    there, foreign = _held(file)
    spelled = [str(inert(lead)) for lead in map(str, scores.lead_id)]
    plain = file.suffix.lower() == ".parquet"
    keys = list(map(str, scores.lead_id)) if plain else spelled
    held = {
        str(lead): there[key]
        for lead, key in zip(scores.lead_id, keys, strict=True)
        if key in there
    }
    plan = make_plan(scores, held, fields=(PROBABILITY, GRADE), step=0.0)
    return Replacement(plan, len(there) - len(held), foreign)


def _held(file: Path) -> tuple[dict[str, Fields], bool]:
    if not file.exists():
        return {}, False
    try:
        table = load(file, None, None).table
    except MmmError:
        return {}, True
    if not {"lead_id", *_COLUMNS} <= set(table.column_names):
        return {}, True
    columns = [_COLUMNS[name] for name in _COLUMNS]
    cells = [_numbers(table[name].to_pylist()) if name == "probability"
             else table[name].to_pylist() for name in _COLUMNS]  # fmt: skip
    leads = map(str, table["lead_id"].to_pylist())
    rows = zip(*cells, strict=True)
    return {
        lead: dict(zip(columns, row, strict=True)) for lead, row in zip(leads, rows, strict=True)
    }, False


def _numbers(cells: list[Any]) -> list[float | None]:
    """Return probabilities as they are compared: rounded, and none where there is no number."""
    found = []
    for cell in cells:
        try:
            number = float(cell)
        except (TypeError, ValueError):
            number = np.nan
        found.append(None if number != number else round(number, 4))
    return found
