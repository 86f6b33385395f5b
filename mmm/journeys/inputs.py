"""What the journey expression runs on: tables with every name replaced by a sorted integer code."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import ConfigError, InputError, quoted
from mmm.journeys.columnar import UNATTRIBUTED
from mmm.journeys.expected import open_expectations, with_expected
from mmm.tables.lookup import as_text, is_among, looked_up, positions

NOT_SET = "(not set)"
DAY = 86_400_000_000  # microseconds
NEVER = np.iinfo(np.int64).max
MANY_DAYS = 20  # from which instants at one hour are days in some zone, not chance


@dataclass(frozen=True)
class Coded:
    """Touches and deals in codes.

    Attributes
    ----------
    labels : tuple of str
        Sorted by code point, so that codes order as binary collation does.
    touches : pandas.DataFrame
        touch (number), person_key, account_key, unit_key, cluster_key, at (microseconds), label.
    deals : pandas.DataFrame
        In order of close: deal_id, won, value, weight, kind, created, closed, opens, ends,
        cluster_key.
    deal_keys : pandas.DataFrame
        key, rank (position in `deals`), opens, ends: whose touches may serve which deal.
    dealt_keys : pandas.DataFrame
        key: persons and accounts that have a deal, open ones included.
    lead_dates : pandas.DataFrame
        key, lead, mql, sql in microseconds.
    persons : ndarray of int32, shape (n_touches,)
        Person behind each touch, by its number; -1 where unknown.
    """

    labels: tuple[str, ...]
    touches: pd.DataFrame
    deals: pd.DataFrame
    deal_keys: pd.DataFrame
    dealt_keys: pd.DataFrame
    lead_dates: pd.DataFrame
    persons: npt.NDArray[np.int32]


def touches_of_leads(leads: pd.DataFrame, channels: ChannelMap) -> tuple[pd.DataFrame, int]:
    """Take the source of each lead at its creation as its one touch.

    Returns
    -------
    pandas.DataFrame, int
        Touches, and the number of leads whose source is missing.
    """
    touches = pd.DataFrame(
        {
            "person_id": _column(leads, "person_id"),
            "account_id": _column(leads, "account_id"),
            "touched_at": leads["created_at"],
        }
    )
    nobody = touches["person_id"].isna() & touches["account_id"].isna()
    touches["person_id"] = touches["person_id"].mask(nobody, leads["lead_id"])
    present = [c for c in ("channel", "source", "medium", "campaign") if c in leads.columns]
    if not present:
        raise InputError(
            "leads has no column 'source'; without touches it is the one touch of a lead. "
            "Pass touches=, or columns={'source': 'your name'} to read_leads."
        )
    for name in present:
        touches[name] = leads[name]
    named = channels.assign(touches).notna()
    return touches[named.to_numpy()].reset_index(drop=True), int((~named).sum())


def label_touches(touches: pd.DataFrame, dimension: str, channels: ChannelMap) -> "pd.Series[str]":
    """Return what each touch is counted as: its channel, or any other column.

    Raises
    ------
    ConfigError
        If touches lack that column.
    InputError
        If a touch is called "(unattributed)", which is the name of a result.
    """
    if dimension == "channel":
        labels = channels.assign(touches).fillna(UNMATCHED)
    elif dimension in touches.columns:
        labels = touches[dimension].astype("str").fillna(NOT_SET)
    else:
        raise ConfigError(
            f"dimension={dimension!r} is not a column of touches; found {quoted(touches.columns)}. "
            "Use 'channel' or one of those."
        )
    if bool((labels == UNATTRIBUTED).any()):
        raise InputError(
            f"touches hold the {dimension} {UNATTRIBUTED!r}, which names the deals without a "
            "touch in every result. Rename it."
        )
    return labels


def encode(
    touches: pd.DataFrame,
    labels: "pd.Series[str]",
    deals: pd.DataFrame,
    roles: pd.DataFrame | None,
    contacts: pd.DataFrame | None,
    leads: pd.DataFrame | None,
    by: str,
) -> Coded:
    """Replace persons, accounts and labels by codes and say who may serve which deal."""
    account_of = _account_of_person(contacts, leads, touches, deals)
    touch_person = _column(touches, "person_id")
    touch_account = _with_account(_column(touches, "account_id"), touch_person, account_of)
    deal_account = _with_account(deals["account_id"], deals["person_id"], account_of)
    people = _index([touch_person, deals["person_id"], _column(roles, "person_id")])
    accounts = _index([touch_account, deal_account])
    person_key = _codes(people, touch_person, 0)
    account_key = _codes(accounts, touch_account, len(people))
    names = _index([labels])
    first, second = (account_key, person_key) if by == "account" else (person_key, account_key)
    coded = pd.DataFrame(
        {
            "touch": np.arange(len(touches), dtype=np.int64),
            "person_key": person_key,
            "account_key": account_key,
            "unit_key": first.fillna(second),
            "cluster_key": account_key.fillna(person_key),
            "at": microseconds(touches["touched_at"]),
            "label": _codes(names, labels, 0),
        }
    )
    deal_person_key = _codes(people, deals["person_id"], 0)
    deal_account_key = _codes(accounts, deal_account, len(people))
    deals = deals.assign(
        account_id=deal_account, cluster_key=deal_account_key.fillna(deal_person_key)
    )
    role_keys = _role_keys(deals, roles, people)
    keys = deal_keys(deals, deal_person_key, deal_account_key, role_keys, by)
    # An open deal without expected value is censored: it takes no touches from the others.
    usable = deals["weight"].notna().to_numpy()
    dealt = [keys["key"], role_keys["key"], deal_person_key]
    if by == "account":
        dealt.append(deal_account_key)
    return Coded(
        labels=tuple(names.to_pylist()),
        touches=coded[coded["unit_key"].notna()].reset_index(drop=True),
        deals=deals,
        deal_keys=keys[usable[keys["rank"].to_numpy(dtype=np.int64)]].reset_index(drop=True),
        dealt_keys=pd.DataFrame({"key": pd.concat(dealt).dropna().unique()}),
        lead_dates=_lead_dates(leads, people, accounts, account_of),
        persons=person_key.fillna(-1).to_numpy(dtype=np.int32),
    )


def contacts_of_untouched(
    coded: Coded, bare: npt.NDArray[np.bool_], free: npt.NDArray[np.bool_]
) -> npt.NDArray[np.object_]:
    """Tell what is recorded of deals that no touch serves: "none", "older" or "taken".

    Parameters
    ----------
    coded : Coded
    bare : ndarray of bool, shape (n_deals,)
        The deals asked about.
    free : ndarray of bool, shape (n_touches,)
        Touches, by their number, that a longer window would give to a deal.

    Returns
    -------
    ndarray of object, shape (bare.sum(),)
    """
    keys = coded.deal_keys[bare[coded.deal_keys["rank"].to_numpy(dtype=np.int64)]]
    sides = [
        coded.touches[["touch", "at", name]].rename(columns={name: "key"})
        for name in ("person_key", "account_key")
    ]
    touches = pd.concat([side[side["key"].isin(keys["key"])] for side in sides])
    touches = touches.assign(free=free[touches["touch"].to_numpy(dtype=np.int64)])
    found = np.full(len(bare), "none", dtype=object)
    for name, those in (("taken", touches), ("older", touches[touches["free"]])):
        at = keys["key"].map(those.groupby("key")["at"].min())
        timely = (at <= keys["ends"]).to_numpy(dtype=bool, na_value=False)
        found[keys.loc[timely, "rank"].to_numpy(dtype=np.int64)] = name
    return found[bare]


def microseconds(instants: "pd.Series[Any]") -> Any:
    """Return microseconds since 1970 as int64, `NEVER` where missing."""
    plain = instants.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    return plain.astype("int64").where(plain.notna(), NEVER).to_numpy(dtype=np.int64)


def end_of_bare_days(instants: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Move days without a time to their last microsecond, where the whole column holds such days.

    A column does when all its instants lie at midnight UTC or, of many, at the midnights of one
    zone in winter and summer.

    Examples
    --------
    >>> end_of_bare_days(np.array([0, 2 * DAY, NEVER])) - np.array([0, 2 * DAY, 0])
    array([        86399999999,         86399999999, 9223372036854775807])
    """
    known = instants != NEVER
    clock = np.unique(instants[known] % DAY)
    same = len(clock) == 1 and (clock[0] == 0 or known.sum() >= MANY_DAYS)
    shifts = len(clock) == 2 and known.sum() >= MANY_DAYS
    hour = DAY // 24
    if not same and not (shifts and (clock[1] - clock[0]) in (hour, 23 * hour)):
        return instants
    return np.where(known & (clock[0] % hour == 0), instants + DAY - 1, instants)


