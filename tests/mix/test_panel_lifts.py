"""Tests of channels where there are panels: in one of them, or in all together."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError
from mmm.mix import LiftTest, MixModel, check_tests, effect_evidence
from mmm.mix.calibration import company_lifts, place_tests, place_together
from mmm.mix.inference.joint import join_panels, log_joint
from mmm.mix.inference.lifts import predicted_lifts
from mmm.mix.inference.media import respond
from mmm.mix.inference.sampler import Sampling
from mmm.mix.panel import sample_together, set_up_panels

CHANNELS = ["search", "fairs"]
SAMPLING = Sampling(n_warmup=120, n_draws=150, n_starts=2, max_rounds=1)
WHEN = ("2023-06-05", "2023-07-31")


def table(n_weeks=60, seed=3):
    """Two regions in which nothing but noise moves the outcome, so that tests decide."""
    rng = np.random.default_rng(seed)
    frames, outcomes = [], []
    for region, size in (("north", 1.0), ("south", 2.0)):
        frame = pd.DataFrame(size * rng.gamma(2.0, [30.0, 40.0], (n_weeks, 2)), columns=CHANNELS)
        frame.insert(0, "week", pd.date_range("2023-01-02", periods=n_weeks, freq="7D"))
        frames.append(frame.assign(region=region))
        outcomes.append(size * rng.normal(1000, 150, n_weeks))
    return pd.concat(frames, ignore_index=True), np.concatenate(outcomes)


def north_test(**settings):
    given = {"spend_change": -300.0, "lift": -1500.0, "standard_error": 150.0, "panel": "north"}
    return LiftTest("search", *WHEN, **(given | settings))


def both_test(**settings):
    given = {"spend_change": -900.0, "lift": -4500.0, "standard_error": 300.0, "panel": None}
    return north_test(**(given | settings))


def unfitted(tests=None, **settings):
    given = {"date": "week", "panel": "region", "sampler": SAMPLING, "on_nonconvergence": "warn"}
    return MixModel(tests=tests, **(given | settings))


@cache
def fitted(*tests):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return unfitted(list(tests)).fit(*table())


def brought(model, panel):
    return model.panels_[panel].posterior_.contribution[:, 0].mean()


def set_up(*tests):
    model = unfitted(list(tests))
    panels, _ = set_up_panels(*table(), model, lambda: unfitted(panel=None))
    return list(panels.values())


def test_a_test_in_a_panel_moves_that_panel_and_the_others_less():
    plain, tested = fitted(), fitted(north_test())
    moved = {name: np.log(brought(tested, name) / brought(plain, name)) for name in plain.panels_}
    assert moved["north"] > 0.5
    assert 0.1 * moved["north"] < moved["south"] < 0.9 * moved["north"]
    frame = check_tests(tested)
    assert frame[["panel", "channel"]].to_numpy().tolist() == [["north", "search"]]
    assert abs(frame["fitted"][0] + 1500) < 3 * 150
    assert [test.panel for test in tested.panels_["north"].tests] == ["north"]
    assert tested.panels_["south"].tests is None


def test_a_test_of_the_company_moves_all_panels():
    plain, tested = fitted(), fitted(both_test())
    for name in plain.panels_:
        assert brought(tested, name) > 1.3 * brought(plain, name)
    frame = check_tests(tested)
    assert frame["panel"].isna().tolist() == [True]
    assert abs(frame["fitted"][0] + 4500) < 3 * 300
    assert frame["fitted_error"][0] < 330
    odds = [effect_evidence(model).log_odds for model in (plain, tested)]
    assert odds[1][0] < odds[0][0] - 20
    assert abs(odds[1][1] - odds[0][1]) < 5


def test_models_with_tests_come_back(tmp_path):
    model = fitted(both_test())
    back = MixModel.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(check_tests(back), check_tests(model), check_exact=True)
    assert back.tests == model.tests


def test_the_lift_of_the_company_is_the_sum_over_panels():
    model = fitted()
    panels = list(model.panels_.values())
    lifts = company_lifts(place_together([both_test()], panels), panels)[:, 0]
    inside = [panel.spend_[0, 22:31].sum() for panel in panels]
    total = 0
    for panel, spent in zip(panels, inside, strict=True):
        own = both_test(spend_change=-900.0 * spent / sum(inside))
        term = place_tests([own], panel.scaled_, panel.spend_, CHANNELS, panel.clock_)
        media = panel.scaled_.problem.media
        parts = predicted_lifts(media, term, respond(media, panel.posterior_.z))[:, 0]
        total = total + panel.scaled_.outcome_scale * parts
    np.testing.assert_allclose(lifts, total, rtol=1e-9)
    assert (lifts < 0).all()


def test_gradient_with_tests_of_the_company():
    models = set_up()
    tests = place_together([both_test(), both_test(lift=900.0, standard_error=90.0)], models)
    problems = [model.scaled_.problem for model in models]
    joint, plain = (join_panels(problems, [CHANNELS] * 2, some) for some in (tests, ()))
    z = np.random.default_rng(1).normal(size=(2, joint.n_parameters)) * 0.7
    density, gradient = log_joint(joint, problems, z)
    assert (density < log_joint(plain, problems, z)[0]).all()
    for i in range(joint.n_parameters):
        step = 1e-5 * np.eye(joint.n_parameters)[i]
        up, down = log_joint(joint, problems, z + step)[0], log_joint(joint, problems, z - step)[0]
        size = np.abs(gradient).max()
        np.testing.assert_allclose(gradient[:, i], (up - down) / 2e-5, rtol=5e-5, atol=1e-6 * size)


def test_a_test_of_a_panel_of_one_is_that_of_the_model():
    X, y = table()
    X, y = X[:60], y[:60]
    alone = unfitted([north_test(panel=None)], panel=None)
    alone.set_up(X.drop(columns="region"), y)
    whole = unfitted([north_test(panel=None)])
    panels, _ = set_up_panels(X, y, whole, lambda: unfitted(panel=None))
    one = next(iter(panels.values()))
    placed = place_together(whole.tests, [one])
    problems = [alone.scaled_.problem, one.scaled_.problem]
    joints = [
        join_panels([problems[0]], [CHANNELS]),
        join_panels([problems[1]], [CHANNELS], placed),
    ]
    z = np.random.default_rng(2).normal(size=(3, joints[0].n_parameters)) * 0.5
    found = [log_joint(*each, z) for each in zip(joints, [[p] for p in problems], strict=True)]
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-10)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-7, atol=1e-7)


def test_a_test_that_cannot_be_placed_is_refused():
    with pytest.raises(ConfigError, match="a test names 'radio'; the channels with spend are"):
        sample_together(set_up(), "auto", SAMPLING, 0, [LiftTest("radio", *WHEN, 1.0, 1.0, 1.0)])
    with pytest.raises(ConfigError, match="spend would fall below 0"):
        place_together([both_test(spend_change=1e6)], set_up())
