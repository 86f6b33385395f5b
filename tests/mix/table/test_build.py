import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmm
from mmm.channels import ChannelMap
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.mix.table.build import mix_table
from mmm.mix.table.outcomes import OUTCOMES
from mmm.mix.table.periods import calendar, period_start, spread

WEEKS = ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
END = "2024-01-29"


def spend_of(**channels: list[object]) -> pd.DataFrame:
    """One row a channel and week, amounts as given."""
    rows = [
        {"date": week, "channel": name, "spend": str(amount)}
        for name, amounts in channels.items()
        for week, amount in zip(WEEKS, amounts, strict=False)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def spend() -> pd.DataFrame:
    return spend_of(Events=["10.10", "0", "30", "5"], Search=["1", "2", "4", "3.33"])


@pytest.fixture
def deals() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "deal_id": ["a", "b", "c", "d", "e"],
            "created_at": ["2024-01-02", "2024-01-02", "2024-01-09", "2024-01-16", "2024-01-23"],
            "closed_at": ["2024-01-07", "2024-01-08", "2024-01-28", "2024-01-20", None],
            "won": ["true", "true", "true", "false", None],
            "value": ["100.10", "200.20", "0.70", "999", "50"],
        }
    )


@pytest.fixture
def leads() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": ["1", "2", "3"],
            "created_at": ["2024-01-01T10:00:00Z", "2024-01-10T10:00:00Z", "2024-01-28T22:30:00Z"],
            "mql_at": ["2024-01-09T10:00:00Z", None, "2024-01-28T22:31:00Z"],
        }
    )


def test_a_row_a_week_with_channels_and_outcome(spend, deals):
    table = mix_table(spend, deals, as_of=END)
    assert table.columns.tolist() == ["date", "Events", "Search", "won_value"]
    assert table["date"].dt.strftime("%Y-%m-%d").tolist() == WEEKS
    assert table["Events"].tolist() == [10.1, 0.0, 30.0, 5.0]
    # The close of a day without a time is its end: Sunday 7 January is in the first week.
    assert table["won_value"].tolist() == [100.1, 200.2, 0.0, 0.7]
    assert [str(kind) for kind in table.dtypes[1:]] == ["float64"] * 3


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("won_value", [100.1, 200.2, 0, 0.7]),
        ("won_deals", [1, 1, 0, 1]),
        ("opportunities", [2, 1, 1, 1]),
        ("opened_won_value", [300.3, 0.7, 0, 0]),
        ("opened_won_deals", [2, 1, 0, 0]),
        ("leads", [1, 1, 0, 1]),
    ],
)
@pytest.mark.filterwarnings("ignore:1 of 1 deals")
def test_every_outcome_is_counted_at_its_date(spend, deals, leads, outcome, expected):
    table = mix_table(spend, deals, leads, outcome=outcome, as_of=END)
    assert table[outcome].tolist() == expected
    assert table.attrs["outcome"] == outcome


def test_the_first_period_is_that_of_the_first_record(spend, leads):
    table = mix_table(spend, leads=leads, outcome="mqls", as_of=END)
    assert table["date"].iloc[0] == pd.Timestamp("2024-01-08")
    assert table["mqls"].tolist() == [1, 0, 1]
    assert any("spend of 11.10 lies outside" in note for note in table.attrs["notes"])


def test_the_last_period_ends_with_the_last_record_or_as_of(spend, deals, leads):
    said = mix_table(spend, deals)  # closed on Sunday 28 January: a whole week
    assert said["date"].iloc[-1] == pd.Timestamp(WEEKS[-1])
    short = mix_table(spend, deals, as_of="2024-01-28")
    assert short["date"].iloc[-1] == pd.Timestamp(WEEKS[-2])
    assert any("won_value of 0.70 lies outside" in note for note in short.attrs["notes"])
    with pytest.raises(ConfigError, match="as_of is '07/02/2024'"):
        mix_table(spend, deals, as_of="07/02/2024")
    with pytest.raises(ConfigError, match="as_of is 'soon'"):
        mix_table(spend, deals, as_of="soon")


