"""Horizons: settled ones stay with more follow-up, steady ones stop before the edge."""

import numpy as np
import pytest

from mmm.funnel.durations import cumulative_incidence, settled_horizon, steady_horizon


def seen_after(look, seed=0, n=2000):
    """Half end within weeks, some after a year; followed for `look` days."""
    rng = np.random.default_rng(seed)
    late = rng.random(n) < 0.3
    took = np.where(late, rng.uniform(0, 900, n), rng.gamma(2, 5, n))
    took[rng.random(n) < 0.6] = np.inf
    born = rng.uniform(0, 60, n)
    age = look - born
    return cumulative_incidence(np.minimum(took, age), np.where(took <= age, 1, 0))


def test_the_settled_horizon_stays_when_looking_again():
    assert {settled_horizon(seen_after(look)) for look in (120, 200, 400, 800)} == {90.0}


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_win_or_two_settle_nothing(n):
    curve = cumulative_incidence([3.0] * n + [400.0] * 30, [1] * n + [0] * 30)
    assert settled_horizon(curve) == 400.0


def test_a_steady_horizon_has_enough_at_risk_or_all_of_the_ends():
    edge = cumulative_incidence([10] * 30 + [20] * 29 + [90], [1] * 30 + [0] * 29 + [1])
    assert steady_horizon(edge) == 20.0
    ended = cumulative_incidence(np.arange(1.0, 41.0), np.ones(40, int))
    assert steady_horizon(ended) == 40.0
    few = cumulative_incidence([1, 2, 3], [1, 0, 1])
    assert steady_horizon(few) == 3.0
