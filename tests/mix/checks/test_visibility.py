"""What these weeks could show: held against least squares, and against what must not matter."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.regression.linear_model import OLS

from mmm.errors import ConfigError
from mmm.mix import Baseline, MixModel, NoAdstock, NoSaturation, Priors, visibility_check
from tests.mix.small_model import small_table, unfitted


def plain(**settings):
    baseline = Baseline(trend="none", season_pairs=0, noise="white")
    return MixModel(adstock=NoAdstock(), saturation=NoSaturation(), baseline=baseline, **settings)


def test_without_curves_it_is_the_standard_error_of_least_squares():
    rng = np.random.default_rng(0)
    spend = rng.gamma(3.0, 50.0, (150, 2))
    outcome = 3000 + spend @ [2.0, 0.5] + rng.normal(0, 150, 150)
    wide = Priors(channel_spread=3.0, spread_doubt=0.0, media_spread=2.0)
    model = plain(priors=wide)
    found = visibility_check(model, spend, outcome)
    squares = OLS(outcome, np.column_stack([np.ones(150), spend])).fit()
    model.set_up(spend, outcome)
    linear = model.scaled_.problem.linear
    noise = model.scaled_.outcome_scale * np.sqrt(linear.rate / linear.shape)
    error = squares.bse[1:] * spend.sum(axis=0) * noise / np.sqrt(squares.scale)
    reach = scipy.stats.norm.ppf([0.95, 0.8]).sum()
    np.testing.assert_allclose(found["smallest_shown"][:2], reach * error, rtol=0.03)


def test_the_chance_is_how_often_a_channel_of_that_size_is_shown():
    rng = np.random.default_rng(1)
    spend = rng.gamma(3.0, 50.0, (100, 1))
    outcome = 3000 + spend @ [1.0] + rng.normal(0, 300, 100)
    smallest = visibility_check(plain(), spend, outcome)["smallest_shown"][0]
    columns = np.column_stack([np.ones(100), spend])
    shown = 0
    for _ in range(400):
        new = 3000 + spend[:, 0] * smallest / spend.sum() + rng.normal(0, 300, 100)
        shown += OLS(new, columns).fit().conf_int(0.1)[1, 0] > 0
    assert 0.7 < shown / 400 < 0.9


def test_units_do_not_matter_and_more_weeks_show_more():
    table, outcome = small_table()
    first = visibility_check(unfitted(), table, outcome)
    dearer = table.assign(**{name: 1000 * table[name] for name in ("Search", "Social", "Fairs")})
    again = visibility_check(unfitted(), dearer, 7 * outcome)
    np.testing.assert_allclose(again["chance"], first["chance"], rtol=1e-6)
    np.testing.assert_allclose(again["smallest_shown"], 7 * first["smallest_shown"], rtol=1e-6)
    less = visibility_check(unfitted(), table[:60], outcome[:60])
    assert (less["share_of_outcome"] > first["share_of_outcome"]).all()
    assert first["channel"].tolist() == ["Search", "Social", "Fairs", "(media)"]


def test_spend_that_moves_with_another_shows_less():
    table, outcome = small_table()
    together = table.assign(Social=table["Search"] * np.linspace(1.0, 1.02, len(table)))
    apart = visibility_check(unfitted(), table, outcome).set_index("channel")["share_of_outcome"]
    found = visibility_check(unfitted(), together, outcome).set_index("channel")
    assert found["share_of_outcome"]["Search"] > 1.5 * apart["Search"]
    assert found["share_of_outcome"]["(media)"] < 1.2 * apart["(media)"]


def test_bad_input_08_a_constant_channel_is_not_shown():
    table, outcome = small_table()
    found = visibility_check(unfitted(), table.assign(Social=50.0), outcome).set_index("channel")
    assert not found["shown"]["Social"]
    assert found["share_of_outcome"]["Social"] > 0.5


def test_counts_are_looked_at_too():
    table, outcome = small_table()
    model = unfitted().set_params(likelihood="negative_binomial")
    found = visibility_check(model, table, np.round(outcome / 700))
    assert np.isfinite(found["smallest_shown"]).all()


def test_panels_are_asked_one_by_one():
    with pytest.raises(ConfigError, match="panel=None"):
        visibility_check(MixModel(panel="region"), *small_table())
