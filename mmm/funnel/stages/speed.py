"""Speed to lead: how soon sales calls, in business hours, and how often in the agreed time."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.funnel.durations.survival import kaplan_meier, median_time
from mmm.funnel.intervals import share_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.opening import opening
from mmm.funnel.records.instants import Instants, instants, last_look, plain
from mmm.funnel.stages.business_hours import BusinessHours
from mmm.funnel.stages.groups import group_labels
from mmm.showing import Shown

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class Speed(Shown):
    """How soon leads are called, group by group.

    Attributes
    ----------
    by : str
        Column or period of the groups; empty for none.
    groups : tuple of str, length n_groups
        "(all)" alone where nothing was asked for.
    median : tuple of Kpi, length n_groups
        "speed_to_lead" in working days, the hours in its note.
    in_time : tuple of Kpi, length n_groups
        "called_in_time", a share.
    """

    by: str
    groups: tuple[str, ...]
    median: tuple[Kpi, ...]
    in_time: tuple[Kpi, ...]

    def __repr__(self) -> str:
        ripe = sum(kpi.n for kpi in self.in_time)
        called = sum(kpi.value * kpi.n for kpi in self.in_time if kpi.n)
        share = f"{called / ripe:.0%}" if ripe else "n/a"
        groups = f" by {self.by}: {len(self.groups)} groups" if self.by else ""
        return opening(f"{share} of {ripe} leads were called in time.", f"Speed{groups or ': all'}")

    def to_frame(self) -> pd.DataFrame:
        """Return one row a group.

        Returns
        -------
        pandas.DataFrame
            group, n (leads), days, days_lower, days_upper (working days), n_ripe (leads whose time
            was up), in_time, in_time_lower, in_time_upper.
        """
        frame: dict[str, Any] = {"group": pd.Series(self.groups, dtype="str")}
        for kpis, count, name in ((self.median, "n", "days"), (self.in_time, "n_ripe", "in_time")):
            frame[count] = [kpi.n for kpi in kpis]
            frame[name] = [kpi.value for kpi in kpis]
            frame[f"{name}_lower"] = [kpi.lower for kpi in kpis]
            frame[f"{name}_upper"] = [kpi.upper for kpi in kpis]
        return pd.DataFrame(frame)


def speed_to_lead(
    leads: pd.DataFrame,
    *,
    by: str | None = None,
    within_hours: float = 8.0,
    hours: BusinessHours | None = None,
    as_of: object = None,
    level: float = 0.9,
    tz: str = "Europe/Rome",
) -> Speed:
    """Return how soon sales calls a lead, in business hours: the median, and the share in time.

    The median is that of Kaplan and Meier over all leads, those not called yet censored on `as_of`;
    a lead that was discarded uncalled stays uncalled, so that giving up does not look like speed.
    The share covers the leads whose time was up on `as_of`, called or not, because among younger
    ones only the quick calls can be known; its interval is Wilson's.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at and first_contacted_at.
    by : str, optional
        A column, such as "owner", "channel" or "segment", or "month", "quarter" or "year" of
        created_at: one line a group.
    within_hours : float
        What sales agreed to, in business hours.
    hours : BusinessHours, optional
        By default Monday to Friday 9-13 and 14-18 in Rome, less Italy's public holidays.
    as_of : str, date or instant, optional
        Nothing later is known; by default the latest instant in leads.
    level : float
        Coverage of the intervals.
    tz : str
        Zone in which months begin.

    Returns
    -------
    Speed
        A working day has `hours.hours_a_day` hours.

    Raises
    ------
    InputError
        If a column is missing or no lead is left.
    ConfigError
        If `within_hours`, `level` or `as_of` is out of range.

    Examples
    --------
    >>> from mmm import datasets
    >>> speed = speed_to_lead(datasets.load("leads"))
    >>> f"{8 * speed.median[0].value:.1f} hours; {speed.in_time[0].value:.0%} within 8"
    '16.8 hours; 24% within 8'
    >>> speed_to_lead(datasets.load("leads"), by="year").groups
    ('2024', '2025')
    """
    check_level(level)
    if not within_hours > 0:
        raise ConfigError(f"within_hours is {within_hours!r}; give business hours above 0")
    missing = [c for c in ("created_at", "first_contacted_at") if c not in leads.columns]
    if missing:
        raise InputError(f"leads has no column {quoted(missing)}; found {quoted(leads.columns)}")
    calendar = hours if hours is not None else BusinessHours()
    looked = plain(last_look(as_of, leads))
    created, called = instants(leads, "created_at"), instants(leads, "first_contacted_at")
    # Comparisons with a missing instant are false: undated leads drop out here.
    backwards = called < created
    known = (created <= looked) & ~backwards
    if not known.any():
        raise InputError(
            f"none of {len(leads)} leads was created by {pd.Timestamp(looked):%Y-%m-%d} and called "
            "afterwards or not yet. Look from a later date, or check first_contacted_at."
        )
    notes = _left_out(created, backwards, looked)
    created, called = created[known], called[known]
    done = called <= looked
    took = calendar.between(created, np.where(done, called, looked))
    age = calendar.between(created, np.full(len(created), looked))
    groups, label = group_labels(leads[known], by, tz=tz)
    median, in_time = [], []
    for name in groups:
        mine = label == name
        days = (pd.Timestamp(day).date() for day in (created[mine].min(), created[mine].max()))
        base: dict[str, Any] = {"group": name if by else "", "level": level, "cohort": tuple(days)}
        waited = _Waits(took[mine], done[mine], age[mine])
        median.append(_median(waited, calendar, notes, base))
        in_time.append(_in_time(waited, within_hours, notes, base, calendar.hours_a_day))
    return Speed(by or "", groups, tuple(median), tuple(in_time))


class _Waits(NamedTuple):
    """Business hours to the call or the last look, whether called, and hours since the lead."""

    took: Floats
    done: Flags
    age: Floats


def _median(waited: _Waits, calendar: BusinessHours, notes: list[str], base: dict[str, Any]) -> Kpi:
    took, done = waited.took, waited.done
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
    waited: _Waits,
    within_hours: float,
    notes: list[str],
    base: dict[str, Any],
    a_day: float,
) -> Kpi:
    took, done, age = waited
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
