"""Eventual conversion rates by cohort, completed for records that are still open."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, check_level, quoted
from mmm.funnel.durations.completion import complete
from mmm.funnel.durations.horizon import settled_horizon
from mmm.funnel.durations.survival import cumulative_incidence, median_cycle
from mmm.funnel.kpi import Kpi
from mmm.funnel.records.outcomes import CONVERTED, Outcomes

Every = Literal["month", "quarter", "year"]
# A cohort that has seen less than this share of its eventual conversions has no rate yet.
LEAST_MATURITY = 0.25
_FREQUENCY = {"month": "M", "quarter": "Q", "year": "Y"}


def conversion(
    name: str, outcomes: Outcomes, *, every: Every | None = None, level: float = 0.9
) -> list[Kpi]:
    """Return the eventual conversion rate of each cohort of records.

    Parameters
    ----------
    name : str
        Of the indicator.
    outcomes : Outcomes
    every : {"month", "quarter", "year"}, optional
        Length of a cohort; None: all records, with the band of the Aalen-Johansen curve.
    level : float
        Coverage.

    Returns
    -------
    list of Kpi
        Oldest cohort first.

    Raises
    ------
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> from mmm.funnel.records.outcomes import lead_outcomes
    >>> [kpi.n for kpi in conversion("rate", lead_outcomes(load("leads")), every="year")]
    [107, 109]
    """
    names, codes = cohorts(outcomes.start, every)
    done = complete(outcomes, codes, len(names), check_level(level))
    curve = cumulative_incidence(outcomes.days, outcomes.outcome, level=level, n_causes=2)
    kpis = []
    for i, group in enumerate(names):
        rows = np.flatnonzero(codes == i)
        lower, upper = float(done.lower[i]), float(done.upper[i])
        value = float(done.rate[i])
        if every is None:
            value, lower, upper = (
                float(band[0, -1]) for band in (curve.incidence, curve.lower, curve.upper)
            )
        days = outcomes.start[rows]
        note = [
            *outcomes.notes,
            f"{done.converted[i]} so far, {done.expected[i]:.1f} expected of "
            f"{len(rows) - done.converted[i] - done.lost[i]} open",
        ]
        if done.maturity[i] < LEAST_MATURITY:
            note.append(f"only {done.maturity[i]:.0%} mature: wait, or take longer cohorts")
            value = lower = upper = math.nan
        kpis.append(
            Kpi(
                name,
                value,
                "share",
                len(rows),
                lower,
                upper,
                level,
                cohort=(pd.Timestamp(days.min()).date(), pd.Timestamp(days.max()).date()),
                window_days=done.horizon,
                group=group,
                note="; ".join(note),
            )
        )
    return kpis


def time_to_convert(name: str, outcomes: Outcomes, level: float) -> Kpi:
    """Return the median days of those who convert, within the horizon that settles it.

    Parameters
    ----------
    name : str
        Of the indicator.
    outcomes : Outcomes
    level : float
        Coverage.

    Returns
    -------
    Kpi
        As `mmm.funnel.durations.median_cycle` gives it.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> from mmm.funnel.records import opportunity_outcomes
    >>> round(time_to_convert("cycle", opportunity_outcomes(load("deals")), 0.9).value)
    97
    """
    curve = cumulative_incidence(outcomes.days, outcomes.outcome, level=level, n_causes=2)
    kpi = median_cycle(curve, CONVERTED, until=settled_horizon(curve, CONVERTED))
    return replace(kpi, name=name, cohort=outcomes.cohort)


def cohorts(
    start: npt.NDArray[np.datetime64], every: Every | None
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Name the cohorts of records, oldest first, and return which one each belongs to.

    Raises
    ------
    ConfigError
        If `every` is unknown.

    Examples
    --------
    >>> days = np.array(["2025-05-01", "2024-12-31"], dtype="datetime64[us]")
    >>> cohorts(days, "quarter")[0]
    ['2024-Q4', '2025-Q2']
    """
    if every is None:
        return [""], np.zeros(len(start), dtype=np.int64)
    if every not in _FREQUENCY:
        raise ConfigError(f"every is {every!r}. Choose one of {quoted(_FREQUENCY)}, or None.")
    period = pd.DatetimeIndex(start).to_period(_FREQUENCY[every])
    codes, unique = pd.factorize(period, sort=True)
    names = [str(p).replace("Q", "-Q") if every == "quarter" else str(p) for p in unique]
    return names, codes.astype(np.int64)
