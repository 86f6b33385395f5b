"""Targets: a file written whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from mmm.errors import ConfigError, SourceError
from mmm.tables.write import inert_frame, make_folder

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
    path = find_target(target)
    make_folder(path.parent)
    write = _WRITERS[path.suffix.lower()]
    try:
        number, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix.lower(), dir=path.parent
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    part = Path(name)
    os.close(number)
    try:
        write(frame, part)
        _settle(part, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)
    return path


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


def _csv(frame: pd.DataFrame, path: Path) -> None:
    inert_frame(frame).to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False)


def _xlsx(frame: pd.DataFrame, path: Path) -> None:
    safe: Any = inert_frame(frame)
    for name in safe.columns:
        if isinstance(safe[name].dtype, pd.DatetimeTZDtype):
            safe[name] = safe[name].dt.tz_convert("UTC").dt.tz_localize(None)
    safe.to_excel(path, index=False, engine="openpyxl")


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".xlsx": _xlsx,
}
