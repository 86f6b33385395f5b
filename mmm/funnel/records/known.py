"""What was known on a day: leads and deals cut there, linked, as stays in states."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import last_look

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

OPEN, ADVANCED, ENDED = range(3)
MOST_GROUPS = 512
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Stays:
    """Stays in one state, arrays of shape (n,), in an order that does not depend on the rows given.

    Attributes
    ----------
    entered : ndarray of float64
        Days from the day of the look, at most 0.
    days : ndarray of float64
        Length of the stay so far.
    outcome : ndarray of int64
        0 still there, 1 went on (a deal: won), 2 ended (lost, discarded).
    group : ndarray of int64
        Account, or bucket of accounts.
    value : ndarray of float64
        Value of the deal; NaN where there is none.
    """

    entered: Floats
    days: Floats
    outcome: Integers
    group: Integers
    value: Floats

    def __len__(self) -> int:
        """Return how many stays there are."""
        return len(self.days)

    def only(self, keep: npt.NDArray[np.bool_]) -> "Stays":
        """Return the stays that a mask keeps."""
        return Stays(
            self.entered[keep],
            self.days[keep],
            self.outcome[keep],
            self.group[keep],
            self.value[keep],
        )


def together(one: Stays, other: Stays) -> Stays:
    """Put two sets of stays into one.

    Examples
    --------
    >>> none = np.empty(0)
    >>> empty = Stays(none, none, none.astype(int), none.astype(int), none)
    >>> len(together(empty, empty))
    0
    """
    return Stays(
        np.concatenate([one.entered, other.entered]),
        np.concatenate([one.days, other.days]),
        np.concatenate([one.outcome, other.outcome]),
        np.concatenate([one.group, other.group]),
        np.concatenate([one.value, other.value]),
    )


@dataclass(frozen=True, eq=False)
class Known:
    """Leads and deals as known on a day; instants are days from it, all at most 0.

    Attributes
    ----------
    as_of : pandas.Timestamp
    states : tuple of str
        States of a lead before the deal, in order.
    leads : tuple of Stays
        Stays in each state.
    created : ndarray of float64, shape (n_leads,)
        When the leads came in, ascending.
    first, repeat : Stays
        Stays of deals until they are won or lost: those of accounts that were not, and were, a
        customer when the deal was opened.
    direct : ndarray of float64, shape (n_direct,)
        When first deals without a lead were opened, ascending.
    customer : ndarray of float64, shape (n_customers,)
        First win of each customer.
    customer_group : ndarray of int64, shape (n_customers,)
    repeat_age : ndarray of float64, shape (n_repeat,)
        Days from the first win to the opening of each deal of `repeat`.
    n_groups : int
    currency : str
        Of the values; empty where the deals do not say.
    notes : tuple of str
    """

    as_of: pd.Timestamp
    states: tuple[str, ...]
    leads: tuple[Stays, ...]
    created: Floats
    first: Stays
    repeat: Stays
    direct: Floats
    customer: Floats
    customer_group: Integers
    repeat_age: Floats
    n_groups: int
    currency: str
    notes: tuple[str, ...] = ()


def known_on(
    leads: pd.DataFrame, deals: pd.DataFrame, as_of: pd.Timestamp | str | None = None
) -> Known:
    """Cut leads and deals at a day, link them, and return the stays in each state.

    A deal belongs to the latest lead of its account (of its person where it has no account) that
    came in before it was opened. Values are those of the tables: an earlier value that was
    overwritten since cannot be known.

    Parameters
    ----------
    leads, deals : pandas.DataFrame
        As `mmm.read_leads` and `mmm.read_deals` return them.
    as_of : pandas.Timestamp or str, optional
        Rows and instants after it are not used; by default the latest instant of both.

    Returns
    -------
    Known

    Raises
    ------
    InputError
        If a column is missing, values are in several currencies, or nothing was known on that day.
    ConfigError
        If `as_of` is no instant.

    Examples
    --------
    >>> from mmm import datasets
    >>> known = known_on(datasets.load("leads"), datasets.load("deals"), "2025-06-30")
    >>> known.states, len(known.leads[0]), bool(known.created.max() <= 0)
    (('new', 'mql', 'sql'), 174, True)
    """
    need(leads, ("lead_id", "created_at"), "leads", "Read them with mmm.read_leads.")
    columns = ("deal_id", "created_at", "closed_at", "won", "value")
    need(deals, columns, "deals", "Read them with mmm.read_deals.")
    look = last_look(as_of, leads, deals)
    lead = _lead_days(leads, look)
    deal, notes = _deal_days(deals, look)
    if not len(lead) and not len(deal):
        raise InputError(f"Nothing was known on {look:%Y-%m-%d}. Choose a later day.")
    group = {key: i for i, key in enumerate(sorted({*lead["key"].tolist(), *deal["key"].tolist()}))}
    n_groups = min(len(group), MOST_GROUPS)
    lead["group"] = lead["key"].map(group).astype("int64") % MOST_GROUPS
    deal["group"] = deal["key"].map(group).astype("int64") % MOST_GROUPS
    wins = deal[(deal["outcome"] == ADVANCED) & deal["keyed"]]
    first_win = wins.groupby("key", sort=True)["closed"].min()
    deal["age"] = deal["created"] - deal["key"].map(first_win)
    repeat = (deal["age"] > 0).to_numpy()
    linked = _link(lead, deal[~repeat])
    states, stays = _lead_stays(lead, linked)
    direct = deal[~repeat & ~deal.index.isin(linked.to_numpy(dtype=np.int64))]
    return Known(
        as_of=look,
        states=states,
        leads=stays,
        created=np.sort(lead["created"].to_numpy(dtype=np.float64)),
        first=_deal_stays(deal[~repeat]),
        repeat=_deal_stays(deal[repeat]),
        direct=np.sort(direct["created"].to_numpy(dtype=np.float64)),
        customer=first_win.to_numpy(dtype=np.float64),
        customer_group=np.array([group[k] % MOST_GROUPS for k in first_win.index], dtype=np.int64),
        repeat_age=deal.loc[repeat, "age"].to_numpy(dtype=np.float64),
        n_groups=n_groups,
        currency=_currency(deals, look),
        notes=notes,
    )


def _days(column: "pd.Series[pd.Timestamp]", look: pd.Timestamp) -> "pd.Series[float]":
    """Days from the look; what lies after it is missing."""
    days = (column - look) / _DAY
    return days.where(days <= 0)


def _keys(frame: pd.DataFrame, name: str) -> tuple["pd.Series[str]", "pd.Series[bool]"]:
    """Account, else person, else the row itself; and whether there is one of the first two."""
    own = frame[f"{name}_id"].astype("str")
    key = pd.Series(pd.NA, index=frame.index, dtype="str")
    for column, mark in (("account_id", "a:"), ("person_id", "p:")):
        if column in frame:
            key = key.fillna(mark + frame[column].astype("str"))
    keyed = key.notna()
    return key.fillna(f"{name}:" + own), keyed


def _currency(deals: pd.DataFrame, look: pd.Timestamp) -> str:
    if "currency" not in deals:
        return ""
    names = sorted(deals.loc[deals["created_at"] <= look, "currency"].dropna().unique())
    if len(names) > 1:
        raise InputError(f"deals hold values in {quoted(names)}. Read them with one currency=.")
    return str(names[0]) if names else ""


def _lead_days(leads: pd.DataFrame, look: pd.Timestamp) -> pd.DataFrame:
    """One row a lead known on the day, by lead_id."""
    frame = pd.DataFrame({"id": leads["lead_id"].astype("str")})
    for column in ("created_at", "mql_at", "sql_at", "ended_at"):
        name = column.removesuffix("_at")
        frame[name] = _days(leads[column], look) if column in leads else np.nan
    frame["key"], frame["keyed"] = _keys(leads, "lead")
    known = frame[frame["created"].notna()]
    return known.sort_values(["created", "id"], kind="stable").reset_index(drop=True)


def _deal_days(deals: pd.DataFrame, look: pd.Timestamp) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row a deal known on the day, by deal_id; open where it had not closed by then."""
    frame = pd.DataFrame({"id": deals["deal_id"].astype("str")})
    frame["created"] = _days(deals["created_at"], look)
    frame["closed"] = _days(deals["closed_at"], look)
    frame["value"] = deals["value"].astype("float64")
    frame["key"], frame["keyed"] = _keys(deals, "deal")
    decided = deals["won"].notna()
    undated = int((decided & deals["closed_at"].isna()).sum())
    unborn = int(deals["created_at"].isna().sum())
    over = decided & frame["closed"].notna()
    won = deals["won"].fillna(False).astype("bool")
    frame["outcome"] = np.where(over, np.where(won, ADVANCED, ENDED), OPEN)
    known = frame[frame["created"].notna() & ~(decided & deals["closed_at"].isna())]
    known = known.sort_values(["created", "id"], kind="stable").reset_index(drop=True)
    notes = []
    if unborn:
        notes.append(f"{unborn} deals without created_at are left out.")
    if undated:
        notes.append(f"{undated} won or lost deals without closed_at are left out.")
    return known, tuple(notes)


