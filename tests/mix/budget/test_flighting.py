"""The calendar of a plan: every cent of it, in the weeks that history and contracts name."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError
from mmm.mix import optimize_budget
from mmm.mix.budget.flighting import Flighting, coming_periods, flight_plan, rhythm, spread_over
from mmm.mix.table.inputs import Clock
from tests.mix.small_model import CHANNELS, small_model


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def plan(model):
    return optimize_budget(model)


@given(
    cents=st.integers(0, 10**9),
    parts=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=30),
    used=st.floats(0, 0.99),
)
def test_cents_add_up_and_contracts_are_met(cents, parts, used):
    amount = Decimal(cents) / 100
    weights, least = (np.array(column) for column in zip(*parts, strict=True))
    least = least / max(least.sum(), 1e-9) * used * float(amount)
    spread = spread_over(amount, weights, least)
    assert sum(spread) == amount
    assert all(float(x) >= low - 0.02 for x, low in zip(spread, least, strict=True))
    assert all(x >= 0 for x in spread)


def test_the_calendar_is_the_plan_to_the_cent(model, plan):
    calendar = flight_plan(model, plan, which="proposed")
    for row, amount in zip(calendar.spend, plan.proposed, strict=True):
        assert sum(row) == Decimal(str(round(float(amount) * 13, 2)))
    frame = calendar.to_frame()
    assert len(frame) == 13 * 3
    assert frame["date"].iloc[0] == pd.Timestamp("2024-12-30")
    assert calendar.pattern == ("always on", "always on", "flights")


def test_flights_fall_in_the_weeks_of_a_year_ago(model, plan):
    calendar = flight_plan(model, plan, which="proposed")
    year_ago = model.spend_[2, -52:][:13]
    flown = np.array([float(x) for x in calendar.spend[2]])
    assert ((flown > 0) == (year_ago > 0)).all()
    assert flown / flown.sum() == pytest.approx(year_ago / year_ago.sum(), abs=1e-4)


def test_contracts_are_met_first(model, plan):
    contract = {"Social": {"2025-01-06": 500.0}}
    calendar = flight_plan(model, plan, committed=contract)
    row = calendar.spend[CHANNELS.index("Social")]
    assert row[1] == Decimal("500.00")
    assert len(set(row[2:])) <= 2
    assert max(row[2:]) - min(row[2:]) <= Decimal("0.01")
    for wrong, message in (
        ({"Radio": {"2025-01-06": 1.0}}, "committed names"),
        ({"Social": {"2025-01-07": 1.0}}, "begins no coming period"),
        ({"Social": {"2025-01-06": -1.0}}, "Pass 0 or more"),
        ({"Social": {"2025-01-06": 1e9}}, "two rules clash for 'Social'"),
    ):
        with pytest.raises(ConfigError, match=message):
            flight_plan(model, plan, committed=wrong)


def test_the_file_for_the_media_buyer_holds_the_total(model, plan, tmp_path):
    calendar = flight_plan(model, plan, n_periods=4)
    read = pd.read_csv(calendar.to_csv(tmp_path / "plan.csv"))
    assert read.columns.tolist() == ["date", *CHANNELS, "total"]
    assert read["total"].to_numpy() == pytest.approx(read[list(CHANNELS)].sum(axis=1).to_numpy())
    assert "." in (tmp_path / "plan.csv").read_text().splitlines()[1]


def test_periods_without_dates_are_numbered(tmp_path):
    dates = coming_periods(Clock(5, 7.0, None, None), 2)
    calendar = Flighting(("=A",), dates, ((Decimal("1.10"), Decimal("2.20")),), ("flights",))
    assert calendar.to_frame()["date"].tolist() == [5, 6]
    written = calendar.to_csv(tmp_path / "plan.csv").read_text().splitlines()
    assert written == ["date,'=A,total", "5,1.10,1.10", "6,2.20,2.20"]


def test_short_and_silent_histories():
    short, pattern = rhythm(np.array([0.0, 4.0, 0.0]), 3, 52)
    assert (short.tolist(), pattern) == ([0.0, 1.0, 0.0], "flights")
    silent = np.zeros(52)
    silent[40] = 5.0
    assert rhythm(silent, 13, 52)[0].tolist() == [1 / 13] * 13


def test_wrong_requests_are_refused(model, plan):
    with pytest.raises(ConfigError, match="which is"):
        flight_plan(model, plan, which="best")
    with pytest.raises(ConfigError, match="n_periods"):
        flight_plan(model, plan, n_periods=0)
