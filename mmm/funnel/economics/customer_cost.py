"""Economics of a customer: what it costs to win one, and when and how often that comes back."""

import math
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level
from mmm.funnel.durations.completion import complete
from mmm.funnel.durations.conversion import LEAST_MATURITY, Every, cohorts
from mmm.funnel.economics.full_cost import add, between, period_of
from mmm.funnel.intervals import count_interval, product_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.records.as_known import begun
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import utc
from mmm.funnel.records.outcomes import first_wins, lead_outcomes

Floats = npt.NDArray[np.float64]

_NO_COST = "an amount of the period is missing: fill it in"
_FREQUENCY = {"month": "M", "quarter": "Q", "year": "Y"}


def cac(spend: Floats, customers: Floats) -> Floats:
    """Return the cost of one customer: spend / customers, missing where there is no customer.

    Parameters
    ----------
    spend, customers : ndarray of float64, shape (n,)

    Examples
    --------
    >>> cac(np.array([1000.0, 50.0]), np.array([4.0, 0.0]))
    array([250.,  nan])
    """
    result = np.full(len(spend), np.nan)
    np.divide(spend, customers, out=result, where=customers > 0)
    return result


def romi(contribution: Floats, spend: Floats, margin: float = 1.0) -> Floats:
    """Return (margin x contribution - spend) / spend: 0 at break-even, missing without spend.

    Parameters
    ----------
    contribution, spend : ndarray of float64, shape (n,)
        Money that came in and went out.
    margin : float
        Contribution margin, share of the money that came in.

    Examples
    --------
    >>> romi(np.array([500.0, 100.0]), np.array([200.0, 0.0]), margin=0.4)
    array([ 0., nan])
    """
    result = np.full(len(spend), np.nan)
    np.divide(margin * contribution - spend, spend, out=result, where=spend > 0)
    return result


def cohort_cac(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None,
    spend: pd.DataFrame,
    costs: pd.DataFrame | None = None,
    *,
    every: Every | None = None,
    as_of: object = None,
    level: float = 0.9,
) -> list[Kpi]:
    """Return the full cost of winning a new customer from the leads of a period, period by period.

    Media, tools and people of the period in which the leads came in, over their customers so far
    and those still expected (`mmm.funnel.durations.complete`): a young cohort is not dear because
    its leads have not closed yet.

    Parameters
    ----------
    leads, deals, as_of
        As in `mmm.funnel.records.outcomes.lead_outcomes`.
    spend : pandas.DataFrame
        date, spend. Periods that begin after `as_of` are plans, and left out; of costs too.
    costs : pandas.DataFrame, optional
        date, cost. Without it the cost is media alone, as the note says.
    every : {"month", "quarter", "year"}, optional
        Length of a cohort, cut to the days that the spend covers; None: one cohort of them all.
    level : float
        Coverage. Customers are taken as Poisson, with as many records' worth of information as the
        completion has.

    Returns
    -------
    list of Kpi
        "cac". NaN where a cost is unknown, the cohort is less than 25% mature, or no customer came
        or is expected: `lower` then still bounds the cost.

    Raises
    ------
    InputError
        If a column is missing, or no lead falls within the days of the spend.
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> tables = [load(name) for name in ("leads", "deals", "spend", "costs")]
    >>> [(kpi.group, kpi.n) for kpi in cohort_cac(*tables, every="year")]
    [('2024', 107), ('2025', 109)]
    """
    check_level(level)
    outcomes = lead_outcomes(leads, deals, as_of=as_of)
    spend, costs = (
        begun(spend, outcomes.as_of),
        None if costs is None else begun(costs, outcomes.as_of),
    )
    first, last = period_of(spend)
    names, codes = cohorts(outcomes.start, every)
    day = outcomes.start.astype("datetime64[D]")
    paid = (day >= np.datetime64(first)) & (day <= np.datetime64(last))
    # Leads of other days tell how fast leads close, in a group of their own.
    codes = np.where(paid, codes, len(names))
    if not paid.any():
        raise InputError(
            f"no lead came in between {first} and {last}, the days of the spend. "
            "Pass the spend of the days on which the leads came in."
        )
    done = complete(outcomes, codes, len(names) + 1, level)
    kpis = []
    for i, name in enumerate(names):
        if not done.n[i]:
            continue
        start, end = (first, last) if every is None else _days_of(name, every)
        start, end = max(start, first), min(end, last)
        cost = full_cost(spend, costs, start, end)
        base = {"cohort": (start, end), "group": name, "window_days": done.horizon}
        won, to_come = int(done.converted[i]), float(done.expected[i])
        notes = [f"{won} customers so far, {to_come:.1f} expected"]
        notes += _coverage(costs, start, end)
        notes += [] if cost is not None else [_NO_COST]
        if done.maturity[i] < LEAST_MATURITY:
            notes.append(f"only {done.maturity[i]:.0%} mature: wait, or take longer cohorts")
            cost = None
        count = _records_of(won + to_come, int(done.n[i]), float(done.information[i]))
        bounds = _scaled_count(won + to_come, count, level)
        kpis.append(_cost_of_one("cac", cost, bounds, int(done.n[i]), notes, level, base))
    return kpis


