"""Carry-over and diminishing returns: pure functions with their derivatives."""

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Curve = tuple[Floats, Floats, tuple[Floats, ...]]

_TINY = 1e-30  # of the mean spend: keeps log and division finite where nothing was spent


def _normalised(log_raw: Floats, by_parameter: Floats) -> tuple[Floats, Floats]:
    """Return weights that sum to 1, so that carry-over keeps the scale of spend.

    Parameters
    ----------
    log_raw : ndarray, shape (..., n_lags)
        Logarithm of the weights, up to a constant.
    by_parameter : ndarray, shape (..., n_parameters, n_lags)
        Its derivatives.

    Returns
    -------
    weights : ndarray, shape (..., n_lags)
    derivative : ndarray, shape (..., n_parameters, n_lags)
    """
    weights = np.exp(log_raw)
    weights /= weights.sum(-1, keepdims=True)
    mean = np.matmul(by_parameter, weights[..., None])
    return weights, weights[..., None, :] * (by_parameter - mean)


@cache
def _lags(n_lags: int) -> Floats:
    """Return l and log(l + 1), shape (2, n_lags); they are asked for at every gradient."""
    lag = np.arange(float(n_lags))
    return np.stack([lag, np.log1p(lag)])


def geometric_weights(retention: Floats, n_lags: int) -> tuple[Floats, Floats]:
    """Return w_l proportional to retention^l, and its derivative.

    Parameters
    ----------
    retention : ndarray, shape (...)
        Between 0 and 1.
    n_lags : int
        Lags, the current period included.

    Returns
    -------
    weights : ndarray, shape (..., n_lags)
        They sum to 1.
    derivative : ndarray, shape (..., 1, n_lags)

    Examples
    --------
    >>> geometric_weights(np.array(0.5), 3)[0].round(3).tolist()
    [0.571, 0.286, 0.143]
    """
    retention = np.maximum(retention, _TINY)[..., None]
    lag = _lags(n_lags)[0]
    return _normalised(lag * np.log(retention), (lag / retention)[..., None, :])


def peaked_weights(retention: Floats, rise: Floats, n_lags: int) -> tuple[Floats, Floats]:
    """Return w_l proportional to (l + 1)^rise retention^l: geometric, or peaked after a delay.

    Parameters
    ----------
    retention, rise : ndarray, shape (...)
        Between 0 and 1; 0 and above.
    n_lags : int

    Returns
    -------
    weights : ndarray, shape (..., n_lags)
    derivative : ndarray, shape (..., 2, n_lags)

    Examples
    --------
    >>> peaked_weights(np.array(0.5), np.array(2.0), 4)[0].round(3).tolist()
    [0.138, 0.276, 0.31, 0.276]
    """
    retention = np.maximum(retention, _TINY)
    lag = _lags(n_lags)
    natural = np.stack([np.log(retention), rise], axis=-1)
    weights, derivative = _normalised(natural @ lag, lag)
    derivative[..., 0, :] /= retention[..., None]
    return weights, derivative


def delayed_weights(retention: Floats, delay: Floats, n_lags: int) -> tuple[Floats, Floats]:
    """Return w_l proportional to retention^((l - delay)^2).

    Parameters
    ----------
    retention, delay : ndarray, shape (...)
        Between 0 and 1; the lag of the peak, in periods.
    n_lags : int

    Returns
    -------
    weights : ndarray, shape (..., n_lags)
    derivative : ndarray, shape (..., 2, n_lags)

    References
    ----------
    Jin, Wang, Sun, Chan and Koehler 2017, Bayesian methods for media mix modeling with carryover
    and shape effects, Google Inc., section 2.2.

    Examples
    --------
    >>> delayed_weights(np.array(0.5), np.array(1.0), 3)[0].tolist()
    [0.25, 0.5, 0.25]
    """
    away = _lags(n_lags)[0] - delay[..., None]
    retention = np.maximum(retention, _TINY)[..., None]
    log_retention = np.log(retention)
    # The largest exponent is taken off first: a delay beyond the last lag leaves no 0 / 0.
    power = away**2
    nearest = power.min(-1, keepdims=True)
    return _normalised(
        (power - nearest) * log_retention,
        np.stack([power / retention, -2.0 * away * log_retention], axis=-2),
    )


def weibull_density_weights(shape: Floats, scale: Floats, n_lags: int) -> tuple[Floats, Floats]:
    """Return w_l proportional to the Weibull density at l + 1.

    Parameters
    ----------
    shape, scale : ndarray, shape (...)
        Above 0; a shape above 1 peaks after a delay. The scale is in periods.
    n_lags : int

    Returns
    -------
    weights : ndarray, shape (..., n_lags)
    derivative : ndarray, shape (..., 2, n_lags)

    Examples
    --------
    >>> weibull_density_weights(np.array(1.0), np.array(1.0), 2)[0].round(3).tolist()
    [0.731, 0.269]
    """
    shape, scale = shape[..., None], scale[..., None]
    log_ratio = np.log(np.arange(1, n_lags + 1)) - np.log(scale)
    hazard = np.exp(np.minimum(shape * log_ratio, 500.0))
    log_raw = (shape - 1.0) * log_ratio - hazard
    by_shape = log_ratio * (1.0 - hazard)
    by_scale = (shape * hazard - (shape - 1.0)) / scale
    return _normalised(
        log_raw - log_raw.max(-1, keepdims=True), np.stack([by_shape, by_scale], axis=-2)
    )


