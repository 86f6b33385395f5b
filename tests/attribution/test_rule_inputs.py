"""Inputs that are wrong or extreme, and the answer each rule gives."""

import tracemalloc
from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import (
    by_kind,
    by_stage,
    custom,
    engagement,
    last_non_direct,
    linear,
    position_based,
    time_decay,
)
from mmm.errors import DataWarning, InputError
from mmm.journeys import UNATTRIBUTED, Journeys, Unattributed, build_journeys

RULES = [
    last_non_direct,
    time_decay,
    position_based,
    partial(position_based, shape="full_path"),
    partial(custom, weights=lambda journeys: np.repeat(1 / journeys.lengths, journeys.lengths)),
]
each_rule = pytest.mark.parametrize("model", RULES)


def build(paths, **options):
    """Journeys with a touch a day, whose last touch is every anchor."""
    journeys = Journeys.from_paths(paths, **options)
    days = np.concatenate([np.arange(n) for n in journeys.lengths])
    last = journeys.start[1:] - 1
    return replace(
        journeys,
        touched_at=np.datetime64("2024-01-01", "us") + days.astype("timedelta64[D]"),
        anchors=dict.fromkeys(("lead", "mql", "sql", "opportunity"), last),
    )


@each_rule
def test_bad_input_11_exactly_one_conversion(model):
    result = model(build(["a > b", "a"], conversions=[1, 0], nulls=[0, 3]))
    assert result.credit.sum() == pytest.approx(1)
    assert np.isnan(result.upper).all()
    assert any("one conversion" in note for note in result.notes)


@each_rule
def test_bad_input_12_no_conversion(model):
    result = model(build(["a > b", "a"], conversions=[0, 0], nulls=[1, 3]))
    assert result.credit.tolist() == [0, 0]
    assert any(note.startswith("No conversion") for note in result.notes)


@each_rule
def test_bad_input_14_deals_without_a_touch_are_shown(model):
    journeys = replace(build(["a", "b"], value=[30.0, 20.0]), unattributed=Unattributed(3, 50.0))
    last = model(journeys).to_frame().iloc[-1]
    assert (last["channel"], last["credit"], last["share"]) == (UNATTRIBUTED, 50.0, 0.5)


def test_bad_input_15_ties_in_time_have_one_order():
    at = "2024-04-01 10:00"
    rows = [("p1", at, name) for name in ("b", "é", "Direct", "a")]
    deals = pd.DataFrame(
        {"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-03-01"],
         "closed_at": ["2024-06-01"], "won": [True], "value": ["8.00"]}
    )  # fmt: skip
    for order in (rows, rows[::-1]):
        touches = pd.DataFrame(order, columns=["person_id", "touched_at", "channel"])
        with pytest.warns(DataWarning, match="touches span"):
            journeys = build_journeys(touches, deals)
        # All four at once: no age tells them apart, and the last by code point is not direct.
        np.testing.assert_allclose(time_decay(journeys).credit, 2.0)
        credit = dict(zip(journeys.channels, last_non_direct(journeys).credit, strict=True))
        assert credit == {"Direct": 0.0, "a": 0.0, "b": 0.0, "é": 8.0}


@each_rule
def test_bad_input_16_17_names_are_kept(model):
    names = ["Überblick", "قناة", "a > b", "<b>&</b>", '"; DROP TABLE', "=1+1"]
    result = model(build([names]))
    assert sorted(result.to_frame()["channel"]) == sorted(names)


@each_rule
def test_bad_input_18_one_channel_gets_all(model):
    result = model(build(["a > a > a", "a"] * 20, value=[0.1, 0.2] * 20))
    np.testing.assert_allclose(result.share, [1.0], rtol=1e-14)
    assert 0.9 < result.lower[0] < result.upper[0] == 1


