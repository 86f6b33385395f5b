"""Where the next euro should go: the best plan, how sure it is, what to do with each channel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from mmm.errors import ConfigError, check_level, quoted
from mmm.mix.budget.allocation import Allocation, Curves, Rules, best_allocation
from mmm.mix.budget.certainty import Certainty, advise, judge, learned_tau
from mmm.mix.budget.limits import NOT_RAISED, Limits, find_room
from mmm.mix.budget.money import check_money
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.company import company_notes, largest_seen, quarter_of
from mmm.mix.effects.contributions import what_it_rests_on
from mmm.mix.effects.curves import marginal_response, simulate_response, steady_response
from mmm.mix.fitted import Fitted, check_fitted, check_margin, panels_of
from mmm.mix.transforms import Floats

_KNOTS = 201
PUSH, CUT = 0.8, 0.2  # chances that the last euro of a channel returns more than is asked


@dataclass(frozen=True)
class Target:
    """A return to reach in place of a total; give one of the two.

    Attributes
    ----------
    marginal_romi : float or None
        The last euro of every channel returns this.
    romi : float or None
        As much as can be spent while all media together return this.
    """

    marginal_romi: float | None = None
    romi: float | None = None


Total = float | Literal["current"] | Target | None


@dataclass(frozen=True, eq=False)
class Judged:
    """What a plan brings, on draws that did not choose it.

    Attributes
    ----------
    gain, profit : ndarray, shape (n_scored,)
        Outcome, and margin x outcome - spend, of the plan less that of today, per period.
    certainty : Certainty
    hidden_spread : float
        Standard deviation of the profit for hidden demand, which the draws do not know.
    """

    gain: Floats
    profit: Floats
    certainty: Certainty
    hidden_spread: float


def optimize_budget(
    model: Fitted,
    total: Total = "current",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    current: Mapping[str, float] | None = None,
    margin: float = 1.0,
    level: float = 0.9,
    *,
    limits: Limits | None = None,
    horizon: int | None = None,
    tau: Mapping[str, float] | float | None = None,
) -> BudgetPlan:
    """Find the split of a budget that earns most, and say how sure it is.

    The plan maximises the mean steady response over half of the posterior draws; its gain, its
    profit and its probability are judged on the other half, over the coming periods, with what is
    carried over from before and what still works after. The draws do not know demand that moved
    spend and outcome alike; that is added as an unknown bias of each return
    (`mmm.mix.budget.certainty`).

    Parameters
    ----------
    model : MixModel
        Fitted. With panels the plan is of the company, each channel split over the panels in
        today's proportions; `mmm.mix.each_panel(model)` plans each channel of each panel.
    total : "current", number, Target or None
        Spend per period in all. None: free, maximising margin x response - spend.
    bounds : mapping of str to (low, high), optional
        Spend per period; channels without are bound by `limits.max_change`.
    current : mapping of str to number, optional
        Spend per period today; the mean of the last quarter by default.
    margin : float
        Part of the outcome that is margin; of counts, the money that one deal or lead leaves, which
        has to be stated.
    level : float
        Coverage of the intervals.
    limits : Limits, optional
        Further rules. A channel that the data do not identify moves by a pilot at most.
    horizon : int, optional
        Periods that the plan is judged over; a quarter by default.
    tau : number or mapping of str to number, optional
        Standard deviation of the hidden bias of a return, per unit of spend; 0.4 times the return
        expected a priori by default.

    Returns
    -------
    BudgetPlan

    Raises
    ------
    ConfigError
        If a name is unknown, a number is no spend, or no plan meets the rules; the two that clash
        are named. If the outcome counts and `margin` is no money a deal.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (104, 2))
    >>> outcome = 900 + spend @ [3.0, 1.0] + rng.normal(0, 30, 104)
    >>> model = MixModel(sampler=Sampling(n_warmup=200, n_draws=400))
    >>> plan = optimize_budget(model.fit(spend, outcome))
    >>> plan.verdict[0], bool(plan.proposed[0] > plan.current[0])
    ('push', True)
    """
    check_fitted(model)
    level = check_level(level)
    check_margin(margin)
    today = current_spend(model, current)
    check_money(model, margin)
    known = what_it_rests_on(model)
    blind = list(compress(model.channels_, [by == _BLIND for by in known]))
    fixed = _fixed_total(total, today)
    room = find_room(model.channels_, today, fixed, bounds or {}, limits or Limits(), blind)
    value, slope = mean_curves(model, room.rules, margin)
    best = _best(value, slope, room.rules, total)
    if horizon is None:
        horizon = quarter_of(model.clock_)
    gain = gain_draws(model, today, best.spend, horizon)[1::2]
    moved = best.spend - today
    profit = margin * gain - moved.sum()
    bias = hidden_bias(model, margin, tau)
    spread = float(np.sqrt(((bias * moved) ** 2).sum()))
    judged = Judged(gain, profit, judge(profit, moved, bias), spread)
    plan = _describe(model, today, best, judged, known, margin=margin, level=level)
    binding = room.binding(best.spend)
    return replace(
        plan,
        # A channel that only suspicion stops from growing is one to test.
        verdict=tuple(
            "test" if rule == NOT_RAISED else verdict
            for rule, verdict in zip(binding, plan.verdict, strict=True)
        ),
        binding=binding,
        horizon=horizon,
        notes=(*_notes(model, today, best, blind), *_unspent(fixed, best.spend)),
    )


_BLIND = "not identified"


def current_spend(model: Fitted, given: Mapping[str, float] | None) -> Floats:
    """Return today's spend per period: as given, or the mean of the last quarter.

    Raises
    ------
    ConfigError
        If a channel is unknown or missing, or a number is no spend.
    """
    if given is None:
        return np.asarray(model.spend_[:, -quarter_of(model.clock_) :].mean(axis=1))
    unknown = [name for name in given if name not in model.channels_]
    missing = [name for name in model.channels_ if name not in given]
    if unknown or missing:
        raise ConfigError(
            f"current names {quoted(given)}; the model has {quoted(model.channels_, 20)}. "
            "Give the spend per period of each of these and of no other."
        )
    today = np.array([given[name] for name in model.channels_], dtype=np.float64)
    if not (np.isfinite(today).all() and (today >= 0).all()):
        raise ConfigError("current holds a number that is no spend. Pass 0 or more a channel.")
    return today


def _fixed_total(total: Total, today: Floats) -> float | None:
    if total is None or isinstance(total, Target):
        return None
    if isinstance(total, str):
        if total != "current":
            raise ConfigError(f"total is {total!r}. Pass 'current', a number, a Target or None.")
        return float(today.sum())
    if isinstance(total, bool) or not (np.isfinite(total) and total >= 0):
        raise ConfigError(f"total is {total!r}. Pass the spend per period, 0 or more.")
    return float(total)


def mean_curves(model: Fitted, rules: Rules, margin: float) -> tuple[Curves, Curves]:
    """Tabulate margin x mean steady response of each channel, on the draws that choose.

    Returns
    -------
    value, slope : callable
        As `best_allocation` takes them; cubic between knots, and never falling.
    """
    reach = np.maximum(rules.upper, rules.lower + 1e-9 * max(float(rules.upper.max()), 1e-9))
    knots = np.linspace(rules.lower, reach, _KNOTS)
    response = margin * steady_response(model, knots)[::2].mean(axis=0)
    lines = [PchipInterpolator(x, y) for x, y in zip(knots.T, response.T, strict=True)]
    return _by_channel(lines), _by_channel([line.derivative() for line in lines])


def _by_channel(lines: Sequence[Callable[[Floats], Floats]]) -> Curves:
    def read(spend: Floats) -> Floats:
        return np.stack([line(x) for line, x in zip(lines, spend, strict=True)])

    return read


def _best(value: Curves, slope: Curves, rules: Rules, total: Total) -> Allocation:
    if not isinstance(total, Target):
        return best_allocation(value, slope, rules)
    given = [one for one in (total.marginal_romi, total.romi) if one is not None]
    if len(given) != 1:
        raise ConfigError("a Target has marginal_romi or romi. Give one of the two.")
    asked = given[0]
    if not np.isfinite(asked):
        raise ConfigError(f"{total} is no return. Pass a number, 0 at break-even.")
    if total.romi is None:
        return _at_price(value, slope, rules, 1.0 + asked)
    low, high = 1e-6, 1e3
    if _romi(value, _at_price(value, slope, rules, high).spend) < asked:
        raise ConfigError(
            f"two rules clash: no spend within the bounds returns {asked:g} in all. "
            "Lower the target, or the least spends."
        )
    for _ in range(30):
        price = np.sqrt(low * high)
        reached = _romi(value, _at_price(value, slope, rules, price).spend) >= asked
        low, high = (low, price) if reached else (price, high)
    return _at_price(value, slope, rules, high)


def _at_price(value: Curves, slope: Curves, rules: Rules, price: float) -> Allocation:
    """Maximise value - price x spend: value and slope divided by the price of a unit."""
    price = max(price, 1e-9)
    found = best_allocation(lambda x: value(x) / price, lambda x: slope(x) / price, rules)
    return Allocation(found.spend, found.value * price, found.bound * price, price)


def _romi(value: Curves, spend: Floats) -> float:
    spent = float(spend.sum())
    return float(value(spend[:, None]).sum()) / spent - 1.0 if spent > 0 else np.inf


def gain_draws(model: Fitted, today: Floats, plan: Floats, horizon: int) -> Floats:
    """Return the outcome of the plan less that of today, mean per period, by draw.

    Both are held for `horizon` periods after the fitted ones; what then still works counts.

    Returns
    -------
    ndarray, shape (n_draws,)
    """
    if not (isinstance(horizon, int) and horizon >= 1):
        raise ConfigError(f"horizon is {horizon!r}. Pass the number of periods, 1 or more.")
    now, then = (
        simulate_response(model, np.tile(spend, (horizon, 1))).sum(axis=(1, 2))
        for spend in (today, plan)
    )
    return np.asarray((then - now) / horizon)


def hidden_bias(model: Fitted, margin: float, tau: Mapping[str, float] | float | None) -> Floats:
    """Return the standard deviation of the unknown bias of each channel's return.

    Without tests it is 0.4 times the return that the prior expects of media: the part of the
    outcome that media bring, over their spend.
    """
    n = len(model.channels_)
    if tau is None:
        priors = panels_of(model)[0].scaled_.problem.media
        share = float(np.exp(priors.total_loc))
        scale = margin * share * float(np.abs(model.outcome_).sum() / model.spend_.sum())
        return np.full(n, learned_tau(np.array([]), np.array([]), scale))
    if isinstance(tau, Mapping):
        missing = [name for name in model.channels_ if name not in tau]
        if missing:
            raise ConfigError(f"tau misses {quoted(missing)}. Give one number a channel.")
        given = np.array([float(tau[name]) for name in model.channels_])
    else:
        given = np.full(n, float(tau))
    if not (np.isfinite(given) & (given >= 0)).all():
        raise ConfigError(f"tau is {tau!r}. Pass standard deviations, 0 or more.")
    return given


def _describe(
    model: Fitted,
    today: Floats,
    best: Allocation,
    judged: Judged,
    known: Sequence[str],
    *,
    margin: float,
    level: float,
) -> BudgetPlan:
    tail = 0.5 * (1.0 - level)
    ends = (tail, 1.0 - tail)
    marginal = margin * marginal_response(model, today) - 1.0
    after = margin * marginal_response(model, best.spend) - 1.0
    asked = best.multiplier - 1.0
    above = (marginal > asked).mean(axis=0)
    # The slope of some curves has no bound where nothing is spent: there is no last euro there.
    marginal = np.where(today > 0, marginal, np.nan)
    after = np.where(best.spend > 0, after, np.nan)
    lower, upper = np.quantile(marginal, ends, axis=0)
    after_lower, after_upper = np.quantile(after, ends, axis=0)
    gain_lower, gain_upper = np.quantile(judged.gain, ends)
    profit_lower, profit_upper = np.quantile(judged.profit, ends)
    expected = float(judged.profit.mean())
    return BudgetPlan(
        channels=model.channels_,
        current=today,
        proposed=best.spend,
        verdict=verdicts(above, best.spend - today, known),
        identified=tuple(known),
        marginal_romi=marginal.mean(axis=0),
        marginal_romi_lower=lower,
        marginal_romi_upper=upper,
        marginal_romi_after=after.mean(axis=0),
        marginal_romi_after_lower=after_lower,
        marginal_romi_after_upper=after_upper,
        multiplier=asked,
        expected_gain=float(judged.gain.mean()),
        gain_lower=float(gain_lower),
        gain_upper=float(gain_upper),
        expected_profit=expected,
        profit_lower=float(profit_lower),
        profit_upper=float(profit_upper),
        probability_better=judged.certainty.probability_better,
        expected_loss=judged.certainty.expected_loss,
        tipping_tau=judged.certainty.tipping_tau,
        advice=advise(judged.certainty, expected),
        optimality_gap=best.gap,
        profit_draws=judged.profit,
        hidden_spread=judged.hidden_spread,
        level=level,
        margin=margin,
    )


def verdicts(above: Floats, change: Floats, known: Sequence[str]) -> tuple[str, ...]:
    """Return push, cut, hold or test, one a channel.

    Parameters
    ----------
    above : ndarray, shape (n_channels,)
        Probability that the marginal return at current spend exceeds what the budget asks for.
    change : ndarray, shape (n_channels,)
        Proposed less current spend.
    known : sequence of str
        What each effect rests on.

    Examples
    --------
    >>> rests_on = ["data", "data", "data", "not identified"]
    >>> verdicts(np.array([0.9, 0.1, 0.5, 0.9]), np.array([1.0, -1.0, 1.0, 1.0]), rests_on)
    ('push', 'cut', 'hold', 'test')
    """
    return tuple(
        "test"
        if by == _BLIND
        else "push"
        if p >= PUSH and moved > 0
        else "cut"
        if p <= CUT and moved < 0
        else "hold"
        for p, moved, by in zip(above, change, known, strict=True)
    )


def _notes(model: Fitted, today: Floats, best: Allocation, blind: Sequence[str]) -> tuple[str, ...]:
    said = [*company_notes(model)]
    if idle := list(compress(model.channels_, (today == 0) & (best.spend == 0))):
        said.append(
            f"{quoted(idle)}: no spend in the last quarter, and none in the plan. Name bounds to "
            "consider more."
        )
    if far := list(compress(model.channels_, best.spend > largest_seen(model) * (1 + 1e-9))):
        said.append(f"the plan for {quoted(far)} lies beyond any spend seen: extrapolated.")
    if blind:
        said.append(
            f"the data cannot tell the effect of {quoted(blind)}; they move by a pilot at most. "
            "A test would tell."
        )
    return tuple(said)


def _unspent(total: float | None, spend: Floats) -> tuple[str, ...]:
    """Say what steps or a least presence leave of a fixed total."""
    if total is None:
        return ()
    left = total - float(spend.sum())
    if left <= 1e-6 * total:
        return ()
    return (f"{left:,.6g} of the total of {total:,.6g} a period cannot be spent in these steps.",)
