"""What an error of a database driver means for the leads that were sent."""

import re
from typing import Literal

# SQLSTATE: somebody else's lock or deadlock, limits of the server, the server coming up.
_BUSY = ("40001", "40P01", "55P03", "53", "57P03", "57014")
_CUT = ("08", "57P01", "57P02", "40003")
_OF_ROWS = ("22", "23", "P0")  # a value, a constraint, or a trigger that refuses a row
_PASSING = re.compile(
    "refused|timed? ?out|timeout|starting up|shutting down|too many|slots are reserved"
    "|recovery|closed the connection|reset by peer|unreachable",
    re.IGNORECASE,
)

Stage = Literal["connect", "work", "commit"]


def verdict_of(cause: BaseException, stage: Stage) -> Literal["busy", "unsure", "refused"]:
    """Judge an error of a driver.

    Before the commit nothing was written, whatever went wrong. After it was sent, a connection that
    breaks leaves open whether it was carried out.
    """
    state = getattr(cause, "sqlstate", None) or ""
    lite = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if state.startswith(_BUSY) or lite in {5, 6}:  # SQLITE_BUSY, SQLITE_LOCKED
        return "busy"
    broken = type(cause).__name__ == "OperationalError" and not state and not lite
    cut = state.startswith(_CUT) or broken
    if stage == "commit":
        return "unsure" if cut or lite else "refused"
    if stage == "connect":
        return "busy" if _PASSING.search(str(cause)) else "refused"
    return "busy" if cut else "refused"


def refuses_rows(cause: BaseException) -> bool:
    """Tell whether the fault lies with some of the rows, so that others may be taken."""
    state = getattr(cause, "sqlstate", None) or ""
    return state.startswith(_OF_ROWS) or getattr(cause, "sqlite_errorcode", 0) & 0xFF == 19


def first_words(cause: BaseException) -> str:
    """Return the first line of an error: the lines below it may hold values of rows."""
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    lines = str(primary or cause).strip().splitlines()
    return lines[0][:200].rstrip(".") if lines else type(cause).__name__