def test_days_are_those_of_the_zone(spend, leads):
    # 22:30 in UTC on Sunday is half past eleven in Rome, and half past seven on Monday in Tokyo.
    rome = mix_table(spend, leads=leads, outcome="leads", tz="Europe/Rome", as_of=END)
    tokyo = mix_table(spend, leads=leads, outcome="leads", tz="Asia/Tokyo", as_of=END)
    assert rome["leads"].iloc[-1] == 1
    assert tokyo["leads"].iloc[-1] == 0


def test_frames_of_any_library_and_files_give_the_same(spend, deals, tmp_path):
    expected = mix_table(spend, deals, as_of=END)
    spend.to_csv(tmp_path / "spend.csv", index=False)
    deals.to_csv(tmp_path / "deals.csv", index=False)
    for costs, records in (
        (tmp_path / "spend.csv", str(tmp_path / "deals.csv")),
        (pl.from_pandas(spend), pl.from_pandas(deals)),
        (mmm.read_spend(spend), mmm.read_deals(deals)),
    ):
        pd.testing.assert_frame_equal(mix_table(costs, records, as_of=END), expected)


def test_the_company_that_ships_is_added_up_exactly():
    table = mix_table(mmm.datasets.path("spend"), mmm.datasets.path("deals"))
    costs = mmm.read_spend(mmm.datasets.path("spend"))
    inside = costs["date"].between(table["date"].iloc[0], table["date"].iloc[-1])
    for channel, rows in costs[inside].groupby("channel"):
        exact = sum(rows["spend"], Decimal(0))
        assert Decimal(f"{table[channel].sum():.2f}") == exact
    assert table.attrs["currency"] == "EUR"
    assert (table["date"].dt.day_of_week == 0).all()
    assert (table["date"].diff().dropna() == pd.Timedelta(days=7)).all()
    won = mmm.read_deals(mmm.datasets.path("deals"))
    won = won[won["won"].fillna(False)]
    day = won["closed_at"].dt.tz_localize(None)
    end = table["date"].iloc[-1] + pd.Timedelta(days=7)
    kept = won[(day >= table["date"].iloc[0]) & (day < end)]
    assert table["won_value"].sum() == pytest.approx(float(sum(kept["value"], Decimal(0))))


# Periods ------------------------------------------------------------------------------------------


def test_monthly_spend_over_weeks_is_exact_to_the_cent_and_said(deals):
    monthly = pd.DataFrame(
        {
            "date": ["2024-01-01", "2024-02-01", "2024-03-01"],
            "channel": "Events",
            "spend": ["1000.00", "777.77", "0.05"],
        }
    )
    with pytest.warns(DataWarning, match=r"a month lie across weeks.*every='month'"):
        table = mix_table(monthly, deals, as_of="2024-04-01")
    assert len(table) == 13  # to Sunday 31 March
    assert round(100 * table["Events"].sum()) == 177_782
    # A week of seven January days has 7/31 of 1000, to the cent.
    assert table["Events"].iloc[1] in (225.80, 225.81)
    assert table["date"].iloc[4] == pd.Timestamp("2024-01-29")
    assert table["Events"].iloc[4] == pytest.approx(1000 * 3 / 31 + 777.77 * 4 / 29, abs=0.011)


def test_weekly_spend_in_months_and_daily_spend_in_weeks(deals):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", "2024-03-31")
    cents = rng.integers(0, 10_000, len(days))
    daily = pd.DataFrame({"date": days, "channel": "Search", "spend": cents / 100})
    by_week = mix_table(daily, deals, as_of="2024-04-01")
    by_month = mix_table(daily, deals, as_of="2024-04-01", every="month")
    assert by_week["Search"].tolist() == pytest.approx(
        [cents[i : i + 7].sum() / 100 for i in range(0, 91, 7)]
    )
    assert by_month["Search"].tolist() == pytest.approx(
        [cents[days.month == month].sum() / 100 for month in (1, 2, 3)]
    )
    weekly = by_week.rename(columns={"Search": "spend"}).assign(channel="Search")
    again = mix_table(
        weekly[["date", "channel", "spend"]], deals, as_of="2024-04-01", every="month"
    )
    assert any("a week lie across months" in note for note in again.attrs["notes"])
    assert round(100 * again["Search"].sum()) == cents.sum()


