"""The agreement between marketing and sales: leads delivered, and how soon they are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.funnel.business_hours import BusinessHours
from mmm.funnel.intervals import share_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.origins import Instants, instants
from mmm.funnel.survival import kaplan_meier, median_time
from mmm.funnel.trajectories import instant, latest_instant

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Delivery:
    """Leads that marketing promised and delivered, month by month.

    Attributes
    ----------
    month : tuple of str
        "2025-01", in order.
    promised, delivered : ndarray of int64, shape (n_months,)
        Leads; a month without a promise is not here.
    complete : ndarray of bool, shape (n_months,)
        False for months that are not over.
    level : float
        Nominal coverage of the interval in `kept`.
    """

    month: tuple[str, ...]
    promised: Counts
    delivered: Counts
    complete: Flags
    level: float

    @property
    def kept(self) -> Kpi:
        """Share of complete months in which the promise was kept, with Wilson's interval."""
        over = int(self.complete.sum())
        kept = int(np.sum(self.complete & (self.delivered >= self.promised)))
        share = kept / over if over else float("nan")
        lower, upper = share_interval(share, over, self.level)
        note = "" if over else "no month is over yet"
        return Kpi("promise_kept", share, "share", over, lower, upper, self.level, note=note)

    @property
    def ratio(self) -> Kpi:
        """Leads delivered per lead promised over complete months: counted, so no interval."""
        promised = int(self.promised[self.complete].sum())
        delivered = int(self.delivered[self.complete].sum())
        value = delivered / promised if promised else float("nan")
        note = f"{delivered} delivered of {promised} promised in {int(self.complete.sum())} months"
        return Kpi("leads_delivered", value, "ratio", delivered, level=self.level, note=note)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a month: month, promised, delivered, share, complete."""
        share = np.full(len(self.month), np.nan)
        np.divide(self.delivered, self.promised, out=share, where=self.promised > 0)
        return pd.DataFrame(
            {
                "month": pd.Series(self.month, dtype="str"),
                "promised": self.promised,
                "delivered": self.delivered,
                "share": share,
                "complete": self.complete,
            }
        )


def leads_delivered(
    leads: pd.DataFrame,
    promised: Mapping[str, int],
    *,
    counted: str = "mql_at",
    as_of: object = None,
    tz: str = "Europe/Rome",
    level: float = 0.9,
) -> Delivery:
    """Count the leads that marketing delivered in each month against what it promised.

    Parameters
    ----------
    leads : pandas.DataFrame
        With the column `counted`.
    promised : mapping of str to int
        Month, as "2025-01", to leads.
    counted : str
        Instant of delivery: "mql_at" for qualified leads, "created_at" for all.
    as_of : str, date or instant, optional
        Months that end later are not complete; by default the latest instant in leads.
    tz : str
        Zone in which months begin.
    level : float
        Coverage of the interval of `Delivery.kept`.

    Returns
    -------
    Delivery

    Raises
    ------
    InputError
        If the column is missing.
    ConfigError
        If a month is not one, or a promise is negative.

    Examples
    --------
    >>> from mmm import datasets
    >>> delivery = leads_delivered(datasets.load("leads"), {"2024-05": 10, "2024-06": 8})
    >>> delivery.to_frame()["delivered"].tolist()
    [9, 11]
    >>> delivery.kept.value
    0.5
    """
    check_level(level)
    if counted not in leads.columns:
        raise InputError(f"leads has no column {counted!r}; found {quoted(leads.columns, 30)}")
    looked = latest_instant(leads) if as_of is None else instant(as_of)
    months = sorted(promised)
    bad = [month for month in months if not _is_month(month) or not promised[month] >= 0]
    if bad:
        raise ConfigError(
            f"promised holds {quoted(f'{month}: {promised[month]}' for month in bad)}; "
            "give months such as '2025-01' and numbers of leads"
        )
    at = instants(leads, counted)
    seen = pd.Series(at[at <= looked]).dt.tz_localize("UTC").dt.tz_convert(tz)
    # The zone is dropped only once the instants are local: months are local months.
    counts = seen.dt.tz_localize(None).dt.to_period("M").astype("str").value_counts()
    ends = [(pd.Period(month) + 1).start_time.tz_localize(tz) for month in months]
    now = pd.Timestamp(looked).tz_localize("UTC")
    return Delivery(
        month=tuple(months),
        promised=np.array([promised[month] for month in months], dtype=np.int64),
        delivered=counts.reindex(months, fill_value=0).to_numpy(dtype=np.int64),
        complete=np.array([end <= now for end in ends], dtype=np.bool_),
        level=level,
    )


def speed_to_lead(
    leads: pd.DataFrame,
    *,
    within_hours: float = 8.0,
    hours: BusinessHours | None = None,
    as_of: object = None,
    level: float = 0.9,
    group: str = "",
) -> tuple[Kpi, Kpi]:
    """Return how soon sales calls a lead, in business hours: the median, and the share in time.

    The median is that of Kaplan and Meier over all leads, those not called yet censored on `as_of`;
    a lead that was discarded uncalled stays uncalled, so that giving up does not look like speed.
    The share covers the leads whose time was up on `as_of`, called or not, because among younger
    ones only the quick calls can be known; its interval is Wilson's.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at and first_contacted_at.
    within_hours : float
        What sales agreed to, in business hours.
    hours : BusinessHours, optional
        By default Monday to Friday 9-13 and 14-18 in Rome, less Italy's public holidays.
    as_of : str, date or instant, optional
        Nothing later is known; by default the latest instant in leads.
    level : float
        Coverage of the intervals.
    group : str
        Whom the leads belong to, for the indicators.

    Returns
    -------
    median, in_time : Kpi
        "speed_to_lead" in working days of `hours.hours_a_day` hours, the hours in its note, and
        "called_in_time", a share.

    Raises
    ------
    InputError
        If a column is missing or no lead is left.
    ConfigError
        If `within_hours`, `level` or `as_of` is out of range.

    Examples
    --------
    >>> from mmm import datasets
    >>> median, in_time = speed_to_lead(datasets.load("leads"))
    >>> f"{8 * median.value:.1f} hours; {in_time.value:.0%} within 8"
    '16.8 hours; 24% within 8'
    """
    check_level(level)
    if not within_hours > 0:
        raise ConfigError(f"within_hours is {within_hours!r}; give business hours above 0")
    missing = [c for c in ("created_at", "first_contacted_at") if c not in leads.columns]
    if missing:
        raise InputError(f"leads has no column {quoted(missing)}; found {quoted(leads.columns)}")
    calendar = hours if hours is not None else BusinessHours()
    looked = latest_instant(leads) if as_of is None else instant(as_of)
    created, called = instants(leads, "created_at"), instants(leads, "first_contacted_at")
    # Comparisons with a missing instant are false: undated leads drop out here.
    backwards = called < created
    known = (created <= looked) & ~backwards
    if not known.any():
        raise InputError(
            f"none of {len(leads)} leads was created by {looked} and called afterwards or not yet; "
            "look from a later date, or check first_contacted_at"
        )
    notes = _left_out(created, backwards, looked)
    created, called = created[known], called[known]
    done = called <= looked
    took = calendar.between(created, np.where(done, called, looked))
    age = calendar.between(created, np.full(len(created), looked))
    base: dict[str, Any] = {"group": group, "level": level}
    base["cohort"] = tuple(pd.Timestamp(day).date() for day in (created.min(), created.max()))
    return (
        _median(took, done, calendar, notes, base),
        _in_time(took, done, age, within_hours, notes, base, calendar.hours_a_day),
    )


def _median(
    took: Floats, done: Flags, calendar: BusinessHours, notes: list[str], base: dict[str, Any]
) -> Kpi:
    found = median_time(kaplan_meier(took, done, level=base["level"]), "speed_to_lead")
    a_day = calendar.hours_a_day
    waiting = int(np.sum(~done))
    said = [] if np.isnan(found.value) else [f"{found.value:.3g} business hours"]
    said += [found.note] if found.note else []
    said += [f"{waiting} not called, counted as waiting"] if waiting else []
    return Kpi(
        name=found.name,
        value=found.value / a_day,
        unit="days",
        n=found.n,
        lower=found.lower / a_day,
        upper=found.upper / a_day,
        window_days=None if found.window_days is None else found.window_days / a_day,
        note="; ".join([*said, f"working days of {a_day:g} hours", *notes]),
        **base,
    )


def _in_time(
    took: Floats,
    done: Flags,
    age: Floats,
    within_hours: float,
    notes: list[str],
    base: dict[str, Any],
    a_day: float,
) -> Kpi:
    ripe = age >= within_hours
    n = int(ripe.sum())
    share = float(np.mean((done & (took <= within_hours))[ripe])) if n else float("nan")
    lower, upper = share_interval(share, n, base["level"])
    said = [f"called within {within_hours:g} business hours"]
    young = int(np.sum(~ripe))
    said += [f"{young} lead(s) younger than that, left out"] if young else []
    return Kpi(
        name="called_in_time",
        value=share,
        unit="share",
        n=n,
        lower=lower,
        upper=upper,
        window_days=within_hours / a_day,
        note="; ".join([*said, *notes]),
        **base,
    )


def _left_out(created: Instants, backwards: Flags, looked: np.datetime64) -> list[str]:
    found = (
        (np.isnat(created), "without created_at"),
        (created > looked, "created after the date looked from"),
        (backwards & (created <= looked), "called before they were created"),
    )
    return [f"{int(which.sum())} lead(s) {what}, left out" for which, what in found if which.any()]


def _is_month(name: str) -> bool:
    year, dash, month = name.partition("-")
    numbers = len(year) == 4 and year.isdigit() and len(month) == 2 and month.isdigit()
    return bool(dash) and numbers and 1 <= int(month) <= 12
