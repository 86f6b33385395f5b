"""Errors and warnings: what is wrong, what was found, what to do about it."""

from collections.abc import Iterable, Sequence
from numbers import Real


class MmmError(ValueError):
    """Base of every error that a user can mend; the message ends with the cure."""


class InputError(MmmError):
    """A table holds something that cannot be used as it stands."""


class SourceError(MmmError):
    """A file, sheet, query or database cannot be read."""


class ConfigError(MmmError):
    """A setting is unknown, missing or out of range."""


class MissingLibraryError(MmmError, ImportError):
    """An optional library is needed; the message holds the ``pip install`` line."""


class ConvergenceError(MmmError):
    """Chains do not agree, so that there is no answer; the message names the likely cause."""


class TargetError(MmmError):
    """A customer system refuses what is written to it or asked of it; again is of no use."""


class TargetBusy(TargetError):
    """A customer system asks to wait; nothing was written.

    Attributes
    ----------
    retry_after : float or None
        Seconds that it asks for.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TargetUnsure(TargetError):
    """A call ended without an answer: it may have been carried out or not."""


class MmmWarning(UserWarning):
    """Base of every warning: the answer stands, but the reader has to know this."""


class DataWarning(MmmWarning):
    """The data limit what the answer can carry (short window, cut history, no null journeys)."""


def quoted(names: Iterable[object], limit: int = 8) -> str:
    """Join names as quoted text, shortened after `limit`.

    Examples
    --------
    >>> quoted(["a", "b"])
    "'a', 'b'"
    """
    items = list(names)
    shown = ", ".join(repr(str(item)) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


def counted(n: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> counted(1, "lead"), counted(1200, "lead")
    ('1 lead', '1,200 leads')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def name_rows(positions: Sequence[int], limit: int = 5) -> str:
    """Name table rows for a message, the first data row being row 1.

    Examples
    --------
    >>> name_rows([0])
    'row 1'
    >>> name_rows([0, 4, 7], limit=2)
    'rows 1, 5 and 1 more'
    """
    shown = ", ".join(str(int(position) + 1) for position in positions[:limit])
    if len(positions) == 1:
        return f"row {shown}"
    rest = len(positions) - limit
    return f"rows {shown} and {rest} more" if rest > 0 else f"rows {shown}"


def check_level(level: object) -> float:
    """Return `level` as a float, or say that it is not a coverage.

    Raises
    ------
    ConfigError
        If it does not lie between 0 and 1.

    Examples
    --------
    >>> check_level(0.9)
    0.9
    """
    # Written so that NaN fails too; NumPy's numbers are registered as real.
    if not (isinstance(level, Real) and 0 < float(level) < 1):
        raise ConfigError(f"level is {level!r}. Pass a coverage between 0 and 1, such as 0.9.")
    return float(level)
