"""The influenced share: each deal once a channel, never added up."""

from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import influenced_share, linear
from mmm.attribution.measure import measured
from mmm.attribution.uncertainty import logit_interval, won_clusters
from mmm.errors import InputError
from mmm.journeys import Journeys, Unattributed


def test_a_deal_counts_once_a_channel_and_unattributed_deals_are_in_the_total():
    journeys = replace(
        Journeys.from_paths(["a > b > a", "b", "c"], value=[60.0, 30.0, 0.0], nulls=[0, 0, 3]),
        unattributed=Unattributed(1, 10.0),
    )
    frame = influenced_share(journeys).to_frame().set_index("channel")
    assert frame["influenced"].to_dict() == {"a": 60.0, "b": 90.0, "c": 0.0}
    np.testing.assert_allclose(frame["share"], [0.6, 0.9, 0.0])
    assert frame["n_deals"].tolist() == [1, 2, 1]


def test_no_rule_credits_more_than_a_channel_influenced(company):
    journeys = company.draw(np.random.default_rng(5), 300)
    told = influenced_share(journeys)
    assert (linear(journeys).share <= told.share + 1e-12).all()
    assert told.share.sum() > 1
    assert ((told.lower <= told.share) & (told.share <= told.upper)).all()


def test_the_interval_of_conversions_is_that_of_a_proportion(company):
    journeys = company.draw(np.random.default_rng(6), 500)
    told = influenced_share(journeys, measure="conversions", level=0.95)
    n = journeys.conversions.sum()
    error = np.sqrt(told.share * (1 - told.share) / n)
    won = won_clusters(journeys, measured(journeys, "conversions"))
    lower, upper = logit_interval(told.share, error, 0.95, won)
    np.testing.assert_allclose(told.lower, lower)
    np.testing.assert_allclose(told.upper, upper)


def test_bad_input_11_and_12_one_conversion_and_none():
    one = influenced_share(Journeys.from_paths(["a > b"]))
    assert np.isnan(one.lower).all()
    assert "one conversion" in one.notes[-1]
    none = influenced_share(Journeys.from_paths(["a"], conversions=[0], nulls=[4]))
    assert none.share.tolist() == [0.0]
    assert "No conversion" in none.notes[-1]
    with pytest.raises(InputError, match="Build journeys with"):
        influenced_share([["a", "b"]])
