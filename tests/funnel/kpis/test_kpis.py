from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel import kpis
from mmm.funnel.durations.completion import complete
from mmm.funnel.durations.conversion import conversion
from mmm.funnel.intervals import (
    count_interval,
    count_ratio_interval,
    product_interval,
    share_interval,
    skewed_mean_interval,
)
from mmm.funnel.records.outcomes import Outcomes, lead_outcomes, opportunity_outcomes


def at(*days):
    return pd.to_datetime(list(days), utc=True).as_unit("us")


def outcomes(start, won, t_won, t_lost, end):
    """Records entered on day `start`, looked at on day `end`."""
    follow_up = end - start
    days = np.where(won, t_won, t_lost)
    open_ = days > follow_up
    return Outcomes(
        row=np.arange(len(start)),
        start=np.datetime64("2024-01-01", "us") + (start * 86_400e6).astype("timedelta64[us]"),
        days=np.where(open_, follow_up, days),
        follow_up=follow_up,
        outcome=np.where(open_, 0, np.where(won, 1, 2)),
        as_of=pd.Timestamp("2025-01-01", tz="UTC"),
    )


def test_intervals_have_their_published_values():
    # Wilson score and Garwood limits at 95%, from the closed formulas by hand.
    assert share_interval(0.5, 10, 0.95) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert count_interval(10, 0.95) == pytest.approx((4.795, 18.390), abs=1e-3)
    low, high = count_ratio_interval(5, 5, 0.9)
    assert low * high == pytest.approx(1.0)
    assert np.isnan(count_ratio_interval(0, 0, 0.9)).all()
    assert np.isnan(count_ratio_interval(3, 0, 0.9)[1])


def test_product_interval_of_exact_numbers_is_exact_and_of_one_factor_is_its_own():
    assert product_interval([(2.0, 2.0, 2.0), (3.0, 3.0, 3.0)]) == pytest.approx((6.0, 6.0))
    assert product_interval([(2.0, 1.0, 5.0)]) == pytest.approx((1.0, 5.0))
    assert product_interval([(1.0, 1.0, 1.0)], [(2.0, 1.0, 4.0)]) == pytest.approx((0.25, 1.0))
    assert np.isnan(product_interval([(2.0, 0.0, 5.0)])[0])


def test_skewed_mean_covers_where_the_t_interval_does_not():
    rng = np.random.default_rng(11)
    truth, inside, upper_misses = np.exp(0.5), 0, 0
    for _ in range(1500):
        low, high = skewed_mean_interval(rng.lognormal(0.0, 1.0, 20), 0.9)
        inside += low <= truth <= high
        upper_misses += high < truth
    # The t interval covers 0.82 here.
    assert 0.835 < inside / 1500 < 0.92
    assert upper_misses / 1500 < 0.15


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=12), st.floats(0.1, 100), st.randoms())
def test_skewed_mean_scales_and_forgets_the_order(values, factor, random):
    low, high = skewed_mean_interval(values, 0.9)
    shuffled = [value * factor for value in values]
    random.shuffle(shuffled)
    scaled = skewed_mean_interval(shuffled, 0.9)
    size = factor * max(abs(low), abs(high), max(values))
    assert scaled == pytest.approx((low * factor, high * factor), abs=1e-6 * size)


def test_completion_covers_rates_that_differ_and_closed_groups_are_plain_shares():
    rng = np.random.default_rng(5)
    inside, error = [], []
    for _ in range(150):
        rate = rng.uniform(0.1, 0.5, 6)
        group = np.repeat(np.arange(6), 40)
        start = group * 45 + rng.uniform(0, 45, 240)
        won = rng.random(240) < rate[group]
        seen = outcomes(start, won, rng.gamma(3, 30, 240), rng.gamma(1.5, 30, 240), 270)
        done = complete(seen, group, 6, 0.9)
        inside.append((done.lower <= rate) & (rate <= done.upper))
        error.append(done.rate - rate)
    assert 0.85 < np.mean(inside) < 0.94
    # Young cohorts: open leads are neither lost nor won.
    assert np.abs(np.mean(error, axis=0)).max() < 0.035
    closed = outcomes(np.zeros(5), np.array([True, False, True, False, False]), 3.0, 4.0, 100.0)
    done = complete(closed, [0, 0, 1, 1, 1], 2, 0.9)
    np.testing.assert_allclose(done.rate, [1 / 2, 1 / 3])
    np.testing.assert_allclose(done.information, [2, 3])
    np.testing.assert_allclose(done.maturity, 1.0)


