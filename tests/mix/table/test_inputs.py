"""Dirty tables: each gets the answer that it is promised."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.errors import DataWarning, InputError
from mmm.mix.model import MixModel
from tests.mix.test_model import QUICK, company


def refused(frame, outcome, match):
    with pytest.raises(InputError, match=match):
        MixModel(date="week", controls=["price"]).fit(frame, outcome)


def told(frame, outcome, match=None):
    """Fit, and return the model and what was warned of its data."""
    model = MixModel(date="week", controls=["price"], sampler=QUICK, on_nonconvergence="warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(frame, outcome)
    said = [str(warning.message) for warning in caught if warning.category is DataWarning]
    assert match is None or any(match in message for message in said), said
    return model


def test_bad_input_01_missing_values():
    frame, outcome = company()
    holes = frame.copy()
    holes.loc[[2, 6], "fairs"] = np.nan
    refused(holes, outcome, r"NaN in 'fairs', rows 3, 7; fill it")
    outcome[4] = np.nan
    refused(frame, outcome, r"outcome y contains NaN in 'y', row 5")


def test_bad_input_02_infinite_values():
    frame, outcome = company()
    frame.loc[3, "search"] = np.inf
    refused(frame, outcome, "infinity in 'search', row 4")


def test_bad_input_03_negative_spend():
    frame, outcome = company()
    frame.loc[3, "search"] = -5.0
    refused(frame, outcome, "spend of 'search' is below 0 in row 4; book refunds")
    frame.loc[3, "search"] = 5.0
    frame.loc[3, "price"] = -5.0
    told(frame, outcome)


def test_bad_input_04_the_same_week_twice():
    frame, outcome = company()
    frame.loc[5, "week"] = frame.loc[4, "week"]
    refused(frame, outcome, "2023-01-30' stands in more than one row; add rows")


def test_bad_input_05_missing_weeks():
    frame, outcome = company()
    refused(frame.drop(index=7), np.delete(outcome, 7), "missing between 2023-02-13 and 2023-02-27")


def test_bad_input_06_mixed_time_zones():
    frame, outcome = company()
    zones = [
        day.tz_localize("UTC" if i % 2 else "Europe/Rome") for i, day in enumerate(frame["week"])
    ]
    refused(frame.assign(week=pd.Series(zones, dtype=object)), outcome, "mix the time zones")


def test_bad_input_07_a_change_of_clocks_moves_no_week():
    frame, outcome = company()
    local = frame.assign(week=frame["week"].dt.tz_localize("Europe/Rome"))
    np.testing.assert_allclose(
        told(local, outcome).predict(local), told(frame, outcome).predict(frame)
    )


def test_bad_input_08_constant_channel():
    frame, outcome = company()
    model = told(frame.assign(fairs=70.0), outcome, "'fairs' never changes")
    assert model.contributions().set_index("channel").loc["fairs", "identified"] == "not identified"


def test_bad_input_09_collinear_channels():
    frame, outcome = company()
    model = told(
        frame.assign(fairs=2 * frame["search"]), outcome, "'search', 'fairs' move together"
    )
    rows = model.contributions().set_index("channel")
    assert (rows.loc[["search", "fairs"], "identified"] == "not identified").all()
    width = (rows["contribution_upper"] - rows["contribution_lower"]) / rows["contribution"]
    assert (width[["search", "fairs"]] > 1.3 * width["(media)"]).all()


def test_bad_input_10_channel_without_spend():
    frame, outcome = company()
    model = told(frame.assign(fairs=0.0), outcome, "Nothing was spent on 'fairs'")
    row = model.contributions().set_index("channel").loc["fairs"]
    assert row["contribution"] == 0
    assert np.isnan(row[["roas", "romi", "marginal_romi"]].astype(float)).all()
    assert row["identified"] == "not identified"


def test_bad_input_42_more_parameters_than_weeks():
    frame, outcome = company()
    more = frame.assign(**{f"c{i}": np.arange(110.0) % (i + 2) for i in range(8)})
    refused(more.iloc[:9], outcome[:9], "9 periods cannot carry 10 channels")
    told(more.iloc[:40], outcome[:40], "much of the answer is prior")


def test_nothing_spent_at_all_and_nothing_sold_at_all():
    frame, outcome = company()
    refused(frame.assign(search=0.0, fairs=0.0), outcome, "no media to measure")
    refused(frame, 0 * outcome, "nothing to explain")


def test_an_outcome_that_is_no_number_is_named():
    frame, outcome = company()
    words = outcome.astype(object)
    words[3] = "n/a"
    refused(frame, words, r"y holds 'n/a', which is no number, in row 4; pass one number a row")
    words[3] = None
    refused(frame, words, r"y contains NaN in 'y', row 4; fill it")
    refused(frame, frame["week"], "which is no number")
    refused(frame, outcome[:-1], r"samples: \[110, 109\]. Pass numbers, one row a period")


def test_a_table_without_a_column_of_spend_is_refused():
    frame, outcome = company()
    with pytest.raises(InputError, match=r"no column to learn from; it has 'week'. Add"):
        MixModel(date="week").fit(frame[["week"]], outcome)


def test_arrays_that_are_no_numbers_or_of_another_width_are_refused():
    frame, outcome = company()
    spend = frame[["search", "fairs"]].to_numpy()
    model = MixModel(sampler=QUICK, on_nonconvergence="warn")
    with pytest.raises(InputError, match=r"to float: 'x'. Pass numbers"):
        model.fit([["x"]] * len(frame), outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model.fit(spend, outcome)
    with pytest.raises(InputError, match=r"expecting 2 features as input. Pass .* of the fit"):
        model.predict(spend[:, :1])


@pytest.mark.parametrize("name", ["(media)", "(baseline)"])
def test_a_channel_called_as_a_row_of_results_is_refused(name):
    frame, outcome = company()
    refused(frame.rename(columns={"fairs": name}), outcome, f"called '[(]{name[1:-1]}.*Rename it")
