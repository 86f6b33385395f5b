"""The collapsed log posterior and its gradient: arrays in, arrays out.

Given z (curves, shares, total, size of the trend, autocorrelation of the noise), the outcome is
linear in the baseline coefficients:

    y = media(z) + B gamma + e,
    gamma ~ N(0, sigma^2 V),  e ~ N(0, sigma^2 R),  sigma^2 ~ InvGamma(a, b)

so that gamma and sigma integrate out, and y given z is multivariate Student-t. With AR(1) noise the
precision of e is a quadratic polynomial in rho, hence B' R^-1 B is one too: its three matrices are
computed once, and each evaluation costs no more than one small inverse, however many periods.
"""

from dataclasses import dataclass

import numpy as np

from mmm.mix.inference.counts import Counts
from mmm.mix.inference.lifts import LiftTerm, stated_density
from mmm.mix.inference.media import Media, Response, pull_back, respond
from mmm.mix.inference.prior import log_prior
from mmm.mix.transforms import Floats

RHO_MOST = 0.99  # beyond it, the noise would be a second trend
_SIZE_MOST = 8.0  # of the log size of the trend, so that a wild trajectory stays finite


@dataclass(frozen=True, eq=False)
class Linear:
    """The linear part: baseline, its prior, and the noise.

    Attributes
    ----------
    design : ndarray, shape (n_periods, n_columns)
        Columns of the baseline.
    prior_sd : ndarray, shape (n_columns,)
        Prior standard deviation of the coefficients over that of the noise.
    trend : ndarray of bool, shape (n_columns,)
        Columns whose standard deviation is multiplied by the size of the trend.
    trend_scale : float
        Prior standard deviation of the log size of the trend.
    rho_loc, rho_scale : float
        rho = RHO_MOST tanh(rho_loc + rho_scale z); both 0 is white noise.
    shape, rate : float
        Of the inverse gamma prior of sigma^2.
    """

    design: Floats
    prior_sd: Floats
    trend: np.ndarray[tuple[int], np.dtype[np.bool_]]
    trend_scale: float
    rho_loc: float
    rho_scale: float
    shape: float
    rate: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that the density is conditioned on.

    Attributes
    ----------
    outcome : ndarray, shape (n_periods,)
        Scaled.
    media : Media
    linear : Linear
    gram : ndarray, shape (3, n_columns, n_columns) or (3, n_draws, n_columns, n_columns)
        Coefficients of 1, rho, rho^2 in B' R^-1 B.
    weights : ndarray, shape (1, n_periods) or (n_draws, n_periods)
        Relative precision of each innovation; 1 for normal noise.
    lifts : tuple of LiftTerm
        Tests; they depend on z alone.
    counts : Counts, optional
        Where the outcome is counted; nothing integrates out then (`full_vector`).
    """

    outcome: Floats
    media: Media
    linear: Linear
    gram: Floats
    weights: Floats
    lifts: tuple[LiftTerm, ...] = ()
    counts: Counts | None = None

    @property
    def n_shared(self) -> int:
        """Length of z without the baseline: media, size of the trend, autocorrelation.

        Of counts, the dispersion takes the place of the autocorrelation.
        """
        return self.media.n_parameters + 2

    @property
    def n_parameters(self) -> int:
        """Length of z; the baseline is part of it where it does not integrate out."""
        return self.n_shared + (0 if self.counts is None else self.linear.design.shape[1])


@dataclass(frozen=True, eq=False)
class Collapsed:
    """The linear part integrated out, at given z.

    Attributes
    ----------
    response : Response
    coefficient : ndarray, shape (n_draws, n_columns)
        Posterior mean of gamma.
    covariance : ndarray, shape (n_draws, n_columns, n_columns)
        Posterior covariance of gamma over sigma^2.
    precision : ndarray, shape (n_draws, n_columns)
        1 / V.
    residual, weighted : ndarray, shape (n_draws, n_periods)
        Outcome minus media minus baseline, and R^-1 times it.
    square : ndarray, shape (n_draws,)
        Residual sum of squares, weighted, with the prior of gamma.
    log_density : ndarray, shape (n_draws,)
        Of y given z, up to a constant.
    rho : ndarray, shape (n_draws, 1)
    """

    response: Response
    coefficient: Floats
    covariance: Floats
    precision: Floats
    residual: Floats
    weighted: Floats
    square: Floats
    log_density: Floats
    rho: Floats


def build_problem(outcome: Floats, media: Media, linear: Linear, weights: Floats) -> Problem:
    """Compute what does not depend on z.

    Parameters
    ----------
    outcome : ndarray, shape (n_periods,)
    media : Media
    linear : Linear
    weights : ndarray, shape (n_draws, n_periods) or (1, n_periods)
    """
    return Problem(outcome, media, linear, noise_gram(linear.design, weights), weights)


def noise_gram(design: Floats, weights: Floats) -> Floats:
    """Return the coefficients of 1, rho and rho^2 in B' R^-1 B.

    Parameters
    ----------
    design : ndarray, shape (n_periods, n_columns)
    weights : ndarray, shape (n_draws, n_periods)

    Returns
    -------
    ndarray, shape (3, n_draws, n_columns, n_columns)

    Examples
    --------
    >>> noise_gram(np.ones((3, 1)), np.ones((1, 3)))[:, 0, 0, 0].tolist()
    [3.0, -4.0, 1.0]
    """
    now, before = design[1:], design[:-1]
    level = np.matmul(design.T * weights[:, None, :], design)
    cross = np.matmul(now.T * weights[:, None, 1:], before)
    past = np.matmul(before.T * weights[:, None, 1:], before)
    first = weights[:, :1, None] * np.outer(design[0], design[0])
    return np.stack([level, -(cross + cross.swapaxes(1, 2)), past - first])


def innovations(error: Floats, rho: Floats) -> Floats:
    """Return what of an AR(1) error was not known before, shape of `error`.

    Parameters
    ----------
    error : ndarray, shape (n_draws, n_periods)
    rho : ndarray, shape (n_draws, 1)

    Examples
    --------
    >>> innovations(np.array([[1.0, 2.0]]), np.array([[0.5]])).round(3).tolist()
    [[0.866, 1.5]]
    """
    new = error.copy()
    new[:, 1:] -= rho * error[:, :-1]
    new[:, :1] *= np.sqrt(1.0 - rho**2)
    return new


def _noise_precision(error: Floats, rho: Floats, weights: Floats) -> Floats:
    """Return R^-1 error, shape (n_draws, n_periods)."""
    new = innovations(error, rho) * weights
    result = new.copy()
    result[:, :1] *= np.sqrt(1.0 - rho**2)
    result[:, :-1] -= rho * new[:, 1:]
    return result


def noise_correlation(problem: Problem, z: Floats) -> Floats:
    """Return rho, shape (n_draws, 1)."""
    linear, at = problem.linear, problem.media.n_parameters + 1
    return np.asarray(RHO_MOST * np.tanh(linear.rho_loc + linear.rho_scale * z[:, at : at + 1]))


def trend_size(linear: Linear, z: Floats) -> Floats:
    """Return the log size of each column, 0 but for those of the trend, (n_draws, n_columns)."""
    size = np.clip(linear.trend_scale * z[:, None], -_SIZE_MOST, _SIZE_MOST)
    return np.asarray(np.where(linear.trend, size, 0.0))


def collapse(problem: Problem, z: Floats) -> Collapsed:
    """Integrate the baseline and the noise level out at given parameters.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)

    Returns
    -------
    Collapsed
    """
    linear, n_media = problem.linear, problem.media.n_parameters
    response = respond(problem.media, z)
    rho = noise_correlation(problem, z)
    precision = np.exp(-2.0 * trend_size(linear, z[:, n_media])) / linear.prior_sd**2
    gram = problem.gram[0] + rho[:, None] * (problem.gram[1] + rho[:, None] * problem.gram[2])
    diagonal = np.arange(precision.shape[1])
    gram[:, diagonal, diagonal] += precision
    covariance = np.linalg.inv(gram)
    log_det = 2.0 * np.log(np.linalg.cholesky(gram)[:, diagonal, diagonal]).sum(axis=1)

    raw = problem.outcome - response.media
    pulled = _noise_precision(raw, rho, problem.weights) @ linear.design
    coefficient = np.matmul(covariance, pulled[..., None])[..., 0]
    residual = raw - coefficient @ linear.design.T
    weighted = _noise_precision(residual, rho, problem.weights)
    square = (residual * weighted).sum(axis=1) + (coefficient**2 * precision).sum(axis=1)
    log_density = (
        0.5 * np.log1p(-(rho[:, 0] ** 2))
        + 0.5 * np.log(problem.weights).sum(axis=1)
        + 0.5 * (np.log(precision).sum(axis=1) - log_det)
        - (linear.shape + 0.5 * len(problem.outcome)) * np.log(linear.rate + 0.5 * square)
    )
    return Collapsed(
        response, coefficient, covariance, precision, residual, weighted, square, log_density, rho
    )


def log_density_change(problem: Problem, at: Collapsed, change: Floats) -> Floats:
    """Return how the log density of the outcome changes if media bring less by `change`.

    Baseline and noise level are integrated out anew, so that they may take its place.

    Parameters
    ----------
    problem : Problem
    at : Collapsed
        Of this problem.
    change : ndarray, shape (n_draws, n_periods)
        Taken off media.

    Returns
    -------
    ndarray, shape (n_draws,)
    """
    linear = problem.linear
    spread = _noise_precision(change, at.rho, problem.weights)
    pulled = (spread @ linear.design)[:, None, :]
    explained = np.matmul(np.matmul(pulled, at.covariance), pulled.swapaxes(1, 2))[:, 0, 0]
    square = at.square + (change * (2.0 * at.weighted + spread)).sum(axis=1) - explained
    power = linear.shape + 0.5 * len(problem.outcome)
    before, after = linear.rate + 0.5 * at.square, linear.rate + 0.5 * square
    return np.asarray(power * (np.log(before) - np.log(after)))


def draw_linear(problem: Problem, at: Collapsed, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the baseline coefficients and sigma given z, exactly.

    Parameters
    ----------
    problem : Problem
    at : Collapsed
    rng : numpy.random.Generator

    Returns
    -------
    coefficient : ndarray, shape (n_draws, n_columns)
    sigma : ndarray, shape (n_draws,)
    """
    freedom = problem.linear.shape + 0.5 * len(problem.outcome)
    rate = problem.linear.rate + 0.5 * at.square
    sigma = np.sqrt(rate / rng.gamma(freedom, size=len(rate)))
    root = np.linalg.cholesky(at.covariance)
    noise = rng.standard_normal(at.coefficient.shape)
    spread = np.matmul(root, noise[..., None])[..., 0]
    return at.coefficient + sigma[:, None] * spread, sigma


