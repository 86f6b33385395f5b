"""Indicators of leads: what one costs, how many go on, how long that takes, their growth."""

import itertools
import math
from datetime import date
from typing import Any

import pandas as pd

from mmm.errors import InputError, check_level
from mmm.funnel.durations import Every, conversion, time_to_convert
from mmm.funnel.economics.full_cost import between, period_of
from mmm.funnel.intervals import (
    count_interval,
    count_ratio_interval,
)
from mmm.funnel.kpi import Kpi, Unit
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import utc
from mmm.funnel.records.outcomes import (
    lead_outcomes,
    qualification_outcomes,
)


def cost_per_lead(
    spend: pd.DataFrame,
    leads: pd.DataFrame,
    *,
    period: tuple[date, date] | None = None,
    by: str = "person_id",
    level: float = 0.9,
) -> Kpi:
    """Return spend over leads of the same period, each person counted once.

    Parameters
    ----------
    spend : pandas.DataFrame
        date, spend.
    leads : pandas.DataFrame
        created_at, and `by`.
    period : tuple of (date, date), optional
        First and last day of both; by default those of the spend, its last week or month included.
    by : str
        Column that tells duplicates: of leads that share it the first is kept, those without it
        count one by one. "lead_id" keeps them all.
    level : float
        Coverage; the number of leads is taken as Poisson (Garwood 1936).

    Returns
    -------
    Kpi
        NaN where some spend of the period is unknown, or there is no lead.

    Raises
    ------
    InputError
        If a column is missing, or the tables are empty.

    Examples
    --------
    >>> spend = pd.DataFrame({"date": pd.to_datetime(["2025-01-06", "2025-01-13"]),
    ...     "spend": [500.0, 700.0]})
    >>> leads = pd.DataFrame({"person_id": ["a", "b", "a"],
    ...     "created_at": pd.to_datetime(["2025-01-07", "2025-01-09", "2025-01-15"], utc=True)})
    >>> kpi = cost_per_lead(spend, leads)
    >>> kpi.value, kpi.n, kpi.note
    (600.0, 2, '1 duplicate lead left out')
    """
    need(leads, ("created_at",), "leads", "Read them with mmm.read_leads.")
    first, last = period or period_of(spend)
    amount = between(spend, "spend", first, last)
    inside = leads["created_at"].between(utc(first).normalize(), utc(last))
    rows = leads[inside]
    kept = distinct_leads(rows, by)
    dropped = len(rows) - len(kept)
    note = f"{dropped} duplicate lead{'s' if dropped > 1 else ''} left out" if dropped else ""
    n = len(kept)
    base: dict[str, Any] = {"unit": "money", "n": n, "level": check_level(level)}
    base |= {"cohort": (first, last), "window_days": float((last - first).days + 1)}
    if amount is None:
        return _unknown("cost_per_lead", "the spend of some rows is unknown: fill it in", **base)
    low, high = count_interval(n, level)
    if n == 0:
        reason = "no lead in the period: no cost of one"
        return _unknown("cost_per_lead", reason, lower=float(amount) / high, **base)
    cost = float(amount)
    return Kpi("cost_per_lead", cost / n, lower=cost / high, upper=cost / low, note=note, **base)


def distinct_leads(leads: pd.DataFrame, by: str = "person_id") -> pd.DataFrame:
    """Keep the first lead of each person, account or whatever `by` names.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at and `by`.
    by : str
        Leads without it are all kept.

    Returns
    -------
    pandas.DataFrame
        In the order of `leads`.

    Raises
    ------
    InputError
        If the column is missing.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-02", "2025-01-01", "2025-01-03"], utc=True)
    >>> leads = pd.DataFrame({"person_id": ["a", "a", None], "created_at": days})
    >>> distinct_leads(leads).index.tolist()
    [1, 2]
    """
    need(leads, ("created_at", by), "leads", "Pass by=, the column that tells duplicates.")
    ordered = leads.sort_values("created_at", kind="stable")
    again = ordered[by].notna() & ordered[by].duplicated()
    return leads.loc[leads.index.isin(ordered.index[~again])]


def mql_to_sql(
    leads: pd.DataFrame,
    *,
    every: Every | None = None,
    as_of: object = None,
    level: float = 0.9,
) -> list[Kpi]:
    """Return the share of leads qualified by marketing that sales accepts, a cohort a line.

    Open leads count with the chance that they still have (`mmm.funnel.durations.complete`).

    Parameters
    ----------
    leads : pandas.DataFrame
        mql_at, sql_at; ended_at where known, without which no lead is ever lost.
    every : {"month", "quarter", "year"}, optional
        Length of a cohort by mql_at, `group` naming it; None: one line for all.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.
    level : float
        Coverage.

    Returns
    -------
    list of Kpi
        NaN where a cohort is less than 25% mature.

    Raises
    ------
    InputError
        If a column is missing or no lead was qualified.
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-08", "2025-01-20"], utc=True)
    >>> leads = pd.DataFrame({"mql_at": days[[0, 0]], "sql_at": [days[1], pd.NaT],
    ...     "ended_at": [pd.NaT, days[2]]})
    >>> mql_to_sql(leads)[0].value
    0.5
    """
    return conversion(
        "mql_to_sql", qualification_outcomes(leads, as_of=as_of), every=every, level=level
    )


