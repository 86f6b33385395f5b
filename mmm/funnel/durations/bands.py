"""The uncertainty of a cumulative incidence: its covariance, its band, its median."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# Sums of products of fractions miss 0, a half and 1 by a few units in the last place.
ROUNDING = 1e-12


def before(values: Floats) -> Floats:
    """Return the value of a survival curve just before each of its times.

    Parameters
    ----------
    values : ndarray of float64, shape (n_times,)

    Returns
    -------
    ndarray of float64, shape (n_times,)

    Examples
    --------
    >>> before(np.array([0.8, 0.5]))
    array([1. , 0.8])
    """
    return np.concatenate([np.ones(1), values[:-1]])


def covariance(
    incidence: Floats,
    survival: Floats,
    at_risk: Counts,
    events: Counts,
    own: Counts,
    end: int | None = None,
) -> Floats:
    """Return the covariance of F(t) with itself, or with its value at a later time.

    Delta method on the discrete hazards, multinomial within one time. With D(t, u) = F(t) - F(u)
    and s = min(t, later), the sum over u <= s of D(s, u) D(t, u) d / (n (n - d))
    + S(u-)^2 d_k (n - d_k) / n^3 - (D(s, u) + D(t, u)) S(u-) d_k / n^2. Without censoring it is
    the binomial F(s) (1 - F(t)) / n, and with one cause Greenwood's formula.

    Parameters
    ----------
    incidence : ndarray of float64, shape (n_times,)
        F of one cause.
    survival : ndarray of float64, shape (n_times,)
        S, of any end.
    at_risk, events, own : ndarray of int64, shape (n_times,)
        n, d (ends of any cause) and d_k (ends of this cause).
    end : int, optional
        Index of the later time; the result holds for times up to it.

    Returns
    -------
    ndarray of float64, shape (n_times,)

    Examples
    --------
    >>> f, n = np.array([0.25, 0.5]), np.array([4, 3])
    >>> covariance(f, 1 - f, n, np.array([1, 1]), np.array([1, 1]))
    array([0.046875, 0.0625  ])
    """
    n, every, left = at_risk.astype(np.float64), events.astype(np.float64), before(survival)
    # Only the last time can take everybody, and there its factor D is 0.
    any_end = np.divide(every, n * (n - every), out=np.zeros_like(n), where=n > every)
    cross = left * own / n**2
    constant = np.cumsum(any_end * incidence**2 + left**2 * own * (n - own) / n**3)
    constant += 2.0 * np.cumsum(cross * incidence)
    linear = np.cumsum(any_end * incidence + cross)
    other = incidence if end is None else np.full_like(incidence, incidence[end])
    both = incidence * other * np.cumsum(any_end)
    result: Floats = both - (incidence + other) * linear + constant
    # A variance of 0 may come out as a few units in the last place below it.
    return np.maximum(result, 0.0, out=result) if end is None else result


def cloglog_band(
    share: Floats, variance: Floats, at_risk: Counts, level: float
) -> tuple[Floats, Floats]:
    """Return the interval of a share, normal on log(-log(1 - share)), so that it stays in 0-1.

    Parameters
    ----------
    share, variance : ndarray of float64, shape (n_times,)
        The estimate and its variance.
    at_risk : ndarray of int64, shape (n_times,)
        For shares of exactly 0 and 1, which have no variance: there the exact binomial bound for
        none and for all of that many takes its place.
    level : float
        Nominal coverage.

    Returns
    -------
    lower, upper : ndarray of float64, shape (n_times,)

    Examples
    --------
    >>> cloglog_band(np.array([0.5]), np.array([0.01]), np.array([25]), 0.9)
    (array([0.35028951]), array([0.67180578]))
    """
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    none, every = share <= ROUNDING, share >= 1.0 - ROUNDING
    inside = ~(none | every)
    safe = np.where(inside, share, 0.5)
    log_open = np.log1p(-safe)
    width = z * np.sqrt(variance) / ((1.0 - safe) * -log_open)
    exact = ((1.0 - level) / 2.0) ** (1.0 / at_risk)
    lower = np.where(inside, -np.expm1(log_open * np.exp(-width)), 0.0)
    upper = np.where(inside, -np.expm1(log_open * np.exp(width)), 1.0)
    upper = np.where(none, 1.0 - exact, upper)
    # The curve never falls: what bounded it from below before still does.
    lower = np.where(every, np.maximum(exact, np.maximum.accumulate(lower)), lower)
    return lower, upper


def plausible_halves(
    share: Floats, variance: Floats, joint: Floats, n_events: int, level: float
) -> Flags:
    """Tell at which times F(t) / F(tau) does not differ from 1/2 by more than its error.

    The error is that of the delta method on the logit scale. Where the ratio is 0 or 1 it is
    unknown, and the sign test decides: all events on one side of the median have probability
    2^-n_events.

    Parameters
    ----------
    share, variance : ndarray of float64, shape (n_times,)
        F and its variance at times up to tau, the last.
    joint : ndarray of float64, shape (n_times,)
        Covariance of F(t) and F(tau).
    n_events : int
        Events up to tau.
    level : float
        Nominal coverage of the times accepted.

    Returns
    -------
    ndarray of bool, shape (n_times,)

    Examples
    --------
    >>> f = np.arange(1, 11) / 10
    >>> plausible_halves(f, f * (1 - f) / 10, f * 0.0, 10, 0.9).nonzero()[0]
    array([2, 3, 4, 5, 6])
    """
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    ratio = share / share[-1]
    spread = np.maximum(variance - 2.0 * ratio * joint + ratio**2 * variance[-1], 0.0)
    inside = (ratio > ROUNDING) & (ratio < 1.0 - ROUNDING)
    safe = np.where(inside, ratio, 0.5)
    distance = np.abs(np.log(safe / (1.0 - safe))) * safe * (1.0 - safe)
    near = distance <= z * np.sqrt(spread) / share[-1]
    return np.where(inside, near, 0.5**n_events > (1.0 - level) / 2.0)
