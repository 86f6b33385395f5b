"""Journeys cut at each stage, against plain loops and by hand."""

import warnings
from datetime import timedelta

import pandas as pd
import pytest

from mmm.channels import ChannelMap
from mmm.datasets import load
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.journeys import build_journeys, stage_journeys
from mmm.journeys.stages import ALL_STAGES

DATES = {"lead": "created_at", "mql": "mql_at", "sql": "sql_at"}


@pytest.fixture(scope="module")
def company():
    return {name: load(name) for name in ("touches", "deals", "leads", "contacts")}


@pytest.fixture(scope="module")
def cut(company):
    return stage_journeys(
        company["touches"],
        company["deals"],
        company["leads"],
        contacts=company["contacts"],
        by="account",
    )


def accounts_of(touches, contacts, leads):
    known = pd.concat([contacts, leads])[["person_id", "account_id"]].dropna()
    of = known.drop_duplicates("person_id").set_index("person_id")["account_id"]
    return touches["account_id"].fillna(touches["person_id"].map(of))


@pytest.mark.parametrize("stage", ["lead", "mql", "sql"])
def test_leads_have_the_touches_before_the_date_of_the_stage(company, cut, stage):
    """One lead an account in this company: no touch has two leads to serve."""
    touches, leads = company["touches"], company["leads"]
    label = ChannelMap().assign(touches)
    account = accounts_of(touches, company["contacts"], leads)
    journeys = cut[stage]
    got = dict(zip(journeys.deal_id, journeys.paths(), strict=True))
    reached = leads[leads[DATES[stage]].notna()]
    with_touch = 0
    for lead in reached.itertuples():
        at = getattr(lead, DATES[stage])
        opens = lead.created_at - timedelta(days=180)
        own = [
            (when, name)
            for when, name, who in zip(touches["touched_at"], label, account, strict=True)
            if who == lead.account_id and opens <= when <= at
        ]
        assert got.get(lead.lead_id, ()) == tuple(name for _, name in sorted(own))
        with_touch += bool(own)
    assert journeys.conversions.sum() == with_touch > 100
    assert journeys.unattributed.deals == len(reached) - with_touch
    assert journeys.about["stage_counts"]["reached"] == len(reached)
    assert not journeys.has_value


def test_leads_that_never_became_a_deal_are_in(company, cut):
    dealt = set(company["deals"]["account_id"])
    leads = company["leads"]
    without = set(leads.loc[~leads["account_id"].isin(dealt), "lead_id"])
    assert len(without & set(cut["lead"].deal_id)) > 50


def test_opportunities_are_all_deals_at_their_creation(company, cut):
    journeys, deals = cut["opportunity"], company["deals"]
    assert journeys.conversions.sum() + journeys.unattributed.deals == len(deals)
    assert journeys.total_value == sum(deals["value"].dropna())
    created = deals.set_index("deal_id")["created_at"]
    for j, deal_id in enumerate(journeys.deal_id):
        if deal_id is not None:
            last = journeys.touched_at[journeys.start[j + 1] - 1]
            assert pd.Timestamp(last, tz="UTC") <= created[deal_id]


def test_won_is_what_build_journeys_gives(company, cut):
    whole = build_journeys(
        company["touches"],
        company["deals"],
        leads=company["leads"],
        contacts=company["contacts"],
        by="account",
        as_of=cut["won"].about["as_of"],
    )
    assert whole.total_value == cut["won"].total_value
    assert list(whole.paths()) == list(cut["won"].paths())


def test_later_stages_keep_the_touches_of_earlier_ones(cut):
    paths = {s: dict(zip(j.deal_id, j.paths(), strict=True)) for s, j in cut.items()}
    both = [lead for lead in paths["sql"] if lead is not None and lead in paths["lead"]]
    assert len(both) > 50
    for lead in both:
        early, late = paths["lead"][lead], paths["sql"][lead]
        assert late[: len(early)] == early


