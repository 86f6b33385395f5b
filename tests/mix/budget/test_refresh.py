"""A second fit: its parts add up, chance is told from change, and plans are kept by the rule."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmm.errors import ConfigError, InputError
from mmm.mix import optimize_budget
from mmm.mix.budget.optimize import gain_draws
from mmm.mix.budget.refresh import explain_refresh, keep_or_switch, ladder
from mmm.mix.calibration import LiftTest
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel
from mmm.mix.priors import Priors
from tests.mix.small_model import small_model, small_table

QUICK = Sampling(n_warmup=60, n_draws=60, n_starts=1, max_rounds=1)


@pytest.fixture(scope="module")
def refreshed():
    """Eight new weeks, one old week restated, a test, a new prior and a new seed."""
    frame, outcome = small_table(60)
    before = outcome[:52].copy()
    before[10] += 300
    old_table, new_table = (frame.iloc[:52], before), (frame, outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = MixModel(date="week", sampler=QUICK, on_nonconvergence="warn").fit(*old_table)
        test = LiftTest("Social", "2023-03-06", "2023-05-01", -200.0, -300.0, 100.0)
        settings = {"tests": [test], "priors": Priors(media_share=0.5), "seed": 7}
        new, found = explain_refresh(old, old_table, new_table, settings=settings)
    return old, new, found


@given(arrays(float, (5, 3), elements=st.floats(-1e6, 1e6)))
def test_parts_sum_to_the_whole_change(figures):
    parts = ladder(list(figures))
    assert parts.sum(axis=0) == pytest.approx(figures[-1] - figures[0], abs=1e-9 * 1e6)


def test_the_ladder_of_fits_adds_up(refreshed):
    old, new, found = refreshed
    assert found.steps == ("restated", "rows", "tests", "settings", "seed")
    assert np.abs(found.parts.sum(axis=0) - (found.after - found.before)).max() < 1e-9
    first = old.contributions().set_index("channel")["romi"]
    last = new.contributions().set_index("channel")["romi"]
    np.testing.assert_array_equal(found.before, first.loc[list(found.channels)])
    np.testing.assert_array_equal(found.after, last.loc[list(found.channels)])
    frame = found.to_frame()
    assert len(frame) == 5 * 4
    ends = frame.groupby("channel", sort=False)["after"].last()
    assert ends.to_numpy() == pytest.approx(found.after)
    assert new.seed == 7
    assert new.clock_.n_periods == 60


def test_a_part_within_twice_the_spread_of_seeds_is_no_change(refreshed):
    found = refreshed[2]
    assert (found.spread > 0).all()
    wide = replace(found, spread=np.full(len(found.channels), np.inf))
    assert not wide.real.any()
    narrow = replace(found, spread=np.zeros(len(found.channels)))
    assert narrow.real.all()


def test_each_sentence_has_its_case(refreshed):
    found = refreshed[2]
    still = replace(found, lower=found.after - 1, upper=found.after + 1)
    assert [each.metric for each in still.findings()] == ["refresh.steady"]
    assert "3 channels" in still.findings()[0].sentence()
    apart = {"lower": found.after + 1, "upper": found.after + 2}
    caused = replace(found, **apart, spread=np.zeros(4)).findings()
    assert {each.metric for each in caused} == {"refresh.moved"}
    assert len(caused) == 3
    chance = replace(found, **apart, spread=np.full(4, np.inf)).findings()
    assert {each.metric for each in chance} == {"refresh.only_chance"}
    assert "caso" in chance[0].sentence("it")


def test_a_refresh_that_changes_nothing_has_no_step():
    model = small_model()
    table = small_table()
    quick = MixModel(date="week", sampler=QUICK, on_nonconvergence="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quick.fit(*table)
        new, found = explain_refresh(quick, table, table, n_seeds=1)
    assert new is quick
    assert found.steps == ()
    assert found.parts.shape == (0, 4)
    np.testing.assert_array_equal(found.before, found.after)
    with pytest.raises(ConfigError, match="unknown settings are 'colour'"):
        explain_refresh(model, table, table, settings={"colour": 1})
    with pytest.raises(ConfigError, match="figure is 'profit'"):
        explain_refresh(model, table, table, figure="profit")
    with pytest.raises(InputError, match="4 periods of the old table are missing"):
        explain_refresh(model, table, (table[0].iloc[4:], table[1][4:]))


def test_the_plan_stays_unless_the_new_one_is_surely_better():
    model = small_model()
    new = optimize_budget(model)
    old = replace(new, proposed=new.current)
    better = keep_or_switch(model, old, new)
    gain = gain_draws(model, old.proposed, new.proposed, 13)[1::2]
    assert better.gain == pytest.approx(13 * (gain.mean() - (new.proposed - old.proposed).sum()))
    assert better.probability_better == pytest.approx(new.probability_better)
    assert better.switch
    assert better.findings("EUR")[0].metric == "refresh.switch"
    dear = keep_or_switch(model, old, new, switching_cost=better.gain + 1)
    assert not dear.switch
    assert dear.findings("EUR")[0].metric == "refresh.keep"
    doubtful = keep_or_switch(model, old, new, tau=100.0)
    assert doubtful.probability_better < 0.75
    assert not doubtful.switch
    assert not keep_or_switch(model, new, new).switch
    with pytest.raises(ConfigError, match="switching_cost"):
        keep_or_switch(model, old, new, switching_cost=-1.0)
    with pytest.raises(ConfigError, match="same channels"):
        keep_or_switch(model, replace(old, channels=("a", "b", "c")), new)
