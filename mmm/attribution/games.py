"""Cooperative games of channels: what coalitions are worth, and their Shapley values."""

from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import Floats, Integers, Measured, add_up
from mmm.errors import ConfigError
from mmm.journeys import Journeys

MOST_PLAYERS = 20
Bits = npt.NDArray[np.int64]


def check_players(n_players: int, game: str) -> None:
    """Refuse a game of more channels than its 2^K coalitions allow, with the cost and the cure.

    Raises
    ------
    ConfigError
        Above 20.

    Examples
    --------
    >>> check_players(20, "rate")
    """
    if n_players > MOST_PLAYERS:
        raise ConfigError(
            f"game={game!r} with {n_players} channels has 2^{n_players} = {2**n_players:.3g} "
            f"coalitions and takes {n_players * 2**n_players:.1g} additions; the limit is "
            f"{MOST_PLAYERS} channels. Group channels, or use game='sum', which has none."
        )


def kernel(n_players: int) -> tuple[Floats, Floats]:
    """Return the weights of a coalition's worth in the Shapley values of members and others.

    phi_c = sum over S with c of w(|S| - 1) v(S) - sum over S without c of w(|S|) v(S),
    w(s) = s! (K - s - 1)! / K! (Shapley 1953, A value for n-person games).

    Parameters
    ----------
    n_players : int
        K.

    Returns
    -------
    member, other : ndarray of float64, shape (2^K,)
        By coalition, bit c of its number telling whether channel c is in.

    Examples
    --------
    >>> member, other = kernel(2)
    >>> member.tolist(), other.tolist()
    ([0.0, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.0])
    """
    w = np.array(
        [
            factorial(s) * factorial(n_players - s - 1) / factorial(n_players)
            for s in range(n_players)
        ]
    )
    size = np.bitwise_count(np.arange(2**n_players, dtype=np.uint32)).astype(np.int64)
    return np.append(0.0, w)[size], np.append(w, 0.0)[size]


def shapley_values(worth: Floats) -> Floats:
    """Return the Shapley value of each player from the worth of every coalition.

    Parameters
    ----------
    worth : ndarray of float64, shape (2^K,)

    Returns
    -------
    ndarray of float64, shape (K,)

    Examples
    --------
    Two alone earn 1 and 2, together 5: each gets half of the 2 that only both earn.

    >>> shapley_values(np.array([0.0, 1.0, 2.0, 5.0])).tolist()
    [2.0, 3.0]
    """
    n_players = len(worth).bit_length() - 1
    member, other = kernel(n_players)
    inside, outside = member * worth, other * worth
    values = np.empty(n_players)
    for c in range(n_players):
        halves = (-1, 2, 2**c)
        values[c] = inside.reshape(halves)[:, 1].sum() - outside.reshape(halves)[:, 0].sum()
    return values


def over_subsets(numbers: Floats) -> Floats:
    """Sum over all subsets of each coalition: the zeta transform, O(K 2^K).

    Examples
    --------
    >>> over_subsets(np.array([1.0, 2.0, 4.0, 8.0])).tolist()
    [1.0, 3.0, 5.0, 15.0]
    """
    summed = numbers.copy()
    for c in range(len(numbers).bit_length() - 1):
        halves = summed.reshape(-1, 2, 2**c)
        halves[:, 1] += halves[:, 0]
    return summed


def over_supersets(numbers: Floats) -> Floats:
    """Sum over all coalitions that hold each coalition.

    Examples
    --------
    >>> over_supersets(np.array([1.0, 2.0, 4.0, 8.0])).tolist()
    [15.0, 10.0, 12.0, 8.0]
    """
    summed = numbers.copy()
    for c in range(len(numbers).bit_length() - 1):
        halves = summed.reshape(-1, 2, 2**c)
        halves[:, 0] += halves[:, 1]
    return summed


@dataclass(frozen=True, eq=False)
class RateGame:
    """The rate game: what journeys bring on average whose channels all lie in a coalition.

    v(S) = A(S) / W(S), A the amount and W the weight of journeys that touch no channel outside S;
    0 where there is none.

    Attributes
    ----------
    players : ndarray of int64, shape (K,)
        Channels that take part: those of journeys with weight.
    coalition : ndarray of int64, shape (n_journeys,)
        Coalition of each journey: bit i for ``players[i]``. 0 for journeys without weight.
    worth : ndarray of float64, shape (2^K,)
        v.
    weight : ndarray of float64, shape (2^K,)
        W.
    """

    players: Integers
    coalition: Bits
    worth: Floats
    weight: Floats

    def influence(self, at: Bits) -> tuple[Floats, Floats]:
        """Return what a journey of each of some coalitions does to the Shapley values.

        One journey more with amount a and coalition T moves v(S) by (a - v(S)) / W(S) for every
        S that holds T; the Shapley values follow as sums over supersets.

        Parameters
        ----------
        at : ndarray of int64, shape (n,)
            Coalitions.

        Returns
        -------
        null, per_amount : ndarray of float64, shape (n, K)
            Without an amount, and what each unit of it adds.
        """
        member, other = kernel(len(self.players))
        inverse = np.divide(1.0, self.weight, out=np.zeros_like(self.weight), where=self.weight > 0)
        return (
            _spread(member, other, -self.worth * inverse, at),
            _spread(member, other, inverse, at),
        )


