"""Markov chain: credit in proportion to what the deals would lose without a channel."""

import warnings
from dataclasses import dataclass

import numpy as np

from mmm.attribution.measure import (
    Floats,
    Integers,
    Measured,
    add_up,
    deals_touched,
    measured,
    per_conversion,
)
from mmm.attribution.result import CONVENTION, AttributionResult, unattributed_credit
from mmm.attribution.uncertainty import Influence, share_interval, touches_of
from mmm.errors import ConfigError, DataWarning, check_level
from mmm.journeys import Journeys

ORDERS = (1,)
REMOVALS = ("to_null",)

_DEFINITION = (
    "Credit in proportion to removal effects: the part of the {measure} lost when every visit to "
    "the channel ends the journey without a deal, in a first-order Markov chain solved exactly "
    "(Anderl, Becker, von Wangenheim and Schumann 2016, IJRM 33(3), 457-474). "
)
_WITH_NULLS = "Journeys that ended without a deal are in."
_NO_NULLS = (
    "No journey ended without a deal: removal effects need non-converting journeys, without them "
    "each touch converts with certainty and frequent channels gain. "
    "Add lost deals and leads that never bought."
)


@dataclass(frozen=True, eq=False)
class Chain:
    """A first-order absorbing chain, estimated from journeys.

    Attributes
    ----------
    touch : ndarray of int64, shape (n_visits,)
        State of each visit, repeats of the same state in a row collapsed.
    start : ndarray of int64, shape (n_journeys + 1,)
        Visits of journey ``j`` are ``touch[start[j]:start[j + 1]]``.
    n_journeys : float
        Weighted number of journeys, converting or not.
    first : ndarray of float64, shape (n_states,)
        Distribution of the first state.
    moves : ndarray of float64, shape (n_states, n_states)
        Probability of moving from a state to another.
    payoff : ndarray of float64, shape (n_states,)
        Expected amount on leaving a state by conversion, per visit.
    out : ndarray of float64, shape (n_states,)
        Weighted visits.
    """

    touch: Integers
    start: Integers
    n_journeys: float
    first: Floats
    moves: Floats
    payoff: Floats
    out: Floats


@dataclass(frozen=True, eq=False)
class Removal:
    """A chain solved as it is, and with each channel removed.

    Column ``c`` of the two matrices belongs to the chain without channel c, the last column to the
    chain as it is.

    Attributes
    ----------
    worth : ndarray of float64, shape (n_states + 1, n_channels + 1)
        Expected amount from each state on; the last row is the end, worth nothing.
    visits : ndarray of float64, shape (n_states, n_channels + 1)
        Expected visits per journey, over the weighted visits `Chain.out`.
    expected : ndarray of float64, shape (n_channels + 1,)
        Expected amount per journey.
    effect : ndarray of float64, shape (n_channels,)
        Removal effects, 0-1.
    """

    worth: Floats
    visits: Floats
    expected: Floats
    effect: Floats


