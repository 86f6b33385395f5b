"""What became of each record, and after how many days: converted, lost, or still open."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import NOT_YET, Instants, instants, last_look, plain
from mmm.funnel.records.links import link_deals

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

OPEN, CONVERTED, LOST = 0, 1, 2
_DAY = np.timedelta64(86_400_000_000, "us")
_WON = "won"


@dataclass(frozen=True)
class Outcomes:
    """How records ended, as seen on one day.

    Attributes
    ----------
    row : ndarray of int64, shape (n,)
        Position of each record in the table it comes from.
    start : ndarray of datetime64[us], shape (n,)
        When it entered, UTC.
    days : ndarray of float64, shape (n,)
        From `start` to the end, or to the last look where it is open.
    follow_up : ndarray of float64, shape (n,)
        Days from `start` to the last look, whether it ended or not.
    outcome : ndarray of int64, shape (n,)
        0 open, 1 converted, 2 lost: the codes of `mmm.funnel.durations.survival`.
    as_of : pandas.Timestamp
        The last look; what happened later is not known here.
    notes : tuple of str
        What was left out and why.
    """

    row: Counts
    start: Instants
    days: Floats
    follow_up: Floats
    outcome: Counts
    as_of: pd.Timestamp
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self.row)

    @property
    def cohort(self) -> tuple[date, date] | None:
        """First and last day on which a record entered; None without records."""
        if not len(self):
            return None
        return pd.Timestamp(self.start.min()).date(), pd.Timestamp(self.start.max()).date()


def lead_outcomes(
    leads: pd.DataFrame, deals: pd.DataFrame | None = None, *, as_of: object = None
) -> Outcomes:
    """Follow each lead to its first new customer, or to its end.

    A customer is the first won deal of kind "new" (or without kind) of an account, or of a person
    where the account is unknown. It belongs to the lead that `link_deals` finds. Other
    leads with an ``ended_at`` are lost.

    Parameters
    ----------
    leads : pandas.DataFrame
        created_at; ended_at where known; person_id or account_id with `deals`, else stage.
    deals : pandas.DataFrame, optional
        won, closed_at, person_id or account_id. Without it, leads whose stage is "won" converted.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the tables.

    Returns
    -------
    Outcomes

    Raises
    ------
    InputError
        If a column is missing, or the leads lie after `as_of`.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-31"], utc=True)
    >>> leads = pd.DataFrame({"created_at": days, "person_id": ["a", "b", "c"],
    ...     "ended_at": [pd.NaT, days[2], pd.NaT]})
    >>> deals = pd.DataFrame({"person_id": ["a"], "won": [True], "closed_at": [days[2]]})
    >>> lead_outcomes(leads, deals).outcome.tolist()
    [1, 2, 0]
    """
    need(leads, ("created_at",), "leads", "Read them with mmm.read_leads.")
    ended = instants(leads, "ended_at")
    if deals is None:
        need(leads, ("stage", "ended_at"), "leads", "Pass deals=, which say who was won.")
        won = leads["stage"].fillna("").str.lower().eq(_WON).to_numpy(dtype=bool)
        won_at = np.where(won, ended, NOT_YET)
        look = last_look(as_of, leads)
        return _outcomes(instants(leads, "created_at"), won_at, ended, look)
    need(deals, ("won", "closed_at"), "deals", "Read them with mmm.read_deals.")
    won_at = _won_at(leads, first_wins(deals))
    look = last_look(as_of, leads, deals)
    return _outcomes(instants(leads, "created_at"), won_at, ended, look)


def qualification_outcomes(leads: pd.DataFrame, *, as_of: object = None) -> Outcomes:
    """Follow each lead qualified by marketing (MQL) until sales accepts it (SQL) or it ends.

    Parameters
    ----------
    leads : pandas.DataFrame
        mql_at, sql_at; ended_at where known.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.

    Returns
    -------
    Outcomes
        Leads never qualified by marketing are not in it.

    Raises
    ------
    InputError
        If a column is missing, or no lead was qualified by `as_of`.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-08"], utc=True)
    >>> leads = pd.DataFrame({"mql_at": days[[0, 0]], "sql_at": [days[1], pd.NaT]})
    >>> qualification_outcomes(leads).days.tolist()
    [7.0, 7.0]
    """
    need(leads, ("mql_at", "sql_at"), "leads", "Map the dates of qualification with columns=.")
    start, accepted = instants(leads, "mql_at"), instants(leads, "sql_at")
    return _outcomes(start, accepted, instants(leads, "ended_at"), last_look(as_of, leads))


def opportunity_outcomes(
    deals: pd.DataFrame, *, kinds: tuple[str, ...] = ("new",), as_of: object = None
) -> Outcomes:
    """Follow each opportunity from its opening to won or lost.

    Parameters
    ----------
    deals : pandas.DataFrame
        created_at, closed_at, won; kind where known.
    kinds : tuple of str
        Kinds of deal; those without kind count as "new".
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.

    Returns
    -------
    Outcomes

    Raises
    ------
    InputError
        If a column is missing, or no such deal was opened by `as_of`.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-31"], utc=True)
    >>> deals = pd.DataFrame({"created_at": days[[0, 0]], "closed_at": [days[1], pd.NaT],
    ...     "won": [True, None]})
    >>> opportunity_outcomes(deals).outcome.tolist()
    [1, 0]
    """
    need(deals, ("created_at", "closed_at", "won"), "deals", "Read them with mmm.read_deals.")
    won = deals["won"].astype("boolean")
    closed = instants(deals, "closed_at")
    won_at = np.where(won.fillna(False).to_numpy(dtype=bool), closed, NOT_YET)
    lost_at = np.where((~won).fillna(False).to_numpy(dtype=bool), closed, NOT_YET)
    start = np.where(of_kind(deals, kinds), instants(deals, "created_at"), NOT_YET)
    return _outcomes(start, won_at, lost_at, last_look(as_of, deals))


def first_wins(deals: pd.DataFrame) -> pd.DataFrame:
    """Return the first won new deal of each customer: the day it became one.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at; account_id, person_id and kind where known.

    Returns
    -------
    pandas.DataFrame
        Rows of `deals`, in order of closing; a deal of nobody known counts by itself.

    Examples
    --------
    >>> closed = pd.to_datetime(["2025-03-01", "2025-01-01", "2025-02-01"], utc=True)
    >>> deals = pd.DataFrame({"account_id": ["A", "A", "B"], "won": True, "closed_at": closed})
    >>> first_wins(deals).index.tolist()
    [1, 2]
    """
    won = deals["won"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    new = deals[won & of_kind(deals, ("new",)) & deals["closed_at"].notna().to_numpy(dtype=bool)]
    new = new.sort_values("closed_at", kind="stable")
    return new[~customer_of(new).duplicated().to_numpy()]


def customer_of(deals: pd.DataFrame) -> "pd.Series[str]":
    """Name the customer of each deal: its account, else its person, else the deal itself.

    Examples
    --------
    >>> deals = pd.DataFrame({"account_id": ["A", None], "person_id": ["p", "q"]})
    >>> customer_of(deals).tolist()
    ['account A', 'person q']
    """
    name = pd.Series("row " + deals.index.astype(str), index=deals.index, dtype="str")
    for kind in ("person", "account"):
        if f"{kind}_id" in deals.columns:
            known = deals[f"{kind}_id"]
            name = name.where(known.isna(), f"{kind} " + known.astype("str"))
    return name


def of_kind(deals: pd.DataFrame, kinds: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Tell which deals are of these kinds; those without kind are new.

    Examples
    --------
    >>> of_kind(pd.DataFrame({"kind": ["new", "renewal", None]}), ("new",)).tolist()
    [True, False, True]
    """
    if "kind" not in deals.columns:
        return np.full(len(deals), "new" in kinds)
    return deals["kind"].fillna("new").isin(kinds).to_numpy(dtype=bool)


