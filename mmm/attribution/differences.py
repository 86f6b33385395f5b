"""How far two models may differ on the same deals by chance: arrays in, arrays out."""

from collections.abc import Sequence

import numpy as np

from mmm.attribution.measure import Floats, Integers, Measured
from mmm.attribution.result import AttributionResult
from mmm.attribution.uncertainty import (
    Influence,
    Sampling,
    share_covariance,
)
from mmm.journeys import Journeys


def on_logit_scale(shares: Floats, covariance: Floats, quantile: float, effective: float) -> Floats:
    """Return the difference that noise alone would bring, judged on the logit scale.

    A small share has a small error where it came out small by chance; on the logit scale its error
    is then large. Measured on deals in random order, 80 of very unequal value: the plain scale
    finds a difference on 13% of the channels at a level of 90%.

    Parameters
    ----------
    shares : ndarray of float64, shape (n_models, n_channels)
    covariance : ndarray of float64, shape (n_models, n_models, n_channels)
    quantile : float
        Of the t distribution.
    effective : float
        Won clusters; shares nearer to 0 or 1 than half of one are held there.

    Returns
    -------
    ndarray of float64, shape (n_models, n_models, n_channels)
        A gap is beyond noise where it exceeds this. Shares below 0 or above 1 stay on the plain
        scale.

    Examples
    --------
    >>> shares = np.array([[0.5], [0.1]])
    >>> covariance = np.array([[[0.01], [0.0]], [[0.0], [0.001]]])
    >>> on_logit_scale(shares, covariance, 2.0, 100.0)[0, 1].round(3).tolist()
    [0.194]
    """
    room = min(0.5 / effective, 0.5)
    held = np.clip(shares, room, 1 - room)
    slope = held * (1 - held)
    logit = np.log(held / (1 - held))
    apart = np.abs(logit[:, None] - logit[None, :])
    error = np.sqrt(spread_of_differences(covariance / (slope[:, None] * slope[None, :])))
    gap = np.abs(shares[:, None] - shares[None, :])
    scaled = np.divide(
        quantile * error * gap, apart, out=np.full_like(gap, np.inf), where=apart > 0
    )
    inside = (shares >= 0) & (shares <= 1)
    plain = quantile * np.sqrt(spread_of_differences(covariance))
    noise: Floats = np.where(inside[:, None] & inside[None, :], scaled, plain)
    return noise


def spread_of_differences(covariance: Floats) -> Floats:
    """Return the variances of all differences between models, of the same shape.

    Examples
    --------
    >>> spread_of_differences(np.array([[[4.0], [1.0]], [[1.0], [9.0]]]))[0, 1].tolist()
    [11.0]
    """
    own = np.einsum("aac->ac", covariance)
    # Models that agree everywhere differ by rounding alone.
    spread: Floats = np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0.0)
    return spread


def joint_covariance(
    results: Sequence[AttributionResult], journeys: Journeys, of: Measured
) -> Floats:
    """Return how the shares of a channel under two models vary together.

    Parameters
    ----------
    results : sequence of AttributionResult
        On the same journeys, with `sampling`.
    journeys : Journeys
    of : Measured

    Returns
    -------
    ndarray of float64, shape (n_models, n_models, n_channels)

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> from mmm.attribution.rules import first_touch, last_touch
    >>> journeys = Journeys.from_paths(["a > b", "b > a"], conversions=[50, 50])
    >>> results = [first_touch(journeys), last_touch(journeys)]
    >>> joint_covariance(results, journeys, measured(journeys, None))[0].round(6).tolist()
    [[0.0025, 0.0025], [-0.0025, -0.0025]]
    """
    parts = [_influence_of(result) for result in results]

    def influence(rows: Integers) -> tuple[Floats, Floats]:
        told = [part(rows) for part in parts]
        return np.hstack([null for null, _ in told]), np.hstack([won for _, won in told])

    shares = np.concatenate([result.share for result in results])
    n = len(journeys.channels)
    covariance = share_covariance(Sampling(journeys, of, influence), shares)
    of_channel: Floats = np.einsum("acbc->abc", covariance.reshape(len(parts), n, len(parts), n))
    return of_channel


def _influence_of(result: AttributionResult) -> Influence:
    sampling = result.sampling
    assert sampling is not None  # checked before
    if sampling.journeys.nulls.any():
        return sampling.influence

    def influence(rows: Integers) -> tuple[Floats, Floats]:
        null, won = sampling.influence(rows)
        return np.zeros_like(null), won

    return influence
