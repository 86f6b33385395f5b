"""The decision log: nothing lost, nothing rewritten, advice graded by the rule."""

from dataclasses import replace

import numpy as np
import pytest

from mmm.errors import ConfigError, SourceError
from mmm.mix import optimize_budget
from mmm.mix.budget.decisions import DecisionLog, followed_part
from tests.mix.small_model import small_model


@pytest.fixture(scope="module")
def plan():
    made = optimize_budget(small_model())
    return replace(
        made, advice="move", expected_profit=100.0, profit_lower=80.0, profit_upper=120.0
    )


@pytest.fixture
def log(tmp_path):
    return DecisionLog(tmp_path / "kept" / "decisions.jsonl")


def as_done(plan, step=1.0):
    spend = plan.current + step * (plan.proposed - plan.current)
    return dict(zip(plan.channels, spend, strict=True))


@pytest.mark.parametrize(
    ("step", "profit", "grade"),
    [
        (1.0, 105.0, "as expected"),
        (1.0, 160.0, "better"),
        (1.0, 20.0, "worse"),
        (0.5, 105.0, "not followed"),
        (0.9, 105.0, "as expected"),
        (1.0, None, "open"),
    ],
)
def test_advice_is_graded(log, plan, step, profit, grade):
    log.advised("2025-Q1", plan, on="2025-01-02")
    log.done("2025-Q1", as_done(plan, step), on="2025-01-10")
    if profit is not None:
        log.happened("2025-Q1", profit, 10.0, on="2025-04-03")
    row = log.to_frame().iloc[0]
    assert row["grade"] == grade
    assert row["followed"] == pytest.approx(step)
    assert row["advised_on"] == "2025-01-02"


def test_a_vague_result_is_no_surprise(log, plan):
    log.advised("q", plan, on="2025-01-02")
    log.done("q", as_done(plan), on="2025-01-10")
    log.happened("q", 20.0, 100.0, on="2025-04-03")
    assert log.to_frame()["grade"].iloc[0] == "as expected"


def test_half_a_move_is_held_against_half_of_the_gain(log, plan):
    half = replace(plan, advice="move half, then test")
    log.advised("q", half, on="2025-01-02")
    log.done("q", as_done(plan, 0.5), on="2025-01-10")
    log.happened("q", 50.0, 1.0, on="2025-04-03")
    row = log.to_frame().iloc[0]
    assert (row["grade"], row["followed"], row["expected_profit"]) == ("as expected", 1.0, 50.0)


def test_advice_to_stay_is_not_graded_by_what_came(log, plan):
    log.advised("q", replace(plan, advice="stay"), on="2025-01-02")
    log.done("q", as_done(plan, 0.0), on="2025-01-10")
    log.happened("q", 0.0, 1.0, on="2025-04-03")
    assert log.to_frame()["grade"].iloc[0] == "nothing to move"


def test_the_last_note_counts_and_nothing_is_rewritten(log, plan):
    log.advised("q", plan, on="2025-01-02")
    log.done("q", as_done(plan, 0.0), on="2025-01-10")
    first = log.path.read_text()
    log.done("q", as_done(plan), on="2025-01-20")
    assert log.path.read_text().startswith(first)
    assert len(log.entries()) == 3
    assert log.to_frame()["followed"].iloc[0] == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="not changed after the fact"):
        log.advised("q", plan, on="2025-01-03")


def test_the_score_counts_what_was_followed(log, plan):
    for key, profit, step in (("a", 110.0, 1.0), ("b", -40.0, 1.0), ("c", 500.0, 0.0)):
        log.advised(key, replace(plan, probability_better=0.9), on="2025-01-02")
        log.done(key, as_done(plan, step), on="2025-01-10")
        log.happened(key, profit, 5.0, on="2025-04-03")
    score = log.score()
    assert score["n"] == 2
    assert score["paid"] == 0.5
    assert score["said"] == pytest.approx(0.9)
    assert score["bias"] == pytest.approx((-10 + 140) / 2)
    assert score["brier"] == pytest.approx((0.1**2 + 0.9**2) / 2)


def test_an_empty_log_has_no_rows(log):
    assert log.entries() == []
    assert len(log.to_frame()) == 0
    assert log.score()["n"] == 0


def test_advice_to_stay_has_no_move_to_follow():
    assert followed_part({"a": 1.0}, {"a": 1.0}, {"a": 1.0}) is None
    assert followed_part({"a": 1.0}, {"a": 2.0}, {"b": 9.0}) == 0.0
    assert followed_part({"a": 1.0}, {"a": 2.0}, {}) == 0.0


def test_broken_lines_and_numbers_are_named(log, plan):
    log.advised("q", plan, on="2025-01-02")
    with pytest.raises(ConfigError, match="an error above 0"):
        log.happened("q", 1.0, 0.0, on="2025-01-02")
    with pytest.raises(ConfigError, match="what happened is"):
        log.happened("q", np.nan, 1.0, on="2025-01-02")
    with pytest.raises(ConfigError, match="Write the day"):
        log.done("q", {}, on="soon")
    with pytest.raises(ConfigError, match="no name"):
        log.done("", {}, on="2025-01-02")
    log.path.write_text(log.path.read_text() + "[1]\n")
    with pytest.raises(SourceError, match="line 2 of"):
        log.entries()
