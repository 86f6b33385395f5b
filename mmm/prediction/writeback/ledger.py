"""Ledger: what was planned, sent and written, in one SQLite file that survives a kill."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from mmm.crm.target import Fields
from mmm.errors import ConfigError, SourceError, quoted
from mmm.prediction.writeback import chunks, last
from mmm.prediction.writeback.changes import Change, Changes, Part
from mmm.prediction.writeback.entries import (
    CLOSED,
    DONE,
    DROPPED,
    LETTERS,
    NOT_THERE,
    OPEN,
    PENDING,
    PLANNED,
    REFUSED,
    SENT,
    UNDONE,
    WRITTEN,
    Batch,
    Chunk,
    Draft,
    Items,
    Outcome,
)
from mmm.prediction.writeback.packed import text_of

APPLICATION, VERSION = 0x6D6D6D6C, 2  # "mmml"
_SCHEMA = f"""
CREATE TABLE batch(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, target TEXT NOT NULL, undoes INTEGER,
  model TEXT NOT NULL, data TEXT NOT NULL, as_of TEXT NOT NULL, fields TEXT NOT NULL,
  planned_at TEXT NOT NULL, ended_at TEXT,
  state TEXT NOT NULL CHECK(state IN ('{OPEN}', '{CLOSED}', '{UNDONE}')));
{chunks.SCHEMA}
{last.SCHEMA}
CREATE TABLE forgotten(hash TEXT PRIMARY KEY, on_day TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_WORTH_COPYING = 5_000  # leads of a chunk


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
        self._fresh: dict[tuple[int, int], Part] = {}  # planned here, not yet asked for

    def written(self, target: str) -> dict[str, Fields]:
        """Return the values last written, by lead."""
        return last.last_values(self.connection, target)

    def adopt(self, target: str, present: Mapping[str, Fields]) -> None:
        """Take what was read in a system for what was last written there."""
        with self.change() as connection:
            last.adopt(connection, target, self.now[:10], present)
            last.fold(connection, target)

    def plan(
        self, draft: Draft, changes: Iterable[Change], chunk_size: int, missing: Sequence[str] = ()
    ) -> Batch:
        """Enter a batch; one that has the same id already gets a number behind it.

        Leads that the system does not know are entered as refused, and never sent.
        """
        every = changes if isinstance(changes, Changes) else Changes.of(changes)
        parts = dict(enumerate(every.chunks(chunk_size)))
        with self.change() as connection:
            name = _free_name(connection, draft.id)
            values = (name, draft.target, draft.undoes, draft.model, draft.data, draft.as_of,
                      " ".join(draft.fields), self.now, OPEN)  # fmt: skip
            number = connection.execute(
                "INSERT INTO batch(id, target, undoes, model, data, as_of, fields, planned_at, "
                "state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values,
            ).lastrowid or 0  # fmt: skip
            for place, part in parts.items():
                chunks.enter(connection, (number, place), part, PENDING, PLANNED)
            if missing:
                none = Part(list(missing), {}, {})
                reasons = dict.fromkeys(missing, NOT_THERE)
                chunks.enter(connection, (number, chunks.NEVER), none, DONE, REFUSED, reasons)
        self._fresh = {(number, place): part for place, part in parts.items()}
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

    def items(self, batch: Batch, chunk: Chunk) -> Items:
        """Return the leads of a chunk that have no answer yet."""
        where = (batch.number, chunk.number)
        if (known := self._fresh.pop(where, None)) is not None:
            return Items(list(range(len(known.leads))), known)
        answers, _ = chunks.answers_of(self.connection, where)
        places = chunks.places_of(answers, PLANNED)
        if not places:
            return Items([], Part([], {}, {}))
        return Items(places, chunks.content(self.connection, where).take(places))

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
            answers, reasons = chunks.answers_of(self.connection, where)
            if others is not None:
                answers = answers.replace(LETTERS[PLANNED], LETTERS[others])
            letters = list(answers)
            for one in outcomes:
                letters[one.place] = LETTERS[one.state]
            answers = "".join(letters)
            why = {one.place: one.reason for one in outcomes if one.reason is not None}
            if why:
                leads = chunks.leads_of(connection, where)
                reasons |= {leads[place]: reason for place, reason in why.items()}
            connection.execute(
                "UPDATE chunk SET answers = ?, reasons = ? WHERE batch = ? AND number = ?",
                (answers, text_of(reasons), *where),
            )
            if LETTERS[PLANNED] not in answers:
                connection.execute(
                    "UPDATE chunk SET state = ? WHERE batch = ? AND number = ?", (DONE, *where)
                )

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction, all of it or none.

        Raises
        ------
        SourceError
            If the disk is full, or somebody else holds the file.
        """
        with writable():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                if self.connection.in_transaction:  # a full disk has ended it already
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")


@contextmanager
def writable() -> Iterator[None]:
    """Say what keeps a ledger from being written, and that what was sent is not forgotten."""
    try:
        yield
    except sqlite3.Error as error:
        raise SourceError(
            f"the ledger cannot be written ({error}). Make room on its disk, or close the program "
            "that holds it, then run again: what was sent is read back first, and nothing twice."
        ) from error


def _free_name(connection: sqlite3.Connection, name: str) -> str:
    taken = {row[0] for row in connection.execute("SELECT id FROM batch")}
    if name not in taken:
        return name
    return next(one for again in count(2) if (one := f"{name}-{again}") not in taken)


def finish(ledger: Ledger, batch: Batch) -> None:
    """End a batch: what it wrote is now what was last written.

    Leads without an answer are dropped: a later plan finds them again.
    """
    day = ledger.now[:10]
    with ledger.change() as connection:
        few: list[Part] = []
        for number, answers in chunks.chunks_with(connection, batch, WRITTEN):
            if set(answers) == {LETTERS[WRITTEN]} and len(answers) >= _WORTH_COPYING:
                texts = connection.execute(
                    "SELECT leads, after FROM content WHERE batch = ? AND chunk = ?",
                    (batch.number, number),
                ).fetchone()
                last.append_text(connection, batch.target, day, texts, len(answers))
            else:
                few.append(chunks.chosen(connection, (batch.number, number), answers, WRITTEN))
        for part in Changes(few).parts:
            last.append(connection, batch.target, day, part.leads, part.after)
        last.fold(connection, batch.target)
        connection.execute(
            "UPDATE chunk SET answers = replace(answers, ?, ?) WHERE batch = ?",
            (LETTERS[PLANNED], LETTERS[DROPPED], batch.number),
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
    """Doubt every answer of a batch: its system may not have what it took."""
    with ledger.change() as connection:
        connection.execute(
            "UPDATE chunk SET state = ?, answers = replace(answers, ?, ?) "
            "WHERE batch = ? AND state = ? AND number >= 0",
            (SENT, LETTERS[WRITTEN], LETTERS[PLANNED], batch.number, DONE),
        )


def counts(ledger: Ledger, batch: Batch) -> dict[str, int]:
    """Return how many leads of a batch are in each state."""
    rows = ledger.connection.execute(
        "SELECT answers FROM chunk WHERE batch = ?", (batch.number,)
    ).fetchall()
    return {
        state: sum(answers.count(letter) for (answers,) in rows)
        for state, letter in LETTERS.items()
    }


def answered(ledger: Ledger, batch: Batch, state: str) -> Changes:
    """Return the changes of the leads in a state, in the order of sending."""
    connection = ledger.connection
    return Changes(
        chunks.chosen(connection, (batch.number, number), answers, state)
        for number, answers in chunks.chunks_with(connection, batch, state)
    )


def reasons_of(ledger: Ledger, batch: Batch, state: str) -> list[tuple[str, str]]:
    """Return the leads in a state with the reasons, in the order of sending."""
    connection, found = ledger.connection, []
    for number, answers in chunks.chunks_with(connection, batch, state):
        leads = chunks.leads_of(connection, (batch.number, number))
        _, reasons = chunks.answers_of(connection, (batch.number, number))
        mine = [leads[place] for place in chunks.places_of(answers, state)]
        found += [(lead, reasons.get(lead, "")) for lead in mine]
    return found


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
        absent = read_only and not path.exists()
        if not absent:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))  # ids are its owner's alone
        where = ":memory:" if absent else path
        connection = sqlite3.connect(where, isolation_level=None, timeout=10)
        try:
            _prepare(connection, path)
            if read_only:  # a connection that may write, so that it clears its own files away
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
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
    if not empty and version < VERSION:
        raise SourceError(
            f"the ledger {path} is of version {version}, of before the first release. Move it "
            "away: the next run reads the system instead."
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
