"""A model of weekly deals: what it answers, keeps, refuses and warns of."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, DataWarning, InputError
from mmm.mix import (
    MixModel,
    Scenario,
    compare_scenarios,
    decompose,
    effect_evidence,
    efficient_frontier,
    holdout,
    optimize_budget,
)
from mmm.mix.inference.sampler import Sampling

CHANNELS = ["search", "fairs"]
QUICK = Sampling(n_warmup=120, n_draws=150, n_starts=2, max_rounds=1)
TINY = Sampling(n_warmup=50, n_draws=60, n_starts=1, max_rounds=1)


def deals(n_weeks=120, seed=0, mean=1.0):
    """Few deals a week, 4 of 10 weeks without; search brings nearly half of them."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(1.5, 100.0, (n_weeks, 2))
    media = mean * 0.45 * 2 * spend[:, 0] / (150 + spend[:, 0])
    outcome = rng.negative_binomial(8, 8 / (8 + 0.55 * mean + media))
    frame = pd.DataFrame(spend, columns=CHANNELS)
    frame.insert(0, "week", pd.date_range("2023-01-02", periods=n_weeks, freq="7D"))
    return frame, outcome


def unfitted(likelihood="negative_binomial", **settings):
    settings = {"date": "week", "sampler": QUICK, "on_nonconvergence": "warn"} | settings
    return MixModel(likelihood=likelihood, **settings)


