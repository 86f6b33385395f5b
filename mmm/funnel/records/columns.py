"""What a column has to be before anything is counted: there, typed, filled in, exact."""

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import PLACEHOLDERS
from mmm.errors import InputError, quoted
from mmm.tables.schema import SPECS
from mmm.wording import exact

Flags = npt.NDArray[np.bool_]
Amounts = npt.NDArray[np.object_]

_NEEDED = {
    "deals": ("deal_id", "won", "closed_at"),
    "leads": ("lead_id", "created_at"),
    "touches": ("touched_at",),
    "contacts": ("person_id",),
}


def need(frame: pd.DataFrame, columns: tuple[str, ...], table: str, cure: str) -> None:
    """Refuse a table that lacks a column.

    Raises
    ------
    InputError
        Naming the missing columns, those found, and the cure.

    Examples
    --------
    >>> need(pd.DataFrame({"won": [True]}), ("won",), "deals", "Read them with mmm.read_deals.")
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"{table} has no column {quoted(missing)}; found {quoted(frame.columns)}. {cure}"
        )


def typed(frame: pd.DataFrame | None, table: str) -> pd.DataFrame | None:
    """Return a copy whose instants are UTC and whose flags are true, false or missing.

    Raises
    ------
    InputError
        If a needed column is missing, or is no date or flag.

    Examples
    --------
    >>> touches = pd.DataFrame({"touched_at": ["2025-01-05T10:00:00Z"]})
    >>> typed(touches, "touches")["touched_at"].iloc[0]
    Timestamp('2025-01-05 10:00:00+0000', tz='UTC')
    """
    if frame is None:
        return None
    cure = f"Read them with mmm.read_{table}, where columns= takes your names."
    need(frame, _NEEDED[table], table, cure)
    result = frame.reset_index(drop=True)
    for column in SPECS[table].columns:
        if column.name not in result.columns or column.kind not in {"instant", "date", "flag"}:
            continue
        try:
            result[column.name] = (
                result[column.name].astype("boolean")
                if column.kind == "flag"
                else pd.to_datetime(result[column.name], utc=column.kind == "instant")
            )
        except (ValueError, TypeError) as error:
            kind = "true or false" if column.kind == "flag" else "dates"
            raise InputError(
                f"{table} {column.name!r} is not all {kind}: {error}. {cure}"
            ) from error
    return result


def filled(column: "pd.Series[Any]") -> Flags:
    """Tell where a value is written, a placeholder such as "unknown" or "-" apart.

    Examples
    --------
    >>> filled(pd.Series(["Email", " ", "n/a", None])).tolist()
    [True, False, False, False]
    """
    known = column.notna().to_numpy(dtype=bool)
    if known.any() and isinstance(column[known].iloc[0], str):
        plain = column.astype("str").str.strip().str.lower()
        known = known & ~plain.isin({*PLACEHOLDERS, ""}).fillna(False).to_numpy(dtype=bool)
    return known


def amounts(column: "pd.Series[Any]") -> Amounts:
    """Return exact Decimals, None where missing.

    Examples
    --------
    >>> amounts(pd.Series([1.5, None])).tolist()
    [Decimal('1.5'), None]
    """
    listed = [None if pd.isna(value) else exact(value) for value in column.tolist()]
    return np.array([*listed, None], dtype=object)[:-1]


def total(values: Amounts) -> Decimal:
    """Add up what is known, exactly."""
    return sum((value for value in values if value is not None), Decimal(0))
