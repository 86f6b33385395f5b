"""Reading one table: load, rename, type, and check what every table must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import ConfigError, InputError, quoted
from mmm.tables.instants import DAY_MICROS, check_tz, end_of_days, to_date, to_instant
from mmm.tables.locales import find_locale
from mmm.tables.money import to_money
from mmm.tables.parse import Context, refuse_totals, to_feature, to_flag, to_text
from mmm.tables.raw import Raw, amounts_of
from mmm.tables.rows import Rows
from mmm.tables.schema import Column, TableSpec
from mmm.tables.sources import load

Columns = Mapping[str, str | bool]

# Later than now by more than this is a wrong date. Without a zone a time may be off by the 14 hours
# that zones reach, with one by what clocks differ.
NAIVE_TOLERANCE = timedelta(hours=14)
AWARE_TOLERANCE = timedelta(minutes=5)
QUARTER_MICROS = 15 * 60 * 1_000_000  # zones are whole quarters of an hour from UTC

_PARSERS = {
    "text": to_text,
    "instant": to_instant,
    "date": to_date,
    "money": to_money,
    "flag": to_flag,
}


@dataclass
class Reading:
    """One table as read, and what the checks after it need.

    Attributes
    ----------
    frame : pandas.DataFrame
        Its index counts the rows of the source.
    rows : Rows
        How messages name them.
    symbols : dict of str to (str, array)
        The currency written beside the amounts of a column, and in which rows.
    headings : array of str, optional
        Of a table with several columns of spend: the one that each row of the frame stood in.
    """

    frame: pd.DataFrame
    rows: Rows = field(default_factory=Rows)
    symbols: dict[str, tuple[str, npt.NDArray[np.bool_]]] = field(default_factory=dict)
    headings: npt.NDArray[np.str_] | None = None

    def done(self) -> pd.DataFrame:
        """Return the frame with its rows counted anew."""
        return self.frame.reset_index(drop=True)


def read(
    spec: TableSpec,
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    flags: Mapping[str, bool] | None = None,
) -> Reading:
    """Read one table: load, rename, type, check what every table must hold.

    Returns
    -------
    Reading
        In the frame known columns come first, others as they came; ``attrs["table"]`` names the
        table and ``attrs["notes"]`` holds what was found and decided on the way.

    Raises
    ------
    InputError
        With a line a mistake, where several columns are missing or cannot be read.
    """
    raw = load(source, table, find_locale(locale))
    return as_read_before(read_raw(spec, raw, columns, locale, tz, flags), source, spec)


def as_read_before(reading: Reading, source: object, spec: TableSpec) -> Reading:
    """Give a frame that was read before the notes and facts that it has from there."""
    previous = _previous(source, spec)
    notes = (*previous.get("notes", ()), *reading.frame.attrs["notes"])
    reading.frame.attrs |= previous | {"table": spec.name, "notes": tuple(dict.fromkeys(notes))}
    return reading


def read_raw(
    spec: TableSpec,
    raw: Raw,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    flags: Mapping[str, bool] | None = None,
    called: Mapping[str, str] | None = None,
) -> Reading:
    """Read one table as `read` does, once it is loaded.

    `called` gives the names that messages use for columns of ours.
    """
    profile = find_locale(locale)
    check_tz(tz)
    if raw.table.num_rows == 0:
        raise InputError(f"{spec.name}: {raw.origin} has a header and no rows. Export it again.")
    values, theirs, faults = _renamed(spec, raw, columns or {})
    notes = [f"{spec.name}: {note}" for note in raw.notes]
    contexts = {
        name: Context(
            f"{spec.name} column {(called or {}).get(name, name)!r}", profile, tz, None, notes,
            kinds=raw.kinds.get(theirs[name]), rows=raw.rows,
        )
        for name in values
    }  # fmt: skip
    typed: dict[str, Any] = {}
    for column in spec.columns:
        if column.name in values:
            try:
                typed[column.name] = _typed(column, values, contexts, flags)
            except InputError as error:  # the columns after it may have a mistake of their own
                faults.append(error)
    if faults:
        raise faults[0] if len(faults) == 1 else InputError("\n".join(map(str, faults)))
    _refuse_totals(spec, typed, contexts)
    _check_future(spec, typed, contexts)
    _end_days(spec, typed, contexts)
    extras = {
        name: to_feature(column, contexts[name])
        for name, column in values.items()
        if name not in typed
    }
    frame = _to_pandas(typed, extras)
    _note_unlabelled(spec, frame, notes)
    frame.attrs = {"table": spec.name, "notes": tuple(dict.fromkeys(notes))}
    read = (column.name for column in spec.columns if column.name in typed and not column.ends_day)
    if days := tuple(name for name in read if contexts[name].only_days):
        frame.attrs["days"] = days  # these instants are midnights: nothing tells the hour
    symbols = {name: c.symbol for name, c in contexts.items() if c.symbol is not None}
    return Reading(frame, raw.rows, symbols)


def _typed(
    column: Column,
    values: Mapping[str, Any],
    contexts: Mapping[str, Context],
    flags: Mapping[str, bool] | None,
) -> Any:
    context = contexts[column.name]
    if column.kind == "flag":
        context.flags = flags
    typed = _PARSERS[column.kind](values[column.name], context)
    if column.complete and typed.null_count:
        context.refuse(pc.is_null(typed), "is missing", "Fill it in, or drop those rows.")
    return typed


def _refuse_totals(
    spec: TableSpec, typed: Mapping[str, Any], contexts: Mapping[str, Context]
) -> None:
    """Refuse a row that is named as a sum where an id, a channel or a kind of cost stands."""
    for column in spec.columns:
        named = column.name in (*spec.key, "channel", "kind") and column.kind == "text"
        if named and column.name in typed:
            refuse_totals(typed[column.name], contexts[column.name])


def _previous(source: object, spec: TableSpec) -> dict[str, Any]:
    """Return what an earlier reading of the same table left; what others set is theirs."""
    if not isinstance(source, pd.DataFrame):
        return {}
    attrs = {str(key): value for key, value in source.attrs.items()}
    notes = attrs.get("notes")
    ours = attrs.get("table") == spec.name and isinstance(notes, tuple)
    if ours and all(isinstance(note, str) for note in notes or ()):
        return attrs
    return {key: value for key, value in attrs.items() if key not in {"notes", "refunds"}}


def _to_pandas(typed: dict[str, Any], extras: dict[str, Any]) -> pd.DataFrame:
    data: dict[str, Any] = {}
    for name, values in typed.items():
        if pa.types.is_decimal(values.type):
            data[name] = pd.Series(values, dtype=pd.ArrowDtype(values.type))
        elif pa.types.is_boolean(values.type):
            data[name] = pd.Series(values.to_pandas(), dtype="boolean")
        elif pa.types.is_date(values.type):
            data[name] = values.cast(pa.timestamp("us")).to_pandas()
        else:
            data[name] = values.to_pandas()
    for name, values in extras.items():
        whole = pa.types.is_integer(values.type) and values.null_count > 0
        data[name] = pd.Series(values, dtype="Int64") if whole else values.to_pandas()
    return pd.DataFrame(data)


def _renamed(
    spec: TableSpec, raw: Raw, columns: Columns
) -> tuple[dict[str, Any], dict[str, str], list[InputError]]:
    """Give the source's columns our names; every known or foreign column exactly once.

    Returns
    -------
    dict, dict, list of InputError
        Values and the source's name of each column; its name is empty for a constant. At most one
        error, of all columns that are missing.
    """
    refuse_twice(spec, raw)
    found = list(raw.table.column_names)
    columns = checked(spec, columns)
    unknown = [name for name in columns if name not in spec.names]
    if unknown:
        raise ConfigError(
            f"columns= names {quoted(unknown)}, which {spec.name} does not have; it has "
            f"{quoted(spec.names, 20)}. The form is columns={{'our name': 'your name'}}."
        )
    gone = [
        (theirs, ours) for ours, theirs in columns.items() if theirs not in {*found, True, False}
    ]
    if gone:
        raise _no_column(spec, [(str(theirs), ours) for theirs, ours in gone], found)
    taken = {theirs for theirs in columns.values() if isinstance(theirs, str)}
    origin = {name: name for name in found if name not in taken and name not in columns}
    result = {name: raw.table[name] for name in origin}
    for ours, theirs in columns.items():
        constant = isinstance(theirs, bool)
        result[ours] = pa.repeat(theirs, raw.table.num_rows) if constant else raw.table[theirs]
        origin[ours] = "" if isinstance(theirs, bool) else theirs
    missing = [(c.name, c.name) for c in spec.columns if c.required and c.name not in result]
    for group in spec.one_of:
        if not any(name in result for name in group):
            missing.append((" or ".join(group), group[0]))
    if not missing:
        return result, origin, []
    lacks = {ours for _, ours in missing}
    wide = amounts_of(raw, taken) if {"spend"} < lacks & {"spend", "channel", "date"} else []
    return result, origin, [_no_column(spec, missing, found, wide)]


def refuse_twice(spec: TableSpec, raw: Raw) -> None:
    """Refuse a heading that stands twice."""
    found = raw.table.column_names
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise InputError(
            f"{spec.name} has the column {quoted(twice)} more than once in {raw.origin}. "
            "Rename one of them."
        )


def checked(spec: TableSpec, columns: Columns) -> Columns:
    """Return columns= without blanks around names; refuse what is neither a name nor a flag."""
    if not isinstance(columns, Mapping):
        raise ConfigError(f"columns={columns!r} is no mapping. Pass {{'our name': 'your name'}}.")
    flags = {column.name for column in spec.columns if column.kind == "flag"}
    checked: dict[str, str | bool] = {}
    for ours, theirs in columns.items():
        if isinstance(theirs, bool) and (ours in flags or ours not in spec.names):
            checked[ours] = theirs
        elif isinstance(theirs, str):
            checked[ours] = theirs.strip()
        else:
            raise ConfigError(
                f"columns= gives {theirs!r} for {ours!r}. Pass the name of your column as text, "
                "or leave it out."
            )
    return checked


def _no_column(
    spec: TableSpec, missing: list[tuple[str, str]], found: list[str], wide: Sequence[str] = ()
) -> InputError:
    """Name every missing column at once; `missing` pairs its name with ours.

    `wide` are the columns that may hold the spend of a channel each.
    """
    near = {
        ours: next((f for f in found if f.lower() == ours.lower()), "your name")
        for _, ours in missing
    }
    one = len(missing) == 1
    names = quoted([name for name, _ in missing], len(missing))
    cure = f"Rename {'it' if one else 'them'}, or pass columns={near!r}."
    if "won" in near:
        cure += " If every row is a won deal, pass columns={'won': True}."
    if len(wide) > 1 and "channel" in near:
        cure += f" If each channel has a column of spend, pass channels={list(wide)!r}."
    elif len(wide) > 1:
        cure += (
            " If each month has a column, write its heading as 2025-01; of other periods write a "
            "row a channel and period instead."
        )
    return InputError(
        f"{spec.name} has no column{'' if one else 's'} {names}; found {quoted(found, 20)}. {cure}"
    )


def _check_future(spec: TableSpec, typed: dict[str, Any], contexts: Mapping[str, Context]) -> None:
    now = datetime.now(UTC)
    for name in spec.not_future:
        if name not in typed:
            continue
        tolerance = NAIVE_TOLERANCE if contexts[name].naive else AWARE_TOLERANCE
        late = pc.fill_null(pc.greater(typed[name], _instant(now + tolerance)), False)
        ends_day = any(column.ends_day for column in spec.columns if column.name == name)
        if ends_day and not contexts[name].naive:
            late = _begins_late(typed[name], late, now)
        if name == "closed_at" and "won" in typed:  # an open deal may expect its close
            late = pc.and_(late, pc.is_valid(typed["won"]))
        if pc.any(late).as_py():
            cure = "Correct the date or its zone."
            contexts[name].refuse(late, "lies in the future", cure, typed[name])


def _instant(moment: datetime) -> Any:
    return pa.scalar(moment, pa.timestamp("us", "UTC"))


def _begins_late(instants: Any, late: Any, now: datetime) -> Any:
    """Judge the last microsecond of a day, which an earlier reading wrote, by its first."""
    micros = pc.fill_null(instants.cast(pa.int64()), 0).to_numpy()
    whole_day = (micros + 1) % QUARTER_MICROS == 0
    limit = now + NAIVE_TOLERANCE + timedelta(hours=1)  # that day may have had 23 or 25 hours
    begins = micros + 1 - DAY_MICROS
    begins_late = begins > int(limit.timestamp()) * 1_000_000
    return pc.if_else(pa.array(whole_day), pa.array(begins_late & whole_day), late)


def _end_days(spec: TableSpec, typed: dict[str, Any], contexts: Mapping[str, Context]) -> None:
    """Let a close given as a day last until that day ends: its touches come before it."""
    for column in spec.columns:
        if not column.ends_day or column.name not in typed:
            continue
        context = contexts[column.name]
        if context.days is None or not context.days.any():
            continue
        typed[column.name] = end_of_days(typed[column.name], context.days, context.tz)
        context.notes.append(
            f"{context.where}: {int(context.days.sum())} days without a time last until 23:59:59 "
            f"in {context.tz}"
        )


def _note_unlabelled(spec: TableSpec, frame: pd.DataFrame, notes: list[str]) -> None:
    for group in spec.one_of:
        present = [name for name in group if name in frame.columns]
        empty = int(frame[present].isna().all(axis=1).sum())
        if empty:
            notes.append(f"{spec.name}: {empty} rows have no {' nor '.join(group)}")


def drop_duplicates(reading: Reading, spec: TableSpec, keep: str) -> Reading:
    """Refuse repeated keys, or keep one row of each and note how many went."""
    check_choice("on_duplicate", keep, ("error", "first", "last"))
    frame = reading.frame
    key = [name for name in spec.key if name in frame.columns]
    if not key:
        return reading
    identified = frame[key].notna().all(axis=1) if len(key) == 1 else True
    repeated = frame.duplicated(key, keep=False) & identified
    if not repeated.any():
        return reading
    if keep == "error":
        first = ", ".join(str(value) for value in frame.loc[repeated, key].iloc[0])
        raise InputError(
            f"{spec.name} has the same {' + '.join(key)} in {reading.rows.of(frame, repeated)} "
            f"({first!r}). Correct it, or pass on_duplicate='first' or 'last'."
        )
    kept = frame[~(frame.duplicated(key, keep="last" if keep == "last" else "first") & identified)]
    note = (
        f"{spec.name}: {len(frame) - len(kept)} rows repeat a {' + '.join(key)}; "
        f"the {keep} one of each is kept"
    )
    return Reading(with_note(kept.copy(), note), reading.rows, reading.symbols)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f"{name}={value!r} is unknown. Use one of {quoted(choices)}.")


def with_note(frame: pd.DataFrame, note: str) -> pd.DataFrame:
    """Return the frame with one more note."""
    frame.attrs["notes"] = (*frame.attrs.get("notes", ()), note)
    return frame
