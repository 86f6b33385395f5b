"""Privacy: a person taken out of a ledger, and batches that are too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from mmm.errors import ConfigError
from mmm.prediction.writeback import chunks, last
from mmm.prediction.writeback.entries import OPEN
from mmm.prediction.writeback.keys import Key
from mmm.prediction.writeback.ledger import Ledger, writable

_KEY = "key"


@dataclass(frozen=True)
class Forgotten:
    """What was taken out of a ledger.

    Attributes
    ----------
    n_items : int
        Entries of batches.
    systems : mapping of str to bool
        Systems whose last values were kept, and whether there were some: there they may still be.
    """

    n_items: int
    systems: Mapping[str, bool]


def check_key(ledger: Ledger, key: Key) -> None:
    """Raise where the ledger was kept with another key: people forgotten would not be known.

    Raises
    ------
    ConfigError
    """
    mark = key.of("mmm")
    kept = ledger.connection.execute("SELECT value FROM meta WHERE name = ?", (_KEY,)).fetchone()
    if kept is not None and kept[0] != mark:
        raise ConfigError(
            "the key is not the one that this ledger was kept with, so that people who are to be "
            "forgotten would be written again. Restore the key."
        )
    if kept is None and not ledger.connection.execute("PRAGMA query_only").fetchone()[0]:
        with ledger.change() as connection:
            connection.execute("INSERT INTO meta VALUES (?, ?)", (_KEY, mark))


def forget(ledger: Ledger, lead_id: str, key: Key) -> Forgotten:
    """Take a lead out of a ledger, and keep the keyed hash of its id alone.

    A later run knows the lead by that hash, and neither scores nor writes it.

    Parameters
    ----------
    ledger : Ledger
    lead_id : str
    key : Key
    """
    check_key(ledger, key)
    connection = ledger.connection
    connection.execute("PRAGMA secure_delete = ON")
    with ledger.change():
        n_items = chunks.take_out(connection, lead_id)
        systems = last.take_out(connection, lead_id)
        connection.execute(
            "INSERT OR IGNORE INTO forgotten VALUES (?, ?)", (key.of(lead_id), ledger.now[:10])
        )
    _scour(ledger)
    return Forgotten(n_items, systems)


def forgotten(ledger: Ledger) -> frozenset[str]:
    """Return the keyed hashes of leads that are to be left alone."""
    return frozenset(row[0] for row in ledger.connection.execute("SELECT hash FROM forgotten"))


def prune(ledger: Ledger, keep_days: float) -> int:
    """Take batches out that ended more than so many days ago; return how many.

    They can no longer be taken back. So do last values that are older, of leads that have not
    changed since: the next run reads them in the system again.

    Parameters
    ----------
    ledger : Ledger
    keep_days : float

    Raises
    ------
    ConfigError
        If it is below 1.
    """
    if not keep_days >= 1:
        raise ConfigError(f"keep_days= is {keep_days}. Give 1 day or more.")
    oldest = (date.fromisoformat(ledger.now[:10]) - timedelta(days=keep_days)).isoformat()
    connection = ledger.connection
    old = connection.execute(
        "SELECT number FROM batch WHERE state <> ? AND ended_at < ?", (OPEN, oldest)
    ).fetchall()
    stale = connection.execute(
        "SELECT DISTINCT target FROM written WHERE on_day < ?", (oldest,)
    ).fetchall()
    if not old and not stale:
        return 0
    connection.execute("PRAGMA secure_delete = ON")
    with ledger.change():
        for table, column in (("content", "batch"), ("chunk", "batch"), ("batch", "number")):
            connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", old)
        for (target,) in stale:
            last.fold(connection, target, oldest=oldest)
    _scour(ledger)
    return len(old)


def _scour(ledger: Ledger) -> None:
    """Leave no deleted page behind, in the file or in its log."""
    with writable():
        ledger.connection.execute("VACUUM")
        ledger.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
