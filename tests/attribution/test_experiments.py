"""Calibration: recovery of simulated incrementality, additivity, and what it refuses."""

import numpy as np
import pytest

from mmm.attribution import IotaPrior, Lift, calibrate, linear, shapley
from mmm.errors import ConfigError
from mmm.journeys import Journeys

CHANNELS = ["Display", "Events", "Search", "Social"]


@pytest.fixture
def result():
    return linear(Journeys.from_paths(CHANNELS, conversions=[400, 300, 200, 100]))


def test_everything_adds_up_to_the_total(result):
    found = calibrate(result, {"Events": Lift(90.0, 10.0)})
    frame = found.to_frame()
    assert frame["channel"].tolist() == [*CHANNELS, "(baseline)"]
    assert frame["calibrated"].sum() == pytest.approx(1000)
    inside = frame.iloc[:-1]
    assert (inside["lower"] < inside["calibrated"]).all()
    assert (inside["calibrated"] < inside["upper"]).all()
    assert found.baseline_lower < found.baseline < found.baseline_upper


def test_a_precise_test_is_what_counts_for_its_channel(result):
    found = calibrate(result, {"Events": Lift(90.0, 1.0)}, level=0.9)
    assert found.calibrated[1] == pytest.approx(90, abs=0.5)
    assert found.upper[1] - found.lower[1] == pytest.approx(2 * 1.645, rel=0.1)
    assert found.evidence == ("calibrated", "experiment", "calibrated", "calibrated")


def test_tests_teach_about_other_channels(result):
    high = {name: Lift(0.9 * c, 5.0) for name, c in zip(CHANNELS[:3], (400, 300, 200), strict=True)}
    low = {name: Lift(0.1 * c, 5.0) for name, c in zip(CHANNELS[:3], (400, 300, 200), strict=True)}
    prior = calibrate(result, {})
    assert calibrate(result, high).iota[3] > prior.iota[3] > calibrate(result, low).iota[3]
    assert calibrate(result, high).iota[3] == pytest.approx(0.9, abs=0.15)
    assert set(prior.evidence) == {"correlational"}
    assert any("No experiment" in note for note in prior.notes)


def test_a_lift_of_nothing_is_no_error_and_lowers_the_credit(result):
    for lift in (0.0, -20.0):
        found = calibrate(result, {"Display": Lift(lift, 10.0)})
        assert 0 < found.calibrated[0] < 25
        assert found.baseline > 500


def test_a_test_of_a_part_counts_for_that_part(result):
    half = calibrate(result, {"Display": Lift(50.0, 1.0, credited=200.0)})
    assert half.iota[0] == pytest.approx(0.25, abs=0.01)
    assert half.calibrated[0] == pytest.approx(100, abs=2)


def test_the_posterior_equals_a_grid_of_its_own():
    """One test, fixed spread: log iota of the tested channel by plain quadrature."""
    prior = IotaPrior(mean=-1.0, sd=0.5, spread=0.01)
    journeys = Journeys.from_paths(["a", "b"], conversions=[500, 500])
    found = calibrate(linear(journeys), {"a": Lift(300.0, 60.0)}, prior=prior)
    z = np.linspace(-4, 2, 4001)
    density = np.exp(-0.5 * ((z + 1) / 0.5) ** 2 - 0.5 * ((0.6 - np.exp(z)) / 0.12) ** 2)
    expected = (np.exp(z) * density).sum() / density.sum()
    assert found.iota[0] == pytest.approx(expected, rel=0.02)
    # With no spread the other channel is the same.
    assert found.iota[1] == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_intervals_cover_where_the_prior_is_true():
    rng = np.random.default_rng(5)
    prior = IotaPrior()
    counts = np.array([4000, 3000, 2000, 1000])
    held = []
    for repeat in range(50):
        mu = rng.normal(prior.mean, prior.sd)
        tau = abs(rng.normal(0, prior.spread))
        truth = np.exp(rng.normal(mu, tau, 4)) * counts
        result = linear(Journeys.from_paths(CHANNELS, conversions=counts))
        error = 0.1 * counts
        lifts = {name: Lift(rng.normal(truth[c], error[c]), error[c]) for c, name in
                 enumerate(CHANNELS[:2])}  # fmt: skip
        found = calibrate(result, lifts, level=0.8, seed=repeat)
        held.append((found.lower <= truth) & (truth <= found.upper))
    # 50 repeats of four channels that share their mean know 80% to about 4%.
    assert np.mean(held) == pytest.approx(0.8, abs=0.1)


def test_seeds_repeat_bit_for_bit(result):
    lifts = {"Social": Lift(40.0, 8.0)}
    one, two = calibrate(result, lifts, seed=1), calibrate(result, lifts, seed=1)
    assert one.calibrated.tobytes() == two.calibrated.tobytes()
    assert calibrate(result, lifts, seed=2).calibrated[0] != one.calibrated[0]


def test_more_than_was_won_is_said(result):
    found = calibrate(result, {"Display": Lift(2000.0, 10.0)})
    assert found.baseline < 0
    assert any("More is credited than was won" in note for note in found.notes)


@pytest.mark.parametrize(
    ("lifts", "message"),
    [
        ({"Radio": Lift(1.0, 1.0)}, "'Radio', which linear does not know"),
        ({"Display": Lift(1.0, 0.0)}, "error above 0"),
        ({"Display": Lift(float("nan"), 1.0)}, "Pass numbers"),
        ({"Display": Lift(1.0, 1.0, credited=0.0)}, "no credit to calibrate"),
    ],
)
def test_experiments_are_checked(result, lifts, message):
    with pytest.raises(ConfigError, match=message):
        calibrate(result, lifts)


def test_negative_credit_cannot_be_scaled():
    journeys = Journeys.from_paths(
        ["good", "good > bad", "bad"], conversions=[90, 10, 0], nulls=[10, 90, 100]
    )
    with pytest.raises(ConfigError, match="negative credit"):
        calibrate(shapley(journeys, game="rate"), {"good": Lift(1.0, 1.0)})


def test_it_shows_itself_by_what_would_have_come_anyway(result):
    found = calibrate(result, {"Events": Lift(90.0, 10.0)})
    part = f"{100 * found.baseline / 1000:.0f}% of what was won would have come anyway"
    assert repr(found).startswith(part)
    assert repr(found).endswith("<Calibration: linear, conversions, 1 channels tested>")
    assert repr(calibrate(result, {})).startswith("By what is believed before any experiment, ")
    nothing = linear(Journeys.from_paths(["Display"], conversions=[0], nulls=[3]))
    assert repr(calibrate(nothing, {})).startswith("Nothing was won")
