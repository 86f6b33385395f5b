"""Entries of a ledger: a batch, its chunks, and what became of the leads in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmm.prediction.writeback.changes import Part

PENDING, SENT, DONE, FAILED = "pending", "sent", "done", "failed"  # of a chunk
PLANNED, WRITTEN, REFUSED, KEPT, DROPPED = "planned", "written", "refused", "kept", "dropped"
OPEN, CLOSED, UNDONE = "open", "done", "undone"  # of a batch

# A chunk keeps one letter a lead, in the order of its leads.
LETTERS = {PLANNED: "p", WRITTEN: "w", REFUSED: "r", KEPT: "k", DROPPED: "d"}
NOT_THERE = "the system does not know this lead"


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


@dataclass(frozen=True, eq=False)
class Items:
    """Leads of a chunk that have no answer yet.

    Attributes
    ----------
    places : list of int
        Their places in the chunk.
    part : Part
        What is to be written for them.
    """

    places: list[int]
    part: Part

    def __len__(self) -> int:
        return len(self.places)

    def only(self, chosen: Sequence[int]) -> "Items":
        """Return some of them, by their position here."""
        if len(chosen) == len(self.places):
            return self
        return Items([self.places[row] for row in chosen], self.part.take(chosen))


@dataclass(frozen=True)
class Outcome:
    """What became of a lead.

    Attributes
    ----------
    place : int
        In its chunk.
    state : {"written", "refused", "kept", "dropped"}
    reason : str or None
    """

    place: int
    state: str
    reason: str | None = None
