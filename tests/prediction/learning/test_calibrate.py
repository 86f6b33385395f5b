"""Calibration never reverses a ranking, and follows a level that moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from mmm.prediction.learning.calibrate import level_of, loss_of, mix, track_level


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 4))
def test_calibration_is_monotone(seed, k, n_folds):
    rng = np.random.default_rng(seed)
    n = 60
    z = rng.normal(size=(n, k)) * rng.uniform(0.1, 5)
    y = (rng.random(n) < rng.uniform(0.05, 0.95)).astype(float)
    fold = np.arange(n) % n_folds
    found = mix(z, y, rng.uniform(0.1, 1, n), fold, steady=1.0)
    assert (found.weights >= 0).all()
    assert np.isfinite(found.z).all()


def test_slope_and_level_are_recovered():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=40_000) - 1
    y = (rng.random(40_000) < expit(truth)).astype(float)
    found = mix(3 * truth[:, None] + 1, y, np.ones(40_000), np.zeros(40_000, dtype=int), steady=1.0)
    assert abs(found.weights[0] - 1 / 3) < 0.01
    assert np.abs(found.z - truth).max() < 0.15


def test_mix_equals_an_unpenalised_logistic_regression():
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    z = rng.normal(size=(500, 2))
    y = (rng.random(500) < expit(z @ [0.8, 0.4] - 0.5)).astype(float)
    found = mix(z, y, np.ones(500), np.zeros(500, dtype=int), steady=0.0)
    other = sm.Logit(y, sm.add_constant(z)).fit(disp=0).params
    np.testing.assert_allclose([found.shift[0], *found.weights], other, atol=2e-3)


def test_what_moves_from_fold_to_fold_is_not_what_the_score_can_tell():
    rng = np.random.default_rng(3)
    fold = np.repeat([0, 1], 4_000)
    # Within a fold the score is noise; between folds both score and level rise.
    z = rng.normal(size=8_000) + 2 * fold
    y = (rng.random(8_000) < np.where(fold == 1, 0.5, 0.1)).astype(float)
    apart = mix(z[:, None], y, np.ones(8_000), fold, steady=1.0).weights[0]
    together = mix(z[:, None], y, np.ones(8_000), np.zeros(8_000, int), steady=1.0).weights[0]
    assert apart < 0.08 < 0.4 < together


@given(st.integers(0, 10_000))
def test_level_makes_the_mean_the_rate(seed):
    rng = np.random.default_rng(seed)
    z, weight = rng.normal(size=200) * 3, rng.uniform(0.1, 1, 200)
    y = (rng.random(200) < 0.3).astype(float)
    p = expit(z + level_of(z, y, weight))
    assert abs(weight @ (p - y)) < 1.0  # half a row of each kind


@pytest.mark.parametrize("moving", [False, True])
def test_level_is_followed_where_it_moves(moving):
    rng = np.random.default_rng(4)
    n = 10_000
    level = np.where(np.arange(n) > 0.8 * n, 0.0, -2.0) if moving else np.full(n, -2.0)
    z = rng.normal(size=n)
    y = (rng.random(n) < expit(z + level)).astype(float)
    found = track_level(z, y, np.ones(n), np.arange(n) * 10 // n, z - 2.0)
    assert found.moves is moving
    assert (found.half_life is not None) is moving
    # The last fifth, one and a third half-lives, is all that was seen of the new level, 0.
    assert found.shift > -1.0 if moving else abs(found.shift + 2.0) < 0.1


def test_loss_does_not_overflow():
    assert loss_of(np.array([1.0, 0.0]), np.array([-800.0, 800.0])).tolist() == [800.0, 800.0]
