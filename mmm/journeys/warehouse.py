"""A touch log that stays where it is: its columns as keys and codes, in the engine."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.channels import ChannelMap
from mmm.errors import ConfigError, InputError, SourceError, quoted
from mmm.journeys.expression import fetch
from mmm.journeys.inputs import label_touches
from mmm.tables import read_touches

# Persons sort before accounts, as their codes do elsewhere.
PERSON, ACCOUNT = "0", "1"
# What turns an instant into microseconds since 1970, by the name of the engine.
MICROSECONDS: Mapping[str, str] = MappingProxyType({"duckdb": "epoch_us", "pyspark": "unix_micros"})
LABELS = ("channel", "source", "medium", "campaign")


@dataclass(frozen=True, eq=False)
class Log:
    """A touch log in an engine, with what had to be read from it.

    Attributes
    ----------
    touches : ibis.Table
        person_key, account_key (text, a digit before the id), at (microseconds), label (code).
    labels : tuple of str
        Sorted by code point.
    first, last : int
        Earliest and latest touch, microseconds.
    n_touches, n_unowned, n_without_account : int
        Rows; those without person and account, which are left out; those with a person alone.
    """

    touches: Any
    labels: tuple[str, ...]
    first: int
    last: int
    n_touches: int
    n_unowned: int
    n_without_account: int


def open_table(source: Any, connection: Any) -> Any:
    """Return a table of the engine: by name, from a Parquet file or folder, or as it is.

    Raises
    ------
    SourceError
        If there is no such table or file.
    """
    import ibis

    if isinstance(source, ibis.Table):
        return source
    if not isinstance(source, str | Path):
        raise ConfigError(
            f"touches is a {type(source).__name__}. Pass the name of a table of the engine, the "
            "path of a Parquet file, or an Ibis table; frames go into mmm.build_journeys."
        )
    path = Path(source)
    if path.suffix == ".parquet" or path.is_dir() or isinstance(source, Path):
        if not path.exists() and "*" not in str(path):
            raise SourceError(f"there is no file {path}. Correct the path.")
        return connection.read_parquet(str(path / "*.parquet") if path.is_dir() else str(path))
    try:
        with warnings.catch_warnings():
            # Ibis 12 looks up tables by a call that DuckDB 1.5 deprecates.
            warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
            return connection.table(source)
    except ibis.common.exceptions.TableNotFound as error:
        raise SourceError(
            f"the engine has no table {source!r}. Correct the name, or pass the path of a Parquet "
            "file."
        ) from error


def open_log(table: Any, dimension: str, channels: ChannelMap, connection: Any) -> Log:
    """Look at a touch log and give it keys and codes, without pulling its rows.

    Pulled are one row of counts and the distinct values of the columns that name the label.

    Parameters
    ----------
    table : ibis.Table
        person_id or account_id, touched_at, and the columns that `dimension` needs.
    dimension : str
    channels : ChannelMap
    connection : ibis.BaseBackend

    Returns
    -------
    Log

    Raises
    ------
    InputError, ConfigError
        If a column is missing or of another kind, the log is empty or reaches into the future, or
        the engine does not keep time in UTC.
    """
    import ibis

    _check_columns(table)
    wanted = LABELS if dimension == "channel" else (dimension,)
    names = [name for name in wanted if name in table.columns]
    if not names:
        raise ConfigError(
            f"dimension={dimension!r} is not a column of touches; found {quoted(table.columns)}. "
            "Use 'channel' or one of those."
        )
    at = microseconds_of(table["touched_at"], connection)
    counts = _look(table, at, connection)
    distinct = fetch(connection, table.select(*names).distinct())
    labels, codes = _label_codes(distinct.to_pandas(), dimension, channels)
    touches = table.select(
        at=at,
        person_key=_key(table, "person_id", PERSON),
        account_key=_key(table, "account_id", ACCOUNT),
        **{f"by_{name}": _text(table[name]) for name in names},
    )
    touches = touches.filter(touches["person_key"].notnull() | touches["account_key"].notnull())
    coded = ibis.memtable(texts(codes.rename(columns={name: f"by_{name}" for name in names})))
    touches = touches.join(coded, [f"by_{name}" for name in names]).select(
        "person_key", "account_key", "at", "label"
    )
    return Log(touches, labels, **counts)


def microseconds_of(instant: Any, connection: Any) -> Any:
    """Return an instant as microseconds since 1970, in UTC.

    Raises
    ------
    ConfigError
        If the engine is none that this knows, or its session is not in UTC.
    InputError
        If the column holds no instants.
    """
    import ibis
    import ibis.expr.datatypes as dt

    name = MICROSECONDS.get(connection.name)
    if name is None:
        raise ConfigError(
            f"the engine is {connection.name}; logs are aggregated on "
            f"{', '.join(MICROSECONDS)}. Use one of these, or mmm.build_journeys."
        )
    kind = instant.type()
    if not (kind.is_timestamp() or kind.is_date()):
        raise InputError(
            f"touched_at holds {kind} in the engine, not instants. Cast it, as in "
            "table.mutate(touched_at=table.touched_at.cast('timestamp'))."
        )
    if connection.name == "pyspark":
        _check_utc(connection)
    if kind.is_date():
        instant = instant.cast("timestamp")
    function = ibis.udf.scalar.builtin(
        lambda instant: None, name=name, signature=((instant.type(),), dt.int64)
    )
    return function(instant)


def _check_utc(connection: Any) -> None:
    """Refuse a session whose zone would shift instants without one."""
    import ibis

    noon = ibis.literal("2024-07-01 12:00:00").cast("timestamp").epoch_seconds()
    found = connection.execute(noon)
    if int(found) != int(datetime(2024, 7, 1, 12, tzinfo=UTC).timestamp()):
        raise ConfigError(
            "the session of the engine is not in UTC, so that instants would shift. Set "
            "spark.sql.session.timeZone to UTC."
        )


def _check_columns(table: Any) -> None:
    if "touched_at" not in table.columns:
        raise InputError(
            f"touches has no column 'touched_at'; found {quoted(table.columns)}. Rename yours, as "
            "in table.rename(touched_at='your name')."
        )
    if not {"person_id", "account_id"} & set(table.columns):
        raise InputError(
            f"touches has no column 'person_id' or 'account_id'; found {quoted(table.columns)}. "
            "Rename yours, as in table.rename(person_id='your name')."
        )


def _look(table: Any, at: Any, connection: Any) -> dict[str, int]:
    """Count and refuse what no journey can be made of."""
    import ibis

    missing = [
        table[name].isnull().cast("int64") if name in table.columns else ibis.literal(1, "int64")
        for name in ("person_id", "account_id")
    ]
    row = fetch(
        connection,
        table.select(at=at, no_person=missing[0], no_account=missing[1]).aggregate(
            n_touches=ibis._.count(),
            undated=ibis._.at.isnull().cast("int64").sum(),
            n_unowned=(ibis._.no_person * ibis._.no_account).sum(),
            n_without_account=((1 - ibis._.no_person) * ibis._.no_account).sum(),
            first=ibis._.at.min(),
            last=ibis._.at.max(),
        ),
    ).to_pylist()[0]
    if row["n_touches"] == 0:
        raise InputError("touches holds no row. Check the table, or the export that filled it.")
    undated = int(row.pop("undated"))
    if undated:
        raise InputError(
            f"touched_at is missing in {undated} touches. Fill it in, or filter them "
            "out, as in table.filter(table.touched_at.notnull())."
        )
    counts = {name: int(value) for name, value in row.items()}
    latest = datetime.fromtimestamp(counts["last"] / 1e6, tz=UTC)
    if latest > datetime.now(tz=UTC):
        raise InputError(
            f"touched_at reaches {latest:%Y-%m-%d %H:%M} UTC, which is in the future. Correct it; "
            "it may be in local time."
        )
    return counts


def _label_codes(
    distinct: pd.DataFrame, dimension: str, channels: ChannelMap
) -> tuple[tuple[str, ...], pd.DataFrame]:
    """Name each distinct combination as `read_touches` would, and code the names."""
    distinct = distinct.astype(object).where(distinct.notna(), None)
    when = pd.Timestamp("2000-01-01", tz="UTC")
    raw = distinct.astype("str").assign(person_id=np.arange(len(distinct)).astype(str))
    if not set(LABELS) & set(raw.columns):
        raw["channel"] = "x"
    named = label_touches(read_touches(raw.assign(touched_at=when)), dimension, channels)
    labels = tuple(sorted(set(named)))
    code = {label: i for i, label in enumerate(labels)}
    codes = distinct.map(lambda value: "" if value is None else str(value)).astype("str")
    texts = list(codes.columns)
    codes["label"] = named.map(code).to_numpy(dtype=np.int64)
    return labels, codes.drop_duplicates(texts)


def texts(frame: pd.DataFrame) -> Any:
    """Return a frame of texts and integers as an Arrow table that every engine takes."""
    arrays = {}
    for name in frame.columns:
        whole = pd.api.types.is_integer_dtype(frame[name].dtype)
        kind = pa.int64() if whole else pa.string()
        arrays[name] = pa.array(frame[name], kind, from_pandas=True)
    return pa.table(arrays)


def _key(table: Any, name: str, prefix: str) -> Any:
    import ibis

    if name not in table.columns:
        return ibis.null("string")
    return ibis.literal(prefix).concat(table[name].cast("string"))


def _text(column: Any) -> Any:
    return column.cast("string").fill_null("")