def test_weeks_that_begin_on_sunday_are_moved_to_iso_weeks(deals):
    sundays = pd.date_range("2023-12-31", periods=5, freq="7D")
    costs = pd.DataFrame(
        {"date": sundays, "channel": "Search", "spend": ["7", "14", "7", "7", "7"]}
    )
    table = mix_table(costs, deals, as_of=END)
    assert table["Search"].tolist() == [6 + 2, 12 + 1, 7, 7]


@given(
    cents=st.integers(-(10**12), 10**12),
    start=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2030-01-01").date()),
    n_days=st.integers(1, 62),
    every=st.sampled_from(["week", "month"]),
)
def test_spread_amounts_add_up_and_follow_the_days(cents, start, n_days, every):
    amount, first = Decimal(cents) / 100, pd.Timestamp(start)
    parts = dict(spread(amount, first, first + pd.Timedelta(days=n_days), every))
    assert sum(parts.values()) == amount
    days = pd.Series(pd.date_range(first, periods=n_days))
    for period, n in period_start(days, every).value_counts().items():
        assert abs(parts[period] - amount * int(n) / n_days) < Decimal("0.01")


@given(
    start=st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2030-01-01").date()),
    n_days=st.integers(0, 200),
    every=st.sampled_from(["week", "month"]),
)
def test_the_calendar_holds_the_whole_periods_and_no_other(start, n_days, every):
    first = pd.Timestamp(start)
    end = first + pd.Timedelta(days=n_days)
    days = pd.Series(pd.date_range(first, end, inclusive="left"))
    counts = period_start(days, every).value_counts()
    full = [p for p, n in counts.items() if n == (7 if every == "week" else p.days_in_month)]
    assert calendar(first, end, every).tolist() == sorted(full)


# Channels -----------------------------------------------------------------------------------------


def test_channels_come_from_source_and_medium_by_the_map(deals):
    costs = pd.DataFrame(
        {
            "date": WEEKS[:2] * 3,
            "source": ["google"] * 2 + ["Messe Stuttgart"] * 2 + ["xyz"] * 2,
            "medium": ["cpc"] * 2 + [None] * 4,
            "spend": ["5", "6", "7", "8", "1", "2"],
        }
    )
    own = ChannelMap.from_rules([{"channel": "Events", "source": "messe*"}])
    table = mix_table(costs, deals, channel_map=own, as_of=END)
    assert table.columns.tolist() == ["date", "Events", "Paid search", "(unmatched)", "won_value"]
    assert table["Events"].tolist() == [7, 8]
    assert any("3.00 match no channel" in note for note in table.attrs["notes"])


def test_names_of_one_channel_are_joined(spend, deals):
    names = ChannelMap(names={"search": "Events"})
    assert mix_table(spend, deals, channel_map=names, as_of=END)["Events"].iloc[0] == 11.1


def test_a_channel_called_as_another_column_is_refused(deals):
    with pytest.raises(InputError, match=r"a channel is called 'won_value'.*ChannelMap"):
        mix_table(spend_of(won_value=["1", "2", "3", "4"]), deals, as_of=END)


def test_a_channel_that_begins_late_is_zero_before_and_said(deals):
    costs = pd.concat([spend_of(Search=["1", "2", "4", "3"]), spend_of(Radio=["9"] * 4).iloc[2:]])
    with pytest.warns(DataWarning, match=r"'Radio' begin after the first period"):
        table = mix_table(costs, deals, as_of=END)
    assert table["Radio"].tolist() == [0, 0, 9, 9]


# Choices ------------------------------------------------------------------------------------------


def test_unknown_choices_and_missing_tables_are_named(spend, deals, leads):
    with pytest.raises(ConfigError, match=r"outcome is 'revenue'.*'won_value'"):
        mix_table(spend, deals, outcome="revenue")
    with pytest.raises(ConfigError, match="every is 'day'"):
        mix_table(spend, deals, every="day")
    with pytest.raises(ConfigError, match=r"counted in the leads.*Pass leads=.*'won_deals'"):
        mix_table(spend, deals, outcome="mqls")
    with pytest.raises(InputError, match="needs the column 'sql_at' of leads"):
        mix_table(spend, leads=leads, outcome="sqls")
    with pytest.raises(InputError, match="no whole week in common"):
        mix_table(spend, deals, as_of="2023-06-01")


