"""Leads and deals as one pipeline on a day: where each stands, for how long, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted
from mmm.funnel.records import Stays, link_deals, of_kind
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import Instants, instants, last_look, plain
from mmm.funnel.records.known import ADVANCED, ENDED, MOST_GROUPS, OPEN

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NEW_DEAL, OTHER_DEAL = "deal", "other deal"
ALL = "(all)"
_DAY = np.timedelta64(86_400_000_000, "us")
_CURE = "Read them with mmm.read_{}."


@dataclass(frozen=True, eq=False)
class Pipeline:
    """What was known of leads and deals on a day.

    Attributes
    ----------
    as_of : pandas.Timestamp
        Nothing after it is used.
    records : pandas.DataFrame
        One row a deal, and one a lead without a deal: lead_id, deal_id (missing where there is
        none), began_at (of the lead, else of the deal), state ("open", "won", "lost"), stage (where
        it stands or stood: "new", "mql", "sql", "deal", "other deal"), age_days (in that stage;
        missing where it is over), value (of the deal, where known), segment, group (account, or
        bucket of accounts).
    stays : mapping of str to Stays
        By stage, those over included.
    path : tuple of str
        The stages of a new lead in order, from "new" to "deal".
    n_groups : int
    currency : str
        Empty where the deals do not say.
    notes : tuple of str
        What was left out, and why.
    """

    as_of: pd.Timestamp
    records: pd.DataFrame
    stays: Mapping[str, Stays]
    path: tuple[str, ...]
    n_groups: int
    currency: str
    notes: tuple[str, ...] = ()


def pipeline(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    as_of: object = None,
    segment: str | None = None,
) -> Pipeline:
    """Cut leads and deals at a day, link them, and say where each stands.

    A deal belongs to the latest lead of its person that came before it, else of its account. A lead
    with a deal is followed by its deals. Values of deals are those of the table: one that was
    overwritten since cannot be known.

    Parameters
    ----------
    leads, deals : pandas.DataFrame
        As `mmm.read_leads` and `mmm.read_deals` return them.
    as_of : date, str or timestamp, optional
        By default the latest instant of both tables.
    segment : str, optional
        Column of leads or deals whose values share a mean deal value.

    Returns
    -------
    Pipeline

    Raises
    ------
    InputError
        If a column is missing, values are in several currencies, or nothing was known by then.

    Examples
    --------
    >>> from mmm import datasets
    >>> known = pipeline(datasets.load("leads"), datasets.load("deals"), as_of="2025-06-30")
    >>> known.path, sorted(known.records["state"].unique())
    (('new', 'mql', 'sql', 'deal'), ['lost', 'open', 'won'])
    """
    need(leads, ("lead_id", "created_at"), "leads", _CURE.format("leads"))
    need(deals, ("deal_id", "created_at", "closed_at", "won"), "deals", _CURE.format("deals"))
    look = last_look(as_of, leads, deals)
    leads = _known(leads, look, "lead_id", ("created_at", "mql_at", "sql_at", "ended_at"))
    deals, notes = _known_deals(deals, look)
    if not len(leads) and not len(deals):
        raise InputError(f"Nothing was known on {look:%Y-%m-%d}. Choose a later day.")
    lead_of_deal = _linked(leads, deals)
    group, n_groups = _groups(leads, deals, lead_of_deal)
    path, entered = _entries(leads, deals, lead_of_deal)
    now = plain(look)
    stays = _lead_stays(leads, path, entered, now, group[len(deals) :])
    deal_parts = _deal_parts(deals, now, group[: len(deals)])
    stays |= deal_parts
    records = pd.concat(
        [
            _deal_rows(deals, leads, lead_of_deal, now),
            _lead_rows(leads, lead_of_deal, path, entered, now),
        ],
        ignore_index=True,
    )
    bare = np.ones(len(leads), dtype=bool)
    bare[lead_of_deal[lead_of_deal >= 0]] = False
    records["group"] = np.concatenate([group[: len(deals)], group[len(deals) :][bare]])
    records["segment"] = _segments(deals, leads, lead_of_deal, bare, segment)
    return Pipeline(look, records, stays, (*path, NEW_DEAL), n_groups, _currency(deals), notes)


def _known(
    frame: pd.DataFrame, look: pd.Timestamp, key: str, dates: tuple[str, ...]
) -> pd.DataFrame:
    """Keep what was there on the day, without dates that lie after it, in a fixed order."""
    frame = frame[frame["created_at"] <= look]
    later = {
        name: frame[name].where(frame[name] <= look) for name in dates if name in frame.columns
    }
    return frame.assign(**later).sort_values(["created_at", key], kind="stable", ignore_index=True)


def _known_deals(deals: pd.DataFrame, look: pd.Timestamp) -> tuple[pd.DataFrame, tuple[str, ...]]:
    decided = deals["won"].notna()
    undated = decided & deals["closed_at"].isna()
    closed = deals["closed_at"].where(decided & (deals["closed_at"] <= look))
    created = deals["created_at"].fillna(closed)
    unborn = created.isna() & ~undated
    notes = []
    if undated.any():
        notes.append(f"{int(undated.sum())} won or lost deals without closed_at are left out.")
    if unborn.any():
        notes.append(f"{int(unborn.sum())} deals without a date by then are left out.")
    keep = ~undated & (created <= look)
    won = deals["won"].where(closed.notna()).astype("boolean")
    known = deals.assign(created_at=created, closed_at=closed, won=won)[keep]
    known = known.sort_values(["created_at", "deal_id"], kind="stable", ignore_index=True)
    return known, tuple(notes)


def _linked(leads: pd.DataFrame, deals: pd.DataFrame) -> Integers:
    if not len(leads) or not len(deals):
        return np.full(len(deals), -1, dtype=np.int64)
    return link_deals(leads, deals)


def _groups(
    leads: pd.DataFrame, deals: pd.DataFrame, lead_of_deal: Integers
) -> tuple[Integers, int]:
    """Return numbers of the accounts of deals, then leads; a linked deal has its lead's."""
    of_leads = _keys(leads, "lead_id")
    of_deals = _keys(deals, "deal_id")
    linked = lead_of_deal >= 0
    of_deals[linked] = of_leads[lead_of_deal[linked]]
    names, codes = np.unique(np.concatenate([of_deals, of_leads]), return_inverse=True)
    return codes.astype(np.int64) % MOST_GROUPS, min(len(names), MOST_GROUPS)


