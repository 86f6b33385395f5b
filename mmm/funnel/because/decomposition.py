"""Exact decomposition of the change of a sum of products over a sum of products."""

from collections.abc import Mapping
from itertools import combinations
from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Factors = Mapping[str, Floats]


def shapley(values: Floats) -> Floats:
    """Return each player's exact Shapley value.

    Parameters
    ----------
    values : ndarray of float64, shape (2 ** n_players,)
        Value of each coalition; bit i of the position says whether player i is in it.

    Returns
    -------
    ndarray of float64, shape (n_players,)
        Adds up to the value of all less the value of none.

    Examples
    --------
    >>> shapley(np.array([0.0, 1.0, 3.0, 6.0])).tolist()
    [2.0, 4.0]
    """
    n = len(values).bit_length() - 1
    result = np.zeros(n)
    for player in range(n):
        others = [i for i in range(n) if i != player]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            without = np.array([sum(1 << i for i in c) for c in combinations(others, size)])
            gain = values[without + (1 << player)] - values[without]
            result[player] += weight * float(gain.sum())
    return result


def log_mean(a: Floats, b: Floats) -> Floats:
    """Return the logarithmic mean (a - b) / ln(a / b); a where they are equal, 0 where one is 0.

    Parameters
    ----------
    a, b : ndarray of float64, shape (n,)
        Not negative.

    Examples
    --------
    >>> log_mean(np.array([2.0, 3.0, 1.0]), np.array([2.0, 0.0, np.e])).round(6).tolist()
    [2.0, 0.0, 1.718282]
    """
    a, b = np.atleast_1d(np.maximum(a, b)), np.atleast_1d(np.minimum(a, b))
    result = np.where(b > 0, a, 0.0)
    differ = (b > 0) & (a != b)
    x = (a[differ] - b[differ]) / b[differ]
    result[differ] = b[differ] * (x / np.log1p(x))
    return result


def ratio(top: Floats, bottom: Floats | None) -> float:
    """Return sum(top) / sum(bottom), NaN where that is 0; sum(top) without a bottom.

    Examples
    --------
    >>> ratio(np.array([1.0, 2.0]), np.array([2.0, 0.0])), ratio(np.array([1.0]), None)
    (1.5, 1.0)
    """
    if bottom is None:
        return float(top.sum())
    below = float(bottom.sum())
    return float(top.sum()) / below if below > 0 else float("nan")


def products(factors: Factors, powers: Mapping[str, int]) -> Floats:
    """Multiply factors, each to its power.

    Parameters
    ----------
    factors : mapping of str to ndarray of float64, shape (n_channels,)
    powers : mapping of str to int
        Not empty.

    Examples
    --------
    >>> products({"n": np.array([6.0]), "days": np.array([3.0])}, {"n": 1, "days": -1}).tolist()
    [2.0]
    """
    columns = [factors[name] ** float(power) for name, power in powers.items()]
    return np.asarray(np.prod(np.stack(columns), axis=0), dtype=np.float64)


def channel_terms(
    top0: Floats, bottom0: Floats | None, top1: Floats, bottom1: Floats | None
) -> Floats:
    """Split the change of a ratio of sums over the channels that the sums run over.

    The logarithmic mean L turns the change of V = A / B into L(V) (dA / L(A) - dB / L(B)) (Ang
    2005, Energy Policy 33(7), 867-871), and dA and dB are sums over channels. Where A is 0 in one
    period, all of the change is that of A.

    Parameters
    ----------
    top0, top1 : ndarray of float64, shape (n_channels,)
        What each channel adds to A, before and after.
    bottom0, bottom1 : ndarray of float64, shape (n_channels,), or None
        What it adds to B, whose sums are above 0; None for B = 1.

    Returns
    -------
    ndarray of float64, shape (n_channels,)
        Adds up to the change.

    Examples
    --------
    >>> one = channel_terms(np.array([6.0, 4.0]), np.array([1.0, 1.0]),
    ...     np.array([6.0, 8.0]), np.array([1.0, 1.0]))
    >>> one.round(9).tolist()
    [0.0, 2.0]
    """
    above, below = _scales(top0, bottom0, top1, bottom1)
    terms = above * (top1 - top0)
    if bottom0 is not None and bottom1 is not None:
        terms = terms - below * (bottom1 - bottom0)
    return terms


