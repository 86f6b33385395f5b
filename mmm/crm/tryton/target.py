"""Tryton, through its JSON-RPC: leads are records of ``sale.opportunity``, ids their numbers.

Address: ``tryton:https://crm.example.com/database``, or ``tryton:`` and the rest in ``TRYTON_URL``.
User and password come from ``TRYTON_USER`` and ``TRYTON_PASSWORD``. The modules of Tryton that are
needed are ``sale_opportunity`` and what it brings.

**Where scores stand.** Tryton takes new columns from modules alone, which somebody has to install
on the server. So the scores of an opportunity are one attachment of it, named ``mmm score``, whose
description has a line a field: people see them in the list of attachments, and nothing that people
wrote is touched. (The comment of an opportunity would be no place for them: Tryton copies it to the
quotation, which the customer reads. A note cannot be changed once it is made.) There is nothing to
create beforehand. An attachment without any field left is deleted.

``tryton:...?probability=conversion_probability`` writes the probability to Tryton's own field too,
where lists can be sorted by it. Then that field is what `TrytonTarget.read` returns, so that to
undo brings back what people had entered. It has four decimals; all of them are in the attachment.
An opportunity that somebody changed since it was read is refused until it is read again, as the
next run does: otherwise undo would bring back a value older than theirs. The check is Tryton's own,
by the time of the last change. Tryton refuses to change the probability of opportunities that are
won, lost or cancelled.

**Reading.** Every opportunity is a lead; those beyond the state ``lead`` are deals, won, lost (also
when cancelled) or open. Tryton keeps no touches, so there are none.

Tested on a real Tryton 8.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmm.crm.http import parts
from mmm.crm.intake import take_in
from mmm.crm.records import Cell
from mmm.crm.rpc import number
from mmm.crm.target import FIELDS, PROBABILITY, Fields, Record, Refusal
from mmm.crm.tryton.session import CHANGED, OPPORTUNITY, Connection, Refused, connect
from mmm.crm.tryton.source import TrytonSource
from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure

CHUNK = 500  # records a call
PAGE = 1000  # records a call that reads
ATTACHMENT = "mmm score"
NATIVE = "conversion_probability"
_ATTACHMENT = "ir.attachment"
_OPEN = {"lead", "opportunity", "converted"}  # where Tryton lets the probability be changed
_MOST_REFUSED = 60  # calls of a chunk, without one that is taken
_ABSENT = "no such opportunity, or the user may not see it"


def open_target(address: str, *, environ: Mapping[str, str]) -> "TrytonTarget":
    """Open Tryton for writing scores.

    Parameters
    ----------
    address : str
        What follows ``tryton:``, as this module says.
    environ : mapping

    Raises
    ------
    ConfigError
        If the address cannot be used, or a credential is missing.
    """
    connection, options = connect(address, environ, ["probability"])
    asked = options.get("probability")
    if asked not in (None, NATIVE):
        raise ConfigError(
            f"The option probability is {asked!r}. Write probability={NATIVE}, or leave it out."
        )
    return TrytonTarget(connection, native=asked is not None)


def open_source(address: str, *, environ: Mapping[str, str]) -> "TrytonSource":
    """Open Tryton for reading leads and deals.

    Parameters
    ----------
    address : str
    environ : mapping

    Raises
    ------
    ConfigError
        As `open_target`.
    """
    return TrytonSource(connect(address, environ, [])[0])


@dataclass(frozen=True)
class _Seen:
    """What stands in Tryton for one lead: fields, attachments of ours, and when it was changed."""

    number: int
    fields: Fields
    stored: str | None = None
    attachments: tuple[int, ...] = ()
    stamp: str | None = None
    native: float | None = None
    native_stamp: str | None = None
    state: str = "lead"


@dataclass(frozen=True)
class _Change:
    """What has to be done for one lead: its text, None for no attachment; its own field."""

    seen: _Seen
    text: str | None
    native: float | None


class TrytonTarget:
    """Scores as attachments of opportunities in Tryton; see the module.

    Parameters
    ----------
    connection : Connection
    native : bool
        Whether the probability goes to ``conversion_probability`` too.

    Attributes
    ----------
    name : str
    chunk_size : int
    """

    chunk_size = CHUNK

    def __init__(self, connection: Connection, *, native: bool = False) -> None:
        self.name = connection.name
        self._connection, self._native = connection, native
        self._seen: dict[str, _Seen] = {}

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Look whether the user may write; there is nothing to create.

        Raises
        ------
        TargetError
            If there are no opportunities, or the user may not write them.
        """
        self._connection.call(f"{OPPORTUNITY}.fields_get", [NATIVE])
        access = self._connection.call("ir.model.access.get_access", [OPPORTUNITY])
        if not (access[OPPORTUNITY]["read"] and access[OPPORTUNITY]["write"]):
            raise TargetError(
                "The user may not write opportunities in Tryton. Put it into the group that may."
            )
        return ()

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads; what is written next is checked against it."""
        found: dict[str, _Seen] = {}
        for piece in parts(list(dict.fromkeys(lead_ids)), PAGE):
            found.update(self._look(piece))
        self._seen.update(found)
        return {lead: seen.fields for lead, seen in found.items()}

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write the fields of leads, each opportunity only where something differs."""
        rows, refused = take_in(records, self.chunk_size)
        before = self._connection.n_changes
        self.read([lead for lead in rows if lead not in self._seen])
        changes: dict[str, _Change] = {}
        for lead, cells in rows.items():
            change = _planned(self._seen.get(lead), cells, self._native)
            if isinstance(change, _Change):
                changes[lead] = change
            else:
                refused.append(Refusal(lead, change))
        try:
            refused += self._carry_out(changes)
        except TargetBusy as error:
            if self._connection.n_changes == before:
                raise
            raise TargetUnsure(f"{error} A part of the leads was written before.") from None
        finally:
            # What was sent is no longer as it was seen. Those somebody changed stay as they were
            # seen, so that they are refused until they are read.
            stale = {refusal.lead_id for refusal in refused if refusal.reason == CHANGED}
            for lead in set(changes) - stale:
                self._seen.pop(lead, None)
        return tuple(refused)

    def close(self) -> None:
        """Log out."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"TrytonTarget({self.name!r})"

    def _look(self, leads: Sequence[str]) -> dict[str, _Seen]:
        numbers = {value: lead for lead in leads if (value := number(lead)) is not None}
        if not numbers:
            return {}
        there = self._there(sorted(numbers))
        resources = [f"{OPPORTUNITY},{row['id']}" for row in there]
        ours: dict[int, list[Mapping[str, Any]]] = {}
        if resources:
            domain = [["resource", "in", resources], ["name", "=", ATTACHMENT]]
            names = ["resource", "description", "_timestamp"]
            for row in self._search(_ATTACHMENT, domain, names):
                ours.setdefault(int(row["resource"].partition(",")[2]), []).append(row)
        return {
            numbers[row["id"]]: _seen(row, ours.get(row["id"], []), self._native) for row in there
        }

    def _there(self, numbers: list[int]) -> list[dict[str, Any]]:
        """Return the opportunities that there are, with what is asked for of Tryton's own."""
        domain = [["id", "in", numbers]]
        if self._native:
            return self._search(OPPORTUNITY, domain, ["state", NATIVE, "_timestamp"])
        found = self._connection.call(f"{OPPORTUNITY}.search", domain, 0, None, [["id", "ASC"]])
        return [{"id": number} for number in found]

    def _search(self, model: str, domain: object, names: Sequence[str]) -> list[dict[str, Any]]:
        found = self._connection.call(
            f"{model}.search_read", domain, 0, None, [["id", "ASC"]], list(names)
        )
        return list(found)

    def _carry_out(self, changes: Mapping[str, _Change]) -> list[Refusal]:
        """Write Tryton's own field first, as it is what may be refused; then the attachments."""
        call = self._connection.call

        def own(leads: Sequence[str]) -> None:
            pairs = [([changes[k].seen.number], {NATIVE: changes[k].native}) for k in leads]
            stamps = {
                f"{OPPORTUNITY},{changes[k].seen.number}": changes[k].seen.native_stamp or ""
                for k in leads
            }
            call(f"{OPPORTUNITY}.write", *_flat(pairs), changes=True, stamps=stamps)

        def create(leads: Sequence[str]) -> None:
            values = [_attachment(changes[k]) for k in leads]
            call(f"{_ATTACHMENT}.create", values, changes=True)

        def rewrite(leads: Sequence[str]) -> None:
            pairs = [
                ([changes[k].seen.attachments[0]], {"description": changes[k].text}) for k in leads
            ]
            call(
                f"{_ATTACHMENT}.write", *_flat(pairs), changes=True, stamps=_stamps(changes, leads)
            )

        def delete(leads: Sequence[str]) -> None:
            ids = [i for k in leads for i in _surplus(changes[k])]
            call(f"{_ATTACHMENT}.delete", ids, changes=True, stamps=_stamps(changes, leads))

        refused: list[Refusal] = []
        steps: list[tuple[Callable[[_Change], bool], Callable[[Sequence[str]], None]]] = [
            (lambda c: c.native is not None and c.native != c.seen.native, own),
            (lambda c: c.text is not None and not c.seen.attachments, create),
            (lambda c: c.text not in (None, c.seen.stored) and bool(c.seen.attachments), rewrite),
            (lambda c: bool(_surplus(c)), delete),
        ]
        for concerns, send in steps:
            out = {refusal.lead_id for refusal in refused}
            leads = [lead for lead in changes if lead not in out and concerns(changes[lead])]
            refused += send_in_halves(leads, send)
        return refused


