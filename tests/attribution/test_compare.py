from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import compare, first_touch, linear, markov
from mmm.errors import ConfigError
from mmm.journeys import Journeys, Unattributed

JOURNEYS = replace(
    Journeys.from_paths(["c > a > b", "b"], value=[100.0, 20.0], nulls=[1, 2]),
    unattributed=Unattributed(1, 0.07),
)


def test_default_models_side_by_side():
    frame = compare(JOURNEYS, measure="conversions", level=0.8).to_frame()
    assert list(frame) == [
        "model", "channel", "credit", "share", "lower", "upper", "n_deals",
    ]  # fmt: skip
    assert frame["model"].unique().tolist() == ["first_touch", "last_touch", "linear", "markov"]
    assert frame.groupby("model").size().tolist() == [4] * 4
    np.testing.assert_allclose(frame.groupby("model")["credit"].sum(), 3)
    alone = markov(JOURNEYS, measure="conversions", level=0.8).to_frame()
    inside = frame[frame["model"] == "markov"].drop(columns="model").reset_index(drop=True)
    pd.testing.assert_frame_equal(inside, alone)


def test_cents_add_up_for_every_model():
    frame = compare(JOURNEYS).to_frame(cents=True)
    for _, rows in frame.groupby("model"):
        assert sum(rows["credit"]) == Decimal("120.07")


def test_functions_are_models_too():
    results = compare(JOURNEYS, models=[partial(markov, order=1), "linear", first_touch]).results
    assert [result.model for result in results] == ["markov", "linear", "first_touch"]


def test_one_name_is_one_model():
    assert len(compare(JOURNEYS, models="linear").results) == 1
    assert len(compare(JOURNEYS, models=linear).results) == 1


def test_equal_names_are_numbered():
    comparison = compare(JOURNEYS, models=["linear", "linear"])
    assert repr(comparison).endswith("<Comparison: linear, linear (2)>")


@pytest.mark.parametrize("models", [["shapely"], []])
def test_unknown_models_are_refused_with_the_choices(models):
    with pytest.raises(ConfigError, match="first_touch, last_touch, linear, markov"):
        compare(JOURNEYS, models=models)
