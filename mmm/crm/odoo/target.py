"""Odoo, through its JSON-RPC: leads and opportunities are records of ``crm.lead``.

Address: ``odoo:https://example.odoo.com/database``, or ``odoo:`` and the rest in ``ODOO_URL`` and
``ODOO_DB``. User and key come from ``ODOO_USER`` and ``ODOO_API_KEY``. The id of a lead is its
number in Odoo, or its external id, such as ``website.lead_17``.

**Where scores stand.** In custom fields, ``x_mmm_probability`` and so on, which
`OdooTarget.prepare` creates; that asks for a user who may change settings. Odoo's own
``probability`` is never written: from then on Odoo would no longer compute it. Odoo has no empty
number: where every other field of ours is empty, a probability of 0 is read as none.

**Writing.** One call of ``load`` takes a chunk, by the number of each record, so that a lead which
is gone is refused and not created. ``load`` takes all rows or none: rows that it names are left out
and the others sent again.

**Reading.** Every record is a lead, and those of the type ``opportunity`` are deals: won where
their probability is 100, lost where they are archived. Source, medium and campaign of a record are
one touch, at the instant it was created. A record without a contact stands for a person of its own.

Tested against the documented contract, not a live account. Odoo 19 keeps this interface beside a
newer one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmm.crm.http import parts, plain
from mmm.crm.intake import by_fields, take_in, utc_text
from mmm.crm.odoo.session import LEAD, Connection, Refused, connect
from mmm.crm.odoo.source import OdooSource, instant
from mmm.crm.records import Cell
from mmm.crm.rpc import number
from mmm.crm.target import FIELDS, PROBABILITY, SCORED_AT, Fields, Record, Refusal
from mmm.errors import TargetBusy, TargetError, TargetUnsure, quoted

CHUNK = 500  # records a call
PAGE = 1000  # records a call that reads
_ROUNDS = 60  # calls of a chunk, each without the rows that were refused before
_ABSENT = "no such lead, or the user may not see it"
_NAMES = {name: f"x_{name}" for name in FIELDS}


def open_target(address: str, *, environ: Mapping[str, str]) -> "OdooTarget":
    """Open Odoo for writing scores.

    Parameters
    ----------
    address : str
        What follows ``odoo:``, as this module says.
    environ : mapping

    Raises
    ------
    ConfigError
        If the address cannot be used, or a credential is missing.
    """
    return OdooTarget(connect(address, environ))


def open_source(address: str, *, environ: Mapping[str, str]) -> OdooSource:
    """Open Odoo for reading leads, touches and deals.

    Parameters
    ----------
    address : str
    environ : mapping

    Raises
    ------
    ConfigError
        As `open_target`.
    """
    return OdooSource(connect(address, environ))


class OdooTarget:
    """Scores in custom fields of leads in Odoo; see the module.

    Parameters
    ----------
    connection : Connection

    Attributes
    ----------
    name : str
    chunk_size : int
    """

    chunk_size = CHUNK

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Create the custom fields that are missing, and name them.

        Raises
        ------
        TargetError
            If the user may not create fields, or one is there and of another type.
        """
        there = self._connection.call(LEAD, "fields_get", list(_NAMES.values()), ["type"])
        wrong = [
            name for name in FIELDS
            if _NAMES[name] in there and there[_NAMES[name]]["type"] != _kind(name)
        ]  # fmt: skip
        if wrong:
            raise TargetError(
                f"Odoo has {quoted(_NAMES[name] for name in wrong)} of another type. Rename these "
                "fields, so that they can be created."
            )
        missing = [name for name in FIELDS if _NAMES[name] not in there]
        if missing and not dry_run:
            self._create(missing)
        return tuple(_NAMES[name] for name in missing)

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads; unknown leads are left out."""
        found: dict[str, Fields] = {}
        for piece in parts(list(dict.fromkeys(lead_ids)), PAGE):
            numbers = self._numbers(piece)
            if numbers:
                asked = [["id", "in", sorted(set(numbers.values()))]]
                names = list(_NAMES.values())
                rows = self._connection.call(LEAD, "search_read", asked, names)
                by_number = {row["id"]: _fields(row) for row in rows}
                known = {lead: n for lead, n in numbers.items() if n in by_number}
                found.update({lead: by_number[n] for lead, n in known.items()})
        return found

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write the fields of leads, in one call where none is refused."""
        rows, refused = take_in(records, self.chunk_size)
        numbers = self._numbers(list(rows))
        refused += [Refusal(lead, _ABSENT) for lead in rows if lead not in numbers]
        known = {lead: cells for lead, cells in rows.items() if lead in numbers}
        for n, (names, leads) in enumerate(by_fields(known).items()):
            table = {k: [str(numbers[k]), *_cells(names, known[k])] for k in leads}
            try:
                refused += self._load(names, table)
            except TargetBusy as error:
                if not n:
                    raise
                raise TargetUnsure(f"{error} A part of the leads was written before.") from None
        return tuple(refused)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"OdooTarget({self.name!r})"

    def _create(self, missing: Sequence[str]) -> None:
        model = self._connection.call("ir.model", "search", [["model", "=", LEAD]])
        if not model:
            raise TargetError("Odoo has no leads. Install its app CRM.")
        wanted = [
            {
                "model_id": model[0], "name": _NAMES[name], "ttype": _kind(name),
                "field_description": name, "state": "manual", "copied": False,
            }
            for name in missing
        ]  # fmt: skip
        try:
            self._connection.call("ir.model.fields", "create", wanted, changes=True)
        except Refused as error:
            raise TargetError(
                f"{error} Let a user who may change settings create the fields."
            ) from None

    def _numbers(self, leads: Sequence[str]) -> dict[str, int]:
        """Return the number of each lead; whether there is such a record is not asked."""
        found = {lead: value for lead in leads if (value := number(lead)) is not None}
        outer = {tuple(lead.split(".", 1)): lead for lead in leads if lead.count(".") >= 1}
        if outer:
            asked = [
                ["model", "=", LEAD],
                ["module", "in", sorted({module for module, _ in outer})],
                ["name", "in", sorted({name for _, name in outer})],
            ]
            names = ["module", "name", "res_id"]
            for row in self._connection.call("ir.model.data", "search_read", asked, names):
                lead = outer.get((row["module"], row["name"]))
                if lead is not None:
                    found[lead] = row["res_id"]
        return found

    def _load(self, names: Sequence[str], table: Mapping[str, Sequence[str]]) -> list[Refusal]:
        columns = [".id", *(_NAMES[name] for name in names)]
        refused: dict[str, Refusal] = {}
        for _ in range(_ROUNDS):
            leads = [lead for lead in table if lead not in refused]
            if not leads:
                return list(refused.values())
            rows = [list(table[lead]) for lead in leads]
            answer = self._connection.call(LEAD, "load", columns, rows, changes=True)
            wrong = [m for m in answer["messages"] if m.get("type") == "error"]
            if not wrong:
                return list(refused.values())
            refused.update(_refusals(wrong, leads))
        raise TargetError(
            f"Odoo refuses lead after lead: {plain(wrong[0].get('message', ''))} Check the fields."
        )


