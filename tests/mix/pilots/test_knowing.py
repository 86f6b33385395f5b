"""What a test shows and what it is worth, against simulation and against its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from mmm.errors import ConfigError
from mmm.mix.pilots.knowing import (
    chance_to_tell,
    periods_needed,
    power,
    replay,
    return_weights,
    standard_error,
    value_of_clearing,
    value_of_test,
    worth_of_horizon,
)

SIZE = st.floats(0.01, 5.0)


def noise(n_rows, n_periods, rho, rng):
    """AR(1) of standard deviation 1."""
    result = np.empty((n_rows, n_periods))
    result[:, 0] = rng.standard_normal(n_rows)
    for t in range(1, n_periods):
        new = rng.standard_normal(n_rows)
        result[:, t] = rho * result[:, t - 1] + np.sqrt(1 - rho**2) * new
    return result


@given(distance=st.floats(-5, 5), spread=SIZE, s=SIZE, more=SIZE)
def test_value_is_below_perfect_knowledge_and_falls_with_noise(distance, spread, s, more):
    value = value_of_test(distance, spread, s)
    assert 0 <= value <= value_of_test(distance, spread, 0.0)
    assert value_of_test(distance, spread, s + more) <= value + 1e-15


def test_value_is_what_the_better_decision_gains_on_average():
    rng = np.random.default_rng(0)
    theta = rng.normal(0.3, 0.8, 400_000)
    seen = theta + rng.normal(0, 0.5, len(theta))
    believed = 0.3 + 0.8**2 / (0.8**2 + 0.5**2) * (seen - 0.3)
    after = np.where(believed > 0.1, theta - 0.1, 0.0).mean()
    before = max(0.3 - 0.1, 0.0)
    assert value_of_test(0.2, 0.8, 0.5) == pytest.approx(after - before, abs=0.005)


@given(distance=st.floats(-5, 5), spread=SIZE, s=SIZE, more=SIZE)
def test_the_value_of_clearing_falls_with_noise_and_is_that_of_a_test_where_nothing_would_move(
    distance, spread, s, more
):
    value = value_of_clearing(distance, spread, s)
    assert 0 <= value <= value_of_clearing(distance, spread, 0.0) + 1e-12
    assert value_of_clearing(distance, spread, s + more) <= value + 1e-12
    # Perfect knowledge: as without the rule, and what would have been moved anyway comes on top.
    gained = value_of_test(distance, spread, 0.0) + max(distance, 0.0)
    assert value_of_clearing(distance, spread, 0.0) == pytest.approx(gained, abs=1e-9)


def test_the_value_of_clearing_is_what_a_reading_above_the_threshold_gains():
    rng = np.random.default_rng(0)
    theta = rng.normal(0.3, 0.8, 400_000)
    seen = theta + rng.normal(0, 0.5, len(theta))
    gained = np.where(seen > 0.1, theta - 0.1, 0.0).mean()
    assert value_of_clearing(0.2, 0.8, 0.5) == pytest.approx(gained, abs=0.005)
    assert value_of_clearing(0.2, 0.8, np.inf) == 0.0


@pytest.mark.parametrize(("distance", "s"), [(0.0, 0.3), (0.7, 0.5), (-0.7, 2.0)])
def test_the_chance_to_tell_is_that_of_a_clear_reading_over_what_is_believed(distance, s):
    rng = np.random.default_rng(0)
    seen = rng.normal(distance, 0.8, 400_000) + rng.normal(0, s, 400_000)
    met = np.mean(np.abs(seen) > 1.959964 * s)
    assert chance_to_tell(distance, 0.8, s) == pytest.approx(met, abs=0.005)
    assert chance_to_tell(distance, 1e-9, s) == pytest.approx(
        power(distance, s) + norm.cdf(-abs(distance) / s - 1.959964)
    )


def test_a_test_of_nothing_is_worth_nothing():
    assert value_of_test(0.1, 0.0, 1.0) == 0.0
    assert value_of_test(0.1, 1.0, np.inf) == 0.0
    assert standard_error(1.0, 1.0, 0.0, 8) == np.inf


@given(n=st.integers(1, 200), half=st.floats(4, 500), interest=st.floats(0, 0.5))
def test_worth_rises_with_the_horizon_and_never_above_its_length(n, half, interest):
    worth = worth_of_horizon(n, 7.0, half, interest)
    assert 0 < worth < worth_of_horizon(n + 1, 7.0, half, interest)
    assert worth <= n


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.3])
@pytest.mark.parametrize("n_periods", [8, 24])
def test_power_and_false_alarms_are_as_said_within_three_points(rho, n_periods):
    rng = np.random.default_rng(1)
    exposure = 10.0 * np.where(np.arange(n_periods) // 2 % 2 == 0, 1.0, -1.0)
    trend = np.column_stack([np.ones(n_periods), np.linspace(-1, 1, n_periods)])
    weights, effect = return_weights(exposure, rho, trend)
    s = standard_error(30.0, effect, 10.0, n_periods)
    drift = trend @ np.array([500.0, 80.0])
    for theta in (0.0, 2.5 * s):
        outcome = theta * exposure + drift + 30.0 * noise(40_000, n_periods, rho, rng)
        found = np.mean(np.abs(outcome @ weights) > 1.959964 * s)
        assert found == pytest.approx(power(theta, s) if theta else 0.05, abs=0.01)


def test_weights_leave_level_and_trend_out():
    trend = np.column_stack([np.ones(12), np.linspace(-1, 1, 12)])
    exposure = np.tile([1.0, 1.0, -1.0, -1.0], 3)
    weights, _ = return_weights(exposure, 0.4, trend)
    assert weights @ trend == pytest.approx(0.0, abs=1e-12)
    assert weights @ exposure == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="cannot be told"):
        return_weights(np.ones(12), 0.0, trend)


def test_periods_needed_have_a_power_of_eighty_percent():
    n = periods_needed(0.4, 30.0, 1.3, 25.0)
    assert power(0.4, standard_error(30.0, 1.3, 25.0, n)) >= 0.8
    assert power(0.4, standard_error(30.0, 1.3, 25.0, n - 1)) < 0.8
    assert power(1.0, 0.5) == pytest.approx(norm.cdf(2 - 1.959964), abs=1e-6)


def test_replay_of_pure_noise_has_unit_scatter():
    rng = np.random.default_rng(2)
    exposure = np.tile([1.0, 1.0, -1.0, -1.0], 3)
    weights, effect = return_weights(exposure, 0.3, np.ones((12, 1)))
    read = replay(weights, standard_error(1.0, effect, 1.0, 12), noise(1, 20_000, 0.3, rng)[0])
    assert len(read) == 20_000 - 11
    assert read.std() == pytest.approx(1.0, abs=0.03)
    assert len(replay(weights, 1.0, np.zeros(5))) == 0
