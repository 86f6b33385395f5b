"""Indicators of deals: how many are won, what one is worth, how fast money comes."""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import check_level
from mmm.funnel.durations import Every, conversion, time_to_convert
from mmm.funnel.intervals import (
    product_interval,
    skewed_mean_interval,
)
from mmm.funnel.kpi import Kpi, Unit
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import utc
from mmm.funnel.records.outcomes import (
    of_kind,
    opportunity_outcomes,
)


def win_rate(
    deals: pd.DataFrame,
    *,
    kinds: tuple[str, ...] = ("new",),
    every: Every | None = None,
    as_of: object = None,
    level: float = 0.9,
) -> list[Kpi]:
    """Return the share of opportunities that are won, a cohort a line, by the day they opened.

    Parameters
    ----------
    deals : pandas.DataFrame
        created_at, closed_at, won; kind where known.
    kinds : tuple of str
        Kinds of deal.
    every, as_of, level
        As in `lead_to_customer`.

    Returns
    -------
    list of Kpi

    Raises
    ------
    InputError
        If a column is missing or there is no such deal.
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> [kpi.group for kpi in win_rate(load("deals"), every="year")]
    ['2024', '2025']
    """
    outcomes = opportunity_outcomes(deals, kinds=kinds, as_of=as_of)
    return conversion("win_rate", outcomes, every=every, level=level)


def average_deal(
    deals: pd.DataFrame,
    *,
    kinds: tuple[str, ...] = ("new",),
    period: tuple[date, date] | None = None,
    level: float = 0.9,
) -> Kpi:
    """Return the mean value of won deals, with an interval that allows for skewness.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at, value; kind where known.
    kinds : tuple of str
        Kinds of deal.
    period : tuple of (date, date), optional
        First and last day of closing; all by default.
    level : float
        Coverage; `mmm.funnel.intervals.skewed_mean_interval`.

    Returns
    -------
    Kpi
        NaN where no such deal has a value.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> closed = pd.to_datetime(["2025-01-05", "2025-02-05"], utc=True)
    >>> deals = pd.DataFrame({"won": True, "closed_at": closed, "value": [100.0, 300.0]})
    >>> average_deal(deals).value
    200.0
    """
    rows = _won(deals, kinds, period)
    valued = rows[rows["value"].notna()]
    amounts = valued["value"].astype("float64").to_numpy(dtype=np.float64)
    base: dict[str, Any] = {"unit": "money", "n": len(valued), "level": check_level(level)}
    base["cohort"] = period
    if not len(valued):
        return _unknown("average_deal", "no won deal with a value in the period", **base)
    days = valued["closed_at"].dropna()
    if period is None and len(days):
        base["cohort"] = (days.min().date(), days.max().date())
    lower, upper = skewed_mean_interval(amounts, level)
    missing = len(rows) - len(valued)
    note = f"{missing} won without a value left out" if missing else ""
    mean = float(np.sort(amounts).mean())
    return Kpi("average_deal", mean, lower=lower, upper=upper, note=note, **base)


def won_with_value(
    deals: pd.DataFrame,
    *,
    kinds: tuple[str, ...] = ("new",),
    period: tuple[date, date] | None = None,
) -> pd.DataFrame:
    """Return the won deals behind `average_deal`, whose parameters these are.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> len(won_with_value(load("deals"))) == average_deal(load("deals")).n
    True
    """
    rows = _won(deals, kinds, period)
    return rows[rows["value"].notna()]


def _won(
    deals: pd.DataFrame, kinds: tuple[str, ...], period: tuple[date, date] | None
) -> pd.DataFrame:
    need(deals, ("won", "closed_at", "value"), "deals", "Read them with mmm.read_deals.")
    rows = deals[deals["won"].astype("boolean").fillna(False).to_numpy(dtype=bool)]
    rows = rows[of_kind(rows, kinds)]
    if period is not None:
        inside = rows["closed_at"].between(utc(period[0]).normalize(), utc(period[1]))
        rows = rows[inside]
    return rows


def sales_velocity(
    deals: pd.DataFrame,
    *,
    kinds: tuple[str, ...] = ("new",),
    as_of: object = None,
    level: float = 0.9,
) -> Kpi:
    """Return open opportunities x win rate x average deal / cycle, in money a day.

    The win rate and the cycle (median days to a win) are those of all opportunities, the open ones
    censored; the number of open opportunities is a fact, and the interval combines those of the
    other three as if independent (`mmm.funnel.intervals.product_interval`).

    Parameters
    ----------
    deals : pandas.DataFrame
        created_at, closed_at, won, value; kind where known.
    kinds : tuple of str
        Kinds of deal.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.
    level : float
        Coverage.

    Returns
    -------
    Kpi
        0 without an open opportunity; NaN while nothing was won.

    Raises
    ------
    InputError
        If a column is missing or there is no such deal.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> sales_velocity(load("deals")).unit
    'money_per_day'
    """
    return velocity_of(velocity_parts(deals, kinds=kinds, as_of=as_of, level=level))


@dataclass(frozen=True)
class VelocityParts:
    """What sales velocity is made of: open opportunities, and three indicators.

    Attributes
    ----------
    n_open : int
    win_rate, average_deal, cycle : Kpi
    """

    n_open: int
    win_rate: Kpi
    average_deal: Kpi
    cycle: Kpi


def velocity_parts(
    deals: pd.DataFrame,
    *,
    kinds: tuple[str, ...] = ("new",),
    as_of: object = None,
    level: float = 0.9,
) -> VelocityParts:
    """Return the parts of `sales_velocity`, whose parameters these are.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> parts = velocity_parts(load("deals"))
    >>> parts.n_open, f"{parts.win_rate.value:.0%}"
    (16, '48%')
    """
    outcomes = opportunity_outcomes(deals, kinds=kinds, as_of=as_of)
    seen = deals[utc(outcomes.as_of) >= pd.to_datetime(deals["closed_at"], utc=True)]
    deal = average_deal(seen, kinds=kinds, level=level)
    rate = conversion("win_rate", outcomes, level=level)[0]
    cycle = time_to_convert("sales_cycle", outcomes, level)
    return VelocityParts(int((outcomes.outcome == 0).sum()), rate, deal, cycle)


def velocity_of(parts: VelocityParts) -> Kpi:
    """Multiply the parts of sales velocity; the interval combines theirs as if independent."""
    n_open, rate, deal, cycle = parts.n_open, parts.win_rate, parts.average_deal, parts.cycle
    base: dict[str, Any] = {"unit": "money_per_day", "n": rate.n, "level": rate.level}
    base |= {"cohort": rate.cohort, "window_days": rate.window_days}
    if n_open == 0:
        return Kpi("sales_velocity", 0.0, note="no open opportunity", **base)
    if not (deal.value > 0 and rate.value > 0 and cycle.value > 0):
        return _unknown("sales_velocity", "nothing was won yet with a value and a cycle", **base)
    bounds = [(kpi.value, kpi.lower, kpi.upper) for kpi in (rate, deal, cycle)]
    lower, upper = product_interval(bounds[:2], bounds[2:])
    return Kpi(
        "sales_velocity",
        n_open * rate.value * deal.value / cycle.value,
        lower=n_open * lower,
        upper=n_open * upper,
        note=f"{n_open} open x {rate.value:.0%} x {deal.value:.0f} / {cycle.value:.0f} days",
        **base,
    )


def _unknown(name: str, note: str, unit: Unit, n: int, **rest: Any) -> Kpi:
    return Kpi(name, math.nan, unit, n, note=note, **rest)