def log_posterior(problem: Problem, z: Floats) -> tuple[Floats, Floats]:
    """Return the log posterior of z, up to a constant, and its gradient.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)

    Returns
    -------
    density : ndarray, shape (n_draws,)
    gradient : ndarray, shape (n_draws, n_parameters)
    """
    density, gradient = log_density(problem, z)
    prior, slope = log_prior(z, problem.media.spread_at, problem.media.spread_scale)
    return density + prior, gradient + slope


def log_density(problem: Problem, z: Floats) -> tuple[Floats, Floats]:
    """Return the log density of the outcome, and of tests, given z, and its gradient.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)

    Returns
    -------
    density : ndarray, shape (n_draws,)
    gradient : ndarray, shape (n_draws, n_parameters)
    """
    with np.errstate(all="ignore"):  # a wild trajectory ends in an infinity, and is rejected
        at = collapse(problem, z)
        linear, n_media = problem.linear, problem.media.n_parameters
        heat = (linear.shape + 0.5 * len(problem.outcome)) / (linear.rate + 0.5 * at.square)
        gradient = np.empty_like(z)
        density, bend, by_curve = stated_density(problem.media, problem.lifts, at.response)
        slope = heat[:, None] * at.weighted
        gradient[:, :n_media] = pull_back(problem.media, at.response, slope, bend)
        gradient[:, : problem.media.n_curve] += by_curve
        gradient[:, n_media] = linear.trend_scale * _by_log_size(linear, at, heat)
        gradient[:, n_media + 1] = linear.rho_scale * _by_rho_link(problem, at, heat)
        return at.log_density + density, gradient


