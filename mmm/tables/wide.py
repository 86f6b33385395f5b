"""Wide tables: a column of spend a channel, or a month, becomes a row each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError, InputError, quoted
from mmm.tables.currency import one_currency
from mmm.tables.money import WIDEST
from mmm.tables.raw import Raw
from mmm.tables.read import Columns, Reading, read_raw, refuse_twice, with_note
from mmm.tables.schema import TableSpec


@dataclass(frozen=True)
class How:
    """How a wide table is read: the arguments of `read_spend` of these names."""

    spec: TableSpec
    columns: Columns
    locale: str | None
    tz: str
    currency: str | None
    rates: Mapping[str, Any] | None


def read_wide(raw: Raw, channels: Sequence[str], how: How) -> Reading:
    """Read a table with a row a period and a column of spend a channel.

    Returns
    -------
    Reading
        As of a table with a row a channel and period; the headings are the channels.

    Raises
    ------
    ConfigError
        If no column is named, one twice, or `columns` names a column of channels or spend as well.
    InputError
        If a column named is not there, or cannot be read; with its name.
    """
    refuse_twice(how.spec, raw)
    kept = _other_columns(how.spec, raw, how.columns, channels)
    reading = melted(raw, kept, "channel", {name: name for name in channels}, how)
    left = [name for name in raw.table.column_names if name not in {*kept, *channels}]
    more = f"; not read: {quoted(left, 20)}" if left else ""
    note = f"spend: each of {quoted(channels, len(channels))} is a channel with its spend{more}"
    with_note(reading.frame, note)
    return reading


def melted(
    raw: Raw, kept: Sequence[str], into: str, columns: Mapping[str, str], how: How
) -> Reading:
    """Put the columns of spend below each other.

    Parameters
    ----------
    raw : Raw
    kept : sequence of str
        Columns that are read beside the spend.
    into : str
        The column of ours that tells the columns of spend apart.
    columns : mapping of str to str
        The heading of each column of spend, and what it says there.
    how : How
    """
    parts = []
    for name, value in columns.items():
        own = Raw(
            raw.table.select([*kept, name]).append_column(
                into, pa.repeat(value, raw.table.num_rows)
            ),
            raw.origin, raw.notes, raw.kinds, raw.rows,
        )  # fmt: skip
        part = read_raw(
            how.spec, own, {**how.columns, "spend": name}, how.locale, how.tz,
            called={"spend": str(name)},
        )  # fmt: skip
        part.frame = one_currency(part, how.spec, how.currency, how.rates)
        parts.append(part)
    _refuse_symbols(parts, list(columns))
    headings = np.repeat(list(columns), [len(part.frame) for part in parts])
    order = np.argsort(np.concatenate([part.frame.index for part in parts]), kind="stable")
    frame = _stacked([part.frame for part in parts])
    return Reading(frame, raw.rows, headings=headings[order])


def _other_columns(
    spec: TableSpec, raw: Raw, columns: Columns, channels: Sequence[str]
) -> list[str]:
    """Return the columns that are read beside the spend: those that the table knows."""
    named = [name for name in ("channel", "spend") if name in columns]
    if named or not channels or len(set(channels)) < len(channels):
        found = f"columns= names {quoted(named)} as well" if named else f"{list(channels)!r}"
        raise ConfigError(
            f"channels= takes the headings of a wide table, each once; found {found}. Name every "
            "column of spend there, and the date alone in columns=."
        )
    there = raw.table.column_names
    absent = [name for name in channels if name not in there]
    if absent:
        raise InputError(
            f"spend has no column {quoted(absent)}; found {quoted(there, 20)}. Correct channels=."
        )
    known = {*spec.names, *columns.values()} - {"channel", "spend", *channels}
    return [name for name in there if name in known]


def _refuse_symbols(parts: Sequence[Reading], channels: Sequence[str]) -> None:
    found = {
        part.symbols["spend"][0]: name
        for part, name in zip(parts, channels, strict=True)
        if "spend" in part.symbols
    }
    if len(found) > 1:
        said = ", ".join(f"{name!r} in {symbol}" for symbol, name in found.items())
        raise InputError(f"spend mixes currencies: {said}. Write all columns in one currency.")


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other, period by period; the index still counts the source's rows."""
    scale = max(_type(frame).scale for frame in frames)
    wide = pd.ArrowDtype(pa.decimal128(WIDEST, scale))
    whole = pd.concat([frame.astype({"spend": wide}) for frame in frames])
    whole.attrs = frames[0].attrs | {
        "notes": tuple(dict.fromkeys(note for frame in frames for note in frame.attrs["notes"]))
    }
    return whole.sort_index(kind="stable")


def _type(frame: pd.DataFrame) -> Any:
    return frame["spend"].dtype.pyarrow_dtype  # type: ignore[union-attr]
