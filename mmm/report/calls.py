"""Whom to call first, as the texts of its part of the page."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.report.names import sentence
from mmm.run.advice import Calls
from mmm.run.answer import beats_chance

FRONT_ROWS = 3
METRICS = ("log_loss", "base_log_loss", "auc", "ece", "lift")


def print_calls(calls: Calls, lang: str) -> dict[str, Any]:
    """Return what the template shows of the leads to call; it decides nothing itself.

    Parameters
    ----------
    calls : Calls
    lang : {"en", "it"}

    Returns
    -------
    dict
        lines, front (the first of them), sure (whether their order beats chance), facts, grades,
        metrics, findings, notes, and which columns are known: has_value, has_owner, has_channel.
    """
    table = calls.table
    money = _worth(table, calls, lang)
    lines = [_line(row, money, lang) for row in table.to_dict("records")]
    facts = {"n": len(lines), "total": calls.n_open, "horizon": calls.horizon_days}
    return {
        "lines": lines,
        "front": lines[:FRONT_ROWS],
        "sure": beats_chance(calls),
        "facts": facts,
        "grades": _grades(calls, lang),
        "metrics": _metrics(calls, lang),
        "findings": [sentence(one, lang) for one in calls.findings],
        "notes": [sentence(one, lang) for one in calls.notes],
        "has_value": calls.value_known,
        "has_owner": _any(table, "owner"),
        "has_channel": _any(table, "channel"),
    }


def _any(table: pd.DataFrame, column: str) -> bool:
    return column in table.columns and bool(table[column].notna().any())


def _worth(table: pd.DataFrame, calls: Calls, lang: str) -> Callable[[Any], str]:
    """Return what writes the worth of leads, with decimals where all are worth little."""
    digits = wording.money_digits(table["expected_value"])
    return partial(wording.format_money, currency=calls.currency, lang=lang, digits=digits)


def _line(row: dict[Any, Any], money: Callable[[Any], str], lang: str) -> dict[str, Any]:
    return {
        "lead": str(row["lead_id"]),
        "channel": "" if pd.isna(row["channel"]) else str(row["channel"]),
        "owner": "" if pd.isna(row["owner"]) else str(row["owner"]),
        "grade": row["grade"],
        "chance": wording.format_chance(row["probability"], lang),
        "worth": money(row["expected_value"]),
        "next": row["next_action"],
        "reason": row["reason"][lang],
        "because": row["because"][lang],
        "age": wording.format_days(row["age_days"], lang),
    }


def _grades(calls: Calls, lang: str) -> list[dict[str, Any]]:
    count = partial(wording.format_count, lang=lang)
    money = _worth(calls.by_grade, calls, lang)
    past = calls.every.drop_duplicates("grade").set_index("grade")
    rows: list[Any] = list(calls.by_grade.itertuples(index=False))
    return [
        {
            "grade": row.grade,
            "n": count(row.n),
            "wins": count(row.expected_wins, digits=1),
            "worth": money(row.expected_value),
            "past": _past(past.loc[row.grade], lang) if row.grade in past.index else "",
        }
        for row in rows
    ]


def _past(row: pd.Series, lang: str) -> str:
    """Write how many leads of a grade were won in the past, which is no range of one lead."""
    low, high = row["grade_lower"], row["grade_upper"]
    if pd.isna(low) or pd.isna(high):
        return ""
    return wording.say("page.between", lang, lower=low, upper=high)


def _metrics(calls: Calls, lang: str) -> list[dict[str, Any]]:
    count = partial(wording.format_count, lang=lang, digits=2)
    rows = calls.metrics[calls.metrics["metric"].isin(METRICS)]
    found: list[Any] = list(rows.itertuples(index=False))
    return [
        {
            "metric": row.metric,
            "value": count(row.value),
            "interval": wording.say(
                "page.text_between", lang, lower=count(row.lower), upper=count(row.upper)
            )
            if pd.notna(row.lower) and pd.notna(row.upper)
            else "",
        }
        for row in found
    ]
