import pickle

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import custom, first_touch, linear
from mmm.attribution.rules import first_weights, linear_weights
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys

TWO = Journeys.from_paths(["a > b > a", "b"], value=[90.0, 10.0])


def test_a_function_that_is_a_rule_gives_that_rule():
    for weights, model in ((first_weights, first_touch), (linear_weights, linear)):
        mine = custom(TWO, weights, name="mine")
        np.testing.assert_array_equal(mine.credit, model(TWO).credit)
        np.testing.assert_array_equal(mine.upper, model(TWO).upper)
        pd.testing.assert_frame_equal(mine.by_deal(), model(TWO).by_deal())
        assert mine.model == "mine"
    assert "linear_weights" in mine.definition


def test_channel_weights_by_hand():
    # Deal 1: a 2, b 1, a 2; deal 2: b alone.
    result = custom(TWO, {"a": 2, "b": 1})
    np.testing.assert_allclose(result.credit, [72.0, 28.0])
    np.testing.assert_allclose(custom(TWO, {"a": 5, "b": 5}).credit, linear(TWO).credit)


def test_a_function_of_ones_own_pickles_with_its_result():
    result = custom(TWO, lambda journeys: linear_weights(journeys))
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.by_deal(), result.by_deal())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda j: [0.5, 0.5], r"shape \(2,\) for 4 touches"),
        (lambda j: [0.5, 0.25, 0.25, 0.9], r"do not sum to 1 in journeys: row 2 \(the first to"),
        (lambda j: [1.5, -0.5, 0.0, 1.0], "negative, infinite or missing in journeys: row 1"),
        (lambda j: [np.nan, 0.5, 0.5, 1.0], "negative, infinite or missing in journeys: row 1"),
        (lambda j: ["much", "more", "less", "all"], "no number"),
        ({"a": 1, "b": 0}, "weight 0 in journeys: row 2"),
    ],
)
def test_weights_that_do_not_share_out_a_deal_are_refused(weights, message):
    with pytest.raises(InputError, match=message):
        custom(TWO, weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": 1}, "leaves out 'b'"),
        ({"a": 1, "b": -1}, "negative"),
        ({"a": 1, "b": "much"}, "no number"),
        (3.0, "is a float"),
    ],
)
def test_wrong_mappings_are_refused(weights, message):
    with pytest.raises(ConfigError, match=message):
        custom(TWO, weights)


def test_a_lost_journey_of_weightless_channels_is_no_matter():
    journeys = Journeys.from_paths(["a > b", "b"], conversions=[1, 0], nulls=[0, 1])
    assert custom(journeys, {"a": 1, "b": 0}).credit.tolist() == [1.0, 0.0]
    assert custom(Journeys.from_paths([]), {}).to_frame().empty
