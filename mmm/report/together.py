"""What the models say together, as the texts of its part of the page."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mmm import wording
from mmm.report.ledger import UNATTRIBUTED
from mmm.report.names import sentence
from mmm.run.advice import BudgetAdvice, Signal
from mmm.run.answer import STILL
from mmm.signal.triangulation import BASELINE, against_test
from mmm.wording import Finding

_BROUGHT = ("attributed", "incremental", "experiment", "plan")


def print_together(signal: Signal, lang: str) -> dict[str, Any]:
    """Return what the template shows of the joined signal; it decides nothing itself.

    Parameters
    ----------
    signal : Signal
    lang : {"en", "it"}

    Returns
    -------
    dict
        facts, summary, pipeline and total (what is won and expected), models (one line a channel),
        has_experiment, judged, mixes.
    """
    facts = {
        "model": signal.model,
        "days": signal.horizon_days,
        "level": signal.level,
        "first": signal.first,
        "last": signal.last,
    }
    lines, total = _pipeline(signal, lang)
    say = partial(sentence, lang=lang)
    table = signal.models
    return {
        "facts": facts,
        "summary": [say(one) for one in signal.findings],
        "pipeline": lines,
        "total": total,
        "models": [] if table is None else _models(table, signal.currency, lang),
        "has_experiment": table is not None and bool(table["experiment"].notna().any()),
        "judged": [say(one) for one in signal.judged],
        "mixes": [say(one) for one in signal.mixes],
    }


def disagreement(signal: Signal | None, budget: BudgetAdvice | None) -> Finding | None:
    """Name the channel whose budget moves most although the methods disagree on it; or None."""
    if signal is None or signal.models is None or budget is None:
        return None
    table = budget.table.set_index("channel")
    moved = (table["recommended"] - table["current"]).abs()
    moved = moved[moved > STILL * float(table["current"].sum())]
    lines = signal.models[signal.models["verdict"] == "disagree"].set_index("channel")
    both = moved[moved.index.isin(lines.index)]
    if both.empty:
        return None
    channel = str(both.idxmax())
    line = lines.loc[channel].to_dict()
    names = ("attributed", "incremental", "experiment", "plan", "z")
    facts = {name: line[name] for name in names}
    facts |= {"channel": channel, "currency": signal.currency}
    key = "together.disagrees"
    if line["grade"] == "experiment":
        key += "_beside" if against_test(line, "plan") else "_tested"
    return Finding(key, facts["z"], facts=facts)


def _pipeline(signal: Signal, lang: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Print won, expected and both by channel, each column adding up to its total."""
    money = partial(wording.format_money, currency=signal.currency, lang=lang)
    frame = signal.pipeline.sort_values("total", ascending=False, kind="stable")
    frame = pd.concat(
        [frame[frame["channel"] != UNATTRIBUTED], frame[frame["channel"] == UNATTRIBUTED]]
    )
    won, expected = (
        wording.round_to_total(frame[name].tolist(), 0) for name in ("won", "pipeline")
    )
    lines = [
        {"channel": channel, "won": money(a), "expected": money(b), "both": money(a + b)}
        for channel, a, b in zip(frame["channel"], won, expected, strict=True)
    ]
    sums = [sum(column, Decimal(0)) for column in (won, expected)]
    total = {"won": money(sums[0]), "expected": money(sums[1]), "both": money(sum(sums))}
    return lines, total


def _rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the channels with the largest figure first, and what no channel brought last."""
    last = table["channel"] == BASELINE
    ordered = table[~last].sort_values("plan", ascending=False, kind="stable")
    return pd.concat([ordered, table[last]]).to_dict("records")


def _models(table: pd.DataFrame, currency: str, lang: str) -> list[dict[str, str]]:
    """Print a line a channel, with decimals where all that channels brought is small."""
    digits = wording.money_digits(table[list(_BROUGHT)].to_numpy(dtype=np.float64).ravel())
    money = partial(wording.format_money, currency=currency, lang=lang, digits=digits)
    return [_line(row, money, lang) for row in _rows(table)]


def _line(row: dict[Any, Any], money: Callable[[Any], str], lang: str) -> dict[str, str]:
    def of(name: str) -> str:
        return money(row[name]) if np.isfinite(row[name]) else ""

    def between(name: str) -> str:
        ends = [row[f"{name}_lower"], row[f"{name}_upper"]]
        if not np.isfinite(ends).all():
            return ""
        return wording.say("brief.from_to", lang, lower=money(ends[0]), upper=money(ends[1]))

    return {
        "channel": "" if row["channel"] == BASELINE else str(row["channel"]),
        **{name: of(name) for name in _BROUGHT},
        **{f"{name}_interval": between(name) for name in _BROUGHT},
        "verdict": str(row["verdict"]).replace(" ", "_"),
        "grade": str(row["grade"]),
    }
