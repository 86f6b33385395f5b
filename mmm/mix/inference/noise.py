"""Noise with heavy tails: Student-t innovations as normal ones of unknown precision.

eta_t ~ N(0, sigma^2 / w_t), w_t ~ Gamma(nu / 2, nu / 2). Given the weights the baseline and sigma
still integrate out, so that the weights are drawn between trajectories (Gibbs), and nu with them.
"""

from dataclasses import replace

import numpy as np
import scipy.special

from mmm.mix.inference.posterior import (
    Problem,
    collapse,
    draw_linear,
    innovations,
    noise_gram,
)
from mmm.mix.transforms import Floats

_FREEDOM = np.exp(np.linspace(np.log(2.0), np.log(60.0), 40))
# Gamma(2, 0.1) on nu (Juarez and Steel 2010, JBES 28(1), 52-66), on an even grid of log nu.
_LOG_PRIOR = 2.0 * np.log(_FREEDOM) - 0.1 * _FREEDOM
START = 4.0  # nu to begin with


def excess_kurtosis(problem: Problem, z: Floats) -> float:
    """Return the excess kurtosis of the mean innovation at given parameters.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)
    """
    new = _innovations(problem, z).mean(axis=0)
    new = new - new.mean()
    spread = float(np.mean(new**2))
    return float(np.mean(new**4)) / spread**2 - 3.0 if spread > 0 else 0.0


def is_heavy(kurtosis: float, n_periods: int) -> bool:
    """Tell whether a kurtosis is more than normal noise would show in one case of a hundred.

    The sampling distribution is skewed, hence the three standard errors.

    Examples
    --------
    >>> is_heavy(0.3, 150), is_heavy(4.0, 150)
    (False, True)
    """
    return bool(kurtosis > 3.0 * np.sqrt(24.0 / n_periods))


def _innovations(problem: Problem, z: Floats) -> Floats:
    at = collapse(problem, z)
    return innovations(at.residual, at.rho)


def downweighted(problem: Problem, z: Floats) -> Problem:
    """Return the problem with periods far outside downweighted, as a start for the sampler.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (1, n_parameters)
        The mode under normal noise.
    """
    new = _innovations(problem, z)
    spread = 1.4826 * np.median(np.abs(new)) + 1e-12
    weights = (START + 1.0) / (START + (new / spread) ** 2)
    return with_weights(problem, weights)


def with_weights(problem: Problem, weights: Floats) -> Problem:
    """Return the problem with other weights, shape (n_draws, n_periods) or (1, n_periods)."""
    return replace(problem, weights=weights, gram=noise_gram(problem.linear.design, weights))


def renew_weights(
    problem: Problem, z: Floats, freedom: Floats, rng: np.random.Generator
) -> tuple[Problem, Floats]:
    """Take the Gibbs step: draw coefficients and sigma, then weights, then nu.

    Parameters
    ----------
    problem : Problem
        With the weights so far.
    z : ndarray, shape (n_draws, n_parameters)
    freedom : ndarray, shape (n_draws,)
        nu so far.
    rng : numpy.random.Generator

    Returns
    -------
    problem : Problem
        With new weights, shape (n_draws, n_periods).
    record : ndarray, shape (n_draws, n_columns + 2)
        The coefficients, sigma, and the new nu.
    """
    at = collapse(problem, z)
    coefficient, sigma = draw_linear(problem, at, rng)
    error = problem.outcome - at.response.media - coefficient @ problem.linear.design.T
    new = innovations(error, at.rho) / sigma[:, None]
    weights = draw_weights(new, freedom[:, None], rng)
    return with_weights(problem, weights), np.column_stack(
        [coefficient, sigma, _draw_freedom(weights, rng)]
    )


def draw_weights(innovation: Floats, freedom: Floats, rng: np.random.Generator) -> Floats:
    """Draw the precision of each innovation given all else.

    Parameters
    ----------
    innovation : ndarray, shape (n_draws, n_periods)
        In multiples of sigma.
    freedom : ndarray, shape (n_draws, 1)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws, n_periods)
    """
    shape = rng.gamma(0.5 * (freedom + 1.0), size=innovation.shape)
    return np.asarray(shape / (0.5 * (freedom + innovation**2)))


def _draw_freedom(weights: Floats, rng: np.random.Generator) -> Floats:
    """Draw nu given the weights, on a grid, shape (n_draws,)."""
    half, n_periods = 0.5 * _FREEDOM, weights.shape[1]
    evidence = (np.log(weights) - weights).sum(axis=1)
    log_density = (
        _LOG_PRIOR
        + n_periods * (half * np.log(half) - scipy.special.gammaln(half))
        + half * evidence[:, None]
    )
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    cumulative = density.cumsum(axis=1)
    chosen = (cumulative < rng.random((len(weights), 1)) * cumulative[:, -1:]).sum(axis=1)
    return np.asarray(_FREEDOM[np.minimum(chosen, len(_FREEDOM) - 1)])
