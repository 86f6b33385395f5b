"""Delimited text: CSV and TSV files, whatever their encoding, separator and line ends."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mmm.errors import SourceError, quoted
from mmm.tables.header import header_position, note_of
from mmm.tables.locales import Locale
from mmm.tables.raw import (
    INDEX_NOTE,
    MAX_UNPACKED_BYTES,
    Raw,
    counts_rows,
    first_line,
    refuse_unnamed,
)
from mmm.tables.rows import Rows, true_rows

DELIMITERS = (",", ";", "\t", "|")
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 20  # a header is looked for within these
_HEAD_LINES = 60  # and, below a title, within these
_FOOTER_BYTES = 4096  # notes below a table are looked for within these
_GAP = re.compile(rb"\n[ \t,;]*\r?\n")
_BLANK = re.compile(r"[\s,;|\"]*")
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class _Header:
    """The header record: its names, and where the records below it start."""

    names: list[str]
    delimiter: str
    start: int  # byte of the header
    end: int  # byte after the header
    lines: int  # lines up to the end of the header
    above: tuple[str, ...] = ()  # titles left out

    def notes(self, locale: Locale | None) -> list[str]:
        """Return what has to be said of it."""
        said = []
        if self.above:
            said.append(note_of(self.above))
        if self.delimiter != (locale.delimiter if locale else ","):
            said.append(f"fields are separated by {self.delimiter!r}, as in the header")
        return said


def load_delimited(path: Path, locale: Locale | None) -> Raw:
    """Load a CSV or TSV file, every column as text.

    Raises
    ------
    SourceError
        If the file is empty, cut off, or has broken quotes; with the line.
    """
    raw, notes = _decoded(path)
    header = _header(raw, locale, path)
    notes += header.notes(locale)
    if b'"' in raw:  # Arrow closes a broken quote at the end of the file without a word
        _check_quotes(raw, header, path)
    raw, footer = _above_footer(raw, header)
    if footer:
        notes.append(f"the lines below the table are left out: {quoted(footer)}")
    rows = Rows(path.name, "line", lambda: _line_numbers(raw, header))
    table = _named(_records(raw, header, path), header, path, rows, notes)
    return Raw(table, str(path), notes, rows=rows)


@dataclass(frozen=True)
class Delimited:
    """A CSV or TSV file that is read piece by piece.

    Attributes
    ----------
    names : list of str
    notes : list of str
    pieces : callable
        Takes names; yields record batches of those columns, as text.
    """

    names: list[str]
    notes: list[str]
    pieces: Callable[[Sequence[str]], Iterator[Any]]


def open_delimited(path: Path, locale: Locale | None) -> Delimited | None:
    """Open a CSV or TSV file for reading piece by piece, as `load_delimited` would read it.

    Returns
    -------
    Delimited or None
        None where the file has to be looked at whole: it is packed, not in UTF-8, or something is
        wrong with it.
    """
    if path.suffix.lower() == ".gz" or not _is_plain(path):
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    bare = head.removeprefix(codecs.BOM_UTF8)
    mark = len(head) - len(bare)
    header = _header(bare, locale, path)
    names = header.names
    if len(set(names)) < len(names) or any(not n or n != n.strip() for n in names):
        return None
    if not _quotes_close(path, mark + header.start, header.delimiter) or _has_footer(path, header):
        return None
    notes = ["encoding: UTF-8 with byte-order mark"] if mark else []
    notes += header.notes(locale)

    def pieces(wanted: Sequence[str]) -> Iterator[Any]:
        with path.open("rb") as stream:
            stream.seek(mark + header.end)
            yield from pa.csv.open_csv(
                stream,
                read_options=pa.csv.ReadOptions(
                    column_names=names, block_size=_BLOCK_BYTES, use_threads=False
                ),
                parse_options=_how(header.delimiter),
                convert_options=_as_text(names, wanted),
            )

    return Delimited(names, notes, pieces)


def _has_footer(path: Path, header: _Header) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(header.end, path.stat().st_size - _FOOTER_BYTES))
        return bool(_above_footer(stream.read(), replace(header, end=0))[1])


def _is_plain(path: Path) -> bool:
    """Tell whether a file is UTF-8 text with line ends."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = False
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
            if b"\x00" in block:
                return False
            lines = lines or b"\n" in block
    return lines and not decoder.getstate()[0]


