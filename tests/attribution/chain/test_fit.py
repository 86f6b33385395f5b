"""States, probabilities and frames of a chain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import fit_chain
from mmm.attribution.chain import states
from mmm.attribution.chain.states import walk
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys
from tests.attribution.test_invariants import build, rows

JOURNEYS = Journeys.from_paths(
    ["a > b > b > c", "c", "a > b"], conversions=[2, 1, 0], value=[8.0, 1.0, 0.0], nulls=[1, 3, 2]
)


@given(table=rows(), order=st.integers(1, 6))
def test_walks_visit_the_grams_of_each_journey(table, order):
    journeys = build(table)
    walks = walk(journeys, order)
    for j, path in enumerate(journeys.paths()):
        grams = [path[i : i + order] for i in range(max(1, len(path) - order + 1))]
        expected = [g for i, g in enumerate(grams) if i == 0 or grams[i - 1] != g]
        visits = walks.state[walks.start[j] : walks.start[j + 1]]
        codes = walks.states[visits]
        assert [tuple(journeys.channels[c] for c in row if c >= 0) for row in codes] == expected
        step = walks.step[walks.start[j] : walks.start[j + 1]]
        assert walks.source[step].tolist() == visits.tolist()
        assert walks.target[step].tolist() == [*visits[1:].tolist(), -1]


def test_a_sort_ranks_like_the_table(monkeypatch):
    with_table = walk(JOURNEYS, 3)
    monkeypatch.setattr(states, "LOOKUP", 0)
    by_sort = walk(JOURNEYS, 3)
    for name in ("states", "start", "state", "step", "source", "target"):
        np.testing.assert_array_equal(getattr(with_table, name), getattr(by_sort, name))


@given(table=rows(), order=st.integers(1, 4))
def test_rows_of_probabilities_sum_to_one(table, order):
    chain = fit_chain(build(table), order)
    leaving = chain.moves.sum(axis=1) + chain.conversion + chain.null
    np.testing.assert_allclose(leaving[chain.visits > 0], 1)
    assert chain.start.sum() == pytest.approx(1)


def test_by_hand():
    chain = fit_chain(JOURNEYS, 2)
    # "a > b > b > c" visits ab, bb, bc; "a > b" ab; "c" alone is a state of its own.
    assert chain.labels == ("c", "a > b", "b > b", "b > c")
    assert chain.visits.tolist() == [4, 5, 3, 3]
    np.testing.assert_allclose(chain.start, [4 / 9, 5 / 9, 0, 0])
    np.testing.assert_allclose(chain.moves.toarray()[1], [0, 0, 3 / 5, 0])
    np.testing.assert_allclose(chain.conversion, [1 / 4, 0, 0, 2 / 3])
    np.testing.assert_allclose(chain.null, [3 / 4, 2 / 5, 0, 1 / 3])
    np.testing.assert_allclose(chain.payoff, [1 / 4, 0, 0, 8 / 3])
    assert chain.rate == pytest.approx(1.0)
    np.testing.assert_allclose(chain.participation, [8 / 9, 8 / 9, 1])


@given(table=rows(), order=st.integers(1, 3))
def test_transitions_hold_every_count_once(table, order):
    journeys = build(table)
    frame = fit_chain(journeys, order).transitions()
    assert not frame.duplicated(["source", "target"]).any()
    ends = frame.groupby("target")["count"].sum()
    assert ends["(conversion)"] == pytest.approx(journeys.conversions.sum())
    assert ends["(null)"] == pytest.approx(journeys.nulls.sum())
    sums = frame.groupby("source")["probability"].sum()
    np.testing.assert_allclose(sums, 1)
    begun = frame.loc[frame["source"] == "(start)", "count"].sum()
    assert begun == pytest.approx(journeys.conversions.sum() + journeys.nulls.sum())


def test_the_frame_has_one_row_a_state():
    frame = fit_chain(JOURNEYS).to_frame()
    assert frame.columns.tolist() == ["state", "visits", "start", "conversion", "null"]
    assert frame["state"].tolist() == ["a", "b", "c"]


def test_without_nulls_every_end_converts():
    chain = fit_chain(JOURNEYS, include_nulls=False)
    assert chain.null.tolist() == [0, 0, 0]
    assert chain.n_journeys == 3


def test_nothing_to_estimate_is_said():
    with pytest.raises(InputError, match="no journey with weight"):
        fit_chain(Journeys.from_paths(["a"], conversions=[0]))


def test_unknown_removals_are_refused():
    with pytest.raises(ConfigError, match="to_null, participation, reroute"):
        fit_chain(JOURNEYS).removal_effects("nonsense")


def test_channels_that_cannot_be_numbered_are_refused():
    names = [f"channel {i}" for i in range(2000)]
    with pytest.raises(ConfigError, match="2000 channels are too many for order 6"):
        fit_chain(Journeys.from_paths([names], nulls=[1]), 6)
