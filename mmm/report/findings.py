"""What a run found, as findings: the sentences that answer, and what the data cannot say."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd

from mmm.attribution import evidence
from mmm.channels import UNMATCHED
from mmm.funnel.economics import SHARED, TOTAL
from mmm.journeys import UNATTRIBUTED
from mmm.run import RunResult
from mmm.run.answer import no_test_pays
from mmm.run.health import Health
from mmm.tables.several import not_reaching
from mmm.wording import Finding

FEW_DEALS = 30
WIDE = 0.05  # a difference of shares worth a sentence
VAST = 0.5  # an interval of a share that says nothing of the order
# What is recorded of a deal that no channel gets: end of the sentence, and what to do.
_BARE = {
    "none": ("", "action.track"),
    "older": ("_older", "action.look_back"),
    "taken": ("_taken", None),
}


def leader(result: RunResult, headline: str, currency: str) -> tuple[Finding, ...]:
    """Say who earned most, and how sure that is.

    Parameters
    ----------
    result : RunResult
    headline : str
        Model that leads.
    currency : str

    Returns
    -------
    tuple of Finding
        One, or none where nothing was won.
    """
    main, channels, total = _headline(result, headline)
    if total <= 0 or channels.empty or not channels["credit"].iloc[0] > 0:
        return ()
    level = (result.value or result.deals).results[0].level
    found = _leader(channels, total, headline, currency, level, result.value is not None)
    unnamed = float(main.loc[main["channel"] == UNMATCHED, "share"].sum())
    if unnamed <= channels["share"].iloc[0]:
        return (found,)
    more = Finding("attribution.unnamed_more", None, facts={"share": unnamed})
    return (replace(found, because=(more, *found.because)),)


def reasons(result: RunResult, headline: str, currency: str) -> tuple[Finding, ...]:
    """Return what the credit says besides: what the rule changes, what is missing, what it costs.

    Parameters
    ----------
    result : RunResult
    headline : str
    currency : str

    Returns
    -------
    tuple of Finding
        None where nothing was won.
    """
    if not leader(result, headline, currency):
        return ()
    main, channels, _ = _headline(result, headline)
    credit = (result.value or result.deals).to_frame()
    return (
        *_models_agree(credit, str(channels["channel"].iloc[0])),
        *_unattributed(main, result, currency),
        *_costs(result, currency),
    )


def _headline(result: RunResult, model: str) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Return the rows of a model, those of channels (largest first), and the total.

    What no rule names counts as a channel only where there is no other.
    """
    credit = (result.value or result.deals).to_frame()
    main = credit[credit["model"] == model]
    channels = main[main["channel"] != UNATTRIBUTED].sort_values("credit", ascending=False)
    named = channels[channels["channel"] != UNMATCHED]
    return main, channels if named.empty else named, float(main["credit"].sum())


def _leader(
    channels: pd.DataFrame, total: float, model: str, currency: str, level: float, money: bool
) -> Finding:
    top = channels.iloc[0]
    facts = {"channel": top["channel"], "model": model, "share": top["share"], "currency": currency}
    if money:
        facts |= {"credit": top["credit"], "total": total}
    else:
        facts |= {"n": total}
    because: tuple[Finding, ...] = ()
    if pd.notna(top["lower"]) and pd.notna(top["upper"]):
        sure = {"lower": top["lower"], "upper": top["upper"], "level": level}
        because = (Finding("attribution.interval", None, facts=sure),)
        second = channels.iloc[1] if len(channels) > 1 else top
        if len(channels) > 1 and second["upper"] >= top["lower"]:
            near = 2 * second["share"] >= top["share"] and top["upper"] - top["lower"] <= VAST
            of, behind = "too_close" if near else "too_few", {"channel": second["channel"]}
            because += (Finding(f"attribution.{of}", None, facts=behind),)
    key = "attribution.leader" if money else "attribution.leader_deals"
    return Finding(key, top["share"], because=because, facts=facts)


def _shares(credit: pd.DataFrame) -> pd.DataFrame:
    known = credit[credit["channel"] != UNATTRIBUTED]
    return known.pivot(index="channel", columns="model", values="share")


