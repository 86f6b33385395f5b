"""What changed between two periods, indicator by indicator, and what each change consists of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import MmmError, counted
from mmm.funnel.because import Explanation, explain_change, explain_sum
from mmm.funnel.durations import complete
from mmm.funnel.economics import between, period_of
from mmm.funnel.kpi import Kpi
from mmm.funnel.kpis import (
    VelocityParts,
    average_deal,
    lead_to_customer,
    velocity_of,
    velocity_parts,
    won_with_value,
)
from mmm.funnel.records import Outcomes, lead_outcomes, link_deals
from mmm.funnel.stages import sales_cycle
from mmm.journeys import UNATTRIBUTED
from mmm.tables.several import not_reaching

Tables = Mapping[str, pd.DataFrame]
Period = tuple[date, date]
LEAST_DAYS = 60  # a shorter period has too few leads to be compared with another
YEAR = 365


@dataclass(frozen=True, eq=False)
class Compared:
    """Two periods of the tables of a run, looked at from one day.

    Attributes
    ----------
    tables : mapping of str to DataFrame
    channels : ChannelMap
    periods : tuple of (date, date)
        Before and after, first and last day each.
    as_of : pandas.Timestamp
    level : float
    seed : int
    """

    tables: Tables
    channels: ChannelMap
    periods: tuple[Period, Period]
    as_of: pd.Timestamp
    level: float
    seed: int

    def leads_of(self, period: Period) -> pd.DataFrame:
        """Return the leads that came in within a period."""
        leads = self.tables["leads"]
        day = leads["created_at"].dt.date
        mine: pd.DataFrame = leads[(day >= period[0]) & (day <= period[1])]
        return mine


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
        raise MmmError(f"the tables share {max(0, 2 * days)} days; two periods of 60 are needed.")
    middle = last - timedelta(days=days - 1)
    return (middle - timedelta(days=days), middle - timedelta(days=1)), (middle, last)


def explanations(compared: Compared) -> tuple[list[Explanation], list[str]]:
    """Explain the change of each indicator, as far as the tables tell.

    Returns
    -------
    explanations : list of Explanation
        In the order cac, won_value, lead_to_customer, sales_cycle_from_lead, average_deal,
        sales_velocity.
    missing : list of str
        What could not be explained, and why.
    """
    found, missing = [], []
    for name, explain in _EXPLAIN.items():
        try:
            found.append(explain(compared))
        except MmmError as error:
            missing.append(f"change of {name}: {error}")
    return found, missing


def cac_change(compared: Compared) -> Explanation:
    """Explain how the cost of a customer changed between the leads of two periods.

    Customers still to come from them are added by `mmm.funnel.durations.complete`. Costs of no
    channel, and those of channels without a lead in the period, are spread over all leads alike.

    Raises
    ------
    MmmError
        If there is no spend, an amount is missing, or a file of it does not reach over the periods.
    """
    if "spend" not in compared.tables:
        raise MmmError("needs spend. Add the table.")
    (start, _), (_, end) = compared.periods
    for name, (first, last) in not_reaching(compared.tables["spend"], start, end).items():
        raise MmmError(
            f"spend of {name} is there from {first} to {last}, and {start} to {end} is compared. "
            "Add the rest."
        )
    tables = [
        cohort.assign(cost=_costs(compared, cohort, period))
        for cohort, period in zip(_cohorts(compared), compared.periods, strict=True)
    ]
    return explain_change(*tables, kpi="cac", level=compared.level, seed=compared.seed)


def conversion_change(compared: Compared) -> Explanation:
    """Explain how the share of leads that become customers changed, by channel."""
    deals = compared.tables["deals"]
    kpis, tables = [], []
    for cohort, period in zip(_cohorts(compared), compared.periods, strict=True):
        mine = compared.leads_of(period)
        kpi = lead_to_customer(mine, deals, as_of=compared.as_of, level=compared.level)[0]
        won = float(cohort["customers"].sum())
        # Channels share what the curve of all of them says of the young leads.
        scale = kpi.value * float(cohort["leads"].sum()) / won if won > 0 else 1.0
        tables.append(cohort.assign(customers=cohort["customers"] * scale))
        kpis.append(kpi)
    return explain_change(*tables, kpi="lead_to_customer", kpis=_known(kpis))


def cycle_change(compared: Compared) -> Explanation:
    """Explain how the sales cycle changed: before the opportunity, and from it on.

    Both periods are looked at within one horizon, the shorter of theirs.
    """
    kpis: list[Kpi] = []
    own: list[Kpi] = []
    for start, into in ((0, kpis), (1, own)):
        cycles = [_cycle(compared, period, start) for period in compared.periods]
        tau = min((kpi.window_days for kpi in cycles if kpi.window_days), default=None)
        into += [_cycle(compared, period, start, tau) for period in compared.periods]
    both = _known(kpis)
    parts = [
        {"before_opportunity": kpi.value - late.value, "from_opportunity": late.value}
        if all(np.isfinite(part.value) for part in own)
        else {"whole": kpi.value}
        for kpi, late in zip(both, own, strict=True)
    ]
    return explain_sum(*parts, kpis=both, better=-1)


def deal_change(compared: Compared) -> Explanation:
    """Explain how the average new deal changed, by the channel of the lead."""
    deals = compared.tables["deals"]
    closed = deals[~(deals["closed_at"] > compared.as_of)]
    kpis, tables = [], []
    for period, rows in zip(compared.periods, _won_deals(compared), strict=True):
        kpis.append(average_deal(closed, period=period, level=compared.level))
        tables.append(rows.groupby("channel", as_index=False).sum())
    return explain_change(*tables, kpi="average_deal", kpis=_known(kpis))


def value_change(compared: Compared) -> Explanation:
    """Explain how the value won with new customers changed, by the channel of the lead.

    Leads are those that came in within a period, deals those won in it: the months between the two
    are not in the terms. A deal without a lead stands for one of no channel.

    Raises
    ------
    MmmError
        If a period has fewer than two deals with a value: one has no spread.
    """
    leads = compared.tables["leads"]
    names = compared.channels.assign(leads).fillna(UNMATCHED)
    day, tables = leads["created_at"].dt.date, []
    for (first, last), rows in zip(compared.periods, _won_deals(compared), strict=True):
        if len(rows) < 2:
            raise MmmError(
                f"{counted(len(rows), 'deal')} won with a value from {first} to {last}; "
                "it takes two. Wait for more."
            )
        came = names[(day >= first) & (day <= last)].value_counts()
        sums = rows.groupby("channel").sum().rename(columns={"deals": "customers"})
        table = sums.reindex(sums.index.union(came.index), fill_value=0.0)
        table["leads"] = came.reindex(table.index, fill_value=0).astype("float64")
        bare = table["leads"] == 0  # won in the period, from a lead of before it or from none
        table["leads"] = table["leads"].mask(bare, table["customers"])
        table["value_sd"] = float(rows["value"].std())
        tables.append(table.rename_axis("channel").reset_index())
    return explain_change(*tables, kpi="won_value", level=compared.level, seed=compared.seed)


def _won_deals(compared: Compared) -> Iterator[pd.DataFrame]:
    """Yield the new deals won in each period: channel of the lead, deals (1), value."""
    leads, deals = compared.tables["leads"], compared.tables["deals"]
    closed = deals[~(deals["closed_at"] > compared.as_of)]
    channel = compared.channels.assign(leads).fillna(UNMATCHED).to_numpy(dtype=object)
    for period in compared.periods:
        rows = won_with_value(closed, period=period)
        lead = link_deals(leads, rows)
        names = np.where(lead >= 0, channel[lead], UNATTRIBUTED) if len(leads) else lead
        value = rows["value"].astype("float64").to_numpy()
        yield pd.DataFrame({"channel": names, "deals": 1.0, "value": value})


def velocity_change(compared: Compared) -> Explanation:
    """Explain how sales velocity changed between the last days of two periods."""
    parts = []
    for _, last in compared.periods:
        then = min(compared.as_of, pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1))
        parts.append(velocity_parts(compared.tables["deals"], as_of=then, level=compared.level))
    kpis = _known([velocity_of(part) for part in parts])
    before, after = (_factors(part) for part in parts)
    return explain_change(before, after, kpi="sales_velocity", kpis=kpis)


_EXPLAIN: dict[str, Callable[[Compared], Explanation]] = {
    "cac": cac_change,
    "won_value": value_change,
    "lead_to_customer": conversion_change,
    "sales_cycle_from_lead": cycle_change,
    "average_deal": deal_change,
    "sales_velocity": velocity_change,
}


def _known(kpis: list[Kpi]) -> tuple[Kpi, Kpi]:
    """Return both, where both have a value and an interval."""
    for kpi in kpis:
        if not all(np.isfinite(figure) for figure in (kpi.value, kpi.lower, kpi.upper)):
            named = kpi.name.replace("_", " ")
            raise MmmError(f"too few records for the {named} of one of them. Wait for more.")
    return kpis[0], kpis[1]


def _cycle(compared: Compared, period: Period, start: int, tau: float | None = None) -> Kpi:
    leads, deals = compared.leads_of(period), compared.tables["deals"]
    settings: dict[str, Any] = {"as_of": compared.as_of, "level": compared.level}
    return sales_cycle(leads, deals, until_days=tau, **settings)[start]


def _factors(parts: VelocityParts) -> dict[str, float]:
    return {
        "open_opportunities": float(parts.n_open),
        "win_rate": parts.win_rate.value,
        "average_deal": parts.average_deal.value,
        "cycle_days": parts.cycle.value,
    }


def _cohorts(compared: Compared) -> Iterator[pd.DataFrame]:
    """Yield leads and completed customers of each channel, for the leads of each period."""
    leads = compared.tables["leads"]
    outcomes = lead_outcomes(leads, compared.tables["deals"], as_of=compared.as_of)
    names = compared.channels.assign(leads).fillna(UNMATCHED).to_numpy(dtype=object)[outcomes.row]
    for period in compared.periods:
        yield _cohort(outcomes, names, period)


def _cohort(outcomes: Outcomes, names: npt.NDArray[np.object_], period: Period) -> pd.DataFrame:
    day = outcomes.start.astype("datetime64[D]")
    inside = (day >= np.datetime64(period[0])) & (day <= np.datetime64(period[1]))
    # Leads of other days tell how fast leads close, in a group of their own.
    labels = sorted(set(names[inside]))
    position = {name: i for i, name in enumerate(labels)}
    group = np.array(
        [position[n] if i else len(labels) for n, i in zip(names, inside, strict=True)]
    )
    done = complete(outcomes, group, len(labels) + 1, 0.9)
    leads, customers = done.n[:-1].astype(np.float64), (done.converted + done.expected)[:-1]
    return pd.DataFrame({"channel": labels, "leads": leads, "customers": customers})


def _costs(compared: Compared, cohort: pd.DataFrame, period: Period) -> npt.NDArray[np.float64]:
    """Return what the leads of each channel cost, media, tools and people."""
    spend = compared.tables["spend"]
    booked = spent(spend, "spend", compared.channels.assign(spend), period)
    if "costs" in compared.tables:
        costs = compared.tables["costs"]
        owner = costs["channel"] if "channel" in costs.columns else pd.Series(None, costs.index)
        for name, amount in spent(costs, "cost", owner, period).items():
            booked[name] = booked.get(name, 0.0) + amount
    names, leads = set(cohort["channel"]), cohort["leads"].to_numpy(dtype=np.float64)
    shared = sum(amount for name, amount in booked.items() if name not in names)
    own = np.array([booked.get(name, 0.0) for name in cohort["channel"]])
    cost: npt.NDArray[np.float64] = own + shared * leads / leads.sum()
    return cost


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
