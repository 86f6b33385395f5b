"""Which test to run, for how long, and what it is worth; its calendar for the media buyer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, quoted
from mmm.mix.budget.flighting import coming_periods
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.effects.curves import simulate_response
from mmm.mix.fitted import check_margin
from mmm.mix.pilots.design import Design, Mode, PilotTerms, design_pilot
from mmm.mix.pilots.ground import Ground, between, survey
from mmm.mix.pilots.knowing import (
    POWER,
    chance_to_tell,
    periods_needed,
    power,
    replay,
    value_of_clearing,
    value_of_test,
    worth_of_horizon,
)
from mmm.mix.pilots.pilot import Pilot
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_FADED = 0.9  # part of an effect that a block outlasts
_Z = 1.959964
_YEAR = 365.25


def plan_pilot(
    model: "MixModel",
    channel: str,
    *,
    delta: float = 0.5,
    weeks: int | None = None,
    mode: Mode = "flighting",
    margin: float = 1.0,
    threshold: float | None = None,
    horizon: int | None = None,
    set_up_cost: float = 0.0,
    terms: PilotTerms | None = None,
) -> Pilot:
    """Plan a test of a channel, and say what it is worth.

    In flighting, spend goes up and down by `delta` in blocks that outlast nine tenths of the
    carry-over, the total unchanged. In a hold-out it goes down by `delta` in a part of the regions
    or accounts (`terms.share`). Its noise is read off their own history (`terms.regions`); without
    it, the parts' noises are taken as independent, which is careful: what they have in common
    cancels. The standard error counts the correlation of the noise, the
    carry-over, and level, trend and bend estimated beside the effect. It is widened where the
    replay on the company's own residual history scatters more than that.

    Parameters
    ----------
    model : MixModel
        Fitted.
    channel : str
    delta : float
        Size of the change, as a share of today's spend, above 0 and at most 1.
    weeks : int, optional
        Length in periods (weeks, where the table is weekly); the allowed length of the largest net
        value by default.
    mode : {"flighting", "holdout"}
    margin : float
        Part of the outcome that is margin.
    threshold : float, optional
        Marginal ROMI above which money moves in; by default the larger of break-even and the
        highest expected one among the other channels.
    horizon : int, optional
        Periods that the result serves; a year by default.
    set_up_cost : float
        In money.
    terms : PilotTerms, optional

    Returns
    -------
    Pilot

    Raises
    ------
    ConfigError
        If the channel is unknown or has no spend, or a number cannot be.
    InputError
        If the regions of a hold-out are no history of the company.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> outcome = 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80)
    >>> model = MixModel(sampler=Sampling(n_draws=500)).fit(spend, outcome)
    >>> pilot = plan_pilot(model, "x0")
    >>> pilot.value <= pilot.perfect_value
    True
    """
    terms = terms or PilotTerms()
    _check(delta, weeks, mode, horizon, terms)
    _check_money(margin, threshold, set_up_cost)
    ground = survey(model, channel, margin, threshold, terms)
    if mode == "holdout":
        ground, terms = between(model, ground, terms)
    stake, held = _stake(model, ground, horizon, terms), channel in terms.held
    order = Order(mode, float(delta), margin, stake, terms, held)
    lengths = _lengths(mode, _block(ground.kernel, terms.longest), terms.longest)
    options = [_laid(ground, order, n) for n in lengths]
    if weeks is None:
        chosen = options[_most_worth(model, ground, order, options)]
    else:
        chosen = _laid(ground, order, weeks)
    reaches = any(power(ground.distance, _read(laid, ground, margin)) >= POWER for laid in options)
    return _priced(model, ground, order, chosen, reaches, float(set_up_cost))


def rank_pilots(
    model: "MixModel",
    plan: BudgetPlan,
    *,
    delta: float = 0.5,
    modes: Sequence[Mode] = ("flighting",),
    horizon: int | None = None,
    set_up_cost: float = 0.0,
    terms: PilotTerms | None = None,
) -> tuple[Pilot, ...]:
    """Plan a pilot of every channel with spend, the most worth running first.

    The threshold is what the budget of the plan asks of its last euro, and at least break-even.

    Parameters
    ----------
    model : MixModel
        Fitted.
    plan : BudgetPlan
        Gives today's spend, the margin and the threshold.
    delta, horizon, set_up_cost, terms
        As in `plan_pilot`.
    modes : sequence of {"flighting", "holdout"}
        Considered for each channel; the better one is kept.

    Returns
    -------
    tuple of Pilot
        By net value, largest first.
    """
    today = dict(zip(plan.channels, map(float, plan.current), strict=True))
    terms = replace(terms or PilotTerms(), current=today)
    active = dict(zip(model.channels_, model.active_, strict=True))
    best = [
        max(
            (
                plan_pilot(
                    model,
                    name,
                    delta=delta,
                    mode=mode,
                    margin=plan.margin,
                    threshold=max(plan.multiplier, 0.0),
                    horizon=horizon,
                    set_up_cost=set_up_cost,
                    terms=terms,
                )
                for mode in modes
            ),
            key=_net,
        )
        for name in plan.channels
        if today[name] > 0 and active[name]
    ]
    return tuple(sorted(best, key=_net, reverse=True))


def _net(pilot: Pilot) -> float:
    return pilot.net_value


def pilot_frame(pilots: Sequence[Pilot]) -> pd.DataFrame:
    """Return one row a pilot, in their order.

    Returns
    -------
    pandas.DataFrame
        Columns channel, mode, delta, n_periods, expected, threshold, standard_error, power,
        chance, periods_needed, value, perfect_value, outcome_lost, set_up_cost, net_value,
        false_alarms, pays.
    """
    names = [
        "channel", "mode", "delta", "n_periods", "expected", "threshold", "standard_error", "power",
        "chance", "periods_needed", "value", "perfect_value", "outcome_lost", "set_up_cost",
        "net_value", "false_alarms", "pays",
    ]  # fmt: skip
    frame = pd.DataFrame([[getattr(pilot, name) for name in names] for pilot in pilots])
    frame = frame.set_axis(names, axis=1) if len(frame) else pd.DataFrame(columns=names)
    return frame.astype({"periods_needed": "Int64", "channel": "str", "mode": "str"})


def with_pilots(plan: BudgetPlan, pilots: Sequence[Pilot]) -> BudgetPlan:
    """Turn "hold" into "test" where a pilot pays, and "test" into "hold" where it does not.

    Push and cut stay: the plan is sure enough of them.

    Parameters
    ----------
    plan : BudgetPlan
    pilots : sequence of Pilot
        As `rank_pilots` returns them.

    Returns
    -------
    BudgetPlan
        The same plan, with these verdicts and a note that names the pilots.

    Raises
    ------
    ConfigError
        If a pilot's channel is not in the plan.
    """
    unknown = [pilot.channel for pilot in pilots if pilot.channel not in plan.channels]
    if unknown:
        raise ConfigError(
            f"the pilots name {quoted(unknown)}, which the plan does not have. Rank pilots of the "
            "same model."
        )
    paying = {pilot.channel: pilot for pilot in pilots if pilot.pays}
    weighed = dict.fromkeys((pilot.channel for pilot in pilots), "hold")
    weighed |= dict.fromkeys(paying, "test")
    verdict = tuple(
        weighed.get(name, said) if said in ("hold", "test") else said
        for name, said in zip(plan.channels, plan.verdict, strict=True)
    )
    named = [name for name, said in zip(plan.channels, verdict, strict=True) if said == "test"]
    notes = tuple(
        f"a pilot of {name!r} over {paying[name].n_periods} periods is worth "
        f"{paying[name].net_value:,.4g} after its cost."
        for name in named
        if name in paying
    )
    return replace(plan, verdict=verdict, notes=(*plan.notes, *notes))


def _check(
    delta: float, weeks: int | None, mode: str, horizon: int | None, terms: PilotTerms
) -> None:
    if mode not in ("flighting", "holdout"):
        raise ConfigError(f"mode is {mode!r}. Pass 'flighting' or 'holdout'.")
    if not 0 < delta <= 1:
        raise ConfigError(f"delta is {delta!r}. Pass the change as a share of spend, up to 1.")
    if weeks is not None and not (
        isinstance(weeks, int | np.integer) and 8 <= weeks <= terms.longest
    ):
        raise ConfigError(
            f"weeks is {weeks!r}. Pass 8 to {terms.longest} (PilotTerms(longest=...) allows more)."
        )
    if horizon is not None and not horizon >= 1:
        raise ConfigError(f"horizon is {horizon!r}. Pass the number of periods, 1 or more.")


def _check_money(margin: float, threshold: float | None, set_up_cost: float) -> None:
    check_margin(margin)
    if threshold is not None and not math.isfinite(threshold):
        raise ConfigError(f"threshold is {threshold!r}. Pass a marginal ROMI, 0 at break-even.")
    if not (math.isfinite(set_up_cost) and set_up_cost >= 0):
        raise ConfigError(f"set_up_cost is {set_up_cost!r}. Pass money, 0 or more.")


@dataclass(frozen=True)
class Order:
    """What is asked for; the stake is the money that a unit of return is worth."""

    mode: Mode
    delta: float
    margin: float
    stake: float
    terms: PilotTerms
    held: bool

    def value(self, ground: Ground, s: float) -> float:
        """Return what a test of standard error s is worth, in money."""
        by = value_of_clearing if self.held else value_of_test
        return self.stake * by(ground.distance, ground.spread, s)


def _block(kernel: Floats, longest: int) -> int:
    faded = int(np.searchsorted(np.cumsum(kernel), _FADED - 1e-9)) + 1
    return max(min(faded + 1, longest // 4), 2)


def _lengths(mode: Mode, block: int, longest: int) -> list[int]:
    """Return the lengths that are considered: whole pairs of blocks, or any that outlasts one."""
    if mode == "flighting":
        return list(range(4 * block, longest + 1, 2 * block))
    return list(range(min(max(block, 8), longest), longest + 1, 2))


def _laid(ground: Ground, order: Order, n_periods: int) -> Design:
    return design_pilot(
        order.mode,
        n_periods,
        _block(ground.kernel, order.terms.longest),
        order.delta * float(ground.today[ground.index]),
        ground.kernel,
        ground.rho,
        terms=order.terms,
        n_before=min(len(ground.residual), 52),
    )


def _alarms(laid: Design, ground: Ground) -> Floats:
    """Return what the replay reads off the history, in standard errors."""
    return np.abs(replay(laid.weights, laid.error(ground.sigma) / laid.noise, ground.residual))


def _wider(laid: Design, ground: Ground) -> float:
    """Return by how much the history scatters more than the noise of the model says, at least 1."""
    read = _alarms(laid, ground)
    return max(1.0, math.sqrt(float((read**2).mean()))) if len(read) else 1.0


def _read(laid: Design, ground: Ground, margin: float) -> float:
    """Return the standard error of the marginal ROMI."""
    return margin * laid.error(ground.sigma) * _wider(laid, ground)


def _stake(model: "MixModel", ground: Ground, horizon: int | None, terms: PilotTerms) -> float:
    """Return the money that a unit of return is worth, over the horizon."""
    days = model.clock_.period_days
    periods = max(round(_YEAR / days), 1) if horizon is None else horizon
    worth = worth_of_horizon(periods, days, terms.half_life, terms.interest)
    return terms.movable * float(ground.today[ground.index]) * worth


def _most_worth(model: "MixModel", ground: Ground, order: Order, options: Sequence[Design]) -> int:
    longest = options[-1]
    a_period = _lost(model, ground, order, longest) / len(longest.change)
    net = [
        order.value(ground, _read(laid, ground, order.margin)) - a_period * len(laid.change)
        for laid in options
    ]
    return int(np.argmax(net))


def _lost(model: "MixModel", ground: Ground, order: Order, laid: Design) -> float:
    """Return the profit expected to be lost during a pilot, and by what it carries over."""
    steady = np.tile(ground.today, (len(laid.change), 1))
    pilot = steady.copy()
    pilot[:, ground.index] = np.maximum(pilot[:, ground.index] + laid.change, 0.0)
    now, then = (
        float(simulate_response(model, spend)[:, ground.index].sum(axis=1).mean())
        for spend in (steady, pilot)
    )
    lost = order.margin * (now - then) - float(steady.sum() - pilot.sum())
    return max(lost, 0.0) * (order.terms.share if order.mode == "holdout" else 1.0)


def _priced(
    model: "MixModel",
    ground: Ground,
    order: Order,
    laid: Design,
    reaches: bool,
    set_up_cost: float,
) -> Pilot:
    s, n = _read(laid, ground, order.margin), len(laid.change)
    value = order.value(ground, s)
    lost = _lost(model, ground, order, laid)
    read = _alarms(laid, ground) / _wider(laid, ground)
    level = float(ground.today[ground.index])
    flighting, share = order.mode == "flighting", order.terms.share
    part = 1.0 if flighting else share
    sigma = ground.sigma * laid.noise * _wider(laid, ground)
    return Pilot(
        channel=model.channels_[ground.index],
        mode=order.mode,
        delta=order.delta,
        n_periods=n,
        block=_block(ground.kernel, order.terms.longest) if flighting else n,
        expected=ground.expected,
        spread=ground.spread,
        threshold=ground.threshold,
        standard_error=s,
        power=power(ground.distance, s),
        chance=chance_to_tell(ground.distance, ground.spread, s),
        periods_needed=periods_needed(
            ground.distance, order.margin * sigma, laid.design_effect, laid.size
        ),
        reaches=reaches,
        value=value,
        perfect_value=order.value(ground, 0.0),
        outcome_lost=lost,
        set_up_cost=set_up_cost,
        net_value=value - lost - set_up_cost,
        false_alarms=float((read > _Z).mean()) if len(read) else math.nan,
        dates=coming_periods(model.clock_, n),
        spend=part * np.maximum(level + laid.change, 0.0),
        unchanged=np.full(n, 0.0 if flighting else (1.0 - share) * level),
        exposure=laid.exposure,
        part=part,
        notes=_notes(ground, laid, reaches),
    )


def _notes(ground: Ground, laid: Design, reaches: bool) -> tuple[str, ...]:
    said = []
    if not reaches:
        said.append(
            f"no allowed length tells an expected return {abs(ground.distance):.2g} from the "
            "threshold: pool channels, split by account, or keep the spend."
        )
    read = _alarms(laid, ground)
    if not len(read):
        said.append("the history is shorter than the pilot: false alarms are not replayed.")
    elif _wider(laid, ground) > 1.0:
        said.append(
            f"the history scatters {_wider(laid, ground):.2f} times as much as the model's noise "
            f"says (false alarms {(read > _Z).mean():.0%}); the standard error is widened by that."
        )
    if laid.noise > 1.0:
        said.append(
            "the noise of the two parts is taken as independent, and the company's history for "
            "theirs: pass PilotTerms(regions=..., treated=...) for a pilot as short as it can be."
        )
    return tuple(said)
