"""Cells: a column of Python objects becomes one Arrow array, and a mixed one keeps what was what.

Workbooks, SQLite and object columns of pandas give every cell a type of its own. Arrow would read
``[datetime, 45100]`` as two dates and ``[naive, aware]`` as one zone, so types are looked at first.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmm.errors import SourceError
from mmm.tables.rows import Rows

FLOAT_WHOLE = 2**53  # from here on a float64 no longer tells one whole number from the next

Kinds = npt.NDArray[np.str_]

_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("", (type(None), type(pd.NA))),
    ("flag", (bool, np.bool_)),
    ("number", (int, float, Decimal, np.integer, np.floating)),
    ("date", (date, np.datetime64)),
    ("text", (str, UUID)),
    ("bytes", (bytes,)),
)


def kinds_of(cells: Sequence[Any]) -> Kinds:
    """Tell what each cell is: text, number, date, flag, bytes, other, or empty where missing.

    Examples
    --------
    >>> kinds_of(["a", 1.5, None, True]).tolist()
    ['text', 'number', '', 'flag']
    """
    known: dict[type, str] = {}
    found = []
    for cell in cells:
        kind = known.get(type(cell))
        if kind is None:
            kind = next((name for name, types in _KINDS if isinstance(cell, types)), "other")
            known[type(cell)] = kind if cell is not pd.NaT else ""
        found.append("" if kind in {"number", "date"} and _is_nan(cell) else kind)
    return np.array(found, dtype="U6")


def _is_nan(cell: Any) -> bool:
    return bool(cell.is_nan() if isinstance(cell, Decimal) else cell != cell)


def to_array(cells: Sequence[Any]) -> tuple[Any, Kinds | None]:
    """Type a column of cells.

    Returns
    -------
    pyarrow.Array
        Text where the column mixes types, or holds numbers that no Arrow type carries exactly.
    numpy array or None
        What each cell was, where the array is text and the cells were not.
    """
    kinds = kinds_of(cells)
    found = set(kinds.tolist()) - {""}
    if len(found) <= 1:
        try:
            return uniform(cells, kinds, next(iter(found), ""))
        except (pa.ArrowException, TypeError, OverflowError):
            pass
    return _as_text(cells, kinds), kinds


def one_type(cells: Sequence[Any], name: str, rows: Rows) -> tuple[Any, Kinds | None]:
    """Type an object column of a frame; refuse it where it mixes types.

    Raises
    ------
    SourceError
        Names the rows of the rarer type.
    """
    kinds = kinds_of(cells)
    names, counts = np.unique(kinds[kinds != ""], return_counts=True)
    if len(names) > 1:
        rare, usual = names[np.argmin(counts)], names[np.argmax(counts)]
        usual = usual if usual != rare else names[-1]
        where = rows.name([int(row) for row in np.flatnonzero(kinds == rare)])
        raise SourceError(
            f"the frame mixes types in one column: {name!r} holds {usual} values, and {rare} "
            f"values in {where}. Give the column one type; ids become text with .astype(str)."
        )
    kind = str(names[0]) if len(names) else ""
    try:
        return uniform(cells, kinds, kind)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        sample = type(cells[int(np.flatnonzero(kinds == kind)[0])]).__name__
        raise SourceError(
            f"the frame column {name!r} holds {sample} objects, which have no table type. "
            "Turn it into text with .astype(str), or drop the column."
        ) from error


def uniform(cells: Sequence[Any], kinds: Kinds, kind: str) -> tuple[Any, Kinds | None]:
    """Type cells that are all of one kind or missing."""
    plain = [None if k == "" else cell for cell, k in zip(cells, kinds, strict=True)]
    if kind == "":
        return pa.nulls(len(plain)), None
    if kind == "text":
        return text_array([None if cell is None else str(cell) for cell in plain]), None
    if kind == "number":
        array = _numbers(plain)
        return (_as_text(cells, kinds), kinds) if array is None else (array, None)
    if kind == "date":
        return _dates(plain), None
    if kind == "flag":
        return pa.array([None if cell is None else bool(cell) for cell in plain], pa.bool_()), None
    return pa.array(plain), None


def text_array(words: Sequence[str | None]) -> Any:
    """Return Arrow text; refuse half characters (lone surrogates), which no file can hold."""
    try:
        return pa.array(words, pa.string())
    except UnicodeEncodeError as error:
        bad = [row for row, word in enumerate(words) if word is not None and _is_broken(word)]
        raise SourceError(
            f"a text column holds half a character in {Rows().name(bad)} ({words[bad[0]]!a}). "
            "Replace it: text.encode('utf-8', 'replace').decode()."
        ) from error


def _is_broken(word: str) -> bool:
    return any(0xD800 <= ord(letter) <= 0xDFFF for letter in word)


def _numbers(cells: list[Any]) -> Any | None:
    """Return numbers in a type that holds all of them exactly; None where there is none."""
    types = {type(cell) for cell in cells if cell is not None}
    if any(issubclass(kind, Decimal) for kind in types):
        exact = [None if cell is None else _decimal(cell) for cell in cells]
        if not all(cell is None or cell.is_finite() for cell in exact):
            return None
        try:
            return pa.array(exact)
        except pa.ArrowException:
            return None
    whole = [cell for cell in cells if isinstance(cell, int | np.integer)]
    if all(issubclass(kind, int | np.integer) for kind in types):
        fits = all(-(2**63) <= cell < 2**63 for cell in whole)
        return pa.array([_int(cell) for cell in cells], pa.int64()) if fits else None
    if any(abs(int(cell)) >= FLOAT_WHOLE for cell in whole):
        return None
    short = any(issubclass(kind, np.float32 | np.float16) for kind in types)
    read = [None if c is None else float(str(c)) if short else float(c) for c in cells]
    return pa.array(read, pa.float64())


def _int(cell: Any) -> int | None:
    return None if cell is None else int(cell)


def _decimal(cell: Any) -> Decimal:
    if isinstance(cell, Decimal):
        return cell
    return Decimal(int(cell)) if isinstance(cell, int | np.integer) else Decimal(str(cell))


def _dates(cells: list[Any]) -> Any:
    """Return dates or instants; text where zones are mixed, to be judged as text is."""
    moments = [_moment(cell) for cell in cells]
    there = [moment for moment in moments if moment is not None]
    if not any(isinstance(moment, datetime) for moment in there):
        return pa.array(moments, pa.date32())
    zones = {_zone(moment) for moment in there}
    if len(zones) > 1:
        return pa.array([None if m is None else _written_date(m) for m in moments], pa.string())
    full = [
        datetime.combine(m, time()) if m is not None and not isinstance(m, datetime) else m
        for m in moments
    ]
    if zones == {None}:
        return pa.array(full, pa.timestamp("us"))
    utc = [None if m is None else m.astimezone(UTC) for m in full]
    return pa.array(utc, pa.timestamp("us", "UTC"))


def _moment(cell: Any) -> date | datetime | None:
    if isinstance(cell, np.datetime64):
        cell = pd.Timestamp(cell)
    return cell.to_pydatetime(warn=False) if isinstance(cell, pd.Timestamp) else cell


def _zone(moment: date | datetime) -> object:
    """Return what two instants of one zone have in common, whatever library made them."""
    zone = getattr(moment, "tzinfo", None)
    return getattr(zone, "key", None) or getattr(zone, "zone", None) or zone


def _written_date(moment: date | datetime) -> str:
    return moment.isoformat(sep=" ") if isinstance(moment, datetime) else moment.isoformat()


def _as_text(cells: Sequence[Any], kinds: Kinds) -> Any:
    words = [_written(cell, kind) for cell, kind in zip(cells, kinds.tolist(), strict=True)]
    return text_array(words)


def _written(cell: Any, kind: str) -> str | None:
    if kind == "":
        return None
    if kind == "number":
        return _written_number(cell)
    if kind == "date":
        moment = _moment(cell)
        return None if moment is None else _written_date(moment)
    return cell.decode("utf-8", "backslashreplace") if kind == "bytes" else str(cell)


def _written_number(cell: Any) -> str:
    """Write a number in plain digits; with an exponent where it is not known to the unit."""
    exact = _decimal(cell)
    if not exact.is_finite() or exact.adjusted() > 80:
        return str(cell)
    if isinstance(cell, float | np.floating):
        if abs(exact) >= FLOAT_WHOLE:
            return f"{float(cell)!r}" if "e" in repr(float(cell)) else f"{float(cell):.15e}"
        if exact == exact.to_integral_value():
            return str(int(exact))
    return format(exact, "f")