def lead_to_customer(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None = None,
    *,
    every: Every | None = None,
    as_of: object = None,
    level: float = 0.9,
) -> list[Kpi]:
    """Return the share of leads that become a new customer, a cohort a line.

    Parameters
    ----------
    leads, deals, as_of
        As in `mmm.funnel.records.outcomes.lead_outcomes`.
    every : {"month", "quarter", "year"}, optional
        Length of a cohort by created_at; None: one line for all.
    level : float
        Coverage.

    Returns
    -------
    list of Kpi
        Completed for open leads; NaN where a cohort is less than 25% mature.

    Raises
    ------
    InputError
        If a column is missing or there is no lead.
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> kpi = lead_to_customer(load("leads"), load("deals"))[0]
    >>> kpi.n, round(kpi.value, 2)
    (216, 0.33)
    """
    return conversion(
        "lead_to_customer", lead_outcomes(leads, deals, as_of=as_of), every=every, level=level
    )


def lead_to_customer_time(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    level: float = 0.9,
) -> Kpi:
    """Return the median days from lead to customer of those who become one.

    Parameters
    ----------
    leads, deals, as_of
        As in `mmm.funnel.records.outcomes.lead_outcomes`.
    level : float
        Coverage; `mmm.funnel.durations.survival.median_cycle`.

    Returns
    -------
    Kpi

    Raises
    ------
    InputError
        If a column is missing or there is no lead.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> lead_to_customer_time(load("leads"), load("deals")).unit
    'days'
    """
    return time_to_convert("lead_to_customer_time", lead_outcomes(leads, deals, as_of=as_of), level)


def lead_velocity(
    leads: pd.DataFrame, *, at: str = "mql_at", as_of: object = None, level: float = 0.9
) -> list[Kpi]:
    """Return the growth of qualified leads from month to month, whole months only.

    Parameters
    ----------
    leads : pandas.DataFrame
        The column `at`.
    at : str
        Instant that makes a lead qualified.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table. Its month counts if it is over.
    level : float
        Coverage; given both months together the counts are binomial (`count_ratio_interval`).

    Returns
    -------
    list of Kpi
        0.1 = ten percent more than the month before; `n` both months together.

    Raises
    ------
    InputError
        If the column is missing or empty.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-05", "2025-02-05", "2025-02-06", "2025-03-01"], utc=True)
    >>> kpi = lead_velocity(pd.DataFrame({"mql_at": days}))[0]
    >>> kpi.group, kpi.value, kpi.n
    ('2025-02', 1.0, 3)
    """
    check_level(level)
    need(leads, (at,), "leads", "Pass at=, the instant that makes a lead qualified.")
    known = pd.to_datetime(leads[at], utc=True).dropna()
    look = utc(as_of) if as_of is not None else known.max()
    known = known[known <= look]
    if not len(known):
        raise InputError(f"no lead has {at!r} by the last look. Map that column, or pass at=.")
    end = (look + pd.Timedelta(microseconds=1)).tz_localize(None).to_period("M") - 1
    month = known.dt.tz_localize(None).dt.to_period("M")
    months = pd.period_range(month.min(), end, freq="M")
    counts = dict(month.value_counts())
    kpis = []
    for last, this in itertools.pairwise(months):
        before, after = int(counts.get(last, 0)), int(counts.get(this, 0))
        low, high = count_ratio_interval(after, before, level)
        base: dict[str, Any] = {"unit": "ratio", "n": before + after, "level": level}
        base |= {"lower": low - 1.0, "upper": high - 1.0, "group": str(this)}
        base |= {"cohort": (last.start_time.date(), this.end_time.date())}
        base |= {"window_days": float(this.days_in_month)}
        if before == 0:
            reason = f"no qualified lead in {last}: growth from nothing is not a number"
            kpis.append(_unknown("lead_velocity", reason, **base))
        else:
            note = f"{after} after {before}"
            kpis.append(Kpi("lead_velocity", after / before - 1.0, note=note, **base))
    return kpis


def _unknown(name: str, note: str, unit: Unit, n: int, **rest: Any) -> Kpi:
    return Kpi(name, math.nan, unit, n, note=note, **rest)
