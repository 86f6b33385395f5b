from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import last_touch, linear, time_decay
from mmm.datasets import load
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys, build_journeys

AT = np.array(["2024-01-01", "2024-01-08", "2024-01-22"], dtype="datetime64[us]")
THREE = replace(Journeys.from_paths(["a > b > c"], value=[130.0]), touched_at=AT)


def test_credit_by_hand():
    # 21, 14 and 0 days before the last: 1/8, 1/4 and 1 at a half-life of 7 days.
    result = time_decay(THREE, half_life_days=7)
    np.testing.assert_allclose(result.credit, np.array([1 / 8, 1 / 4, 1]) / 1.375 * 130)


def test_the_day_of_the_close_cancels_out():
    plain = time_decay(THREE, half_life_days=9).credit
    for days in (0, 3, 400):
        close = AT[-1:] + np.timedelta64(days, "D")
        np.testing.assert_array_equal(
            time_decay(replace(THREE, closed_at=close), half_life_days=9).credit, plain
        )


def test_limits_are_last_touch_and_linear():
    np.testing.assert_allclose(time_decay(THREE, half_life_days=1e-3).credit, [0, 0, 130])
    np.testing.assert_allclose(time_decay(THREE, half_life_days=1e9).credit, 130 / 3, rtol=1e-6)


def test_a_century_before_the_close_is_a_small_number_not_an_error():
    old = np.array(["1924-01-01", "1925-01-01"], dtype="datetime64[us]")
    journeys = replace(Journeys.from_paths(["a > b"], value=[1.0]), touched_at=old)
    assert time_decay(journeys, half_life_days=0.5).credit.tolist() == [pytest.approx(0), 1.0]


def test_seven_days_are_nearly_the_last_touch_in_a_long_sale():
    """What the default of web tools does to a company that sells in months, and ours does not."""
    tables = {name: load(name) for name in ("touches", "deals", "contacts")}
    journeys = build_journeys(**tables, by="account")
    last, equal = last_touch(journeys).share, linear(journeys).share

    def between(result):
        to_last = np.abs(result.share - last).sum()
        return to_last / (to_last + np.abs(result.share - equal).sum())

    assert between(time_decay(journeys, half_life_days=7)) < 0.35
    assert between(time_decay(journeys)) > 0.5


def test_journeys_without_times_are_refused_with_the_cure():
    with pytest.raises(InputError, match="build_journeys, or use position_based or linear"):
        time_decay(Journeys.from_paths(["a > b"]))
    gap = AT.copy()
    gap[1] = "NaT"
    with pytest.raises(InputError, match="time of every touch"):
        time_decay(replace(THREE, touched_at=gap))
    assert time_decay(Journeys.from_paths([])).to_frame().empty


@pytest.mark.parametrize("days", [0, -7, float("nan"), float("inf"), "7"])
def test_a_half_life_is_a_positive_number_of_days(days):
    with pytest.raises(ConfigError, match="half_life_days"):
        time_decay(THREE, half_life_days=days)
