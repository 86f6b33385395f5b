import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.prediction.handover.feedback import (
    acceptance,
    discard_reasons,
    hold_out,
    shown_against_held_out,
    worked_against_not,
)
from mmm.prediction.handover.next_action import ActionPolicy, going_cold, next_actions
from mmm.prediction.handover.qualify import Rule
from mmm.prediction.handover.revision import revise_rules


def test_acceptance_counts_each_lead_handed_over_once():
    leads = datasets.load("leads")
    table = acceptance(leads, "source")
    handed = leads["mql_at"].notna()
    assert table["n"].sum() + table["n_waiting"].sum() == handed.sum()
    assert table["n_hit"].sum() == (handed & leads["sql_at"].notna()).sum()
    assert ((table["lower"] <= table["rate"]) & (table["rate"] <= table["upper"]))[
        table["n"] > 0
    ].all()
    reasons = discard_reasons(leads, "source")
    assert reasons["n"].sum() == leads["discard_reason"].notna().sum()
    np.testing.assert_allclose(reasons.groupby("source", dropna=False)["share"].sum(), 1)
    with pytest.raises(InputError, match="no column 'rule'"):
        acceptance(leads, "rule")


def test_the_hold_out_is_random_stable_and_of_its_size():
    ids = [f"L{i}" for i in range(20_000)]
    held = hold_out(ids, 0.1)
    assert stats.binomtest(int(held.sum()), len(ids), 0.1).pvalue > 0.001
    np.testing.assert_array_equal(hold_out(ids[::-1], 0.1), held[::-1])
    assert (hold_out(ids, 0.2) >= held).all()  # a larger hold-out keeps the smaller one
    both = (held & hold_out(ids, 0.1, seed=1)).mean()
    assert both == pytest.approx(0.01, abs=0.004)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        hold_out(ids, 2.0)


def test_worked_against_not_finds_the_effect_of_working():
    rng = np.random.default_rng(0)
    n = 4000
    grade = rng.choice(["A", "B"], n)
    worked = rng.random(n) < 0.5
    chance = np.where(grade == "A", 0.3, 0.1) + 0.15 * worked
    leads = pd.DataFrame(
        {
            "grade": grade,
            "worked": worked,
            "won": pd.array(rng.random(n) < chance, dtype="boolean"),
            "handed_at": pd.Timestamp("2025-01-01", tz="UTC")
            + pd.to_timedelta(rng.uniform(0, 60, n), unit="D"),
        }
    )
    leads.loc[:9, "won"] = pd.NA
    table = worked_against_not(leads, level=0.99)
    whole = table[table["period"].isna()]
    assert (whole["lower"] <= 0.15).all()
    assert (whole["upper"] >= 0.15).all()
    assert (whole["lower"] > 0).all()
    weeks = table[table["period"].notna()]
    assert weeks[["n_worked", "n_left"]].sum().sum() == n - 10
    assert set(weeks["period"].dt.day_of_week) == {0}


def quarter(rng, n=600):
    pages = rng.poisson(6, n)
    won = rng.random(n) < 1 / (1 + np.exp(5 - 0.5 * pages))
    day = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.uniform(0, 90, n), unit="D")
    newsletter = rng.random(n) < 0.4
    accepted = pd.array(rng.random(n) < np.where(newsletter, 0.15, 0.7), dtype="boolean")
    accepted[:20] = pd.NA
    wait = rng.exponential(np.where(won, 12.0, 3.0), n)
    return pd.DataFrame(
        {
            "pages": pages,
            "newsletter": newsletter.astype(int),
            "won": won,
            "accepted": accepted,
            "created_at": day,
            "first_contacted_at": day + pd.to_timedelta(wait, unit="D"),
        }
    )


def test_the_revision_names_the_rules_to_change():
    leads = quarter(np.random.default_rng(1))
    old = [
        Rule.parse("newsletter", "MQL", "newsletter = 1"),
        Rule.parse("reads", "MQL", "pages >= 9"),
        Rule.parse("never", "SQL", "pages >= 99"),
    ]
    proposed = [Rule.parse("reads more", "MQL", "pages >= 7")]
    revision = revise_rules(leads, old, proposed)
    verdict = revision.rules.set_index("rule")["verdict"]
    assert verdict["newsletter"] == "passes leads that sales discards"
    assert verdict["reads"] == "lets good leads wait"
    assert verdict["never"] == "too few to tell"
    sets = revision.sets.set_index("set")
    assert revision.rate_change[0] == pytest.approx(
        sets.loc["proposed", "rate"] - sets.loc["old", "rate"]
    )
    assert revision.rate_change[1] > -0.01
    assert revision.rate_change[2] > revision.rate_change[0] > 0
    passed = leads["newsletter"].eq(1) | leads["pages"].ge(9)
    assert len(revision.missed) == (leads["won"] & ~passed).sum()
    assert revision.missed["won"].all()
    same = revise_rules(leads, old, old)
    assert same.caught_change[0] == 0.0
    assert same.caught_change[1] < 0 < same.caught_change[2]


