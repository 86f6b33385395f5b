"""When each lead entered each stage, and how it ended, as known on a date."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError
from mmm.funnel.records.instants import NOT_YET, Instants, instants
from mmm.funnel.records.links import link_deals
from mmm.funnel.stages.stage_sets import Stage, StageSet

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """The way of each lead through the stages.

    Attributes
    ----------
    stages : tuple of str
        Stages for which the tables hold dates, in order.
    row : ndarray of int64, shape (n_leads,)
        Position in the table of leads.
    entered : ndarray of datetime64[us], shape (n_leads, n_stages)
        UTC; missing where the stage was not reached. Never earlier than the stage before.
    exact : ndarray of bool, shape (n_leads, n_stages)
        True where `entered` is the recorded instant, False where it was moved or borrowed.
    lost : ndarray of bool, shape (n_leads,)
    ended : ndarray of datetime64[us], shape (n_leads,)
        When it was lost; missing for the others.
    as_of : numpy.datetime64
        What is later is not known.
    notes : tuple of str
        What was left out, moved or borrowed, with counts.
    """

    stages: tuple[str, ...]
    row: Integers
    entered: Instants
    exact: Flags
    lost: Flags
    ended: Instants
    as_of: np.datetime64
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Ends:
    """How each lead ended: instants are missing where it did not, or where no date is known."""

    won_at: Instants
    lost_at: Instants
    won: Flags
    lost: Flags


def follow(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None,
    history: pd.DataFrame | None,
    stage_set: StageSet,
    as_of: np.datetime64,
) -> Trajectories:
    """Put the tables together, one row a lead.

    An entry without a date, of a lead that went further, borrows the date of the next stage known;
    an entry dated before the stage that precedes it is moved to that stage's date. Both keep the
    lead in the rates and out of the times. A loss or win without a date happens where the lead was
    last seen.

    Parameters
    ----------
    leads, deals, history : pandas.DataFrame
        Typed tables; the last two may be None.
    stage_set : StageSet
    as_of : numpy.datetime64
        UTC.

    Returns
    -------
    Trajectories

    Raises
    ------
    InputError
        If fewer than two stages have dates, or no lead is left.
    """
    born = instants(leads, stage_set.stages[0].column)
    row = np.flatnonzero(born <= as_of)
    notes = _count(np.isnat(born), f"lead(s) without {stage_set.stages[0].column}, left out")
    notes += _count(born > as_of, "lead(s) created after the date looked from, left out")
    if not len(row):
        whose = f"none of {len(leads)} leads was created" if len(leads) else "there are no leads"
        raise InputError(
            f"{whose} by {pd.Timestamp(as_of):%Y-%m-%d}. Look from a later date, or check the "
            f"column {stage_set.stages[0].column}."
        )
    known = leads.iloc[row]
    link, mine, more = _deals_of(known, deals, as_of)
    entries = _from_history(known, history)
    ends = _ends(known, mine, link, entries, stage_set, as_of)
    used, missing = _stages_with_dates(leads, deals, history, stage_set)
    own = np.column_stack(
        [
            ends.won_at
            if stage is stage_set.stages[-1]
            else _own(known, mine, link, entries, stage)
            for stage in used
        ]
    )
    own[own > as_of] = NOT_YET
    entered, exact, moved = _in_order(own, ends.won, [stage.name for stage in used])
    last = np.fmax.reduce(entered, axis=1)
    undated = ends.lost & np.isnat(ends.lost_at)
    notes += more + missing + moved
    notes += _count(undated, "loss(es) without a date, taken to be when the lead was last seen")
    ended = np.where(ends.lost, np.fmax(ends.lost_at, last), NOT_YET)
    names = tuple(stage.name for stage in used)
    return Trajectories(names, row, entered, exact, ends.lost, ended, as_of, tuple(notes))


def _count(flags: Flags, what: str) -> list[str]:
    n = int(np.count_nonzero(flags))
    return [f"{n} {what}"] if n else []


def _deals_of(
    leads: pd.DataFrame, deals: pd.DataFrame | None, as_of: np.datetime64
) -> tuple[Integers, pd.DataFrame, list[str]]:
    """Deals known on the date, the lead of each, and what was left out."""
    if deals is None or deals.empty:
        return np.empty(0, dtype=np.int64), pd.DataFrame(), []
    created, closed = instants(deals, "created_at"), instants(deals, "closed_at")
    born = np.where(np.isnat(created), closed, created)
    # Without any date a deal cannot be said to follow a lead.
    known = born <= as_of
    notes = _count(np.isnat(born), "deal(s) without any date, left out")
    if "kind" in deals.columns:
        # Renewals and expansions are sold to customers, not to leads.
        new = deals["kind"].isna().to_numpy() | (deals["kind"] == "new").to_numpy(dtype=bool)
        notes += _count(known & ~new, "renewal and expansion deal(s), left out")
        known = known & new
    mine = deals[known]
    link = link_deals(leads, mine)
    notes += _count(link < 0, "deal(s) that follow no lead of their person or account, left out")
    return link[link >= 0], mine[link >= 0], notes


def _from_history(leads: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
    """First entry of each lead into each stage of the history: position, stage, instant."""
    if history is None or "lead_id" not in history.columns or "lead_id" not in leads.columns:
        return pd.DataFrame({"row": [], "stage": [], "at": []})
    ids = pd.Index(leads["lead_id"].to_numpy(dtype=object))
    position = pd.Series(np.arange(len(leads)), index=ids)[~ids.duplicated()]
    table = pd.DataFrame(
        {
            "row": position.reindex(history["lead_id"].to_numpy(dtype=object)).to_numpy(),
            "stage": history["stage"].str.casefold().to_numpy(dtype=object),
            "at": instants(history, "entered_at"),
        }
    )
    return table.dropna().groupby(["row", "stage"])["at"].min().reset_index()


def _entry(entries: pd.DataFrame, names: tuple[str, ...], n: int) -> Instants:
    """Earliest entry of each lead into a stage called one of `names`."""
    at = np.full(n, NOT_YET)
    rows = entries[entries["stage"].isin(names)]
    np.fmin.at(at, rows["row"].to_numpy(dtype=np.int64), rows["at"].to_numpy("datetime64[us]"))
    return at


def _ends(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    link: Integers,
    entries: pd.DataFrame,
    stage_set: StageSet,
    as_of: np.datetime64,
) -> _Ends:
    n = len(leads)
    stage = _lower(leads, "stage")
    win = stage_set.stages[-1]
    won_names = (win.name, "won", *win.also)
    deal_won, deal_won_at, deal_lost, deal_lost_at = _deal_ends(deals, link, n, as_of)
    ended_at = instants(leads, "ended_at")
    says_won = np.isin(stage, won_names)
    won_at = _first_known(
        instants(leads, win.column),
        deal_won_at,
        np.where(says_won, ended_at, NOT_YET),
        _entry(entries, won_names, n),
    )
    won = (won_at <= as_of) | (np.isnat(won_at) & (deal_won | says_won))
    says_lost = np.isin(stage, stage_set.lost)
    if stage_set.lost and "discard_reason" in leads.columns:
        says_lost |= leads["discard_reason"].notna().to_numpy()
    lost_at = _first_known(
        deal_lost_at,
        np.where(says_won, NOT_YET, ended_at),
        _entry(entries, stage_set.lost, n),
    )
    lost = ~won & ((lost_at <= as_of) | (np.isnat(lost_at) & (deal_lost | says_lost)))
    return _Ends(
        np.where(won, won_at, NOT_YET), np.where(lost, lost_at, NOT_YET), np.asarray(won), lost
    )


def _deal_ends(
    deals: pd.DataFrame, link: Integers, n: int, as_of: np.datetime64
) -> tuple[Flags, Instants, Flags, Instants]:
    """Per lead: a deal was won, when first; all its deals were lost, when last."""
    won, lost = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    won_at, lost_at = np.full(n, NOT_YET), np.full(n, NOT_YET)
    if not len(link):
        return won, won_at, lost, lost_at
    closed = instants(deals, "closed_at")
    # Closed later than the date looked from is open on that date.
    over = deals["won"].notna().to_numpy() & ~(closed > as_of)
    good = over & deals["won"].fillna(False).to_numpy(dtype=bool)
    bad = over & ~good
    np.fmin.at(won_at, link[good], closed[good])
    np.fmax.at(lost_at, link[bad], closed[bad])
    won[link[good]] = True
    lost[link[bad]] = True
    lost[link[~bad]] = False
    return won, won_at, lost, np.where(lost, lost_at, NOT_YET)


def _stages_with_dates(
    leads: pd.DataFrame,
    deals: pd.DataFrame | None,
    history: pd.DataFrame | None,
    stage_set: StageSet,
) -> tuple[list[Stage], list[str]]:
    named = set() if history is None else set(history["stage"].dropna().str.casefold())
    used: list[Stage] = []
    missing: list[Stage] = []
    for stage in stage_set.stages:
        in_leads = stage.column in leads.columns and bool(leads[stage.column].notna().any())
        in_deals = bool(stage.deal) and deals is not None and stage.deal in deals.columns
        by_state = stage is stage_set.stages[-1] and {"stage", "ended_at"} <= set(leads.columns)
        in_history = bool(named & {stage.name, *stage.also})
        (used if in_leads or in_deals or by_state or in_history else missing).append(stage)
    if len(used) < 2:
        raise InputError(
            f"only {[stage.name for stage in used]} of the stages has dates; give deals, a stage "
            f"history, or columns such as {[s.column for s in missing if s.column]} in leads"
        )
    return used, [f"no table holds a date of stage {s.name}: left out" for s in missing]


def _own(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    link: Integers,
    entries: pd.DataFrame,
    stage: Stage,
) -> Instants:
    """Give the recorded entry of each lead: its own column, its first deal, the history."""
    at = np.full(len(leads), NOT_YET)
    if stage.deal and len(link):
        np.fmin.at(at, link, instants(deals, stage.deal))
    return _first_known(
        instants(leads, stage.column), at, _entry(entries, (stage.name, *stage.also), len(leads))
    )


def _in_order(own: Instants, won: Flags, names: list[str]) -> tuple[Instants, Flags, list[str]]:
    """Borrow missing entries from the next stage, and move early ones to the stage before."""
    entered, notes = own.copy(), []
    last = len(names) - 1
    undated = won & np.isnat(own[:, last])
    entered[undated, last] = np.fmax.reduce(own[undated], axis=1)
    notes += _count(undated, "win(s) without a date, taken to be when the lead was last seen")
    for k in range(last - 1, 0, -1):
        skipped = np.isnat(entered[:, k]) & ~np.isnat(entered[:, k + 1])
        entered[skipped, k] = entered[skipped, k + 1]
        notes += _count(
            skipped, f"lead(s) reached {names[k + 1]} or later without a date of {names[k]}"
        )
    for k in range(1, last + 1):
        early = entered[:, k] < entered[:, k - 1]
        entered[early, k] = entered[early, k - 1]
        notes += _count(
            early & ~np.isnat(own[:, k]), f"lead(s) with {names[k]} dated before {names[k - 1]}"
        )
    return entered, (entered == own), notes


def _first_known(*sources: Instants) -> Instants:
    found = sources[0]
    for source in sources[1:]:
        found = np.where(np.isnat(found), source, found)
    return found


def _lower(frame: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    if name not in frame.columns:
        return np.full(len(frame), "", dtype=object)
    return frame[name].astype("str").str.casefold().fillna("").to_numpy(dtype=object)