def _models_agree(credit: pd.DataFrame, leader: str) -> Iterator[Finding]:
    shares = _shares(credit)
    if shares.shape[1] < 2:
        return
    row = shares.loc[leader]
    if float((shares.max(axis=1) - shares.min(axis=1)).max()) < 0.005:
        return  # one contact a deal: the models cannot differ, which the limits say
    if bool((shares.idxmax() == leader).all()):
        facts = {"n": shares.shape[1], "channel": leader, "low": row.min(), "high": row.max()}
        yield Finding("attribution.models_agree", None, facts=facts)


def disagreements(result: RunResult) -> tuple[Finding, ...]:
    """Say of which channels the models differ by more than noise, and why; the widest first.

    Parameters
    ----------
    result : RunResult

    Returns
    -------
    tuple of Finding
        None with one model, or where no difference exceeds its noise.
    """
    comparison = result.value or result.deals
    if len(comparison.results) < 2 or not result.journeys.conversions.any():
        return ()
    told = comparison.explain()
    return tuple(item.finding() for item in told.items if item.high - item.low >= WIDE)


def _unattributed(main: pd.DataFrame, result: RunResult, currency: str) -> Iterator[Finding]:
    """Tell deals without a contact from those whose contacts are too old, or another deal's."""
    rows, bare = main[main["channel"] == UNATTRIBUTED], result.journeys.untouched
    if rows.empty or rows["share"].iloc[0] < WIDE or bare is None:
        return
    credits = bare.conversions if result.value is None else bare.value
    days = result.journeys.about["lookback_days"]
    of = "unattributed_deals" if result.value is None else "unattributed"
    for contact, (key, action) in _BARE.items():
        those = bare.contact == contact
        n, credit = float(bare.conversions[those].sum()), float(credits[those].sum())
        share = credit / float(main["credit"].sum())
        facts = {"n": n, "credit": credit, "share": share, "lookback_days": days}
        if n:
            facts = {**facts, "currency": currency}
            yield Finding(f"attribution.{of}{key}", share, action=action, facts=facts)


def _costs(result: RunResult, currency: str) -> Iterator[Finding]:
    economics, days = result.economics, result.spend_period
    if economics is None or days is None or not_reaching(result.tables["spend"], *days):
        return  # a channel whose spend is not all there seems cheap
    lines = economics[~economics["channel"].isin([TOTAL, SHARED, UNATTRIBUTED])]
    known = lines[lines["media"].notna() & (lines["customers"] >= 1)]
    known = known.sort_values("cac")
    known = known[known["cac"] > 0]
    if len(known) < 2:
        return
    low, high = known.iloc[0], known.iloc[-1]
    dearest = Finding(
        "economics.dearest",
        high["cac"],
        facts={"channel": high["channel"], "cac": high["cac"], "currency": currency},
    )
    facts = {
        "channel": low["channel"],
        "cac": low["cac"],
        "customers": low["customers"],
        "currency": currency,
    }
    # The model shares out presence; what money adds it cannot see. A test would, where one pays.
    unpaid = result.budget is not None and no_test_pays(result.budget)
    action = None if unpaid else "action.test_first"
    yield Finding("economics.cheapest", low["cac"], because=(dearest,), action=action, facts=facts)


def limits(result: RunResult, currency: str) -> tuple[Finding, ...]:
    """Return what these data cannot say, most important first.

    Parameters
    ----------
    result : RunResult
    currency : str

    Returns
    -------
    tuple of Finding
        Besides what the page says of all data.
    """
    return tuple(_limits(result, currency))


def _limits(result: RunResult, currency: str) -> Iterator[Finding]:
    journeys = result.journeys
    about: Mapping[str, Any] = journeys.about
    counts: Mapping[str, int] = about["counts"]
    known = evidence(journeys)
    late = [name for name, by in zip(known.channels, known.by_name, strict=True) if by]
    if "touches" in result.missing:
        yield Finding("limits.no_touches", None)
    elif late:
        yield Finding("limits.late_channels", None, facts={"channels": late})
    yield from _origin_or_credit(result)
    if counts["won"] < FEW_DEALS:
        yield Finding("limits.few_deals", counts["won"], facts={"n": counts["won"]})
    if journeys.nulls.sum() == 0:
        yield Finding("limits.no_nulls", None)
    yield Finding(
        "limits.lookback", about["lookback_days"], facts={"lookback_days": about["lookback_days"]}
    )
    if result.robustness is not None:
        yield result.robustness.finding()
    if counts["open"]:
        yield Finding("limits.open_deals", counts["open"], facts={"n": counts["open"]})
    if counts["without_deal_too_young"]:
        young = counts["without_deal_too_young"]
        yield Finding("limits.young", young, facts={"n": young})
    yield from _unmatched(result, currency)
    yield from _foreign_spend(result)
    yield from _part_of_spend(result)
    if result.economics is not None:
        yield Finding("limits.same_days", None)
        if "costs" not in result.tables:
            yield Finding("limits.media_only", None)
        yield from _shared_costs(result.economics, currency)
    yield Finding("limits.offline", None)


