"""What the fitted periods consist of, what the data added, and what other totals would earn."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError
from mmm.mix import (
    Limits,
    MixModel,
    decompose,
    efficient_frontier,
    mix_findings,
    optimize_budget,
    prior_and_posterior,
)
from mmm.mix.inference.sampler import Sampling
from mmm.wording import format_chance

CHANNELS = ["Search", "Social", "Idle"]


@pytest.fixture(scope="module")
def model():
    """Two years of weeks: Search brings much, Social nothing, Idle has no spend."""
    rng = np.random.default_rng(5)
    spend = np.column_stack([rng.gamma(3.0, 40.0, 104), rng.gamma(3.0, 60.0, 104), np.zeros(104)])
    outcome = 2000 + 6 * spend[:, 0] + rng.normal(0, 80, 104)
    frame = pd.DataFrame(spend, columns=CHANNELS)
    frame["week"] = pd.date_range("2023-01-02", periods=104, freq="W-MON")
    sampling = Sampling(n_warmup=200, n_draws=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixModel(date="week", channels=CHANNELS, sampler=sampling, on_nonconvergence="warn")
        return model.fit(frame, outcome)


@pytest.fixture(scope="module")
def parts(model):
    return decompose(model)


def test_parts_add_up_to_what_is_expected(parts):
    np.testing.assert_allclose(parts.baseline + parts.media.sum(axis=0), parts.fitted)
    np.testing.assert_allclose(parts.fitted + parts.residual, parts.outcome)


def test_parts_are_those_of_the_contributions(model, parts):
    told = model.contributions().set_index("channel")["contribution"]
    np.testing.assert_allclose(parts.media.sum(axis=1), told[CHANNELS], rtol=1e-6)


def test_expected_is_the_prediction_of_the_fitted_rows(model, parts):
    frame = pd.DataFrame(model.spend_.T, columns=CHANNELS).assign(week=parts.date)
    np.testing.assert_allclose(parts.fitted, model.predict(frame), rtol=1e-9)
    lower, upper = model.predict_interval(frame)
    assert np.mean(parts.upper - parts.lower) == pytest.approx(np.mean(upper - lower), rel=0.05)


def test_the_interval_holds_nine_weeks_of_ten(parts):
    inside = (parts.outcome >= parts.lower) & (parts.outcome <= parts.upper)
    assert inside.mean() >= 0.83
    assert np.mean(parts.upper - parts.lower) == pytest.approx(2 * 1.645 * 80, rel=0.25)


def test_dates_are_those_of_the_rows_months_included(model, parts):
    assert parts.to_frame()["date"].tolist() == list(
        pd.date_range("2023-01-02", periods=104, freq="W-MON")
    )
    rng = np.random.default_rng(0)
    months = pd.DataFrame({"Ads": rng.gamma(2.0, 50.0, 40)})
    months["month"] = pd.date_range("2021-01-01", periods=40, freq="MS")
    quick = MixModel(
        date="month", sampler=Sampling(n_warmup=60, n_draws=60), on_nonconvergence="warn"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quick.fit(months, 500 + months["Ads"].to_numpy() + rng.normal(0, 5, 40))
    assert (pd.Series(decompose(quick).date) == months["month"].dt.as_unit("s")).all()


def test_what_the_data_told_is_narrower_than_what_was_assumed(model):
    frame = prior_and_posterior(model).set_index("channel")
    assert frame.index.tolist() == ["Search", "Social"]
    search = frame.loc["Search"]
    before = search["prior_upper"] / search["prior_lower"]
    after = search["posterior_upper"] / search["posterior_lower"]
    assert after < before / 3
    assert search["contraction"] > 0.8
    assert search["posterior"] == pytest.approx(6 * model.spend_[0].sum(), rel=0.2)


def test_the_frontier_reaches_from_the_least_to_the_most(model):
    found = efficient_frontier(model, n_totals=5, limits=Limits(max_change=0.2))
    today = model.spend_[:, -13:].mean(axis=1).sum()
    np.testing.assert_allclose(found.total[[0, -1]], [0.8 * today, 1.2 * today])
    np.testing.assert_allclose(found.spend.sum(axis=1), found.total)
    assert (found.lower <= found.profit).all()
    assert (found.profit <= found.upper).all()
    # The middle total is today's: its best split earns at least what today's split does.
    assert found.today[0] == pytest.approx(found.total[2])
    assert found.profit[2] >= found.today[1] - 1e-6 * abs(found.today[1])


def test_a_cap_of_a_group_bounds_the_frontier(model):
    today = model.spend_[:, -13:].mean(axis=1).sum()
    limits = Limits(caps={("Search", "Social"): 1.1 * today})
    found = efficient_frontier(model, n_totals=2, limits=limits)
    assert found.total[-1] == pytest.approx(1.1 * today)


def test_bad_arguments_are_refused_by_name(model):
    with pytest.raises(ConfigError, match="n_totals is 1"):
        efficient_frontier(model, n_totals=1)
    with pytest.raises(ConfigError, match="Nope"):
        efficient_frontier(model, bounds={"Nope": (0.0, 1.0)})


def test_findings_name_every_channel_once_and_the_one_without_spend(model):
    plan = optimize_budget(model)
    said = [finding.sentence() for finding in mix_findings(model, plan, outcome="sales")]
    assert len(said) == 1 + 3 + 1 + 3
    assert any(text.startswith("Nothing was spent on Idle") for text in said)
    assert format_chance(plan.probability_better) in said[4]


def test_a_channel_without_spend_has_no_marginal_return_and_the_figures_do_without(model):
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("Agg")
    plan = optimize_budget(model)
    assert np.isnan([plan.marginal_romi[2], plan.marginal_romi_after[2]]).all()
    assert np.isfinite(plan.marginal_romi[:2]).all()
    panels = plan.plot()
    panels[0].figure.canvas.draw()
    for result in (decompose(model), model.response_curves(), efficient_frontier(model)):
        np.ravel(np.asarray(result.plot(), dtype=object))[0].figure.canvas.draw()
    plt.close("all")
