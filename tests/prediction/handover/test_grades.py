import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, InputError
from mmm.prediction.handover.grades import (
    Grades,
    fit_engagement_grid,
    grade_by_share,
    grade_table,
    set_threshold,
    stage_of,
    transitions,
)
from mmm.prediction.handover.qualify import Condition, Rule, apply_rules, qualified
from mmm.prediction.handover.rates import difference_interval, rate_interval

odds = st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=1, max_size=40)


@given(odds, st.integers(0, 45))
def test_capacity_is_used_as_far_as_ties_allow(probability, capacity):
    found = set_threshold(probability, capacity=capacity)
    assert found.n <= capacity
    p = np.array(probability)
    left = p[p < found.probability]
    if len(left):
        tied = (p == left.max()).sum()
        assert found.n + tied > capacity
    assert found.expected_wins == pytest.approx(p[p >= found.probability].sum())


@given(odds, st.integers(1, 19))
def test_the_threshold_of_value_is_the_most_profitable(probability, cost):
    found = set_threshold(probability, cost=cost, margin=20.0)
    p = np.array(probability)
    profits = [20.0 * p[p >= t].sum() - cost * (p >= t).sum() for t in [*p, 2.0]]
    assert found.expected_profit == pytest.approx(max(profits), abs=1e-9)
    both = set_threshold(probability, cost=cost, margin=20.0, capacity=3)
    assert both.n <= min(3, found.n)
    assert both.probability >= found.probability


def test_thresholds_that_cannot_be_set_are_refused():
    with pytest.raises(ConfigError, match="Give capacity, or cost and margin"):
        set_threshold([0.1], cost=3.0)
    with pytest.raises(ConfigError, match="a margin above 0"):
        set_threshold([0.1], cost=3.0, margin=0.0)


@pytest.mark.parametrize("bad", [np.nan, 1.2, -0.1])
def test_bad_input_40_no_grade_for_what_is_no_probability(bad):
    with pytest.raises(InputError, match="1 of 2 probabilities are missing or outside 0 to 1"):
        Grades((0.5, 0.3, 0.1)).assign([0.2, bad])


@given(odds)
def test_grades_follow_the_probability(probability):
    grades = Grades((0.6, 0.3, 0.1))
    letter = grades.assign(probability)
    order = np.argsort(probability, kind="stable")[::-1]
    assert list(letter.iloc[order]) == sorted(letter)
    for p, grade in zip(probability, letter, strict=True):
        assert grade == ("A" if p >= 0.6 else "B" if p >= 0.3 else "C" if p >= 0.1 else "D")


def test_grades_by_share_hold_their_shares():
    p = np.random.default_rng(0).beta(1, 5, 1000)
    counts = grade_by_share(p).assign(p).value_counts()
    assert counts[["A", "B", "C", "D"]].tolist() == [100, 200, 300, 400]
    with pytest.raises(ConfigError, match="the highest first"):
        Grades((0.1, 0.2, 0.3))
    with pytest.raises(ConfigError, match="sum to below 1"):
        grade_by_share(p, (0.5, 0.4, 0.2))


def test_realised_rates_of_calibrated_grades_keep_their_promise():
    rng = np.random.default_rng(7)
    kept, told = 0, 0
    for _ in range(100):
        p = rng.beta(1, 4, 600)
        table = grade_table(grade_by_share(p).assign(p), p, rng.random(600) < p, level=0.9)
        kept += int(table["kept"].sum())
        told += int(table["kept"].notna().sum())
        assert table["share_of_wins"].sum() == pytest.approx(1)
    assert 0.86 < kept / told < 0.94  # 400 intervals of 90%
    wrong = grade_table(["A"] * 200, np.full(200, 0.6), np.arange(200) < 40)
    assert wrong["kept"].tolist()[0] is False
    assert wrong["n"].tolist() == [200, 0, 0, 0]
    assert wrong["kept"].isna().tolist() == [False, True, True, True]


def test_the_grid_counts_every_lead_once():
    rng = np.random.default_rng(6)
    fit, engagement = rng.normal(size=900), rng.normal(size=900)
    won = rng.random(900) < 1 / (1 + np.exp(2 - fit - engagement))
    grid = fit_engagement_grid(fit, engagement, won)
    assert grid["n"].sum() == 900
    assert grid["n_hit"].sum() == won.sum()
    best, worst = grid.iloc[0], grid.iloc[-1]
    assert (best["fit"], best["engagement"]) == (1, 1)
    assert best["lower"] > worst["upper"]
    assert len(fit_engagement_grid([1.0, 1.0], [1.0, 1.0])) == 9


