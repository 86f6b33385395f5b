"""Reading a finished pilot: the truth is found, errors are honest, placebos are placebos."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.mix.budget.optimize import hidden_bias
from mmm.mix.calibration import LiftTest
from mmm.mix.inference.draws import media_by_period
from mmm.mix.pilots.experiment import (
    follow,
    read_flighting,
    read_holdout,
    tau_from_tests,
)
from tests.mix.small_model import small_model


def regions(seed, lift=-10.0, n_before=32, n_test=10, drift=0.0):
    """Six regions with a common season; the lift is per treated region and week."""
    rng = np.random.default_rng(seed)
    n = n_before + n_test
    common = 20 * np.sin(np.arange(n) / 5) + rng.normal(0, 5, n)
    values = 100 + common[:, None] + rng.normal(0, 4, (n, 6)) + np.array([0, 5, 10, -5, 2, 8])
    values[n_before:, :2] += lift
    values[:, :2] += drift * np.arange(n)[:, None]
    dates = pd.date_range("2025-01-06", periods=n, freq="7D")
    return pd.DataFrame(values, index=dates, columns=list("abcdef"))


def read(frame, **options):
    given = {
        "treated": ["a", "b"],
        "start": str(frame.index[32].date()),
        "end": str(frame.index[-1].date()),
        "spend_change": -100.0,
    }
    return read_holdout(frame, "Fairs", **{**given, **options})


@pytest.mark.parametrize("method", ["difference", "synthetic"])
def test_the_lift_is_found_and_its_interval_holds_it(method):
    found = [read(regions(seed), method=method) for seed in range(30)]
    lifts = np.array([each.test.lift for each in found])
    assert lifts.mean() == pytest.approx(-10 * 2 * 10, abs=12)
    held = np.mean([each.interval[0] < -200 < each.interval[1] for each in found])
    assert held >= 0.75
    assert found[0].test.roas == pytest.approx(found[0].test.lift / -100)
    assert np.mean([each.elsewhere_share for each in found]) <= 0.3


def test_nothing_is_found_where_nothing_was():
    found = [read(regions(100 + seed, lift=0.0)) for seed in range(30)]
    alarms = np.mean([not each.interval[0] < 0 < each.interval[1] for each in found])
    assert alarms <= 0.25
    assert np.mean([each.elsewhere_share for each in found]) > 0.4


def test_the_error_is_no_less_than_the_scatter_of_placebos():
    found = read(regions(1))
    assert len(found.placebos) == 32 - 8 - 10 + 1
    scatter = np.sqrt(np.mean(found.placebos**2))
    assert found.test.standard_error == pytest.approx(max(scatter, found.regression_error))
    assert found.test.start == "2025-08-18"


def test_difference_of_a_clean_step_is_exact():
    frame = pd.DataFrame({"a": [10.0, 12.0] * 6, "b": [20.0, 22.0] * 6})
    rng = np.random.default_rng(0)
    frame["a"] += 1e-6 * rng.standard_normal(12)
    frame.loc[9:, "a"] += 3.0
    found = read_holdout(frame, "Fairs", treated=["a"], start="9", end="11", spend_change=1.0)
    assert found.test.lift == pytest.approx(9.0, abs=1e-4)
    assert any("placebo" in note for note in found.notes)


def test_sides_that_went_apart_before_are_said():
    apart = read(regions(2, drift=1.0))
    assert abs(apart.trend_before) > 3
    assert apart.findings("EUR")[-1].metric == "pilot.apart_before"
    alike = replace(apart, trend_before=0.5)
    assert "pilot.apart_before" not in [each.metric for each in alike.findings("EUR")]


def test_the_sentence_follows_the_interval():
    found = read(regions(3, lift=-30.0))
    assert found.findings("EUR")[0].metric == "pilot.showed"
    vague = replace(found, test=replace(found.test, standard_error=1e6))
    assert vague.findings("EUR")[0].metric == "pilot.showed_nothing"
    assert "si distingue dal caso" in vague.findings("EUR")[0].sentence("it")


def test_weights_of_the_mix_are_shares():
    rng = np.random.default_rng(0)
    weights = follow(rng.normal(50, 5, 30), rng.normal(50, 5, (30, 4)))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1.0)


def test_flights_are_read_against_their_own_ups_and_downs():
    swing = np.tile([50.0, 50.0, -50.0, -50.0, -50.0, -50.0, 50.0, 50.0], 2)
    lifts = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sales = pd.Series(900 + rng.normal(0, 40, 66) + 0.5 * np.arange(66))
        sales.iloc[50:] += 2 * swing
        lifts.append(
            read_flighting(
                sales, "Search", exposure=swing, start=50, end=65, spend_change=800.0
            ).test.roas
        )
    assert np.mean(lifts) == pytest.approx(2.0, abs=0.25)
    with pytest.raises(ConfigError, match="one number a period"):
        read_flighting(sales, "Search", exposure=swing[:3], start=50, end=65, spend_change=800.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"treated": ["z"]}, "treated names 'z'"),
        ({"treated": []}, "treated names nothing"),
        ({"treated": list("abcdef")}, "every unit is treated"),
        ({"start": "2020-01-06"}, "stands 0 times"),
        ({"start": "2025-01-13"}, "periods before it are needed"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        read(regions(0), **options)


def test_missing_numbers_and_tests_of_nothing_are_refused():
    frame = regions(0)
    frame.iloc[3, 3] = np.nan
    with pytest.raises(InputError, match="missing or infinite"):
        read(frame)
    with pytest.raises(ConfigError, match="change other than 0"):
        read(regions(0), spend_change=0.0)
    with pytest.raises(ConfigError, match="method is"):
        read(regions(0), method="matching")


def test_tau_is_learnt_from_gaps_between_model_and_tests():
    model = small_model()
    usual = float(hidden_bias(model, 1.0, None)[0])
    assert tau_from_tests(model, []) == pytest.approx(usual)
    week = slice(20, 31)
    spent = model.spend_[0, week].sum()
    # Half of the spend was taken away: without the test it had been half as much again.
    tested = model.spend_ / model.scaled_.spend_scale[:, None]
    usually = tested.copy()
    usually[0, week] *= 1.5
    lift = 0.0
    for spend, sign in ((tested, 1), (usually, -1)):
        parts = media_by_period(
            model.scaled_.problem.media, model.posterior_, spend, model.scaled_.before
        )
        lift += sign * np.concatenate(list(parts))[:, 0, week].sum(axis=1).mean()

    def test_of(roas):
        dates = ("2023-05-22", "2023-07-31")
        change = -0.5 * spent
        return LiftTest("Search", *dates, change, change * roas, 1.0)

    agreeing = tau_from_tests(model, [test_of(lift / (-0.5 * spent))] * 4)
    assert 0 < agreeing < usual
    assert tau_from_tests(model, [test_of(-9 * usual)] * 4) > usual
    with pytest.raises(ConfigError, match="a test names 'Radio'"):
        tau_from_tests(model, [LiftTest("Radio", "2023-05-22", "2023-07-31", 1.0, 1.0, 1.0)])


def test_the_part_of_the_market_is_that_of_the_outcome_before():
    frame = regions(0)
    before = frame.iloc[:32].sum()
    assert read(frame).test.part == pytest.approx(before[["a", "b"]].sum() / before.sum())
    assert read(frame, part=0.2).test.part == 0.2
