"""Targets: a file written whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmm.errors import ConfigError, SourceError
from mmm.tables.write import inert_frame, make_folder

Write = Callable[[pd.DataFrame], None]

_AVAILABLE = "a file that ends in .csv, .parquet or .xlsx"


def find_target(target: str | Path) -> Path:
    """Return the file that a target names.

    Raises
    ------
    ConfigError
        If it names no file of a kind that can be written.

    Examples
    --------
    >>> find_target("scores.csv").name
    'scores.csv'
    """
    text = str(target)
    path = Path(text)
    if "://" in text or text.endswith(":") or path.suffix.lower() not in _WRITERS:
        raise ConfigError(f"cannot write to {text!r}. What can be written is {_AVAILABLE}.")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder. Name {_AVAILABLE}.")
    return path


def write_target(frame: pd.DataFrame, target: str | Path) -> Path:
    """Write a table to a file that is replaced whole: readers see the old one or the new one.

    It is written under another name in the same folder, brought to the disk, and renamed. In CSV
    and Excel texts that a spreadsheet would take for formulas get an apostrophe; Excel, which knows
    no zones, gets instants in UTC.

    Parameters
    ----------
    frame : pandas.DataFrame
    target : str or Path
        Ends in .csv, .parquet or .xlsx.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        As `find_target`.
    SourceError
        If the file cannot be written; an earlier one is as it was.
    """
    with written(target) as add:
        add(frame)
    return find_target(target)


@contextmanager
def written(target: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    r"""Write a table piece by piece, as `write_target` writes it at once.

    Yields
    ------
    callable
        Takes the next rows, the same columns each time. Nothing is replaced if an error comes up
        before the end.

    Raises
    ------
    ConfigError, SourceError
        As `write_target`.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written(Path(folder) / "a.csv") as add:
    ...         add(pd.DataFrame({"a": [1]}))
    ...         add(pd.DataFrame({"a": [2]}))
    ...     (Path(folder) / "a.csv").read_text()
    'a\n1\n2\n'
    """
    path = find_target(target)
    make_folder(path.parent)
    try:
        number, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix.lower(), dir=path.parent
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    part = Path(name)
    os.close(number)
    try:
        with _WRITERS[path.suffix.lower()](part) as write:
            yield _told(write, path)
        _settle(part, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _told(write: Write, path: Path) -> Write:
    """Say which file it is that cannot be written."""

    def add(frame: pd.DataFrame) -> None:
        try:
            write(frame)
        except OSError as error:
            raise _unwritable(path, error) from error

    return add


def _settle(part: Path, path: Path) -> None:
    """Bring the bytes to the disk, then the name; rights are those of a new file."""
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    mask = os.umask(0)
    os.umask(mask)
    part.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
    part.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _unwritable(path: Path, error: OSError) -> SourceError:
    reason = error.strerror or str(error)
    return SourceError(f"cannot write {path} ({reason}). Choose a file that you may write to.")


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as stream:

        def write(frame: pd.DataFrame) -> None:
            first = stream.tell() == 0
            inert_frame(frame).to_csv(stream, index=False, header=first, lineterminator="\n")

        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    with ExitStack() as stack:
        writers: list[Any] = []

        def write(frame: pd.DataFrame) -> None:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if not writers:
                writers.append(stack.enter_context(pa.parquet.ParquetWriter(path, table.schema)))
            schema = writers[0].schema  # what it says of pandas differs where a piece is empty
            writers[0].write_table(table.replace_schema_metadata(schema.metadata))

        yield write


@contextmanager
def _xlsx(path: Path) -> Iterator[Write]:
    parts: list[pd.DataFrame] = []
    yield parts.append
    safe: Any = inert_frame(pd.concat(parts) if len(parts) > 1 else parts[0])
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.DatetimeTZDtype):
            safe[name] = safe[name].dt.tz_convert("UTC").dt.tz_localize(None)
    safe.to_excel(path, index=False, engine="openpyxl")


_WRITERS: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xlsx": _xlsx,
}
