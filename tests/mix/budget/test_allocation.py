"""The best split of a budget: brute force, rules that are never broken, a bound that holds."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.mix.budget.allocation import Rules, best_allocation, upper_bound


def hill(half, power, height):
    def value(spend):
        ratio = (np.maximum(spend, 0) / half[:, None]) ** power[:, None]
        return height[:, None] * ratio / (1 + ratio)

    def slope(spend):
        spend = np.maximum(spend, 1e-9)
        ratio = (spend / half[:, None]) ** power[:, None]
        return height[:, None] * power[:, None] * ratio / spend / (1 + ratio) ** 2

    return value, slope


def curves(seed, n_channels):
    rng = np.random.default_rng(seed)
    half, power = rng.uniform(3, 30, n_channels), rng.uniform(0.7, 3.0, n_channels)
    return hill(half, power, rng.uniform(10, 100, n_channels))


def rules(lower, upper, total, presence=0.0, step=0.0, caps=()):
    lower = np.asarray(lower, dtype=float)
    flat = np.zeros(len(lower))
    return Rules(lower, flat + upper, total, flat + presence, flat + step, caps)


def brute_force(value, asked, n_points):
    """Try every split of the total over a grid, rule by rule."""
    lower, upper = asked.lower, asked.upper
    grids = [np.linspace(lo, up, n_points) for lo, up in zip(lower[:-1], upper[:-1], strict=True)]
    best = -np.inf
    for head in itertools.product(*grids):
        spend = np.array([*head, asked.total - sum(head)])
        small = (spend > 1e-9) & (spend < asked.presence - 1e-9)
        capped = all(spend[list(who)].sum() <= cap + 1e-9 for who, cap in asked.caps)
        if lower[-1] - 1e-9 <= spend[-1] <= upper[-1] + 1e-9 and not small.any() and capped:
            best = max(best, float(value(spend[:, None]).sum()))
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "extra", [{}, {"presence": 6.0}, {"caps": (((0, 2), 12.0),)}, {"step": 0.5}]
)
def test_nothing_on_a_grid_is_better_and_nothing_passes_the_bound(seed, extra):
    value, slope = curves(seed, 3)
    asked = rules([0.0, 0.0, 0.0], 25.0, 30.0, **extra)
    found = best_allocation(value, slope, asked)
    tried = brute_force(value, asked, 26)
    assert found.value >= tried * (1 - 1e-9)
    assert found.bound >= max(found.value, tried)
    assert found.value == pytest.approx(float(value(found.spend[:, None]).sum()))
    if "step" in extra:
        assert np.allclose(found.spend / 0.5, np.rint(found.spend / 0.5))
    elif "caps" not in extra:  # with a cap the bound prices the total alone
        assert found.gap < (2e-3 if "presence" in extra else 1e-3)


@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.05, 0.95), st.booleans())
def test_the_total_is_met_and_no_rule_is_broken(seed, n_channels, fill, capped):
    value, slope = curves(seed, n_channels)
    rng = np.random.default_rng(seed + 1)
    lower = rng.uniform(0, 10, n_channels)
    upper = lower + rng.uniform(0, 20, n_channels)
    caps = ()
    if capped:
        room = fill * (upper - lower)[:2].sum() + lower[:2].sum()
        caps, upper_sum = (((0, 1), room),), room + upper[2:].sum()
    else:
        upper_sum = upper.sum()
    total = lower.sum() + fill * (upper_sum - lower.sum())
    found = best_allocation(value, slope, rules(lower, upper, total, caps=caps))
    assert found.spend.sum() == pytest.approx(total, rel=1e-9)
    assert (found.spend >= lower - 1e-9).all()
    assert (found.spend <= upper + 1e-9).all()
    assert all(found.spend[list(who)].sum() <= cap + 1e-6 for who, cap in caps)
    assert found.bound >= found.value


@given(st.integers(0, 10_000), st.floats(10, 60), st.floats(0.1, 20))
def test_more_budget_never_brings_less(seed, total, more):
    value, slope = curves(seed, 4)
    little = best_allocation(value, slope, rules(np.zeros(4), 100.0, total))
    much = best_allocation(value, slope, rules(np.zeros(4), 100.0, total + more))
    assert much.value >= little.value * (1 - 1e-6)
    assert much.bound >= little.value


@given(st.integers(0, 10_000))
def test_a_free_total_stops_where_a_unit_returns_its_price(seed):
    value, slope = curves(seed, 3)
    asked = rules(np.zeros(3), 80.0, None)
    found = best_allocation(value, slope, asked)
    inside = (found.spend > 0.01) & (found.spend < 79.99)
    assert slope(found.spend[:, None])[inside, 0] == pytest.approx(1.0, abs=0.02)
    assert found.multiplier == 1.0
    grid = np.linspace(0, 80, 8001) + np.zeros((3, 1))
    assert found.value == pytest.approx((value(grid) - grid).max(axis=1).sum(), rel=1e-3, abs=1e-3)


def test_equal_channels_with_an_s_shape_are_not_split_equally():
    value, slope = hill(np.full(2, 10.0), np.full(2, 3.0), np.full(2, 50.0))
    found = best_allocation(value, slope, rules(np.zeros(2), 12.0, 12.0))
    assert sorted(found.spend.round(6).tolist()) == [0.0, 12.0]


def test_no_room_and_no_return_are_answered():
    value, slope = curves(0, 3)
    fixed = best_allocation(value, slope, rules([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 6.0))
    assert fixed.spend.tolist() == [1.0, 2.0, 3.0]
    nothing = best_allocation(np.zeros_like, np.zeros_like, rules(np.zeros(2), 5.0, 5.0))
    assert nothing.spend.sum() == pytest.approx(5.0)
    assert upper_bound(np.zeros_like, rules(np.zeros(2), 5.0, 5.0))[0] == pytest.approx(
        0.0, abs=1e-9
    )
