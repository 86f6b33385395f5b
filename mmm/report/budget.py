"""What to do with the budget, as the texts of its part of the page."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.mix.budget.optimize import PUSH
from mmm.report.names import sentence
from mmm.run.advice import BudgetAdvice
from mmm.run.answer import certainty_sentence, no_test_pays, places
from mmm.wording import Finding

_OF_ALL = ("mix.media", "mixholdout.")  # what is said of all media; each channel has a table
MOST_ROWS = 8  # of the table on the first page


def print_budget(advice: BudgetAdvice, lang: str) -> dict[str, Any]:
    """Return what the template shows of the budget; it decides nothing itself.

    Parameters
    ----------
    advice : BudgetAdvice
    lang : {"en", "it"}

    Returns
    -------
    dict
        facts, stance, lines, front (the lines of the first page), total, has_now, follows (whether
        any channel does), findings, evidence, notes, scenarios.
    """
    lines = _lines(advice, lang)
    facts = {
        "period": advice.every,
        "level": advice.level,
        "n": advice.n_periods,
        "first": advice.first,
        "last": advice.last,
        "horizon": advice.horizon,
        "probability": advice.probability_better,
        "sure": PUSH,
        "asked": advice.multiplier,
    }
    return {
        "facts": facts,
        "stance": stance_of(advice),
        "lines": lines,
        "front": lines if len(lines) <= MOST_ROWS else lines[: MOST_ROWS - 1],
        "n_others": len(lines) - MOST_ROWS + 1 if len(lines) > MOST_ROWS else 0,
        "others": _others(advice, lang) if len(lines) > MOST_ROWS else None,
        "total": _sums(advice, slice(None), lang),
        "has_now": _to_do(advice) == "recommended",
        "follows": bool(advice.table["verdict"].eq("follow").any()),
        "summary": sentence(certainty_sentence(advice), lang),
        "findings": [sentence(one, lang) for one in advice.findings if _asks(one)],
        "evidence": [
            sentence(one, lang) for one in advice.evidence if one.metric.startswith(_OF_ALL)
        ],
        "notes": [sentence(one, lang) for one in advice.notes],
        "scenarios": _scenarios(advice, lang),
    }


def _asks(finding: Finding) -> bool:
    """Tell whether a sentence asks for more than the table shows: neither the plan, nor a hold."""
    return not finding.metric.startswith(("mix.plan", "mix.stay", "mix.hold"))


def _lines(advice: BudgetAdvice, lang: str) -> list[dict[str, Any]]:
    money, signed = _writers(advice, lang)
    rows: list[Any] = list(advice.table.itertuples(index=False))
    columns = {name: _rounded(advice, name) for name in ("current", "proposed", "recommended")}
    widest = max([float(x) for name in columns for x in columns[name]], default=0.0)
    reach = float(advice.table["high"].max())
    return [
        {
            "channel": row.channel,
            "verdict": row.verdict,
            "current": money(columns["current"][i]),
            "proposed": money(columns["proposed"][i]),
            "now": money(columns["recommended"][i]),
            "change": signed(columns[_to_do(advice)][i] - columns["current"][i]),
            "split": signed(columns["proposed"][i] - columns["current"][i]),
            "marginal": signed_share(row.marginal_romi, lang),
            "interval": _between(row.marginal_romi_lower, row.marginal_romi_upper, lang),
            "romi": signed_share(row.romi, lang),
            "romi_interval": _between(row.romi_lower, row.romi_upper, lang),
            "rests": row.identified,
            "bars": tuple(_part(columns[name][i], widest) for name in ("current", "proposed")),
            "whatif_bar": _part(columns["current"][i], reach),
        }
        for i, row in enumerate(rows)
    ]


def _writers(advice: BudgetAdvice, lang: str) -> tuple[Callable[[Any], str], Callable[[Any], str]]:
    """Return what writes spend, and changes of it, with the decimals of the table."""
    currency, digits = advice.currency, places(advice.table)
    return (
        partial(wording.format_money, currency=currency, lang=lang, digits=digits),
        partial(signed_money, currency=currency, lang=lang, digits=digits),
    )


def stance_of(advice: BudgetAdvice) -> str:
    """Return the stance as the page names it: "keep" where a test is asked for that none pays."""
    return "keep" if advice.stance == "test" and no_test_pays(advice) else advice.stance


def _to_do(advice: BudgetAdvice) -> str:
    """Return the column of what to do now, which is not always all that is proposed."""
    return "proposed" if advice.stance == "move" else "recommended"


def _part(amount: Decimal, whole: float) -> str:
    return f"{100 * float(amount) / whole:.1f}%" if whole > 0 else "0%"


def _rounded(advice: BudgetAdvice, column: str) -> list[Decimal]:
    """Round a column so that what is printed adds up to its total."""
    return wording.round_to_total(advice.table[column].tolist(), places(advice.table))


def _others(advice: BudgetAdvice, lang: str) -> dict[str, str]:
    """Add up what the first page has no row for."""
    return _sums(advice, slice(MOST_ROWS - 1, None), lang)


def _sums(advice: BudgetAdvice, rows: slice, lang: str) -> dict[str, str]:
    money, signed = _writers(advice, lang)
    sums = {
        name: sum(_rounded(advice, name)[rows], Decimal(0))
        for name in ("current", "proposed", "recommended")
    }
    change, split = (signed(sums[name] - sums["current"]) for name in (_to_do(advice), "proposed"))
    return {
        "current": money(sums["current"]),
        "proposed": money(sums["proposed"]),
        "now": money(sums["recommended"]),
        "change": change,
        "split": split,
    }


def _scenarios(advice: BudgetAdvice, lang: str) -> list[dict[str, Any]]:
    if advice.scenarios is None:
        return []
    rows: list[Any] = list(advice.scenarios.itertuples(index=False))
    gains = advice.scenarios[["profit", "profit_lower", "profit_upper"]]
    digits = wording.money_digits(gains.to_numpy().ravel())
    money, _ = _writers(advice, lang)
    return [
        {
            "scenario": row.scenario,
            "total": money(row.total),
            "profit": signed_money(row.profit, advice.currency, lang, digits),
            "interval": wording.say(
                "page.money_between",
                lang,
                lower=row.profit_lower,
                upper=row.profit_upper,
                currency=advice.currency,
            ),
            "chance": wording.format_chance(row.probability_better, lang),
        }
        for row in rows
    ]


def print_pilots(advice: BudgetAdvice | None, lang: str) -> list[dict[str, Any]]:
    """Return the tests proposed, as text."""
    if advice is None or advice.pilots is None:
        return []
    worth = wording.money_digits([*advice.pilots["value"], *advice.pilots["net_value"]])
    money = partial(wording.format_money, currency=advice.currency, lang=lang, digits=worth)
    rows: list[Any] = list(advice.pilots.itertuples(index=False))
    return [
        {
            "channel": row.channel,
            "change": wording.say(
                "brief.less_in_part" if row.mode == "holdout" else "brief.up_and_down",
                lang,
                delta=row.delta,
            ),
            "length": wording.say(f"brief.periods_{advice.every}", lang, n=row.n_periods),
            "chance": wording.format_chance(row.chance, lang),
            "value": money(row.value),
            "net": money(row.net_value),
            "verdict": wording.say(
                "brief.pilot_pays" if row.pays else "brief.pilot_pays_not", lang
            ),
        }
        for row in rows
    ]


def print_decisions(
    decisions: pd.DataFrame | None, currency: str, lang: str
) -> list[dict[str, Any]]:
    """Return the advice of before and its grade, as text.

    Parameters
    ----------
    decisions : DataFrame or None
        As `DecisionLog.to_frame` returns it.
    currency : str
    lang : {"en", "it"}
    """
    if decisions is None:
        return []
    known = wording.money_digits([*decisions["expected_profit"], *decisions["profit"]])
    money = partial(wording.format_money, currency=currency, lang=lang, digits=known)
    rows: list[Any] = list(decisions.itertuples(index=False))
    return [
        {
            "key": row.key,
            "day": wording.format_date(pd.Timestamp(row.advised_on).date(), lang),
            "advice": row.advice,
            "expected": money(row.expected_profit),
            "earned": money(row.profit),
            "grade": row.grade,
        }
        for row in rows
    ]


def signed_money(amount: Any, currency: str, lang: str, digits: int = 0) -> str:
    """Write a change of money, with its sign.

    Examples
    --------
    >>> signed_money(1200, "EUR", "en"), signed_money(-3, "EUR", "en"), signed_money(0, "EUR", "en")
    ('+€1,200', '-€3', '€0')
    """
    written = wording.format_money(amount, currency, lang, digits=digits)
    return f"+{written}" if pd.notna(amount) and amount > 0 else written


def signed_share(share: Any, lang: str) -> str:
    """Write a return, with its sign.

    Examples
    --------
    >>> signed_share(0.42, "en"), signed_share(-0.1, "it")
    ('+42%', '-10%')
    """
    written = wording.format_share(share, lang)
    return f"+{written}" if pd.notna(share) and share > 0 else written


def _between(lower: Any, upper: Any, lang: str) -> str:
    if pd.isna(lower) or pd.isna(upper):
        return ""
    said = partial(signed_share, lang=lang)
    return wording.say("brief.from_to", lang, lower=said(lower), upper=said(upper))