def test_the_docstring_names_every_outcome():
    for name, spec in OUTCOMES.items():
        assert f'``"{name}"``' in mix_table.__doc__
        assert spec.table in ("deals", "leads")


def test_won_deals_without_value_are_refused_for_value_alone(spend, deals):
    deals.loc[1, "value"] = None
    with pytest.raises(InputError, match=r"no value in row 2\..*outcome='won_deals'"):
        mix_table(spend, deals, as_of=END)
    assert mix_table(spend, deals, outcome="won_deals", as_of=END)["won_deals"].sum() == 3


def test_periods_with_open_deals_are_named_where_the_outcome_will_grow(spend, deals):
    with pytest.warns(DataWarning, match=r"1 of 1 deals created in the last 1 weeks"):
        table = mix_table(spend, deals, outcome="opened_won_deals", every="week", as_of=END)
    assert table.attrs["immature"] == ("2024-01-22",)
    closed = mix_table(spend, deals, outcome="won_deals", as_of=END)
    assert closed.attrs["immature"] == ()


@pytest.mark.filterwarnings("ignore:.*are still open")
def test_the_immature_stretch_is_as_long_as_the_sales_cycle():
    table = mix_table(
        mmm.datasets.path("spend"), mmm.datasets.path("deals"), outcome="opened_won_deals"
    )
    deals = mmm.read_deals(mmm.datasets.path("deals"))
    still = deals.loc[deals["won"].isna(), "created_at"].dt.tz_localize(None)
    late = pd.to_datetime(list(table.attrs["immature"]))
    assert (still >= late[0]).mean() > 0.9
    assert late.tolist() == table["date"].iloc[-len(late) :].tolist()


@pytest.mark.filterwarnings("ignore:.*are still open")
def test_the_table_can_be_kept_as_parquet(tmp_path):
    table = mix_table(
        mmm.datasets.path("spend"), mmm.datasets.path("deals"), outcome="opened_won_deals"
    )
    assert table.attrs["immature"]
    table.to_parquet(tmp_path / "mix.parquet")
    again = pd.read_parquet(tmp_path / "mix.parquet")
    pd.testing.assert_frame_equal(again, table, check_freq=False)
    assert again.attrs["outcome"] == "opened_won_deals"


# Dirty inputs, by their number --------------------------------------------------------------------


def test_bad_input_01_missing_spend_names_the_row_and_offers_fill(spend, deals):
    spend.loc[1, "spend"] = None
    with pytest.raises(InputError, match=r"row 2.*fill='zero' or fill='interpolate'"):
        mix_table(spend, deals, as_of=END)
    assert mix_table(spend, deals, fill="zero", as_of=END)["Events"].iloc[1] == 0
    middle = mix_table(spend, deals, fill="interpolate", as_of=END)["Events"].iloc[1]
    assert middle == pytest.approx((10.10 + 30) / 2)


@pytest.mark.parametrize("amount", [np.inf, -np.inf])
def test_bad_input_02_infinite_spend(deals, amount):
    costs = pd.DataFrame({"date": WEEKS, "channel": "Events", "spend": [1.0, 2.0, amount, 4.0]})
    with pytest.raises(InputError, match="row 3"):
        mix_table(costs, deals, as_of=END)


def test_bad_input_03_negative_spend_unless_refunds_are_declared(deals):
    costs = spend_of(Events=["10", "-2", "3", "4"])
    with pytest.raises(InputError, match="negative in row 2"):
        mix_table(costs, deals, as_of=END)
    # Declared refunds are netted; more given back than spent is no spend.
    with pytest.raises(InputError, match="refunds of 'Events' exceed its spend in the week of"):
        mix_table(costs, deals, refunds=True, as_of=END)
    daily = pd.DataFrame({"date": pd.date_range("2024-01-01", "2024-01-28"), "channel": "Events"})
    daily["spend"] = ["5", "-2", *["1"] * 26]
    assert mix_table(daily, deals, refunds=True, as_of=END)["Events"].iloc[0] == 8


def test_bad_input_04_the_same_week_twice(spend, deals):
    twice = pd.concat([spend, spend.iloc[[2]]], ignore_index=True)
    with pytest.raises(InputError, match=r"rows 3, 9.*on_duplicate='sum'"):
        mix_table(twice, deals, as_of=END)
    summed = mix_table(twice, deals, on_duplicate="sum", as_of=END)
    assert summed["Events"].tolist() == [10.1, 0, 60, 5]


