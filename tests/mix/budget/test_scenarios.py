"""Scenarios: figures that follow from the model, and sentences from the figures."""

from dataclasses import replace

import numpy as np
import pytest

from mmm.errors import ConfigError
from mmm.mix import optimize_budget
from mmm.mix.budget.limits import Limits
from mmm.mix.budget.optimize import gain_draws
from mmm.mix.budget.scenarios import Scenario, compare_scenarios
from tests.mix.small_model import CHANNELS, small_model


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def compared(model):
    return compare_scenarios(
        model,
        {
            "as today": Scenario(),
            "a fifth more": Scenario(total_change=0.2),
            "a fifth more, best": Scenario(total_change=0.2, best_split=True),
            "without Search": Scenario(off=("Search",)),
            "Search dearer": Scenario(price={"Search": 1.5}),
            "fixed": Scenario(spend={"Social": 10.0}),
        },
    )


def test_today_is_no_change(compared):
    first = compared.to_frame().iloc[0]
    assert first[["change", "gain", "profit"]].tolist() == [0.0, 0.0, 0.0]
    assert first["probability_better"] == 0.5


def test_figures_follow_from_the_model(model, compared):
    frame = compared.to_frame().set_index("scenario")
    today = compared.current
    gain = gain_draws(model, today, 1.2 * today, 13)[1::2]
    more = frame.loc["a fifth more"]
    assert more["gain"] == pytest.approx(gain.mean())
    assert more["profit"] == pytest.approx(gain.mean() - 0.2 * today.sum())
    assert more["profit_lower"] < more["profit"] < more["profit_upper"]
    assert frame.loc["a fifth more, best", "spend"] == pytest.approx(more["spend"])
    assert frame.loc["a fifth more, best", "profit"] > more["profit"]
    without = frame.loc["without Search"]
    assert without["change"] == pytest.approx(-today[0])
    assert without["probability_better"] < 0.2
    dearer = frame.loc["Search dearer"]
    assert dearer["change"] == 0.0
    assert without["gain"] < dearer["gain"] < 0
    assert compared.spend_frame()["fixed"].tolist() == pytest.approx([today[0], 10.0, today[2]])


def test_what_a_channel_saves_is_moved_by_the_best_split(model):
    best = Scenario(off=("Social",), best_split=True, limits=Limits(max_change=None))
    compared = compare_scenarios(model, {"moved": best})
    assert compared.spend[0, 1] == 0.0
    assert compared.spend[0].sum() == pytest.approx(compared.current.sum())


def test_a_plan_is_a_scenario(model):
    plan = optimize_budget(model)
    compared = compare_scenarios(model, {"plan": plan}).to_frame().iloc[0]
    assert compared["profit"] == pytest.approx(plan.expected_profit)
    assert compared["probability_better"] == pytest.approx(plan.probability_better)
    assert compared["profit_lower"] == pytest.approx(plan.profit_lower)


def test_margin_and_hidden_bias_count(model):
    scenario = {"more": Scenario(total_change=0.2)}
    thin = compare_scenarios(model, scenario, margin=0.1).to_frame().iloc[0]
    assert thin["profit"] < 0
    wild = compare_scenarios(model, scenario, tau=50.0)
    assert abs(wild.probability_better[0] - 0.5) < 0.1


@pytest.mark.parametrize(
    ("probability", "key", "words"),
    [(0.9, "better", "likely to earn more"), (0.1, "worse", "less"), (0.5, "open", "cannot")],
)
def test_the_sentence_follows_the_probability(compared, probability, key, words):
    one = replace(compared, probability_better=np.full(len(compared.names), probability))
    found = one.findings("EUR")[1]
    assert found.metric == f"scenario.{key}"
    assert words in found.sentence()
    assert "a fifth more" in found.sentence("it")


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (Scenario(off=("Radio",)), "names 'Radio'"),
        (Scenario(spend={"Search": -1.0}), "negative or missing"),
        (Scenario(total_change=-1.5), "negative or missing"),
        (Scenario(price={"Search": 0.0}), "price of 0"),
        (Scenario(off=("Search",), spend={"Search": 1.0}), "turns 'Search' off"),
    ],
)
def test_scenarios_that_cannot_be_are_refused(model, scenario, message):
    with pytest.raises(ConfigError, match=message):
        compare_scenarios(model, {"odd": scenario})


def test_nothing_and_foreign_plans_are_refused(model):
    with pytest.raises(ConfigError, match="no scenario"):
        compare_scenarios(model, {})
    foreign = replace(optimize_budget(model), channels=tuple(reversed(CHANNELS)))
    with pytest.raises(ConfigError, match="plan of this model"):
        compare_scenarios(model, {"foreign": foreign})
