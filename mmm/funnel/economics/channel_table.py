"""One line a channel or campaign: what it cost in full, what it brought, when that pays back."""

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import UNMATCHED
from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.funnel.economics.customer_cost import cac, romi
from mmm.funnel.economics.full_cost import RULES, SHARED, Rule, add, allocate, by_group
from mmm.funnel.intervals import count_interval, product_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.records.columns import need
from mmm.journeys import UNATTRIBUTED

Floats = npt.NDArray[np.float64]
Money = dict[str, Decimal | None]

TOTAL = "(total)"


def channel_table(
    credit: pd.DataFrame,
    spend: pd.DataFrame,
    costs: pd.DataFrame | None = None,
    margin: float | None = None,
    *,
    value: pd.DataFrame | None = None,
    leads: pd.DataFrame | None = None,
    touches: pd.DataFrame | None = None,
    clv: Kpi | None = None,
    monthly_margin: float | None = None,
    by: str = "channel",
    rule: Rule = "media",
    level: float = 0.9,
) -> pd.DataFrame:
    """Put full cost, leads and customers of each channel side by side, with a total that adds up.

    All tables have to be about the same period. Full cost = media + costs booked on the channel +
    its part of the shared ones, split by `rule` in cents that add up; what cannot be split stays on
    a line "(shared)". Nobody recorded what people did for whom: a split by media leaves channels
    without media, such as e-mail, without people, and one by leads those that bring none.

    Parameters
    ----------
    credit : pandas.DataFrame
        `by`, credit (customers), lower and upper (interval of the share, at `level`, may be
        missing): `AttributionResult.to_frame()` measured in conversions.
    spend : pandas.DataFrame
        `by`, spend. A missing amount makes the media of its channel unknown; so does having no row.
    costs : pandas.DataFrame, optional
        cost and, where it belongs to one channel, `by`.
    margin : float, optional
        Contribution margin, 0-1, of the money in `value`; needed for margin and romi.
    value : pandas.DataFrame, optional
        `by`, credit (money): the same model measured in value.
    leads : pandas.DataFrame, optional
        `by`, sql_at where known; one row a lead, duplicates already out.
    touches : pandas.DataFrame, optional
        `by`; one row a touch. Needed for ``rule="touches"`` alone.
    clv : Kpi, optional
        Lifetime value of a customer, at `level`.
    monthly_margin : float, optional
        Contribution margin of a customer a month; needed for payback_months.
    by : str
        "channel", "campaign" or another label that all tables have.
    rule : {"media", "leads", "touches", "equal"}
        How shared costs are split: pro rata to media spend (the default), to leads or to touches,
        or alike among the channels credited or paid for.
    level : float
        Coverage.

    Returns
    -------
    pandas.DataFrame
        One row a `by`, then "(total)":

        - media, other_costs, spend (their sum, the full cost): exact Decimals, None where unknown.
          Where no media is recorded but costs are, `spend` is those costs.
        - leads, cost_per_lead, sql: NaN without `leads`.
        - customers, cac, cac_lower, cac_upper: the interval combines that of the share with Poisson
          customers in all; one-sided where the share reaches 0.
        - clv_to_cac, payback_months.
        - value, margin (margin x value - spend), romi: NaN without `value` or `margin`.

        The total of media and of other_costs is that of the tables to the cent, or None where an
        amount in them is missing. ``attrs["notes"]`` says what is unknown or was not split;
        ``attrs["shared"]`` holds the rule, the amount split (text) and the channels without.

    Raises
    ------
    InputError
        If a column is missing or a label comes twice in `credit`.
    ConfigError
        If `rule`, `level` or `margin` cannot be, or the table that `rule` needs is missing.

    Examples
    --------
    >>> credit = pd.DataFrame({"channel": ["Events", "Direct"], "credit": [4.0, 1.0],
    ...     "lower": [0.5, 0.0], "upper": [0.9, 0.4]})
    >>> spend = pd.DataFrame({"channel": ["Events"], "spend": [Decimal("1000.00")]})
    >>> costs = pd.DataFrame({"channel": [None], "cost": [Decimal("200.00")]})
    >>> channel_table(credit, spend, costs)[["channel", "spend", "customers", "cac"]]
       channel    spend  customers    cac
    0   Events  1200.00        4.0  300.0
    1   Direct     None        1.0    NaN
    2  (total)  1200.00        5.0  240.0
    """
    _check(credit, spend, costs, value, leads, by, margin)
    _check_rule(rule, leads, touches, by)
    check_level(level)
    counts = None if leads is None else leads[by].value_counts()
    media = by_group(spend, "spend", by)
    booked = {} if costs is None else by_group(_with(costs, by), "cost", by)
    names = _names(credit[by], media, booked, counts)
    weights = _weights(rule, names, media, counts, touches, by)
    other, notes = _other_costs(booked, weights, names, rule, costs is not None)
    if SHARED in other and SHARED not in names:
        names.append(SHARED)
    full = {name: _full(name, media, other) for name in names}
    table = pd.DataFrame({by: pd.Series([*names, TOTAL], dtype="str")})
    table["media"] = _column([media.get(name) for name in names], add(list(media.values())))
    table["other_costs"] = _column(
        [other.get(name) for name in names], add(list(other.values())) if other else None
    )
    table["spend"] = _column([full[name] for name in names], _total_cost(media, other))
    cost = table["spend"].map(lambda x: np.nan if x is None else float(x)).to_numpy(np.float64)
    table = table.assign(**_lead_columns(leads, by, names, cost))
    customers = _aligned(credit, by, names)
    table["customers"] = np.append(customers, customers.sum())
    lower, upper = _customer_bounds(credit, by, names, customers, level)
    table["cac"] = cac(cost, table["customers"].to_numpy())
    table["cac_lower"], table["cac_upper"] = cac(cost, upper), cac(cost, lower)
    dear = table["cac"].to_numpy(np.float64)
    table["clv_to_cac"] = cac(np.full(len(dear), np.nan if clv is None else clv.value), dear)
    a_month = monthly_margin if monthly_margin is not None and monthly_margin > 0 else np.nan
    table["payback_months"] = dear / a_month
    table = table.assign(**_money_columns(value, by, names, cost, margin))
    unknown = [name for name in names if full[name] is None]
    if unknown:
        notes.append(f"no spend known for {quoted(unknown)}: no cost of a customer there")
    table.attrs["notes"] = tuple(notes)
    table.attrs["shared"] = _shared(booked, weights, full, rule)
    return table


