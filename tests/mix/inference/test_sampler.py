"""Draws come from the density they are asked for."""

import numpy as np
import pytest
import scipy.stats

from mmm.errors import ConfigError
from mmm.mix.inference.convergence import ess_bulk
from mmm.mix.inference.sampler import Sampling, find_mode, sample

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[4.0, 1.8, 0.0], [1.8, 1.0, 0.05], [0.0, 0.05, 0.04]])
PRECISION = np.linalg.inv(COVARIANCE)


def gaussian(z):
    away = z - MEAN
    return -0.5 * np.einsum("ni,ij,nj->n", away, PRECISION, away), -away @ PRECISION


def banana(z):
    """x ~ N(0, 1), y given x ~ N(x^2 / 2, 0.5^2): curved, and known by transformation."""
    x, y = z.T
    away = y - 0.5 * x**2
    return -0.5 * x**2 - 2 * away**2, np.column_stack([-x + 4 * away * x, -4 * away])


def thinned(draws):
    """Draws about as good as independent, so that tests of distribution hold their level."""
    flat = draws.z.reshape(-1, draws.z.shape[-1])
    return flat[:: int(np.ceil(len(flat) / min(ess_bulk(draws.z).min(), len(flat))))]


def test_a_gaussian_is_drawn_exactly():
    draws = sample(gaussian, 3, Sampling(), np.random.default_rng(0), lambda z: True)
    for i in range(3):
        spread = np.sqrt(COVARIANCE[i, i])
        assert scipy.stats.kstest(thinned(draws)[:, i], "norm", (MEAN[i], spread)).pvalue > 0.01
    assert draws.divergences == 0


def test_a_curved_density_is_drawn_exactly():
    draws = sample(banana, 2, Sampling(), np.random.default_rng(1), lambda z: True)
    x, y = thinned(draws).T
    assert scipy.stats.kstest(x, "norm").pvalue > 0.01
    assert scipy.stats.kstest(2 * (y - 0.5 * x**2), "norm").pvalue > 0.01


def test_renewing_draws_from_the_joint_density():
    """x given w ~ N(0, 1 / w), w ~ Gamma(3, 3): x alone is Student-t with 6 degrees."""

    def given(w):
        return lambda z: (-0.5 * w * z[:, 0] ** 2, -w[:, None] * z)

    def renew(z, rng):
        w = rng.gamma(3.5, 1 / (3 + 0.5 * z[:, 0] ** 2))
        return given(w), w[:, None]

    draws = sample(
        given(np.ones(1)),
        1,
        Sampling(n_draws=3000),
        np.random.default_rng(2),
        lambda z: True,
        renew,
    )
    assert scipy.stats.kstest(thinned(draws)[:, 0], "t", (6,)).pvalue > 0.01
    assert len(draws.records) == len(draws.renewed_z) == 4000
    assert scipy.stats.kstest(draws.records[::8, 0], "gamma", (3, 0, 1 / 3)).pvalue > 0.01


def test_chains_run_on_until_they_converge():
    asked = []

    def converged(z):
        asked.append(z.shape[1])
        return False

    short = Sampling(n_warmup=50, n_draws=50, max_rounds=4)
    draws = sample(gaussian, 3, short, np.random.default_rng(3), converged)
    assert asked == [50, 75, 113, 170]  # half as much again each time
    assert draws.z.shape == (4, 200, 3)


def test_chains_that_stand_still_start_anew_once():
    def cliff(z):  # trajectories that cross it are lost
        density, slope = gaussian(z)
        return np.where(z[:, 0] > 0.5, -np.inf, density), slope

    asked = []

    def converged(z):
        asked.append(z.shape[1])
        return False

    short = Sampling(n_warmup=50, n_draws=50, max_rounds=2)
    draws = sample(cliff, 3, short, np.random.default_rng(3), converged)
    assert asked == [50, 50, 75]
    assert draws.z.shape == (4, 100, 3)
    assert (draws.z[..., 0] <= 0.5).all()


def test_same_seed_same_draws():
    once, again = (
        sample(gaussian, 3, Sampling(n_draws=50), np.random.default_rng(4), lambda z: True).z
        for _ in range(2)
    )
    assert (once == again).all()


def test_mode_is_the_best_of_several():
    def two_hills(z):
        left, right = -((z[:, 0] + 3) ** 2), 1 - (z[:, 0] - 3) ** 2
        best = np.maximum(left, right)
        return best, np.where(left > right, -2 * (z[:, 0] + 3), -2 * (z[:, 0] - 3))[:, None]

    assert find_mode(two_hills, 1, 8, np.random.default_rng(0)) == pytest.approx(3, abs=1e-4)


@pytest.mark.parametrize("wrong", [{"n_chains": 1}, {"n_draws": 0}, {"acceptance": 1.0}])
def test_impossible_sampling_is_refused(wrong):
    with pytest.raises(ConfigError, match="pass"):
        Sampling(**wrong)
