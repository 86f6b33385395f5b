import dataclasses

import numpy as np
import pandas as pd
import pytest

from mmm.channels import ChannelMap
from mmm.run.budgeting import advise_budget, fit_mix
from mmm.run.doubts import doubts_of
from mmm.run.outcome import weeks_of
from tests.run.companies import AS_OF, config_of, deals_from, silent, spend_table

SPENDS = {"Fairs": 1500.0, "Banner": 3500.0}


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(4)
    spend = spend_table(rng, 80, SPENDS, ())
    return {"spend": spend, "deals": deals_from(rng, spend, {"Fairs": 8.0, "Banner": 0.1})}


@pytest.fixture(scope="module")
def fitted(tables):
    weeks = weeks_of(tables, ChannelMap(), config_of().mix, AS_OF)
    return fit_mix(weeks, 0), weeks


def metrics(found):
    return [one.metric.removeprefix("budget_doubt.") for one in found]


def test_an_old_table_is_named_with_the_day_on_which_it_ends(fitted):
    model, weeks = fitted
    end = pd.Timestamp(weeks.frame["date"].max()).tz_localize("UTC") + pd.Timedelta(days=7)
    assert "old" not in metrics(doubts_of(model, weeks, end + pd.Timedelta(days=92)))
    late = doubts_of(model, weeks, end + pd.Timedelta(days=93))
    assert metrics(late)[0] == "old"
    assert str(end.year) in late[0].sentence("it")
    monthly = dataclasses.replace(weeks, every="month")
    assert "old" not in metrics(doubts_of(model, monthly, end + pd.Timedelta(days=110)))


@pytest.mark.parametrize(("times", "asked"), [(600.0, True), (60.0, False)])
def test_numbers_hundreds_of_times_the_others_are_asked_about(fitted, times, asked):
    model, weeks = fitted
    frame = weeks.frame.assign(
        Banner=weeks.frame["Banner"] * times * weeks.frame["Fairs"].mean()
        / weeks.frame["Banner"].mean()
    )  # fmt: skip
    found = doubts_of(model, dataclasses.replace(weeks, frame=frame), AS_OF)
    assert ("units" in metrics(found)) is asked
    assert not asked or "Banner" in found[0].sentence("en")


def test_records_that_stop_before_the_page_does_are_named_with_their_last_day(tables, fitted):
    model, weeks = fitted
    assert not {"ends_early", "low_last"} & set(metrics(doubts_of(model, weeks, AS_OF)))
    deals = tables["deals"]
    early = deals[deals["closed_at"] < pd.Timestamp("2024-12-25", tz="UTC")]
    early.attrs = deals.attrs
    weeks = weeks_of(tables | {"deals": early}, ChannelMap(), config_of().mix, AS_OF)
    found = doubts_of(model, weeks, AS_OF)
    assert metrics(found)[0] == "ends_early"
    assert "24 dicembre 2024" in found[0].sentence("it")
    assert "29 December 2024" in found[0].sentence("en")


def test_a_table_whose_ends_are_low_in_spend_and_outcome_is_asked_about(fitted):
    model, weeks = fitted
    frame = weeks.frame.copy()
    frame.loc[frame.index[[0, -1]], [*weeks.channels, weeks.outcome]] = 1.0
    found = metrics(doubts_of(model, dataclasses.replace(weeks, frame=frame), AS_OF))
    assert found[:2] == ["low_last", "low_first"]


def test_what_a_notebook_is_warned_of_stands_in_the_notes_of_the_advice(tables, fitted):
    model, weeks = fitted
    heavy = dataclasses.replace(model.diagnostics_, residual_kurtosis=15.0)
    kept, model.diagnostics_ = model.diagnostics_, heavy
    assert "outliers" in metrics(doubts_of(model, weeks, AS_OF))
    model.diagnostics_ = kept
    z = model.posterior_.z
    at = model.scaled_.problem.media.n_parameters - 1
    moved = z.copy()
    moved[:, at] += 3.0 - z[:, at].mean()
    model.posterior_ = dataclasses.replace(model.posterior_, z=moved)
    assert "more" in metrics(doubts_of(model, weeks, AS_OF))
    moved[:, at] -= 6.0
    assert "less" in metrics(doubts_of(model, weeks, AS_OF))
    model.posterior_ = dataclasses.replace(model.posterior_, z=z)
    late = AS_OF + pd.Timedelta(days=150)
    settings = {"as_of": late, "progress": silent}
    advice, _ = advise_budget(tables, ChannelMap(), config_of(), **settings)
    assert "budget_doubt.old" in [one.metric for one in advice.notes]
