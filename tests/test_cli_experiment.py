"""`mmm experiment` as a user meets it: a channel with spend, a day that has come."""

import json
import shutil

import pytest

from mmm import datasets
from mmm.cli import app
from mmm.errors import ConfigError

PLAN = ("--start", "2099-03-02", "--end", "2099-04-26", "--spend-change=-8000",
        "--expected=-9000")  # fmt: skip
CONFIG = """
[deals]
source = "deals.csv"
[touches]
source = "touches.csv"
[spend]
source = "spend.csv"
[signal]
experiments = "experiments.jsonl"
"""


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Run a command in a folder; what it says."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        app(["experiment", *map(str, arguments)], standalone_mode=False)
        return capsys.readouterr()

    return run


@pytest.fixture
def configured(tmp_path):
    for name in ("deals", "touches", "spend"):
        shutil.copy(datasets.path(name), tmp_path)
    (tmp_path / "mmm.toml").write_text(CONFIG)
    return tmp_path


def test_a_channel_without_spend_is_refused_and_one_that_is_new_is_not(say, configured):
    with pytest.raises(ConfigError, match=r"nothing is spent on 'Event'.*'Events'.*--new-channel"):
        say("register", "one", "--channel", "Event", *PLAN)
    assert not (configured / "experiments.jsonl").exists()
    assert "Registered: one (Events" in say("register", "one", "--channel", "Events", *PLAN).out
    say("register", "two", "--channel", "Event", "--new-channel", *PLAN)
    listed = json.loads(say("list", "--json").out)["experiments"]
    assert [(row["key"], row["channel"]) for row in listed] == [("one", "Events"), ("two", "Event")]


def test_a_channel_may_be_named_as_the_page_names_it_in_either_language(say, configured):
    said = say("register", "one", "--channel", "Fiere ed eventi", *PLAN)
    assert "Registered: one (Events" in said.out
    (row,) = json.loads(say("list", "--json").out)["experiments"]
    assert row["channel"] == "Events"


def test_warnings_of_the_spend_are_said_as_elsewhere_in_the_language_of_the_settings(
    say, configured
):
    (configured / "fairs.csv").write_text(
        "date,channel,spend\n2025-01-06,Fairs,7\n2025-01-13,Fairs,7\n"
    )
    two = CONFIG.replace("[spend]\n", "[[spend]]\n").replace(
        "[signal]", '[[spend]]\nsource = "fairs.csv"\n[signal]'
    )
    (configured / "mmm.toml").write_text('[company]\nlanguage = "it"\n' + two)
    said = say("register", "one", "--channel", "Events", *PLAN)
    assert "avviso: spesa di fairs.csv: inizia il 2025-01-06" in said.err
    assert "reading.py" not in said.err


def test_channels_of_a_weekly_table_are_those_of_the_configuration(say, configured):
    mix = '[mix]\nsource = "weekly.csv"\noutcome = "revenue"\nchannels = ["Fairs"]\n'
    (configured / "weekly.toml").write_text(CONFIG + mix)
    with pytest.raises(ConfigError, match="channels with spend are 'Fairs'"):
        say("register", "one", "--channel", "Events", "--config", "weekly.toml", *PLAN)
    say("register", "one", "--channel", "Fairs", "--config", "weekly.toml", *PLAN)


def test_what_cannot_be_checked_is_said(say, configured):
    (configured / "spend.csv").unlink()
    said = say("register", "one", "--channel", "Event", *PLAN)
    assert "note: the name of the channel is not checked: " in said.err
    (configured / "spend.csv").write_text("date,channel\n2025-01-06,Events\n")
    said = say("register", "other", "--channel", "Event", *PLAN)
    assert "not checked: spend has no column 'spend'" in said.err
    (configured / "mmm.toml").unlink()
    said = say("register", "two", "--channel", "Event", *PLAN)
    assert "note: there is no mmm.toml here" in said.err
    with pytest.raises(ConfigError, match=r"no configuration gone\.toml"):
        say("register", "three", "--channel", "Event", "--config", "gone.toml", *PLAN)


def test_an_entry_is_not_made_on_a_day_to_come(say):
    with pytest.raises(ConfigError, match="--on 2099-01-01 lies in the future"):
        say("register", "one", "--channel", "Events", "--on", "2099-01-01", *PLAN)
    with pytest.raises(ConfigError, match="'soon' is no day"):
        say("register", "one", "--channel", "Events", "--on", "soon", *PLAN)
    past = ("--on", "2024-12-20", "--start", "2025-01-06", "--end", "2025-03-02", *PLAN[4:])
    say("register", "one", "--channel", "Events", *past)
    result = ("--lift=-6000", "--standard-error", "2500")
    with pytest.raises(ConfigError, match="lies in the future"):
        say("read", "one", *result, "--on", "2099-04-27")
    assert "Read: one, 0.75 per unit of spend" in say("read", "one", *result).out
    assert "one: Events, 2025-01-06 to 2025-03-02, read, 0.75 per" in say("list").out


def test_a_log_without_pilots_says_so(say):
    assert say("list").out == "There is no pilot in experiments.jsonl.\n"


def test_entries_are_told_as_json_too(say, configured):
    said = say("register", "new-1", "--channel", "Podcast", "--new-channel", *PLAN, "--json")
    told = json.loads(said.out)["registered"]
    assert (told["channel"], told["spend_change"], told["end"]) == ("Podcast", -8000, "2099-04-26")
    listed = json.loads(say("list", "--json").out)["experiments"]
    assert [one["key"] for one in listed] == ["new-1"]
