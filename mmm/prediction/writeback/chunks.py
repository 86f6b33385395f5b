"""Chunks of a ledger: one row that changes, and one that does not.

The first has a letter a lead for what became of it, the second the leads and their values by field.
So a chunk costs two rows, and not one a lead.
"""

import json
import sqlite3
from collections.abc import Mapping

from mmm.prediction.writeback.changes import Part
from mmm.prediction.writeback.entries import DONE, FAILED, LETTERS, PENDING, SENT, Batch
from mmm.prediction.writeback.packed import pack, text_of, unpack

SCHEMA = f"""
CREATE TABLE chunk(
  batch INTEGER NOT NULL, number INTEGER NOT NULL, n_attempts INTEGER NOT NULL DEFAULT 0,
  reason TEXT, state TEXT NOT NULL CHECK(state IN ('{PENDING}', '{SENT}', '{DONE}', '{FAILED}')),
  answers TEXT NOT NULL, reasons TEXT NOT NULL DEFAULT '{{}}', PRIMARY KEY(batch, number));
CREATE TABLE content(
  batch INTEGER NOT NULL, chunk INTEGER NOT NULL, leads TEXT NOT NULL, before TEXT NOT NULL,
  after TEXT NOT NULL, PRIMARY KEY(batch, chunk));
"""
NEVER = -1  # number of the chunk of what is not sent
Where = tuple[int, int]  # numbers of batch and chunk


def enter(
    connection: sqlite3.Connection,
    where: Where,
    part: Part,
    state: str,
    answer: str,
    reasons: Mapping[str, str] | None = None,
) -> None:
    """Enter a chunk whose leads are all in one state, inside a transaction."""
    connection.execute(
        "INSERT INTO chunk(batch, number, state, answers, reasons) VALUES (?, ?, ?, ?, ?)",
        (*where, state, LETTERS[answer] * len(part.leads), text_of(reasons or {})),
    )
    connection.execute(
        "INSERT INTO content VALUES (?, ?, ?, ?, ?)",
        (*where, text_of(part.leads), pack(part.before), pack(part.after)),
    )


def content(connection: sqlite3.Connection, where: Where) -> Part:
    """Return the leads and values of a chunk."""
    texts = connection.execute(
        "SELECT leads, before, after FROM content WHERE batch = ? AND chunk = ?", where
    ).fetchone()
    leads = json.loads(texts[0])
    return Part(leads, *(unpack(text, len(leads)) for text in texts[1:]))


def leads_of(connection: sqlite3.Connection, where: Where) -> list[str]:
    """Return the leads of a chunk."""
    sql = "SELECT leads FROM content WHERE batch = ? AND chunk = ?"
    leads: list[str] = json.loads(connection.execute(sql, where).fetchone()[0])
    return leads


def answers_of(connection: sqlite3.Connection, where: Where) -> tuple[str, dict[str, str]]:
    """Return the letters of a chunk, and its reasons by lead."""
    row = connection.execute(
        "SELECT answers, reasons FROM chunk WHERE batch = ? AND number = ?", where
    ).fetchone()
    return row[0], json.loads(row[1])


def chunks_with(connection: sqlite3.Connection, batch: Batch, state: str) -> list[tuple[int, str]]:
    """Return the chunks that hold a lead in a state, with all their letters."""
    return connection.execute(
        "SELECT number, answers FROM chunk WHERE batch = ? AND instr(answers, ?) ORDER BY number",
        (batch.number, LETTERS[state]),
    ).fetchall()


def places_of(answers: str, state: str) -> list[int]:
    """Return the places of the leads in a state.

    Examples
    --------
    >>> places_of("wrw", "written")
    [0, 2]
    """
    return [place for place, letter in enumerate(answers) if letter == LETTERS[state]]


def chosen(connection: sqlite3.Connection, where: Where, answers: str, state: str) -> Part:
    """Return the changes of a chunk whose leads are in a state."""
    places = places_of(answers, state)
    part = content(connection, where)
    return part if len(places) == len(answers) else part.take(places)


def take_out(connection: sqlite3.Connection, lead_id: str) -> int:
    """Take a lead out of all chunks, inside a transaction; return of how many."""
    rows = connection.execute(
        "SELECT batch, chunk FROM content WHERE instr(leads, ?)", (text_of(lead_id),)
    ).fetchall()
    n_found = 0
    for where in rows:
        part = content(connection, where)
        kept = [place for place, lead in enumerate(part.leads) if lead != lead_id]
        if len(kept) == len(part.leads):
            continue
        n_found += 1
        answers, reasons = answers_of(connection, where)
        reasons.pop(lead_id, None)
        connection.execute(
            "UPDATE chunk SET answers = ?, reasons = ? WHERE batch = ? AND number = ?",
            ("".join(answers[place] for place in kept), text_of(reasons), *where),
        )
        rest = part.take(kept)
        texts = (text_of(rest.leads), pack(rest.before), pack(rest.after))
        connection.execute(
            "UPDATE content SET leads = ?, before = ?, after = ? WHERE batch = ? AND chunk = ?",
            (*texts, *where),
        )
    _silence(connection, lead_id)
    return n_found


def _silence(connection: sqlite3.Connection, lead_id: str) -> None:
    """Take out what a system has said of a lead elsewhere: of a chunk, or of another lead."""
    connection.execute("UPDATE chunk SET reason = NULL WHERE instr(reason, ?)", (lead_id,))
    rows = connection.execute(
        "SELECT batch, number, reasons FROM chunk WHERE instr(reasons, ?)",
        (text_of(lead_id)[1:-1],),
    ).fetchall()
    for batch, number, text in rows:
        said = {
            lead: "no longer kept" if lead_id in reason else reason
            for lead, reason in json.loads(text).items()
        }
        connection.execute(
            "UPDATE chunk SET reasons = ? WHERE batch = ? AND number = ?",
            (text_of(said), batch, number),
        )
