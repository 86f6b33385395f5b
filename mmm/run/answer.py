"""The answer of a run in three sentences: the budget, how sure that is, whom to call."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmm.mix.budget.certainty import MOVE
from mmm.run.advice import BudgetAdvice, Calls, Gap
from mmm.wording import Finding, money_digits

LEVEL = 0.9  # coverage of the intervals on the card of a model
STILL = 0.005  # of the total: a smaller change of a channel is none
_PRINTS = 0.5  # of the last digit of money: less is printed as no change
_NAMED = 3
_CHANCE = {"auc": 0.5, "lift": 1.0}  # of an order drawn by lot


def places(table: pd.DataFrame) -> int:
    """Return the decimals of money in a table of the budget.

    Parameters
    ----------
    table : DataFrame
        A row a channel; `current` is its spend today, and `change` what the plan adds.

    Examples
    --------
    >>> places(pd.DataFrame({"current": [1200.0, 3.0], "change": 0.5}))
    0
    >>> places(pd.DataFrame({"current": [4.0, 3.0], "change": [-0.5, 0.5]}))
    2
    """
    return money_digits([*table["current"], *(table["current"] + table["change"])])


def _prints(table: pd.DataFrame) -> float:
    """Return the smallest change that is printed as one."""
    return float(_PRINTS * 10.0 ** -places(table))


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
        "digits": places(table),
        "total": today,
        "new_total": float(table["recommended"].sum()),
    }
    total = total_besides(budget)
    best = best_pilot(budget)
    if budget.stance == "test" and best is not None:
        facts |= {"channel": best["channel"], "n": int(best["n_periods"])}
        facts["delta"] = float(best["delta"])
        return Finding(f"answer.test_{budget.every}", today, because=total, facts=facts)
    if budget.stance in ("test", "stay"):
        kind = "keep" if budget.stance == "test" else "stay"
        return Finding(f"answer.{kind}", today, because=total, facts=facts)
    change = table["recommended"] - table["current"]
    names = table["channel"].loc[change.abs().sort_values(ascending=False).index]
    least = _prints(table)
    more, less = names[change > least].tolist(), names[change < -least].tolist()
    facts |= {
        "more": more,
        "less": less,
        "moved": float(change[change > 0].sum()),
        "saved": float(-change[change < 0].sum()),
    }
    clear = [(change > STILL * today).any(), (change < -STILL * today).any()]
    if not any(clear):
        return Finding("answer.stay", today, because=total, facts=facts)
    kind = "move" if all(clear) else "add" if clear[0] else "save"
    besides = (*total, *_besides(budget, facts))
    return Finding(f"answer.{kind}", facts["moved"], because=besides, facts=facts)


def total_besides(budget: BudgetAdvice) -> tuple[Finding, ...]:
    """Say that another total is better, and which channels get more only since this one is fixed.

    Parameters
    ----------
    budget : BudgetAdvice

    Returns
    -------
    tuple of Finding
        None where the total forces more on no channel that gets more, and no other total is
        expected to leave more.
    """
    table, said = budget.table, []
    moved = table["recommended"] - table["current"]
    poor = table[(moved > _prints(table)) & table["channel"].isin(budget.forced)]
    if len(poor):
        facts: dict[str, object] = {"channels": poor["channel"].tolist(), "n": len(poor)}
        facts["money"] = budget.currency
        said.append(Finding("answer.fixed_total", len(poor), facts=facts))
    clear = other_total(budget)
    less = _scenario(budget, budget.scenarios, below=True)
    if clear is not None:
        said.append(clear)
    elif less is not None and less["profit"] > max(budget.expected_profit, 0.0):
        said.append(_of_total("answer.less_total", budget, less))
    return tuple(said)


def other_total(budget: BudgetAdvice) -> Finding | None:
    """Say that another total would leave more than the proposal, where that is clear.

    Parameters
    ----------
    budget : BudgetAdvice

    Returns
    -------
    Finding or None
        None where the lower end of no other total lies above what the proposal is expected to
        leave; and for a larger total where the margin is not known, since spend would look cheap.
    """
    others = budget.scenarios
    if others is None:
        return None
    others = others[others["profit_lower"] > max(budget.expected_profit, 0.0)]
    best = _scenario(budget, others, below=not budget.margin_known)
    return None if best is None else _of_total("answer.other_total", budget, best)


def _scenario(
    budget: BudgetAdvice, scenarios: pd.DataFrame | None, *, below: bool
) -> dict[Any, Any] | None:
    """Return the scenario of another total that leaves most, of smaller totals alone if asked."""
    if scenarios is None:
        return None
    others = scenarios[~scenarios["scenario"].isin(["plan", "half"])]
    others = others[others["total"] < budget.total] if below else others
    if others.empty:
        return None
    return others.sort_values("profit").iloc[-1].to_dict()


def _of_total(key: str, budget: BudgetAdvice, scenario: dict[Any, Any]) -> Finding:
    facts = {
        "scenario": scenario["scenario"],
        "plan": budget.expected_profit,
        "lower": scenario["profit_lower"],
        "upper": scenario["profit_upper"],
        "level": budget.level,
        "period": budget.every,
        "currency": budget.currency,
    }
    return Finding(key, scenario["profit"], facts=facts)


def _besides(budget: BudgetAdvice, facts: dict[str, Any]) -> tuple[Finding | str, ...]:
    """Say what becomes of the total, why only half is moved, and what to test first."""
    said: list[Finding | str] = []
    if abs(facts["new_total"] - facts["total"]) > STILL * max(facts["new_total"], facts["total"]):
        said.append("answer.new_total")
    if budget.stance != "half":
        return tuple(said)
    best = best_pilot(budget)
    said.append("answer.then_watch" if no_test_pays(budget) else "answer.then_test")
    if counts(budget) and budget.probability_better >= MOVE:
        said.append(Finding("answer.only_half", None, facts={"outcome": budget.outcome}))
    if best is not None:
        worth = {"channel": best["channel"], "currency": budget.currency}
        said.append(Finding("answer.test_with", best["value"], facts=worth))
    return tuple(said)


def followed(table: pd.DataFrame) -> pd.Series:
    """Return the verdicts, "follow" where a channel on hold gives or takes what others need.

    Parameters
    ----------
    table : DataFrame
        channel, current, change and verdict.

    Examples
    --------
    >>> moves = pd.DataFrame({"current": [90.0, 10.0], "change": [5.0, 0.0], "verdict": "hold"})
    >>> followed(moves).tolist()
    ['follow', 'hold']
    """
    # Of its own spend: half of a small channel is little of the total, and much of the channel.
    moves = table["change"].abs() > np.maximum(STILL * table["current"], _prints(table))
    return table["verdict"].mask(table["verdict"].eq("hold") & moves, "follow")


def no_test_pays(budget: BudgetAdvice) -> bool:
    """Tell whether tests were weighed, and none would pay for itself."""
    weighed = budget.pilots is not None and not budget.pilots.empty
    return weighed and best_pilot(budget) is None


def moved_by(budget: BudgetAdvice | None) -> dict[str, str]:
    """Return the channels whose budget the answer moves, each with the stance: move or half.

    Parameters
    ----------
    budget : BudgetAdvice or None
    """
    if budget is None or budget.stance not in ("move", "half"):
        return {}
    moves = (budget.table["recommended"] - budget.table["current"]).abs()
    if not (moves > STILL * float(budget.table["current"].sum())).any():
        return {}
    return dict.fromkeys(budget.table["channel"][moves > _prints(budget.table)], budget.stance)


def pay_off(budget: BudgetAdvice | None) -> dict[str, bool]:
    """Return whether a test of a channel would pay for itself, for the channels weighed.

    Parameters
    ----------
    budget : BudgetAdvice or None
    """
    if budget is None or budget.pilots is None or budget.pilots.empty:
        return {}
    known = dict.fromkeys(budget.table["channel"], False) if no_test_pays(budget) else {}
    paying = budget.pilots["pays"].astype(bool).groupby(budget.pilots["channel"]).any()
    return known | {str(channel): bool(pays) for channel, pays in paying.items()}


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
    """Say whom to call first, or that the order of the leads, or its top, may be chance.

    Parameters
    ----------
    calls : Calls

    Returns
    -------
    Finding
    """
    now = calls.every[calls.every["next_action"] == "call now"]
    first = now.head(_NAMED)
    facts: dict[str, object] = {
        "leads": first["lead_id"].tolist(),
        "n": len(now),
        "n_open": calls.n_open,
        "first_wins": float(first["probability"].sum()),
        "wins": float(now["probability"].sum()),
        "days": calls.horizon_days,
        "share": calls.base_rate,
    }
    kind = "call" if len(now) < calls.n_open or len(now) <= _NAMED else "call_all"
    if not beats_chance(calls):
        doubted = {row["metric"] for row in _figures(calls)[1]}
        kind = "call_chance" if "auc" in doubted else "call_unsure"
    kind = kind if calls.has_signal else "call_any"
    kind = kind if len(now) else "call_none"
    because: tuple[Finding, ...] = ()
    if kind not in ("call_any", "call_none"):
        because += (order_sentence(calls),)
    if calls.n_in_pipeline:
        worked = {"n": calls.n_in_pipeline}
        because += (Finding("answer.in_pipeline", calls.n_in_pipeline, facts=worked),)
    return Finding(f"answer.{kind}", len(now), because=because, facts=facts)


def order_sentence(calls: Calls) -> Finding:
    """Say how the order of the leads did on leads held out, beside one drawn by lot.

    The lift of the best tenth speaks; the AUC where that cannot be told from chance.

    Parameters
    ----------
    calls : Calls

    Returns
    -------
    Finding
    """
    lift, doubts = _figures(calls)
    if lift is None:
        return Finding("answer.order_untold", None)
    figure = doubts[0] if doubts else lift
    facts = {"lower": figure["lower"], "upper": figure["upper"], "level": LEVEL}
    return Finding(f"answer.order_{figure['metric']}", figure["value"], facts=facts)


def beats_chance(calls: Calls) -> bool:
    """Tell whether the order of the leads was clearly better than chance on leads held out.

    Parameters
    ----------
    calls : Calls

    Returns
    -------
    bool
        False where the interval of the lift of the best tenth reaches 1, or that of the AUC 0.5.
    """
    lift, doubts = _figures(calls)
    return calls.has_signal and lift is not None and not doubts


def _figures(calls: Calls) -> tuple[dict[Any, Any] | None, list[dict[Any, Any]]]:
    """Return the lift, None where it is not known, and the figures that may be chance."""
    rows = {row["metric"]: row for row in calls.metrics.to_dict("records")}
    known = {name: rows[name] for name in _CHANCE if name in rows and pd.notna(rows[name]["value"])}
    return known.get("lift"), [row for name, row in known.items() if row["lower"] <= _CHANCE[name]]
