import numpy as np
import pandas as pd

from mmm.simulate.clock import mondays, to_dates, to_instants

MONDAY = pd.Timestamp("2024-01-01", tz="UTC")


def test_time_never_goes_backwards(rng):
    days = np.sort(rng.uniform(0, 700, 5_000))
    assert to_instants(MONDAY, days).is_monotonic_increasing


def test_instants_fall_into_working_hours_of_the_same_week(rng):
    days = rng.uniform(0, 700, 5_000)
    instants = to_instants(MONDAY, days)
    assert instants.day_of_week.max() <= 4
    assert instants.hour.min() >= 7
    assert instants.hour.max() < 18
    week = (instants - MONDAY).days // 7
    np.testing.assert_array_equal(week, np.floor(days / 7))


def test_missing_days_are_missing_instants():
    assert to_instants(MONDAY, np.array([np.nan, 1.0])).isna().tolist() == [True, False]
    assert to_dates(MONDAY, np.array([np.nan])).isna().all()


def test_weeks_start_on_mondays():
    dates = mondays(MONDAY, 60)
    assert len(dates) == 60
    assert (dates.day_of_week == 0).all()
    assert (np.diff(dates) == np.timedelta64(7, "D")).all()
