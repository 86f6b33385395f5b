"""The log posterior of counts and its gradient: nothing integrates out, so that all is sampled.

z holds what the collapsed density samples (the dispersion in place of the autocorrelation), and
then q, the baseline. Were the outcome normal, the baseline given all else would be

    gamma = C B'W (y - media(z)) + s R q,  q ~ N(0, I),  R R' = C = (B'WB + 1 / V)^-1,

V with the size of the trend. That is what gamma is here too, with the density of counts and the
Jacobian of this map: close to normal in q whatever the rest of z, and exact for any W and s.
"""

from dataclasses import dataclass, replace

import numpy as np

from mmm.mix.inference.counts import Counts, bend_of, check_counts, expected_count, log_mass
from mmm.mix.inference.lifts import stated_density
from mmm.mix.inference.media import Response, pull_back, respond
from mmm.mix.inference.posterior import Problem, trend_size
from mmm.mix.transforms import Floats


@dataclass(frozen=True, eq=False)
class FullVector:
    """The model of counts at given z.

    Attributes
    ----------
    response : Response
    coefficient : ndarray, shape (n_draws, n_columns)
        gamma.
    precision : ndarray, shape (n_draws, n_columns)
        1 / V.
    centre : ndarray, shape (n_draws, n_columns)
        gamma at q = 0.
    root : ndarray, shape (n_draws, n_columns, n_columns)
        R, upper triangular.
    eta : ndarray, shape (n_draws, n_periods)
        Baseline and media, in counts.
    """

    response: Response
    coefficient: Floats
    precision: Floats
    centre: Floats
    root: Floats
    eta: Floats


def as_counts(problem: Problem, outcome: Floats, unit: float, likelihood: str) -> Problem:
    """Return the problem with its outcome counted.

    Parameters
    ----------
    problem : Problem
    outcome : ndarray, shape (n_periods,)
        In its own unit.
    unit : float
        Scale of the outcome.
    likelihood : {"poisson", "negative_binomial"}

    Raises
    ------
    InputError
        If the outcome does not count.
    """
    check_counts(outcome, likelihood)
    dispersed = likelihood == "negative_binomial"
    return replace(problem, counts=Counts(outcome, unit, bend_of(outcome), dispersed))


def counts_of(problem: Problem) -> Counts:
    """Return what counts need; `as_counts` set it."""
    assert problem.counts is not None
    return problem.counts


def place(problem: Problem, z: Floats) -> FullVector:
    """Compute baseline, media and their sum.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)

    Returns
    -------
    FullVector
    """
    linear, n_media = problem.linear, problem.media.n_parameters
    response = respond(problem.media, z)
    precision = np.exp(-2.0 * trend_size(linear, z[:, n_media])) / linear.prior_sd**2
    diagonal = np.arange(precision.shape[1])
    gram = np.repeat(problem.gram[0], len(z), axis=0)
    gram[:, diagonal, diagonal] += precision
    root = np.linalg.inv(np.linalg.cholesky(gram)).swapaxes(1, 2)
    centre = _nearest(problem, root, problem.outcome - response.media)
    q = z[:, problem.n_shared :, None]
    coefficient = centre + _noise(problem) * np.matmul(root, q)[..., 0]
    eta = counts_of(problem).unit * (response.media + coefficient @ linear.design.T)
    return FullVector(response, coefficient, precision, centre, root, eta)


def _noise(problem: Problem) -> float:
    """Return s, the scale that `Linear.prior_sd` is in multiples of."""
    return float(np.sqrt(problem.linear.rate / problem.linear.shape))


def _nearest(problem: Problem, root: Floats, course: Floats) -> Floats:
    """Return C B'W course: the baseline that comes nearest to a course, (n_draws, n_columns)."""
    return _spread(root, (course * problem.weights) @ problem.linear.design)


def _spread(root: Floats, pulled: Floats) -> Floats:
    """Return C pulled, shape (n_draws, n_columns)."""
    inner = np.matmul(pulled[:, None, :], root)
    return np.asarray(np.matmul(root, inner.swapaxes(1, 2))[..., 0])


