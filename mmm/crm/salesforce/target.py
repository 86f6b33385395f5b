"""Salesforce, through its usual client ``simple-salesforce``.

Addresses: ``salesforce:`` or ``salesforce:Lead`` where the ids of leads are record ids;
``salesforce:Contact?id=mmm_lead_id__c`` where they are values of an external id field;
``columns=Industry,...`` names further fields to read with leads. Other objects: Account,
Opportunity. Credentials: ``SALESFORCE_INSTANCE_URL`` with ``SALESFORCE_ACCESS_TOKEN``, or
``SALESFORCE_USERNAME``, ``SALESFORCE_PASSWORD`` and ``SALESFORCE_SECURITY_TOKEN``, or
``SALESFORCE_CONSUMER_KEY`` and ``SALESFORCE_CONSUMER_SECRET``; for the last two the domain is that
of the instance, or ``SALESFORCE_DOMAIN`` (``login``, or ``test`` for a sandbox).

Up to 200 leads go by sObject Collections, which answer at once; more go as one job of the Bulk API
2.0, whose failed and unprocessed rows are fetched even when it calls itself complete. By record id
both update and never create; by an external id they upsert. Rows are sorted by account, so that
parallel batches do not wait for one another's locks. The probability keeps six decimals, a text 255
characters.

The custom fields are made by an administrator: a field made through an interface is visible to
nobody until its permissions are granted, and the user who writes scores every night should hold
neither right. `SalesforceTarget.prepare` names the fields that are missing, and how to make them.

Tested against the documented contract, not a live account.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mmm.crm.http import patiently, read_address
from mmm.crm.intake import Rows, take_in, utc_text
from mmm.crm.salesforce.job import Job, refuse, run_job
from mmm.crm.salesforce.session import Org, open_org
from mmm.crm.salesforce.source import LEADS, SalesforceSource
from mmm.crm.target import FIELDS, PROBABILITY, SCORED_AT, Fields, Record, Refusal
from mmm.errors import TargetError, TargetUnsure, quoted

OBJECTS = ("Lead", "Contact", "Account", "Opportunity")
COLLECTION = 200  # records a call of sObject Collections
BULK = 10_000  # rows that Salesforce makes one internal batch of
DECIMALS = 6
LENGTH = 255  # of a text field
_QUERY = 8_000  # characters of ids in a query: an address may have 16,384 in all
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_ACCOUNTS = {"Contact": "AccountId", "Opportunity": "AccountId", "Account": "ParentId"}
_MINE = {name: f"{name}__c" for name in FIELDS}
_OPTIONS = ("id", "columns")


def open_target(address: str, *, environ: Mapping[str, str]) -> "SalesforceTarget":
    """Open the object of an organisation that scores are written to; see the module.

    Raises
    ------
    ConfigError
        If the address is unknown or the credentials are incomplete.
    MissingLibraryError
        If ``simple-salesforce`` is not installed.
    """
    said = read_address(address, OBJECTS, _OPTIONS)
    return SalesforceTarget(open_org(environ), said["object"], said.get("id") or None)


def open_source(address: str, *, environ: Mapping[str, str]) -> SalesforceSource:
    """Open an organisation that leads, campaign members and opportunities are read from.

    Raises
    ------
    ConfigError, MissingLibraryError
        As `open_target`.
    """
    said = read_address(address, tuple(LEADS), _OPTIONS)
    more = tuple(name for name in said.get("columns", "").split(",") if name)
    return SalesforceSource(open_org(environ), said["object"], said.get("id") or None, more)


class SalesforceTarget:
    """The fields ``mmm_...__c`` of one object of an organisation.

    Parameters
    ----------
    org : Org
    kind : str
        One of `OBJECTS`.
    key : str or None
        External id field that holds the id of a lead; None for the record id.
    sleep : callable
        Waits the given seconds between looks at a job.
    """

    chunk_size = BULK

    def __init__(
        self, org: Org, kind: str, key: str | None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = f"salesforce:{org.place}/{kind}" + (f"?id={key}" if key else "")
        self._org, self._kind, self._key, self._sleep = org, kind, key, sleep
        self._accounts: dict[str, str] = {}

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Check that the fields are there; with `dry_run`, name those that are not.

        Raises
        ------
        TargetError
            If a field is missing or may not be edited; it says how to make it.
        """
        path = f"sobjects/{self._kind}/describe"
        described = patiently(lambda: self._org.json("GET", path))["fields"]
        fields = {field["name"]: field for field in described}
        missing = tuple(name for name, mine in _MINE.items() if mine not in fields)
        if dry_run:
            return missing
        wanted = [f"{_MINE[name]}: {_recipe(name)}" for name in missing]
        if self._key and not fields.get(self._key, {}).get("externalId"):
            wanted.append(f"{self._key}: text of {LENGTH}, external id, unique")
        if wanted:
            raise TargetError(
                f"{self._kind} lacks fields, or this user does not see them: {'; '.join(wanted)}. "
                f"In Setup, Object Manager, {self._kind}, Fields & Relationships, New, make them "
                "and let the profile of this user read and edit them."
            )
        fixed = [name for name in _MINE.values() if not fields[name].get("updateable", True)]
        if fixed:
            raise TargetError(f"This user may not edit {quoted(fixed)}. Grant it in the profile.")
        return ()

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads; unknown leads are left out."""
        found: dict[str, Fields] = {}
        for lead_id, entry in self._select(lead_ids, list(_MINE.values())):
            found[lead_id] = {name: _from_field(name, entry.get(_MINE[name])) for name in FIELDS}
        return found

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write at most 10,000 records, and return those not taken."""
        rows, refused = take_in(records, BULK)
        sent: dict[str, str] = {}  # by the id as Salesforce compares it
        for lead_id in rows:
            if not self._possible(lead_id):
                refused.append(Refusal(lead_id, "is not a record id of Salesforce"))
            elif sent.setdefault(self._folded(lead_id), lead_id) != lead_id:
                refused.append(Refusal(lead_id, "is the id of another lead of this call"))
        accounts = self._accounts_of(list(sent.values()))
        order = sorted(sent.values(), key=lambda lead_id: (accounts.get(lead_id, ""), lead_id))
        cells = {lead_id: rows[lead_id] for lead_id in order}
        if cells:
            refused += self._collect(cells) if len(cells) <= COLLECTION else self._load(cells)
        return tuple(refused)

    def close(self) -> None:
        """Let go of the connections."""
        self._org.close()

    def _possible(self, lead_id: str) -> bool:
        if self._key:
            return 0 < len(lead_id) <= LENGTH
        return _RECORD_ID.fullmatch(lead_id) is not None

    def _folded(self, lead_id: str) -> str:
        # The last three of 18 characters follow from the first 15, where case counts.
        return lead_id.casefold() if self._key else lead_id[:15]

    def _select(
        self, lead_ids: Sequence[str], fields: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the records of leads, and keep to which account they belong."""
        asked: dict[str, list[str]] = {}
        for lead_id in filter(self._possible, dict.fromkeys(lead_ids)):
            asked.setdefault(self._folded(lead_id), []).append(lead_id)
        field, account = self._key or "Id", _ACCOUNTS.get(self._kind)
        names = ", ".join(dict.fromkeys([field, *fields, *([account] if account else [])]))
        soql = f"SELECT {names} FROM {self._kind} WHERE {field} IN "
        for some in _by_length(self._org.quoted(ids[0]) for ids in asked.values()):
            for entry in self._org.query(f"{soql}({','.join(some)})"):
                for lead_id in asked.get(self._folded(entry[field]), []):
                    self._accounts[lead_id] = (account and entry.get(account)) or ""
                    yield lead_id, entry

    def _accounts_of(self, lead_ids: Sequence[str]) -> Mapping[str, str]:
        if self._kind in _ACCOUNTS and len(lead_ids) > COLLECTION:
            for _ in self._select([i for i in lead_ids if i not in self._accounts], []):
                pass  # _select keeps the accounts
        return self._accounts

    def _collect(self, rows: Rows) -> list[Refusal]:
        """Write up to 200 records in one call that answers for each."""
        field, path = "id", "composite/sobjects"
        if self._key:
            field, path = self._key, f"composite/sobjects/{self._kind}/{self._key}"
        records = [
            {
                "attributes": {"type": self._kind},
                field: lead_id,
                **{_MINE[name]: _to_field(name, value) for name, value in cells.items()},
            }
            for lead_id, cells in rows.items()
        ]
        answer = self._org.json("PATCH", path, json={"allOrNone": False, "records": records})
        if not isinstance(answer, list) or len(answer) != len(rows):
            raise TargetUnsure("Salesforce's answer does not name every lead that was sent.")
        refused = []
        for lead_id, told in zip(rows, answer, strict=True):
            if not told["success"]:
                said = [f"{one['statusCode']}: {one['message']}" for one in told["errors"]]
                refused.append(refuse(lead_id, "; ".join(said)))
        return refused

    def _load(self, rows: Rows) -> list[Refusal]:
        """Write as one job."""
        names = [name for name in FIELDS if any(name in cells for cells in rows.values())]
        cells = [
            [lead_id, *(_to_cell(name, row[name]) if name in row else "" for name in names)]
            for lead_id, row in rows.items()
        ]
        job = Job(self._kind, self._key, tuple(_MINE[name] for name in names), cells)
        return run_job(self._org, job, self._sleep)


def _by_length(literals: Iterable[str]) -> Iterator[list[str]]:
    """Cut quoted ids into pieces that an address has room for."""
    some: list[str] = []
    size = 0
    for literal in literals:
        length = len(quote(literal + ",", safe=""))
        if some and size + length > _QUERY:
            yield some
            some, size = [], 0
        some.append(literal)
        size += length
    if some:
        yield some


def _to_field(name: str, value: str | float | None) -> str | float | None:
    if value is None or name == PROBABILITY:
        return None if value is None else round(float(value), DECIMALS)
    text = str(value)
    if name == SCORED_AT:
        return text.replace("+00:00", "Z")
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"


def _from_field(name: str, value: Any) -> str | float | None:
    if value is None or value == "":
        return None
    try:
        if name == PROBABILITY:
            return float(value)
        return utc_text(datetime.fromisoformat(value)) if name == SCORED_AT else str(value)
    except (ValueError, TypeError):
        raise TargetError(
            f"The field {_MINE[name]} holds something else. It has to be {_recipe(name)}."
        ) from None


def _to_cell(name: str, value: str | float | None) -> str | float:
    """Return a value as the Bulk API reads it; an empty cell would leave the field as it is."""
    given = _to_field(name, value)
    return "#N/A" if given is None else given


def _recipe(name: str) -> str:
    kinds = {PROBABILITY: f"number, 1 digit and {DECIMALS} decimals", SCORED_AT: "date/time"}
    return kinds.get(name, f"text of {LENGTH}")
