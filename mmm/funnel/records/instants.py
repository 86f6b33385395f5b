"""Instants of a table, and the instant of the last look."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError

Instants = npt.NDArray[np.datetime64]
NOT_YET = np.datetime64("NaT", "us")


def instants(frame: pd.DataFrame, name: str) -> Instants:
    """Return a column of UTC instants as datetime64[us], all missing where there is no column.

    Parameters
    ----------
    frame : pandas.DataFrame
    name : str

    Returns
    -------
    ndarray of datetime64[us], shape (n,)

    Raises
    ------
    InputError
        If the column holds anything but instants with a time zone.

    Examples
    --------
    >>> instants(pd.DataFrame({"a": pd.to_datetime(["2024-03-05T09:00Z"])}), "a")
    array(['2024-03-05T09:00:00.000000'], dtype='datetime64[us]')
    """
    if name not in frame.columns or frame[name].isna().all():
        return np.full(len(frame), NOT_YET)
    column = frame[name]
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise InputError(
            f"{name} has type {column.dtype}, not instants with a time zone; read the table with "
            "mmm.read_leads, mmm.read_deals or mmm.tables.read_stages, which type it"
        )
    plain: Any = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(plain.to_numpy(dtype="datetime64[us]"))


def last_look(as_of: object, *tables: pd.DataFrame | None) -> pd.Timestamp:
    """Return `as_of` in UTC; where it is None, the latest instant of the tables.

    Closes of open deals are plans and do not count.

    Parameters
    ----------
    as_of : date, str, timestamp or None
    *tables : pandas.DataFrame or None

    Returns
    -------
    pandas.Timestamp

    Raises
    ------
    ConfigError
        If `as_of` is no instant.
    InputError
        If there is none in the tables either.

    Examples
    --------
    >>> last_look(None, pd.DataFrame({"created_at": pd.to_datetime(["2025-01-05T09:00Z"])}))
    Timestamp('2025-01-05 09:00:00+0000', tz='UTC')
    """
    if as_of is not None:
        return utc(as_of, "as_of")
    found = []
    for table in (table for table in tables if table is not None):
        for name in (name for name in table.columns if name.endswith("_at")):
            column = table[name]
            if name == "closed_at" and "won" in table.columns:
                column = column[table["won"].notna()]
            if column.notna().any():
                found.append(utc(column.max()))
    if not found:
        raise InputError("the tables hold no date. Pass as_of=, the day of the last look.")
    return max(found)


def utc(moment: object, name: str = "the date") -> pd.Timestamp:
    """Return a date, text or timestamp as an instant in UTC; a bare day ends at midnight after it.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> utc("2025-01-05")
    Timestamp('2025-01-05 23:59:59.999999+0000', tz='UTC')
    """
    try:
        stamp = pd.Timestamp(moment)  # type: ignore[arg-type]
    except (TypeError, ValueError) as reason:
        raise ConfigError(f"{name} is {moment!r}. Pass a day such as '2025-03-31'.") from reason
    if pd.isna(stamp):
        raise ConfigError(f"{name} is missing. Pass a day such as '2025-03-31'.")
    bare = isinstance(moment, str) and len(moment) == 10
    if bare or (isinstance(moment, date) and not hasattr(moment, "hour")):
        stamp += pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def plain(moment: pd.Timestamp) -> np.datetime64:
    """Return an instant in UTC as datetime64[us], to be compared with `instants`.

    Examples
    --------
    >>> plain(utc("2025-01-05T10:00"))
    np.datetime64('2025-01-05T10:00:00.000000')
    """
    result: np.datetime64 = moment.tz_localize(None).to_datetime64().astype("datetime64[us]")
    return result
