"""How each lead ended: won, lost, or still open; seen on a day."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted

Instants = npt.NDArray[np.datetime64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class Ends:
    """How leads ended; arrays of shape (n,).

    Attributes
    ----------
    at : ndarray of datetime64[us]
        UTC; missing while a lead is open.
    won : ndarray of bool
    """

    at: Instants
    won: Flags

    def seen(self, look: np.datetime64) -> "Ends":
        """Return what was known on a day: later ends had not happened."""
        known = self.at <= look
        return Ends(np.where(known, self.at, NEVER), self.won & known)

    @property
    def outcome(self) -> "npt.NDArray[np.str_]":
        """Return won, lost or open for each lead."""
        return np.where(self.won, "won", np.where(np.isnat(self.at), "open", "lost"))


def lead_ends(leads: pd.DataFrame, deals: pd.DataFrame | None = None) -> Ends:
    """Tell when and how each lead ended.

    A won deal belongs to the latest lead of its person that is not younger than the deal, else to
    the latest such lead of its account; expansions and renewals belong to none. A lead with such a
    deal is won when the first of them closed; another lead is lost at its ended_at. Without deals,
    leads whose stage is "won" are won at their ended_at.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at; ended_at, stage, person_id, account_id where known.
    deals : pandas.DataFrame, optional
        won, closed_at; created_at, person_id, account_id, kind where known.

    Returns
    -------
    Ends

    Raises
    ------
    InputError
        If the tables share neither person_id nor account_id, or nothing says who was won.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-31"], utc=True)
    >>> leads = pd.DataFrame({"created_at": days, "person_id": ["a", "b", "c"],
    ...     "ended_at": [pd.NaT, days[2], pd.NaT]})
    >>> deals = pd.DataFrame({"person_id": ["a"], "won": [True], "closed_at": [days[2]]})
    >>> lead_ends(leads, deals).outcome.tolist()
    ['won', 'lost', 'open']
    """
    ended = instants(leads, "ended_at")
    if deals is None:
        if "stage" not in leads.columns:
            raise InputError(
                f"Nothing says which leads were won: leads have {quoted(leads.columns)}. "
                "Pass deals, or leads with stage and ended_at."
            )
        stage = leads["stage"].astype("str").str.strip().str.lower().fillna("")
        return Ends(ended, stage.eq("won").to_numpy(dtype=bool) & ~np.isnat(ended))
    won_at = np.full(len(leads), NEVER)
    new = np.ones(len(deals), dtype=bool)
    if "kind" in deals.columns:
        new = deals["kind"].fillna("new").eq("new").to_numpy(dtype=bool)
    won = deals["won"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    closed = instants(deals, "closed_at")
    wins = deals[new & won & ~np.isnat(closed)]
    if len(wins):
        lead, at = link_deals(leads, wins), instants(wins, "closed_at")
        order = np.argsort(at, kind="stable")[::-1]  # the earliest win is written last, and stays
        order = order[lead[order] >= 0]
        won_at[lead[order]] = at[order]
    is_won = ~np.isnat(won_at)
    return Ends(np.where(is_won, won_at, ended), is_won)


def link_deals(leads: pd.DataFrame, deals: pd.DataFrame) -> Integers:
    """Return the position of the lead that each deal came from, -1 where there is none.

    Examples
    --------
    >>> at = pd.to_datetime(["2024-01-01T00:00Z", "2024-02-01T00:00Z"])
    >>> leads = pd.DataFrame({"person_id": ["p", "p"], "created_at": at})
    >>> link_deals(leads, pd.DataFrame({"person_id": ["p", "q"], "closed_at": at})).tolist()
    [0, -1]
    """
    keys = [k for k in ("person_id", "account_id") if k in leads.columns and k in deals.columns]
    if not keys:
        raise InputError(
            "leads and deals share neither person_id nor account_id; leads have "
            f"{quoted(leads.columns)}, deals have {quoted(deals.columns)}. Name the column with "
            "columns={'person_id': ...} where you read them."
        )
    opened, closed = instants(deals, "created_at"), instants(deals, "closed_at")
    born = np.where(np.isnat(opened), closed, opened)
    created = instants(leads, "created_at")
    name = leads["lead_id"].astype("str") if "lead_id" in leads.columns else leads.index.astype(str)
    found = np.full(len(deals), -1, dtype=np.int64)
    for key in keys:
        theirs, ours = deals[key].to_numpy(object), leads[key].to_numpy(object)
        left = pd.DataFrame({"key": theirs, "at": born, "deal": range(len(deals))})
        right = pd.DataFrame({"key": ours, "at": created, "lead": range(len(leads)), "name": name})
        left = left[found < 0].dropna().sort_values("at", kind="stable")
        right = right.dropna(subset=["key", "at"]).sort_values(["at", "name"], kind="stable")
        if len(left) and len(right):
            pairs = pd.merge_asof(left, right, on="at", by="key").dropna(subset=["lead"])
            found[pairs["deal"].to_numpy()] = pairs["lead"].to_numpy(dtype=np.int64)
    return found


def instants(frame: pd.DataFrame, name: str) -> Instants:
    """Return a column as UTC instants without zone; missing throughout where there is no column.

    Examples
    --------
    >>> instants(pd.DataFrame({"a": ["2024-03-05T09:00Z"]}), "a")
    array(['2024-03-05T09:00:00.000000'], dtype='datetime64[us]')
    """
    if name not in frame.columns:
        return np.full(len(frame), NEVER)
    column: Any = pd.to_datetime(frame[name], utc=True)
    return np.asarray(column.dt.tz_localize(None).to_numpy(dtype="datetime64[us]"))
