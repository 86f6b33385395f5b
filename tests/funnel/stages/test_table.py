"""The funnel on the shipped company, on small tables made by hand, and on real leads."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm import datasets
from mmm.channels import ChannelMap
from mmm.errors import ConfigError, InputError
from mmm.funnel.durations.survival import cumulative_incidence
from mmm.funnel.records.links import link_deals
from mmm.funnel.stages import B2C, Stage, StageSet, funnel, sales_cycle

START = pd.Timestamp("2025-01-01", tz="UTC")


def day(number):
    return pd.NaT if number is None else START + pd.Timedelta(days=number)


def table(columns, *rows):
    """Frame of rows; numbers in columns called ..._at are days after START."""
    frame = pd.DataFrame(rows, columns=columns)
    for name in columns:
        if name.endswith("_at"):
            at = [day(None if pd.isna(x) else float(x)) for x in frame[name]]
            frame[name] = pd.Series(at, dtype="datetime64[us, UTC]")
        elif name == "won":
            frame[name] = frame[name].astype("boolean")
        else:
            frame[name] = frame[name].astype("str")
    return frame


LEAD = ("lead_id", "person_id", "account_id", "created_at", "mql_at", "sql_at", "ended_at", "stage")
DEAL = ("deal_id", "person_id", "account_id", "created_at", "closed_at", "won")


@pytest.fixture(scope="module")
def company():
    leads = datasets.load("leads")
    return leads.assign(channel=ChannelMap().assign(leads)), datasets.load("deals")


def counts(result):
    return result.to_frame()[["entered", "moved", "lost", "open"]].to_numpy()


def test_each_lead_is_in_one_place(company):
    frame = funnel(*company).to_frame()
    steps = frame.iloc[:-1]
    assert (steps["entered"] == steps["moved"] + steps["lost"] + steps["open"]).all()
    assert (steps["moved"].to_numpy() == frame["entered"].iloc[1:].to_numpy()).all()
    assert frame["entered"].iloc[0] == len(company[0])
    leads = company[0]
    assert frame["lost"].sum() == leads["stage"].isin(["lost", "discarded"]).sum()
    assert frame["entered"].iloc[-1] == (leads["stage"] == "won").sum()
    assert frame["open"].sum() == leads["stage"].isin(["new", "MQL", "SQL", "opportunity"]).sum()


def test_the_history_alone_gives_the_same_counts_as_the_deals(company):
    leads, deals = company
    bare = leads.drop(columns=["mql_at", "sql_at"])
    history = datasets.load("stages")
    as_of = "2025-06-30"
    np.testing.assert_array_equal(
        counts(funnel(bare, None, history, as_of=as_of)), counts(funnel(leads, deals, as_of=as_of))
    )


@pytest.mark.parametrize("by", ["channel", "source", "owner", "industry", "month", "year"])
def test_groups_add_up_to_the_whole(company, by):
    whole, parts = funnel(*company), funnel(*company, by=by)
    for name in ("entered", "moved", "lost", "open"):
        np.testing.assert_array_equal(getattr(parts, name).sum(axis=0), getattr(whole, name)[0])
    assert parts.by == by


def test_groups_are_in_order(company):
    assert funnel(*company, by="quarter").groups[:3] == ("2024-Q1", "2024-Q2", "2024-Q3")
    assert funnel(*company, by="industry").groups[-1] == "(missing)"
    sizes = funnel(*company, by="owner").entered[:, 0]
    assert sizes.tolist() == sorted(sizes, reverse=True)


def test_months_begin_at_local_midnight():
    leads = table(
        LEAD,
        ("a", "p", "k", 30.98, 31.5, None, None, ""),
        ("b", "q", "k", *[1] * 2, *[None] * 2, ""),
    )
    assert funnel(leads, by="month").groups == ("2025-01",)
    assert funnel(leads, by="month", tz="Europe/Rome").groups == ("2025-01", "2025-02")


@settings(max_examples=10)
@given(st.integers(0, 1000))
def test_order_of_rows_does_not_matter(company, seed):
    leads, deals = company
    one = funnel(leads, deals, by="owner")
    other = funnel(
        leads.sample(frac=1, random_state=seed), deals.sample(frac=1, random_state=seed), by="owner"
    )
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), check_exact=True)


def test_matured_rate_is_the_incidence_of_hand_made_steps():
    rows = [
        ("a", "p1", "k", 0, 10, None, None, "MQL"),
        ("b", "p2", "k", 0, None, None, 20, "discarded"),
        ("c", "p3", "k", 20, None, None, None, "new"),
        ("d", "p4", "k", 0, 30, None, None, "MQL"),
    ]
    result = funnel(table(LEAD, *rows), as_of=day(40), stage_set=SHORT)
    curve = cumulative_incidence([10, 20, 20, 30], [1, 2, 0, 1])
    assert result.rate[0, 0] == pytest.approx(curve.incidence[0, -1])
    assert result.drop_off[0, 0] == pytest.approx(curve.incidence[1, -1])
    assert result.raw_rate[0, 0] == 0.5
    assert result.days[0, 0] == 30
    assert result.window_days[0, 0] == 30
    early = funnel(table(LEAD, *rows), as_of=day(40), stage_set=SHORT, within_days=15)
    assert early.rate[0, 0] == 0.25
    assert early.drop_off[0, 0] == 0


SHORT = StageSet("short", (Stage("lead", "created_at"), Stage("mql", "mql_at")), ("discarded",))


def test_young_leads_are_not_counted_as_lost():
    """Leads arrive evenly and half move on: the raw rate is too low, the matured one is not."""
    rng = np.random.default_rng(1)
    n, truth, covered, matured, raw = 300, 0.5 * 50 / 60, [], [], []
    for _ in range(200):
        born, moves, wait = rng.uniform(0, 120, n), rng.random(n) < 0.5, rng.uniform(0, 60, n)
        at = START + pd.to_timedelta(born, unit="D").round("us")
        end = START + pd.to_timedelta(born + wait, unit="D").round("us")
        leads = pd.DataFrame({"lead_id": np.arange(n).astype(str), "created_at": at})
        leads["mql_at"] = end.where(moves)
        leads["ended_at"] = end.where(~moves)
        leads["stage"] = np.where(moves, "mql", "discarded")
        result = funnel(leads, as_of=day(120), stage_set=SHORT, within_days=50)
        matured.append(result.rate[0, 0])
        raw.append(result.raw_rate[0, 0])
        covered.append(result.rate_lower[0, 0] <= truth <= result.rate_upper[0, 0])
    assert np.mean(raw) < truth - 0.03
    assert np.mean(matured) == pytest.approx(truth, abs=0.01)
    # 200 draws at 90%: the Monte Carlo error is 2.1 points.
    assert 0.83 <= np.mean(covered) <= 0.96


def test_looking_earlier_sees_nothing_of_what_came_later():
    leads = table(
        LEAD, ("a", "p", "k", 0, 5, 9, 50, "lost"), ("b", "q", "k", 30, 31, None, None, "")
    )
    deals = table(DEAL, ("d", "p", "k", 12, 50, False))
    then = funnel(leads, deals, as_of=day(20))
    assert counts(then).tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 0, 0, 1],
        [0] * 4,
    ]
    assert any("created after" in note for note in then.notes)
    assert counts(funnel(leads, deals))[3].tolist() == [1, 0, 1, 0]


def test_missing_and_disordered_dates_are_counted_and_said():
    leads = table(
        LEAD,
        ("skipped", "p1", "k1", 0, None, 9, None, "SQL"),
        ("backwards", "p2", "k2", 10, 4, 12, None, "SQL"),
        ("undated loss", "p3", "k3", 0, 3, None, None, "discarded"),
        ("undated win", "p4", "k4", 0, 3, 5, None, "won"),
        ("no birth", "p5", "k5", None, 3, 5, None, "SQL"),
        ("plain", "p6", "k6", 0, 6, 8, None, "SQL"),
    )
    result = funnel(leads, table(DEAL, ("d", "z", "z", 1, 2, True)), as_of=day(40))
    said = " | ".join(result.notes)
    for words in (
        "1 lead(s) without created_at",
        "without a date of mql",
        "1 lead(s) with mql dated before lead",
        "1 loss(es) without a date",
        "1 win(s) without a date",
        "1 deal(s) that follow no lead",
    ):
        assert words in said
    assert result.entered[0].tolist() == [5, 5, 4, 1, 1]
    assert result.lost[0].tolist() == [0, 1, 0, 0, 0]
    # Rates hold them all, times only those with both dates: 3, 3 and 6 days.
    assert result.rate[0, 0] == 1
    assert result.days[0, 0] == 3
    assert result.days_upper[0, 0] == 6


def test_deals_follow_the_latest_lead_of_the_person_then_of_the_account():
    leads = table(
        LEAD[:4],
        ("old", "p", "k", 0),
        ("new", "p", "k", 10),
        ("colleague", "q", "k", 15),
        ("late", "p", "k", 40),
    )
    deals = table(
        DEAL,
        ("by person", "p", "k", 20, None, None),
        ("by account", "r", "k", 20, None, None),
        ("before all", "p", "k", -1, None, None),
        ("same instant", "p", "k", 10, None, None),
        ("nobody", None, None, 20, None, None),
        ("closed only", "q", "k", None, 16, True),
    )
    assert link_deals(leads, deals).tolist() == [1, 2, -1, 1, -1, 2]
    with pytest.raises(InputError, match="neither person_id nor account_id"):
        link_deals(leads[["lead_id", "created_at"]], deals)


def test_a_second_opportunity_can_still_win():
    leads = table(LEAD, ("a", "p", "k", 0, 1, 2, None, ""))
    first, second = ("d1", "p", "k", 5, 10, False), ("d2", "p", "k", 20, 30, True)
    assert funnel(leads, table(DEAL, first), as_of=day(15)).lost[0, 3] == 1
    result = funnel(leads, table(DEAL, first, second), as_of=day(40))
    assert result.entered[0].tolist() == [1] * 5
    assert result.lost.sum() == 0
    assert funnel(leads, table(DEAL, first, second), as_of=day(25)).open[0, 3] == 1


def test_renewals_are_not_sold_to_leads():
    leads = table(LEAD, ("a", "p", "k", 0, 1, 2, None, ""))
    deals = table(DEAL, ("d1", "p", "k", 5, 10, True)).assign(kind="renewal")
    result = funnel(leads, deals, as_of=day(20))
    assert result.entered[0].tolist() == [1, 1, 1, 0, 0]
    assert "1 renewal and expansion deal(s), left out" in result.notes
    assert funnel(leads, deals.assign(kind="new")).entered[0, -1] == 1


def test_a_lead_given_up_before_its_deal_closed_is_lost_at_once():
    leads = table(LEAD, ("a", "p", "k", 0, 1, 2, 15, "discarded"))
    deals = table(DEAL, ("d1", "p", "k", 5, 50, False))
    assert funnel(leads, deals, as_of=day(20)).lost[0].tolist() == [0, 0, 0, 1, 0]


def test_a_borrowed_opening_date_makes_no_cycle():
    leads = table(LEAD, ("a", "p", "k", 0, 1, 2, None, ""), ("b", "q", "k", 0, 1, 2, None, ""))
    deals = table(DEAL, ("d1", "p", "k", None, 30, True), ("d2", "q", "k", 10, 35, True))
    lead, opportunity = sales_cycle(leads, deals)
    assert (lead.value, lead.n) == (30.0, 2)
    assert (opportunity.value, opportunity.n) == (25.0, 1)
    assert "no lead has a dated opportunity" in sales_cycle(leads, deals.iloc[:1])[1].note


def test_b2c_has_no_losses():
    columns = ("lead_id", "person_id", "created_at", "signed_up_at")
    visits = table(columns, ("a", "p", 0, 1), ("b", "q", 0, None), ("c", "r", 3, 4))
    orders = table(
        ("deal_id", "person_id", "closed_at", "won"), ("o1", "p", 2, True), ("o2", "p", 9, True)
    )
    result = funnel(visits, orders, stage_set=B2C, as_of=day(10))
    assert result.stages == ("visit", "sign_up", "purchase")
    assert counts(result).tolist() == [[3, 2, 0, 1], [2, 1, 0, 1], [1, 0, 0, 0]]
    assert result.days[0].tolist()[:2] == [1.0, 1.0]


def test_a_window_nobody_was_followed_through_has_no_rate(company):
    result = funnel(*company, by="quarter", within_days=90)
    at = result.groups.index("2025-Q4")
    assert np.isnan(result.rate[at, 0])
    assert any("nobody was followed for 90 days" in note for note in result.notes)
    assert result.entered[at, 0] > 0


def test_what_only_young_leads_could_still_do_widens_the_interval():
    rows = [(str(i), "p", "k", 0, 10, None, None, "mql") for i in range(8)]
    rows += [(str(i), "p", "k", 0, None, None, 4, "discarded") for i in range(8, 16)]
    rows += [("young", "p", "k", 85, None, None, None, "new")]
    found = funnel(table(LEAD, *rows), as_of=day(100), stage_set=SHORT, within_days=90)
    curve = cumulative_incidence([10] * 8 + [4] * 8 + [15], [1] * 8 + [2] * 8 + [0])
    assert found.rate[0, 0] == pytest.approx(curve.incidence[0, -1])
    assert found.rate_upper[0, 0] == pytest.approx(curve.upper[0, -1] + 1 / 17)
    none_that_old = funnel(table(LEAD, *rows), as_of=day(100), stage_set=SHORT, within_days=101)
    assert np.isnan(none_that_old.rate[0, 0])


def test_rate_as_an_indicator(company):
    result = funnel(*company)
    kpi = result.kpi("mql")
    assert (kpi.name, kpi.unit, kpi.n) == ("mql_to_sql", "share", 190)
    assert kpi.lower < kpi.value < kpi.upper
    assert kpi.value > 164 / 190
    with pytest.raises(ConfigError, match="stages are 'lead'"):
        result.kpi("won")


def test_wrong_arguments_say_what_to_do(company):
    leads, deals = company
    with pytest.raises(InputError, match="ChannelMap"):
        funnel(leads.drop(columns="channel"), deals, by="channel")
    with pytest.raises(InputError, match="no column 'segment'"):
        funnel(leads, deals, by="segment")
    with pytest.raises(InputError, match=r"pandas\.cut"):
        funnel(leads, deals, by="lead_id")
    with pytest.raises(InputError, match="Look from a later date"):
        funnel(leads, deals, as_of="2020-01-01")
    with pytest.raises(ConfigError, match="as_of"):
        funnel(leads, deals, as_of="soon")
    with pytest.raises(ConfigError, match="within_days"):
        funnel(leads, deals, within_days=0)
    with pytest.raises(InputError, match="read_leads"):
        funnel(leads.assign(created_at="2025-01-01"), deals)
    with pytest.raises(ConfigError, match="at least two"):
        StageSet("x", (Stage("lead", "created_at"),))


def test_a_last_event_at_the_edge_does_not_move_a_small_young_group():
    """Groups differ in how many move on, not in how fast: errors against the truth are smaller."""
    rng = np.random.default_rng(0)
    sizes, truth, looked = (200, 60, 15, 10, 8), (0.5, 0.4, 0.6, 0.3, 0.5), (400, 300, 90, 60, 45)
    own, shared, covered = [], [], []
    for _ in range(40):
        parts = []
        for name, n, rate, span in zip("abcde", sizes, truth, looked, strict=True):
            age, moves = rng.uniform(1, span, n), rng.random(n) < rate
            took = np.where(moves, rng.gamma(2, 20, n), rng.gamma(2, 25, n))
            over = took <= age
            at = pd.to_timedelta(400 - age, unit="D").round("us") + START
            end = at + pd.to_timedelta(took, unit="D").round("us")
            part = pd.DataFrame({"created_at": at, "team": name})
            part["mql_at"] = end.where(over & moves)
            part["ended_at"] = end.where(over & ~moves)
            part["stage"] = np.where(over & ~moves, "discarded", "new")
            parts.append(part)
        leads = pd.concat(parts, ignore_index=True)
        leads["lead_id"] = leads.index.astype("str")
        found = funnel(leads, by="team", as_of=day(400), stage_set=SHORT)
        for name, rate in zip("cde", truth[2:], strict=True):
            g = found.groups.index(name)
            if np.isnan(found.rate[g, 0]):
                continue  # too young to say
            alone = funnel(leads[leads["team"] == name], as_of=day(400), stage_set=SHORT)
            own.append(alone.rate[0, 0] - rate)
            shared.append(found.rate[g, 0] - rate)
            covered.append(found.rate_lower[g, 0] <= rate <= found.rate_upper[g, 0])
    assert np.mean(np.square(shared)) < 0.75 * np.mean(np.square(own))
    assert abs(np.mean(shared)) < 0.05
    assert 0.85 <= np.mean(covered) <= 0.99


def test_groups_without_open_leads_have_plain_shares():
    rows = [(f"a{i}", "p", "k", 0, 10 + i, None, None, "mql") for i in range(6)]
    rows += [(f"b{i}", "p", "k", 0, None, None, 5 + i, "discarded") for i in range(4)]
    leads = table(LEAD, *rows).assign(team="one")
    found = funnel(leads, by="team", as_of=day(40), stage_set=SHORT)
    assert found.rate[0, 0] == pytest.approx(0.6)
    assert found.drop_off[0, 0] == pytest.approx(0.4)


def test_immature_groups_have_no_rate_and_are_named():
    rows = [(f"a{i}", "p", "k", 0, 20 + i, None, None, "mql") for i in range(30)]
    rows += [(f"b{i}", "p", "k", 58, None, None, None, "new") for i in range(5)]
    leads = table(LEAD, *rows).assign(team=["old"] * 30 + ["young"] * 5)
    found = funnel(leads, by="team", as_of=day(60), stage_set=SHORT)
    assert np.isnan(found.rate[found.groups.index("young"), 0])
    assert any("mature" in note and "lead of young" in note for note in found.notes)