def send_in_halves(leads: Sequence[str], send: Callable[[Sequence[str]], None]) -> list[Refusal]:
    """Send leads in one call, and where Tryton refuses it, in halves, down to what it refuses.

    Raises
    ------
    TargetError
        If call after call is refused and not one taken.
    """
    refused: list[Refusal] = []
    todo = [list(leads)] if leads else []
    taken = 0
    while todo:
        part = todo.pop()
        try:
            send(part)
            taken += 1
        except Refused as error:
            if len(part) > 1:
                middle = len(part) // 2
                todo += [part[middle:], part[:middle]]
                continue
            refused.append(Refusal(part[0], str(error)))
            if not taken and len(refused) >= _MOST_REFUSED:
                raise TargetError(
                    f"Tryton refuses every lead: {error} Check the rights of the user."
                ) from None
    return refused


def _planned(seen: _Seen | None, cells: Mapping[str, Cell], native: bool) -> _Change | str:
    """Return what to do for a lead, or why it cannot be done."""
    if seen is None:
        return _ABSENT
    fields = {**seen.fields, **cells}
    if not native:
        return _Change(seen, _text(fields), None)
    value = fields[PROBABILITY]
    if not isinstance(value, float):
        return f"{NATIVE} cannot be empty in Tryton"
    rounded = round(value, 4)
    if rounded != seen.native and seen.state not in _OPEN:
        return f"Tryton keeps the probability of what is {seen.state}"
    alone = all(fields[name] is None for name in FIELDS if name != PROBABILITY)
    return _Change(seen, None if alone and rounded == value else _text(fields), rounded)


