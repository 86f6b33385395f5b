"""Panels: what planted effects come back, how rows are told apart, and what is refused."""

import warnings
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.mix import (
    AttributionPrior,
    LiftTest,
    MixModel,
    Priors,
    decompose,
    each_panel,
    efficient_frontier,
    marginal_response,
    optimize_budget,
    over_panels,
    plan_pilot,
    simulate_response,
    steady_response,
    tau_from_tests,
    to_arviz,
)
from mmm.mix.company import add_up, company_notes, panel_share
from mmm.mix.inference.sampler import Sampling
from mmm.mix.panel import split_panels

CHANNELS = ["search", "fairs"]
SAMPLING = Sampling(n_warmup=120, n_draws=150, n_starts=2, max_rounds=1)


def table(n_weeks=104, seed=0):
    """North and south: fairs bring three times as much in the north; none are held in the west."""
    rng = np.random.default_rng(seed)
    frames, outcomes, truth = [], [], {}
    for region, size, base in (
        ("north", [300.0, 600.0], 3000),
        ("south", [250.0, 200.0], 900),
        ("west", [280.0, 0.0], 1500),
    ):
        spend = rng.gamma(2.0, [30.0, 80.0], (n_weeks, 2)) * (np.array(size) > 0)
        level = spend / np.where(spend.mean(axis=0) > 0, spend.mean(axis=0), 1.0)
        media = np.array(size) * 2 * level / (1 + level)
        frame = pd.DataFrame(spend, columns=CHANNELS)
        frame.insert(0, "week", pd.date_range("2023-01-02", periods=n_weeks, freq="7D"))
        frame.insert(1, "region", region)
        frames.append(frame)
        outcomes.append(base + media.sum(axis=1) + rng.normal(0, 60, n_weeks))
        truth[region] = media.sum(axis=0)
    order = rng.permutation(3 * n_weeks)
    X = pd.concat(frames, ignore_index=True).iloc[order].reset_index(drop=True)
    return X, np.concatenate(outcomes)[order], truth


def unfitted(**settings):
    given = {"date": "week", "panel": "region", "sampler": SAMPLING, "seed": 1}
    return MixModel(**(given | {"on_nonconvergence": "warn"} | settings))


