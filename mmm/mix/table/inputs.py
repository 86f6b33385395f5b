"""What a mix model is given: columns sorted into roles, checked, and put on one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import InputError, name_rows, quoted
from mmm.mix.transforms import Floats

_DAYS_WITHOUT_DATES = 7.0
_TAKEN = {"(media)": "all channels together", "(baseline)": "what no channel brought"}
_UNEVEN = 0.35  # of a period: months differ in length, and weeks do not


@dataclass(frozen=True, eq=False)
class Axis:
    """Where rows lie in time.

    Attributes
    ----------
    position : ndarray of int64, shape (n_rows,)
        Period of each row, counted from the first fitted one.
    dates : ndarray of datetime64[D], shape (n_rows,), or None
    """

    position: np.ndarray[tuple[int], np.dtype[np.int64]]
    dates: np.ndarray[tuple[int], np.dtype[np.datetime64]] | None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows sorted into roles.

    Attributes
    ----------
    spend : ndarray, shape (n_rows, n_channels)
    controls : ndarray, shape (n_rows, n_controls)
    dates : ndarray of datetime64[D], shape (n_rows,), or None
    index : pandas.Index or None
    """

    spend: Floats
    controls: Floats
    dates: np.ndarray[tuple[int], np.dtype[np.datetime64]] | None
    index: pd.Index | None


@dataclass(frozen=True, eq=False)
class Clock:
    """The time axis of the fitted rows.

    Attributes
    ----------
    n_periods : int
    period_days : float
        Length of a period; rows without dates count as weeks.
    first : numpy.datetime64 or None
        First day, where dates are known.
    offset : int or None
        Number of the first row in the index of a frame without dates, where that counts rows.
    """

    n_periods: int
    period_days: float
    first: np.datetime64 | None
    offset: int | None


def start_clock(
    dates: np.ndarray[Any, np.dtype[np.datetime64]] | None, index: pd.Index | None, n_rows: int
) -> Clock:
    """Learn the time axis from the fitted rows, sorted by date.

    Raises
    ------
    InputError
        If periods are repeated or missing.

    Examples
    --------
    >>> weeks = ["2025-01-06", "2025-01-13", "2025-01-27"]
    >>> start_clock(np.array(weeks, dtype="datetime64[D]"), None, 3)
    Traceback (most recent call last):
    mmm.errors.InputError: Periods are missing between 2025-01-13 and 2025-01-27 (the usual step \
is 7 days); add their rows, with 0 where nothing was spent.
    """
    if dates is None:
        return Clock(n_rows, _DAYS_WITHOUT_DATES, None, _counting(index))
    steps = np.diff(dates).astype(np.float64)
    if not len(steps):
        return Clock(n_rows, _DAYS_WITHOUT_DATES, dates[0], None)
    twice = np.flatnonzero(steps == 0)
    if len(twice):
        raise InputError(
            f"{quoted(np.unique(dates[twice]))} stands in more than one row; add rows of one "
            "period up, or name the column of the panel (panel)."
        )
    lengths, counts = np.unique(steps, return_counts=True)
    usual = float(lengths[np.argmax(counts)])
    uneven = np.flatnonzero(np.abs(steps / usual - 1.0) > _UNEVEN)
    if len(uneven):
        at = int(uneven[0])
        raise InputError(
            f"Periods are missing between {dates[at]} and {dates[at + 1]} (the usual step is "
            f"{usual:g} days); add their rows, with 0 where nothing was spent."
        )
    return Clock(n_rows, float(steps.mean()), dates[0], None)


def _counting(index: pd.Index | None) -> int | None:
    """Return the first number of an index that counts rows."""
    if index is None or not pd.api.types.is_integer_dtype(index.dtype) or not len(index):
        return None
    numbers = index.to_numpy()
    return int(numbers[0]) if (np.diff(numbers) == 1).all() else None


