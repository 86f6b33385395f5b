"""What a test would show, and what knowing it is worth: numbers and arrays in, numbers out.

A channel's return ``theta ~ N(mu, t^2)`` is held against a threshold ``h``: above it, money moves
in, below it, out. A test measures theta with the standard error ``s``. Money is moved better after
it only where it can change the side of h that theta is believed to be on. Near h even a test that
can hardly tell has a value; whether it is likely to give a clear answer is a question of its own.
"""

import math

import numpy as np
from scipy.special import ndtr, ndtri

from mmm.errors import ConfigError
from mmm.mix.transforms import Floats

CONFIDENCE, POWER = 0.975, 0.8
LEAST_CHANCE = 0.2  # of a clear answer: noise alone gives one in twenty
_Z = float(ndtri(CONFIDENCE))
_WEEKS_OF_YEAR = 365.25 / 7


def standard_error(sigma: float, design_effect: float, change: float, n_periods: int) -> float:
    """Return the standard error of a return measured over some periods.

    ``s = sigma sqrt(design_effect) / (change sqrt(n_periods))``

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise of a period, in units of the outcome.
    design_effect : float
        Variance of the estimate over what it would be with independent noise.
    change : float
        Root mean square change of effective spend, in units of spend.
    n_periods : int

    Returns
    -------
    float
        In units of the outcome over units of spend; infinite where nothing changes.

    Examples
    --------
    >>> standard_error(10.0, 1.0, 5.0, 16)
    0.5
    """
    if change <= 0 or n_periods <= 0:
        return math.inf
    return sigma * math.sqrt(design_effect) / (change * math.sqrt(n_periods))


def power(distance: float, s: float) -> float:
    """Return the probability that a test at 95% confidence finds a return `distance` away.

    ``Phi(distance / s - z_.975)``

    Examples
    --------
    >>> round(power(2.8, 1.0), 2)
    0.8
    """
    return float(ndtr(abs(distance) / s - _Z)) if s > 0 else float(distance != 0)


def chance_to_tell(distance: float, spread: float, s: float) -> float:
    """Return the probability that a test at 95% confidence reads above or below the threshold.

    Over all that is believed of the return (assurance), where `power` takes its mean for the truth:
    ``Phi((distance - z s) / v) + Phi((-distance - z s) / v)``, ``z = z_.975``, ``v^2 = t^2 + s^2``.

    Parameters
    ----------
    distance, spread, s
        As in `value_of_test`.

    References
    ----------
    O'Hagan, Stevens and Campbell 2005, Assurance in clinical trial design, Pharmaceutical
    Statistics 4(3), 187-201.

    Examples
    --------
    >>> round(power(0.0, 0.2), 3), round(chance_to_tell(0.0, 1.0, 0.2), 2)
    (0.025, 0.7)
    >>> round(chance_to_tell(0.0, 1.0, 100.0), 2)
    0.05
    """
    v = math.hypot(spread, s)
    if not (v > 0 and math.isfinite(s)):
        return 0.0
    return sum(float(ndtr((side * distance - _Z * s) / v)) for side in (1, -1))


def periods_needed(
    distance: float, sigma: float, design_effect: float, change: float
) -> int | None:
    """Return the periods at which the power reaches 80%; None where no number of them does.

    ``ceil((z_.975 + z_.8)^2 sigma^2 design_effect / (change^2 distance^2))``

    Examples
    --------
    >>> periods_needed(0.5, 10.0, 1.0, 20.0), periods_needed(0.0, 10.0, 1.0, 20.0)
    (8, None)
    """
    reached = (change * distance) ** 2
    if not reached > 0:
        return None
    exact = (_Z + float(ndtri(POWER))) ** 2 * sigma**2 * design_effect / reached
    return max(math.ceil(exact), 1) if exact < 1e9 else None


def value_of_test(distance: float, spread: float, s: float) -> float:
    """Return what a test is worth, per unit of spend that its result can move, and period.

    ``q [phi(u) - u (1 - Phi(u))]`` with ``q = t^2 / sqrt(t^2 + s^2)``, ``u = |distance| / q``: the
    mean of what is gained where the result turns the decision, 0 where it does not.

    Parameters
    ----------
    distance : float
        Expected return less the threshold, mu - h.
    spread : float
        Standard deviation t of what is believed of the return.
    s : float
        Standard error of the test; 0 for perfect knowledge.

    Returns
    -------
    float
        In units of the return.

    References
    ----------
    Raiffa and Schlaifer 1961, Applied Statistical Decision Theory (unit normal loss integral).

    Examples
    --------
    >>> round(value_of_test(0.0, 1.0, 0.0), 4)
    0.3989
    >>> value_of_test(0.5, 1.0, 0.5) < value_of_test(0.5, 1.0, 0.0)
    True
    """
    if not (spread > 0 and math.isfinite(s)):
        return 0.0
    q = spread**2 / math.hypot(spread, s)
    u = abs(distance) / q
    density = math.exp(-0.5 * u**2) / math.sqrt(2 * math.pi)
    return max(q * (density - u * float(ndtr(-u))), 0.0)


