"""Unique paths as an Ibis expression: touches become paths, paths are added up, in the engine."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import InputError
from mmm.journeys.expression import MINUTE
from mmm.journeys.inputs import DAY, NEVER
from mmm.journeys.warehouse import texts

WHOLE_DIGITS = 18  # of a value; its square then fits into the 38 that engines have
SUMS = ("won", "lost", "silent", "young", "value", "squares")


@dataclass(frozen=True)
class Packing:
    """Instant and label of a touch in one integer: sorted integers are sorted touches.

    Attributes
    ----------
    first, last : int
        Earliest and latest instant, microseconds.
    n_labels : int
    """

    first: int
    last: int
    n_labels: int

    def __post_init__(self) -> None:
        if (self.last - self.first + 1) * self.n_labels >= 2**63:
            raise InputError(
                f"{self.n_labels} labels over {(self.last - self.first) / DAY:.0f} days are too "
                "many to order inside the engine. Aggregate by channel, or use mmm.build_journeys."
            )

    def pack(self, at: Any, label: Any) -> Any:
        """Return the integer of a touch."""
        return (at - self.first) * self.n_labels + label

    def labels(self, packed: Any) -> Any:
        """Return the labels of an array of integers, in order."""
        return packed.sort().map(lambda touch: (touch % self.n_labels).cast("int32"))


def collapse(touches: Any, unit: str) -> Any:
    """Keep the first touch of a label within a minute of each unit.

    Returns
    -------
    ibis.Table
        unit, label, at, and the smallest cluster_key where there is one.
    """
    minute = touches.mutate(minute=touches["at"] // MINUTE)
    kept = {"at": minute["at"].min()}
    if "cluster_key" in minute.columns:
        kept["cluster_key"] = minute["cluster_key"].min()
    return minute.group_by([unit, "label", "minute"]).aggregate(**kept).drop("minute")


def deal_rows(served: Any, deals: Any, packing: Packing) -> Any:
    """Return one row a deal: its path, none where no touch served it, and its weights."""
    import ibis

    packed = served.select("rank", packed=packing.pack(served["at"], served["label"]))
    by_deal = packed.group_by("rank").aggregate(packed=packed["packed"].collect())
    paths = by_deal.select(of="rank", path=packing.labels(by_deal["packed"]))
    joined = deals.left_join(paths, deals["rank"] == paths["of"])
    zero = ibis.literal(0, "int64")
    return joined.select(
        bucket=bucket(joined["cluster_key"]),
        path=joined["path"],
        won=joined["won"],
        lost=1 - joined["won"],
        silent=zero,
        young=zero,
        value=joined["value"],
        squares=joined["squares"],
    )


def silent_rows(others: Any, deals: Any, packing: Packing, young_from: int) -> Any:
    """Return one row a person or account without a deal; young ones lose their path."""
    import ibis

    packed = others.mutate(packed=packing.pack(others["at"], others["label"]))
    units = packed.group_by("unit_key").aggregate(
        packed=packed["packed"].collect(),
        last=packed["at"].max(),
        cluster_key=packed["cluster_key"].min(),
    )
    young = units["last"] > young_from
    zero = ibis.literal(0, "int64")
    path = packing.labels(units["packed"])
    return units.select(
        bucket=bucket(units["cluster_key"]),
        path=ibis.ifelse(young, ibis.null(path.type()), path),
        won=zero,
        lost=zero,
        silent=(~young).cast("int64"),
        young=young.cast("int64"),
        value=ibis.literal(Decimal(0), deals["value"].type()),
        squares=ibis.literal(Decimal(0), deals["squares"].type()),
    )


def add_up(rows: Any) -> Any:
    """Add up the rows of one bucket and path.

    Returns
    -------
    ibis.Table
        bucket (two hexadecimal digits), path (array of labels, or null), and `SUMS`.
    """
    sums = {name: rows[name].sum() for name in SUMS}
    return rows.group_by(["bucket", "path"]).aggregate(**sums)


def hex_range(part: int, n_parts: int) -> tuple[str, str]:
    """Return the first and last bucket of one part of many.

    Examples
    --------
    >>> [hex_range(part, 3) for part in range(3)]
    [('00', '54'), ('55', 'a9'), ('aa', 'ff')]
    """
    low, after = 256 * part // n_parts, 256 * (part + 1) // n_parts
    return f"{low:02x}", f"{after - 1:02x}"


def bucket(key: Any) -> Any:
    """Return the MD5 hash of a key modulo 256, as two hexadecimal digits."""
    return key.hexdigest("md5").right(2)


def waits(served: Any, deals: Any, share: float) -> Any:
    """Return a quantile of microseconds from a touch to the creation of its deal, else its end."""
    dated = deals.filter(deals["reference"] != NEVER)
    joined = served.join(dated.select("reference", of="rank"), served["rank"] == dated["rank"])
    wait = (joined["reference"] - joined["at"]).cast("float64")
    return (
        joined.select(wait=wait)
        .filter(lambda rows: rows["wait"] >= 0)
        .aggregate(wait=lambda rows: rows["wait"].quantile(share))
    )


def deal_table(deals: pd.DataFrame) -> Any:
    """Return what the engine has to know of each deal that counts.

    Returns
    -------
    pyarrow.Table
        rank, cluster_key, reference (creation, else close), won (0 or 1), value, squares (exact
        decimals, 0 for lost deals).

    Raises
    ------
    InputError
        If a value is too large for its square to be exact.
    """
    usable = deals["weight"].notna()
    won = deals.loc[usable, "weight"] > 0
    amounts = [
        v if w and v is not None else Decimal(0)
        for v, w in zip(deals.loc[usable, "value"], won, strict=True)
    ]
    scale = max([2, *(-int(amount.as_tuple().exponent) for amount in amounts)])
    try:
        value = pa.array(amounts, pa.decimal128(WHOLE_DIGITS, scale))
    except pa.ArrowInvalid as error:
        raise InputError(
            f"a value of {max(amounts)} with {scale} decimals is too large to be squared exactly. "
            "Round the values to cents, or pass them in thousands."
        ) from error
    known = deals[usable]
    reference = known["created"].where(known["created"] != NEVER, known["closed"])
    table = texts(pd.DataFrame({"cluster_key": known["cluster_key"]}))
    columns = {
        "rank": pa.array(known.index.to_numpy(), pa.int64()),
        "reference": pa.array(reference.to_numpy(), pa.int64()),
        "won": pa.array(won.to_numpy().astype("int64")),
        "value": value,
        "squares": pc.multiply(value, value),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table