def _quotes_close(path: Path, start: int, delimiter: str) -> bool:
    """Tell whether quotes stand where they should, reading no more than a line at a time."""
    with path.open("rb") as stream:
        stream.seek(start)
        if not any(b'"' in block for block in iter(lambda: stream.read(_BLOCK_BYTES), b"")):
            return True
        stream.seek(start)
        csv.field_size_limit(1 << 24)
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        try:
            for _ in csv.reader(text, delimiter=delimiter, strict=True):
                pass
        except csv.Error:
            return False
    return True


def _how(delimiter: str) -> Any:
    return pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)


def _as_text(names: Sequence[str], wanted: Sequence[str] | None = None) -> Any:
    return pa.csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        strings_can_be_null=False,
        include_columns=list(wanted or ()),
    )


def _decoded(path: Path) -> tuple[bytes, list[str]]:
    raw, notes = _utf8(_unpacked(path), path)
    if not raw.strip():
        raise SourceError(f"{path} is empty: it holds no text. Export it again.")
    if b"\x00" in raw:
        raise SourceError(f"{path} is not a text file (it holds zero bytes). Save it as UTF-8 CSV.")
    if b"\n" not in raw and b"\r" in raw:
        return raw.replace(b"\r", b"\n"), [*notes, "lines end with a carriage return alone"]
    return raw, notes


def _utf8(raw: bytes, path: Path) -> tuple[bytes, list[str]]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16").encode(), ["encoding: UTF-16"]
        except UnicodeError as error:
            raise SourceError(f"{path} is not whole UTF-16 ({error}). Export it again.") from error
    if raw.startswith(b"\xef\xbb\xbf"):
        raw, notes = raw[3:], ["encoding: UTF-8 with byte-order mark"]
    else:
        notes = []
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        lost = text.count("\ufffd")
        said = f"; {lost} bytes are no letters there and became \ufffd" if lost else ""
        return text.encode(), [f"encoding: cp1252, not UTF-8{said}"]
    return raw, notes


