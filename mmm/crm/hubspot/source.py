"""Contacts, their sources, and deals of HubSpot.

The search interface is asked for pages of rising record ids, so that neither its limit of 10,000
results nor a change during the reading loses a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from mmm.crm.http import parts
from mmm.crm.hubspot.session import Account
from mmm.crm.source import Extract, Mark, extract
from mmm.errors import TargetError

PAGE = 200  # results a call of the search endpoint
ASSOCIATED = 1000  # records a call of the association endpoint

_LEAD = {
    "created_at": "createdate",
    "account_id": "associatedcompanyid",
    "source": "hs_analytics_source",
    "medium": "hs_analytics_source_data_1",
    "stage": "lifecyclestage",
    "mql_at": "hs_v2_date_entered_marketingqualifiedlead",
    "sql_at": "hs_v2_date_entered_salesqualifiedlead",
    "first_contacted_at": "hs_sa_first_engagement_date",
    "owner": "hubspot_owner_id",
    "opted_out": "hs_email_optout",
}
_TOUCH = {
    "account_id": "associatedcompanyid",
    "first_at": "hs_analytics_first_timestamp",
    "first_source": "hs_analytics_source",
    "first_medium": "hs_analytics_source_data_1",
    "latest_at": "hs_latest_source_timestamp",
    "latest_source": "hs_latest_source",
    "latest_medium": "hs_latest_source_data_1",
}
_DEAL = {
    "created_at": "createdate",
    "close": "closedate",
    "is_won": "hs_is_closed_won",
    "is_closed": "hs_is_closed",
    "value": "amount",
    "currency": "deal_currency_code",
    "type": "dealtype",
    "stage": "dealstage",
    "owner": "hubspot_owner_id",
}
_KINDS = {"newbusiness": "new", "existingbusiness": "expansion"}


class HubSpotSource:
    """Contacts, their sources, and deals of an account.

    Parameters
    ----------
    account : Account
    key : str or None
        Unique property that serves as lead_id; None for the record id.
    columns : tuple of str
        Further properties to read with leads.
    """

    def __init__(self, account: Account, key: str | None, columns: tuple[str, ...] = ()) -> None:
        self.name = "hubspot:contacts" + (f"?id={key}" if key else "")
        self._account, self._key, self._columns = account, key, columns

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read contacts; ``opted_out`` is true where e-mail is refused."""
        wanted = {**({"lead_id": self._key} if self._key else {}), **_LEAD}
        wanted |= {name: name for name in self._columns}
        frame = self._frame("contacts", wanted, since, ("person_id",))
        if self._key is None:
            frame.insert(0, "lead_id", frame["person_id"])
        else:
            frame = frame[frame["lead_id"].notna()].reset_index(drop=True)
        frame["opted_out"] = (frame["opted_out"] == "true").astype(bool)
        return extract(frame, since, key="lead_id")

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Read the first and the latest source of contacts."""
        frame = self._frame("contacts", _TOUCH, since, ("person_id",))
        shared = ["person_id", "account_id", "updated_at"]
        both = []
        for which in ("first", "latest"):
            names = {f"{which}_{part}": part for part in ("source", "medium")}
            touches = frame[[*shared, f"{which}_at", *names]].rename(
                columns={f"{which}_at": "touched_at", **names}
            )
            both.append(touches[touches["touched_at"].notna() & touches["source"].notna()])
        found = pd.concat(both, ignore_index=True)
        # By its instant, so that a latest touch keeps its id when a later one takes its place.
        found.insert(0, "touch_id", found["person_id"] + "@" + found["touched_at"])
        return extract(found.drop_duplicates("touch_id", ignore_index=True), since, key="touch_id")

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read deals, with the contact and the company they belong to."""
        frame = self._frame("deals", _DEAL, since, ("deal_id",))
        people, firms = (self._associated(frame["deal_id"], to) for to in ("contacts", "companies"))
        frame.insert(1, "person_id", frame["deal_id"].map(people))
        frame.insert(2, "account_id", frame["deal_id"].map(firms))
        closed, won = frame.pop("is_closed") == "true", frame.pop("is_won") == "true"
        close = frame.pop("close")
        frame["closed_at"] = close.where(closed)
        frame["expected_on"] = close.where(~closed).str[:10]
        frame["won"] = pd.Series(won, dtype="boolean").where(closed)
        frame["kind"] = frame.pop("type").map(_KINDS)
        return extract(frame, since, key="deal_id")

    def close(self) -> None:
        """Let go of the connections."""
        self._account.close()

    def _frame(
        self, kind: str, wanted: Mapping[str, str], since: Mark | None, ids: tuple[str, ...]
    ) -> pd.DataFrame:
        """Return one row a record: its id, the properties wanted, and ``updated_at``; text."""
        changed = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        rows = []
        for entry in self._search(kind, [*wanted.values(), changed], changed, since):
            values = entry["properties"]
            told = [values.get(name) or None for name in wanted.values()]
            rows.append([entry["id"], *told, values.get(changed) or entry.get("updatedAt")])
        return pd.DataFrame(rows, columns=[*ids, *wanted, "updated_at"], dtype="str")

    def _search(
        self, kind: str, names: Sequence[str], changed: str, since: Mark | None
    ) -> Iterable[dict[str, Any]]:
        first = [] if since is None else [_filter(changed, "GTE", _epoch(since.floor))]
        last = 0
        while True:
            body = {
                "filterGroups": [{"filters": [*first, _filter("hs_object_id", "GT", str(last))]}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": sorted(set(names)),
                "limit": PAGE,
            }
            page = self._account.ask(self._account.search.do_search, kind, body)["results"]
            yield from page
            if len(page) < PAGE:
                return
            if int(page[-1]["id"]) <= last:
                raise TargetError("HubSpot answers a search out of order. Report this as a bug.")
            last = int(page[-1]["id"])

    def _associated(self, ids: Iterable[str], kind: str) -> dict[str, str]:
        """Return the primary record that each deal belongs to, or else the oldest."""
        account = self._account
        found: dict[str, str] = {}
        for some in parts(list(ids), ASSOCIATED):
            body = {"inputs": [{"id": deal} for deal in some]}
            answer = account.ask(account.associations.get_page, "deals", kind, body)
            for entry in answer.get("results", []):
                ends = [(not _primary(end), int(end["toObjectId"])) for end in entry["to"]]
                if ends:
                    found[str(entry["from"]["id"])] = str(min(ends)[1])
        return found


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _epoch(instant: datetime) -> str:
    return str(int(instant.timestamp() * 1000))


def _primary(end: Mapping[str, Any]) -> bool:
    labels = [kind.get("label") or "" for kind in end.get("associationTypes", [])]
    return any(label.startswith("Primary") for label in labels)
