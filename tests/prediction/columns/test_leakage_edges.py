"""Where the rules of leakage begin and end: one case on each side."""

import numpy as np
import pandas as pd
import pytest

from mmm.prediction.columns.leakage import (
    CLOSED,
    LATER,
    MISSING,
    SEPARATES,
    find_leakage,
    honest_limit,
    rates_of_others,
)

DAY = pd.Timestamp("2025-01-01", tz="UTC")


def reasons(table, won, **given):
    return find_leakage(pd.DataFrame(table), won, **given)["reason"].tolist()


def test_an_exact_copy_needs_five_of_each_class():
    won = np.arange(60) < 5
    assert reasons({"said": np.where(won, "y", "n")}, won) == [SEPARATES]
    fewer = np.arange(60) < 4
    assert reasons({"said": np.where(fewer, "y", "n")}, fewer) == []


def test_a_limit_of_few_rows_is_a_gap():
    for n1, n0 in ((5, 60), (12, 30)):
        few, many = honest_limit(n1, n0, few=True), honest_limit(n1, n0)
        assert 0.5 < few <= 1.0
        assert 0.5 < many <= 1.0
    assert honest_limit(5000, 5000) == honest_limit(1000, 1000)


@pytest.mark.parametrize(("hours", "expected"), [(24, []), (25, [LATER])])
def test_a_date_may_lie_a_day_after_the_start(hours, expected):
    n = 100
    created = pd.Series(DAY + pd.to_timedelta(np.arange(n), unit="D"))
    table = {"met": created + pd.Timedelta(hours=hours)}
    assert reasons(table, np.arange(n) % 3 == 0, created_at=created) == expected


@pytest.mark.parametrize(("hours", "expected"), [(-1, []), (0, [LATER])])
def test_a_date_may_not_be_that_of_the_end(hours, expected):
    n = 100
    created = pd.Series(DAY + pd.to_timedelta(np.arange(n), unit="D"))
    ended = created + pd.Timedelta(days=40)
    table = {"met": created - pd.Timedelta(days=3)}
    dates = {"met": ended + pd.Timedelta(hours=hours)}
    won = np.arange(n) % 3 == 0
    assert reasons(table, won, ended_at=ended, dates=dates) == expected


def test_instants_with_and_without_a_zone_are_those_of_one_clock():
    n = 100
    local = pd.Series(DAY + pd.to_timedelta(np.arange(n), unit="D")).dt.tz_convert(
        "America/New_York"
    )
    plain = local.dt.tz_convert("UTC").dt.tz_localize(None)
    won = np.arange(n) % 3 == 0
    table = {"met": plain + pd.Timedelta(hours=24)}
    assert reasons(table, won, created_at=local) == reasons(table, won, created_at=plain) == []


@pytest.mark.parametrize(("n_closed", "expected"), [(19, []), (20, [CLOSED])])
def test_filled_as_leads_close_needs_twenty_of_each(n_closed, expected):
    n = 80
    closed = np.arange(n) < n_closed
    ended = pd.Series(DAY + pd.to_timedelta(np.arange(n), unit="D")).where(closed)
    table = {"note": pd.Series(np.where(closed, "x", None), dtype="str")}
    won = closed & (np.arange(n) % 4 == 0)  # what is won is closed
    assert reasons(table, won, ended_at=ended) == expected


def test_the_rates_of_others_leave_out_the_own_win():
    codes, won = np.array([0, 0, 0, 1]), np.array([True, True, False, False])
    # Two wins of three, the own one replaced by the mean of all, 1/2.
    expected = [(2 - 1 + 0.5) / 3, (2 - 1 + 0.5) / 3, (2 + 0.5) / 3, 0.5]
    np.testing.assert_allclose(rates_of_others(codes, won), expected)


@pytest.mark.parametrize(("n", "n_late", "expected"), [(60, 2, []), (60, 3, [LATER]), (61, 3, [])])
def test_three_late_dates_are_enough_where_they_are_one_in_twenty(n, n_late, expected):
    created = pd.Series(DAY + pd.to_timedelta(np.arange(n), unit="D"))
    written = created + pd.to_timedelta(np.where(np.arange(n) < n_late, 9, 0), unit="D")
    table = {"size": np.arange(n) % 7}
    won = np.arange(n) % 3 == 0
    assert reasons(table, won, created_at=created, dates={"size": written}) == expected


@pytest.mark.parametrize(("n_others", "expected"), [(999, []), (1000, [MISSING])])
def test_one_filled_row_in_a_thousand_of_the_other_class_is_none(n_others, expected):
    won = np.arange(200 + n_others) < 200
    filled = (np.arange(len(won)) < 99) | (np.arange(len(won)) == 200)
    assert reasons({"note": pd.Series(np.where(filled, "x", None), dtype="str")}, won) == expected


@pytest.mark.parametrize(("n_values", "expected"), [(30, [SEPARATES]), (31, [])])
def test_a_number_of_thirty_values_is_judged_value_by_value(n_values, expected):
    visits = np.repeat(np.arange(n_values), 40)
    # Of more values each twentieth of the rows is one, and many hold two neighbours.
    won = visits % 2 == 1
    assert reasons({"visits": visits}, won) == expected


def test_the_last_twentieth_of_a_number_is_judged_by_itself():
    size = np.arange(1000)
    won = (size < 50) | (size >= 950)
    found = find_leakage(pd.DataFrame({"size": size / 7}), won)
    assert found["evidence"].tolist() == [
        "its best cut is right for 100 of 100 leads won and 900 of 900 not won"
    ]
