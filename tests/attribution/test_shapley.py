"""Shapley values against every order of joining, and what the axioms ask."""

from dataclasses import replace
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm.attribution import fit_chain, linear, shapley
from mmm.attribution.games import (
    kernel,
    over_subsets,
    over_supersets,
    restricted_worth,
    shapley_values,
)
from mmm.attribution.shapley import set_weights
from mmm.errors import ConfigError, DataWarning
from mmm.journeys import Journeys, Unattributed
from tests.attribution.test_invariants import NAMES, build, rows

GAMES = ["sum", "rate", "counterfactual"]
MEASURES = ["value", "conversions"]
few = settings(max_examples=20)


def by_permutations(players, worth):
    """Shapley values straight from the definition: the mean over every order of joining."""
    value = dict.fromkeys(players, 0.0)
    for order in permutations(players):
        for i, player in enumerate(order):
            added = worth(frozenset(order[: i + 1])) - worth(frozenset(order[:i]))
            value[player] += added / factorial(len(players))
    return value


def worth_of(game, table, measure):
    amount = 1 if measure == "conversions" else 2

    def inside(coalition):
        return [row for row in table if set(row[0]) <= coalition]

    def sum_game(coalition):
        return sum(row[amount] for row in inside(coalition))

    def rate_game(coalition):
        weight = sum(row[1] + row[3] for row in inside(coalition))
        return sum_game(coalition) / weight if weight else 0.0

    chain = fit_chain(build(table), measure=measure)
    moves = chain.moves.toarray()

    def counterfactual(coalition):
        kept = [i for i, name in enumerate(chain.labels) if name in coalition]
        if not kept:
            return 0.0
        inner = np.eye(len(kept)) - moves[np.ix_(kept, kept)]
        return float(chain.start[kept] @ np.linalg.solve(inner, chain.payoff[kept]))

    return {"sum": sum_game, "rate": rate_game, "counterfactual": counterfactual}[game]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("game", GAMES)
@few
@given(table=rows(max_length=5))
def test_values_equal_the_mean_over_every_order(game, measure, table):
    table = [row for row in table if row[1] + row[3] > 0]
    journeys = build(table)
    value = by_permutations(journeys.channels, worth_of(game, table, measure))
    total = getattr(journeys, measure).sum()
    expected = np.array([value[name] for name in journeys.channels]) / sum(value.values()) * total
    result = shapley(journeys, game=game, measure=measure)
    np.testing.assert_allclose(result.credit, expected, atol=1e-8 * max(total, 1))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("game", GAMES)
@few
@given(table=rows(), n=st.integers(0, 5), value=st.floats(0, 1e4))
def test_credit_adds_up_to_the_total(game, measure, table, n, value):
    journeys = replace(build(table), unattributed=Unattributed(n, value if n else 0.0))
    result = shapley(journeys, game=game, measure=measure)
    frame = result.to_frame()
    assert frame["credit"].sum() == pytest.approx(float(result.total), rel=1e-9)
    assert frame["share"].sum() == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("game", GAMES)
@few
@given(table=rows())
def test_an_unused_channel_gets_nothing(game, table):
    journeys = build(table)
    wider = replace(journeys, channels=(*journeys.channels, "unused"))
    result = shapley(wider, game=game)
    assert result.credit[-1] == 0
    np.testing.assert_allclose(result.credit[:-1], shapley(journeys, game=game).credit, rtol=1e-9)


@pytest.mark.parametrize("game", GAMES)
@few
@given(table=rows(), data=st.data())
def test_names_and_rows_do_not_matter(game, table, data):
    rename = dict(zip(NAMES, data.draw(st.permutations(NAMES)), strict=True))
    changed = [
        (tuple(rename[n] for n in p), *rest) for p, *rest in data.draw(st.permutations(table))
    ]
    one, two = shapley(build(table), game=game), shapley(build(changed), game=game)
    before = {rename[name]: share for name, share in zip(one.channels, one.share, strict=True)}
    after = dict(zip(two.channels, two.share, strict=True))
    assert before == pytest.approx(after, abs=1e-9)


@pytest.mark.parametrize("game", GAMES)
def test_channels_that_play_the_same_part_get_the_same(game):
    paths = ["a > c", "b > c", "a", "b", "c"]
    journeys = Journeys.from_paths(paths, conversions=[3, 3, 1, 1, 2], nulls=[4, 4, 9, 9, 1])
    credit = shapley(journeys, game=game).credit
    assert credit[0] == pytest.approx(credit[1])
    assert credit[0] != pytest.approx(credit[2])


@few
@given(table=rows())
def test_deals_add_up_to_the_sum_game(table):
    journeys = build(table)
    result = shapley(journeys)
    by_deal = result.by_deal()
    for j, path in enumerate(journeys.paths()):
        if journeys.value[j]:
            credit = by_deal.loc[by_deal["journey"] == j].set_index("channel")["credit"]
            assert set(credit.index) == set(path)
            np.testing.assert_allclose(credit, journeys.value[j] / len(set(path)))


def test_a_rate_that_a_channel_lowers_is_reported_negative():
    journeys = Journeys.from_paths(
        ["good", "good > bad", "bad"], conversions=[90, 10, 0], nulls=[10, 90, 100]
    )
    result = shapley(journeys, game="rate", level=0.95)
    # v(good) = 0.9, v(bad) = 0, v(both) = 1/3: bad gets (0 + 1/3 - 0.9) / 2.
    assert result.channels == ("bad", "good")
    np.testing.assert_allclose(result.share, [-0.85, 1.85])
    assert result.lower[0] < -0.85 < result.upper[0] < 0
    assert "Negative" in result.definition