@each_rule
def test_bad_input_19_two_hundred_channels_within_bounded_memory(model):
    rng = np.random.default_rng(19)
    n = 20_000
    lengths = rng.integers(1, 12, n)
    start = np.concatenate([[0], np.cumsum(lengths)])
    won = (rng.random(n) < 0.2).astype(float)
    journeys = Journeys(
        channels=tuple(f"channel {i:03}" for i in range(200)),
        touch=rng.integers(0, 200, lengths.sum()).astype(np.int32),
        start=start,
        conversions=won,
        value=won * 100,
        nulls=1 - won,
        cluster=rng.integers(0, 5000, n),
        anchors=dict.fromkeys(("lead", "opportunity"), start[:-1]),
        touched_at=np.arange(lengths.sum()).astype("datetime64[us]"),
    )
    tracemalloc.start()
    result = model(journeys)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.credit.sum() == pytest.approx(won.sum() * 100)
    assert peak < 160 * 2**20


@each_rule
def test_bad_input_20_a_journey_of_ten_thousand_touches(model):
    result = model(build([["a", "b", "c", "b"] * 2500, ["a"]]))
    assert result.credit.sum() == pytest.approx(2)


@each_rule
def test_bad_input_21_cents_beyond_the_exact_floats_add_up(model):
    total = Decimal("1000000000000000.01")
    parts = [333333333333333.31, 333333333333333.33, 333333333333333.37]
    journeys = replace(build(["a > b > c", "b > c > a", "c"], value=parts), total_value=total)
    credit = model(journeys).to_frame(cents=True)["credit"]
    assert sum(credit) == total


def test_bad_input_23_36_are_refused_before_any_stage_is_cut():
    touches = pd.DataFrame(
        {"person_id": ["p1"], "touched_at": ["2024-01-05"], "channel": ["Email"]}
    )
    leads = pd.DataFrame(
        {"lead_id": ["l1", "l1"], "person_id": ["p1", "p2"], "created_at": ["2024-01-06"] * 2}
    )
    deals = pd.DataFrame(
        {"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-02-01"],
         "closed_at": ["2024-03-01"], "won": [True]}
    )  # fmt: skip
    with pytest.raises(InputError, match="lead_id"):
        by_stage(touches, deals, leads)
    future = leads.assign(lead_id=["l1", "l2"], created_at=["2024-01-06", "2999-01-01"])
    with pytest.raises(InputError, match="future"):
        by_stage(touches, deals, future)


def test_bad_input_33_34_35_names_of_content_are_inert_text():
    names = ["=1+1", "<script>alert(1)</script>", "x'; DROP TABLE y"]
    journeys = build([[name, "Demo"] for name in names for _ in range(9)], conversions=[1] * 27)
    frame = engagement(journeys).to_frame()
    assert set(names) <= set(frame["channel"])
    marked = engagement(journeys).finding().sentence(mark="<{}>".format)
    assert "DROP" not in marked or "<x'; DROP TABLE y>" in marked


def test_bad_input_37_a_lookback_longer_than_the_data_warns_for_each_stage():
    touches = pd.DataFrame(
        {"person_id": ["p1", "p1"], "touched_at": ["2024-01-05", "2024-01-20"],
         "channel": ["Email", "Events"]}
    )  # fmt: skip
    leads = pd.DataFrame({"lead_id": ["l1"], "person_id": ["p1"], "created_at": ["2024-01-10"]})
    deals = pd.DataFrame(
        {"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-02-01"],
         "closed_at": ["2024-03-01"], "won": [True]}
    )  # fmt: skip
    with pytest.warns(DataWarning, match="touches span 15 days"):
        split = by_stage(touches, deals, leads, stages=["lead"])
    assert split["lead"].credit.tolist() == [1.0, 0.0]


def test_no_journey_at_all_is_an_empty_answer():
    nothing = Journeys.from_paths([])
    for model in RULES:
        assert model(nothing).to_frame().empty
    told = replace(nothing, kind=np.empty(0, object), deal_id=np.empty(0, object))
    assert by_kind(linear, told).parts == {}
