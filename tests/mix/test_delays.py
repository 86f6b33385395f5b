"""Delays of deals as a prior of carry-over: censored ones counted, a planted lag found."""

import warnings

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from mmm.errors import ConfigError, DataWarning, InputError
from mmm.mix import MixModel, adstock_from_delays, adstock_from_survival
from mmm.mix.delays import survival_by_period
from mmm.mix.families import DelayedAdstock, NoSaturation
from mmm.mix.inference.media import curve_parameters
from mmm.mix.inference.sampler import Sampling
from mmm.mix.transforms import delayed_weights


def weights_at_median(adstock):
    values = np.array([parameter.median for parameter in adstock.parameters])
    return adstock.weights(values, adstock.max_lag + 1)[0]


def mean_lag(weights):
    return (weights * np.arange(weights.shape[-1])).sum(axis=-1)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_open_against_statsmodels(seed):
    """Ties included; what closes on the dot of a period is open until then."""
    rng = np.random.default_rng(seed)
    time, closed = rng.integers(0, 60, 80) / 2.0, rng.random(80) < 0.6
    found = survival_by_period(time, closed, 32)
    other = SurvfuncRight(time, closed.astype(int))
    before = np.searchsorted(other.surv_times, np.arange(33), side="left")
    np.testing.assert_allclose(found, np.append(1.0, other.surv_prob)[before], atol=1e-12)


@pytest.mark.parametrize("family", ["delayed", "weibull", "peaked"])
def test_weights_have_the_mean_lag_of_the_delays(family):
    weeks = np.random.default_rng(0).normal(8, 2, 2000)
    adstock = adstock_from_delays(weeks, family=family)
    assert mean_lag(weights_at_median(adstock)) == pytest.approx(8, abs=0.35)
    assert adstock.max_lag in range(12, 16)


def test_a_weibull_is_found_again_although_many_are_still_open():
    """The lag in whole periods of a moment of the first one is the delay on average."""
    rng = np.random.default_rng(1)
    delay, seen = 10 * rng.weibull(1.6, 4000), rng.uniform(0, 45, 4000)
    closed = delay <= seen
    known = np.minimum(delay, seen)
    adstock = adstock_from_delays(known, closed, family="weibull")
    naive = adstock_from_delays(known[closed], family="weibull")
    truth = delay.mean()
    assert mean_lag(weights_at_median(adstock)) == pytest.approx(truth, rel=0.05)
    assert mean_lag(weights_at_median(naive)) < 0.95 * truth


def test_delays_in_whole_weeks_are_lags():
    adstock = adstock_from_delays(np.full(20, 3.0))
    assert weights_at_median(adstock)[3] > 0.95
    # A curve says the same of what closed in the fourth week, from any day of the first.
    spread = weights_at_median(adstock_from_survival([1, 1, 1, 1, 0], 20))
    np.testing.assert_allclose(spread[3:5], 0.5, atol=0.05)


def test_few_deals_leave_more_doubt():
    rng = np.random.default_rng(2)
    few, many = (adstock_from_delays(rng.gamma(9, 1, n)) for n in (6, 600))
    assert few.delay_spread > many.delay_spread > 0.399
    assert adstock_from_delays(rng.gamma(9, 1, 600), doubt=0.1).delay_spread < 0.15


@pytest.mark.parametrize(
    ("delays", "options", "reason"),
    [
        ([1.0, 2.0, -1.0, 3.0, 4.0], {}, "below 0"),
        ([1.0, np.nan, 2.0, 3.0, 4.0], {}, "missing"),
        ([1.0] * 6, {"closed": [True] * 4 + [False] * 2}, "4 delays are closed"),
        ([1.0] * 6, {"closed": [True] * 4}, "one mark each"),
    ],
)
def test_delays_that_cannot_be_used_are_refused(delays, options, reason):
    with pytest.raises(InputError, match=reason):
        adstock_from_delays(delays, **options)


@pytest.mark.parametrize("curve", [[1.0], [1.0, 1.0], [1.0, 0.5, 0.8], [1.0, np.nan]])
def test_curves_that_cannot_be_are_refused(curve):
    with pytest.raises(InputError, match="rises, or never falls"):
        adstock_from_survival(curve, 20)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"family": "uniform"}, "family"), ({"doubt": 0.0}, "doubt"), ({"max_lag": 2}, "so soon")],
)
def test_options_that_cannot_be_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        adstock_from_delays(np.full(9, 7.0), **options)


def test_recovery_of_a_planted_lag_of_twelve_weeks():
    """From a hundred delays of the CRM, half of them still open, and three years of spend."""
    rng = np.random.default_rng(4)
    spend = rng.gamma(2.0, 50.0, (156, 1)) * (rng.random((156, 1)) < 0.5)
    true = delayed_weights(np.array(0.93), np.array(12.0), 27)[0]
    late = np.convolve(np.concatenate([np.full(26, spend.mean()), spend[:, 0]]), true)[26:182]
    outcome = 900 + 4.0 * late + rng.normal(0, 40, 156)
    delay, seen = rng.normal(12, 2.6, 100), rng.uniform(0, 26, 100)
    adstock = adstock_from_delays(np.minimum(delay, seen), delay <= seen, max_lag=26)
    assert isinstance(adstock, DelayedAdstock)
    quick = Sampling(n_warmup=150, n_draws=250, n_starts=2, max_rounds=1)
    model = MixModel(
        adstock=adstock, saturation=NoSaturation(), sampler=quick, on_nonconvergence="warn"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model.fit(spend, outcome)
    group = model.scaled_.problem.media.groups[0]
    values = curve_parameters(group, model.posterior_.z)[0][0]
    lower, upper = np.quantile(values[:, 1], (0.01, 0.99))
    assert lower < 12 < upper
    assert upper - lower < 2
    row = model.contributions(level=0.98).iloc[0]
    assert row["contribution_lower"] < 4.0 * late.sum() < row["contribution_upper"]