def test_ordered_splits_each_channel_by_place():
    journeys = Journeys.from_paths(["a > b > a", "b"], value=[60.0, 5.0], nulls=[1, 1])
    frame = shapley(journeys, ordered=True).to_frame().set_index("channel")
    assert frame["credit"].to_dict() == {
        "a, touch 1": 15.0, "a, touch 3": 15.0, "b, touch 1": 5.0, "b, touch 2": 30.0,
    }  # fmt: skip
    assert frame.loc["b, touch 2", "n_deals"] == 1


@few
@given(table=rows(max_length=14))
def test_ordered_keeps_the_totals_by_channel(table):
    journeys = build(table)
    frame = shapley(journeys, ordered=True).to_frame()
    summed = frame.groupby(frame["channel"].str.split(", touch").str[0])["credit"].sum()
    np.testing.assert_allclose(summed[list(journeys.channels)], shapley(journeys).credit, rtol=1e-9)


def test_long_journeys_count_later_places_together():
    result = shapley(Journeys.from_paths([["a"] * 12]), ordered=True)
    assert result.channels[-1] == "a, touch 10 or later"
    np.testing.assert_allclose(result.share, [1 / 12] * 9 + [3 / 12])


def test_without_repeats_the_sum_game_is_linear():
    journeys = Journeys.from_paths(["a > b > c", "b > a", "c"], value=[9.0, 4.0, 1.0])
    np.testing.assert_allclose(shapley(journeys).credit, linear(journeys).credit)
    assert set_weights(journeys).tolist() == [1 / 3] * 3 + [1 / 2] * 2 + [1.0]


def test_counterfactual_shares_out_every_path_of_the_chain(company):
    """The unique-uniform scheme, by simulating paths of the fitted chain."""
    journeys = company.draw(np.random.default_rng(1), 300)
    simulated = company.draw(np.random.default_rng(2), 400_000)
    # Both come from the same chain, up to sampling error.
    unique_uniform = shapley(simulated, measure="conversions").share
    value = shapley(journeys, game="counterfactual", measure="conversions", level=0.9999)
    assert ((value.lower < unique_uniform) & (unique_uniform < value.upper)).all()
    exact = shapley(simulated, game="counterfactual", measure="conversions").share
    np.testing.assert_allclose(exact, unique_uniform, atol=0.002)


def test_bad_input_19_too_many_channels_for_coalitions():
    names = [f"channel {i}" for i in range(200)]
    journeys = Journeys.from_paths([[name] for name in names], nulls=[1] * 200)
    assert shapley(journeys).credit.sum() == 200
    for game in ("rate", "counterfactual"):
        with pytest.raises(ConfigError, match=r"2\^200 .*coalitions.*20 channels.*game='sum'"):
            shapley(journeys, game=game)


@pytest.mark.parametrize("game", ["rate", "counterfactual"])
def test_twenty_channels_are_exact(game):
    rng = np.random.default_rng(20)
    names = [f"channel {i:02}" for i in range(20)]
    paths = [[names[i] for i in rng.integers(0, 20, rng.integers(1, 6))] for _ in range(300)]
    won = rng.integers(0, 2, 300)
    journeys = Journeys.from_paths(paths, conversions=won, nulls=1 - won)
    result = shapley(journeys, game=game)
    assert result.credit.sum() == pytest.approx(won.sum(), rel=1e-9)
    assert np.isfinite(result.upper).all()


def test_bad_input_13_without_nulls_games_of_rates_warn():
    journeys = Journeys.from_paths(["a", "b"], conversions=[3, 1])
    with pytest.warns(DataWarning, match="No journey ended without a deal"):
        result = shapley(journeys, game="rate")
    assert any("every set of channels" in note for note in result.notes)


@pytest.mark.parametrize("game", GAMES)
def test_bad_input_12_no_conversion_gives_no_credit(game):
    journeys = Journeys.from_paths(["a", "b"], conversions=[0, 0], nulls=[3, 1])
    result = shapley(journeys, game=game)
    assert result.credit.tolist() == [0, 0]
    assert any("No conversion" in note for note in result.notes)


def test_options_are_checked():
    journeys = Journeys.from_paths(["a"], nulls=[1])
    with pytest.raises(ConfigError, match="Choose one of sum, rate, counterfactual"):
        shapley(journeys, game="nonsense")
    with pytest.raises(ConfigError, match="ordered=True goes with game='sum'"):
        shapley(journeys, game="rate", ordered=True)


@given(st.lists(st.integers(-9, 9), min_size=16, max_size=16))
def test_transforms_equal_their_definition(numbers):
    worth = np.array(numbers, dtype=float)
    sets = range(16)
    below = [sum(worth[t] for t in sets if t & s == t) for s in sets]
    above = [sum(worth[t] for t in sets if t & s == s) for s in sets]
    np.testing.assert_allclose(over_subsets(worth), below)
    np.testing.assert_allclose(over_supersets(worth), above)
    assert shapley_values(worth).sum() == pytest.approx(worth[15] - worth[0])
    member, other = kernel(4)
    # Every order of joining passes one coalition of each size.
    assert member.sum() == pytest.approx(sum(1 / s for s in range(1, 5)))
    assert other.sum() == pytest.approx(member.sum())


def test_elimination_equals_solving_every_coalition():
    rng = np.random.default_rng(0)
    chain = rng.random((6, 6)) / 8
    worth = restricted_worth(chain)[-1].ravel() - chain[-1, -1]
    for coalition in range(32):
        kept = [i for i in range(5) if coalition >> i & 1]
        inner = np.eye(len(kept)) - chain[np.ix_(kept, kept)]
        expected = chain[-1, kept] @ np.linalg.solve(inner, chain[kept, -1]) if kept else 0.0
        assert worth[coalition] == pytest.approx(expected)
