"""Which touches and leads stand behind a deal or a lead: by person, and by account."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import FIELDS, ChannelMap
from mmm.errors import InputError, quoted
from mmm.funnel.records.instants import Instants, instants
from mmm.tables.lookup import is_among, looked_up, positions

Flags = npt.NDArray[np.bool_]

_EARLIEST, _LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def owners(frame: pd.DataFrame) -> pd.DataFrame:
    """Return who a row belongs to: one row for its person and one for its account.

    Returns
    -------
    pandas.DataFrame
        row (position), key.

    Examples
    --------
    >>> owners(pd.DataFrame({"person_id": ["p1", None], "account_id": ["A", "B"]}))["key"].tolist()
    ['person p1', 'account A', 'account B']
    """
    parts = []
    for kind in ("person", "account"):
        if f"{kind}_id" in frame.columns:
            ids = frame[f"{kind}_id"].reset_index(drop=True)
            known = ids[ids.notna()]
            parts.append(
                pd.DataFrame({"row": known.index, "key": f"{kind} " + known.astype("str")})
            )
    if not parts:
        return pd.DataFrame({"row": np.zeros(0, np.int64), "key": pd.Series(dtype="str")})
    return pd.concat(parts, ignore_index=True)


def events(table: pd.DataFrame, at: str, keep: Flags | None = None) -> pd.DataFrame:
    """Return the instants of a table by person and account: key, at, row; in order of time.

    At one instant people come first, then accounts, each in the order of the table.

    Examples
    --------
    >>> when = pd.to_datetime(["2025-01-05"], utc=True)
    >>> events(pd.DataFrame({"person_id": ["p1"], "touched_at": when}), "touched_at")["key"].item()
    'person p1'
    """
    who = owners(table)
    when = pd.to_datetime(table[at].reset_index(drop=True), utc=True)
    who["at"] = when.reindex(who["row"]).array.astype("datetime64[us, UTC]")
    usable = who["at"].notna().to_numpy()
    if keep is not None:
        usable = usable & keep[who["row"].to_numpy(dtype=np.int64)]
    return who[usable].sort_values("at", kind="stable", ignore_index=True)


def extreme(
    frame: pd.DataFrame, happened: pd.DataFrame, which: Literal["first", "last"]
) -> "pd.Series[pd.Timestamp]":
    """Return, for each row, the first or last event of its person and account; else missing."""
    by_key = happened.groupby("key")["at"].agg("min" if which == "first" else "max")
    who = owners(frame)
    who["at"] = by_key.reindex(who["key"]).array
    by_row = who.groupby("row")["at"].agg("min" if which == "first" else "max")
    return _by_position(by_row, frame)


def extreme_of(
    frame: pd.DataFrame,
    table: pd.DataFrame,
    at: str,
    which: Literal["first", "last"],
    keep: Flags | None = None,
) -> "pd.Series[pd.Timestamp]":
    """Return, for each row, the first or last instant of its person and account in a table.

    The same as `extreme` of the `events` of the table, without making them: a touch log is long.

    Examples
    --------
    >>> touches = pd.DataFrame({"person_id": ["p", "p", "q"], "touched_at": pd.to_datetime(
    ...     ["2025-01-05", "2025-01-07", "2025-01-09"], utc=True)})
    >>> deals = pd.DataFrame({"person_id": ["p", "r"]})
    >>> extreme_of(deals, touches, "touched_at", "last").dt.day.tolist()
    [7.0, nan]
    """
    start, better = (_LATEST, np.minimum) if which == "first" else (_EARLIEST, np.maximum)
    plain: Any = pd.to_datetime(table[at], utc=True).dt.tz_localize(None)
    when = plain.to_numpy(dtype="datetime64[us]")
    usable = ~np.isnat(when) if keep is None else ~np.isnat(when) & keep
    micros = when.astype(np.int64)
    found = np.full(len(frame), start, dtype=np.int64)
    for name in ("person_id", "account_id"):
        if name not in frame.columns or name not in table.columns:
            continue
        codes, known = pd.factorize(table[name].astype("str"))
        rows = np.flatnonzero(usable & (codes >= 0))
        best = np.full(len(known) + 1, start, dtype=np.int64)  # the last: of nobody known
        better.at(best, codes[rows], micros[rows])
        who = positions(frame[name].astype("str"), known).fill_null(-1).to_numpy()
        found = better(found, best[who])
    instant = np.where(found == start, np.datetime64("NaT", "us"), found.astype("datetime64[us]"))
    return pd.Series(pd.DatetimeIndex(instant, tz="UTC"), dtype="datetime64[us, UTC]").set_axis(
        frame.index
    )


def _by_position(by_row: "pd.Series[Any]", frame: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    found = pd.to_datetime(by_row.reindex(range(len(frame))), utc=True)
    return pd.Series(found.array, index=frame.index, dtype="datetime64[us, UTC]")


def near(table: pd.DataFrame, frame: pd.DataFrame) -> Flags:
    """Tell which rows of a table are of a person or an account in a frame.

    Examples
    --------
    >>> touches = pd.DataFrame({"person_id": ["p", "q"], "account_id": ["A", "B"]})
    >>> near(touches, pd.DataFrame({"account_id": ["B"]})).tolist()
    [False, True]
    """
    found = np.zeros(len(table), dtype=bool)
    for name in ("person_id", "account_id"):
        if name in table.columns and name in frame.columns:
            found |= is_among(table[name].astype("str"), frame[name].astype("str"))
    return found


def next_after(
    frame: pd.DataFrame, anchor: "pd.Series[pd.Timestamp]", happened: pd.DataFrame
) -> "pd.Series[pd.Timestamp]":
    """Return, for each row, the first event of its person or account after its anchor."""
    who = owners(frame)
    when = anchor.reset_index(drop=True).reindex(who["row"])
    who["anchor"] = pd.to_datetime(when, utc=True).array.astype("datetime64[us, UTC]")
    who = who[who["anchor"].notna()].sort_values("anchor")
    if who.empty or happened.empty:  # pandas cannot join empty text keys
        return _by_position(pd.Series(dtype="datetime64[us, UTC]"), frame)
    met = pd.merge_asof(
        who,
        happened[["key", "at"]],
        left_on="anchor",
        right_on="at",
        by="key",
        direction="forward",
        allow_exact_matches=False,
    )
    return _by_position(met.groupby("row")["at"].min(), frame)


def with_accounts(touches: pd.DataFrame, others: Sequence[pd.DataFrame | None]) -> pd.DataFrame:
    """Fill in the account of a touch from the account of its person in the other tables.

    Examples
    --------
    >>> touches = pd.DataFrame({"person_id": ["p1"], "account_id": [None]})
    >>> with_accounts(touches, [pd.DataFrame({"person_id": ["p1"], "account_id": ["A"]})])
      person_id account_id
    0        p1          A
    """
    pairs = [
        table[["person_id", "account_id"]].dropna().astype("str")
        for table in others
        if table is not None and {"person_id", "account_id"} <= set(table.columns)
    ]
    if not pairs or "person_id" not in touches.columns:
        return touches
    account_of = pd.concat(pairs).drop_duplicates("person_id").set_index("person_id")["account_id"]
    known = looked_up(touches["person_id"].astype("str"), account_of)
    if "account_id" in touches.columns:
        known = touches["account_id"].where(touches["account_id"].notna(), known)
    return touches.assign(account_id=known)


def origins(
    deals: pd.DataFrame, leads: pd.DataFrame | None, touches: pd.DataFrame | None
) -> Flags | None:
    """Tell which deals have an origin: a touch, or a lead with a source, up to their close.

    Returns
    -------
    ndarray of bool, shape (n_deals,), or None
        None where no table could hold an origin.
    """
    named = [
        (table, at, ChannelMap().assign(table).notna().to_numpy(dtype=bool))
        for table, at in ((leads, "created_at"), (touches, "touched_at"))
        if table is not None and set(FIELDS) & set(table.columns)
    ]
    own = bool(set(FIELDS) & set(deals.columns))
    if not named and not own:
        return None
    found = np.zeros(len(deals), dtype=bool)
    if own:
        found |= ChannelMap().assign(deals).notna().to_numpy(dtype=bool)
    for table, at, keep in named:
        first = extreme_of(deals, table, at, "first", keep)
        open_deal = deals["closed_at"].isna() & first.notna()
        found |= ((first <= deals["closed_at"]) | open_deal).to_numpy(dtype=bool)
    return found


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
    """Return for each deal the latest lead of its id that is not younger, -1 where there is none.

    The leads of one id stand together, in order of time; each deal is sought among them by number.
    """
    found = np.full(len(ids), -1, dtype=np.int64)
    codes, known = pd.factorize(leads[key].astype("str"))
    when = instants(leads, "created_at")
    usable = np.flatnonzero((codes >= 0) & ~np.isnat(when))
    asked = np.flatnonzero(~np.isnat(born))
    order = usable[_by_time(leads, when, usable)]
    moments = when[order]
    # One number an id and a moment: later leads of an id have the larger one.
    step = len(order) + 1
    own = codes[order] * step + np.arange(len(order))
    by_id = np.argsort(own)
    whose = positions(ids.astype("str").iloc[asked], known).fill_null(-1).to_numpy()
    until = whose * step + np.searchsorted(moments, born[asked], side="right")
    place = np.searchsorted(own[by_id], until) - 1
    hit = (whose >= 0) & (place >= 0)
    hit[hit] = codes[order[by_id[place[hit]]]] == whose[hit]
    found[asked[hit]] = order[by_id[place[hit]]]
    return found


def _by_time(leads: pd.DataFrame, when: Instants, rows: npt.NDArray[np.int64]) -> Any:
    """Return the order of rows in time; two of one instant by their id, whatever their row."""
    order = np.argsort(when[rows], kind="stable")
    moments = when[rows][order]
    same = moments[1:] == moments[:-1]
    if "lead_id" not in leads.columns or not same.any():
        return order
    tied = np.r_[False, same] | np.r_[same, False]
    names, _ = pd.factorize(leads["lead_id"].iloc[rows[order[tied]]].astype("str"), sort=True)
    rank = np.zeros(len(order), dtype=np.int64)
    rank[tied] = np.where(names < 0, len(order), names)
    return order[np.lexsort((rank, moments))]
