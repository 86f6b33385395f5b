"""The sales cycle: how long a win takes, from the lead and from the opportunity."""

from dataclasses import replace

import pandas as pd

from mmm.errors import ConfigError, check_level
from mmm.funnel.durations import cumulative_incidence, median_cycle, settled_horizon
from mmm.funnel.kpi import Kpi
from mmm.funnel.records.instants import last_look, plain
from mmm.funnel.stages.stage_sets import B2B, StageSet
from mmm.funnel.stages.steps import steps_from
from mmm.funnel.stages.trajectories import Trajectories, follow


def sales_cycle(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None = None,
    stages: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    until_days: float | None = None,
    level: float = 0.9,
    stage_set: StageSet = B2B,
) -> tuple[Kpi, Kpi]:
    """Return the median time to a win, from the lead and from the opportunity.

    inf{t: F(t) >= F(tau) / 2}, F being the cumulative incidence of the win, the loss competing and
    open records censored. The mean of deals closed so far grows with the date at which one looks;
    so does this where tau grows and wins come late. By default tau is therefore the shortest of 30,
    90, 180, 365 and 730 days that settles the median (`mmm.funnel.durations.settled_horizon`): the
    same one at a later look. The note counts the wins that came after it.

    Parameters
    ----------
    leads, deals, stages, as_of, level, stage_set
        As in `funnel`.
    until_days : float, optional
        tau; by default the horizon that settles the median, the longest follow-up where none does.

    Returns
    -------
    from_lead, from_opportunity : Kpi
        "sales_cycle_from_lead" and "sales_cycle_from_opportunity" in days, tau in `window_days`.
        The second covers deals that follow a lead; NaN where nobody was won or no deal is dated.

    Raises
    ------
    InputError, ConfigError
        As in `funnel`.

    Examples
    --------
    >>> from mmm import datasets
    >>> for kpi in sales_cycle(datasets.load("leads"), datasets.load("deals")):
    ...     print(f"{kpi.name}: {kpi.value:.0f} days, {kpi.lower:.0f} to {kpi.upper:.0f}")
    sales_cycle_from_lead: 138 days, 115 to 151
    sales_cycle_from_opportunity: 97 days, 84 to 112
    """
    check_level(level)
    if until_days is not None and not until_days > 0:
        raise ConfigError(f"until_days is {until_days!r}; give a number of days above 0")
    looked = plain(last_look(as_of, leads, deals, stages))
    ways = follow(leads, deals, stages, stage_set, looked)
    born = pd.Timestamp(ways.entered[:, 0].min()), pd.Timestamp(ways.entered[:, 0].max())
    cohort = born[0].date(), born[1].date()
    found = []
    for start in (ways.stages[0], "opportunity"):
        kpi = _cycle(ways, start, until_days, level)
        name = f"sales_cycle_from_{start}"
        found.append(replace(kpi, name=name, level=level, cohort=cohort))
    return found[0], found[1]


def _cycle(ways: Trajectories, start: str, until_days: float | None, level: float) -> Kpi:
    """Median time from `start` to the win; NaN, with the reason, where it cannot be said."""
    if start not in ways.stages[:-1]:
        return _unknown(0, f"no table holds a date of stage {start}")
    steps = steps_from(ways, ways.stages.index(start), to=len(ways.stages) - 1)
    # An opening date borrowed from the win would make a cycle of 0 days.
    rows = steps.here & steps.exact
    if not rows.any():
        return _unknown(0, f"no lead has a dated {start}")
    curve = cumulative_incidence(steps.days[rows], steps.outcome[rows], level=level, n_causes=2)
    tau = settled_horizon(curve) if until_days is None else until_days
    if steps.age[rows].max() < tau:
        return _unknown(int(rows.sum()), f"nobody was followed for {tau:g} days yet")
    return median_cycle(curve, until=min(tau, curve.horizon))


def _unknown(n: int, note: str) -> Kpi:
    return Kpi("", float("nan"), "days", n, note=note)
