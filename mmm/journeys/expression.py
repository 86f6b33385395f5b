"""The journey expression: which touch serves which deal, as one Ibis expression for any engine."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError
from mmm.journeys.inputs import Coded

MINUTE = 60_000_000  # microseconds


def local_engine(
    memory_limit: str | None = None,
    temp_directory: str | Path | None = None,
    threads: int | None = None,
) -> Any:
    """Return DuckDB in this process as an Ibis connection, within a memory limit.

    Parameters
    ----------
    memory_limit : str, optional
        Such as "4GB": what DuckDB may hold before it writes to `temp_directory`. Python and the
        result come on top. None: DuckDB's own choice, 80% of the memory.
    temp_directory : path, optional
        Where it writes what does not fit. None: ".tmp" in the working directory.
    threads : int, optional
        None: all cores. Fewer threads need less memory.

    Returns
    -------
    ibis.BaseBackend
        For `engine=` of `build_journeys` and `aggregate_paths`. It installs and loads no
        extension; its session time zone is UTC.

    Examples
    --------
    >>> local_engine(memory_limit="1GB", threads=1).name
    'duckdb'
    """
    import duckdb
    import ibis

    settings = {"memory_limit": memory_limit, "temp_directory": temp_directory, "threads": threads}
    given = {name: str(value) for name, value in settings.items() if value is not None}
    try:
        return ibis.duckdb.connect(
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
            preserve_insertion_order=False,
            **given,
        )
    except duckdb.Error as error:
        raise ConfigError(
            f"DuckDB refuses the settings ({error}). Use for example memory_limit='4GB'."
        ) from error


def serve(touches: Any, deal_keys: Any, touch_sharing: str, identity: Sequence[str]) -> Any:
    """Return which touch serves which deal.

    Parameters
    ----------
    touches : ibis.Table
        person_key, account_key, at, label, and what `identity` names.
    deal_keys : ibis.Table
        key, rank, opens, ends, as in `Coded`.
    touch_sharing : {"next_deal", "all_open"}
    identity : sequence of str
        Columns that tell one touch from another.

    Returns
    -------
    ibis.Table
        The columns of `identity`, rank, at, label.
    """
    import ibis

    columns = list(dict.fromkeys([*identity, "at", "label"]))
    sides = [
        touches.filter(touches[name].notnull()).select(*columns, key=touches[name])
        for name in ("person_key", "account_key")
    ]
    keyed = ibis.union(*sides)
    served = keyed.join(
        deal_keys,
        [
            keyed["key"] == deal_keys["key"],
            keyed["at"] >= deal_keys["opens"],
            keyed["at"] <= deal_keys["ends"],
        ],
    ).select(*columns, "rank")
    if touch_sharing == "next_deal":
        served = served.mutate(first=served["rank"].min().over(group_by=list(identity)))
        served = served.filter(served["first"] == served["rank"])
    return served


def without_deal(touches: Any, dealt_keys: Any) -> Any:
    """Return the touches of persons and accounts of which no touch belongs to one with a deal."""
    import ibis

    dealt = ibis.union(
        *(
            touches.semi_join(dealt_keys, touches[name] == dealt_keys["key"]).select("unit_key")
            for name in ("person_key", "account_key")
        )
    ).distinct()
    return touches.anti_join(dealt, "unit_key")


def journey_rows(touches: Any, deal_keys: Any, dealt_keys: Any, touch_sharing: str) -> Any:
    """Return one row a touch of a journey, in the stated order.

    Parameters
    ----------
    touches, deal_keys, dealt_keys : ibis.Table
        As in `Coded`.
    touch_sharing : {"next_deal", "all_open"}

    Returns
    -------
    ibis.Table
        touch, rank (deal; -1 for a person or account without one), unit_key (-1 for deals),
        cluster_key, at, label; sorted by rank, unit, time, label, touch.
    """
    import ibis

    served = serve(touches, deal_keys, touch_sharing, ["touch"])
    others = without_deal(touches, dealt_keys)
    minus_one = ibis.literal(-1, "int64")
    rows = ibis.union(
        served.select("touch", "rank", "at", "label", unit_key=minus_one, cluster_key=minus_one),
        others.select("touch", "at", "label", "unit_key", "cluster_key", rank=minus_one).select(
            "touch", "rank", "at", "label", "unit_key", "cluster_key"
        ),
    )
    return rows.order_by(["rank", "unit_key", "at", "label", "touch"])


def run(coded: Coded, touch_sharing: str, engine: Any | None) -> dict[str, Any]:
    """Run the expression and return its columns as int64 arrays, with ``repeat``.

    ``repeat`` is true where the label came before within the same minute of the journey.
    """
    import ibis

    check_engine(engine)
    connection = engine or local_engine()
    rows = journey_rows(
        ibis.memtable(_integers(coded.touches)),
        ibis.memtable(_integers(coded.deal_keys)),
        ibis.memtable(_integers(coded.dealt_keys)),
        touch_sharing,
    )
    try:
        table = fetch(connection, rows)
    finally:
        if engine is None:
            connection.disconnect()
    columns = {name: np.asarray(table[name], dtype=np.int64) for name in table.column_names}
    return columns | {"repeat": repeats(columns)}


def check_engine(engine: Any | None) -> None:
    """Refuse what is no Ibis connection."""
    if engine is not None and not hasattr(engine, "to_pyarrow"):
        raise ConfigError(
            f"engine is a {type(engine).__name__}, not an Ibis connection. "
            "Pass one, such as ibis.duckdb.connect(), or None."
        )


def fetch(connection: Any, expression: Any) -> Any:
    """Run an expression and return an Arrow table.

    Raises
    ------
    ConfigError
        If the engine cannot.
    """
    with asking(connection):
        return connection.to_pyarrow(expression)


@contextmanager
def asking(connection: Any) -> Iterator[None]:
    """Turn what an engine refuses into errors of ours.

    Ibis 12 looks up tables by a call that DuckDB 1.5 deprecates: that is kept to ourselves.
    """
    import duckdb
    import ibis

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "fetch_arrow_table", DeprecationWarning)
            yield
    except duckdb.OutOfMemoryException as error:
        raise ConfigError(
            f"DuckDB needs more memory than it may have ({str(error).splitlines()[0]}). Pass "
            "engine=local_engine(memory_limit=..., threads=1) with a higher limit or fewer threads."
        ) from error
    except (TypeError, NotImplementedError, ibis.common.exceptions.IbisError) as error:
        raise ConfigError(
            f"the engine {connection.name} cannot run the journeys ({error}). "
            "Use engine=None, which is DuckDB in this process."
        ) from error


@contextmanager
def hold(connection: Any, *tables: Any) -> Iterator[Any]:
    """Keep the rows of table expressions in DuckDB as one table, on disk where they do not fit.

    They run one after the other. Spark plans their union anew each time: its cache, as Ibis 12
    calls it, does not see tables in memory.
    """
    import ibis

    if connection.name != "duckdb":
        yield ibis.union(*tables) if len(tables) > 1 else tables[0]
        return
    # With recent sqlglot Ibis 12 writes a DROP that names no table: its own cache fails to let go.
    name = ibis.util.gen_name("mmm_held")
    try:
        with asking(connection):
            held = connection.create_table(name, tables[0], temp=True)
            for table in tables[1:]:
                connection.insert(name, table)
        yield held
    finally:
        connection.raw_sql(f'DROP TABLE IF EXISTS "{name}"')


def repeats(rows: dict[str, Any]) -> Any:
    """Tell which touches of a journey repeat a label within a minute.

    Parameters
    ----------
    rows : dict of str to ndarray of int64, shape (n,)
        rank, unit_key, at, label, in that order.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> at = np.array([5, 30, 55, 60]) * 1_000_000
    >>> rows = {"rank": np.zeros(4), "unit_key": np.zeros(4), "at": at}
    >>> repeats(rows | {"label": np.array([1, 2, 1, 1])}).tolist()
    [False, False, True, False]
    """
    minute = rows["at"] // MINUTE
    joined = np.ones(max(len(minute) - 1, 0), dtype=bool)
    for column in (rows["rank"], rows["unit_key"], minute):
        joined &= column[1:] == column[:-1]
    # Few touches share a minute with another of their journey: only those are sorted by label.
    crowded = np.flatnonzero(np.append(joined, False) | np.append(False, joined)[: len(minute)])
    group = np.cumsum(~np.append(False, joined)[: len(minute)])[crowded]
    order = np.lexsort((crowded, rows["label"][crowded], group))
    same = np.zeros(len(crowded), dtype=bool)
    same[1:] = (np.diff(group[order]) == 0) & (np.diff(rows["label"][crowded][order]) == 0)
    repeated = np.zeros(len(minute), dtype=bool)
    repeated[crowded[order[same]]] = True
    return repeated


def _integers(frame: pd.DataFrame) -> Any:
    return pa.table(
        {name: pa.array(frame[name], pa.int64(), from_pandas=True) for name in frame.columns}
    )
