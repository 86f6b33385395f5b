"""Whose touch, whose deal: the keys by which a log in an engine and its deals meet."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmm.journeys.expression import fetch
from mmm.journeys.inputs import deal_keys
from mmm.journeys.warehouse import ACCOUNT, PERSON, texts

DEAL = "2"


@dataclass(frozen=True, eq=False)
class DealKeys:
    """Deals with the keys that find their touches.

    Attributes
    ----------
    deals : pandas.DataFrame
        As `time_deals` returns them, with cluster_key: account, else person, else the deal itself.
    serving : pandas.DataFrame
        key, rank (position in `deals`), opens, ends: whose touches may serve which deal.
    dealt : pandas.DataFrame
        key: persons and accounts that have a deal, open ones included.
    """

    deals: pd.DataFrame
    serving: pd.DataFrame
    dealt: pd.DataFrame


def owner_table(touches: Any, deals: pd.DataFrame, contacts: pd.DataFrame | None) -> Any:
    """Return the account of each person: by contacts, else touches, else deals; then the smallest.

    Returns
    -------
    ibis.Table
        person_key, owner (key of an account).
    """
    import ibis

    both = touches.filter(touches["person_key"].notnull() & touches["account_key"].notnull())
    found = [both.select("person_key", ranked=ibis.literal("1").concat(both["account_key"]))]
    for order, table in (("0", contacts), ("2", deals)):
        if table is None or not {"person_id", "account_id"} <= set(table.columns):
            continue
        pairs = table[["person_id", "account_id"]].dropna().drop_duplicates()
        keys = {
            "person_key": PERSON + pairs["person_id"].astype("str"),
            "ranked": order + ACCOUNT + pairs["account_id"].astype("str"),
        }
        if len(pairs):
            found.append(ibis.memtable(texts(pd.DataFrame(keys))))
    pairs = ibis.union(*found) if len(found) > 1 else found[0]
    first = pairs.group_by("person_key").aggregate(ranked=pairs["ranked"].min())
    return first.select("person_key", owner=first["ranked"].substr(1))


def with_owner(touches: Any, owners: Any) -> Any:
    """Give touches of a known person and no account the account of that person."""
    import ibis

    owners = owners.select("owner", of="person_key")
    joined = touches.left_join(owners, touches["person_key"] == owners["of"])
    return joined.select(
        "person_key",
        "at",
        "label",
        account_key=ibis.coalesce(joined["account_key"], joined["owner"]),
    )


def key_deals(
    deals: pd.DataFrame, roles: pd.DataFrame | None, owners: Any, by: str, connection: Any
) -> DealKeys:
    """Give deals their keys, with the accounts of their persons looked up in the engine."""
    person = (PERSON + deals["person_id"]).astype("str")
    account = (ACCOUNT + deals["account_id"]).astype("str")
    lost = account.isna() & person.notna()
    if lost.any():
        owner = person.map(_owners_of(person[lost], owners, connection))
        account = account.fillna(owner.astype("str"))
    role_keys = _role_keys(deals, roles)
    keys = deal_keys(deals, person, account, role_keys, by)
    dealt = [keys["key"], role_keys["key"], person]
    if by == "account":
        dealt.append(account)
    itself = (DEAL + deals["deal_id"]).astype("str")
    usable = deals["weight"].notna().to_numpy()
    return DealKeys(
        deals=deals.assign(cluster_key=account.fillna(person).fillna(itself)),
        serving=keys[usable[keys["rank"].to_numpy(dtype=np.int64)]].reset_index(drop=True),
        dealt=pd.DataFrame({"key": pd.concat(dealt).dropna().unique()}),
    )


def _owners_of(persons: "pd.Series[str]", owners: Any, connection: Any) -> "pd.Series[str]":
    import ibis

    asked = ibis.memtable(texts(pd.DataFrame({"person_key": persons.drop_duplicates()})))
    found = fetch(connection, owners.semi_join(asked, "person_key")).to_pandas()
    return pd.Series(found["owner"].to_numpy(), index=found["person_key"], dtype="str")


def _role_keys(deals: pd.DataFrame, roles: pd.DataFrame | None) -> pd.DataFrame:
    if roles is None:
        return pd.DataFrame({"rank": pd.Series(dtype="int64"), "key": pd.Series(dtype="str")})
    rank = pd.Series(np.arange(len(deals)), index=deals["deal_id"])
    known = roles[roles["deal_id"].isin(deals["deal_id"])]
    return pd.DataFrame(
        {
            "rank": known["deal_id"].map(rank).astype("int64"),
            "key": (PERSON + known["person_id"]).astype("str"),
        }
    ).drop_duplicates()
