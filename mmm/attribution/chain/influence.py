"""How one journey moves what is computed from a chain, to first order in the counts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from mmm.attribution.chain.fit import MarkovChain
from mmm.attribution.chain.removal import Removal, reach_each
from mmm.attribution.chain.states import Walks
from mmm.attribution.measure import Floats, Integers, Measured, per_conversion
from mmm.attribution.uncertainty import BLOCK, Influence
from mmm.journeys import Journeys
from mmm.journeys.columnar import touches_of

# Codes of a journey that are added up together with those of others; the rest follows on its own.
LONG = 64


@dataclass(frozen=True, eq=False)
class Gradient:
    """Derivatives of some figures in the probabilities of a chain.

    Attributes
    ----------
    step : callable
        From positions of steps, none of them an end, to the derivatives in their transition
        probabilities, shape (n, n_figures).
    payoff : ndarray of float64, shape (n_states, n_figures)
        In the payoff of each state.
    start : ndarray of float64, shape (n_states, n_figures)
        In the start distribution.
    """

    step: Callable[[Integers], Floats]
    payoff: Floats
    start: Floats


@dataclass(frozen=True, eq=False)
class Moved:
    """How far a journey moves some figures: sums over its steps, and one term at either end.

    Attributes
    ----------
    steps : ndarray of float64, shape (n_steps, n_figures)
        For each step that the journey takes.
    first : ndarray of float64, shape (n_states, n_figures)
        For the state it begins in.
    last : ndarray of float64, shape (n_states, n_figures)
        For the state it ends in, per unit of amount that it brings.
    """

    steps: Floats
    first: Floats
    last: Floats


def _unchanged(figures: Floats) -> Floats:
    return figures


def moved_by(
    chain: MarkovChain,
    walks: Walks,
    gradient: Gradient,
    linear: Callable[[Floats], Floats] = _unchanged,
) -> Moved:
    """Turn derivatives in the probabilities into what one journey more does to the figures.

    Q_ij = n_ij / out_i, r_i = amount_i / out_i and s_i = starts_i / n are means of what journeys
    do. A step i to j moves row i towards j: by (df/dQ_ij - m_i) / out_i, where
    m_i = sum_j Q_ij df/dQ_ij + r_i df/dr_i. An end moves it by (a df/dr_i - m_i) / out_i, and the
    start in i by (df/ds_i - sum s df/ds) / n.

    Parameters
    ----------
    chain : MarkovChain
    walks : Walks
        From which the chain was counted.
    gradient : Gradient
    linear : callable, optional
        Linear map of the figures, shape (n, n_figures) to the same, of which the move is wanted.

    Returns
    -------
    Moved

    Examples
    --------
    The rate of a chain of one state is its payoff. With a rate of 1/2, a journey more without a
    deal moves it by -1/2 over the two visits, and one with a deal by 1/2 more.

    >>> from mmm.attribution.chain.fit import fit_chain
    >>> from mmm.attribution.chain.states import walk
    >>> journeys = Journeys.from_paths(["a", "a"], conversions=[1, 0], nulls=[0, 1])
    >>> rate = Gradient(lambda at: np.zeros((len(at), 1)), np.ones((1, 1)), np.full((1, 1), 0.5))
    >>> moved = moved_by(fit_chain(journeys), walk(journeys, 1), rate)
    >>> moved.steps.tolist(), moved.first.tolist(), moved.last.tolist()
    ([[-0.25]], [[0.0]], [[0.5]])
    """
    n_steps, n_figures = len(walks.source), gradient.payoff.shape[1]
    out = np.where(chain.visits > 0, chain.visits, 1.0)[:, None]
    inner, ends = np.flatnonzero(walks.target >= 0), np.flatnonzero(walks.target < 0)
    blocks = np.array_split(inner, len(inner) * n_figures // BLOCK + 1)
    mean = chain.payoff[:, None] * gradient.payoff
    position = 0
    for at in blocks:
        chance = chain.chance[position : position + len(at), None]
        position += len(at)
        # Steps are in the order of their sources.
        source, begin = np.unique(walks.source[at], return_index=True)
        mean[source] += np.add.reduceat(chance * gradient.step(at), begin, axis=0)
    # A state without weight has derivatives of no meaning; no journey with weight passes it.
    steps = np.empty((n_steps, n_figures))
    steps[ends] = linear(-mean[walks.source[ends]] / out[walks.source[ends]])
    for at in blocks:
        source = walks.source[at]
        steps[at] = linear((gradient.step(at) - mean[source]) / out[source])
    first = (gradient.start - chain.start @ gradient.start) / chain.n_journeys
    return Moved(steps, linear(first), linear(gradient.payoff / out))


def effects_moved(
    chain: MarkovChain,
    walks: Walks,
    solved: Removal,
    linear: Callable[[Floats], Floats] = _unchanged,
) -> Moved:
    """Return how one journey moves the removal effects.

    Without channel c the expected amount v0c has the derivatives x_i v_j in Q_ij, x_i in r_i and
    v_i in s_i, x the visits and v the worth without it. RE_c = 1 - v0c / v0, and v0 is the mean
    of the amounts, so that a journey with amount a moves it by (a - v0) / n.

    Parameters
    ----------
    chain : MarkovChain
        With a rate above 0.
    walks : Walks
    solved : Removal
        Of this chain.
    linear : callable, optional
        As in `moved_by`.

    Returns
    -------
    Moved

    Examples
    --------
    >>> from mmm.attribution.chain.fit import fit_chain
    >>> from mmm.attribution.chain.removal import remove_each
    >>> from mmm.attribution.chain.states import walk
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[1, 1], nulls=[1, 1])
    >>> chain, walks = fit_chain(journeys), walk(journeys, 1)
    >>> moved = effects_moved(chain, walks, remove_each(chain))
    >>> (moved.steps + moved.first + moved.last).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    reached = reach_each(chain) if solved.reached is None else solved.reached
    reached, worth = reached / -chain.rate, solved.worth

    def step(at: Integers) -> Floats:
        return reached[walks.source[at]] * worth[walks.target[at]]

    moved = moved_by(chain, walks, Gradient(step, reached, worth / -chain.rate), linear)
    kept = (1 - solved.lost / chain.rate)[None] / chain.n_journeys
    return Moved(moved.steps, moved.first + linear(-kept), moved.last + linear(kept / chain.rate))


