"""Posterior draws in the units of the data, and what media bring under each of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmm.mix.inference.counts import draw_counts, expected_count
from mmm.mix.inference.full_vector import noise_scale, place
from mmm.mix.inference.media import Group, Media, curve_parameters, lagged, respond
from mmm.mix.inference.posterior import Problem, collapse, draw_linear, noise_correlation
from mmm.mix.inference.problem import Scaled
from mmm.mix.transforms import Floats

Positions = npt.NDArray[np.intp]

_BLOCK = 50  # draws of one evaluation


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws that every answer is made from.

    Attributes
    ----------
    z : ndarray, shape (n_draws, n_parameters)
        Parameters, about standard normal a priori.
    contribution : ndarray, shape (n_draws, n_channels)
        Mean per fitted period, in units of the outcome.
    height : ndarray, shape (n_draws, n_channels)
        Contribution over the mean of the saturated response, in units of the outcome.
    elasticity : ndarray, shape (n_draws, n_channels)
        Relative change of the contribution by a relative change of all spend.
    coefficient : ndarray, shape (n_draws, n_columns)
        Of the baseline, in units of the outcome.
    sigma, rho : ndarray, shape (n_draws,)
        Noise: scale of its innovations in units of the outcome, and autocorrelation. Of counts,
        the standard deviation of a typical fitted period, and 0.
    freedom : ndarray, shape (n_draws,)
        Degrees of freedom of the innovations; infinite where noise is normal, and of counts.
    last_error : ndarray, shape (n_draws,)
        Noise of the last fitted period, in units of the outcome; 0 of counts.
    dispersion : ndarray, shape (n_draws,), optional
        Of counts: their variance is mean + dispersion x mean^2, 0 for Poisson.
    """

    z: Floats
    contribution: Floats
    height: Floats
    elasticity: Floats
    coefficient: Floats
    sigma: Floats
    rho: Floats
    freedom: Floats
    last_error: Floats
    dispersion: Floats | None = None


def draw_posterior(scaled: Scaled, z: Floats, rng: np.random.Generator) -> Posterior:
    """Draw baseline and noise given the sampled parameters, exactly, and restore the units.

    Of counts both are among the sampled parameters, and are read off them.

    Parameters
    ----------
    scaled : Scaled
    z : ndarray, shape (n_draws, n_parameters)
    rng : numpy.random.Generator

    Returns
    -------
    Posterior
    """
    if scaled.problem.counts is not None:
        return _read_counts(scaled, z)
    drawn = [
        draw_linear(scaled.problem, collapse(scaled.problem, z[rows]), rng)
        for rows in blocks_of(len(z))
    ]
    coefficient, sigma = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return restore_units(scaled, z, coefficient, sigma, np.full(len(z), np.inf))


def restore_units(
    scaled: Scaled, z: Floats, coefficient: Floats, sigma: Floats, freedom: Floats
) -> Posterior:
    """Put joint draws of all parameters into the units of the data.

    Parameters
    ----------
    scaled : Scaled
    z : ndarray, shape (n_draws, n_parameters)
    coefficient : ndarray, shape (n_draws, n_columns)
    sigma, freedom : ndarray, shape (n_draws,)

    Returns
    -------
    Posterior
    """
    problem, unit = scaled.problem, scaled.outcome_scale
    contribution, height, elasticity, last = media_of(scaled, z)
    error = problem.outcome[-1] - last - coefficient @ problem.linear.design[-1]
    return Posterior(
        z=z,
        contribution=contribution,
        height=height,
        elasticity=elasticity,
        coefficient=unit * coefficient,
        sigma=unit * sigma,
        rho=noise_correlation(problem, z)[:, 0],
        freedom=freedom,
        last_error=unit * error,
    )


def _read_counts(scaled: Scaled, z: Floats) -> Posterior:
    """Read baseline and dispersion off the parameters, and restore the units."""
    parts = []
    for rows in blocks_of(len(z)):
        at = place(scaled.problem, z[rows])
        parts.append((at.coefficient, *noise_scale(scaled.problem, z[rows], at)))
    coefficient, sigma, dispersion = (np.concatenate(part) for part in zip(*parts, strict=True))
    contribution, height, elasticity, _ = media_of(scaled, z)
    return Posterior(
        z=z,
        contribution=contribution,
        height=height,
        elasticity=elasticity,
        coefficient=scaled.outcome_scale * coefficient,
        sigma=sigma,
        rho=np.zeros(len(z)),
        freedom=np.full(len(z), np.inf),
        last_error=np.zeros(len(z)),
        dispersion=dispersion,
    )


def media_of(scaled: Scaled, z: Floats) -> tuple[Floats, ...]:
    """Return what media bring at given parameters.

    Parameters
    ----------
    scaled : Scaled
    z : ndarray, shape (n_draws, n_z)
        At least the parameters of media.

    Returns
    -------
    contribution, height : ndarray, shape (n_draws, n_channels)
        Mean per fitted period, and that over the mean of the curve, in units of the outcome.
    elasticity : ndarray, shape (n_draws, n_channels)
    last : ndarray, shape (n_draws,)
        Media of the last period, over the scale of the outcome.
    """
    blocks = [_media_block(scaled.problem, z[rows]) for rows in blocks_of(len(z))]
    contribution, height, elasticity, last = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    unit = scaled.outcome_scale
    return unit * contribution, unit * height, elasticity, last


