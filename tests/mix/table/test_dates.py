"""Dates of a mix table: read in one way, or refused with what to do."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError
from mmm.mix.model import MixModel
from mmm.mix.table.dates import find_order, one_day, read_dates


def read(values, day_first=None):
    days = read_dates(pd.DataFrame({"week": values}), "week", day_first)
    return days.astype(str).tolist()


def refused(values, match, day_first=None):
    with pytest.raises(InputError, match=match):
        read(values, day_first)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2015-11-23", "2015-11-23"),
        ("2015-01-07T23:30:00+01:00", "2015-01-07"),
        (" 2015/1/7", "2015-01-07"),
        ("20150107", "2015-01-07"),
        ("2015-12", "2015-12-01"),
        ("12/2015", "2015-12-01"),
        ("gen 2016", "2016-01-01"),
        ("7-Jan-2015", "2015-01-07"),
        ("23.11.2015 10:30", "2015-11-23"),
    ],
)
def test_what_is_written_in_one_way_is_read(written, day):
    assert read([written]) == [day]


def test_one_row_tells_the_order_of_all():
    assert read(["07/12/2015", "14/12/2015"]) == ["2015-12-07", "2015-12-14"]
    assert read(["12/07/2015", "12/14/2015"]) == ["2015-12-07", "2015-12-14"]


def test_twelve_months_day_first_are_not_twelve_days():
    months = [f"01/{month:02d}/2016" for month in range(1, 13)]
    refused(months, r"two ways: row 1 \('01/01/2016'\) is day/month or month/day.*dayfirst=True")
    parsed = pd.to_datetime(pd.Series(months), dayfirst=True)
    assert read(parsed)[:2] == ["2016-01-01", "2016-02-01"]


def test_orders_are_never_mixed():
    refused(
        ["23/11/2015", "11/30/2015"],
        r"row 1 \('23/11/2015'\) has the day first, row 2 \('11/30/2015'\) the month",
    )


def test_the_order_of_the_fit_holds_and_is_not_contradicted():
    assert read(["01/07/2019"], day_first=True) == ["2019-07-01"]
    assert read(["01/07/2019"], day_first=False) == ["2019-01-07"]
    refused(["07/23/2019"], "In the fit the day came first", day_first=True)
    refused(["23/07/2019"], "In the fit the month came first", day_first=False)
    assert find_order(pd.DataFrame({"week": ["2019-07-23"]}), "week") is None


@pytest.mark.parametrize("written", ["31/02/2016", "01/07/19", "week 3", "2016-13-01", "2015"])
def test_what_is_no_date_is_refused_with_its_row(written):
    refused(["23/11/2015", written], f"{written}' in row 2")


def test_numbers_are_no_dates():
    refused([20151123, 20151130], r"such as 20151123.*astype\(int\).astype\(str\)")
    frame = pd.DataFrame({"week": [20151123, 20151130]})
    assert read(pd.to_datetime(frame["week"].astype(int).astype(str)))[0] == "2015-11-23"
    refused(np.arange(1, 201), "holds numbers, such as 1, and no dates.*leave the column and date=")
    refused([1.5, np.nan], "missing in row 2")


def test_text_among_dates_is_refused():
    refused([pd.Timestamp("2015-11-23"), "07/12/2015"], "text in row 2 and dates in the other")
    refused(["2015-11-23", " "], "missing in row 2")


def test_a_single_date_as_text_is_written_in_one_way():
    assert one_day("2019-07-01") == one_day(pd.Timestamp("2019-07-01"))
    with pytest.raises(InputError, match="two ways"):
        one_day("01/07/2019")


def test_the_order_is_that_of_all_panels():
    """North has no part above 12 and is read as the south shows."""
    firsts = pd.date_range("2015-01-01", periods=24, freq="MS")
    frames = [
        pd.DataFrame({"week": firsts + pd.Timedelta(days=shift), "region": name})
        for name, shift in (("north", 0), ("south", 14))
    ]
    X = pd.concat(frames, ignore_index=True)
    X["tv"] = np.random.default_rng(0).gamma(2.0, 50.0, len(X))
    X["week"] = X["week"].dt.strftime("%d/%m/%Y")
    model = MixModel(date="week", panel="region")
    model._set_up_panels(X, 1000 + X["tv"].to_numpy())
    assert model.panels_["north"].clock_.period_days > 28
