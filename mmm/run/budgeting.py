"""Where the budget should go: the mix fitted to a company's own tables, and the plan it bears."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import ConfigError, ConvergenceError, MmmError, MmmWarning, quoted
from mmm.mix import (
    BudgetPlan,
    LiftTest,
    Limits,
    MixModel,
    PilotTerms,
    Scenario,
    compare_scenarios,
    flight_plan,
    mix_findings,
    optimize_budget,
    pilot_frame,
    rank_pilots,
    simulate_response,
    steady_response,
    with_pilots,
)
from mmm.mix.budget.limits import NOT_RAISED, find_room
from mmm.mix.budget.optimize import hidden_bias
from mmm.mix.effects.contributions import MEDIA
from mmm.mix.findings import forced_channels
from mmm.mix.fitted import Fitted
from mmm.mix.table.adequacy import constant
from mmm.mix.table.outcomes import OUTCOMES
from mmm.run.advice import BudgetAdvice, Gap, ResponseGrid, Stance
from mmm.run.answer import followed
from mmm.run.backtest import look_back
from mmm.run.caution import NOTHING, Beside, careful, harvesting, patient
from mmm.run.config import Config, MixSection
from mmm.run.doubts import doubts_of
from mmm.run.gaps import NoAnswer, make_gap
from mmm.run.outcome import Every, Weeks, weeks_of
from mmm.run.reading import Progress
from mmm.wording import Finding, say

Tables = Mapping[str, pd.DataFrame]
Floats = np.ndarray[Any, np.dtype[np.float64]]

LEAST: Mapping[Every, int] = {"week": 26, "month": 18}  # periods that an answer takes
_QUARTER: Mapping[Every, int] = {"week": 13, "month": 3}
_N_GRID, _N_DRAWS = 31, 200
_STANCES: Mapping[str, Stance] = {
    "move": "move",
    "move half, then test": "half",
    "test first": "test",
    "stay": "stay",
}
_ACTIONS = {"push": "mix.push", "cut": "mix.cut", "test": "mix.test"}


def advise_budget(
    tables: Tables,
    channels: ChannelMap,
    config: Config,
    *,
    as_of: pd.Timestamp,
    progress: Progress,
    beside: Beside = NOTHING,
) -> tuple[BudgetAdvice, tuple[Gap, ...]]:
    """Fit the mix to spend and outcome of a company, and say where its budget should go.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As the readers return them.
    channels : ChannelMap
    config : Config
    as_of : pandas.Timestamp
        Nothing later is used.
    progress : callable
        Called with a few words before each step.
    beside : Beside
        What journeys, tests and advice of before say.

    Returns
    -------
    advice : BudgetAdvice
    gaps : tuple of Gap
        What is missing for a part of it: returns that cannot be told, an unknown margin.

    Raises
    ------
    NoAnswer
        Where there can be no advice; its gap says why, and what would mend it.
    """
    lang, mix = config.company.language, config.mix
    weeks = weeks_of(tables, channels, mix, as_of)
    check_weeks(weeks)
    check_rules(weeks, mix)
    n = len(weeks.channels)
    progress(say(f"progress.fitting_{weeks.every}", lang, n=n, periods=len(weeks.frame)))
    model, tested, unfit = fit_with(weeks, mix.seed, beside.tests)
    progress(say("progress.choosing_budget", lang))
    plan, limits = plan_within(model, weeks, config, beside, tested)
    quarter = weeks.frame[weeks.date].iloc[-_QUARTER[weeks.every]]
    plan, waits = patient(careful(plan, weeks.outcome), beside, quarter)
    progress(say("progress.planning_tests", lang))
    lines = list(zip(plan.channels, plan.binding, plan.identified, strict=True))
    held = tuple(name for name, rule, _ in lines if rule == NOT_RAISED)
    pilots = rank_pilots(model, plan, terms=PilotTerms(held=held))
    # What the data tell is no case for a test, even where one would pay; what is suspected is.
    told = [name for name, _, by in lines if by == "data" and name not in held]
    plan = with_pilots(plan, [pilot for pilot in pilots if pilot.channel not in told])
    advice = _advice(model, plan, weeks, config, limits)
    seen, unseen = look_back(model, weeks, _QUARTER[weeks.every], mix.backtest)
    proposed = pilot_frame(pilots)
    advice = dataclasses.replace(
        advice,
        tested=tested,
        pilots=proposed if len(proposed) else None,
        scenarios=what_if(model, plan, limits),
        calendar=calendar_of(model, plan),
        notes=(*waits, *advice.notes, *doubts_of(model, weeks, as_of)),
        evidence=(*advice.evidence, *seen),
    )
    return advice, (*_untold(weeks, plan), *_no_margin(config), *unfit, *unseen)


def plan_within(
    model: MixModel, weeks: Weeks, config: Config, beside: Beside, tested: Sequence[str]
) -> tuple[BudgetPlan, Limits]:
    """Find the best plan in which suspected channels grow only where a test has cleared them.

    A test clears a channel that returned in it what the plan without asks of its last euro.
    """
    mix, gross = config.mix, config.funnel.margin or 1.0
    asked: dict[str, Any] = {
        "total": None if mix.total == "free" else mix.total,
        "bounds": mix.bounds,
        "margin": gross * weeks.unit_value,
        "level": config.attribution.level,
    }
    suspected = harvesting(beside.journeys, weeks.channels, mix.trusted)
    limits = Limits(max_change=mix.max_change, not_raised=suspected)
    plan = optimize_budget(model, limits=limits, **asked)
    passed = {
        test.channel
        for test in beside.tests
        if test.channel in tested and gross * test.roas > 1.0 + plan.multiplier
    }
    if not passed & set(suspected):
        return plan, limits
    kept = tuple(name for name in suspected if name not in passed)
    limits = dataclasses.replace(limits, not_raised=kept)
    return optimize_budget(model, limits=limits, **asked), limits


def check_weeks(weeks: Weeks) -> None:
    """Refuse what no model could answer.

    Raises
    ------
    NoAnswer
    """
    frame, every = weeks.frame, weeks.every
    n_columns = len(weeks.channels) + len(weeks.controls)
    least = max(LEAST[every], 2 * n_columns + 4)
    if len(frame) < least:
        facts = {"n": len(frame), "least": least, "more": least - len(frame), "channels": n_columns}
        raise NoAnswer("budget", f"few_{every}s", f"more_{every}s", **facts)
    if all(constant(row) for row in weeks.spend):
        raise NoAnswer("budget", "never_changes", "vary_all", channels=weeks.channels)
    if not frame[weeks.outcome].abs().sum() > 0:
        raise NoAnswer("budget", "nothing_came", "check_dates", outcome=weeks.outcome)


def check_rules(weeks: Weeks, mix: MixSection) -> None:
    """Refuse rules that no plan can meet, before the fit.

    Raises
    ------
    NoAnswer
    """
    today = weeks.spend[:, -_QUARTER[weeks.every] :].mean(axis=1)
    total = {"current": float(today.sum()), "free": None}.get(str(mix.total), mix.total)
    try:
        find_room(
            weeks.channels,
            today,
            cast(float | None, total),
            mix.bounds,
            Limits(max_change=mix.max_change),
        )
    except MmmError as error:
        raise NoAnswer("budget", "rules_clash", "change_rules", text=str(error)) from error


def fit_with(
    weeks: Weeks, seed: int, tests: Sequence[LiftTest]
) -> tuple[MixModel, tuple[str, ...], tuple[Gap, ...]]:
    """Fit the mix to the periods and to the tests that lie in them.

    Returns
    -------
    model : MixModel
    tested : tuple of str
        Channels whose tests were taken in.
    gaps : tuple of Gap
        Why tests were not.

    Raises
    ------
    NoAnswer
        Where chains do not agree.
    """
    per_unit = [
        dataclasses.replace(
            test,
            lift=test.lift / weeks.unit_value,
            standard_error=test.standard_error / weeks.unit_value,
        )
        for test in tests
        if test.channel in weeks.channels
    ]
    strange = dict.fromkeys(test.channel for test in tests if test.channel not in weeks.channels)
    facts = {"strange": quoted(strange), "known": quoted(weeks.channels, 20)}
    gaps = (make_gap("experiments", "test_elsewhere", "mend_log", **facts),) if strange else ()
    if not per_unit:
        return fit_mix(weeks, seed), (), gaps
    try:
        model = fit_mix(weeks, seed, per_unit)
    except ConfigError as error:
        gap = make_gap("experiments", "test_unfit", "mend_log", text=str(error))
        return fit_mix(weeks, seed), (), (*gaps, gap)
    return model, tuple(dict.fromkeys(test.channel for test in per_unit)), gaps


def fit_mix(weeks: Weeks, seed: int, tests: Sequence[LiftTest] = ()) -> MixModel:
    """Fit the mix as by default, few records as counts; `doubts_of` says what it warns of.

    Raises
    ------
    NoAnswer
        Where chains do not agree.
    """
    model = MixModel(
        weeks.channels,
        weeks.controls,
        weeks.date,
        likelihood=weeks.likelihood,
        tests=tuple(tests) or None,
        seed=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)
        try:
            model.fit(weeks.frame.drop(columns=weeks.outcome), weeks.frame[weeks.outcome])
        except ConvergenceError as error:
            raise NoAnswer("budget", "no_agreement", "mend_spend") from error
    return model


def response_grid(
    model: MixModel, plan: BudgetPlan, mix: MixSection, limits: Limits, total: float | None
) -> ResponseGrid:
    """Tabulate what each channel brings between the least and the most that it may get.

    Parameters
    ----------
    model : MixModel
    plan : BudgetPlan
        Of that model.
    mix : MixSection
    limits : Limits
        With the section, the rules of the plan.
    total : float or None

    Returns
    -------
    ResponseGrid
    """
    low, high = _sides(model, plan, mix, limits, total)
    low, high = np.minimum(low, plan.current), np.maximum(high, plan.current)
    knots = np.linspace(low, high, _N_GRID)
    mean = steady_response(model, knots)[::2].mean(axis=0)
    judging = on_draws(model, slice(1, None, 2))
    # Few draws, which say of the plan what all of them do: from its worst to its best.
    order = np.argsort(plan.profit_draws, kind="stable")
    n_kept = min(_N_DRAWS, len(order))
    kept = order[((np.arange(n_kept) + 0.5) * len(order) / n_kept).astype(np.intp)]
    held, draws = np.empty(knots.shape), np.empty((len(kept), *knots.T.shape), dtype=np.float32)
    for i, spend in enumerate(knots):
        plans = np.tile(spend, (plan.horizon, 1))
        brought = simulate_response(judging, plans).sum(axis=2) / plan.horizon
        held[i], draws[:, :, i] = brought.mean(axis=0), brought[kept]
    return ResponseGrid(
        channels=plan.channels,
        spend=knots.T.copy(),
        response_mean=mean.T.copy(),
        held_mean=held.T.copy(),
        draws=draws,
        tau=hidden_bias(model, plan.margin, None),
    )


def on_draws(model: MixModel, rows: slice) -> Fitted:
    """Return what answers are made from, on some of the draws."""
    posterior = model.posterior_
    parts = {f.name: getattr(posterior, f.name) for f in dataclasses.fields(posterior)}
    few = {name: part[rows] for name, part in parts.items() if part is not None}
    names = ("channels_", "spend_", "outcome_", "active_", "clock_", "scaled_")
    shared = {name: getattr(model, name) for name in names}
    return cast(Fitted, SimpleNamespace(**shared, posterior_=dataclasses.replace(posterior, **few)))


def _sides(
    model: MixModel, plan: BudgetPlan, mix: MixSection, limits: Limits, total: float | None
) -> tuple[Floats, Floats]:
    blind = [n for n, by in zip(plan.channels, plan.identified, strict=True) if by not in _TOLD]
    room = find_room(model.channels_, plan.current, total, mix.bounds, limits, blind)
    return room.rules.lower, room.rules.upper


_TOLD = ("data", "prior")


def what_if(model: MixModel, plan: BudgetPlan, limits: Limits) -> pd.DataFrame:
    """Set the plan, half of it where that is the advice, and other totals side by side.

    Returns
    -------
    pandas.DataFrame
        scenario (plan, half, more, less), total, change, profit, profit_lower, profit_upper,
        probability_better, expected_loss; per period, against today.
    """
    today = dict(zip(plan.channels, map(float, plan.current), strict=True))
    advised: dict[str, Scenario | BudgetPlan] = {"plan": plan}
    if _STANCES[plan.advice] == "half":
        half = map(float, plan.recommended)
        advised["half"] = Scenario(spend=dict(zip(plan.channels, half, strict=True)))
    asked = dict(advised)
    for name, change in (("more", 0.2), ("less", -0.2)):
        asked[name] = Scenario(total_change=change, best_split=True, limits=limits)
    while True:
        try:
            found = compare_scenarios(
                model, asked, current=today, margin=plan.margin, level=plan.level
            )
            break
        except MmmError:  # the rules leave no room for another total
            if len(asked) == len(advised):
                raise
            asked = advised
    frame = found.to_frame().rename(columns={"spend": "total"})
    return frame[
        ["scenario", "total", "change", "profit", "profit_lower", "profit_upper",
         "probability_better", "expected_loss"]
    ]  # fmt: skip


def calendar_of(model: MixModel, plan: BudgetPlan) -> pd.DataFrame:
    """Lay the advice out over the coming quarter: a row a period, a column a channel, a total."""
    flights = flight_plan(model, plan)
    wide = pd.DataFrame({"date": flights.dates})
    for name, row in zip(flights.channels, flights.spend, strict=True):
        wide[name] = pd.Series(row, dtype=object)
    sums = [sum(column, Decimal(0)) for column in zip(*flights.spend, strict=True)]
    return wide.assign(total=pd.Series(sums, dtype=object))


def _advice(
    model: MixModel, plan: BudgetPlan, weeks: Weeks, config: Config, limits: Limits
) -> BudgetAdvice:
    margin, currency = plan.margin, config.company.currency
    total = None if config.mix.total == "free" else float(plan.proposed.sum())
    said = mix_findings(model, plan, outcome=weeks.outcome, currency=currency)
    first = next(i for i, one in enumerate(said) if one.metric in ("mix.plan", "mix.stay"))
    ends = {name: getattr(plan, name) for name in ("profit_lower", "profit_upper")}
    return BudgetAdvice(
        table=channel_lines(model, plan, config.mix, limits, total),
        every=weeks.every,
        outcome=weeks.outcome,
        total=float(plan.proposed.sum()),
        margin=margin,
        gross_margin=config.funnel.margin or 1.0,
        margin_known=config.funnel.margin is not None,
        unit_value=weeks.unit_value,
        level=plan.level,
        stance=_STANCES[plan.advice],
        probability_better=plan.probability_better,
        expected_gain=margin * plan.expected_gain,
        gain_lower=margin * plan.gain_lower,
        gain_upper=margin * plan.gain_upper,
        expected_profit=plan.expected_profit,
        **ends,
        expected_loss=plan.expected_loss,
        multiplier=plan.multiplier,
        curves=response_grid(model, plan, config.mix, limits, total),
        findings=tuple(said[first:]),
        evidence=tuple(said[:first]),
        pilots=None,
        scenarios=None,
        calendar=None,
        first=weeks.frame[weeks.date].min().date(),
        last=weeks.frame[weeks.date].max().date(),
        n_periods=len(weeks.frame),
        horizon=plan.horizon,
        currency=currency,
        diagnostics=_diagnostics(model, plan),
        forced=forced_channels(plan),
        notes=notes_of(weeks, plan, config),
        contributions=model.contributions(level=plan.level, margin=margin),
    )


def channel_lines(
    model: MixModel, plan: BudgetPlan, mix: MixSection, limits: Limits, total: float | None
) -> pd.DataFrame:
    """Return one row a channel, the largest spend first; columns as in `BudgetAdvice.table`."""
    low, high = _sides(model, plan, mix, limits, total)
    brought = model.contributions(level=plan.level, margin=plan.margin)
    brought = brought[brought["channel"] != MEDIA].set_index("channel").loc[list(plan.channels)]
    frame = plan.to_frame()
    frame["verdict"] = followed(frame)
    frame["low"], frame["high"] = low, high
    acts = pd.Series([_ACTIONS.get(v, "mix.hold") for v in plan.verdict], dtype="str")
    frame["action"] = acts.mask(frame["binding"] == NOT_RAISED, "mix.suspected")
    for name in ("romi", "romi_lower", "romi_upper", "contribution"):
        frame[name] = brought[name].to_numpy()
    frame["share"] = frame["contribution"] / float(model.outcome_.sum())
    order = frame.sort_values(["current", "channel"], ascending=[False, True])
    return order.reset_index(drop=True)


def notes_of(weeks: Weeks, plan: BudgetPlan, config: Config) -> tuple[Finding, ...]:
    """Say what the advice takes for granted."""
    currency = config.company.currency
    facts: dict[str, object] = {"outcome": weeks.outcome, "currency": currency}
    said = []
    if weeks.n_records is not None:
        rate = weeks.n_records / len(weeks.frame)
        facts |= {"rate": rate, "n": weeks.n_records, "period": weeks.every}
        said.append(Finding("budget_note.counted", rate, facts=facts))
        said += [
            Finding("budget_note.thin", rate, facts={**facts, "outcome": name, "rate": rate})
            for name, rate in weeks.thin
        ]
    if weeks.unit_value != 1.0:
        said.append(Finding("budget_note.unit_value", weeks.unit_value, facts=facts))
    if weeks.outcome in OUTCOMES and not OUTCOMES[weeks.outcome].money:
        said.append(Finding("budget_note.counted_alike", None))
    if weeks.new_only:
        said.append(Finding("budget_note.new_only", None))
    idle = [name for name, x in zip(plan.channels, plan.current, strict=True) if x == 0]
    if idle:
        said.append(Finding("budget_note.idle", len(idle), facts={"channels": idle}))
    if all(by != "data" for by in plan.identified):
        said.append(Finding("budget_note.all_assumed", None))
    return tuple(said)


def _diagnostics(model: MixModel, plan: BudgetPlan) -> dict[str, Any]:
    """Return the diagnostics without the time taken: the same run gives the same ones."""
    found = dataclasses.asdict(model.diagnostics_)
    del found["seconds"]
    tipping = plan.tipping_tau
    return {"converged": model.diagnostics_.converged} | found | {"tipping_tau": tipping}


def _untold(weeks: Weeks, plan: BudgetPlan) -> tuple[Gap, ...]:
    """Name the channels whose return cannot be told, and why."""
    fixed = [n for n, row in zip(weeks.channels, weeks.spend, strict=True) if constant(row)]
    blind = [n for n, by in zip(plan.channels, plan.identified, strict=True) if by not in _TOLD]
    together = [name for name in blind if name not in fixed]
    gaps = []
    if fixed:
        gaps.append(make_gap("returns", "constant", "vary", channels=fixed, n=len(fixed)))
    if together:
        gaps.append(make_gap("returns", "together", "move_apart", channels=together))
    return tuple(gaps)


def _no_margin(config: Config) -> tuple[Gap, ...]:
    return (make_gap("profit", "no_margin", "add_margin"),) if config.funnel.margin is None else ()
