"""Who stays and who is worth a call: churn, retention by cohort, segments."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level
from mmm.funnel.durations.conversion import Every, cohorts
from mmm.funnel.durations.survival import kaplan_meier, survival_at
from mmm.funnel.intervals import share_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.outcomes import customer_of, of_kind
from mmm.wording import exact

_DAYS_A_MONTH = 365.25 / 12.0


@dataclass(frozen=True)
class SegmentRules:
    """Where the segments begin.

    Attributes
    ----------
    high_value_share : float
        High value: among this share of customers by won value, 0-1.
    recurring_deals : int
        Recurring: at least as many won deals, of any kind.
    silent_days : int
        To reactivate: no won deal for longer, and none open.
    """

    high_value_share: float = 0.2
    recurring_deals: int = 2
    silent_days: int = 365

    def __post_init__(self) -> None:
        if not 0 < self.high_value_share < 1:
            raise ConfigError(
                f"high_value_share is {self.high_value_share!r}. Pass a share such as 0.2."
            )
        if not (self.recurring_deals >= 2 and self.silent_days > 0):
            raise ConfigError(
                f"recurring_deals is {self.recurring_deals!r} and silent_days {self.silent_days!r}."
                " Pass at least 2 deals and a positive number of days."
            )


def churn(deals: pd.DataFrame, *, every: Every | None = None, level: float = 0.9) -> list[Kpi]:
    """Return the share of renewals decided in a period that were lost.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at, kind ("renewal").
    every : {"month", "quarter", "year"}, optional
        Length of a period of decision; None: all.
    level : float
        Coverage; score interval.

    Returns
    -------
    list of Kpi
        "churn", oldest first; one of value NaN where no renewal was decided.

    Raises
    ------
    InputError
        If a column is missing.
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> kpi = churn(load("deals"))[0]
    >>> kpi.n, round(kpi.value, 2)
    (17, 0.12)
    """
    check_level(level)
    need(deals, ("won", "closed_at", "kind"), "deals", "Map the kind of deal with columns=.")
    decided = (deals["won"].notna() & deals["closed_at"].notna()).to_numpy(dtype=bool)
    rows = deals[decided & of_kind(deals, ("renewal",))]
    if not len(rows):
        note = "no renewal was decided: deals of kind 'renewal' say who stays"
        return [Kpi("churn", float("nan"), "share", 0, level=level, note=note)]
    closed = pd.to_datetime(rows["closed_at"], utc=True).dt.tz_localize(None)
    names, codes = cohorts(closed.to_numpy(), every)
    lost = (~rows["won"].astype("boolean")).to_numpy(dtype=bool)
    kpis = []
    for i, name in enumerate(names):
        mine, days = lost[codes == i], closed[codes == i]
        n, share = len(mine), float(mine.mean())
        low, high = share_interval(share, n, level)
        cohort = (days.min().date(), days.max().date())
        note = f"{mine.sum()} of {n} renewals lost"
        kpis.append(
            Kpi("churn", share, "share", n, low, high, level, cohort=cohort, group=name, note=note)
        )
    return kpis


def retention_table(
    deals: pd.DataFrame,
    *,
    every: Every | None = "year",
    months: tuple[int, ...] = (12, 24, 36),
    as_of: object = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Return the share of customers still there after so many months, a cohort of first wins a row.

    A customer has left at a lost renewal that no won deal follows; all others are censored at the
    last look (Kaplan-Meier).

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at; kind ("renewal"), account_id, person_id where known.
    every : {"month", "quarter", "year"}, optional
        Length of a cohort; None: all customers in one.
    months : tuple of int
        Ages at which to look.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.
    level : float
        Coverage.

    Returns
    -------
    pandas.DataFrame
        cohort, months, n (customers), left (so far), followed (customers seen for that long or
        until they left before), retention, lower, upper, churn (1 - retention); NaN where the
        cohort is younger than that.

    Raises
    ------
    InputError
        If a column is missing, or nobody was won.
    ConfigError
        If `every` or `level` is not one.

    Examples
    --------
    >>> closed = pd.to_datetime(["2023-01-10", "2024-01-10", "2023-02-01", "2025-01-01"], utc=True)
    >>> deals = pd.DataFrame({"account_id": ["A", "A", "B", "C"], "won": [True, False, True, True],
    ...     "closed_at": closed, "kind": ["new", "renewal", "new", "new"]})
    >>> retention_table(deals, months=(12,))[["cohort", "n", "retention"]].values.tolist()
    [['2023', 2, 0.5], ['2025', 1, nan]]
    """
    lives = customer_lives(deals, as_of=as_of)
    check_level(level)
    names, codes = cohorts(lives["first"].dt.tz_localize(None).to_numpy(), every)
    days, gone = lives["days"].to_numpy(np.float64), lives["left"].to_numpy(dtype=bool)
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        mine = codes == i
        curve = kaplan_meier(days[mine], gone[mine], level=level)
        for month in months:
            at = month * _DAYS_A_MONTH
            value = float(survival_at(curve, at))
            k = int(np.searchsorted(curve.time, at, side="right")) - 1
            low, high = (float(curve.lower[k]), float(curve.upper[k])) if k >= 0 else (0.0, 1.0)
            known = not np.isnan(value)
            rows.append(
                {
                    "cohort": name,
                    "months": month,
                    "n": int(mine.sum()),
                    "left": int(gone[mine].sum()),
                    "followed": int((mine & ((days >= at) | gone)).sum()),
                    "retention": value,
                    "lower": low if known else np.nan,
                    "upper": high if known else np.nan,
                    "churn": 1.0 - value,
                }
            )
    return pd.DataFrame(rows)


