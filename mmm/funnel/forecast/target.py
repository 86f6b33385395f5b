"""What it takes to win a target by a day: how many leads, what they cost, and what stands in it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError
from mmm.funnel.forecast.futures import Forecast
from mmm.funnel.opening import opening
from mmm.showing import Shown
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]
Bottleneck = Literal["none", "leads", "budget", "capacity", "time"]

MONTH = 365.25 / 12
SHORTEST_DAYS = 28.0
LATE = 0.1  # below this share of wins in time, more leads are no answer
STRETCH = 10.0  # beyond this multiple of today's inflow, today's conversion is no guide
BLOCK, MOST_BLOCKS = 64, 400


@dataclass(frozen=True, eq=False, repr=False)
class TargetPlan(Shown):
    """What it takes to reach a target.

    Attributes
    ----------
    target : float
        Currency to win from the day of the forecast on.
    by : pandas.Timestamp
        End of the last month that counts.
    probability : float
        How sure it has to be.
    expected, chance : float
        Mean of what comes and P(target reached), if nothing changes.
    leads : float
        Leads needed on top of today's inflow, for `probability`; infinite where no number does.
    last_day : pandas.Timestamp
        They come evenly from the day of the forecast to this one; half of the wins of later ones
        would come too late.
    cost : float
        Currency they cost; NaN without a cost per lead.
    allowed : float
        Leads that budget and sales capacity allow; infinite without limits.
    chance_allowed : float
        P(target reached) with the leads needed or allowed, whichever is fewer; with any number
        where neither is finite.
    in_time : float
        Share of the wins from those leads that come by then.
    bottleneck : {"none", "leads", "budget", "capacity", "time"}
        What stands between today and the target.
    required : ndarray of float64, shape (n_draws,), ascending
        Leads needed in each simulated future.
    currency : str
    note : str
    """

    target: float
    by: pd.Timestamp
    probability: float
    expected: float
    chance: float
    leads: float
    last_day: pd.Timestamp
    cost: float
    allowed: float
    chance_allowed: float
    in_time: float
    bottleneck: Bottleneck
    required: Floats
    currency: str
    note: str = ""

    def __repr__(self) -> str:
        return opening(self.finding(), f"TargetPlan: bottleneck {self.bottleneck}")

    @property
    def feasible(self) -> bool:
        """Whether the target can be reached within the limits, as surely as asked."""
        return self.bottleneck in ("none", "leads")

    def chance_with(self, leads: float) -> float:
        """Return P(target reached) with so many leads on top of today's inflow."""
        return _share_up_to(self.required, leads)

    def to_frame(self) -> pd.DataFrame:
        """Return the chance of reaching the target by number of leads.

        Returns
        -------
        pandas.DataFrame
            leads, probability: 11 rows from 0 to twice the leads needed.
        """
        finite = self.required[np.isfinite(self.required)]
        most = self.leads if np.isfinite(self.leads) else float(finite.max(initial=0.0))
        grid = np.ceil(np.linspace(0.0, 2 * most, 11))
        return pd.DataFrame(
            {"leads": grid, "probability": [self.chance_with(float(n)) for n in grid]}
        )

    def finding(self) -> Finding:
        """Say whether the target can be reached, what stands in the way, and what to do."""
        facts = {
            "target": self.target,
            "by": self.by.date(),
            "expected": self.expected,
            "chance": self.chance,
            "probability": self.probability,
            "n": int(self.leads) if np.isfinite(self.leads) else None,
            "until": self.last_day.date(),
            "cost": self.cost,
            "allowed": self.allowed,
            "chance_allowed": self.chance_allowed,
            "in_time": self.in_time,
            "currency": self.currency or "EUR",
        }
        priced = "_priced" if np.isfinite(self.cost) else ""
        says = {
            "none": ("target.in_reach",),
            "leads": (f"target.leads{priced}",),
            "budget": (f"target.leads{priced}", "target.budget"),
            "capacity": (f"target.leads{priced}", "target.capacity"),
            "time": ("target.time",),
        }[self.bottleneck]
        action = f"action.target_{self.bottleneck}"
        return Finding("target.outlook", self.target, None, says, action, facts)


