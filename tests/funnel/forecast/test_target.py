"""The leads needed reach the target as often as asked, and the bottleneck is named."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError
from mmm.funnel.forecast.futures import Forecast, forecast
from mmm.funnel.forecast.inflow import Inflow
from mmm.funnel.forecast.target import plan_target

START = pd.Timestamp("2025-01-01", tz="UTC")


def made(*, base=0.0, n_draws=20_000, days=(30.0, np.inf), worth=1.0, inflow=10.0):
    """A future in which every lead wins after the given days, each as likely."""
    ends = tuple(START + pd.DateOffset(months=m + 1) for m in range(6))
    value = np.zeros((n_draws, 4, 6))
    value[:, 0, 1] = base
    return Forecast(
        as_of=START,
        ends=ends,
        deals=(value > 0).astype(np.int64),
        value=value,
        inflow=Inflow(int(inflow * 12), 365.25, 1.0),
        win_days=np.tile(np.array(days), (10, 1)),
        win_value=np.full((10, 4), worth),
        level=0.9,
        currency="EUR",
    )


@pytest.fixture(scope="module")
def future():
    return forecast(datasets.load("leads"), datasets.load("deals"))


def test_one_more_win_by_hand():
    # Half of the leads win after 30 days, all in time: the first win comes at Exp(1) / 0.5 leads.
    plan = plan_target(made(), target=1.0, probability=0.8)
    assert plan.in_time == pytest.approx(1.0)
    assert np.quantile(plan.required, 0.8) == pytest.approx(-np.log(0.2) / 0.5, rel=0.03)
    assert plan.leads == 4.0
    assert plan.bottleneck == "leads"
    assert plan.chance_allowed == pytest.approx(1 - np.exp(-0.5 * 4), abs=0.01)


def test_base_counts_towards_the_target():
    assert plan_target(made(base=5.0), target=5.0).bottleneck == "none"
    two, one = plan_target(made(base=3.0), target=5.0), plan_target(made(base=4.0), target=5.0)
    assert two.required.mean() == pytest.approx(2 * one.required.mean(), rel=0.03)
    early = plan_target(made(base=5.0), target=5.0, by="2025-02-05")
    assert early.expected == 0.0
    assert early.by == START + pd.DateOffset(months=1)


def test_the_chance_is_that_of_a_simulation_made_apart(future):
    target, leads = 600_000.0, 60
    plan = plan_target(future, target=target)
    rng = np.random.default_rng(11)
    span = (plan.last_day - future.as_of) / pd.Timedelta(days=1)
    whole = (plan.by - future.as_of) / pd.Timedelta(days=1)
    reached = []
    for draw, base in enumerate(future.bookings):
        s, n = draw % len(future.win_days), rng.poisson(leads)
        at = rng.random(n) * span + rng.choice(future.win_days[s], n)
        worth = rng.choice(future.win_value[s], n)
        reached.append(base + worth[at <= whole].sum() >= target)
    assert plan.chance_with(leads) == pytest.approx(np.mean(reached), abs=0.04)


def test_the_leads_needed_reach_the_target_as_often_as_asked(future):
    for probability in (0.5, 0.8, 0.95):
        plan = plan_target(future, target=600_000, probability=probability)
        assert plan.chance_with(plan.leads) >= probability
        assert plan.chance_with(0.97 * plan.leads) < probability + 0.01
    frame = plan.to_frame()
    assert frame["probability"].is_monotonic_increasing
    assert frame["probability"].iloc[0] == plan.chance


def test_bottlenecks_are_told_apart():
    args = {"target": 200.0, "cost_per_lead": 10.0}
    free = plan_target(made(), **args)
    assert free.bottleneck == "leads"
    assert free.feasible
    assert free.cost == 10 * free.leads
    poor = plan_target(made(), **args, budget=1000.0)
    assert (poor.bottleneck, poor.allowed, poor.feasible) == ("budget", 100.0, False)
    assert poor.chance_allowed < 0.8
    busy = plan_target(made(), **args, budget=1e6, leads_per_month=12.0)
    assert busy.bottleneck == "capacity"
    assert busy.allowed == pytest.approx(10, abs=1)  # two a month, five months that count
    full = plan_target(made(), **args, leads_per_month=5.0)
    assert full.allowed == 0.0
    late = plan_target(made(days=(300.0, np.inf)), **args)
    assert (late.bottleneck, late.feasible, late.leads) == ("time", False, np.inf)
    assert late.in_time == 0.0
    assert "ten times" in plan_target(made(), target=5000.0).note


def test_worthless_deals_reach_nothing():
    plan = plan_target(made(worth=0.0, n_draws=50), target=1.0)
    assert plan.bottleneck == "time"
    assert plan.chance_with(1e9) == 0.0


def test_it_is_said_with_an_action_at_the_end():
    args = {"target": 200.0, "cost_per_lead": 10.0}
    poor = plan_target(made(), **args, budget=1000.0).finding()
    assert "The budget pays for 100, and with those" in poor.sentence()
    assert poor.sentence().endswith("Raise the budget, or lower the target.")
    late = plan_target(made(days=(300.0, np.inf)), **args).finding()
    assert "cannot be reached by adding leads" in late.sentence()
    assert "non è raggiungibile" in late.sentence("it")
    for plan in (made(base=500.0), made()):
        for lang in ("en", "it"):
            assert plan_target(plan, target=200.0).finding().sentence(lang)
    busy = plan_target(made(), **args, leads_per_month=12.0).finding().sentence("it")
    assert "le vendite possono seguirne" in busy


def test_the_same_seed_gives_the_same_plan(future):
    one, two = (plan_target(future, target=600_000, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.required, two.required)


def test_mistakes_are_named_with_their_cure():
    with pytest.raises(ConfigError, match="amount above 0"):
        plan_target(made(n_draws=10), target=0.0)
    with pytest.raises(ConfigError, match="Pass both"):
        plan_target(made(n_draws=10), target=1.0, budget=5.0)
    with pytest.raises(ConfigError, match="Choose a day among them"):
        plan_target(made(n_draws=10), target=1.0, by="2025-01-10")
    with pytest.raises(ConfigError, match="forecast more months"):
        plan_target(made(n_draws=10), target=1.0, by="2026-06-01")
    with pytest.raises(ConfigError, match="leads_per_month is -1"):
        plan_target(made(n_draws=10), target=1.0, leads_per_month=-1.0)