def markov(
    journeys: Journeys,
    *,
    order: int = 1,
    removal: str = "to_null",
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit channels in proportion to their removal effects in a Markov chain, exactly.

    Parameters
    ----------
    journeys : Journeys
        With the journeys that did not convert: without them a warning says what is missing.
    order : {1}, default 1
        How many channels back the next step depends on.
    removal : {"to_null"}, default "to_null"
        What becomes of a journey at a removed channel: it ends without a deal.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        Without a credit per deal: the chain describes all journeys together.

    Raises
    ------
    ConfigError
        If an option is unknown.
    InputError
        If values are asked for and missing.

    Warns
    -----
    DataWarning
        If every journey converts.

    References
    ----------
    Anderl, Becker, von Wangenheim and Schumann 2016, Mapping the customer journey: Lessons learned
    from graph-based online attribution modeling, IJRM 33(3), 457-474. The inverse is the
    fundamental matrix of Kemeny and Snell 1960, Finite Markov Chains, ch. 3.

    Examples
    --------
    >>> journeys = Journeys.from_paths(
    ...     ["Events > Email", "Email", "Email"], conversions=[1, 1, 0], nulls=[0, 0, 2]
    ... )
    >>> markov(journeys).to_frame()[["channel", "credit"]].round(3)
      channel  credit
    0   Email     1.6
    1  Events     0.4
    """
    _check_options(order, removal)
    of, level = measured(journeys, measure), check_level(level)
    notes = _check_journeys(journeys)
    if of.attributed:
        chain = fit_chain(journeys, of.amount)
        solved = remove_each(chain)
        part = solved.effect / solved.effect.sum()
        influence = removal_influence(journeys, of, chain, solved)
    else:
        part, influence = np.zeros(len(journeys.channels)), _no_influence
    credit = part * of.attributed
    share = credit / of.whole if of.whole else part
    interval = share_interval(journeys, of, share, influence, level)
    return AttributionResult(
        model="markov",
        definition=_DEFINITION.format(measure=of.measure) + (_NO_NULLS if notes else _WITH_NULLS),
        measure=of.measure,
        channels=journeys.channels,
        credit=credit,
        share=share,
        lower=interval.lower,
        upper=interval.upper,
        level=level,
        n_deals=deals_touched(journeys),
        unattributed=unattributed_credit(journeys, of),
        total=of.total,
        notes=(CONVENTION, *of.notes, *notes, *interval.notes),
    )


def _check_options(order: int, removal: str) -> None:
    if order not in ORDERS:
        raise ConfigError(f"order is {order!r}; this version solves first-order chains. Use 1.")
    if removal == "reroute":
        raise ConfigError(
            "removal is 'reroute', which gives signed removal effects: negative ones cannot be "
            "shared out as credit. Use removal='to_null'."
        )
    if removal not in REMOVALS:
        raise ConfigError(f"removal is {removal!r}. Choose one of {', '.join(REMOVALS)}.")


def _check_journeys(journeys: Journeys) -> tuple[str, ...]:
    if journeys.conversions.any() and not journeys.nulls.any():
        warnings.warn(_NO_NULLS, DataWarning, stacklevel=3)
        return (_NO_NULLS,)
    return ()


def fit_chain(journeys: Journeys, amount: Floats) -> Chain:
    """Estimate the transition probabilities of order 1.

    A row of c conversions and u nulls counts c + u times for each of its moves. Repeats of a state
    in a row are collapsed: they change no removal effect and cost visits.

    Parameters
    ----------
    journeys : Journeys
        At least one with weight.
    amount : ndarray of float64, shape (n_journeys,)
        Value or conversions of each journey.

    Returns
    -------
    Chain

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b", "a"], conversions=[1, 0], nulls=[0, 1])
    >>> fit_chain(journeys, journeys.conversions).moves.tolist()
    [[0.0, 0.5], [0.0, 0.0]]
    """
    n_states = len(journeys.channels)
    opens = np.zeros(len(journeys.touch), dtype=bool)
    opens[journeys.start[:-1]] = True
    kept = opens.copy()
    kept[1:] |= journeys.touch[1:] != journeys.touch[:-1]
    touch = journeys.touch[kept].astype(np.int64)
    first = np.flatnonzero(opens[kept])
    start = np.append(first, len(touch))
    weight = journeys.conversions + journeys.nulls
    per_visit = np.repeat(weight, np.diff(start))
    out = add_up(touch, per_visit, n_states)
    stays = np.ones(len(touch), dtype=bool)
    stays[start[1:] - 1] = False
    step = np.flatnonzero(stays)
    pair = touch[step] * n_states + touch[step + 1]
    moves = add_up(pair, per_visit[step], n_states**2).reshape(n_states, n_states)
    last = touch[start[1:] - 1]
    # A state without weighted visits has no moves either: any divisor will do.
    divisor = np.where(out > 0, out, 1.0)
    return Chain(
        touch=touch,
        start=start,
        n_journeys=float(weight.sum()),
        first=add_up(touch[first], weight, n_states) / weight.sum(),
        moves=moves / divisor[:, None],
        payoff=add_up(last, amount, n_states) / divisor,
        out=out,
    )


def remove_each(chain: Chain) -> Removal:
    """Solve the chain as it is, and without each channel, from one inverse.

    With N = (I - Q)^-1, r the payoff and s the first state, v = N r, x = s'N, v0 = s'v. Without
    channel c, v_i falls by N_ic / N_cc v_c (the way there times what it is worth) and x_j by
    x_c / N_cc N_cj, so that RE_c = x_c / N_cc * v_c / v0.

    Parameters
    ----------
    chain : Chain
        With a payoff that can be reached.

    Returns
    -------
    Removal

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b", "b"], nulls=[0, 2])
    >>> remove_each(fit_chain(journeys, journeys.conversions)).effect.round(3).tolist()
    [0.25, 1.0]
    """
    n_states = len(chain.out)
    eye = np.eye(n_states)
    fundamental = np.linalg.solve(eye - chain.moves, eye)
    returns = np.diag(fundamental)
    v = fundamental @ chain.payoff
    x = chain.first @ fundamental
    worth = np.zeros((n_states + 1, n_states + 1))
    worth[:-1, :-1] = v[:, None] - fundamental * (v / returns)
    worth[:-1, -1] = v
    visits = np.column_stack([x[:, None] - fundamental.T * (x / returns), x])
    # A removed state is left with rounding errors of its own worth and visits: it has none.
    np.fill_diagonal(worth, 0.0)
    np.fill_diagonal(visits, 0.0)
    v0 = float(chain.first @ v)
    return Removal(
        worth=worth,
        visits=visits / np.where(chain.out > 0, chain.out, 1.0)[:, None],
        expected=chain.first @ worth[:-1],
        effect=x / returns * v / v0,
    )


def removal_influence(journeys: Journeys, of: Measured, chain: Chain, solved: Removal) -> Influence:
    """Return the influence of one journey on the shares, to first order in the counts.

    For each chain, v0 moves by x_i / out_i (v_j - v_i) per step i to j, by x_i / out_i (a - v_i)
    per end with amount a, and by (v_first - v0) / n for the start. RE_c = 1 - v0c / v0 and
    share_c = p RE_c / sum RE, p the attributed part of the total, follow by the quotient rule.

    Parameters
    ----------
    journeys : Journeys
    of : Measured
        With an amount to share out.
    chain : Chain
        Of these journeys and amounts.
    solved : Removal
        Of this chain.

    Returns
    -------
    Influence

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[3, 1], nulls=[1, 1])
    >>> of = measured(journeys, None)
    >>> chain = fit_chain(journeys, of.amount)
    >>> influence = removal_influence(journeys, of, chain, remove_each(chain))
    >>> null, won = influence(np.array([0]))
    >>> won.round(4).tolist()
    [[0.0625, -0.0625]]
    """
    end = len(chain.out)
    following = np.append(chain.touch[1:], end)
    following[chain.start[1:] - 1] = end
    v0, sum_re = solved.expected[-1], solved.effect.sum()
    part = solved.effect / sum_re
    attributed = of.attributed / of.whole
    # What one more unit of amount adds to the attributed part itself.
    direct = part * (1 - attributed) / of.whole
    each = per_conversion(journeys, of)

    def to_share(moved: Floats) -> Floats:
        ratio = solved.expected[:-1] / v0
        effect: Floats = (ratio * moved[:, -1:] - moved[:, :-1]) / v0
        summed: Floats = effect.sum(axis=1, keepdims=True)
        shifted: Floats = attributed * (effect - part * summed) / sum_re
        return shifted

    def influence(rows: Integers) -> tuple[Floats, Floats]:
        visits, first = touches_of(chain.start, rows)
        at = chain.touch[visits]
        steps = solved.visits[at] * (solved.worth[following[visits]] - solved.worth[at])
        moved = np.add.reduceat(steps, first, axis=0)
        moved += (solved.worth[at[first]] - solved.expected) / chain.n_journeys
        last = chain.touch[chain.start[rows + 1] - 1]
        null = to_share(moved)
        won = null + each[rows, None] * (to_share(solved.visits[last]) + direct)
        return null, won

    return influence


def _no_influence(rows: Integers) -> tuple[Floats, Floats]:
    raise AssertionError("without a conversion there is no interval to ask for")
