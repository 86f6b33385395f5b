"""Who reads the page, and which of its sections they get."""

from collections.abc import Mapping
from typing import Literal

from mmm.errors import ConfigError, quoted

Edition = Literal["weekly", "monthly", "quarterly"]

SECTIONS = (
    "indicators",
    "budget",
    "channels",
    "credit",
    "together",
    "stages",
    "outlook",
    "calls",
    "agreement",
    "signs",
    "quality",
    "pilots",
    "limits",
)
# The first page, and what the data cannot say, are in every edition.
EDITIONS: Mapping[str, frozenset[str]] = {
    # The team acts on leads and records; the budget does not change in a week.
    "weekly": frozenset(
        {"indicators", "stages", "outlook", "calls", "agreement", "quality", "limits"}
    ),
    # Management sees everything.
    "monthly": frozenset(SECTIONS),
    # The board decides on money; single leads and records stay with the team.
    "quarterly": frozenset(
        {
            "indicators",
            "budget",
            "channels",
            "credit",
            "together",
            "outlook",
            "signs",
            "pilots",
            "limits",
        }
    ),
}


def sections_of(edition: str) -> frozenset[str]:
    """Return the sections of an edition.

    Raises
    ------
    ConfigError
        If there is no such edition.

    Examples
    --------
    >>> "calls" in sections_of("weekly"), "calls" in sections_of("quarterly")
    (True, False)
    """
    if edition not in EDITIONS:
        raise ConfigError(f"edition is {edition!r}; choose one of {quoted(EDITIONS)}.")
    return EDITIONS[edition]
