"""Lock: one process writes with a ledger at a time; a kill lets go of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmm.errors import TargetBusy


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Hold the lock of a ledger.

    Raises
    ------
    TargetBusy
        If another process holds it.

    Notes
    -----
    A file beside the ledger, locked as SQLite locks: the system itself lets go of it when the
    process ends, however that happens. The ledger stays free for readers.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        ledger.with_name(f"{ledger.name}.lock"), isolation_level=None, timeout=0
    )
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise TargetBusy(
                f"another run is writing with the ledger {ledger}. Wait until it has ended."
            ) from error
        yield
    finally:
        connection.close()
