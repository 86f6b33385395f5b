"""Spend of several files: to the cent what each file says, and what cannot be compared is said."""

import warnings
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.cli.shell import for_shell
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.mix import mix_table
from mmm.tables import read_spend
from mmm.tables.several import by_day, join_spend, not_reaching
from mmm.wording.translated import translated

DAYS = pd.date_range("2024-01-01", "2024-03-31", freq="D")
WEEKS = pd.date_range("2024-01-01", "2024-03-25", freq="7D")
MONTHS = pd.date_range("2024-01-01", "2024-03-01", freq="MS")
cents = st.integers(min_value=0, max_value=10**9)


def spend(dates, amounts, **more):
    amounts = [amounts] * len(dates) if isinstance(amounts, str) else amounts
    rows = {"date": dates, "spend": amounts} | ({} if "channel" in more else {"channel": "Fairs"})
    return read_spend(pd.DataFrame(rows), **more)


def known_in_italian(said):
    return translated(for_shell(said, with_file=True), "it") != for_shell(said, with_file=True)


@given(st.lists(cents, min_size=13, max_size=13), st.lists(cents, min_size=3, max_size=3))
def test_spend_by_week_and_by_month_adds_up_to_the_cent_in_every_period(weekly, monthly):
    weekly, monthly = ([Decimal(c).scaleb(-2) for c in some] for some in (weekly, monthly))
    files = {
        "ads.csv": spend(WEEKS, weekly, channel="Ads"),
        "fairs.xlsx": spend(MONTHS, monthly),
    }
    with pytest.warns(DataWarning, match=r"by week in 'ads\.csv', by month in 'fairs\.xlsx'"):
        whole = join_spend(files)
    assert whole.attrs["every"] == "day"
    assert whole.attrs["rows"] == (13, 3)
    for name, amounts, every in (("Ads", weekly, "W"), ("Fairs", monthly, "M")):
        own = whole[whole["channel"] == name]
        found = own.groupby(own["date"].dt.to_period(every))["spend"].sum()
        assert found.tolist() == amounts
        assert set(own.groupby("date").size()) == {1}


def test_the_days_of_a_period_differ_by_a_cent_at_most_and_refunds_stay_refunds():
    days = by_day(spend(WEEKS[:2], ["-1.00", "10.00"], refunds=True))
    assert days["spend"].head(7).tolist() == [Decimal("-0.15")] * 2 + [Decimal("-0.14")] * 5
    assert days["spend"].tail(7).sum() == 10
    thirtieth = spend(pd.to_datetime(["2024-01-30", "2024-02-29", "2024-03-30"]), "31")
    assert by_day(thirtieth)["date"].diff().dropna().eq(pd.Timedelta(days=1)).all()


