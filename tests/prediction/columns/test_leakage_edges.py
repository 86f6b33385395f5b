"""Where the rules of leakage begin and end: one case on each side."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import DataWarning, InputError
from mmm.prediction.columns.cuts import rates_of_others, row_weights
from mmm.prediction.columns.leakage import (
    CLOSED,
    LATER,
    MISSING,
    SEPARATES,
    find_leakage,
    honest_limit,
    separation,
)
from mmm.prediction.columns.types import Column

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


def test_looks_at_one_lead_do_not_vouch_for_each_other():
    rng = np.random.default_rng(0)
    won = rng.random(1_500) < 0.12
    domain = rng.permutation(np.concatenate([np.arange(900), 900 + np.arange(600) // 3]))
    looks, fate = np.repeat(np.arange(1_500), 3), np.repeat(won, 3)
    frame = pd.DataFrame({"domain": [f"d{value}" for value in domain[looks]]})
    assert find_leakage(frame, fate)["reason"].tolist() == [SEPARATES]
    assert find_leakage(frame, fate, groups=looks).empty


def test_the_evidence_counts_leads_where_rows_are_looks_at_them():
    won = np.arange(400) < 100
    ended = pd.Series(DAY + pd.to_timedelta(np.arange(400), unit="D")).where(np.arange(400) % 4 > 0)
    frame = pd.DataFrame(
        {
            "score": np.where(won, 5.0, 0.0) + np.arange(400) / 1000,
            "note": np.where(won, "x", None),
            "closed_by": np.where(ended.notna(), "y", None),
        }
    )
    rows, looks = np.arange(400), np.repeat(np.arange(400), 3)
    once = find_leakage(frame, won, ended_at=ended)
    often = find_leakage(
        frame.iloc[looks].reset_index(drop=True),
        won[looks],
        ended_at=ended[looks].reset_index(drop=True),
        groups=rows[looks],
    )
    assert len(once) == 3
    pd.testing.assert_frame_equal(once, often)


def test_leads_of_one_account_that_end_independently_count_each():
    """So a column that knows is refused though there are few accounts."""
    won = np.random.default_rng(0).random(400) < 0.5
    groups = np.arange(400) % 4
    frame = pd.DataFrame({"signed_by": np.where(won, "x", None)})
    assert find_leakage(frame, won, groups=groups)["reason"].tolist() == [MISSING]
    assert row_weights(won, groups).min() > 0.9
    with pytest.raises(InputError, match=r"groups has 3 rows, the table 400\. Give one a row\."):
        find_leakage(frame, won, groups=groups[:3])


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


@pytest.mark.parametrize("sign", [1, -1])
def test_the_evidence_counts_the_leads_that_the_best_cut_sorts_rightly(sign):
    won = np.arange(400) < 100
    score = np.where(won, 5.0, 0.0) + np.arange(400) / 1000
    score[:2], score[-3:] = -1.0, 9.0
    found = find_leakage(pd.DataFrame({"score": sign * score}), won)
    assert found["evidence"].tolist() == [
        "its best cut is right for 98 of 100 leads won and 297 of 300 not won"
    ]


def test_a_number_is_judged_by_a_cut_inside_a_twentieth_too():
    assert reasons({"score": np.arange(60) / 7}, np.arange(60) >= 38) == [SEPARATES]


def test_of_very_many_rows_fifty_thousand_are_looked_at():
    won = np.arange(60_000) % 4 == 0
    found = find_leakage(pd.DataFrame({"paid": won * 3.5}), won)
    said = [int(word) for word in found["evidence"].iloc[0].split() if word.isdigit()]
    assert sum(said[::2]) == sum(said[1::2]) == 50_000


def test_missing_is_a_value_of_its_own_beside_the_lowest():
    won = np.arange(200) % 2 == 0
    number = np.where(won, 1.0, np.where(np.arange(200) % 4 == 1, 2.0, np.nan))
    assert separation(Column("x", "number"), pd.Series(number), won) is not None
    filled = np.where(won, np.arange(200) / 7, np.nan)
    assert separation(Column("x", "number"), pd.Series(filled), won) is not None
    one = np.where(np.arange(200) == 1, np.nan, filled)
    one[1] = 3.0
    assert separation(Column("x", "number"), pd.Series(one), won) is not None


def test_what_is_late_is_counted_among_the_dates_that_are_there():
    n = 100
    created = pd.Series(DAY + pd.to_timedelta(np.arange(n), unit="D"))
    met = created + pd.to_timedelta(np.where(np.arange(n) % 2, 9.0, -1.0), unit="D")
    met[::4] = pd.NaT
    found = find_leakage(pd.DataFrame({"met": met}), np.arange(n) % 3 == 0, created_at=created)
    assert found["evidence"].tolist() == [
        "50 of 75 values are dated after the start of their lead, by 9 days in the median"
    ]


def test_two_late_dates_are_too_few_however_few_there_are():
    created = pd.Series(DAY + pd.to_timedelta(np.arange(20), unit="D"))
    written = created + pd.to_timedelta(np.where(np.arange(20) < 2, 9, 0), unit="D")
    won = np.arange(20) % 3 == 0
    table = {"size": np.arange(20) % 7}
    assert reasons(table, won, created_at=created, dates={"size": written}) == []


def test_a_column_of_one_value_and_one_of_none_are_told_apart():
    table = pd.DataFrame({"country": "IT", "fax": pd.Series([None] * 40, dtype="str")})
    found = find_leakage(table, np.arange(40) % 2 == 0)
    assert found["evidence"].tolist() == ["one value in every row", "no value at all"]


def test_words_of_an_end_are_known_in_italian_and_behind_a_column_of_the_past():
    won = np.arange(400) % 3 == 0
    tags = np.where(won, "Vinto da Rossi", np.where(np.arange(400) % 2, "Perso", "Chiamare"))
    tags[::9], tags[1::9] = "Chiamare", "Vinto da Rossi"
    table = pd.DataFrame({"Ultima nota precedente": tags, "Tag": tags})
    with pytest.warns(DataWarning, match=r"'Tag' holds words .* \('Perso', 'Vinto da Rossi'"):
        find_leakage(table, won)


@pytest.mark.parametrize("words", [("sì", "no"), ("alta", "bassa")])
def test_levels_that_few_leads_have_are_looked_at_alone(words):
    rng = np.random.default_rng(4)
    won = rng.random(400) < 0.3
    known = rng.random(400) < 0.25
    outcome = np.where(won, *words).astype(object)
    assert reasons({"call": np.where(known, outcome, None)}, won) == [SEPARATES]
    honest = np.where(rng.random(400) < 0.25, *reversed(words)).astype(object)
    mixed = np.where(rng.random(400) < 0.7, outcome, honest)
    assert reasons({"call": np.where(known, mixed, None)}, won) == []