def value_of_clearing(distance: float, spread: float, s: float) -> float:
    """Return what a test is worth of a channel that gets more only after one.

    ``distance Phi(u) + t^2 / v phi(u)`` with ``v = sqrt(t^2 + s^2)`` and ``u = distance / v``: the
    mean of what a return above the threshold brings, and one below it costs, where the test reads
    above it; without the test nothing is moved.

    Parameters
    ----------
    distance, spread, s
        As in `value_of_test`.

    Returns
    -------
    float
        In units of the return.

    Examples
    --------
    >>> value_of_clearing(2.0, 0.5, 0.5) > value_of_test(2.0, 0.5, 0.5)
    True
    >>> round(value_of_clearing(0.0, 1.0, 0.0), 4)
    0.3989
    """
    if not (spread > 0 and math.isfinite(s)):
        return 0.0
    v = math.hypot(spread, s)
    u = distance / v
    density = math.exp(-0.5 * u**2) / math.sqrt(2 * math.pi)
    return max(distance * float(ndtr(u)) + spread**2 / v * density, 0.0)


def worth_of_horizon(
    n_periods: int, period_days: float, half_life: float, interest: float
) -> float:
    """Return how many periods of full worth a horizon comes to.

    ``sum_{w <= H} 2^(-w / half_life) (1 + interest)^(-w / 52.18)``: what is learnt grows old, and
    later money is worth less.

    Parameters
    ----------
    n_periods : int
        Of the horizon.
    period_days : float
    half_life : float
        Weeks after which half of what was learnt still holds.
    interest : float
        Per year.

    Examples
    --------
    >>> worth_of_horizon(3, 7.0, float("inf"), 0.0)
    3.0
    >>> worth_of_horizon(52, 7.0, 52.0, 0.08) < 52
    True
    """
    weeks = np.arange(1, n_periods + 1) * (period_days / 7.0)
    return float((0.5 ** (weeks / half_life) * (1 + interest) ** (-weeks / _WEEKS_OF_YEAR)).sum())


def return_weights(exposure: Floats, rho: float, nuisance: Floats) -> tuple[Floats, float]:
    """Return the weights that read a return from an outcome, and their design effect.

    Generalised least squares of the outcome on the exposure beside the nuisance columns, under
    AR(1) noise of known correlation.

    Parameters
    ----------
    exposure : ndarray of float64, shape (n_periods,)
        Effective spend of the pilot less that without it.
    rho : float
        Correlation of the noise of neighbouring periods, in (-1, 1).
    nuisance : ndarray of float64, shape (n_periods, n_columns)
        What is estimated beside the return: level, trend.

    Returns
    -------
    weights : ndarray, shape (n_periods,)
        ``weights @ outcome`` is the return.
    design_effect : float
        Variance of it over ``sigma^2 / sum(exposure^2)``.

    Raises
    ------
    ConfigError
        If the exposure cannot be told from the nuisance.

    Examples
    --------
    >>> weights, effect = return_weights(np.array([1.0, -1.0, -1.0, 1.0]), 0.0, np.ones((4, 1)))
    >>> weights.tolist(), round(effect, 9)
    ([0.25, -0.25, -0.25, 0.25], 1.0)
    """
    n = len(exposure)
    columns = np.column_stack([exposure, nuisance])
    step = np.arange(n)
    noise = rho ** np.abs(step[:, None] - step)
    whitened = np.linalg.solve(noise, columns)
    gram = columns.T @ whitened
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        raise ConfigError(
            "the pilot cannot be told from the level or the trend of its periods. Make it longer, "
            "or its blocks shorter."
        )
    solved = np.linalg.solve(gram, whitened.T)
    variance = float(np.linalg.inv(gram)[0, 0])
    return np.asarray(solved[0]), variance * float(exposure @ exposure)


def replay(weights: Floats, s: float, residual: Floats) -> Floats:
    """Read a return off every window of a history in which nothing was tested, in units of s.

    Parameters
    ----------
    weights : ndarray of float64, shape (n_periods,)
        As `return_weights` returns them.
    s : float
        Standard error of the test, in units of the outcome over units of spend.
    residual : ndarray of float64, shape (n_history,)
        Outcome less what the model expects.

    Returns
    -------
    ndarray, shape (n_history - n_periods + 1,)
        Empty where the history is shorter than the test.

    Examples
    --------
    >>> replay(np.array([1.0, -1.0]), 2.0, np.array([3.0, 1.0, 1.0])).tolist()
    [1.0, 0.0]
    """
    if len(residual) < len(weights):
        return np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(residual, len(weights))
    return np.asarray(windows @ weights / s)
