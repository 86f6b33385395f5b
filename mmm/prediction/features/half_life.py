"""Half-life of a touch: after how many days it says half as much about a deal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit

from mmm.errors import check_level
from mmm.prediction.features.build import DEFAULT_HALF_LIFE, decayed

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GRID = (2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 365.0)
_ENOUGH = 20  # wins, below which no half-life is learnt


@dataclass(frozen=True, eq=False)
class HalfLife:
    """A half-life and how well the data tell it.

    Attributes
    ----------
    days : float
        The likeliest of `grid`; the default where nothing can be learnt.
    lower, upper : float
        Half-lives of the grid that the data do not rule out at `level`; NaN where none is learnt.
    level : float
    grid : ndarray of float64, shape (n_grid,)
        Days.
    log_likelihood : ndarray of float64, shape (n_grid,)
    note : str
        Why nothing was learnt; empty otherwise.
    """

    days: float
    lower: float
    upper: float
    level: float
    grid: Floats
    log_likelihood: Floats
    note: str = ""


def learn_half_life(
    age_days: Floats,
    query: Integers,
    won: npt.NDArray[np.bool_],
    *,
    strata: Integers | None = None,
    grid: Sequence[float] = GRID,
    level: float = 0.9,
) -> HalfLife:
    """Choose the half-life whose activity tells won leads best from others.

    For each half-life h the activity of lead i is a_i = sum over its touches of 2^(-age / h), and
    logit P(won) = b_s + b log(1 + a_i), s the stratum, is fitted by maximum likelihood. The
    interval holds the half-lives whose log-likelihood lies within half a chi-square quantile of the
    best (Wilks 1938, Ann. Math. Stat. 9, 60-62).

    Parameters
    ----------
    age_days : ndarray of float64, shape (n_pairs,)
        Age of each touch when its lead is looked at.
    query : ndarray of int64, shape (n_pairs,)
        The look that each touch belongs to.
    won : ndarray of bool, shape (n,)
        Whether each look was followed by a win.
    strata : ndarray of int64, shape (n,), optional
        Looks whose rates differ for other reasons, such as the age of the lead.
    grid : sequence of float
        Days.
    level : float, default 0.9
        Coverage of the interval.

    Returns
    -------
    HalfLife

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> query, age = np.repeat(np.arange(4000), 3), rng.uniform(0, 90, 12000)
    >>> activity = decayed(age, query, 4000, 14.0)
    >>> won = rng.random(4000) < 1 / (1 + np.exp(3 - 3 * np.log1p(activity)))
    >>> learnt = learn_half_life(age, query, won)
    >>> learnt.lower <= 14.0 <= learnt.upper
    True
    """
    check_level(level)
    days, n = np.asarray(grid, dtype=np.float64), len(won)
    unlearnt = HalfLife(
        DEFAULT_HALF_LIFE, np.nan, np.nan, level, days, np.full(len(days), np.nan),
        f"fewer than {_ENOUGH} wins, or as few others",
    )  # fmt: skip
    if min(won.sum(), n - won.sum()) < _ENOUGH or not len(age_days):
        return unlearnt
    y = won.astype(np.float64)
    level_of = np.zeros(n, dtype=np.int64) if strata is None else strata
    levels = (level_of[:, None] == np.unique(level_of)).astype(np.float64)
    flat = _log_likelihood(levels, y)
    activity = [np.log1p(decayed(age_days, query, n, h)) for h in days]
    fit = np.array([_log_likelihood(np.column_stack([levels, a]), y) for a in activity])
    reach = float(stats.chi2.ppf(level, 1)) / 2.0
    if fit.max() - flat < reach:
        note = "the touches tell nothing of the outcome"
        return HalfLife(DEFAULT_HALF_LIFE, np.nan, np.nan, level, days, fit, note)
    kept = days[fit >= fit.max() - reach]
    best = float(days[int(np.argmax(fit))])
    return HalfLife(best, float(kept.min()), float(kept.max()), level, days, fit)


def _log_likelihood(design: Floats, y: Floats) -> float:
    """Return the largest log-likelihood of a logistic line, by Newton's method with halving."""
    beta = np.zeros(design.shape[1])
    best = _at(design, y, beta)
    for _ in range(50):
        p = expit(design @ beta)
        weight = np.maximum(p * (1.0 - p), 1e-9)
        step = np.linalg.lstsq((design.T * weight) @ design, design.T @ (y - p), rcond=None)[0]
        new = _at(design, y, beta + step)
        while new < best and np.abs(step).max() > 1e-10:
            step = step / 2.0
            new = _at(design, y, beta + step)
        if new - best < 1e-9:
            break
        beta, best = beta + step, new
    return best


def _at(design: Floats, y: Floats, beta: Floats) -> float:
    eta = design @ beta
    return float(y @ eta - np.logaddexp(0.0, eta).sum())
