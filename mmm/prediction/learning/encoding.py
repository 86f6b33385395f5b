"""Encoding: each column of a mixed frame becomes one code a row, and numbers a standard value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.prediction.columns.types import Column, clean_frame

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]

N_BINS = 200  # of a number; with "missing" it fits into one byte
N_LEVELS = 200  # of a category; the rarest beyond are pooled
BLOCK = 50_000  # rows scored at once: bounds the memory
MISSING = 0  # code of an empty cell
NUMERIC = ("number", "boolean", "date")


@dataclass(frozen=True, eq=False)
class Feature:
    """How one column is read.

    Attributes
    ----------
    column : Column
        Name and kind.
    edges : ndarray of float64, shape (n_bins - 1,)
        Numbers: cuts between bins, ascending. Empty for categories.
    levels : tuple of str
        Categories: levels with a code of their own. Empty for numbers.
    centre, scale : float
        Mean and standard deviation of the numbers seen.
    low, high : float
        Range seen; numbers beyond count as its ends.
    """

    column: Column
    edges: Floats
    levels: tuple[str, ...] = ()
    centre: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.column.name

    @property
    def numeric(self) -> bool:
        """Whether its codes are in order: numbers, dates, true and false."""
        return self.column.kind in NUMERIC

    @property
    def n_codes(self) -> int:
        """Number of codes: missing, then bins; or missing, then levels, then any other."""
        return len(self.edges) + 2 if self.numeric else len(self.levels) + 2


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows as codes and standard values.

    Attributes
    ----------
    codes : ndarray of uint8, shape (n, n_features)
        0 where missing. Numbers: 1 + bin. Categories: 1 + level; the last code is any other.
    values : ndarray of float64, shape (n, n_features)
        Numbers within the range seen, mean 0 and standard deviation 1; 0 where missing and for
        categories.
    """

    codes: Codes
    values: Floats

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.intp]) -> "Encoded":
        """Return some rows."""
        return Encoded(np.asfortranarray(self.codes[rows]), np.asfortranarray(self.values[rows]))


def learn_features(frame: pd.DataFrame, columns: Sequence[Column]) -> tuple[Feature, ...]:
    """Learn how to read each usable column; the result does not depend on the order of columns.

    Numbers fall into at most `N_BINS` bins: one a distinct value, else of equal counts. Levels seen
    in fewer than 5 to 20 rows (1 in 150) are pooled as "other", which later levels join: what is
    learnt of the rare is what is known of the new.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `clean_frame` returns it.
    columns : sequence of Column

    Returns
    -------
    tuple of Feature
        By name; constants, identifiers and empty columns left out.

    Examples
    --------
    >>> frame = pd.DataFrame({"pages": [1.0, 4.0, np.nan]})
    >>> learn_features(frame, [Column("pages", "number")])[0].edges.tolist()
    [2.5]
    """
    learnt = []
    for column in sorted(columns, key=lambda column: column.name):
        if column.kind in NUMERIC:
            feature = _learn_number(column, numbers(frame[column.name]))
        elif column.kind == "category":
            feature = _learn_levels(column, frame[column.name])
        else:
            continue
        if feature is not None:
            learnt.append(feature)
    return tuple(learnt)


def encode(
    features: Sequence[Feature], frame: pd.DataFrame, *, with_values: bool = True
) -> Encoded:
    """Encode the rows of a clean frame.

    Parameters
    ----------
    features : sequence of Feature
    frame : pandas.DataFrame
        As `clean_frame` returns it for the columns of the features.
    with_values : bool
        Whether numbers are wanted as standard values too; else those are all 0.

    Returns
    -------
    Encoded
    """
    shape = (len(frame), len(features))
    codes = np.zeros(shape, dtype=np.uint8, order="F")
    values = np.zeros(shape, order="F") if with_values else np.broadcast_to(0.0, shape)
    for j, feature in enumerate(features):
        codes[:, j] = codes_of(feature, frame[feature.name])
        if feature.numeric and with_values:
            values[:, j] = values_of(feature, frame[feature.name])
    return Encoded(codes, values)


def codes_of(feature: Feature, cells: "pd.Series[Any]") -> Codes:
    """Return the code of each cell, shape (n,).

    Examples
    --------
    >>> feature = Feature(Column("pages", "number"), np.array([2.5]))
    >>> codes_of(feature, pd.Series([1.0, 4.0, np.nan])).tolist()
    [1, 2, 0]
    """
    if feature.numeric:
        x = numbers(cells)
        codes = np.searchsorted(feature.edges, x).astype(np.uint8) + np.uint8(1)
        codes[np.isnan(x)] = MISSING
        return codes
    own = {level: i + 1 for i, level in enumerate(feature.levels)}
    other = feature.n_codes - 1
    lookup = [own.get(str(level), other) for level in cells.cat.categories]
    table = np.array([*lookup, MISSING], dtype=np.uint8)  # -1, the last, is a missing cell
    return table[cells.cat.codes.to_numpy()]


def values_of(feature: Feature, cells: "pd.Series[Any]") -> Floats:
    """Return the standard value of each number, 0 where missing, shape (n,).

    Examples
    --------
    >>> feature = Feature(Column("pages", "number"), np.array([]), (), 2.0, 2.0, 0.0, 4.0)
    >>> values_of(feature, pd.Series([4.0, 99.0, np.nan])).tolist()
    [1.0, 1.0, 0.0]
    """
    x = np.clip(numbers(cells), feature.low, feature.high)
    x -= feature.centre
    x /= feature.scale
    return np.nan_to_num(x, copy=False)


def numbers(cells: "pd.Series[Any]") -> Floats:
    """Return cells as floats, dates as days since 1970, missing as NaN."""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        instants = cells.to_numpy(dtype="datetime64[us]")
        days: Floats = instants.astype(np.int64) / 86_400e6
        days[np.isnat(instants)] = np.nan
        return days
    return cells.to_numpy(dtype=np.float64)


def blocks(
    features: Sequence[Feature], table: pd.DataFrame
) -> Iterator[tuple[slice, pd.DataFrame]]:
    """Clean a table block by block, so that memory does not grow with its length."""
    columns = [feature.column for feature in features]
    for start in range(0, len(table), BLOCK):
        rows = slice(start, min(start + BLOCK, len(table)))
        yield rows, clean_frame(table.iloc[rows], columns)


def _learn_number(column: Column, x: Floats) -> Feature | None:
    known = x[~np.isnan(x)]
    if not len(known):
        return None
    distinct = np.unique(known)
    if len(distinct) <= N_BINS:
        edges = (distinct[1:] + distinct[:-1]) / 2
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, N_BINS + 1)[1:-1]))
    spread = float(known.std())
    return Feature(
        column,
        edges,
        centre=float(known.mean()),
        scale=spread if spread > 0 else 1.0,
        low=float(distinct[0]),
        high=float(distinct[-1]),
    )


def _learn_levels(column: Column, cells: "pd.Series[Any]") -> Feature | None:
    counts = np.bincount(cells.cat.codes[cells.notna()], minlength=len(cells.cat.categories))
    enough = int(np.clip(len(cells) // 150, 5, 20))
    ranked = sorted(zip(-counts, cells.cat.categories.astype(str), strict=True))
    kept = tuple(sorted(level for count, level in ranked[:N_LEVELS] if -count >= enough))
    return Feature(column, np.empty(0), kept) if counts.any() else None
