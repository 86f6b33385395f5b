"""What every customer system offers to the writer of scores, whatever stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

PROBABILITY, GRADE, MODEL, SCORED_AT = (
    "mmm_probability", "mmm_grade", "mmm_model", "mmm_scored_at",
)  # fmt: skip
REASONS = ("mmm_reason_1", "mmm_reason_2", "mmm_reason_3")
FIELDS = (PROBABILITY, GRADE, *REASONS, MODEL, SCORED_AT)

# Of one lead: its own fields by name. mmm_probability is a float, mmm_scored_at ISO 8601 text in
# UTC with seconds, the others text; None where nothing was written yet, and to empty a field.
Fields = Mapping[str, str | float | None]


@dataclass(frozen=True)
class Record:
    """What is written for one lead.

    Attributes
    ----------
    lead_id : str
        Its id in the customer system.
    fields : mapping of str to str, float or None
        Some or all of `FIELDS`; those left out stay as they are.
    """

    lead_id: str
    fields: Fields


@dataclass(frozen=True)
class Refusal:
    """A lead that the system did not take, while it took the others.

    Attributes
    ----------
    lead_id : str
    reason : str
        In the words of the system, without personal data.
    passing : bool
        Whether to try again may help (a lock, a limit).
    """

    lead_id: str
    reason: str
    passing: bool = False


class Target(Protocol):
    """A customer system that takes scores; it writes `FIELDS` and nothing else.

    Methods raise `mmm.errors.TargetBusy` where to wait and send again is right (429, 503, a lock),
    `mmm.errors.TargetUnsure` where the call may or may not have had its effect (time-out, cut
    connection, 500), and `mmm.errors.TargetError` where to send again is of no use.

    Attributes
    ----------
    name : str
        Which system and place, without credentials; the ledger keeps it.
    chunk_size : int
        Leads a call may hold.

    Notes
    -----
    Two more attributes count as False where a class lacks them. ``adds_leads``: a lead that is not
    there yet is added, so that none is missing, and one that loses its last value may go.
    ``holds_back``: records are on the disk only after `close`, so that after a kill nothing that
    was written before is taken for certain.
    """

    name: str
    chunk_size: int

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Create the fields that are missing, and name them; existing ones are left alone."""
        ...

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads, any number of them; unknown leads are left out."""
        ...

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write at most `chunk_size` records in one go, and return those not taken.

        Written twice, the same records leave the system as written once.
        """
        ...

    def close(self) -> None:
        """Bring to the disk what is held back, and let go of the connection."""
        ...
