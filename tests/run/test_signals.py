"""The joined signal of a run: it adds up, looks at one period, counts a test once."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import SourceError
from mmm.mix import LiftTest
from mmm.report import brief_of
from mmm.run import load_config, run
from mmm.run.budgeting import fit_with
from mmm.run.config import MixSection, sources
from mmm.run.demo import demo_config
from mmm.run.outcome import weeks_of
from mmm.run.signals import Given, join_signal, read_experiments, weekly_spend, with_taken
from mmm.signal import ExperimentLog, triangulate
from mmm.wording import LANGUAGES
from tests.run.companies import AS_OF, config_of, deals_from, silent, spend_table
from tests.test_cli import mmm

FIRST, LAST = pd.Timestamp("2024-01-08"), pd.Timestamp("2025-12-15")


def quick(config=None, **signal):
    """Return the configuration of the demo without what takes time."""
    config = config or demo_config()
    off = {name: getattr(config, name).model_copy(update={"enabled": False})
           for name in ("mix", "scoring")}  # fmt: skip
    return config.model_copy(
        update={**off, "signal": config.signal.model_copy(update=signal)}
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo():
    return run(quick())


def a_budget(outcome="leads", unit_value=500.0, **changes):
    """Return what the signal reads of an advice: the contributions of some mix."""
    names = ["Events", "Paid search", "Paid social", "Partner", "Display"]
    brought = np.array([50.0, 25.0, 20.0, 12.0, 8.0])
    frame = pd.DataFrame({"channel": [*names, "(media)"], "spend": 40_000.0})
    frame["contribution"] = [*brought, brought.sum()]
    frame["contribution_lower"] = 0.6 * frame["contribution"]
    frame["contribution_upper"] = 1.4 * frame["contribution"]
    frame["share_of_outcome"] = frame["contribution"] / 215.0
    known = {"every": "week", "tested": (), "first": FIRST.date(), "last": LAST.date()}
    known |= {"stance": "stay", "pilots": None}
    frame["identified"] = "data"
    return SimpleNamespace(
        contributions=frame, outcome=outcome, unit_value=unit_value, **(known | changes)
    )


def given(result, config=None, **changes):
    config = config or quick()
    channels = config.channels.to_map()
    whole = Given(result.tables, result.journeys, channels, config, a_budget(), None)
    return replace(whole, **changes)


def test_won_is_what_was_won_and_expected_what_is_open(demo):
    signal = demo.signal
    credit = demo.value.to_frame()
    ours = credit[credit["model"] == "markov"].set_index("channel")["credit"].astype("float64")
    pd.testing.assert_series_equal(
        signal.pipeline.set_index("channel")["won"], ours, check_names=False, check_index_type=False
    )
    totals = signal.totals.set_index("part")["value"]
    assert signal.pipeline["won"].sum() == pytest.approx(totals["realised"], rel=1e-9)
    assert signal.pipeline["pipeline"].sum() == pytest.approx(totals["expected"], rel=1e-9)


def test_credit_and_contribution_add_up_to_the_same_total(demo):
    for outcome in ("leads", "won_value"):
        signal, gaps = join_signal(given(demo, budget=a_budget(outcome)), silent)
        assert gaps == ()
        table = signal.models.set_index("channel")
        credit, mix = table["attributed"].sum(), table["incremental"].sum()
        assert credit == pytest.approx(mix, rel=1e-9)
        # By share of the outcome a channel brought, in the currency of the same deals.
        assert table.loc["Events", "incremental"] == pytest.approx(credit * 50 / 215, rel=1e-9)
        assert all(one.sentence(lang) for one in signal.judged for lang in LANGUAGES)


def test_deals_closed_are_compared_by_their_close_leads_by_their_beginning(demo):
    early = a_budget("won_value", last=pd.Timestamp("2024-12-23").date())
    signal, _ = join_signal(given(demo, budget=early), silent)
    deals = datasets.load("deals")
    day = deals["closed_at"].dt.tz_localize(None)
    new = deals["kind"].isna() | deals["kind"].eq("new")
    inside = deals["won"].fillna(False) & new & (day >= FIRST) & (day < "2024-12-30")
    won = float(deals.loc[inside, "value"].sum())
    assert signal.models["attributed"].sum() == pytest.approx(won, rel=1e-9)
    assert signal.last == pd.Timestamp("2024-12-29").date()


def test_a_table_of_its_own_keeps_its_own_units(demo):
    config = quick()
    mix = config.mix.model_copy(update={"source": "weeks.csv"})
    config = config.model_copy(update={"mix": mix})
    signal, _ = join_signal(given(demo, config), silent)
    table = signal.models.set_index("channel")
    assert table.loc["Events", "incremental"] == pytest.approx(50 * 500.0)


def test_what_is_missing_is_said(demo):
    def said(**changes):
        signal, gaps = join_signal(given(demo, **changes), silent)
        return signal, [(one.answer, one.reason.metric) for one in gaps]

    signal, why = said(budget=None)
    assert why == [("models", "missing.no_mix")]
    assert signal.models is None
    assert len(signal.pipeline)
    tables = dict(demo.tables)
    signal, why = said(tables={name: t for name, t in tables.items() if name != "leads"})
    assert (signal, why) == (None, [("signal", "missing.no_leads")])
    few = tables["deals"].assign(value=tables["deals"]["value"].where(tables["deals"].index < 4))
    assert said(tables={**tables, "deals": few})[1] == [("signal", "missing.few_valued")]
    assert said(config=quick(enabled=False))[1] == [("signal", "missing.off")]
    by_campaign = quick()
    dimension = by_campaign.journeys.model_copy(update={"dimension": "campaign"})
    by_campaign = by_campaign.model_copy(update={"journeys": dimension})
    assert said(config=by_campaign)[1] == [("models", "missing.other_dimension")]
    assert all(gap.sentence("it") for gap in demo.gaps)


def a_log(folder, read=True):
    log = ExperimentLog(folder / "experiments.jsonl")
    plan = {"channel": "Events", "start": "2025-03-03", "end": "2025-04-27", "on": "2025-02-01"}
    log.register("fairs-1", **plan, spend_change=-8000.0, expected=-9000.0)
    if read:
        test = LiftTest("Events", "2025-03-03", "2025-04-27", -8000.0, -20_000.0, 3000.0)
        log.read("fairs-1", test, on="2025-05-02")
    return log


def test_an_experiment_is_counted_once(demo, tmp_path):
    log = a_log(tmp_path)
    found = read_experiments(str(log.path))
    assert len(found.tests) == 1
    for tested in ((), ("Events",)):
        budget = a_budget(tested=tested)
        signal, _ = join_signal(given(demo, budget=budget, experiments=found.frame), silent)
        row = signal.models.set_index("channel").loc["Events"]
        assert row["experiment"] == pytest.approx(20_000 / 8000 * 40_000)
        assert row["grade"] == "experiment"
        if tested:
            assert row["plan"] == row["incremental"]
            assert row["plan_lower"] == row["incremental_lower"]
        else:
            assert row["plan"] != row["incremental"]
    other = signal.models.set_index("channel").loc["Display"]
    assert np.isnan(other["experiment"])


def test_taking_in_nothing_changes_nothing():
    credit = pd.DataFrame({"channel": ["a"], "credit": [9.0], "share": [1.0], "lower": [0.9],
                           "upper": [1.0], "n_deals": [3.0]})  # fmt: skip
    table = triangulate(credit).table
    assert with_taken(table, None, ("a",), 0.9) is table
    log = pd.DataFrame({"channel": ["a"], "state": ["read"]})
    assert with_taken(table, log, (), 0.9) is table


def test_a_log_without_a_result_says_what_to_do(tmp_path):
    assert read_experiments(None).gaps == ()
    (gap,) = read_experiments(str(tmp_path / "none.jsonl")).gaps
    assert gap.cure.metric == "cure.register_pilot"
    (gap,) = read_experiments(str(a_log(tmp_path, read=False).path)).gaps
    assert gap.cure.metric == "cure.read_pilot"
    assert all(gap.sentence(lang) for lang in LANGUAGES)
    (tmp_path / "broken.jsonl").write_text("{}\n")
    with pytest.raises(SourceError, match="line 1"):
        read_experiments(str(tmp_path / "broken.jsonl"))


@pytest.mark.slow
def test_a_test_moves_the_mix_and_one_of_other_weeks_is_left_out():
    rng = np.random.default_rng(3)
    spend = spend_table(rng, 60, {"Search": 900.0, "Social": 700.0})
    tables = {"spend": spend, "deals": deals_from(rng, spend, {"Search": 3.0, "Social": 1.0})}
    weeks = weeks_of(tables, config_of().channels.to_map(), MixSection(), AS_OF)
    at, cost = weeks.frame["date"].iloc[[20, 27]].dt.strftime("%Y-%m-%d"), 500.0
    sure = LiftTest("Social", *at, cost, 6.0 * cost, 0.1 * cost)
    model, tested, gaps = fit_with(weeks, 0, [sure, replace(sure, channel="Radio")])
    assert tested == ("Social",)
    assert [gap.reason.metric for gap in gaps] == ["missing.test_elsewhere"]
    assert "'Radio'" in gaps[0].sentence()
    assert "'Search', 'Social'" in gaps[0].sentence("it")
    roas = model.contributions().set_index("channel")["roas"]
    other = replace(sure, start="2019-01-07", end="2019-02-25")
    without, tested, (gap,) = fit_with(weeks, 0, [other])
    assert tested == ()
    assert gap.reason.metric == "missing.test_unfit"
    plain = without.contributions().set_index("channel")["roas"]
    assert roas["Social"] > 1.5 * plain["Social"]  # 6 for a euro more, where the weeks say less


def test_spend_is_laid_out_by_channel(demo):
    wide = weekly_spend(given(demo))
    spend = datasets.load("spend")
    assert wide.to_numpy().sum() == pytest.approx(float(spend["spend"].sum()))
    assert weekly_spend(given(demo, tables={})) is None


def test_the_logs_are_read_from_the_folder_of_the_configuration(tmp_path):
    for name in ("deals", "leads"):
        datasets.load(name).head(3).to_csv(tmp_path / f"{name}.csv", index=False)
    text = (
        '[deals]\nsource = "deals.csv"\n[leads]\nsource = "leads.csv"\n'
        '[mix]\ndecisions = "decisions.jsonl"\n[signal]\nexperiments = "experiments.jsonl"\n'
    )
    (tmp_path / "mmm.toml").write_text(text)
    for name in ("decisions", "experiments"):
        (tmp_path / f"{name}.jsonl").touch()
    config = load_config(tmp_path / "mmm.toml")
    assert config.mix.decisions == str(tmp_path / "decisions.jsonl")
    assert config.signal.experiments == str(tmp_path / "experiments.jsonl")
    assert set(sources(config)) >= {config.mix.decisions, config.signal.experiments}


def test_decisions_of_before_come_to_the_page(tmp_path):
    advised = {"key": "2025-Q1", "kind": "advised", "on": "2025-01-02", "advice": "stay"}
    advised |= {"current": {"Events": 1.0}, "proposed": {"Events": 1.0}, "horizon": 13}
    advised |= {"recommended": {"Events": 1.0}, "verdict": {"Events": "hold"}, "level": 0.9}
    advised |= {"expected_profit": 0.0, "profit_lower": 0.0, "profit_upper": 0.0}
    advised |= {"probability_better": 0.5}
    path = tmp_path / "decisions.jsonl"
    path.write_text(json.dumps(advised) + "\n")
    config = quick(enabled=False)
    mix = config.mix.model_copy(update={"decisions": str(path)})
    config = config.model_copy(update={"mix": mix})
    result = run(config)
    assert brief_of(result, config).decisions["key"].tolist() == ["2025-Q1"]


def test_what_is_said_of_a_channel_follows_the_advice(demo):
    names = a_budget().contributions["channel"].iloc[:5]
    table = pd.DataFrame({"channel": names, "current": 1000.0, "recommended": 1200.0})
    table["change"] = 400.0
    pilots = pd.DataFrame({"channel": names, "pays": False})
    moved = a_budget(unit_value=50.0, stance="half", table=table, pilots=pilots)
    for budget, end in ((a_budget(unit_value=50.0), ("", "")), (moved, ("_half", "_no_test"))):
        said, _ = join_signal(given(demo, budget=budget), silent)
        against = [one for one in said.judged if one.metric.startswith("signal.methods_disagree")]
        assert against
        for one in against:
            assert one.metric == f"signal.methods_disagree{end[0]}"
            assert one.because[-1] == f"signal.plan_on_weak{end[1]}"


@pytest.mark.slow
def test_cohorts_take_the_place_of_the_mix_of_the_budget(demo):
    signal, gaps = join_signal(given(demo, quick(cohorts=True)), silent)
    assert gaps == ()
    assert signal.outcome == "expected_value"
    table = signal.models.set_index("channel")
    assert table.loc["Events", "incremental"] != pytest.approx(50 * 500.0)
    assert (table["incremental"].dropna() > 0).all()


def test_the_log_is_kept_by_the_command_line(tmp_path):
    log = ("--log", tmp_path / "log.jsonl")
    plan = ("--channel", "Events", "--start", "2025-03-03", "--end", "2025-04-27",
            "--spend-change=-8000", "--expected=-9000", "--on", "2025-02-20")  # fmt: skip
    done = mmm("experiment", "register", "fairs-1", *plan, *log)
    assert done.returncode == 0, done.stderr
    read = ("experiment", "read", "fairs-1", "--lift=-6000", "--standard-error", "2500", *log)
    done = mmm(*read)
    assert "0.75 per unit of spend (standard error 0.31)" in done.stdout
    again = mmm(*read)
    assert again.returncode == 2
    assert "has been read" in again.stderr
    (row,) = json.loads(mmm("experiment", "list", "--json", *log).stdout)["experiments"]
    assert (row["state"], row["roas"], row["moved"]) == ("read", 0.75, False)
