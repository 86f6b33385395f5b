from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from mmm.attribution import compare, first_touch, last_touch, linear, markov
from mmm.attribution.measure import measured
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys, Unattributed

MODELS = [first_touch, last_touch, linear, markov]
JOURNEYS = Journeys.from_paths(["a > b", "b"], value=[30.0, 20.0], nulls=[1, 0])


@pytest.mark.parametrize("model", [*MODELS, compare])
def test_unknown_options_are_refused_with_the_choices(model):
    with pytest.raises(ConfigError, match="value, conversions"):
        model(JOURNEYS, measure="revenue")
    for level in (0, 1, 90, -0.1, float("nan"), "0.9"):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            model(JOURNEYS, level=level)


@pytest.mark.parametrize("model", MODELS)
def test_value_without_values_says_what_to_do(model):
    with pytest.raises(InputError, match="measure='conversions'"):
        model(Journeys.from_paths(["a"]), measure="value")


@pytest.mark.parametrize("model", MODELS)
def test_something_else_than_journeys_is_refused(model):
    with pytest.raises(InputError, match=r"a list.*from_paths"):
        model(["a > b"])


@pytest.mark.parametrize("model", MODELS)
def test_options_go_by_keyword(model):
    with pytest.raises(TypeError):
        model(JOURNEYS, "conversions")


@pytest.mark.parametrize("model", MODELS)
def test_value_is_measured_where_there_is_one(model):
    assert model(JOURNEYS).measure == "value"
    bare = replace(JOURNEYS, has_value=False)
    assert model(bare).measure == "conversions"
    assert model(bare).credit.sum() == pytest.approx(2)


def test_an_exact_total_stays_exact():
    journeys = replace(JOURNEYS, unattributed=Unattributed(1, 0.1), total_value=Decimal("50.10"))
    assert measured(journeys, "value").total == Decimal("50.10")
    assert measured(journeys, "conversions").total == 3.0


def test_another_total_is_not_forced_on_the_credit():
    of = measured(replace(JOURNEYS, total_value=Decimal("70.00")), "value")
    assert of.total == 50.0
    assert "not to the closed-won 70.00" in of.notes[0]


def test_n_deals_counts_a_deal_once_per_channel():
    journeys = Journeys.from_paths(["a > b > a", "b", "a"], conversions=[2, 1, 0], nulls=[0, 0, 5])
    np.testing.assert_array_equal(linear(journeys).n_deals, [2, 3])
