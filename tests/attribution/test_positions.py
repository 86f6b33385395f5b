from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import position_based
from mmm.attribution.positions import SHAPES
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.journeys import Journeys

FIVE = Journeys.from_paths(["a > b > c > d > e"], value=[1000.0])


def anchored(journeys, **places):
    """Set anchors by their place in the (first) journey; others are missing."""
    none = np.full(len(journeys), -1)
    anchors = {name: none.copy() for name in ("lead", "mql", "sql", "opportunity")}
    for name, place in places.items():
        anchors[name][0] = place
    return replace(journeys, anchors=anchors)


@pytest.mark.parametrize(
    ("shape", "places", "credit"),
    [
        ("u", {}, [400, 200 / 3, 200 / 3, 200 / 3, 400]),
        ("u_lead", {"lead": 2}, [400, 200 / 3, 400, 200 / 3, 200 / 3]),
        ("w", {"lead": 1, "opportunity": 3}, [300, 300, 50, 300, 50]),
        ("full_path", {"lead": 1, "opportunity": 3}, [225, 225, 100, 225, 225]),
        ("j", {}, [200, 200 / 3, 200 / 3, 200 / 3, 600]),
        ("inverse_j", {}, [600, 200 / 3, 200 / 3, 200 / 3, 200]),
        # Coinciding anchors add up: the first touch made the lead.
        ("w", {"lead": 0, "opportunity": 3}, [600, 100 / 3, 100 / 3, 300, 100 / 3]),
        ("full_path", {"lead": 0, "opportunity": 0}, [675, 100 / 3, 100 / 3, 100 / 3, 225]),
        # A missing one hands its part to the others: 30 / 70, 30 / 70, 10 / 70.
        ("w", {"opportunity": 3}, [3000 / 7, 1000 / 21, 1000 / 21, 3000 / 7, 1000 / 21]),
    ],
)
@pytest.mark.filterwarnings("ignore:no won deal has a touch")
def test_parts_by_hand(shape, places, credit):
    result = position_based(anchored(FIVE, **places), shape=shape)
    np.testing.assert_allclose(result.credit, credit)


@pytest.mark.filterwarnings("ignore:no won deal has a touch")
def test_without_a_touch_for_the_rest_the_anchors_take_it():
    two = Journeys.from_paths(["a > b"], value=[90.0])
    assert position_based(two).credit.tolist() == [45.0, 45.0]
    assert position_based(two, shape="j").credit.tolist() == pytest.approx([22.5, 67.5])
    w = position_based(anchored(two, lead=1), shape="w")
    np.testing.assert_allclose(w.credit, [45.0, 45.0])


def test_two_rules_called_u_differ_and_say_so():
    journeys = anchored(FIVE, lead=1)
    web, hubspot = position_based(journeys), position_based(journeys, shape="u_lead")
    assert web.model == "position_based"
    assert hubspot.model == "position_based_u_lead"
    assert "web tools" in web.definition
    assert "HubSpot" in hubspot.definition
    assert web.credit[4] == 400
    assert hubspot.credit[4] == pytest.approx(200 / 3)


def test_shapes_sum_to_one():
    for shape in SHAPES.values():
        assert sum(shape.weights.values()) == pytest.approx(1, abs=1e-15)


def test_weights_of_your_own():
    journeys = anchored(FIVE, mql=2)
    result = position_based(journeys, weights={"mql": 0.75, "rest": 0.25})
    np.testing.assert_allclose(result.credit, [62.5, 62.5, 750, 62.5, 62.5])
    assert result.model == "position_based_own"
    assert "mql 75%" in result.definition


def test_missing_anchors_are_counted():
    three = Journeys.from_paths(["a > b", "b", "a"], conversions=[1, 1, 0], value=[1.0, 1.0, 0.0])
    result = position_based(anchored(three, lead=1, opportunity=1), shape="w")
    said = [note for note in result.notes if "at or before the date of" in note]
    assert len(said) == 2
    assert said[0].startswith("1 of 2 won journeys have no touch")


def test_an_anchor_that_no_deal_has_warns():
    with pytest.warns(DataWarning, match="another rule than its name says. Pass leads="):
        position_based(anchored(FIVE, lead=1), shape="w")


def test_journeys_without_crm_dates_are_refused_for_crm_shapes():
    with pytest.raises(InputError, match=r"leads=leads.*shape='u'"):
        position_based(FIVE, shape="w")
    assert position_based(FIVE).share.sum() == pytest.approx(1)


def test_a_deal_without_any_weighted_touch_is_refused():
    two = Journeys.from_paths(["a > b", "b"], conversions=[1, 1])
    with pytest.raises(InputError, match=r"1 won deals have none.*'first', 'last' or 'rest'"):
        position_based(anchored(two, lead=0), weights={"lead": 1.0})
    lost = Journeys.from_paths(["a > b", "b"], conversions=[1, 0], nulls=[0, 1])
    assert position_based(anchored(lost, lead=0), weights={"lead": 1.0}).credit.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "z"}, r"shape is 'z'.*u, u_lead, w, full_path"),
        ({"shape": "w", "weights": {"first": 1}}, "both given"),
        ({"weights": {"frist": 1}}, r"'frist'.*'first', 'last', 'lead'"),
        ({"weights": {"first": 0.5, "rest": 0.6}}, "sum to 1"),
        ({"weights": {"first": 1.5, "rest": -0.5}}, "none negative"),
        ({"weights": {"first": float("nan")}}, "sum to 1"),
        ({"weights": {}}, "no mapping"),
    ],
)
def test_wrong_shapes_and_weights_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        position_based(FIVE, **options)
