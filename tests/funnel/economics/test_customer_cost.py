from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.economics.channel_table import channel_table
from mmm.funnel.economics.customer_cost import (
    cac,
    clv_to_cac,
    cohort_cac,
    payback_months,
    period_cac,
    romi,
)
from mmm.funnel.economics.full_cost import add, allocate, between
from mmm.funnel.kpi import Kpi


def credit(**columns):
    base = {
        "channel": ["Events", "Email", "Direct"],
        "credit": [4.0, 0.0, 1.0],
        "lower": [0.5, 0.0, np.nan],
        "upper": [0.9, 0.1, np.nan],
    }
    return pd.DataFrame(base | columns)


def spend(*rows):
    return pd.DataFrame(rows, columns=["channel", "spend"])


def test_cost_of_a_customer_is_spend_over_customers():
    table = channel_table(
        credit(), spend(("Events", Decimal("600.10")), ("Events", Decimal("399.90")))
    )
    events = table.set_index("channel").loc["Events"]
    assert events["media"] == Decimal("1000.00")
    assert events["cac"] == 250.0


def test_unknown_spend_and_no_customer_have_no_cost():
    rows = channel_table(credit(), spend(("Email", 50.0), ("Display", 70.0))).set_index("channel")
    assert set(rows.index) == {"Events", "Email", "Direct", "Display", "(total)"}
    assert rows.drop(index="(total)")["cac"].isna().all()
    assert rows.loc["Events", "media"] is None
    assert rows.loc["Display", "customers"] == 0.0


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=9),
    st.floats(0.5, 1e4),
)
def test_scaling_spend_scales_the_cost(amounts, factor):
    money, customers = np.array(amounts), np.arange(1.0, len(amounts) + 1)
    scaled, expected = cac(money * factor, customers), cac(money, customers) * factor
    np.testing.assert_allclose(scaled, expected, atol=1e-300)  # nearer 0, floats lose digits


def tables():
    return [datasets.load(name) for name in ("leads", "deals", "spend", "costs")]


def labelled_leads(*channels):
    return pd.DataFrame({"channel": channels, "sql_at": [pd.Timestamp("2025-01-01"), pd.NaT] * 2})


def costs(*rows):
    return pd.DataFrame(rows, columns=["channel", "cost"])


def test_romi_is_zero_at_break_even_and_undefined_without_spend():
    found = romi(np.array([250.0, 500.0, 0.0, 9.0]), np.array([100.0, 100.0, 50.0, 0.0]), 0.4)
    np.testing.assert_allclose(found, [0.0, 1.0, -1.0, np.nan])


def test_costs_of_a_period_are_exact_by_the_day():
    spend = datasets.load("spend")
    first, last = date(2024, 1, 1), date(2025, 12, 28)
    assert between(spend, "spend", first, last) == sum(spend["spend"], Decimal(0))
    cut = date(2024, 7, 17)
    halves = between(spend, "spend", first, cut), between(spend, "spend", cut + timedelta(1), last)
    assert abs(sum(halves) - sum(spend["spend"], Decimal(0))) <= Decimal("0.01")
    monthly = datasets.load("costs")
    assert between(monthly, "cost", date(2024, 2, 1), date(2024, 2, 29)) == sum(
        monthly.loc[monthly["date"] == "2024-02-01", "cost"], Decimal(0)
    )
    gap = spend.assign(spend=spend["spend"].where(spend.index != 3))
    assert between(gap, "spend", first, last) is None
    assert add([Decimal(1), None]) is None


@given(
    st.integers(0, 10**9).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=8),
)
def test_allocation_adds_up_to_the_cent(total, weights):
    parts = allocate(total, weights)
    if not any(weights):
        assert parts is None
        return
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) <= Decimal("0.02")


def test_negative_weights_cannot_split():
    with pytest.raises(ConfigError, match="negative"):
        allocate(Decimal(5), [1, -1])