def period_cac(
    deals: pd.DataFrame,
    spend: pd.DataFrame,
    costs: pd.DataFrame | None = None,
    *,
    lag_days: float = 0.0,
    period: tuple[date, date] | None = None,
    level: float = 0.9,
) -> Kpi:
    """Return the full cost of a period over the new customers won one sales cycle later.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at; kind, account_id, person_id where known. A customer counts once.
    spend : pandas.DataFrame
        date, spend.
    costs : pandas.DataFrame, optional
        date, cost.
    lag_days : float
        The cycle from lead to customer (`mmm.funnel.kpis.lead_to_customer_time`).
    period : tuple of (date, date), optional
        First and last day of the money; by default all that the spend covers.
    level : float
        Coverage; customers are taken as Poisson.

    Returns
    -------
    Kpi
        "period_cac"; NaN where a cost is unknown or nobody was won.

    Raises
    ------
    InputError
        If a column is missing.
    ConfigError
        If the lag is negative.

    Examples
    --------
    >>> spend = pd.DataFrame({"date": pd.to_datetime(["2025-01-06"]), "spend": [700.0]})
    >>> deals = pd.DataFrame({"account_id": ["A", "B"], "won": True,
    ...     "closed_at": pd.to_datetime(["2025-01-08", "2025-02-12"], utc=True)})
    >>> period_cac(deals, spend, lag_days=35).value
    700.0
    """
    need(deals, ("won", "closed_at"), "deals", "Read them with mmm.read_deals.")
    if not lag_days >= 0:
        raise ConfigError(f"lag_days is {lag_days!r}. Pass the days from lead to customer.")
    check_level(level)
    first, last = period or period_of(spend)
    lag = pd.Timedelta(days=round(lag_days))
    wins = first_wins(deals)["closed_at"]
    n = int(wins.between(utc(first).normalize() + lag, utc(last) + lag).sum())
    notes = [f"{n} new customers won {round(lag_days)} days later"]
    seen = pd.to_datetime(deals["closed_at"], utc=True).max()
    if not pd.isna(seen) and seen < utc(last).normalize() + lag:
        notes.append(f"deals are known to {seen:%Y-%m-%d} only: too few customers, cost too high")
    base = {"cohort": (first, last), "window_days": float((last - first).days + 1)}
    notes += _coverage(costs, first, last)
    cost = full_cost(spend, costs, first, last)
    notes += [] if cost is not None else [_NO_COST]
    bounds = (float(n), *count_interval(n, level))
    return _cost_of_one("period_cac", cost, bounds, n, notes, level, base)


def full_cost(
    spend: pd.DataFrame, costs: pd.DataFrame | None, first: date, last: date
) -> float | None:
    """Return media, tools and people from `first` to `last`; None where a part is unknown.

    Examples
    --------
    >>> spend = pd.DataFrame({"date": pd.to_datetime(["2025-01-06"]), "spend": [700.0]})
    >>> full_cost(spend, None, date(2025, 1, 6), date(2025, 1, 12))
    700.0
    """
    parts = [between(spend, "spend", first, last)]
    if costs is not None:
        parts.append(between(costs, "cost", first, last))
    total = add(parts)
    return None if total is None else float(total)