def place_rows(
    clock: Clock,
    dates: np.ndarray[Any, np.dtype[np.datetime64]] | None,
    index: pd.Index | None,
    n_rows: int,
) -> Axis:
    """Find the period of each row of another table.

    Without dates, the index of a frame counts rows where it did so in the fit; otherwise rows
    start at the first fitted period.

    Raises
    ------
    InputError
        If a row lies before the first fitted period, or two in the same one.
    """
    if dates is not None and clock.first is not None:
        days = (dates - clock.first).astype(np.float64)
        position = np.rint(days / clock.period_days).astype(np.int64)
    elif clock.offset is not None and index is not None and _follows(index, clock.offset):
        position = index.to_numpy().astype(np.int64) - clock.offset
    else:
        position = np.arange(n_rows, dtype=np.int64)
    if len(position) and position.min() < 0:
        early = np.flatnonzero(position < 0)
        raise InputError(
            f"{name_rows(early.tolist())} lies before the first fitted period; "
            "the spend before it is not known. Fit again with these rows."
        )
    if len(np.unique(position)) < len(position):
        raise InputError("Two rows lie in the same period; add them up to one row a period.")
    return Axis(position, dates)


def _follows(index: pd.Index, offset: int) -> bool:
    return bool(
        pd.api.types.is_integer_dtype(index.dtype) and index.is_unique and index.min() >= offset
    )


def spend_until(clock: Clock, fitted: Floats, table: Table, axis: Axis) -> Floats:
    """Return the spend of all periods up to the last asked for, other rows as fitted.

    Parameters
    ----------
    clock : Clock
    fitted : ndarray, shape (n_channels, clock.n_periods)
    table : Table
    axis : Axis
        Of the table.

    Returns
    -------
    ndarray, shape (n_channels, n_periods)

    Raises
    ------
    InputError
        If a period between the fitted ones and those of the table is missing.
    """
    n_periods = max(clock.n_periods, int(axis.position.max()) + 1)
    spend = np.full((len(fitted), n_periods), np.nan)
    spend[:, : clock.n_periods] = fitted
    spend[:, axis.position] = table.spend.T
    gap = np.flatnonzero(np.isnan(spend).any(axis=0))
    if len(gap):
        raise InputError(
            f"{len(gap)} periods between the fitted ones and those of X are missing; their "
            "spend carries over. Add their rows, with 0 where nothing was spent."
        )
    return spend


def pick_columns(
    X: Any, date: str | None, channels: Sequence[str] | None, controls: Sequence[str]
) -> Any:
    """Return the columns that a fit reads: where channels are named, theirs and those of controls.

    Raises
    ------
    InputError
        If a column is absent, stands there twice, or holds text, or there is none.

    Examples
    --------
    >>> frame = pd.DataFrame({"tv": [1.0], "note": ["x"]})
    >>> pick_columns(frame, None, ["tv"], []).columns.tolist()
    ['tv']
    """
    if not isinstance(X, pd.DataFrame):
        return X
    frame = X if date is None else X.drop(columns=date)
    if channels is not None:
        check_roles(list(frame.columns), channels, controls)
        used = frame.columns.isin([*channels, *controls])
        frame = frame.loc[:, used]
        _check_once(frame)
    if not len(frame.columns):
        raise InputError(
            f"X has no column to learn from; it has {quoted(X.columns) or 'none'}. Add the "
            "columns of spend."
        )
    check_text(frame)
    return frame


