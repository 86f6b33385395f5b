import numpy as np
import pandas as pd
import pytest

from mmm.errors import DataWarning
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel
from mmm.mix.table.build import mix_table
from mmm.mix.table.ends import low_ends, recorded_ends

ONE = Sampling(n_warmup=20, n_draws=20, n_starts=1, max_rounds=1)


def months(since, until):
    """Spend of twelve months, and a deal won every working day from one day to another."""
    spend = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=12, freq="MS").astype(str)})
    days = pd.bdate_range(since, until).strftime("%Y-%m-%d")
    deals = pd.DataFrame({"deal_id": range(len(days)), "closed_at": days}).astype(str)
    deals = deals.assign(won="true", value="100")
    return spend.assign(channel="Ads", spend=[str(90 + i * i % 7) for i in range(12)]), deals


def test_records_that_stop_within_the_last_month_are_named_with_their_last_day():
    spend, deals = months("2024-01-02", "2024-12-09")
    said = r"deals end on 2024-12-09, the last month on 2024-12-31.*as_of='2024-12-10'"
    with pytest.warns(DataWarning, match=said):
        table = mix_table(spend, deals, every="month", as_of="2025-01-01")
    assert table.attrs["recorded"] == (None, "2024-12-09")
    cured = mix_table(spend, deals, every="month", as_of="2024-12-10")  # warnings are errors
    assert cured["date"].iloc[-1] == pd.Timestamp("2024-11-01")
    assert cured.attrs["recorded"] == (None, None)


def test_records_that_begin_within_the_first_month_are_named_with_their_first_day():
    spend, deals = months("2024-01-17", "2024-12-31")
    said = r"deals begin on 2024-01-17, the first month on 2024-01-01.*spend from 2024-02-01 on"
    with pytest.warns(DataWarning, match=said):
        mix_table(spend, deals, every="month", as_of="2025-01-01")
    cured = mix_table(spend.iloc[1:], deals, every="month", as_of="2025-01-01")
    assert len(cured) == 11


@pytest.mark.parametrize("until", ["2024-12-27", "2024-12-31"])
def test_a_weekend_and_a_holiday_are_no_sign(until):
    spend, deals = months("2024-01-02", until)
    deals = deals[~deals["closed_at"].between("2024-08-12", "2024-08-16")]  # closed, as in December
    assert len(mix_table(spend, deals, every="month", as_of="2025-01-01")) == 12


def test_few_records_and_those_that_go_on_are_no_sign():
    days = pd.Series(pd.date_range("2024-01-01", "2024-03-09"))
    first, end = days.iloc[0], pd.Timestamp("2024-03-01")
    assert recorded_ends(days, first, end).until is None
    assert recorded_ends(days[:15], first, end).until is None
    rare = days[::5]  # every fifth day: six without one are usual
    assert recorded_ends(rare, first, rare.iloc[-1] + pd.Timedelta(days=7)).until is None


def test_a_ready_table_that_ends_low_in_spend_and_outcome_is_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"month": pd.date_range("2023-01-01", periods=24, freq="MS")})
    frame["ads"] = rng.uniform(80, 120, 24)
    outcome = 500 + frame["ads"].to_numpy()
    model = MixModel(["ads"], date="month", sampler=ONE, on_nonconvergence="warn")
    notes = model.set_up(frame, outcome)
    assert not any("incomplete" in note for note in notes)
    frame.loc[23, "ads"] *= 0.3
    notes = model.set_up(frame, outcome)  # spend alone: a pause, which tells the most
    assert not any("incomplete" in note for note in notes)
    outcome[23] *= 0.3
    notes = model.set_up(frame, outcome)
    assert [note for note in notes if "The last period (2024-12-01) looks incomplete" in note]


def test_only_far_below_all_twelve_beside_it_is_low():
    spend, outcome = np.full((1, 20), 100.0), np.full(20, 50.0)
    spend[0, [0, -1]], outcome[[0, -1]] = 49.0, 24.0
    assert low_ends(spend, outcome) == [0, -1]
    assert low_ends(spend, outcome - 100.0) == []  # half of a loss is no less
    outcome[10] = 40.0  # within twelve of both ends
    assert low_ends(spend, outcome) == []
    assert low_ends(spend[:, -6:], outcome[-6:]) == []  # five beside it say little
