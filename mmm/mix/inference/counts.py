"""Counts of deals or leads: Poisson or negative binomial around a mean that is never negative.

    y_t ~ NB(mean mu_t, variance mu_t + a mu_t^2),  mu_t = k log(1 + exp(eta_t / k)),

eta the sum of baseline and media, in counts. The bend k is small, so that contributions add up as
long as the mean is above a few k, and low weeks end at zero instead of below it. Poisson is a = 0.
"""

from dataclasses import dataclass

import numpy as np
import scipy.special

from mmm.errors import InputError, name_rows
from mmm.mix.transforms import Floats

COUNTS = ("poisson", "negative_binomial")
_BEND, _BEND_SHARE = 0.3, 0.2  # k: counts, and at most this share of the mean
_SPREAD = (np.log(0.3), 0.8)  # log sqrt(a): a week differs from its mean by 30%, by 13 to 67%
_LEAST_LOG_SPREAD = -7.0  # below, it is Poisson, and the gamma functions lose digits
_FAR = -30.0  # eta over k; below, the softplus is exp to the last digit
_POISSON = 1e-8  # a, where only the limit is left
_MANY_ZEROS, _LARGE = 0.15, 30.0  # share of periods; the largest count that is called small


@dataclass(frozen=True, eq=False)
class Counts:
    """What the density of counts needs besides the mean.

    Attributes
    ----------
    outcome : ndarray, shape (n_periods,)
        Whole numbers, as counted.
    unit : float
        Counts per unit of the scaled outcome.
    bend : float
        k, in counts.
    dispersed : bool
        False for Poisson.
    """

    outcome: Floats
    unit: float
    bend: float
    dispersed: bool

    def dispersion(self, z: Floats) -> Floats:
        """Return a from its parameter, standard normal a priori; the shape of `z`."""
        loc, scale = _SPREAD
        log_spread = np.clip(loc + scale * z, _LEAST_LOG_SPREAD, -_LEAST_LOG_SPREAD)
        return np.asarray(np.exp(2.0 * log_spread) if self.dispersed else np.zeros_like(z))


def check_counts(outcome: Floats, likelihood: str) -> None:
    """Raise where an outcome does not count.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_counts(np.array([0.0, 2.0]), "poisson")
    """
    bad = np.flatnonzero((outcome < 0) | (outcome != np.floor(outcome)))
    if len(bad):
        raise InputError(
            f"likelihood={likelihood!r} explains counts, and the outcome is none in "
            f"{name_rows(bad.tolist())} ({outcome[bad[0]]:g} in the first of them); pass whole "
            "numbers from 0, such as deals a week, or likelihood='auto' for money and averages."
        )


def hint(outcome: Floats) -> list[str]:
    """Return a note where an outcome looks like few deals a period, else nothing.

    Examples
    --------
    >>> hint(np.array([0.0, 2.0, 1.0, 0.0]))[0][:47]
    'The outcome counts, and is 0 in 50% of periods;'
    >>> hint(np.array([0.0, 2.5, 1.0])), hint(np.array([9.0, 8.0]))
    ([], [])
    """
    small = (outcome >= 0).all() and outcome.max() <= _LARGE and (outcome % 1 == 0).all()
    zeros = float((outcome == 0).mean())
    if not small or zeros < _MANY_ZEROS:
        return []
    return [
        f"The outcome counts, and is 0 in {zeros:.0%} of periods; normal noise reaches below 0. "
        "likelihood='negative_binomial' is made for it."
    ]


def bend_of(outcome: Floats) -> float:
    """Return k, in counts."""
    return float(min(_BEND, _BEND_SHARE * outcome.mean()))


def expected_count(eta: Floats, bend: float) -> Floats:
    """Return mu, shape of `eta`, above 0 to the last digit.

    Examples
    --------
    >>> expected_count(np.array([-3.0, 0.0, 3.0]), 0.3).round(3).tolist()
    [0.0, 0.208, 3.0]
    """
    return np.asarray(bend * np.logaddexp(0.0, np.maximum(eta / bend, _FAR)))


