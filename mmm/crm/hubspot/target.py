"""HubSpot, through its official client ``hubspot-api-client``.

Addresses: ``hubspot:`` or ``hubspot:contacts`` where the ids of leads are HubSpot's record ids;
``hubspot:contacts?id=email`` where they are values of a unique property; ``columns=industry,...``
names further properties to read with leads. Other objects: companies, deals, leads. The token of a
private app comes from ``HUBSPOT_TOKEN``, with the scopes to read and write the object and, to
create the properties, its schema.

By record id, batches update what is there and a lead that is gone is refused. By a unique property
HubSpot offers no batch update for contacts, only the upsert, which CREATES a contact for an id that
it does not have. A run looks leads up before it first writes them and sends none that is unknown,
so that this can only bring back one deleted since.

Touches are what HubSpot keeps of each contact: its first source and its latest one.

Tested against the documented contract, not a live account.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mmm.crm.http import parts, plain, read_address
from mmm.crm.hubspot.session import Account, open_account
from mmm.crm.hubspot.source import HubSpotSource
from mmm.crm.intake import take_in, utc_text
from mmm.crm.target import FIELDS, PROBABILITY, SCORED_AT, Fields, Record, Refusal
from mmm.errors import TargetError, TargetUnsure

OBJECTS = ("contacts", "companies", "deals", "leads")
BATCH = 100  # records a call
GROUP = "mmm_scores"
_PASSING = {"RATE_LIMITS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "LOCKED"}
_RECORD_ID = re.compile(r"[1-9][0-9]{0,18}")


def open_target(address: str, *, environ: Mapping[str, str]) -> "HubSpotTarget":
    """Open the object of an account that scores are written to; see the module.

    Raises
    ------
    ConfigError
        If the address is unknown or ``HUBSPOT_TOKEN`` is not set.
    MissingLibraryError
        If ``hubspot-api-client`` is not installed.
    """
    said = read_address(address, OBJECTS, ("id", "columns"))
    return HubSpotTarget(open_account(environ), said["object"], said.get("id") or None)


def open_source(address: str, *, environ: Mapping[str, str]) -> HubSpotSource:
    """Open an account that contacts, their sources and deals are read from; see the module.

    Raises
    ------
    ConfigError, MissingLibraryError
        As `open_target`.
    """
    said = read_address(address, ("contacts",), ("id", "columns"))
    more = tuple(name for name in said.get("columns", "").split(",") if name)
    return HubSpotSource(open_account(environ), said.get("id") or None, more)


class HubSpotTarget:
    """The properties ``mmm_...`` of one object of an account.

    Parameters
    ----------
    account : Account
    kind : str
        One of `OBJECTS`.
    key : str or None
        Unique property that holds the id of a lead; None for the record id.
    """

    chunk_size = BATCH

    def __init__(self, account: Account, kind: str, key: str | None) -> None:
        self.name = f"hubspot:{kind}" + (f"?id={key}" if key else "")
        self._account, self._kind, self._key = account, kind, key

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Create the properties that are missing, in a group of their own, and name them."""
        account, kind = self._account, self._kind
        there = account.ask(account.properties.get_all, kind)
        known = {entry["name"] for entry in there["results"]}
        missing = tuple(name for name in FIELDS if name not in known)
        if dry_run or not missing:
            return missing
        groups = account.ask(account.groups.get_all, kind)
        if GROUP not in {group["name"] for group in groups["results"]}:
            account.call(account.groups.create, kind, {"name": GROUP, "label": "mmm: lead scores"})
        inputs = [_definition(name) for name in missing]
        account.call(account.property_batch.create, kind, {"inputs": inputs})
        return missing

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads; unknown leads are left out."""
        found: dict[str, Fields] = {}
        for some in parts([i for i in dict.fromkeys(lead_ids) if self._possible(i)], BATCH):
            for entry in self._read_batch(some):
                values = entry["properties"]
                key = entry["id"] if self._key is None else values.get(self._key)
                said = {name: _from_property(name, values.get(name)) for name in FIELDS}
                found |= {i: said for i in some if key and i.casefold() == key.casefold()}
        return found

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write at most 100 records in one call, and return those not taken."""
        rows, refused = take_in(records, BATCH)
        sent: dict[str, str] = {}  # by the id as HubSpot compares it
        for lead_id in rows:
            if not self._possible(lead_id):
                refused.append(Refusal(lead_id, "is not a record id of HubSpot"))
            elif sent.setdefault(lead_id.casefold(), lead_id) != lead_id:
                refused.append(Refusal(lead_id, "is the id of another lead of this call"))
        if not sent:
            return tuple(refused)
        ids = list(sent.values())
        inputs = [self._input(place, lead_id, rows[lead_id]) for place, lead_id in enumerate(ids)]
        batch = self._account.batch
        answer = self._account.call(
            batch.update if self._key is None else batch.upsert, self._kind, {"inputs": inputs}
        )
        return (*refused, *_refusals(answer, ids))

    def close(self) -> None:
        """Let go of the connections."""
        self._account.close()

    def _possible(self, lead_id: str) -> bool:
        return bool(lead_id) if self._key else _RECORD_ID.fullmatch(lead_id) is not None

    def _input(self, place: int, lead_id: str, cells: Fields) -> dict[str, object]:
        properties = {name: _to_property(value) for name, value in cells.items()}
        named = {"idProperty": self._key} if self._key else {}
        # The trace is what HubSpot names a record by that it did not take.
        trace = {"objectWriteTraceId": f"mmm-{place}"}
        return {"id": lead_id, "properties": properties, **named, **trace}

    def _read_batch(self, lead_ids: Sequence[str]) -> list[dict[str, Any]]:
        body = {
            "properties": [*FIELDS, *([self._key] if self._key else [])],
            "propertiesWithHistory": [],
            "inputs": [{"id": lead_id} for lead_id in lead_ids],
            **({"idProperty": self._key} if self._key else {}),
        }
        answer = self._account.ask(self._account.batch.read, self._kind, body)
        return list(answer.get("results", []))


