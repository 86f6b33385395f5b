"""Journeys as walks over k-grams: what the states of a Markov chain of order k are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import Integers
from mmm.errors import ConfigError
from mmm.journeys import Journeys

Codes = npt.NDArray[np.signedinteger]

ORDERS = range(1, 7)
# Codes below this are ranked by a table of that size instead of a sort.
LOOKUP = 2**24
# Codes looked up at once: NumPy makes 64-bit positions of them, which then stay in the cache.
SLICE = 2**17


@dataclass(frozen=True, eq=False)
class Walks:
    """Journeys as walks over the states of a chain.

    A state is the last k channels, in order; a journey of fewer than k touches is one state of
    its own. Equal states in a row are one visit. A step is a state with what follows it: another
    channel, or the end of the journey.

    Attributes
    ----------
    states : ndarray of int64, shape (n_states, order)
        Channel codes, oldest first; -1 before the first touch of a short journey.
    start : ndarray of int64, shape (n_journeys + 1,)
        Journey ``j`` owns visits ``start[j]`` to ``start[j + 1] - 1``, at least one.
    state : ndarray of int, shape (n_visits,)
        State of each visit.
    step : ndarray of int, shape (n_visits,)
        Step that each visit takes; the last one of a journey is an end.
    source, target : ndarray of int64, shape (n_steps,)
        Where a step leaves from and arrives; target -1 where it ends the journey.
    """

    states: Integers
    start: Integers
    state: Codes
    step: Codes
    source: Integers
    target: Integers

    @property
    def first(self) -> Codes:
        """State in which each journey begins, shape (n_journeys,)."""
        return self.state[self.start[:-1]]

    @property
    def last(self) -> Codes:
        """State in which each journey ends, shape (n_journeys,)."""
        return self.state[self.start[1:] - 1]


def check_order(order: object) -> int:
    """Return the order of a chain, or say what an order can be.

    Raises
    ------
    ConfigError
        If it is no whole number from 1 to 6.

    Examples
    --------
    >>> check_order(2)
    2
    """
    whole = isinstance(order, int | np.integer) and not isinstance(order, bool)
    if not whole or int(order) not in ORDERS:  # type: ignore[call-overload]
        raise ConfigError(
            f"order is {order!r}. Pass a whole number from {ORDERS[0]} to {ORDERS[-1]}: how many "
            "touches back the next step depends on."
        )
    return int(order)  # type: ignore[call-overload, no-any-return]


def walk(journeys: Journeys, order: int) -> Walks:
    """Turn journeys into walks over the k-grams that occur in them.

    Parameters
    ----------
    journeys : Journeys
    order : int
        1 to 6.

    Returns
    -------
    Walks

    Raises
    ------
    ConfigError
        If there are too many channels to number the states of that order.

    Examples
    --------
    >>> walks = walk(Journeys.from_paths(["a > a > b > a", "b"]), 2)
    >>> walks.states.tolist()
    [[-1, 1], [0, 0], [0, 1], [1, 0]]
    >>> walks.state.tolist(), walks.start.tolist()
    ([1, 2, 3, 0], [0, 3, 4])
    """
    base = len(journeys.channels) + 1
    codes = context_codes(journeys, order)
    ends = journeys.start[1:] - 1
    opens = np.zeros(len(codes), dtype=bool)
    if order == 1:
        opens[journeys.start[:-1]] = True
    else:
        visited = codes >= base ** (order - 1)
        visited[ends] = True
        opens[ends - np.maximum(journeys.lengths - order, 0)] = True
        codes, opens = codes[visited], opens[visited]
    moved = opens.copy()
    moved[1:] |= codes[1:] != codes[:-1]
    codes = codes[moved]
    start = np.append(np.flatnonzero(opens[moved]), len(codes)).astype(np.int64)
    values, state = ranked(codes, base**order)
    keys = state.astype(_narrow(len(values) * base)) * base
    # The latest touch of the visit that follows; division is faster than the remainder.
    keys[:-1] += codes[1:] if order == 1 else codes[1:] - codes[1:] // base * base
    keys[start[1:] - 1] = state[start[1:] - 1] * base
    taken, step = ranked(keys, len(values) * base)
    source, following = taken // base, taken % base
    target = np.searchsorted(values, (values[source] * base + following) % base**order)
    powers = base ** np.arange(order - 1, -1, -1, dtype=np.int64)
    states = values[:, None] // powers % base - 1
    return Walks(states, start, state, step, source, np.where(following > 0, target, -1))


def context_codes(journeys: Journeys, order: int) -> Codes:
    """Give a number to the last `order` touches up to each touch.

    Digits of base n_channels + 1, the latest touch last, 0 before the first touch: the remainder
    by a power of the base is the shorter context.

    Returns
    -------
    ndarray of int, shape (n_touches,)

    Raises
    ------
    ConfigError
        If the numbers do not fit 62 bits.

    Examples
    --------
    >>> context_codes(Journeys.from_paths(["a > b > a"]), 2).tolist()
    [1, 5, 7]
    """
    base = len(journeys.channels) + 1
    if base ** (order + 1) >= 2**62:
        raise ConfigError(
            f"{base - 1} channels are too many for order {order}: their sequences cannot be "
            "numbered. Use a lower order, or group channels."
        )
    digit = journeys.touch.astype(_narrow(base**order)) + 1
    codes = digit
    for _ in range(1, order):
        before = np.zeros_like(codes)
        before[1:] = codes[:-1]
        before[journeys.start[:-1]] = 0
        codes = before * base + digit
    return codes


def _narrow(space: int) -> type[np.signedinteger]:
    return np.int32 if space <= 2**31 else np.int64


def ranked(codes: Codes, space: int) -> tuple[Integers, Codes]:
    """Return the distinct codes in order, and the rank of each code among them.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        From 0 to space - 1.
    space : int

    Returns
    -------
    values : ndarray of int64, shape (n_values,)
    rank : ndarray of int, shape (n,)

    Examples
    --------
    >>> values, rank = ranked(np.array([7, 2, 7]), 10)
    >>> values.tolist(), rank.tolist()
    ([2, 7], [1, 0, 1])
    """
    if space > LOOKUP:
        values, rank = np.unique(codes, return_inverse=True)
        return values.astype(np.int64, copy=False), rank
    parts = [slice(i, i + SLICE) for i in range(0, len(codes), SLICE)]
    present = np.zeros(space, dtype=bool)
    for part in parts:
        present[codes[part]] = True
    found = np.flatnonzero(present).astype(np.int64, copy=False)
    if len(found) and found[-1] - found[0] == len(found) - 1:
        return found, codes - found[0].astype(codes.dtype)
    table = np.zeros(space, dtype=np.int32)
    table[found] = np.arange(len(found))
    narrow = np.empty(len(codes), dtype=np.int32)
    for part in parts:
        narrow[part] = table[codes[part]]
    return found, narrow
