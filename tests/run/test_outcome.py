"""What the budget advice explains, and which noise its fit takes for granted."""

import numpy as np
import pandas as pd
import pytest

from mmm.channels import ChannelMap
from mmm.errors import DataWarning
from mmm.mix import optimize_budget
from mmm.run.budgeting import LEAST, fit_mix
from mmm.run.outcome import Weeks, weeks_of
from mmm.tables import read_spend
from mmm.tables.several import join_spend
from tests.run.companies import AS_OF, config_of, deals_from, spend_table


def few(unit_value=8_000.0, times=1, n_weeks=60):
    rng = np.random.default_rng(1)
    spend = rng.gamma(2.0, 100.0, n_weeks)
    deals = rng.poisson(0.5 + spend / (200 + spend))
    dates = pd.date_range("2023-01-02", periods=n_weeks, freq="W-MON")
    frame = pd.DataFrame({"date": dates, "search": spend, "won_deals": times * deals.astype(float)})
    return Weeks(frame, ("search",), (), "won_deals", "date", "week", unit_value)


@pytest.mark.parametrize(
    ("weeks", "likelihood"),
    [
        (few(), "negative_binomial"),
        (few(unit_value=1.0), "auto"),  # of unknown worth
        (few(times=1_000), "auto"),  # money
        (few(times=0.5), "auto"),
    ],
)
def test_few_records_of_known_worth_are_fitted_as_counts(weeks, likelihood):
    assert weeks.likelihood == likelihood


def test_the_fit_of_few_deals_is_one_of_counts_and_its_plan_is_in_money():
    weeks = few()
    model = fit_mix(weeks, seed=0)
    assert model.posterior_.dispersion is not None
    assert not any("likelihood='negative_binomial'" in w for w in model.diagnostics_.warnings)
    plan = optimize_budget(model, None, margin=0.4 * weeks.unit_value)
    assert plan.margin == 3_200.0
    assert np.isfinite(plan.expected_profit)


@pytest.mark.parametrize("every", ["week", "month"])
def test_a_won_deal_without_a_value_counts_as_nothing_by_week_and_by_month(every):
    rng = np.random.default_rng(3)
    spend = spend_table(rng, 60, {"Fairs": 900.0})
    deals = deals_from(rng, spend, {"Fairs": 2.0})
    sums = []
    for missing in (False, True):
        given = deals.copy()
        given.attrs = deals.attrs
        if missing:
            given.loc[len(given) // 2, "value"] = None
        tables = {"spend": spend, "deals": given}
        mix = config_of(mix={"every": every, "outcome": "won_value"}).mix
        weeks = weeks_of(tables, ChannelMap(), mix, AS_OF)
        sums.append(weeks.frame["won_value"].sum())
    assert sums[0] - sums[1] == pytest.approx(float(deals.loc[len(deals) // 2, "value"]))


def test_months_are_offered_only_with_how_many_the_advice_takes():
    weeks = {"date": ["2024-01-29", "2024-02-05"], "spend": ["10", "5"], "channel": "Ads"}
    months = {"date": ["2024-01-01", "2024-02-01"], "spend": ["10", "5"], "channel": "Fairs"}
    files = {"a.csv": read_spend(pd.DataFrame(weeks)), "f.csv": read_spend(pd.DataFrame(months))}
    with pytest.warns(DataWarning, match=f"enough for the channels: {LEAST['month']} at least"):
        join_spend(files)
