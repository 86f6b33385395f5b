"""Last values: what every lead of a system was last given, as the ledger knows it.

Pages are added behind each other, and a later one overrides an earlier one field by field. Where
the later ones have grown as long as the first ones, all are folded into one layer again.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from mmm.crm.records import Cell, Columns, rows_of
from mmm.crm.target import FIELDS, PROBABILITY, Fields
from mmm.prediction.writeback.packed import pack, text_of, unpack, without

SCHEMA = """
CREATE TABLE written(
  target TEXT NOT NULL, number INTEGER NOT NULL, layer INTEGER NOT NULL, n INTEGER NOT NULL,
  on_day TEXT NOT NULL, leads TEXT NOT NULL, fields TEXT NOT NULL, PRIMARY KEY(target, number));
"""
_PAGE = 20_000  # leads
_MOST = 1_000  # pages, and leads, that are too few to be folded


def last_values(connection: sqlite3.Connection, target: str) -> dict[str, Fields]:
    """Return the values last written to a system, by lead."""
    return {lead: fields for lead, (_, fields) in _folded(connection, target).items()}


def append(
    connection: sqlite3.Connection, target: str, day: str, leads: Sequence[str], after: Columns
) -> None:
    """Add what was written on a day; inside a transaction."""
    for start in range(0, len(leads), _PAGE):
        page = slice(start, start + _PAGE)
        cells = {name: column[page] for name, column in after.items()}
        append_text(connection, target, day, (text_of(leads[page]), pack(cells)), len(leads[page]))


def append_text(
    connection: sqlite3.Connection, target: str, day: str, texts: tuple[str, str], n: int
) -> None:
    """Add a page that is packed already: its leads, and their fields."""
    first, layer = connection.execute(
        "SELECT coalesce(max(number), 0), coalesce(max(on_day < ? OR layer > 0), 0) "
        "FROM written WHERE target = ?", (day, target),
    ).fetchone()  # fmt: skip
    connection.execute(
        "INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, ?)",
        (target, first + 1, layer, n, day, *texts),
    )


def adopt(
    connection: sqlite3.Connection, target: str, day: str, present: Mapping[str, Fields]
) -> None:
    """Take what was read in a system for what was last written there; inside a transaction."""
    leads = list(present)
    rows = list(present.values())
    columns = {name: [_sound(name, row.get(name)) for row in rows] for name in FIELDS}
    append(connection, target, day, leads, columns)


def fold(connection: sqlite3.Connection, target: str, *, oldest: str | None = None) -> None:
    """Make one layer of all pages, where that is due; inside a transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
    target : str
    oldest : str, optional
        Leads that were given nothing since that day are left out; folded in any case.
    """
    if oldest is None:
        pages, later, first = connection.execute(
            "SELECT total(layer), total(n * layer), total(n * (1 - layer)) "
            "FROM written WHERE target = ?", (target,),
        ).fetchone()  # fmt: skip
        if later <= max(first, _MOST) and pages <= _MOST:
            return
    by_day: dict[str, dict[str, Fields]] = {}
    for lead, (day, fields) in _folded(connection, target).items():
        if oldest is None or day >= oldest:
            by_day.setdefault(day, {})[lead] = fields
    connection.execute("DELETE FROM written WHERE target = ?", (target,))
    for day, there in sorted(by_day.items()):
        adopt(connection, target, day, there)
    connection.execute("UPDATE written SET layer = 0 WHERE target = ?", (target,))


def take_out(connection: sqlite3.Connection, lead_id: str) -> dict[str, bool]:
    """Take a lead out of all pages, inside a transaction.

    Returns
    -------
    dict of str to bool
        Systems that the pages were of, and whether the lead had a value there.
    """
    rows = connection.execute(
        "SELECT rowid, target, n, leads, fields FROM written WHERE instr(leads, ?)",
        (text_of(lead_id),),
    ).fetchall()
    systems: dict[str, bool] = {}
    for row, target, n, leads_text, fields_text in rows:
        leads, fields = _read(leads_text, fields_text, n)
        places = [place for place, lead in enumerate(leads) if lead == lead_id]
        if not places:
            continue
        if target not in systems:
            held = last_values(connection, target)[lead_id]
            systems[target] = any(value is not None for value in held.values())
        if n == len(places):
            connection.execute("DELETE FROM written WHERE rowid = ?", (row,))
            continue
        kept = [lead for lead in leads if lead != lead_id]
        connection.execute(
            "UPDATE written SET n = ?, leads = ?, fields = ? WHERE rowid = ?",
            (len(kept), text_of(kept), pack(without(fields, places)), row),
        )
    return systems


def _folded(connection: sqlite3.Connection, target: str) -> dict[str, tuple[str, Fields]]:
    """Return day and values by lead."""
    found: dict[str, tuple[str, Fields]] = {}
    for day, leads, rows in _pages(connection, target):
        if not found:
            found = {lead: (day, row) for lead, row in zip(leads, rows, strict=True)}
            continue
        for lead, row in zip(leads, rows, strict=True):
            there = found.get(lead)
            found[lead] = (day, row if there is None else {**there[1], **row})
    return found


def _pages(
    connection: sqlite3.Connection, target: str
) -> Iterator[tuple[str, list[str], Iterator[dict[str, Cell]]]]:
    rows = connection.execute(
        "SELECT on_day, n, leads, fields FROM written WHERE target = ? ORDER BY number", (target,)
    )
    for day, n, leads, fields in rows:
        names, columns = _read(leads, fields, n)
        yield day, names, rows_of(columns)


def _read(leads: str, fields: str, n: int) -> tuple[list[str], dict[str, list[Cell]]]:
    return json.loads(leads), unpack(fields, n)


def _sound(name: str, cell: Cell) -> Cell:
    """Return a cell of a system; what is no number is no probability."""
    return None if name == PROBABILITY and cell != cell else cell
