"""Raw: what a source held, before any meaning is given to it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import SourceError
from mmm.tables.cells import Kinds
from mmm.tables.parse import flat, is_text
from mmm.tables.rows import Rows

MAX_UNPACKED_BYTES = 8 << 30  # a file that unpacks beyond this is refused, not read

_AMOUNT = r"^[+-]?\W?\s*\d[\d.,' ]*\W?$"


@dataclass
class Raw:
    """What a source held.

    Attributes
    ----------
    table : pyarrow.Table
        Text columns where the source has no types.
    origin : str
        Where it came from, for messages.
    notes : list of str
        What the reader has to be told (encoding, separator).
    kinds : dict of str to array
        What each cell was (text, number, date, flag), for text columns that were not all text.
    rows : Rows
        How messages name rows.
    """

    table: Any
    origin: str
    notes: list[str] = field(default_factory=list)
    kinds: dict[str, Kinds] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)


INDEX_NOTE = "the first column, which has no heading and counts the rows, is left out"


def counts_rows(cells: Sequence[object]) -> bool:
    """Tell whether cells are the row numbers that programs write in a first column of no name.

    Examples
    --------
    >>> counts_rows(["0", "1", "2"]), counts_rows(["1", "2"]), counts_rows(["3", "1"])
    (True, True, False)
    """
    words = [str(cell) for cell in cells]
    counts = ([str(n + first) for n in range(len(words))] for first in (0, 1))
    return bool(words) and words in counts


def refuse_unnamed(path: Path, column: str, rows: Rows, positions: list[int]) -> None:
    """Raise for cells below no header.

    Raises
    ------
    SourceError
    """
    raise SourceError(
        f"{path.name}: {column} has cells and no header, in {rows.name(positions)}. Name the "
        "column in the header, or empty those cells; a title above the header has to go too."
    )


def amounts_of(raw: Raw, taken: Collection[str] = ()) -> list[str]:
    """Return the columns that hold amounts and nothing else: of a wide table, its channels."""
    found = []
    for name in dict.fromkeys(raw.table.column_names):
        if name in taken or raw.table.column_names.count(name) > 1:
            continue
        array = flat(raw.table[name]).drop_null()
        if is_text(array):
            array = array.filter(pc.not_equal(pc.utf8_trim_whitespace(array), ""))
            fits = bool(pc.all(pc.match_substring_regex(array, _AMOUNT)).as_py())
        else:
            kind = array.type
            fits = pa.types.is_integer(kind) or pa.types.is_floating(kind)
            fits = fits or pa.types.is_decimal(kind)
        if len(array) and fits:
            found.append(name)
    return found


def first_line(error: Exception) -> str:
    """Return what a library said, cut to one line."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
