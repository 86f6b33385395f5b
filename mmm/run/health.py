"""How healthy the funnel is: indicators, stages, channels, warning signs, data, what comes next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import MmmError
from mmm.funnel.alignment import Alignment, warning_signs
from mmm.funnel.because import Explanation, explain_change
from mmm.funnel.change import Change, change_of
from mmm.funnel.completion import complete
from mmm.funnel.economics import cohort_cac
from mmm.funnel.forecast import Forecast, forecast
from mmm.funnel.full_cost import between, period_of
from mmm.funnel.hygiene import Hygiene, hygiene
from mmm.funnel.kpi import Kpi
from mmm.funnel.kpis import average_deal, lead_to_customer, sales_velocity
from mmm.funnel.outcomes import lead_outcomes
from mmm.funnel.stages import funnel, sales_cycle

Tables = Mapping[str, pd.DataFrame]
Period = tuple[date, date]
LEAST_DAYS = 60  # a shorter period has too few leads to be compared with another
YEAR = 365


@dataclass(frozen=True, eq=False)
class Health:
    """What the funnel shows on one day.

    Attributes
    ----------
    indicators : tuple of Kpi
        At most five: cac, lead_to_customer, sales_cycle_from_lead, average_deal, sales_velocity.
    changes : tuple of Change
        The same indicators for the two `periods`, where both have one.
    change : Explanation or None
        Why the cost of a customer changed between two cohorts of leads of equal length.
    periods : tuple of (date, date)
        Two periods of equal length, first and last day each; empty where there are none.
    stages : DataFrame or None
        `Funnel.to_frame()` of all leads; None without leads.
    hygiene : Hygiene
    alignment : Alignment
    forecast : Forecast or None
        None without leads or with too few won deals.
    missing : tuple of str
        What could not be computed, and why.
    """

    indicators: tuple[Kpi, ...]
    changes: tuple[Change, ...]
    change: Explanation | None
    periods: tuple[tuple[date, date], ...]
    stages: pd.DataFrame | None
    hygiene: Hygiene
    alignment: Alignment
    forecast: Forecast | None
    missing: tuple[str, ...] = ()


def funnel_health(
    tables: Tables,
    channels: ChannelMap,
    *,
    as_of: pd.Timestamp,
    months: int = 6,
    level: float = 0.9,
    seed: int = 0,
) -> Health:
    """Measure the funnel from the tables of a run.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As `mmm.run.read_tables` returns them; what is missing is left out and named.
    channels : ChannelMap
    as_of : pandas.Timestamp
        Nothing later is used.
    months : int
        Of the forecast.
    level : float
        Coverage of intervals.
    seed : int

    Returns
    -------
    Health
    """
    deals, leads = tables["deals"], tables.get("leads")
    missing: list[str] = []

    def tried(name: str, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except MmmError as error:
            missing.append(f"{name}: {error}")
            return None

    others: dict[str, Any] = {n: tables.get(n) for n in ("leads", "touches", "contacts")}
    settings: dict[str, Any] = {"as_of": as_of, "level": level}
    indicators = [
        tried("cac", lambda: _cac(tables, settings)),
        tried("lead_to_customer", lambda: _of_leads(leads, deals, lead_to_customer, settings)),
        tried("sales_cycle", lambda: _of_leads(leads, deals, sales_cycle, settings)),
        tried("average_deal", lambda: average_deal(until(deals, as_of), level=level)),
        tried("sales_velocity", lambda: sales_velocity(deals, **settings)),
    ]
    periods = tried("change", lambda: two_periods(tables, as_of)) or ()
    explained = None
    changes: list[Change] = []
    if periods:
        explained = tried(
            "change", lambda: cac_change(tables, channels, periods, as_of, level, seed)
        )
        changes = indicator_changes(tables, periods, settings)
    stages = tried("stages", lambda: _of_leads(leads, deals, _stages, settings))
    future = tried("forecast", lambda: _forecast(leads, deals, as_of, months, level, seed))
    return Health(
        indicators=tuple(kpi for kpi in indicators if kpi is not None),
        changes=tuple(changes),
        change=explained,
        periods=periods,
        stages=stages,
        hygiene=hygiene(deals, **others, as_of=as_of),
        alignment=warning_signs(deals, **others, spend=tables.get("spend"), **settings),
        forecast=future,
        missing=tuple(missing),
    )


def until(deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Leave out the deals that closed after `as_of`."""
    return deals[~(deals["closed_at"] > as_of)]


def _cac(tables: Tables, settings: dict[str, Any]) -> Kpi:
    absent = [name for name in ("leads", "spend") if name not in tables]
    if absent:
        raise MmmError(f"needs {' and '.join(absent)}. Add the table.")
    return cohort_cac(
        tables["leads"], tables["deals"], tables["spend"], tables.get("costs"), **settings
    )[0]


def _of_leads(
    leads: pd.DataFrame | None,
    deals: pd.DataFrame,
    compute: Callable[..., Any],
    settings: dict[str, Any],
) -> Any:
    if leads is None:
        raise MmmError("needs leads. Add the table.")
    found = compute(leads, deals, **settings)
    return found[0] if isinstance(found, list | tuple) else found


def _stages(leads: pd.DataFrame, deals: pd.DataFrame, **settings: Any) -> pd.DataFrame:
    return funnel(leads, deals, **settings).to_frame()


