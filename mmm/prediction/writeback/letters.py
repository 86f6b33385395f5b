"""Dead letters: a table of the leads that a system did not take, with its reasons."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmm.prediction.writeback.entries import KEPT, NOT_THERE, REFUSED, Batch
from mmm.prediction.writeback.ledger import Ledger, reasons_of
from mmm.tables.target import write_target

COLUMNS = ("lead_id", "reason", "state", "batch", "system", "day")


def letters_file(ledger: Path) -> Path:
    """Return where the dead letters of a ledger lie."""
    return ledger.with_name(f"{ledger.name}.not-written.csv")


def write_letters(
    ledger: Ledger, path: Path, target: str = "", missing: Sequence[str] = ()
) -> Path | None:
    """Write the leads that the last batch of each system did not reach; None where there are none.

    The file is made anew from the ledger each time, so that it speaks of nothing older.

    Parameters
    ----------
    ledger : Ledger
    path : Path
        Of the ledger.
    target : str
    missing : sequence of str
        Leads that this system does not know, where nothing else was to be written to it.
    """
    last: dict[str, Batch] = {batch.target: batch for batch in ledger.batches()}
    if missing:
        last.pop(target, None)
    rows = [(lead, NOT_THERE, REFUSED, "", target, ledger.now[:10]) for lead in missing]
    rows += [
        (lead, reason, state, batch.id, batch.target, batch.planned_at[:10])
        for batch in last.values()
        for state in (REFUSED, KEPT)
        for lead, reason in reasons_of(ledger, batch, state)
    ]
    file = letters_file(path)
    if not rows:
        file.unlink(missing_ok=True)
        return None
    return write_target(pd.DataFrame(rows, columns=list(COLUMNS)), file)
