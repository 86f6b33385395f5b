"""`aggregate_paths`: a touch log of any size becomes unique paths, in the engine that holds it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import DataWarning, counted
from mmm.journeys.build import (
    as_of_instant,
    check_days,
    check_links,
    deals_without_value,
    has_value,
    nobody_met,
)
from mmm.journeys.columnar import Journeys, Unattributed
from mmm.journeys.expression import check_engine, fetch, hold, local_engine, serve, without_deal
from mmm.journeys.inputs import DAY, NEVER, time_deals
from mmm.journeys.keys import DealKeys, key_deals, owner_table, with_owner
from mmm.journeys.unique_paths import (
    Packing,
    add_up,
    bucket,
    collapse,
    deal_rows,
    deal_table,
    hex_range,
    silent_rows,
    waits,
)
from mmm.journeys.warehouse import Log, open_log, open_table, texts
from mmm.tables import read_contacts, read_deals, read_roles
from mmm.tables.read import check_choice

PART = 2_500_000  # touches
MANY_PARTS = 8  # from which sorting costs less than going over the whole log for each
Columns = dict[str, Any]  # of arrays
TOUCH = ("person_key", "account_key", "at", "label")


@dataclass(frozen=True)
class Rules:
    """How touches become paths.

    Attributes
    ----------
    by, dimension, touch_sharing : str
        As in `aggregate_paths`.
    lookback_days : float
    maturity_days : float or None
    as_of : object
    """

    by: str
    dimension: str
    touch_sharing: str
    lookback_days: float
    maturity_days: float | None
    as_of: object | None


def aggregate_paths(
    touches: Any,
    deals: object,
    *,
    roles: object | None = None,
    contacts: object | None = None,
    by: Literal["person", "account"] = "person",
    dimension: str = "channel",
    lookback_days: float = 180,
    maturity_days: float | None = None,
    touch_sharing: Literal["next_deal", "all_open"] = "next_deal",
    as_of: object | None = None,
    engine: Any | None = None,
    channels: ChannelMap | None = None,
) -> Journeys:
    """Aggregate a touch log to unique paths in the engine that holds it; no touch is pulled.

    The journeys are those of `build_journeys` (without leads and expected values). Rows of one
    path and bucket are added up; the bucket is the MD5 hash of the account (or person) modulo 256,
    the same on every engine. Intervals take it as the cluster. Pulled are the unique paths with
    their counts and sums, and the distinct values of the columns that name the channel; deals are
    read here, and go to the engine.

    Parameters
    ----------
    touches : str, path or ibis.Table
        Name of a table of `engine`, a Parquet file or folder, or an Ibis table. Ids are compared
        as they stand, instants without a zone are UTC.
    deals : frame, path or ibis.Table
        Whatever `read_deals` takes, or an Ibis table.
    roles, contacts : frame or path, optional
        As in `build_journeys`.
    by, dimension, lookback_days, maturity_days, touch_sharing, as_of, channels
        As in `build_journeys`. Without `maturity_days` the engine goes over the log once more.
    engine : ibis.BaseBackend, optional
        DuckDB or Spark. None: DuckDB in this process. For a log larger than memory pass
        ``local_engine(memory_limit="4GB", temp_directory="/large/disk")``.

    Returns
    -------
    Journeys
        One row a path and bucket, with ``cluster`` (the bucket) and ``value_squares``; without
        ids, instants and anchors. In order of bucket, then path.

    Raises
    ------
    InputError, ConfigError, SourceError
        As `build_journeys`; if the engine is neither DuckDB nor Spark, or not in UTC; if there are
        too many labels to order.

    Warns
    -----
    DataWarning
        If the touches span less than `lookback_days`, won deals have no value, or none has a touch.

    Examples
    --------
    >>> import ibis, pyarrow
    >>> days = [pd.Timestamp(f"2024-0{month}-10") for month in (1, 2, 1)]
    >>> touches = ibis.memtable(pyarrow.table({"person_id": ["p1", "p1", "p2"],
    ...     "channel": ["B", "A", "B"], "touched_at": days}))
    >>> deals = pd.DataFrame({"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-03-01"],
    ...     "closed_at": ["2024-09-01"], "won": [True], "value": ["1000.00"]})
    >>> with warnings.catch_warnings(action="ignore"):
    ...     journeys = aggregate_paths(touches, deals, maturity_days=90)
    >>> sorted(zip(journeys.paths(), journeys.conversions.tolist()))
    [(('B',), 0.0), (('B', 'A'), 1.0)]
    """
    check_choice("by", by, ("person", "account"))
    check_choice("touch_sharing", touch_sharing, ("next_deal", "all_open"))
    check_days(lookback_days, maturity_days)
    import ibis

    check_engine(engine)
    rules = Rules(by, dimension, touch_sharing, lookback_days, maturity_days, as_of)
    connection = engine or local_engine()
    try:
        table = open_table(touches, connection)
        log = open_log(table, dimension, channels or ChannelMap(), connection)
        known = read_deals(fetch(connection, deals) if isinstance(deals, ibis.Table) else deals)
        check_links(known, roles)
        role_table = None if roles is None else read_roles(roles)
        contact_table = None if contacts is None else read_contacts(contacts)
        journeys, said = _aggregate(log, known, role_table, contact_table, rules, connection)
    finally:
        if engine is None:
            connection.disconnect()
    for sentence in said:
        warnings.warn(sentence, DataWarning, stacklevel=2)
    return journeys


def _aggregate(
    log: Log,
    known: pd.DataFrame,
    roles: pd.DataFrame | None,
    contacts: pd.DataFrame | None,
    rules: Rules,
    connection: Any,
) -> tuple[Journeys, list[str]]:
    latest = pd.DataFrame({"touched_at": pd.to_datetime([log.last], unit="us", utc=True)})
    cutoff = as_of_instant(rules.as_of, [latest, known])
    deals = time_deals(known, rules.lookback_days, cutoff, None)
    said = [*deals_without_value(deals, known), *_short(log, cutoff, deals, rules.lookback_days)]
    touches = log.touches
    if cutoff < log.last:
        touches = touches.filter(touches["at"] <= cutoff)
    owners = owner_table(touches, deals, contacts)
    if log.n_without_account:
        touches = with_owner(touches, owners)
    keys = key_deals(deals, roles, owners, rules.by, connection)
    n_parts = -(-log.n_touches // PART) if connection.name == "duckdb" else 1
    # Held once in the engine, on disk where they do not fit: both are gone over several times.
    packing = Packing(log.first, log.last, len(log.labels))
    if n_parts > 1:
        touches = touches.mutate(part=bucket(_unit(touches, rules.by)))
    if n_parts > MANY_PARTS:
        touches = touches.order_by("part")
    with (
        hold(connection, touches) as held,
        hold(connection, _served(held, keys, rules)) as served,
    ):
        plan = Plan(held, served, keys, packing, n_parts)
        columns, maturity_days = _paths(plan, cutoff, rules, connection)
    about = {
        "by": rules.by,
        "dimension": rules.dimension,
        "lookback_days": rules.lookback_days,
        "maturity_days": maturity_days,
        "touch_sharing": rules.touch_sharing,
        "as_of": pd.Timestamp(cutoff, unit="us", tz="UTC"),
        "touches_without_person_or_account": log.n_unowned,
        "engine": connection.name,
    }
    journeys = _journeys(columns, log, deals, has_value(known), about)
    lonely = nobody_met(journeys)
    said += [] if lonely is None else [lonely]
    about["notes"] = (*known.attrs["notes"], *said)
    return journeys, said


@dataclass(frozen=True, eq=False)
class Plan:
    """What the paths are made from, and in how many parts.

    Attributes
    ----------
    touches, served : ibis.Table
        All touches; those of deals, by rank.
    keys : DealKeys
    packing : Packing
    n_parts : int
        DuckDB holds the paths that it collects in memory, whatever the limit: a large log is
        worked off part by part.
    """

    touches: Any
    served: Any
    keys: DealKeys
    packing: Packing
    n_parts: int


def _unit(touches: Any, by: str) -> Any:
    """Return whose journey a touch is of where it has no deal."""
    import ibis

    own = [touches["person_key"], touches["account_key"]]
    return ibis.coalesce(*(own[::-1] if by == "account" else own))


def _served(touches: Any, keys: DealKeys, rules: Rules) -> Any:
    import ibis

    serving = ibis.memtable(texts(keys.serving))
    return collapse(serve(touches, serving, rules.touch_sharing, TOUCH), "rank")


def _paths(plan: Plan, cutoff: int, rules: Rules, connection: Any) -> tuple[Columns, float]:
    """Return the sums of every bucket and path, and the days from which silence is an answer."""
    import ibis

    weights = ibis.memtable(deal_table(plan.keys.deals))
    days = rules.maturity_days
    if days is None:
        wait = fetch(connection, waits(plan.served, weights, 0.9))["wait"][0].as_py()
        days = rules.lookback_days if wait is None else wait / DAY
    young_from = int(cutoff - days * DAY)
    parts = [add_up(_part(plan, weights, n, young_from, rules.by)) for n in range(plan.n_parts)]
    if plan.n_parts == 1:
        return compact(fetch(connection, parts[0].order_by(["bucket", "path"]))), days
    n_ranges = min(plan.n_parts, MANY_PARTS)
    ranges = [hex_range(n, n_ranges) for n in range(n_ranges)]
    with hold(connection, *parts) as held:
        sums = [add_up(held.filter(held["bucket"].between(*ends))) for ends in ranges]
        pieces = [compact(fetch(connection, t.order_by(["bucket", "path"]))) for t in sums]
    return {
        name: np.concatenate([piece.pop(name) for piece in pieces]) for name in list(pieces[0])
    }, days


def _part(plan: Plan, weights: Any, part: int, young_from: int, by: str) -> Any:
    """Return one row a deal and a silent unit, of one part of the deals and units."""
    import ibis

    touches, served = plan.touches, plan.served
    if plan.n_parts > 1:
        touches = touches.filter(touches["part"].between(*hex_range(part, plan.n_parts)))
        served = served.filter(served["rank"] % plan.n_parts == part)
        weights = weights.filter(weights["rank"] % plan.n_parts == part)
    touches = touches.mutate(
        unit_key=_unit(touches, by),
        cluster_key=ibis.coalesce(touches["account_key"], touches["person_key"]),
    )
    others = collapse(without_deal(touches, ibis.memtable(texts(plan.keys.dealt))), "unit_key")
    return ibis.union(
        deal_rows(served, weights, plan.packing),
        silent_rows(others, weights, plan.packing, young_from),
    )


def _short(log: Log, cutoff: int, deals: pd.DataFrame, lookback_days: float) -> Iterator[str]:
    span = (min(log.last, cutoff) - log.first) / DAY
    if span < lookback_days:
        yield (
            f"touches span {counted(round(max(span, 0)), 'day')}, less than "
            f"lookback_days={lookback_days:g}: the first journeys are cut short. Pass a longer "
            "log or fewer days."
        )
    ended = deals["closed"] != NEVER
    without = ended & (deals["created"] == NEVER)
    both = deals[ended & ~without]
    cycle = (both["closed"] - both["created"]) / DAY
    if without.any() and len(cycle) and cycle.median() > lookback_days / 2:
        yield (
            f"{int(without.sum())} deals have no created_at, so their window opens "
            f"{lookback_days:g} days before the close, while the median cycle is "
            f"{counted(round(cycle.median()), 'day')}: early touches are lost. Map created_at, or "
            "raise lookback_days."
        )


def compact(table: Any) -> Columns:
    """Turn the sums of one range of buckets into arrays, as small as they come.

    Returns
    -------
    dict of str to ndarray
        touch (int32) and length (int32) of each path; bucket (int64), conversions, nulls, value
        and squares (float64) of each; bare: sums of won, lost, silent, young and value of rows
        without a path, which are deals without a touch, and young.
    """
    path = table["path"].combine_chunks()
    bare = np.asarray(path.is_null())
    lists = path.drop_null()
    sums = {
        name: np.asarray(table[name].cast("float64"), dtype=np.float64)
        for name in ("won", "lost", "silent", "young", "value", "squares")
    }
    kept = ~bare
    digits = table["bucket"].combine_chunks().dictionary_encode()
    number = np.array([int(two, 16) for two in digits.dictionary.to_pylist()], dtype=np.int64)
    return {
        "touch": np.array(lists.flatten(), dtype=np.int32),
        "length": np.array(lists.value_lengths(), dtype=np.int32),
        "bucket": number[np.asarray(digits.indices)[kept]],
        "conversions": sums["won"][kept],
        "nulls": (sums["lost"] + sums["silent"])[kept],
        "value": sums["value"][kept],
        "squares": sums["squares"][kept],
        "all": np.array([[column.sum() for column in sums.values()]]),
        "bare": np.array([[column[bare].sum() for column in sums.values()]]),
    }


def _journeys(
    columns: Columns, log: Log, deals: pd.DataFrame, has_value: bool, about: dict[str, Any]
) -> Journeys:
    n_won, n_lost, n_silent, n_young, *_ = columns["all"].sum(axis=0)
    bare_won, bare_lost, _, _, bare_value, _ = columns["bare"].sum(axis=0)
    about["counts"] = {
        "won": int(n_won),
        "won_without_touch": int(bare_won),
        "lost": int(n_lost),
        "lost_without_touch": int(bare_lost),
        "open": int(deals["won"].isna().sum()),
        "without_deal": int(n_silent),
        "without_deal_too_young": int(n_young),
        "touches": log.n_touches - log.n_unowned,
    }
    won = (deals["weight"] > 0).to_numpy()
    worth = (v or Decimal(0) for v, w in zip(deals["value"], won, strict=True) if w)
    return Journeys(
        channels=log.labels,
        touch=columns["touch"],
        start=np.concatenate([[0], np.cumsum(columns["length"], dtype=np.int64)]),
        conversions=columns["conversions"],
        value=columns["value"],
        nulls=columns["nulls"],
        unattributed=Unattributed(float(bare_won), float(bare_value)),
        has_value=has_value,
        total_value=sum(worth, Decimal(0)) if has_value else None,
        cluster=columns["bucket"],
        value_squares=columns["squares"] if has_value else None,
        about=about,
    )