def log_mass(counts: Counts, eta: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log probability of the outcome, and its gradient.

    Parameters
    ----------
    counts : Counts
    eta : ndarray, shape (n_draws, n_periods)
        In counts.
    z : ndarray, shape (n_draws,)
        Parameter of the dispersion.

    Returns
    -------
    log_mass : ndarray, shape (n_draws,)
    by_eta : ndarray, shape (n_draws, n_periods)
    by_z : ndarray, shape (n_draws,)
    """
    y, ratio = counts.outcome, eta / counts.bend
    rise = np.logaddexp(0.0, ratio)
    slope = scipy.special.expit(ratio)
    far = ratio < _FAR
    log_mean = np.log(counts.bend) + np.where(far, ratio, np.log(np.where(far, 1.0, rise)))
    relative = np.where(far, 1.0, slope / np.where(far, 1.0, rise)) / counts.bend
    mean = counts.bend * rise
    if not counts.dispersed:
        mass = y * log_mean - mean - scipy.special.gammaln(y + 1.0)
        return mass.sum(axis=1), y * relative - slope, np.zeros(len(eta))
    a = counts.dispersion(z)[:, None]
    size, more = 1.0 / a, 1.0 + a * mean
    mass = _log_ways(y, size) + y * (log_mean + np.log(a)) - (y + size) * np.log(more)
    excess = (1.0 + a * y) / more
    by_size = (_psi_ways(y, size) - np.log(more) - excess + 1.0).sum(axis=1)
    return mass.sum(axis=1), y * relative - excess * slope, -2.0 * _SPREAD[1] * size[:, 0] * by_size


def _log_ways(y: Floats, size: Floats) -> Floats:
    """Return log Gamma(y + r) / (Gamma(r) y!), shape (n_draws, n_periods)."""
    value, at = np.unique(y, return_inverse=True)
    ways = scipy.special.gammaln(value + size) - scipy.special.gammaln(size)
    return np.asarray((ways - scipy.special.gammaln(value + 1.0))[:, at])


def _psi_ways(y: Floats, size: Floats) -> Floats:
    """Return the derivative of `_log_ways` in r."""
    value, at = np.unique(y, return_inverse=True)
    return np.asarray((scipy.special.psi(value + size) - scipy.special.psi(size))[:, at])


def log_mass_each(y: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Return the log probability of each count, shape of the arguments together.

    Parameters
    ----------
    y : ndarray
    mean : ndarray
        Above 0.
    dispersion : ndarray
        a; 0 is Poisson.

    Examples
    --------
    >>> one = log_mass_each(np.array([0.0, 1.0]), np.array([2.0]), np.array([[0.0], [0.5]]))
    >>> np.exp(one).round(3).tolist()
    [[0.135, 0.271], [0.25, 0.25]]
    """
    a = np.maximum(dispersion, _POISSON)
    size, outer = 1.0 / a, scipy.special.gammaln(y + 1.0)
    ways = scipy.special.gammaln(y + size) - scipy.special.gammaln(size)
    mass = ways + y * np.log(a * mean) - (y + size) * np.log1p(a * mean)
    return np.where(dispersion > _POISSON, mass, y * np.log(mean) - mean) - outer


def draw_counts(mean: Floats, dispersion: Floats, rng: np.random.Generator) -> Floats:
    """Draw counts, shape of `mean`.

    Parameters
    ----------
    mean : ndarray, shape (n_draws, n_rows)
    dispersion : ndarray, shape (n_draws,)
        a; 0 is Poisson.
    rng : numpy.random.Generator
    """
    a = np.maximum(dispersion, _POISSON)[:, None]
    return rng.poisson(mean * rng.gamma(1.0 / a, a, mean.shape)).astype(np.float64)


def normal_scores(y: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Return how far each count lies from what was expected, on the scale of a standard normal.

    Parameters
    ----------
    y : ndarray, shape (n_periods,)
    mean : ndarray, shape (n_draws, n_periods)
    dispersion : ndarray, shape (n_draws,)

    Returns
    -------
    ndarray, shape (n_periods,)
        Of the middle of the step that the distribution makes at the count, over all draws.

    References
    ----------
    Dunn and Smyth 1996, Randomized quantile residuals, JCGS 5(3), 236-244; with the middle of the
    step in place of a draw.
    """
    a = np.maximum(dispersion, _POISSON)[:, None]
    reached = scipy.special.betainc(1.0 / a, y + 1.0, 1.0 / (1.0 + a * mean))
    passed = (reached - 0.5 * np.exp(log_mass_each(y, mean, a))).mean(axis=0)
    return np.asarray(scipy.special.ndtri(np.clip(passed, 1e-9, 1.0 - 1e-9)))


def spread_ratio(counts: Counts, mean: Floats) -> float:
    """Return the variance of the outcome over that of Poisson counts; 1 if chance may be why.

    Parameters
    ----------
    counts : Counts
    mean : ndarray, shape (n_draws, n_periods)

    Notes
    -----
    Pearson's statistic; under Poisson each term has the variance 2 + 1 / mean.
    """
    centre = mean.mean(axis=0)
    ratio = float(((counts.outcome - centre) ** 2 / centre).mean())
    error = float(np.sqrt((2.0 + 1.0 / centre).mean() / len(centre)))
    return ratio if ratio > 1.0 + 3.0 * error else 1.0