def fit(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return model.fit(X, y)


@cache
def fitted():
    X, y = deals()
    return fit(unfitted(), X, y), X, y


def test_intervals_hold_counts_and_are_never_below_zero():
    model, X, y = fitted()
    assert 0.3 < (y == 0).mean() < 0.5
    lower, upper = model.predict_interval(X, level=0.9)
    assert (lower >= 0).all()
    # A whole number of deals is inside or not: the interval covers at least its level.
    assert 0.88 < np.mean((lower <= y) & (y <= upper)) <= 1.0
    assert upper.max() < 8
    expected = model.predict(X)
    assert (expected > 0).all()
    assert expected.mean() == pytest.approx(y.mean(), rel=0.15)
    spread = np.std(y - expected)
    assert model.posterior_.sigma.mean() == pytest.approx(spread, rel=0.25)


def test_a_model_of_counts_comes_back_to_the_bit(tmp_path):
    model, X, _ = fitted()
    back = MixModel.load(model.save(tmp_path / "model"))
    later = X.assign(week=X["week"] + pd.Timedelta("700D")).iloc[20:]
    later = pd.concat([X, later[later["week"] > X["week"].max()]])
    np.testing.assert_array_equal(back.predict(later), model.predict(later))
    np.testing.assert_array_equal(back.predict_interval(X), model.predict_interval(X))
    pd.testing.assert_frame_equal(back.contributions(), model.contributions(), check_exact=True)
    odds = effect_evidence(back).log_odds
    np.testing.assert_array_equal(odds, effect_evidence(model).log_odds)


def test_what_else_is_asked_of_a_model_is_answered():
    model, X, y = fitted()
    parts = decompose(model)
    np.testing.assert_allclose(parts.baseline + parts.media.sum(axis=0), parts.fitted)
    np.testing.assert_allclose(parts.fitted, model.predict(X))
    np.testing.assert_allclose(parts.residual, y - parts.fitted)
    assert (parts.lower >= 0).all()
    plan = optimize_budget(model, margin=900.0)
    assert plan.proposed.sum() == pytest.approx(plan.current.sum())
    curves = model.response_curves()
    assert (np.diff(curves.response, axis=-1) >= -1e-12).all()
    rows = model.contributions().set_index("channel")
    total = rows.loc[CHANNELS, "contribution"].sum()
    assert rows.loc["(media)", "contribution"] == pytest.approx(total)


@pytest.mark.parametrize("margin", [1.0, 0.4, 5.0])
@pytest.mark.parametrize(
    "ask",
    [
        optimize_budget,
        efficient_frontier,
        lambda model, margin: compare_scenarios(model, {"off": Scenario(off=("fairs",))},
                                                margin=margin),
    ],
    ids=["plan", "frontier", "scenarios"],
)  # fmt: skip
def test_a_plan_of_counts_asks_what_a_deal_leaves(ask, margin):
    model, X, y = fitted()
    spend = X[CHANNELS].to_numpy().sum()
    assert 5 * y.sum() < 0.05 * spend < 900 * y.sum()
    with pytest.raises(ConfigError, match=f"margin of {margin:g} makes all .* such as margin=900"):
        ask(model, margin=margin)


def test_what_a_deal_leaves_scales_the_profit_and_moves_no_plan():
    model, *_ = fitted()
    plans = [optimize_budget(model, margin=margin) for margin in (900.0, 1800.0)]
    np.testing.assert_allclose(plans[0].proposed, plans[1].proposed, rtol=1e-4)
    assert plans[1].expected_profit == pytest.approx(2 * plans[0].expected_profit, rel=1e-2)
    free = [optimize_budget(model, None, margin=margin).proposed.sum() for margin in (50.0, 2e4)]
    assert free[1] > free[0]


def test_the_currency_of_spend_does_not_matter():
    X, y = deals(n_weeks=60)
    dear = X.assign(**{name: X[name] * 2.0**20 for name in CHANNELS})  # exact in binary
    found = [fit(unfitted(sampler=TINY), one, y).contributions() for one in (X, dear)]
    for column in ("contribution", "contribution_lower", "contribution_upper"):
        np.testing.assert_allclose(found[0][column], found[1][column], rtol=1e-6)


def test_held_out_weeks_are_judged_by_the_probability_of_their_counts():
    X, y = deals(n_weeks=90)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        frame = holdout(unfitted(sampler=TINY), X, y, periods=20).set_index("method")
    # A probability of a whole number is at most 1; that of about one deal is far above 1 in 100.
    assert -3 < frame.loc["model", "log_density"] < 0
    assert frame.loc["model", "log_density"] > frame.loc["last year", "log_density"]


def test_panels_of_counts_share_their_curves():
    north, south = deals(70, seed=1), deals(70, seed=2, mean=2.0)
    X = pd.concat([north[0].assign(region="north"), south[0].assign(region="south")])
    y = np.concatenate([north[1], south[1]])
    model = fit(unfitted("poisson", panel="region", sampler=TINY), X.reset_index(drop=True), y)
    one, other = (model.panels_[name].posterior_ for name in ("north", "south"))
    n_curve = model.panels_["north"].scaled_.problem.media.n_curve
    np.testing.assert_array_equal(one.z[:, :n_curve], other.z[:, :n_curve])
    assert not np.allclose(one.coefficient, other.coefficient)
    means = [one.predict(part[0]).mean() for one, part in
             zip(model.panels_.values(), (north, south), strict=True)]  # fmt: skip
    np.testing.assert_allclose(means, [north[1].mean(), south[1].mean()], rtol=0.2)
    evidence = effect_evidence(model)
    assert np.isfinite(evidence.log_odds).all()


def test_counts_that_vary_more_than_poisson_are_said_to():
    X, _ = deals()
    wild = np.random.default_rng(0).negative_binomial(0.8, 0.8 / 4.8, len(X))
    model = fit(unfitted("poisson", sampler=TINY), X, wild)
    assert any("as Poisson counts do" in note for note in model.diagnostics_.warnings)
    model = fit(unfitted(sampler=TINY), X, wild)
    assert not any("Poisson" in note for note in model.diagnostics_.warnings)
    assert 0.5 < np.median(model.posterior_.dispersion) < 3.0


def test_what_lasts_from_week_to_week_is_said():
    X, _ = deals(n_weeks=150)
    rng, level = np.random.default_rng(1), np.zeros(150)
    for t in range(1, 150):
        level[t] = 0.75 * level[t - 1] + rng.normal(0, 0.7)
    lasting = rng.poisson(5 * np.exp(level - 0.5))
    model = fit(unfitted(sampler=TINY), X, lasting)
    assert any("tells of the next" in note for note in model.diagnostics_.warnings)
    assert not any("tells of the next" in note for note in fitted()[0].diagnostics_.warnings)


def test_normal_noise_on_deals_points_to_counts():
    X, y = deals(n_weeks=60)
    model = fit(unfitted("auto", sampler=TINY), X, y)
    assert any("likelihood='negative_binomial'" in note for note in model.diagnostics_.warnings)
    for likelihood, outcome in (("normal", y), ("auto", 1000.0 * y)):
        model = fit(unfitted(likelihood, sampler=TINY), X, outcome)
        assert not any("negative_binomial" in note for note in model.diagnostics_.warnings)


def test_refusals():
    X, y = deals(n_weeks=60)
    with pytest.raises(ConfigError, match=r"pass one of auto, .*, poisson, negative_binomial"):
        unfitted("gamma").fit(X, y)
    with pytest.raises(InputError, match=r"is none in rows 1, 2.*likelihood='auto'"):
        unfitted().fit(X, y + 0.5)
    with pytest.raises(InputError, match=r"is none in rows? \d.*\(-\d in the first"):
        unfitted("poisson").fit(X, -y)
    with pytest.raises(InputError, match="The outcome is 0 in every period"):
        unfitted().fit(X, 0 * y)
    X = X.assign(region="south")
    with pytest.raises(InputError, match="In the panel 'south': likelihood='poisson' explains"):
        unfitted("poisson", panel="region").fit(X, y + 0.5)
