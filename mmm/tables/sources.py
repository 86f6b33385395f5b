"""Sources: a file, a database table or a frame of any library becomes an Arrow table."""

import difflib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmm.errors import SourceError, quoted
from mmm.tables.cells import Kinds, one_type
from mmm.tables.database import load_database
from mmm.tables.delimited import load_delimited
from mmm.tables.locales import Locale
from mmm.tables.raw import MAX_UNPACKED_BYTES, Raw, first_line
from mmm.tables.rows import Rows
from mmm.tables.workbook import load_workbook

_WORKBOOKS = (".xlsx", ".xlsm")


def load(source: object, table: str | None, locale: Locale | None) -> Raw:
    """Load any supported source.

    Parameters
    ----------
    source : path, database URL, or frame
        CSV or TSV (also ``.gz``), Excel, Parquet; an SQLAlchemy URL; a pandas, Polars or pyarrow
        frame, or anything that exports the Arrow stream interface.
    table : str, optional
        Table or view of a database, sheet of a workbook; a sheet may stand in the path as well:
        ``book.xlsx#sheet``.
    locale : Locale, optional

    Raises
    ------
    SourceError
        If the source is missing, empty, cut off or broken.
    """
    if not isinstance(source, str | Path):
        return _trimmed(_frame(source))
    if "://" in str(source):
        return _trimmed(load_database(str(source), table))
    path, table = sheet_of(Path(source), table)
    try:
        return _trimmed(_file(path, table, locale))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        shown = f"{str(path)[:80]}…" if len(str(path)) > 200 else str(path)
        raise SourceError(f"cannot read {shown} ({reason}). Correct the path.") from error


def sheet_of(path: Path, table: str | None) -> tuple[Path, str | None]:
    """Take the sheet off ``book.xlsx#sheet``; a file of that very name comes first.

    Examples
    --------
    >>> sheet_of(Path("crm.xlsx#Deals"), None)[1]
    'Deals'
    >>> sheet_of(Path("crm#1.csv"), None)[0].name
    'crm#1.csv'
    """
    book, mark, sheet = str(path).rpartition("#")
    workbook = book.lower().endswith(_WORKBOOKS)
    if not (mark and sheet and workbook) or table is not None or path.exists():
        return path, table
    return Path(book), sheet


def _trimmed(raw: Raw) -> Raw:
    """Take the blanks off both ends of column names."""
    names = raw.table.column_names
    trimmed = [name.strip() for name in names]
    changed = [name for name, plain in zip(names, trimmed, strict=True) if name != plain]
    if changed:
        raw.notes.append(f"column names lose the blanks around them: {quoted(changed)}")
        raw.table = raw.table.rename_columns(trimmed)
        raw.kinds = {name.strip(): kinds for name, kinds in raw.kinds.items()}
    return raw


def _frame(source: Any) -> Raw:
    library = type(source).__module__.partition(".")[0]
    origin = f"a {library} frame"
    if isinstance(source, pd.DataFrame):
        return _pandas(source, origin)
    objects = [name for name, kind in _schema(source) if str(kind) == "Object"]
    if objects:
        raise SourceError(
            f"the frame column {quoted(objects)} holds Python objects. "
            "Turn it into text, or drop the column."
        )
    try:
        if isinstance(source, pa.Table):
            return Raw(source, origin)
        if hasattr(source, "__arrow_c_stream__"):
            return Raw(pa.table(source), origin)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SourceError(
            f"the frame has a column of a type that Arrow lacks ({first_line(error)}). "
            "Turn that column into text or into a 64-bit number."
        ) from error
    raise SourceError(
        f"cannot read a {type(source).__name__}. Pass a path, a database URL, or a pandas, "
        "Polars (collected) or pyarrow frame."
    )


def _schema(source: Any) -> list[tuple[str, Any]]:
    """Return names and types of a Polars frame, whose object columns export as addresses."""
    is_polars = type(source).__module__.startswith("polars") and hasattr(source, "to_arrow")
    return list(source.schema.items()) if is_polars and hasattr(source, "columns") else []


def _pandas(frame: pd.DataFrame, origin: str) -> Raw:
    arrays, names = [], [str(name) for name in frame.columns]
    kinds: dict[str, Kinds] = {}
    for position, name in enumerate(names):
        series = frame.iloc[:, position]
        if isinstance(series.dtype, pd.SparseDtype):
            series = pd.Series(np.asarray(series))
        if series.dtype == object:
            array, found = one_type(list(series), name, Rows())
            if found is not None:
                kinds[name] = found
        else:
            array = _typed(series, name)
        arrays.append(array)
    return Raw(pa.Table.from_arrays(arrays, names=names), origin, kinds=kinds)


def _typed(series: "pd.Series[Any]", name: str) -> Any:
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise SourceError(
            f"the frame column {name!r} of type {series.dtype} cannot be read "
            f"({first_line(error)}). Turn it into text with .astype(str), or drop the column."
        ) from error


def _file(path: Path, table: str | None, locale: Locale | None) -> Raw:
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.is_file())
        found = f"it holds {quoted(inside)}" if inside else "it holds no file"
        raise SourceError(f"{path} is a folder; {found}. Name one file in it.")
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*") if p.is_file())
        found = f"its folder holds {quoted(near)}" if near else "its folder is missing or empty"
        like = difflib.get_close_matches(path.name, near, n=1)
        meant = f" Did you mean {like[0]!r}?" if like else ""
        raise SourceError(f"there is no file {path}; {found}.{meant} Correct the path.")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes). Export it again.")
    if kind == ".parquet":
        return Raw(_parquet(path), str(path), rows=Rows(path.name))
    if kind in _WORKBOOKS:
        return load_workbook(path, table)
    if kind in {".csv", ".tsv", ".txt"}:
        return load_delimited(path, locale)
    raise SourceError(
        f"{path} has an unknown ending {kind!r}. "
        "Use .csv, .tsv, .txt (also .gz), .xlsx or .parquet."
    )


def _parquet(path: Path) -> Any:
    try:
        facts = pa.parquet.read_metadata(path)
        # A few kilobytes may hold a billion equal rows; a cell takes eight bytes at the least.
        if 8 * facts.num_rows * max(1, facts.num_columns) > MAX_UNPACKED_BYTES:
            raise SourceError(
                f"{path} unpacks to {facts.num_rows:,} rows of {facts.num_columns} columns, more "
                f"than {MAX_UNPACKED_BYTES >> 30} GiB. Split it, or keep only the columns needed."
            )
        found = pa.parquet.read_table(path)
        # A damaged page may unpack to text that is no UTF-8; it would fail only where it is read.
        found.validate(full=True)
        _ = found.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path} is not a whole Parquet file ({first_line(error)}). Export it again."
        ) from error
    return found
