"""Raw: what a source held, before any meaning is given to it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmm.errors import SourceError
from mmm.tables.cells import Kinds
from mmm.tables.rows import Rows

MAX_UNPACKED_BYTES = 8 << 30  # a file that unpacks beyond this is refused, not read


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


def first_line(error: Exception) -> str:
    """Return what a library said, cut to one line."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
