"""Refunds in a chain: signed credit, whole totals, derivatives, and results that can be pickled."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mmm
from mmm.attribution import compare, fit_chain, linear, markov, shapley, shrink
from mmm.attribution.refunds import NOTE

WAYS = [
    {"order": 1},
    {"order": 2},
    {"removal": "participation"},
    {"allocation": "per_journey"},
]


@pytest.fixture
def returned(company):
    """Journeys of which one in six brought a refund."""
    drawn = company.draw(np.random.default_rng(5), 60)
    sign = np.where(np.arange(len(drawn)) % 6 == 0, -0.5, 1.0)
    return replace(drawn, nulls=drawn.nulls + 0.5, value=drawn.value * sign)


def single_touches(values):
    touches = pd.DataFrame(
        {"person_id": ["p", "q", "r"], "touched_at": ["2024-01-01"] * 3, "channel": ["x", "y", "x"]}
    )
    deals = pd.DataFrame(
        {
            "deal_id": ["1", "2", "3"],
            "person_id": ["p", "q", "r"],
            "created_at": ["2024-01-02"] * 3,
            "closed_at": ["2024-02-01"] * 3,
            "won": [True, True, False],
            "value": [*values, 0.0],
        }
    )
    return mmm.build_journeys(touches, mmm.read_deals(deals, refunds=True))


@pytest.mark.filterwarnings("ignore:touches span:mmm.errors.DataWarning")
@pytest.mark.parametrize("values", [(100.0, -30.0), (30.0, -100.0), (-5.0, -6.0), (30.0, -30.0)])
@pytest.mark.parametrize("way", WAYS)
def test_single_touches_keep_what_they_brought_and_took(values, way):
    result = markov(single_touches(values), **way)
    np.testing.assert_allclose(result.credit, values)
    assert NOTE in result.notes
    assert float(result.total) == pytest.approx(sum(values))


@pytest.mark.parametrize("way", WAYS)
def test_refunds_are_taken_off_what_sales_are_credited_with(returned, way):
    def alone(sign):
        return replace(returned, value=np.maximum(sign * returned.value, 0.0))

    both = markov(returned, **way)
    apart = markov(alone(1), **way).credit - markov(alone(-1), **way).credit
    np.testing.assert_allclose(both.credit, apart, atol=1e-9)
    assert both.credit.sum() == pytest.approx(returned.value.sum())


def test_without_refunds_nothing_is_said_or_changed(returned):
    sales = replace(returned, value=np.abs(returned.value))
    assert NOTE not in markov(sales).notes
    assert (markov(sales).credit > 0).all()


@pytest.mark.parametrize("way", WAYS)
def test_influence_with_refunds_is_the_derivative(returned, way):
    rows = np.arange(0, len(returned), 5)
    null, won = markov(returned, **way).sampling.influence(rows)
    step = 1e-5
    each = returned.value / np.maximum(returned.conversions, 1)

    def moved(row, conversions, nulls):
        one = np.zeros(len(returned))
        one[row] = step
        up, down = (
            markov(
                replace(
                    returned,
                    conversions=returned.conversions + sign * one * conversions,
                    value=returned.value + sign * one * conversions * each,
                    nulls=returned.nulls + sign * one * nulls,
                ),
                **way,
            ).share
            for sign in (1, -1)
        )
        return (up - down) / (2 * step)

    for i, row in enumerate(rows):
        np.testing.assert_allclose(null[i], moved(row, 0, 1), atol=1e-7)
        if returned.conversions[row]:
            np.testing.assert_allclose(won[i], moved(row, 1, 0), atol=1e-7)


def test_credit_per_deal_adds_up_with_refunds(returned):
    result = markov(returned, allocation="per_journey")
    told = result.by_deal()
    by_journey = told.groupby("journey")["credit"].sum()
    np.testing.assert_allclose(by_journey, returned.value[by_journey.index])
    by_channel = told.groupby("channel")["credit"].sum().reindex(result.channels)
    np.testing.assert_allclose(by_channel, result.credit)


@pytest.mark.filterwarnings("ignore:touches span:mmm.errors.DataWarning")
def test_removal_effects_of_refunds_are_signed():
    effects = fit_chain(single_touches((100.0, -30.0))).removal_effects()
    np.testing.assert_allclose(effects, [100 / 70, -30 / 70])


@pytest.mark.parametrize(
    "model",
    [
        markov,
        lambda j: markov(j, order=2),
        lambda j: markov(j, removal="participation"),
        lambda j: markov(j, allocation="per_journey"),
        shapley,
        lambda j: shapley(j, game="rate"),
        lambda j: shapley(j, game="counterfactual"),
        lambda j: shrink(markov(j), linear(j)),
    ],
)
def test_results_come_back_from_a_pickle(company, model):
    result = model(company.draw(np.random.default_rng(6), 80))
    rows = np.arange(20)
    before = result.sampling.influence(rows)
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.credit, result.credit)
    np.testing.assert_array_equal(again.sampling.influence(rows), before)


def test_a_comparison_and_one_with_refunds_can_be_pickled(returned):
    assert pickle.loads(pickle.dumps(markov(returned))).credit.tolist()
    told = compare(returned, models=["linear", "markov", "shapley"])
    assert pickle.loads(pickle.dumps(told)).to_frame().equals(told.to_frame())
