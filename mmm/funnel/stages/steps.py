"""What became of each lead from one stage on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.funnel.records import Outcomes
from mmm.funnel.records.instants import Instants
from mmm.funnel.stages.trajectories import Trajectories

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

MOVED, LOST = 1, 2
_MICROSECONDS_A_DAY = 86_400_000_000.0


@dataclass(frozen=True, eq=False)
class Steps:
    """What became of each lead from one stage on: all arrays have shape (n_leads,)."""

    entered: Instants
    here: npt.NDArray[np.bool_]
    days: Floats
    outcome: Counts
    exact: npt.NDArray[np.bool_]
    age: Floats


def steps_from(ways: Trajectories, stage: int, to: int | None = None) -> Steps:
    """Follow leads from entering `stage` to entering `to` (by default the next one)."""
    entered = ways.entered[:, stage]
    target = stage + 1 if to is None else to
    reached = ~np.isnat(ways.entered[:, target])
    here = ~np.isnat(entered)
    out = here & ~reached & ways.lost
    end = np.where(reached, ways.entered[:, target], np.where(out, ways.ended, ways.as_of))
    exact = ways.exact[:, stage] & (~reached | ways.exact[:, target])
    outcome = np.where(reached, MOVED, np.where(out, LOST, 0)).astype(np.int64)
    return Steps(entered, here, _days(entered, end), outcome, exact, _days(entered, ways.as_of))


def _days(start: Instants, end: Instants | np.datetime64) -> Floats:
    # NaT has no float: its difference is replaced after the conversion.
    gone = (end - start).astype("timedelta64[us]")
    result: Floats = gone.astype(np.int64) / _MICROSECONDS_A_DAY
    return np.where(np.isnat(gone), np.nan, result)


def as_outcomes(steps: Steps, as_of: np.datetime64) -> Outcomes:
    """Return the steps of the leads that are in the stage, as records of `mmm.funnel.records`."""
    row = np.flatnonzero(steps.here)
    return Outcomes(
        row=row,
        start=steps.entered[row],
        days=steps.days[row],
        follow_up=steps.age[row],
        outcome=steps.outcome[row],
        as_of=pd.Timestamp(as_of, tz="UTC"),
    )