def _check(
    credit: pd.DataFrame,
    spend: pd.DataFrame,
    costs: pd.DataFrame | None,
    value: pd.DataFrame | None,
    leads: pd.DataFrame | None,
    by: str,
    margin: float | None,
) -> None:
    need(credit, (by, "credit"), "credit", "Pass the frame of one model.")
    need(spend, (by, "spend"), "spend", f"Pass the spend with its {by}.")
    if costs is not None:
        need(costs, ("cost",), "costs", "Read them with mmm.read_costs.")
    if value is not None:
        need(value, (by, "credit"), "value", "Pass the frame of one model measured in value.")
    if leads is not None:
        need(leads, (by,), "leads", f"Give each lead its {by} first.")
    twice = credit[by][credit[by].duplicated()].tolist()
    if twice:
        raise InputError(
            f"credit has {quoted(twice)} more than once. Pass the frame of one model only."
        )
    if margin is not None and not -1 <= margin <= 1:
        raise ConfigError(f"margin is {margin!r}. Pass a share of the value, such as 0.4.")


def _check_rule(
    rule: str, leads: pd.DataFrame | None, touches: pd.DataFrame | None, by: str
) -> None:
    if rule not in RULES:
        raise ConfigError(f"rule is {rule!r}. Choose one of {quoted(RULES)}.")
    table = {"leads": leads, "touches": touches}.get(rule, pd.DataFrame())
    if table is None:
        raise ConfigError(
            f"rule={rule!r} splits shared costs by {rule}. Pass {rule}=, or rule='media'."
        )
    if rule == "touches":
        need(table, (by,), "touches", f"Give each touch its {by} first.")


def _weights(
    rule: str, names: list[str], media: Money, counts: Any, touches: pd.DataFrame | None, by: str
) -> dict[str, float | Decimal]:
    """Return what each channel weighs in the split of shared costs."""
    lines = [name for name in names if name not in (SHARED, UNATTRIBUTED, UNMATCHED)]
    if rule == "media":
        return {name: media.get(name) or 0 for name in names}
    if rule == "equal":
        return dict.fromkeys(lines, 1)
    counted = counts if touches is None or rule == "leads" else touches[by].value_counts()
    return {name: int(counted.get(name, 0)) for name in names}


def _with(costs: pd.DataFrame, by: str) -> pd.DataFrame:
    return costs if by in costs.columns else costs.assign(**{by: None})


def _names(credited: "pd.Series[Any]", media: Money, booked: Money, counts: Any) -> list[str]:
    others = [*sorted(media), *sorted(booked), *(() if counts is None else sorted(counts.index))]
    return [n for n in dict.fromkeys([*credited.astype(str), *others]) if n != SHARED or n in media]


