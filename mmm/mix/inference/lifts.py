"""Tests as terms of the density: arrays in, arrays out.

A test compares spend with and without a change over some periods. Its lift depends only on what is
sampled (curves and contributions), so that the baseline and the noise level still integrate out,
and each test adds one normal term to the log density.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmm.mix.inference.media import GroupResponse, Media, Response, hint_of
from mmm.mix.transforms import Floats


@dataclass(frozen=True, eq=False)
class LiftTerm:
    """A test in the scales of the fit.

    Attributes
    ----------
    channel, group, row : int
        Position among the channels with spend; of its group; and within that.
    lags : ndarray, shape (1, n_lags, n_columns)
        Scaled spend by lag: the fitted periods, those of the test with the change, and without.
    sign : ndarray, shape (n_columns,)
        Weights of the responses that make the lift: 0 for fitted periods, then above 0, then below.
    mean : ndarray, shape (n_columns,)
        Weights of the responses that make the mean over the fitted periods.
    lift : float or ndarray, shape (n_draws,)
        Over the scale of the outcome; by draw where it is given what other panels show.
    standard_error : float
        Likewise.
    """

    channel: int
    group: int
    row: int
    lags: Floats
    sign: Floats
    mean: Floats
    lift: float | Floats
    standard_error: float


@dataclass(frozen=True, eq=False)
class _Curve:
    """The curve of one test's channel along `LiftTerm.lags`, shapes (1, n_draws, n_columns)."""

    response: Floats
    by_spend: Floats
    by_parameter: tuple[Floats, ...]
    n_adstock: int


def _curve(media: Media, term: LiftTerm, part: GroupResponse) -> _Curve:
    group = media.groups[term.group]
    n_adstock = len(group.adstock.parameters)
    values = part.values[[term.row]]
    weights, _ = group.adstock.weights(values[..., :n_adstock], term.lags.shape[1])
    effective = np.matmul(weights, term.lags)
    found = group.saturation.curve(effective, values[..., None, n_adstock:])
    return _Curve(*found, n_adstock)


def predicted_lifts(media: Media, terms: Sequence[LiftTerm], response: Response) -> Floats:
    """Return the lift of each test under each draw.

    Parameters
    ----------
    media : Media
    terms : sequence of LiftTerm
    response : Response

    Returns
    -------
    ndarray, shape (n_draws, n_tests)
        Over the scale of the outcome.
    """
    lifts = np.empty((len(response.contribution), len(terms)))
    for i, term in enumerate(terms):
        curve = _curve(media, term, response.groups[term.group]).response[0]
        height = response.contribution[:, term.channel] / (curve @ term.mean)
        lifts[:, i] = height * (curve @ term.sign)
    return lifts


def lift_density(
    media: Media, terms: Sequence[LiftTerm], response: Response
) -> tuple[Floats, Floats, Floats]:
    """Return the log density of the tests, up to a constant, and its gradient.

    Parameters
    ----------
    media : Media
    terms : sequence of LiftTerm
    response : Response

    Returns
    -------
    density : ndarray, shape (n_draws,)
    by_log_contribution : ndarray, shape (n_draws, n_channels)
        For `mmm.mix.inference.media.pull_back`.
    by_curve : ndarray, shape (n_draws, n_curve)
        In z of adstock and saturation, contributions held.
    """
    n_draws, n_channels = response.contribution.shape
    density, bend = np.zeros(n_draws), np.zeros((n_draws, n_channels))
    by_curve = np.zeros((n_draws, media.n_curve))
    for term in terms:
        group, part = media.groups[term.group], response.groups[term.group]
        curve = _curve(media, term, part)
        mean, signed = curve.response[0] @ term.mean, curve.response[0] @ term.sign
        height = response.contribution[:, term.channel] / mean
        lift = height * signed
        density -= 0.5 * ((lift - term.lift) / term.standard_error) ** 2
        pull = (term.lift - lift) / term.standard_error**2
        bend[:, term.channel] += pull * lift
        # The mean response divides: a curve that is higher everywhere changes no lift.
        slope = (pull * height)[:, None] * (term.sign - (signed / mean)[:, None] * term.mean)
        first = group.first + term.row * len(group.parameters)
        own = slice(first, first + len(group.parameters))
        by_curve[:, own] += _by_parameter(curve, term, part, slope)
    return density, bend, by_curve


def stated_density(
    media: Media, terms: Sequence[LiftTerm], response: Response
) -> tuple[Floats, Floats, Floats]:
    """Return `lift_density`, with what attribution says of contributions added."""
    density, bend, by_curve = lift_density(media, terms, response)
    if media.attributed is None:
        return density, bend, by_curve
    said, by_log = hint_of(media.attributed, response.contribution)
    return density + said, bend + by_log, by_curve


def _by_parameter(curve: _Curve, term: LiftTerm, part: GroupResponse, slope: Floats) -> Floats:
    """Turn a gradient in the response into one in z of the curve, (n_draws, n_parameters)."""
    by_value = np.empty(part.values.shape[1:])
    if curve.n_adstock:
        by_weight = (slope * curve.by_spend[0]) @ term.lags[0].T
        found = np.matmul(part.weight_slopes[term.row], by_weight[..., None])[..., 0]
        by_value[:, : curve.n_adstock] = found
    for i, derivative in enumerate(curve.by_parameter):
        by_value[:, curve.n_adstock + i] = (slope * derivative[0]).sum(axis=1)
    return np.asarray(by_value * part.slopes[term.row])
