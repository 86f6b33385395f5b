"""From a brief to the texts of its template, so that the template decides nothing."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.funnel.economics import TOTAL
from mmm.report.budget import print_budget, print_decisions, print_pilots
from mmm.report.calls import print_calls
from mmm.report.front import print_cards
from mmm.report.health import print_health
from mmm.report.ledger import Ledger, print_costs
from mmm.report.material import Brief
from mmm.report.names import plain, sentence, split
from mmm.report.outlook import print_work
from mmm.report.together import disagreement, print_together
from mmm.report.whatif import has_room, whatif_data, whatif_script
from mmm.run.advice import BudgetAdvice, Gap
from mmm.run.answer import best_pilot
from mmm.wording import Finding

MOST_CARE = 3
# What makes the first sentence on the budget wrong, if it is so.
_GRAVE = ("budget_doubt.old", "budget_doubt.units")


def gather(brief: Brief, sections: frozenset[str], lang: str) -> dict[str, Any]:
    """Turn a brief into what the template shows.

    Parameters
    ----------
    brief : Brief
    sections : frozenset of str
        Those of the edition.
    lang : {"en", "it"}
    """
    money = partial(wording.format_money, currency=brief.currency, lang=lang)
    count = partial(wording.format_count, lang=lang, digits=1)
    credit = None if brief.credit is None else Ledger.read(brief.credit, brief.headline, 0)
    deals = None if brief.deals is None else Ledger.read(brief.deals, brief.headline, 1)
    first = credit or deals
    assert first is not None  # a Brief holds at least one of the two
    say = partial(sentence, lang=lang)
    capacity = None if brief.calls is None else brief.calls.capacity
    return {
        "sections": sections,
        "facts": _facts(brief, first),
        "figures": _figures(credit, deals, brief.currency, lang),
        "findings": [split(one, lang) for one in brief.findings or _answer(brief, first)],
        "reasons": [say(one) for one in brief.reasons],
        "models": first.models,
        "disagreements": [say(one) for one in brief.disagreements],
        "has_interval": first.has_interval,
        "credit": credit and credit.printed(money, lang),
        "deals": deals and deals.printed(count, lang),
        "against": [say(one) for one in credit_against_effect(brief)],
        "cost": None
        if brief.economics is None
        else print_costs(_lines(brief.economics), money, lang, brief.budget),
        **_health(brief, lang),
        **_budget(brief.budget, "budget" in sections, lang),
        "calls": brief.calls and print_calls(brief.calls, lang),
        "together": brief.signal and print_together(brief.signal, lang),
        "work": print_work(brief.work, capacity, lang),
        "pilots": print_pilots(brief.budget, lang),
        "pilots_pay": brief.budget is not None and best_pilot(brief.budget) is not None,
        "decisions": print_decisions(brief.decisions, brief.currency, lang),
        "care": [say(one) for one in _care(brief)],
        "limits": [say(one) for one in [*_gaps(brief), *_limits(brief, first)]],
        **_made(brief, lang),
    }


def _facts(brief: Brief, first: Ledger) -> dict[str, Any]:
    return {
        "model": brief.headline,
        "level": brief.level,
        "total": first.total,
        "currency": brief.currency,
        "first": brief.period[0],
        "last": brief.period[1],
        "as_of": brief.as_of,
    }


def _health(brief: Brief, lang: str) -> dict[str, Any]:
    health = brief.health
    if health is None:
        return {"health": None, "cards": []}
    say = partial(sentence, lang=lang)
    shown = print_health(health, brief.currency, brief.level, lang, say, brief.economics)
    return {"health": shown, "cards": print_cards(health, brief.currency, lang)}


def _budget(advice: BudgetAdvice | None, in_full: bool, lang: str) -> dict[str, Any]:
    if advice is None:
        return {"budget": None, "whatif": None}
    data = whatif_data(advice, lang) if in_full and has_room(advice) else None
    return {
        "budget": print_budget(advice, lang),
        "whatif": data and {"data": whatif_script(data), "n_draws": data["n_draws"]},
    }


def _made(brief: Brief, lang: str) -> dict[str, Any]:
    manifest = brief.manifest
    return {
        "inputs": [
            (str(one["name"]), wording.format_count(one["rows"], lang), str(one["sha256"])[:12])
            for one in manifest.get("inputs", ())
        ],
        "settings": [(str(k), plain(v)) for k, v in manifest.get("settings", {}).items()],
        "version": manifest.get("version"),
    }


def _care(brief: Brief) -> list[Finding]:
    """Choose what a reader of the first page alone has to know."""
    notes = () if brief.budget is None else brief.budget.notes
    grave = [one for one in notes if one.metric in _GRAVE]
    gaps = [_gap(gap) for gap in brief.gaps if gap.answer != "budget"]
    said = [*grave, *gaps][: MOST_CARE - 1]
    together = disagreement(brief.signal, brief.budget)
    against = credit_against_effect(brief)[:1] if together is None else [together]
    return [*said, *against, Finding("brief.presence", None)]


def credit_against_effect(brief: Brief) -> list[Finding]:
    """Name channels that credit makes dear and the mix would push, or cheap and would cut.

    Both can be right: credit counts who was present, the mix what more spend would add.
    """
    if brief.budget is None or brief.economics is None:
        return []
    lines = _lines(brief.economics)
    costs = lines[lines["cac"].notna() & (lines["spend"].notna())].set_index("channel")["cac"]
    verdicts = brief.budget.table.set_index("channel")["verdict"]
    known = {str(name): float(cac) for name, cac in costs.items() if name in verdicts.index}
    if len(known) < 2:
        return []
    said = []
    for verdict, extreme in (("push", max), ("cut", min)):
        name = extreme(known, key=lambda one: known[one])
        if verdicts[name] == verdict:
            facts = {"channel": name, "cac": known[name], "currency": brief.currency}
            said.append(Finding(f"brief.against_{verdict}", known[name], facts=facts))
    return said


def _gap(gap: Gap) -> Finding:
    return Finding(
        "brief.gap_short", None, because=(gap.reason, gap.cure), facts={"answer": gap.answer}
    )


def _gaps(brief: Brief) -> list[Finding]:
    """Say which answers are missing and what would mend that, and the test that would tell."""
    found = [_gap(gap) for gap in brief.gaps]
    best = None if brief.budget is None else best_pilot(brief.budget)
    if best is not None:
        facts = {"channel": best["channel"], "n": best["n_periods"], "chance": best["chance"]}
        found.append(Finding("brief.test_tells", best["chance"], facts=facts))
    return found


def _lines(economics: pd.DataFrame) -> pd.DataFrame:
    """Leave out the total, which the page adds up itself from what it prints."""
    return economics[economics["channel"] != TOTAL]


def _figures(
    credit: Ledger | None, deals: Ledger | None, currency: str, lang: str
) -> list[tuple[str, str]]:
    """Pair label and text of the key figures under the title."""
    ledger = credit or deals
    figures = []
    if credit is not None:
        won = wording.format_money(credit.total, currency, lang)
        figures.append(("page.value_won", won))
    if deals is not None:
        digits = 0 if deals.total == int(deals.total) else 1
        figures.append(("page.deals_won", wording.format_count(deals.total, lang, digits)))
    if ledger is not None:
        figures.append(("page.channels_seen", wording.format_count(ledger.n_channels, lang)))
    return figures


def _answer(brief: Brief, ledger: Ledger) -> Iterable[Finding]:
    """Name the leader, for a brief that brings no findings of its own."""
    leader = ledger.leader
    if leader is None:
        return
    facts = {
        "channel": leader.channel,
        "credit": leader.credit[brief.headline],
        "share": leader.share[brief.headline],
        "total": ledger.total,
        "n": ledger.total,
        "model": brief.headline,
        "currency": brief.currency,
    }
    key = "attribution.leader_deals" if brief.credit is None else "attribution.leader"
    yield Finding(key, leader.share[brief.headline], facts=facts)


def _limits(brief: Brief, ledger: Ledger) -> list[Finding]:
    """Put what always holds around what the caller found; each limit once."""
    first, last = brief.period
    days = (last - first).days + 1
    standing = [Finding("limits.presence", None)]
    if ledger.has_interval:
        standing.append(Finding("limits.interval", brief.level, facts={"level": brief.level}))
    if ledger.unattributed is not None:
        facts = {
            "credit": ledger.unattributed.credit[brief.headline],
            "share": ledger.unattributed.share[brief.headline],
            "currency": brief.currency,
        }
        of = "unattributed_deals" if brief.credit is None else "unattributed"
        standing.append(Finding(f"limits.{of}", facts["share"], facts=facts))
    standing.append(
        Finding("limits.period", days, facts={"days": days, "first": first, "last": last})
    )
    closing = Finding("limits.experiment", None)
    own = {one.metric for one in brief.limits}
    kept = [one for one in standing if one.metric not in own]
    return [*kept, *brief.limits, *([] if closing.metric in own else [closing])]