def expect(
    scaled: Scaled, posterior: Posterior, design: Floats, spend: Floats, position: Positions
) -> Floats:
    """Return the expected outcome of periods under each draw, shape (n_draws, n_rows).

    Parameters
    ----------
    scaled : Scaled
    posterior : Posterior
    design : ndarray, shape (n_rows, n_columns)
    spend : ndarray, shape (n_channels, n_periods)
        Scaled, from the first fitted period on.
    position : ndarray of intp, shape (n_rows,)
        Of the rows among these periods; later ones than the fitted keep of its noise what lasts.
    """
    result = posterior.coefficient @ design.T
    parts = media_by_period(scaled.problem.media, posterior, spend, scaled.before)
    for rows, part in zip(blocks_of(len(result)), parts, strict=True):
        result[rows] += part[:, :, position].sum(axis=1)
    ahead = position - (len(scaled.problem.outcome) - 1)
    later = ahead > 0
    result[:, later] += posterior.last_error[:, None] * posterior.rho[:, None] ** ahead[later]
    return bent(scaled, result)


def bent(scaled: Scaled, total: Floats) -> Floats:
    """Return the expected outcome from the sum of baseline and media: of counts, never below 0."""
    counts = scaled.problem.counts
    return total if counts is None else expected_count(total, counts.bend)


def draw_outcome(posterior: Posterior, expected: Floats, rng: np.random.Generator) -> Floats:
    """Draw new outcomes around expected ones, shape (n_draws, n_rows), each by itself."""
    if posterior.dispersion is not None:
        return draw_counts(expected, posterior.dispersion, rng)
    return expected + draw_noise(posterior, expected.shape[1], rng)


def draw_noise(posterior: Posterior, n_rows: int, rng: np.random.Generator) -> Floats:
    """Draw noise of periods, each by itself, shape (n_draws, n_rows), in units of the outcome."""
    shape = (len(posterior.z), n_rows)
    spread = posterior.sigma / np.sqrt(1.0 - posterior.rho**2)
    noise = rng.standard_normal(shape)
    freedom = np.minimum(posterior.freedom, 1e6)[:, None]
    noise /= np.sqrt(rng.chisquare(freedom, shape) / freedom)
    return np.asarray(spread[:, None] * noise)


def blocks_of(n_draws: int) -> Iterator[slice]:
    """Cut draws into blocks that stay in the cache."""
    return (slice(start, start + _BLOCK) for start in range(0, n_draws, _BLOCK))


def _media_block(problem: Problem, z: Floats) -> tuple[Floats, ...]:
    """Return contribution, height, elasticity and the media of the last period."""
    response = respond(problem.media, z)
    height = np.empty_like(response.contribution)
    elasticity = np.empty_like(response.contribution)
    for group, part in zip(problem.media.groups, response.groups, strict=True):
        channels = list(group.channels)
        height[:, channels] = response.contribution[:, channels] / part.mean.T
        elasticity[:, channels] = (_slope(group, part.values, part.by_spend) / part.mean).T
    return response.contribution, height, elasticity, response.media[:, -1]


def _slope(group: Group, values: Floats, by_spend: Floats) -> Floats:
    """Return the mean change of the response by a relative change of spend."""
    n_adstock = len(group.adstock.parameters)
    weights, _ = group.adstock.weights(values[..., :n_adstock], group.lags.shape[1])
    return np.asarray((np.matmul(weights, group.lags) * by_spend).mean(axis=-1))


def media_by_period(
    media: Media, posterior: Posterior, spend: Floats, before: Floats
) -> Iterator[Floats]:
    """Compute each channel's contribution by period under other spend, block by block of draws.

    Parameters
    ----------
    media : Media
    posterior : Posterior
    spend : ndarray, shape (n_channels, n_periods)
        Scaled as in the fit.
    before : ndarray, shape (n_channels,)
        Scaled spend of each period before the first.

    Yields
    ------
    ndarray, shape (n_block, n_channels, n_periods)
        In units of the outcome.
    """
    n_channels, n_periods = spend.shape
    lags = [
        lagged(spend[list(group.channels)], group.lags.shape[1], before[list(group.channels)])
        for group in media.groups
    ]
    for rows in blocks_of(len(posterior.z)):
        z = posterior.z[rows]
        result = np.empty((len(z), n_channels, n_periods))
        for group, shifted in zip(media.groups, lags, strict=True):
            values, _ = curve_parameters(group, z)
            n_adstock = len(group.adstock.parameters)
            weights, _ = group.adstock.weights(values[..., :n_adstock], shifted.shape[1])
            curve = values[..., None, n_adstock:]
            response = group.saturation.curve(np.matmul(weights, shifted), curve)[0]
            channels = list(group.channels)
            result[:, channels] = (
                response.swapaxes(0, 1) * posterior.height[rows][:, channels, None]
            )
        yield result


def steady_media(media: Media, posterior: Posterior, spend: Floats) -> tuple[Floats, Floats]:
    """Compute the outcome per period of constant spend, and its derivative.

    Parameters
    ----------
    media : Media
    posterior : Posterior
    spend : ndarray, shape (n_channels, n_levels)
        Scaled as in the fit.

    Returns
    -------
    response, slope : ndarray, shape (n_draws, n_channels, n_levels)
        In units of the outcome, and of the outcome over scaled spend.
    """
    shape = (*posterior.height.shape, spend.shape[1])
    response, slope = np.empty(shape), np.empty(shape)
    for group in media.groups:
        channels = list(group.channels)
        values, _ = curve_parameters(group, posterior.z)
        curve = values[..., None, len(group.adstock.parameters) :]
        level = np.broadcast_to(spend[channels][:, None, :], (len(channels), shape[0], shape[2]))
        found, by_spend, _ = group.saturation.curve(level, curve)
        height = posterior.height[:, channels, None]
        response[:, channels] = height * found.swapaxes(0, 1)
        slope[:, channels] = height * by_spend.swapaxes(0, 1)
    return response, slope
