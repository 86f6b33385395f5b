"""Sending: the chunks of a batch, each until every lead of it has an answer."""

from collections.abc import Iterable, Sequence

from mmm.crm.target import Fields, Record, Refusal
from mmm.errors import TargetBusy, TargetError, TargetUnsure
from mmm.prediction.writeback.calls import Caller
from mmm.prediction.writeback.ledger import (
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
    Item,
    Ledger,
    Outcome,
    reopen,
)
from mmm.prediction.writeback.values import same

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
            f"{len(failed)} chunks of batch {batch.id} are not written: {failed[-1]} Mend that, "
            "then go on with resume=True."
        )


def settle(ledger: Ledger, batch: Batch, caller: Caller) -> None:
    """Find out what of an unfinished batch was written, and send no more of it."""
    for chunk in ledger.chunks(batch):
        items = ledger.items(batch, chunk)
        found = [] if chunk.state == PENDING else _sort_out(items, _present(items, caller), False)
        ledger.answer(batch, chunk, found, others=DROPPED)


def doubt(ledger: Ledger, batch: Batch, caller: Caller) -> None:
    """Take no answer for certain where the system holds back what it is given."""
    if getattr(caller.target, "holds_back", False):
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
            ledger.answer(batch, chunk, found)
            items = _without(items, found)
        if not items:
            return
        ledger.mark(batch, chunk, SENT)
        doubtful = False
        try:
            refusals = caller.write([Record(i.change.lead_id, i.change.after) for i in items])
        except TargetUnsure as error:
            doubtful = True
            caller.wait(attempt, error)
            continue
        except TargetBusy as error:
            caller.wait(attempt, error)
            continue
        final, passing = _refused(items, refusals, attempt >= caller.pace.n_attempts)
        waiting = [Outcome(item.place, PLANNED) for item in passing]
        ledger.answer(batch, chunk, [*final, *waiting], others=WRITTEN)
        items = passing
        if items:
            caller.wait(attempt, TargetBusy(f"{len(items)} leads are to be sent again"))
            doubtful = True  # who was in the way may have changed them


def _present(items: Sequence[Item], caller: Caller) -> dict[str, Fields]:
    return caller.read([item.change.lead_id for item in items])


def _sort_out(items: Sequence[Item], present: dict[str, Fields], careful: bool) -> list[Outcome]:
    """Say which items need no call: written already, or changed by somebody else."""
    found = []
    for item in items:
        there = present.get(item.change.lead_id)
        if there is not None and same(there, item.change.after):
            found.append(Outcome(item.place, WRITTEN))
        elif careful and there is None:
            found.append(Outcome(item.place, KEPT, "no longer there"))
        elif careful and there is not None and not same(there, item.change.before):
            found.append(Outcome(item.place, KEPT, "changed since"))
    return found


def _refused(
    items: Sequence[Item], refusals: Iterable[Refusal], last: bool
) -> tuple[list[Outcome], list[Item]]:
    """Part refusals into those that stand and the items to be sent again."""
    by_lead = {refusal.lead_id: refusal for refusal in refusals}
    if not by_lead:
        return [], []
    mine = [
        (item, by_lead[item.change.lead_id]) for item in items if item.change.lead_id in by_lead
    ]
    final = [Outcome(i.place, REFUSED, r.reason) for i, r in mine if last or not r.passing]
    return final, [item for item, refusal in mine if refusal.passing and not last]


def _without(items: Sequence[Item], found: Iterable[Outcome]) -> list[Item]:
    told = {one.place for one in found}
    return [item for item in items if item.place not in told]