def test_table_by_hand():
    table = channel_table(
        credit(),
        spend(("Events", Decimal("600.00")), ("Email", Decimal("0.00")), ("Display", Decimal(200))),
        costs(("Email", Decimal("50.00")), (None, Decimal("100.01"))),
        0.5,
        value=pd.DataFrame({"channel": ["Events", "Email", "Direct"], "credit": [1500.0, 0, 400]}),
        leads=labelled_leads("Events", "Events", "Email", "Direct"),
        clv=Kpi("clv", 1350.02, "money", 40),
        monthly_margin=10.0,
    ).set_index("channel")
    assert table["media"].tolist() == [Decimal(600), Decimal(0), None, Decimal(200), Decimal(800)]
    # 100.01 split 600 : 200, the larger remainder gets the cent.
    assert table["other_costs"].tolist() == [
        Decimal("75.01"), Decimal("50.00"), Decimal(0), Decimal("25.00"), Decimal("150.01"),
    ]  # fmt: skip
    assert table.loc["Direct", "spend"] is None
    assert table.loc["(total)", "spend"] == Decimal("950.01")
    assert table.loc["Events", "cac"] == pytest.approx(675.01 / 4)
    assert table.loc["(total)", "cac"] == pytest.approx(950.01 / 5)
    assert table.loc["Events", "clv_to_cac"] == pytest.approx(8.0)
    assert table.loc["Events", "payback_months"] == pytest.approx(675.01 / 40)
    assert table.loc["Events", "cost_per_lead"] == pytest.approx(675.01 / 2)
    assert table["sql"].tolist() == [1.0, 1.0, 0.0, 0.0, 2.0]
    assert table.loc["Events", "margin"] == pytest.approx(750 - 675.01)
    assert table.loc["Events", "romi"] == pytest.approx(750 / 675.01 - 1)
    assert table.loc["Email", "romi"] == -1.0
    assert np.isnan(table.loc["Direct", "romi"])
    assert not np.isinf(table.select_dtypes("number")).to_numpy().any()
    assert any("'Direct'" in note for note in table.attrs["notes"])


def test_zero_spend_has_no_romi_and_no_cost():
    table = channel_table(
        credit(), spend(("Events", Decimal(0))), margin=0.5, value=credit()
    ).set_index("channel")
    assert table.loc["Events", "spend"] == 0
    assert np.isnan(table.loc["Events", "romi"])
    assert table.loc["Events", "cac"] == 0.0


def test_missing_spend_stays_missing_up_to_the_total():
    table = channel_table(
        credit(), spend(("Events", Decimal(5)), ("Events", None), ("Email", Decimal(7)))
    ).set_index("channel")
    assert table.loc[["Events", "Direct", "(total)"], "spend"].isna().all()
    assert table.loc["Email", "spend"] == 7
    assert np.isnan(table.loc["(total)", "cac"])


@pytest.mark.parametrize("rule", ["media", "leads", "touches", "equal"])
def test_shipped_costs_reconcile_to_the_cent_under_every_rule(rule):
    leads, _, media, other = tables()
    credited = credit(channel=["Events", "Partner", "Direct"])
    table = channel_table(
        credited,
        media,
        other,
        leads=leads.assign(channel="Events"),
        touches=pd.DataFrame({"channel": ["Events"] * 3 + ["Email"]}),
        rule=rule,
    ).set_index("channel")
    lines = table.drop("(total)")
    for column, source in (("media", media["spend"]), ("other_costs", other["cost"])):
        total = sum(source, Decimal(0))
        assert table.loc["(total)", column] == total
        assert sum(lines[column].dropna(), Decimal(0)) == total
    assert sum(lines["spend"].dropna(), Decimal(0)) == table.loc["(total)", "spend"]
    if rule == "leads":
        shared = sum(other.loc[other["channel"].isna(), "cost"], Decimal(0))
        assert lines.loc["Events", "other_costs"] == shared


