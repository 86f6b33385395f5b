"""Champion against challenger: paired, with an interval that covers, and four honest verdicts."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from mmm.errors import ConfigError, InputError
from mmm.prediction.comparison import compare_models


def drawn(n, seed, noise=0.0):
    """Return outcomes, their true probabilities, and those of a worse model."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1.0, 1.0, n)
    won = rng.random(n) < expit(z)
    return won, expit(z), expit(z + rng.normal(0.0, noise, n) if noise else z)


def test_the_difference_and_its_interval_are_those_of_a_paired_t_test():
    won, truth, other = drawn(500, 0, noise=0.8)
    found = compare_models(won, truth, other, level=0.9)
    losses = [-stats.bernoulli.logpmf(won, p) for p in (other, truth)]
    test = stats.ttest_rel(*losses)
    low, high = test.confidence_interval(0.9)
    assert found.difference == pytest.approx(losses[0].mean() - losses[1].mean())
    assert (found.lower, found.upper) == pytest.approx((low, high))
    assert (found.n, found.n_won) == (500, won.sum())


def test_swapping_the_models_turns_the_sign():
    won, truth, other = drawn(500, 1, noise=0.8)
    one, two = compare_models(won, truth, other), compare_models(won, other, truth)
    assert one.difference == pytest.approx(-two.difference)
    assert (one.lower, one.upper) == pytest.approx((-two.upper, -two.lower))
    assert one.verdict == "worse"
    assert two.verdict == "better"
    assert two.holds
    assert not one.holds


def test_equal_models_are_not_worse_and_a_wide_interval_is_unclear():
    won, truth, other = drawn(400, 2)
    assert compare_models(won, truth, other).verdict == "not worse"
    won, truth, other = drawn(120, 3, noise=0.6)
    unclear = compare_models(won, truth, other)
    assert unclear.lower < 0 < unclear.upper
    assert unclear.verdict == "unclear"
    assert compare_models(won, truth, other, tolerance=unclear.upper).verdict == "not worse"


def test_the_interval_covers_the_true_difference():
    rng = np.random.default_rng(4)
    z = rng.normal(-1.0, 1.0, 400)
    p, q = expit(z), expit(z + rng.normal(0.0, 0.5, 400))
    truth = (-(p * np.log(q) + (1 - p) * np.log1p(-q)) + p * np.log(p)
             + (1 - p) * np.log1p(-p)).mean()  # fmt: skip
    inside = 0
    for _ in range(200):
        found = compare_models(rng.random(400) < p, p, q)
        inside += found.lower <= truth <= found.upper
    assert 165 <= inside <= 195  # 180 of 200 are expected


@pytest.mark.parametrize(("n", "rate"), [(99, 0.5), (500, 0.01), (500, 0.99)])
def test_too_few_leads_or_outcomes_say_nothing(n, rate):
    won = np.arange(n) < rate * n
    found = compare_models(won, np.full(n, 0.5), np.where(won, 0.9, 0.1))
    assert found.verdict == "too few"
    assert not found.holds


def test_one_lead_can_be_told_as_json():
    plain = compare_models([1], [0.5], [0.6]).to_dict()
    assert plain["lower"] is None
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_measures_are_of_both_models():
    won, truth, other = drawn(500, 5, noise=0.8)
    table = compare_models(won, truth, other).measures.set_index(["metric", "model"])["value"]
    assert table["log_loss", "champion"] < table["log_loss", "challenger"]
    assert table["rate", "champion"] == table["rate", "challenger"] == won.mean()
    assert table["promised", "champion"] == pytest.approx(truth.mean())


def test_bad_input_40_a_probability_that_is_none():
    with pytest.raises(InputError, match="outside 0 to 1"):
        compare_models([0, 1], [0.5, 0.5], [0.5, np.nan])
    with pytest.raises(ConfigError, match="0 or more"):
        compare_models([0, 1], [0.5, 0.5], [0.5, 0.5], tolerance=-1)