def payback_months(cost: Kpi, monthly_margin: float) -> Kpi:
    """Return after how many months the margin of a customer has paid for winning it.

    Parameters
    ----------
    cost : Kpi
        Cost of a customer.
    monthly_margin : float
        Contribution margin that a customer brings a month.

    Returns
    -------
    Kpi
        "payback"; NaN, never infinite, where a customer brings no margin.

    Examples
    --------
    >>> payback_months(Kpi("cac", 600.0, "money", 9, 400.0, 900.0), 50.0).upper
    18.0
    """
    base: dict[str, Any] = {"n": cost.n, "level": cost.level, "cohort": cost.cohort}
    base |= {"group": cost.group, "window_days": cost.window_days}
    if not monthly_margin > 0:
        note = f"a customer brings {monthly_margin:g} a month: that never pays back"
        return Kpi("payback", math.nan, "months", note=note, **base)
    value, lower, upper = (x / monthly_margin for x in (cost.value, cost.lower, cost.upper))
    return Kpi("payback", value, "months", lower=lower, upper=upper, note=cost.note, **base)


def clv_to_cac(clv: Kpi, cost: Kpi) -> Kpi:
    """Return how often the lifetime value of a customer holds the cost of winning it.

    Parameters
    ----------
    clv, cost : Kpi
        Of one level; taken as independent (`mmm.funnel.intervals.product_interval`).

    Returns
    -------
    Kpi
        "clv_to_cac"; NaN where either is missing or the cost is 0.

    Raises
    ------
    ConfigError
        If the levels differ.

    Examples
    --------
    >>> clv, cost = Kpi("clv", 3000.0, "money", 9), Kpi("cac", 1000.0, "money", 9)
    >>> clv_to_cac(clv, cost).value
    3.0
    """
    if clv.level != cost.level:
        raise ConfigError(
            f"clv has level {clv.level:g} and the cost {cost.level:g}. Compute both at one level."
        )
    base: dict[str, Any] = {"n": min(clv.n, cost.n), "level": cost.level, "cohort": cost.cohort}
    base["group"] = cost.group
    if not (clv.value > 0 and cost.value > 0):
        reason = clv.note if math.isnan(clv.value) else cost.note
        return Kpi("clv_to_cac", math.nan, "ratio", note=reason or "no value or no cost", **base)
    lower, upper = product_interval(
        [(clv.value, clv.lower, clv.upper)], [(cost.value, cost.lower, cost.upper)]
    )
    value = clv.value / cost.value
    return Kpi("clv_to_cac", value, "ratio", lower=lower, upper=upper, note=clv.note, **base)


def _days_of(name: str, every: Every) -> tuple[date, date]:
    period = pd.Period(name.replace("-Q", "Q"), freq=_FREQUENCY[every])
    return period.start_time.date(), period.end_time.date()


def _coverage(costs: pd.DataFrame | None, first: date, last: date) -> list[str]:
    """Say what part of the full cost is not in it."""
    if costs is None:
        return ["media only: pass costs= for tools and people"]
    start, end = period_of(costs)
    if start <= first and end >= last:
        return []
    return [f"costs are known from {start} to {end} only: the cost is too low"]


def _records_of(customers: float, n: int, information: float) -> float:
    """Return the whole customers that would say as much: Poisson leads, of which some convert.

    1 / n for the number of leads, (1 - q) / (q m) for a rate known from m of them; all of known end
    that is one over the customers.
    """
    if not (customers > 0 and information > 0):
        return 0.0
    rate = min(customers / n, 1.0)
    return 1.0 / (1.0 / n + (1.0 - rate) / (rate * information))


def _scaled_count(customers: float, count: float, level: float) -> tuple[float, float, float]:
    low, high = count_interval(count, level)
    if count == 0:
        return customers, 0.0, high
    return customers, low / count * customers, high / count * customers


def _cost_of_one(
    name: str,
    cost: float | None,
    customers: tuple[float, float, float],
    n: int,
    notes: list[str],
    level: float,
    base: dict[str, Any],
) -> Kpi:
    if cost is None:
        return Kpi(name, math.nan, "money", n, level=level, note="; ".join(notes), **base)
    count, low, high = customers
    if not count > 0:
        notes = [*notes, "no customer: no cost of one, only a lower bound"]
    return Kpi(
        name,
        cost / count if count > 0 else math.nan,
        "money",
        n,
        lower=cost / high,
        upper=cost / low if low > 0 else math.nan,
        level=level,
        note="; ".join(notes),
        **base,
    )
