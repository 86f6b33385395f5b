"""Survival curves against plain loops, another library, simulated truth and what must always hold.

Tolerances: 1e-12 against plain loops and identities (rounding of a few thousand products), 1e-10
against lifelines, as two programs that multiply in a different order.
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, InputError
from mmm.funnel.durations.survival import (
    conditional_incidence,
    cumulative_incidence,
    incidence_at,
    kaplan_meier,
    median_cycle,
    median_time,
    survival_at,
)

REFERENCE = Path(__file__).parent / "reference" / "kaplan_meier.json"
# Few distinct days, so that ties of every kind occur.
RECORDS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=40)


def split(records):
    days, outcome = np.array(records).T
    return days.astype(float), outcome


def oracle(days, outcome, n_causes):
    """Aalen-Johansen in exact fractions, one time after another."""
    left, reached, rows = Fraction(1), [Fraction(0)] * n_causes, []
    for day in sorted(set(days)):
        n = sum(1 for other in days if other >= day)
        ended = 0
        for k in range(n_causes):
            d = sum(1 for a, b in zip(days, outcome, strict=True) if a == day and b == k + 1)
            reached[k] += left * Fraction(d, n)
            ended += d
        left *= 1 - Fraction(ended, n)
        rows.append([float(share) for share in (*reached, left)])
    return np.array(rows).T


@given(RECORDS)
def test_incidence_is_that_of_plain_loops(records):
    days, outcome = split(records)
    curve = cumulative_incidence(days, outcome, n_causes=3)
    expected = oracle(days.tolist(), outcome.tolist(), 3)
    np.testing.assert_allclose(curve.incidence, expected[:3], atol=1e-12)
    np.testing.assert_allclose(curve.survival, expected[3], atol=1e-12)
    assert curve.time.tolist() == sorted(set(days))
    assert curve.at_risk.tolist() == [int(np.sum(days >= day)) for day in curve.time]


@given(RECORDS)
def test_incidences_and_survival_add_up_and_bands_hold_them(records):
    curve = cumulative_incidence(*split(records))
    np.testing.assert_allclose(curve.incidence.sum(axis=0) + curve.survival, 1, atol=1e-12)
    assert np.all(np.diff(curve.incidence, axis=1) >= 0)
    assert np.all(curve.lower <= curve.incidence + 1e-12)
    assert np.all(curve.upper >= curve.incidence - 1e-12)
    assert np.all((curve.lower >= 0) & (curve.upper <= 1))


def test_many_records_still_add_up():
    rng = np.random.default_rng(3)
    curve = cumulative_incidence(rng.exponential(30, 50_000), rng.integers(0, 4, 50_000))
    np.testing.assert_allclose(curve.incidence.sum(axis=0) + curve.survival, 1, atol=1e-12)


@given(RECORDS)
def test_without_censoring_it_counts(records):
    days, outcome = split([(day, max(cause, 1)) for day, cause in records])
    curve = cumulative_incidence(days, outcome, n_causes=3)
    for k in range(3):
        counted = [np.mean((outcome == k + 1) & (days <= day)) for day in curve.time]
        np.testing.assert_allclose(curve.incidence[k], counted, atol=1e-12)


@given(RECORDS, st.randoms(use_true_random=False))
def test_order_of_records_does_not_matter(records, random):
    one = cumulative_incidence(*split(records), n_causes=3)
    random.shuffle(records)
    other = cumulative_incidence(*split(records), n_causes=3)
    for name in ("time", "incidence", "lower", "upper", "survival", "at_risk", "events"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(RECORDS)
def test_kaplan_meier_never_rises_and_ignores_the_cause(records):
    days, outcome = split(records)
    curve = kaplan_meier(days, outcome > 0)
    assert np.all(np.diff(curve.survival) <= 0)
    every = cumulative_incidence(days, outcome)
    np.testing.assert_allclose(curve.survival, every.survival, atol=1e-12)
    assert np.all((curve.lower <= curve.survival) & (curve.survival <= curve.upper + 1e-12))


@given(RECORDS, st.floats(0.1, 100))
def test_the_unit_of_time_does_not_matter(records, factor):
    days, outcome = split(records)
    one, other = cumulative_incidence(days, outcome), cumulative_incidence(days * factor, outcome)
    np.testing.assert_array_equal(one.incidence, other.incidence)
    np.testing.assert_array_equal(one.upper, other.upper)


def test_variance_without_censoring_is_binomial():
    """The band of an uncensored share is the cloglog interval of a plain proportion."""
    days, outcome = np.arange(1.0, 41), np.tile([1, 2, 2, 1], 10)
    curve = cumulative_incidence(days, outcome, level=0.9)
    at = 24
    share = curve.incidence[0, at]
    error = np.sqrt(share * (1 - share) / 40)
    z = 1.6448536269514722
    width = z * error / ((1 - share) * -np.log1p(-share))
    assert curve.lower[0, at] == pytest.approx(1 - (1 - share) ** np.exp(-width), abs=1e-12)
    assert curve.upper[0, at] == pytest.approx(1 - (1 - share) ** np.exp(width), abs=1e-12)


def test_kaplan_meier_equals_the_stored_figures_of_lifelines():
    """Written by reference/make_kaplan_meier.py with lifelines 0.30.3."""
    for case in json.loads(REFERENCE.read_text())["cases"]:
        curve = kaplan_meier(case["duration"], case["event"], level=0.9)
        np.testing.assert_allclose(curve.time, case["time"], rtol=0, atol=0)
        np.testing.assert_allclose(curve.survival, case["survival"], atol=1e-10)
        # lifelines leaves the band open before the first event and after the last.
        inside = (curve.survival > 0) & (curve.survival < 1)
        np.testing.assert_allclose(
            curve.lower[inside], np.array(case["lower"], dtype=float)[inside], atol=1e-10
        )
        np.testing.assert_allclose(
            curve.upper[inside], np.array(case["upper"], dtype=float)[inside], atol=1e-10
        )
        median = median_time(curve, "wait").value
        assert median == pytest.approx(
            np.nan if case["median"] is None else case["median"], nan_ok=True
        )


# Won with probability 0.4, exponential with mean 20 days; else lost, mean 40; censored uniformly.
WON, WIN_DAYS, LOSS_DAYS = 0.4, 20.0, 40.0


def draw(rng, n, latest):
    won = rng.random(n) < WON
    days = rng.exponential(np.where(won, WIN_DAYS, LOSS_DAYS))
    seen = rng.uniform(0, latest, n)
    return np.minimum(days, seen), np.where(days <= seen, np.where(won, 1, 2), 0)


def test_many_records_come_to_the_truth():
    curve = cumulative_incidence(*draw(np.random.default_rng(5), 200_000, 150))
    days = np.array([5.0, 20.0, 60.0, 100.0])
    won = WON * (1 - np.exp(-days / WIN_DAYS))
    lost = (1 - WON) * (1 - np.exp(-days / LOSS_DAYS))
    np.testing.assert_allclose(incidence_at(curve, 1, days), won, atol=0.005)
    np.testing.assert_allclose(incidence_at(curve, 2, days), lost, atol=0.005)
    np.testing.assert_allclose(survival_at(curve, days), 1 - won - lost, atol=0.005)
    later = WON * (np.exp(-1.0) - np.exp(-2.0)) / (1 - won[1] - lost[1])
    assert conditional_incidence(curve, 1, 20, 20) == pytest.approx(later, abs=0.005)


@pytest.mark.parametrize(("n", "latest"), [(40, 60), (150, 150)])
def test_bands_and_median_cover_the_truth(n, latest):
    """600 draws: at 90% the Monte Carlo error is 1.2 points, so 86-95% fails one in 1,000."""
    rng, tau, day = np.random.default_rng(11), 50.0, 30.0
    share = WON * (1 - np.exp(-day / WIN_DAYS))
    median = -WIN_DAYS * np.log(1 - (1 - np.exp(-tau / WIN_DAYS)) / 2)
    hits = np.zeros((600, 2))
    for i in range(600):
        curve = cumulative_incidence(*draw(rng, n, latest), n_causes=2)
        at = int(np.searchsorted(curve.time, day, side="right")) - 1
        kpi = median_cycle(curve, until=min(tau, curve.horizon))
        hits[i] = (
            curve.lower[0, at] <= share <= curve.upper[0, at],
            kpi.lower <= median <= kpi.upper,
        )
    assert np.all((hits.mean(axis=0) >= 0.86) & (hits.mean(axis=0) <= 0.95))


def test_nobody_so_far_has_the_exact_bound():
    curve = cumulative_incidence([5.0] * 20, [0] * 20, level=0.9)
    assert curve.incidence[0, 0] == 0
    assert curve.lower[0, 0] == 0
    assert curve.upper[0, 0] == pytest.approx(1 - 0.05 ** (1 / 20))
    everybody = cumulative_incidence([5.0] * 20, [1] * 20, level=0.9)
    assert everybody.lower[0, 0] == pytest.approx(0.05 ** (1 / 20))
    assert everybody.upper[0, 0] == 1


@given(RECORDS)
def test_steps_include_their_own_time(records):
    curve = cumulative_incidence(*split(records))
    np.testing.assert_array_equal(incidence_at(curve, 1, curve.time), curve.incidence[0])
    np.testing.assert_array_equal(survival_at(curve, curve.time), curve.survival)
    just_before = incidence_at(curve, 1, np.nextafter(curve.time, -1))
    np.testing.assert_array_equal(just_before, [0.0, *curve.incidence[0, :-1]])


def test_beyond_the_horizon_nothing_is_known_unless_all_have_ended():
    open_ = cumulative_incidence([1, 2, 3], [1, 1, 0])
    assert open_.horizon == 3
    np.testing.assert_array_equal(np.isnan(incidence_at(open_, 1, [3, 3.01])), [False, True])
    over = cumulative_incidence([1, 2, 3], [1, 1, 2])
    np.testing.assert_allclose(incidence_at(over, 1, [99]), [2 / 3])
    np.testing.assert_allclose(survival_at(over, [0, 99]), [1, 0], atol=1e-15)


@given(RECORDS, st.floats(0, 12), st.floats(0, 30))
def test_conditional_incidence_is_the_formula(records, age, within):
    curve = cumulative_incidence(*split(records), n_causes=3)
    found = [float(conditional_incidence(curve, k, age, within)) for k in (1, 2, 3)]
    if age >= curve.horizon or survival_at(curve, age) <= 1e-12:
        assert np.isnan(found).all()
        return
    stop = min(age + within, curve.horizon)
    for k in (1, 2, 3):
        gain = incidence_at(curve, k, stop) - incidence_at(curve, k, age)
        assert found[k - 1] == pytest.approx(float(gain / survival_at(curve, age)), abs=1e-12)
    assert sum(found) <= 1 + 1e-9
    ever = sum(float(conditional_incidence(curve, k, age, np.inf)) for k in (1, 2, 3))
    assert ever >= sum(found) - 1e-12


def test_conditional_incidence_broadcasts():
    curve = cumulative_incidence([10, 20, 20, 30], [1, 2, 0, 1])
    assert conditional_incidence(curve, 1, [[0], [15]], [5, 10, 15]).shape == (2, 3)


def test_median_of_uncensored_wins_is_their_median():
    days = np.arange(1.0, 12)
    kpi = median_cycle(cumulative_incidence(np.append(days, [50] * 30), [1] * 11 + [2] * 30))
    assert (kpi.value, kpi.n, kpi.window_days) == (6.0, 41, 50.0)
    # Order statistics 3 to 9 of 11 cover the median with 93.5%, 4 to 8 with 77%.
    assert (kpi.lower, kpi.upper) == (3.0, 9.0)


def test_few_wins_have_the_widest_interval():
    kpi = median_cycle(cumulative_incidence([7, 9, 40], [1, 0, 0]))
    assert (kpi.lower, kpi.value, kpi.upper) == (0.0, 7.0, 40.0)


def test_no_win_has_no_cycle_and_says_so():
    kpi = median_cycle(cumulative_incidence([7, 9], [0, 2]))
    assert np.isnan(kpi.value)
    assert "nobody was won within 9 days" in kpi.note


def test_fixed_tau_forgets_what_came_later():
    days, outcome = [10, 20, 30, 40, 90], [1, 1, 0, 0, 1]
    curve = cumulative_incidence(days, outcome)
    assert median_cycle(curve, until=50).value == 10
    assert median_cycle(curve).value == 90
    with pytest.raises(ConfigError, match="followed for longer than 90 days"):
        median_cycle(cumulative_incidence([10, 90], [1, 0]), until=91)
    assert median_cycle(curve, until=91).window_days == 91
    assert "nobody was won within 5 days" in median_cycle(curve, until=5).note


def test_median_of_a_curve_that_stays_high_is_missing():
    kpi = median_time(kaplan_meier([1, 2, 3, 4], [True, False, False, False]), "wait")
    assert np.isnan(kpi.value)
    assert kpi.upper == np.inf
    assert "fewer than half" in kpi.note


@pytest.mark.parametrize(
    ("days", "outcome", "words"),
    [
        ([], [], "no record"),
        ([1, np.nan], [0, 1], "row 2"),
        ([1, -1], [0, 1], "row 2"),
        ([1, np.inf], [0, 1], "row 2"),
        ([1, 2], [0, 1.5], "not an integer"),
        ([1, 2], [0, -1], "not an integer"),
        ([1, 2], [0], "one of each"),
    ],
)
def test_impossible_records_are_refused(days, outcome, words):
    with pytest.raises(InputError, match=words):
        cumulative_incidence(days, outcome)


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigError, match="level"):
        kaplan_meier([1], [True], level=1.0)
    with pytest.raises(InputError, match="0 to 1"):
        cumulative_incidence([1], [2], n_causes=1)
    with pytest.raises(ConfigError, match="causes 1 to 1"):
        incidence_at(cumulative_incidence([1], [1]), 2, 1)