def _unpacked(path: Path) -> bytes:
    if path.suffix.lower() != ".gz":
        if path.stat().st_size > MAX_UNPACKED_BYTES:
            raise _too_big(path, "is larger than")
        return path.read_bytes()
    try:
        with gzip.open(path) as stream:
            raw = stream.read(MAX_UNPACKED_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(f"{path} is not a whole gzip file ({error}). Export it again.") from error
    if len(raw) > MAX_UNPACKED_BYTES:
        raise _too_big(path, "unpacks to more than")
    if not raw:
        raise SourceError(f"{path} is empty once unpacked. Export it again.")
    return raw


def _too_big(path: Path, problem: str) -> SourceError:
    limit = MAX_UNPACKED_BYTES >> 30
    return SourceError(f"{path} {problem} {limit} GiB. Split it, or use Parquet.")


def _header(raw: bytes, locale: Locale | None, path: Path) -> _Header:
    """Find the headings: below blank lines, a title, and the ``sep=;`` that Excel writes."""
    head = raw[:_HEAD_BYTES].decode("utf-8", "ignore")
    start, lines, delimiter = 0, 0, ""
    for line in _lines(head):
        if declared := _SEP.fullmatch(line):
            delimiter = declared[1]
        elif not _BLANK.fullmatch(line):
            delimiter = delimiter or _delimiter(line, locale)
            break
        start, lines = start + len(line.encode()), lines + 1
    else:
        raise SourceError(f"{path} is empty: it has no header. Export it again.")
    rest = head.encode()[start:].decode()
    delimiter, titles = _below_title(rest, delimiter)
    start += sum(len(line.encode()) for line in titles)
    rest, lines = rest[sum(map(len, titles)) :], lines + len(titles)
    reader = _reader(rest, delimiter)
    names = next(reader)
    used = [line for _, line in zip(range(reader.line_num), _lines(rest), strict=False)]
    end = start + sum(len(line.encode()) for line in used)
    above = tuple(line.strip(' \t\r\n,;|"') for line in titles if not _BLANK.fullmatch(line))
    return _Header(names, delimiter, start, end, lines + reader.line_num, above)


def _below_title(text: str, delimiter: str) -> tuple[str, list[str]]:
    """Return the separator of the table, and the lines above it where they begin with a title."""
    if sum(bool(cell.strip()) for cell in next(_reader(text, delimiter))) != 1:
        return delimiter, []
    lines = list(islice(_lines(text), _HEAD_LINES))
    bare = [re.sub(r'"[^"]*"?', "", line) for line in lines if not _BLANK.fullmatch(line)]
    best = max(DELIMITERS, key=lambda sign: median(line.count(sign) for line in bare))
    records, ends = [], [0]
    reader = _reader("".join(lines), best)
    for record in reader:
        records.append(record)
        ends.append(reader.line_num)
    if len(lines) == _HEAD_LINES:
        records.pop()  # it may go on
    position = header_position(records)
    return (best, lines[: ends[position]]) if position else (delimiter, [])


def _lines(text: str) -> Iterator[str]:
    return io.StringIO(text, newline="")


def _reader(text: str, delimiter: str, strict: bool = False) -> Any:
    csv.field_size_limit(1 << 24)
    return csv.reader(_lines(text), delimiter=delimiter, strict=strict)


def _delimiter(line: str, locale: Locale | None) -> str:
    """Choose the separator: the usual one where the header has it, else the commonest."""
    bare = re.sub(r'"[^"]*"?', "", line)
    usual = locale.delimiter if locale else ","
    if usual in bare:
        return usual
    best = max(DELIMITERS, key=bare.count)
    return best if best in bare else usual


def _records(raw: bytes, header: _Header, path: Path) -> Any:
    body = raw[header.end :]
    names = [str(position) for position in range(len(header.names))]
    if not body.strip(b"\r\n"):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    try:
        return _parsed(body, names, header.delimiter, _BLOCK_BYTES)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise SourceError(_broken_line(body, header, path, error)) from error
    try:  # one record is longer than a block
        return _parsed(body, names, header.delimiter, min(len(body) + 1, 2**31 - 1))
    except pa.ArrowInvalid as error:
        raise SourceError(_broken_line(body, header, path, error)) from error


def _above_footer(raw: bytes, header: _Header) -> tuple[bytes, list[str]]:
    """Take off the lines that reports of Salesforce end with, below a blank line; return them.

    Each is one field where the table has three or more, so that no row that was cut off is one.
    """
    start = max(header.end, len(raw) - _FOOTER_BYTES)
    tail = raw[start:]
    footer: tuple[int, list[str]] | None = None
    for gap in reversed(list(_GAP.finditer(tail)) if len(header.names) > 2 else []):
        below = tail[gap.end() :]
        lines = _reader(below.decode("utf-8", "ignore"), header.delimiter)
        records = [record for record in lines if record]
        if any(len(record) > 1 for record in records) or below.count(b'"') % 2:
            break
        footer = (gap.end(), [record[0] for record in records]) if records else footer
    return (raw, []) if footer is None else (raw[: start + footer[0]], footer[1])


def _parsed(body: bytes, names: list[str], delimiter: str, block_bytes: int) -> Any:
    return pa.csv.read_csv(
        io.BytesIO(body),
        read_options=pa.csv.ReadOptions(column_names=names, block_size=block_bytes),
        parse_options=_how(delimiter),
        convert_options=_as_text(names),
    )


def _named(table: Any, header: _Header, path: Path, rows: Rows, notes: list[str]) -> Any:
    """Give the columns their names; leave out those that have neither a name nor a cell."""
    kept = []
    for position, name in enumerate(header.names):
        if not name.strip():
            cells = table.column(position).combine_chunks()
            filled = pc.not_equal(cells, "")
            if position == 0 and counts_rows(cells.to_pylist()):
                notes.append(INDEX_NOTE)
            elif true_rows(filled):
                refuse_unnamed(path, f"column {position + 1}", rows, true_rows(filled))
            continue
        kept.append(position)
    return table.select(kept).rename_columns([header.names[position] for position in kept])


def _check_quotes(raw: bytes, header: _Header, path: Path) -> None:
    above = raw[: header.start].count(b"\n")
    reader = _reader(raw[header.start :].decode(), header.delimiter, strict=True)
    start = 1
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(
            f"{path}, line {above + start}: a quote is opened and not closed, or text follows a "
            f"closing quote ({error}). Close or double the quotes, or export the file again."
        ) from error


def _numbered(body: bytes, header: _Header) -> Iterator[tuple[int, list[str]]]:
    """Yield every record that Arrow counts, with the line it starts on."""
    reader = _reader(body.decode(), header.delimiter)
    start = header.lines + 1
    for record in reader:
        if record:
            yield start, record
        start = header.lines + reader.line_num + 1


def _line_numbers(raw: bytes, header: _Header) -> list[int]:
    return [line for line, _ in _numbered(raw[header.end :], header)]


def _broken_line(body: bytes, header: _Header, path: Path, error: Exception) -> str:
    width = len(header.names)
    for line, record in _numbered(body, header):
        if len(record) != width:
            return (
                f"{path}, line {line}: {len(record)} fields where the header has {width}. "
                "The file is cut off or a field holds the separator unquoted: export it again."
            )
    return f"{path} is not a readable CSV file ({first_line(error)}). Export it again."
