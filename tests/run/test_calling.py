"""Whom to call first: the leads that are won more often, else what is missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.channels import ChannelMap
from mmm.errors import ConfigError
from mmm.prediction import hold_out
from mmm.run.calling import FEWEST, _days_since_touch, all_lost, call_first, fates, to_call
from mmm.run.deal_value import deal_values, shrunk_means
from mmm.run.gaps import NoAnswer
from mmm.tables import read_leads, read_touches
from mmm.wording import LANGUAGES
from tests.run.companies import AS_OF, config_of, lead_tables, silent


def called(leads, deals, as_of=AS_OF, **sections):
    tables = {"leads": leads, "deals": deals} if leads is not None else {"deals": deals}
    return call_first(tables, ChannelMap(), config_of(**sections), as_of=as_of, progress=silent)


def refused(leads, deals, **options):
    with pytest.raises(NoAnswer) as caught:
        called(leads, deals, **options)
    return caught.value.gap


@pytest.fixture(scope="module")
def tables():
    return lead_tables(np.random.default_rng(1))


@pytest.fixture(scope="module")
def calls(tables):
    return called(*tables, scoring={"horizon_days": 60}, funnel={"margin": 0.4})


def test_leads_that_asked_for_a_demo_come_first(tables, calls):
    asked = tables[0].set_index("lead_id")["asked_demo"].astype("int64")
    order = asked.loc[calls.every["lead_id"]].to_numpy()
    n = int(order.sum())
    assert 0 < n < len(order)
    assert order[:n].mean() > 0.9
    assert calls.has_signal


def test_the_probabilities_tell_the_two_kinds_apart_as_they_are(tables, calls):
    asked = tables[0].set_index("lead_id")["asked_demo"].astype("int64")
    asked = asked.loc[calls.every["lead_id"]].to_numpy() == 1
    p = calls.every["probability"].to_numpy()
    assert p[asked].mean() == pytest.approx(0.5, abs=0.15)
    assert p[~asked].mean() == pytest.approx(0.08, abs=0.06)


def test_worth_is_probability_times_value(calls):
    rows = calls.every
    np.testing.assert_allclose(rows["expected_value"], rows["probability"] * rows["value"])
    assert rows["value"].eq(5000.0).all()
    assert calls.n_now == (rows["next_action"] == "call now").sum()
    assert calls.by_grade["n"].sum() == calls.n_open == len(rows)
    assert calls.by_grade["expected_wins"].sum() == pytest.approx(rows["probability"].sum())
    assert len(calls.table) <= 20


def test_reasons_are_said_in_both_languages(calls):
    for column in ("reason", "because"):
        for said in calls.every[column]:
            assert set(said) == set(LANGUAGES)
            assert said["en"] != said["it"]
    assert "asked demo: 1. Raises" in calls.every["reason"].iloc[0]["en"]
    assert "asked demo: 1. Alza" in calls.every["reason"].iloc[0]["it"]


def test_what_a_call_costs_decides_who_is_called_and_is_said_where_it_is_assumed(tables, calls):
    (said,) = [note for note in calls.notes if note.metric == "calls_note.call_cost"]
    assert "€150" in said.sentence("en")
    options = {"scoring": {"horizon_days": 60, "call_cost": 60.0}, "funnel": {"margin": 0.4}}
    cheap = called(*tables, **options)
    margin = 0.4 * cheap.every["expected_value"]
    assert cheap.n_now == (margin >= 60.0).sum() > calls.n_now
    assert not [note for note in cheap.notes if note.metric == "calls_note.call_cost"]


def test_capacity_bounds_the_calls(tables, calls):
    assert calls.n_now > 3
    few = called(*tables, scoring={"horizon_days": 60, "capacity_a_week": 3})
    assert few.n_now <= 3
    assert few.every["next_action"].iloc[0] == "call now"


def test_an_order_too_good_to_be_honest_is_told_with_its_columns(tables, calls):
    leads, deals = tables
    rng = np.random.default_rng(3)
    won = leads["person_id"].isin(deals["person_id"]).to_numpy()
    leads = leads.assign(
        calls=rng.normal(2.6 * won).round(2).astype("str"),
        pages=rng.poisson(1 + 6 * won).astype("str"),
    )
    leads.attrs = tables[0].attrs
    found = called(leads, deals, scoring={"horizon_days": 60, "allow": ["pages"]})
    (said,) = [note for note in found.notes if note.metric == "reading.too_good"]
    assert "'calls' (" in said.sentence("en")
    assert "da sole: '" in said.sentence("it")
    assert "reading.too_good" not in [note.metric for note in calls.notes]


def test_two_rankings_are_equal(tables, calls):
    again = called(*tables, scoring={"horizon_days": 60}, funnel={"margin": 0.4})
    pd.testing.assert_frame_equal(again.every, calls.every)
    pd.testing.assert_frame_equal(again.metrics, calls.metrics)


def test_nothing_later_than_the_day_is_used(tables):
    leads, deals = tables
    day = pd.Timestamp("2024-09-30T00:00Z")
    settings = {"scoring": {"horizon_days": 60}}
    whole = called(leads, deals, day, **settings)
    before = leads[leads["created_at"] <= day]
    before = before.assign(ended_at=before["ended_at"].mask(before["ended_at"] > day))
    early = deals[deals["closed_at"] <= day]
    before.attrs, early.attrs = leads.attrs, deals.attrs
    cut = called(before, early, day, **settings)
    np.testing.assert_allclose(
        whole.every.set_index("lead_id")["probability"].sort_index(),
        cut.every.set_index("lead_id")["probability"]
        .sort_index()
        .reindex(sorted(whole.every["lead_id"])),
    )


def test_a_web_log_without_accounts_says_when_people_were_last_seen(tables, calls):
    leads = tables[0].assign(account_id=tables[0]["person_id"].str.replace("p", "a"))
    who = calls.every["lead_id"].iloc[0]
    person = leads.loc[leads["lead_id"].eq(who), "person_id"].iloc[0]
    rows = {"person_id": [person], "touched_at": ["2024-12-20T10:00:00Z"], "channel": ["Email"]}
    touches = read_touches(pd.DataFrame(rows)).assign(account_id=pd.Series([None], dtype="str"))
    days = _days_since_touch(leads, touches, AS_OF)
    assert days[leads["person_id"].eq(person)].tolist() == [pytest.approx(9.583, abs=1e-3)]
    assert days.notna().sum() == 1


def test_leads_that_their_stage_ends_are_not_called_and_only_as_of_the_export(tables):
    leads, deals = tables
    waiting, _, _ = to_call(leads, deals, 60, AS_OF)
    gone = waiting["lead_id"].iloc[:6]
    mine = leads["lead_id"].isin(gone)
    words = ["Perso", "Scartato", "Cliente"] * 2
    stage = leads["lead_id"].map(dict(zip(gone, words, strict=True))).fillna("MQL")
    means = {"Perso": False, "Scartato": False, "Cliente": True}
    told = read_leads(leads.assign(stage=stage), won_values=means)
    fewer, _, _ = to_call(told, deals, 60, AS_OF)
    assert set(fewer["lead_id"]) == set(waiting["lead_id"]) - set(gone)
    assert fates(told, deals, 60, AS_OF)[1] == fates(leads, deals, 60, AS_OF)[1]
    day = leads.loc[mine, "created_at"].max()
    settings = {"scoring": {"horizon_days": 60}}
    early, same = (called(one, deals, day, **settings).every for one in (told, leads))
    assert set(early["lead_id"]) == set(same["lead_id"])


def test_reasons_know_the_channels_of_the_companys_own_rules(tables):
    leads, deals = tables
    own = ChannelMap.from_rules([{"channel": "Stand", "source": "fair"}])
    asked = leads.assign(asked_demo=None, source=np.where(leads["asked_demo"] == 1, "fair", "xy"))
    asked.attrs = leads.attrs
    given = {"leads": asked.drop(columns="asked_demo"), "deals": deals}
    settings = config_of(scoring={"horizon_days": 60})
    found = call_first(given, own, settings, as_of=AS_OF, progress=silent)
    assert any("Stand" in one["it"] for one in found.every["reason"])
    assert {"Stand"} < set(found.every["channel"])


def test_open_opportunities_are_not_called(tables):
    leads, deals = tables
    waiting, n_in_pipeline, _ = to_call(leads, deals, 60, AS_OF)
    assert n_in_pipeline == 0
    worked = waiting.iloc[:4]
    opened = pd.DataFrame(
        {
            "deal_id": [f"open{i}" for i in range(4)],
            "person_id": worked["person_id"].to_numpy(),
            "created_at": (worked["created_at"] + pd.Timedelta(days=1)).to_numpy(),
            "won": pd.array([pd.NA] * 4, dtype="boolean"),
        }
    )
    more = pd.concat([deals, opened], ignore_index=True)
    fewer, n_in_pipeline, _ = to_call(leads, more, 60, AS_OF)
    assert n_in_pipeline == 4
    assert set(fewer["lead_id"]) == set(waiting["lead_id"]) - set(worked["lead_id"])


def test_leads_whose_deals_are_all_lost_are_not_called_unless_heard_of_since(tables, calls):
    leads, deals = tables
    waiting, _, _ = to_call(leads, deals, 60, AS_OF)
    born = waiting["created_at"].iloc[:4]
    who = waiting["person_id"].iloc[:4].to_list()
    days = [pd.Timedelta(days=d) for d in (1, 2, 1, 2)]
    ends = [False, False, False, pd.NA]  # of the last lead another deal is lost, and this one open
    rows = pd.DataFrame({"person_id": who, "created_at": born.array, "won": ends})
    lost = rows.assign(won=False, closed_at=(born + pd.Series(days, born.index)).array)
    more = pd.concat([deals, lost, rows.iloc[3:]], ignore_index=True)
    more["deal_id"], more.attrs = [f"x{i}" for i in range(len(more))], deals.attrs
    more["won"] = more["won"].astype("boolean")
    at = [born.iloc[1] + pd.Timedelta(days=1), born.iloc[2] + pd.Timedelta(days=3)]
    seen = pd.DataFrame({"person_id": who[1:3], "touched_at": at, "channel": "Email"})
    gone = all_lost(leads, more, seen, AS_OF)
    assert leads.loc[gone, "person_id"].tolist() == who[:2]
    assert all_lost(leads, more, None, AS_OF).sum() == 3
    assert not all_lost(leads, deals, seen, AS_OF).any()
    assert not all_lost(leads.assign(mql_at=AS_OF), more, None, AS_OF).any()
    found = called(leads, more, scoring={"horizon_days": 60})
    assert set(calls.every["lead_id"]) - set(found.every["lead_id"]) == set(
        waiting["lead_id"].iloc[:4]
    )
    (said,) = [note for note in found.notes if note.metric == "calls_note.all_lost"]
    assert said.sentence("en").startswith("3 open leads are not listed: all their deals are lost")
    assert "le loro trattative sono perse" in said.sentence("it")


def test_leads_of_the_hold_out_stand_nowhere_on_the_page(tables, calls):
    fewer = called(*tables, scoring={"horizon_days": 60, "hold_out": 0.3})
    aside = hold_out(calls.every["lead_id"], 0.3)
    assert 0 < aside.sum() < len(aside)
    assert set(fewer.every["lead_id"]) == set(calls.every["lead_id"][~aside])
    (said,) = [note for note in fewer.notes if note.metric == "calls_note.held_out"]
    assert said.value == aside.sum()


def test_without_ends_old_leads_are_not_called(tables):
    leads, deals = tables
    waiting, _, n_gone = to_call(leads.drop(columns="ended_at"), deals, 60, AS_OF)
    age = (AS_OF - waiting["created_at"]).dt.days
    assert age.max() <= 150
    assert n_gone > 0


def test_without_values_grades_a_and_b_are_called(tables):
    leads, deals = tables
    found = called(leads, deals.drop(columns="value"), scoring={"horizon_days": 60})
    rows = found.every
    assert not found.value_known
    assert (rows["next_action"].eq("call now") == rows["grade"].isin(["A", "B"])).all()
    assert rows["probability"].is_monotonic_decreasing
    two = called(
        leads,
        deals.drop(columns="value"),
        scoring={"horizon_days": 60, "capacity_a_week": 2},
    )
    assert two.n_now == 2


# What is missing, and what would mend it.


def test_without_leads_it_says_so_in_both_languages(tables):
    gap = refused(None, tables[1])
    assert gap.sentence("en") == (
        "No lead can be ranked. There are no leads. Add the table under [leads] in mmm.toml."
    )
    assert gap.sentence("it") == (
        "Non si può ordinare alcun lead. Mancano i lead. Aggiungete la tabella alla voce [leads] "
        "di mmm.toml."
    )


def test_bad_input_one_class_of_leads_is_told(tables):
    leads, deals = tables
    none = refused(leads, deals.assign(won=False))
    assert none.reason.metric == "missing.none_won"
    assert "nessuno è stato vinto entro 90 giorni" in none.sentence("it")
    won = leads[leads["person_id"].isin(deals["person_id"])]
    won.attrs = leads.attrs
    every = refused(won, deals)
    assert every.reason.metric == "missing.all_won"
    assert "there is nothing to tell apart" in every.sentence("en")


def test_few_wins_are_counted(tables):
    leads, deals = tables
    few = refused(leads, deals.iloc[:5])
    assert few.reason.metric == "missing.few_fates"
    assert few.reason.facts["won"] == 5
    assert f"at least {FEWEST} of each are needed" in few.sentence("en")


def test_young_leads_have_had_no_time(tables):
    leads, deals = tables
    gap = refused(leads, deals, scoring={"horizon_days": 1000})
    assert gap.reason.metric == "missing.young_leads"


def test_nobody_is_left_to_call(tables):
    leads, deals = tables
    ended = leads[leads["ended_at"].notna()]
    ended.attrs = leads.attrs
    gap = refused(ended, deals, scoring={"horizon_days": 60})
    assert gap.reason.metric == "missing.none_open"


def test_fates_are_counted_at_every_look():
    text = "%Y-%m-%dT%H:%M:%SZ"
    born = pd.Timestamp("2024-01-01T00:00Z")
    leads = pd.DataFrame({"person_id": ["a", "b"], "created_at": [born, born]})
    days = [pd.Timedelta(days=100), pd.Timedelta(days=20)]
    deals = pd.DataFrame(
        {"person_id": ["a", "b"], "won": True, "closed_at": [born + d for d in days]}
    )
    # The first is won 100 days after it came in: not within 30 days of that, but of the last look.
    assert fates(leads, deals, 30, AS_OF) == (2, 2)
    assert fates(leads, deals, 5, AS_OF) == (2, 0)
    assert fates(leads, deals, 30, pd.Timestamp(born + days[1]).strftime(text) and born) == (0, 0)


# Values.


def test_segments_that_differ_keep_their_means_and_others_do_not():
    rng = np.random.default_rng(2)
    big = np.concatenate([rng.normal(1000, 100, 80), rng.normal(5000, 100, 80)])
    mean, error = shrunk_means(big, pd.Series(["a"] * 80 + ["b"] * 80))
    assert mean["a"] == pytest.approx(big[:80].mean(), rel=0.01)
    assert mean["b"] == pytest.approx(big[80:].mean(), rel=0.01)
    same = rng.normal(3000, 1000, 160)
    mean, error = shrunk_means(same, pd.Series(["a", "b"] * 80))
    apart = abs(same[::2].mean() - same[1::2].mean())
    assert abs(mean["a"] - mean["b"]) < 0.7 * apart
    assert error["(all)"] == pytest.approx(same.std(ddof=1) / np.sqrt(160))


@given(st.lists(st.tuples(st.floats(1, 1e6), st.sampled_from("abcd")), min_size=2, max_size=40))
def test_a_shrunk_mean_lies_between_its_own_and_the_rest(rows):
    value = np.array([x for x, _ in rows])
    mean, _ = shrunk_means(value, pd.Series([s for _, s in rows]))
    for one in mean.values():
        assert value.min() - 1e-6 <= one <= value.max() + 1e-6


def test_a_segment_that_does_not_exist_is_named(tables):
    leads, deals = tables
    with pytest.raises(ConfigError, match="value_by is 'sector'"):
        deal_values(leads, deals, "sector")
    by = deal_values(leads, deals, "source")
    assert (by["value_lower"] <= by["value"]).all()
    assert deal_values(leads, deals.drop(columns="value"))["value"].isna().all()
