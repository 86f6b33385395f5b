"""The card says what the model is, in JSON and as an inert page."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError
from mmm.prediction.card import Card, out_of_order
from mmm.prediction.metrics import measure
from mmm.prediction.scorer import LeadScorer


@pytest.fixture(scope="module")
def scorer():
    rng = np.random.default_rng(0)
    n = 1_200
    frame = pd.DataFrame(
        {"pages": rng.poisson(3, n), "source": rng.choice(["fair", "web", "mail"], n), "one": 1}
    )
    odds = 0.5 * frame["pages"] - 3 + (frame["source"] == "fair")
    won = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    days = pd.date_range("2025-01-01", periods=n, freq="h")
    return LeadScorer().fit(frame, won, created_at=days)


def test_figures_are_those_of_rows_held_out(scorer):
    card, choice = scorer.card_, scorer.choice_
    assert card.facts["n_held_out"] == len(choice.rows) < card.facts["n_rows"] == 1_200
    assert card.facts["first_at"] == "2025-01-01"
    assert set(card.metrics["metric"]) == {m.name for m in measure([0, 1], [0.5, 0.5])}
    assert (card.metrics["lower"] <= card.metrics["value"]).all()
    assert card.refused["column"].tolist() == ["one"]
    assert card.reliability["n"].sum() == len(choice.rows)
    assert card.distribution["n"].sum() == len(choice.rows)
    assert card.grades["n"].sum() == len(choice.rows)
    assert set(card.segments["column"]) == {"source"}


def test_rows_of_one_account_count_for_fewer():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(300), 4)
    frame = pd.DataFrame({"pages": rng.poisson(3, 1_200)})
    won = np.repeat(rng.random(300) < 0.3, 4).astype(int)
    own = LeadScorer().fit(frame, won, groups=groups).card_
    alone = LeadScorer().fit(frame, won).card_
    assert own.facts["n_groups"] == 300
    assert own.facts["design"] == pytest.approx(4, rel=0.01)
    wide, narrow = (
        card.metrics.set_index("metric").loc["rate"].pipe(lambda row: row["upper"] - row["lower"])
        for card in (own, alone)
    )
    assert wide == pytest.approx(2 * narrow, rel=0.05)
    assert "count 4.0 rows as one" in own.to_html()
    assert "contano 4,0 righe come una" in own.to_html("it")
    assert "<td>300</td>" in own.to_html()
    for text in ("rows as one", "Persons or accounts"):
        assert text not in alone.to_html()


def test_grades_out_of_order_are_said(scorer):
    card = scorer.card_
    assert out_of_order(card, "en") == []
    assert "call first" not in card.to_html()
    rates = [0.25, 0.3158, np.nan, 0.044]
    mixed = replace(card, grades=card.grades.assign(rate=rates, n=[40, 76, 0, 68]))
    (said,) = out_of_order(mixed, "en")
    assert "grade A converted less often than grade B (25.0% against 31.6%)" in said
    assert said in mixed.to_html()
    assert "voto A sono diventati clienti meno spesso" in mixed.to_html("it")


def test_json_comes_back(scorer):
    plain = json.loads(json.dumps(scorer.card_.to_dict()))
    back = Card.from_dict(plain)
    assert back.to_dict() == plain
    with pytest.raises(InputError, match="damaged"):
        Card.from_dict({"facts": {}})


@pytest.mark.parametrize("lang", ["en", "it"])
def test_page_stands_alone(scorer, lang):
    page = scorer.card_.to_html(lang)
    assert page.startswith("<!doctype html>")
    assert f'<html lang="{lang}">' in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "source" in page
    with pytest.raises(InputError, match="'fr'"):
        scorer.card_.to_html("fr")


def test_the_page_says_what_the_probability_is_one_of(scorer):
    assert scorer.card_.facts["predicts"] == "outcome"
    assert "of the outcome that training was given" in scorer.card_.to_html()
    rng = np.random.default_rng(1)
    created = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 100, 400)), "D")
    frame = pd.DataFrame({"a": rng.normal(size=400)})
    ended = pd.Series(created + pd.to_timedelta(rng.integers(1, 50, 400), "D"))
    timed = LeadScorer().fit(frame, rng.integers(0, 2, 400), created_at=created, ended_at=ended)
    facts = timed.card_.facts
    assert facts["predicts"] == "ever"
    assert 40 <= facts["follow_up_days"] <= 150
    days = f"{facts['follow_up_days']:.0f}"
    assert f"longest follow-up of training: {days} days" in timed.card_.to_html()
    assert f"{days} giorni dall" in timed.card_.to_html("it")
    old = timed.card_.to_dict()  # a card of before says nothing, rather than something wrong
    for name in ("predicts", "follow_up_days"):
        del old["facts"][name]
    assert "follow-up" not in Card.from_dict(old).to_html()
