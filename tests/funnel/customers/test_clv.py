import math
import warnings

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.customers.clv import (
    contractual_clv,
    fit_renewals,
    renewal_history,
    retained,
    retention_clv,
)
from mmm.funnel.customers.repeat_purchase import (
    BuyingRate,
    buying_log_likelihood,
    fit_buying_rate,
    fit_spend_rate,
    purchase_history,
    spend_log_likelihood,
)
from mmm.funnel.customers.repeat_value import (
    alive_probability,
    expected_purchases,
    expected_spend,
    repeat_purchase_clv,
)
from mmm.funnel.durations.survival import kaplan_meier
from tests.conftest import missing

# Share of customers left after 0 to 7 years: Fader and Hardie 2007, table 1.
HIGH_END = (1.0, 0.869, 0.743, 0.653, 0.593, 0.551, 0.517, 0.491)
REGULAR = (1.0, 0.631, 0.468, 0.382, 0.326, 0.289, 0.262, 0.241)


def individuals(shares, n=1000):
    leaving = np.round(-np.diff(shares) * n).astype(int)
    stay = n - leaving.sum()
    last = len(leaving)
    periods = np.concatenate([np.repeat(np.arange(1, last + 1), leaving), np.full(stay, last)])
    return periods, np.arange(n) < leaving.sum()


def stream(seed):
    while True:
        seed = (1103515245 * seed + 12345) % 2**31
        yield (seed + 0.5) / 2**31


def buyers(n=300, seed=7):
    """Repeat buyers by a plain congruential generator: the same on every platform."""
    u = stream(seed)
    rows = []
    for _ in range(n):
        until = round(20 + 32 * next(u), 2)
        rate = -math.log(next(u)) / 6
        leave = 1 - next(u) ** (1 / 2.5)
        scale = 20 + 60 * next(u)
        at, last, count, spent = 0.0, 0.0, 0, 0.0
        while True:
            at += -math.log(next(u)) / max(rate, 1e-9)
            if at > until:
                break
            count, last = count + 1, round(at, 2)
            spent -= scale * math.log(next(u) * next(u) * next(u)) / 3
            if next(u) < leave:
                break
        mean = round(spent / count, 2) if count else 0.0
        rows.append((count, min(last, until), until, mean))
    return pd.DataFrame(rows, columns=["frequency", "recency", "age", "mean_value"])


@pytest.mark.parametrize(
    ("shares", "alpha", "beta"), [(HIGH_END, 0.668, 3.806), (REGULAR, 0.704, 1.182)]
)
def test_renewals_have_the_published_parameters(shares, alpha, beta):
    model = fit_renewals(*individuals(shares))
    assert (round(model.alpha, 3), round(model.beta, 3)) == (alpha, beta)
    np.testing.assert_allclose(retained(model, np.arange(8)), shares, atol=0.02)


def test_clv_is_the_discounted_sum_by_hand():
    model = fit_renewals(*individuals(REGULAR))
    s = retained(model, [0, 1, 2])
    kpi = contractual_clv(model, 500.0, discount=0.1)
    assert kpi.value == pytest.approx(500 * (s[0] + s[1] / 1.1 + s[2] / 1.21))
    assert (kpi.n, kpi.unit) == (1000, "money")
    monthly = contractual_clv(model, 500.0, period_months=1, horizon_months=1)
    assert (monthly.value, monthly.lower, monthly.upper) == (500.0, 500.0, 500.0)


@pytest.mark.parametrize("factor", [0.01, 7.0, 1e6, -3.0])
def test_scaling_the_margin_scales_the_value(factor):
    model = fit_renewals(*individuals(HIGH_END))
    one, many = contractual_clv(model, 1.0), contractual_clv(model, factor)
    bounds = sorted([one.lower * factor, one.upper * factor])
    assert [many.value, many.lower, many.upper] == pytest.approx([one.value * factor, *bounds])


def test_interval_of_the_contractual_value_covers():
    rng = np.random.default_rng(4)
    alpha, beta, inside = 1.2, 4.0, 0
    truth = 1000 * sum(
        math.exp(
            math.lgamma(alpha + beta)
            - math.lgamma(beta)
            + math.lgamma(beta + t)
            - math.lgamma(alpha + beta + t)
        )
        / 1.1**t
        for t in range(3)
    )
    for _ in range(200):
        leave = rng.beta(alpha, beta, 150)
        lives, seen = rng.geometric(leave), rng.integers(1, 5, 150)
        kpi = contractual_clv(fit_renewals(np.minimum(lives, seen), lives <= seen), 1000.0)
        inside += kpi.lower <= truth <= kpi.upper
    assert 0.84 < inside / 200 < 0.96


