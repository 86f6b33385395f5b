"""What a fitted mix and its plan say, in findings that read in two languages."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from mmm.mix.budget.limits import NOT_RAISED
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.effects.contributions import MEDIA
from mmm.wording import Finding

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_ACTIONS = {
    "move": "action.move",
    "move half, then test": "action.move_half",
    "test first": "action.test_first",
    "stay": "action.stay",
}
_MOVES = ("move", "move half, then test")
_LENGTHS = (("day", 0.9, 1.1), ("week", 6.5, 7.5), ("month", 28.0, 31.5))
_STILL = 0.005  # of a channel's own spend: a smaller change is none
_TELLS = 0.05  # of the assumed bias: less is printed as 0.0 times


def mix_findings(
    model: "MixModel", plan: BudgetPlan, *, outcome: str = "outcome", currency: str = "EUR"
) -> list[Finding]:
    """Say what each channel brought, what the data cannot tell, and what to do with the budget.

    Parameters
    ----------
    model : MixModel
        Fitted.
    plan : BudgetPlan
        Of that model; its level and margin hold for all sentences.
    outcome : str
        Name of the outcome.
    currency : str
        Three letters, of spend and profit.

    Returns
    -------
    list of Finding
        All media, each channel (largest first), the plan, and a verdict a channel.
    """
    frame = model.contributions(level=plan.level, margin=plan.margin)
    total = float(model.outcome_.sum())
    period = period_name(model.clock_.period_days)
    return [
        *contribution_findings(frame, total, outcome=outcome, level=plan.level),
        *plan_findings(plan, period=period, currency=currency),
    ]


def period_name(days: float) -> str:
    """Return what a period of that many days is called: day, week, month or period.

    Examples
    --------
    >>> period_name(7.0), period_name(30.4), period_name(14.0)
    ('week', 'month', 'period')
    """
    return next((name for name, low, high in _LENGTHS if low < days < high), "period")


def contribution_findings(
    frame: pd.DataFrame, total: float, *, outcome: str, level: float
) -> list[Finding]:
    """Say what media brought, and what each channel did.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `MixModel.contributions` returns it.
    total : float
        Outcome of all fitted periods.
    outcome : str
    level : float

    Returns
    -------
    list of Finding
    """
    rows: list[dict[Any, Any]] = frame.sort_values(
        "contribution", ascending=False, kind="stable"
    ).to_dict("records")
    common = {"outcome": outcome, "level": level}
    whole = [
        Finding("mix.media", row["contribution"] / total, facts=common | _ends(row, total))
        for row in rows
        if row["channel"] == MEDIA
    ]
    return whole + [_channel_finding(row, total, common) for row in rows if row["channel"] != MEDIA]


def _ends(row: dict[Any, Any], total: float) -> dict[str, float]:
    return {
        "lower": row["contribution_lower"] / total,
        "upper": row["contribution_upper"] / total,
    }


def _channel_finding(row: dict[Any, Any], total: float, common: dict[str, Any]) -> Finding:
    facts = common | _ends(row, total) | {"channel": row["channel"]}
    if not row["spend"] > 0:
        return Finding("mix.no_spend", 0.0, facts=facts)
    if row["identified"] == "not identified":
        return Finding("mix.cannot_tell", row["contribution"] / total, facts=facts)
    facts |= {name: row[name] for name in ("romi", "romi_lower", "romi_upper")}
    because = ["mix.rests_on_data" if row["identified"] == "data" else "mix.rests_on_prior"]
    if row["contribution_lower"] <= 0:
        because.append("mix.maybe_nothing")
    return Finding("mix.channel", row["contribution"] / total, because=tuple(because), facts=facts)


def plan_findings(plan: BudgetPlan, *, period: str, currency: str) -> list[Finding]:
    """Say how good the plan is, and what it asks of each channel.

    Parameters
    ----------
    plan : BudgetPlan
    period : str
        day, week, month or period.
    currency : str

    Returns
    -------
    list of Finding
        The plan first, then one a channel.
    """
    common = {"level": plan.level, "period": period, "currency": currency}
    return [_whole_plan(plan, common), *_verdicts(plan, common)]


def _whole_plan(plan: BudgetPlan, common: dict[str, Any]) -> Finding:
    because: list[str | Finding] = []
    if plan.advice != "stay":
        because.append("mix.expected_loss")
        if plan.tipping_tau is not None and _TELLS <= plan.tipping_tau < float("inf"):
            # Below 1 the plan is unlikely to pay at what is assumed.
            only = plan.tipping_tau < 1
            because.append("mix.hidden_demand_below" if only else "mix.hidden_demand")
        because += _of_fixed(plan, common)
    return Finding(
        "mix.stay" if plan.advice == "stay" else "mix.plan",
        plan.expected_profit,
        because=tuple(because),
        action=_ACTIONS[plan.advice],
        facts=common
        | {
            "lower": plan.profit_lower,
            "upper": plan.profit_upper,
            "probability": plan.probability_better,
            "loss": plan.expected_loss,
            "tau": plan.tipping_tau,
        },
    )


def _of_fixed(plan: BudgetPlan, common: dict[str, Any]) -> list[Finding]:
    """Name the channels that get more though the last euro there is expected to lose money."""
    names = forced_channels(plan)
    if not names:
        return []
    key = "mix.fixed_total" if plan.advice in _MOVES else "mix.fixed_total_later"
    facts = {"channels": list(names), "n": len(names), "money": common["currency"]}
    return [Finding(key, len(names), facts=facts)]


def forced_channels(plan: BudgetPlan) -> tuple[str, ...]:
    """Name the channels that get more only because the total is fixed and has to go somewhere.

    Their last euro loses money both today and in the plan; a curve that first rises ever faster
    may lose on the next euro and pay on many.

    Parameters
    ----------
    plan : BudgetPlan

    Returns
    -------
    tuple of str
        Those that the plan in full gives more.
    """
    loses = ~(plan.marginal_romi >= 0) & (plan.marginal_romi_after < 0)
    forced = loses & (plan.proposed - plan.current > _STILL * plan.current) & (plan.multiplier < 0)
    return tuple(name for name, one in zip(plan.channels, forced, strict=True) if one)


def _verdicts(plan: BudgetPlan, common: dict[str, Any]) -> list[Finding]:
    forced = forced_channels(plan)
    advised = plan.recommended
    rules = plan.binding or ("",) * len(plan.channels)
    return [
        Finding(
            _idle_key(advised[i])
            if plan.current[i] == 0
            else "mix.suspected"
            if rule == NOT_RAISED
            else _verdict_key(verdict, plan, i, channel in forced),
            plan.marginal_romi[i],
            facts=common
            | {
                "channel": channel,
                "current": float(plan.current[i]),
                "proposed": float(advised[i]),
                "planned": float(plan.proposed[i]),
                "lower": float(plan.marginal_romi_lower[i]),
                "upper": float(plan.marginal_romi_upper[i]),
            },
        )
        for i, (channel, verdict, rule) in enumerate(
            zip(plan.channels, plan.verdict, rules, strict=True)
        )
    ]


def _idle_key(advised: float) -> str:
    return "mix.start" if advised > 0 else "mix.idle"


def _verdict_key(verdict: str, plan: BudgetPlan, i: int, forced: bool) -> str:
    """Return the sentence of a verdict: whether money moves now depends on the whole plan."""
    now = float(plan.current[i])
    if verdict == "hold":
        if abs(plan.recommended[i] - now) > _STILL * now:
            return "mix.hold_moved"
        later = plan.advice == "test first" and abs(plan.proposed[i] - now) > _STILL * now
        return "mix.hold_later" if later else "mix.hold"
    if verdict == "test":
        return "mix.test"
    kind = "push_fixed" if verdict == "push" and forced else verdict
    return f"mix.{kind}" if plan.advice in _MOVES else f"mix.{kind}_later"