def plan_target(
    future: Forecast,
    *,
    target: float,
    by: pd.Timestamp | str | None = None,
    cost_per_lead: float | None = None,
    budget: float | None = None,
    leads_per_month: float | None = None,
    probability: float = 0.8,
    seed: int = 0,
) -> TargetPlan:
    """Say how many leads it takes to win a target by a day, and what stands in the way.

    In each simulated future, wins from further leads arrive as a Poisson process, so that the leads
    that it takes there are those at which what is missing has come; the number that suffices with a
    given probability is a quantile of these. Further leads are taken to convert like those of today
    and to cost the same: both get worse where a channel is pushed far.

    Parameters
    ----------
    future : Forecast
    target : float
        Currency to win from `future.as_of` on.
    by : pandas.Timestamp or str, optional
        The months of the forecast that end by then count; by default all.
    cost_per_lead, budget : float, optional
        Currency; the budget is for the further leads alone.
    leads_per_month : float, optional
        New leads that sales can handle in a month, those of today included.
    probability : float
        How sure it has to be.
    seed : int

    Returns
    -------
    TargetPlan

    Raises
    ------
    ConfigError
        If an amount is out of range, a budget has no cost per lead, or no month of the forecast
        ends by `by`.

    Examples
    --------
    >>> from mmm import datasets
    >>> from mmm.funnel.forecast.futures import forecast
    >>> future = forecast(datasets.load("leads"), datasets.load("deals"), n_draws=400)
    >>> plan = plan_target(future, target=100_000)
    >>> plan.bottleneck, plan.leads
    ('none', 0.0)
    >>> plan_target(future, target=5_000_000, cost_per_lead=120, budget=10_000).bottleneck
    'budget'
    """
    _check(target, probability, cost_per_lead, budget, leads_per_month)
    months, end = _months(future, by)
    days = float((end - future.as_of) / pd.Timedelta(days=1))
    last = _last_day(future.win_days, days)
    # A lead that comes at t, evenly in (0, last), wins in time where t + its days <= days.
    won = np.clip((days - future.win_days) / last, 0.0, 1.0).mean(axis=1)
    ever = np.isfinite(future.win_days).mean()
    base = future.value[:, :, :months].sum(axis=(1, 2))
    required = np.sort(_required(base, target, won, future.win_value, seed))
    leads = float(required[int(np.ceil(probability * len(required))) - 1])
    leads = float(np.ceil(leads)) if np.isfinite(leads) else leads
    in_time = float(won.mean() / ever) if ever > 0 else 0.0
    limits = _limits(future, last, cost_per_lead, budget, leads_per_month)
    allowed = float(min(limits.values()))
    far = leads > STRETCH * future.inflow.per_day * last
    return TargetPlan(
        target=target,
        by=end,
        probability=probability,
        expected=float(base.mean()),
        chance=float((base >= target).mean()),
        leads=leads,
        last_day=future.as_of + pd.Timedelta(days=last),
        cost=leads * cost_per_lead if cost_per_lead is not None else float("nan"),
        allowed=allowed,
        chance_allowed=_share_up_to(required, min(leads, allowed)),
        in_time=in_time,
        bottleneck=_bottleneck(leads, in_time, limits),
        required=required,
        currency=future.currency,
        note="More than ten times today's leads: conversion is unlikely to hold." if far else "",
    )


