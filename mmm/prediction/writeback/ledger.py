"""Ledger: what was planned, sent and written, in one SQLite file that survives a kill."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmm.crm.target import Fields
from mmm.errors import ConfigError, SourceError, quoted
from mmm.prediction.writeback.plan import Change

APPLICATION, VERSION = 0x6D6D6D6C, 1  # "mmml"
PENDING, SENT, DONE, FAILED = "pending", "sent", "done", "failed"  # of a chunk
PLANNED, WRITTEN, REFUSED, KEPT, DROPPED = "planned", "written", "refused", "kept", "dropped"
OPEN, CLOSED, UNDONE = "open", "done", "undone"  # of a batch

_SCHEMA = f"""
CREATE TABLE batch(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, target TEXT NOT NULL, undoes INTEGER,
  model TEXT NOT NULL, data TEXT NOT NULL, as_of TEXT NOT NULL, fields TEXT NOT NULL,
  planned_at TEXT NOT NULL, ended_at TEXT,
  state TEXT NOT NULL CHECK(state IN ('{OPEN}', '{CLOSED}', '{UNDONE}')));
CREATE TABLE chunk(
  batch INTEGER NOT NULL, number INTEGER NOT NULL, n_attempts INTEGER NOT NULL DEFAULT 0,
  reason TEXT, state TEXT NOT NULL CHECK(state IN ('{PENDING}', '{SENT}', '{DONE}', '{FAILED}')),
  PRIMARY KEY(batch, number)) WITHOUT ROWID;
CREATE TABLE item(
  batch INTEGER NOT NULL, chunk INTEGER NOT NULL, place INTEGER NOT NULL, lead_id TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL, reason TEXT,
  state TEXT NOT NULL CHECK(
    state IN ('{PLANNED}', '{WRITTEN}', '{REFUSED}', '{KEPT}', '{DROPPED}')),
  PRIMARY KEY(batch, chunk, place)) WITHOUT ROWID;
CREATE TABLE written(
  target TEXT NOT NULL, lead_id TEXT NOT NULL, fields TEXT NOT NULL, on_day TEXT NOT NULL,
  PRIMARY KEY(target, lead_id)) WITHOUT ROWID;