def _other_costs(
    booked: Money,
    weights: dict[str, float | Decimal],
    names: list[str],
    rule: str,
    given: bool,
) -> tuple[Money, list[str]]:
    """Return tools and people of each channel; what cannot be split stays under SHARED."""
    if not given:
        return {}, ["media only: pass costs= for tools and people"]
    other: Money = {name: booked.get(name, Decimal(0)) for name in names if name != SHARED}
    shared = booked.get(SHARED, Decimal(0))
    if shared is None:
        return other | {SHARED: None}, ["a shared cost is missing, so the total is unknown"]
    if not shared:
        return other, []
    keys = [name for name in other if weights.get(name)]
    parts = allocate(shared, [weights[name] for name in keys])
    if parts is None:
        return other | {SHARED: shared}, [f"shared costs of {shared} are not split: no {rule}"]
    for key, part in zip(keys, parts, strict=True):
        other[key] = add([other[key], part])
    how = "alike" if rule == "equal" else f"pro rata to {rule}"
    return other, [f"shared costs of {shared} split {how}"]


def _shared(
    booked: Money, weights: dict[str, float | Decimal], full: Money, rule: str
) -> dict[str, Any]:
    """Say how much was split by which rule, and which channels with a cost got nothing of it."""
    bare = [
        name for name, cost in full.items() if cost and name != SHARED and not weights.get(name)
    ]
    # Exact as text: what `attrs` hold is written as JSON where the frame is kept as Parquet.
    return {"rule": rule, "amount": str(booked.get(SHARED) or 0), "without": tuple(bare)}


def _full(name: str, media: Money, other: Money) -> Decimal | None:
    """Media and other costs; a channel without media on record has cost what is booked on it."""
    rest = other.get(name, Decimal(0))
    if name in media:
        return add([media[name], rest])
    return rest if rest is None or rest else None


def _total_cost(media: Money, other: Money) -> Decimal | None:
    return add([*media.values(), *other.values()])


def _column(parts: list[Decimal | None], total: Decimal | None) -> "pd.Series[Any]":
    return pd.Series([*parts, total], dtype="object")


def _lead_columns(
    leads: pd.DataFrame | None, by: str, names: list[str], cost: Floats
) -> dict[str, Floats]:
    nothing = np.full(len(cost), np.nan)
    if leads is None:
        return {"leads": nothing, "cost_per_lead": nothing, "sql": nothing}
    counts = _counted(leads[by], names)
    accepted = nothing
    if "sql_at" in leads.columns:
        accepted = _counted(leads.loc[leads["sql_at"].notna(), by], names)
    return {"leads": counts, "cost_per_lead": cac(cost, counts), "sql": accepted}


def _counted(labels: "pd.Series[Any]", names: list[str]) -> Floats:
    """Count each label; the total holds those without one too."""
    counts = labels.value_counts().reindex(names, fill_value=0).to_numpy(dtype=np.float64)
    return np.append(counts, float(len(labels))).astype(np.float64)


def _aligned(frame: pd.DataFrame, by: str, names: list[str]) -> Floats:
    amounts = frame.set_index(frame[by].astype(str))["credit"].astype("float64")
    return np.array([float(amounts.get(name, 0.0)) for name in names], dtype=np.float64)


def _customer_bounds(
    credit: pd.DataFrame, by: str, names: list[str], customers: Floats, level: float
) -> tuple[Floats, Floats]:
    """Bounds of the customers of each channel and of all: share x Poisson total, combined."""
    total = float(customers.sum())
    all_low, all_high = count_interval(total, level)
    shares = credit.set_index(credit[by].astype(str)).reindex(names)
    lower, upper = np.full(len(names) + 1, np.nan), np.full(len(names) + 1, np.nan)
    for i, count in enumerate(customers):
        low, high = (
            float(shares[bound].iloc[i]) if bound in shares else np.nan
            for bound in ("lower", "upper")
        )
        if total > 0 and count > 0:
            share = (count / total, low, high)
            lower[i], upper[i] = product_interval([share, (total, all_low, all_high)])
    lower[-1], upper[-1] = all_low, all_high
    return lower, upper


def _money_columns(
    value: pd.DataFrame | None, by: str, names: list[str], cost: Floats, margin: float | None
) -> dict[str, Floats]:
    nothing = np.full(len(cost), np.nan)
    if value is None:
        return {"value": nothing, "margin": nothing, "romi": nothing}
    amounts = _aligned(value, by, names)
    credited = np.append(amounts, float(value["credit"].astype("float64").sum()))
    if margin is None:
        return {"value": credited, "margin": nothing, "romi": nothing}
    return {
        "value": credited,
        "margin": margin * credited - cost,
        "romi": romi(credited, cost, margin),
    }
