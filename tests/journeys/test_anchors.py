"""Anchors of CRM dates, and what else journeys carry of their deals, against plain loops."""

import warnings
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm.errors import DataWarning
from mmm.journeys import Journeys, build_journeys
from mmm.journeys.inputs import DAY, NEVER, end_of_bare_days
from tests.journeys.oracle import anchors

EPOCH = datetime(2024, 1, 1, 10, 17)
ACCOUNT = {"p1": "a1", "p2": "a1", "p3": "a2"}
people = st.sampled_from(sorted(ACCOUNT))
hours = st.integers(0, 60 * 24)


def when(hour):
    return None if hour is None else EPOCH + timedelta(hours=hour)


@st.composite
def worlds(draw):
    touches = draw(st.lists(st.tuples(people, hours, st.sampled_from("abc")), min_size=1))
    leads = draw(
        st.lists(st.tuples(people, hours, st.none() | hours, st.none() | hours), min_size=1)
    )
    deals = draw(st.lists(st.tuples(people, hours, hours), min_size=1, max_size=4))
    roles = draw(st.dictionaries(st.integers(0, len(deals) - 1), st.sets(people, min_size=1)))
    return touches, leads, deals, roles


def frames(world):
    touches, leads, deals, roles = world
    touch_table = pd.DataFrame(
        [(p, ACCOUNT[p], when(h), label) for p, h, label in touches],
        columns=["person_id", "account_id", "touched_at", "channel"],
    )
    lead_table = pd.DataFrame(
        [
            (f"l{i}", p, ACCOUNT[p], *(when(h) for h in dates))
            for i, (p, *dates) in enumerate(leads)
        ],
        columns=["lead_id", "person_id", "account_id", "created_at", "mql_at", "sql_at"],
    )
    for name in ("created_at", "mql_at", "sql_at"):
        lead_table[name] = pd.to_datetime(lead_table[name])
    deal_table = pd.DataFrame(
        [
            (f"d{i}", p, ACCOUNT[p], when(min(h, k)), when(max(h, k)), True, 1.0)
            for i, (p, h, k) in enumerate(deals)
        ],
        columns=["deal_id", "person_id", "account_id", "created_at", "closed_at", "won", "value"],
    )
    role_table = pd.DataFrame(
        [(f"d{i}", p) for i, own in roles.items() for p in sorted(own)],
        columns=["deal_id", "person_id"],
    )
    return touch_table, deal_table, lead_table, role_table


@settings(max_examples=15)
@given(world=worlds(), by=st.sampled_from(["person", "account"]), lookback=st.integers(1, 40))
def test_anchors_are_those_of_plain_loops(world, by, lookback):
    touches, deals, leads, roles = frames(world)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        journeys = build_journeys(
            touches,
            deals,
            leads=leads,
            roles=roles if len(roles) else None,
            by=by,
            lookback_days=lookback,
            touch_sharing="all_open",
        )
    own_roles = {f"d{i}": own for i, own in world[3].items()}
    lead_rows = [
        {"person": p, "account": ACCOUNT[p], "lead": when(c), "mql": when(m), "sql": when(s)}
        for p, c, m, s in world[1]
    ]
    rows = deals.set_index("deal_id")
    for j, deal_id in enumerate(journeys.deal_id):
        if deal_id is None:
            continue
        first, end = journeys.start[j], journeys.start[j + 1]
        times = [pd.Timestamp(at).to_pydatetime() for at in journeys.touched_at[first:end]]
        deal = {
            "deal_id": deal_id,
            "person": rows.loc[deal_id, "person_id"],
            "account": rows.loc[deal_id, "account_id"],
            "created": rows.loc[deal_id, "created_at"].to_pydatetime(),
            "closed": rows.loc[deal_id, "closed_at"].to_pydatetime(),
        }
        expected = anchors(times, deal, lead_rows, roles=own_roles, by=by, lookback_days=lookback)
        got = {name: int(at[j]) for name, at in journeys.anchors.items()}
        assert got == {name: first + k if k >= 0 else -1 for name, k in expected.items()}


