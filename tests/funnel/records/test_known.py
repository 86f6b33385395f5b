"""What is known on a day is what had happened by then, however rows are ordered."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.funnel.records.known import ADVANCED, ENDED, OPEN, Known, Stays, known_on
from mmm.simulate import simulate_company

LEADS = pd.DataFrame(
    {
        "lead_id": ["l1", "l2", "l3", "l4"],
        "account_id": ["A", "B", "C", "D"],
        "created_at": ["2025-01-01", "2025-01-11", "2025-01-21", "2025-03-01"],
        "mql_at": ["2025-01-05", "2025-01-12", None, None],
        "sql_at": [None, None, None, None],
        "ended_at": [None, None, "2025-01-25", None],
    }
)
DEALS = pd.DataFrame(
    {
        "deal_id": ["d1", "d2", "d3"],
        "account_id": ["A", "A", "Z"],
        "created_at": ["2025-01-15", "2025-02-05", "2025-01-02"],
        "closed_at": ["2025-01-25", "2025-02-25", "2025-02-10"],
        "won": [True, False, True],
        "value": [100, 40, 70],
    }
)


def tables():
    leads, deals = LEADS.copy(), DEALS.copy()
    for frame in (leads, deals):
        for column in [c for c in frame if c.endswith("_at")]:
            frame[column] = pd.to_datetime(frame[column], utc=True)
    return leads, deals.assign(won=deals["won"].astype("boolean"))


def same(one, other):
    for field in fields(Known):
        a, b = getattr(one, field.name), getattr(other, field.name)
        pairs = zip(a, b, strict=True) if field.name == "leads" else [(a, b)]
        for x, y in pairs:
            if isinstance(x, Stays):
                for column in fields(Stays):
                    np.testing.assert_array_equal(getattr(x, column.name), getattr(y, column.name))
            else:
                np.testing.assert_array_equal(x, y)


def test_stays_by_hand():
    known = known_on(*tables(), as_of="2025-01-31T00:00")
    assert known.states == ("new", "mql")
    new, mql = known.leads
    assert new.days.tolist() == [4.0, 1.0, 4.0]
    assert new.outcome.tolist() == [ADVANCED, ADVANCED, ENDED]
    assert mql.days.tolist() == [10.0, 19.0]
    assert mql.outcome.tolist() == [ADVANCED, OPEN]
    assert known.first.value.tolist() == [70.0, 100.0]
    assert known.first.outcome.tolist() == [OPEN, ADVANCED]
    assert known.first.days.tolist() == [29.0, 10.0]
    assert len(known.repeat) == 0
    assert known.direct.tolist() == [-29.0]
    assert known.customer.tolist() == [-6.0]


def test_a_deal_with_a_customer_is_a_repeat_one():
    known = known_on(*tables(), as_of="2025-03-02T00:00")
    assert known.repeat.value.tolist() == [40.0]
    assert known.repeat_age.tolist() == [11.0]
    assert known.customer.tolist() == [-36.0, -20.0]


def test_the_future_is_not_used_and_rows_have_no_order():
    company = simulate_company(n_accounts=120, weeks=70, seed=3)
    leads, deals = company.leads, company.deals
    day = pd.Timestamp("2024-12-01", tz="UTC")
    before = known_on(leads, deals, day)
    same(before, known_on(leads[::-1], deals.sample(frac=1, random_state=1), day))
    spoilt, wrong = leads.copy(), deals.copy()
    rng = np.random.default_rng(0)
    for frame in (spoilt, wrong):
        for column in [c for c in frame if c.endswith("_at")]:
            late = frame[column] > day
            shift = pd.to_timedelta(rng.integers(1, 300, late.sum()), unit="D")
            frame.loc[late, column] = day + shift
    wrong.loc[wrong["closed_at"] > day, "won"] = True
    wrong.loc[wrong["created_at"] > day, "value"] = wrong["value"].max()
    wrong["stage"] = "won"
    spoilt["stage"] = "lost"
    same(before, known_on(spoilt, wrong, day))
    past_leads = leads[leads["created_at"] <= day]
    past_deals = deals[deals["created_at"] <= day]
    same(before, known_on(past_leads, past_deals, day))


def test_a_stage_that_is_skipped_takes_no_time_and_one_hardly_recorded_is_left_out():
    company = simulate_company(n_accounts=120, weeks=70, seed=3)
    known = known_on(company.leads, company.deals)
    assert known.states == ("new", "mql", "sql")
    leads = company.leads.copy()
    leads.loc[leads.index[::3], "mql_at"] = pd.NaT
    assert (known_on(leads, company.deals).leads[1].days == 0).any()
    leads["mql_at"] = leads["mql_at"].where(leads.index % 10 == 0)
    assert known_on(leads, company.deals).states == ("new", "sql")


def test_mistakes_are_named_with_their_cure():
    leads, deals = tables()
    with pytest.raises(InputError, match=r"deals has no column 'value'.*mmm\.read_deals"):
        known_on(leads, deals.drop(columns="value"))
    with pytest.raises(InputError, match="Nothing was known on 2020-01-01"):
        known_on(leads, deals, "2020-01-01")
    with pytest.raises(ConfigError, match="as_of is"):
        known_on(leads, deals, "soon")
    mixed = deals.assign(currency=["EUR", "USD", "EUR"])
    with pytest.raises(InputError, match="'EUR', 'USD'"):
        known_on(leads, mixed)
    undated = known_on(
        leads, deals.assign(created_at=deals["created_at"].where([True, True, False]))
    )
    assert "1 deals without created_at" in undated.notes[0]
