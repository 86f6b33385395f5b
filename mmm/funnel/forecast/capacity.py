"""Sales capacity: leads to call and opportunities to work in the months to come, by owner."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, quoted
from mmm.funnel.durations.survival import SurvivalCurve, kaplan_meier
from mmm.funnel.opening import opening
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.outcomes import OPEN, Outcomes, opportunity_outcomes
from mmm.showing import Shown
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]

RECENT_DAYS = 182.0
NOBODY = "(nobody)"
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Effort:
    """Hours that the work takes.

    Attributes
    ----------
    call : float
        To contact one lead, all attempts together.
    opportunity : float
        For one open opportunity, a month.
    """

    call: float = 1.0
    opportunity: float = 6.0


@dataclass(frozen=True, eq=False, repr=False)
class Workload(Shown):
    """Expected work of each owner and month.

    Attributes
    ----------
    frame : pandas.DataFrame
        owner, month (1 is the first after `as_of`), end, leads (to contact: new ones, and in month
        1 those waiting), opportunities (open on average), hours, capacity (hours; missing where not
        given), use (hours / capacity).
    as_of : pandas.Timestamp
    effort : Effort
    """

    frame: pd.DataFrame
    as_of: pd.Timestamp
    effort: Effort

    def __repr__(self) -> str:
        hours = f"{self.frame['hours'].sum():,.0f} hours of work are expected."
        owners, months = self.frame["owner"].nunique(), self.frame["month"].nunique()
        kind = f"Workload: {owners} owners, {months} months; as of {self.as_of:%Y-%m-%d}"
        return opening(self.finding() or hours, kind)

    def finding(self) -> Finding | None:
        """Say who is loaded most and when; None without a capacity."""
        known = self.frame[self.frame["use"].notna()]
        if known.empty:
            return None
        worst = known.iloc[int(known["use"].to_numpy(dtype=np.float64).argmax())]
        facts = {"owner": worst["owner"], "use": worst["use"], "month": worst["month"]}
        facts |= {"leads": worst["leads"], "opportunities": worst["opportunities"]}
        over = bool(worst["use"] > 1)
        key = "forecast.overload" if over else "forecast.capacity_left"
        action = "action.share_work" if over else "action.capacity_left"
        return Finding(key, float(worst["use"]), None, ("forecast.work_of",), action, facts)


def sales_workload(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    capacity: float | Mapping[str, float] | None = None,
    effort: Effort | None = None,
    as_of: pd.Timestamp | str | None = None,
    months: int = 6,
) -> Workload:
    """Expect the leads to contact and the opportunities open, by owner and month.

    An opportunity open at age a is still open t days later with probability S(a + t) / S(a), S the
    Kaplan-Meier curve of all deals until they close (1958, Journal of the American Statistical
    Association 53(282), 457-481), kept level beyond the longest follow-up. Leads and opportunities
    keep coming as in the last 26 weeks. These are expectations without an interval.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at; owner, first_contacted_at and ended_at where known.
    deals : pandas.DataFrame
        created_at, closed_at, won; owner where known.
    capacity : float or mapping of str to float, optional
        Hours a month of every owner, or of each.
    effort : Effort, optional
        Hours that the work takes; by default 1 a lead, 6 a month an opportunity.
    as_of : pandas.Timestamp or str, optional
        By default the latest instant in both tables.
    months : int
        1 to 24.

    Returns
    -------
    Workload

    Raises
    ------
    ConfigError
        If `months` or an amount of hours is out of range, or `capacity` names an unknown owner.
    InputError
        If a column is missing or no deal was opened by `as_of`.

    Examples
    --------
    >>> from mmm import datasets
    >>> work = sales_workload(datasets.load("leads"), datasets.load("deals"), capacity=60.0)
    >>> work.frame["owner"].unique().tolist()
    ['TEAM-CENTRE', 'TEAM-EXPORT', 'TEAM-NORTH', 'TEAM-SOUTH']
    >>> bool((work.frame["hours"] > 0).all())
    True
    """
    effort = effort or Effort()
    if not 1 <= months <= 24 or min(effort.call, effort.opportunity) < 0:
        raise ConfigError(
            f"months is {months} and effort {effort}; choose 1 to 24 months and hours of 0 or more."
        )
    need(leads, ("created_at",), "leads", "Read them with mmm.read_leads.")
    need(deals, ("created_at", "closed_at", "won"), "deals", "Read them with mmm.read_deals.")
    look = last_look(as_of, leads, deals)
    kinds = tuple(deals["kind"].fillna("new").unique()) if "kind" in deals else ("new",)
    outcomes = opportunity_outcomes(deals, kinds=kinds, as_of=look)
    curve = kaplan_meier(outcomes.days, outcomes.outcome != OPEN)
    ends = [look + pd.DateOffset(months=m + 1) for m in range(months)]
    stops = np.array([0.0, *((end - look) / _DAY for end in ends)])
    known = leads[(leads["created_at"] <= look).to_numpy()]
    lead_owner, deal_owner = _owner(known), _owner(deals).to_numpy()[outcomes.row]
    owners = sorted({*lead_owner, *deal_owner})
    hours = _capacity(capacity, owners)
    parts = [
        pd.DataFrame(
            {
                "owner": owner,
                "month": np.arange(months) + 1,
                "end": ends,
                "leads": _calls(known[(lead_owner == owner).to_numpy()], look, stops),
                "opportunities": _open(outcomes, deal_owner == owner, curve, stops),
                "capacity": hours[owner],
            }
        )
        for owner in owners
    ]
    frame = pd.concat(parts, ignore_index=True)
    work = effort.call * frame["leads"] + effort.opportunity * frame["opportunities"]
    frame.insert(5, "hours", work)
    return Workload(frame.assign(use=work / frame["capacity"]), look, effort)


def still_open(curve: SurvivalCurve, days: Floats) -> Floats:
    """Return the survival curve at some ages, level beyond its end.

    Parameters
    ----------
    curve : SurvivalCurve
    days : ndarray of float64

    Examples
    --------
    >>> curve = kaplan_meier([1.0, 2.0], [True, False])
    >>> still_open(curve, np.array([0.0, 1.0, 99.0])).tolist()
    [1.0, 0.5, 0.5]
    """
    steps = np.concatenate([[1.0], curve.survival])
    return steps[np.searchsorted(curve.time, days, side="right")]


def _owner(frame: pd.DataFrame) -> "pd.Series[str]":
    if "owner" not in frame:
        return pd.Series(NOBODY, index=frame.index, dtype="str")
    return frame["owner"].astype("str").fillna(NOBODY)


def _capacity(
    capacity: float | Mapping[str, float] | None, owners: list[str]
) -> Mapping[str, float]:
    given: Mapping[str, float]
    if isinstance(capacity, Mapping):
        unknown = [owner for owner in capacity if owner not in owners]
        if unknown:
            raise ConfigError(
                f"capacity names {quoted(unknown)}, and the tables {quoted(owners)}. "
                "Use the owners of the tables."
            )
        given = capacity
    else:
        given = {} if capacity is None else dict.fromkeys(owners, capacity)
    if any(not hours > 0 for hours in given.values()):
        raise ConfigError("capacity holds hours that are not above 0. Leave such an owner out.")
    return {owner: float(given.get(owner, float("nan"))) for owner in owners}


def _calls(leads: pd.DataFrame, look: pd.Timestamp, stops: Floats) -> Floats:
    """Leads of an owner to contact in each month."""
    came = ((leads["created_at"] - look) / _DAY).to_numpy(dtype=np.float64)
    calls = _per_day(np.abs(came).astype(np.float64)) * np.diff(stops)
    if "first_contacted_at" in leads:
        waits = ~(leads["first_contacted_at"] <= look)
        if "ended_at" in leads:
            waits &= ~(leads["ended_at"] <= look)
        calls[0] += int(waits.sum())
    return calls


def _open(
    outcomes: Outcomes, mine: npt.NDArray[np.bool_], curve: SurvivalCurve, stops: Floats
) -> Floats:
    """Opportunities of an owner that are open in the middle of each month."""
    middle = (stops[1:] + stops[:-1]) / 2
    age = outcomes.days[mine & (outcomes.outcome == OPEN)]
    now = still_open(curve, age)
    later = still_open(curve, age[:, None] + middle)
    old = np.divide(later, now[:, None], out=np.zeros_like(later), where=now[:, None] > 0)
    grid = np.arange(0.0, float(stops[-1]) + 1.0)
    grown = np.concatenate([[0.0], np.cumsum(still_open(curve, grid[:-1] + 0.5))])
    fresh = _per_day(outcomes.follow_up[mine]) * np.interp(middle, grid, grown)
    return np.asarray(old.sum(axis=0) + fresh, dtype=np.float64)


def _per_day(age: Floats) -> float:
    """Arrivals a day in the last 26 weeks, from the days since each."""
    if not len(age):
        return 0.0
    window = float(np.clip(age.max(), 1.0, RECENT_DAYS))
    return float((age <= window).sum()) / window
