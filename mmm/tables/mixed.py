"""Mixed tables: a table of the company's own columns, of which only a few have a known meaning."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from mmm.errors import InputError, quoted
from mmm.tables.instants import check_tz, to_instant
from mmm.tables.locales import find_locale
from mmm.tables.parse import Context, to_feature, to_text
from mmm.tables.sources import load

PARSERS = {"text": to_text, "instant": to_instant}


def read_mixed(
    source: object,
    kinds: Mapping[str, Literal["text", "instant"]],
    *,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    name: str = "leads",
    optional: Collection[str] = (),
) -> pd.DataFrame:
    """Read a table with the columns it has, under their own names.

    Parameters
    ----------
    source : path, database URL or frame
        As `mmm.read_touches` takes it.
    kinds : mapping of str to {"text", "instant"}
        Columns that must be there, and how they are read. The others are features: text that is
        all numbers becomes numbers, as a locale writes them.
    locale, tz, table : str, optional
        As for `mmm.read_touches`.
    name : str
        What messages call the table.
    optional : collection of str
        Columns of `kinds` that may be absent.

    Returns
    -------
    pandas.DataFrame
        Columns in the order of the source; ``attrs["notes"]`` holds what was decided on the way.

    Raises
    ------
    InputError
        If there are no rows, a name stands twice, a column is missing, or a date cannot be read.
    SourceError
        If the source cannot be read.

    Examples
    --------
    >>> raw = pd.DataFrame({"id": [7], "born": ["2025-01-31"], "pages": ["12"]})
    >>> read_mixed(raw, {"id": "text", "born": "instant"}).iloc[0].astype(str).tolist()
    ['7', '2025-01-31 00:00:00+00:00', '12']
    """
    profile = find_locale(locale)
    check_tz(tz)
    raw = load(source, table, profile)
    found = list(raw.table.column_names)
    twice = sorted({column for column in found if found.count(column) > 1})
    if twice:
        raise InputError(f"{name} has the column {quoted(twice)} more than once. Rename one of it.")
    absent = [column for column in kinds if column not in {*found, *optional}]
    if absent:
        raise InputError(
            f"{name} has no column {quoted(absent)}; found {quoted(found, 20)}. Rename "
            "yours, or say what it is called (in `mmm score`: --lead-id and its like)."
        )
    if raw.table.num_rows == 0:
        raise InputError(f"{name}: {raw.origin} has a header and no rows. Export it again.")
    notes = [f"{name}: {note}" for note in raw.notes]
    data: dict[str, Any] = {}
    for column in found:
        context = Context(
            f"{name} column {column!r}", profile, tz, None, notes,
            kinds=raw.kinds.get(column), rows=raw.rows,
        )  # fmt: skip
        parse = PARSERS[kinds[column]] if column in kinds else to_feature
        data[column] = to_series(parse(raw.table[column], context))
    frame = pd.DataFrame(data)
    frame.attrs["notes"] = tuple(dict.fromkeys(notes))
    return frame


def to_series(values: Any) -> Any:
    """Return an Arrow column as one of pandas."""
    if pa.types.is_decimal(values.type):  # a feature is no money
        values = values.cast(pa.float64())
    return values.to_pandas()
