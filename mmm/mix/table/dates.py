"""Dates of the rows: read where they can be read in one way only, or refused."""

import re
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import InputError, name_rows, quoted
from mmm.tables.instants import numbered_months

Days = np.ndarray[tuple[int], np.dtype[np.datetime64]]

_CLOCK = r"(?:[T ,]+\d{1,2}[:.]\d{2}.*)?$"
_YEAR_LAST = r"^(\d{1,2})-(\d{1,2})-(\d{4})" + _CLOCK
_WRITTEN = (
    (r"^(\d{4}-\d{1,2}-\d{1,2})" + _CLOCK, r"\1"),  # the day as written, whatever the time
    (r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3"),
    (r"^(\d{1,2})-(\d{4})$", r"\2-\1"),
)
_CURE = (
    "Pass dates parsed with pd.to_datetime(..., dayfirst=True) or dayfirst=False, or written "
    "2024-03-31."
)
_YYYYMMDD = (19000101, 21001231)


def read_dates(frame: pd.DataFrame, date: str, day_first: bool | None = None) -> Days:
    """Return the dates of the rows.

    Parameters
    ----------
    frame : pandas.DataFrame
    date : str
        Column of dates, or of text: 2024-03-31, a month that is spelled, or day and month in the
        order that `find_order` tells.
    day_first : bool, optional
        The order of day and month in the fit, where that is known.

    Raises
    ------
    InputError
        If a date is missing, is a number, cannot be read, or can be read in two ways, and if time
        zones are mixed.

    Examples
    --------
    >>> read_dates(pd.DataFrame({"week": ["06/01/2025", "13/01/2025"]}), "week").tolist()
    [datetime.date(2025, 1, 6), datetime.date(2025, 1, 13)]
    """
    column = _column(frame, date)
    zones = {str(value.tzinfo) for value in column if getattr(value, "tzinfo", None) is not None}
    if len(zones) > 1:
        raise InputError(
            f"The dates in {date!r} mix the time zones {quoted(sorted(zones))}; "
            "convert them to one zone."
        )
    words = _texts(column, date)
    if words is not None:
        return _from_text(words, date, _order(words, date, day_first))
    try:
        parsed = pd.to_datetime(column)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The dates in {date!r} cannot be read ({error}); write them as 2025-01-31."
        ) from error
    if parsed.dt.tz is not None:
        parsed = parsed.dt.tz_localize(None)
    return np.asarray(parsed.to_numpy().astype("datetime64[D]"))


def dates_of(X: Any, date: str | None, day_first: bool | None = None) -> Days | None:
    """Return the dates of the rows, where a column of them is named.

    Raises
    ------
    InputError
        As `read_dates`, and if an array is given.
    """
    if date is None:
        return None
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"date={date!r} names a column, and X is of the type {type(X).__name__}; pass a "
            "frame of pandas, pyarrow or Polars (collected)."
        )
    return read_dates(X, date, day_first)


def with_dates(X: Any, date: str | None, day_first: bool | None = None) -> Any:
    """Return the frame with its dates read, so that parts of it are not read in another order.

    Raises
    ------
    InputError
        As `read_dates`.
    """
    if date is None or not isinstance(X, pd.DataFrame):
        return X
    return X.assign(**{date: read_dates(X, date, day_first)})


def find_order(X: Any, date: str | None) -> bool | None:
    """Tell whether the day comes first: a part above 12 settles it; None where there is no such.

    Raises
    ------
    InputError
        If day and month can be read in two ways, or rows disagree.

    Examples
    --------
    >>> find_order(pd.DataFrame({"week": ["06/01/2025", "13/01/2025"]}), "week")
    True
    >>> find_order(pd.DataFrame({"week": ["2025-01-06"]}), "week") is None
    True
    """
    if date is None or not isinstance(X, pd.DataFrame):
        return None
    words = _texts(_column(X, date), date)
    return None if words is None else _order(words, date, None)


def one_day(value: Any) -> pd.Timestamp:
    """Return a single date; as text it is written 2024-03-31.

    Raises
    ------
    InputError
        If it is text in another form.
    ValueError, TypeError
        If it is no date.

    Examples
    --------
    >>> one_day("2024-03-31").day
    31
    """
    if isinstance(value, str) and re.match(r"\d{4}-\d", value.strip()) is None:
        raise InputError(f"{value!r} can be read in two ways, or is no date. Write 2024-03-31.")
    return pd.Timestamp(value)


