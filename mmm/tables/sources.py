"""Sources: a file, a database table or a frame of any library becomes an Arrow table."""

import csv
import gzip
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mmm.errors import MissingLibraryError, SourceError, quoted
from mmm.tables.locales import Locale

DELIMITERS = (",", ";", "\t", "|")
MAX_UNPACKED_BYTES = 8 << 30  # a packed file that unpacks beyond this is refused, not read


@dataclass
class Raw:
    """What a source held, before any meaning is given to it.

    Attributes
    ----------
    table : pyarrow.Table
        Text columns where the source has no types.
    origin : str
        Where it came from, for messages.
    notes : list of str
        What the reader has to be told (encoding, separator).
    """

    table: Any
    origin: str
    notes: list[str] = field(default_factory=list)


def load(source: object, table: str | None, locale: Locale | None) -> Raw:
    """Load any supported source.

    Parameters
    ----------
    source : path, database URL, or frame
        CSV or TSV (also ``.gz``), Excel, Parquet; an SQLAlchemy URL; a pandas, Polars or pyarrow
        frame, or anything that exports the Arrow stream interface.
    table : str, optional
        Table or view of a database, sheet of a workbook.
    locale : Locale, optional

    Raises
    ------
    SourceError
        If the source is missing, empty, cut off or broken.
    """
    if isinstance(source, str | Path):
        if "://" in str(source):
            return _database(str(source), table)
        return _file(Path(source), table, locale)
    return Raw(_frame(source), f"a {type(source).__module__.partition('.')[0]} frame")


def _frame(source: Any) -> Any:
    try:
        if type(source).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(source, preserve_index=False)
        if isinstance(source, pa.Table):
            return source
        if hasattr(source, "__arrow_c_stream__"):
            return pa.table(source)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SourceError(
            f"the frame mixes types in one column ({_first_line(error)}). "
            "Give each column one type, or turn it into text with .astype(str)."
        ) from error
    raise SourceError(
        f"cannot read a {type(source).__name__}. Pass a path, a database URL, or a pandas, "
        "Polars (collected) or pyarrow frame."
    )


def _file(path: Path, table: str | None, locale: Locale | None) -> Raw:
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.is_file())
        found = f"its folder holds {quoted(near)}" if near else "its folder is missing or empty"
        raise SourceError(f"there is no file {path}; {found}. Correct the path.")
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes). Export it again.")
    if kind == ".parquet":
        return Raw(_parquet(path), str(path))
    if kind in {".xlsx", ".xlsm"}:
        return Raw(_excel(path, table), str(path))
    if kind in {".csv", ".tsv", ".txt"}:
        return _csv(path, locale)
    raise SourceError(
        f"{path} has an unknown ending {kind!r}. "
        "Use .csv, .tsv, .txt (also .gz), .xlsx or .parquet."
    )


def _parquet(path: Path) -> Any:
    try:
        return pa.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path} is not a whole Parquet file ({_first_line(error)}). Export it again."
        ) from error


