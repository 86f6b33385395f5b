"""Agreement of chains, where the answer is known."""

import numpy as np
import pytest
import scipy.signal

from mmm.mix.inference.convergence import ess_bulk, ess_tail, r_hat


def autoregressive(rho, n_draws=4000, seed=0):
    noise = np.random.default_rng(seed).standard_normal((4, n_draws, 1))
    return scipy.signal.lfilter([1.0], [1.0, -rho], noise, axis=1)[:, 500:]


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.5])
def test_effective_size_of_an_autoregression(rho):
    draws = autoregressive(rho)
    expected = draws.shape[0] * draws.shape[1] * (1 - rho) / (1 + rho)
    assert ess_bulk(draws)[0] == pytest.approx(expected, rel=0.2)


def test_independent_draws_agree():
    draws = np.random.default_rng(1).standard_normal((4, 1000, 20))
    assert (r_hat(draws) < 1.01).all()
    assert (ess_tail(draws) > 2000).all()


def test_a_chain_elsewhere_is_seen():
    draws = np.random.default_rng(2).standard_normal((4, 1000, 1))
    draws[0] += 1
    assert r_hat(draws)[0] > 1.05
    assert ess_bulk(draws)[0] < 100


def test_a_wider_chain_is_seen_in_the_tail():
    draws = np.random.default_rng(3).standard_normal((4, 1000, 1))
    draws[0] *= 4
    assert r_hat(draws)[0] > 1.05


def test_a_trend_within_chains_is_seen():
    draws = (
        np.random.default_rng(4).standard_normal((4, 1000, 1)) + np.linspace(0, 2, 1000)[:, None]
    )
    assert r_hat(draws)[0] > 1.1


def test_monotone_maps_change_nothing():
    draws = autoregressive(0.6)
    np.testing.assert_allclose(ess_bulk(draws), ess_bulk(np.exp(draws)))
