"""The brief as a workbook: one sheet a table, numbers as numbers, no formula."""

import io
import re
import zipfile
from datetime import date, datetime
from typing import Any

from mmm.report.brief import Brief
from mmm.report.formats.parts import Column, Part, Table, parts_of
from mmm.tables.write import inert
from mmm.wording import say

_MONEY = "#,##0.00"
_CHANCE = '[>0.99]">99%";[<0.01]"<1%";0.0%'  # the number stays as it is
_FORMATS = {
    "money": _MONEY, "cents": _MONEY, "share": "0.0%", "chance": _CHANCE, "count": "#,##0",
    "number": "#,##0.00", "date": "yyyy-mm-dd", "money_per_day": _MONEY, "days": "#,##0.0",
    "months": "#,##0.0",
}  # fmt: skip
WIDEST = 60
_STAMP = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can hold
_MADE = datetime(2000, 1, 1)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def to_workbook(brief: Brief, lang: str = "en", edition: str = "monthly") -> bytes:
    """Write a brief as an Excel workbook; the same brief gives the same bytes.

    The first sheet holds the sentences, each other one a table.

    Parameters
    ----------
    brief : Brief
    lang : {"en", "it"}
    edition : {"weekly", "monthly", "quarterly"}
    """
    from openpyxl import Workbook

    book = Workbook()
    book.properties.created = book.properties.modified = _MADE
    book.properties.creator = "mmm"
    book.properties.title = say(f"edition.{edition}", lang, as_of=brief.as_of)
    parts = parts_of(brief, lang, edition)
    _write_sentences(book.active, brief, parts, lang)
    for part in parts:
        for table in part.tables:
            title = table.title if len(part.tables) > 1 else part.title
            _write_table(book.create_sheet(_sheet_name(title, book.sheetnames)), table, brief, lang)
    stream = io.BytesIO()
    book.save(stream)
    return _same_bytes(stream.getvalue())


def _write_sentences(sheet: Any, brief: Brief, parts: tuple[Part, ...], lang: str) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.title = _sheet_name(say("part.answer", lang), [])
    sheet.column_dimensions["A"].width = 100
    facts: dict[str, Any] = {"first": brief.period[0], "last": brief.period[1]}
    facts |= {"as_of": brief.as_of, "code": brief.currency, "level": brief.level}
    lines = [(brief.company, True), (say("formats.period", lang, **facts), False)]
    for part in parts:
        if part.sentences:
            lines += [("", False), (part.title, True), *((one, False) for one in part.sentences)]
    for number, (text, bold) in enumerate(lines, start=1):
        cell = sheet.cell(number, 1)
        _set(cell, text)
        cell.font = Font(bold=bold)
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _write_table(sheet: Any, table: Table, brief: Brief, lang: str) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    for position, column in enumerate(table.columns, start=1):
        cell = sheet.cell(1, position)
        _set(cell, column.title)
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    unit = next((i for i, c in enumerate(table.columns) if c.name == "unit"), None)
    for number, row in enumerate(table.rows, start=2):
        for position, (value, column) in enumerate(zip(row, table.columns, strict=True), start=1):
            cell = sheet.cell(number, position)
            named = column.name == "unit"
            _set(cell, say(f"unit.{value}", lang, code=brief.currency) if named else value)
            if value is not None and not isinstance(value, str):
                cell.number_format = _format(column, str(row[unit]) if unit is not None else "")
    for position in range(1, len(table.columns) + 1):
        texts = [table.columns[position - 1].title, *(str(row[position - 1]) for row in table.rows)]
        width = min(WIDEST, max(10, max(map(len, texts)) + 2))
        sheet.column_dimensions[get_column_letter(position)].width = width
    sheet.freeze_panes = "B2"


def _format(column: Column, unit: str) -> str:
    return _FORMATS.get(unit if column.kind == "unit" else column.kind, "General")


def _set(cell: Any, value: Any) -> None:
    """Put a value into a cell; a text never becomes a formula, nor breaks the file."""
    if isinstance(value, str):
        cell.value = _FORBIDDEN.sub("\ufffd", str(inert(value)))[:32_000]
        cell.data_type = "s"
    elif value is None or isinstance(value, date | bool | int):
        cell.value = value
    else:
        cell.value = float(value)


def _sheet_name(title: str, taken: list[str]) -> str:
    """Make a title a name of a sheet: at most 31 characters, none that Excel refuses, new."""
    name = re.sub(r"[\[\]:*?/\\']", " ", title)[:31].strip() or "-"
    count, free = 2, name
    while free.lower() in {one.lower() for one in taken}:
        free, count = f"{name[:27]} {count}", count + 1
    return free


def _same_bytes(book: bytes) -> bytes:
    """Take the time of writing out of a workbook."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                made = f"{_MADE.isoformat()}Z".encode()
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made, content)
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            new.writestr(info, content)
    return stream.getvalue()
