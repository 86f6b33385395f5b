from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import fit_chain, linear, markov
from mmm.errors import ConfigError, DataWarning, MmmError
from mmm.journeys import Journeys

JOURNEYS = Journeys.from_paths(
    ["a > b", "b", "a"], conversions=[1, 0, 0], value=[80.0, 0.0, 0.0], nulls=[0, 1, 2]
)


def test_by_hand():
    # P(a first) = 3/4, a -> b 1/3, b converts 1/2: v0 = 3/4 * 1/6 + 1/4 * 1/2 = 1/4.
    # Without a, only journeys that start in b convert: 1/8. Without b, none does.
    chain = fit_chain(JOURNEYS, measure="conversions")
    assert chain.rate == pytest.approx(1 / 4)
    np.testing.assert_allclose(chain.removal_effects(), [1 / 2, 1])
    np.testing.assert_allclose(markov(JOURNEYS).credit, [80 / 3, 160 / 3])


def test_recovers_the_removal_effects_of_a_known_chain(company):
    journeys = company.draw(np.random.default_rng(1), 200_000)
    for measure, payoff in (
        ("conversions", company.won),
        ("value", company.won * company.size),
    ):
        result = markov(journeys, measure=measure)
        np.testing.assert_allclose(result.share, company.removal_shares(payoff), atol=0.004)


def test_value_weighs_the_ends_not_the_steps():
    doubled = Journeys.from_paths(
        ["a", "b > a", "b"], value=[1.0, 1.0, 2.0], nulls=[1, 1, 1], conversions=[1, 1, 1]
    )
    by_value = markov(doubled).share
    by_deals = markov(doubled, measure="conversions").share
    assert by_value[1] > by_deals[1]


@pytest.mark.parametrize("order", [0, 7, 1.5, "1", None, True])
def test_other_orders_are_refused(order):
    with pytest.raises(ConfigError, match=r"order is .*from 1 to 6"):
        markov(JOURNEYS, order=order)


def test_reroute_has_effects_and_no_credit():
    with pytest.raises(ConfigError, match=r"signed.*to_null.*removal_effects\('reroute'\)"):
        markov(JOURNEYS, removal="reroute")


@pytest.mark.parametrize("name", ["removal", "allocation"])
def test_unknown_options_are_refused_with_the_choice(name):
    with pytest.raises(ConfigError, match=rf"{name} is 'nonsense'. Choose one of to"):
        markov(JOURNEYS, **{name: "nonsense"})


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_single_touches_leave_nothing_to_the_order(order):
    journeys = Journeys.from_paths(["a", "b"], value=[3.0, 1.0], nulls=[5, 1])
    np.testing.assert_allclose(markov(journeys, order=order).credit, [3, 1])


def test_without_nulls_is_said_not_warned_about():
    result = markov(JOURNEYS, include_nulls=False)
    assert "left out" in result.definition
    only = replace(JOURNEYS, nulls=np.zeros(3))
    with pytest.warns(DataWarning, match="non-converting journeys"):
        same = markov(only)
    assert "non-converting journeys" in same.definition
    np.testing.assert_array_equal(result.credit, same.credit)
    np.testing.assert_array_equal(result.upper, same.upper)


def test_participation_needs_neither_nulls_nor_order():
    only = replace(JOURNEYS, nulls=np.zeros(3))
    for order in (1, 4):
        result = markov(only, removal="participation", order=order)
        np.testing.assert_allclose(result.credit, [40, 40])
        assert "without a deal are" not in result.definition


def test_per_journey_by_hand():
    # Removal effects 1/2 and 1: the deal over a and b goes 1 to 2, by touch.
    twice = Journeys.from_paths(
        ["a > b > a", "b", "a"], conversions=[1, 0, 0], value=[80.0, 0.0, 0.0], nulls=[0, 1, 2]
    )
    result = markov(JOURNEYS, allocation="per_journey")
    np.testing.assert_allclose(result.credit, [80 / 3, 160 / 3])
    effect = fit_chain(twice).removal_effects()
    parts = np.array([2 * effect[0], effect[1]])
    result = markov(twice, allocation="per_journey")
    np.testing.assert_allclose(result.credit, 80 * parts / parts.sum())
    assert result.by_deal()["credit"].sum() == pytest.approx(80)


def test_there_is_no_credit_per_deal():
    with pytest.raises(MmmError, match=r"no credit per deal.*linear"):
        markov(JOURNEYS).by_deal()


def test_journeys_without_weight_change_nothing():
    more = Journeys.from_paths(
        ["a > b", "b", "a", "c > a > c"],
        conversions=[1, 0, 0, 0],
        value=[80.0, 0.0, 0.0, 0.0],
        nulls=[0, 1, 2, 0],
    )
    result = markov(more)
    assert result.credit[2] == 0
    np.testing.assert_allclose(result.credit[:2], markov(JOURNEYS).credit)


def test_no_journeys_at_all_is_an_empty_answer():
    assert markov(Journeys.from_paths([])).to_frame().empty


def test_the_definition_names_the_choices():
    result = markov(JOURNEYS)
    assert "removal effects" in result.definition
    assert "without a deal are in" in result.definition
    assert "Anderl" in result.definition
    assert all("not of a causal effect" in r.notes[0] for r in (result, linear(JOURNEYS)))


def test_no_deal_at_all_is_no_credit():
    lost = Journeys.from_paths(["a > b", "b"], conversions=[0, 0], nulls=[2, 1])
    for allocation in ("total", "per_journey"):
        result = markov(lost, allocation=allocation)
        assert result.credit.tolist() == result.share.tolist() == [0, 0]
        assert np.isnan(result.upper).all()


@pytest.mark.parametrize("allocation", ["total", "per_journey"])
@pytest.mark.parametrize("removal", ["to_null", "participation"])
def test_one_deal_more_moves_the_shares_by_its_influence(removal, allocation):
    given = {"paths": ["a > b", "b > c", "a", "c > a"], "nulls": [4, 3, 6, 2]}
    won, step = np.array([3.0, 2.0, 1.0, 2.0]), 1e-5

    def result(conversions):
        journeys = Journeys.from_paths(**given, conversions=conversions)
        return markov(journeys, removal=removal, allocation=allocation)

    _, moved = result(won).sampling.influence(np.arange(4))
    for row in range(4):
        more, less = (result(won + by * (np.arange(4) == row)) for by in (step, -step))
        np.testing.assert_allclose(moved[row], (more.share - less.share) / (2 * step), atol=1e-6)
