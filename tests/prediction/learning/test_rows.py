"""How rows are held out: where few are of the rarer class, again and again."""

import numpy as np
import pandas as pd
import pytest

from mmm.prediction import LeadScorer
from mmm.prediction.columns.types import clean_frame, describe_columns
from mmm.prediction.learning.encoding import encode, learn_features
from mmm.prediction.learning.rows import cut, known_rows


@pytest.mark.parametrize(("n_wins", "times"), [(12, 5), (49, 5), (50, 1)])
def test_few_wins_are_held_out_several_times(n_wins, times):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "b": rng.choice(list("xyz"), 200)})
    columns = describe_columns(table)
    frame = clean_frame(table, columns)
    y = (np.arange(200) < n_wins).astype(float)
    known = known_rows(frame, y, None, None, None)
    folds = cut(known, encode(learn_features(frame, columns), frame), 5, seed=0)
    tested = np.bincount(np.concatenate([test for _, test in folds.splits]))
    assert (tested == times).all()
    assert all(not set(train) & set(test) for train, test in folds.splits)


def test_a_figure_of_the_card_counts_each_row_once():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"a": rng.normal(size=120)})
    won = (rng.random(120) < 1 / (1 + np.exp(2 - 2 * table["a"]))).astype(int)
    assert won.sum() < 50
    scorer = LeadScorer().fit(table, won)
    assert scorer.choice_.rows.tolist() == list(range(120))
    assert scorer.card_.facts["n_held_out"] == 120
    assert scorer.card_.reliability["n"].sum() == 120


def test_few_wins_still_rank_and_noise_is_still_noise():
    excess, signal = [], 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(rng.normal(size=(1_080, 5))).add_prefix("x")
        odds = {"told": 1.5 * table["x0"] - 2.5, "noise": np.full(len(table), -2.0)}
        for name, z in odds.items():
            won = np.asarray(rng.random(len(table)) < 1 / (1 + np.exp(-z))).astype(int)
            if not 4 <= won[:80].sum() < 20:
                continue
            p = LeadScorer().fit(table[:80], won[:80]).predict_proba(table[80:])[:, 1]
            after, rate = won[80:], won[:80].mean()
            loss = -np.log(np.where(after == 1, p, 1 - p)).mean()
            base = -np.log(np.where(after == 1, rate, 1 - rate)).mean()
            if name == "told":
                signal += loss < base - 0.01
            else:
                excess.append(loss - base)
    assert signal >= 5
    assert np.mean(excess) < 0.004