def time_deals(
    deals: pd.DataFrame,
    lookback_days: float,
    as_of: int,
    expected: Mapping[str, Any] | pd.DataFrame | None,
    leads: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Sort deals by close and give each its window, weight and value.

    Parameters
    ----------
    deals : pandas.DataFrame
        Typed deals.
    lookback_days : float
        Before the creation of the deal; before its close where the creation is unknown.
    as_of : int
        Microseconds; a deal closed later is open, one created later is not there yet.
    expected : mapping of deal_id to expected value, DataFrame or None
        Open deals that count with what they are expected to bring; a frame may name open leads.
    leads : pandas.DataFrame, optional
        Typed; of them the open leads that a frame names become deals.
    """
    expected, rows = open_expectations(expected, leads)
    if rows is not None:
        deals = pd.concat([deals, rows], ignore_index=True)
    created = microseconds(_instants(deals, "created_at"))
    closed = microseconds(deals["closed_at"])
    frame = pd.DataFrame(
        {
            "deal_id": deals["deal_id"],
            "person_id": _column(deals, "person_id"),
            "account_id": _column(deals, "account_id"),
            "kind": _column(deals, "kind").astype(object),
            "won": deals["won"].where(closed <= as_of),
            "created": created,
            "closed": np.where(closed <= as_of, closed, NEVER),
            "value": _decimals(deals),
        }
    )
    frame = frame[(created <= as_of) | (created == NEVER)]
    frame = with_expected(frame, expected)
    frame["ends"] = np.where(frame["closed"] == NEVER, as_of, frame["closed"])
    base = np.where(frame["created"] == NEVER, frame["ends"], frame["created"])
    frame["opens"] = np.minimum(base, frame["ends"]) - int(lookback_days * DAY)
    return frame.sort_values(["closed", "created", "deal_id"], ignore_index=True)


def _decimals(deals: pd.DataFrame) -> "pd.Series[Any]":
    if "value" not in deals.columns:
        return pd.Series([None] * len(deals), index=deals.index, dtype=object)
    exact = [amount if isinstance(amount, Decimal) else None for amount in deals["value"]]
    return pd.Series(exact, index=deals.index, dtype=object)


def _instants(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name in frame.columns:
        return frame[name]
    return pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")


def _column(frame: pd.DataFrame | None, name: str) -> "pd.Series[str]":
    if frame is None:
        return pd.Series(dtype="str")
    if name in frame.columns:
        return frame[name].astype("str")
    return pd.Series(pd.NA, index=frame.index, dtype="str")


def _account_of_person(*tables: pd.DataFrame | None) -> "pd.Series[str]":
    """Map each person to an account: the first table that knows it, then the smallest id."""
    found: pd.Series[str] = pd.Series(dtype="str", index=pd.Index([], dtype="str"))
    for table in tables:
        person, account = _column(table, "person_id"), _column(table, "account_id")
        both = (person.notna() & account.notna()).to_numpy()
        whose, persons = pd.factorize(person[both])
        which, accounts = pd.factorize(account[both])
        order = pc.sort_indices(as_text(accounts)).to_numpy()
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        smallest = np.full(len(persons), len(order), dtype=np.int64)
        np.minimum.at(smallest, whose, rank[which])
        own = pd.Series(accounts[order[smallest]], index=persons, dtype="str")
        found = pd.concat([found, own[~is_among(own.index, found.index)]])
    return found


def _with_account(
    account: "pd.Series[str]", person: "pd.Series[str]", account_of: "pd.Series[str]"
) -> "pd.Series[str]":
    return account.fillna(looked_up(person, account_of))


def _index(columns: list["pd.Series[str]"]) -> Any:
    """Return the distinct names, sorted as UTF-8 bytes: by code point."""
    names = pa.concat_arrays([pc.unique(as_text(column)).drop_null() for column in columns])
    distinct = pc.unique(names)
    return pc.take(distinct, pc.sort_indices(distinct))


def _codes(index: Any, values: "pd.Series[str]", offset: int) -> "pd.Series[Any]":
    found = positions(values, index)
    missing = pc.is_null(found).to_numpy(zero_copy_only=False)
    codes = pc.fill_null(found, 0).to_numpy().astype(np.int64) + offset
    return pd.Series(pd.arrays.IntegerArray(codes, missing), index=values.index)


def _role_keys(deals: pd.DataFrame, roles: pd.DataFrame | None, people: Any) -> pd.DataFrame:
    if roles is None:
        return pd.DataFrame({"rank": pd.Series(dtype="int64"), "key": pd.Series(dtype="Int64")})
    rank = pd.Series(np.arange(len(deals)), index=deals["deal_id"])
    known = roles[is_among(roles["deal_id"], deals["deal_id"])].reset_index(drop=True)
    return pd.DataFrame(
        {
            "rank": known["deal_id"].map(rank).astype("int64"),
            "key": _codes(people, known["person_id"], 0),
        }
    ).drop_duplicates()


def deal_keys(
    deals: pd.DataFrame,
    person_key: "pd.Series[Any]",
    account_key: "pd.Series[Any]",
    role_keys: pd.DataFrame,
    by: str,
) -> pd.DataFrame:
    """Say whose touches may serve each deal: roles, else account or person as `by` asks."""
    first, second = (account_key, person_key) if by == "account" else (person_key, account_key)
    own = pd.DataFrame({"rank": np.arange(len(deals)), "key": first.fillna(second)})
    own = own[~own["rank"].isin(role_keys["rank"])].dropna()
    keys: pd.DataFrame = pd.concat([role_keys, own], ignore_index=True)
    rank = keys["rank"].to_numpy(dtype=np.int64)
    keys["opens"] = deals["opens"].to_numpy()[rank]
    keys["ends"] = deals["ends"].to_numpy()[rank]
    return keys


def _lead_dates(
    leads: pd.DataFrame | None, people: Any, accounts: Any, account_of: "pd.Series[str]"
) -> pd.DataFrame:
    if leads is None:
        return pd.DataFrame(columns=["key", "lead", "mql", "sql"], dtype="int64")
    person = _column(leads, "person_id")
    account = _with_account(_column(leads, "account_id"), person, account_of)
    dates = {
        "lead": microseconds(leads["created_at"]),
        "mql": microseconds(_instants(leads, "mql_at")),
        "sql": microseconds(_instants(leads, "sql_at")),
    }
    sides = [_codes(people, person, 0), _codes(accounts, account, len(people))]
    both = pd.concat([pd.DataFrame({"key": side, **dates}) for side in sides])
    return both.dropna(subset=["key"]).reset_index(drop=True)
