"""Inputs that are wrong or extreme, and the answer each one gets."""

import tracemalloc
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from mmm.attribution import compare, first_touch, last_touch, linear, markov
from mmm.attribution.chain.fit import fit_chain
from mmm.errors import DataWarning, InputError
from mmm.journeys import UNATTRIBUTED, Journeys, Unattributed

MODELS = [first_touch, last_touch, linear, markov]


@pytest.mark.parametrize("model", MODELS)
def test_11_exactly_one_conversion_answers_without_interval(model):
    journeys = Journeys.from_paths(["a > b", "a"], conversions=[1, 0], nulls=[0, 3])
    result = model(journeys)
    assert result.credit.sum() == pytest.approx(1)
    assert np.isnan(result.lower).all()
    assert np.isnan(result.upper).all()
    assert any("one conversion" in note for note in result.notes)


@pytest.mark.parametrize("model", MODELS)
def test_12_no_conversion_gives_zero_credit_and_says_so(model):
    journeys = Journeys.from_paths(["a > b", "a"], conversions=[0, 0], nulls=[1, 3])
    result = model(journeys)
    assert result.credit.tolist() == [0, 0]
    assert result.share.tolist() == [0, 0]
    assert any(note.startswith("No conversion") for note in result.notes)
    assert result.total == 0


@pytest.mark.parametrize("model", MODELS)
def test_12_only_unattributed_conversions(model):
    journeys = Journeys.from_paths(["a"], conversions=[0], nulls=[3])
    result = model(replace(journeys, unattributed=Unattributed(2, 50.0)))
    frame = result.to_frame().set_index("channel")
    assert frame["credit"].to_dict() == {"a": 0.0, UNATTRIBUTED: 2.0}
    assert frame["share"].to_dict() == {"a": 0.0, UNATTRIBUTED: 1.0}


@pytest.mark.parametrize("model", MODELS)
def test_12_deals_worth_nothing(model):
    journeys = Journeys.from_paths(["a", "b"], value=[0.0, 0.0], nulls=[1, 1])
    result = model(journeys)
    assert result.credit.tolist() == [0, 0]
    assert any("no value" in note for note in result.notes)
    assert result.to_frame(cents=True)["credit"].tolist() == [Decimal("0.00")] * 2


def test_13_every_journey_converts_warns_and_answers():
    journeys = Journeys.from_paths(["a > b", "b"])
    with pytest.warns(DataWarning, match="removal effects need non-converting journeys"):
        result = markov(journeys)
    # Without nulls a removal effect is the part of journeys that hold the channel.
    np.testing.assert_allclose(result.share, [1 / 3, 2 / 3])
    assert any("non-converting" in note for note in result.notes)
    assert "non-converting" in result.definition
    linear(journeys)


def test_14_deals_without_a_touch_are_shown():
    journeys = Journeys.from_paths(["a", "b"], value=[30.0, 20.0], nulls=[1, 0])
    journeys = replace(journeys, unattributed=Unattributed(3, 50.0))
    for result in compare(journeys).results:
        last = result.to_frame().iloc[-1]
        assert last["channel"] == UNATTRIBUTED
        assert (last["credit"], last["share"], last["n_deals"]) == (50.0, 0.5, 3.0)
        assert np.isnan(last["lower"])


def test_16_unicode_names_are_kept():
    names = ["Überblick", "é‎", "قناة", "渠道", "<b>&</b>"]
    journeys = Journeys.from_paths([names], nulls=[1])
    result = linear(journeys)
    assert sorted(result.to_frame()["channel"]) == sorted(names)
    np.testing.assert_allclose(result.share, 0.2)


def test_17_the_separator_may_stand_in_a_name():
    journeys = Journeys.from_paths([["a > b", "c"], ["c"]], nulls=[0, 1])
    for model in MODELS:
        assert model(journeys).to_frame()["channel"].tolist() == ["a > b", "c"]


@pytest.mark.parametrize("model", MODELS)
def test_18_one_channel_gets_all_of_it(model):
    journeys = Journeys.from_paths(["a > a", "a"] * 20, value=[0.1, 0.2] * 20, nulls=[1, 0] * 20)
    result = model(journeys)
    np.testing.assert_allclose(result.share, [1.0], rtol=1e-14)
    np.testing.assert_allclose(result.credit, [6.0], rtol=1e-14)
    assert 0.9 < result.lower[0] < result.upper[0] == 1


@pytest.mark.parametrize("model", MODELS)
def test_19_two_hundred_channels_within_bounded_memory(model):
    rng = np.random.default_rng(19)
    n = 20_000
    lengths = rng.integers(1, 12, n)
    won = (rng.random(n) < 0.2).astype(float)
    journeys = Journeys(
        channels=tuple(f"channel {i:03}" for i in range(200)),
        touch=rng.integers(0, 200, lengths.sum()).astype(np.int32),
        start=np.concatenate([[0], np.cumsum(lengths)]),
        conversions=won,
        value=won * 100,
        nulls=1 - won,
        cluster=rng.integers(0, 5000, n),
    )
    tracemalloc.start()
    result = model(journeys)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.credit.sum() == pytest.approx(won.sum() * 100)
    assert np.isfinite(result.upper).all()
    # All touches by all channels at once would take 190 MiB an array.
    assert peak < 160 * 2**20


@pytest.mark.parametrize("model", MODELS)
def test_20_a_journey_of_ten_thousand_touches(model):
    long = ["a", "b", "c", "b"] * 2500
    journeys = Journeys.from_paths([long, ["a"], ["a"] * 10_000], nulls=[0, 1, 1])
    result = model(journeys)
    assert result.credit.sum() == pytest.approx(3)
    assert fit_chain(journeys).rate == pytest.approx(3 / 5, rel=1e-10)


def test_21_cents_beyond_the_exact_floats_add_up():
    total = Decimal("1000000000000000.01")
    parts = [333333333333333.31, 333333333333333.33, 333333333333333.37]
    journeys = Journeys.from_paths(["a > b > c", "b > c > a", "c"], value=parts, nulls=[1, 1, 1])
    journeys = replace(journeys, total_value=total)
    for result in compare(journeys).results:
        credit = result.to_frame(cents=True)["credit"]
        assert result.total == total
        assert sum(credit) == total
        assert {amount.as_tuple().exponent for amount in credit} == {-2}


def test_value_without_a_conversion_names_the_row():
    with pytest.raises(InputError, match="row 2"):
        Journeys.from_paths(["a", "b"], conversions=[1, 0], value=[1.0, 5.0], nulls=[0, 1])