def fit(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@cache
def north_alone():
    X, y, _ = table(n_weeks=60)
    rows = X["region"] == "north"
    X, y = X[rows], y[rows]
    return fit(unfitted(panel=None), X.drop(columns="region"), y), X, y


@cache
def fitted():
    X, y, truth = table()
    return fit(unfitted(), X, y), X, y, truth


def test_planted_effects_of_each_panel_come_back():
    model, _, _, truth = fitted()
    inside = []
    for region, amounts in truth.items():
        found = model.panels_[region].contributions(level=0.98).set_index("channel")
        for channel, amount in zip(CHANNELS, amounts, strict=True):
            row = found.loc[channel]
            inside.append(row["contribution_lower"] <= amount <= row["contribution_upper"])
    assert np.mean(inside) >= 5 / 6
    fairs = {name: one.contributions().set_index("channel").loc["fairs", "contribution"]
             for name, one in model.panels_.items()}  # fmt: skip
    assert fairs["north"] > 2 * fairs["south"] > fairs["west"] == 0


def test_contributions_of_the_whole_are_the_sum_over_panels():
    model, X, y, _ = fitted()
    whole = model.contributions().set_index("channel")
    parts = [one.contributions().set_index("channel") for one in model.panels_.values()]
    for column in ("spend", "contribution"):
        total = sum(part[column] for part in parts)
        np.testing.assert_allclose(whole[column], total, rtol=1e-10)
    spent = X[CHANNELS].to_numpy().sum(axis=0)
    np.testing.assert_allclose(whole.loc[CHANNELS, "spend"], spent, rtol=1e-12)
    share = whole.loc["(media)", "contribution"] / y.sum()
    assert whole.loc["(media)", "share_of_outcome"] == pytest.approx(share)
    # The draws are joint: the interval of a sum is narrower than the sum of intervals.
    wide = sum(part["contribution_upper"] - part["contribution_lower"] for part in parts)
    assert (whole["contribution_upper"] - whole["contribution_lower"] <= wide + 1e-9).all()


def test_predictions_come_in_the_order_of_the_rows():
    model, X, y, _ = fitted()
    expected = model.predict(X)
    assert np.corrcoef(expected, y)[0, 1] > 0.98
    some = X.sample(40, random_state=0)
    np.testing.assert_allclose(model.predict(some), expected[some.index], rtol=1e-9)
    lower, upper = model.predict_interval(X, level=0.9)
    assert 0.82 < np.mean((lower <= y) & (y <= upper)) < 0.97


def test_each_panel_answers_as_a_model_of_its_own():
    model, *_ = fitted()
    plan = optimize_budget(model.panels_["north"])
    assert plan.proposed.sum() == pytest.approx(plan.current.sum())
    parts = decompose(model.panels_["south"])
    np.testing.assert_allclose(parts.baseline + parts.media.sum(axis=0), parts.fitted)


def test_the_curve_of_the_company_is_the_sum_over_panels():
    model, X, y, _ = fitted()
    share = panel_share(model)
    last = X[X["week"] > X["week"].max() - pd.Timedelta("364D")]
    spent = last.groupby("region")[CHANNELS].sum()
    np.testing.assert_allclose(share, spent / spent.sum(), rtol=1e-12)
    plans = np.array([[90.0, 200.0], [30.0, 0.0], [400.0, 900.0]])
    panels = list(zip(model.panels_.values(), share, strict=True))
    for ask in (steady_response, simulate_response):
        total = sum(ask(one, own * plans) for one, own in panels)
        np.testing.assert_allclose(ask(model, plans), total, rtol=1e-9)
    slope = sum(own * marginal_response(one, own * plans[0]) for one, own in panels[:2])
    slope[:, 0] += panels[2][1][0] * marginal_response(panels[2][0], panels[2][1] * plans[0])[:, 0]
    np.testing.assert_allclose(marginal_response(model, plans[0]), slope, rtol=1e-9)
    curves = model.response_curves()
    np.testing.assert_allclose(
        curves.response[:, 0, 7], steady_response(model, curves.spend[:, 7])[:, 0], rtol=1e-9
    )
    np.testing.assert_allclose(curves.current, X[CHANNELS].to_numpy().sum(axis=0) / 104)
    assert model.spend_.sum() == pytest.approx(X[CHANNELS].to_numpy().sum())
    assert model.outcome_.sum() == pytest.approx(y.sum())


def test_a_budget_of_the_company_and_of_each_panel():
    model, *_ = fitted()
    plan = optimize_budget(model, "current", {"search": (0.0, 400.0)})
    assert plan.channels == tuple(CHANNELS)
    assert plan.proposed.sum() == pytest.approx(plan.current.sum())
    assert any("in the proportions of the last year" in note for note in plan.notes)
    rows = over_panels(model, plan)
    assert rows["proposed"].sum() == pytest.approx(plan.proposed.sum())
    ratio = rows.set_index(["panel", "channel"])["proposed"].unstack()["fairs"]
    assert ratio["west"] == 0
    np.testing.assert_allclose(ratio[["north", "south"]].sum(), plan.proposed[1])

    cells = optimize_budget(each_panel(model))
    assert cells.channels[:3] == ("search (north)", "fairs (north)", "search (south)")
    assert cells.proposed.sum() == pytest.approx(plan.current.sum())
    np.testing.assert_allclose(cells.current.reshape(3, 2).sum(axis=0), plan.current)
    split = (panel_share(model) * plan.current).ravel()
    together, apart = (
        steady_response(model, plan.current),
        steady_response(each_panel(model), split),
    )
    np.testing.assert_allclose(apart.reshape(-1, 3, 2).sum(axis=1), together, rtol=1e-9)
    gain = [steady_response(each_panel(model), x)[::2].mean(axis=0).sum()
            for x in (cells.proposed, cells.current)]  # fmt: skip
    assert gain[0] > gain[1]


def test_the_budget_of_two_equal_panels_is_twice_that_of_one():
    one, *_ = north_alone()
    both = unfitted()
    both.panels_, both.channels_ = {"a": one, "b": one}, one.channels_
    both.__dict__.update(add_up(both.panels_))
    single, double = optimize_budget(one, tau=0.3), optimize_budget(both, tau=0.3)
    np.testing.assert_allclose(double.current, 2 * single.current, rtol=1e-12)
    np.testing.assert_allclose(double.proposed, 2 * single.proposed, rtol=1e-6)
    np.testing.assert_allclose(double.marginal_romi, single.marginal_romi, rtol=1e-9)
    assert double.expected_profit == pytest.approx(2 * single.expected_profit, rel=1e-5)
    assert double.probability_better == pytest.approx(single.probability_better, rel=1e-5)
    frontier = [efficient_frontier(m, n_totals=3).profit for m in (one, both)]
    np.testing.assert_allclose(frontier[1], 2 * frontier[0], rtol=1e-5)


def test_a_panel_of_one_is_the_model_without_panels():
    alone, X, y = north_alone()
    one = fit(unfitted(), X, y)
    pd.testing.assert_frame_equal(one.contributions(), alone.contributions(), check_exact=True)
    for name in ("spend", "response", "marginal_romi", "current", "largest"):
        found = [getattr(model.response_curves(0.5), name) for model in (one, alone)]
        np.testing.assert_array_equal(*found)
    plans = [optimize_budget(model) for model in (one, alone)]
    pd.testing.assert_frame_equal(plans[0].to_frame(), plans[1].to_frame(), check_exact=True)
    assert plans[0].notes == plans[1].notes
    assert plans[0].expected_profit == plans[1].expected_profit


def test_a_panel_that_ended_has_no_part_in_the_budget():
    model, *_ = fitted()
    short = SimpleNamespace(**model.panels_["south"].__dict__)
    short.spend_, short.outcome_ = short.spend_[:, :80], short.outcome_[:80]
    short.clock_ = replace(short.clock_, n_periods=80)
    panels = {"north": model.panels_["north"], "south": short}
    whole = SimpleNamespace(panels_=panels, channels_=model.channels_, **add_up(panels))
    assert whole.clock_.n_periods == 104
    np.testing.assert_array_equal(panel_share(whole), [[1.0, 1.0], [0.0, 0.0]])
    assert any("'south' ends before" in note for note in company_notes(whole))
    found = marginal_response(whole, np.array([60.0, 100.0]))
    np.testing.assert_array_equal(found, marginal_response(panels["north"], [60.0, 100.0]))
    short.clock_ = replace(short.clock_, period_days=30.4)
    with pytest.raises(ConfigError, match=r"The panel 'south' has periods of 30\.4 days, another"):
        add_up(panels)


def test_what_is_saved_comes_back_to_the_bit(tmp_path):
    model, X, *_ = fitted()
    back = MixModel.load(model.save(tmp_path / "model"))
    assert list(back.panels_) == list(model.panels_)
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    pd.testing.assert_frame_equal(back.contributions(), model.contributions(), check_exact=True)
    plans = [optimize_budget(one) for one in (back, model)]
    pd.testing.assert_frame_equal(plans[0].to_frame(), plans[1].to_frame(), check_exact=True)
    assert back.diagnostics_ == model.diagnostics_
    assert decompose(back.panels_["west"]).outcome.sum() == model.panels_["west"].outcome_.sum()


def test_refusals_name_the_panel():
    X, y, _ = table(n_weeks=60)
    with pytest.raises(InputError, match="no panel column 'area' among"):
        unfitted(panel="area").fit(X, y)
    with pytest.raises(InputError, match="pass a frame"):
        unfitted(date=None).fit(X[CHANNELS].to_numpy(), y)
    with pytest.raises(InputError, match="The panel is missing in row 3"):
        unfitted().fit(X.assign(region=X["region"].mask(X.index == 2)), y)
    gap = (X["region"] == "south") & (X["week"] == "2023-03-06")
    with pytest.raises(InputError, match="In the panel 'south': Periods are missing"):
        unfitted().fit(X[~gap], y[~gap])
    with pytest.raises(InputError, match="180 rows and y the shape"):
        unfitted().fit(X, y[:-1])
    test = LiftTest("search", "2023-02-06", "2023-02-27", 30.0, 90.0, 15.0, panel="east")
    with pytest.raises(ConfigError, match=r"panel 'east'; there are 'north', 'south', 'west'\."):
        unfitted(tests=[test]).fit(X, y)
    _, north, outcome = north_alone()
    with pytest.raises(ConfigError, match="panel 'east'; there are none"):
        unfitted(tests=[test], panel=None).fit(north.drop(columns="region"), outcome)


def test_a_return_believed_of_a_channel_holds_in_each_panel_that_spends_on_it():
    X, y, _ = table(n_weeks=60)
    model = fit(unfitted(priors=Priors(romi={"fairs": (4.0, 4.4)})), X, y)
    for name in ("north", "south"):
        told = model.panels_[name].contributions().set_index("channel")["romi"]
        assert told["fairs"] == pytest.approx(4.2, abs=0.4)
    free = fit(unfitted(), X, y).panels_["south"].contributions().set_index("channel")["romi"]
    assert abs(free["fairs"] - 4.2) > 0.8
    assert model.panels_["west"].priors.romi is None


def test_what_is_believed_of_one_outcome_is_no_prior_of_panels():
    X, y, _ = table(n_weeks=60)
    hint = AttributionPrior({"search": 1.0}, tracked=0.5)
    for priors in (Priors(contribution={"fairs": (1.0, 2.0)}), Priors(attribution=hint)):
        with pytest.raises(ConfigError, match="state romi or marginal_romi"):
            unfitted(priors=priors).fit(X, y)
    with pytest.raises(ConfigError, match="'tv', on which no panel spends"):
        unfitted(priors=Priors(romi={"tv": (0.0, 1.0)})).fit(X, y)


def test_an_unknown_panel_is_not_predicted():
    model, X, *_ = fitted()
    with pytest.raises(InputError, match="no panel 'east'; it has 'north', 'south', 'west'"):
        model.predict(X.assign(region="east"))


def test_rows_are_told_apart_in_order_of_name():
    frame = pd.DataFrame({"region": [2, 1, 2], "tv": [1.0, 2.0, 3.0]})
    rest, rows = split_panels(frame, "region")
    assert list(rest) == ["tv"]
    assert {name: at.tolist() for name, at in rows.items()} == {"1": [1], "2": [0, 2]}


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: plan_pilot(model, "search"),
        lambda model: tau_from_tests(model, []),
        to_arviz,
        decompose,
    ],
    ids=["pilot", "tau", "arviz", "decompose"],
)
def test_what_has_no_sum_over_panels_says_so(ask):
    with pytest.raises(ConfigError, match=r"ask each of them, such as model\.panels_\['north'\]"):
        ask(fitted()[0])
