"""Sending: the chunks of a batch, each until every lead of it has an answer."""

from collections.abc import Iterable, Mapping

from mmm.crm.target import Fields, Refusal
from mmm.errors import TargetBusy, TargetError, TargetUnsure, counted
from mmm.prediction.writeback.calls import Caller
from mmm.prediction.writeback.entries import (
    DONE,
    DROPPED,
    FAILED,
    KEPT,
    PENDING,
    PLANNED,
    REFUSED,
    SENT,
    WRITTEN,
    Batch,
    Chunk,
    Items,
    Outcome,
)
from mmm.prediction.writeback.ledger import Ledger, reopen
from mmm.prediction.writeback.values import same

_NO_VALUES: Fields = {}
_HOPELESS = 2  # chunks refused one after the other: the system takes none


def send(ledger: Ledger, batch: Batch, caller: Caller) -> None:
    """Send what of a batch has no answer yet.

    The ledger knows of a call before it is made. Where its answer is not known, because the line
    was cut or this process killed, the leads are read back, and only those without their values
    are sent again. A batch that takes another one back reads first in any case, and writes only
    the leads that still hold what that one wrote.

    Raises
    ------
    TargetError
        If the system goes on being busy or silent, or refuses whole chunks. The ledger is as it
        should be: to send again goes on from there.
    """
    failed: list[str] = []
    streak = 0
    n_chunks = len(ledger.chunks(batch))
    for place, chunk in enumerate(ledger.chunks(batch)):
        try:
            _send_chunk(ledger, batch, chunk, caller)
            streak = 0
        except (TargetBusy, TargetUnsure):
            raise
        except TargetError as error:
            ledger.mark(batch, chunk, FAILED, str(error))
            caller.tell("failed", chunk=chunk.number, reason=str(error))
            failed.append(str(error))
            streak += 1
            if streak >= _HOPELESS:
                break
        caller.tell("chunk", done=place + 1, of=n_chunks)
    if failed:
        raise TargetError(
            f"{counted(len(failed), 'chunk')} of batch {batch.id} not written: {failed[-1]} Mend "
            "that, then go on with resume=True."
        )


def settle(ledger: Ledger, batch: Batch, caller: Caller) -> None:
    """Find out what of an unfinished batch was written, and send no more of it."""
    for chunk in ledger.chunks(batch):
        items = ledger.items(batch, chunk)
        pending = chunk.state == PENDING
        found = {} if pending else _sort_out(items, _present(items, caller), False)
        ledger.answer(batch, chunk, found.values(), others=DROPPED)


def doubt(ledger: Ledger, batch: Batch, caller: Caller) -> None:
    """Take no answer of a batch that is gone on with for certain, where that would be rash.

    So it is where the system holds back what it is given, and where it refused a whole chunk: what
    was wrong then, such as a table that somebody dropped, may have taken the others with it.
    """
    refused = any(chunk.state == FAILED for chunk in ledger.chunks(batch))
    if refused or getattr(caller.target, "holds_back", False):
        reopen(ledger, batch)


def _send_chunk(ledger: Ledger, batch: Batch, chunk: Chunk, caller: Caller) -> None:
    doubtful, careful = chunk.state != PENDING, batch.undoes is not None
    items, attempt = ledger.items(batch, chunk), 0
    if not items:  # their leads were forgotten
        ledger.mark(batch, chunk, DONE)
    while items:
        attempt += 1
        if doubtful or careful:
            found = _sort_out(items, _present(items, caller), careful)
            ledger.answer(batch, chunk, found.values())
            items = items.only([row for row in range(len(items)) if row not in found])
        if not items:
            return
        ledger.mark(batch, chunk, SENT)
        doubtful = False
        try:
            refusals = caller.write(items.part.records())
        except TargetUnsure as error:
            doubtful = True
            caller.wait(attempt, error)
            continue
        except TargetBusy as error:
            caller.wait(attempt, error)
            continue
        final, passing = _refused(items, refusals, attempt >= caller.pace.n_attempts)
        waiting = [Outcome(place, PLANNED) for place in passing.places]
        ledger.answer(batch, chunk, [*final, *waiting], others=WRITTEN)
        items = passing
        if items:
            caller.wait(attempt, TargetBusy(f"{len(items)} leads are to be sent again"))
            doubtful = True  # who was in the way may have changed them


def _present(items: Items, caller: Caller) -> dict[str, Fields]:
    """Read leads; where a system adds them, one that it lacks is one without any value."""
    found = caller.read(items.part.leads)
    if getattr(caller.target, "adds_leads", False):
        found = dict.fromkeys(items.part.leads, _NO_VALUES) | found
    return found


def _sort_out(items: Items, present: Mapping[str, Fields], careful: bool) -> dict[int, Outcome]:
    """Say, by position, which leads need no call: written already, or changed by somebody else."""
    found = {}
    changes = zip(items.places, items.part.changes(), strict=True)
    for row, (place, change) in enumerate(changes):
        there = present.get(change.lead_id)
        if there is not None and same(there, change.after):
            found[row] = Outcome(place, WRITTEN)
        elif careful and there is None:
            found[row] = Outcome(place, KEPT, "no longer there")
        elif careful and there is not None and not same(there, change.before):
            found[row] = Outcome(place, KEPT, "changed since")
    return found


def _refused(items: Items, refusals: Iterable[Refusal], last: bool) -> tuple[list[Outcome], Items]:
    """Part refusals into those that stand and the leads to be sent again."""
    by_lead = {refusal.lead_id: refusal for refusal in refusals}
    final, passing = [], []
    for row, lead in enumerate(items.part.leads if by_lead else ()):
        refusal = by_lead.get(lead)
        if refusal is None:
            continue
        if refusal.passing and not last:
            passing.append(row)
        else:
            final.append(Outcome(items.places[row], REFUSED, refusal.reason))
    return final, items.only(passing)
