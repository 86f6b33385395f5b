"""The journey expression: which touch serves which deal, as one Ibis expression for any engine."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError
from mmm.journeys.inputs import Coded

MINUTE = 60_000_000  # microseconds


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
        cluster_key, at, label, repeat (0 for the first touch of a label within a minute of a
        journey); sorted by rank, unit, time, label.
    """
    import ibis

    sides = [
        touches.filter(touches[name].notnull()).select("touch", "at", "label", key=touches[name])
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
    ).select("touch", "rank", "at", "label")
    if touch_sharing == "next_deal":
        served = served.mutate(first=served["rank"].min().over(group_by="touch"))
        served = served.filter(served["first"] == served["rank"])
    dealt = keyed.semi_join(dealt_keys, "key").select("touch")
    dealt_units = touches.semi_join(dealt, "touch").select("unit_key").distinct()
    others = touches.anti_join(dealt_units, "unit_key")
    minus_one = ibis.literal(-1, "int64")
    rows = ibis.union(
        served.select("touch", "rank", "at", "label", unit_key=minus_one, cluster_key=minus_one),
        others.select("touch", "at", "label", "unit_key", "cluster_key", rank=minus_one).select(
            "touch", "rank", "at", "label", "unit_key", "cluster_key"
        ),
    )
    minute = rows["at"] // MINUTE
    within = ibis.window(
        group_by=[rows["rank"], rows["unit_key"], rows["label"], minute], order_by=[rows["at"]]
    )
    return rows.mutate(repeat=ibis.row_number().over(within).cast("int64")).order_by(
        ["rank", "unit_key", "at", "label", "repeat"]
    )


def run(coded: Coded, touch_sharing: str, engine: Any | None) -> dict[str, Any]:
    """Run the expression and return its columns as int64 arrays."""
    import ibis

    if engine is not None and not hasattr(engine, "to_pyarrow"):
        raise ConfigError(
            f"engine is a {type(engine).__name__}, not an Ibis connection. "
            "Pass one, such as ibis.duckdb.connect(), or None."
        )
    connection = engine or ibis.duckdb.connect(
        autoinstall_known_extensions=False, autoload_known_extensions=False
    )
    rows = journey_rows(
        ibis.memtable(_integers(coded.touches)),
        ibis.memtable(_integers(coded.deal_keys)),
        ibis.memtable(_integers(coded.dealt_keys)),
        touch_sharing,
    )
    try:
        table = connection.to_pyarrow(rows)
    except (TypeError, NotImplementedError, ibis.common.exceptions.IbisError) as error:
        raise ConfigError(
            f"the engine {connection.name} cannot run the journeys ({error}). "
            "Use engine=None, which is DuckDB in this process."
        ) from error
    finally:
        if engine is None:
            connection.disconnect()
    return {name: np.asarray(table[name], dtype=np.int64) for name in table.column_names}


def _integers(frame: pd.DataFrame) -> Any:
    return pa.table(
        {name: pa.array(frame[name], pa.int64(), from_pandas=True) for name in frame.columns}
    )