def hand(leads, deals=None, touches=None, **options):
    touches = touches if touches is not None else [("p1", "2024-01-10 09:00", "Email")]
    touch_table = pd.DataFrame(touches, columns=["person_id", "touched_at", "channel"])
    deal_table = pd.DataFrame(
        deals if deals is not None else [("d9", "p9", "2024-05-01", "2024-06-01", True, "1.00")],
        columns=["deal_id", "person_id", "created_at", "closed_at", "won", "value"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return stage_journeys(touch_table, deal_table, leads, **options)


def leads_frame(rows):
    columns = ["lead_id", "person_id", "created_at", "mql_at", "sql_at", "ended_at"]
    return pd.DataFrame(rows, columns=columns).astype("str").replace("None", None)


def test_reached_ended_open_and_passed_leads():
    leads = leads_frame(
        [
            ("reached", "p1", "2024-01-11 10:00", "2024-01-20 10:00", None, None),
            ("ended", "p2", "2024-01-11 10:00", None, None, "2024-02-01 10:00"),
            ("open", "p3", "2024-01-11 10:00", None, None, None),
            ("passed", "p4", "2024-01-11 10:00", None, "2024-03-01 10:00", None),
            ("dealt", "p9", "2024-01-11 10:00", None, None, "2024-06-01 10:00"),
        ]
    )
    touches = [(f"p{i}", "2024-01-10 09:00", "Email") for i in (1, 2, 3, 4, 9)]
    journeys = hand(leads, touches=touches, stages=["mql"])["mql"]
    assert journeys.deal_id.tolist() == ["reached", "ended"]
    assert journeys.conversions.tolist() == [1.0, 0.0]
    assert journeys.nulls.tolist() == [0.0, 1.0]
    assert journeys.about["stage_counts"] == {
        "reached": 1,
        "ended_before": 1,
        "open": 1,
        "passed_without_date": 2,
        "dated_before_lead": 0,
    }


def test_a_stage_dated_before_its_lead_is_reached_at_once():
    leads = leads_frame([("l1", "p1", "2024-01-11 10:00", "2023-12-01 10:00", None, None)])
    journeys = hand(leads, stages=["mql"])["mql"]
    assert list(journeys.paths()) == [("Email",)]
    assert journeys.about["stage_counts"]["dated_before_lead"] == 1


def test_a_lead_known_by_its_day_counts_the_touch_of_that_day():
    leads = leads_frame([("l1", "p1", "2024-01-10", "2024-01-10", None, None)])
    cut = hand(leads, stages=["lead", "mql"])
    assert [list(journeys.paths()) for journeys in cut.values()] == [[("Email",)]] * 2


def test_as_of_leaves_later_stages_open():
    leads = leads_frame([("l1", "p1", "2024-01-11 10:00", "2024-03-01 10:00", None, None)])
    cut = hand(leads, stages=["lead", "mql"], as_of="2024-02-01")
    assert cut["lead"].conversions.sum() == 1
    assert cut["mql"].conversions.sum() == 0


def test_the_opportunity_comes_after_the_stages_of_a_lead(cut):
    for stage in DATES:
        assert (cut[stage].anchors["opportunity"] == -1).all()
    won = cut["won"].conversions > 0
    assert (cut["won"].anchors["opportunity"][won] >= 0).any()


def test_without_touches_the_source_of_the_lead_is_its_one_touch(company):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        cut = stage_journeys(None, company["deals"], company["leads"], stages=["lead", "won"])
    named = company["leads"]["source"].notna().sum()
    assert cut["lead"].conversions.sum() == pytest.approx(named, abs=0.15 * named)
    assert set(cut["lead"].lengths) == {1}


def test_what_cannot_be_cut_is_said():
    leads = leads_frame([("l1", "p1", "2024-01-11", None, None, None)])
    with pytest.raises(InputError, match=r"leads have no mql_at.*Map mql_at"):
        hand(leads, stages=["mql"])
    with pytest.raises(InputError, match="deals have no created_at"):
        hand(leads, deals=[("d1", "p1", None, "2024-06-01", True, "1.00")], stages=["opportunity"])
    with pytest.raises(ConfigError, match=r"'demo'.*'lead', 'mql', 'sql', 'opportunity', 'won'"):
        hand(leads, stages=["demo"])
    with pytest.raises(ConfigError, match="by_state"):
        hand(leads, stages=["won"], expected={"d1": 1})
    assert tuple(hand(leads, stages="lead")) == ("lead",)
    assert ALL_STAGES[-1] == "won"
