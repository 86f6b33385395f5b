"""Amounts, instants and flags: read with certainty, or refused with both readings."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, DataWarning, InputError, MmmError
from mmm.tables import read_costs, read_deals, read_leads, read_spend, read_touches
from mmm.tables.mixed import read_mixed


def deals(**columns):
    n = len(next(iter(columns.values())))
    base = {
        "deal_id": [f"d{i}" for i in range(n)],
        "closed_at": ["2024-06-01T00:00:00Z"] * n,
        "won": [True] * n,
    }
    return pd.DataFrame(base | columns)


def values(amounts, **options):
    return read_deals(deals(value=amounts), refunds=True, **options)["value"].tolist()


def instants(texts, **options):
    frame = pd.DataFrame({"lead_id": [f"l{i}" for i in range(len(texts))], "created_at": texts})
    return read_leads(frame, **options)


cents = st.integers(-(10**17), 10**17)


@given(st.lists(cents, min_size=1, max_size=8))
def test_money_survives_every_way_of_writing_it(amounts):
    exact = [Decimal(c).scaleb(-2) for c in amounts]
    italian = [f"{d:,.2f}".translate(str.maketrans(",.", ".,")) for d in exact]
    assert values([f"{d:.2f}" for d in exact]) == exact
    assert values(italian, locale="it") == exact
    assert values([f"{d:,.2f}" for d in exact], locale="en") == exact
    assert values(exact) == exact


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8))
def test_money_in_floats_is_exact_to_the_cent(amounts):
    assert values([c / 100 for c in amounts]) == [Decimal(c).scaleb(-2) for c in amounts]


def test_bad_input_21_large_amounts_are_exact_or_refused():
    text = ["92233720368547758.07", "-92233720368547758.08", "0.01"]
    assert values(text) == [Decimal(t) for t in text]
    assert sum(values(["90071992547409.93", "0.01"])) == Decimal("90071992547409.94")
    with pytest.raises(InputError, match="too large for a float to carry its cents"):
        values([1e15, 2.0])
    assert values([2**53 + 1]) == [Decimal(2**53 + 1)]


def arrow_values(amounts, kind):
    table = pa.Table.from_pandas(deals(deal_id=[f"d{i}" for i in range(len(amounts))]))
    table = table.append_column("value", pa.array([Decimal(a) for a in amounts], kind))
    return read_deals(table)["value"].tolist()


@pytest.mark.parametrize(
    ("amounts", "kind"),
    [
        (["1e40"], None),
        (["1", "9" * 37], pa.decimal128(38, 0)),
        (["1", "9" * 37 + ".1"], pa.decimal256(76, 12)),
        (["0.001", "1e37"], None),
        (["9" * 75], pa.decimal256(76, 0)),
    ],
)
def test_bad_input_21_wide_decimals_are_never_cut(amounts, kind):
    with pytest.raises(InputError, match=f"is too large in row {len(amounts)} "):
        arrow_values(amounts, kind)


def test_bad_input_21_what_fits_is_exact():
    wide = "9" * 36 + ".00"
    assert arrow_values(["1", wide], pa.decimal256(76, 20)) == [Decimal(1), Decimal(wide)]
    assert arrow_values(["0.5"], pa.decimal128(38, 30)) == [Decimal("0.5")]
    with pytest.raises(InputError, match="more than 9 decimals in row 1"):
        arrow_values(["0.0000000001"], pa.decimal128(38, 30))
    with pytest.raises(InputError, match="is too large in row 2"):
        values(["1", "9" * 40])
    assert values(["0" * 50 + "1"]) == [Decimal(1)]
    assert values([Decimal("0.25"), 1, 1.5]) == [Decimal("0.25"), 1, Decimal("1.5")]
    short = np.array([100.10, 0.2], dtype="float32")
    assert values(short) == [Decimal("100.10"), Decimal("0.20")]
    with pytest.raises(InputError, match="too large for a float"):
        values(np.array([200_000.1], dtype="float32"))


def test_blanks_and_apostrophes_only_part_thousands():
    parted = [
        "1 234",
        "1\u00a0234.50",
        "1\u2009234\u2009567",
        "1\u202f000",
        "1'000",
        "12\u2019000.5",
    ]
    read = ["1234", "1234.50", "1234567", "1000", "1000", "12000.5"]
    assert values(parted, locale="en") == [Decimal(v) for v in read]
    for glued in ("10 20", "100\n200", "1'2", "1 2345", "1234 567", "'100", "1 .5"):
        with pytest.raises(InputError, match="is not a number in row 1"):
            values([glued], locale="en")


def test_finer_amounts_than_cents_are_kept():
    assert values(["0.244", "1.5975"]) == [Decimal("0.2440"), Decimal("1.5975")]
    assert values([0.244, 1.5975]) == [Decimal("0.2440"), Decimal("1.5975")]
    with pytest.raises(InputError, match="more than 9 decimals"):
        values(["0.0000000001"])


def test_bad_input_2_infinite_values():
    with pytest.raises(InputError, match="'value' is infinite in row 2"):
        values([1.0, np.inf])


def test_bad_input_31_decimal_commas():
    assert values(["1.234,56", "1.000"], locale="it") == [Decimal("1234.56"), Decimal(1000)]
    assert values(["1.234,56", "1.000"]) == [Decimal("1234.56"), Decimal(1000)]  # one settles both
    assert values(["1,234.56", "1,000"]) == [Decimal("1234.56"), Decimal(1000)]
    with pytest.raises(InputError, match=r"two ways: '1.000' is 1000 or 1.000.*locale='it'"):
        values(["1.000", "12"])
    with pytest.raises(InputError, match=r"two ways: '2,500' is 2500 or 2.500"):
        values(["2,500"])
    with pytest.raises(InputError, match="decimal comma and elsewhere a decimal point"):
        values(["1,5", "1.5"])
    with pytest.raises(InputError, match=r"is not a number in row 1 \('12.5'\)"):
        values(["12.5"], locale="it")


def test_currency_symbols_are_taken_off_and_never_mixed():
    assert values(["€ 1.234,56", "10,00 €"], locale="it") == [Decimal("1234.56"), Decimal(10)]
    with pytest.raises(InputError, match="mixes the currencies"):
        values(["€ 1.50", "$ 2.50"])


def test_bad_input_22_symbols_agree_with_the_currency():
    for options in ({"currency": "EUR"}, {}):
        frame = deals(value=["1.00", "$100.00"])
        frame = frame if options else frame.assign(currency="EUR")
        with pytest.raises(InputError, match=r"in '\$' where the currency is 'EUR', in row"):
            read_deals(frame, **options)
    assert values(["€100.00", "EUR 100.00", "-€ 5.00"]) == [100, 100, -5]
    assert values(["$1.50"], currency="usd") == [Decimal("1.50")]
    frame = deals(value=["€1.00", "2.00"], currency=["€", "USD"])
    read = read_deals(frame, currency="eur", rates={"usd": 2})
    assert read["value"].tolist() == [1, 4]
    assert read["currency"].tolist() == ["EUR", "EUR"]


def test_rates_and_converted_amounts_are_checked():
    frame = deals(value=["1.00", "9" * 35], currency=["EUR", "USD"])
    for rate in ("abc", None, 0, "inf"):
        with pytest.raises(ConfigError, match="the rate of 'USD'"):
            read_deals(frame, currency="EUR", rates={"USD": rate})
    for rate in (1000, "1e400"):
        with pytest.raises(InputError, match=r"too large once converted to EUR .* in row 2"):
            read_deals(frame, currency="EUR", rates={"USD": rate})
    with pytest.raises(ConfigError, match="not a currency"):
        read_deals(frame, currency=978)


def test_bad_input_22_mixed_currencies():
    frame = deals(value=["100.00", "10.01"], currency=["EUR", "usd"])
    with pytest.raises(InputError, match="mixes the currencies 'EUR', 'USD'"):
        read_deals(frame)
    with pytest.raises(InputError, match="no rate to 'EUR'"):
        read_deals(frame, currency="EUR")
    read = read_deals(frame, currency="EUR", rates={"USD": "0.925"})
    assert read["value"].tolist() == [Decimal("100.00"), Decimal("9.26")]
    assert read["currency"].tolist() == ["EUR", "EUR"]
    assert read_deals(read)["value"].tolist() == read["value"].tolist()
    with pytest.raises(InputError, match="has no currency in row 2"):
        read_deals(deals(value=["1.00", "2.00"], currency=["EUR", None]))


def test_bad_input_32_day_and_month():
    assert (
        str(instants(["31/01/2024", "05/06/2024"])["created_at"][1]) == "2024-06-05 00:00:00+00:00"
    )
    assert instants(["01/31/2024", "05/06/2024"])["created_at"][1].month == 5
    assert instants(["05/06/2024"], locale="it")["created_at"][0].month == 6
    assert instants(["05/06/2024"], locale="en_US")["created_at"][0].month == 5
    with pytest.raises(InputError, match="'05/06/2024' is day/month or month/day"):
        instants(["05/06/2024"])
    with pytest.raises(InputError, match="rows disagree"):
        instants(["13/01/2024", "01/13/2024"])
    with pytest.raises(InputError, match=r"does not exist in row 1 \('01/31/2024'\)"):
        instants(["01/31/2024"], locale="it")


@pytest.mark.parametrize("text", ["2024-02-30", "2023-02-29", "2024-13-01", "2024-01-01 24:00"])
def test_days_that_do_not_exist_are_refused(text):
    with pytest.raises(InputError, match="does not exist"):
        instants([text])


@given(st.datetimes(min_value=pd.Timestamp("1990-01-01"), max_value=pd.Timestamp("2025-12-31")))
def test_instants_survive_every_way_of_writing_them(moment):
    moment = moment.replace(second=0, microsecond=0)
    for pattern, locale in [
        ("%Y-%m-%dT%H:%M:%SZ", None),
        ("%Y-%m-%d %H:%M", None),
        ("%d/%m/%Y %H:%M", "it"),
        ("%d-%m-%Y %H.%M", "it"),
        ("%m/%d/%Y %I:%M %p", "en_US"),
    ]:
        read = instants([moment.strftime(pattern)], locale=locale)["created_at"][0]
        assert read == pd.Timestamp(moment, tz="UTC"), pattern


def test_bad_input_6_time_zones():
    naive = instants(["2024-07-01 10:00"], tz="Europe/Rome")
    assert naive["created_at"][0] == pd.Timestamp("2024-07-01T08:00Z")
    assert "read as Europe/Rome" in naive.attrs["notes"][0]
    with pytest.raises(
        InputError, match=r"without a zone \(row 1\) and with one \(row 2\)\. Write"
    ):
        instants(["2024-07-01 10:00", "2024-07-01T10:00:00Z"])
    with pytest.raises(InputError, match="mixes time zones: offsets"):
        instants(["2024-07-01T10:00:00+02:00", "2024-07-01T10:00:00-05:00"])
    seasons = ["2024-07-01T10:00:00+02:00", "2024-01-01T10:00:00+01:00"]
    read = instants(seasons, tz="Europe/Rome")["created_at"]
    assert read.dt.hour.tolist() == [8, 9]
    with pytest.raises(ConfigError, match="is not a time zone"):
        instants(["2024-07-01"], tz="Rome")


def test_bad_input_6_offsets_that_no_zone_has():
    for offset in ("+99:99", "+14:30", "-02:75"):
        with pytest.raises(InputError, match="an offset that no zone has in row 1"):
            instants([f"2024-07-01T10:00:00{offset}"])
    assert instants(["2024-07-01T10:00:00+14:00"])["created_at"][0].day == 30


def test_bad_input_7_clock_changes_follow_the_stated_policy():
    read = instants(["2024-10-27 02:30", "2024-03-31 02:30"], tz="Europe/Rome")
    assert read["created_at"].tolist() == [
        pd.Timestamp("2024-10-27T00:30Z"),  # the first of the two half past two
        pd.Timestamp("2024-03-31T01:00Z"),  # three o'clock, when the gap ends
    ]
    assert any("2 local times fall in a clock change" in note for note in read.attrs["notes"])


def test_bad_input_36_the_future():
    with pytest.raises(InputError, match=r"lies in the future in row 2 \(2099-01-01 00:00:00\+00"):
        instants(["2024-01-01", "2099-01-01"])
    with pytest.raises(InputError, match="'closed_at' lies in the future"):
        read_deals(deals(closed_at=["2099-01-01"]))
    expected = read_deals(deals(closed_at=["2099-01-01"], won=["open"]))
    assert expected["closed_at"].isna().all()
    assert expected["expected_on"].tolist() == [pd.Timestamp("2099-01-01")]
    touches = pd.DataFrame({"person_id": ["p"], "channel": ["x"], "touched_at": ["2099-01-01"]})
    with pytest.raises(InputError, match="'touched_at' lies in the future"):
        read_touches(touches)
    plan = pd.DataFrame({"date": ["2099-01-05"], "channel": ["x"], "spend": ["1.00"]})
    assert len(read_spend(plan)) == 1


def test_bad_input_36_how_far_a_clock_may_be_off():
    now = pd.Timestamp.now(tz="UTC")
    aware = [(now + pd.Timedelta(minutes=4)).isoformat()]
    assert len(instants(aware)) == 1
    with pytest.raises(InputError, match="lies in the future"):
        instants([(now + pd.Timedelta(minutes=6)).isoformat()])
    naive = now.tz_localize(None)
    assert len(instants([str(naive + pd.Timedelta(hours=13))])) == 1
    with pytest.raises(InputError, match="lies in the future"):
        instants([str(naive + pd.Timedelta(hours=15))])


@pytest.mark.parametrize("tz", ["UTC", "Europe/Rome", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "closed",
    [
        ["2024-07-01", "2024-10-27"],
        ["2024-07-01 00:00:00", "2024-10-27 00:00"],
        pd.to_datetime(["2024-07-01", "2024-10-27"]),
        [pd.Timestamp("2024-07-01").date(), pd.Timestamp("2024-10-27").date()],
    ],
)
def test_a_close_given_as_a_day_lasts_until_the_day_ends(closed, tz):
    frame = deals(closed_at=closed, created_at=["2024-07-01", "2024-10-27"])
    read = read_deals(frame, tz=tz)
    last = [f"{day} 23:59:59.999999" for day in ("2024-07-01", "2024-10-27")]
    assert read["closed_at"].dt.tz_convert(tz).dt.tz_localize(None).astype(str).tolist() == last
    assert (read["created_at"].dt.tz_convert(tz).dt.hour == 0).all()
    assert any("2 days without a time last until 23:59:59" in n for n in read.attrs["notes"])
    pd.testing.assert_frame_equal(read_deals(read), read)


def test_only_closes_without_a_time_are_moved():
    read = read_deals(deals(closed_at=["2024-07-01", "2024-07-01 10:00"]))["closed_at"]
    assert read.dt.hour.tolist() == [23, 10]
    aware = read_deals(deals(closed_at=["2024-07-01T00:00:00Z"]))["closed_at"]
    assert aware.dt.hour.tolist() == [0]
    expected = read_deals(deals(closed_at=["2099-01-01"], won=["open"]), tz="America/New_York")
    assert expected["expected_on"].tolist() == [pd.Timestamp("2099-01-01")]


def test_bad_input_36_a_deal_closed_today_is_not_in_the_future():
    for tz in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        today = str(pd.Timestamp.now(tz=tz).date())
        read = read_deals(deals(closed_at=[today]), tz=tz)
        assert read_deals(read)["closed_at"].tolist() == read["closed_at"].tolist()
    later = str((pd.Timestamp.now(tz="UTC") + pd.Timedelta(days=2)).date())
    with pytest.raises(InputError, match="lies in the future"):
        read_deals(deals(closed_at=[later]))


def test_won_deals_of_negative_value_need_declared_refunds():
    frame = deals(deal_id=["a", "b", "c"], value=["1.00", "-5.00", "-7.00"], won=["1", "1", "0"])
    with pytest.raises(InputError, match=r"a won deal in row 2 \(-5.00\).*refunds=True"):
        read_deals(frame)
    read = read_deals(frame, refunds=True)
    assert read["value"].sum() == Decimal(-11)
    assert "1 won deals of negative value are refunds" in read.attrs["notes"][-1]
    assert len(read_deals(read)) == 3


def test_options_of_a_wrong_type_are_settings_to_mend():
    frame = deals(value=["1.00"])
    for options in (
        {"tz": None},
        {"columns": {"person_id": None}},
        {"columns": {"person_id": True}},
        {"columns": ["value"]},
        {"won_values": {"true": True}},
    ):
        with pytest.raises(ConfigError):
            read_deals(frame, **options)
    with pytest.raises(ConfigError, match="neither True nor False"):
        read_deals(frame.assign(won="Si"), won_values={"Si": "yes"})


def test_rows_keep_their_numbers_when_duplicates_go():
    frame = deals(deal_id=["a", "a", "b"], value=["1", "1", "1"]).assign(won=[True, True, True])
    frame["value"] = ["1", "1", "-1"]
    with pytest.raises(InputError, match="in row 3"):
        read_deals(frame, on_duplicate="first")


def test_won_speaks_english_italian_and_the_companys_words():
    words = ["Closed Won", "closed lost", "Vinto", "chiuso perso", "", "si", "0", "In trattativa"]
    read = read_deals(deals(won=words).assign(closed_at="2024-06-01"))
    assert read["won"].tolist() == [True, False, True, False, pd.NA, True, False, pd.NA]
    with pytest.raises(InputError, match="neither won, lost nor open: 'Negoziazione'"):
        read_deals(deals(won=["won", "Negoziazione"]))
    read = read_deals(
        deals(won=["Firma", "Persa", "Offerta"]), won_values={"Firma": True, "Persa": False}
    )
    assert read["won"].tolist() == [True, False, pd.NA]
    frame = deals(value=["1.00"]).drop(columns="won")
    with pytest.raises(InputError, match=r"pass columns=\{'won': True\}"):
        read_deals(frame)
    assert read_deals(frame, columns={"won": True})["won"].tolist() == [True]


def test_the_cure_of_an_unknown_end_keeps_the_meaning_of_the_known_ones():
    words = ["Closed Won", "closed lost", "open", "forse", "Closed Won"]
    with pytest.raises(InputError) as caught:
        read_deals(deals(won=words).assign(closed_at="2024-06-01"))
    setting = "{'Closed Won': True, 'closed lost': False, 'forse': '?'}"
    assert f"Pass won_values={setting}, with true or false for each '?'" in str(caught.value)


@pytest.mark.parametrize("word", ["01 Abc 2024", "23/04", "45292"])
@pytest.mark.parametrize(
    ("locale", "forms"),
    [
        ("it", "Write 2024-03-31, 31/03/2024 or 2024-03-31T14:05:00Z."),
        ("en_US", "Write 2024-03-31, 03/31/2024 or 2024-03-31T14:05:00Z."),
        ("en", "Write 2024-03-31 or 2024-03-31T14:05:00Z."),
        (None, "or pass locale= for 31/03/2024."),
    ],
)
def test_a_date_in_no_known_form_is_told_the_forms_of_its_locale(word, locale, forms):
    with pytest.raises(InputError) as caught:
        read_deals(deals(closed_at=["2024-06-01", word]), locale=locale)
    assert str(caught.value).endswith(forms)


def test_a_row_of_totals_is_known_by_its_date_too():
    rows = {"date": ["2024-01-01", "Totale"], "channel": ["Events", None], "spend": ["1", "1"]}
    with pytest.raises(InputError, match=r"'date' names a row of totals.*Delete that row"):
        read_spend(pd.DataFrame(rows), locale="it")


def test_won_deals_need_a_close_and_impossible_orders_warn():
    with pytest.raises(InputError, match="have no closed_at in row 1"):
        read_deals(deals(closed_at=["", "2024-01-01"]))
    with pytest.warns(DataWarning, match="closed before it was created in row 1"):
        read_deals(deals(created_at=["2024-07-01"]))


def spend(**columns):
    base = {
        "date": ["2024-01-01", "2024-01-08", "2024-01-15"],
        "channel": ["Events"] * 3,
        "spend": ["10.00", "20.00", "30.00"],
    }
    return pd.DataFrame(base | columns)


def test_bad_input_1_missing_spend_names_the_rows_and_offers_fill():
    frame = spend(spend=["10.00", None, "30.00"])
    with pytest.raises(InputError, match=r"'spend' is missing in row 2.*fill='zero'"):
        read_spend(frame)
    assert read_spend(frame, fill="zero")["spend"].sum() == Decimal("40.00")
    filled = read_spend(frame, fill="interpolate")
    assert filled["spend"].tolist() == [Decimal(10), Decimal(20), Decimal(30)]
    assert "1 missing amounts" in filled.attrs["notes"][-1]
    with pytest.raises(InputError, match="cannot be interpolated"):
        read_spend(spend(spend=[None, "2.00", "3.00"]), fill="interpolate")


def test_bad_input_3_negative_spend_needs_declared_refunds():
    frame = spend(spend=["10.00", "-5.00", "30.00"])
    with pytest.raises(InputError, match=r"negative in row 2 \(-5.00\).*refunds=True"):
        read_spend(frame)
    assert read_spend(frame, refunds=True)["spend"].sum() == Decimal("35.00")


def test_bad_input_4_the_same_week_twice():
    frame = spend(date=["2024-01-01", "2024-01-01", "2024-01-08"])
    with pytest.raises(InputError, match=r"the same date .* in rows 1, 2 .*on_duplicate='sum'"):
        read_spend(frame)
    added = read_spend(frame, on_duplicate="sum")
    assert added["spend"].tolist() == [Decimal("30.00"), Decimal("30.00")]


def test_bad_input_5_missing_weeks():
    frame = spend(date=["2024-01-01", "2024-01-08", "2024-01-29"])
    with pytest.raises(InputError, match=r"spend misses 2 weeks .*2024-01-15.*fill='interpolate'"):
        read_spend(frame)
    zero = read_spend(frame, fill="zero")
    assert zero["spend"].tolist() == [10, 20, 0, 0, 30]
    line = read_spend(frame, fill="interpolate")
    assert line["spend"].tolist() == [Decimal(v) for v in ("10", "20", "23.33", "26.67", "30")]
    months = spend(date=["2024-01-01", "2024-02-01", "2024-03-01"])
    assert read_spend(months).attrs["every"] == "month"


@pytest.mark.parametrize(
    ("dates", "missing", "kept"),
    [
        (["2024-01-31", "2024-02-29", "2024-04-30"], "2024-03-01", "2024-01-01"),
        (["2024-01-15", "2024-02-15", "2024-04-15"], "2024-03-15", "2024-01-15"),
        (["2024-01-30", "2024-02-29", "2024-04-30"], "2024-03-30", "2024-01-30"),
        (["2023-02-28", "2023-03-28", "2023-05-28"], "2023-04-28", "2023-02-28"),
    ],
)
def test_bad_input_5_months_are_told_by_their_day(dates, missing, kept):
    frame = spend(date=dates)
    with pytest.raises(InputError, match=f"misses 1 months .*{missing}"):
        read_spend(frame)
    filled = read_spend(frame, fill="zero")
    assert filled.attrs["every"] == "month"
    assert filled["date"].dt.strftime("%Y-%m-%d").tolist()[0] == kept
    assert filled["spend"].tolist() == [10, 20, 0, 30]


def test_spend_dates_with_a_zone_are_days_of_the_zone_asked_for():
    frame = spend(date=["2024-01-01T23:30:00Z", "2024-01-08T23:30:00Z", "2024-01-15T23:30:00Z"])
    assert read_spend(frame, tz="Europe/Rome")["date"].dt.day.tolist() == [2, 9, 16]
    stamps = frame.assign(date=pd.to_datetime(frame["date"]))
    assert read_spend(stamps, tz="Europe/Rome")["date"].dt.day.tolist() == [2, 9, 16]
    assert read_spend(frame)["date"].dt.day.tolist() == [1, 8, 15]
    naive = spend(date=["2024-01-01 23:30", "2024-01-08 23:30", "2024-01-15"])
    assert read_spend(naive, tz="Europe/Rome")["date"].dt.day.tolist() == [1, 8, 15]


def test_sums_of_wide_amounts_are_exact():
    frame = spend(date=["2024-01-01"] * 3, spend=["9" * 16 + ".99"] * 3)
    added = read_spend(frame, on_duplicate="sum")["spend"].tolist()
    assert added == [Decimal("9" * 16 + ".99") * 3]


def test_costs_are_read_and_their_gaps_refused():
    frame = pd.DataFrame({"date": ["2024-01-01"], "kind": ["tools"], "cost": ["9,90"]})
    assert read_costs(frame)["cost"].tolist() == [Decimal("9.90")]
    with pytest.raises(InputError, match="'cost' is missing in row 1"):
        read_costs(frame.assign(cost=[None]).astype({"cost": "str"}))


@pytest.mark.parametrize("option", [{"locale": "fr"}, {"on_duplicate": "keep"}])
def test_unknown_options_list_the_choices(option):
    with pytest.raises(MmmError, match="Use one of"):
        read_deals(deals(value=["1.00"]), **option)


def test_features_are_typed_without_guessing(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text(
        "lead_id,created_at,employees,rate,code,unsure,note\n"
        "1,2024-01-31,12,0.5,007,1.500,\n"
        "2,2024-01-31,,2,010,2.250,NULL\n"
    )
    leads = read_leads(path)
    assert leads["employees"].tolist() == [12, pd.NA]
    assert leads["rate"].tolist() == [0.5, 2.0]
    assert leads["code"].tolist() == ["007", "010"]
    assert leads["unsure"].tolist() == ["1.500", "2.250"]
    assert any("1.500 may be 1500" in note for note in leads.attrs["notes"])
    assert leads["note"].isna().all()
    italian = tmp_path / "it.csv"
    italian.write_text("lead_id;created_at;employees\n1;31/01/2024;1.500\n2;31/01/2024;2,5\n")
    assert read_leads(italian, locale="it")["employees"].tolist() == [1500.0, 2.5]


@pytest.mark.parametrize("locale", ["en", "en_US", "en_GB", None])
def test_thousands_with_a_comma_are_numbers_in_english_and_else_a_note(locale):
    frame = pd.DataFrame(
        {"id": "1", "revenue": ["10,300", "995", "-1,234,567.5"], "codes": "1,2,3"}
    )
    read = read_mixed(frame, {"id": "text"}, locale=locale)
    said = [
        note for note in read.attrs["notes"] if "1,500 may be 1500 or 1.5; pass locale=" in note
    ]
    assert read["codes"].tolist() == ["1,2,3"] * 3
    if locale is None:
        assert read["revenue"].tolist() == frame["revenue"].tolist()
        assert [note.split(":")[0] for note in said] == ["leads column 'revenue'"]
    else:
        assert read["revenue"].tolist() == [10300, 995, -1234567.5]
        assert said == []


@pytest.mark.parametrize(
    ("word", "locale", "day"),
    [
        ("1/31/18", "en_US", "2018-01-31 00:00"),
        ("1/31/18 13:05", "en_US", "2018-01-31 13:05"),
        ("31.01.68", "it", "2068-01-31 00:00"),
        ("31/1/69", "en_GB", "1969-01-31 00:00"),
        ("31-Jan-99", None, "1999-01-31 00:00"),
    ],
)
def test_years_of_two_digits_are_read_where_the_order_is_known_and_said(word, locale, day):
    frame = pd.DataFrame({"id": ["1", "2"], "at": [word, "2024-03-31"]})
    read = read_mixed(frame, {"id": "text", "at": "instant"}, locale=locale)
    assert str(read["at"][0])[:16] == day
    assert (
        "leads column 'at': years of two digits are those from 1969 to 2068" in read.attrs["notes"]
    )


@pytest.mark.parametrize(
    ("word", "locale", "cure"),
    [("31/1/18", None, "'en_US' reads 3/31/24"), ("1/31/18", "en", "pass locale="),
     ("24-01-31", "it", "yyyy-mm-dd).")],
)  # fmt: skip
def test_years_of_two_digits_are_refused_where_it_is_not(word, locale, cure):
    frame = pd.DataFrame({"id": ["1"], "at": [word]})
    with pytest.raises(InputError, match="has a year of two digits in row 1") as caught:
        read_mixed(frame, {"id": "text", "at": "instant"}, locale=locale)
    assert cure in str(caught.value)


def test_kinds_of_deals_are_spelled_one_way():
    words = ["New Business", "rinnovo", "Upsell", "Progetto", None]
    read = read_deals(deals(kind=words))
    assert read["kind"].tolist()[:4] == ["new", "renewal", "expansion", "Progetto"]
    assert "kind 'Progetto' is neither new" in read.attrs["notes"][-1]


@pytest.mark.parametrize(
    "months", [["01/2024", "02/2024"], ["2024-01", "2024-02"], ["1.2024", "2.2024"]]
)
def test_a_month_is_read_as_its_first_day_and_said(months):
    spend = read_spend(pd.DataFrame({"date": months, "channel": "Events", "spend": ["1", "2"]}))
    assert spend["date"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]
    assert spend.attrs["every"] == "month"
    assert any("months, read as their first day" in note for note in spend.attrs["notes"])


def test_months_that_do_not_exist_or_stand_among_days_are_refused():
    for dates, said in (
        (["13/2024", "01/2024"], "does not exist"),
        (["01/2024", "2024-02-01"], "is not a date"),
    ):
        with pytest.raises(InputError, match=said):
            read_spend(pd.DataFrame({"date": dates, "channel": "Events", "spend": ["1", "2"]}))


def test_every_missing_column_is_named_at_once():
    with pytest.raises(
        InputError, match=r"no columns 'date', 'spend'.*'date': 'Date', 'spend': 'your name'"
    ):
        read_spend(pd.DataFrame({"Date": ["2024-01-01"], "channel": ["x"], "amount": ["1"]}))


def test_stages_that_end_a_lead_are_spelled_as_won_and_lost():
    rows = {"lead_id": ["l1", "l2", "l3", "l4"], "created_at": ["2024-06-01T00:00:00Z"] * 4,
            "stage": ["Cliente", "Perso", "MQL", None]}  # fmt: skip
    frame = pd.DataFrame(rows)
    read = read_leads(frame, won_values={"Cliente": True, "Perso": False})
    assert read["stage"].fillna("").tolist() == ["won", "lost", "MQL", ""]
    assert any("1 won, 1 lost, 2 open" in note for note in read.attrs["notes"])
    with pytest.raises(InputError, match="leads column 'stage' holds none of the won_values"):
        read_leads(frame, won_values={"Kunde": True})
    with pytest.raises(ConfigError, match="won_values= are words of the column stage"):
        read_leads(frame.drop(columns="stage"), won_values={"Cliente": True})
