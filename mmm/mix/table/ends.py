"""The first and the last period: whether the records cover them as a whole."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmm.mix.transforms import Floats

_SILENT = 1.5  # times the longest stretch without a record elsewhere
_LEAST_DAYS = 20  # with a record, to know what stretches without one are usual
_LOW = 0.5  # of the smallest of the periods beside it
_BESIDE, _LEAST_BESIDE = 12, 6


@dataclass(frozen=True)
class Recorded:
    """Where records begin or end within the periods, so that one of them looks incomplete.

    Attributes
    ----------
    since, until : Timestamp or None
        First and last day with a record; None where the period looks covered.
    """

    since: pd.Timestamp | None = None
    until: pd.Timestamp | None = None


def recorded_ends(days: "pd.Series[Any]", first: pd.Timestamp, end: pd.Timestamp) -> Recorded:
    """Find out whether records begin after `first`, or stop before `end`, by more than chance.

    A stretch without a record speaks where it is half as long again as any between records: days
    off, and records that are few, are no sign.

    Parameters
    ----------
    days : Series of datetime64
        Day of each record.
    first, end : Timestamp
        First day of the periods, and the day after their last one.

    Examples
    --------
    >>> days = pd.Series(pd.date_range("2024-01-01", "2024-03-09"))
    >>> recorded_ends(days, pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-01")).until.date()
    datetime.date(2024, 3, 9)
    """
    known = pd.DatetimeIndex(days.dropna().unique()).sort_values()
    if len(known) < _LEAST_DAYS:
        return Recorded()
    between = np.diff(known.to_numpy()) / np.timedelta64(1, "D") - 1.0
    usual = _SILENT * max(float(between.max()), 1.0)
    late, early = (known[0] - first).days, (end - known[-1]).days - 1
    return Recorded(known[0] if late > usual else None, known[-1] if early > usual else None)


def low_ends(spend: Floats, outcome: Floats) -> list[int]:
    """Find the first and the last period where both spend and outcome are far below their like.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)
    outcome : ndarray, shape (n_periods,)

    Returns
    -------
    list of int
        0 for the first, -1 for the last: less than half of the smallest of the twelve beside it,
        in the spend of all channels and in the outcome.

    Examples
    --------
    >>> whole = np.array([90.0, 110.0, 100.0, 95.0, 105.0, 100.0, 120.0])
    >>> low_ends(np.append(whole, 30.0)[None], np.append(5 * whole, 140.0))
    [-1]
    >>> low_ends(np.append(whole, 0.0)[None], np.append(5 * whole, 480.0))
    []
    """
    both = np.stack([spend.sum(axis=0), outcome])
    found = []
    for at, beside in ((0, both[:, 1 : _BESIDE + 1]), (-1, both[:, -_BESIDE - 1 : -1])):
        if beside.shape[1] < _LEAST_BESIDE:
            continue
        least = beside.min(axis=1)
        if (least > 0).all() and (both[:, at] < _LOW * least).all():
            found.append(at)
    return found


def end_warnings(
    spend: Floats, outcome: Floats, dates: "np.ndarray[Any, np.dtype[np.datetime64]] | None"
) -> list[str]:
    """Say that the first or the last period looks incomplete.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)
    outcome : ndarray, shape (n_periods,)
    dates : ndarray of datetime64[D], shape (n_periods,), or None

    Examples
    --------
    >>> end_warnings(np.array([[9.0] * 8 + [2.0]]), np.array([90.0] * 8 + [20.0]), None)
    ['The last period looks incomplete: its spend and its outcome are both less than half of the \
smallest of the periods beside it. If it is not over or not all recorded, leave its row out.']
    """
    said = []
    for at in low_ends(spend, outcome):
        which = "last" if at else "first"
        day = "" if dates is None else f" ({dates[at]})"
        said.append(
            f"The {which} period{day} looks incomplete: its spend and its outcome are both less "
            "than half of the smallest of the periods beside it. If it is not over or not all "
            "recorded, leave its row out."
        )
    return said
