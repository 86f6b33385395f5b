"""Writing CSV that a spreadsheet opens without running anything in it."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from mmm.errors import SourceError

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def inert(text: object) -> object:
    """Put an apostrophe before text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> inert("=1+1")
    "'=1+1"
    >>> inert("Events"), inert(-3.5)
    ('Events', -3.5)
    """
    return f"'{text}" if isinstance(text, str) and text.startswith(FORMULA_STARTS) else text


def inert_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Make the texts of a frame, and the names of its columns, inert.

    Examples
    --------
    >>> inert_frame(pd.DataFrame({"name": ["=1+1"]}))["name"].tolist()
    ["'=1+1"]
    """
    safe = frame.rename(columns=inert)
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name]) or safe[name].dtype == object:
            safe[name] = safe[name].map(inert, na_action="ignore")
    return safe


def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as UTF-8 CSV with commas and decimal points, formulas made inert.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : str or Path
        The folder is made where it is missing.

    Returns
    -------
    Path

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    target = Path(path)
    make_folder(target.parent)
    safe = inert_frame(frame)
    try:
        safe.to_csv(target, index=False, encoding="utf-8", lineterminator="\n")
    except OSError as error:
        raise SourceError(
            f"cannot write {target} ({error.strerror}). Choose a file that you may write to."
        ) from error
    return target


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises
    ------
    SourceError
        If that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"cannot make the folder {folder} ({error.strerror}). Choose another."
        ) from error


def refuse_input(target: Path, inputs: Collection[Path]) -> None:
    """Raise where writing would replace a table that was read.

    Parameters
    ----------
    target : Path
    inputs : collection of Path
        Resolved.

    Raises
    ------
    SourceError
    """
    if target.resolve() in inputs:
        raise SourceError(f"writing {target} would replace a table that was read. Choose another.")
