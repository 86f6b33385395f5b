"""The limits of leakage in numbers: what an honest column could show, worked out by hand."""

from math import comb, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from mmm.prediction.columns.leakage import (
    CLOSED,
    MISSING,
    SEPARATES,
    find_leakage,
    honest_limit,
)

Z = NormalDist().inv_cdf(0.99)


def reason(column, won, **given):
    return find_leakage(pd.DataFrame({"x": column}), won, **given)["reason"].tolist()


def noted(*filled):
    """Return a column with so many filled and so many empty rows, in turns."""
    parts = [np.arange(n) < k for k, n in filled]
    return pd.Series(np.where(np.concatenate(parts), "x", None), dtype="str")


def fewest(refused, most):
    """Return the smallest count from which on a column is refused."""
    said = [refused(k) for k in range(most + 1)]
    first = said.index(True)
    assert all(said[first:])
    return first


@pytest.mark.parametrize(("n1", "n0", "k0"), [(40, 60, 0), (25, 200, 4), (300, 50, 6)])
def test_filled_as_leads_close_follows_the_adjusted_difference(n1, n0, k0):
    closed = np.arange(n1 + n0) < n1
    day = pd.Timestamp("2025-01-01", tz="UTC")
    ended = pd.Series(day + pd.to_timedelta(np.arange(n1 + n0), unit="D")).where(closed)
    won = closed & (np.arange(n1 + n0) % 4 == 0)

    def refused(k1):
        return CLOSED in reason(noted((k1, n1), (k0, n0)), won, ended_at=ended)

    def beyond(k1):
        # Agresti and Caffo (2000): one success and one failure more on each side.
        p1, p0 = (k1 + 1) / (n1 + 2), (k0 + 1) / (n0 + 2)
        error = sqrt(p1 * (1 - p1) / (n1 + 2) + p0 * (1 - p0) / (n0 + 2))
        return p1 - p0 - Z * error >= 0.25 and k1 / n1 >= 3 * k0 / n0

    assert fewest(refused, n1) == fewest(beyond, n1)


@pytest.mark.parametrize(("k1", "expected"), [(599, []), (600, [CLOSED])])
def test_three_times_as_often_is_enough(k1, expected):
    n = 1000
    closed = np.arange(2 * n) < n
    ended = pd.Series(pd.Timestamp("2025-01-01", tz="UTC"), index=range(2 * n)).where(closed)
    won = closed & (np.arange(2 * n) % 4 == 0)
    found = reason(noted((k1, n), (200, n)), won, ended_at=ended)
    assert [name for name in found if name == CLOSED] == expected


@pytest.mark.parametrize("n_won", [200, 320])
@pytest.mark.parametrize(("word", "times"), [("filled", 4.0), ("missing", 12.0)])
def test_rows_of_one_class_alone_are_refused_where_honest_ones_hardly_come(word, times, n_won):
    # Of rows `times` as likely among the won, all n are won with this chance.
    honest = max(0.9, times * n_won / (times * n_won + 400 - n_won))
    enough = next(n for n in range(1, 400) if honest**n < 0.01)
    for n, expected in ((enough, [MISSING]), (enough - 1, [])):
        won = np.arange(400) < n_won
        some = np.arange(400) < n
        column = pd.Series(np.where(some == (word == "filled"), "x", None), dtype="str")
        assert reason(column, won) == expected


@pytest.mark.parametrize(("few_missing", "n_won"), [(1, 600), (2, 600), (2, 900)])
def test_rows_nearly_of_one_class_need_more_evidence(few_missing, n_won):
    # Twenty times as likely among the won: of half won 95%, less than the 97% that are asked.
    honest = max(0.97, 20 * n_won / (20 * n_won + 1200 - n_won))

    def chance(n):
        each = (comb(n, j) * (1 - honest) ** j * honest ** (n - j) for j in range(few_missing + 1))
        return sum(each)

    enough = next(n for n in range(few_missing, 1200) if chance(n) < 0.01)
    won = np.arange(1200) < n_won
    for n, expected in ((enough, [MISSING]), (enough - 1, [])):
        missing = (np.arange(1200) < n - few_missing) | (np.arange(1200) >= 1200 - few_missing)
        column = pd.Series(np.where(missing, None, "x"), dtype="str")
        assert reason(column, won) == expected


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(("n_values", "expected"), [(5, [SEPARATES]), (6, [])])
def test_a_cut_that_is_not_searched_for_proves_more(as_text, n_values, expected):
    # Right for 186 of 200 and 200 of 200: beyond what one of five values can show, not one of six.
    won = np.arange(400) < 200
    value = np.where(won, n_values, 1 + np.arange(400) % (n_values - 1))
    value[:14] = 1
    column = np.array(list("abcdef"))[value - 1] if as_text else value.astype(float)
    assert reason(column, won) == expected


@pytest.mark.parametrize(("n1", "expected"), [(10, [SEPARATES]), (9, [])])
def test_a_cut_with_errors_needs_ten_of_each_class(n1, expected):
    won = np.arange(n1 + 600) < n1
    said = np.where(won, "yes", "no")
    said[-6:] = "yes"
    assert reason(said, won) == expected


def test_an_exact_copy_of_five_wins_is_believed_among_many_leads_alone():
    # A yes and a no 2.5 standard deviations apart: 35 rows without an error are no wonder.
    honest = (1 - NormalDist().cdf(-1.25)) ** np.array([35, 60])
    assert honest[0] > 0.01 > honest[1]
    for n, expected in ((35, []), (60, [SEPARATES])):
        won = np.arange(n) < 5
        assert reason(np.where(won, "y", "n"), won) == expected


@pytest.mark.parametrize(("n1", "n0"), [(200, 200), (100, 800)])
def test_the_limit_of_few_values_is_that_of_two_shares_of_errors(n1, n0):
    wrong = NormalDist().cdf(-1.5)
    expected = 1 - 2 * wrong + Z * sqrt(wrong * (1 - wrong) * (1 / n1 + 1 / n0))
    assert honest_limit(n1, n0, few=True) == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize("n_values", [3, 4])
def test_a_number_known_of_few_leads_is_judged_among_these(n_values):
    row = np.arange(1200)
    won = row % 2 == 0
    value = np.where(won, n_values, 1 + row // 2 % (n_values - 1)).astype(float)
    assert reason(np.where(row < 300, value, np.nan), won) == [SEPARATES]
