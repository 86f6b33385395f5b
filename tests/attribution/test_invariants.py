"""What holds for every model on any journeys."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm.attribution import first_touch, last_touch, linear, markov
from mmm.attribution.chain.fit import fit_chain
from mmm.journeys import Journeys, Unattributed

MODELS = [first_touch, last_touch, linear, markov]
MEASURES = ["value", "conversions"]
NAMES = ["a", "b", "c", "d", "e"]
NOTHING = Unattributed()
quick = settings(max_examples=40, deadline=None)


@st.composite
def rows(draw, max_length=7):
    """Rows of (path, conversions, value, nulls), with a conversion and a null somewhere."""
    path = st.lists(st.sampled_from(NAMES), min_size=1, max_size=max_length).map(tuple)
    row = st.tuples(
        path, st.integers(0, 3), st.floats(0.01, 1000, allow_subnormal=False), st.integers(0, 4)
    )
    table = draw(st.lists(row, min_size=1, max_size=12))
    table += [(draw(path), 1, 10.0, 0), (draw(path), 0, 0.0, 1)]
    return [(p, c, v if c else 0.0, u) for p, c, v, u in table]


def build(table, unattributed=NOTHING):
    paths, conversions, value, nulls = zip(*table, strict=True)
    journeys = Journeys.from_paths(paths, conversions=conversions, value=value, nulls=nulls)
    return replace(journeys, unattributed=unattributed)


def shares(result):
    return dict(zip(result.channels, result.share, strict=True))


def assert_same(left, right, tolerance=1e-9):
    assert left.keys() == right.keys()
    for name, share in left.items():
        assert share == pytest.approx(right[name], abs=tolerance)


def brute_force_effects(table, amount):
    """Removal effects with self-loops kept, one linear system a removed channel."""
    count, payoff, out = {}, {}, {}
    first = dict.fromkeys(NAMES, 0.0)
    for path, conversions, value, nulls in table:
        weight = conversions + nulls
        first[path[0]] += weight
        for here, there in pairwise(path):
            count[here, there] = count.get((here, there), 0) + weight
        for here in path:
            out[here] = out.get(here, 0) + weight
        gain = value if amount == "value" else conversions
        payoff[path[-1]] = payoff.get(path[-1], 0) + gain

    def expected(names):
        known = [name for name in names if out.get(name)]
        q = np.array([[count.get((i, j), 0) / out[i] for j in known] for i in known])
        r = np.array([payoff.get(i, 0) / out[i] for i in known])
        if not known:
            return 0.0
        return np.array([first[i] for i in known]) @ np.linalg.solve(np.eye(len(known)) - q, r)

    whole = expected(NAMES)
    return {c: 1 - expected([i for i in NAMES if i != c]) / whole for c in NAMES}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows(), n=st.integers(0, 5), value=st.floats(0, 1e4))
def test_credit_adds_up_to_the_total(model, measure, table, n, value):
    journeys = build(table, Unattributed(n, value if n else 0.0))
    result = model(journeys, measure=measure)
    frame = result.to_frame()
    amount = {"value": journeys.value, "conversions": journeys.conversions}[measure].sum()
    rest = {"value": value if n else 0.0, "conversions": n}[measure]
    assert frame["credit"].sum() == pytest.approx(amount + rest, rel=1e-12)
    assert frame["share"].sum() == pytest.approx(1, rel=1e-12)
    assert (result.credit >= 0).all()


@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows(), data=st.data())
def test_order_of_rows_and_aggregation_do_not_matter(model, table, data):
    whole = shares(model(build(table)))
    shuffled = data.draw(st.permutations(table))
    assert_same(whole, shares(model(build(shuffled))))
    merged = {}
    for path, *weights in table:
        merged[path] = np.add(merged.get(path, (0, 0.0, 0)), weights)
    assert_same(whole, shares(model(build([(p, *w) for p, w in merged.items()]))))


@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows(), factor=st.sampled_from([0.5, 2.0, 3.0, 1000.0]))
def test_scaling_of_weights_does_not_matter(model, table, factor):
    scaled = [(p, factor * c, factor * v, factor * u) for p, c, v, u in table]
    assert_same(shares(model(build(table))), shares(model(build(scaled))))


@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows(), data=st.data())
def test_renaming_channels_renames_the_answer(model, table, data):
    rename = dict(zip(NAMES, data.draw(st.permutations(NAMES)), strict=True))
    renamed = [(tuple(rename[name] for name in p), *rest) for p, *rest in table]
    before = {rename[name]: share for name, share in shares(model(build(table))).items()}
    assert_same(before, shares(model(build(renamed))))


@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows())
def test_an_unused_channel_gets_nothing(model, table):
    journeys = build(table)
    wider = replace(journeys, channels=(*journeys.channels, "unused"))
    result = model(wider)
    assert result.credit[-1] == 0
    assert result.n_deals[-1] == 0
    np.testing.assert_allclose(result.credit[:-1], model(journeys).credit, rtol=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@quick
@given(table=rows(max_length=1))
def test_single_touches_leave_nothing_to_choose(measure, table):
    journeys = build(table)
    reference = first_touch(journeys, measure=measure).credit
    for model in MODELS:
        np.testing.assert_allclose(
            model(journeys, measure=measure).credit, reference, rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows())
def test_the_answer_is_the_same_bit_for_bit(model, table):
    one, two = model(build(table)), model(build(table))
    for column in ("credit", "share", "lower", "upper"):
        assert getattr(one, column).tobytes() == getattr(two, column).tobytes()


@quick
@given(table=rows())
def test_the_chain_converts_as_often_as_the_journeys(table):
    journeys = build(table)
    n_journeys = (journeys.conversions + journeys.nulls).sum()
    for measure in MEASURES:
        chain = fit_chain(journeys, measure=measure)
        inner = np.eye(len(chain.states)) - chain.moves.toarray()
        solved = chain.start @ np.linalg.solve(inner, chain.payoff)
        amount = getattr(journeys, measure).sum()
        assert solved == pytest.approx(amount / n_journeys, rel=1e-9)
        assert chain.rate == pytest.approx(amount / n_journeys, rel=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
@quick
@given(table=rows())
def test_one_inverse_equals_removing_each_channel(measure, table):
    journeys = build(table)
    effects = fit_chain(journeys, measure=measure).removal_effects()
    expected = brute_force_effects(table, measure)
    for effect, name in zip(effects, journeys.channels, strict=True):
        assert effect == pytest.approx(expected[name], abs=1e-9)


@quick
@given(table=rows(), repeats=st.integers(2, 4))
def test_repeats_of_a_touch_do_not_change_markov(table, repeats):
    stuttered = [(tuple(n for n in p for _ in range(repeats)), *rest) for p, *rest in table]
    assert_same(shares(markov(build(table))), shares(markov(build(stuttered))))
    assert brute_force_effects(stuttered, "value") == pytest.approx(
        brute_force_effects(table, "value"), abs=1e-9
    )


@pytest.mark.parametrize("model", MODELS)
@quick
@given(table=rows())
def test_bounds_hold_the_share(model, table):
    result = model(build(table), measure="conversions")
    if np.isnan(result.lower).all():
        assert any("refused" in note for note in result.notes)
        return
    assert (result.lower >= 0).all()
    assert (result.lower <= result.share + 1e-12).all()
    assert (result.share <= result.upper + 1e-12).all()
    assert (result.upper <= 1 + 1e-12).all()