def test_one_common_churn_is_a_geometric_life():
    # 0.5, 0.25, 0.125 left: no heterogeneity, so S(2) = S(1)^2.
    model = fit_renewals(*individuals((1.0, 0.5, 0.25, 0.125)))
    np.testing.assert_allclose(retained(model, [1, 2, 5]), [0.5, 0.25, 1 / 32], rtol=2e-3)
    kpi = contractual_clv(model, 1.0, discount=0.0)
    assert kpi.lower < 1.75 < kpi.upper < 2.0


def test_retention_curve_gives_the_same_value_where_nobody_is_censored_early():
    periods, churned = individuals(HIGH_END)
    days = np.where(churned, periods * 365.25 - 20, 8 * 365.25)
    curve = kaplan_meier(days, churned)
    observed = retention_clv(curve, 1000.0)
    assert observed.value == pytest.approx(1000 * (1 + 0.869 / 1.1 + 0.743 / 1.21))
    modelled = contractual_clv(fit_renewals(periods, churned), 1000.0)
    assert observed.lower < modelled.value < observed.upper
    # Variance of a S(1) + b S(2) without censoring, from the multinomial.
    a, b, p, q = 1 / 1.1, 1 / 1.21, 0.869, 0.743
    variance = (a * a * p * (1 - p) + b * b * q * (1 - q) + 2 * a * b * q * (1 - p)) / 1000
    assert observed.upper - observed.value == pytest.approx(1644.853627 * math.sqrt(variance))
    short = retention_clv(curve, 1000.0, horizon_months=240)
    assert math.isnan(short.value)
    assert "shorter horizon" in short.note


def test_renewals_of_the_shipped_company():
    periods, churned = renewal_history(datasets.load("deals"))
    assert (len(periods), int(churned.sum())) == (17, 2)
    kpi = contractual_clv(fit_renewals(periods, churned), 1000.0)
    assert "extrapolated" in kpi.note
    assert kpi.lower < kpi.value < kpi.upper


@pytest.mark.parametrize(
    ("periods", "churned", "text"),
    [
        ([1, 2], [False, False], "none of 2 customers left"),
        ([1, 1], [True, True], "all of 2 customers left"),
        ([0], [True], "row 1"),
        ([1, 2], [True], "one of each"),
        ([1.5], [False], "whole renewals"),
    ],
)
def test_renewals_that_tell_nothing_are_refused(periods, churned, text):
    with pytest.raises(InputError, match=text):
        fit_renewals(periods, churned)


def test_impossible_settings_are_refused():
    model = fit_renewals(*individuals(REGULAR))
    with pytest.raises(ConfigError, match="positive months"):
        contractual_clv(model, 1.0, horizon_months=0)
    with pytest.raises(ConfigError, match="rate a year"):
        contractual_clv(model, 1.0, discount=-1.0)
    with pytest.raises(InputError, match="no deal of kind 'renewal'"):
        renewal_history(datasets.load("deals").query("kind == 'new'"))


def test_likelihoods_and_predictions_agree_with_lifetimes():
    # Computed with lifetimes 0.11.3 on `buyers()`: penalizer 0, likelihood at its own optimum.
    history = buyers()
    assert (int(history["frequency"].sum()), round(history["age"].sum(), 2)) == (694, 11121.37)
    buying, spend = fit_buying_rate(history), fit_spend_rate(history)
    assert buying.log_likelihood == pytest.approx(-2389.834570457904, rel=1e-6)
    assert spend.log_likelihood == pytest.approx(-1142.8748370019184, rel=1e-6)
    found = (buying.r, buying.alpha, buying.a, buying.b)
    assert found == pytest.approx((0.918567828, 6.293587356, 2.078033035, 5.284254574), rel=1e-4)
    assert (spend.p, spend.q, spend.v) == pytest.approx(
        (2.6202745, 7.2763394, 116.637885), rel=1e-4
    )
    first = history.head()
    np.testing.assert_allclose(
        expected_purchases(buying, first, 10.0),
        [0.0215049, 0.876271367, 0.019657379, 0.09845023, 0.03760205],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        alive_probability(buying, first),
        [0.05490194, 0.54563676, 0.01509758, 0.16613689, 0.07918143],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        expected_spend(spend, first),
        [48.416329, 80.394746, 55.6574, 51.932956, 47.618166],
        rtol=1e-5,
    )


