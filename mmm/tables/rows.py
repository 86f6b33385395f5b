"""Rows: how a message names the rows of a table, and the lines of the file they came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from mmm.errors import name_rows


@dataclass(frozen=True)
class Rows:
    """Names the rows of one source.

    Attributes
    ----------
    origin : str
        Name of the file or table; empty for frames.
    unit : str
        What the file counts: "line" or "sheet row".
    numbers : callable, optional
        Returns that count for every row. Called only for a message: it may read the file again.
    """

    origin: str = ""
    unit: str = "line"
    numbers: Callable[[], Sequence[int]] | None = None

    def name(self, positions: Sequence[int]) -> str:
        """Name rows, the first data row being row 1.

        Examples
        --------
        >>> Rows("deals.csv", numbers=lambda: [2, 4]).name([1])
        'row 2 of deals.csv, line 4'
        """
        text = name_rows(positions)
        if not self.origin:
            return text
        text = f"{text} of {self.origin}"
        if self.numbers is None:
            return text
        numbers = self.numbers()
        own = [numbers[position] - 1 for position in positions if position < len(numbers)]
        counted = name_rows(own).replace("row", self.unit, 1) if own else ""
        return f"{text}, {counted}" if counted else text

    def of(self, frame: pd.DataFrame, mask: Any) -> str:
        """Name the rows of a frame where `mask` is true; its index still counts the source's."""
        chosen = frame.index[np.asarray(mask, dtype=bool)]
        return self.name(list(dict.fromkeys(int(position) for position in chosen)))


def true_rows(mask: Any) -> list[int]:
    """Return the positions where an Arrow or NumPy mask is true."""
    if not isinstance(mask, np.ndarray):
        mask = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return [int(row) for row in np.flatnonzero(mask)]
