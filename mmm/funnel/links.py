"""Which touches and leads stand behind a deal or a lead: by person, and by account."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import FIELDS, PLACEHOLDERS, ChannelMap
from mmm.errors import InputError
from mmm.funnel.outcomes import need
from mmm.tables.schema import SPECS

Flags = npt.NDArray[np.bool_]

_NEEDED = {
    "deals": ("deal_id", "won", "closed_at"),
    "leads": ("lead_id", "created_at"),
    "touches": ("touched_at",),
    "contacts": ("person_id",),
}


def typed(frame: pd.DataFrame | None, table: str) -> pd.DataFrame | None:
    """Return a copy whose instants are UTC and whose flags are true, false or missing.

    Raises
    ------
    InputError
        If a needed column is missing, or is no date or flag.

    Examples
    --------
    >>> touches = pd.DataFrame({"touched_at": ["2025-01-05T10:00:00Z"]})
    >>> typed(touches, "touches")["touched_at"].iloc[0]
    Timestamp('2025-01-05 10:00:00+0000', tz='UTC')
    """
    if frame is None:
        return None
    cure = f"Read them with mmm.read_{table}, where columns= takes your names."
    need(frame, _NEEDED[table], table, cure)
    result = frame.reset_index(drop=True)
    for column in SPECS[table].columns:
        if column.name not in result.columns or column.kind not in {"instant", "date", "flag"}:
            continue
        try:
            result[column.name] = (
                result[column.name].astype("boolean")
                if column.kind == "flag"
                else pd.to_datetime(result[column.name], utc=column.kind == "instant")
            )
        except (ValueError, TypeError) as error:
            kind = "true or false" if column.kind == "flag" else "dates"
            raise InputError(
                f"{table} {column.name!r} is not all {kind}: {error}. {cure}"
            ) from error
    return result


def filled(column: "pd.Series[Any]") -> Flags:
    """Tell where a value is written, a placeholder such as "unknown" or "-" apart.

    Examples
    --------
    >>> filled(pd.Series(["Email", " ", "n/a", None])).tolist()
    [True, False, False, False]
    """
    known = column.notna().to_numpy(dtype=bool)
    if known.any() and isinstance(column[known].iloc[0], str):
        plain = column.astype("str").str.strip().str.lower()
        known = known & ~plain.isin({*PLACEHOLDERS, ""}).fillna(False).to_numpy(dtype=bool)
    return known


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
    return who[usable].sort_values(["at", "key", "row"], ignore_index=True)


def extreme(
    frame: pd.DataFrame, happened: pd.DataFrame, which: Literal["first", "last"]
) -> "pd.Series[pd.Timestamp]":
    """Return, for each row, the first or last event of its person and account; else missing."""
    by_key = happened.groupby("key")["at"].agg("min" if which == "first" else "max")
    who = owners(frame)
    who["at"] = by_key.reindex(who["key"]).array
    by_row = who.groupby("row")["at"].agg("min" if which == "first" else "max")
    return _by_position(by_row, frame)


def _by_position(by_row: "pd.Series[Any]", frame: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    found = pd.to_datetime(by_row.reindex(range(len(frame))), utc=True)
    return pd.Series(found.array, index=frame.index, dtype="datetime64[us, UTC]")


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
    known = touches["person_id"].map(account_of)
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
        first = extreme(deals, events(table, at, keep), "first")
        open_deal = deals["closed_at"].isna() & first.notna()
        found |= ((first <= deals["closed_at"]) | open_deal).to_numpy(dtype=bool)
    return found
