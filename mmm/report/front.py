"""The first page: the answer in three sentences, and the figures to watch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmm.funnel.because import Explanation
from mmm.funnel.kpi import Kpi
from mmm.report.health import print_value
from mmm.report.names import sentence
from mmm.run.advice import BudgetAdvice, Calls, Gap
from mmm.run.answer import budget_answer, calls_sentence, gap_sentence
from mmm.run.health import Health
from mmm.wording import Finding, format_share, say

# Figures of other records than the leads that came in within a period.
_OF_PERIOD = {"average_deal": "closed", "won_value": "closed", "sales_velocity": "day"}
# Of who earned most: why the order is not sure.
_UNSURE = {"attribution.too_close", "attribution.too_few"}


def answers(
    leader: tuple[Finding, ...],
    *,
    budget: BudgetAdvice | None,
    calls: Calls | None,
    gaps: tuple[Gap, ...],
    health: Health | None,
    currency: str,
) -> tuple[Finding, ...]:
    """Return the sentences that answer: the budget, the customers, the contacts.

    Parameters
    ----------
    leader : tuple of Finding
        Who earned most; none where nothing was won.
    budget, calls, gaps, health
        Of a run; None where there is none.
    currency : str

    Returns
    -------
    tuple of Finding
        At most three. A process at fault comes first and takes the place of the contacts: no
        sentence on budgets or calls may hide it.
    """
    fault: tuple[Finding, ...] = ()
    if health is not None and health.alignment.structural:
        fault = health.alignment.findings()[:1]
    found = [*fault]
    found += [one for one in [_of_budget(budget, gaps)] if one is not None]
    found += [one for one in [_of_customers(leader, health, currency)] if one is not None]
    if not fault:
        contacts = _of_contacts(calls, health)
        found += [] if contacts is None else [contacts]
    return tuple(found)


def _of_budget(budget: BudgetAdvice | None, gaps: tuple[Gap, ...]) -> Finding | None:
    if budget is not None:
        return budget_answer(budget)
    gap = next((gap for gap in gaps if gap.answer == "budget"), None)
    return None if gap is None else gap_sentence(gap)


def _of_customers(
    leader: tuple[Finding, ...], health: Health | None, currency: str
) -> Finding | None:
    """Put who earned most and what a customer costs into one."""
    cost = None if health is None else customer_cost(health, currency)
    if not leader:
        return cost
    first = leader[0]
    more = () if cost is None else (cost,)
    close = tuple(
        one for one in first.because if isinstance(one, Finding) and one.metric in _UNSURE
    )
    return replace(first, because=(*close, *more))


def customer_cost(health: Health, currency: str) -> Finding | None:
    """Say what a customer costs, whether that moved, and the largest part of why."""
    why = change_of(health, "cac")
    if why is None:
        kpi = next((kpi for kpi in health.indicators if kpi.name == "cac"), None)
        if kpi is None or pd.isna(kpi.value):
            return None
        return Finding("brief.customer_cost", kpi.value, facts={"currency": currency})
    facts = {"before": why.before, "currency": currency}
    facts |= {"lower": why.lower, "upper": why.upper, "level": why.level}
    ratio = why.change / why.before if why.before else None
    if why.within_noise:
        known = bool(np.isfinite([why.lower, why.upper]).all())
        key = "brief.cost_noise" if known else "brief.cost_unsure"
        reasons: tuple[Finding, ...] = (Finding(key, why.after, facts=facts),)
    else:
        moved = Finding("brief.cost_moved", why.after, ratio, facts=facts)
        reasons = (moved, *_terms(why, currency)[:1])
    return Finding("brief.customer_cost", why.after, because=reasons, facts=facts)


def change_of(health: Health, name: str) -> Explanation | None:
    """Return the change of an indicator, None where the periods cannot be compared."""
    return next((why for why in health.changes if why.formula.name == name), None)


def _terms(why: Explanation, currency: str) -> tuple[Finding, ...]:
    """Return what a change consists of, the largest part first."""
    said = why.finding(currency=currency).because
    return tuple(
        one
        for one in said
        if isinstance(one, Finding) and one.metric not in ("because.interval", "because.rest")
    )


def _of_contacts(calls: Calls | None, health: Health | None) -> Finding | None:
    if calls is not None and calls.n_open:
        return calls_sentence(calls)
    return None if health is None or health.stages is None else stopping_point(health)


def stopping_point(health: Health) -> Finding | None:
    """Name the step at which most contacts are lost; None where none is."""
    stages = health.stages
    if stages is None:
        return None
    steps = stages[stages["next_stage"].notna() & (stages["lost"] > 0)]
    if steps.empty:
        return None
    worst = steps.iloc[int(steps["lost"].to_numpy(dtype=np.float64).argmax())]
    facts = {
        "stage": worst["stage"],
        "next": worst["next_stage"],
        "lost": worst["lost"],
        "entered": worst["entered"],
    }
    return Finding("brief.stops", worst["lost"], facts=facts)


def print_cards(health: Health, currency: str, lang: str) -> list[dict[str, Any]]:
    """Return the figures to watch: value, change, whether that is good, because, action.

    Good and bad follow the direction of the indicator, not the sign of the change.

    Parameters
    ----------
    health : Health
    currency : str
    lang : {"en", "it"}

    Returns
    -------
    list of dict
        name, value, period (of which records), before, change, tone (better, worse, noise, none),
        because, action.
    """
    return [
        {"period": _period(kpi, health, lang)} | _card(kpi, health, currency, lang)
        for kpi in _to_watch(health)
    ]


def _to_watch(health: Health) -> list[Kpi]:
    """Return the figures of the first page, at most five.

    The value won stands second where two periods are compared; the sales cycle, which is a factor
    of sales velocity, makes room for it.
    """
    won = change_of(health, "won_value")
    if won is None:
        return list(health.indicators)
    found = [kpi for kpi in health.indicators if kpi.name != "sales_cycle_from_lead"]
    value = Kpi("won_value", won.after, won.formula.unit, 0, level=won.level)
    return [*found[:1], value, *found[1:]]


def _period(kpi: Kpi, health: Health, lang: str) -> str:
    """Say which records a figure is of: the later period where two are compared, else all."""
    compared = change_of(health, kpi.name) is not None
    period = health.periods[1] if compared and health.periods else kpi.cohort
    if period is None:
        return ""
    kind = _OF_PERIOD.get(kpi.name, "leads")
    if kind == "day" and not compared:
        return ""
    return say(f"brief.period_{kind}", lang, first=period[0], last=period[1])


def _was(kpi: Kpi, health: Health, value: str, lang: str) -> str:
    """Say the value before, with the days it is of where they are known."""
    if not health.periods:
        return say("brief.was", lang, value=value)
    first, last = health.periods[0]
    key = "brief.was_day" if _OF_PERIOD.get(kpi.name) == "day" else "brief.was_period"
    return say(key, lang, value=value, first=first, last=last)


def _card(kpi: Kpi, health: Health, currency: str, lang: str) -> dict[str, Any]:
    why = change_of(health, kpi.name)
    if why is None:
        value = print_value(kpi.value, kpi.unit, currency, lang)
        return _bare(kpi.name, value, lang)
    unit = why.formula.unit
    both = [why.before, why.after]
    before, after = (print_value(one, unit, currency, lang, both) for one in both)
    finding = why.finding(currency=currency)
    tone = tone_of(why)
    terms = [] if tone == "noise" else [sentence(one, lang) for one in _terms(why, currency)[:2]]
    return {
        "name": kpi.name,
        "value": after,
        "before": _was(kpi, health, before, lang),
        "change": _signed(why.change / why.before, lang) if why.before else "",
        "up": why.change > 0,
        "tone": tone,
        "tone_said": say(f"brief.{tone}", lang),
        "because": terms,
        "action": _action(finding, lang),
    }


def _bare(name: str, value: str, lang: str) -> dict[str, Any]:
    nothing = {"before": "", "change": "", "up": False, "because": [], "action": ""}
    tone = {"tone": "none", "tone_said": say("brief.no_change", lang)}
    return {"name": name, "value": value, **nothing, **tone}


def tone_of(why: Explanation) -> str:
    """Return better, worse or noise, by the direction in which the indicator is good."""
    if why.within_noise:
        return "noise"
    return "better" if why.change * why.formula.better > 0 else "worse"


def _action(finding: Finding, lang: str) -> Any:
    if finding.action is None:
        return ""
    return sentence(Finding(finding.action, finding.value, facts=finding.facts), lang)


def _signed(ratio: float, lang: str) -> str:
    written = format_share(ratio, lang)
    return f"+{written}" if ratio > 0 else written
