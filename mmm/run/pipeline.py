"""The pipeline: tables become results, the same for `mmm run`, the demo and a notebook."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm import tables as readers
from mmm.attribution import Comparison, compare
from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import InputError
from mmm.funnel.economics import channel_table
from mmm.journeys import Journeys, Unattributed, build_journeys
from mmm.run.config import Config
from mmm.run.health import Health, funnel_health

READERS: Mapping[str, Callable[..., pd.DataFrame]] = {
    "touches": readers.read_touches,
    "deals": readers.read_deals,
    "leads": readers.read_leads,
    "spend": readers.read_spend,
    "costs": readers.read_costs,
    "contacts": readers.read_contacts,
    "roles": readers.read_roles,
}

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class RunResult:
    """Everything a run found.

    Attributes
    ----------
    tables : dict of str to DataFrame
        The tables as read.
    journeys : Journeys
    deals : Comparison
        Models side by side, measured in deals.
    value : Comparison or None
        The same in money; None where no deal has a value.
    economics : DataFrame or None
        One line a channel: full cost, leads, customers, what each costs; None without spend.
    health : Health
        Indicators, stages, warning signs, data quality and forecast.
    spend_period : tuple of (date, date) or None
        First and last day of the spend, over which `economics` counts customers.
    unmatched : dict of str to DataFrame
        What no channel rule matches, a table.
    missing : tuple of str
        Tables that were not given and would answer more.
    manifest : dict
        Version, inputs with rows and SHA-256, settings.
    """

    tables: Mapping[str, pd.DataFrame]
    journeys: Journeys
    deals: Comparison
    value: Comparison | None
    economics: pd.DataFrame | None
    health: Health
    spend_period: tuple[date, date] | None
    unmatched: Mapping[str, pd.DataFrame]
    missing: tuple[str, ...]
    manifest: Mapping[str, Any]

    @property
    def period(self) -> tuple[date, date]:
        """First and last day on which deals were won; the last day of the data without any."""
        deals = self.tables["deals"]
        closed = deals.loc[deals["won"].fillna(False), "closed_at"]
        last = pd.Timestamp(str(self.journeys.about["as_of"]))
        closed = closed[closed <= last]
        return (closed.min().date(), closed.max().date()) if len(closed) else (last.date(),) * 2


def _silent(_: str) -> None:
    """Report nothing."""


def read_tables(config: Config, progress: Progress = _silent) -> dict[str, pd.DataFrame]:
    """Read every table that the configuration names.

    Raises
    ------
    InputError, SourceError
        As the readers.
    """
    found = {}
    for name, reader in READERS.items():
        section = getattr(config, name)
        if section is not None:
            progress(f"reading {name}")
            found[name] = reader(section.source, **section.options())
    return found


def run(config: Config, progress: Progress = _silent) -> RunResult:
    """Read the tables, build the journeys, run the models, put spend beside them.

    Parameters
    ----------
    config : Config
    progress : callable, optional
        Called with a few words before each step.

    Returns
    -------
    RunResult
    """
    tables = read_tables(config, progress)
    check_currencies(tables)
    channels = config.channels.to_map()
    progress("building journeys")
    journeys = build_journeys(
        tables.get("touches"),
        tables["deals"],
        leads=tables.get("leads"),
        roles=tables.get("roles"),
        contacts=tables.get("contacts"),
        channels=channels,
        **config.journeys.model_dump(),
    )
    as_of = pd.Timestamp(str(journeys.about["as_of"]))
    progress("crediting channels")
    models, level = config.attribution.models, config.attribution.level
    deals = compare(journeys, models, measure="conversions", level=level)
    value = compare(journeys, models, measure="value", level=level) if journeys.has_value else None
    economics, spend_period = None, None
    if "spend" in tables and config.journeys.dimension == "channel":
        spend = until(tables["spend"], as_of)
        if len(spend):
            spend_period = period_of_spend(spend)
            economics = channel_lines(journeys, {**tables, "spend": spend}, channels, config)
    progress("looking at the funnel")
    health = funnel_health(
        tables,
        channels,
        as_of=as_of,
        agreement=config.funnel.to_agreement(),
        level=level,
        **config.funnel.model_dump(include={"months", "seed"}),
    )
    return RunResult(
        tables=tables,
        journeys=journeys,
        deals=deals,
        value=value,
        economics=economics,
        health=health,
        spend_period=spend_period,
        unmatched=unmatched(tables, channels),
        missing=tuple(name for name in ("touches", "leads", "spend") if name not in tables),
        manifest=manifest(config, tables),
    )


def check_currencies(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise where two tables are in different currencies.

    Raises
    ------
    InputError
    """
    found = {
        name: table["currency"].dropna().iloc[0]
        for name, table in tables.items()
        if name in {"deals", "spend", "costs"} and "currency" in table.columns
        if table["currency"].notna().any()
    }
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} in {currency}" for name, currency in found.items())
        raise InputError(
            f"the tables differ in currency: {said}. Pass currency= and rates= to one of them."
        )


