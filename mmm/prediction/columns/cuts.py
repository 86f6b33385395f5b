"""Cuts between leads won and others; rows of one lead do not vouch for each other."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_DIGITS = 12  # of shares: sums of weights in another order are no difference


def read_groups(groups: Any, n: int) -> Integers:
    """Return a number for the group of each row; rows without one are groups of their own.

    Raises
    ------
    InputError
        If their number is not that of the rows.

    Examples
    --------
    >>> read_groups(["a", "b", "a", None], 4).tolist()
    [0, 1, 0, 2]
    """
    if groups is None:
        return np.arange(n)
    labels = np.asarray(pd.factorize(pd.Series(groups))[0], dtype=np.int64)
    if len(labels) != n:
        raise InputError(f"groups has {len(labels)} rows, the table {n}. Give one a row.")
    alone = labels < 0
    labels[alone] = labels.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return labels


def row_weights(won: Flags, groups: Integers) -> Floats:
    """Return as how many leads each row counts, shape (n,).

    The m rows of a group count as ``m / (1 + (m - 1) rho)`` (Kish 1965, Survey Sampling), rho the
    correlation between two rows of a group: several looks at one lead as one, leads of one account
    that end independently as so many.

    Examples
    --------
    >>> row_weights(np.array([True, True, False, False, False]), np.array([0, 0, 1, 1, 2])).tolist()
    [0.5, 0.5, 0.5, 0.5, 1.0]
    """
    others = np.bincount(groups)[groups] - 1.0
    if not others.any():
        return np.ones(len(won))
    gap = won - float(others @ won) / others.sum()
    alone = float(others @ gap**2)
    if alone == 0.0:  # the groups hold one class only
        return np.asarray(1.0 / (1.0 + others))
    together = float((np.bincount(groups, gap) ** 2).sum() - (gap**2).sum())
    alike = float(np.clip(round(together / alone, _DIGITS), 0.0, 1.0))
    return np.asarray(1.0 / (1.0 + others * alike))


def counted_rows(weight: Floats) -> int:
    """Return the number of leads that rows of these weights count as."""
    return round(float(weight.sum()))


def rates_of_others(
    codes: Integers, won: Flags, groups: Integers | None = None, weight: Floats | None = None
) -> Floats:
    """Return for each row the share of wins in its level among the rows of other groups.

    One row at the overall rate is added to each level, so that a level of one group says nothing.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Level of each row.
    won : ndarray of bool, shape (n,)
    groups : ndarray of int64, shape (n,), optional
        By default each row is a group.
    weight : ndarray of float64, shape (n,), optional
        By default 1.

    Examples
    --------
    >>> rates_of_others(np.array([0, 0, 1, 1]), np.array([True, True, False, False])).tolist()
    [0.75, 0.75, 0.25, 0.25]
    """
    own = np.arange(len(codes)) if groups is None else groups
    counts = np.ones(len(codes)) if weight is None else weight
    mine = np.unique(codes * (own.max(initial=0) + 1) + own, return_inverse=True)[1]
    n, wins = (
        np.bincount(codes, each)[codes] - np.bincount(mine, each)[mine]
        for each in (counts, counts * won)
    )
    rate = np.average(won, weights=counts)
    return np.asarray(np.round((wins + rate) / (n + 1.0), _DIGITS), dtype=np.float64)


def best_cut(
    score: Floats, won: Flags, *, both_ways: bool = True, weight: Floats | None = None
) -> tuple[float, float]:
    """Return the share of won and of other rows above the cut where they differ most.

    Parameters
    ----------
    score : ndarray of float64, shape (n,)
    won : ndarray of bool, shape (n,)
    both_ways : bool
        Whether won rows may also lie below the cut.
    weight : ndarray of float64, shape (n,), optional
        By default 1.

    Examples
    --------
    >>> best_cut(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    (1.0, 0.0)
    """
    order = np.argsort(score)
    ranked, mine = score[order], won[order]
    counts = np.ones(len(won)) if weight is None else weight[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    true, false = (
        np.round(1.0 - np.cumsum(each)[last] / each.sum(), _DIGITS)
        for each in (counts * mine, counts * ~mine)
    )
    gap = np.abs(true - false) if both_ways else true - false
    best = int(np.argmax(gap))
    return float(true[best]), float(false[best])
