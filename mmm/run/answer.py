"""The answer of a run in three sentences: the budget, how sure that is, whom to call."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mmm.mix.budget.certainty import MOVE
from mmm.run.advice import BudgetAdvice, Calls, Gap
from mmm.wording import Finding

STILL = 0.005  # of the total: a smaller change of a channel is none
_NAMED = 3


def answer(
    budget: BudgetAdvice | None, calls: Calls | None, gaps: Iterable[Gap]
) -> tuple[Finding, ...]:
    """Say what to do with the budget, how sure that is, and whom to call.

    Parameters
    ----------
    budget : BudgetAdvice or None
    calls : Calls or None
    gaps : iterable of Gap
        Speak where there is no answer.

    Returns
    -------
    tuple of Finding
        Three, or two where there is no change of the budget to be sure of.
    """
    missing = {gap.answer: gap for gap in gaps}
    said: list[Finding] = []
    if budget is not None:
        said.append(budget_sentence(budget))
        said += [certainty_sentence(budget)] if budget.stance != "stay" else []
    elif "budget" in missing:
        said.append(gap_sentence(missing["budget"]))
    if calls is not None:
        said.append(calls_sentence(calls))
    elif "calls" in missing:
        said.append(gap_sentence(missing["calls"]))
    return tuple(said)


def gap_sentence(gap: Gap) -> Finding:
    """Return a gap as a finding: the answer that is missing, why, and the cure."""
    return Finding(f"gap.{gap.answer}", None, because=(gap.reason, gap.cure))


def budget_answer(budget: BudgetAdvice) -> Finding:
    """Say what to do with the budget, with how sure that is as its last reason.

    Parameters
    ----------
    budget : BudgetAdvice

    Returns
    -------
    Finding
    """
    said = budget_sentence(budget)
    if budget.stance == "stay":
        return said
    return replace(said, because=(*said.because, certainty_sentence(budget)))


def budget_sentence(budget: BudgetAdvice) -> Finding:
    """Say what to do with the budget, and why not more.

    Parameters
    ----------
    budget : BudgetAdvice

    Returns
    -------
    Finding
    """
    table = budget.table
    today = float(table["current"].sum())
    facts: dict[str, object] = {
        "period": budget.every,
        "currency": budget.currency,
        "total": today,
        "new_total": float(table["recommended"].sum()),
    }
    best = best_pilot(budget)
    if budget.stance == "test" and best is not None:
        facts |= {"channel": best["channel"], "n": int(best["n_periods"])}
        facts["delta"] = float(best["delta"])
        return Finding(f"answer.test_{budget.every}", today, facts=facts)
    if budget.stance in ("test", "stay"):
        kind = "keep" if budget.stance == "test" else "stay"
        return Finding(f"answer.{kind}", today, facts=facts)
    change = table["recommended"] - table["current"]
    more, less = (
        table.loc[change[rows].abs().sort_values(ascending=False).index, "channel"]
        for rows in (change > STILL * today, change < -STILL * today)
    )
    facts |= {
        "more": more.tolist(),
        "less": less.tolist(),
        "moved": float(change[change > 0].sum()),
        "saved": float(-change[change < 0].sum()),
    }
    kind = "move" if len(more) and len(less) else "add" if len(more) else "save"
    if not len(more) and not len(less):
        return Finding("answer.stay", today, facts=facts)
    return Finding(f"answer.{kind}", facts["moved"], because=_besides(budget, facts), facts=facts)


def _besides(budget: BudgetAdvice, facts: dict[str, Any]) -> tuple[Finding | str, ...]:
    """Say what becomes of the total, why only half is moved, and what to test first."""
    said: list[Finding | str] = []
    if abs(facts["new_total"] - facts["total"]) > STILL * max(facts["new_total"], facts["total"]):
        said.append("answer.new_total")
    if budget.stance != "half":
        return tuple(said)
    best = best_pilot(budget)
    weighed = budget.pilots is not None and not budget.pilots.empty
    said.append("answer.then_watch" if weighed and best is None else "answer.then_test")
    if counts(budget) and budget.probability_better >= MOVE:
        said.append(Finding("answer.only_half", None, facts={"outcome": budget.outcome}))
    if best is not None:
        worth = {"channel": best["channel"], "currency": budget.currency}
        said.append(Finding("answer.test_with", best["value"], facts=worth))
    return tuple(said)


def counts(budget: BudgetAdvice) -> bool:
    """Tell whether records were counted in place of money: they are not all worth the same."""
    return budget.unit_value != 1.0


def best_pilot(budget: BudgetAdvice) -> dict[Any, Any] | None:
    """Return the test most worth running, None where none pays."""
    if budget.pilots is None or budget.pilots.empty:
        return None
    paying = budget.pilots[budget.pilots["pays"].astype(bool)]
    return None if paying.empty else paying.iloc[0].to_dict()


def certainty_sentence(budget: BudgetAdvice) -> Finding:
    """Say how sure the plan is, and what that rests on.

    Parameters
    ----------
    budget : BudgetAdvice

    Returns
    -------
    Finding
    """
    told = budget.table.loc[budget.table["identified"] == "data", "channel"].tolist()
    others = len(budget.table) - len(told)
    rests = "all_data" if not others else "some_data" if told else "no_data"
    return Finding(
        "answer.certainty" if budget.margin_known else "answer.certainty_revenue",
        budget.probability_better,
        because=(f"answer.rests_on_{rests}",),
        facts={
            "profit": budget.expected_profit,
            "lower": budget.profit_lower,
            "upper": budget.profit_upper,
            "level": budget.level,
            "period": budget.every,
            "currency": budget.currency,
            "told": told,
            "others": others,
        },
    )


def calls_sentence(calls: Calls) -> Finding:
    """Say whom to call first.

    Parameters
    ----------
    calls : Calls

    Returns
    -------
    Finding
    """
    now = calls.every[calls.every["next_action"] == "call now"]
    facts: dict[str, object] = {
        "leads": now["lead_id"].head(_NAMED).tolist(),
        "n": len(now),
        "n_open": calls.n_open,
        "wins": float(now["probability"].sum()),
        "days": calls.horizon_days,
        "share": calls.base_rate,
    }
    if not len(now):
        return Finding("answer.call_none", calls.n_open, facts=facts)
    if not calls.has_signal:
        return Finding("answer.call_any", len(now), facts=facts)
    return Finding("answer.call", len(now), facts=facts)
