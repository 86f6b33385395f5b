"""What a customer of each channel costs: spend, leads and new customers of one period."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mmm.attribution import compare
from mmm.channels import UNMATCHED, ChannelMap
from mmm.funnel.economics import channel_table
from mmm.funnel.records.as_known import as_known
from mmm.journeys import Journeys, Unattributed
from mmm.run.config import Config
from mmm.tables.lookup import is_among


def customer_costs(
    journeys: Journeys,
    tables: Mapping[str, pd.DataFrame],
    channels: ChannelMap,
    config: Config,
    as_of: pd.Timestamp,
) -> tuple[pd.DataFrame | None, tuple[date, date] | None]:
    """Return what a customer of each channel costs, and the days of that spend; None without.

    Spend in periods that begin after `as_of` is left out, and a note of the table says so.
    """
    if "spend" not in tables:
        return None, None
    _note_planned(tables["spend"], as_of)
    if config.journeys.dimension != "channel":
        return None, None
    spend = until(tables["spend"], as_of)
    if not len(spend):
        return None, None
    known = {n: as_known(tables[n], n, as_of) for n in ("leads", "touches") if n in tables}
    lines = channel_lines(journeys, {**tables, **known, "spend": spend}, channels, config)
    return lines, period_of_spend(spend)


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


def _note_planned(spend: pd.DataFrame, as_of: pd.Timestamp) -> None:
    """Say what is spent in periods that begin after `as_of`: it is in no figure."""
    later = spend[spend["date"] > as_of.tz_localize(None)]
    later = later[(later["spend"] > 0).fillna(False).to_numpy(dtype=bool)]
    if len(later):
        note = (
            f"spend: {sum(later['spend'], Decimal(0)):f} from {later['date'].min().date()} on is "
            f"after the last day of the data, {as_of.date()}: it counts in no figure"
        )
        spend.attrs["notes"] = (*spend.attrs.get("notes", ()), note)


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
    bare = bare[~is_among(bare["deal_id"], ids[inside])]
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