def pick_again(X: Any, date: str | None, named: bool, fitted: Sequence[str] | None) -> Any:
    """Return the columns that the fit read, in its order; others where its channels were named.

    Raises
    ------
    InputError
        If one of them is absent, stands there twice or holds text, or there are others and the
        fit named no channels.

    Examples
    --------
    >>> frame = pd.DataFrame({"price": [9.0], "tv": [1.0]})
    >>> pick_again(frame, None, False, ["tv", "price"]).columns.tolist()
    ['tv', 'price']
    """
    if not isinstance(X, pd.DataFrame):
        return X
    frame = X if date is None else X.drop(columns=date)
    if fitted is not None:
        absent = [name for name in fitted if name not in frame.columns]
        if absent:
            raise InputError(
                f"There is no column {quoted(absent)}, which the fit used, among "
                f"{quoted(frame.columns) or quoted(X.columns)}. Add it, with 0 where nothing was "
                "spent."
            )
        more = [name for name in frame.columns if name not in fitted]
        if more and not named:
            raise InputError(
                f"X has the column {quoted(more)}, which the fit did not see. Drop it, or name "
                "channels= in the fit, so that other columns are ignored."
            )
        frame = frame.loc[:, list(fitted)]
        _check_once(frame)
    check_text(frame)
    return frame


def _check_once(frame: pd.DataFrame) -> None:
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(f"{quoted(twice)} stands there twice; drop or rename one column.")


def check_text(frame: pd.DataFrame) -> None:
    """Refuse columns of text, naming the first; digits written as text pass.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_text(pd.DataFrame({"tv": [1.0], "note": ["x"]}))
    Traceback (most recent call last):
    mmm.errors.InputError: The column 'note' holds text ('x') in row 1; pass numbers, or name \
channels= and controls= without it.
    """
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column.dtype):
            continue
        words = [value if isinstance(value, str) else "0" for value in column]
        bad = np.flatnonzero(pd.to_numeric(pd.Series(words), errors="coerce").isna())
        if len(bad):
            raise InputError(
                f"The column {name!r} holds text ({words[bad[0]]!r}) in {name_rows(bad.tolist())}; "
                "pass numbers, or name channels= and controls= without it."
            )


def check_numbers(values: Floats, names: Sequence[str], what: str) -> None:
    """Refuse missing and infinite values, naming rows and columns.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
    names : sequence of str
    what : str
        What they are, for the message.

    Raises
    ------
    InputError
    """
    for kind, bad, cure in (
        ("NaN", np.isnan(values), "fill it, with 0 where nothing happened"),
        ("infinity", np.isinf(values), "mend what divided by 0 or overflowed"),
    ):
        if bad.any():
            columns = [name for name, column in zip(names, bad.T, strict=True) if np.any(column)]
            rows = np.flatnonzero(bad.any(axis=1)).tolist()
            raise InputError(
                f"The {what} contains {kind} in {quoted(columns)}, {name_rows(rows)}; {cure}."
            )


def check_spend(spend: Floats, names: Sequence[str]) -> None:
    """Refuse negative spend, naming rows and columns.

    Raises
    ------
    InputError
    """
    bad = spend < 0
    if bad.any():
        columns = [name for name, column in zip(names, bad.T, strict=True) if np.any(column)]
        raise InputError(
            f"Negative values in data: the spend of {quoted(columns)} is below 0 in "
            f"{name_rows(np.flatnonzero(bad.any(axis=1)).tolist())}; book refunds in the period "
            "of the spend that they undo, or pass the column as a control."
        )


def check_roles(names: Sequence[str], channels: Sequence[str], controls: Sequence[str]) -> None:
    """Refuse columns that are absent, in two roles, or none, and channels called as results are.

    Raises
    ------
    InputError
    """
    absent = [name for name in (*channels, *controls) if name not in names]
    if absent:
        raise InputError(
            f"There is no column {quoted(absent)} among {quoted(names)}; mend channels= or "
            "controls=."
        )
    both = sorted(set(channels) & set(controls))
    if both or len(set(channels)) < len(channels):
        raise InputError(
            f"{quoted(both or channels)} stand in more than one role; name each column once."
        )
    for name in [one for one in channels if one in _TAKEN]:
        raise InputError(
            f"A channel is called {name!r}, which names {_TAKEN[name]} in every result. Rename it."
        )
    if not channels:
        raise InputError("There is no channel; name the columns of spend with channels=.")