def chain_influence(
    journeys: Journeys, of: Measured, walks: Walks, moved: Callable[[], Moved]
) -> Influence:
    """Return the influence of one journey on figures of a chain.

    Parameters
    ----------
    journeys : Journeys
    of : Measured
    walks : Walks
        Of these journeys.
    moved : callable
        Returns what the journeys' steps do to the figures; called once, at the first use.

    Returns
    -------
    Influence
        See `mmm.attribution.uncertainty`.

    Examples
    --------
    >>> from mmm.attribution.chain.states import walk
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a"])
    >>> walks, of = walk(journeys, 1), measured(journeys, None)
    >>> one = Moved(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))
    >>> null, won = chain_influence(journeys, of, walks, lambda: one)(np.array([0]))
    >>> null.tolist(), won.tolist()
    ([[2.0]], [[3.0]])
    """
    return _AlongChain(per_conversion(journeys, of), walks, moved)


@dataclass(frozen=True, eq=False)
class _AlongChain:
    """The influence of journeys by what their steps do; a class, so that it can be pickled."""

    each: Floats
    walks: Walks
    moved: Callable[[], Moved]

    @cached_property
    def table(self) -> Moved:
        return self.moved()

    def __call__(self, rows: Integers) -> tuple[Floats, Floats]:
        walks, table = self.walks, self.table
        null = sums_along(table.steps, walks.step, walks.start, rows)
        null += table.first[walks.first[rows]]
        paid = np.flatnonzero(self.each[rows])
        if not len(paid):
            return null, null
        won = null.copy()
        won[paid] += self.each[rows[paid], None] * table.last[walks.last[rows[paid]]]
        return null, won


def sums_along(
    table: Floats, codes: npt.NDArray[np.integer], start: Integers, rows: Integers
) -> Floats:
    """Add up the rows of a table that the codes of each journey name.

    All first codes at once, then all second ones, longest journeys first; what is left of very
    long ones, journey by journey.

    Parameters
    ----------
    table : ndarray of float64, shape (n_codes, n_figures)
    codes : ndarray of int
    start : ndarray of int64, shape (n_journeys + 1,)
        Journey ``j`` owns ``codes[start[j]:start[j + 1]]``, at least one.
    rows : ndarray of int64, shape (n,)
        Positions of journeys.

    Returns
    -------
    ndarray of float64, shape (n, n_figures)

    Examples
    --------
    >>> table, codes = np.array([[1.0], [10.0]]), np.array([0, 1, 1])
    >>> sums_along(table, codes, np.array([0, 2, 3]), np.array([1, 0])).tolist()
    [[10.0], [11.0]]
    """
    sums = np.empty((len(rows), table.shape[1]))
    if len(rows) == 0:
        return sums
    order = np.argsort(start[rows] - start[rows + 1], kind="stable")
    begin, end = start[rows[order]], start[rows[order] + 1]
    # How many journeys have a code at each turn: the first so many of them.
    n_left = np.searchsorted(begin - end, -np.arange(LONG + 1)).tolist()
    summed = table.take(codes[begin], axis=0)
    for turn in range(1, min(int(end[0] - begin[0]), LONG)):
        # What is added lies where the sums will be: no memory of its own a turn.
        left = slice(n_left[turn])
        summed[left] += np.take(table, codes[begin[left] + turn], 0, sums[left], mode="clip")
    for i in range(n_left[LONG]):
        summed[i] += table.take(codes[begin[i] + LONG : end[i]], axis=0).sum(axis=0)
    sums[order] = summed
    return sums


def participation_influence(
    journeys: Journeys, of: Measured, effect: Floats, linear: Callable[[Floats], Floats]
) -> Influence:
    """Return the influence of one journey on a linear function of participation effects.

    RE_c = A_c / A, A_c the amount of journeys with the channel, so that a conversion of amount a
    moves it by a (1 - RE_c) / A where its journey holds the channel, by -a RE_c / A otherwise.

    Parameters
    ----------
    journeys : Journeys
    of : Measured
        With an amount to share out.
    effect : ndarray of float64, shape (n_channels,)
    linear : callable
        From changes of the effects, shape (n, n_channels), to changes of the figures.

    Returns
    -------
    Influence

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[1, 1])
    >>> of = measured(journeys, None)
    >>> influence = participation_influence(journeys, of, np.array([0.5, 0.5]), np.negative)
    >>> influence(np.array([0]))[1].tolist()
    [[-0.25, 0.25]]
    """
    each = per_conversion(journeys, of) / of.attributed
    return partial(_by_participation, journeys, each, effect, linear)


def _by_participation(
    journeys: Journeys,
    each: Floats,
    effect: Floats,
    linear: Callable[[Floats], Floats],
    rows: Integers,
) -> tuple[Floats, Floats]:
    touches, first = touches_of(journeys.start, rows)
    row = np.repeat(np.arange(len(rows)), np.diff(np.append(first, len(touches))))
    held = np.zeros((len(rows), len(effect)))
    held[row, journeys.touch[touches]] = 1.0
    won = linear(each[rows, None] * (held - effect))
    return np.zeros_like(won), won
