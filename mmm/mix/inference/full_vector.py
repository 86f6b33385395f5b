"""The log posterior of counts and its gradient: nothing integrates out, so that all is sampled.

z holds what the collapsed density samples (the dispersion in place of the autocorrelation), and
then q, the baseline:

    gamma = S q - H media(z),   gamma ~ N(0, S^2),

S the prior standard deviations with the size of the trend, H a fixed regression of a course of
media on the baseline. A change of media thus leaves at once what the baseline would take of it,
as in the collapsed density; the Jacobian is constant, and any H gives the same posterior.
"""

from dataclasses import dataclass, replace

import numpy as np

from mmm.mix.inference.counts import Counts, bend_of, check_counts, expected_count, log_mass
from mmm.mix.inference.lifts import lift_density
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
    spread : ndarray, shape (n_draws, n_columns)
        S.
    taken : ndarray, shape (n_draws, n_columns)
        H media / S: q less the standardised coefficient.
    eta : ndarray, shape (n_draws, n_periods)
        Baseline and media, in counts.
    """

    response: Response
    coefficient: Floats
    spread: Floats
    taken: Floats
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
    design = problem.linear.design
    gram = design.T @ design + np.diag(problem.linear.prior_sd**-2.0)
    taken_up = np.linalg.solve(gram, design.T)
    dispersed = likelihood == "negative_binomial"
    counts = Counts(outcome, unit, bend_of(outcome), dispersed, taken_up)
    return replace(problem, counts=counts)


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
    linear, counts, n_media = problem.linear, counts_of(problem), problem.media.n_parameters
    response = respond(problem.media, z)
    noise = np.sqrt(linear.rate / linear.shape)  # the scale that prior_sd is in multiples of
    spread = noise * linear.prior_sd * np.exp(trend_size(linear, z[:, n_media]))
    taken = response.media @ counts.taken_up.T / spread
    coefficient = spread * (z[:, problem.n_shared :] - taken)
    eta = counts.unit * (response.media + coefficient @ linear.design.T)
    return FullVector(response, coefficient, spread, taken, eta)


def log_density_counts(problem: Problem, z: Floats) -> tuple[Floats, Floats]:
    """Return the log density of counts, and of tests, given z, and its gradient.

    Apart from `mmm.mix.inference.media.log_prior`, which takes q as standard normal.

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
        tested, bend, by_curve = lift_density(media, problem.lifts, at.response)
        q = z[:, problem.n_shared :]
        own = q - at.taken
        density = mass + tested + 0.5 * (q**2 - own**2).sum(axis=1)

        slope = counts.unit * by_eta
        by_fitted = slope @ linear.design
        by_coefficient = by_fitted - own / at.spread
        gradient = np.empty_like(z)
        through = slope - by_coefficient @ counts.taken_up
        gradient[:, :n_media] = pull_back(media, at.response, through, bend)
        gradient[:, : media.n_curve] += by_curve
        by_size = by_fitted * at.spread * q - own * at.taken
        gradient[:, n_media] = linear.trend_scale * (by_size * linear.trend).sum(axis=1)
        gradient[:, n_media + 1] = by_dispersion
        gradient[:, problem.n_shared :] = by_coefficient * at.spread + q
        return density, gradient


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
    shift = change @ counts.taken_up.T
    eta = at.eta + counts.unit * (shift @ problem.linear.design.T - change)
    before, after = (log_mass(counts, value, dispersion)[0] for value in (at.eta, eta))
    own = at.coefficient / at.spread
    moved = own + shift / at.spread
    return np.asarray(after - before + 0.5 * (own**2 - moved**2).sum(axis=1))


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