def _check(
    target: float,
    probability: float,
    cost_per_lead: float | None,
    budget: float | None,
    leads_per_month: float | None,
) -> None:
    if not target > 0 or not 0 < probability < 1:
        raise ConfigError(
            f"target is {target} and probability {probability}; choose an amount above 0 and a "
            "probability between 0 and 1."
        )
    for name, amount in (("budget", budget), ("leads_per_month", leads_per_month)):
        if amount is not None and not amount >= 0:
            raise ConfigError(f"{name} is {amount}; choose 0 or more.")
    if cost_per_lead is not None and not cost_per_lead > 0:
        raise ConfigError(f"cost_per_lead is {cost_per_lead}; choose an amount above 0.")
    if budget is not None and cost_per_lead is None:
        raise ConfigError("budget needs cost_per_lead, to know how many leads it buys. Pass both.")


def _months(future: Forecast, by: pd.Timestamp | str | None) -> tuple[int, pd.Timestamp]:
    """Return how many months of the forecast end by a day, and the end of the last of them."""
    if by is None:
        return len(future.ends), future.ends[-1]
    day = pd.Timestamp(by)
    day = day.tz_localize("UTC") if day.tzinfo is None else day
    stop = day.normalize() + pd.Timedelta(days=1)
    months = sum(end <= stop for end in future.ends)
    if not months or stop > future.ends[-1] + pd.Timedelta(days=32):
        raise ConfigError(
            f"by is {day:%Y-%m-%d}; the months of the forecast end from {future.ends[0]:%Y-%m-%d} "
            f"to {future.ends[-1]:%Y-%m-%d}. Choose a day among them, or forecast more months."
        )
    return months, future.ends[months - 1]


def _last_day(win_days: Floats, days: float) -> float:
    """Return the day after which a lead more likely than not wins too late, at least 28."""
    wins = win_days[np.isfinite(win_days)]
    cycle = float(np.median(wins)) if len(wins) else np.inf
    return float(min(max(days - cycle, SHORTEST_DAYS), days))


def _required(base: Floats, target: float, won: Floats, values: Floats, seed: int) -> Floats:
    """Return the further leads at which each future reaches the target, shape (n_draws,).

    Wins come at the points of a unit Poisson process in leads x won: the k-th at the sum of k
    exponential gaps.
    """
    rng = np.random.default_rng(seed)
    which = np.arange(len(base)) % len(won)
    missing = target - base
    points = np.zeros(len(base))
    result = np.where(missing > 0, np.inf, 0.0)
    todo = np.flatnonzero((missing > 0) & (won[which] > 0))
    for _ in range(MOST_BLOCKS):
        if not len(todo):
            break
        at = points[todo, None] + np.cumsum(rng.exponential(size=(len(todo), BLOCK)), axis=1)
        pick = rng.integers(values.shape[1], size=at.shape)
        total = np.cumsum(values[which[todo, None], pick], axis=1)
        done = total[:, -1] >= missing[todo]
        first = np.argmax(total >= missing[todo, None], axis=1)
        here = todo[done]
        result[here] = at[done, first[done]] / won[which[here]]
        points[todo], missing[todo] = at[:, -1], missing[todo] - total[:, -1]
        todo = todo[~done]
    return result


def _share_up_to(required: Floats, leads: float) -> float:
    return float((np.isfinite(required) & (required <= leads)).mean())


def _limits(
    future: Forecast,
    last: float,
    cost_per_lead: float | None,
    budget: float | None,
    leads_per_month: float | None,
) -> dict[Bottleneck, float]:
    """Return how many further leads the budget and sales allow."""
    limits: dict[Bottleneck, float] = {"budget": float("inf"), "capacity": float("inf")}
    if budget is not None and cost_per_lead is not None:
        limits["budget"] = float(np.floor(budget / cost_per_lead))
    if leads_per_month is not None:
        free = leads_per_month - future.inflow.per_day * MONTH
        limits["capacity"] = float(max(np.floor(free * last / MONTH), 0.0))
    return limits


def _bottleneck(leads: float, in_time: float, limits: dict[Bottleneck, float]) -> Bottleneck:
    if leads == 0:
        return "none"
    if not np.isfinite(leads) or in_time < LATE:
        return "time"
    narrow = min(limits, key=lambda name: limits[name])
    return narrow if leads > limits[narrow] else "leads"
