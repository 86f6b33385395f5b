"""Header: where a table begins, below the title and the period that exports write above it."""

import re
from collections.abc import Sequence
from itertools import islice

from mmm.errors import quoted

_MOST_ABOVE = 20  # records that may stand above a header
_MONTH = r"\d{4}[-/.]\d{1,2}(-01( 00:00:00)?)?|\d{1,2}[-/.]\d{4}"
_NO_HEADING = re.compile(rf"(?!({_MONTH})$)[\d\s.,:/+-]*")


def note_of(titles: Sequence[str]) -> str:
    """Say what stands above the header and is no part of the table."""
    return f"the lines above the header are left out: {quoted(titles)}"


def header_position(records: Sequence[Sequence[str]]) -> int:
    """Return which record holds the headings: the first, unless a title stands alone in it.

    Below a title the header is the first record that fills more than half of the table's width with
    different words, with records below it that are all as wide.

    Examples
    --------
    >>> header_position([["Campaign report"], ["Day", "Cost"], ["2025-01-06", "10"]])
    1
    >>> header_position([["email"], ["a@example.it"]])
    0
    """
    filled = [[cell.strip() for cell in record if cell.strip()] for record in records]
    if not filled or len(filled[0]) != 1:
        return 0
    width = max(map(len, filled))
    for position, cells in enumerate(islice(filled, _MOST_ABOVE)):
        below = [len(record) for record in records[position:] if any(map(str.strip, record))]
        words = len(set(cells)) == len(cells) and not any(map(_NO_HEADING.fullmatch, cells))
        if len(cells) > max(1, width / 2) and words and len(below) > 1 and len(set(below)) == 1:
            return position
    return 0