def test_each_rule_splits_what_is_shared_by_hand_and_says_who_gets_nothing():
    arguments = [
        credit(channel=["Events", "Email", "(unattributed)"]),
        spend(("Events", Decimal(90))),
    ]
    shared = costs((None, Decimal(60)), ("Email", Decimal(5)))
    settings = {
        "leads": pd.DataFrame({"channel": ["Events", "Email", "Email"]}),
        "touches": pd.DataFrame({"channel": ["Events"] * 5 + ["Email"]}),
    }
    split = {}
    for rule in ("media", "leads", "touches", "equal"):
        table = channel_table(*arguments, shared, rule=rule, **settings)
        rows = table.set_index("channel")
        split[rule] = [int(rows.loc[name, "other_costs"]) for name in ("Events", "Email")]
        bare = ("Email",) if rule == "media" else ()
        assert table.attrs["shared"] == {"rule": rule, "amount": "60", "without": bare}
        assert any("split" in note for note in table.attrs["notes"])
    assert split == {"media": [60, 5], "leads": [20, 45], "touches": [50, 15], "equal": [30, 35]}
    with pytest.raises(ConfigError, match="Pass touches="):
        channel_table(*arguments, shared, rule="touches")


def test_costs_that_nothing_can_split_keep_a_line_of_their_own():
    table = channel_table(credit(), spend(("Email", Decimal(0))), costs((None, Decimal("9.99"))))
    rows = table.set_index("channel")["spend"]
    assert rows["(shared)"] == Decimal("9.99") == rows["(total)"]
    assert "not split" in table.attrs["notes"][0]


def test_the_order_of_rows_changes_nothing():
    leads, _, media, other = tables()
    leads = leads.assign(channel=np.where(leads.index % 3, "Events", "Partner"))
    arguments = [credit(channel=["Events", "Partner", "Direct"]), media, other]
    one = channel_table(*arguments, leads=leads)
    mixed = [arguments[0], *(t.sample(frac=1, random_state=7) for t in arguments[1:])]
    pd.testing.assert_frame_equal(one, channel_table(*mixed, leads=leads.iloc[::-1]))


def test_scaling_all_money_scales_costs_and_leaves_ratios():
    base = [credit(), spend(("Events", 600.0)), costs((None, 100.0)), 0.5]
    more = [credit(), spend(("Events", 1800.0)), costs((None, 300.0)), 0.5]
    value = credit(credit=[1500.0, 0.0, 400.0])
    one = channel_table(*base, value=value, clv=Kpi("clv", 900.0, "money", 5))
    three = channel_table(
        *more, value=value.assign(credit=value["credit"] * 3), clv=Kpi("clv", 2700.0, "money", 5)
    )
    for column in ("cac", "cac_lower", "cac_upper"):
        np.testing.assert_allclose(three[column], 3 * one[column])
    for column in ("romi", "clv_to_cac"):
        np.testing.assert_allclose(three[column], one[column])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"rule": "revenue"}, ConfigError, "'leads'"),
        ({"rule": "leads"}, ConfigError, "Pass leads="),
        ({"margin": 40}, ConfigError, "0.4"),
        ({"level": 0}, ConfigError, "coverage"),
        ({"credit": credit(channel=["a", "a", "b"])}, InputError, "more than once"),
        ({"leads": pd.DataFrame({"lead_id": ["x"]})}, InputError, "leads has no column"),
    ],
)
def test_bad_arguments_are_named_with_their_cure(change, error, text):
    arguments = {"credit": credit(), "spend": spend(("Events", 1.0))} | change
    with pytest.raises(error, match=text):
        channel_table(**arguments)


def test_cohort_cost_counts_the_customers_still_to_come():
    leads, deals, media, other = tables()
    (whole,) = cohort_cac(leads, deals, media, other)
    paid = float(sum(media["spend"], Decimal(0)) + between(
        other, "cost", date(2024, 1, 1), date(2025, 12, 28)))  # fmt: skip
    assert whole.value < paid / 60
    assert whole.value == pytest.approx(paid / (60 + 10), rel=0.1)
    assert whole.lower < whole.value < whole.upper
    old, young = cohort_cac(leads, deals, media, other, every="year")
    assert (old.group, young.group, old.n + young.n) == ("2024", "2025", 216)
    assert cohort_cac(leads, deals, media)[0].note.endswith("pass costs= for tools and people")