def _column(frame: pd.DataFrame, date: str) -> "pd.Series[Any]":
    if date not in frame.columns:
        raise InputError(
            f"There is no date column {date!r} among {quoted(frame.columns)}; name one with date=."
        )
    if list(frame.columns).count(date) > 1:
        raise InputError(f"The column {date!r} stands there twice; drop or rename one.")
    column: pd.Series[Any] = frame[date]
    return column


def _texts(column: "pd.Series[Any]", date: str) -> "pd.Series[Any] | None":
    """Return the dates as text where they are text, None where they are dates; refuse numbers."""
    values = column.astype(object).reset_index(drop=True)
    text = np.array([isinstance(value, str) for value in values], dtype=bool)
    words = values.where(text, "").astype(str).str.strip()
    missing = np.flatnonzero(values.isna() | (text & (words == "")))
    if len(missing):
        raise InputError(f"The date is missing in {name_rows(missing.tolist())}; fill it in.")
    if any(isinstance(value, Number) for value in values):
        _refuse_numbers(values, date)
    if not text.any():
        return None
    if not text.all():
        raise InputError(
            f"{date!r} holds text in {name_rows(np.flatnonzero(text).tolist())} and dates in the "
            f"other rows. {_CURE}"
        )
    return words


def _refuse_numbers(values: "pd.Series[Any]", date: str) -> None:
    numbers = [value for value in values if isinstance(value, Number)]
    low, high = min(numbers), max(numbers)  # type: ignore[type-var]
    said = f"{date!r} holds numbers, such as {numbers[0]}, and no dates"
    if _YYYYMMDD[0] <= low <= high <= _YYYYMMDD[1]:  # type: ignore[operator]
        raise InputError(
            f"{said}. Where they are written yyyymmdd, pass "
            f"pd.to_datetime(frame[{date!r}].astype(int).astype(str))."
        )
    raise InputError(
        f"{said}. Where they number weeks, leave the column and date= out: rows in order are then "
        "consecutive weeks. Else pass dates such as 2024-03-31."
    )


def _plain(words: "pd.Series[Any]") -> "pd.Series[Any]":
    """Write months as numbers, and the same sign between the parts of a date."""
    numbered = numbered_months(pa.array(words.tolist(), pa.string())).to_pylist()
    return pd.Series(numbered, dtype=object).str.replace(
        r"^[\d/.-]+", lambda found: found[0].replace("/", "-").replace(".", "-"), regex=True
    )


def _order(words: "pd.Series[Any]", date: str, known: bool | None) -> bool | None:
    """Return whether the day comes first, as a row proves or as is known already."""
    parts = _plain(words).str.extract(_YEAR_LAST).astype(float)
    rows = np.flatnonzero(parts[0].notna())
    if not len(rows):
        return known
    proofs = [np.flatnonzero(parts[place] > 12) for place in (0, 1)]
    day, month = (f"row {at[0] + 1} ({words[at[0]]!r})" if len(at) else "" for at in proofs)
    if day and month:
        raise InputError(
            f"The dates in {date!r} are in two orders: {day} has the day first, {month} the month. "
            f"Correct the rows. {_CURE}"
        )
    if known is None and not day and not month:
        raise InputError(
            f"The dates in {date!r} can be read in two ways: row {rows[0] + 1} "
            f"({words[rows[0]]!r}) is day/month or month/day, and no part is above 12. {_CURE}"
        )
    if (known and month) or (known is False and day):
        raise InputError(
            f"In the fit the {'day' if known else 'month'} came first in {date!r}, and "
            f"{day or month} has the {'month' if known else 'day'} first. {_CURE}"
        )
    return bool(day) if known is None else known


def _from_text(words: "pd.Series[Any]", date: str, day_first: bool | None) -> Days:
    plain = _plain(words)
    order = r"\3-\2-\1" if day_first else r"\3-\1-\2"
    for pattern, iso in ((_YEAR_LAST, order), *_WRITTEN):
        plain = plain.str.replace(pattern, iso, regex=True)
    known = plain.where(plain.str.fullmatch(r"\d{4}-\d{1,2}(?:-\d{1,2})?"))
    parsed = pd.to_datetime(known, format="ISO8601", errors="coerce")
    strange = np.flatnonzero(parsed.isna())
    if len(strange):
        raise InputError(
            f"{date!r} holds {words[strange[0]]!r} in {name_rows(strange.tolist())}, which is no "
            "date that can be read; write them as 2024-03-31."
        )
    return np.asarray(parsed.to_numpy().astype("datetime64[D]"))
