"""What the budget advice explains, and which noise its fit takes for granted."""

import numpy as np
import pandas as pd
import pytest

from mmm.mix import optimize_budget
from mmm.run.budgeting import fit_mix
from mmm.run.outcome import Weeks


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