def _part_of_spend(result: RunResult) -> Iterator[Finding]:
    """Name the files of spend that do not reach over the days of the rest."""
    if result.spend_period is None:
        return
    files = not_reaching(result.tables["spend"], *result.spend_period)
    for file, (first, last) in files.items():
        facts = {"file": file, "first": first, "last": last}
        yield Finding("limits.part_of_spend", None, facts=facts)


def _shared_costs(economics: pd.DataFrame, currency: str) -> Iterator[Finding]:
    """Say how costs of no channel are split, and who looks cheap because of it."""
    shared = economics.attrs.get("shared")
    if not shared or not shared["without"]:
        return
    amount = Decimal(shared["amount"])
    if not amount:
        return
    facts = {
        "value": amount,
        "rule": f"by_{shared['rule']}",
        "channels": list(shared["without"]),
        "currency": currency,
    }
    yield Finding("limits.shared_costs", float(amount), facts=facts)


def _origin_or_credit(result: RunResult) -> Iterator[Finding]:
    """Set apart deals that no channel gets and deals of which no origin is known."""
    n, check = round(result.journeys.unattributed.deals), result.health.hygiene["missing_source"]
    if check.note is not None or n <= check.n or "touches" not in result.tables:
        return
    days = result.journeys.about["lookback_days"]
    facts = {"n": n, "none": check.n, "rest": n - check.n, "lookback_days": days}
    yield Finding("limits.origin_or_credit", n, facts=facts)


def cac_figures(economics: pd.DataFrame, health: Health, currency: str) -> Finding | None:
    """Say how the costs of a customer on the page go together; None where one is missing.

    Parameters
    ----------
    economics : DataFrame
        As `mmm.funnel.channel_table` returns it, by channel.
    health : Health
    currency : str

    Returns
    -------
    Finding or None
    """
    cohort = next((kpi for kpi in health.indicators if kpi.name == "cac"), None)
    lines = economics.set_index("channel")
    if cohort is None or TOTAL not in lines.index or lines.loc[TOTAL, "spend"] is None:
        return None
    known = lines.drop(TOTAL)
    known = known[known["spend"].notna()]
    credited, whole = float(known["customers"].sum()), lines.loc[TOTAL]
    if not (credited > 0 and whole["customers"] > 0 and cohort.value > 0):
        return None
    spend = sum(known["spend"], Decimal(0))
    facts = {
        "spend": spend,
        "credited": credited,
        "known": float(spend) / credited,
        "all": whole["customers"],
        "period": whole["cac"],
        "cohort": cohort.value,
        "currency": currency,
    }
    rest = Finding("economics.cac_figures", cohort.value, facts=facts)
    leading = next((why for why in health.changes if why.formula.name == "cac"), None)
    if leading is None:
        return rest
    first, last = health.periods[1]
    days = {"first": first, "last": last, "currency": currency}
    return Finding("economics.cac_leading", leading.after, because=(rest,), facts=days)


def _foreign_spend(result: RunResult) -> Iterator[Finding]:
    """Name channels that cost money and that no touch has: two vocabularies, most often."""
    if result.economics is None:
        return
    lines = result.economics.set_index("channel")
    strangers = [
        str(name)
        for name in lines.index
        if name not in (TOTAL, SHARED, UNMATCHED, *result.journeys.channels)
        and lines.loc[name, "media"] not in (None, 0)
    ]
    if strangers:
        yield Finding("limits.foreign_spend", len(strangers), facts={"channels": strangers})


def _unmatched(result: RunResult, currency: str) -> Iterator[Finding]:
    rows = sum(int(t["rows"].sum()) for name, t in result.unmatched.items() if name != "spend")
    if rows:
        yield Finding("limits.unmatched", rows, facts={"n": rows})
    spend = result.unmatched.get("spend")
    if spend is not None:
        value = sum(spend["value"], Decimal(0))
        facts = {"value": value, "currency": currency}
        yield Finding("limits.unmatched_spend", float(value), facts=facts)