def _link(lead: pd.DataFrame, first: pd.DataFrame) -> "pd.Series[float]":
    """Return for each lead the row of its first deal, NaN where there is none yet."""
    keyed = first[first["keyed"]]
    right = lead.loc[lead["keyed"], ["created", "key"]].assign(lead=lambda f: f.index)
    left = keyed[["created", "key"]].assign(deal=keyed.index)
    pairs = pd.merge_asof(left, right, on="created", by="key").dropna(subset=["lead"])
    best = pairs.groupby("lead")["deal"].min()
    linked = best.reindex(lead.index).astype("float64")
    lead["deal"] = linked.map(first["created"])
    return linked.dropna()


def _lead_stays(
    lead: pd.DataFrame, linked: "pd.Series[float]"
) -> tuple[tuple[str, ...], tuple[Stays, ...]]:
    """Return the states that are recorded for most leads with a deal, and the stays in them."""
    with_deal = lead.loc[linked.index]
    recorded = [s for s in ("mql", "sql") if len(with_deal) and with_deal[s].notna().mean() > 0.5]
    names = ("new", *recorded)
    entry = lead[["created", *recorded, "deal"]].to_numpy(dtype=np.float64)
    # A later step implies the earlier ones, and none comes before the lead.
    filled = np.where(np.isnan(entry), np.inf, np.maximum(entry, entry[:, :1]))
    filled = np.minimum.accumulate(filled[:, ::-1], axis=1)[:, ::-1]
    ended = lead["ended"].fillna(np.inf).to_numpy(dtype=np.float64)
    group = lead["group"].to_numpy(dtype=np.int64)
    stays = []
    for k in range(len(names)):
        here = np.isfinite(filled[:, k])
        start, after = filled[here, k], filled[here, k + 1]
        moved = np.isfinite(after)
        over = ~moved & np.isfinite(ended[here])
        stop = np.where(moved, after, np.where(over, ended[here], 0.0))
        outcome = np.where(moved, ADVANCED, np.where(over, ENDED, OPEN)).astype(np.int64)
        nothing = np.full(len(start), np.nan)
        length = np.maximum(stop - start, 0.0)
        stays.append(Stays(start, length, outcome, group[here], nothing))
    return names, tuple(stays)


def _deal_stays(deal: pd.DataFrame) -> Stays:
    created = deal["created"].to_numpy(dtype=np.float64)
    outcome = deal["outcome"].to_numpy(dtype=np.int64)
    closed = np.where(outcome == OPEN, 0.0, deal["closed"].to_numpy(dtype=np.float64))
    group, value = deal["group"].to_numpy(dtype=np.int64), deal["value"].to_numpy(dtype=np.float64)
    return Stays(created, np.maximum(closed - created, 0.0), outcome, group, value)
