"""Files: CSV, Parquet and Excel.

A file of scores holds ``lead_id`` and our fields, one row a lead that has a value, and nothing
else: a file with other columns is somebody else's and is refused. Each call of `FileTarget.write`
replaces the file whole, so that whoever opens it, and whatever is killed, finds all of the old one
or all of the new one. In CSV and Excel a text that a spreadsheet would take for a formula stands
behind an apostrophe, which `FileTarget.read` takes off again. An empty text is as good as none.
Excel rounds a probability to 16 digits; otherwise what is read is what was written.
"""

import os
import re
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from mmm.crm.intake import Batch, take_in_batches, utc_text
from mmm.crm.records import Cell
from mmm.crm.source import Extract, Mark, extract
from mmm.crm.target import FIELDS, PROBABILITY, Fields, Record, Refusal
from mmm.errors import ConfigError, SourceError, TargetBusy, TargetError, quoted
from mmm.tables.sources import load
from mmm.tables.target import find_target, write_target
from mmm.tables.write import FORMULA_STARTS, make_folder

CHUNK_SIZE = 100_000
MAX_BYTES = 2 << 30  # of a file of scores, unpacked
MAX_ROWS = 20_000_000
EXCEL_ROWS = 1_048_575
EXCEL_LETTERS = 32_767
_SUFFIXES = (".csv", ".parquet", ".xlsx", ".tsv", ".txt", ".xlsm", ".csv.gz", ".tsv.gz")
_FORGOTTEN_SECONDS = 3600.0  # after which a half-written file is one of a run that was killed
_NOT_IN_EXCEL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")

Columns = dict[str, list[Cell]]


def open_target(address: str, *, environ: Mapping[str, str]) -> "FileTarget":
    """Open a file of scores; there is nothing in the environment that it needs."""
    return FileTarget(address)


def open_source(address: str, *, environ: Mapping[str, str]) -> "FileSource":
    """Open a folder of tables, or one file of leads."""
    return FileSource(address)


