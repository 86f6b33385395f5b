"""Columns of the written tables: ids, choices and exact money in the types of the readers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.simulate.draws import Bools, Floats, Ints

CURRENCY = "EUR"


def ids(prefix: str, positions: Ints, digits: int) -> "pd.Series[Any]":
    """Write positions as identifiers, counted from 1.

    Examples
    --------
    >>> ids("A", np.array([0, 11]), 4).tolist()
    ['A0001', 'A0012']
    """
    return pd.Series(
        [f"{prefix}{int(position) + 1:0{digits}d}" for position in positions], dtype="str"
    )


def chosen(names: Sequence[str], codes: Ints) -> "pd.Series[Any]":
    """Write codes as names; -1 is missing."""
    return pd.Series([names[code] if code >= 0 else None for code in codes], dtype="str")


def money(amounts: Floats) -> "pd.Series[Any]":
    """Write whole cents as exact decimals.

    Examples
    --------
    >>> money(np.array([0.1, 1234.5])).tolist()
    [Decimal('0.10'), Decimal('1234.50')]
    """
    cents = np.rint(np.asarray(amounts) * 100.0).astype(np.int64)
    exact = [Decimal(int(amount)).scaleb(-2) for amount in cents]
    return pd.Series(exact, dtype=pd.ArrowDtype(pa.decimal128(18, 2)))


def blank(values: "pd.Series[Any]", hide: Bools) -> "pd.Series[Any]":
    """Leave out the values of a mask."""
    return values.mask(pd.Series(hide, index=values.index))


def constant(text: str, size: int) -> "pd.Series[Any]":
    """Repeat a text."""
    return pd.Series([text] * size, dtype="str")
