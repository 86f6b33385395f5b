"""Writing CSV that a spreadsheet opens without running anything in it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from mmm.errors import SourceError
from mmm.tables.sources import sheet_of

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
    with replaced(target) as part:
        safe.to_csv(part, index=False, encoding="utf-8", lineterminator="\n")
    return target


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """Give a file to write beside `target`, which it then replaces whole.

    Whoever reads `target` meanwhile sees the old file or the new one; where writing fails, the old
    one stays.

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise SourceError(
            f"cannot write {target} ({error.strerror}). Choose a file that you may write to."
        ) from error
    finally:
        part.unlink(missing_ok=True)


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
    if target.resolve() in {sheet_of(one, None)[0] for one in inputs}:
        raise SourceError(f"writing {target} would replace a table that was read. Choose another.")