def test_counting_young_leads_as_lost_would_be_wrong():
    rng = np.random.default_rng(8)
    start = rng.uniform(0, 300, 3000)
    won = rng.random(3000) < 0.4
    seen = outcomes(start, won, rng.gamma(4, 25, 3000), rng.gamma(2, 15, 3000), 330)
    kpi = conversion("rate", seen)[0]
    eventually = won.mean()
    assert kpi.value == pytest.approx(eventually, abs=0.01)
    assert (seen.outcome == 1).mean() < eventually - 0.05
    assert (seen.outcome == 1).sum() / (seen.outcome > 0).sum() < eventually - 0.02


def test_conversion_of_all_equals_the_sum_over_open_and_won():
    outcome = lead_outcomes(datasets.load("leads"), datasets.load("deals"))
    done = complete(outcome, np.zeros(len(outcome), dtype=int), 1, 0.9)
    kpi = conversion("rate", outcome)[0]
    assert kpi.value == pytest.approx(done.rate[0], abs=0.01)
    assert kpi.n == len(outcome)
    assert "60 so far" in kpi.note


def test_a_cohort_too_young_has_no_rate():
    leads = pd.DataFrame(
        {
            "created_at": at("2025-01-01", "2025-01-01", "2025-06-29"),
            "stage": ["won", "lost", "new"],
            "ended_at": at("2025-04-01", "2025-04-11", None),
        }
    )
    old, young = kpis.lead_to_customer(leads, every="month", as_of="2025-06-30")
    assert old.value == 0.5
    assert np.isnan(young.value)
    assert np.isnan(young.lower)
    assert "mature" in young.note
    assert young.group == "2025-06"


def test_one_won_deal_makes_one_customer():
    leads = pd.DataFrame(
        {
            "created_at": at("2025-01-01", "2025-01-05", "2025-01-09"),
            "person_id": ["a", "b", "c"],
            "account_id": ["X", "X", "Y"],
            "ended_at": at(None, "2025-02-15", "2025-03-01"),
        }
    )
    deals = pd.DataFrame(
        {
            "person_id": ["z", "z", "z", "q"],
            "account_id": ["X", "X", "X", "Y"],
            "won": pd.array([True, True, True, True], dtype="boolean"),
            "closed_at": at("2025-02-01", "2025-05-01", "2025-06-01", "2025-03-10"),
            "kind": ["new", "new", "renewal", "expansion"],
        }
    )
    found = lead_outcomes(leads, deals)
    # The deal is of nobody's person: the latest lead of the account before it has it.
    assert found.outcome.tolist() == [0, 1, 2]
    assert found.days[1] == 27.0


def test_what_happened_after_the_last_look_is_not_known():
    deals = pd.DataFrame(
        {
            "created_at": at("2025-01-01", "2025-01-02", "2025-05-01"),
            "closed_at": at("2025-03-01", "2025-01-05", None),
            "won": pd.array([True, False, None], dtype="boolean"),
        }
    )
    seen = opportunity_outcomes(deals, as_of="2025-02-01")
    assert seen.outcome.tolist() == [0, 2]
    assert len(opportunity_outcomes(deals)) == 3


def test_records_that_end_before_they_start_are_left_out_and_counted():
    deals = pd.DataFrame(
        {
            "created_at": at("2025-01-10", "2025-01-02"),
            "closed_at": at("2025-01-01", "2025-01-05"),
            "won": pd.array([True, True], dtype="boolean"),
        }
    )
    seen = opportunity_outcomes(deals)
    assert len(seen) == 1
    assert seen.notes == ("1 left out: they end before they start",)


def test_cost_per_lead_counts_a_person_once_and_knows_its_bounds():
    spend = pd.DataFrame({"date": at("2025-01-06").tz_localize(None), "spend": [Decimal("1000")]})
    leads = pd.DataFrame(
        {
            "person_id": ["a", "a", "b", None, "d"],
            "created_at": at("2025-01-06", "2025-01-07", "2025-01-12", "2025-01-08", "2025-01-13"),
        }
    )
    kpi = kpis.cost_per_lead(spend, leads)
    assert (kpi.n, kpi.value) == (3, pytest.approx(1000 / 3))
    assert kpi.cohort == (date(2025, 1, 6), date(2025, 1, 12))
    low, high = count_interval(3, 0.9)
    assert (kpi.lower, kpi.upper) == pytest.approx((1000 / high, 1000 / low))
    none = kpis.cost_per_lead(spend, leads.iloc[:0])
    assert np.isnan(none.value)
    assert none.lower == pytest.approx(1000 / count_interval(0, 0.9)[1])
    assert "no lead" in none.note
    unknown = kpis.cost_per_lead(spend.assign(spend=[None]), leads)
    assert np.isnan(unknown.value)
    assert "unknown" in unknown.note


