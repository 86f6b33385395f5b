import math

import numpy as np
import pytest

from mmm.errors import ConfigError
from mmm.funnel.because.change import change_of
from mmm.funnel.kpi import Kpi


def rate(value, lower, upper, name="win_rate", level=0.9):
    return Kpi(name, value, "share", 100, lower=lower, upper=upper, level=level)


def test_a_clear_difference_is_told_from_noise():
    assert not change_of(rate(0.2, 0.15, 0.26), rate(0.5, 0.42, 0.58)).within_noise
    assert change_of(rate(0.2, 0.15, 0.26), rate(0.22, 0.16, 0.29)).within_noise
    assert change_of(rate(0.2, 0.15, 0.26), rate(0.3, 0.24, 0.37)).ratio == pytest.approx(0.5)


def test_no_interval_is_noise_and_no_value_before_has_no_ratio():
    change = change_of(rate(0.0, math.nan, math.nan), rate(0.5, 0.4, 0.6))
    assert change.within_noise
    assert math.isnan(change.ratio)


def test_two_indicators_cannot_be_compared():
    with pytest.raises(ConfigError, match="Pass one indicator"):
        change_of(rate(0.2, 0.1, 0.3), rate(0.2, 0.1, 0.3, name="cac"))
    with pytest.raises(ConfigError, match="at one level"):
        change_of(rate(0.2, 0.1, 0.3), rate(0.2, 0.1, 0.3, level=0.8))


def test_false_alarms_of_two_means_are_as_rare_as_the_level_says():
    rng = np.random.default_rng(2)
    half = 1.645 / math.sqrt(50)
    means = rng.normal(1.0, 1 / math.sqrt(50), (4000, 2))
    alarms = [
        not change_of(*(Kpi("x", m, "ratio", 50, m - half, m + half) for m in pair)).within_noise
        for pair in means
    ]
    assert 0.085 < np.mean(alarms) < 0.115
