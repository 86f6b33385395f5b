"""Weeks and months: where they begin, and how an amount of one spreads over others."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mmm.wording import round_to_total


def period_start(dates: "pd.Series[Any]", every: str) -> "pd.Series[Any]":
    """Return the Monday, or the first of the month, of each day.

    Examples
    --------
    >>> period_start(pd.Series(pd.to_datetime(["2024-01-03"])), "week").dt.date[0]
    datetime.date(2024, 1, 1)
    """
    days = dates.dt.normalize()
    back = days.dt.day_of_week if every == "week" else days.dt.day - 1
    whole = back.fillna(0).astype("int64")  # a missing day stays missing, whatever is taken off
    starts: pd.Series[Any] = days - pd.to_timedelta(whole, unit="D")
    return starts


def next_start(start: pd.Timestamp, every: str) -> pd.Timestamp:
    """Return when the "day", "week" or "month" that begins at `start` is over.

    Examples
    --------
    >>> next_start(pd.Timestamp("2024-01-31"), "month").date()
    datetime.date(2024, 2, 29)
    """
    if every == "month":
        return start + pd.DateOffset(months=1)
    return start + pd.Timedelta(days=7 if every == "week" else 1)


def calendar(first: pd.Timestamp, end: pd.Timestamp, every: str) -> pd.DatetimeIndex:
    """Return the starts of the periods that lie between `first` and `end` as a whole.

    Examples
    --------
    >>> calendar(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-03-15"), "month").tolist()
    [Timestamp('2024-02-01 00:00:00')]
    """
    starts = pd.date_range(first.normalize(), end, freq="W-MON" if every == "week" else "MS")
    whole = [next_start(start, every) <= end and start >= first for start in starts]
    return starts[np.array(whole, dtype=bool)].as_unit("us")


def spread(
    amount: Decimal, start: pd.Timestamp, end: pd.Timestamp, every: str
) -> Iterator[tuple[pd.Timestamp, Decimal]]:
    """Split an amount evenly over the days from `start` to before `end`, and add up by period.

    The parts are rounded to cents, or to the amount's own decimals where it has more, by largest
    remainder: they add up to the amount.

    Examples
    --------
    >>> days = pd.Timestamp("2024-02-01"), pd.Timestamp("2024-03-01")
    >>> [str(part) for _, part in spread(Decimal("1000.00"), *days, "week")]
    ['137.93', '241.38', '241.38', '241.38', '137.93']
    """
    days = pd.Series(pd.date_range(start, end, inclusive="left"))
    counts = period_start(days, every).value_counts(sort=False).sort_index()
    exponent = amount.as_tuple().exponent
    digits = max(2, -exponent if isinstance(exponent, int) else 2)
    sign = -1 if amount < 0 else 1
    weights = [abs(amount) * int(n) / len(days) for n in counts]
    parts = round_to_total(weights, digits, total=abs(amount))
    for period, part in zip(counts.index, parts, strict=True):
        yield pd.Timestamp(period), sign * part
