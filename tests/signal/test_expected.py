"""Expected value: it never looks ahead, reconciles, and matures to what was realised."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.funnel.durations import conditional_incidence, cumulative_incidence
from mmm.signal import expected_value
from mmm.signal.chances import account_weights, by_age, deal_worth, win_chances
from mmm.signal.pipeline import pipeline
from tests.signal.tables import company, cut, small

DAY = "2025-06-30"


def test_what_happens_later_changes_nothing():
    tables = company()
    now = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    then = cut(tables, pd.Timestamp("2025-06-30T23:59:59.999999"))
    alone = expected_value(then["leads"], then["deals"], as_of=DAY)
    pd.testing.assert_frame_equal(now.to_frame(), alone.to_frame())
    assert np.array_equal(now.probability_draws, alone.probability_draws)


def test_the_order_of_rows_has_no_say():
    tables = company()
    one = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    leads, deals = (tables[n].sample(frac=1.0, random_state=4) for n in ("leads", "deals"))
    other = expected_value(leads, deals, as_of=DAY)
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())


@pytest.mark.parametrize("day", ["2025-01-31", "2025-06-30", "2025-11-30"])
def test_realised_and_expected_reconcile_with_the_tables(day):
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=day)
    deals = tables["deals"]
    closed = deals["closed_at"] <= pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
    won = deals[closed & (deals["won"] == True)]  # noqa: E712
    assert worth.realised.sum() == pytest.approx(float(won["value"].astype(float).sum()))
    totals = worth.totals().set_index("part")["value"]
    assert totals["total"] == pytest.approx(totals["realised"] + totals["expected"])
    frame = worth.to_frame()
    assert frame["expected"].sum() == pytest.approx(totals["expected"])
    assert (frame.loc[frame["state"] != "open", "expected"] == 0).all()
    assert ((frame["lower"] <= frame["expected"]) & (frame["expected"] <= frame["upper"])).all()
    assert frame["deal_id"].dropna().is_unique
    assert len(frame) == frame["deal_id"].notna().sum() + frame["deal_id"].isna().sum()


def test_it_matures_to_what_was_realised():
    tables = small(n_open=0)
    worth = expected_value(tables["leads"], tables["deals"], as_of="2027-01-01")
    assert worth.expected.sum() == 0
    assert worth.realised.sum() == pytest.approx(
        float(tables["deals"].loc[tables["deals"]["won"] == True, "value"].sum())  # noqa: E712
    )


def test_a_lead_with_a_deal_is_followed_by_it_alone():
    tables = small()
    frame = expected_value(tables["leads"], tables["deals"]).to_frame()
    assert sorted(frame["deal_id"]) == sorted(tables["deals"]["deal_id"])
    assert frame["lead_id"].is_unique


def test_one_stage_equals_the_competing_risks_formula():
    win, lose, age, horizon = 0.004, 0.009, 7.0 * np.arange(20), 400
    rates = np.repeat(np.array([win, lose])[None, :, None], 46, axis=2)
    table = win_chances([rates], horizon, 20)[0][0]
    q = win / (win + lose)
    gone = 1 - np.exp(-(win + lose) * age)  # F = G under constant rates
    formula = q * (1 - gone) / (q * (1 - gone) + (1 - q) * (1 - gone))
    np.testing.assert_allclose(table, formula, atol=1e-9)


def test_chances_by_age_follow_the_aalen_johansen_curve():
    rng = np.random.default_rng(0)
    n = 6000
    win, lose = rng.gamma(4, 20, n), rng.gamma(1.2, 60, n)
    days = np.minimum(win, lose)
    outcome = np.where(win < lose, 1, 2)
    from mmm.funnel.forecast.hazards import stay_rates
    from mmm.funnel.records import Stays

    stays = Stays(-days, days, outcome, np.arange(n) % 50, np.full(n, np.nan))
    table = win_chances([stay_rates(stays, np.ones((1, 50)))], 104, 30)[0]
    curve = cumulative_incidence(days, outcome)
    ages = np.array([0.0, 30.0, 70.0, 120.0])
    expected = conditional_incidence(curve, 1, ages, np.inf)
    np.testing.assert_allclose(by_age(table, ages)[0], expected, atol=0.03)


def test_chances_of_a_chain_multiply_over_a_long_horizon():
    first = np.repeat(np.array([0.03, 0.01])[None, :, None], 46, axis=2)
    second = np.repeat(np.array([0.02, 0.06])[None, :, None], 46, axis=2)
    lead, deal = win_chances([first, second], 500, 3)
    np.testing.assert_allclose(deal, 0.25, atol=1e-9)
    np.testing.assert_allclose(lead, 0.75 * 0.25, atol=1e-9)


def test_ages_that_nobody_has_reached_are_like_the_oldest_known():
    from mmm.funnel.records import Stays
    from mmm.signal.chances import tailed_rates

    rng = np.random.default_rng(2)
    n = 4000  # most who ever go on do so at once; nobody is told to have ended
    ever, wait = rng.random(n) < 0.1, rng.exponential(10.0, n)
    seen = rng.uniform(0.0, 90.0, n)
    won = ever & (wait < seen)
    days = np.where(won, wait, seen)
    stays = Stays(-days, days, won.astype(np.int64), np.arange(n) % 50, np.full(n, np.nan))
    chance = win_chances([tailed_rates(stays, np.ones((1, 50)))], 26, 1)[0].item()
    assert 0.08 < chance < 0.16


def test_values_of_segments_that_differ_stay_apart_and_alike_ones_meet():
    rng = np.random.default_rng(1)
    segment = np.repeat([0, 1], 40)
    group, ones = np.arange(80) % 40, np.ones((1, 40))
    far = rng.normal(np.where(segment, 900.0, 100.0), 10.0)
    near = rng.normal(500.0, 300.0, 80)
    apart = deal_worth(far, segment, group, 3, ones)[0]
    assert apart[0] < 120 < 880 < apart[1]
    assert apart[2] == pytest.approx(far.mean())
    means = np.array([near[segment == s].mean() for s in (0, 1)])
    drawn = deal_worth(near, segment, group, 2, ones)[0]
    assert abs(np.diff(drawn)) < abs(np.diff(means))


def test_weights_begin_with_all_accounts_alike():
    assert (account_weights(5, 4, np.random.default_rng(0))[0] == 1).all()


def test_scores_take_the_place_of_chances():
    tables = company()
    plain = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    open_ = plain.records.iloc[plain.open]
    told = open_.loc[open_["lead_id"].notna(), "lead_id"].drop_duplicates()
    scores = pd.DataFrame({"lead_id": told, "probability": np.linspace(0, 1, len(told))})
    scored = expected_value(tables["leads"], tables["deals"], as_of=DAY, scores=scores)
    mapped = open_["lead_id"].map(scores.set_index("lead_id")["probability"])
    known = mapped.notna().to_numpy()
    np.testing.assert_allclose(scored.probability[plain.open][known], mapped[known])
    sure = known & mapped.isin([0.0, 1.0]).to_numpy()
    assert (scored.probability_draws[:, sure].std(axis=0) == 0).all()
    assert (scored.probability_draws[:, known & ~sure].std(axis=0) > 0).all()


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (pd.DataFrame({"lead_id": ["a", "a"], "probability": [0.1, 0.2]}), "several rows"),
        (pd.DataFrame({"lead_id": ["a"], "probability": [1.2]}), "above 1"),
        (pd.DataFrame({"lead_id": ["a"]}), "Pass lead_id"),
        (pd.DataFrame({"lead_id": ["a"], "probability": [0.2]}), "the first lead_id is 'a'"),
    ],
)
def test_scores_that_cannot_be_are_refused(scores, said):
    tables = company()
    with pytest.raises(InputError, match=said):
        expected_value(tables["leads"], tables["deals"], as_of=DAY, scores=scores)


def test_a_horizon_that_is_none_is_refused():
    tables = small()
    with pytest.raises(ConfigError, match="Pass 7 to 3660 days"):
        expected_value(tables["leads"], tables["deals"], horizon_days=0)


def test_too_few_wins_say_so():
    tables = small(n_won=2, n_lost=1)
    with pytest.raises(InputError, match="at least 5 are needed"):
        expected_value(tables["leads"], tables["deals"])


def test_deals_that_cannot_be_dated_are_named():
    tables = small()
    deals = tables["deals"].copy()
    deals.loc[0, "closed_at"] = pd.NaT
    known = pipeline(tables["leads"], deals)
    assert any("without closed_at" in note for note in known.notes)


def test_a_shorter_horizon_expects_less():
    tables = company()
    near, far = (
        expected_value(tables["leads"], tables["deals"], as_of=DAY, horizon_days=days)
        for days in (56, 730)
    )
    assert (near.probability <= far.probability + 1e-12).all()
    assert near.expected.sum() < 0.8 * far.expected.sum()


def test_drawn_outcomes_average_to_what_is_expected():
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    drawn = worth.outcomes(0, 4000)
    assert (drawn >= worth.realised - 1e-9).all()
    whole = worth.realised.sum() + worth.expected.sum()
    assert drawn.sum(axis=1).mean() == pytest.approx(whole, rel=0.04)


def test_a_part_of_the_records_keeps_their_figures():
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    keep = (worth.records["began_at"] > pd.Timestamp("2025-01-01", tz="UTC")).to_numpy()
    part = worth.only(keep)
    assert part.expected.sum() == pytest.approx(worth.expected[keep].sum())
    assert (part.records["state"].iloc[part.open] == "open").all()
    assert part.probability_draws.shape[1] == len(part.open)


@pytest.mark.parametrize("lang", ["en", "it"])
def test_it_says_what_is_expected(lang):
    tables = company()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    assert f"{len(worth.open)}" in worth.finding().sentence(lang)
