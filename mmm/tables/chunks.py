"""Mixed tables in pieces: what `read_mixed` reads at once, in memory that does not grow with it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmm.tables.delimited import open_delimited
from mmm.tables.instants import check_tz
from mmm.tables.locales import Locale, find_locale
from mmm.tables.mixed import PARSERS, read_mixed, to_series
from mmm.tables.parse import Context, Looks, look_at, to_feature, to_text
from mmm.tables.rows import Rows
from mmm.tables.sources import load

ROWS = 20_000
_BUFFER_BYTES = 1 << 16

Pieces = Callable[[Sequence[str]], Iterator[Any]]


@dataclass(frozen=True, eq=False)
class Chunks:
    """A table of the company's own columns; iterating reads it, from the start each time.

    Attributes
    ----------
    columns : tuple of str
    n_rows : int
    notes : tuple of str
        What was decided on the way.
    """

    columns: tuple[str, ...]
    n_rows: int
    notes: tuple[str, ...]
    _frames: Callable[[], Iterator[pd.DataFrame]] = field(repr=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return self._frames()


@dataclass(frozen=True, eq=False)
class _Opened:
    """A source: its columns, and how to read some of them piece by piece."""

    names: list[str]
    texts: list[str]  # columns of text, whose type is told by what is in them
    notes: list[str]
    rows: Rows
    pieces: Pieces


def read_chunks(
    source: object,
    kinds: Mapping[str, Literal["text", "instant"]],
    *,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    name: str = "leads",
    optional: Collection[str] = (),
    n_rows: int = ROWS,
) -> Chunks:
    """Read a table with the columns it has, piece by piece; each cell as `read_mixed` reads it.

    Parquet and plain CSV files are read twice: first to tell the type of each column from all of
    it, then to give it out. The named columns stay in memory meanwhile. Other sources are loaded
    and given out in pieces.

    Parameters
    ----------
    source, kinds, locale, tz, table, name, optional
        As for `read_mixed`.
    n_rows : int
        Rows of a piece.

    Returns
    -------
    Chunks
        Frames with consecutive row numbers as index.

    Raises
    ------
    InputError, SourceError
        As `read_mixed`.

    Examples
    --------
    >>> chunks = read_chunks(pd.DataFrame({"id": [7, 8], "pages": ["12", "3"]}), {"id": "text"},
    ...     n_rows=1)
    >>> [frame["pages"].tolist() for frame in chunks]
    [[12], [3]]
    """
    profile = find_locale(locale)
    check_tz(tz)
    opened = _open(source, profile)
    if opened is not None and {*kinds} <= {*opened.names, *optional}:
        there = {column: kind for column, kind in kinds.items() if column in opened.names}
        found = _streamed(opened, there, profile, tz, name, n_rows)
        if found is not None:
            return found
    whole = read_mixed(
        source, kinds, locale=locale, tz=tz, table=table, name=name, optional=optional
    )

    def frames() -> Iterator[pd.DataFrame]:
        for start in range(0, len(whole), n_rows):
            yield whole.iloc[start : start + n_rows]

    return Chunks(tuple(whole.columns), len(whole), whole.attrs["notes"], frames)


def _streamed(
    opened: _Opened,
    kinds: Mapping[str, Literal["text", "instant"]],
    profile: Locale | None,
    tz: str,
    name: str,
    n_rows: int,
) -> Chunks | None:
    """Look at a source once; None where it has to be read whole, to be told what is wrong."""
    notes = [f"{name}: {note}" for note in opened.notes]

    def context(column: str) -> Context:
        return Context(f"{name} column {column!r}", profile, tz, None, notes, rows=opened.rows)

    # The type of an id or an instant is told by all of the column, unless it is an id of text.
    known = {
        column: kind
        for column, kind in kinds.items()
        if kind != "text" or column not in opened.texts
    }
    try:
        held, looks, total = _first_look(opened, kinds, known, context)
    except pa.ArrowException:
        return None
    if not total:
        return None
    parsed = {
        column: PARSERS[kind](pa.chunked_array(held.pop(column)), context(column))
        for column, kind in known.items()
    }
    pa.default_memory_pool().release_unused()
    for column, look in looks.items():  # what there is to say of a column is said once
        to_feature(pa.array([], pa.string()), context(column), look)
    said = tuple(dict.fromkeys(notes))
    rest = [column for column in opened.names if column not in parsed]

    def typed(column: str, piece: Any, start: int) -> Any:
        if column in parsed:
            return parsed[column].slice(start, piece.num_rows)
        if column in kinds:
            return to_text(piece[column], context(column))
        return to_feature(piece[column], context(column), looks.get(column))

    def frames() -> Iterator[pd.DataFrame]:
        start = 0
        for piece in _even(opened.pieces(rest), n_rows, rest, total):
            data = {column: to_series(typed(column, piece, start)) for column in opened.names}
            index = pd.RangeIndex(start, start + piece.num_rows)
            yield pd.DataFrame(data).set_axis(index)
            start += piece.num_rows

    return Chunks(tuple(opened.names), total, said, frames)


def _first_look(
    opened: _Opened,
    kinds: Mapping[str, str],
    known: Collection[str],
    context: Callable[[str], Context],
) -> tuple[dict[str, list[Any]], dict[str, Looks], int]:
    """Hold some columns, tell what the texts of others look like, and count the rows."""
    held: dict[str, list[Any]] = {column: [] for column in known}
    looks = {column: Looks() for column in opened.texts if column not in kinds}
    total = 0
    for batch in opened.pieces([*held, *looks] or opened.names[:1]):
        total += batch.num_rows
        for column, parts in held.items():
            parts.append(batch.column(batch.schema.get_field_index(column)))
        for column, so_far in looks.items():
            if so_far.empty or so_far.numeric or so_far.commas:
                cells = batch.column(batch.schema.get_field_index(column))
                looks[column] = so_far & look_at(cells, context(column))
    return held, looks, total


def _even(
    batches: Iterator[Any], n_rows: int, names: Sequence[str], total: int
) -> Iterator[pa.Table]:
    """Join and cut batches, so that every table but the last has as many rows."""
    if not names:  # every column is held
        for start in range(0, total, n_rows):
            yield pa.table({"": pa.nulls(min(n_rows, total - start))})
        return
    waiting: list[Any] = []
    n_waiting = 0
    for batch in batches:
        waiting.append(batch)
        n_waiting += batch.num_rows
        while n_waiting >= n_rows:
            joined = pa.Table.from_batches(waiting)
            yield joined.slice(0, n_rows)
            waiting, n_waiting = joined.slice(n_rows).to_batches(), n_waiting - n_rows
    if n_waiting:
        yield pa.Table.from_batches(waiting)


def _open(source: object, locale: Locale | None) -> _Opened | None:
    """Open a file that can be read piece by piece; None for any other source."""
    if not isinstance(source, str | Path) or "://" in str(source):
        return None
    path = Path(source)
    if not path.is_file() or not path.stat().st_size:
        return None
    if path.suffix.lower() == ".parquet":
        return _open_parquet(path)
    if path.suffix.lower() not in {".csv", ".tsv", ".txt"}:
        return None
    file = open_delimited(path, locale)
    if file is None:
        return None
    rows = Rows(path.name, "line", lambda: _lines(path, locale))
    return _Opened(file.names, file.names, file.notes, rows, file.pieces)


def _lines(path: Path, locale: Locale | None) -> Sequence[int]:
    numbers = load(path, None, locale).rows.numbers
    return [] if numbers is None else numbers()


def _open_parquet(path: Path) -> _Opened | None:
    """Open a Parquet file; None where it has to be looked at whole."""
    try:
        with pa.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        return None
    names = list(schema.names)
    if len(set(names)) < len(names) or any(column != column.strip() for column in names):
        return None

    def pieces(wanted: Sequence[str]) -> Iterator[Any]:
        # Whatever is buffered ahead stays in memory until the file is closed.
        with pa.parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            for batch in file.iter_batches(ROWS, columns=list(wanted), use_threads=False):
                batch.validate(full=True)  # a damaged page may unpack to what is no text
                yield batch

    texts = [column.name for column in schema if _holds_text(column.type)]
    return _Opened(names, texts, [], Rows(path.name), pieces)


def _holds_text(kind: Any) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(one(inner) for one in texts)
