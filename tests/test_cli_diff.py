"""`mmm diff` as a user meets it: two folders of `mmm run`, one sentence a change."""

import json

import pandas as pd
import pytest

from mmm import datasets
from tests.test_cli import mmm, one_line_of_error
from tests.test_cli_report import CONFIG


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs, the second with fewer deals and another level."""
    place = tmp_path_factory.mktemp("runs")
    files = {name: datasets.path(name).as_posix() for name in ("deals", "touches", "leads")}
    (place / "one.toml").write_text(CONFIG.format(**files), encoding="utf-8")
    deals = pd.read_csv(datasets.path("deals"))
    deals.iloc[:-30].to_csv(place / "deals.csv", index=False)
    less = CONFIG.format(**(files | {"deals": "deals.csv"})) + "[attribution]\nlevel = 0.8\n"
    (place / "two.toml").write_text(less, encoding="utf-8")
    for name in ("one", "two"):
        done = mmm("run", place / f"{name}.toml", "--out", place / name)
        assert done.returncode == 0, done.stderr
    return place


def test_what_went_in_and_what_came_out(runs):
    done = mmm("diff", runs / "one", runs / "two")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    n = len(pd.read_csv(datasets.path("deals")))
    assert lines[0] == f"deals has {n - 30} rows instead of {n}."
    assert "The setting level is 0.8 instead of 0.9." in lines
    assert any("of the credit instead of" in line for line in lines)


def test_json_and_italian(runs):
    done = mmm("diff", runs / "one", runs / "two", "--json", "--lang", "it")
    said = json.loads(done.stdout)
    assert said["same"] is False
    kinds = {change["kind"] for change in said["changes"]}
    assert {"input", "setting", "credit"} <= kinds
    assert "invece di" in said["changes"][0]["sentence"]


def test_a_run_is_the_same_as_itself_and_a_folder_without_one_is_refused(runs, tmp_path):
    done = mmm("diff", runs / "one", runs / "one")
    assert done.stdout.startswith("The two runs are the same")
    assert "manifest.json is missing" in one_line_of_error(mmm("diff", runs / "one", tmp_path))
    assert "Example: mmm diff" in mmm("diff", "--help").stdout