def _seen(row: Mapping[str, Any], ours: Sequence[Mapping[str, Any]], native: bool) -> _Seen:
    stored = (ours[0]["description"] or "") if ours else None
    fields = _fields(stored or "")
    value = float(row[NATIVE]) if native else None
    if native and not _agrees(fields[PROBABILITY], value):
        fields[PROBABILITY] = value
    return _Seen(
        number=row["id"],
        fields=fields,
        stored=stored,
        attachments=tuple(item["id"] for item in ours),
        stamp=ours[0]["_timestamp"] if ours else None,
        native=value,
        native_stamp=row.get("_timestamp"),
        state=row.get("state", "lead"),
    )


def _agrees(stored: Cell, native: float | None) -> bool:
    return isinstance(stored, float) and round(stored, 4) == native


def _text(fields: Mapping[str, Cell]) -> str | None:
    r"""Return a line a field, or None where there is none.

    Examples
    --------
    >>> _text({"mmm_probability": 0.25, "mmm_grade": "A", "mmm_model": None})
    'mmm_probability: 0.25\nmmm_grade: "A"'
    """
    lines = []
    for name in FIELDS:
        if (value := fields.get(name)) is not None:
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) or None


def _fields(text: str) -> dict[str, Cell]:
    """Return all fields of what `_text` wrote; a line that is no longer one is no value."""
    found: dict[str, Cell] = dict.fromkeys(FIELDS)
    for line in text.split("\n"):
        name, _, rest = line.partition(": ")
        try:
            value = json.loads(rest)
        except ValueError:
            continue
        if name == PROBABILITY and isinstance(value, (int, float)):
            found[name] = float(value)
        elif name in found and name != PROBABILITY and isinstance(value, str):
            found[name] = value
    return found


def _attachment(change: _Change) -> dict[str, Any]:
    return {
        "resource": f"{OPPORTUNITY},{change.seen.number}",
        "name": ATTACHMENT,
        "type": "link",
        "description": change.text,
    }


def _surplus(change: _Change) -> tuple[int, ...]:
    """Return attachments to delete: all where no field is left, else all but the first.

    Two arise where a call timed out, was sent again and both were carried out.
    """
    return change.seen.attachments[0 if change.text is None else 1 :]


def _stamps(changes: Mapping[str, _Change], leads: Sequence[str]) -> dict[str, str]:
    seen = [changes[lead].seen for lead in leads]
    return {f"{_ATTACHMENT},{s.attachments[0]}": s.stamp or "" for s in seen}


def _flat(pairs: Sequence[tuple[object, object]]) -> list[object]:
    return [item for pair in pairs for item in pair]
