"""Removal effects against direct removal, at every order, by every way of solving."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm.attribution import fit_chain, markov
from mmm.attribution.chain import removal
from mmm.attribution.chain.removal import remove_each, solve_columns
from mmm.errors import ConfigError
from mmm.journeys import Journeys
from tests.attribution.chain.oracle import Oracle
from tests.attribution.test_invariants import NAMES, build, rows

ORDERS = [1, 2, 3, 4]
# Many combinations of parameters: few examples of each.
few = settings(max_examples=12)
MEASURES = ["value", "conversions"]


def oracle(table, order, measure):
    amount = 1 if measure == "conversions" else 2
    return Oracle([(row[0], row[1] + row[3], row[amount]) for row in table], order)


@pytest.fixture(params=["one inverse", "iteration", "sparse factors"])
def way(request, monkeypatch):
    """Every way of solving a chain; the first two meet at a number of states."""
    if request.param != "one inverse":
        monkeypatch.setattr(removal, "FEW_STATES", 0)
    if request.param == "sparse factors":
        monkeypatch.setattr(removal, "ROUNDS", 0)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("order", ORDERS)
@few
@given(table=rows())
def test_effects_equal_direct_removal(order, measure, table):
    journeys = build(table)
    effects = fit_chain(journeys, order, measure).removal_effects()
    chain = oracle(table, order, measure)
    expected = [chain.effect(name) for name in journeys.channels]
    np.testing.assert_allclose(effects, expected, atol=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("order", ORDERS)
@few
@given(table=rows())
def test_rerouted_effects_equal_direct_removal(order, measure, table):
    journeys = build(table)
    effects = fit_chain(journeys, order, measure).removal_effects("reroute")
    chain = oracle(table, order, measure)
    expected = [chain.effect(name, reroute=True) for name in journeys.channels]
    np.testing.assert_allclose(effects, expected, atol=1e-7)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
@few
@given(table=rows())
def test_every_order_converts_as_often_as_the_journeys(order, table):
    journeys = build(table)
    for measure in MEASURES:
        chain = fit_chain(journeys, order, measure)
        inner = np.eye(len(chain.states)) - chain.moves.toarray()
        solved = chain.start @ np.linalg.solve(inner, chain.payoff)
        n_journeys = (journeys.conversions + journeys.nulls).sum()
        assert solved == pytest.approx(getattr(journeys, measure).sum() / n_journeys, rel=1e-9)
        assert chain.rate == pytest.approx(solved, rel=1e-9)


@given(table=rows(max_length=6))
def test_a_chain_as_long_as_the_journeys_is_participation(table):
    chain = fit_chain(build(table), 6)
    np.testing.assert_allclose(
        chain.removal_effects(), chain.removal_effects("participation"), atol=1e-12
    )


@given(table=rows())
def test_participation_is_what_journeys_with_the_channel_brought(table):
    chain = fit_chain(build(table))
    for i, name in enumerate(chain.channels):
        brought = sum(v for p, _, v, _ in table if name in p) / sum(v for _, _, v, _ in table)
        assert chain.participation[i] == pytest.approx(brought, abs=1e-12)


def test_orders_approach_participation(path_data):
    far = []
    for order in (1, 2, 3, 4, 5, 6):
        chain = fit_chain(path_data, order, "conversions")
        far.append(np.abs(chain.removal_effects() - chain.participation).max())
    assert (np.diff(far) < 0).all()
    assert far[-1] < 0.003


def test_path_data_at_high_order_equals_direct_removal(path_data):
    chain = fit_chain(path_data, 3, "conversions")
    weight = path_data.conversions + path_data.nulls
    known = Oracle(list(zip(path_data.paths(), weight, path_data.conversions, strict=True)), 3)
    i = path_data.channels.index("alpha")
    assert chain.removal_effects()[i] == pytest.approx(known.effect("alpha"), abs=1e-11)


def test_circles_without_a_way_out_bring_nothing(monkeypatch):
    journeys = Journeys.from_paths(["b > a > b > a > c", "b"], conversions=[1, 1], nulls=[1, 0])
    for rounds in (1000, 0):
        monkeypatch.setattr(removal, "ROUNDS", rounds)
        effects = fit_chain(journeys, 2).removal_effects("reroute")
        # Without c the first journey goes round in a and b: only the second is left, of all.
        assert effects[2] == pytest.approx(1 - (1 / 3) / (2 / 3))


def test_a_slow_chain_falls_back_on_sparse_factors():
    """One journey in a thousand steps ends: a thousand rounds are not enough."""
    rng = np.random.default_rng(0)
    long = [NAMES[i] for i in rng.integers(0, 5, 20_000)]
    journeys = Journeys.from_paths([long, ["a"], ["b"]], conversions=[1, 1, 0], nulls=[0, 0, 1])
    chain = fit_chain(journeys, 4)
    everything = np.ones((len(chain.states), 1))
    worth = solve_columns(chain.moves, everything, chain.payoff)
    assert len(chain.states) > removal.FEW_STATES
    assert float((chain.start @ worth)[0]) == pytest.approx(2 / 3, rel=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_unused_channels_and_channels_without_weight_lose_nothing(order):
    journeys = Journeys.from_paths(
        ["a > b", "b", "c > a > c"], conversions=[1, 0, 0], nulls=[0, 2, 0]
    )
    wider = replace(journeys, channels=(*journeys.channels, "unused"))
    chain = fit_chain(wider, order)
    for how in removal.REMOVALS:
        assert chain.removal_effects(how)[2:].tolist() == [0.0, 0.0]


def test_reroute_may_be_negative_and_is_not_clipped():
    journeys = Journeys.from_paths(["good", "bad"], conversions=[8, 1], nulls=[2, 9])
    effects = fit_chain(journeys).removal_effects("reroute")
    # Everything in "good" converts 8 in 10, against 9 in 20.
    np.testing.assert_allclose(effects, [1 - 0.8 / 0.45, 1 - 0.1 / 0.45])


def test_a_state_that_leads_only_to_the_removed_channel_ends():
    journeys = Journeys.from_paths(["a > b", "c"], nulls=[0, 1])
    effects = fit_chain(journeys).removal_effects("reroute")
    # Without b, journeys that begin in a end there: 1 in 3 begins in c, which wins half.
    assert effects[1] == pytest.approx(1 - (2 / 3 * 0.5) / (2 / 3))


def test_expected_visits_agree_between_the_ways(path_data, monkeypatch):
    chain = fit_chain(path_data, 2)
    monkeypatch.setattr(removal, "FEW_STATES", 1000)
    dense = remove_each(chain)
    monkeypatch.setattr(removal, "FEW_STATES", 0)
    sparse = remove_each(chain)
    np.testing.assert_allclose(dense.worth, sparse.worth, atol=1e-9)
    np.testing.assert_allclose(dense.reached, removal.reach_each(chain), atol=1e-7)


def test_a_chain_that_does_not_fit_is_refused_with_its_size(monkeypatch):
    journeys = Journeys.from_paths(["a > b > c"], nulls=[1])
    monkeypatch.setattr(removal, "MOST_CELLS", 5)
    with pytest.raises(ConfigError, match=r"2 states and 3 channels takes .* GiB.*lower order"):
        markov(journeys, order=2)


def test_bad_input_19_two_hundred_channels_at_order_two():
    rng = np.random.default_rng(19)
    n = 2000
    lengths = rng.integers(1, 8, n)
    won = (rng.random(n) < 0.2).astype(float)
    journeys = Journeys(
        channels=tuple(f"channel {i:03}" for i in range(200)),
        touch=rng.integers(0, 200, lengths.sum()).astype(np.int32),
        start=np.concatenate([[0], np.cumsum(lengths)]),
        conversions=won,
        value=won * 100,
        nulls=1 - won,
    )
    result = markov(journeys, order=2)
    assert result.credit.sum() == pytest.approx(won.sum() * 100)
    assert np.isfinite(result.upper).all()


@pytest.mark.parametrize("order", [2, 4])
def test_bad_input_20_ten_thousand_touches_at_high_order(order):
    long = ["a", "b", "c", "b"] * 2500
    journeys = Journeys.from_paths([long, ["a"], ["a"] * 10_000], nulls=[0, 1, 1])
    assert markov(journeys, order=order).credit.sum() == pytest.approx(3)


@given(table=rows(), data=st.data())
def test_rows_names_aggregation_and_scale_do_not_matter(table, data):
    order = data.draw(st.sampled_from([2, 3]))
    before = dict(zip(build(table).channels, markov(build(table), order=order).share, strict=True))
    rename = dict(zip(NAMES, data.draw(st.permutations(NAMES)), strict=True))
    changed = [
        (tuple(rename[name] for name in path), half * c, half * v, half * u)
        for path, c, v, u in data.draw(st.permutations(table))
        for half in (1.0, 2.0)
    ]
    journeys = build(changed)
    after = dict(zip(journeys.channels, markov(journeys, order=order).share, strict=True))
    for name, share in before.items():
        assert after[rename[name]] == pytest.approx(share, abs=1e-9)
