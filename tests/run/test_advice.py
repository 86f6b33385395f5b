"""The advice of a whole run, on the shipped company and on real leads."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import MmmError
from mmm.report.files import StepFiles
from mmm.run import load_config, pipeline, run
from mmm.run.advice import Gap
from mmm.run.answer import answer, budget_sentence, calls_sentence, certainty_sentence
from mmm.run.demo import demo_config
from mmm.run.gaps import health_gaps, in_words, make_gap, of_error
from mmm.wording import LANGUAGES, entries


@pytest.fixture(scope="module")
def demo():
    return run(demo_config())


def spends_of(result):
    return result.budget.table.set_index("channel")


def test_on_the_demo_money_moves_towards_what_truly_returns_more(demo):
    truth = datasets.truth()["channels"]
    value = dict(zip(truth["channel"], truth["incremental_value"], strict=True))
    spent = datasets.load("spend").groupby("channel")["spend"].sum().astype("float64")
    returns = {name: value[name] / spent[name] for name in spent.index}
    table = spends_of(demo)
    pushed = table.index[table["verdict"] == "push"].tolist()
    cut = table.index[table["verdict"] == "cut"].tolist()
    assert pushed
    assert all(returns[up] > returns[down] for up in pushed for down in cut)
    assert max(returns, key=returns.get) in pushed
    # By what a euro truly returned, the split that is advised is worth more than today's.
    gain = sum(table.loc[name, "change"] * returns[name] for name in table.index)
    assert gain > 0


def test_on_the_demo_the_ranking_holds_on_leads_held_out(demo):
    metrics = demo.calls.metrics.set_index("metric")
    assert metrics.loc["auc", "lower"] > 0.6
    assert metrics.loc["log_loss", "value"] < metrics.loc["base_log_loss", "value"]
    in_pipeline = datasets.load("leads")["stage"].eq("opportunity").sum()
    assert demo.calls.n_in_pipeline == in_pipeline


def test_the_demo_counts_leads_and_says_why(demo):
    assert demo.budget.outcome == "leads"
    said = [one.sentence("it") for one in demo.budget.notes]
    assert any("Troppo poche registrazioni per tutto il valore vinto" in text for text in said)
    assert demo.budget.stance != "move"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_everything_that_is_said_can_be_said(demo, lang):
    budget, calls = demo.budget, demo.calls
    findings = [*demo.answer, *budget.findings, *budget.evidence, *budget.notes, *calls.notes]
    said = [one.sentence(lang) for one in findings] + [gap.sentence(lang) for gap in demo.gaps]
    assert all(said)
    assert len(demo.answer) == 3


def test_the_answer_names_amounts_channels_and_leads(demo):
    budget, sure, calls = (one.sentence("en") for one in demo.answer)
    table = spends_of(demo)
    first = table["change"].idxmax()
    assert budget.startswith("Move €")
    assert first in budget
    assert f"{demo.budget.probability_better:.0%}" in sure
    assert calls.startswith(f"Call {demo.calls.table['lead_id'].iloc[0]}")


@pytest.mark.parametrize(
    ("stance", "key"), [("move", "answer.move"), ("half", "answer.move"), ("stay", "answer.stay")]
)
def test_the_stance_turns_the_sentence(demo, stance, key):
    said = budget_sentence(replace(demo.budget, stance=stance))
    assert said.metric == key
    because = [getattr(one, "metric", one) for one in said.because]
    halved = {"answer.then_watch", "answer.then_test"} & set(because)
    assert bool(halved) == (stance == "half")


def test_a_test_is_named_only_where_it_pays(demo):
    paying = demo.budget.pilots.assign(pays=True)
    named = budget_sentence(replace(demo.budget, stance="test", pilots=paying))
    assert named.metric == "answer.test_week"
    assert named.facts["channel"] == paying["channel"].iloc[0]
    unpaid = demo.budget.pilots.assign(pays=False)
    kept = budget_sentence(replace(demo.budget, stance="test", pilots=unpaid))
    assert kept.metric == "answer.keep"
    assert "Mantenete il budget attuale" in kept.sentence("it")


@pytest.mark.parametrize(("sign", "key"), [(1, "answer.add"), (-1, "answer.save")])
def test_another_total_adds_or_saves(demo, sign, key):
    table = demo.budget.table
    moved = table.assign(recommended=table["current"] * (1 + 0.2 * sign))
    said = budget_sentence(replace(demo.budget, stance="move", table=moved))
    assert said.metric == key
    assert said.facts["more" if sign > 0 else "less"] == table["channel"].tolist()
    assert all(said.sentence(lang) for lang in LANGUAGES)


@pytest.mark.parametrize(
    ("identified", "key"),
    [("data", "all_data"), ("prior", "no_data"), ("mixed", "some_data")],
)
def test_what_certainty_rests_on_is_said(demo, identified, key):
    table = demo.budget.table
    known = ["data"] + ["prior"] * (len(table) - 1) if identified == "mixed" else identified
    said = certainty_sentence(replace(demo.budget, table=table.assign(identified=known)))
    assert said.because == (f"answer.rests_on_{key}",)


def test_calls_without_signal_or_without_worth_are_told(demo):
    blind = calls_sentence(replace(demo.calls, has_signal=False))
    assert blind.metric == "answer.call_any"
    idle = replace(demo.calls, every=demo.calls.every.assign(next_action="nurture"))
    assert calls_sentence(idle).metric == "answer.call_none"
    assert all(one.sentence(lang) for one in (blind, calls_sentence(idle)) for lang in LANGUAGES)


def test_a_gap_speaks_where_there_is_no_answer():
    gaps = [make_gap("budget", "no_spend", "add_spend"), make_gap("calls", "no_leads", "add_leads")]
    said = answer(None, None, gaps)
    assert [one.sentence("it") for one in said] == [gap.sentence("it") for gap in gaps]


def test_gaps_of_one_cause_are_said_together():
    gaps = health_gaps(
        [
            "cac: needs leads. Add the table.",
            "forecast: needs leads. Add the table.",
            "change of cac: needs leads. Add the table.",
            "average_deal: deals has no column 'value'; found 'deal_id'. Read them again.",
            "agreement: needs leads.mql_at or leads.first_contacted_at. Add the column.",
            "stages: something unforeseen. Mend it.",
        ]
    )
    assert [gap.answer for gap in gaps] == [
        "cac",
        "forecast",
        "average_deal",
        "agreement",
        "stages",
    ]
    for lang in LANGUAGES:
        said = in_words(gaps, lang)
        assert len(said) == 4
        assert said[0].count("[leads]") == 1
    assert "manca value" in in_words(gaps, "it")[1]
    assert "something unforeseen. Mend it." in in_words(gaps, "it")[3]


def test_what_cannot_be_foreseen_keeps_its_words():
    gap = of_error("budget", MmmError("Columns clash. Rename one."))
    assert isinstance(gap, Gap)
    assert "Columns clash. Rename one." in gap.sentence("it")


def test_every_reason_and_cure_has_its_words():
    keys = entries()
    for line in ("gap.budget", "gap.calls", "missing.other", "cure.mend"):
        assert line in keys


def test_the_files_hold_what_the_run_found(demo, tmp_path):
    steps = StepFiles(demo_config("it"), tmp_path)
    steps({"budget": demo.budget, "calls": demo.calls})
    steps.end(demo.manifest)
    files = steps.files
    budget = pd.read_csv(files["budget"])
    assert budget["channel"].tolist() == demo.budget.table["channel"].tolist()
    calls = pd.read_csv(files["calls"])
    assert calls["reason"].tolist() == [one["it"] for one in demo.calls.every["reason"]]
    plan = pd.read_csv(files["media_plan"])
    channels = list(demo.budget.table["channel"])
    np.testing.assert_allclose(plan[channels].sum(axis=1), plan["total"], atol=0.005)
    manifest = json.loads(files["manifest"].read_text())
    assert {one["name"] for one in manifest["inputs"]} == set(demo.tables)
    assert all(len(one["sha256"]) == 64 for one in manifest["inputs"])
    assert manifest["seeds"] == {"funnel": 0, "mix": 0, "scoring": 0}
    assert {"python", "numpy", "pandas"} <= set(manifest["versions"])


def test_files_of_an_earlier_run_are_named_where_there_are_some(demo, tmp_path):
    steps = StepFiles(demo_config(), tmp_path / "new")
    assert steps.older() == []
    steps({"calls": demo.calls})
    assert steps.older() == []
    (tmp_path / "new" / "credit.csv").write_text("of before")
    assert steps.older() == ["credit.csv"]


def test_an_answer_that_is_gone_leaves_no_old_file(demo, tmp_path):
    steps = StepFiles(demo_config(), tmp_path)
    steps({"calls": demo.calls})
    assert (tmp_path / "calls.csv").exists()
    steps = StepFiles(demo_config(), tmp_path)
    steps({"calls": None})
    assert "calls" not in steps.files
    assert not (tmp_path / "calls.csv").exists()


def test_the_manifest_is_the_last_file_of_a_run(demo, tmp_path):
    steps = StepFiles(demo_config(), tmp_path)
    steps.end(demo.manifest)
    assert (tmp_path / "manifest.json").exists()
    steps({"value": demo.value})
    assert (tmp_path / "credit.csv").exists()
    assert not (tmp_path / "manifest.json").exists()


def test_a_step_that_fails_leaves_what_was_found_before(tmp_path, monkeypatch):
    config = demo_config()
    off = config.mix.model_copy(update={"enabled": False})

    def breaks(*_, **__):
        raise RuntimeError("a late step")

    monkeypatch.setattr(pipeline, "call_first", breaks)
    steps = StepFiles(config, tmp_path)
    with pytest.raises(RuntimeError, match="a late step"):
        run(config.model_copy(update={"mix": off}), keep=steps)
    assert sorted(steps.files) == ["credit", "credit_deals", "customer_costs", "indicators"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in steps.files.values()
    )
    assert pd.read_csv(steps.files["credit"])["credit"].sum() > 0


def test_progress_is_told_in_the_language_of_the_company():
    config = demo_config("it")
    off = {name: getattr(config, name).model_copy(update={"enabled": False})
           for name in ("mix", "scoring")}  # fmt: skip
    said = []
    result = run(config.model_copy(update=off), said.append)
    assert said[:2] == ["lettura: touches", "lettura: deals"]
    assert [gap.reason.metric for gap in result.gaps[:2]] == ["missing.off"] * 2
    assert result.budget is None
    assert result.calls is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mmm.errors.DataWarning")
def test_olist_says_what_its_data_cannot_tell(shared):
    result = run(load_config(Path(__file__).parent / "olist.toml"))
    assert result.budget is None
    budget = next(gap for gap in result.gaps if gap.answer == "budget")
    assert budget.reason.metric == "missing.no_spend"
    assert not result.calls.value_known
    assert result.calls.has_signal
    loss = result.calls.metrics.set_index("metric")
    assert loss.loc["log_loss", "upper"] < loss.loc["base_log_loss", "value"] + 0.01
    assert {one.metric for one in result.calls.notes} >= {"calls_note.gone", "calls_note.no_value"}