def _keys(frame: pd.DataFrame, own: str) -> npt.NDArray[np.str_]:
    key = pd.Series(pd.NA, index=frame.index, dtype="str")
    for column, mark in (("account_id", "a:"), ("person_id", "p:")):
        if column in frame.columns:
            key = key.fillna(mark + frame[column].astype("str"))
    return key.fillna(f"{own}:" + frame[own].astype("str")).to_numpy(dtype=str)


def _entries(
    leads: pd.DataFrame, deals: pd.DataFrame, lead_of_deal: Integers
) -> tuple[tuple[str, ...], Instants]:
    """Return the stages recorded for most leads with a deal, and when each lead entered them.

    Returns
    -------
    path : tuple of str
    entered : ndarray of datetime64[us], shape (n_leads, n_stages + 1)
        The last column is the first deal.
    """
    n = len(leads)
    deal_at = np.full(n, np.datetime64("NaT", "us"))
    linked = np.flatnonzero(lead_of_deal >= 0)[::-1]  # the earliest deal is written last
    deal_at[lead_of_deal[linked]] = instants(deals, "created_at")[linked]
    with_deal = ~np.isnat(deal_at)
    stages = {stage: instants(leads, f"{stage}_at") for stage in ("mql", "sql")}
    recorded = [
        stage
        for stage, at in stages.items()
        if with_deal.any() and (~np.isnat(at[with_deal])).mean() > 0.5
    ]
    columns = [instants(leads, "created_at"), *(stages[s] for s in recorded), deal_at]
    entered = np.stack(columns, axis=1)
    # A later step implies the earlier ones, and none comes before the lead.
    for column in range(entered.shape[1] - 2, 0, -1):
        entered[:, column] = np.fmin(entered[:, column], entered[:, column + 1])
    entered = np.fmax(entered, np.where(np.isnat(entered), entered, entered[:, :1]))
    return ("new", *recorded), entered


def _ends(leads: pd.DataFrame, entered: Instants) -> Instants:
    """When each lead ended without a deal."""
    ended = instants(leads, "ended_at")
    over = np.isnat(entered[:, -1]) & ~np.isnat(ended)
    return np.where(over, np.fmax(ended, entered[:, 0]), np.datetime64("NaT", "us"))


def _lead_stays(
    leads: pd.DataFrame,
    path: tuple[str, ...],
    entered: Instants,
    now: np.datetime64,
    group: Integers,
) -> dict[str, Stays]:
    ended = _ends(leads, entered)
    found = {}
    for k, stage in enumerate(path):
        here = ~np.isnat(entered[:, k])
        start, after = entered[here, k], entered[here, k + 1]
        moved = ~np.isnat(after)
        over = ~moved & ~np.isnat(ended[here])
        stop = np.where(moved, after, np.where(over, ended[here], now))
        outcome = np.where(moved, ADVANCED, np.where(over, ENDED, OPEN))
        found[stage] = _stays(start, stop, outcome, now, group[here], None)
    return found


def _deal_parts(deals: pd.DataFrame, now: np.datetime64, group: Integers) -> dict[str, Stays]:
    """Stays of new deals, and of those with customers."""
    new = of_kind(deals, ("new",))
    outcome = np.where(_flag(deals, True), ADVANCED, np.where(_flag(deals, False), ENDED, OPEN))
    start, closed = instants(deals, "created_at"), instants(deals, "closed_at")
    stop = np.where(np.isnat(closed), now, closed)
    value = _values(deals)
    return {
        name: _stays(start[of], stop[of], outcome[of], now, group[of], value[of])
        for name, of in ((NEW_DEAL, new), (OTHER_DEAL, ~new))
    }