def weibull_survival_weights(shape: Floats, scale: Floats, n_lags: int) -> tuple[Floats, Floats]:
    """Return w_l proportional to the Weibull survival at l: never rising, decay that can change.

    Parameters
    ----------
    shape, scale : ndarray, shape (...)
        Above 0. The scale is in periods.
    n_lags : int

    Returns
    -------
    weights : ndarray, shape (..., n_lags)
    derivative : ndarray, shape (..., 2, n_lags)

    Examples
    --------
    >>> weibull_survival_weights(np.array(1.0), np.array(1.0), 2)[0].round(3).tolist()
    [0.731, 0.269]
    """
    shape, scale = shape[..., None], scale[..., None]
    log_ratio = np.log(np.maximum(np.arange(n_lags), _TINY)) - np.log(scale)
    hazard = np.exp(np.minimum(shape * log_ratio, 500.0))
    return _normalised(-hazard, np.stack([-hazard * log_ratio, hazard * shape / scale], axis=-2))


def hill(spend: Floats, half_saturation: Floats, slope: Floats) -> Curve:
    """Return a^s / (k^s + a^s).

    Parameters
    ----------
    spend : ndarray, shape (..., n_periods)
        0 and above.
    half_saturation, slope : ndarray, shape (..., 1)
        Spend at which half is reached; 1 bends at once, above 1 the curve is S-shaped.

    Returns
    -------
    response, by_spend : ndarray, shape (..., n_periods)
        Between 0 and 1, and its derivative.
    by_parameter : tuple of ndarray
        Derivatives in `half_saturation` and `slope`.

    Examples
    --------
    >>> hill(np.array([0.0, 1.0, 3.0]), np.array([1.0]), np.array([1.0]))[0].round(6).tolist()
    [0.0, 0.5, 0.75]
    """
    spend = np.maximum(spend, _TINY)
    ratio = np.log(spend)
    ratio -= np.log(half_saturation)
    response = -slope * ratio
    np.exp(response, out=response)  # may overflow to infinity, where the response is 0
    response += 1.0
    np.reciprocal(response, out=response)
    bend = response * response
    np.subtract(response, bend, out=bend)
    by_slope = ratio * bend
    bend *= slope
    by_half = bend * (-1.0 / half_saturation)
    bend /= spend
    return response, bend, (by_half, by_slope)


def michaelis_menten(spend: Floats, half_saturation: Floats) -> Curve:
    """Return a / (k + a), the Hill curve with slope 1; arguments as in `hill`.

    Examples
    --------
    >>> michaelis_menten(np.array([0.0, 1.0, 3.0]), np.array([1.0]))[0].tolist()
    [0.0, 0.5, 0.75]
    """
    below = 1.0 / (half_saturation + spend)
    response = spend * below
    by_spend = half_saturation * below**2
    return response, by_spend, (-response * below,)


def logistic(spend: Floats, half_saturation: Floats) -> Curve:
    """Return (1 - e^-x) / (1 + e^-x), x = a log 3 / k, so that half is reached at k.

    Examples
    --------
    >>> logistic(np.array([0.0, 1.0]), np.array([1.0]))[0].round(6).tolist()
    [0.0, 0.5]
    """
    rate = 0.5 * np.log(3.0) / half_saturation
    response = np.tanh(rate * spend)
    bend = 1.0 - response**2
    return response, bend * rate, (-bend * spend * rate / half_saturation,)


def exponential(spend: Floats, half_saturation: Floats) -> Curve:
    """Return 1 - 2^(-a / k), so that half is reached at k.

    Examples
    --------
    >>> exponential(np.array([0.0, 1.0, 2.0]), np.array([1.0]))[0].round(6).tolist()
    [0.0, 0.5, 0.75]
    """
    rate = np.log(2.0) / half_saturation
    left = np.exp(-rate * spend)
    return 1.0 - left, rate * left, (-spend * rate * left / half_saturation,)


def root(spend: Floats, exponent: Floats) -> Curve:
    """Return a^p, 0 < p < 1: returns diminish, and nothing saturates.

    Examples
    --------
    >>> root(np.array([4.0]), np.array([0.5]))[0].round(6).tolist()
    [2.0]
    """
    log_spend = np.log(np.maximum(spend, _TINY))
    response = np.where(spend > _TINY, np.exp(exponent * log_spend), 0.0)
    spend = np.maximum(spend, _TINY)
    return response, exponent * response / spend, (response * log_spend,)