class FileSource:
    """Tables in files.

    Parameters
    ----------
    path : str or Path
        A folder with ``leads``, ``touches`` and ``deals``, each as CSV, Parquet or Excel; or one
        file, which holds leads.
    updated : str
        Column of the last change, where a table has it.
    """

    def __init__(self, path: str | Path, *, updated: str = "updated_at") -> None:
        self._path = Path(path)
        self._updated = updated
        self.name = str(self._path)

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read leads."""
        return self._read("leads", since)

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Read touches."""
        return self._read("touches", since)

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read deals."""
        return self._read("deals", since)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _read(self, which: str, since: Mark | None) -> Extract:
        raw = load(self._file(which), None, None)
        frame: pd.DataFrame = raw.table.to_pandas(types_mapper=pd.ArrowDtype)
        return extract(frame, since, updated=self._updated)

    def _file(self, which: str) -> Path:
        if not self._path.is_dir():
            if which == "leads":
                return self._path
            raise ConfigError(
                f"{self._path} is one file, of leads. Name a folder that holds {which} too."
            )
        there = [self._path / f"{which}{suffix}" for suffix in _SUFFIXES]
        found = [path for path in there if path.is_file()]
        if len(found) == 1:
            return found[0]
        problem = f"has {quoted(p.name for p in found)}" if found else f"has no file of {which}"
        raise ConfigError(f"{self._path} {problem}. Keep one, such as {which}.csv.")


class FileTarget:
    """A file of scores.

    One process writes at a time; another one is told to wait.

    Parameters
    ----------
    path : str or Path
        Ends in .csv, .parquet or .xlsx.
    """

    chunk_size = CHUNK_SIZE
    adds_leads = True

    def __init__(self, path: str | Path) -> None:
        self._path = find_target(path).resolve()
        self._plain = self._path.suffix.lower() == ".parquet"  # whatever looks like a formula
        self._excel = self._path.suffix.lower() == ".xlsx"
        self.name = str(self._path)

    def prepare(self, *, dry_run: bool = False) -> tuple[str, ...]:
        """Make the file, or add the columns that are missing."""
        if dry_run:
            return _missing(self._load())
        with _locked(self._path):
            found = self._load()
            missing = _missing(found)
            if missing:
                self._save(_whole(found))
        return missing

    def read(self, lead_ids: Sequence[str]) -> Mapping[str, Fields]:
        """Return the present fields of leads."""
        columns = _whole(self._load())
        wanted = set(lead_ids)
        rows = zip(columns["lead_id"], *(columns[name] for name in FIELDS), strict=True)
        return {
            str(lead): dict(zip(FIELDS, cells, strict=True))
            for lead, *cells in rows
            if lead in wanted
        }

    def write(self, records: Sequence[Record]) -> tuple[Refusal, ...]:
        """Write records; the file is on the disk when this returns."""
        unfit = _UNFIT.get(self._path.suffix.lower())
        batches, refused = take_in_batches(records, self.chunk_size, unfit)
        if batches:
            with _locked(self._path):
                self._save(_merged(_whole(self._load()), batches))
        return tuple(refused)

    def close(self) -> None:
        """Do nothing: every call of `write` has brought its rows to the disk."""

    def _load(self) -> Columns | None:
        if not self._path.exists():
            return None
        try:
            _check_size(self._path)
            table = load(self._path, None, None).table
        except SourceError as error:
            raise TargetError(str(error)) from error
        foreign = [name for name in table.column_names if name not in {"lead_id", *FIELDS}]
        if foreign or "lead_id" not in table.column_names:
            raise TargetError(
                f"{self._path} is no file of scores: it has {quoted(table.column_names)}. "
                "Name another file, which is made where it is missing."
            )
        columns = {name: self._told(name, table[name].to_pylist()) for name in table.column_names}
        _check_ids(self._path, columns["lead_id"])
        return columns

    def _told(self, name: str, cells: list[Any]) -> list[Cell]:
        if name == PROBABILITY:
            try:
                return [None if cell in (None, "") else float(cell) for cell in cells]
            except (TypeError, ValueError) as error:
                raise TargetError(
                    f"{self._path}: {name} holds what is no number with a decimal point. Mend it, "
                    "or name another file."
                ) from error
        known: dict[Any, str | None] = {}
        for cell in cells:
            if cell not in known:
                known[cell] = _text(cell, apart=not self._plain)
        return [known[cell] for cell in cells]

    def _save(self, columns: Columns) -> None:
        n_rows = len(columns["lead_id"])
        if self._excel and n_rows > EXCEL_ROWS:
            raise TargetError(f"Excel holds {EXCEL_ROWS} rows, not {n_rows}. Write CSV or Parquet.")
        if n_rows > MAX_ROWS:
            raise TargetError(f"{n_rows} leads are too many for a file. Write to a database.")
        data: dict[str, Any] = {}
        for name in ("lead_id", *FIELDS):
            cells = columns[name]
            if name == PROBABILITY:
                data[name] = pd.array(cells, dtype="float64")
            else:
                kept = cells if self._plain else [_set_apart(cell) for cell in cells]
                data[name] = pd.array(kept, dtype="str")
        try:
            write_target(pd.DataFrame(data), self._path)
        except SourceError as error:
            raise TargetError(str(error)) from error


def _missing(columns: Columns | None) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if columns is None or name not in columns)


def _whole(columns: Columns | None) -> Columns:
    """Return all columns, empty where they are missing."""
    found = columns or {"lead_id": []}
    n_rows = len(found["lead_id"])
    return {name: found.get(name) or [None] * n_rows for name in ("lead_id", *FIELDS)}


def _merged(columns: Columns, batches: Sequence[Batch]) -> Columns:
    """Put rows in; leads that are new come last, and those that lose their last value go."""
    place = {lead: row for row, lead in enumerate(columns["lead_id"])}
    for batch in batches:
        for lead in batch.leads:
            place.setdefault(lead, len(place))
    n_new = len(place) - len(columns["lead_id"])
    merged = {name: cells + [None] * n_new for name, cells in columns.items()}
    merged["lead_id"] = list(place)
    for batch in batches:
        rows = [place[lead] for lead in batch.leads]
        for name, cells in zip(batch.names, batch.columns, strict=True):
            column = merged[name]
            for row, cell in zip(rows, cells, strict=True):
                column[row] = cell
    fields = [merged[name] for name in FIELDS]
    touched = {place[lead] for batch in batches for lead in batch.leads}
    empty = {row for row in touched if all(column[row] is None for column in fields)}
    if not empty:
        return merged
    kept = [row for row in range(len(place)) if row not in empty]
    return {name: [cells[row] for row in kept] for name, cells in merged.items()}


def _set_apart(cell: Cell) -> Cell:
    """Put one more apostrophe before a formula that has some, so that one can be taken off."""
    if isinstance(cell, str) and cell.startswith("'") and _is_formula(cell.lstrip("'")):
        return f"'{cell}"
    return cell


def _text(cell: Any, *, apart: bool) -> str | None:
    """Return a cell as the text that was written.

    Examples
    --------
    >>> _text("'=1+1", apart=True), _text("'s-Hertogenbosch", apart=True), _text(7.0, apart=True)
    ('=1+1', "'s-Hertogenbosch", '7')
    """
    if cell is None or cell == "" or cell != cell:
        return None
    if isinstance(cell, datetime):
        return utc_text(cell if cell.tzinfo else cell.replace(tzinfo=UTC))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell)
    return text[1:] if apart and text[0] == "'" and _is_formula(text.lstrip("'")) else text


def _is_formula(text: str) -> bool:
    return text.startswith(FORMULA_STARTS)


def _unfit_for_excel(text: str) -> str | None:
    if len(text) > EXCEL_LETTERS - 2:  # two apostrophes may come before it
        return f"is longer than the {EXCEL_LETTERS} letters of a cell"
    if _NOT_IN_EXCEL.search(text) or text != text.strip("\n"):
        return "holds signs that Excel does not keep"
    return None


def _unfit_for_csv(text: str) -> str | None:
    return "holds a carriage return" if "\r" in text else None


_UNFIT = {".csv": _unfit_for_csv, ".xlsx": _unfit_for_excel}


def _check_ids(path: Path, ids: Sequence[Cell]) -> None:
    wrong = len(ids) - len(set(ids) - {None})
    if wrong:
        raise TargetError(
            f"{path}: {wrong} rows have a lead_id that is empty or stands above already. Delete "
            "those rows, or name another file."
        )


def _check_size(path: Path) -> None:
    """Refuse what would unpack to more than a file of scores can be."""
    size, n_rows = path.stat().st_size, 0
    try:
        if path.suffix.lower() == ".xlsx" and size:
            with zipfile.ZipFile(path) as parts:
                size = max(size, sum(part.file_size for part in parts.infolist()))
        elif path.suffix.lower() == ".parquet" and size:
            about = pq.ParquetFile(path).metadata
            groups = [about.row_group(number) for number in range(about.num_row_groups)]
            size = max(size, sum(group.total_byte_size for group in groups))
            n_rows = about.num_rows
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SourceError(f"{path} is damaged. Name another file, or delete it.") from error
    if size > MAX_BYTES or n_rows > MAX_ROWS:
        raise SourceError(f"{path} is too large for a file of scores. Name another file.")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the right to write a file; the system takes it back from a process that dies."""
    try:
        make_folder(path.parent)
        number = _lock(path.with_name(f".{path.name}.lock"), path)
    except OSError as error:
        raise TargetError(f"cannot lock {path} ({error.strerror}). Choose another file.") from error
    except SourceError as error:
        raise TargetError(str(error)) from error
    try:
        _sweep(path)
        yield
    finally:
        with suppress(OSError):
            path.with_name(f".{path.name}.lock").unlink()
        os.close(number)


def _lock(file: Path, path: Path) -> int:
    while True:
        number = os.open(file, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            _claim(number)
        except OSError as error:
            os.close(number)
            raise TargetBusy(f"{path} is being written by another process. Wait.", 1.0) from error
        # The one who held it may have deleted it since it was opened: then it locks nothing.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(number), file.stat()):
                return number
        os.close(number)


def _claim(number: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(path: Path) -> None:
    """Delete the half-written files of runs that were killed."""
    name = re.compile(rf"\.{re.escape(path.stem)}\.[a-z0-9_]{{8}}{re.escape(path.suffix.lower())}")
    for other in path.parent.glob(".*"):
        with suppress(OSError):
            old = time.time() - other.stat().st_mtime > _FORGOTTEN_SECONDS
            if old and name.fullmatch(other.name):
                other.unlink()
