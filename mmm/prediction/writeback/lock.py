"""Lock: one process writes with a ledger at a time; a kill lets go of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmm.errors import SourceError, TargetBusy


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Hold the lock of a ledger.

    Raises
    ------
    TargetBusy
        If another process holds it.
    SourceError
        If the folder cannot be written.

    Notes
    -----
    A file beside the ledger, locked as SQLite locks: the system itself lets go of it when the
    process ends, however that happens. The ledger stays free for readers.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    file = ledger.with_name(f"{ledger.name}.lock")
    try:
        connection = sqlite3.connect(file, isolation_level=None, timeout=0)
    except sqlite3.Error as error:
        raise _unusable(file, error) from error
    try:
        try:
            # Not EXCLUSIVE: two that ask for it at the same instant refuse each other.
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise _unusable(file, error) from error
            raise TargetBusy(
                f"another run is writing with the ledger {ledger}. Wait until it has ended."
            ) from error
        yield
    finally:
        connection.close()


def _unusable(file: Path, error: sqlite3.Error) -> SourceError:
    return SourceError(
        f"cannot lock {file} ({error}). Let the user of the job write to that folder, or name "
        "another with ledger=."
    )
