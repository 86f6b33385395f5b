"""Posterior draws in the units of the data, and what media bring under each of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmm.mix.inference.media import Group, Media, curve_parameters, lagged, respond
from mmm.mix.inference.posterior import Problem, collapse, draw_linear, noise_correlation
from mmm.mix.inference.problem import Scaled
from mmm.mix.transforms import Floats

_BLOCK = 50  # draws of one evaluation


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws that every answer is made from.

    Attributes
    ----------
    z : ndarray, shape (n_draws, n_parameters)
        Parameters, standard normal a priori.
    contribution : ndarray, shape (n_draws, n_channels)
        Mean per fitted period, in units of the outcome.
    height : ndarray, shape (n_draws, n_channels)
        Contribution over the mean of the saturated response, in units of the outcome.
    elasticity : ndarray, shape (n_draws, n_channels)
        Relative change of the contribution by a relative change of all spend.
    coefficient : ndarray, shape (n_draws, n_columns)
        Of the baseline, in units of the outcome.
    sigma, rho : ndarray, shape (n_draws,)
        Noise: scale of its innovations in units of the outcome, and autocorrelation.
    freedom : ndarray, shape (n_draws,)
        Degrees of freedom of the innovations; infinite where noise is normal.
    last_error : ndarray, shape (n_draws,)
        Noise of the last fitted period, in units of the outcome.
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


def draw_posterior(scaled: Scaled, z: Floats, rng: np.random.Generator) -> Posterior:
    """Draw baseline and noise given the sampled parameters, exactly, and restore the units.

    Parameters
    ----------
    scaled : Scaled
    z : ndarray, shape (n_draws, n_parameters)
    rng : numpy.random.Generator

    Returns
    -------
    Posterior
    """
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
    blocks = [_media_block(problem, z[rows]) for rows in blocks_of(len(z))]
    contribution, height, elasticity, last = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    error = problem.outcome[-1] - last - coefficient @ problem.linear.design[-1]
    return Posterior(
        z=z,
        contribution=unit * contribution,
        height=unit * height,
        elasticity=elasticity,
        coefficient=unit * coefficient,
        sigma=unit * sigma,
        rho=noise_correlation(problem, z)[:, 0],
        freedom=freedom,
        last_error=unit * error,
    )


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
