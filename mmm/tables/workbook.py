"""Workbooks: the sheet of an Excel file, cell by cell."""

import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmm.errors import MmmError, SourceError, quoted
from mmm.tables.cells import FLOAT_WHOLE, Kinds, to_array
from mmm.tables.header import header_position, note_of
from mmm.tables.raw import (
    INDEX_NOTE,
    MAX_UNPACKED_BYTES,
    Raw,
    counts_rows,
    first_line,
    refuse_unnamed,
)
from mmm.tables.rows import Rows

# What openpyxl and the parsers below it raise for a damaged workbook.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,  # ElementTree.ParseError and lxml.etree.XMLSyntaxError are such
    LookupError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
)
_CELL = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

Numbered = list[tuple[int, tuple[Any, ...]]]


def load_workbook(path: Path, sheet: str | None) -> Raw:
    """Load one sheet, the first by default; its first row that is not blank is the header.

    A title alone in that row, and what stands between it and the header, is left out with a note.

    Raises
    ------
    SourceError
        If the workbook is damaged, or cells have no header or no stored result.
    """
    with _opened(path) as book:
        chosen = _sheet(book, sheet, path)
        others = [other.title for other in book.worksheets if other.title != chosen.title]
        chosen.reset_dimensions()  # the size that a sheet states of itself may be wrong
        part = str(getattr(chosen, "_worksheet_path", ""))
        cells = enumerate(chosen.iter_rows(values_only=True), start=1)
        filled = [(number, row) for number, row in cells if any(c not in (None, "") for c in row)]
    if not filled:
        raise SourceError(f"{path}: the sheet is empty. Choose another with table=.")
    width = max(len(row) for _, row in filled)
    padded = [(number, row + (None,) * (width - len(row))) for number, row in filled]
    if any(cell is None for _, row in padded for cell in row):
        with _damage_told(path):
            _check_formulas(path, part)
    words = [["" if cell is None else str(cell).strip() for cell in row] for _, row in padded[:60]]
    top = header_position(words)
    raw = _raw(path, words[top], padded[top + 1 :])
    if top:
        raw.notes.append(note_of([next(filter(None, row)) for row in words[:top]]))
    if sheet is None and others:
        raw.notes.append(
            f"the first sheet is read, {chosen.title!r}, not {quoted(others)}; the setting table "
            "chooses another"
        )
    return raw


def sheet_names(path: Path) -> tuple[str, ...]:
    """Return the names of the sheets with cells, in order.

    Raises
    ------
    SourceError
        If the workbook is damaged.
    """
    with _opened(path) as book:
        return tuple(sheet.title for sheet in book.worksheets)


def _raw(path: Path, names: list[str], body: Numbered) -> Raw:
    rows = Rows(path.name, "sheet row", lambda: [number for number, _ in body])
    arrays, kept = [], []
    kinds: dict[str, Kinds] = {}
    notes: list[str] = []
    for position, name in enumerate(names):
        cells = [_as_stored(row[position]) for _, row in body]
        if not name:
            filled = [row for row, cell in enumerate(cells) if cell not in (None, "")]
            if position == 0 and counts_rows(cells):
                notes.append(INDEX_NOTE)
            elif filled:
                refuse_unnamed(path, f"column {_letters(position)}", rows, filled)
            continue
        array, found = to_array(cells)
        arrays.append(array)
        kept.append(name)
        if found is not None:
            kinds[name] = found
    return Raw(pa.Table.from_arrays(arrays, names=kept), str(path), notes, kinds, rows)


def _as_stored(cell: Any) -> Any:
    """Excel keeps 15 digits of a number: a longer one is no exact whole number."""
    whole = isinstance(cell, int) and not isinstance(cell, bool)
    return float(cell) if whole and FLOAT_WHOLE <= abs(cell) < 10**300 else cell


def _letters(position: int) -> str:
    """Name a column as Excel does.

    Examples
    --------
    >>> _letters(0), _letters(26)
    ('A', 'AA')
    """
    name, rest = "", position + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        name = chr(65 + letter) + name
    return name


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import openpyxl

    # The file is opened here: what fails to read a damaged one leaves it open.
    with _damage_told(path), path.open("rb") as stream, warnings.catch_warnings():
        # Missing styles and the like; a date out of range comes as the text #VALUE!.
        warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
        with zipfile.ZipFile(stream) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > MAX_UNPACKED_BYTES:
            raise SourceError(f"{path} unpacks to {size >> 30} GiB. Save it as CSV or Parquet.")
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        try:
            yield book
        finally:
            book.close()


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except MmmError:
        raise
    except _BROKEN as error:
        raise SourceError(
            f"{path} is not a whole Excel workbook without password ({first_line(error)}). "
            "Save it again."
        ) from error


def _sheet(book: Any, name: str | None, path: Path) -> Any:
    found = [sheet.title for sheet in book.worksheets]
    if name is not None and name not in found:
        raise SourceError(
            f"{path} has no sheet {name!r}; found {quoted(found)}. Correct the name of the sheet."
        )
    if not found:
        raise SourceError(f"{path} has no sheet with cells, only charts. Save a sheet with rows.")
    return book[name] if name else book.worksheets[0]


def _check_formulas(path: Path, part: str) -> None:
    """Refuse formulas whose result is not stored: they would read as empty cells."""
    name = part.lstrip("/")
    with zipfile.ZipFile(path) as parts:
        if name not in parts.namelist():
            return
        with parts.open(name) as stream:
            if not _mentions_formula(stream):
                return
        with parts.open(name) as stream:
            lost = list(_without_result(stream))
    if lost:
        raise SourceError(
            f"{path}: formulas without a stored result in cells {quoted(lost)}. "
            "Open the workbook in Excel and save it, or paste the values."
        )


def _mentions_formula(stream: Any) -> bool:
    tail = b""
    while block := stream.read(1 << 20):
        if b"<f>" in tail + block or b"<f " in tail + block:
            return True
        tail = block[-2:]
    return False


def _without_result(stream: Any) -> Iterator[str]:
    for _, element in ElementTree.iterparse(stream):
        if element.tag == f"{_CELL}c":
            formula = element.find(f"{_CELL}f") is not None
            # t="str" without text is a formula whose result is the empty text.
            if formula and not element.findtext(f"{_CELL}v") and element.get("t") != "str":
                yield str(element.get("r"))
        if element.tag == f"{_CELL}row":
            element.clear()
