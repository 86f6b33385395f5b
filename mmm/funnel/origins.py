"""Which lead a deal came from."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted

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
    if name not in frame.columns:
        return np.full(len(frame), NOT_YET)
    column = frame[name]
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise InputError(
            f"{name} has type {column.dtype}, not instants with a time zone; read the table with "
            "mmm.read_leads, mmm.read_deals or mmm.tables.read_stages, which type it"
        )
    plain: Any = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(plain.to_numpy(dtype="datetime64[us]"))


def link_deals(leads: pd.DataFrame, deals: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Say for each deal which lead it came from.

    The latest lead of the same person that is not younger than the deal; where there is none, the
    latest such lead of the same account. A deal has one lead, a lead may have several deals.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at, and person_id or account_id.
    deals : pandas.DataFrame
        The same; a deal without created_at is placed at closed_at.

    Returns
    -------
    ndarray of int64, shape (n_deals,)
        Position of the lead, -1 where there is none.

    Raises
    ------
    InputError
        If the tables share neither person_id nor account_id.

    Examples
    --------
    >>> at = pd.to_datetime(["2024-01-01T00:00Z", "2024-02-01T00:00Z"])
    >>> leads = pd.DataFrame({"person_id": ["p", "p"], "created_at": at})
    >>> link_deals(leads, pd.DataFrame({"person_id": ["p", "q"], "created_at": at}))
    array([ 0, -1])
    """
    keys = [k for k in ("person_id", "account_id") if k in leads.columns and k in deals.columns]
    if not keys:
        raise InputError(
            "leads and deals share neither person_id nor account_id, so that no deal can be "
            f"traced to its lead; leads have {quoted(leads.columns)}, deals have "
            f"{quoted(deals.columns)}. Name the column with columns={{'person_id': ...}}."
        )
    created, closed = instants(deals, "created_at"), instants(deals, "closed_at")
    born = np.where(np.isnat(created), closed, created)
    found = np.full(len(deals), -1, dtype=np.int64)
    for key in keys:
        theirs = _latest_before(leads, deals[key], born, key)
        found = np.where(found < 0, theirs, found)
    return found


def _latest_before(
    leads: pd.DataFrame, ids: "pd.Series[Any]", born: Instants, key: str
) -> npt.NDArray[np.int64]:
    left = pd.DataFrame(
        {"key": ids.to_numpy(dtype=object), "at": born, "deal": np.arange(len(ids))}
    )
    right = pd.DataFrame(
        {
            "key": leads[key].to_numpy(dtype=object),
            "at": instants(leads, "created_at"),
            "lead": np.arange(len(leads)),
            # Two leads of one instant: the order of rows has no say.
            "name": leads["lead_id"].to_numpy(dtype=object) if "lead_id" in leads else "",
        }
    )
    found = np.full(len(ids), -1, dtype=np.int64)
    left = left.dropna().sort_values("at", kind="stable")
    right = right.dropna(subset=["key", "at"]).sort_values(["at", "name"], kind="stable")
    if left.empty or right.empty:
        return found
    pairs = pd.merge_asof(left, right, on="at", by="key").dropna(subset=["lead"])
    found[pairs["deal"].to_numpy()] = pairs["lead"].to_numpy(dtype=np.int64)
    return found