def test_rules_say_what_they_mean():
    frame = pd.DataFrame(
        {
            "job": ["Owner", "clerk", None],
            "pages": ["12", "3", None],
            "demo": [True, False, True],
            "n": pd.array([1, 0, None], dtype="Int64"),
        }
    )
    rules = [
        Rule.parse("decides", "SQL", "job in owner, director and pages >= 5"),
        Rule.parse("asked", "MQL", "demo = true"),
        Rule.parse("one", "MQL", "n = 1"),
        Rule.parse("no clerk", "MQL", "job != clerk"),
        Rule.parse("unknown", "MQL", "job is missing"),
    ]
    passed = apply_rules(frame, rules)
    assert passed["decides"].tolist() == [True, False, False]
    assert passed["asked"].tolist() == [True, False, True]
    assert passed["one"].tolist() == [True, False, False]
    assert passed["no clerk"].tolist() == [True, False, False]
    assert passed["unknown"].tolist() == [False, False, True]
    mql, sql = qualified(passed, rules, "MQL"), qualified(passed, rules, "SQL")
    assert stage_of(mql, sql).tolist() == ["SQL", "lead", "MQL"]
    assert rules[0].conditions[0] == Condition("job", "in", ("owner", "director"))


@pytest.mark.parametrize(
    ("stage", "text", "problem"),
    [
        ("MQL", "pages", "is no condition"),
        ("MQL", "", "has no condition"),
        ("MQL", "pages >= many", "is no number"),
        ("PQL", "pages >= 1", "Use 'MQL' or 'SQL'"),
        ("MQL", "__import__('os').system('x')", "is no condition"),
    ],
)
def test_rules_that_say_nothing_are_refused(stage, text, problem):
    with pytest.raises(ConfigError, match=problem):
        Rule.parse("r", stage, text)


def test_rules_on_absent_columns_are_refused():
    rule = Rule.parse("r", "MQL", "pages >= 1")
    with pytest.raises(InputError, match="the rules name 'pages'"):
        apply_rules(pd.DataFrame({"page": [1]}), [rule])
    with pytest.raises(InputError, match="compares 'pages' with a number"):
        apply_rules(pd.DataFrame({"pages": ["many"]}), [rule])
    with pytest.raises(ConfigError, match="two rules have one name"):
        apply_rules(pd.DataFrame({"pages": [1]}), [rule, rule])


def test_transitions_lead_from_the_old_table_to_the_new():
    before = pd.DataFrame(
        {"lead_id": ["a", "b", "c"], "stage": ["lead", "MQL", "SQL"], "grade": list("CBA")}
    )
    now = pd.DataFrame(
        {
            "lead_id": ["d", "c", "b", "a"],
            "stage": ["MQL", "MQL", "SQL", "lead"],
            "grade": list("BABC"),
            "probability": [0.3, 0.5, 0.4, 0.1],
        }
    )
    moved = transitions(before, now, at="2025-06-30")
    assert moved[["lead_id", "what", "direction"]].values.tolist() == [
        ["b", "stage", "up"],
        ["c", "stage", "down"],
        ["d", "grade", "new"],
        ["d", "stage", "new"],
    ]
    assert moved["probability"].tolist() == [0.4, 0.5, 0.3, 0.3]
    replayed = before.set_index("lead_id")["stage"].to_dict()
    stages = moved[moved["what"] == "stage"]
    replayed |= dict(zip(stages["lead_id"], stages["new"], strict=True))
    assert replayed == now.set_index("lead_id")["stage"].to_dict()
    with pytest.raises(InputError, match="names a lead twice"):
        transitions(before, pd.concat([now, now]), at="2025-06-30")
    assert transitions(before, before, at="2025-06-30").empty


def test_rate_intervals_equal_statsmodels():
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

    k, n = np.array([0, 3, 50, 7]), np.array([5, 9, 60, 7])
    lower, upper = rate_interval(k, n, 0.9)
    expected = proportion_confint(k, n, alpha=0.1, method="wilson")
    np.testing.assert_allclose(lower, expected[0], atol=1e-12)
    np.testing.assert_allclose(upper, expected[1], atol=1e-12)
    low, high = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", alpha=0.05)
    assert difference_interval((56, 70), (48, 80), 0.95)[1:] == pytest.approx((low, high))
