"""Advice on budget and calls for the tests of the page: made up, or of a fitted model."""

from datetime import date

import numpy as np
import pandas as pd

from mmm.mix import Limits, optimize_budget
from mmm.run.advice import BudgetAdvice, Calls, Gap, ResponseGrid, Signal
from mmm.run.answer import followed
from mmm.run.budgeting import response_grid
from mmm.run.config import MixSection
from mmm.signal import triangulate
from mmm.wording import Finding

VERDICTS = ("push", "cut", "hold", "test")
STANCES = ("move", "half", "test", "stay")
_STEP = {"move": 1.0, "half": 0.5}


def advice_of(table, curves, **changes):
    """Return advice around a table (channel, current, proposed, verdict, ...) and its curves."""
    stance = changes.get("stance", "half")
    change = table["proposed"] - table["current"]
    table = table.assign(
        change=change, recommended=table["current"] + _STEP.get(stance, 0.0) * change
    )
    table = table.assign(verdict=followed(table))
    settings = {
        "every": "week", "outcome": "won_value", "total": float(table["proposed"].sum()),
        "margin": 0.4, "gross_margin": 0.4, "margin_known": True, "unit_value": 1.0, "level": 0.9,
        "stance": stance, "probability_better": 0.83, "expected_gain": 900.0, "gain_lower": -200.0,
        "gain_upper": 2000.0, "expected_profit": 900.0, "profit_lower": -200.0,
        "profit_upper": 2000.0, "expected_loss": 30.0, "multiplier": 0.2, "findings": (),
        "evidence": (), "pilots": None, "scenarios": None, "calendar": None,
        "first": date(2024, 1, 1), "last": date(2025, 12, 15), "n_periods": 103, "horizon": 13,
        "currency": "EUR", "diagnostics": {},
    }  # fmt: skip
    return BudgetAdvice(table=table, curves=curves, **(settings | changes))


def made_up(channels=("Search", "Social", "Fairs", "Radio"), seed=0, **changes):
    """Return advice on root-shaped curves, in the order of the channels given."""
    rng, n = np.random.default_rng(seed), len(channels)
    current = np.sort(rng.uniform(500, 4000, n))[::-1]
    spend = current[:, None] * np.linspace(0.5, 1.5, 31)
    scale = rng.uniform(30, 300, n)[:, None]
    noise = rng.lognormal(0.0, 0.4, (200, n, 1))
    moved = current * rng.uniform(-0.4, 0.4, n)
    proposed = current + moved - moved.sum() * current / current.sum()
    table = pd.DataFrame(
        {
            "channel": channels, "current": current, "proposed": proposed,
            "low": spend[:, 0], "high": spend[:, -1],
            "verdict": [VERDICTS[i % 4] for i in range(n)],
            "marginal_romi": 0.4, "marginal_romi_lower": -0.2, "marginal_romi_upper": 1.1,
            "romi": 0.9, "romi_lower": 0.1, "romi_upper": 1.8, "identified": "data",
        }
    )  # fmt: skip
    mean = scale * np.sqrt(spend)
    curves = ResponseGrid(
        channels=tuple(channels),
        spend=spend,
        response_mean=mean,
        held_mean=mean,
        draws=(mean * noise).astype(np.float32),
        tau=np.full(n, 0.1),
    )
    return advice_of(table, curves, **changes)


def other_totals(lower, less=0.8):
    """Return scenarios in which another total leaves at least `lower`, most likely."""
    return pd.DataFrame(
        {
            "scenario": ["plan", "less" if less < 1 else "more"],
            "total": np.array([1.0, less]) * made_up().total,
            "profit": [900.0, lower + 500.0],
            "profit_lower": [-200.0, lower],
            "profit_upper": [2000.0, lower + 1000.0],
            "probability_better": [0.83, 0.99],
        }
    )


def of_model(model, margin, **changes):
    """Return the advice that a fitted model gives, its rows in an order of their own."""
    plan = optimize_budget(model, margin=margin)
    frame = plan.to_frame()
    grid = response_grid(model, plan, MixSection(), Limits(), float(plan.proposed.sum()))
    low_high = pd.DataFrame(
        {"channel": grid.channels, "low": grid.spend[:, 0], "high": grid.spend[:, -1]}
    )
    frame = frame.merge(low_high, on="channel").assign(romi=0.5, romi_lower=0.1, romi_upper=1.0)
    frame = frame.sort_values("current", ascending=False, ignore_index=True)
    settings = {
        "margin": margin, "probability_better": plan.probability_better,
        "expected_profit": plan.expected_profit, "profit_lower": plan.profit_lower,
        "profit_upper": plan.profit_upper, "horizon": plan.horizon,
    }  # fmt: skip
    return advice_of(frame, grid, **(settings | changes))


