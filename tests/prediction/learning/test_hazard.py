"""Hazards: Aalen and Johansen without features, monotone in the horizon, open is not lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import DataWarning, InputError
from mmm.prediction.learning.hazard import effect_of, fit_hazards
from mmm.prediction.learning.histories import (
    LOST,
    OPEN,
    WON,
    Histories,
    ages_on,
    read_histories,
    still_to_come,
)


def aalen_johansen(age, cause, at):
    """Add up, time by time, who was still there and who was won: no vector, no sharing of code."""
    open_, won = 1.0, 0.0
    for t in sorted(set(age[cause != OPEN])):
        if t > at:
            break
        there = sum(1 for a in age if a >= t)
        d_won = sum(1 for a, c in zip(age, cause, strict=True) if a == t and c == WON)
        d_lost = sum(1 for a, c in zip(age, cause, strict=True) if a == t and c == LOST)
        won += open_ * d_won / there
        open_ *= 1 - (d_won + d_lost) / there
    return won, open_


def random_histories(rng, n, scores=None):
    created = np.sort(rng.uniform(0, 300, n))
    pull = np.zeros(n) if scores is None else scores
    to_won = rng.exponential(80 * np.exp(-pull))
    to_lost = rng.exponential(120, n)
    end = np.ceil(np.minimum(to_won, to_lost))
    over = created + end <= 300
    cause = np.where(over, np.where(to_won < to_lost, WON, LOST), OPEN)
    return Histories(created, np.where(over, created + end, np.nan), cause, 300.0)


@given(st.integers(0, 10_000))
def test_without_features_hazards_are_aalen_johansen(seed):
    rng = np.random.default_rng(seed)
    histories = random_histories(rng, 60)
    hazards = fit_hazards(histories, np.full(60, -1.0), np.full(60, -1.0), np.arange(60))
    age, cause = histories.seen()
    for within in (1.0, 10.0, 30.0, 60.0, 90.0, 299.0):
        expected, _ = aalen_johansen(age, cause, within)
        found = hazards.probability(np.array([-1.0]), within=within)[0]
        assert abs(found - expected) < 1e-12
        linked = hazards.link(np.array([-1.0]), np.zeros(1), within)[0]
        assert abs(1 / (1 + np.exp(-linked)) - expected) < 1e-9


def test_an_open_lead_of_some_age_has_what_is_left():
    rng = np.random.default_rng(1)
    histories = random_histories(rng, 400)
    hazards = fit_hazards(histories, np.zeros(400), np.zeros(400), np.arange(400))
    age, cause = histories.seen()
    by_60, _ = aalen_johansen(age, cause, 60)
    by_20, open_20 = aalen_johansen(age, cause, 20)
    found = hazards.probability(np.zeros(1), age=20.0, within=40.0)[0]
    assert abs(found - (by_60 - by_20) / open_20) < 1e-12


@given(st.integers(0, 10_000), st.floats(0, 200))
def test_probability_rises_with_horizon_and_score(seed, age):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=200)
    hazards = fit_hazards(random_histories(rng, 200, scores), scores, scores, np.arange(200))
    grid = np.linspace(-3, 3, 7)
    table = np.array([hazards.probability(grid, age=age, within=h) for h in (10, 30, 60, 400)])
    assert ((table >= 0) & (table <= 1)).all()
    assert (np.diff(table, axis=0) >= -1e-12).all()
    assert (hazards.probability(grid, age=age) >= table[-1] - 1e-12).all()
    assert (np.diff(table, axis=1) >= -1e-12).all()


def test_ever_is_the_chance_of_a_strong_score():
    rng = np.random.default_rng(6)
    n = 6_000
    scores = rng.normal(-3.0, 2.5, n)
    chance = 1 / (1 + np.exp(-scores))
    cause = np.where(rng.random(n) < chance, WON, LOST)
    created = rng.uniform(0, 400, n)
    end = created + np.ceil(rng.exponential(30, n))
    over = end <= 600
    cause = np.where(over, cause, OPEN)
    histories = Histories(created, np.where(over, end, np.nan), cause, 600.0)
    hazards = fit_hazards(histories, scores, scores, np.arange(n))
    assert np.abs(hazards.powers - 1.0).max() < 0.15
    for low in range(-8, 3, 2):
        group = (scores >= low) & (scores < low + 2)
        error = np.sqrt((chance[group] * (1 - chance[group])).mean() / group.sum())
        found = hazards.probability(scores[group]).mean()
        assert abs(found - chance[group].mean()) < max(0.005, 2 * error)


def test_effect_is_cox(monkeypatch):
    phreg = pytest.importorskip("statsmodels.duration.hazard_regression").PHReg
    rng = np.random.default_rng(3)
    scores = rng.normal(size=800)
    histories = random_histories(rng, 800, 0.7 * scores)
    age, cause = histories.seen()
    monkeypatch.setattr("mmm.prediction.learning.hazard.STEADY", 0.0)
    for of in (WON, LOST):
        ours = effect_of(scores, age, cause == of, prior=0.0)
        other = phreg(age, scores[:, None], status=(cause == of).astype(int), ties="breslow")
        assert abs(ours - other.fit().params[0]) < 1e-6


def test_a_young_open_lead_is_not_a_lost_lead():
    rng = np.random.default_rng(4)
    histories = random_histories(rng, 2_000)
    y, weight = still_to_come(histories)
    age, cause = histories.seen()
    assert (weight[cause != OPEN] == 1).all()
    open_ = np.flatnonzero(cause == OPEN)
    ranked = open_[np.argsort(age[open_])]
    assert (np.diff(weight[ranked]) >= 0).all()
    assert weight[ranked[0]] < 0.05
    assert y.sum() == (cause == WON).sum()


def test_the_past_does_not_know_what_came_later():
    histories = Histories(
        np.array([0.0, 0.0, 50.0]), np.array([10.0, 90.0, 60.0]), np.array([WON, WON, LOST]), 100.0
    )
    y, weight = still_to_come(histories, 20.0)
    assert y.tolist() == [1.0, 0.0, 0.0]
    assert weight[2] == 0.0
    age, cause = histories.seen(20.0)
    assert age.tolist() == [10.0, 20.0, 0.0]
    assert cause.tolist() == [WON, OPEN, OPEN]


def test_many_instants_count_on_whole_days(monkeypatch):
    monkeypatch.setattr("mmm.prediction.learning.hazard.N_TIMES", 5)
    rng = np.random.default_rng(5)
    created = np.zeros(50)
    ended = rng.uniform(0, 30, 50)
    cause = np.full(50, WON)
    hazards = fit_hazards(
        Histories(created, ended, cause, 30.0), np.zeros(50), np.zeros(50), np.arange(50)
    )
    assert (hazards.times == np.floor(hazards.times)).all()
    expected = (np.ceil(ended) <= 12).mean()
    assert abs(hazards.probability(np.zeros(1), within=12.0)[0] - expected) < 1e-12


@pytest.mark.parametrize(
    ("ended", "outcome", "match"),
    [
        (["2025-02-01", None], ["lost", "open"], "not won by their outcome"),
        ([None, None], ["won", "open"], "no ended_at"),
        (["2025-02-01", "2025-02-01"], ["won", "open"], "are open and have an ended_at"),
        (["2025-02-01", None], ["won", "maybe"], "'maybe'.*won, lost or open"),
    ],
)
def test_contradictions_are_named(ended, outcome, match):
    with pytest.raises(InputError, match=match):
        read_histories(np.array([True, False]), ["2025-01-01"] * 2, ended, outcome)


def test_a_lead_that_ends_before_it_begins_is_named_and_kept():
    with pytest.warns(DataWarning, match="1 leads end before they were created"):
        histories = read_histories(
            np.array([True, False]), ["2025-01-05", "2025-01-01"], ["2025-01-01", "2025-01-09"]
        )
    assert histories.seen()[0].tolist() == [0.0, 8.0]
    assert histories.cause.tolist() == [WON, LOST]


def test_ages_need_dates():
    import pandas as pd

    with pytest.raises(InputError, match="created_at"):
        ages_on(pd.DataFrame({"a": [1]}), "2025-01-01")
    with pytest.raises(InputError, match="after 2025-01-01"):
        ages_on(pd.DataFrame({"created_at": ["2025-01-02"]}), "2025-01-01")
