"""How healthy the funnel is: indicators, stages, channels, warning signs, data, what comes next."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import MmmError
from mmm.funnel.alignment import Alignment, warning_signs
from mmm.funnel.because import Explanation
from mmm.funnel.economics import cohort_cac
from mmm.funnel.forecast import Forecast, forecast
from mmm.funnel.hygiene import Hygiene, hygiene
from mmm.funnel.kpi import Kpi
from mmm.funnel.kpis import average_deal, lead_to_customer, sales_velocity
from mmm.funnel.records import of_kind
from mmm.funnel.stages import funnel, sales_cycle
from mmm.run.agreement import NO_PROMISE, Agreement, Kept, kept
from mmm.run.changes import Compared, Tables, explanations, two_periods


@dataclass(frozen=True, eq=False)
class Health:
    """What the funnel shows on one day.

    Attributes
    ----------
    indicators : tuple of Kpi
        At most five: cac, lead_to_customer, sales_cycle_from_lead, average_deal, sales_velocity.
    changes : tuple of Explanation
        The same indicators and the value won in the two `periods`, where both have one: whether
        the change is more than noise, and what it consists of.
    periods : tuple of (date, date)
        Two periods of equal length, first and last day each; empty where there are none.
    stages : DataFrame or None
        `Funnel.to_frame()` of all leads; None without leads.
    won : Won
        What was won, and how much of it is new business.
    kept : Kept or None
        Both sides of the agreement; None where the leads have no dates for it.
    hygiene : Hygiene
    alignment : Alignment
    forecast : Forecast or None
        None without leads or with too few won deals.
    missing : tuple of str
        What could not be computed, and why.
    """

    indicators: tuple[Kpi, ...]
    changes: tuple[Explanation, ...]
    periods: tuple[tuple[date, date], ...]
    stages: pd.DataFrame | None
    won: "Won"
    kept: Kept | None
    hygiene: Hygiene
    alignment: Alignment
    forecast: Forecast | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Won:
    """Won deals, of which the funnel counts new business alone.

    Attributes
    ----------
    n_deals : int
        All that were won.
    n_new : int
        New business: neither renewals nor expansions.
    """

    n_deals: int
    n_new: int


def funnel_health(
    tables: Tables,
    channels: ChannelMap,
    *,
    as_of: pd.Timestamp,
    agreement: Agreement = NO_PROMISE,
    currency: str = "EUR",
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
    agreement : Agreement
        What marketing and sales promised each other.
    currency : str
        Of the amounts, where the deals name none.
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
    changes: list[Explanation] = []
    if periods:
        changes, unexplained = explanations(Compared(tables, channels, periods, as_of, level, seed))
        missing += unexplained
    stages = tried("stages", lambda: _of_leads(leads, deals, _stages, settings))
    future = tried("forecast", lambda: _forecast(leads, deals, as_of, months, level, seed))
    return Health(
        indicators=tuple(kpi for kpi in indicators if kpi is not None),
        changes=tuple(changes),
        periods=periods,
        stages=stages,
        won=_won(until(deals, as_of)),
        kept=tried("agreement", lambda: _of_agreement(leads, agreement, settings)),
        hygiene=hygiene(deals, **others, as_of=as_of, currency=currency),
        alignment=warning_signs(
            deals, **others, spend=tables.get("spend"), currency=currency, **settings
        ),
        forecast=future and replace(future, currency=future.currency or currency),
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


def _won(deals: pd.DataFrame) -> Won:
    won = deals[deals["won"].fillna(False).to_numpy(dtype=bool)]
    return Won(len(won), int(of_kind(won, ("new",)).sum()))


def _of_agreement(
    leads: pd.DataFrame | None, agreement: Agreement, settings: dict[str, Any]
) -> Kept:
    if leads is None:
        raise MmmError("needs leads. Add the table.")
    return kept(leads, agreement, **settings)


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