def test_lead_velocity_leaves_out_the_month_in_progress_and_growth_from_nothing():
    days = at("2025-01-05", "2025-03-02", "2025-03-04", "2025-03-05", "2025-04-10")
    found = kpis.lead_velocity(pd.DataFrame({"mql_at": days}))
    assert [kpi.group for kpi in found] == ["2025-02", "2025-03"]
    assert found[0].value == -1.0
    assert np.isnan(found[1].value)
    whole = kpis.lead_velocity(pd.DataFrame({"mql_at": days}), as_of="2025-04-30")
    assert whole[-1].value == pytest.approx(1 / 3 - 1)
    assert whole[-1].lower < whole[-1].value < whole[-1].upper


def test_lead_velocity_interval_covers():
    rng = np.random.default_rng(2)
    before, after = rng.poisson(20, 2000), rng.poisson(26, 2000)
    bounds = np.array(
        [count_ratio_interval(int(a), int(b), 0.9) for a, b in zip(after, before, strict=True)]
    )
    inside = (bounds[:, 0] <= 1.3) & (bounds[:, 1] >= 1.3)
    assert 0.89 < inside.mean() < 0.96


def test_sales_velocity_is_the_product_of_its_parts():
    deals = datasets.load("deals")
    kpi = kpis.sales_velocity(deals)
    seen = opportunity_outcomes(deals)
    rate, deal = kpis.win_rate(deals)[0], kpis.average_deal(deals)
    n_open = int((seen.outcome == 0).sum())
    days = n_open * rate.value * deal.value / kpi.value
    assert n_open == 16
    assert 20 < days < 120
    assert kpi.lower < kpi.value < kpi.upper
    doubled = deals.assign(value=deals["value"].astype("float64") * 2)
    assert kpis.sales_velocity(doubled).value == pytest.approx(2 * kpi.value)


def test_no_win_and_no_open_deal():
    deals = pd.DataFrame(
        {
            "created_at": at("2025-01-01", "2025-01-02"),
            "closed_at": at("2025-01-05", None),
            "won": pd.array([False, None], dtype="boolean"),
            "value": [10.0, 20.0],
        }
    )
    assert np.isnan(kpis.sales_velocity(deals).value)
    assert kpis.win_rate(deals)[0].value == 0.0
    assert kpis.sales_velocity(deals.iloc[:1]).value == 0.0
    empty = kpis.average_deal(deals)
    assert np.isnan(empty.value)
    assert "no won deal" in empty.note


def test_mql_to_sql_of_the_shipped_company():
    leads = datasets.load("leads")
    kpi = kpis.mql_to_sql(leads)[0]
    qualified = leads["mql_at"].notna()
    assert kpi.n == int(qualified.sum())
    assert kpi.value == pytest.approx(leads.loc[qualified, "sql_at"].notna().mean(), abs=0.03)
    assert sum(k.n for k in kpis.mql_to_sql(leads, every="quarter")) == kpi.n


def test_rows_in_another_order_say_the_same():
    leads, deals = datasets.load("leads"), datasets.load("deals")
    mixed = leads.sample(frac=1, random_state=3), deals.sample(frac=1, random_state=4)
    for kpi, other in zip(
        kpis.lead_to_customer(leads, deals, every="quarter"),
        kpis.lead_to_customer(*mixed, every="quarter"),
        strict=True,
    ):
        np.testing.assert_allclose(
            [kpi.value, kpi.lower, kpi.upper], [other.value, other.lower, other.upper]
        )


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: kpis.mql_to_sql(pd.DataFrame({"x": [1]})), InputError, "'mql_at', 'sql_at'"),
        (lambda: kpis.win_rate(datasets.load("deals"), level=90), ConfigError, "coverage"),
        (lambda: kpis.win_rate(datasets.load("deals"), every="week"), ConfigError, "'month'"),
        (lambda: kpis.win_rate(datasets.load("deals"), as_of="1999-01-01"), InputError, "later"),
        (lambda: kpis.lead_velocity(pd.DataFrame({"mql_at": at(None)})), InputError, "mql_at"),
    ],
)
def test_bad_input_is_named_with_its_cure(call, error, text):
    with pytest.raises(error, match=text):
        call()
