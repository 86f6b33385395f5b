"""A finished table of spend and outcome, from a file or frame, checked and typed."""

from collections.abc import Sequence

import pandas as pd

from mmm.errors import InputError, quoted
from mmm.tables.locales import find_locale
from mmm.tables.read import read
from mmm.tables.schema import Column, TableSpec
from mmm.tables.sources import load


def read_mix(
    source: object,
    *,
    date: str,
    outcome: str,
    channels: Sequence[str],
    controls: Sequence[str] = (),
    locale: str | None = None,
    table: str | None = None,
) -> pd.DataFrame:
    """Read a table with one row a period: its date, its outcome, spend by channel, controls.

    Parameters
    ----------
    source : path, database URL, or pandas, Polars or pyarrow frame
    date, outcome : str
        Names of columns.
    channels, controls : sequence of str
        Names of columns: spend per period, and what else moves the outcome.
    locale : {"it", "en", "en_GB", "en_US"}, optional
        How numbers and dates are written. None reads what can be read in one way only.
    table : str, optional
        Table of a database, sheet of a workbook.

    Returns
    -------
    pandas.DataFrame
        These columns alone, in this order: dates, and floats; ``attrs["notes"]`` says what was
        decided while reading.

    Raises
    ------
    InputError
        If a column is absent or has two roles, or a cell is empty or no number.

    Examples
    --------
    >>> rows = {"week": ["2025-01-06"], "sales": ["1.000,5"], "ads": ["20"], "note": ["x"]}
    >>> frame = read_mix(pd.DataFrame(rows), date="week", outcome="sales", channels=["ads"],
    ...     locale="it")
    >>> frame.iloc[0].tolist()
    [Timestamp('2025-01-06 00:00:00'), 1000.5, 20.0]
    """
    numbers = [outcome, *channels, *controls]
    there = load(source, table, find_locale(locale)).table.column_names
    _check_names([date, *numbers], there)
    columns = [Column(date, "date", required=True, complete=True)]
    columns += [Column(name, "money", required=True, complete=True) for name in numbers]
    frame = read(TableSpec("data", tuple(columns)), source, None, locale, "UTC", table).done()
    kept = frame[[date, *numbers]].astype(dict.fromkeys(numbers, "float64"))
    kept.attrs["notes"] = frame.attrs["notes"]
    return kept


def _check_names(asked: Sequence[str], there: Sequence[str]) -> None:
    absent = [name for name in asked if name not in there]
    if absent:
        raise InputError(
            f"there is no column {quoted(absent)}; the table has {quoted(there, 20)}. Write the "
            "names as the table does."
        )
    twice = sorted({name for name in asked if list(asked).count(name) > 1})
    if twice:
        raise InputError(f"{quoted(twice)} stands in two roles. Name each column once.")
