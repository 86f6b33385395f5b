"""What a chain loses without a channel, exactly: one inverse, or a fixed point of many states."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import Floats, Integers
from mmm.errors import ConfigError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

REMOVALS = ("to_null", "participation", "reroute")
# Up to this many states one inverse is faster than the iteration.
FEW_STATES = 200
# Numbers in one array of a state and a channel: 2 GiB.
MOST_CELLS = 2**28
# Where the iteration would need more rounds, sparse factors are taken instead.
ROUNDS = 1000
PRECISE = 1e-14
# Expected visits feed standard errors alone, which need fewer digits.
NEARLY = 1e-9
# A few units in the last place: closer than this no iteration comes.
ROUNDING = 1e-15


@dataclass(frozen=True, eq=False, repr=False)
class AbsorbingChain:
    """The numbers of a chain; `MarkovChain` says what each of them is."""

    channels: tuple[str, ...]
    states: Integers
    n_journeys: float
    visits: Floats
    start: Floats
    source: Integers
    target: Integers
    chance: Floats
    conversion: Floats
    null: Floats
    payoff: Floats
    participation: Floats

    @property
    def order(self) -> int:
        """Touches that a state remembers."""
        return int(self.states.shape[1])

    @cached_property
    def moves(self) -> "csr_array":
        """Probability of moving from a state to another, shape (n_states, n_states)."""
        # Loading SciPy takes longer than a small chain, which is solved without.
        from scipy.sparse import csr_array

        n_states = len(self.states)
        begins = np.append(0, np.cumsum(np.bincount(self.source, minlength=n_states)))
        return csr_array((self.chance, self.target, begins), shape=(n_states, n_states))

    @property
    def dense_moves(self) -> Floats:
        """The same as a plain array."""
        dense = np.zeros((len(self.states), len(self.states)))
        dense[self.source, self.target] = self.chance
        return dense

    @property
    def holds(self) -> npt.NDArray[np.bool_]:
        """Whether a state holds a channel, shape (n_states, n_channels)."""
        held = np.zeros((len(self.states), len(self.channels)), dtype=bool)
        row, column = np.nonzero(self.states >= 0)
        held[row, self.states[row, column]] = True
        return held

    @property
    def rate(self) -> float:
        """Expected amount per journey: the conversion rate where conversions are measured.

        Counting makes it the mean of the journeys, at every order.
        """
        if not self.n_journeys:
            return 0.0
        return float(self.visits @ self.payoff) / self.n_journeys


@dataclass(frozen=True, eq=False)
class Removal:
    """A chain with each channel removed in turn, its visits ending the journey.

    Attributes
    ----------
    lost : ndarray of float64, shape (n_channels,)
        Expected amount per journey that is lost, in the unit of the chain.
    worth : ndarray of float64, shape (n_states, n_channels)
        Expected amount from each state on, without the channel of the column.
    reached : ndarray of float64, shape (n_states, n_channels), or None
        Expected visits per journey, without the channel of the column; None where many states
        make them a computation of their own, see `reach_each`.
    """

    lost: Floats
    worth: Floats
    reached: Floats | None


def removal_effects(chain: AbsorbingChain, removal: str) -> Floats:
    """Return the part of the rate that is lost without each channel.

    Parameters
    ----------
    chain : AbsorbingChain
    removal : {"to_null", "participation", "reroute"}
        See `MarkovChain.removal_effects`.

    Returns
    -------
    ndarray of float64, shape (n_channels,)

    Raises
    ------
    ConfigError
        If the removal is unknown.

    Examples
    --------
    >>> from mmm.attribution.chain.fit import fit_chain
    >>> from mmm.journeys import Journeys
    >>> chain = fit_chain(Journeys.from_paths(["a > b", "b"], nulls=[0, 1]))
    >>> removal_effects(chain, "participation").tolist()
    [0.5, 1.0]
    """
    if removal not in REMOVALS:
        raise ConfigError(f"removal is {removal!r}. Choose one of {', '.join(REMOVALS)}.")
    if removal == "participation":
        return chain.participation.copy()
    if not chain.rate:
        return np.zeros(len(chain.channels))
    if removal == "to_null":
        return remove_each(chain).lost / chain.rate
    return reroute_each(chain)


def remove_each(chain: AbsorbingChain) -> Removal:
    """Remove each channel in turn: its visits end the journey without a deal.

    With N = (I - Q)^-1, v = N r, x = s'N and C the states that hold the channel, what is lost is
    x_C N_CC^-1 v_C, x_c v_c / N_cc at order 1. Many states: X <- (Q X + r) o M to its fixed
    point, M masking the states of each column's channel.

    Parameters
    ----------
    chain : AbsorbingChain

    Returns
    -------
    Removal

    Raises
    ------
    ConfigError
        If states times channels pass 2 GiB an array.

    References
    ----------
    Kemeny and Snell 1960, Finite Markov Chains, ch. 3 (the fundamental matrix N).

    Examples
    --------
    >>> from mmm.attribution.chain.fit import fit_chain
    >>> from mmm.journeys import Journeys
    >>> chain = fit_chain(Journeys.from_paths(["a > b", "b"], nulls=[0, 2]))
    >>> (remove_each(chain).lost / chain.rate).round(3).tolist()
    [0.25, 1.0]
    """
    check_cells(chain)
    holds = chain.holds
    if chain.order == 1 or len(holds) <= FEW_STATES:
        solved = _from_one_inverse(chain, holds)
    else:
        worth = solve_columns(chain.moves, (~holds).astype(np.float64), chain.payoff)
        solved = Removal(chain.rate - chain.start @ worth, worth, None)
    # Below 0 only by refunds, or by rounding; nothing is lost with a channel that nothing visits.
    visited_at_all = (chain.visits @ holds) > 0
    least = 0.0 if (chain.payoff >= 0).all() else -np.inf
    lost = np.where(visited_at_all, np.maximum(solved.lost, least), 0.0)
    return Removal(lost, solved.worth, solved.reached)


def reach_each(chain: AbsorbingChain) -> Floats:
    """Return the expected visits per journey without each channel, by iteration to nine digits.

    Parameters
    ----------
    chain : AbsorbingChain

    Returns
    -------
    ndarray of float64, shape (n_states, n_channels)

    Examples
    --------
    >>> from mmm.attribution.chain.fit import fit_chain
    >>> from mmm.journeys import Journeys
    >>> reach_each(fit_chain(Journeys.from_paths(["a > b", "b"], nulls=[0, 2]))).round(3).tolist()
    [[0.0, 0.25], [0.75, 0.0]]
    """
    kept = (~chain.holds).astype(np.float64)
    return solve_columns(chain.moves.T.tocsr(), kept, chain.start, NEARLY)


def check_cells(chain: AbsorbingChain) -> None:
    """Refuse a chain whose states times channels do not fit the stated memory.

    Raises
    ------
    ConfigError
        With the memory one array would take.
    """
    n_states, n_channels = chain.holds.shape
    if n_states * n_channels > MOST_CELLS or (chain.order == 1 and n_states**2 > MOST_CELLS):
        size = n_states * max(n_channels, n_states if chain.order == 1 else 0) * 8 / 2**30
        raise ConfigError(
            f"A chain of order {chain.order} with {n_states} states and {n_channels} channels "
            f"takes {size:.1f} GiB an array. Use a lower order, or group channels."
        )


def _from_one_inverse(chain: AbsorbingChain, holds: npt.NDArray[np.bool_]) -> Removal:
    n_states = len(holds)
    eye = np.eye(n_states)
    fundamental = np.linalg.solve(eye - chain.dense_moves, eye)
    v, x = fundamental @ chain.payoff, chain.start @ fundamental
    lost = np.zeros(holds.shape[1])
    worth, reached = np.repeat(v[:, None], len(lost), 1), np.repeat(x[:, None], len(lost), 1)
    for c in range(len(lost)):
        at = np.flatnonzero(holds[:, c])
        if len(at) == 0:
            continue
        returns = fundamental[np.ix_(at, at)]
        v_at = np.linalg.solve(returns, v[at])
        x_at = np.linalg.solve(returns.T, x[at])
        lost[c] = x[at] @ v_at
        worth[:, c] -= fundamental[:, at] @ v_at
        reached[:, c] -= x_at @ fundamental[at]
        # A removed state is left with rounding errors of its own worth and visits: it has none.
        worth[at, c] = reached[at, c] = 0.0
    return Removal(lost, worth, reached)


def solve_columns(
    moves: "csr_array", factor: Floats, payoff: Floats, precision: float = PRECISE
) -> Floats:
    """Solve X = factor o (Q X + r) for each column of factors.

    By iteration, which converges as fast as journeys end; by sparse factors (SuperLU) where they
    end so slowly that the iteration would take more than 1,000 rounds.

    Parameters
    ----------
    moves : csr_array, shape (n_states, n_states)
        Q, nonnegative.
    factor : ndarray of float64, shape (n_states, n_columns)
        0 where a state is removed, otherwise what its row is multiplied by.
    payoff : ndarray of float64, shape (n_states,)
        r, nonnegative.
    precision : float, default 1e-14
        Error left, over the largest number of the solution.

    Returns
    -------
    ndarray of float64, shape (n_states, n_columns)

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> moves = csr_array(np.array([[0.0, 0.5], [0.0, 0.0]]))
    >>> solve_columns(moves, np.array([[1.0], [1.0]]), np.array([0.0, 1.0])).tolist()
    [[0.5], [1.0]]
    """
    gain = factor * payoff[:, None]
    solution, before = gain, np.inf
    for _ in range(ROUNDS):
        following = moves @ solution
        following *= factor
        following += gain
        change = float(np.abs(following - solution).max(initial=0.0))
        solution = following
        # The changes shrink geometrically: what is still to come is change / (1 - ratio).
        ratio = min(change / before, 1.0) if before else 0.0
        close = max(precision * (1 - ratio), ROUNDING)
        if change <= close * float(np.abs(solution).max(initial=0.0)):
            return solution
        before = change
    return _by_factors(moves, factor, gain)


def _by_factors(moves: "csr_array", factor: Floats, gain: Floats) -> Floats:
    from scipy.sparse import diags_array, eye_array
    from scipy.sparse.linalg import splu

    solution = np.zeros_like(gain)
    for column in range(gain.shape[1]):
        scaled = diags_array(factor[:, column]) @ moves
        at = _reaching(scaled, gain[:, column])
        system = (eye_array(len(at)) - scaled[at][:, at]).tocsc()
        solution[at, column] = splu(system).solve(gain[at, column])
    return solution


def _reaching(moves: "csr_array", gain: Floats) -> Integers:
    """Return the states from which some gain can be reached; the others are worth nothing.

    Rerouted journeys may have no way left but a circle, where I - Q is singular.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    n_states = len(gain)
    final = np.flatnonzero(gain)
    ways = moves.tocoo()
    # Backwards, from an end of its own behind every state with a gain.
    source = np.concatenate([ways.col, np.full(len(final), n_states)])
    target = np.concatenate([ways.row, final])
    back = csr_array((np.ones(len(source)), (source, target)), shape=(n_states + 1, n_states + 1))
    found = breadth_first_order(back, n_states, return_predecessors=False)
    reaching: Integers = np.sort(found[found < n_states]).astype(np.int64)
    return reaching