def test_files_of_one_period_stay_in_it_and_one_channel_and_date_is_added_up():
    files = {"a.csv": spend(WEEKS, "5"), "b.csv": spend(WEEKS, "2.50")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = join_spend(files)
    assert (whole.attrs["every"], len(whole)) == ("week", 13)
    assert set(whole["spend"]) == {Decimal("7.50")}
    assert "13 rows repeat a date + channel; they are added up" in whole.attrs["notes"][-1]


def test_by_day_and_by_week_is_noted_and_no_warning_for_weeks_stay_whole():
    files = {"ads.csv": spend(DAYS, "1", channel="Ads"), "fairs.csv": spend(WEEKS, "70")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = join_spend(files)
    assert "spend is by day in 'ads.csv', by week in 'fairs.csv'; each" in whole.attrs["notes"][-1]
    deals = {"deal_id": ["a"], "won": [True], "closed_at": ["2024-02-07"], "value": ["500"]}
    with pytest.warns(DataWarning, match="never changes"):
        weeks = mix_table(whole, pd.DataFrame(deals), as_of="2024-04-01")
    assert set(weeks["Fairs"]) == {70.0}


def test_weeks_that_begin_on_different_days_become_days():
    files = {"a.csv": spend(WEEKS, "7"), "b.csv": spend(WEEKS + pd.Timedelta(days=6), "7")}
    whole = join_spend(files)
    assert whole.attrs["every"] == "day"
    assert "by week in 'a.csv', 'b.csv', and begins there on different" in whole.attrs["notes"][0]
    assert "per settimana in 'a.csv', 'b.csv', ma" in translated(whole.attrs["notes"][0], "it")
    assert whole["spend"].sum() == 14 * 13


def test_rows_that_two_files_have_alike_are_warned_of_and_count():
    first = spend(WEEKS, [str(i) for i in range(13)])
    second = spend(WEEKS, ["0", "1", "2", *["100"] * 10])
    with pytest.warns(DataWarning, match=r"2 rows stand in a\.csv and in b\.csv alike") as caught:
        whole = join_spend({"a.csv": first, "b.csv": second})
    assert "(2024-01-08, Fairs, 1.00)" in str(caught[0].message)
    assert whole["spend"].sum() == 78 + 1003
    said = [str(caught[0].message), *whole.attrs["notes"]]
    assert all(map(known_in_italian, said))


def test_a_file_of_one_date_has_the_period_of_the_others():
    fee = spend(MONTHS[:1], "3000")
    whole = join_spend({"fee.csv": fee, "fairs.csv": spend(MONTHS, "10", channel="Email")})
    assert whole.attrs["every"] == "month"
    (note,) = [one for one in whole.attrs["notes"] if "every row is of" in one]
    assert note.startswith(
        "in fee.csv: spend: every row is of 2024-01-01, which is read as one mon"
    )
    assert known_in_italian(note)
    with pytest.warns(DataWarning):
        apart = join_spend({"fee.csv": spend(DAYS[8:9], "7"), "fairs.csv": spend(MONTHS, "10")})
    assert apart["date"].nunique() == 91


def test_one_currency_is_that_of_all_and_two_are_refused():
    euros, dollars = (spend(WEEKS, "1", channel=c, currency=c) for c in ("EUR", "USD"))
    bare = spend(WEEKS, "1")
    whole = join_spend({"a.csv": euros, "b.csv": bare})
    assert set(whole["currency"]) == {"EUR"}
    assert "in b.csv: spend: no currency is named; taken for EUR" in whole.attrs["notes"][0]
    assert "currency" not in join_spend(
        {"a.csv": bare, "b.csv": bare.assign(spend=bare["spend"] * 2)}
    )
    with pytest.raises(InputError, match=r"a\.csv in EUR, b\.csv in USD.*pass currency=") as caught:
        join_spend({"a.csv": euros, "b.csv": dollars, "c.csv": bare})
    assert known_in_italian(f"in a.csv, b.csv, c.csv: {caught.value}")


def test_a_gap_between_two_files_is_refused_or_filled():
    files = {"2024.csv": spend(WEEKS[:3], "1"), "2025.csv": spend(WEEKS[5:], "2")}
    with pytest.raises(InputError, match="misses 2 weeks"):
        join_spend(files)
    assert join_spend(files, "zero")["spend"].sum() == 3 + 16


def test_the_channel_of_an_export_that_names_none():
    rows = pd.DataFrame({"date": WEEKS, "campaign": "Brand", "spend": "1"})
    assert set(read_spend(rows, channel="Paid search")["channel"]) == {"Paid search"}
    with pytest.raises(ConfigError, match=r"the column 'campaign'.*Leave one of them out"):
        read_spend(rows, {"channel": "campaign"}, channel="Paid search")
    with pytest.raises(ConfigError, match=r"the column 'channel'"):
        read_spend(rows.rename(columns={"campaign": "channel"}), channel="Paid search")
    with pytest.raises(ConfigError, match="Pass one of them"):
        read_spend(rows, channel="Ads", channels=["spend"])


def test_a_file_that_begins_later_or_ends_earlier_than_another_is_warned_of():
    months = {n: pd.date_range("2024-01-01", periods=n, freq="MS") for n in (12, 6, 1)}
    files = {
        "ads.csv": spend(months[12], "9", channel="Ads"),
        "late.csv": spend(months[6] + pd.DateOffset(months=6), "9"),
        "early.csv": spend(months[6], "9", channel="Email"),
    }
    with pytest.warns(DataWarning, match="counts as 0") as caught:
        whole = join_spend(files)
    late, early = (str(one.message) for one in caught)
    assert late == (
        "spend of late.csv begins on 2024-07-01, that of other files on 2024-01-01: before, it "
        "counts as 0. Add what is not there, or a row with 0 where nothing was spent."
    )
    assert early.startswith(
        "spend of early.csv ends on 2024-06-30, that of other files on 2024-12-"
    )
    notes = whole.attrs["notes"][-2:]
    assert "inizia il 2024-07-01, quella di altri file il 2024-01-01: prima" in translated(
        notes[0], "it"
    )
    assert "finisce il 2024-06-30" in translated(notes[1], "it")
    assert known_in_italian(late)
    assert known_in_italian(early)
    year = date(2024, 1, 1), date(2024, 12, 31)
    assert set(not_reaching(whole, *year)) == {"late.csv", "early.csv"}
    assert set(not_reaching(whole, date(2024, 8, 1), year[1])) == {"early.csv"}
    years = {
        "2024.csv": spend(MONTHS, "9"),
        "2025.csv": spend(MONTHS + pd.DateOffset(months=3), "9"),
        "ads.csv": spend(months[6], "9", channel="Ads"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined = join_spend(years)
    assert joined.attrs["spans"]["2025.csv"] == (date(2024, 1, 1), date(2024, 6, 30))
    month_late = {"a.csv": spend(WEEKS, "5"), "b.csv": spend(WEEKS[4:], "5", channel="Ads")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        join_spend(month_late)
