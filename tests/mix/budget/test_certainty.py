"""How sure a plan is: the closed forms against simulation, and words tied to figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.mix.budget.certainty import Certainty, advise, judge, learned_tau, probability_above_zero


def test_probability_and_loss_equal_a_simulation_of_the_hidden_bias():
    rng = np.random.default_rng(0)
    gain, moved = rng.normal(2.0, 3.0, 400), np.array([5.0, -4.0, -1.0])
    tau = np.array([0.4, 0.3, 0.5])
    found = judge(gain, moved, tau)
    biased = gain[:, None] + (rng.normal(size=(400, 4000, 3)) * tau) @ moved
    assert found.probability_better == pytest.approx((biased > 0).mean(), abs=0.002)
    assert found.expected_loss == pytest.approx(np.maximum(-biased, 0).mean(), rel=0.01)


@given(st.floats(0.0, 2.0), st.floats(0.01, 2.0), st.integers(0, 1000))
def test_more_hidden_bias_brings_the_probability_towards_a_half_and_raises_the_loss(
    tau, more, seed
):
    gain = np.abs(np.random.default_rng(seed).normal(1.0, 0.5, 100))
    moved = np.array([1.0, -1.0])
    little, much = (judge(gain, moved, np.full(2, by)) for by in (tau, tau + more))
    assert 0.5 <= much.probability_better <= little.probability_better
    assert much.expected_loss >= little.expected_loss - 1e-12


def test_the_tipping_point_is_where_the_probability_is_80_percent():
    gain = np.random.default_rng(1).normal(3.0, 1.0, 500)
    moved, tau = np.array([2.0, -2.0]), np.full(2, 0.3)
    tipping = judge(gain, moved, tau).tipping_tau
    spread = tipping * np.sqrt(((tau * moved) ** 2).sum())
    assert probability_above_zero(gain, spread) == pytest.approx(0.8, abs=1e-6)
    assert judge(-gain, moved, tau).tipping_tau is None
    assert judge(gain, np.zeros(2), tau).tipping_tau == float("inf")


@pytest.mark.parametrize(
    ("probability", "loss", "gain", "advice"),
    [
        (0.95, 1.0, 100.0, "move"),
        (0.89, 1.0, 100.0, "move half, then test"),
        (0.95, 11.0, 100.0, "move half, then test"),
        (0.69, 1.0, 100.0, "test first"),
        (0.95, 0.0, 0.0, "stay"),
        (0.40, 5.0, -1.0, "stay"),
    ],
)
def test_each_figure_can_flip_the_advice(probability, loss, gain, advice):
    assert advise(Certainty(probability, loss, None), gain) == advice


def test_tau_is_learned_from_gaps_beyond_their_error_and_never_0():
    assert learned_tau(np.array([]), np.array([]), 2.0) == pytest.approx(0.8)
    assert learned_tau(np.zeros(50), np.ones(50), 2.0) > 0
    wide = learned_tau(np.array([3.0, -3.0]), np.array([0.1, 0.1]), 1.0)
    assert wide == pytest.approx(np.sqrt((5 * 0.16 + 2 * (9 - 0.01)) / 7))