def customer_lives(deals: pd.DataFrame, *, as_of: object = None) -> pd.DataFrame:
    """Return when each customer came, how long it was followed, and whether it left.

    Parameters
    ----------
    deals, as_of
        As in `retention_table`.

    Returns
    -------
    pandas.DataFrame
        customer, first (instant), days, left.

    Raises
    ------
    InputError
        If a column is missing, or nobody was won.

    Examples
    --------
    >>> closed = pd.to_datetime(["2024-01-01", "2024-01-31"], utc=True)
    >>> deals = pd.DataFrame({"account_id": ["A", "B"], "won": True, "closed_at": closed})
    >>> customer_lives(deals)[["days", "left"]].values.tolist()
    [[30.0, False], [0.0, False]]
    """
    won, lost, look = _decided(deals, as_of)
    ends = won.groupby("customer")["closed_at"].agg(["min", "max"])
    after = lost[lost["closed_at"] > ends["max"].reindex(lost["customer"]).to_numpy()]
    left_at = after.groupby("customer")["closed_at"].min().reindex(ends.index)
    last = left_at.fillna(look)
    return pd.DataFrame(
        {
            "customer": ends.index,
            "first": ends["min"].to_numpy(),
            "days": (last - ends["min"]).dt.total_seconds().to_numpy() / 86_400.0,
            "left": left_at.notna().to_numpy(),
        }
    ).astype({"first": "datetime64[us, UTC]"})


def segments(
    deals: pd.DataFrame, *, rules: SegmentRules | None = None, as_of: object = None
) -> pd.DataFrame:
    """Tell which customers are of high value, recurring, or to be won back.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at, value; account_id or person_id.
    rules : SegmentRules, optional
        Where the segments begin.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.

    Returns
    -------
    pandas.DataFrame
        One row a customer, the largest value first: customer, n_deals, value (exact Decimal; None
        where no deal has one), last_won_on, silent_days, high_value, recurring, to_reactivate, and
        segment, the first that applies of "to reactivate", "high value", "recurring", "other".

    Raises
    ------
    InputError
        If a column is missing, or nobody was won.
    ConfigError
        If a rule cannot be.

    Examples
    --------
    >>> closed = pd.to_datetime(["2023-01-01", "2025-01-01", "2025-02-01"], utc=True)
    >>> deals = pd.DataFrame({"account_id": ["A", "B", "B"], "won": True, "closed_at": closed,
    ...     "value": [Decimal("10.00"), Decimal("20.00"), Decimal("5.00")]})
    >>> segments(deals)[["customer", "segment"]].values.tolist()
    [['account B', 'high value'], ['account A', 'to reactivate']]
    """
    need(deals, ("value",), "deals", "Read them with mmm.read_deals.")
    rules = rules or SegmentRules()
    won, _, look = _decided(deals, as_of)
    by_customer = won.groupby("customer")
    last = by_customer["closed_at"].max()
    table = pd.DataFrame({"customer": last.index, "n_deals": by_customer.size().to_numpy()})
    table["value"] = pd.Series(_sums(won, last.index), dtype="object")
    table["last_won_on"] = last.dt.date.to_numpy()
    table["silent_days"] = (look - last).dt.days.to_numpy()
    table["high_value"] = _top(table["value"], rules.high_value_share)
    table["recurring"] = table["n_deals"] >= rules.recurring_deals
    busy = set(customer_of(deals)[deals["won"].isna()])
    table["to_reactivate"] = (table["silent_days"] > rules.silent_days) & ~table["customer"].isin(
        busy
    )
    table["segment"] = np.select(
        [table["to_reactivate"], table["high_value"], table["recurring"]],
        ["to reactivate", "high value", "recurring"],
        "other",
    )
    order = table["value"].map(lambda x: -x if x is not None else Decimal(1)).to_numpy()
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def _decided(deals: pd.DataFrame, as_of: object) -> tuple[pd.DataFrame, pd.DataFrame, pd.Timestamp]:
    """Won deals and lost renewals up to the last look, each with its customer."""
    need(deals, ("won", "closed_at"), "deals", "Read them with mmm.read_deals.")
    look = last_look(as_of, deals)
    rows = deals.assign(
        customer=customer_of(deals), closed_at=pd.to_datetime(deals["closed_at"], utc=True)
    )
    flag = deals["won"].astype("boolean")
    seen = rows["closed_at"].le(look).to_numpy(dtype=bool)
    won = rows[flag.fillna(False).to_numpy(dtype=bool) & seen]
    ended = (~flag).fillna(False).to_numpy(dtype=bool) & seen & of_kind(deals, ("renewal",))
    if not len(won):
        raise InputError(
            f"no deal was won by {look:%Y-%m-%d}, so there is no customer. "
            "Pass a later as_of=, or check the column 'won'."
        )
    return won, rows[ended], look


def _sums(won: pd.DataFrame, customers: pd.Index) -> list[Decimal | None]:
    valued = won[won["value"].notna()]
    total: dict[str, Decimal] = {}
    for name, amount in zip(valued["customer"], valued["value"], strict=True):
        total[name] = total.get(name, Decimal(0)) + exact(amount)
    return [total.get(name) for name in customers]


def _top(values: "pd.Series[Any]", share: float) -> npt.NDArray[np.bool_]:
    """Tell which values are among the top share of those known, ties included, at least one."""
    known = sorted((value for value in values if value is not None), reverse=True)
    if not known:
        return np.zeros(len(values), dtype=np.bool_)
    least = known[max(int(np.floor(share * len(known))), 1) - 1]
    return np.array([value is not None and value >= least for value in values], dtype=np.bool_)
