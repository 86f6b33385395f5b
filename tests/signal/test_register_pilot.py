"""A planned pilot goes into the log as it will be read."""

import pytest

from mmm.errors import ConfigError
from mmm.mix.pilots.planner import plan_pilot
from mmm.signal import ExperimentLog
from tests.mix.small_model import small_model


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.mark.parametrize("terms", [{"mode": "flighting"}, {"mode": "holdout", "delta": 1.0}])
def test_what_is_expected_is_the_believed_return_of_what_moves(tmp_path, model, terms):
    pilot = plan_pilot(model, "Search", weeks=24, margin=0.5, **terms)
    log = ExperimentLog(tmp_path / "log.jsonl")
    log.register_pilot("one", pilot, on="2020-01-01", margin=0.5)
    row = log.to_frame().iloc[0]
    assert row["channel"] == "Search"
    assert row["start"] == str(pilot.dates[0])[:10]
    assert row["end"] == str(pilot.dates[-1])[:10]
    # Of each euro moved, half of the outcome remains.
    assert 0.5 * row["expected"] / row["spend_change"] - 1 == pytest.approx(pilot.expected)


def test_the_change_of_a_holdout_is_what_the_held_out_part_goes_without(tmp_path, model):
    part = plan_pilot(model, "Search", weeks=24, mode="holdout", delta=0.5)
    whole = plan_pilot(model, "Search", weeks=24, mode="holdout", delta=1.0)
    log = ExperimentLog(tmp_path / "log.jsonl")
    log.register_pilot("part", part, on="2020-01-01")
    log.register_pilot("whole", whole, on="2020-01-01")
    changes = log.to_frame().set_index("key")["spend_change"]
    # A part that spends half of what it would have spent goes without as much as it spends.
    assert changes["part"] == pytest.approx(-part.spend.sum())
    assert changes["whole"] < changes["part"] < 0


def test_a_margin_of_nothing_is_refused(tmp_path, model):
    log = ExperimentLog(tmp_path / "log.jsonl")
    with pytest.raises(ConfigError, match="not above 0"):
        log.register_pilot("one", plan_pilot(model, "Search"), on="2020-01-01", margin=0.0)
