"""Terms add up to the change; both methods agree where changes are small."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.funnel.because.decomposition import (
    channel_terms,
    lmdi_terms,
    log_mean,
    products,
    ratio,
    shapley,
    shapley_terms,
)

TOP, BOTTOM = {"mix": 1, "cost": 1}, {"mix": 1, "rate": 1}
positive = st.floats(1e-3, 1e3)
figure = st.one_of(st.just(0.0), positive)


def factors(draw, n, of=positive):
    column = st.lists(of, min_size=n, max_size=n).map(np.array)
    return {"mix": draw(st.lists(positive, min_size=n, max_size=n).map(np.array))} | {
        name: draw(column) for name in ("cost", "rate")
    }


def value(x, bottom=BOTTOM):
    return ratio(products(x, TOP), products(x, bottom) if bottom else None)


def tolerance(before, after, terms):
    return 1e-12 * (abs(before) + abs(after) + np.abs(terms).sum())


@given(st.data(), st.integers(1, 2), st.booleans(), st.sampled_from([BOTTOM, {}]))
def test_shapley_terms_add_up(data, n, joint, bottom):
    x, y = factors(data.draw, n), factors(data.draw, n)
    terms = shapley_terms(x, y, TOP, bottom, joint=joint)
    off = terms.sum() - (value(y, bottom) - value(x, bottom))
    assert abs(off) <= tolerance(value(x, bottom), value(y, bottom), terms)


@given(st.data(), st.integers(1, 12), st.booleans(), st.sampled_from([BOTTOM, {}]))
def test_logarithmic_mean_terms_add_up_also_with_zeros(data, n, joint, bottom):
    x, y = factors(data.draw, n, figure), factors(data.draw, n, figure)
    if bottom:
        x["rate"][0] = y["rate"][0] = 1.0
    terms = lmdi_terms(x, y, TOP, bottom, joint=joint)
    off = terms.sum() - (value(y, bottom) - value(x, bottom))
    assert np.isfinite(terms).all()
    assert abs(off) <= tolerance(value(x, bottom), value(y, bottom), terms)


@given(st.lists(st.tuples(figure, positive, figure, positive), min_size=1, max_size=10))
def test_channel_terms_add_up(rows):
    top0, bottom0, top1, bottom1 = np.array(rows).T
    terms = channel_terms(top0, bottom0, top1, bottom1)
    before, after = ratio(top0, bottom0), ratio(top1, bottom1)
    assert abs(terms.sum() - (after - before)) <= tolerance(before, after, terms)


def test_shapley_is_the_mean_over_orders():
    # Glove game: one left, two right gloves; a pair is worth 1 (Shapley 1953: 2/3, 1/6, 1/6).
    worth = [float(bool(c & 1) and bool(c & 6)) for c in range(8)]
    np.testing.assert_allclose(shapley(np.array(worth)), [2 / 3, 1 / 6, 1 / 6], atol=1e-15)


def test_both_methods_agree_to_second_order():
    rng = np.random.default_rng(1)
    x = {name: rng.uniform(1, 3, 2) for name in ("mix", "cost", "rate")}
    gaps = []
    for step in (1e-2, 1e-3):
        y = {name: column * (1 + step * rng.uniform(-1, 1, 2)) for name, column in x.items()}
        gap = lmdi_terms(x, y, TOP, BOTTOM) - shapley_terms(x, y, TOP, BOTTOM)
        gaps.append(np.abs(gap).max())
    assert gaps[0] < 1e-3
    assert gaps[1] < gaps[0] / 30


def test_a_factor_that_did_not_move_has_no_term():
    x = {"mix": np.array([0.4, 0.6]), "cost": np.array([5.0, 7.0]), "rate": np.array([0.1, 0.2])}
    y = x | {"cost": np.array([8.0, 7.0])}
    for terms in (lmdi_terms(x, y, TOP, BOTTOM), shapley_terms(x, y, TOP, BOTTOM)):
        assert terms[0, 1] == pytest.approx(0.4 * 3 / (0.4 * 0.1 + 0.6 * 0.2), rel=1e-12)
        terms[0, 1] = 0
        assert np.abs(terms).max() < 1e-12


def test_the_factor_that_was_zero_takes_the_change():
    x = {"mix": np.array([1.0]), "cost": np.array([0.0]), "rate": np.array([0.5])}
    y = {"mix": np.array([1.0]), "cost": np.array([3.0]), "rate": np.array([0.1])}
    terms = lmdi_terms(x, y, TOP, BOTTOM)
    np.testing.assert_allclose(terms, [[0.0, 30.0, 0.0]], atol=1e-12)


def test_factors_that_were_zero_together_share_the_change():
    x, y = {"n": np.zeros(1), "v": np.zeros(1)}, {"n": np.array([2.0]), "v": np.array([5.0])}
    for one, other, sign in ((x, y, 1), (y, x, -1)):
        terms = lmdi_terms(one, other, {"n": 1, "v": 1}, {})
        assert terms.tolist() == [[5.0 * sign, 5.0 * sign]]


def test_log_mean_lies_between_geometric_and_arithmetic_mean():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 10, (2, 500))
    b[:100] = a[:100] * (1 + 1e-12)
    mean = log_mean(a, b)
    assert (mean >= np.sqrt(a * b) * (1 - 1e-14)).all()
    assert (mean <= (a + b) / 2 * (1 + 1e-14)).all()
