"""An order too good to be honest is told with the columns behind it, and no honest one is."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.cli.leads import told_options
from mmm.cli.shell import speak
from mmm.errors import DataWarning
from mmm.prediction.card import Card, too_good
from mmm.prediction.columns.types import Column, describe_columns
from mmm.prediction.learning.encoding import encode, learn_features
from mmm.prediction.scorer import LeadScorer
from mmm.prediction.suspects import suspects, suspicion

N = 1_500


def leads(apart, seed=0):
    """Return leads, won or not, and two columns that lie so far apart between the two."""
    rng = np.random.default_rng(seed)
    won = (rng.random(N) < 0.25).astype(int)
    frame = pd.DataFrame(
        {
            "calls": rng.normal(apart * won, 1.0),
            "mood": np.where(rng.random(N) < 0.5 + apart * (won - 0.5) / 3.5, "good", "poor"),
            "size": rng.integers(1, 9, N),
        }
    )
    return frame, won


def test_columns_that_know_together_are_named():
    frame, won = leads(2.8)
    with pytest.warns(DataWarning, match="few honest columns can") as caught:
        scorer = LeadScorer().fit(frame, won)
    assert scorer.leakage_.empty  # neither is refused: each could be honest
    card = scorer.card_
    names = [name for name, _ in card.facts["too_good"]["columns"]]
    assert names[0] == "calls"
    assert "size" not in names
    assert "'calls' (97%)" in str(caught[0].message)
    for lang, cure in (("en", "when they are filled in"), ("it", "quando vengono compilate")):
        (said,) = too_good(card, lang)
        assert cure in said
        assert cure in card.to_html(lang)
    assert Card.from_dict(card.to_dict()).to_html() == card.to_html()


def test_an_order_that_is_merely_good_is_not_told():
    frame, won = leads(1.8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        card = LeadScorer().fit(frame, won).card_
    auc = card.metrics.set_index("metric").loc["auc"]
    assert auc["value"] > 0.9
    assert auc["lower"] < 0.97
    assert card.facts["too_good"] is None
    assert too_good(card, "en") == []


def test_columns_that_somebody_vouches_for_stand_on_the_card_alone():
    frame, won = leads(2.8)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        card = LeadScorer(allow=("calls", "mood")).fit(frame, won).card_
    assert "few honest columns can" in card.to_html()


def test_a_perfect_order_of_few_rows_may_be_luck():
    def told(n_won, n_lost):
        won = np.repeat([1.0, 0.0], [n_won, n_lost])
        frame = pd.DataFrame({"x": won * 5 + np.arange(len(won)) % 5})
        features = learn_features(frame, describe_columns(frame))
        return suspects(won, won * 0.9 + 0.05, features, encode(features, frame).codes)

    assert told(4, 60) is None
    assert told(60, 300)["lower"] is None


def test_the_warning_is_said_in_the_language_of_the_command(capsys):
    found = {"auc": 0.995, "lower": 0.98, "columns": [["calls", 0.97]]}
    for lang, words in (("en", "in 99% of pairs (98% or more)"), ("it", "99% (almeno 98%)")):
        speak(lang)
        with told_options():
            warnings.warn(suspicion(found), DataWarning, stacklevel=1)
        assert words in capsys.readouterr().err
    speak("en")


def test_looks_at_one_lead_do_not_make_a_name_of_leads_suspect():
    rng = np.random.default_rng(2)
    won = np.repeat(rng.random(80) < 0.3, 6).astype(float)
    looks = np.repeat(np.arange(80), 6)
    frame = pd.DataFrame({"place": pd.Series([f"p{i}" for i in looks], dtype="category"),
                          "calls": won + rng.normal(0, 0.4, 480)})  # fmt: skip
    features = learn_features(frame, [Column("place", "category"), Column("calls", "number")])
    codes = encode(features, frame).codes
    found = suspects(won, won + rng.normal(0, 0.1, 480), features, codes, looks)
    assert [name for name, _ in found["columns"]] == ["calls"]
