import pandas as pd
import pytest

from mmm.errors import ConfigError
from mmm.simulate import simulate_company
from mmm.simulate.settings import Settings


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("n_accounts", 5),
        ("weeks", 10),
        ("seed", -1),
        ("confounding", -0.1),
        ("confounding", 4),
        ("noise", 2),
        ("effect", 3),
        ("noise", float("nan")),
    ],
)
def test_a_knob_out_of_range_is_named_with_its_range(knob, value):
    with pytest.raises(ConfigError, match=rf"^{knob} is {value}; choose a number from"):
        simulate_company(**{knob: value})


@pytest.mark.parametrize("value", [100.5, "100", True, None])
def test_counts_are_whole_numbers(value):
    with pytest.raises(ConfigError, match=r"n_accounts is .*; choose a whole number"):
        simulate_company(n_accounts=value)


def test_a_history_into_the_future_is_refused():
    soon = (pd.Timestamp.now("UTC") - pd.Timedelta(weeks=30)).strftime("%Y-%m-%d")
    with pytest.raises(ConfigError, match="would end in the future"):
        simulate_company(start=soon, weeks=52)


def test_a_start_that_is_no_date_is_refused():
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        simulate_company(start="spring")


def test_history_begins_on_the_monday_of_its_week():
    assert Settings(start="2023-03-09").monday == pd.Timestamp("2023-03-06", tz="UTC")


def test_streams_are_independent_of_each_other():
    settings = Settings(seed=1)
    assert settings.rng("cold").random() == settings.rng("cold").random()
    assert settings.rng("cold").random() != settings.rng("nurture").random()
    assert settings.rng("cold").random() != Settings(seed=2).rng("cold").random()
