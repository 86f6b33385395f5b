"""Every indicator with a change has its because and its action."""

from datetime import timedelta

import pandas as pd
import pytest

from mmm import datasets
from mmm.channels import ChannelMap
from mmm.errors import MmmError
from mmm.run.agreement import Agreement, kept
from mmm.run.changes import Compared, explanations, two_periods
from mmm.run.gaps import health_gaps
from mmm.run.health import funnel_health

AS_OF = pd.Timestamp("2025-12-25", tz="UTC")
NAMES = [
    "cac",
    "won_value",
    "lead_to_customer",
    "sales_cycle_from_lead",
    "average_deal",
    "sales_velocity",
]


@pytest.fixture(scope="module")
def tables():
    return {name: datasets.load(name) for name in ("leads", "deals", "spend", "costs")}


@pytest.fixture(scope="module")
def explained(tables):
    periods = two_periods(tables, AS_OF)
    return explanations(Compared(tables, ChannelMap(), periods, AS_OF, 0.9, 0))


def test_every_indicator_has_its_because_and_its_action(explained):
    found, missing = explained
    assert [why.formula.name for why in found] == NAMES
    assert missing == []
    for why in found:
        finding = why.finding()
        assert finding.action
        assert finding.because
        assert (finding.action == "action.wait") == why.within_noise
        for lang in ("en", "it"):
            assert len(finding.sentence(lang)) > 60
        # Noise or not, the terms are exact.
        scale = abs(why.before) + abs(why.after) + abs(why.amount).sum()
        assert abs(why.amount.sum() - why.change) <= 1e-9 * scale


def test_tables_of_different_years_share_no_day(tables):
    later = tables["spend"].assign(date=tables["spend"]["date"] + pd.DateOffset(years=9))
    with pytest.raises(MmmError, match="the tables share 0 days"):
        two_periods({**tables, "spend": later}, AS_OF)


def test_the_page_says_the_same_figures_as_the_explanations(tables, explained):
    health = funnel_health(tables, ChannelMap(), as_of=AS_OF)
    assert [why.change for why in health.changes] == [why.change for why in explained[0]]
    assert (health.won.n_deals, health.won.n_new) == (86, 60)


def test_the_value_won_is_that_of_the_books(tables, explained):
    periods = two_periods(tables, AS_OF)
    deals = tables["deals"]
    new = deals[deals["won"].fillna(False) & (deals["kind"].isna() | (deals["kind"] == "new"))]
    day = new["closed_at"].dt.date
    found = next(why for why in explained[0] if why.formula.name == "won_value")
    for figure, (first, last) in zip((found.before, found.after), periods, strict=True):
        booked = float(sum(new.loc[(day >= first) & (day <= last), "value"]))
        assert figure == pytest.approx(booked)
    assert found.lower < found.change < found.upper


def test_without_spend_only_the_cost_is_unexplained(tables):
    bare = {name: tables[name] for name in ("leads", "deals")}
    periods = two_periods(bare, AS_OF)
    found, missing = explanations(Compared(bare, ChannelMap(), periods, AS_OF, 0.9, 0))
    assert [why.formula.name for why in found] == NAMES[1:]
    assert missing == ["change of cac: needs spend. Add the table."]


def test_both_sides_of_the_agreement_are_held_against_the_leads(tables):
    leads = tables["leads"]
    found = kept(leads, Agreement(leads_a_month=8, within_hours=16), as_of=AS_OF)
    month = leads["mql_at"].dt.tz_convert("Europe/Rome").dt.strftime("%Y-%m")
    counts = month.value_counts()
    assert found.delivery.month == tuple(f"{y}-{m:02}" for y, m in MONTHS)
    assert found.delivery.delivered.tolist() == [counts.get(m, 0) for m in found.delivery.month]
    assert found.delivery.promised.tolist() == [8] * 12
    assert found.speed.in_time[0].value > 0.24  # which holds within 8 hours
    assert set(found.by_owner.groups) == set(leads["owner"])


MONTHS = [(2024, 12), *((2025, month) for month in range(1, 12))]


def test_leads_without_dates_say_what_the_agreement_needs(tables):
    bare = tables["leads"].drop(columns=["mql_at", "first_contacted_at"])
    deals = tables["deals"].drop(columns="currency")
    settings = {"as_of": AS_OF, "currency": "USD"}
    health = funnel_health({**tables, "deals": deals, "leads": bare}, ChannelMap(), **settings)
    assert (health.hygiene.currency, health.alignment.currency) == ("USD", "USD")
    assert health.kept is None
    assert any(line.startswith("agreement: needs leads.mql_at") for line in health.missing)


def test_costs_are_not_compared_where_a_file_of_spend_misses_part_of_the_periods(tables):
    (start, _), (_, end) = periods = two_periods(tables, AS_OF)
    spend = tables["spend"].copy()
    late = start + timedelta(days=90)
    for first, compared in ((start + timedelta(days=31), True), (late, False)):
        spend.attrs["spans"] = {"ads.csv": (start, end), "fairs.xlsx": (first, end)}
        found, missing = explanations(
            Compared({**tables, "spend": spend}, ChannelMap(), periods, AS_OF, 0.9, 0)
        )
        assert (found[0].formula.name == "cac") == compared
        assert bool(missing) != compared
    (gap,) = health_gaps(missing)
    for lang, like in (("en", "would be compared: not like with like"), ("it", "alla pari")):
        sentence = gap.sentence(lang)
        assert "fairs.xlsx" in sentence
        assert like in sentence