def _stays(
    start: Instants,
    stop: Instants,
    outcome: npt.NDArray[np.int64],
    now: np.datetime64,
    group: Integers,
    value: Floats | None,
) -> Stays:
    days = np.maximum((stop - start) / _DAY, 0.0)
    nothing = np.full(len(start), np.nan)
    worth = nothing if value is None else value
    return Stays((start - now) / _DAY, days, outcome.astype(np.int64), group, worth)


def _flag(deals: pd.DataFrame, won: bool) -> npt.NDArray[np.bool_]:
    return (deals["won"] == won).fillna(False).to_numpy(dtype=bool)


def _values(deals: pd.DataFrame) -> Floats:
    if "value" not in deals.columns:
        return np.full(len(deals), np.nan)
    return np.asarray(deals["value"].astype("float64"), dtype=np.float64)


def _deal_rows(
    deals: pd.DataFrame, leads: pd.DataFrame, lead_of_deal: Integers, now: np.datetime64
) -> pd.DataFrame:
    start = instants(deals, "created_at")
    linked = lead_of_deal >= 0
    began = start.copy()
    lead_id = np.full(len(deals), None, dtype=object)
    if linked.any():
        began[linked] = instants(leads, "created_at")[lead_of_deal[linked]]
        lead_id[linked] = leads["lead_id"].to_numpy(dtype=object)[lead_of_deal[linked]]
    state = np.where(_flag(deals, True), "won", np.where(_flag(deals, False), "lost", "open"))
    age = np.where(state == "open", (now - start) / _DAY, np.nan)
    stage = np.where(of_kind(deals, ("new",)), NEW_DEAL, OTHER_DEAL)
    ids = deals["deal_id"].to_numpy(dtype=object)
    return _rows(lead_id, ids, began, state, stage, age, _values(deals))


def _lead_rows(
    leads: pd.DataFrame,
    lead_of_deal: Integers,
    path: tuple[str, ...],
    entered: Instants,
    now: np.datetime64,
) -> pd.DataFrame:
    bare = np.ones(len(leads), dtype=bool)
    bare[lead_of_deal[lead_of_deal >= 0]] = False
    reached = (~np.isnat(entered[:, :-1])).sum(axis=1) - 1
    since = entered[np.arange(len(leads)), np.maximum(reached, 0)]
    over = ~np.isnat(_ends(leads, entered))
    state = np.where(over, "lost", "open")[bare]
    age = np.where(over, np.nan, (now - since) / _DAY)[bare]
    stage = np.array(path, dtype=object)[np.maximum(reached, 0)][bare]
    n = int(bare.sum())
    ids = leads["lead_id"].to_numpy(dtype=object)[bare]
    nothing = np.full(n, None, dtype=object)
    began = instants(leads, "created_at")[bare]
    return _rows(ids, nothing, began, state, stage, age, np.full(n, np.nan))


def _rows(
    lead_id: npt.NDArray[np.object_],
    deal_id: npt.NDArray[np.object_],
    began: Instants,
    state: npt.NDArray[np.str_],
    stage: npt.NDArray[np.object_] | npt.NDArray[np.str_],
    age: Floats,
    value: Floats,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": pd.Series(lead_id, dtype="str"),
            "deal_id": pd.Series(deal_id, dtype="str"),
            "began_at": pd.Series(began).dt.tz_localize("UTC"),
            "state": pd.Series(state, dtype="str"),
            "stage": pd.Series(stage, dtype="str"),
            "age_days": age,
            "value": value,
        }
    )


def _segments(
    deals: pd.DataFrame,
    leads: pd.DataFrame,
    lead_of_deal: Integers,
    bare: npt.NDArray[np.bool_],
    segment: str | None,
) -> "pd.Series[str]":
    """Name the segment of each record: of its deal, else of its lead."""
    of_deals = np.full(len(deals), ALL, dtype=object)
    of_leads = np.full(len(leads), ALL, dtype=object)
    if segment is not None:
        if segment not in leads.columns and segment not in deals.columns:
            raise InputError(
                f"segment={segment!r} is a column neither of leads ({quoted(leads.columns)}) nor "
                f"of deals ({quoted(deals.columns)}). Name one of theirs."
            )
        if segment in leads.columns:
            of_leads = leads[segment].astype("str").fillna(ALL).to_numpy(dtype=object)
            linked = lead_of_deal >= 0
            of_deals[linked] = of_leads[lead_of_deal[linked]]
        if segment in deals.columns:
            own = deals[segment].astype("str").to_numpy(dtype=object)
            of_deals = np.where(deals[segment].notna().to_numpy(), own, of_deals)
    return pd.Series(np.concatenate([of_deals, of_leads[bare]]), dtype="str")


def _currency(deals: pd.DataFrame) -> str:
    if "currency" not in deals.columns:
        return ""
    names = sorted(deals["currency"].dropna().unique())
    if len(names) > 1:
        raise InputError(f"deals hold values in {quoted(names)}. Read them with one currency=.")
    return str(names[0]) if names else ""