def _scales(
    top0: Floats, bottom0: Floats | None, top1: Floats, bottom1: Floats | None
) -> tuple[float, float]:
    """Return L(V) / L(A) and L(V) / L(B), in the limit where A is 0 in one period."""
    if bottom0 is None or bottom1 is None:
        return 1.0, 0.0
    ends = [float(part.sum()) for part in (top0, top1, bottom0, bottom1)]
    v0, v1 = ends[0] / ends[2], ends[1] / ends[3]
    if min(v0, v1) == 0:
        moved = ends[1] - ends[0]
        return ((v1 - v0) / moved if moved else 0.0), 0.0
    means = log_mean(np.array([v0, ends[0], ends[2]]), np.array([v1, ends[1], ends[3]]))
    return float(means[0] / means[1]), float(means[0] / means[2])


def lmdi_terms(
    before: Factors,
    after: Factors,
    top: Mapping[str, int],
    bottom: Mapping[str, int],
    *,
    joint: bool = False,
) -> Floats:
    """Split the change by the logarithmic mean, one term a channel and factor.

    The part x of a channel changes by sum_f L(x) p_f ln(f1 / f0) over its factors f with power p
    (Ang 2005). Where x is 0 in one period, the factors that are 0 in it alone share the change:
    the limit of small figures (Ang and Liu 2007, Energy Policy 35(1), 238-246).

    Parameters
    ----------
    before, after : mapping of str to ndarray of float64, shape (n_channels,)
        Factors, not negative.
    top, bottom : mapping of str to int
        Factors and powers; an empty bottom is 1.
    joint : bool
        One term a factor, over all channels.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_factors), or (1, n_factors) when joint
        Factors in the order of top, then bottom, each once.

    Examples
    --------
    >>> x, y = {"n": np.array([2.0]), "v": np.array([5.0])}, {"n": np.array([4.0]),
    ...     "v": np.array([5.0])}
    >>> lmdi_terms(x, y, {"n": 1, "v": 1}, {}).round(9).tolist()
    [[10.0, 0.0]]
    """
    names = list(dict.fromkeys([*top, *bottom]))
    top0, top1 = products(before, top), products(after, top)
    bottom0 = products(before, bottom) if bottom else None
    bottom1 = products(after, bottom) if bottom else None
    above, below = _scales(top0, bottom0, top1, bottom1)
    terms = above * _split(before, after, top, names)
    if bottom:
        terms -= below * _split(before, after, bottom, names)
    return terms.sum(axis=0, keepdims=True) if joint else terms


def _split(before: Factors, after: Factors, powers: Mapping[str, int], names: list[str]) -> Floats:
    """Split the change of each channel's product over its factors, shape (n_channels, n_names)."""
    x0, x1 = products(before, powers), products(after, powers)
    terms = np.zeros((len(x0), len(names)))
    both = (x0 > 0) & (x1 > 0)
    weight = log_mean(x0[both], x1[both])
    zeros = {f: (before[f] == 0) != (after[f] == 0) for f in powers}
    shared = np.maximum(sum(np.asarray(z, dtype=np.float64) for z in zeros.values()), 1.0)
    for name, power in powers.items():
        j = names.index(name)
        terms[both, j] = weight * power * np.log(after[name][both] / before[name][both])
        alone = ~both & zeros[name]
        terms[alone, j] = ((x1 - x0) / shared)[alone]
    return terms


def shapley_terms(
    before: Factors,
    after: Factors,
    top: Mapping[str, int],
    bottom: Mapping[str, int],
    *,
    joint: bool = False,
) -> Floats:
    """Split the change by exact Shapley values (Shapley 1953): the mean over orders of change.

    Parameters
    ----------
    before, after, top, bottom, joint
        As in `lmdi_terms`; bottoms stay above 0 whichever factors have changed.

    Returns
    -------
    ndarray of float64, shape (n_channels, n_factors), or (1, n_factors) when joint

    Examples
    --------
    >>> x, y = {"n": np.array([2.0]), "v": np.array([5.0])}, {"n": np.array([4.0]),
    ...     "v": np.array([7.0])}
    >>> shapley_terms(x, y, {"n": 1, "v": 1}, {}).tolist()
    [[12.0, 6.0]]
    """
    names = list(dict.fromkeys([*top, *bottom]))
    n_channels = len(before[names[0]])
    n_players = len(names) if joint else len(names) * n_channels
    values = np.empty(2**n_players)
    for coalition in range(2**n_players):
        on = np.array([coalition >> i & 1 for i in range(n_players)], dtype=np.bool_)
        now = on[None, :] if joint else on.reshape(n_channels, len(names))
        mixed = {f: np.where(now[:, j], after[f], before[f]) for j, f in enumerate(names)}
        below = products(mixed, bottom) if bottom else None
        values[coalition] = ratio(products(mixed, top), below)
    return shapley(values).reshape(1 if joint else n_channels, len(names))
