"""Calibration: maps of log-odds that never reverse a ranking, and the level of the recent past."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HALF_LIVES = (0.15, 0.4)  # of the level, as shares of the rows held out
SURELY = 2.0  # standard errors before a level counts as moving


@dataclass(frozen=True, eq=False)
class Mix:
    """Scores added up to calibrated log-odds: ``shift[fold] + z @ weights``.

    Attributes
    ----------
    shift : ndarray of float64, shape (n_folds,)
    weights : ndarray of float64, shape (k,)
        None below 0: a higher score never means a lower probability.
    z : ndarray of float64, shape (n,)
        The log-odds.
    loss : ndarray of float64, shape (n,)
        Weighted log loss of each row.
    """

    shift: Floats
    weights: Floats
    z: Floats
    loss: Floats


@dataclass(frozen=True)
class Level:
    """The intercept of the present.

    Attributes
    ----------
    shift : float
        To be added to log-odds.
    half_life : float or None
        In rows; None where all rows held out count alike.
    moves : bool
        Whether forecasts were off by more than chance: the level of all rows is then not that of
        the present.
    """

    shift: float
    half_life: float | None
    moves: bool


def loss_of(y: Floats, z: Floats) -> Floats:
    """Return the log loss of each row from its log-odds, without overflow.

    Examples
    --------
    >>> loss_of(np.array([1.0]), np.array([0.0])).round(4)
    array([0.6931])
    """
    loss: Floats = np.logaddexp(0.0, z) - y * z
    return loss


def mix(z: Floats, y: Floats, weight: Floats, fold: Integers, *, steady: float) -> Mix:
    """Find the weights, none negative, with which scores add up to calibrated log-odds.

    Logistic regression of the outcome on the scores, with a ridge towards their plain average. With
    one score this is the calibration of Platt (1999) with a slope that may not be negative; with
    several it is stacking (Breiman 1996, Machine Learning 24, 49-64, on why weights must not be
    negative). Each fold has an intercept of its own, so that a level that moves from fold to fold
    is not taken for what the scores can tell.

    Parameters
    ----------
    z : ndarray of float64, shape (n, k)
        Log-odds of rows that were held out, one column a model.
    y, weight : ndarray of float64, shape (n,)
    fold : ndarray of int64, shape (n,)
        From 0; each fold has rows.
    steady : float
        Precision with which each weight is held to 1 / k.

    Returns
    -------
    Mix

    Examples
    --------
    >>> wrong = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> mix(wrong, np.array([1.0, 1.0, 0.0, 0.0]), np.ones(4), np.zeros(4, int), steady=0).weights
    array([0.])
    """
    k, n_folds = z.shape[1], int(fold.max()) + 1
    middle = z.mean(axis=0)
    centred = z - middle

    def objective(at: Floats) -> tuple[float, Floats]:
        score = at[fold] + centred @ at[n_folds:]
        off = at[n_folds:] - 1.0 / k
        residual = weight * (expit(score) - y)
        value = float(weight @ loss_of(y, score) + steady / 2 * off @ off)
        slope = residual @ centred + steady * off
        return value, np.concatenate([np.bincount(fold, residual, n_folds), slope])

    rows = np.bincount(fold, weight, n_folds)
    rate = (np.bincount(fold, weight * y, n_folds) + 0.5) / (rows + 1.0)
    start = np.concatenate([logit(rate), np.full(k, 1.0 / k)])
    bounds = [(None, None)] * n_folds + [(0.0, None)] * k
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
    weights = np.asarray(found.x[n_folds:], dtype=np.float64)
    shift = np.asarray(found.x[:n_folds], dtype=np.float64) - middle @ weights
    score = shift[fold] + z @ weights
    return Mix(shift, weights, score, weight * loss_of(y, score))


def level_of(z: Floats, y: Floats, weight: Floats) -> float:
    """Return the shift of log-odds with which the mean probability is the rate.

    Examples
    --------
    >>> round(level_of(np.zeros(3), np.array([1.0, 0.0, 0.0]), np.ones(3)), 4)
    -0.5108
    """
    # Half a row of each kind keeps the level finite where all rows are of one.
    total = float(weight.sum())
    target = (float(weight @ y) + 0.5) * total / (total + 1.0)
    middle = float(np.average(z, weights=weight))
    shift = float(logit(target / total)) - middle
    for _ in range(100):
        p = expit(z + shift)
        step = (target - float(weight @ p)) / max(float(weight @ (p * (1 - p))), 1e-9)
        shift += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-12:
            break
    return shift


def track_level(z: Floats, y: Floats, weight: Floats, fold: Integers, forecast: Floats) -> Level:
    """Learn how fast the level moves, by forecasting each fold from the ones before.

    A half-life is taken where its forecasts beat those of all earlier folds by more than two paired
    standard errors.

    Parameters
    ----------
    z : ndarray of float64, shape (n,)
        Log-odds of rows held out, in order of time; right up to a shift.
    y, weight : ndarray of float64, shape (n,)
    fold : ndarray of int64, shape (n,)
        Ascending.
    forecast : ndarray of float64, shape (n,)
        Log-odds as forecast at the time, level included.

    Returns
    -------
    Level
    """
    plain = _forecasts(z, y, weight, fold, None)
    best: tuple[float, float | None] = (0.0, None)
    for half_life in (share * len(z) for share in HALF_LIVES):
        gain = plain - _forecasts(z, y, weight, fold, half_life)
        error = float(gain.std() * np.sqrt(len(gain)))
        if gain.sum() > max(SURELY * error, best[0]):
            best = (float(gain.sum()), half_life)
    p = expit(forecast)
    off = float(weight @ (y - p)) / np.sqrt(max(float(weight @ (p * (1 - p))), 1e-9))
    moves = best[1] is not None or abs(off) > SURELY
    return Level(level_of(z, y, weight * _recent(len(z), best[1])), best[1], bool(moves))


def _forecasts(
    z: Floats, y: Floats, weight: Floats, fold: Integers, half_life: float | None
) -> Floats:
    """Return the weighted loss of each row at the level of earlier folds; 0 in the first."""
    loss = np.zeros(len(z))
    for k in np.unique(fold)[1:]:
        past, now = fold < k, fold == k
        recent = _recent(int(past.sum()), half_life)
        shift = level_of(z[past], y[past], weight[past] * recent)
        loss[now] = weight[now] * loss_of(y[now], z[now] + shift)
    return loss


def _recent(n: int, half_life: float | None) -> Floats:
    age = np.arange(n - 1, -1, -1.0)
    return np.ones(n) if half_life is None else 0.5 ** (age / half_life)