def log_density_counts(problem: Problem, z: Floats) -> tuple[Floats, Floats]:
    """Return the log density of counts, and of tests, given z, and its gradient.

    Apart from `mmm.mix.inference.prior.log_prior`, which takes q as standard normal.

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
        linear, counts, media = problem.linear, counts_of(problem), problem.media
        at, n_media = place(problem, z), media.n_parameters
        mass, by_eta, by_dispersion = log_mass(counts, at.eta, z[:, n_media + 1])
        tested, bend, by_curve = stated_density(media, problem.lifts, at.response)
        q, noise = z[:, problem.n_shared :], _noise(problem)
        drawn_in = at.precision / noise**2 * at.coefficient
        log_root = np.log(np.diagonal(at.root, axis1=1, axis2=2)).sum(axis=1)
        density = mass + tested + log_root + 0.5 * (q**2).sum(axis=1)
        density += 0.5 * (np.log(at.precision) - drawn_in * at.coefficient).sum(axis=1)

        slope = counts.unit * by_eta
        by_coefficient = slope @ linear.design - drawn_in
        taken = _spread(at.root, by_coefficient) @ linear.design.T * problem.weights
        gradient = np.empty_like(z)
        gradient[:, :n_media] = pull_back(media, at.response, slope - taken, bend)
        gradient[:, : media.n_curve] += by_curve
        gradient[:, n_media] = linear.trend_scale * _by_log_size(problem, at, q, by_coefficient)
        gradient[:, n_media + 1] = by_dispersion
        gradient[:, problem.n_shared :] = noise * np.matmul(by_coefficient[:, None], at.root)[:, 0]
        gradient[:, problem.n_shared :] += q
        return density, gradient


def _by_log_size(problem: Problem, at: FullVector, q: Floats, by_coefficient: Floats) -> Floats:
    """Return the derivative in the log standard deviation of the trend, shape (n_draws,)."""
    trend, noise = at.precision * problem.linear.trend, _noise(problem)
    turn = 2.0 * np.matmul(at.root.swapaxes(1, 2), trend[..., None] * at.root)
    diagonal = np.arange(turn.shape[1])
    turn[:, diagonal, diagonal] *= 0.5
    wider = np.matmul(np.triu(turn), q[..., None])
    moved = 2.0 * _spread(at.root, trend * at.centre)
    moved += noise * np.matmul(at.root, wider)[..., 0]
    own = (trend / noise**2 * at.coefficient**2 - problem.linear.trend).sum(axis=1)
    return np.asarray((by_coefficient * moved).sum(axis=1) + own + turn.trace(axis1=1, axis2=2))


def counts_change(problem: Problem, z: Floats, at: FullVector, change: Floats) -> Floats:
    """Return how the log density changes if media bring less by `change`, shape (n_draws,).

    The baseline takes up what it can of it, a shift of the same posterior: averaged over draws the
    ratio of densities is exact, as `mmm.mix.inference.posterior.log_density_change` is.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)
    at : FullVector
        At this z.
    change : ndarray, shape (n_draws, n_periods)
        Taken off media, in units of the scaled outcome.
    """
    counts, dispersion = counts_of(problem), z[:, problem.media.n_parameters + 1]
    coefficient = at.coefficient + _nearest(problem, at.root, change)
    moved = (coefficient - at.coefficient) @ problem.linear.design.T - change
    before, after = (
        log_mass(counts, eta, dispersion)[0] for eta in (at.eta, at.eta + counts.unit * moved)
    )
    square = at.precision / _noise(problem) ** 2 * (at.coefficient**2 - coefficient**2)
    return np.asarray(after - before + 0.5 * square.sum(axis=1))


def noise_scale(problem: Problem, z: Floats, at: FullVector) -> tuple[Floats, Floats]:
    """Return the standard deviation of a typical period, in counts, and the dispersion.

    Parameters
    ----------
    problem : Problem
    z : ndarray, shape (n_draws, n_parameters)
    at : FullVector

    Returns
    -------
    sigma, dispersion : ndarray, shape (n_draws,)
    """
    counts = counts_of(problem)
    dispersion = counts.dispersion(z[:, problem.media.n_parameters + 1])
    mean = expected_count(at.eta, counts.bend)
    return np.sqrt((mean + dispersion[:, None] * mean**2).mean(axis=1)), dispersion
