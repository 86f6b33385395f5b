"""Credit for what was won and for what is expected: two columns that reconcile."""

import numpy as np
import pandas as pd
import pytest

from mmm import build_journeys
from mmm.attribution import first_touch, last_touch, linear, markov, shapley
from mmm.errors import ConfigError, InputError
from mmm.signal import attribute_expected, credit_to_come, expected_journeys, expected_value
from tests.signal.tables import company, cut, small

pytestmark = pytest.mark.filterwarnings("ignore::mmm.errors.DataWarning")
DAY = "2025-06-30"
RULES = (first_touch, last_touch, linear, shapley)


def certain(tables, probability, day=None):
    """Return the worth of leads and deals with a probability of 0 or 1 for all that is open."""
    ids = pd.DataFrame({"deal_id": tables["deals"]["deal_id"], "probability": probability})
    return expected_value(tables["leads"], tables["deals"], as_of=day, scores=ids)


@pytest.mark.parametrize("model", [*RULES, markov])
def test_chances_of_zero_give_back_what_was_won_exactly(model):
    tables = small()
    worth = certain(tables, 0.0)
    assert worth.expected.sum() == 0
    both = expected_journeys(tables["touches"], tables["deals"], worth)
    found = attribute_expected(model, both, worth).to_frame().set_index("channel")
    won = model(build_journeys(tables["touches"], tables["deals"], as_of=worth.as_of))
    won = won.to_frame().set_index("channel")["credit"]
    assert np.array_equal(found["won"], won.reindex(found.index))
    assert np.array_equal(found["total"], found["won"])


@pytest.mark.parametrize("model", RULES)
def test_chances_of_one_give_the_credit_of_deals_that_are_won(model):
    tables = small()
    worth = certain(tables, 1.0)
    both = expected_journeys(tables["touches"], tables["deals"], worth)
    found = attribute_expected(model, both, worth).to_frame().set_index("channel")["total"]
    deals = tables["deals"].copy()
    still = deals["won"].isna()
    deals.loc[still, "closed_at"] = worth.as_of
    deals["won"] = deals["won"].fillna(True)
    won = model(build_journeys(tables["touches"], deals, as_of=worth.as_of))
    np.testing.assert_allclose(found, won.to_frame().set_index("channel")["credit"], rtol=1e-12)


@pytest.mark.parametrize("model", [linear, markov])
def test_columns_add_up_to_what_was_won_and_is_expected(model):
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    both = expected_journeys(tables["touches"], tables["deals"], worth, leads=tables["leads"])
    frame = attribute_expected(model, both, worth).to_frame()
    assert frame["won"].sum() == pytest.approx(worth.realised.sum())
    assert frame["pipeline"].sum() == pytest.approx(worth.expected.sum())
    assert frame["share"].sum() == pytest.approx(1.0)
    assert ((frame["lower"] <= frame["total"]) & (frame["total"] <= frame["upper"])).all()


def test_credit_never_looks_ahead():
    tables = company()
    then = cut(tables, pd.Timestamp("2025-06-30T23:59:59.999999"))
    frames = []
    for known in (tables, then):
        worth = expected_value(known["leads"], known["deals"], as_of=DAY)
        options = {"leads": known["leads"], "by": "account"}
        both = expected_journeys(known["touches"], known["deals"], worth, **options)
        coming = credit_to_come(linear, known["touches"], known["deals"], worth, **options)
        frames.append(attribute_expected(linear, both, worth, coming=coming).to_frame())
    pd.testing.assert_frame_equal(*frames)


def test_credit_to_come_moves_the_pipeline_and_keeps_its_sum():
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    options = {"leads": tables["leads"], "by": "account"}
    both = expected_journeys(tables["touches"], tables["deals"], worth, **options)
    coming = credit_to_come(linear, tables["touches"], tables["deals"], worth, **options)
    assert ((coming.kept >= 0) & (coming.kept <= 1)).all()
    assert (np.diff(coming.kept) > -0.15).all()
    np.testing.assert_allclose(coming.later.sum(axis=1), 1.0)
    plain = attribute_expected(linear, both, worth)
    moved = attribute_expected(linear, both, worth, coming=coming)
    assert np.array_equal(plain.won, moved.won)
    assert moved.pipeline.sum() == pytest.approx(plain.pipeline.sum())
    assert np.abs(moved.pipeline - plain.pipeline).sum() > 0.05 * plain.pipeline.sum()


def test_eventual_intervals_are_wider_in_luck_and_free_of_sampling():
    tables = small(n_open=0)
    worth = expected_value(tables["leads"], tables["deals"], as_of="2027-01-01")
    both = expected_journeys(tables["touches"], tables["deals"], worth)
    found = attribute_expected(linear, both, worth, interval="eventual")
    np.testing.assert_allclose(found.lower, found.total)
    np.testing.assert_allclose(found.upper, found.total)


def test_open_leads_become_deals_of_their_own():
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    frame = worth.to_frame()
    journeys = build_journeys(
        tables["touches"], tables["deals"], leads=tables["leads"], as_of=DAY, expected=frame
    )
    named = {name for name in journeys.deal_id if str(name).startswith("(lead) ")}
    alone = frame[(frame["state"] == "open") & frame["deal_id"].isna()]
    assert named
    assert named <= {f"(lead) {lead}" for lead in alone["lead_id"]}
    total = float(journeys.total_value)
    assert total == pytest.approx(worth.realised.sum() + worth.expected.sum())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="probability"), "lacks 'probability'"),
        (lambda f: f.assign(probability=2.0), "outside 0 to 1"),
        (lambda f: pd.concat([f, f]), "several of one"),
        (lambda f: pd.concat([f.assign(deal_id=None)] * 2), "several of one"),
        (lambda f: f.assign(deal_id=None, lead_id="nobody").iloc[:1], "leads= does not have"),
        (lambda f: f.assign(deal_id="nothing").iloc[:1], "not open deals"),
    ],
)
def test_frames_of_expected_values_that_cannot_be_are_refused(change, said):
    tables = small()
    frame = expected_value(tables["leads"], tables["deals"]).to_frame()
    frame = change(frame[frame["state"] == "open"])
    with pytest.raises(InputError, match=said):
        build_journeys(tables["touches"], tables["deals"], leads=tables["leads"], expected=frame)


def test_a_model_without_credit_by_deal_cannot_foresee():
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    both = expected_journeys(tables["touches"], tables["deals"], worth, leads=tables["leads"])
    coming = credit_to_come(
        linear, tables["touches"], tables["deals"], worth, leads=tables["leads"]
    )
    with pytest.raises(ConfigError, match="no credit by deal"):
        attribute_expected(markov, both, worth, coming=coming)