def test_likelihoods_agree_at_any_point_with_lifetimes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it sets an option that pandas 3 no longer has
        try:
            import lifetimes
        except ImportError:
            missing("lifetimes")
    history = buyers(80, seed=3)
    x, t, age, z = (history[name].to_numpy(float) for name in history)
    logs = np.log([0.7, 5.0, 1.5, 3.0])
    theirs = lifetimes.BetaGeoFitter._negative_log_likelihood(logs, x, t, age, np.ones(80), 0.0)
    assert buying_log_likelihood(np.exp(logs), (x, t, age)) == pytest.approx(-80 * theirs)
    some = x > 0
    logs = np.log([3.0, 4.0, 60.0])
    theirs = lifetimes.GammaGammaFitter._negative_log_likelihood(
        logs, x[some], z[some], np.ones(some.sum()), 0.0
    )
    ours = spend_log_likelihood(np.exp(logs), (x[some], z[some]))
    assert ours == pytest.approx(-some.sum() * theirs)


def test_the_optimum_is_one():
    history = buyers(120, seed=5)
    model = fit_buying_rate(history)
    arrays = tuple(history[name].to_numpy(float) for name in ("frequency", "recency", "age"))
    for axis in range(4):
        for step in (-0.02, 0.02):
            logs = model.logs.copy()
            logs[axis] += step
            assert buying_log_likelihood(np.exp(logs), arrays) < model.log_likelihood


def test_the_unit_of_time_and_money_does_not_matter():
    history = buyers(100, seed=9)
    buying, spend = fit_buying_rate(history), fit_spend_rate(history)
    days = fit_buying_rate(history.assign(recency=history.recency * 7, age=history.age * 7))
    assert days.alpha == pytest.approx(7 * buying.alpha, rel=1e-4)
    clv = repeat_purchase_clv(buying, spend, history)
    cents = history.assign(mean_value=history["mean_value"] * 100)
    scaled = repeat_purchase_clv(buying, fit_spend_rate(cents), cents)
    assert scaled.value == pytest.approx(100 * clv.value, rel=1e-4)
    mixed = repeat_purchase_clv(buying, spend, history.sample(frac=1, random_state=1))
    assert (mixed.value, mixed.lower) == pytest.approx((clv.value, clv.lower))


def test_expected_purchases_are_continuous_where_the_formula_is_zero_over_zero():
    history = buyers(20)
    around = [
        expected_purchases(BuyingRate(1.0, 5.0, a, 3.0, 0.0, np.eye(4), 20), history, 10.0)
        for a in (1.0, 1.0 + 1e-5)
    ]
    np.testing.assert_allclose(*around, rtol=1e-4)


def test_expected_purchases_match_a_simulation():
    rng = np.random.default_rng(6)
    r, alpha, a, b, n = 0.8, 4.0, 0.9, 2.6, 40_000
    rate, leave = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    clock, alive, count = np.zeros(n), np.ones(n, dtype=bool), np.zeros(n)
    while alive.any():
        clock[alive] += rng.exponential(1 / rate[alive])
        alive &= clock < 30
        count[alive] += 1
        alive &= rng.random(n) >= leave
    fresh = pd.DataFrame({"frequency": [0], "recency": [0.0], "age": [0.0]})
    expected = expected_purchases(BuyingRate(r, alpha, a, b, 0.0, np.eye(4), n), fresh, 30.0)[0]
    assert expected == pytest.approx(count.mean(), abs=4 * count.std() / math.sqrt(n))


def test_purchase_history_of_deals():
    history = purchase_history(datasets.load("deals"))
    assert (history["recency"] <= history["age"]).all()
    assert history["frequency"].sum() == 26
    assert (history.loc[history["frequency"] == 0, "mean_value"] == 0).all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"frequency": [0, 0]}, "second time"),
        ({"recency": [5.0, 0.0]}, "row 1"),
        ({"frequency": [1.5, 0]}, "Whole frequency"),
    ],
)
def test_histories_that_cannot_be_are_refused(change, text):
    base = {"frequency": [1, 0], "recency": [2.0, 0.0], "age": [4.0, 4.0]}
    frame = pd.DataFrame(base | change)
    if change == {"frequency": [0, 0]}:
        frame["recency"] = 0.0
    with pytest.raises(InputError, match=text):
        fit_buying_rate(frame)


def test_no_customer_is_not_a_number():
    history = buyers(60)
    buying, spend = fit_buying_rate(history), fit_spend_rate(history)
    kpi = repeat_purchase_clv(buying, spend, history.iloc[:0])
    assert math.isnan(kpi.value)
    assert kpi.note == "no customer"
    with pytest.raises(InputError, match="at least 2"):
        fit_spend_rate(history[history["frequency"] == 0])