def _forecast(
    leads: pd.DataFrame | None,
    deals: pd.DataFrame,
    as_of: pd.Timestamp,
    months: int,
    level: float,
    seed: int,
) -> Forecast:
    if leads is None:
        raise MmmError("needs leads. Add the table.")
    return forecast(leads, deals, as_of=as_of, months=months, level=level, seed=seed)


def two_periods(tables: Tables, as_of: pd.Timestamp) -> tuple[Period, Period]:
    """Return the last two periods of equal length, at most a year each, that the data cover.

    Raises
    ------
    MmmError
        If there are no leads, or the periods are shorter than 60 days.
    """
    if "leads" not in tables:
        raise MmmError("needs leads. Add the table.")
    first = tables["leads"]["created_at"].min().date()
    last = as_of.date()
    if "spend" in tables:
        paid_from, paid_to = period_of(tables["spend"])
        first, last = max(first, paid_from), min(last, paid_to)
    days = min(YEAR, ((last - first).days + 1) // 2)
    if days < LEAST_DAYS:
        raise MmmError(f"the tables share {2 * days} days; two periods of 60 are needed.")
    middle = last - timedelta(days=days - 1)
    return (middle - timedelta(days=days), middle - timedelta(days=1)), (middle, last)


def indicator_changes(
    tables: Tables, periods: tuple[Period, Period], settings: dict[str, Any]
) -> list[Change]:
    """Compare each indicator between the two periods, where both have one."""
    deals, leads, as_of = tables["deals"], tables["leads"], settings["as_of"]

    def of_period(period: Period) -> list[Callable[[], Kpi]]:
        day = leads["created_at"].dt.date
        mine = leads[(day >= period[0]) & (day <= period[1])]
        then = min(as_of, pd.Timestamp(period[1], tz="UTC") + pd.Timedelta(days=1))
        closed = until(deals, as_of)
        return [
            lambda: lead_to_customer(mine, deals, **settings)[0],
            lambda: sales_cycle(mine, deals, **settings)[0],
            lambda: average_deal(closed, period=period, level=settings["level"]),
            lambda: sales_velocity(deals, as_of=then, level=settings["level"]),
        ]

    changes = []
    for earlier, later in zip(of_period(periods[0]), of_period(periods[1]), strict=True):
        try:
            change = change_of(earlier(), later())
        except MmmError:
            continue  # the indicator itself says why it is missing
        if np.isfinite(change.lower) and np.isfinite(change.upper):
            changes.append(change)
    return changes


def cac_change(
    tables: Tables,
    channels: ChannelMap,
    periods: tuple[Period, Period],
    as_of: pd.Timestamp,
    level: float,
    seed: int,
) -> Explanation:
    """Explain how the cost of a customer changed between the leads of two periods.

    Customers still to come from them are added by `mmm.funnel.completion.complete`.

    Raises
    ------
    MmmError
        If there is no spend, or an amount is missing.
    """
    if "spend" not in tables:
        raise MmmError("needs spend. Add the table.")
    outcomes = lead_outcomes(tables["leads"], tables["deals"], as_of=as_of)
    names = channels.assign(tables["leads"]).fillna(UNMATCHED).to_numpy()[outcomes.row]
    before, after = (_cohort(tables, channels, outcomes, names, period) for period in periods)
    return explain_change(before, after, kpi="cac", level=level, seed=seed)


def _cohort(
    tables: Tables, channels: ChannelMap, outcomes: Any, names: Any, period: tuple[date, date]
) -> pd.DataFrame:
    """Return leads, cost and completed customers of each channel for the leads of a period.

    Costs of no channel, and those of channels without a lead in the period, are spread over all
    leads alike.
    """
    first, last = period
    day = outcomes.start.astype("datetime64[D]")
    inside = (day >= np.datetime64(first)) & (day <= np.datetime64(last))
    # Leads of other days tell how fast leads close, in a group of their own.
    labels = sorted(set(names[inside]))
    position = {name: i for i, name in enumerate(labels)}
    group = np.array(
        [position[n] if i else len(labels) for n, i in zip(names, inside, strict=True)]
    )
    done = complete(outcomes, group, len(labels) + 1, 0.9)
    leads = done.n[:-1].astype(np.float64)
    booked = spent(tables["spend"], "spend", channels.assign(tables["spend"]), period)
    if "costs" in tables:
        costs = tables["costs"]
        owner = costs["channel"] if "channel" in costs.columns else pd.Series(None, costs.index)
        for name, amount in spent(costs, "cost", owner, period).items():
            booked[name] = booked.get(name, 0.0) + amount
    shared = sum(amount for name, amount in booked.items() if name not in position)
    cost = np.array([booked.get(name, 0.0) for name in labels]) + shared * leads / leads.sum()
    customers = (done.converted + done.expected)[:-1]
    return pd.DataFrame({"channel": labels, "leads": leads, "cost": cost, "customers": customers})


def spent(
    table: pd.DataFrame, column: str, channel: "pd.Series[Any]", period: tuple[date, date]
) -> dict[str, float]:
    """Return what each channel cost between two days; what has no channel is `UNMATCHED`.

    Raises
    ------
    MmmError
        If an amount is missing.
    """
    named = table.assign(channel=channel.fillna(UNMATCHED).to_numpy())
    found = {}
    for name, rows in named.groupby("channel"):
        rows.attrs = dict(table.attrs)
        amount = between(rows, column, *period)
        if amount is None:
            raise MmmError(f"an amount of {name} is missing in {column}. Fill it in.")
        found[str(name)] = float(amount)
    return found
