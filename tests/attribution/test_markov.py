import numpy as np
import pytest

from mmm.attribution import linear, markov
from mmm.attribution.markov import fit_chain, remove_each
from mmm.errors import ConfigError, MmmError
from mmm.journeys import Journeys

JOURNEYS = Journeys.from_paths(
    ["a > b", "b", "a"], conversions=[1, 0, 0], value=[80.0, 0.0, 0.0], nulls=[0, 1, 2]
)


def test_by_hand():
    # P(a first) = 3/4, a -> b 1/3, b converts 1/2: v0 = 3/4 * 1/6 + 1/4 * 1/2 = 1/4.
    # Without a, only journeys that start in b convert: 1/8. Without b, none does.
    solved = remove_each(fit_chain(JOURNEYS, JOURNEYS.conversions))
    assert solved.expected[-1] == pytest.approx(1 / 4)
    np.testing.assert_allclose(solved.effect, [1 / 2, 1])
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


@pytest.mark.parametrize("order", [0, 2, 1.5, "1", None])
def test_other_orders_are_refused(order):
    with pytest.raises(ConfigError, match=r"order is .* Use 1"):
        markov(JOURNEYS, order=order)


@pytest.mark.parametrize("removal", ["reroute", "participation", "nonsense"])
def test_other_removals_are_refused_with_the_cure(removal):
    with pytest.raises(ConfigError, match=rf"removal is '{removal}'.*to_null"):
        markov(JOURNEYS, removal=removal)


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
