"""Experiments: registered beforehand, read once, fed to both models."""

from dataclasses import replace

import pytest

from mmm.attribution import calibrate, linear
from mmm.errors import ConfigError, SourceError
from mmm.journeys import Journeys
from mmm.mix import LiftTest
from mmm.signal import ExperimentLog, lifts_for, triangulate

PLAN = {"channel": "Fairs", "start": "2025-03-03", "end": "2025-04-27", "spend_change": -8000.0,
        "expected": -9000.0}  # fmt: skip
TEST = LiftTest("Fairs", "2025-03-03", "2025-04-27", -8000.0, -6000.0, 2500.0)


@pytest.fixture
def log(tmp_path):
    made = ExperimentLog(tmp_path / "deep" / "experiments.jsonl")
    made.register("fairs-1", on="2025-02-20", **PLAN)
    return made


def test_a_log_without_a_file_is_empty(tmp_path):
    log = ExperimentLog(tmp_path / "none.jsonl")
    assert log.entries() == []
    assert log.tests() == ()
    assert len(log.to_frame()) == 0


def test_a_pilot_is_registered_then_read_then_fed(log):
    assert log.to_frame()["state"].tolist() == ["registered"]
    log.read("fairs-1", TEST, on="2025-05-02")
    assert log.tests() == (TEST,)
    row = log.to_frame().iloc[0]
    assert (row["state"], row["roas"], row["moved"]) == ("read", 0.75, False)
    assert row["surprise"] == pytest.approx(3000 / 2500)
    credit = linear(Journeys.from_paths(["Fairs", "Ads"], value=[9000.0, 5000.0]))
    lifts = lifts_for(log.tests(), credit, {"Fairs": 4000.0})
    assert lifts["Fairs"].lift == 3000.0
    found = calibrate(credit, lifts).to_frame().set_index("channel")
    assert found.loc["Fairs", "evidence"] == "experiment"
    read = log.to_frame()
    table = triangulate(credit.to_frame(), experiments=read[["channel", "lift", "standard_error"]])
    assert table.table.set_index("channel").loc["Fairs", "grade"] == "experiment"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"on": "2025-03-10"}, "what has begun is not registered"),
        ({"end": "2025-01-01"}, "Pass dates in order"),
        ({"spend_change": 0.0}, "Pass dates in order"),
        ({"start": "soon"}, "Write it as 2025-01-31"),
        ({"channel": " "}, "names no channel"),
    ],
)
def test_a_pilot_that_cannot_be_registered_says_why(tmp_path, change, said):
    log = ExperimentLog(tmp_path / "log.jsonl")
    with pytest.raises(ConfigError, match=said):
        log.register("a", **{**PLAN, "on": "2025-02-20", **change})
    assert not log.path.exists()


def test_what_was_written_is_not_written_again(log):
    with pytest.raises(ConfigError, match="'fairs-1' is in the log already"):
        log.register("fairs-1", on="2025-02-20", **PLAN)
    with pytest.raises(ConfigError, match="has no name"):
        log.register("", on="2025-02-20", **PLAN)
    with pytest.raises(ConfigError, match="was not registered"):
        log.read("fairs-2", TEST, on="2025-05-02")
    with pytest.raises(ConfigError, match="Read it under its own name"):
        log.read("fairs-1", LiftTest("Ads", "a", "b", 1.0, 1.0, 1.0), on="2025-05-02")
    log.read("fairs-1", TEST, on="2025-05-02")
    with pytest.raises(ConfigError, match="not changed after the fact"):
        log.read("fairs-1", TEST, on="2025-05-03")


def test_a_pilot_is_not_read_before_it_is_over(log):
    with pytest.raises(ConfigError, match="Read it when it is over"):
        log.read("fairs-1", TEST, on="2025-04-26")
    assert log.tests() == ()
    stopped = replace(TEST, end="2025-04-20")
    log.read("fairs-1", stopped, on="2025-04-26")
    assert log.tests() == (stopped,)
    assert log.to_frame()["moved"].tolist() == [True]


def test_other_weeks_than_agreed_are_marked(log):
    log.read("fairs-1", LiftTest("Fairs", "2025-03-17", "2025-04-27", -6000.0, -1.0, 9.0),
             on="2025-05-02")  # fmt: skip
    assert log.to_frame()["moved"].tolist() == [True]


def test_a_damaged_line_is_named(log):
    with log.path.open("a", encoding="utf-8") as file:
        file.write("{]\n")
    with pytest.raises(SourceError, match="line 2"):
        log.entries()


def test_tests_of_channels_without_credit_are_left_out():
    credit = linear(Journeys.from_paths(["Ads"], value=[5000.0]))
    assert lifts_for([TEST], credit, {"Fairs": 10.0}) == {}