def test_bad_input_05_missing_weeks(spend, deals):
    holed = spend.drop(index=2)
    with pytest.raises(InputError, match=r"2024-01-15 \(Events\).*fill='zero'.*'interpolate'"):
        mix_table(holed, deals, as_of=END)
    assert mix_table(holed, deals, fill="zero", as_of=END)["Events"].tolist() == [10.1, 0, 0, 5]
    filled = mix_table(holed, deals, fill="interpolate", as_of=END)
    assert filled["Events"].tolist() == [10.1, 0, 2.5, 5]
    assert any("fill='interpolate'" in note for note in filled.attrs["notes"])


def test_bad_input_06_mixed_time_zones(spend, deals):
    deals["closed_at"] = ["2024-01-07T10:00:00Z", "2024-01-08T10:00:00", *[None] * 3]
    deals["won"] = ["true", "true", None, None, None]
    with pytest.raises(InputError, match="closed_at"):
        mix_table(spend, deals, as_of=END)


def test_bad_input_07_clock_changes_move_no_deal(deals):
    sundays = pd.DataFrame({"date": ["2024-03-25", "2024-04-01"], "channel": "E", "spend": "1"})
    sundays["spend"] = ["1", "2"]
    deals["created_at"] = "2024-03-26"
    deals["closed_at"] = ["2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z", "2024-03-31T22:30:00Z",
                          "2024-04-02T00:00:00Z", None]  # fmt: skip
    table = mix_table(sundays, deals, outcome="won_deals", tz="Europe/Rome", as_of="2024-04-08")
    # Rome skips from 2 to 3 in the night of the 31st; half past midnight on Monday is in April.
    assert table["won_deals"].tolist() == [2, 1]


def test_bad_input_08_constant_channel(deals):
    with pytest.warns(DataWarning, match="'Search' never changes"):
        mix_table(spend_of(Events=["1", "2", "4", "3"], Search=["5"] * 4), deals, as_of=END)


def test_bad_input_09_collinear_channels(deals):
    costs = spend_of(Events=["1", "2", "4", "3"], Search=["10", "20", "40", "30"])
    with pytest.warns(DataWarning, match="'Search', 'Events' moves as one"):
        mix_table(costs, deals, as_of=END)


def test_bad_input_10_channel_without_spend(deals):
    costs = spend_of(Events=["1", "2", "4", "3"], Radio=["0"] * 4)
    with pytest.warns(DataWarning, match="no spend on 'Radio'.*left out"):
        table = mix_table(costs, deals, as_of=END)
    assert "Radio" not in table
    with pytest.raises(InputError, match="no channel has any spend"):
        mix_table(spend_of(Radio=["0"] * 4), deals, as_of=END)


def test_bad_input_22_mixed_currencies(spend, deals):
    spend["currency"], deals["currency"] = "EUR", "USD"
    with pytest.raises(InputError, match=r"spend is in 'EUR' and deals are in 'USD'.*rates="):
        mix_table(spend, deals, as_of=END)
    # Numbers of deals have no currency.
    assert mix_table(spend, deals, outcome="won_deals", as_of=END).attrs["currency"] == "EUR"
    converted = mmm.read_deals(deals, currency="EUR", rates={"USD": "0.5"})
    assert mix_table(spend, converted, as_of=END)["won_value"].iloc[1] == 100.1
    spend.loc[0, "currency"] = "USD"
    with pytest.raises(InputError, match="mixes the currencies"):
        mix_table(spend, deals, as_of=END)


def test_bad_input_23_duplicate_deals(spend, deals):
    twice = pd.concat([deals, deals.iloc[[0]]], ignore_index=True)
    with pytest.raises(InputError, match="deal_id"):
        mix_table(spend, twice, as_of=END)


def test_bad_input_28_empty_tables(spend, deals):
    with pytest.raises(InputError, match=r"spend: .* no rows"):
        mix_table(spend.head(0), deals)
    with pytest.raises(InputError, match=r"deals: .* no rows"):
        mix_table(spend, deals.head(0))


def test_a_clean_table_warns_of_nothing(spend, deals):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mix_table(spend, deals, as_of=END)