CREATE TABLE forgotten(hash TEXT PRIMARY KEY, on_day TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes
    ----------
    number : int
    id : str
    target : str
        Name of the system.
    undoes : int or None
        Number of the batch whose values it takes back.
    model, data, as_of : str
        What it was made from: model, fingerprint of the scores, day.
    fields : tuple of str
    planned_at : str
    state : {"open", "done", "undone"}
        Open until its last chunk has an answer.
    """

    number: int
    id: str
    target: str
    undoes: int | None
    model: str
    data: str
    as_of: str
    fields: tuple[str, ...]
    planned_at: str
    state: str


@dataclass(frozen=True)
class Draft:
    """What a new batch is made from; as in `Batch`."""

    id: str
    target: str
    model: str
    data: str
    as_of: str
    fields: tuple[str, ...]
    undoes: int | None = None


@dataclass(frozen=True)
class Chunk:
    """Leads that are sent in one call.

    Attributes
    ----------
    number : int
    state : {"pending", "sent", "done", "failed"}
        Sent means that the call may have happened.
    """

    number: int
    state: str


@dataclass(frozen=True)
class Item:
    """One lead of a chunk that has no answer yet.

    Attributes
    ----------
    place : int
    change : Change
    """

    place: int
    change: Change


@dataclass(frozen=True)
class Outcome:
    """What became of an item.

    Attributes
    ----------
    place : int
    state : {"written", "refused", "kept", "dropped"}
    reason : str or None
    """

    place: int
    state: str
    reason: str | None = None


NOT_THERE = "the system does not know this lead"
_NEVER = -1  # chunk of what is not sent


class Ledger:
    """The ledger of one or several systems; one process writes at a time.

    Every method that changes something is one transaction, on the disk when it returns.

    Parameters
    ----------
    connection : sqlite3.Connection
    now : str
        Present instant, ISO 8601 in UTC.
    """

    def __init__(self, connection: sqlite3.Connection, now: str) -> None:
        self.connection = connection
        self.now = now
        self._fresh: dict[tuple[int, int], list[Item]] = {}  # planned here, not yet asked for

    def written(self, target: str) -> dict[str, Fields]:
        """Return the values last written, by lead."""
        rows = self.connection.execute(
            "SELECT lead_id, fields FROM written WHERE target = ?", (target,)
        ).fetchall()
        return dict(zip((row[0] for row in rows), _loaded(row[1] for row in rows), strict=True))

    def adopt(self, target: str, present: Mapping[str, Fields]) -> None:
        """Take what was read in a system for what was last written there."""
        rows = ((target, lead, _text(there), self.now[:10]) for lead, there in present.items())
        with self.change() as connection:
            connection.executemany("INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?)", rows)

    def plan(
        self, draft: Draft, changes: Sequence[Change], chunk_size: int, missing: Sequence[str] = ()
    ) -> Batch:
        """Enter a batch; one that has the same id already gets a number behind it.

        Leads that the system does not know are entered as refused, and never sent.
        """
        with self.change() as connection:
            name = _free_name(connection, draft.id)
            values = (name, draft.target, draft.undoes, draft.model, draft.data, draft.as_of,
                      " ".join(draft.fields), self.now, OPEN)  # fmt: skip
            number = connection.execute(
                "INSERT INTO batch(id, target, undoes, model, data, as_of, fields, planned_at, "
                "state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values,
            ).lastrowid  # fmt: skip
            connection.executemany(
                "INSERT INTO chunk(batch, number, state) VALUES (?, ?, ?)",
                ((number, i, PENDING) for i in range(-(-len(changes) // chunk_size))),
            )
            insert = "INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            connection.executemany(
                insert,
                (
                    (number, *divmod(place, chunk_size), one.lead_id, _text(_filled(one.before)),
                     _text(one.after), None, PLANNED)
                    for place, one in enumerate(changes)
                ),
            )  # fmt: skip
            connection.executemany(
                insert,
                (
                    (number, _NEVER, place, lead, "{}", "{}", NOT_THERE, REFUSED)
                    for place, lead in enumerate(missing)
                ),
            )
        items = [Item(place % chunk_size, change) for place, change in enumerate(changes)]
        for start in range(0, len(items), chunk_size):
            self._fresh[number or 0, start // chunk_size] = items[start : start + chunk_size]
        return self.batch(name)

    def batches(self, target: str | None = None) -> list[Batch]:
        """Return all batches, those of one system where it is named; the oldest first."""
        names = [one.name for one in fields(Batch)]
        rows = self.connection.execute(
            f"SELECT {', '.join(names)} FROM batch WHERE target = ? OR ? IS NULL ORDER BY number",
            (target, target),
        )
        found = (dict(zip(names, row, strict=True)) for row in rows)
        return [Batch(**row | {"fields": tuple(row["fields"].split())}) for row in found]

    def batch(self, name: str) -> Batch:
        """Return a batch by its id.

        Raises
        ------
        ConfigError
            If there is none.
        """
        every = self.batches()
        for one in every:
            if one.id == name:
                return one
        last = quoted([one.id for one in reversed(every) if one.undoes is None], limit=5)
        raise ConfigError(
            f"the ledger has no batch {name!r}. "
            + (f"The last are {last}; name one of them." if every else "It has none at all.")
        )

    def chunks(self, batch: Batch) -> list[Chunk]:
        """Return the chunks of a batch that have no answer yet."""
        rows = self.connection.execute(
            "SELECT number, state FROM chunk WHERE batch = ? AND state <> ? ORDER BY number",
            (batch.number, DONE),
        )
        return [Chunk(*row) for row in rows]

    def items(self, batch: Batch, chunk: Chunk) -> list[Item]:
        """Return the items of a chunk that have no answer yet."""
        if (known := self._fresh.pop((batch.number, chunk.number), None)) is not None:
            return known
        rows = self.connection.execute(
            "SELECT place, lead_id, before, after FROM item "
            "WHERE batch = ? AND chunk = ? AND state = ? ORDER BY place",
            (batch.number, chunk.number, PLANNED),
        ).fetchall()
        every = _loaded(text for row in rows for text in row[2:])
        return [
            Item(place, Change(lead, _whole(before, after), after))
            for (place, lead, *_), before, after in zip(rows, every[::2], every[1::2], strict=True)
        ]

    def mark(self, batch: Batch, chunk: Chunk, state: str, reason: str | None = None) -> None:
        """Set the state of a chunk: sent before the call, done or failed behind it."""
        with self.change() as connection:
            connection.execute(
                "UPDATE chunk SET state = ?, reason = ?, n_attempts = n_attempts + ? "
                "WHERE batch = ? AND number = ?",
                (state, reason, state == SENT, batch.number, chunk.number),
            )

    def answer(
        self, batch: Batch, chunk: Chunk, outcomes: Iterable[Outcome], others: str | None = None
    ) -> None:
        """Enter what became of items; a chunk without open items is done.

        Parameters
        ----------
        batch, chunk
        outcomes : iterable of Outcome
        others : str, optional
            State of all other items of the chunk that had no answer yet.
        """
        where = (batch.number, chunk.number)
        with self.change() as connection:
            if others is not None:
                connection.execute(
                    "UPDATE item SET state = ? WHERE batch = ? AND chunk = ? AND state = ?",
                    (others, *where, PLANNED),
                )
            connection.executemany(
                "UPDATE item SET state = ?, reason = ? WHERE batch = ? AND chunk = ? AND place = ?",
                ((one.state, one.reason, *where, one.place) for one in outcomes),
            )
            connection.execute(
                "UPDATE chunk SET state = ? WHERE batch = ? AND number = ? AND NOT EXISTS "
                "(SELECT 1 FROM item WHERE batch = ? AND chunk = ? AND state = ?)",
                (DONE, *where, *where, PLANNED),
            )

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction, all of it or none."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


def _free_name(connection: sqlite3.Connection, name: str) -> str:
    taken = {row[0] for row in connection.execute("SELECT id FROM batch")}
    names = (name if again == 1 else f"{name}-{again}" for again in range(1, len(taken) + 2))
    return next(one for one in names if one not in taken)


def finish(ledger: Ledger, batch: Batch) -> None:
    """End a batch: what it wrote is now what was last written.

    Items without an answer are dropped: a later plan finds them again.
    """
    merged = """
        INSERT INTO written SELECT ?, lead_id, after, ? FROM item
        WHERE batch = ? AND state = ?
        ON CONFLICT(target, lead_id) DO UPDATE
        SET fields = json_patch(written.fields, excluded.fields), on_day = excluded.on_day
    """
    with ledger.change() as connection:
        connection.execute(merged, (batch.target, ledger.now[:10], batch.number, WRITTEN))
        connection.execute(
            "UPDATE item SET state = ? WHERE batch = ? AND state = ?",
            (DROPPED, batch.number, PLANNED),
        )
        connection.execute(
            "UPDATE batch SET state = ?, ended_at = ? WHERE number = ?",
            (CLOSED, ledger.now, batch.number),
        )
        if batch.undoes is not None:
            connection.execute(
                "UPDATE batch SET state = ? WHERE number = ?", (UNDONE, batch.undoes)
            )


def reopen(ledger: Ledger, batch: Batch) -> None:
    """Doubt every answer of a batch: its system had not brought them to the disk."""
    with ledger.change() as connection:
        connection.execute(
            "UPDATE chunk SET state = ? WHERE batch = ? AND state = ?", (SENT, batch.number, DONE)
        )
        connection.execute(
            "UPDATE item SET state = ? WHERE batch = ? AND state = ?",
            (PLANNED, batch.number, WRITTEN),
        )


def counts(ledger: Ledger, batch: Batch) -> dict[str, int]:
    """Return how many items of a batch are in each state."""
    found = dict.fromkeys((PLANNED, WRITTEN, REFUSED, KEPT, DROPPED), 0)
    rows = ledger.connection.execute(
        "SELECT state, count(*) FROM item WHERE batch = ? GROUP BY state", (batch.number,)
    )
    return found | dict(rows.fetchall())


def answered(ledger: Ledger, batch: Batch, state: str) -> list[tuple[str, Fields, Fields, str]]:
    """Return lead, before, after and reason of the items in a state, in the order of sending."""
    rows = ledger.connection.execute(
        "SELECT lead_id, before, after, coalesce(reason, '') FROM item "
        "WHERE batch = ? AND state = ? ORDER BY chunk, place", (batch.number, state),
    ).fetchall()  # fmt: skip
    every = _loaded(text for row in rows for text in row[1:3])
    return [
        (row[0], _whole(before, after), after, row[3])
        for row, before, after in zip(rows, every[::2], every[1::2], strict=True)
    ]


def open_ledger(path: Path, *, now: str | None = None, read_only: bool = False) -> Ledger:
    """Open a ledger, a new one where there is none.

    Parameters
    ----------
    path : Path
    now : str, optional
        Present instant, ISO 8601 in UTC.
    read_only : bool
        Change nothing on the disk.

    Raises
    ------
    SourceError
        If the file is something else, damaged, of a newer version, or cannot be written.
    """
    moment = now or datetime.now(UTC).replace(microsecond=0).isoformat()
    try:
        if read_only and not path.exists():
            connection = sqlite3.connect(":memory:", isolation_level=None)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))  # ids are its owner's alone
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        _prepare(connection, path)
        if read_only:  # a connection that may write, so that it clears its own files away
            connection.execute("PRAGMA query_only = ON")
    except (sqlite3.Error, OSError) as error:
        raise SourceError(
            f"{path} is no ledger of mmm, or cannot be used ({error}). Name another with "
            "ledger=, or restore it from its copy."
        ) from error
    return Ledger(connection, moment)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION and not empty:
        raise sqlite3.DatabaseError("another program wrote it")
    if version > VERSION:
        raise SourceError(
            f"the ledger {path} is of version {version}; this mmm reads up to {VERSION}. "
            "Install a newer mmm."
        )
    if empty:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {APPLICATION}; "
            f"PRAGMA user_version = {VERSION}; COMMIT;"
        )
    # A chunk is sent only when the disk knows that it is about to be.
    connection.execute("PRAGMA synchronous = FULL")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _text(values: Mapping[str, Any]) -> str:
    return _encode(values) if values else "{}"


def _loaded(texts: Iterable[str]) -> list[Any]:
    """Read many objects in one go."""
    found: list[Any] = json.loads(f"[{','.join(texts)}]")
    return found


def _filled(values: Fields) -> Fields:
    """Leave out what is empty."""
    return {name: value for name, value in values.items() if value is not None}


def _whole(before: Fields, after: Fields) -> Fields:
    return {name: before.get(name) for name in after}