def _won_at(leads: pd.DataFrame, wins: pd.DataFrame) -> Instants:
    """Give each win to the lead it came from, and return when each lead first won."""
    won_at = np.full(len(leads), NOT_YET)
    if wins.empty:
        return won_at
    lead, closed = link_deals(leads, wins), instants(wins, "closed_at")
    traced = lead >= 0
    # Latest first, so that the earliest win of a lead is the one that stays.
    won_at[lead[traced][::-1]] = closed[traced][::-1]
    return won_at


def _outcomes(start: Instants, won_at: Instants, lost_at: Instants, look: pd.Timestamp) -> Outcomes:
    last = plain(look)
    entered = ~np.isnat(start) & (start <= last)
    if not entered.any():
        n = len(start)
        whose = f"none of {n} records had entered" if n else "there are no records"
        raise InputError(f"{whose} by {look:%Y-%m-%d}. Pass a later as_of=, or check the dates.")
    won = won_at <= last
    lost = ~won & (lost_at <= last)
    end = np.where(won, won_at, np.where(lost, lost_at, last))
    # Comparisons with a missing instant are false, so that only real ends can come too early.
    early = entered & (end < start)
    row = np.flatnonzero(entered & ~early)
    notes = (f"{early.sum()} left out: they end before they start",) if early.any() else ()
    outcome = np.where(won, CONVERTED, np.where(lost, LOST, OPEN)).astype(np.int64)
    return Outcomes(
        row=row.astype(np.int64),
        start=start[row],
        days=(end[row] - start[row]) / _DAY,
        follow_up=(last - start[row]) / _DAY,
        outcome=outcome[row],
        as_of=look,
        notes=notes,
    )
