"""A finished table of spend and outcome, from a file or frame, checked and typed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import InputError, quoted
from mmm.tables.instants import to_date
from mmm.tables.locales import find_locale
from mmm.tables.money import to_money
from mmm.tables.parse import Context, flat, is_text
from mmm.tables.raw import Raw
from mmm.tables.sources import load

_LONG = r"([.,]\d{9})\d+(\D*)$"
_POWER = r"^[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,2}$"  # -3.7e-05, as programs write small floats


def read_mix(
    source: object,
    *,
    date: str,
    outcome: str,
    channels: Sequence[str],
    controls: Sequence[str] = (),
    panel: str | None = None,
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
    panel : str, optional
        Column of regions or units, of a table with a row a period and panel.
    locale : {"it", "en", "en_GB", "en_US"}, optional
        How numbers and dates are written. None reads what can be read in one way only.
    table : str, optional
        Table of a database, sheet of a workbook.

    Returns
    -------
    pandas.DataFrame
        These columns alone, in this order: dates, the panel as text, and floats;
        ``attrs["notes"]`` says what was decided while reading.

    Raises
    ------
    InputError
        If a column is absent or has two roles, or a cell is empty or no number.

    Examples
    --------
    >>> rows = {"week": ["2025-01-06"], "sales": ["1.000,5"], "ads": ["20"], "note": ["x"]}
    >>> frame = read_mix(pd.DataFrame(rows), date="week", outcome="sales", channels=["ads"],
    ...     locale="it")
    >>> frame["sales"].tolist(), frame["ads"].tolist()
    ([1000.5], [20.0])
    """
    numbers = [outcome, *channels, *controls]
    labels = [date] if panel is None else [date, panel]
    profile = find_locale(locale)
    raw = load(source, table, profile)
    _check_names([*labels, *numbers], raw)
    notes = [f"data: {note}" for note in raw.notes]
    columns: dict[str, Any] = {}
    for name in (*labels, *numbers):
        context = Context(
            f"data column {name!r}", profile, notes=notes, kinds=raw.kinds.get(name), rows=raw.rows
        )
        column = raw.table[name]
        if name == date:
            typed = to_date(column, context).cast("timestamp[s]")
        elif name == panel:
            typed = flat(column).cast("string")
        else:
            typed = to_money(_shortened(column), context).cast("float64")
        if typed.null_count:
            cure = "Fill it in." if name in labels else "Fill it in, 0 where there was none."
            context.refuse(pc.is_null(typed), "is missing", cure)
        columns[name] = typed.to_pandas()
    frame = pd.DataFrame(columns)
    frame.attrs["notes"] = tuple(dict.fromkeys(notes))
    return frame


def _shortened(column: Any) -> Any:
    """Write numbers with the nine decimals that the parser of amounts takes: a model needs no more.

    Examples
    --------
    >>> _shortened(pa.array(["-3.7282465e-05", "0.12345678912"])).to_pylist()
    ['-0.000037282', '0.123456789']
    """
    array = flat(column)
    if not is_text(array):
        return array
    powers = pc.fill_null(pc.match_substring_regex(array, _POWER), False)
    if pc.any(powers).as_py():
        plain = [f"{Decimal(word):.9f}" for word in array.filter(powers).to_pylist()]
        array = pc.replace_with_mask(array, powers, pa.array(plain, array.type))
    return pc.replace_substring_regex(array, _LONG, r"\1\2")


def _check_names(asked: Sequence[str], raw: Raw) -> None:
    there = raw.table.column_names
    if raw.table.num_rows == 0:
        raise InputError(f"{raw.origin} has a header and no rows. Export it again.")
    absent = [name for name in asked if name not in there]
    if absent:
        raise InputError(
            f"there is no column {quoted(absent)}; the table has {quoted(there, 20)}. Write the "
            "names as the table does."
        )
    twice = sorted({name for name in asked if list(asked).count(name) > 1})
    if twice:
        raise InputError(f"{quoted(twice)} stands in two roles. Name each column once.")
    doubled = sorted({name for name in asked if there.count(name) > 1})
    if doubled:
        raise InputError(f"{raw.origin} has the column {quoted(doubled)} twice. Rename one.")
