"""Calls: a customer system asked patiently, and every call counted."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mmm.crm.target import Fields, Record, Refusal, Target
from mmm.errors import ConfigError, TargetBusy, TargetError, TargetUnsure

Tell = Callable[..., None]


def silent(event: str, **facts: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Pace:
    """How patiently a system is asked.

    Attributes
    ----------
    n_attempts : int
        Calls for one chunk before the run gives up.
    first_seconds, most_seconds : float
        Wait before the second call, doubled each time up to the most; a part of it, from half to
        all, is drawn, so that several clients do not come back together.
    patience_seconds : float
        Longest wait that a system may ask for.
    seed : int
    sleep : callable
    """

    n_attempts: int = 8
    first_seconds: float = 0.5
    most_seconds: float = 60.0
    patience_seconds: float = 900.0
    seed: int = 0
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if self.n_attempts < 1:
            raise ConfigError(f"n_attempts= is {self.n_attempts}. Give 1 or more.")


@dataclass(eq=False)
class Caller:
    """A system that is called; a busy one again later.

    Attributes
    ----------
    target : Target
    pace : Pace
    tell : callable
        Told of every wait.
    n_writes, n_reads, n_waits : int
        What has happened so far.
    """

    target: Target
    pace: Pace = field(default_factory=Pace)
    tell: Tell = silent
    n_writes: int = 0
    n_reads: int = 0
    n_waits: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.pace.seed)

    def read(self, lead_ids: Sequence[str]) -> dict[str, Fields]:
        """Return the present fields of leads, asking again where the system is busy or silent."""
        attempt = 0
        while lead_ids:
            attempt += 1
            self.n_reads += 1
            try:
                return dict(self.target.read(lead_ids))
            except (TargetBusy, TargetUnsure) as error:
                self.wait(attempt, error)
        return {}

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write once."""
        self.n_writes += 1
        return tuple(self.target.write(records))

    def wait(self, attempt: int, error: TargetError) -> None:
        """Wait before the next attempt.

        Raises
        ------
        TargetError
            That error, where there have been enough attempts or the wait would be too long.
        """
        asked = error.retry_after if isinstance(error, TargetBusy) else None
        if attempt >= self.pace.n_attempts or (asked or 0.0) > self.pace.patience_seconds:
            raise error
        longest = min(self.pace.most_seconds, self.pace.first_seconds * 2.0 ** (attempt - 1))
        seconds = longest * (0.5 + 0.5 * self._random.random())
        # Never earlier than asked for, and not all at the same moment.
        seconds = seconds if asked is None else asked + min(seconds, 0.1 * asked)
        self.n_waits += 1
        self.tell("waiting", seconds=round(seconds, 3), attempt=attempt, reason=str(error))
        self.pace.sleep(seconds)
