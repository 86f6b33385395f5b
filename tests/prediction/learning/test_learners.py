"""Learners: additive ones are exact sums; each agrees with its textbook."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from mmm.prediction.columns.types import clean_frame, describe_columns
from mmm.prediction.learning.encoding import encode, learn_features
from mmm.prediction.learning.learners import (
    Additive,
    Candidate,
    Sample,
    Whole,
    _boost,
    candidates,
    code_matrix,
    fit,
    held_out,
    log_odds,
    weighted,
)


@pytest.fixture(scope="module")
def leads():
    rng = np.random.default_rng(1)
    n = 1_500
    frame = pd.DataFrame(
        {
            "pages": rng.poisson(3, n).astype(float),
            "size": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(2, 1, n)),
            "source": rng.choice(["fair", "web", "mail", None], n),
        }
    )
    odds = 0.5 * frame["pages"] - 3 + (frame["source"] == "fair")
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    columns = describe_columns(frame)
    features = learn_features(clean_frame(frame), columns)
    return features, Sample(encode(features, clean_frame(frame)), y, np.ones(n))


@pytest.mark.parametrize("candidate", [c for c in candidates(500) if c.family != "full"])
def test_parts_add_up_to_the_log_odds(leads, candidate):
    features, sample = leads
    fitted = fit(candidate, features, sample, seed=0)
    assert isinstance(fitted, Additive)
    parts = sum(fitted.part(sample.rows, j) for j in range(len(features)))
    np.testing.assert_allclose(fitted.base + parts, fitted.log_odds(sample.rows), atol=1e-12)


def test_tables_say_what_the_trees_say(leads):
    features, sample = leads
    boosted = _boost("additive", features, sample, 40, 0)
    tables = fit(Candidate("additive", 40), features, sample, seed=0)
    trees = boosted.decision_function(code_matrix(features, sample.rows))
    np.testing.assert_allclose(tables.log_odds(sample.rows), trees, atol=1e-9)


def test_bayes_without_borrowing_is_the_ratio_of_shares():
    frame = clean_frame(pd.DataFrame({"a": ["x"] * 30 + ["y"] * 30}))
    y = np.array([1.0] * 20 + [0.0] * 10 + [1.0] * 10 + [0.0] * 20)
    features = learn_features(frame, describe_columns(frame))
    sample = Sample(encode(features, frame), y, np.ones(60))
    from mmm.prediction.learning.learners import fit_bayes

    fitted = fit_bayes(features, sample, borrowed=1e-12)
    np.testing.assert_allclose(fitted.log_odds(sample.rows)[0], logit(20 / 30), atol=1e-6)


def test_ensemble_of_additive_models_is_additive(leads):
    features, sample = leads
    one = fit(Candidate("logistic", 1.0), features, sample, seed=0)
    two = fit(Candidate("bayes"), features, sample, seed=0)
    both = weighted([(0.25, one), (0.5, two)], 0.1)
    expected = 0.1 + 0.25 * one.log_odds(sample.rows) + 0.5 * two.log_odds(sample.rows)
    np.testing.assert_allclose(both.log_odds(sample.rows), expected, atol=1e-12)


def test_stages_of_one_fit_are_the_fits_of_fewer_trees(leads):
    features, sample = leads
    tried = [Candidate("full", 30.0), Candidate("full", 60.0), Candidate("additive", 30.0)]
    stages = held_out(tried, features, sample, sample.rows, seed=0)
    for candidate in tried:
        alone = log_odds(fit(candidate, features, sample, seed=0), features, sample.rows)
        np.testing.assert_allclose(stages[candidate], alone, atol=1e-9)


def test_own_classifier_gets_no_missing_values(leads):
    from sklearn.tree import DecisionTreeClassifier

    features, sample = leads
    own = DecisionTreeClassifier(max_depth=3)
    fitted = fit(Candidate("own"), features, sample, seed=5, own=own)
    assert isinstance(fitted, Whole)
    assert fitted.estimator.random_state == 5
    assert own.random_state is None
    assert np.isfinite(log_odds(fitted, features, sample.rows)).all()


def test_few_rows_of_a_class_are_not_boosted():
    assert {c.family for c in candidates(19)} == {"logistic"}
    assert {c.family for c in candidates(20)} == {"logistic", "bayes", "additive", "full"}
