"""Forecasts hold what they promise on companies of known truth, and never look ahead."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.forecast.backtest import Backtest, backtest
from mmm.funnel.forecast.futures import PARTS, forecast
from mmm.simulate import simulate_company


@pytest.fixture(scope="module")
def tables():
    return datasets.load("leads"), datasets.load("deals")


@pytest.fixture(scope="module")
def future(tables):
    return forecast(*tables)


def test_parts_add_up_to_the_total(future):
    frame = future.to_frame().set_index(["measure", "part", "month"])["mean"]
    for measure in ("bookings", "deals"):
        for month in range(7):
            parts = sum(frame[measure, part, month] for part in PARTS)
            assert parts == pytest.approx(frame[measure, "total", month])
        months = sum(frame[measure, "total", m] for m in range(1, 7))
        assert months == pytest.approx(frame[measure, "total", 0])
    assert frame["bookings", "total", 0] == pytest.approx(future.bookings.mean())


def test_open_deals_come_first_and_new_leads_last(future):
    mean = future.deals.mean(axis=0)
    assert mean[0, 0] > 10 * mean[2, 0]
    assert mean[2, -1] > mean[0, -1]


def test_the_same_seed_gives_the_same_futures_whatever_the_order_of_rows(tables, future):
    leads, deals = (table.sample(frac=1, random_state=7) for table in tables)
    again = forecast(leads, deals)
    np.testing.assert_array_equal(again.value, future.value)
    np.testing.assert_array_equal(again.win_days, future.win_days)
    assert not np.array_equal(forecast(leads, deals, seed=1).value, future.value)


def test_what_came_after_the_day_changes_nothing(tables):
    leads, deals = (table.copy() for table in tables)
    day = pd.Timestamp("2025-06-30", tz="UTC")
    before = forecast(leads, deals, as_of=day, n_draws=200)
    late = deals["closed_at"] > day
    deals.loc[late, "won"] = ~deals.loc[late, "won"]
    deals.loc[late, "closed_at"] += pd.Timedelta(days=40)
    deals.loc[deals["created_at"] > day, "value"] = deals["value"].max()
    leads = leads[leads["created_at"] <= day + pd.Timedelta(days=20)]
    after = forecast(leads, deals, as_of=day, n_draws=200)
    np.testing.assert_array_equal(before.value, after.value)
    changed = deals.copy()
    changed.loc[~late & deals["won"].fillna(False), "value"] *= 2
    assert forecast(leads, changed, as_of=day, n_draws=200).bookings.mean() > (
        1.3 * before.bookings.mean()
    )


def test_twice_the_recent_leads_are_twice_the_inflow(tables):
    leads, deals = tables
    day = leads["created_at"].max()
    recent = leads[leads["created_at"] > day - pd.Timedelta(days=182)]
    copies = recent.assign(
        lead_id="x" + recent["lead_id"],
        account_id="x" + recent["account_id"],
        person_id="x" + recent["person_id"],
    )
    one = forecast(leads, deals, as_of=day)
    two = forecast(pd.concat([leads, copies]), deals, as_of=day)
    assert two.inflow.count == 2 * one.inflow.count == 2 * len(recent)
    assert two.inflow.per_day == pytest.approx(2 * one.inflow.per_day)
    assert one.deals[:, 2].sum() > 0


def test_the_finding_ends_with_an_action(future):
    said = future.finding().sentence()
    assert "are expected by 25 June 2026 (90% interval:" in said
    assert said.endswith("Work the open deals first.")
    assert future.finding().sentence("it").endswith("Lavorate prima le trattative aperte.")


def test_a_young_company_is_told_what_is_not_foreseen():
    company = simulate_company(n_accounts=200, weeks=52, seed=1)
    notes = forecast(company.leads, company.deals, n_draws=100).notes
    assert "first renewals" in notes[-1]


@pytest.mark.slow
def test_intervals_hold_on_simulated_companies_and_beat_the_naive_forecast():
    frames = []
    for seed in range(40):
        company = simulate_company(n_accounts=400, weeks=104, seed=seed)
        leads, deals = company.leads, company.deals
        end = max(leads["created_at"].max(), deals["created_at"].max())
        day = end - pd.DateOffset(months=6)
        frames.append(backtest(leads, deals, as_ofs=[day], n_draws=400).frame)
    frame = Backtest(pd.concat(frames), 0.9).summary()
    rows = frame.set_index(["measure", "span"])
    whole = rows.xs("all months", level="span")
    assert whole["coverage"].between(0.80, 0.97).all()
    assert (whole["bias"].abs() < 0.10).all()
    assert (whole["error"] < whole["naive_error"]).all()
    assert rows.xs("a month", level="span")["coverage"].between(0.80, 0.97).all()


def test_backtest_by_hand(tables):
    leads, deals = tables
    past = backtest(leads, deals, as_ofs=["2025-03-31", "2025-06-10"], months=6, n_draws=100)
    row = past.frame.query("month == 0 and measure == 'bookings'").iloc[1]
    won = deals[deals["won"].fillna(False)].set_index("closed_at")["value"].astype(float)
    won = won.sort_index()
    assert row["actual"] == pytest.approx(won["2025-06-11":"2025-12-10"].sum())
    assert row["naive"] == pytest.approx(won["2024-12-11":"2025-06-10"].sum())
    assert row["covered"] == (row["lower"] <= row["actual"] <= row["upper"])
    assert past.summary()["n"].tolist() == [12, 2, 12, 2]


def test_mistakes_are_named_with_their_cure(tables):
    leads, deals = tables
    with pytest.raises(ConfigError, match="months is 0"):
        forecast(leads, deals, months=0)
    with pytest.raises(InputError, match=r"deals with a value were won by 2024-02-01.*or wait"):
        forecast(leads, deals, as_of="2024-02-01")
    with pytest.raises(ConfigError, match="Choose earlier days or fewer months"):
        backtest(leads, deals, as_ofs=["2025-11-01"], n_draws=100)
    with pytest.raises(ConfigError, match="at least one past day"):
        backtest(leads, deals, as_ofs=[])
