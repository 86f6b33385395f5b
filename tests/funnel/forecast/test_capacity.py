"""Work is counted by owner and month from what was known, and held against the hours there are."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.durations.survival import kaplan_meier
from mmm.funnel.forecast.capacity import Effort, sales_workload, still_open
from mmm.simulate import simulate_company

DAY = pd.Timedelta(days=1)
LOOK = pd.Timestamp("2025-07-01", tz="UTC")


def at(*days):
    """Instants so many days before the look; None for missing."""
    return pd.to_datetime([pd.NaT if d is None else LOOK - d * DAY for d in days], utc=True)


LEADS = pd.DataFrame(
    {
        "created_at": at(100, 10, 5, 1),
        "first_contacted_at": at(99, None, None, None),
        "ended_at": at(50, None, 2, None),
        "owner": ["Ada", "Ada", "Ada", "Bo"],
    }
)
DEALS = pd.DataFrame(
    {
        "created_at": at(100, 100, 60, 60),
        "closed_at": at(90, 50, None, None),
        "won": pd.array([True, False, None, None], dtype="boolean"),
        "owner": ["Ada", "Ada", "Ada", None],
    }
)


@pytest.fixture(scope="module")
def tables():
    return datasets.load("leads"), datasets.load("deals")


def test_work_by_hand():
    effort = Effort(call=2.0, opportunity=5.0)
    work = sales_workload(LEADS, DEALS, capacity=20.0, effort=effort, as_of=LOOK, months=1)
    rows = work.frame.set_index("owner")
    assert list(rows.index) == ["(nobody)", "Ada", "Bo"]
    # 3 leads in 100 days, over July; one waits (another has ended). The curve is level from day 50.
    assert rows.loc["Ada", "leads"] == pytest.approx(3 / 100 * 31 + 1)
    assert rows.loc["Bo", "leads"] == pytest.approx(31 + 1)
    curve = kaplan_meier([10, 50, 60, 60], [True, True, False, False])
    grown = still_open(curve, np.arange(0.5, 15.5)).sum() + 0.5 * 0.75
    assert rows.loc["Ada", "opportunities"] == pytest.approx(1 + 3 / 100 * grown, rel=0.01)
    hours = 2 * rows["leads"] + 5 * rows["opportunities"]
    np.testing.assert_allclose(rows["hours"], hours)
    np.testing.assert_allclose(rows["use"], hours / 20)


def test_open_opportunities_come_true_on_simulated_companies():
    ratio = []
    for seed in range(12):
        company = simulate_company(n_accounts=400, weeks=104, seed=seed)
        leads, deals = company.leads, company.deals
        day = pd.Timestamp("2025-05-01", tz="UTC")
        frame = sales_workload(leads, deals, as_of=day, months=3).frame
        expected = frame.groupby("month")["opportunities"].sum().to_numpy()
        for month, n in enumerate(expected):
            middle = day + (30.4 * month + 15) * DAY
            still = ~(deals["closed_at"] <= middle)
            ratio.append(n / ((deals["created_at"] <= middle) & still).sum())
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.07)
    assert np.std(ratio) < 0.25


def test_the_future_is_not_used_and_rows_have_no_order(tables):
    leads, deals = tables
    day = pd.Timestamp("2025-05-01", tz="UTC")
    before = sales_workload(leads, deals, as_of=day).frame
    deals = deals.copy()
    late = deals["closed_at"] > day
    deals.loc[late, "won"] = True
    deals.loc[late, "closed_at"] += 30 * DAY
    shuffled = deals[deals["created_at"] <= day].sample(frac=1, random_state=1)
    after = sales_workload(leads[leads["created_at"] <= day][::-1], shuffled, as_of=day).frame
    pd.testing.assert_frame_equal(before, after)


def test_the_busiest_owner_is_named(tables):
    over = sales_workload(*tables, capacity=40.0).finding()
    assert over.sentence().startswith("TEAM-NORTH would need 2")
    assert over.sentence("it").endswith("o prevedete un aiuto per quel mese.")
    left = sales_workload(*tables, capacity={"TEAM-SOUTH": 4000.0}).finding()
    assert "Even the busiest owner, TEAM-SOUTH" in left.sentence()
    assert left.sentence().endswith("There is room for more leads.")
    assert sales_workload(*tables).finding() is None


def test_tables_without_owner_are_one_owner(tables):
    leads, deals = (table.drop(columns="owner") for table in tables)
    whole = sales_workload(leads, deals).frame
    assert whole["owner"].unique().tolist() == ["(nobody)"]
    parts = sales_workload(*tables).frame.groupby("month")["leads"].sum()
    np.testing.assert_allclose(whole["leads"], parts, rtol=0.02)


def test_mistakes_are_named_with_their_cure(tables):
    with pytest.raises(ConfigError, match=r"capacity names 'Nobody'.*Use the owners"):
        sales_workload(*tables, capacity={"Nobody": 3.0})
    with pytest.raises(ConfigError, match="not above 0"):
        sales_workload(*tables, capacity=0.0)
    with pytest.raises(ConfigError, match="months is 40"):
        sales_workload(*tables, months=40)
    with pytest.raises(InputError, match="deals has no column 'won'"):
        sales_workload(tables[0], tables[1].drop(columns="won"))