def pilots(pays=(True, False), channels=("Fairs", "Radio")):
    return pd.DataFrame(
        {
            "channel": channels, "mode": ["flighting", "holdout"], "delta": [0.5, 0.3],
            "n_periods": [12, 8], "power": [0.85, 0.4], "chance": [0.8, 0.35],
            "value": [12_000.0, 800.0], "net_value": [9_000.0, -300.0],
            "periods_needed": [12, 30], "pays": pays,
        }
    )  # fmt: skip


def made_up_calls(ids=("L-1", "L-2", "L-3", "L-4"), **changes):
    """Return calls: the first half to call now, the others to keep warm."""
    n = len(ids)
    table = pd.DataFrame(
        {
            "lead_id": ids, "probability": np.linspace(0.4, 0.1, n),
            "grade_lower": 0.05, "grade_upper": 0.5,
            "grade": "B", "expected_value": np.linspace(8000, 900, n),
            "next_action": ["call now" if i < n // 2 else "nurture" for i in range(n)],
            "reason": [{"en": f"because {i}", "it": f"perché {i}"} for i in ids],
            "because": [{"en": "a call pays", "it": "una telefonata conviene"}] * n,
            "owner": "Anna", "age_days": 12.0, "channel": "Webinar",
        }
    )  # fmt: skip
    grades = pd.DataFrame(
        {"grade": list("ABCD"), "n": [0, n, 0, 0], "expected_wins": [0.0, 1.0, 0.0, 0.0],
         "expected_value": [0.0, 9000.0, 0.0, 0.0]}
    )  # fmt: skip
    metrics = pd.DataFrame(
        {"metric": ["log_loss", "auc", "lift"], "value": [0.41, 0.71, 2.4],
         "lower": [0.3, 0.62, 1.6], "upper": [0.5, np.nan, 3.1]}
    )  # fmt: skip
    settings = {
        "n_open": n, "n_in_pipeline": 0, "n_now": n // 2, "value_known": True, "has_signal": True,
        "horizon_days": 90.0, "base_rate": 0.2, "capacity": None, "currency": "EUR",
        "as_of": date(2025, 12, 26),
    }  # fmt: skip
    names = {"table", "every"} & set(changes)
    settings |= {} if names else {"table": table, "every": table}
    return Calls(by_grade=grades, metrics=metrics, **(settings | changes))


def made_up_signal(channels=("Search", "Social", "Fairs", "Radio"), tests=True, seed=0, **changes):
    """Return a signal whose methods agree on some channels and not on others."""
    rng, n = np.random.default_rng(seed), len(channels)
    won, pipeline = rng.uniform(10_000, 90_000, (2, n))
    total = won + pipeline
    frame = pd.DataFrame(
        {
            "channel": list(channels), "won": won, "pipeline": pipeline, "total": total,
            "lower": 0.9 * total, "upper": 1.1 * total, "share": total / total.sum(),
            "share_lower": 0.0, "share_upper": 1.0,
        }
    )  # fmt: skip
    brought = total * np.resize([1.05, 0.2, 1.8], n)
    mix = pd.DataFrame(
        {
            "channel": list(channels), "spend": 20_000.0, "contribution": brought,
            "contribution_lower": 0.9 * brought, "contribution_upper": 1.1 * brought,
            "identified": "data",
        }
    )  # fmt: skip
    known = pd.DataFrame({"channel": [channels[0]], "roas": [3.0], "roas_error": [0.4]})
    found = triangulate(frame, mix, known if tests else None, total=1.5 * total.sum())
    settings = {
        "totals": pd.DataFrame({"part": ["expected"], "value": [1.0]}), "findings": (),
        "model": "markov", "horizon_days": 730.0, "level": 0.9, "currency": "EUR",
        "models": found.table, "judged": found.findings(), "outcome": "leads",
        "first": date(2024, 1, 1), "last": date(2025, 12, 21),
    }  # fmt: skip
    return Signal(pipeline=frame, **(settings | changes))


def gap(answer="budget"):
    reason = Finding("missing.no_leads", None)
    return Gap(answer, reason, Finding("cure.add_leads", None))
