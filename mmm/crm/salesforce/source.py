"""Leads or contacts, members of campaigns, and opportunities of Salesforce."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import pandas as pd

from mmm.crm.salesforce.session import Org
from mmm.crm.source import Extract, Mark, extract

LEADS = {
    "Lead": {
        "converted": "ConvertedContactId",
        "account_id": "ConvertedAccountId",
        "stage": "Status",
    },
    "Contact": {"account_id": "AccountId"},
}
_LEAD = {
    "created_at": "CreatedDate",
    "source": "LeadSource",
    "owner": "OwnerId",
    "opted_out": "HasOptedOutOfEmail",
}
_TOUCH = {
    "touch_id": "Id",
    "contact": "ContactId",
    "lead": "LeadId",
    "account_id": "Contact.AccountId",
    "created": "CreatedDate",
    "responded": "FirstRespondedDate",
    "medium": "Campaign.Type",
    "campaign": "Campaign.Name",
}
_DEAL = {
    "deal_id": "Id",
    "person_id": "ContactId",
    "account_id": "AccountId",
    "created_at": "CreatedDate",
    "close": "CloseDate",
    "is_won": "IsWon",
    "is_closed": "IsClosed",
    "value": "Amount",
    "kind": "Type",
    "stage": "StageName",
    "owner": "OwnerId",
}
_KINDS = (("renew", "renewal"), ("existing", "expansion"), ("upgrade", "expansion"), ("new", "new"))


class SalesforceSource:
    """Leads or contacts, members of campaigns, and opportunities of an organisation.

    Parameters
    ----------
    org : Org
    kind : {"Lead", "Contact"}
    key : str or None
        External id field that serves as lead_id; None for the record id.
    columns : tuple of str
        Further fields to read with leads.
    """

    def __init__(self, org: Org, kind: str, key: str | None, columns: tuple[str, ...] = ()) -> None:
        self.name = f"salesforce:{org.place}/{kind}" + (f"?id={key}" if key else "")
        self._org, self._kind, self._key, self._columns = org, kind, key, columns

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read leads or contacts; ``opted_out`` is true where e-mail is refused."""
        more = {name: name for name in self._columns}
        wanted = {"lead_id": self._key or "Id", "id": "Id", **LEADS[self._kind], **_LEAD, **more}
        frame = self._frame(self._kind, wanted, since)
        frame = frame[frame["lead_id"].notna()].reset_index(drop=True)
        # The members of campaigns are told by contact once a lead has become one.
        ids = frame.pop("id")
        person = frame.pop("converted").fillna(ids) if "converted" in frame else ids
        frame.insert(1, "person_id", person)
        frame["opted_out"] = (frame["opted_out"] == "True").astype(bool)
        return extract(frame, since, key="lead_id")

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Read members of campaigns, at their first response or else when they were added."""
        frame = self._frame("CampaignMember", _TOUCH, since)
        frame.insert(1, "person_id", frame.pop("contact").fillna(frame.pop("lead")))
        responded = frame.pop("responded") + "T00:00:00.000+0000"  # a day
        frame.insert(2, "touched_at", responded.fillna(frame.pop("created")))
        frame.insert(3, "source", pd.Series("campaign", index=frame.index, dtype="str"))
        return extract(frame, since, key="touch_id")

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read opportunities, with their primary contact."""
        frame = self._frame("Opportunity", _DEAL, since)
        closed, won = frame.pop("is_closed") == "True", frame.pop("is_won") == "True"
        close = frame.pop("close")
        frame["closed_at"], frame["expected_on"] = close.where(closed), close.where(~closed)
        frame["won"] = pd.Series(won, dtype="boolean").where(closed)
        frame["kind"] = pd.Series([_kind(text) for text in frame["kind"]], dtype="str")
        return extract(frame, since, key="deal_id")

    def close(self) -> None:
        """Let go of the connections."""
        self._org.close()

    def _frame(self, kind: str, wanted: Mapping[str, str], since: Mark | None) -> pd.DataFrame:
        """Return one row a record, as text, with ``updated_at``."""
        wanted = {**wanted, "updated_at": "SystemModstamp"}
        soql = f"SELECT {', '.join(dict.fromkeys(wanted.values()))} FROM {kind}"
        if since is not None:
            floor = since.floor.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            soql += f" WHERE SystemModstamp >= {floor}"
        rows = [
            [_text(_within(entry, name)) for name in wanted.values()]
            for entry in self._org.query(soql)
        ]
        return pd.DataFrame(rows, columns=[*wanted], dtype="str")


def _within(entry: Mapping[str, Any], name: str) -> Any:
    """Return a field of a record, or of a record that it points to."""
    for step in name.split("."):
        entry = (entry or {}).get(step)  # type: ignore[assignment]
    return entry


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _kind(text: Any) -> str | None:
    known = str(text).lower()
    return next((kind for part, kind in _KINDS if part in known), None)
