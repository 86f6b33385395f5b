"""The sales cycle: where it starts, and that it does not drift with the day one looks."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.channels import ChannelMap
from mmm.errors import ConfigError
from mmm.funnel.stages import sales_cycle


@pytest.fixture(scope="module")
def company():
    leads = datasets.load("leads")
    return leads.assign(channel=ChannelMap().assign(leads)), datasets.load("deals")


def test_cycles_start_where_they_say(company):
    lead, opportunity = sales_cycle(*company)
    assert (lead.name, opportunity.name) == (
        "sales_cycle_from_lead",
        "sales_cycle_from_opportunity",
    )
    assert lead.n == 216
    assert opportunity.n == 139
    assert opportunity.value < lead.value
    for kpi in (lead, opportunity):
        assert kpi.lower < kpi.value < kpi.upper
        assert f"{kpi.window_days:.4g} days" in kpi.note


def test_without_opportunities_only_the_cycle_from_lead_is_known(company):
    lead, opportunity = sales_cycle(company[0])
    assert lead.value > 0
    assert np.isnan(opportunity.value)
    assert "no table holds a date of stage opportunity" in opportunity.note


def test_a_cycle_longer_than_the_follow_up_is_refused(company):
    lead, opportunity = sales_cycle(*company, as_of="2024-06-30", until_days=160)
    assert lead.value > 0
    assert lead.n == 59
    assert np.isnan(opportunity.value)
    assert "nobody was followed for 160 days yet" in opportunity.note
    with pytest.raises(ConfigError, match="until_days"):
        sales_cycle(*company, until_days=-1)


@pytest.fixture(scope="module")
def olist(shared):
    """Leads of the first quarter of 2018 at a Brazilian marketplace, and the deals won."""
    folder = shared / "data" / "leads"
    leads = pd.read_csv(folder / "olist_marketing_qualified_leads_dataset.csv.gz")
    deals = pd.read_csv(folder / "olist_closed_deals_dataset.csv")
    born = pd.to_datetime(leads["first_contact_date"], format="%d-%m-%Y", utc=True)
    won = pd.to_datetime(deals["won_date"], format="%d-%m-%Y %H:%M", utc=True)
    leads = pd.DataFrame({"lead_id": leads["mql_id"], "person_id": leads["mql_id"]}).assign(
        created_at=born.astype("datetime64[us, UTC]")
    )
    deals = pd.DataFrame({"deal_id": deals["seller_id"], "person_id": deals["mql_id"]}).assign(
        closed_at=won.astype("datetime64[us, UTC]"), won=pd.array([True] * len(deals), "boolean")
    )
    quarter = born.between("2018-01-01", "2018-03-31")
    return leads[quarter].reset_index(drop=True), deals


DATES = ("2018-04-01", "2018-05-01", "2018-06-01", "2018-07-01", "2018-09-01", "2018-11-15")


def test_the_cycle_of_a_cohort_stays_while_the_mean_of_closed_deals_grows(olist):
    leads, deals = olist
    joined = leads.merge(deals, on="person_id")
    means, found = [], []
    for date in DATES:
        closed = joined[joined["closed_at"] <= pd.Timestamp(date, tz="UTC")]
        means.append(float((closed["closed_at"] - closed["created_at"]).dt.total_seconds().mean()))
        found.append(sales_cycle(leads, deals, as_of=date)[0])
    assert means[-1] > 2.5 * means[0]
    # Nobody named a horizon: every look settles on the same one, and stays within every interval.
    assert {kpi.window_days for kpi in found} == {90.0}
    values = [kpi.value for kpi in found]
    assert all(kpi.lower <= value <= kpi.upper for kpi in found for value in values)
    assert max(values) < 1.06 * min(values)
    # What the horizon leaves out is said.
    assert "70 came later" in found[-1].note
    # Up to the longest follow-up late wins count too, and the median grows out of its interval.
    ever = sales_cycle(leads, deals, as_of=DATES[-1], until_days=318)[0]
    assert ever.value > found[0].upper


def test_the_cycle_of_a_slow_company_stays_within_its_intervals(company):
    found = [sales_cycle(*company, as_of=f"2025-{month:02}-28")[0] for month in (3, 6, 9, 12)]
    assert all(one.lower <= other.value <= one.upper for one in found for other in found)
