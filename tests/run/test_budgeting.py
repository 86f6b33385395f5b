"""Where the budget should go: the right way on known returns, else what is missing."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr

from mmm.channels import ChannelMap
from mmm.funnel.records.as_known import as_known
from mmm.journeys import Journeys
from mmm.mix import BudgetPlan, LiftTest, Limits, MixModel, Sampling, optimize_budget
from mmm.run.answer import total_besides
from mmm.run.budgeting import LEAST, advise_budget, what_if
from mmm.run.caution import NOTHING, Beside, careful, patient
from mmm.run.gaps import NoAnswer
from mmm.run.outcome import new_business, unit_value, weeks_of
from mmm.wording import Finding
from tests.run.companies import AS_OF, config_of, deals_from, lead_tables, silent, spend_table

RETURNS = {"Fairs": 8.0, "Banner": 0.1}
SPENDS = {"Fairs": 1500.0, "Banner": 3500.0}


def company(n_weeks=80, constant=(), returns=RETURNS, seed=4):
    rng = np.random.default_rng(seed)
    spend = spend_table(rng, n_weeks, SPENDS, constant)
    return {"spend": spend, "deals": deals_from(rng, spend, returns)}


def advised(tables, beside=NOTHING, **sections):
    settings = {"as_of": AS_OF, "progress": silent, "beside": beside}
    return advise_budget(tables, ChannelMap(), config_of(**sections), **settings)


def refused(tables, **sections):
    with pytest.raises(NoAnswer) as caught:
        advised(tables, **sections)
    return caught.value.gap


@pytest.fixture(scope="module")
def known():
    return advised(company(), funnel={"margin": 0.5})


def test_money_moves_from_the_channel_that_loses_to_the_one_that_earns(known):
    advice, gaps = known
    table = advice.table.set_index("channel")
    assert advice.outcome == "won_value"
    assert table.loc["Fairs", "verdict"] == "push"
    assert table.loc["Banner", "verdict"] in ("cut", "follow")
    assert table.loc["Fairs", "change"] == pytest.approx(-table.loc["Banner", "change"])
    assert table.loc["Fairs", "change"] > 0.4 * table.loc["Fairs", "current"]
    assert advice.stance in ("move", "half")
    assert advice.probability_better > 0.7
    assert gaps == ()


def test_a_channel_that_harvests_demand_gets_more_only_after_a_test_or_by_hand():
    late = Journeys.from_paths(["Banner > Fairs"] * 40)
    tables = company()
    held, _ = advised(tables, beside=Beside(journeys=late))
    row = held.table.set_index("channel").loc["Fairs"]
    assert (row["verdict"], row["action"]) == ("test", "mix.suspected")
    assert row["proposed"] == pytest.approx(row["current"])
    assert row["high"] == pytest.approx(row["current"])  # of the sliders on the page, too
    assert any(one.metric == "mix.suspected" for one in held.findings)
    assert held.pilots.set_index("channel").loc["Fairs", "pays"]
    freed, _ = advised(tables, beside=Beside(journeys=late), mix={"trusted": ["Fairs"]})
    assert freed.table.set_index("channel").loc["Fairs", "verdict"] == "push"
    when = ("2024-06-03", "2024-07-22")
    good, bad = (LiftTest("Fairs", *when, -3000.0, -3000.0 * back, 900.0) for back in (8.0, 0.1))
    cleared, _ = advised(tables, beside=Beside((good,), late))
    assert cleared.table.set_index("channel").loc["Fairs", "verdict"] == "push"
    failed, _ = advised(tables, beside=Beside((bad,), late))
    row = failed.table.set_index("channel").loc["Fairs"]
    assert row["proposed"] <= row["current"] * (1 + 1e-9)
    told = Journeys.from_paths(["Banner > Fairs", "Fairs > Banner"] * 20)
    free, _ = advised(tables, beside=Beside(journeys=told))
    assert free.table.equals(freed.table)


@pytest.mark.parametrize(
    ("advice", "followed", "profit", "tested_until", "held"),
    [
        ("move half, then test", 1.0, np.nan, None, True),
        ("move half, then test", 0.5, np.nan, "2025-01-10", True),
        ("move half, then test", 0.1, np.nan, None, False),
        ("move half, then test", np.nan, np.nan, None, False),
        ("move half, then test", 1.0, -20.0, None, False),
        ("move half, then test", 1.0, np.nan, "2025-03-20", False),
        ("move", 1.0, np.nan, None, False),
        ("test first", 1.0, np.nan, None, False),
    ],
)
def test_after_a_step_nothing_more_moves_before_its_result_is_known(
    advice, followed, profit, tested_until, held
):
    made = {"advised_on": "2025-02-01", "followed": followed, "profit": profit}
    ended = LiftTest("Fairs", "2025-01-01", tested_until or "", -9.0, -9.0, 1.0)
    beside = Beside(tests=(ended,) * bool(tested_until), decisions=pd.DataFrame([made]))
    facts = dict.fromkeys((field.name for field in dataclasses.fields(BudgetPlan)), None)
    plan = BudgetPlan(**{**facts, "advice": advice})
    after, notes = patient(plan, beside, pd.Timestamp("2025-05-01"))
    assert after.advice == ("test first" if held else advice)
    assert [one.metric for one in notes] == ["budget_note.waits"] * held
    assert not held or "2025" in notes[0].sentence()
    assert patient(plan, NOTHING, pd.Timestamp("2025-05-01")) == (plan, ())


@pytest.mark.parametrize(
    ("n_deals", "quarter", "held"),
    [(30, "2025-02-01", None), (30, "2025-01-31", "waits_quarter"), (29, "2025-02-01", "waits")],
)
def test_a_quarter_is_enough_where_paths_tell_of_each_channel_that_grows(n_deals, quarter, held):
    made = {"advised_on": "2025-02-01", "followed": 1.0, "profit": np.nan}
    paths = ["Fairs > Banner"] * n_deals + ["Banner"] * 9
    beside = Beside(journeys=Journeys.from_paths(paths), decisions=pd.DataFrame([made]))
    facts = dict.fromkeys((field.name for field in dataclasses.fields(BudgetPlan)), None)
    spend = {"current": np.array([5.0, 5.0, 2.0]), "proposed": np.array([6.0, 5.0, 1.0])}
    channels = {"channels": ("Fairs", "Banner", "Untracked")}
    plan = BudgetPlan(**{**facts, **channels, **spend, "advice": "move half, then test"})
    after, notes = patient(plan, beside, pd.Timestamp(quarter))
    assert after.advice == ("test first" if held else plan.advice)
    assert [one.metric for one in notes] == [f"budget_note.{held}"] * bool(held)
    assert not held or "2025" in notes[0].sentence("it")


def test_a_channel_without_touches_is_not_told_by_paths():
    made = {"advised_on": "2025-02-01", "followed": 1.0, "profit": np.nan}
    beside = Beside(journeys=Journeys.from_paths(["Banner"] * 99), decisions=pd.DataFrame([made]))
    facts = dict.fromkeys((field.name for field in dataclasses.fields(BudgetPlan)), None)
    spend = {"current": np.array([5.0, 5.0]), "proposed": np.array([6.0, 4.0])}
    own = {"channels": ("Fairs", "Banner"), **spend, "advice": "move half, then test"}
    _, (note,) = patient(BudgetPlan(**{**facts, **own}), beside, pd.Timestamp("2025-06-01"))
    assert note.metric == "budget_note.waits"


def test_the_mix_and_the_answer_lay_the_same_on_a_fixed_total(known):
    poor, _ = advised(company(), funnel={"margin": 0.05})  # even the better channel loses
    by_mix = [part for part in poor.findings[0].because if isinstance(part, Finding)]
    in_answer = total_besides(poor)[0]
    assert by_mix[0].facts["channels"] == in_answer.facts["channels"]
    assert poor.forced == ("Fairs",)
    assert (by_mix[0].metric, in_answer.metric) == ("mix.fixed_total", "answer.fixed_total")
    assert known[0].forced == ()


def test_the_table_adds_up(known):
    table = known[0].table
    assert table["proposed"].sum() == pytest.approx(table["current"].sum(), rel=1e-6)
    assert (table["proposed"] >= table["low"] - 1e-6).all()
    assert (table["proposed"] <= table["high"] + 1e-6).all()
    np.testing.assert_allclose(table["proposed"] - table["current"], table["change"])
    step = {"move": 1.0, "half": 0.5}[known[0].stance]
    np.testing.assert_allclose(table["recommended"], table["current"] + step * table["change"])


def at(grid, values, spend):
    lines = [PchipInterpolator(x, y, axis=-1) for x, y in zip(grid.spend, values, strict=True)]
    return sum(line(x) for line, x in zip(lines, spend, strict=True))


def test_the_curves_give_the_profit_and_the_chance_of_the_plan(known):
    advice, _ = known
    grid = advice.curves
    rows = advice.table.set_index("channel").loc[list(grid.channels)]
    today, plan = rows["current"].to_numpy(), rows["proposed"].to_numpy()
    moved = plan - today
    held = at(grid, grid.held_mean, plan) - at(grid, grid.held_mean, today)
    profit = advice.margin * held - moved.sum()
    assert profit == pytest.approx(advice.expected_profit, rel=0.005)
    draws = np.moveaxis(grid.draws.astype(np.float64), 1, 0)
    each = advice.margin * (at(grid, draws, plan) - at(grid, draws, today)) - moved.sum()
    spread = np.sqrt(((grid.tau * moved) ** 2).sum())
    assert ndtr(each / spread).mean() == pytest.approx(advice.probability_better, abs=0.05)
    assert len(grid.draws) <= 200
    assert (np.diff(grid.response_mean, axis=1) >= -1e-9).all()


def test_the_plan_is_the_best_split_on_the_curves(known):
    advice, _ = known
    grid = advice.curves
    rows = advice.table.set_index("channel").loc[list(grid.channels)]
    best = at(grid, grid.response_mean, rows["proposed"].to_numpy())
    total = rows["current"].sum()
    for first in np.linspace(rows["low"].iloc[0], rows["high"].iloc[0], 41):
        other = total - first
        if rows["low"].iloc[1] <= other <= rows["high"].iloc[1]:
            assert at(grid, grid.response_mean, [first, other]) <= best * 1.005


def test_the_calendar_holds_the_advice_of_a_quarter(known):
    advice, _ = known
    spent = advice.calendar[list(advice.table["channel"])].astype("float64").sum()
    advised_spend = advice.table.set_index("channel")["recommended"] * len(advice.calendar)
    np.testing.assert_allclose(spent[advised_spend.index], advised_spend, atol=0.01)
    assert str(advice.calendar["date"].iloc[0].date()) == "2024-12-30"


def test_scenarios_and_tests_stand_side_by_side(known):
    advice, _ = known
    scenarios = advice.scenarios.set_index("scenario")
    assert scenarios.index.drop("half", errors="ignore").tolist() == ["plan", "more", "less"]
    assert ("half" in scenarios.index) == (advice.stance == "half")
    plan = scenarios.loc["plan"]
    assert plan["profit"] == pytest.approx(advice.expected_profit, rel=1e-9)
    assert set(advice.pilots["channel"]) == set(RETURNS)


def test_where_half_is_advised_its_own_gain_stands_beside_that_of_the_plan():
    rng = np.random.default_rng(0)
    spend = rng.gamma(2.0, 50.0, (104, 2))
    outcome = 900 + spend @ [3.0, 1.0] + rng.normal(0, 30, 104)
    model = MixModel(sampler=Sampling(n_warmup=200, n_draws=400)).fit(spend, outcome)
    plan = optimize_budget(model)
    assert "half" not in what_if(model, with_advice(plan, "move"), Limits())["scenario"].tolist()
    shown = what_if(model, with_advice(plan, "move half, then test"), Limits())
    assert shown["scenario"].tolist() == ["plan", "half", "more", "less"]
    profit = shown.set_index("scenario")["profit"]
    # Returns diminish: the first half of the way brings more than the second.
    assert 0.5 * profit["plan"] < profit["half"] < profit["plan"]
    assert shown["change"].iloc[1] == pytest.approx(0.0, abs=1e-9)


def with_advice(plan, advice):
    return dataclasses.replace(plan, advice=advice)


def test_two_runs_are_equal(known):
    again, _ = advised(company(), funnel={"margin": 0.5})
    pd.testing.assert_frame_equal(again.table, known[0].table)
    pd.testing.assert_frame_equal(again.pilots, known[0].pilots)
    assert np.array_equal(again.curves.draws, known[0].curves.draws)
    assert again.diagnostics == known[0].diagnostics


def test_a_run_knows_nothing_later_than_its_day():
    tables = company()
    day = pd.Timestamp("2024-06-30T23:59:59Z")
    whole = weeks_of(tables, ChannelMap(), config_of().mix, day)
    spend = tables["spend"][tables["spend"]["date"] <= "2024-06-30"]
    spend.attrs = tables["spend"].attrs
    deals = tables["deals"][tables["deals"]["closed_at"] <= day]
    deals.attrs = tables["deals"].attrs
    cut = weeks_of({"spend": spend, "deals": deals}, ChannelMap(), config_of().mix, day)
    pd.testing.assert_frame_equal(whole.frame, cut.frame)
    assert whole.frame["date"].max() == pd.Timestamp("2024-06-24")


def test_later_ends_are_open_on_a_day():
    leads, deals = lead_tables(np.random.default_rng(0))
    day = pd.Timestamp("2024-06-30T00:00Z")
    then = as_known(deals, "deals", day)
    assert (then["created_at"] <= day).all()
    late = deals.set_index("deal_id").loc[then["deal_id"], "closed_at"].to_numpy() > day
    assert then.loc[late, "won"].isna().all()
    assert late.any()
    assert not (as_known(leads, "leads", day)["ended_at"] > day).any()


# What is missing, and what would mend it.


def test_without_spend_it_says_so_in_both_languages():
    tables = company()
    del tables["spend"]
    gap = refused(tables)
    assert gap.sentence("en") == (
        "There is no advice on the budget. There is no spend. Add the table under [spend] in "
        "mmm.toml, one row a channel and week."
    )
    assert gap.sentence("it") == (
        "Non c’è alcun consiglio sul budget. Manca la spesa. Aggiungete la tabella alla voce "
        "[spend] di mmm.toml, una riga per canale e settimana."
    )


def test_spend_that_is_zero_or_of_later_days_says_so():
    tables = company(n_weeks=40)
    nothing = tables["spend"].assign(spend=0)
    nothing.attrs = tables["spend"].attrs
    assert refused(tables | {"spend": nothing}).reason.metric == "missing.nothing_spent"
    with pytest.raises(NoAnswer) as caught:
        weeks_of(tables, ChannelMap(), config_of().mix, pd.Timestamp("2001-01-01", tz="UTC"))
    assert caught.value.gap.reason.metric == "missing.nothing_spent"


def test_deals_that_are_all_open_give_nothing_to_explain():
    tables = company(n_weeks=40)
    still = tables["deals"].drop(columns="created_at", errors="ignore")
    still = still.assign(won=pd.array([None] * len(still), dtype="boolean"), closed_at=pd.NaT)
    still["closed_at"] = pd.to_datetime(still["closed_at"], utc=True)
    gap = refused(tables | {"deals": still})
    assert gap.reason.metric == "missing.no_outcome"
    assert gap.sentence("en") != gap.sentence("it")


def test_leads_that_never_brought_a_deal_cannot_be_weighed():
    leads, deals = lead_tables(np.random.default_rng(7))
    strangers = deals.assign(**{name: "nobody" for name in ("person_id", "account_id", "lead_id")
                                if name in deals.columns})  # fmt: skip
    with pytest.raises(NoAnswer) as caught:
        unit_value({"leads": leads, "deals": strangers}, "leads", AS_OF)
    assert caught.value.gap.reason.metric == "missing.no_value"


def test_bad_input_ten_weeks_of_spend_are_too_few():
    gap = refused(company(n_weeks=10))
    missing = LEAST["week"] - gap.reason.facts["n"]
    assert gap.reason.metric == "missing.few_weeks"
    assert f"at least {LEAST['week']} are needed. Add {missing} earlier weeks" in gap.sentence("en")
    assert f"ne servono almeno {LEAST['week']}. Aggiungete {missing} settimane" in gap.sentence(
        "it"
    )


def test_bad_input_08_a_constant_channel_is_named_and_tested_only_where_that_pays():
    advice, gaps = advised(company(n_weeks=60, constant=("Banner",)), funnel={"margin": 0.5})
    (gap,) = gaps
    pays = advice.pilots.set_index("channel").loc["Banner", "pays"]
    verdict = advice.table.set_index("channel").loc["Banner", "verdict"]
    assert (verdict == "test") == pays
    assert gap.answer == "returns"
    assert "The spend on Banner never changes: what it brings cannot be told" in gap.sentence("en")
    assert "La spesa su Banner non cambia mai: quanto porta non si distingue" in gap.sentence("it")


def test_bad_input_08_nothing_is_advised_where_no_channel_ever_changes():
    gap = refused(company(constant=("Fairs", "Banner")))
    assert gap.reason.metric == "missing.never_changes"
    assert "The spend on Banner and Fairs never changes" in gap.sentence("en")
    assert "La spesa su Banner e Fairs non cambia mai" in gap.sentence("it")


def test_without_a_margin_revenue_counts_and_that_is_said():
    advice, gaps = advised(company(n_weeks=60))
    (gap,) = gaps
    assert (advice.margin, advice.margin_known) == (1.0, False)
    assert "No margin is given, so that all revenue counts as profit." in gap.sentence("en")
    assert "Il margine non è indicato, quindi tutto il ricavo conta" in gap.sentence("it")


def test_rules_that_clash_are_told_before_the_fit(monkeypatch):
    monkeypatch.setattr("mmm.run.budgeting.fit_mix", lambda *_: pytest.fail("it was fitted"))
    gap = refused(company(), mix={"total": 1e9})
    assert gap.reason.metric == "missing.rules_clash"
    assert "two rules clash: the total of 1e+09" in gap.sentence("en")
    assert "Cambiate il totale o i limiti" in gap.sentence("it")


def test_deals_without_value_cannot_weigh_a_lead():
    rng = np.random.default_rng(5)
    leads, deals = lead_tables(rng)
    tables = {
        "spend": spend_table(rng, 50, SPENDS),
        "leads": leads,
        "deals": deals.drop(columns="value"),
    }
    gap = refused(tables)
    assert gap.reason.metric == "missing.no_value"
    worth = weeks_of(tables, ChannelMap(), config_of(mix={"unit_value": 300}).mix, AS_OF)
    assert (worth.outcome, worth.unit_value) == ("leads", 300.0)


@pytest.mark.parametrize(
    ("mix", "reason"),
    [({"outcome": "sales"}, "unknown_outcome"), ({"channels": ["Fiere"]}, "unknown_channels")],
)
def test_wrong_names_are_named(mix, reason):
    gap = refused(company(n_weeks=40), mix=mix)
    assert gap.reason.metric == f"missing.{reason}"


# Which outcome is explained, and what a unit of it is worth.


def test_leads_are_counted_where_too_few_deals_are_won():
    rng = np.random.default_rng(6)
    leads, deals = lead_tables(rng, n=400, hot_rate=0.3, cold_rate=0.05)
    tables = {"spend": spend_table(rng, 52, SPENDS), "leads": leads, "deals": deals}
    weeks = weeks_of(tables, ChannelMap(), config_of().mix, AS_OF)
    assert weeks.outcome == "leads"
    assert weeks.frame["leads"].sum() == pytest.approx(len(leads), abs=20)
    assert [name for name, _ in weeks.thin] == ["won_value", "opportunities"]


def test_a_lead_is_worth_what_ended_leads_brought():
    leads, deals = lead_tables(np.random.default_rng(7))
    ended = leads["ended_at"].notna().sum()
    worth = unit_value({"leads": leads, "deals": deals}, "leads", AS_OF)
    old = (AS_OF - leads["created_at"]).dt.days >= 180
    ripe = (leads["ended_at"].notna() | old).sum()
    assert ended <= ripe
    assert worth == pytest.approx(5000.0 * len(deals) / ripe)
    won = unit_value({"deals": deals}, "won_deals", AS_OF)
    assert won == pytest.approx(5000.0)


def test_renewals_are_no_new_business():
    _, deals = lead_tables(np.random.default_rng(8))
    mixed = deals.assign(kind=["new", "renewal"] * (len(deals) // 2) + ["new"] * (len(deals) % 2))
    kept, left_out = new_business(mixed)
    assert left_out
    assert set(kept["kind"]) == {"new"}
    assert new_business(deals) == (deals, False)


def test_a_ready_table_is_read_with_its_controls(tmp_path):
    rng = np.random.default_rng(9)
    n = 60
    spend = rng.gamma(2.0, 50.0, (n, 2)).round(2)
    frame = pd.DataFrame(
        {
            "week": pd.date_range("2023-01-02", periods=n, freq="W-MON").strftime("%Y-%m-%d"),
            "a": spend[:, 0],
            "b": spend[:, 1],
            "price": rng.normal(10, 1, n).round(2),
            "sales": (900 + spend @ [3.0, 0.5] + rng.normal(0, 30, n)).round(2),
        }
    )
    frame.to_csv(tmp_path / "weeks.csv", index=False)
    mix = {"source": str(tmp_path / "weeks.csv"), "date": "week", "outcome": "sales"}
    mix |= {"channels": ["a", "b"], "controls": ["price"], "unit_value": 2.0}
    weeks = weeks_of({}, ChannelMap(), config_of(mix=mix).mix, AS_OF)
    assert (weeks.channels, weeks.controls, weeks.every) == (("a", "b"), ("price",), "week")
    np.testing.assert_allclose(weeks.spend, frame[["a", "b"]].to_numpy().T)


def test_counted_records_move_half_at_most(known):
    advice, _ = known

    @dataclasses.dataclass(frozen=True)
    class Plan:
        advice: str

    assert careful(Plan("move"), "leads").advice == "move half, then test"
    assert careful(Plan("move"), "won_value").advice == "move"
    assert careful(Plan("stay"), "leads").advice == "stay"
    assert advice.notes[0].metric == "budget_note.counted"