def _csv(path: Path, locale: Locale | None) -> Raw:
    raw, notes = _decoded(path)
    header = raw.split(b"\n", 1)[0].decode().rstrip("\r")
    delimiter = _delimiter(header, locale)
    if delimiter != (locale.delimiter if locale else ","):
        notes.append(f"fields are separated by {delimiter!r}, as in the header")
    if b'"' in raw:  # Arrow closes a broken quote at the end of the file without a word
        _check_quotes(raw, delimiter, path)
    try:
        names = next(csv.reader([header], delimiter=delimiter))
        table = pa.csv.read_csv(
            io.BytesIO(raw),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise SourceError(_broken_line(raw, delimiter, path, error)) from error
    return Raw(table, str(path), notes)


def _decoded(path: Path) -> tuple[bytes, list[str]]:
    raw = _unpacked(path)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16").encode(), ["encoding: UTF-16"]
    if raw.startswith(b"\xef\xbb\xbf"):
        return raw[3:], ["encoding: UTF-8 with byte-order mark"]
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace").encode(), ["encoding: cp1252, not UTF-8"]
    return raw, []


def _unpacked(path: Path) -> bytes:
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as stream:
            raw = stream.read(MAX_UNPACKED_BYTES + 1)
    except (EOFError, OSError) as error:
        raise SourceError(f"{path} is not a whole gzip file ({error}). Export it again.") from error
    if len(raw) > MAX_UNPACKED_BYTES:
        raise SourceError(
            f"{path} unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB. Split it, or use Parquet."
        )
    if not raw:
        raise SourceError(f"{path} is empty once unpacked. Export it again.")
    return raw


def _delimiter(header: str, locale: Locale | None) -> str:
    """Choose the separator: the usual one where the header has it, else the commonest."""
    usual = locale.delimiter if locale else ","
    if usual in header:
        return usual
    best = max(DELIMITERS, key=header.count)
    return best if best in header else usual


def _check_quotes(raw: bytes, delimiter: str, path: Path) -> None:
    reader = csv.reader(io.StringIO(raw.decode()), delimiter=delimiter, strict=True)
    csv.field_size_limit(1 << 24)
    start = 1
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(
            f"{path}, line {start}: a quote is opened and not closed, or text follows a closing "
            f"quote ({error}). Close or double the quotes, or export the file again."
        ) from error


def _broken_line(raw: bytes, delimiter: str, path: Path, error: Exception) -> str:
    rows = csv.reader(io.StringIO(raw.decode()), delimiter=delimiter)
    width = len(next(rows))
    for row in rows:
        if row and len(row) != width:
            return (
                f"{path}, line {rows.line_num}: {len(row)} fields where the header has {width}. "
                "The file is cut off or a field holds the separator unquoted: export it again."
            )
    return f"{path} is not a readable CSV file ({_first_line(error)}). Export it again."


def _excel(path: Path, sheet: str | None) -> Any:
    import openpyxl

    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > MAX_UNPACKED_BYTES:
            raise SourceError(f"{path} unpacks to {size >> 30} GiB. Save it as CSV or Parquet.")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise SourceError(
            f"{path} is not a whole Excel workbook ({error}). Save it again."
        ) from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise SourceError(
                f"{path} has no sheet {sheet!r}; found {quoted(book.sheetnames)}. Correct table=."
            )
        rows = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
        filled = [row for row in rows if any(cell is not None for cell in row)]
    finally:
        book.close()
    if not filled:
        raise SourceError(f"{path}: the sheet is empty. Choose another with table=.")
    names = ["" if name is None else str(name) for name in filled[0]]
    while names and not names[-1]:
        names.pop()
    return _columns(names, [row[: len(names)] for row in filled[1:]])


def _columns(names: list[str], rows: list[tuple[object, ...]]) -> Any:
    cells = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return pa.Table.from_arrays([_array(list(column)) for column in cells], names=names)


def _array(cells: list[object]) -> Any:
    """Type a column of Python objects; text where a column mixes types."""
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _database(url: str, table: str | None) -> Raw:
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingLibraryError(
            'Reading a database needs SQLAlchemy. Run: pip install "mmm-research[sql]"'
        ) from error
    driver, _, rest = url.partition("://")
    if driver in {"postgresql", "postgres"}:
        url = f"postgresql+psycopg://{rest}"
    try:
        names, rows = _query(sqlalchemy, url, table)
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f'The driver for {driver} is missing ({error}). Run: pip install "mmm-research[sql]"'
        ) from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise SourceError(
            f"cannot read the {driver} database ({_first_line(error)}). "
            "Check the URL, the rights and that the server runs."
        ) from error
    return Raw(_columns(names, rows), f"{driver} table {table}")


def _query(sqlalchemy: Any, url: str, table: str | None) -> tuple[list[str], list[tuple[Any, ...]]]:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            chosen = _database_table(sqlalchemy, connection, table)
            result = connection.execute(sqlalchemy.select(chosen))
            return list(result.keys()), [tuple(row) for row in result]
    finally:
        engine.dispose()


def _database_table(sqlalchemy: Any, connection: Any, table: str | None) -> Any:
    inspector = sqlalchemy.inspect(connection)
    found = [*inspector.get_table_names(), *inspector.get_view_names()]
    if table in found:
        return sqlalchemy.Table(table, sqlalchemy.MetaData(), autoload_with=connection)
    schema, _, name = (table or "").rpartition(".")
    if schema in inspector.get_schema_names():
        inside = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if name in inside:
            metadata = sqlalchemy.MetaData(schema=schema)
            return sqlalchemy.Table(name, metadata, autoload_with=connection)
    problem = f"has no table {table!r}" if table else "needs the name of a table"
    raise SourceError(f"the database {problem}; found {quoted(found)}. Pass table='...'.")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