def _spread(member: Floats, other: Floats, numbers: Floats, at: Bits) -> Floats:
    """Sum k_c(S) x(S) over the supersets S of some coalitions, for every player c."""
    inside, outside = over_supersets(member * numbers), over_supersets(other * numbers)
    n_players = len(numbers).bit_length() - 1
    spread = np.empty((len(at), n_players))
    for c in range(n_players):
        joined = at | (1 << c)
        # For T with c the last two terms cancel: no superset of it is without c.
        spread[:, c] = inside[joined] - outside[at] + outside[joined]
    return spread


def rate_game(journeys: Journeys, of: Measured) -> RateGame:
    """Count the rate game of journeys.

    Parameters
    ----------
    journeys : Journeys
    of : Measured

    Returns
    -------
    RateGame

    Raises
    ------
    ConfigError
        If more than 20 channels take part.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a", "a > b"], conversions=[1, 1], nulls=[3, 0])
    >>> rate_game(journeys, measured(journeys, None)).worth.tolist()
    [0.0, 0.25, 0.0, 0.4]
    """
    weight = journeys.conversions + journeys.nulls
    counted = (weight > 0)[journeys.journey_of_touch]
    players = np.unique(journeys.touch[counted]).astype(np.int64)
    check_players(len(players), "rate")
    bit = np.zeros(len(journeys.channels), dtype=np.int64)
    bit[players] = 1 << np.arange(len(players), dtype=np.int64)
    coalition = np.bitwise_or.reduceat(bit[journeys.touch], journeys.start[:-1])
    coalition[weight == 0] = 0
    size = 2 ** len(players)
    amount = over_subsets(add_up(coalition, of.amount, size))
    weight = over_subsets(add_up(coalition, weight, size))
    worth = np.divide(amount, weight, out=np.zeros(size), where=weight > 0)
    return RateGame(players, coalition, worth, weight)


def restricted_worth(chain: Floats) -> list[Floats]:
    """Return what a chain is worth where only some of its states may be visited, for all sets.

    The chain is the matrix [[Q, r], [s', 0]]. State by state it is eliminated where it may be
    visited, A <- A + column x row / (1 - A_00), and struck out where it may not: one level of the
    tree a state, 2^K matrices of one number at the last.

    Parameters
    ----------
    chain : ndarray of float64, shape (K + 1, K + 1)

    Returns
    -------
    list of ndarray of float64
        Level l has shape (2^l, K + 1 - l, K + 1 - l). The last holds v(S) = s_S'(I - Q_SS)^-1 r_S,
        by number of the coalition.

    Examples
    --------
    >>> levels = restricted_worth(np.array([[0.0, 0.5, 0.1], [0.0, 0.0, 0.4], [0.5, 0.5, 0.0]]))
    >>> levels[-1].ravel().round(3).tolist()
    [0.0, 0.05, 0.2, 0.35]
    """
    levels = [chain[None]]
    while levels[-1].shape[1] > 1:
        here = levels[-1]
        rest = here[:, 1:, 1:]
        through = here[:, 1:, :1] * here[:, :1, 1:] / (1 - here[:, :1, :1])
        levels.append(np.concatenate([rest, rest + through]))
    return levels


def worth_gradient(levels: list[Floats], weights: Floats) -> Floats:
    """Return the derivative of sum_S weights(S) v(S) in the numbers of the chain.

    Parameters
    ----------
    levels : list of ndarray
        Of `restricted_worth`.
    weights : ndarray of float64, shape (2^K,)

    Returns
    -------
    ndarray of float64, shape (K + 1, K + 1)

    Examples
    --------
    >>> levels = restricted_worth(np.array([[0.0, 0.2], [1.0, 0.0]]))
    >>> worth_gradient(levels, np.array([0.0, 1.0])).tolist()
    [[0.2, 1.0], [0.2, 1.0]]
    """
    back = weights[:, None, None]
    for here in levels[-2::-1]:
        half = len(here)
        struck, kept = back[:half], back[half:]
        column, row, left = here[:, 1:, :1], here[:, :1, 1:], 1 / (1 - here[:, :1, :1])
        back = np.empty_like(here)
        back[:, 1:, 1:] = struck + kept
        by_row = kept @ row.transpose(0, 2, 1)
        back[:, 1:, :1] = by_row * left
        back[:, :1, 1:] = column.transpose(0, 2, 1) @ kept * left
        back[:, :1, :1] = column.transpose(0, 2, 1) @ by_row * left**2
    gradient: Floats = back[0]
    return gradient
