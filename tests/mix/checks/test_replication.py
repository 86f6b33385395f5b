"""Outcomes drawn from a model look like its own data, and unlike data of another kind."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError
from mmm.mix import MixModel, predictive_check
from mmm.mix.checks.decomposition import fitted_draws
from mmm.mix.checks.replication import draw_periods
from tests.mix.small_model import small_model, small_table, unfitted


def fitted(outcome, **settings):
    table, _ = small_table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return unfitted().set_params(**settings).fit(table, outcome)


def test_a_model_that_is_right_passes():
    found = predictive_check(small_model(), level=0.98)
    assert found["as_expected"].all()
    assert (found["lower"] <= found["upper"]).all()
    largest = found.set_index("figure")["observed"]["largest"]
    assert largest == pytest.approx(small_model().outcome_.max())


def test_normal_noise_does_not_look_like_heavy_tails():
    outcome = small_table()[1].copy()
    outcome[[20, 70]] += [900.0, -800.0]
    found = predictive_check(fitted(outcome, likelihood="normal")).set_index("figure")
    assert not found["as_expected"]["farthest from expected"]
    assert found["probability"]["farthest from expected"] < 0.02
    heavy = predictive_check(fitted(outcome, likelihood="student_t")).set_index("figure")
    assert heavy["as_expected"]["farthest from expected"]


def test_counts_are_drawn_as_counts():
    outcome = np.random.default_rng(0).poisson(small_table()[1] / 1500).astype(float)
    counted = predictive_check(fitted(outcome, likelihood="poisson")).set_index("figure")
    assert counted["as_expected"][["periods of none", "smallest"]].all()
    normal = predictive_check(fitted(outcome, likelihood="normal")).set_index("figure")
    assert not normal["as_expected"]["periods of none"]


def test_noise_of_drawn_periods_lasts_as_the_posterior_has_it():
    model = small_model()
    expected, _ = fitted_draws(model)
    drawn = draw_periods(model.posterior_, expected, np.random.default_rng(0)) - expected
    new = drawn[:, 1:] - model.posterior_.rho[:, None] * drawn[:, :-1]
    scale = new.std(axis=1) / model.posterior_.sigma
    assert abs(scale.mean() - 1.0) < 0.02
    assert abs(np.mean(new[:, 1:] * new[:, :-1]) / new.var()) < 0.02


def test_panels_stand_below_each_other():
    table, outcome = small_table()
    both = pd.concat([table.assign(region="north"), table.assign(region="south")])
    model = unfitted().set_params(panel="region")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(both, np.tile(outcome, 2))
    found = predictive_check(model)
    assert found["panel"].unique().tolist() == ["north", "south"]
    assert found["figure"].nunique() * 2 == len(found)


def test_a_model_has_to_be_fitted():
    with pytest.raises(ConfigError, match="fit first"):
        predictive_check(MixModel())
