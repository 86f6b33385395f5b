from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from mmm.simulate import TABLES, simulate_company
from mmm.tables.schema import SPECS

FEATURES = {
    "industry", "employees", "country", "region", "job_level", "email_kind", "pages_viewed",
    "price_page", "demo_request", "webinar", "newsletter",
}  # fmt: skip
SCHEMA_TABLES = [name for name in TABLES if name != "weekly"]


def _ordered(earlier: pd.Series, later: pd.Series) -> bool:
    both = earlier.notna() & later.notna()
    assert both.any()
    return bool((earlier[both] <= later[both]).all())


def test_equal_seeds_give_equal_companies_bit_for_bit(company):
    again = simulate_company(seed=3)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(company, name), rtol=0, atol=0)
    assert again.truth.to_dict() == company.truth.to_dict()


@pytest.mark.parametrize("name", ["touches", "deals", "leads", "spend", "weekly"])
def test_another_seed_gives_another_company(company, name):
    assert not getattr(simulate_company(seed=4), name).equals(getattr(company, name))


def test_a_knob_of_the_deals_leaves_spend_and_revenue_alone(company):
    other = simulate_company(seed=3, confounding=0.0)
    pd.testing.assert_frame_equal(other.spend, company.spend)
    pd.testing.assert_series_equal(other.weekly["revenue"], company.weekly["revenue"])
    assert not other.deals.equals(company.deals)


@pytest.mark.parametrize("name", SCHEMA_TABLES)
def test_columns_are_those_of_the_schema(company, name):
    spec, frame = SPECS[name], getattr(company, name)
    foreign = set(frame.columns) - set(spec.names)
    assert foreign == (FEATURES if name == "leads" else set())
    for column in spec.columns:
        assert not column.required or column.name in frame.columns
        assert not column.complete or frame[column.name].notna().all()
    for group in spec.one_of:
        assert frame[[c for c in group if c in frame.columns]].notna().any(axis=1).all()
    if spec.key:
        assert not frame.duplicated([c for c in spec.key if c in frame.columns]).any()
    for column in spec.columns:
        if column.kind == "instant" and column.name in frame.columns:
            assert str(frame[column.name].dtype) == "datetime64[us, UTC]"
            assert (frame[column.name].dropna().dt.microsecond == 0).all()


def test_touches_carry_no_channel_but_their_spelling_has_one(company):
    assert "channel" not in company.touches.columns
    spelled = company.touches.merge(company.truth.channel_map, how="left")
    np.testing.assert_array_equal(spelled["channel"], company.truth.touches["channel"])


def test_nothing_happens_outside_the_history(company):
    settings = company.truth.settings
    for name in SCHEMA_TABLES:
        for column in getattr(company, name).select_dtypes("datetimetz"):
            instants = getattr(company, name)[column].dropna()
            assert (instants >= settings.monday).all()
            assert (instants < settings.end).all()
    assert settings.end <= pd.Timestamp("2026-10-01", tz="UTC")


def test_deals_are_open_or_closed_and_in_order(company):
    deals = company.deals
    is_open = deals["won"].isna()
    assert 0 < is_open.sum() < len(deals)
    assert (deals["closed_at"].isna() == is_open).all()
    assert (deals["expected_on"].notna() == is_open).all()
    assert _ordered(deals["created_at"], deals["closed_at"])
    stage = deals["stage"].where(deals["stage"].isin(["won", "lost"]))
    expected = deals["won"].map({True: "won", False: "lost"})
    assert (stage.fillna("open") == expected.astype("str").fillna("open")).all()
    assert set(deals["kind"]) == {"new", "expansion", "renewal"}


def test_leads_pass_their_stages_in_order(company):
    leads = company.leads
    assert _ordered(leads["created_at"], leads["mql_at"])
    assert _ordered(leads["created_at"], leads["first_contacted_at"])
    assert _ordered(leads["first_contacted_at"], leads["sql_at"])
    assert _ordered(leads["mql_at"], leads["sql_at"])
    assert _ordered(leads["sql_at"], leads["ended_at"])
    over = leads["stage"].isin(["won", "lost", "discarded"])
    assert (leads["ended_at"].notna() == over).all()
    assert (leads["discard_reason"].notna() == (leads["stage"] == "discarded")).all()
    assert leads["source"].isna().any()


def test_first_deals_follow_their_lead(company):
    new = company.deals[company.deals["kind"] == "new"]
    both = new.merge(company.leads, on="account_id", suffixes=("", "_lead"), validate="1:1")
    assert len(both) == len(new)
    assert (both["person_id"] == both["person_id_lead"]).all()
    assert _ordered(both["sql_at"], both["created_at"])
    closed = both["closed_at"].notna()
    assert (both.loc[closed, "closed_at"] == both.loc[closed, "ended_at"]).all()
    cycle = (both["closed_at"] - both["created_at_lead"]).dt.days.median()
    assert 100 <= cycle <= 150


