"""Forests as tables say what the trees say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.prediction.columns.types import clean_frame, describe_columns
from mmm.prediction.learning.encoding import encode, learn_features
from mmm.prediction.learning.forest import read_forest
from mmm.prediction.learning.learners import (
    Candidate,
    Forest,
    Sample,
    Whole,
    _boost,
    code_matrix,
    fit,
)


def leads(seed, n=1_200, words=True):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "b": rng.poisson(2, n).astype(float),
            "c": rng.normal(size=n),
        }
    )
    if words:
        frame["source"] = rng.choice([*"abcdefgh", None], n)
        frame["city"] = rng.integers(0, 150, n).astype(str) + "x"
    y = ((frame["a"].fillna(0) * frame["c"] > 0) ^ (rng.random(n) < 0.2)).astype(float)
    features = learn_features(clean_frame(frame), describe_columns(frame))
    return features, Sample(encode(features, clean_frame(frame)), y.to_numpy(), np.ones(n))


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_tables_say_what_the_trees_say_of_any_codes(seed, words):
    features, sample = leads(seed, words=words)
    boosted = _boost("full", features, sample, 40, 0)
    matrix = code_matrix(features, sample.rows)
    forest = read_forest(features, boosted, matrix)
    assert forest is not None
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(0, f.n_codes, 3_000) for f in features])
    rows = replace(sample.rows, codes=codes.astype(np.uint8))
    trees = boosted.decision_function(code_matrix(features, rows))
    np.testing.assert_allclose(forest.log_odds(features, rows), trees, atol=1e-9)


def test_what_cannot_be_read_is_kept_as_it_is(monkeypatch):
    features, sample = leads(0)
    assert isinstance(fit(Candidate("full", 10.0), features, sample, seed=0), Forest)
    monkeypatch.setattr("mmm.prediction.learning.forest.EXACT", -1.0)
    kept = fit(Candidate("full", 10.0), features, sample, seed=0)
    assert isinstance(kept, Whole)
    assert kept.reads == "codes"


def test_arrays_that_disagree_do_not_fit():
    features, sample = leads(0)
    forest = fit(Candidate("full", 10.0), features, sample, seed=0)
    assert forest.fits(len(features))
    assert not forest.fits(1)
    assert not replace(forest, start=forest.start[:-1]).fits(len(features))
    assert not replace(forest, masks=forest.masks[:, :9]).fits(len(features))
    assert not replace(forest, feature=forest.feature - 9).fits(len(features))
