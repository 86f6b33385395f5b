"""How each lead ended: won, lost, or still open; seen on a day."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted
from mmm.tables import SPECS
from mmm.tables.schema import LOST_STAGES

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
        UTC; missing while a lead is open, and where nothing says when it ended.
    won : ndarray of bool
    undated : ndarray of bool
        The lead has ended, and nothing says when.
    told : numpy.datetime64
        Last instant of the tables: on an earlier day nobody can say which of `undated` had ended.
    """

    at: Instants
    won: Flags
    undated: Flags
    told: np.datetime64 = NEVER

    def seen(self, look: np.datetime64) -> "Ends":
        """Return what was known on a day: later ends had not happened."""
        known, undated = self.at <= look, self.undated & ~(self.told > look)
        at = np.where(known, self.at, NEVER)
        return Ends(at, self.won & (known | undated), undated, self.told)

    @property
    def outcome(self) -> "npt.NDArray[np.str_]":
        """Return won, lost or open for each lead."""
        is_open = np.isnat(self.at) & ~self.undated
        return np.where(self.won, "won", np.where(is_open, "open", "lost"))


def lead_ends(leads: pd.DataFrame, deals: pd.DataFrame | None = None) -> Ends:
    """Tell when and how each lead ended.

    A won deal belongs to the latest lead of its person that is not younger than the deal, else to
    the latest such lead of its account; expansions and renewals belong to none. A lead with such a
    deal is won when the first of them closed; another lead is lost at its ended_at. Without deals,
    leads whose stage is "won" are won at their ended_at. Without a date, a lead has ended as its
    stage says, won, lost or discarded; one with a discard_reason is lost: what the funnel takes
    for ends.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at; ended_at, stage, discard_reason, person_id, account_id where known.
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
        return _with_undated(leads, deals, ended, _says(leads, ("won",)) & ~np.isnat(ended))
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
    return _with_undated(leads, deals, np.where(is_won, won_at, ended), is_won)


def _with_undated(
    leads: pd.DataFrame, deals: pd.DataFrame | None, at: Instants, won: Flags
) -> Ends:
    """Add the leads that their stage or a reason ends, on a day that nobody wrote down."""
    says_won, lost = _says(leads, ("won",)), _says(leads, LOST_STAGES)
    if "discard_reason" in leads.columns:
        lost = lost | leads["discard_reason"].notna().to_numpy(dtype=bool)
    undated = np.isnat(at) & (says_won | lost)
    tables = {"leads": leads} if deals is None else {"leads": leads, "deals": deals}
    days = [instants(frame, c) for name, frame in tables.items() for c in SPECS[name].not_future]
    told = np.fmax.reduce(np.concatenate(days)) if len(leads) else NEVER
    return Ends(at, won | (undated & says_won), undated, told)


def _says(leads: pd.DataFrame, stages: tuple[str, ...]) -> Flags:
    """Return which leads are in one of these stages."""
    if "stage" not in leads.columns:
        return np.zeros(len(leads), dtype=np.bool_)
    stage = leads["stage"].astype("str").str.strip().str.lower()
    return stage.isin(stages).to_numpy(dtype=np.bool_)


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
