"""The brief in other forms than the page: Markdown, JSON, a workbook, PDF."""

from mmm.report.formats.data import SCHEMA, to_json
from mmm.report.formats.markdown import to_markdown
from mmm.report.formats.parts import Column, Part, Table, parts_of
from mmm.report.formats.pdf import find_chromium, to_pdf
from mmm.report.formats.workbook import to_workbook
from mmm.report.formats.write import FORMATS, find_format, write_report

__all__ = [
    "FORMATS",
    "SCHEMA",
    "Column",
    "Part",
    "Table",
    "find_chromium",
    "find_format",
    "parts_of",
    "to_json",
    "to_markdown",
    "to_pdf",
    "to_workbook",
    "write_report",
]