def _refusals(wrong: Sequence[Mapping[str, Any]], leads: Sequence[str]) -> dict[str, Refusal]:
    """Return the leads that messages of ``load`` are about.

    Raises
    ------
    TargetError
        If one is about none of them, such as a field that is missing.
    """
    refused: dict[str, Refusal] = {}
    for message in wrong:
        row = message.get("record", (message.get("rows") or {}).get("from", -1))
        said = str(message.get("message", ""))
        if not isinstance(row, int) or not 0 <= row < len(leads):
            raise TargetError(
                f"Odoo refuses the call: {plain(said)} Create the fields first: mmm score "
                "prepare. Check the rights of the user."
            )
        lead = leads[row]
        gone = message.get("field") == ".id"
        refused.setdefault(lead, Refusal(lead, _ABSENT if gone else plain(said, [lead])))
    return refused


def _kind(name: str) -> str:
    return {PROBABILITY: "float", SCORED_AT: "datetime"}.get(name, "char")


def _cells(names: Sequence[str], cells: Mapping[str, Cell]) -> list[str]:
    """Return values as ``load`` takes them: text, and empty for none."""
    return [_cell(name, cells[name]) for name in names]


def _cell(name: str, value: Cell) -> str:
    if value is None:
        return ""
    if name == SCORED_AT:
        return str(value)[:19].replace("T", " ")  # `take_in` has made it UTC
    return repr(value) if isinstance(value, float) else str(value)


def _fields(row: Mapping[str, Any]) -> Fields:
    fields: dict[str, Cell] = {name: row[_NAMES[name]] or None for name in FIELDS}
    moment = instant(row[_NAMES[SCORED_AT]])
    fields[SCORED_AT] = None if moment is None else utc_text(moment)
    if any(value is not None for value in fields.values()):
        fields[PROBABILITY] = float(row[_NAMES[PROBABILITY]])
    return fields
