"""Undo: a batch that takes another one back."""

from mmm.errors import ConfigError
from mmm.prediction.writeback.entries import OPEN, UNDONE, WRITTEN, Batch, Draft
from mmm.prediction.writeback.ledger import Ledger, answered

LAST = "last"


def find_batch(ledger: Ledger, target: str, name: str) -> Batch:
    """Return the batch to be taken back: by its id, or the ``last`` one of a system.

    Raises
    ------
    ConfigError
        If there is none, it belongs to another system, or takes back another one itself.
    """
    if name == LAST:
        mine = [one for one in ledger.batches(target) if one.undoes is None]
        if not mine:
            raise ConfigError(f"the ledger has no batch of {target}. There is nothing to undo.")
        return mine[-1]
    found = ledger.batch(name)
    if found.target != target:
        raise ConfigError(f"batch {name} was written to {found.target}. Name that with to=.")
    if found.undoes is not None:
        raise ConfigError(f"batch {name} took another one back. Score again instead.")
    return found


def plan_undo(ledger: Ledger, batch: Batch, chunk_size: int) -> Batch | None:
    """Return the batch that takes this one back, begun or to be begun; None where that was done.

    Its items are those that were written, the last first, each with the values before. What was
    changed since by somebody else stays as it is; see `send`.

    Parameters
    ----------
    ledger : Ledger
    batch : Batch
        Neither open nor itself one that takes back.
    chunk_size : int
    """
    if batch.state == UNDONE:
        return None
    for other in ledger.batches(batch.target):
        if other.undoes == batch.number and other.state == OPEN:
            return other
    changes = answered(ledger, batch, WRITTEN).taken_back()
    draft = Draft(
        f"undo-{batch.id}", batch.target, batch.model, batch.data, batch.as_of, batch.fields,
        undoes=batch.number,
    )  # fmt: skip
    return ledger.plan(draft, changes, chunk_size)
