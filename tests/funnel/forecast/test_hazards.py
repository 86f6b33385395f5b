"""Stays simulated from the rates agree with Aalen and Johansen, and with small steps of time."""

import numpy as np
import pytest

from mmm import datasets
from mmm.funnel.durations.survival import conditional_incidence, cumulative_incidence
from mmm.funnel.forecast.hazards import (
    EDGES,
    exposure,
    occurrences,
    simulate_stay,
    stay_rates,
)
from mmm.funnel.records.known import ADVANCED, OPEN, Stays, known_on


@pytest.fixture(scope="module")
def stays():
    return known_on(datasets.load("leads"), datasets.load("deals")).first


def drawn(n, seed=0):
    """Stays that follow known hazards: won 0.004 a day, lost 0.006, looked at after 30-500 days."""
    rng = np.random.default_rng(seed)
    end, look = rng.exponential(100.0, n), rng.uniform(30, 500, n)
    outcome = np.where(end > look, OPEN, np.where(rng.random(n) < 0.4, ADVANCED, 2))
    nothing = np.full(n, np.nan)
    return Stays(-look, np.minimum(end, look), outcome, np.arange(n) % 50, nothing)


def test_exposure_and_events_by_hand():
    days = np.array([3.0, 20.0, 200.0])
    group = np.array([0, 1, 1])
    spent, events = exposure(days, group, 2), occurrences(days, group, 2)
    assert spent[0, :2].tolist() == [3.0, 0.0]
    assert spent[1, :4].tolist() == [14.0, 14.0, 13.0, 7.0]
    assert spent.sum() == pytest.approx(223.0)
    assert events[1, [2, 26]].tolist() == [1.0, 1.0]
    assert events.sum() == 3


def test_stays_simulated_from_the_rates_end_as_aalen_and_johansen_say(stays):
    hazard = stay_rates(stays, np.ones((1, int(stays.group.max()) + 1)))[0]
    curve = cumulative_incidence(stays.days, stays.outcome, n_causes=2)
    rng = np.random.default_rng(3)
    for age, margin in ((0.0, 0.03), (40.0, 0.045)):
        lasted, advanced = simulate_stay(hazard, np.full(40_000, age), rng)
        for days in (30.0, 60.0, 120.0, 180.0):
            over = lasted <= days
            for k, mine in ((1, advanced), (2, ~advanced)):
                expected = float(conditional_incidence(curve, k, age, days))
                assert float((over & mine).mean()) == pytest.approx(expected, abs=margin)


def test_known_rates_are_found():
    stays = drawn(40_000)
    hazard = stay_rates(stays, np.ones((1, 50)))[0][:, :30]
    np.testing.assert_allclose(hazard[0], 0.004, rtol=0.2)
    np.testing.assert_allclose(hazard[1], 0.006, rtol=0.2)


def test_bootstrap_spread_is_that_of_the_sample():
    weights = np.random.default_rng(0).exponential(size=(400, 50))
    spread = stay_rates(drawn(300, 1), weights)[:, 0, 3:12].mean(axis=1).std()
    samples = [stay_rates(drawn(300, s), np.ones((1, 50)))[0, 0, 3:12].mean() for s in range(200)]
    assert 0.75 < spread / np.std(samples) < 1.3


def stepped(hazard, age, within, step=0.05):
    """Chance of going on within so many days, by small steps of time."""
    on, left = 0.0, 1.0
    for i in range(round(within / step)):
        k = int(np.searchsorted(EDGES, age + (i + 0.5) * step, side="right")) - 1
        on += left * hazard[0, k] * step
        left *= 1.0 - hazard[:, k].sum() * step
    return on


def test_simulated_stays_follow_the_hazards():
    rng = np.random.default_rng(5)
    hazard = rng.uniform(0.0, 0.01, size=(2, len(EDGES)))
    for age in (0.0, 11.0, 190.0):
        days, advanced = simulate_stay(hazard, np.full(40_000, age), rng)
        for within in (10.0, 100.0, 400.0):
            won = float((advanced & (days <= within)).mean())
            assert won == pytest.approx(stepped(hazard, age, within), abs=0.01)


def test_without_any_event_a_stay_never_ends():
    days, advanced = simulate_stay(
        np.zeros((2, len(EDGES))), np.array([0.0, 900.0]), np.random.default_rng(0)
    )
    assert np.isinf(days).all()
    assert not advanced.any()
