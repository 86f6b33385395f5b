"""Every sentence about the mix, and what flips it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.findings import contribution_findings, period_name, plan_findings

CHANNELS = ("Search", "Fairs")


def a_plan(**changes):
    two = np.array([1.0, 1.0])
    plan = BudgetPlan(
        channels=CHANNELS,
        current=np.array([100.0, 200.0]),
        proposed=np.array([140.0, 160.0]),
        verdict=("push", "cut"),
        identified=("data", "data"),
        marginal_romi=np.array([0.5, -0.4]),
        marginal_romi_lower=np.array([0.2, -0.8]),
        marginal_romi_upper=np.array([0.9, -0.1]),
        marginal_romi_after=0.1 * two,
        marginal_romi_after_lower=-0.1 * two,
        marginal_romi_after_upper=0.3 * two,
        multiplier=0.1,
        expected_gain=60.0,
        gain_lower=10.0,
        gain_upper=110.0,
        expected_profit=50.0,
        profit_lower=5.0,
        profit_upper=100.0,
        probability_better=0.95,
        expected_loss=2.0,
        tipping_tau=2.5,
        advice="move",
        optimality_gap=0.0,
        profit_draws=np.array([5.0, 50.0, 100.0]),
        hidden_spread=10.0,
        level=0.9,
        margin=1.0,
    )
    return replace(plan, **changes)


def said(plan, lang="en"):
    return [
        finding.sentence(lang) for finding in plan_findings(plan, period="week", currency="EUR")
    ]


@pytest.mark.parametrize(
    ("advice", "en", "it"),
    [
        ("move", "Move the budget as proposed.", "Spostate il budget come proposto."),
        ("move half, then test", "Move half of it, then test.", "poi verificate con un test."),
        ("test first", "Test first, then decide.", "Prima fate un test, poi decidete."),
        ("stay", "Keep today’s budget.", "Mantenete il budget attuale."),
    ],
)
def test_the_plan_says_its_advice_in_both_languages(advice, en, it):
    plan = a_plan(advice=advice)
    assert said(plan)[0].endswith(en)
    assert said(plan, "it")[0].endswith(it)


def test_the_plan_carries_its_chance_its_interval_and_its_loss():
    first = said(a_plan())[0]
    for fact in ("€50 a week", "€5 to €100", "95%", "is €2 a week", "more than 2.5 times"):
        assert fact in first
    # The interval is of the draws alone: side by side they would contradict each other.
    assert "with hidden demand counted in, which the interval leaves out, the chance" in first
    assert "€50" in said(a_plan(), "it")[0].replace("50\u00a0€", "€50")


def test_to_stay_is_said_without_a_gain():
    first = said(a_plan(advice="stay", expected_profit=-3.0))[0]
    assert first.startswith("No change of budget is likely enough to pay")
    assert "expected to gain" not in first


@pytest.mark.parametrize("tau", [None, float("inf")])
def test_hidden_demand_is_named_only_where_it_could_tip_the_plan(tau):
    assert "demand that no column shows" in said(a_plan())[0]
    assert "demand that no column shows" not in said(a_plan(tipping_tau=tau))[0]


@pytest.mark.parametrize(
    ("tau", "en", "it"),
    [
        (0.5, "It is likely to pay only if demand that no column shows biases returns by less "
         "than 0.5 times", "È probabile che convenga solo se la domanda"),
        (1.5, "It stays likely to pay unless demand", "Resta probabile che convenga"),
    ],
)  # fmt: skip
def test_a_plan_that_what_is_assumed_already_tips_is_not_said_to_stay_likely_to_pay(tau, en, it):
    plan = a_plan(tipping_tau=tau, probability_better=0.65, advice="test first")
    assert en in said(plan)[0]
    assert it in said(plan, "it")[0]
    assert ("stays likely" in said(plan)[0]) == (tau > 1)


@pytest.mark.parametrize("tau", [0.0, 0.04])
def test_no_multiple_is_named_that_would_be_printed_as_none(tau):
    assert "0.0 times" not in said(a_plan(tipping_tau=tau, advice="test first"))[0]


@pytest.mark.parametrize(
    ("verdict", "advice", "begins"),
    [
        ("push", "move", "Push Search from €100 to €140 a week"),
        ("push", "move half, then test", "Push Search from €100 to €120 a week"),
        ("push", "test first", "More spend on Search looks worth it, but the plan as a whole"),
        ("push", "stay", "More spend on Search looks worth it, but the plan as a whole"),
        ("cut", "move", "Cut Search from €100 to €140 a week"),
        ("cut", "test first", "Less spend on Search looks worth it, but the plan as a whole"),
        ("hold", "move", "Search goes from €100 to €140 a week as the rest of the plan asks"),
        ("hold", "test first", "Hold Search at €100 a week for now: the plan would take it to"),
        ("hold", "stay", "Hold Search at €100 a week: its marginal"),
        ("test", "move", "Test Search: the data cannot tell its effect"),
    ],
)
def test_the_verdict_of_a_channel_depends_on_the_whole_plan(verdict, advice, begins):
    plan = a_plan(verdict=(verdict, "cut"), advice=advice)
    english, italian = said(plan)[1], said(plan, "it")[1]
    assert english.startswith(begins)
    assert "Search" in italian
    assert italian != english


def test_a_channel_that_hardly_moves_is_held():
    plan = a_plan(verdict=("hold", "hold"), proposed=np.array([100.4, 199.2]))
    assert all(sentence.startswith("Hold ") for sentence in said(plan)[1:])
    unsure = said(replace(plan, advice="test first"))[1:]
    assert not any("the plan would take it" in sentence for sentence in unsure)


@pytest.mark.parametrize(
    ("advice", "says"),
    [
        ("move", "Search goes from €100 to €150 a week as the rest of the plan asks"),
        ("test first", "the plan would take it to €150"),
    ],
)
def test_a_small_channel_beside_a_large_one_is_not_held_where_it_moves(advice, says):
    # Half as much again on Search is a thousandth of the total.
    plan = a_plan(
        verdict=("hold", "hold"),
        current=np.array([100.0, 50_000.0]),
        proposed=np.array([150.0, 49_950.0]),
        advice=advice,
    )
    search, fairs = said(plan)[1:]
    assert says in search
    assert fairs.startswith("Hold Fairs at €50,000 a week: its marginal")


def losing(**changes):
    """A plan that has to spend where every last euro is lost."""
    after = {"marginal_romi_after": np.array([-0.7, -0.7]), "multiplier": -0.7}
    return a_plan(marginal_romi=np.array([-0.66, -0.95]), **after, **changes)


@pytest.mark.parametrize(
    ("advice", "whole", "begins"),
    [
        ("move", "Search gets more only because the total is fixed: the last euro there is",
         "Push Search from €100 to €140 a week, only because the total is fixed"),
        ("test first", "Search would get more only because the total is fixed: the last euro",
         "Search would get more only because the total is fixed, and the plan as a whole"),
    ],
)  # fmt: skip
def test_more_where_the_last_euro_is_lost_is_said_to_come_from_the_fixed_total(
    advice, whole, begins
):
    first, search, _ = said(losing(advice=advice))
    assert whole in first
    assert "A smaller total may do better. " in first
    assert search.startswith(begins)
    assert "looks worth it" not in search
    abroad = plan_findings(losing(advice=advice), period="week", currency="USD")[0]
    assert "the last dollar there" in abroad.sentence("en")
    assert "l’ultimo dollaro perda" in abroad.sentence("it")
    first, search, _ = said(losing(advice=advice), "it")
    assert "solo perché il totale è fisso" in first
    assert "solo perché il totale è fisso" in search


@pytest.mark.parametrize(
    "changes",
    [
        {"marginal_romi": np.array([0.5, -0.4])},  # the next euro pays
        {"marginal_romi_after": np.array([0.1, 0.1])},  # the curve rises ever faster: many pay
        {"multiplier": 0.0},  # the total is free
        {"proposed": np.array([100.2, 199.8])},  # hardly more
    ],
)
def test_nothing_is_laid_on_a_fixed_total_where_more_is_worth_it(changes):
    plan = replace(losing(), **changes)
    assert "only because the total is fixed" not in " ".join(said(plan))


@pytest.mark.parametrize(
    ("proposed", "begins"),
    [(0.0, "Nothing is spent on Search today, and it gets"), (40.0, "Search starts at €40 a week")],
)
def test_a_channel_without_spend_today_has_no_return_to_speak_of(proposed, begins):
    nan = np.array([np.nan, 0.1])
    plan = a_plan(
        current=np.array([0.0, 200.0]), proposed=np.array([proposed, 160.0]), marginal_romi=nan
    )
    assert said(plan)[1].startswith(begins)
    assert "n.d." not in said(plan, "it")[1]


def a_frame(**changes):
    row = {
        "channel": "Search",
        "spend": 100.0,
        "contribution": 220.0,
        "contribution_lower": 50.0,
        "contribution_upper": 400.0,
        "romi": 1.2,
        "romi_lower": -0.5,
        "romi_upper": 3.0,
        "identified": "data",
    }
    return pd.DataFrame([row | changes, row | {"channel": "(media)"}])


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, "Most of that is told by the data."),
        ({"identified": "prior"}, "what was assumed than on these data."),
        ({"contribution_lower": 0.0}, "It cannot be ruled out that it brings nothing."),
        ({"identified": "not identified"}, "moves as one with that of another channel."),
        ({"spend": 0.0, "identified": "not identified"}, "nothing can be said of it."),
    ],
)
def test_a_channel_says_what_it_rests_on(changes, ends):
    media, channel = contribution_findings(a_frame(**changes), 1000.0, outcome="sales", level=0.9)
    assert media.sentence() == (
        "All channels together brought 22% of sales (90% interval: 5.0% to 40%)."
    )
    assert channel.sentence().endswith(ends)
    assert ("+120% (-50% to +300%)" in channel.sentence()) == bool(channel.because)
    assert channel.sentence("it") != channel.sentence("en")


def test_largest_channels_come_first():
    frame = pd.concat([a_frame(contribution=1.0, channel="Small"), a_frame()[:1]])
    found = contribution_findings(frame, 1000.0, outcome="sales", level=0.9)
    assert [finding.facts.get("channel") for finding in found] == [None, "Search", "Small"]


@pytest.mark.parametrize("period", ["day", "week", "month", "period"])
def test_every_period_has_words(period):
    assert period_name({"day": 1, "week": 7, "month": 30.4, "period": 91}[period]) == period
    (first, *_) = plan_findings(a_plan(), period=period, currency="EUR")
    assert f"a {period}" in first.sentence()
    assert "mix_period" not in first.sentence("it")