def test_a_later_deal_needs_a_won_first_one(company):
    deals = company.deals
    later = deals[deals["kind"] != "new"]
    first = deals[(deals["kind"] == "new") & deals["won"].fillna(False).astype(bool)]
    both = later.merge(first, on="account_id", suffixes=("", "_first"), validate="m:1")
    assert len(both) == len(later) > 0
    assert _ordered(both["closed_at_first"], both["created_at"])


def test_leads_begin_at_a_touch_of_their_person_unless_served_by_field_sales(company):
    leads, touches = company.leads, company.touches
    met = leads.merge(
        touches, left_on=["person_id", "created_at"], right_on=["person_id", "touched_at"]
    )
    assert met["lead_id"].is_unique
    creating = company.truth.touches.loc[company.truth.touches["created_lead"], "touch_id"]
    assert set(met["touch_id"]) == set(creating)
    silent = leads[~leads["lead_id"].isin(met["lead_id"])]
    assert 0 < len(silent) < 0.15 * len(leads)
    accounts = company.contacts.merge(touches[["person_id"]])["account_id"]
    assert not silent["account_id"].isin(accounts).any()


def test_some_won_deals_have_no_touch(company):
    accounts = company.contacts.merge(company.touches[["person_id"]])["account_id"]
    won = company.deals[company.deals["won"].fillna(False).astype(bool)]
    silent = ~won["account_id"].isin(accounts)
    assert 0 < silent.sum() < 0.2 * len(won)


def test_tracking_knows_the_account_after_the_form_rather_than_before(company):
    people = company.contacts.merge(company.leads[["account_id", "created_at"]])
    touches = company.touches.merge(people, on="person_id", suffixes=("", "_known"))
    known = touches["account_id"].notna()
    assert (touches.loc[known, "account_id"] == touches.loc[known, "account_id_known"]).all()
    after = touches["touched_at"] >= touches["created_at"]
    assert known[after].mean() > 0.8
    assert known[~after].mean() < 0.4


def test_accounts_have_one_to_four_people_and_deals_their_roles(company):
    assert set(company.contacts.groupby("account_id").size()) == {1, 2, 3, 4}
    roles = company.roles.merge(company.contacts[["person_id", "account_id"]])
    assert len(roles) == len(company.roles)
    both = roles.merge(company.deals, on="deal_id", suffixes=("", "_deal"))
    assert (both["account_id"] == both["account_id_deal"]).all()
    assert set(roles["deal_id"]) == set(company.deals["deal_id"])


def test_money_is_exact_to_the_cent(company):
    for frame, column in ((company.deals, "value"), (company.spend, "spend")):
        amounts = frame[column].tolist()
        assert all(isinstance(amount, Decimal) for amount in amounts)
        assert all(amount == amount.quantize(Decimal("0.01")) >= 0 for amount in amounts)
    assert (company.deals["value"] > 0).all()


def test_spend_is_complete_and_equal_to_the_weekly_columns(company):
    wide = company.spend.pivot(index="date", columns="channel", values="spend").astype(float)
    assert wide.notna().all().all()
    assert (wide.index.day_of_week == 0).all()
    weekly = company.weekly.set_index("date")
    np.testing.assert_array_equal(weekly[wide.columns], wide)
    paid = company.truth.channels.loc[company.truth.channels["paid"], "channel"]
    assert set(wide.columns) == set(paid)


def test_weekly_won_value_adds_up_to_the_won_deals(company):
    won = company.deals[company.deals["won"].fillna(False).astype(bool)]
    week = won["closed_at"].dt.tz_localize(None).dt.to_period("W-SUN").dt.start_time
    by_week = won["value"].astype(float).groupby(week).sum()
    weekly = company.weekly.set_index("date")["won_value"]
    np.testing.assert_allclose(weekly[weekly > 0], by_week, rtol=1e-12)
    assert (weekly.index[weekly > 0] == by_week.index).all()


def test_stage_history_agrees_with_leads_and_deals(company):
    history = company.stages
    assert history["entered_at"].is_monotonic_increasing
    assert (history["lead_id"].isna() != history["deal_id"].isna()).all()
    last = history.dropna(subset="deal_id").groupby("deal_id")["stage"].last()
    assert (company.deals.set_index("deal_id")["stage"] == last).all()
    mql = history[history["stage"] == "MQL"].set_index("lead_id")["entered_at"]
    leads = company.leads.set_index("lead_id")["mql_at"].dropna()
    pd.testing.assert_series_equal(mql.sort_index(), leads.sort_index(), check_names=False)


def test_to_csv_writes_every_table_and_the_truth(company, tmp_path):
    files = company.to_csv(tmp_path / "new")
    assert [file.stem for file in files] == sorted([*TABLES, "truth"])
    deals = pd.read_csv(tmp_path / "new" / "deals.csv", dtype=str)
    assert deals["value"].tolist() == [str(value) for value in company.deals["value"]]
    assert deals["created_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert set(deals["won"].dropna()) == {"true", "false"}
    assert (deals["won"].isna() == company.deals["won"].isna()).all()
