"""Every rule on any journeys: weights, totals, invariances, and a second implementation."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm.attribution import (
    custom,
    first_touch,
    last_non_direct,
    last_touch,
    linear,
    position_based,
    time_decay,
)
from mmm.attribution.compare import MODELS
from mmm.attribution.custom import channel_weights
from mmm.attribution.decay import decay_weights
from mmm.attribution.positions import SHAPES, position_weights
from mmm.attribution.rules import first_weights, last_weights, linear_weights, non_direct_weights
from mmm.errors import DataWarning
from mmm.journeys import UNATTRIBUTED, Journeys, Unattributed
from mmm.wording import entries
from tests.attribution import rule_oracle as oracle

NAMES = ["Direct", "Email", "Events", "Search"]
RELATIVE = {"Direct": 0.25, "Email": 1, "Events": 3, "Search": 2, "unused": 5}
CLOSE = np.datetime64("2025-01-01T00:00:00", "us")
DAY = 86_400_000_000
quick = settings(max_examples=10)

shaped = {f"position_based_{s}": partial(position_based, shape=s) for s in SHAPES}
RULES = {
    "first_touch": first_touch,
    "last_touch": last_touch,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "time_decay": time_decay,
    "time_decay_7": partial(time_decay, half_life_days=7),
    "custom": partial(custom, weights=RELATIVE),
    **shaped,
}
WEIGHTS = {
    "first": first_weights,
    "last": last_weights,
    "linear": linear_weights,
    "non_direct": partial(non_direct_weights, direct=("Direct", "Email")),
    "decay": partial(decay_weights, half_life_days=0.001),
    "channels": partial(channel_weights, weights=RELATIVE),
    **{name: partial(position_weights, parts=shape.weights) for name, shape in SHAPES.items()},
}
each_rule = pytest.mark.parametrize("rule", RULES)


@st.composite
def deals(draw, max_length=6):
    """Deals of (labels, value, ages in days before the close, places of anchors)."""
    table = []
    for _ in range(draw(st.integers(2, 8))):
        labels = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=max_length))
        ages = draw(
            st.lists(st.floats(0, 900), min_size=len(labels), max_size=len(labels)).map(
                lambda ages: sorted(ages, reverse=True)
            )
        )
        place = st.none() | st.integers(0, len(labels) - 1)
        places = {name: draw(place) for name in ("lead", "mql", "sql", "opportunity")}
        table.append((labels, draw(st.floats(0.01, 1e4)), ages, places))
    # One deal has all of them, so that no shape is empty.
    table.append((["Email", "Direct"], 10.0, [3.0, 1.0], dict.fromkeys(places, 0)))
    return table


def build(table, **more):
    journeys = Journeys.from_paths([row[0] for row in table], value=[row[1] for row in table])
    start = journeys.start[:-1]
    ages = np.array([age for row in table for age in row[2]])
    anchors = {
        name: np.array(
            [
                -1 if row[3][name] is None else first + row[3][name]
                for row, first in zip(table, start, strict=True)
            ]
        )
        for name in ("lead", "mql", "sql", "opportunity")
    }
    at = CLOSE - np.round(ages * DAY).astype("timedelta64[us]")
    return replace(journeys, touched_at=at, anchors=anchors, **more)


def by_channel(result):
    return dict(zip(result.channels, result.credit, strict=True))


def assert_same(left, right):
    assert {name for name, credit in left.items() if credit} <= set(right)
    for name, credit in right.items():
        assert left.get(name, 0.0) == pytest.approx(credit, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("weights", WEIGHTS)
@quick
@given(table=deals())
def test_weights_are_parts_of_one_deal(weights, table):
    journeys = build(table)
    given_weights = WEIGHTS[weights](journeys)
    assert given_weights.shape == journeys.touch.shape
    assert (given_weights >= 0).all()
    np.testing.assert_allclose(np.add.reduceat(given_weights, journeys.start[:-1]), 1, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@quick
@given(table=deals())
def test_positions_equal_the_definition_deal_by_deal(shape, table):
    expected = oracle.credit(
        [(labels, value, places) for labels, value, _, places in table],
        lambda labels, places: oracle.position(labels, places, oracle.SHAPES[shape]),
    )
    assert_same(by_channel(position_based(build(table), shape=shape)), expected)


@quick
@given(table=deals(), half_life=st.floats(0.5, 400))
def test_decay_equals_the_definition_counted_from_the_close(table, half_life):
    expected = oracle.credit(
        [(labels, value, ages) for labels, value, ages, _ in table],
        lambda _, ages: oracle.decay([age - min(ages) for age in ages], half_life),
    )
    assert_same(by_channel(time_decay(build(table), half_life_days=half_life)), expected)


@quick
@given(table=deals(), direct=st.sets(st.sampled_from(NAMES), min_size=1))
def test_last_non_direct_equals_the_definition(table, direct):
    expected = oracle.credit(
        [(labels, value, None) for labels, value, _, _ in table],
        lambda labels, _: oracle.non_direct(labels, direct),
    )
    assert_same(by_channel(last_non_direct(build(table), direct=sorted(direct))), expected)


@each_rule
@quick
@given(table=deals(), n=st.integers(0, 4), value=st.floats(0, 1e4))
def test_credit_and_unattributed_are_the_total(rule, table, n, value):
    journeys = build(table, unattributed=Unattributed(n, value if n else 0.0))
    for measure in ("value", "conversions"):
        frame = RULES[rule](journeys, measure=measure).to_frame()
        rest = {"value": value if n else 0.0, "conversions": n}[measure]
        whole = {"value": journeys.value, "conversions": journeys.conversions}[measure].sum()
        assert frame["credit"].sum() == pytest.approx(whole + rest, rel=1e-12)
        assert frame["share"].sum() == pytest.approx(1, rel=1e-12)
        credit = frame.set_index("channel")["credit"]
        assert credit.get(UNATTRIBUTED, 0.0) == pytest.approx(rest)


@each_rule
@quick
@given(table=deals(), data=st.data())
def test_order_of_rows_names_and_scale_do_not_matter(rule, table, data):
    model = RULES[rule]
    before = by_channel(model(build(table)))
    assert_same(by_channel(model(build(data.draw(st.permutations(table))))), before)
    tripled = [(labels, 3 * value, *rest) for labels, value, *rest in table]
    tripled = by_channel(model(build(tripled)))
    assert_same({name: credit / 3 for name, credit in tripled.items()}, before)
    if rule in ("custom", "last_non_direct"):
        return  # these go by name
    rename = dict(zip(NAMES, data.draw(st.permutations(NAMES)), strict=True))
    renamed = by_channel(model(build([([rename[n] for n in row[0]], *row[1:]) for row in table])))
    assert_same(renamed, {rename[name]: credit for name, credit in before.items()})


@each_rule
@quick
@given(table=deals(max_length=1))
def test_single_touches_leave_nothing_to_choose(rule, table):
    single = build(table[:-1])
    reference = first_touch(single)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no won deal has a touch", DataWarning)
        result = RULES[rule](single)
    np.testing.assert_allclose(result.credit, reference.credit, rtol=1e-12)
    np.testing.assert_allclose(result.upper, reference.upper, rtol=1e-9)


@each_rule
@quick
@given(table=deals())
def test_an_unused_channel_gets_nothing(rule, table):
    journeys = build(table)
    wider = replace(journeys, channels=(*journeys.channels, "unused"))
    result = RULES[rule](wider)
    assert (result.credit[-1], result.n_deals[-1]) == (0, 0)
    np.testing.assert_allclose(result.credit[:-1], RULES[rule](journeys).credit, rtol=1e-12)


@each_rule
@quick
@given(table=deals())
def test_rows_by_deal_add_up_and_are_the_same_bit_for_bit(rule, table):
    journeys = build(table)
    result, again = RULES[rule](journeys), RULES[rule](journeys)
    rows = result.by_deal()
    per_deal = rows.groupby("journey")["credit"].sum()
    np.testing.assert_allclose(per_deal, journeys.value, rtol=1e-12)
    per_channel = rows.groupby("channel")["credit"].sum().reindex(result.channels, fill_value=0.0)
    np.testing.assert_allclose(per_channel, result.credit, rtol=1e-12)
    assert result.credit.tobytes() == again.credit.tobytes()
    assert result.lower.tobytes() == again.lower.tobytes()


def test_every_model_by_name_has_words_in_both_languages():
    for name in MODELS:
        assert set(entries()[f"model.{name}"]) == {"en", "it"}
        assert set(entries()[f"model_does.{name}"]) == {"en", "it"}


@each_rule
def test_intervals_cover_a_known_share(rule):
    """Deals drawn from a population whose share is known: a 90% interval holds it about 90%."""
    rng = np.random.default_rng(5)
    sizes = np.array([1.0, 2.0, 5.0])
    kinds = [
        (["Direct", "Email", "Events"], 1.0, [90.0, 30.0, 1.0], {"lead": 1, "opportunity": 1}),
        (["Events", "Direct"], 1.0, [10.0, 2.0], {"lead": 0, "opportunity": 1}),
        (["Email", "Email", "Events"], 1.0, [200.0, 40.0, 5.0], {"lead": 0, "opportunity": 2}),
        (["Search", "Email", "Direct"], 1.0, [60.0, 50.0, 4.0], {"lead": 1, "opportunity": 2}),
    ]
    kinds = [(*kind[:3], {"mql": None, "sql": None, **kind[3]}) for kind in kinds]
    chance = np.array([0.4, 0.3, 0.2, 0.1])
    model = RULES[rule]
    truth = model(build([(k[0], p, *k[2:]) for k, p in zip(kinds, chance, strict=True)])).share
    held = []
    for _ in range(120):
        which, worth = rng.choice(4, size=300, p=chance), rng.choice(sizes, size=300)
        drawn = build([(kinds[k][0], v, *kinds[k][2:]) for k, v in zip(which, worth, strict=True)])
        result = model(drawn, level=0.9)
        judged = (truth > 0.04) & (truth < 1)
        held.append(((result.lower <= truth) & (truth <= result.upper))[judged])
    assert 0.84 <= np.mean(held) <= 0.96


def test_a_direct_channel_that_is_not_there_is_said():
    journeys = Journeys.from_paths(["Email > Events"], value=[10.0])
    assert "No touch is called 'Direct'." in last_non_direct(journeys).notes
    named = last_non_direct(journeys, direct="Events")
    assert not any("No touch is called" in note for note in named.notes)
    assert named.credit.tolist() == [10.0, 0.0]
