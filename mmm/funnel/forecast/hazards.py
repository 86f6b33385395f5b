"""Hazards by age: constant within bins, drawn from their uncertainty, and stays simulated."""

import numpy as np
import numpy.typing as npt

from mmm.funnel.records.known import ADVANCED, ENDED, Stays

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Weeks for half a year, then four weeks to two years; the last bin has no end.
EDGES: Floats = np.concatenate([np.arange(0.0, 182.0, 7.0), np.arange(182.0, 729.0, 28.0)])
# An age seen too rarely borrows this many days of one record at the rate of all ages.
BORROWED_DAYS = 28.0


def exposure(days: Floats, group: Integers, n_groups: int) -> Floats:
    """Return the days spent in each bin of `EDGES`.

    Parameters
    ----------
    days : ndarray of float64, shape (n,)
        Lengths of stays that begin at age 0.
    group : ndarray of int64, shape (n,)
    n_groups : int

    Returns
    -------
    ndarray of float64, shape (n_groups, n_bins)

    Examples
    --------
    >>> exposure(np.array([10.0]), np.array([0]), 1)[0, :3].tolist()
    [7.0, 3.0, 0.0]
    """
    width = np.append(np.diff(EDGES), np.inf)
    total = np.zeros((n_groups, len(EDGES)))
    order = np.argsort(group, kind="stable")
    for block in np.array_split(order, max(1, len(order) // 20_000)):
        spent = np.clip(days[block, None] - EDGES, 0.0, width)
        np.add.at(total, group[block], spent)
    return total


def occurrences(at: Floats, group: Integers, n_groups: int) -> Floats:
    """Count events in each bin of `EDGES`, shape (n_groups, n_bins).

    Examples
    --------
    >>> occurrences(np.array([0.0, 8.0]), np.array([0, 0]), 1)[0, :3].tolist()
    [1.0, 1.0, 0.0]
    """
    total = np.zeros((n_groups, len(EDGES)))
    np.add.at(total, (group, age_bin(at)), 1.0)
    return total


def age_bin(age: Floats) -> Integers:
    """Return the bin of `EDGES` that each age lies in.

    Examples
    --------
    >>> age_bin(np.array([0.0, 6.9, 7.0, 9_999.0])).tolist()
    [0, 0, 1, 45]
    """
    return np.searchsorted(EDGES, age, side="right") - 1


def rates(events: Floats, days: Floats, weights: Floats) -> Floats:
    """Return occurrence / exposure rates a day under each weighting of the groups.

    With weights from an exponential distribution this is the Bayesian bootstrap over groups (Rubin
    1981, Annals of Statistics 9(1), 130-134).

    Parameters
    ----------
    events, days : ndarray of float64, shape (n_groups, n_bins)
    weights : ndarray of float64, shape (n_sets, n_groups)

    Returns
    -------
    ndarray of float64, shape (n_sets, n_bins)

    Examples
    --------
    >>> events, days = np.zeros((1, 46)), np.full((1, 46), 100.0)
    >>> events[0, 0] = 46.0
    >>> rates(events, days, np.ones((1, 1)))[0, :2].round(4).tolist()
    [0.3616, 0.0022]
    """
    count, spent = weights @ events, weights @ days
    total = spent.sum(axis=1, keepdims=True)
    all_ages = np.divide(
        count.sum(axis=1, keepdims=True), total, out=np.zeros_like(total), where=total > 0
    )
    result: Floats = (count + BORROWED_DAYS * all_ages) / (spent + BORROWED_DAYS)
    return result


def stay_rates(stays: Stays, weights: Floats) -> Floats:
    """Return the rates of going on and of ending of a state, shape (n_sets, 2, n_bins).

    Parameters
    ----------
    stays : Stays
    weights : ndarray of float64, shape (n_sets, n_groups)

    Examples
    --------
    >>> one = Stays(*(np.array([x]) for x in (-9.0, 7.0)), np.array([1]), np.array([0]),
    ...     np.array([1.0]))
    >>> stay_rates(one, np.ones((1, 1))).shape
    (1, 2, 46)
    """
    n_groups = weights.shape[1]
    days = exposure(stays.days, stays.group, n_groups)
    both = []
    for outcome in (ADVANCED, ENDED):
        seen = stays.outcome == outcome
        events = occurrences(stays.days[seen], stays.group[seen], n_groups)
        both.append(rates(events, days, weights))
    return np.stack(both, axis=1)


def simulate_stay(hazard: Floats, age: Floats, rng: np.random.Generator) -> tuple[Floats, Flags]:
    """Draw how much longer each stay lasts and whether it goes on.

    Parameters
    ----------
    hazard : ndarray of float64, shape (2, n_bins)
        Rates a day of going on and of ending.
    age : ndarray of float64, shape (n,)
        Days already there.
    rng : numpy.random.Generator

    Returns
    -------
    days : ndarray of float64, shape (n,)
        Infinite where neither ever happens.
    advanced : ndarray of bool, shape (n,)

    Examples
    --------
    >>> hazard = np.stack([np.full(46, 0.1), np.zeros(46)])
    >>> days, advanced = simulate_stay(hazard, np.zeros(4000), np.random.default_rng(0))
    >>> bool(9.5 < days.mean() < 10.5), bool(advanced.all())
    (True, True)
    """
    both = hazard.sum(axis=0)
    reached = np.concatenate([[0.0], np.cumsum(both[:-1] * np.diff(EDGES))])
    here = age_bin(age)
    target = reached[here] + (age - EDGES[here]) * both[here] + rng.exponential(size=len(age))
    there = np.searchsorted(reached, target, side="right") - 1
    ends = np.full(len(age), np.inf)
    rest = target - reached[there]
    np.divide(rest, both[there], out=ends, where=both[there] > 0)
    advanced = rng.random(len(age)) * both[there] < hazard[0, there]
    return np.maximum(EDGES[there] + ends - age, 0.0), advanced & np.isfinite(ends)