def reroute_each(chain: AbsorbingChain) -> Floats:
    """Return signed removal effects where journeys avoid a channel instead of ending at it.

    Every row is renormalised over what does not lead to the channel, and so is the start. A state
    that leads nowhere else, or only round in circles, brings nothing.

    Parameters
    ----------
    chain : AbsorbingChain
        With a rate above 0.

    Returns
    -------
    ndarray of float64, shape (n_channels,)
        Negative where journeys would fare better without the channel.

    Examples
    --------
    >>> from mmm.attribution.chain.fit import fit_chain
    >>> from mmm.journeys import Journeys
    >>> chain = fit_chain(Journeys.from_paths(["a", "b"], nulls=[3, 0]))
    >>> reroute_each(chain).round(3).tolist()
    [-1.5, 0.375]
    """
    check_cells(chain)
    kept = (~chain.holds).astype(np.float64)
    staying = chain.moves @ kept + (chain.conversion + chain.null)[:, None]
    some = staying > PRECISE
    factor = np.divide(kept, staying, out=np.zeros_like(kept), where=some)
    worth = solve_columns(chain.moves, factor, chain.payoff)
    begins = chain.start @ kept
    expected = np.divide(
        chain.start @ worth, begins, out=np.zeros_like(begins), where=begins > PRECISE
    )
    effect = 1 - expected / chain.rate
    # A channel that nothing visits takes nothing away; rounding must not say otherwise.
    return np.where((chain.visits @ chain.holds) > 0, effect, 0.0)
