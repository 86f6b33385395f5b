"""A change is first held against noise, then taken apart exactly, then said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, InputError
from mmm.funnel.because import FORMULAS, explain_change, explain_sum
from mmm.funnel.kpi import Kpi
from mmm.wording import entries

NBSP = "\u00a0"


def table(**rows):
    columns = ["leads", "cost", "customers"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=float)
    return frame.rename_axis("channel").reset_index()


BEFORE = table(Ads=(900, 90_000, 90), Fair=(100, 40_000, 40))

count = st.integers(0, 500)
row = st.tuples(count, st.integers(0, 10**6), st.integers(0, 60))
rows = st.dictionaries(st.sampled_from("abcdef"), row, min_size=1, max_size=6)


@given(rows, rows, st.sampled_from(["channel", "factor"]))
def test_terms_of_a_cost_add_up_to_the_change(old, new, by):
    old["z"], new["z"] = (50, 2_000, 5), (60, 2_500, 4)
    why = explain_change(table(**old), table(**new), by=by)
    assert np.isfinite(why.amount).all()
    scale = why.before + why.after + np.abs(why.amount).sum()
    assert abs(why.amount.sum() - why.change) <= 1e-12 * scale
    totals = [table(**part)[["cost", "customers"]].sum() for part in (old, new)]
    assert why.before == pytest.approx(totals[0]["cost"] / totals[0]["customers"])
    assert why.after == pytest.approx(totals[1]["cost"] / totals[1]["customers"])


@given(rows, rows, st.sampled_from(["channel", "factor"]))
def test_terms_of_a_value_add_up_to_the_change(old, new, by):
    old, new = (table(**part).rename(columns={"cost": "value"}) for part in (old, new))
    why = explain_change(old, new, kpi="won_value", by=by)
    scale = why.before + why.after + np.abs(why.amount).sum()
    assert abs(why.amount.sum() - why.change) <= 1e-12 * scale
    assert why.after == new["value"].sum()


@given(rows, rows, st.sampled_from(["channel", "factor"]))
def test_terms_of_a_rate_and_of_a_mean_add_up_to_the_change(old, new, by):
    old["z"], new["z"] = (50, 2_000, 5), (60, 2_500, 4)
    names = {"leads": "deals", "cost": "value"}
    for kpi, renamed, top, size in (
        ("lead_to_customer", {}, "customers", "leads"),
        ("average_deal", names, "value", "deals"),
    ):
        before, after = (table(**part).rename(columns=renamed) for part in (old, new))
        if kpi == "average_deal":
            for frame in (before, after):
                frame.loc[frame["deals"] == 0, "value"] = 0.0
        why = explain_change(before, after, kpi=kpi, by=by)
        scale = why.before + why.after + np.abs(why.amount).sum()
        assert abs(why.amount.sum() - why.change) <= 1e-12 * scale
        assert why.after == pytest.approx(after[top].sum() / after[size].sum())


def test_a_shift_between_channels_is_mix_not_conversion():
    before = table(Ads=(900, 0, 90), Fair=(100, 0, 40))
    after = table(Ads=(500, 0, 50), Fair=(500, 0, 200))
    why = explain_change(before, after, kpi="lead_to_customer", by="factor")
    terms = dict(zip(why.factor, why.amount, strict=True))
    assert terms == pytest.approx({"mix": 0.12, "conversion": 0.0})
    assert "12.0 percentage points in the mix of channels" in why.finding().sentence()


def test_parts_that_follow_each_other_are_terms():
    days = [
        Kpi("sales_cycle_from_lead", value, "days", 200, value - 6, value + 6)
        for value in (100.0, 140.0)
    ]
    before = {"before_opportunity": 40.0, "from_opportunity": 60.0}
    after = {"before_opportunity": 75.0, "from_opportunity": 65.0}
    why = explain_sum(before, after, kpis=tuple(days), better=-1)
    assert not why.within_noise
    said = why.finding().sentence("it")
    assert "da 100 giorni a 140 giorni (+40%)" in said
    assert "La parte prima della trattativa incide per 35,0 giorni." in said
    assert said.endswith(entries()["action.before_opportunity"]["it"])
    with pytest.raises(InputError, match="add up"):
        explain_sum(before, before, kpis=tuple(days), better=-1)


def test_one_channel_by_hand():
    # 100 -> 150 per customer: cost per lead 10 -> 12 and conversion 10% -> 8%.
    before, after = table(Ads=(100, 1000, 10)), table(Ads=(200, 2400, 16))
    why = explain_change(before, after)
    terms = dict(zip(why.factor, why.amount, strict=True))
    # Both orders: cost first 20, last 2 / 0.08 = 25; conversion first 25, last 30.
    assert terms == pytest.approx({"mix": 0.0, "cost_per_lead": 22.5, "conversion": 27.5})
    assert why.method == "shapley"


def test_more_of_the_same_is_no_change():
    bigger = BEFORE.assign(**{c: BEFORE[c] * 3 for c in ("leads", "cost", "customers")})
    for by in ("channel", "factor"):
        why = explain_change(BEFORE, bigger, by=by)
        assert np.abs(why.amount).max() < 1e-9
        assert why.within_noise


def test_order_of_rows_does_not_matter():
    rng = np.random.default_rng(4)
    frames = [
        pd.DataFrame(
            {
                "channel": list("abcde"),
                "leads": rng.integers(50, 500, 5),
                "cost": rng.integers(1000, 9000, 5),
                "customers": rng.integers(1, 50, 5),
            }
        )
        for _ in range(2)
    ]
    one = explain_change(*frames)
    other = explain_change(*(f.sample(frac=1, random_state=2) for f in frames))
    assert one.method == "lmdi"
    assert one.channel == other.channel
    np.testing.assert_array_equal(one.amount, other.amount)
    assert (one.lower, one.upper) == (other.lower, other.upper)


def test_new_and_dead_channels_are_terms_of_their_own():
    before = table(Ads=(900, 90_000, 90), Fair=(100, 80_000, 40))
    after = table(Ads=(900, 90_000, 90), Show=(10, 9_000, 10), Stand=(5, 20_000, 2))
    why = explain_change(before, after)
    terms = dict(zip(zip(why.channel, why.factor, strict=True), why.amount, strict=True))
    left = why.before - 1000  # Ads alone cost 1000 a customer before and after
    assert terms["Fair", "gone_channel"] == pytest.approx(-left)
    come = terms["Show", "new_channel"] + terms["Stand", "new_channel"]
    assert come == pytest.approx(why.after - 1000)
    assert terms["Stand", "new_channel"] > 0
    assert sum(abs(a) for (_, f), a in terms.items() if "channel" not in f) < 1e-9


def test_channels_are_not_split_where_the_others_won_nobody():
    before, after = table(Ads=(100, 1000, 0), Fair=(10, 500, 5)), table(Ads=(100, 1000, 8))
    why = explain_change(before, after)
    assert set(why.factor) == {"channel"}
    assert "not split" in why.note
    assert why.amount.sum() == pytest.approx(why.change, rel=1e-12)


def test_sales_velocity_by_hand():
    before = {"open_opportunities": 40, "win_rate": 0.3, "average_deal": 12_000, "cycle_days": 90}
    why = explain_change(before, {**before, "cycle_days": 60}, kpi="sales_velocity")
    assert (why.before, why.after) == pytest.approx((1600, 2400))
    assert dict(zip(why.factor, why.amount, strict=True))["cycle_days"] == pytest.approx(800)
    assert np.isnan(why.lower)
    assert "cannot be told from normal variation" in why.finding().sentence()


@pytest.mark.parametrize(("n", "dispersion"), [(12, 1.0), (30, 3.0)])
def test_noise_alone_passes_as_a_change_as_often_as_it_should(n, dispersion):
    rng = np.random.default_rng(n)
    size = 2000
    mean = np.full((size, 2), float(n))
    if dispersion > 1:
        mean = rng.gamma(mean / (dispersion - 1)) * (dispersion - 1)
    customers = np.maximum(rng.poisson(mean), 1)
    alarms = 0
    pairs, times = np.unique(np.sort(customers, axis=1), axis=0, return_counts=True)
    for (old, new), n_times in zip(pairs, times, strict=True):
        frames = [table(Ads=(1000, 10_000, int(k))) for k in (old, new)]
        why = explain_change(*frames, by="factor", dispersion=dispersion)
        alarms += n_times * (not why.within_noise)
    assert 0.075 < alarms / size < 0.125


def test_a_real_change_is_found():
    after = table(Ads=(900, 180_000, 90), Fair=(100, 40_000, 40))
    assert not explain_change(BEFORE, after).within_noise


def test_interval_from_two_kpis_by_hand():
    kpis = tuple(
        Kpi("cac", value, "money", 50, lower, upper)
        for value, lower, upper in ((1000.0, 940.0, 1080.0), (1200.0, 1140.0, 1300.0))
    )
    why = explain_change(BEFORE, BEFORE, kpis=kpis)
    assert (why.lower, why.upper) == pytest.approx((200 - 100, 200 + np.hypot(100, 60)))
    with pytest.raises(ConfigError, match="Pass one indicator at one level"):
        explain_change(BEFORE, BEFORE, kpis=(kpis[0], Kpi("cac", 1.0, "money", 5, level=0.5)))


def test_value_won_has_an_interval_where_the_spread_of_deals_is_known():
    old = BEFORE.rename(columns={"cost": "value"}).assign(value_sd=[300.0, 500.0])
    why = explain_change(old, old.assign(value=old["value"] * 1.05), kpi="won_value")
    assert why.lower < 0 < why.upper
    bare = old.drop(columns="value_sd")
    assert np.isnan(explain_change(bare, bare, kpi="won_value").lower)


def test_the_sentence_says_of_which_adds_up_and_ends_with_the_action():
    after = table(Ads=(900, 180_000, 80), Show=(10, 9_000, 10), Fair=(90, 41_000, 38))
    finding = explain_change(BEFORE, after).finding()
    said = finding.sentence()
    assert said.startswith("The customer acquisition cost (CAC) went from €1,000 to €1,797 (+80%).")
    assert "goes with Ads, mostly through the cost per lead (€" in said
    assert "caused" not in said
    assert said.endswith("Review the bids and the audience of Ads.")
    assert finding.sentence("it").endswith("Rivedete le offerte e il pubblico di Ads.")
    amounts = [part.value for part in finding.because[1:]]
    assert sum(amounts) == 797
    assert len(finding.because) == 1 + 3


def many(before, after):
    """Explain a change over ten channels, each with leads and cost, all converting alike."""
    one = [
        pd.DataFrame({"channel": [f"c{i}" for i in range(10)], "leads": leads, "cost": cost,
                      "customers": [300.0] * 10})
        for leads, cost in (before, after)
    ]  # fmt: skip
    return explain_change(*one)


@pytest.mark.parametrize(("lang", "spread"), [("en", "spread over 10"), ("it", "ripartita su 10")])
def test_a_channel_is_named_by_its_net_and_none_for_less_than_a_third(lang, spread):
    # c0 costs twice as much a lead and brings half the leads: by itself it costs what it did.
    leads, cost = np.full(10, 4000.0), np.full(10, 1e5)
    half = np.array([2000.0, *[4000.0] * 9])
    why = many((leads, cost), (half, cost * 1.3))
    largest = why.to_frame().iloc[0]
    assert (largest["channel"], largest["factor"]) == ("c0", "cost_per_lead")
    finding = why.finding()
    assert spread in finding.sentence(lang)
    assert "c0" not in finding.sentence(lang)
    assert finding.action == "action.look_closer"
    dear = many((leads, cost), (half, cost * np.array([6.0, *[1.05] * 9]))).finding()
    assert "c0" in dear.sentence(lang)
    assert spread not in dear.sentence(lang)
    assert (dear.action, dear.facts["channel"]) == ("action.on_cost_per_lead", "c0")


def test_noise_is_said_and_nothing_blamed():
    said = explain_change(BEFORE, BEFORE.assign(customers=[86, 40])).finding().sentence("it")
    assert "rientra nelle oscillazioni normali" in said
    assert "incide" not in said


def test_a_change_for_the_better_asks_to_keep_it():
    after = BEFORE.assign(cost=[30_000, 20_000])
    assert explain_change(BEFORE, after).finding().action == "action.keep"


def test_every_factor_can_be_said():
    for formula in FORMULAS.values():
        for factor in (*formula.factors, "new_channel", "gone_channel", "channel"):
            keys = {f"because.{factor}", f"because.{factor}_of", f"action.on_{factor}"}
            assert keys <= set(entries())
        assert {f"net_factor.{factor}" for factor in formula.factors} <= set(entries())


def test_frame_is_sorted_and_shares_add_up():
    after = table(Ads=(900, 180_000, 80), Show=(10, 9_000, 10), Fair=(90, 41_000, 38))
    frame = explain_change(BEFORE, after).to_frame()
    assert frame["share"].sum() == pytest.approx(1)
    assert frame["amount"].abs().is_monotonic_decreasing


def test_mistakes_are_named_with_their_cure():
    with pytest.raises(InputError, match=r"before has no column 'cost'.*asks for"):
        explain_change(BEFORE.drop(columns="cost"), BEFORE)
    with pytest.raises(InputError, match="missing or negative figures in 'cost'"):
        explain_change(BEFORE, BEFORE.assign(cost=[-1, 2]))
    with pytest.raises(InputError, match="'Ads', 'Fair' more than once"):
        explain_change(pd.concat([BEFORE, BEFORE]), BEFORE)
    with pytest.raises(InputError, match=r"period after has no customer .*longer one"):
        explain_change(BEFORE, BEFORE.assign(customers=0))
    with pytest.raises(ConfigError, match="choose one of 'cac'"):
        explain_change(BEFORE, BEFORE, kpi="roi")
    with pytest.raises(ConfigError, match="'channel' or 'factor'"):
        explain_change(BEFORE, BEFORE, by="owner")