def _definition(name: str) -> dict[str, object]:
    kinds = {PROBABILITY: ("number", "number"), SCORED_AT: ("datetime", "date")}
    kind, shown = kinds.get(name, ("string", "text"))
    label = name.removeprefix("mmm_").replace("_", " ")
    return {
        "name": name,
        "label": f"mmm: {label}",
        "type": kind,
        "fieldType": shown,
        "groupName": GROUP,
        "formField": False,
    }


def _to_property(value: str | float | None) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(float(value))


def _from_property(name: str, value: str | None) -> str | float | None:
    if value is None or value == "":
        return None
    try:
        if name == PROBABILITY:
            return float(value)
        return _instant(value) if name == SCORED_AT else value
    except ValueError:
        raise TargetError(
            f"The property {name} holds something else. Rename it, and let prepare make a new one."
        ) from None


def _instant(text: str) -> str:
    """Return an instant as `FIELDS` has it; HubSpot writes ISO 8601, or milliseconds of 1970."""
    if text.isdecimal():
        return utc_text(datetime.fromtimestamp(int(text) / 1000.0, UTC))
    return utc_text(datetime.fromisoformat(text))


def _refusals(answer: Mapping[str, Any], sent: Sequence[str]) -> list[Refusal]:
    """Return the leads that an answer says were not taken; its other leads were.

    Raises
    ------
    TargetUnsure
        If it leaves out leads: then nobody knows.
    """
    traced = {f"mmm-{place}": lead_id for place, lead_id in enumerate(sent)}
    spelled = {lead_id.casefold(): lead_id for lead_id in sent}
    refused: dict[str, Refusal] = {}
    for error in answer.get("errors") or []:
        context = error.get("context") or {}
        named = [
            traced[trace] for trace in context.get("objectWriteTraceId", []) if trace in traced
        ]
        for key in ("ids", "id"):
            named += [
                spelled[i.casefold()] for i in context.get(key, []) if i.casefold() in spelled
            ]
        said = f"{error.get('category', 'error')}: {error.get('message', '')}"
        for lead_id in named:
            passing = error.get("category") in _PASSING
            refused[lead_id] = Refusal(lead_id, plain(said, hide=named), passing)
    if len(answer.get("results") or []) + len(refused) != len(sent):
        raise TargetUnsure("HubSpot's answer does not name every lead that was sent.")
    return list(refused.values())
