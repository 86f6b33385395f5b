"""Reading one table: load, rename, type, and check what every table must hold."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.tables.instants import check_tz, to_date, to_instant
from mmm.tables.locales import find_locale
from mmm.tables.money import to_money
from mmm.tables.parse import Context, to_feature, to_flag, to_text, true_rows
from mmm.tables.schema import TableSpec
from mmm.tables.sources import Raw, load

Columns = Mapping[str, str | bool]

# A clock or a zone may be off by a day; more than that is a wrong date.
FUTURE_TOLERANCE = timedelta(days=1)

_PARSERS = {
    "text": to_text,
    "instant": to_instant,
    "date": to_date,
    "money": to_money,
    "flag": to_flag,
}


def read(
    spec: TableSpec,
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    flags: Mapping[str, bool] | None = None,
) -> pd.DataFrame:
    """Read one table: load, rename, type, check what every table must hold.

    Returns
    -------
    pandas.DataFrame
        Known columns first, others as they came; ``attrs["table"]`` names the table and
        ``attrs["notes"]`` holds what was found and decided on the way.
    """
    profile = find_locale(locale)
    check_tz(tz)
    raw = load(source, table, profile)
    if raw.table.num_rows == 0:
        raise InputError(f"{spec.name}: {raw.origin} has a header and no rows. Export it again.")
    renamed = _renamed(spec, raw, columns or {})
    typed: dict[str, Any] = {}
    notes = [f"{spec.name}: {note}" for note in raw.notes]
    for column in spec.columns:
        if column.name in renamed:
            where = f"{spec.name} column {column.name!r}"
            context = Context(where, profile, tz, flags if column.kind == "flag" else None, notes)
            typed[column.name] = _PARSERS[column.kind](renamed[column.name], context)
            if column.complete and typed[column.name].null_count:
                missing = pc.is_null(typed[column.name])
                context.refuse(missing, "is missing", "Fill it in, or drop those rows.")
    _check_future(spec, typed)
    extras = {
        name: to_feature(values, Context(f"{spec.name} column {name!r}", profile, tz, notes=notes))
        for name, values in renamed.items()
        if name not in typed
    }
    frame = _to_pandas(typed, extras)
    _note_unlabelled(spec, frame, notes)
    frame.attrs.update(_previous(source) | {"table": spec.name})
    frame.attrs["notes"] = tuple(dict.fromkeys([*_previous(source).get("notes", ()), *notes]))
    return frame


def _previous(source: object) -> dict[str, Any]:
    if not isinstance(source, pd.DataFrame):
        return {}
    return {str(key): value for key, value in source.attrs.items()}


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


def _renamed(spec: TableSpec, raw: Raw, columns: Columns) -> dict[str, Any]:
    """Give the source's columns our names; every known or foreign column exactly once."""
    found = list(raw.table.column_names)
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise InputError(
            f"{spec.name} has the column {quoted(twice)} more than once in {raw.origin}. "
            "Rename one of them."
        )
    unknown = [name for name in columns if name not in spec.names]
    if unknown:
        raise ConfigError(
            f"columns= names {quoted(unknown)}, which {spec.name} does not have; it has "
            f"{quoted(spec.names, 20)}. The form is columns={{'our name': 'your name'}}."
        )
    for ours, theirs in columns.items():
        if isinstance(theirs, str) and theirs not in found:
            raise _no_column(spec, theirs, ours, found)
    taken = {theirs for theirs in columns.values() if isinstance(theirs, str)}
    result = {name: raw.table[name] for name in found if name not in taken and name not in columns}
    for ours, theirs in columns.items():
        constant = isinstance(theirs, bool)
        result[ours] = pa.repeat(theirs, raw.table.num_rows) if constant else raw.table[theirs]
    for column in spec.columns:
        if column.required and column.name not in result:
            raise _no_column(spec, column.name, column.name, found)
    for group in spec.one_of:
        if not any(name in result for name in group):
            raise _no_column(spec, " or ".join(group), group[0], found)
    return result


def _no_column(spec: TableSpec, name: str, ours: str, found: list[str]) -> InputError:
    near = next((f for f in found if f.lower() == ours.lower()), "your name")
    cure = f"Rename it, or pass columns={{{ours!r}: {near!r}}}."
    if ours == "won":
        cure += " If every row is a won deal, pass columns={'won': True}."
    return InputError(f"{spec.name} has no column {name!r}; found {quoted(found, 20)}. {cure}")


def _check_future(spec: TableSpec, typed: dict[str, Any]) -> None:
    limit = pa.scalar(datetime.now(UTC) + FUTURE_TOLERANCE, pa.timestamp("us", "UTC"))
    for name in spec.not_future:
        if name not in typed:
            continue
        late = pc.fill_null(pc.greater(typed[name], limit), False)
        if name == "closed_at" and "won" in typed:  # an open deal may expect its close
            late = pc.and_(late, pc.is_valid(typed["won"]))
        if pc.any(late).as_py():
            where = Context(f"{spec.name} column {name!r}")
            where.refuse(late, "lies in the future", "Correct the date or its zone.", typed[name])


def _note_unlabelled(spec: TableSpec, frame: pd.DataFrame, notes: list[str]) -> None:
    for group in spec.one_of:
        present = [name for name in group if name in frame.columns]
        empty = int(frame[present].isna().all(axis=1).sum())
        if empty:
            notes.append(f"{spec.name}: {empty} rows have no {' nor '.join(group)}")


def drop_duplicates(frame: pd.DataFrame, spec: TableSpec, keep: str) -> pd.DataFrame:
    """Refuse repeated keys, or keep one row of each and note how many went."""
    check_choice("on_duplicate", keep, ("error", "first", "last"))
    key = [name for name in spec.key if name in frame.columns]
    if not key:
        return frame
    identified = frame[key].notna().all(axis=1) if len(key) == 1 else True
    repeated = frame.duplicated(key, keep=False) & identified
    if not repeated.any():
        return frame
    rows = true_rows(repeated.to_numpy(dtype=bool))
    first = ", ".join(str(value) for value in frame.loc[rows[0], key])
    if keep == "error":
        raise InputError(
            f"{spec.name} has the same {' + '.join(key)} in {name_rows(rows)} ({first!r}). "
            "Correct it, or pass on_duplicate='first' or 'last'."
        )
    kept = frame[~(frame.duplicated(key, keep="last" if keep == "last" else "first") & identified)]
    return with_note(
        kept.reset_index(drop=True),
        f"{spec.name}: {len(frame) - len(kept)} rows repeat a {' + '.join(key)}; "
        f"the {keep} one of each is kept",
    )


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f"{name}={value!r} is unknown. Use one of {quoted(choices)}.")


def with_note(frame: pd.DataFrame, note: str) -> pd.DataFrame:
    """Return the frame with one more note."""
    frame.attrs["notes"] = (*frame.attrs.get("notes", ()), note)
    return frame