def test_scaling_costs_scales_the_cohort_cost():
    leads, deals, media, other = tables()
    (one,) = cohort_cac(leads, deals, media, other)
    twice = media.assign(spend=media["spend"] * 2), other.assign(cost=other["cost"] * 2)
    (two,) = cohort_cac(leads, deals, *twice)
    assert (two.value, two.lower, two.upper) == pytest.approx(
        (2 * one.value, 2 * one.lower, 2 * one.upper)
    )


def test_cohort_cost_interval_covers():
    rng = np.random.default_rng(12)
    spent = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=12, freq="MS")})
    spent["spend"] = 1000.0
    truth, inside, n = 12_000 / (150 * 0.3), 0, 120
    for _ in range(n):
        size = rng.poisson(150)
        created = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(
            rng.uniform(0, 365.9, size), "D"
        )
        won = rng.random(size) < 0.3
        end = created + pd.to_timedelta(np.where(won, rng.gamma(3, 30, size), 60.0), "D")
        leads = pd.DataFrame({"created_at": created, "stage": np.where(won, "won", "lost")})
        leads["ended_at"] = end
        (kpi,) = cohort_cac(leads, None, spent, as_of="2025-01-05")
        inside += kpi.lower <= truth <= kpi.upper
    assert 0.82 < inside / n < 0.97


def test_no_customer_has_no_cost_but_a_lower_bound():
    day = pd.to_datetime(["2025-01-06", "2025-01-07"], utc=True)
    leads = pd.DataFrame({"created_at": day, "stage": "lost", "ended_at": day})
    spent = pd.DataFrame({"date": pd.to_datetime(["2025-01-06"]), "spend": [700.0]})
    (kpi,) = cohort_cac(leads, None, spent)
    assert np.isnan(kpi.value)
    assert np.isnan(kpi.upper)
    deals = pd.DataFrame({"won": [False], "closed_at": day[:1]})
    later = period_cac(deals, spent)
    assert np.isnan(later.value)
    assert 0 < later.lower < 700
    assert "no customer" in later.note


def test_period_cost_is_lagged_by_the_cycle():
    _, deals, media, other = tables()
    period = (date(2024, 1, 1), date(2024, 12, 31))
    lagged = period_cac(deals, media, other, lag_days=60, period=period)
    won = deals[deals["won"].fillna(False) & (deals["kind"] == "new")]["closed_at"]
    n = won.between("2024-03-01", pd.Timestamp("2025-03-01 23:59:59.999999", tz="UTC")).sum()
    assert lagged.n == n
    assert lagged.value == pytest.approx(
        float(between(media, "spend", *period) + between(other, "cost", *period)) / n
    )
    late = period_cac(deals, media, other, lag_days=60)
    assert "too few customers" in late.note
    with pytest.raises(ConfigError, match="lag_days"):
        period_cac(deals, media, lag_days=-1)


def test_payback_and_ratio_of_lifetime_value():
    cost = Kpi("cac", 600.0, "money", 9, 400.0, 900.0)
    assert payback_months(cost, 50.0).value == 12.0
    assert np.isnan(payback_months(cost, 0.0).value)
    ratio = clv_to_cac(Kpi("clv", 1800.0, "money", 5, 1800.0, 1800.0), cost)
    assert (ratio.value, ratio.lower, ratio.upper) == pytest.approx((3.0, 2.0, 4.5))
    assert np.isnan(clv_to_cac(Kpi("clv", np.nan, "money", 0, note="none"), cost).value)
    with pytest.raises(ConfigError, match="one level"):
        clv_to_cac(Kpi("clv", 1.0, "money", 5, level=0.5), cost)
