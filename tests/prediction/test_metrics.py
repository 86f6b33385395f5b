"""Metrics: equal to scikit-learn's where it has them, with intervals that cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from mmm.errors import InputError
from mmm.prediction.metrics import (
    area,
    bins_of,
    calibration_error,
    gains,
    measure,
    reliability,
    top_lift,
)


def sample(seed, n=500):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 4, n)
    return (rng.random(n) < p).astype(float), p


@given(st.integers(0, 1_000))
def test_figures_are_those_of_scikit_learn(seed):
    y, p = sample(seed)
    found = {m.name: m.value for m in measure(y, p)}
    assert abs(found["log_loss"] - log_loss(y, p)) < 1e-10
    assert abs(found["brier"] - brier_score_loss(y, p)) < 1e-12
    assert abs(found["auc"] - roc_auc_score(y, p)) < 1e-12


@given(st.integers(0, 1_000))
def test_order_of_rows_does_not_matter(seed):
    y, p = sample(seed, 80)
    p = p.round(1)
    order = np.random.default_rng(seed).permutation(80)
    for one, two in zip(measure(y, p), measure(y[order], p[order]), strict=True):
        np.testing.assert_allclose(
            [one.value, one.lower, one.upper], [two.value, two.lower, two.upper], atol=1e-12
        )


def test_intervals_hold_their_value():
    y, p = sample(0, 2_000)
    for m in measure(y, p):
        assert m.lower <= m.value <= m.upper
        assert np.isfinite([m.lower, m.upper]).all()


def test_auc_interval_covers():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = (np.arange(150) < 40).astype(float)
        m = area(y, rng.normal(size=150) + y, 0.9)
        hits += m.lower <= 0.76025 <= m.upper  # Phi(1 / sqrt 2)
    assert 0.84 <= hits / 200 <= 0.96


def test_calibration_error_of_honest_probabilities_may_be_nothing():
    covered = [calibration_error(*sample(seed, 1_000)).lower < 0.01 for seed in range(60)]
    assert np.mean(covered) > 0.85


def test_calibration_error_of_a_wrong_level_is_its_size():
    y, p = sample(1, 50_000)
    wrong = calibration_error(y, np.clip(p + 0.1, 0, 1))
    assert abs(wrong.value - 0.1) < 0.01
    assert wrong.lower > 0.08


def test_equal_probabilities_share_a_bin():
    y, p = sample(2, 300)
    p = p.round(1)
    bin_ = bins_of(p)
    assert all(len(set(bin_[p == value])) == 1 for value in set(p))
    table = reliability(y, p)
    assert table["n"].sum() == 300
    assert np.isclose(table["n"] @ table["rate"], y.sum())


def test_lift_and_gains_of_a_perfect_ranking():
    y = (np.arange(100) < 20).astype(float)
    p = np.linspace(0.9, 0.1, 100)
    assert top_lift(y, p).value == pytest.approx(5.0)
    curve = gains(y, p)
    assert curve.loc[19, "won"] == 1.0
    assert top_lift(y, np.full(100, 0.2)).value == pytest.approx(1.0)


def test_one_class_has_no_auc():
    assert np.isnan(area(np.ones(5), np.linspace(0, 1, 5)).value)


@pytest.mark.parametrize("p", [[0.1, np.nan], [0.1, 1.1], [0.1]])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(InputError):
        measure([0, 1], p)
