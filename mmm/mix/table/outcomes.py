"""What a mix can explain: deals, their value, leads; each counted at a named date."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, InputError, name_rows
from mmm.mix.table.dates import one_day
from mmm.mix.table.periods import calendar, period_start

_OPEN = 0.1


@dataclass(frozen=True)
class OutcomeSpec:
    """One outcome.

    Attributes
    ----------
    table : {"deals", "leads"}
    at : str
        Column of the date at which a row counts.
    won : bool
        Whether only won deals count.
    money : bool
        Whether their value counts, not their number.
    """

    table: str
    at: str
    won: bool = False
    money: bool = False

    @property
    def ripens(self) -> bool:
        """Whether a row may come to count after its date: its deal is still open."""
        return self.won and self.at == "created_at"


OUTCOMES = {
    "won_value": OutcomeSpec("deals", "closed_at", won=True, money=True),
    "won_deals": OutcomeSpec("deals", "closed_at", won=True),
    "opportunities": OutcomeSpec("deals", "created_at"),
    "opened_won_value": OutcomeSpec("deals", "created_at", won=True, money=True),
    "opened_won_deals": OutcomeSpec("deals", "created_at", won=True),
    "leads": OutcomeSpec("leads", "created_at"),
    "mqls": OutcomeSpec("leads", "mql_at"),
    "sqls": OutcomeSpec("leads", "sql_at"),
}


@dataclass(frozen=True, eq=False)
class Counted:
    """An outcome by period.

    Attributes
    ----------
    name : str
    money : bool
    amount : dict of Timestamp to Decimal
        By start of period; periods in which nothing counted are missing.
    first, end : Timestamp
        What the records cover: from the period of the first row that is dated to before `end`.
    days : Series of datetime64
        Day of each record, whether it counts or not; of deals at their close, of the ended ones.
    immature_from : Timestamp or None
        From this period on many deals are still open; None where the outcome does not ripen.
    n_open, n_late : int
        Open deals of those periods, and all deals of them.
    """

    name: str
    money: bool
    amount: dict[pd.Timestamp, Decimal]
    first: pd.Timestamp
    end: pd.Timestamp
    days: "pd.Series[Any]"
    immature_from: pd.Timestamp | None = None
    n_open: int = 0
    n_late: int = 0


def count_outcome(
    records: pd.DataFrame, name: str, every: str, *, tz: str, as_of: object
) -> Counted:
    """Count an outcome by period.

    Parameters
    ----------
    records : pandas.DataFrame
        Deals or leads as read.
    name : str
        A key of `OUTCOMES`.
    every : {"week", "month"}
    tz : str
        Zone of the days.
    as_of : date, optional
        See `mix_table`.

    Returns
    -------
    Counted

    Raises
    ------
    InputError
        If a column is missing or empty, or a won deal has no value or date.
    ConfigError
        If `as_of` is no date.
    """
    spec = OUTCOMES[name]
    _check_columns(records, spec, name)
    at = _local_days(records[spec.at], tz)
    counts = at.notna()
    if spec.won:
        counts &= records["won"].fillna(False).astype(bool)
        undated = records["won"].fillna(False).astype(bool) & at.isna()
        if undated.any():
            raise InputError(
                f"won deals have no {spec.at} in {name_rows(np.flatnonzero(undated).tolist())}. "
                f"Fill it in, or choose an outcome counted at the close."
            )
    starts = period_start(at[counts], every)
    amount: dict[pd.Timestamp, Decimal] = {}
    with localcontext(prec=60):
        values = _values(records, counts) if spec.money else [Decimal(1)] * int(counts.sum())
        for start, value in zip(starts, values, strict=True):
            amount[start] = amount.get(start, Decimal(0)) + value
    if at.isna().all():
        raise InputError(f"{spec.table} have no {spec.at}. Fill it in, or choose another outcome.")
    first, end = period_start(at, every).min(), _last_day(records, tz, as_of)
    # The close of an open deal is hoped for, and records nothing.
    days = at[records["won"].notna()] if spec.at == "closed_at" else at
    late = _immature(records, at, every, end) if spec.ripens else ()
    return Counted(name, spec.money, amount, first, end, days, *late)


def _check_columns(records: pd.DataFrame, spec: OutcomeSpec, name: str) -> None:
    for column in (spec.at, *(("value",) if spec.money else ())):
        if column not in records.columns or records[column].isna().all():
            raise InputError(
                f"outcome={name!r} needs the column {column!r} of {spec.table}, which is missing "
                "or empty. Supply it, or choose another outcome."
            )


def _values(records: pd.DataFrame, counts: "pd.Series[bool]") -> list[Decimal]:
    missing = counts & records["value"].isna()
    if missing.any():
        raise InputError(
            f"won deals have no value in {name_rows(np.flatnonzero(missing).tolist())}. Fill it "
            "in, or choose outcome='won_deals'."
        )
    return list(records.loc[counts, "value"])


def _local_days(instants: "pd.Series[Any]", tz: str) -> "pd.Series[Any]":
    days: pd.Series[Any] = instants.dt.tz_convert(tz).dt.tz_localize(None).dt.normalize()
    return days


def _last_day(records: pd.DataFrame, tz: str, as_of: object) -> pd.Timestamp:
    """Return the day after the last one that the records cover."""
    if as_of is None:
        dated = [c for c in records if isinstance(records[c].dtype, pd.DatetimeTZDtype)]
        days = [_local_days(records[column], tz).max() for column in dated]
        last: pd.Timestamp = max(day for day in days if not pd.isna(day))
        return last + pd.Timedelta(days=1)
    try:
        end = one_day(as_of)
    except (TypeError, ValueError):
        end = None
    if end is None or pd.isna(end):
        raise ConfigError(f"as_of is {as_of!r}. Pass a date, such as '2025-06-30'.")
    if end.tzinfo is not None:
        end = end.tz_convert(tz).tz_localize(None)
    return end.normalize()


def _immature(
    deals: pd.DataFrame, at: "pd.Series[Any]", every: str, end: pd.Timestamp
) -> tuple[pd.Timestamp | None, int, int]:
    """Find the last stretch of periods of whose deals more than a tenth are open.

    Weeks are pooled by four, so that a week of one closed deal does not end the stretch.
    """
    known = at.notna()
    table = pd.DataFrame({"open": deals["won"].isna(), "start": period_start(at, every)})[known]
    counts = table.groupby("start")["open"].agg(["sum", "count"])
    counts = counts.reindex(calendar(counts.index.min(), end, every), fill_value=0)
    pooled = counts.rolling(4 if every == "week" else 1, min_periods=1).sum()
    ripe = np.flatnonzero(pooled["sum"] <= _OPEN * pooled["count"])
    late = counts.iloc[ripe[-1] + 1 if ripe.size else 0 :]
    n_open = int(late["sum"].sum())
    return (late.index[0] if n_open else None), n_open, int(late["count"].sum())