def period_of_spend(spend: pd.DataFrame) -> tuple[date, date]:
    """Return the first and the last day that the spend covers, the last period included."""
    days = {"day": 1, "week": 7}
    last = spend["date"].max()
    every = str(spend.attrs["every"])
    end = last + (pd.Timedelta(days=days[every]) if every in days else pd.DateOffset(months=1))
    return spend["date"].min().date(), (end - pd.Timedelta(days=1)).date()


def until(spend: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Leave out the periods that begin after `as_of`: planned spend has no customers yet."""
    return spend[spend["date"] <= as_of.tz_localize(None)]


def channel_lines(
    journeys: Journeys, tables: Mapping[str, pd.DataFrame], channels: ChannelMap, config: Config
) -> pd.DataFrame:
    """Put spend, leads and new customers of each channel side by side, in the period of the spend.

    New customers without a touch are in the row ``(unattributed)``.

    Returns
    -------
    pandas.DataFrame
        As `mmm.funnel.channel_table` returns it.
    """
    spend = tables["spend"]
    first, last = period_of_spend(spend)
    chosen = in_period(journeys, tables["deals"], first, last)
    settings, money = config.attribution, config.funnel
    options: dict[str, Any] = {"level": settings.level}
    one = [settings.headline]
    credit = compare(chosen, one, measure="conversions", **options).to_frame()
    if chosen.has_value and chosen.value.any():
        options["value"] = compare(chosen, one, measure="value", **options).to_frame()
    if "leads" in tables:
        leads = tables["leads"]
        day = leads["created_at"].dt.date
        leads = leads.assign(channel=channels.assign(leads).fillna(UNMATCHED))
        options["leads"] = leads[(day >= first) & (day <= last)]
    costs = tables.get("costs")
    if costs is not None:
        costs = costs[(costs["date"].dt.date >= first) & (costs["date"].dt.date <= last)]
    labelled = spend.assign(channel=channels.assign(spend).fillna(UNMATCHED))
    if money.share_costs_by == "touches" and "touches" in tables:
        touches = tables["touches"]
        day = touches["touched_at"].dt.date
        touches = touches.assign(channel=channels.assign(touches).fillna(UNMATCHED))
        options["touches"] = touches[(day >= first) & (day <= last)]
    options |= {"rule": money.share_costs_by, "monthly_margin": money.monthly_margin}
    return channel_table(credit, labelled, costs, money.margin, **options)


def in_period(journeys: Journeys, deals: pd.DataFrame, first: date, last: date) -> Journeys:
    """Select the new customers won between two days, and the journeys lost between them."""
    kinds, ids = np.asarray(journeys.kind), np.asarray(journeys.deal_id)
    closed = np.asarray(journeys.closed_at)
    last_touch = np.asarray(journeys.touched_at)[journeys.start[1:] - 1]
    day = np.where(np.isnat(closed), last_touch, closed).astype("datetime64[D]")
    within = (day >= np.datetime64(first)) & (day <= np.datetime64(last))
    new = np.array([kind in (None, "new") for kind in kinds], dtype=bool)
    inside = within & (new | (journeys.conversions == 0))
    bare = new_customers(deals, first, last)
    bare = bare[~bare["deal_id"].isin(ids[inside])]
    worth = [v for v in bare["value"] if isinstance(v, Decimal)] if "value" in bare else []
    left = Unattributed(float(len(bare)), float(sum(worth, Decimal(0))))
    return replace(journeys.select(inside), unattributed=left)


def new_customers(deals: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """Return the deals that won a new customer between two days."""
    won = deals["won"].fillna(False)
    day = deals["closed_at"].dt.date
    kind = deals["kind"] if "kind" in deals.columns else pd.Series("new", index=deals.index)
    new = kind.isna() | (kind == "new")
    rows: pd.Series[bool] = won & new & (day >= first) & (day <= last)
    return deals[rows]


def unmatched(tables: Mapping[str, pd.DataFrame], channels: ChannelMap) -> dict[str, pd.DataFrame]:
    """List, a table, what no channel rule matches."""
    found = {}
    for name in ("touches", "leads", "spend"):
        table = tables.get(name)
        if table is None or not {"channel", "source", "medium", "campaign"} & set(table.columns):
            continue
        rows = channels.unmatched(table)
        if len(rows):
            found[name] = rows
    return found


def manifest(config: Config, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """State what was read and how, so that a run can be repeated."""
    inputs = []
    for name, table in tables.items():
        source = getattr(config, name).source
        is_file = "://" not in source
        inputs.append(
            {
                "name": name,
                "source": Path(source).name if is_file else source.partition("://")[0],
                "rows": len(table),
                "sha256": _digest(Path(source)) if is_file else "",
            }
        )
    settings = config.journeys.model_dump(exclude_none=True) | config.attribution.model_dump()
    settings |= config.funnel.model_dump(exclude_none=True)
    return {"version": version("mmm-research"), "inputs": inputs, "settings": settings}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
