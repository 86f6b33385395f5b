import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import first_touch, last_non_direct, last_touch, linear
from mmm.attribution.rules import by_rule, first_weights, last_weights, linear_weights
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys

JOURNEYS = Journeys.from_paths(
    ["ads > email > ads", "email", "ads > events"],
    conversions=[1, 1, 0],
    value=[90.0, 10.0, 0.0],
    nulls=[0, 0, 1],
)


@pytest.mark.parametrize(
    ("model", "credit"),
    [
        (first_touch, [90.0, 10.0, 0.0]),
        (last_touch, [90.0, 10.0, 0.0]),
        (linear, [60.0, 40.0, 0.0]),
    ],
)
def test_credit_by_hand(model, credit):
    result = model(JOURNEYS)
    np.testing.assert_allclose(result.credit, credit)
    np.testing.assert_allclose(result.share, np.array(credit) / 100)


@pytest.mark.parametrize("weights", [first_weights, last_weights, linear_weights])
def test_weights_sum_to_one_within_each_journey(weights):
    given = weights(JOURNEYS)
    assert given.shape == JOURNEYS.touch.shape
    np.testing.assert_allclose(np.add.reduceat(given, JOURNEYS.start[:-1]), 1)


@pytest.mark.parametrize("model", [first_touch, last_touch, linear])
def test_by_deal_adds_up_to_the_credit(model, company):
    journeys = company.draw(np.random.default_rng(0), 200)
    result = model(journeys)
    deals = result.by_deal()
    summed = deals.groupby("channel")["credit"].sum()
    np.testing.assert_allclose(summed.reindex(result.channels, fill_value=0), result.credit)
    per_journey = deals.groupby("journey")["credit"].sum()
    np.testing.assert_allclose(per_journey, journeys.value[per_journey.index])
    assert len(per_journey) == journeys.conversions.sum()


def test_by_deal_names_deals_where_they_are_known():
    journeys = replace(JOURNEYS, deal_id=np.array(["D-1", "D-2", None], dtype=object))
    expected = pd.DataFrame(
        {
            "deal_id": ["D-1", "D-1", "D-2"],
            "channel": ["ads", "email", "email"],
            "credit": [60.0, 30.0, 10.0],
        }
    )
    pd.testing.assert_frame_equal(linear(journeys).by_deal(), expected)


def test_results_survive_pickling():
    again = pickle.loads(pickle.dumps(linear(JOURNEYS)))
    pd.testing.assert_frame_equal(again.by_deal(), linear(JOURNEYS).by_deal())


def test_another_rule_is_another_weight_function():
    def second_half(journeys):
        weights = last_weights(journeys) + linear_weights(journeys)
        return weights / 2

    result = by_rule("mine", "Mine.", second_half, JOURNEYS, measure="value", level=0.9)
    np.testing.assert_allclose(result.credit, [75.0, 25.0, 0.0])
    assert result.model == "mine"


def test_no_journeys_at_all_is_an_empty_answer():
    for model in (first_touch, last_touch, linear, last_non_direct):
        result = model(Journeys.from_paths([]))
        assert result.to_frame().empty
        assert result.by_deal().empty
        assert not any("No touch is called" in note for note in result.notes)


def test_each_journey_moves_the_shares_by_its_own_deals():
    journeys = Journeys.from_paths(["a", "b", "a > b"], conversions=[3, 0, 1], nulls=[0, 2, 0])
    null, won = linear(journeys, measure="conversions").sampling.influence(np.arange(3))
    # Shares are 7/8 and 1/8 of four deals; one deal more moves them by a quarter towards it.
    np.testing.assert_allclose(won[:, 0], [(1 - 7 / 8) / 4, 0, (1 / 2 - 7 / 8) / 4])
    np.testing.assert_allclose(won[:, 1], -won[:, 0])
    assert not null.any()


@pytest.mark.parametrize("conversions", [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
def test_a_journey_without_a_deal_moves_nothing(conversions):
    journeys = Journeys.from_paths(["a", "b", "a > b", "b"], conversions=conversions, nulls=[1] * 4)
    sampling = linear(journeys, measure="conversions").sampling
    null, won = sampling.influence(np.arange(4)[::-1])
    assert null.shape == won.shape == (4, 2)
    assert not won[::-1][np.array(conversions) == 0].any()


def test_credit_is_known_by_account_where_the_journeys_name_them():
    journeys = replace(JOURNEYS, account_id=np.array(["A", None, "B"], dtype=object))
    by = linear(journeys).by_account()
    assert by[["account_id", "channel", "credit"]].to_numpy().tolist() == [
        ["(no account)", "email", 10.0], ["A", "ads", 60.0], ["A", "email", 30.0],
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="name no account"):
        linear(JOURNEYS).by_account()


def test_what_is_no_journeys_is_refused():
    for model in (first_touch, last_touch, linear, last_non_direct):
        with pytest.raises(InputError, match="journeys is a list"):
            model(["a > b"])
