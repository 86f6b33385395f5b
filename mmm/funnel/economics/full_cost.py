"""Full cost: what a period or a channel cost, media, tools and people together, exactly."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.funnel.records.columns import need
from mmm.tables.spend import infer_period
from mmm.wording import exact, round_to_total

Days = npt.NDArray[np.datetime64]
Rule = Literal["media", "leads", "touches", "equal"]
RULES = ("media", "leads", "touches", "equal")
SHARED = "(shared)"
# Steps back in time count from one past the last day, so that a period's own day is inside it.
_ONE = np.timedelta64(1, "D")


def period_of(table: pd.DataFrame) -> tuple[date, date]:
    """Return the first and the last day that dated amounts cover, the last period included.

    Raises
    ------
    InputError
        If there is no row, or no column ``date``.

    Examples
    --------
    >>> period_of(pd.DataFrame({"date": pd.to_datetime(["2025-01-01", "2025-02-01"])}))
    (datetime.date(2025, 1, 1), datetime.date(2025, 2, 28))
    """
    start, stop = _spans(table)
    if not len(start):
        raise InputError("the table of spend has no row. Pass the spend of the period.")
    return _day(start.min()), _day(stop.max() - _ONE)


def between(table: pd.DataFrame, column: str, first: date, last: date) -> Decimal | None:
    """Add up dated amounts from `first` to `last`, both included, by the day.

    A row stands for the days until the next period starts; one that is partly outside counts with
    the share of its days that is inside. The sum is rounded to cents once, at the end.

    Parameters
    ----------
    table : pandas.DataFrame
        date and `column`.
    column : str
        Money.
    first, last : date

    Returns
    -------
    Decimal or None
        None where an amount inside is missing: it is unknown, not 0.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> costs = pd.DataFrame({"date": pd.to_datetime(["2025-01-01", "2025-02-01"]),
    ...     "cost": [Decimal("310.00"), Decimal("280.00")]})
    >>> between(costs, "cost", date(2025, 1, 22), date(2025, 2, 7))
    Decimal('170.00')
    """
    need(table, ("date", column), "the table of amounts", "Read it with mmm.read_spend.")
    start, stop = _spans(table)
    begin, end = np.datetime64(first, "D"), np.datetime64(last, "D") + _ONE
    inside = (np.minimum(stop, end) - np.maximum(start, begin)).astype(np.int64)
    length = (stop - start).astype(np.int64)
    total = Fraction(0)
    for i in np.flatnonzero(inside > 0):
        amount: Any = table[column].iloc[int(i)]
        if pd.isna(amount):
            return None
        total += Fraction(exact(amount)) * int(inside[i]) / int(length[i])
    return _to_cents(total)


def add(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Add amounts; the sum with an unknown one is unknown.

    Examples
    --------
    >>> add([Decimal("1.10"), Decimal("2.20")]), add([Decimal(1), None])
    (Decimal('3.30'), None)
    """
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def by_group(table: pd.DataFrame, column: str, by: str) -> dict[str, Decimal | None]:
    """Add up amounts by group, exactly; a group with a missing amount is unknown.

    Parameters
    ----------
    table : pandas.DataFrame
        `by` and `column`; rows without a group are under `SHARED`.
    column : str
        Money.
    by : str

    Returns
    -------
    dict of str to Decimal or None

    Examples
    --------
    >>> costs = pd.DataFrame({"channel": ["Email", None], "cost": [Decimal("4.50"), Decimal(9)]})
    >>> by_group(costs, "cost", "channel")
    {'Email': Decimal('4.50'), '(shared)': Decimal('9')}
    """
    names = table[by].astype("object").where(table[by].notna(), SHARED)
    found: dict[str, list[Decimal | None]] = {}
    for name, amount in zip(names, table[column], strict=True):
        found.setdefault(str(name), []).append(None if pd.isna(amount) else exact(amount))
    return {name: add(amounts) for name, amounts in found.items()}


def allocate(total: Decimal, weights: Sequence[float | Decimal]) -> list[Decimal] | None:
    """Split an amount pro rata, in cents that add up to it.

    Parameters
    ----------
    total : Decimal
    weights : sequence of number
        At least 0; only their ratios count.

    Returns
    -------
    list of Decimal, or None
        None where all weights are 0 and nothing says how to split.

    Raises
    ------
    ConfigError
        If a weight is negative.

    Examples
    --------
    >>> [str(part) for part in allocate(Decimal("100.00"), [1, 1, 1])]
    ['33.34', '33.33', '33.33']
    """
    if any(weight < 0 for weight in weights):
        raise ConfigError(
            f"costs cannot be split by {quoted(weights)}: a weight is negative. "
            "Split by leads instead (rule='leads'), or correct the refund."
        )
    parts = [Fraction(exact(weight)) for weight in weights]
    whole = sum(parts, Fraction(0))
    if whole == 0:
        return None
    sign = -1 if total < 0 else 1
    digits = max(2, -int(total.normalize().as_tuple().exponent))
    quotas = [Fraction(abs(total)) * part / whole for part in parts]
    fine = [_to_decimal(quota, digits + 12) for quota in quotas]
    return [sign * part for part in round_to_total(fine, digits, abs(total))]


def _to_cents(amount: Fraction) -> Decimal:
    return round(_to_decimal(amount, 12), 2)


def _to_decimal(amount: Fraction, digits: int) -> Decimal:
    scaled = round(amount * 10**digits)
    return Decimal(scaled).scaleb(-digits)


def _spans(table: pd.DataFrame) -> tuple[Days, Days]:
    """Return the first day of each row, and the day after its last."""
    need(table, ("date",), "the table of amounts", "Read it with mmm.read_spend.")
    start: Days = pd.to_datetime(table["date"]).to_numpy().astype("datetime64[D]")
    if not len(start):
        return start, start
    every = str(table.attrs.get("every") or infer_period(pd.to_datetime(table["date"])))
    if every == "month":
        months = start.astype("datetime64[M]")
        offset = start - months.astype("datetime64[D]")
        following: Days = (months + np.timedelta64(1, "M")).astype("datetime64[D]") + offset
        return start, following
    stop: Days = start + np.timedelta64({"day": 1, "week": 7}[every], "D")
    return start, stop


def _day(moment: np.datetime64) -> date:
    return pd.Timestamp(moment).date()
