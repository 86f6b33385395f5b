"""Two runs compared: every kind of change is told, noise as noise, and sameness as sameness."""

import json
import shutil

import pandas as pd
import pytest

from mmm.errors import SourceError
from mmm.run.difference import Difference, difference, read_run
from mmm.wording import LANGUAGES

MANIFEST = {
    "version": "0.1.0",
    "versions": {"python": "3.12.1", "numpy": "2.4.6"},
    "as_of": "2025-05-31T12:00:00+00:00",
    "currency": "EUR",
    "inputs": [
        {"name": "deals", "source": "deals.csv", "rows": 100, "sha256": "aa"},
        {"name": "leads", "source": "leads.csv", "rows": 300, "sha256": "bb"},
        {"name": "mix", "source": "weeks.csv", "rows": None, "sha256": "cc"},
    ],
    "seeds": {"mix": 0},
    "settings": {"headline": "markov", "level": 0.9, "models": ["linear", "markov"]},
}
CREDIT = pd.DataFrame(
    {
        "model": ["markov"] * 3 + ["linear"] * 3,
        "channel": ["Events", "Email", "Search"] * 2,
        "credit": [60.0, 30.0, 10.0, 50.0, 40.0, 10.0],
        "share": [0.6, 0.3, 0.1, 0.5, 0.4, 0.1],
        "lower": [0.5, 0.2, None, 0.4, 0.3, None],
        "upper": [0.7, 0.4, None, 0.6, 0.5, None],
        "n_deals": [5, 4, 3] * 2,
    }
)
COSTS = pd.DataFrame(
    {
        "channel": ["Events", "Email", "(total)"],
        "cac": [1000.0, 50.0, 500.0],
        "cac_lower": [800.0, 40.0, None],
        "cac_upper": [1200.0, 60.0, None],
    }
)
INDICATORS = pd.DataFrame(
    {
        "name": ["cac", "lead_to_customer", "sales_cycle_from_lead", "sales_velocity"],
        "value": [500.0, 0.2, 90.0, 1000.0],
        "lower": [400.0, 0.1, 80.0, 900.0],
        "upper": [600.0, 0.3, 100.0, 1100.0],
        "level": 0.9,
        "unit": ["money", "share", "days", "money_per_day"],
        "n": 100,
    }
)
BUDGET = pd.DataFrame(
    {"channel": ["Events", "Email"], "verdict": ["push", "hold"], "recommended": [1000.0, 200.0]}
)
CALLS = pd.DataFrame({"lead_id": ["007", "L2", "L3"], "probability": [0.5, 0.4, 0.3]})
TABLES = {
    "credit": CREDIT,
    "credit_deals": CREDIT,
    "customer_costs": COSTS,
    "indicators": INDICATORS,
    "budget": BUDGET,
    "calls": CALLS,
}


def written(folder, manifest=MANIFEST, **tables):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for name, frame in (TABLES | tables).items():
        if frame is not None:
            frame.to_csv(folder / f"{name}.csv", index=False)
    return read_run(folder)


@pytest.fixture
def before(tmp_path):
    return written(tmp_path / "before")


def changes(before, tmp_path, manifest=MANIFEST, **tables):
    found = difference(before, written(tmp_path / "after", manifest, **tables))
    return {(one.kind, one.name): one for one in found.changes}


def test_a_run_does_not_differ_from_itself(before, tmp_path):
    again = written(tmp_path / "again")
    found = difference(before, again)
    assert found.same
    assert found.findings()[0].sentence().startswith("The two runs are the same")


def test_inputs_versions_and_settings(before, tmp_path):
    inputs = [
        MANIFEST["inputs"][0] | {"rows": 120, "sha256": "x"},
        {"name": "spend", "source": "spend.csv", "rows": 5, "sha256": "y"},
        MANIFEST["inputs"][2] | {"sha256": "z"},
    ]
    manifest = MANIFEST | {
        "inputs": inputs,
        "version": "0.2.0",
        "as_of": "2025-06-30T09:00:00+00:00",
        "versions": {"python": "3.12.1", "numpy": "2.5.0"},
        "seeds": {"mix": 7},
        "settings": MANIFEST["settings"] | {"level": 0.8, "by": "account"},
    }
    found = changes(before, tmp_path, manifest)
    assert (found["input", "deals"].before, found["input", "deals"].after) == (100, 120)
    assert found["input", "leads"].after is None
    assert found["input", "spend"].before is None
    said = {key: one.finding.sentence() for key, one in found.items()}
    assert said["input", "deals"] == "deals has 120 rows instead of 100."
    assert said["input", "mix"] == "mix has other content."
    assert said["input", "as_of"] == "The data go up to 30 June 2025 instead of 31 May 2025."
    assert said["version", "numpy"] == "numpy is 2.5.0 instead of 2.4.6."
    assert said["version", "mmm"] == "mmm is 0.2.0 instead of 0.1.0."
    assert said["setting", "level"] == "The setting level is 0.8 instead of 0.9."
    assert said["setting", "by"] == "The setting by is account instead of –."
    assert said["setting", "seed of mix"].endswith("is 7 instead of 0.")
    assert len(found) == 10


def test_the_same_rows_with_other_values_are_told_by_their_hash(before, tmp_path):
    inputs = [MANIFEST["inputs"][0] | {"sha256": "other"}, *MANIFEST["inputs"][1:]]
    found = changes(before, tmp_path, MANIFEST | {"inputs": inputs})
    assert list(found) == [("input", "deals")]
    assert "other content in the same 100 rows" in found["input", "deals"].finding.sentence()