def test_the_paired_interval_covers():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(80):
        leads = quarter(rng, 300)
        old, new = (Rule.parse("r", "MQL", f"pages >= {n}") for n in (8, 7))
        change = revise_rules(leads, [old], [new]).caught_change
        covered += change[1] <= TRUE_GAIN <= change[2]
    assert covered / 80 > 0.8


def _true_gain():
    pages = np.arange(60)
    weight = stats.poisson.pmf(pages, 6) / (1 + np.exp(5 - 0.5 * pages))
    return float(weight[7] / weight.sum())


TRUE_GAIN = _true_gain()


def open_leads(rng, n=300):
    return pd.DataFrame(
        {
            "lead_id": [f"l{i:03d}" for i in range(n)],
            "probability": rng.beta(1, 6, n),
            "probability_before": np.where(rng.random(n) < 0.2, np.nan, rng.beta(1, 6, n)),
            "value": rng.lognormal(8, 1, n),
            "days_since_touch": rng.exponential(30, n),
            "days_since_contact": np.where(rng.random(n) < 0.5, np.nan, rng.exponential(20, n)),
            "n_contacts": rng.poisson(1.5, n),
        }
    )


def test_every_open_lead_gets_one_action():
    leads = open_leads(np.random.default_rng(3))
    policy = ActionPolicy(capacity=10)
    found = next_actions(leads, policy)
    assert sorted(found["lead_id"]) == sorted(leads["lead_id"])
    table = found.merge(leads, on="lead_id")
    called = table[table["action"] == "call now"]
    assert len(called) == 10
    waiting = table[(table["action"] == "nurture") & (table["expected_margin"] >= policy.call_cost)]
    assert called["expected_margin"].min() >= waiting["expected_margin"].max()
    assert (called["n_contacts"] < 4).all()
    assert not (called["days_since_contact"] < 3).any()
    dropped = table[table["action"] == "drop"]
    assert (dropped["expected_margin"] < policy.nurture_cost).all()
    assert not dropped["trend"].eq("rising").any()
    assert found["because"].str.len().gt(20).all()
    shuffled = next_actions(leads.sample(frac=1, random_state=0), policy)
    pd.testing.assert_frame_equal(found, shuffled)


def test_leads_going_cold_are_named():
    found = next_actions(open_leads(np.random.default_rng(4)))
    cold = going_cold(found)
    assert len(cold) == found["cold"].sum() > 0
    assert not cold["action"].eq("drop").any()
    assert cold["expected_margin"].is_monotonic_decreasing


def test_a_more_probable_lead_is_never_treated_worse():
    base = pd.DataFrame({"lead_id": ["a"], "value": [5000.0]})
    rank = {"drop": 0, "nurture": 1, "call now": 2}
    ranks = [
        rank[next_actions(base.assign(probability=p))["action"][0]] for p in np.linspace(0, 1, 41)
    ]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}


def test_actions_speak_both_languages():
    leads = open_leads(np.random.default_rng(5))
    english, italian = (next_actions(leads, lang=lang) for lang in ("en", "it"))
    assert (english["because"] != italian["because"]).all()
    assert english["action"].equals(italian["action"])


def test_bad_input_40_no_action_on_what_is_no_probability():
    leads = pd.DataFrame({"lead_id": ["a"], "probability": [1.5], "value": [1.0]})
    with pytest.raises(InputError, match="outside 0 to 1"):
        next_actions(leads)
    with pytest.raises(InputError, match="no column 'value'"):
        next_actions(leads.drop(columns="value"))
    with pytest.raises(ConfigError, match="nurturing no dearer than a call"):
        ActionPolicy(call_cost=1.0, nurture_cost=2.0)


def test_chance_decides_whose_score_is_shown():
    rng = np.random.default_rng(8)
    n = 4_000
    leads = pd.DataFrame({"lead_id": np.arange(n), "grade": rng.choice(list("AB"), n)})
    leads["held_out"] = hold_out(leads["lead_id"], 0.3)
    chance = np.where(leads["grade"] == "A", 0.3, 0.1) + np.where(leads["held_out"], 0.0, 0.15)
    leads["won"] = pd.array(rng.random(n) < chance, dtype="boolean")
    table = shown_against_held_out(leads).set_index("grade")
    assert (table["lower"] <= 0.15).all()
    assert (table["upper"] >= 0.15).all()
    assert (table["lower"] > 0.0).all()
    whole = table.loc["all"]
    assert (
        whole["n_shown"] + whole["n_held_out"]
        == n
        == table["n_shown"][:2].sum() + table["n_held_out"][:2].sum()
    )
    open_ = leads.assign(won=leads["won"].mask(leads["grade"] == "A"))
    assert shown_against_held_out(open_)["grade"].tolist() == ["B", "all"]
