"""Cohorts: spend beside what the leads of the same weeks are worth."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.mix import MixModel, Sampling
from mmm.signal import cohort_table, expected_value, fit_cohorts, mix_disagreements
from mmm.signal.cohorts import pool_contributions
from tests.signal.tables import company

DAY = "2025-09-30"


def made(every="month", day=DAY):
    tables = company()
    return cohort_table(tables["leads"], tables["deals"], tables["spend"], every=every, as_of=day)


def test_outcomes_are_the_worth_of_the_leads_of_each_period():
    tables = company()
    cohorts = made()
    worth = expected_value(tables["leads"], tables["deals"], as_of=DAY)
    ours = (worth.records["lead_id"].notna() & (worth.records["stage"] != "other deal")).to_numpy()
    month = worth.records["began_at"].dt.strftime("%Y-%m")
    value = pd.Series(worth.realised + worth.expected)[ours].groupby(month[ours]).sum()
    for row in cohorts.to_frame().to_dict("records"):
        assert row["expected_value"] == pytest.approx(value.get(f"{row['date']:%Y-%m}", 0.0))
        assert row["realised"] <= row["expected_value"] + 1e-6
        assert row["lower"] <= row["expected_value"] <= row["upper"]


def test_young_cohorts_are_left_out_and_weigh_less():
    cohorts = made("week")
    beside = cohorts.beside
    assert (beside["maturity"] >= 0.25).all()
    assert (cohorts.left_out["maturity"] < 0.25).all()
    assert cohorts.left_out["date"].min() > beside["date"].max()
    assert beside["maturity"].iloc[0] > beside["maturity"].iloc[-1]
    assert beside["weight"].iloc[:20].mean() > beside["weight"].iloc[-10:].mean()
    assert beside["weight"].between(0, 1).all()


def test_spend_is_that_of_the_same_periods():
    tables = company()
    cohorts = made()
    spend = tables["spend"]
    spent = spend["spend"].astype(float).groupby(spend["date"].dt.strftime("%Y-%m")).sum()
    ours = cohorts.table[list(cohorts.channels)].sum(axis=1)
    whole = float(spent.sum())
    assert 0 < ours.sum() <= whole + 1e-6
    assert len(cohorts.table.columns) == len(cohorts.channels) + 2


def test_what_comes_later_does_not_change_cohorts():
    tables = company()
    last = pd.Timestamp("2025-09-30T23:59:59.999999", tz="UTC")
    leads = tables["leads"][tables["leads"]["created_at"] <= last]
    one = cohort_table(leads, tables["deals"], tables["spend"], every="month", as_of=DAY)
    pd.testing.assert_frame_equal(one.to_frame(), made().to_frame())


def test_a_company_too_young_says_so():
    tables = company()
    leads = tables["leads"]
    recent = leads[leads["created_at"] > pd.Timestamp("2025-08-20", tz="UTC")]
    worth = expected_value(leads, tables["deals"], as_of=DAY)
    with pytest.raises(InputError, match="old enough"):
        cohort_table(recent, tables["deals"], tables["spend"], worth=worth)


@pytest.mark.filterwarnings("ignore::mmm.errors.DataWarning")
def test_a_mix_on_cohorts_pools_its_completions():
    cohorts = made("week")
    plain = MixModel(sampler=Sampling(n_warmup=100, n_draws=100), on_nonconvergence="warn")
    found = fit_cohorts(cohorts, model=plain, n_imputations=2)
    frame = found.contributions
    assert frame["channel"].tolist() == [*cohorts.channels, "(media)"]
    own = [fit.contributions() for fit in found.models]
    mean = np.mean([one["contribution"] for one in own], axis=0)
    np.testing.assert_allclose(frame["contribution"], mean)
    width = (frame["contribution_upper"] - frame["contribution_lower"]).iloc[-1]
    assert width >= min(
        (one["contribution_upper"] - one["contribution_lower"]).iloc[-1] for one in own
    )
    with pytest.raises(ConfigError, match="n_imputations"):
        fit_cohorts(cohorts, n_imputations=1)


def test_pooled_intervals_hold_the_difference_between_completions():
    base = {"channel": ["a"], "romi_lower": [0.0], "romi_upper": [2.0]}
    apart = [pd.DataFrame({**base, "romi": [1.0]}),
             pd.DataFrame({"channel": ["a"], "romi": [5.0], "romi_lower": [4.0],
                           "romi_upper": [6.0]})]  # fmt: skip
    pooled = pool_contributions(apart)
    assert pooled["romi"].item() == 3.0
    reach = np.sqrt(1.0 + 1.6448536**2 * 1.5 * 8.0)
    assert pooled["romi_upper"].item() == pytest.approx(3.0 + reach)


def frame(roas, reach=0.2):
    spend = np.array([100.0, 50.0, 150.0])
    value = np.append(np.array(roas) * spend[:2], 0.0)
    return pd.DataFrame(
        {"channel": ["Ads", "Fairs", "(media)"], "spend": spend, "contribution": value,
         "contribution_lower": value - reach * spend, "contribution_upper": value + reach * spend,
         "roas": value / spend}
    )  # fmt: skip


def test_mixes_that_disagree_are_named():
    said = mix_disagreements(frame([2.0, 1.0]), frame([0.5, 1.05]))
    assert [one.facts["channel"] for one in said] == ["Ads"]
    assert "disagree" in said[0].sentence("en")
    assert "non concordano" in said[0].sentence("it")
    assert said[0].sentence("en").startswith("On Ads the two mixes disagree: for €1 spent, 2.0 by")
    alike = mix_disagreements(frame([2.0, 1.0]), frame([2.1, 1.05]))
    assert [one.metric for one in alike] == ["signal.mixes_agree"]


@pytest.mark.parametrize(
    ("advised", "said"),
    [
        ({}, "Test before moving its budget."),
        ({"pays": {"Ads": True}}, "Test before moving its budget."),
        ({"pays": {"Ads": False}}, "by the contracts closed."),
        ({"steps": {"Ads": "move"}}, "The plan goes by the contracts closed."),
        ({"steps": {"Ads": "half"}, "pays": {"Ads": False}}, "only half of it is advised now."),
        ({"steps": {"Fairs": "half"}}, "Test before moving its budget."),
    ],
)
def test_a_test_is_asked_for_only_where_the_plan_does_not_move_and_one_may_pay(advised, said):
    (found,) = mix_disagreements(frame([2.0, 1.0]), frame([0.5, 1.05]), **advised)
    assert found.sentence().endswith(said)
    assert ("Test" in found.sentence()) == ("Test" in said)
    assert ("test" in found.sentence("it")) == ("Test" in said)