@pytest.mark.parametrize(
    ("share", "lower", "upper", "beyond", "said"),
    [
        (0.65, 0.55, 0.75, False, "within the intervals"),
        (0.9, 0.85, 0.95, True, "outside of the intervals of both runs"),
        # Each figure has to lie outside of the interval of the other.
        (0.9, 0.55, 0.95, False, "within the intervals"),
        (0.9, None, 0.95, None, "Without intervals"),
    ],
)
def test_a_share_is_judged_by_both_intervals(before, tmp_path, share, lower, upper, beyond, said):
    credit = CREDIT.copy()
    credit.loc[0, ["share", "lower", "upper"]] = [share, lower, upper]
    found = changes(before, tmp_path, credit=credit)
    assert list(found) == [("credit", "Events")]
    one = found["credit", "Events"]
    assert one.beyond is beyond
    assert said in one.finding.sentence()


def test_only_the_headline_model_is_compared_and_tiny_changes_are_not_told(before, tmp_path):
    credit = CREDIT.copy()
    credit.loc[3, "share"] = 0.9  # of the linear model
    credit.loc[1, "share"] = 0.3004
    assert changes(before, tmp_path, credit=credit) == {}


def test_figures_that_are_written_alike_are_not_told(before, tmp_path):
    credit = CREDIT.copy()
    credit.loc[0, "share"] = 0.6042  # 60%, as before
    costs = COSTS.assign(cac=[1000.0, 50.6, 500.0])
    found = changes(before, tmp_path, credit=credit, customer_costs=costs)
    assert list(found) == [("cost", "Email")]
    assert "€51 instead of €50" in found["cost", "Email"].finding.sentence()
    budget = BUDGET.assign(verdict=["push", "follow"])
    assert list(changes(before, tmp_path, budget=budget)) == [("budget", "Email")]


def test_channels_that_come_and_go(before, tmp_path):
    credit = CREDIT.replace({"channel": {"Search": "Fairs"}})
    found = changes(before, tmp_path, credit=credit)
    assert found["credit", "Fairs"].before is None
    assert found["credit", "Search"].after is None


def test_costs_indicators_budget_and_calls(before, tmp_path):
    costs = COSTS.assign(cac=[2000.0, 50.1, 900.0], cac_lower=[1900.0, 40, None],
                         cac_upper=[2100.0, 60, None])  # fmt: skip
    indicators = INDICATORS.assign(value=[550.0, 0.25, 120.0, 1005.0], lower=[450.0, 0.2, 110, 900])
    budget = BUDGET.assign(verdict=["cut", "hold"], recommended=[500.0, 201.0])
    calls = CALLS.assign(lead_id=["L9", "007", "L3"])
    found = changes(before, tmp_path, customer_costs=costs, indicators=indicators, budget=budget,
                    calls=calls)  # fmt: skip
    said = {key: one.finding.sentence() for key, one in found.items()}
    assert set(found) == {
        ("cost", "Events"), ("indicator", "cac"), ("indicator", "lead_to_customer"),
        ("indicator", "sales_cycle_from_lead"), ("budget", "Events"), ("calls", "calls"),
    }  # fmt: skip
    assert found["cost", "Events"].beyond is True
    assert found["indicator", "cac"].beyond is False
    assert "€550 instead of €500" in said["indicator", "cac"]
    assert "25% instead of 20%" in said["indicator", "lead_to_customer"]
    assert "120 days instead of 90 days" in said["indicator", "sales_cycle_from_lead"]
    assert said["calls", "calls"] == "Of the first 3 leads to call, 2 are the same."
    every = difference(before, read_run(tmp_path / "after")).changes
    verdict = next(one for one in every if one.finding.metric == "diff.verdict")
    assert (verdict.before, verdict.after) == ("push", "cut")


def test_a_table_of_one_run_alone_is_named(before, tmp_path):
    found = changes(before, tmp_path, budget=None, calls=None)
    assert [key for key, _ in found] == ["budget", "calls"]
    assert "budget.csv" in found["budget", "budget.csv"].finding.sentence()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_change_has_a_sentence(before, tmp_path, lang):
    manifest = MANIFEST | {"version": "9", "inputs": [], "settings": {}, "as_of": "2026-01-01"}
    costs, values = COSTS.assign(cac=9.0), INDICATORS.assign(value=9.0)
    credit = CREDIT.assign(share=0.9)
    found = changes(before, tmp_path, manifest, credit=credit, customer_costs=costs,
                    indicators=values, budget=BUDGET.assign(verdict="test"))  # fmt: skip
    for one in found.values():
        assert one.finding.sentence(lang)


def test_folders_that_are_no_runs_are_errors(tmp_path):
    with pytest.raises(SourceError, match=r"manifest\.json is missing"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text("{broken")
    with pytest.raises(SourceError, match="damaged"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(SourceError, match="no manifest"):
        read_run(tmp_path)
    written(tmp_path / "cut")
    shutil.copy(tmp_path / "manifest.json", tmp_path / "cut" / "credit.csv")
    (tmp_path / "cut" / "credit.csv").write_bytes(b"")
    with pytest.raises(SourceError, match="damaged"):
        read_run(tmp_path / "cut")


def test_no_change_at_all_is_one_finding():
    assert [one.metric for one in Difference(()).findings()] == ["diff.same"]