def _by_log_size(linear: Linear, at: Collapsed, heat: Floats) -> Floats:
    """Return the derivative in the log standard deviation of the trend, shape (n_draws,)."""
    marginal = np.diagonal(at.covariance, axis1=1, axis2=2)
    each = heat[:, None] * at.coefficient**2 * at.precision + marginal * at.precision - 1.0
    return np.asarray((each * linear.trend).sum(axis=1))


def _by_rho_link(problem: Problem, at: Collapsed, heat: Floats) -> Floats:
    """Return the derivative in atanh(rho / RHO_MOST), shape (n_draws,)."""
    rho, error, weights = at.rho, at.residual, problem.weights
    by_gram = problem.gram[1] + 2.0 * rho[:, None] * problem.gram[2]
    trace = (at.covariance * by_gram).sum(axis=(1, 2))
    new = error[:, 1:] - rho * error[:, :-1]
    by_square = -2.0 * (weights[:, 1:] * new * error[:, :-1]).sum(axis=1)
    by_square -= 2.0 * rho[:, 0] * weights[:, 0] * error[:, 0] ** 2
    flat = rho[:, 0]
    by_rho = -flat / (1.0 - flat**2) - 0.5 * (trace + heat * by_square)
    return np.asarray((RHO_MOST - flat**2 / RHO_MOST) * by_rho)