def one_deal(touched, **lead):
    touches = pd.DataFrame({"person_id": "p1", "touched_at": touched, "channel": "Email"})
    leads = pd.DataFrame(
        {"lead_id": ["l1"], "person_id": ["p1"], **{k: [v] for k, v in lead.items()}}
    )
    deals = pd.DataFrame(
        {
            "deal_id": ["d1"],
            "person_id": ["p1"],
            "created_at": ["2024-03-01"],
            "closed_at": ["2024-06-01"],
            "won": [True],
            "value": ["10.00"],
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return build_journeys(touches, deals, leads=leads)


def test_a_lead_known_by_its_day_is_made_by_the_touch_of_that_day():
    touched = ["2024-01-20 09:00", "2024-02-01 15:30", "2024-03-01 11:00", "2024-04-01 08:00"]
    journeys = one_deal(touched, created_at="2024-02-01")
    assert journeys.anchors["lead"].tolist() == [1]
    assert journeys.anchors["opportunity"].tolist() == [2]
    # An hour is taken at its word.
    journeys = one_deal(touched, created_at="2024-02-01 15:00")
    assert journeys.anchors["lead"].tolist() == [0]


def test_days_are_told_from_hours_by_the_whole_column():
    hour = DAY // 24
    rome = np.array([i * DAY - (1 if i % 2 else 2) * hour for i in range(1, 31)] + [NEVER])
    moved = end_of_bare_days(rome)
    assert (moved[:-1] - rome[:-1] == DAY - 1).all()
    assert moved[-1] == NEVER
    for kept in (rome[:5], np.append(rome, 7 * hour), np.arange(50) * 5 * hour):
        assert (end_of_bare_days(kept) == kept).all()


def carried():
    touches = pd.DataFrame(
        {
            "person_id": ["p1", "p2", None, "p3"],
            "account_id": ["a1", "a1", "a1", None],
            "touched_at": ["2024-02-01", "2024-02-02", "2024-02-03", "2023-01-01"],
            "channel": ["Email", "Events", "Direct", "Email"],
        }
    )
    deals = pd.DataFrame(
        {
            "deal_id": ["won", "bare", "open", "open-bare"],
            "account_id": ["a1", "a2", "a3", "a4"],
            "created_at": "2024-03-01",
            "closed_at": ["2024-06-01", "2024-06-02", None, None],
            "won": pd.array([True, True, None, None], dtype="boolean"),
            "value": ["100.00", "50.00", "80.00", "60.00"],
            "kind": ["new", "renewal", "new", None],
        }
    )
    touches.loc[4] = ["p4", "a3", "2024-02-10", "Email"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return build_journeys(
            touches, deals, by="account", expected={"open": "20.00", "open-bare": "30.00"},
            maturity_days=30,
        )  # fmt: skip


def test_journeys_carry_account_person_state_and_deals_without_a_touch():
    journeys = carried()
    assert journeys.deal_id.tolist() == ["won", "open", None]
    assert journeys.account_id.tolist() == ["a1", "a3", None]
    assert journeys.is_open.tolist() == [False, True, False]
    assert journeys.person.dtype == np.int32
    assert [int(p) for p in journeys.person] == [0, 1, -1, 3, 2]
    bare = journeys.untouched
    assert bare.deal_id.tolist() == ["bare", "open-bare"]
    assert bare.account_id.tolist() == ["a2", "a4"]
    assert bare.kind.tolist() == ["renewal", None]
    assert bare.is_open.tolist() == [False, True]
    assert bare.added_up() == journeys.unattributed
    assert bare.value.tolist() == [50.0, 30.0]


def test_select_keeps_what_belongs_to_the_journeys():
    journeys = carried()
    part = journeys.select(journeys.is_open, untouched=journeys.untouched.is_open)
    assert part.deal_id.tolist() == ["open"]
    assert part.account_id.tolist() == ["a3"]
    assert part.person.tolist() == [3]
    assert (part.unattributed.deals, part.unattributed.value) == (0.5, 30.0)
    bare = journeys.select(journeys.is_open)
    assert bare.unattributed.deals == 0
    assert bare.untouched is None


def test_paths_know_neither_persons_nor_open_deals():
    journeys = Journeys.from_paths(["a > b"])
    assert journeys.person is None
    assert not journeys.is_open.any()


@pytest.mark.parametrize("by", ["person", "account"])
def test_without_its_own_lead_a_deal_has_that_of_its_account(by):
    touches = pd.DataFrame(
        {"person_id": "p1", "account_id": "a1", "touched_at": ["2024-01-05", "2024-02-05"],
         "channel": ["Email", "Events"]}
    )  # fmt: skip
    leads = pd.DataFrame(
        {"lead_id": ["l1"], "person_id": ["p9"], "account_id": ["a1"], "created_at": ["2024-01-20"]}
    )
    deals = pd.DataFrame(
        {"deal_id": ["d1"], "person_id": ["p1"], "account_id": ["a1"],
         "created_at": ["2024-03-01"], "closed_at": ["2024-06-01"], "won": [True]}
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        journeys = build_journeys(touches, deals, leads=leads, by=by)
    assert journeys.anchors["lead"].tolist() == [0]


def with_leads(leads, lookback_days):
    touches = pd.DataFrame(
        {"person_id": "p1", "account_id": "a1", "channel": ["Email", "Events"],
         "touched_at": ["2024-02-05 09:00", "2024-03-05 09:00"]}
    )  # fmt: skip
    columns = ["lead_id", "person_id", "account_id", "created_at", "mql_at"]
    leads = [(*lead, None) if len(lead) < len(columns) else lead for lead in leads]
    deals = pd.DataFrame(
        {"deal_id": ["d1"], "person_id": ["p1"], "account_id": ["a1"],
         "created_at": ["2024-03-10 09:00"], "closed_at": ["2024-06-01"], "won": [True]}
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        journeys = build_journeys(
            touches,
            deals,
            leads=pd.DataFrame(leads, columns=columns).astype("str").replace("None", None),
            lookback_days=lookback_days,
        )
    return journeys.anchors["lead"].tolist()


def test_a_lead_from_before_the_window_does_not_hide_the_one_within():
    old, new = "2020-02-01 10:00", "2024-02-06 10:00"
    leads = [("l0", "p1", "a1", old), ("l1", "p1", "a1", new)]
    assert with_leads(leads, 60) == [0]
    assert with_leads(leads[:1], 60) == [-1]
    # An old lead that marketing qualified anew: its creation stays outside.
    assert with_leads([("l0", "p1", "a1", old, new), leads[1]], 60) == [0]
    assert with_leads([("l0", "p1", "a1", old, new)], 60) == [-1]
    # A colleague's lead counts where the person has none within the window, and only there.
    assert with_leads([leads[0], ("l2", "p2", "a1", new)], 60) == [0]
    later = ("l3", "p1", "a1", "2024-03-06 10:00")
    assert with_leads([later, ("l2", "p2", "a1", new)], 60) == [1]
