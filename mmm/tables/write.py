"""Writing CSV that a spreadsheet opens without running anything in it."""

from pathlib import Path

import pandas as pd

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
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    safe = frame.rename(columns=inert)
    for name in safe.columns:
        if pd.api.types.is_string_dtype(safe[name]) or safe[name].dtype == object:
            safe[name] = safe[name].map(inert, na_action="ignore")
    safe.to_csv(target, index=False, encoding="utf-8", lineterminator="\n")
    return target
