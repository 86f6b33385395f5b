"""The level is the recent one, its spread at least that of counts."""

import numpy as np
import pytest

from mmm.funnel.forecast.inflow import Inflow, draw_counts, recent_inflow


def test_the_level_is_that_of_the_window():
    at = -np.concatenate([np.arange(0.0, 100.0, 2.0), np.arange(100.0, 400.0, 10.0)])
    inflow = recent_inflow(at, 99.0)
    assert inflow.per_day == pytest.approx(50 / 99)
    assert recent_inflow(at[:5], 99.0).window_days == 28.0
    assert recent_inflow(at[:0], 99.0).count == 0


def test_spread_is_found_where_it_is():
    rng = np.random.default_rng(2)
    even = recent_inflow(-rng.uniform(0, 3000, 3000), 182.0)
    assert even.dispersion < 1.5
    bursts = np.repeat(-rng.uniform(0, 3000, 300), 10)
    assert 6 < recent_inflow(bursts, 182.0).dispersion < 15


@pytest.mark.parametrize("dispersion", [1.0, 4.0])
def test_drawn_counts_carry_level_and_spread(dispersion):
    inflow = Inflow(400, 100.0, dispersion)
    drawn = draw_counts(inflow, 50.0, 40_000, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(200, rel=0.01)
    # Counts, then the level: 200 d + 200 ** 2 * d / 400.
    assert drawn.var() == pytest.approx(200 * dispersion + 100 * dispersion, rel=0.05)


def test_no_arrivals_no_draws():
    assert draw_counts(Inflow(0, 100.0, 1.0), 50.0, 3, np.random.default_rng(0)).tolist() == [0] * 3
