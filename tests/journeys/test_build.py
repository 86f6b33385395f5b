import warnings
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.channels import ChannelMap
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.journeys import Journeys, build_journeys
from tests.journeys.oracle import brute_force

EPOCH = datetime(2024, 1, 1)


def touches_frame(rows):
    columns = ["person_id", "account_id", "touched_at", "channel"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"person_id": "str", "account_id": "str"})


def deals_frame(rows):
    columns = ["deal_id", "person_id", "account_id", "created_at", "closed_at", "won", "value"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.astype({"person_id": "str", "account_id": "str", "won": "boolean"})
    for name in ("created_at", "closed_at"):
        frame[name] = pd.to_datetime(frame[name])
    return frame


def build(touches, deals, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return build_journeys(touches_frame(touches), deals_frame(deals), **options)


def by_deal(journeys):
    return {d: p for d, p in zip(journeys.deal_id, journeys.paths(), strict=True) if d is not None}


ONE_DEAL = [("d1", "p1", None, "2024-03-01", "2024-06-01", True, "100.00")]


def test_window_runs_from_lookback_before_creation_to_the_close():
    touches = [
        ("p1", None, "2023-09-03", "Too early"),
        ("p1", None, "2023-09-04", "Email"),
        ("p1", None, "2024-05-31", "Events"),
        ("p1", None, "2024-06-02", "After the close"),
    ]
    journeys = build(touches, ONE_DEAL, lookback_days=179)
    assert by_deal(journeys) == {"d1": ("Email", "Events")}
    assert journeys.about["counts"]["touches_outside_windows"] == 2


def test_touches_after_a_close_belong_to_the_next_deal():
    deals = [
        ("d1", "p1", None, "2024-01-10", "2024-02-01", True, "10.00"),
        ("d2", "p1", None, "2024-02-20", "2024-04-01", False, "20.00"),
    ]
    touches = [("p1", None, "2024-01-15", "A"), ("p1", None, "2024-02-10", "B")]
    assert by_deal(build(touches, deals)) == {"d1": ("A",), "d2": ("B",)}
    shared = build(touches, deals, touch_sharing="all_open")
    assert by_deal(shared) == {"d1": ("A",), "d2": ("A", "B")}
    assert shared.conversions.tolist() == [1.0, 0.0]
    assert shared.nulls.tolist() == [0.0, 1.0]


def test_bad_input_14_deal_before_its_first_touch_is_unattributed():
    journeys = build([("p1", None, "2024-07-01", "Email")], ONE_DEAL)
    assert journeys.unattributed.deals == 1
    assert journeys.unattributed.value == 100.0
    assert journeys.total_value == Decimal("100.00")
    assert len(journeys) == 0


def test_deals_without_a_contact_are_told_from_those_whose_contacts_do_not_count():
    day = ("2024-03-01", "2024-06-01", True, "100.00")
    deals = [(f"d{i}", f"p{i}", None, *day) for i in range(3)]
    deals.append(("d3", "p2", None, "2024-06-02", "2024-06-30", True, "7.00"))
    touches = [
        ("p0", None, "2024-07-01", "After the close"),
        ("p1", None, "2023-01-01", "Old"),
        ("p2", None, "2024-04-01", "Of d2"),
    ]
    journeys = build(touches, deals)
    bare = journeys.untouched
    assert dict(zip(bare.deal_id, bare.contact, strict=True)) == {
        "d0": "none", "d1": "older", "d3": "taken",
    }  # fmt: skip
    longer = build(touches, deals, lookback_days=500).untouched
    assert dict(zip(longer.deal_id, longer.contact, strict=True)) == {"d0": "none", "d3": "taken"}
    # Where contacts serve all open deals, a longer window gives d3 the contact of d2.
    shared = build(touches, deals, lookback_days=10, touch_sharing="all_open").untouched
    assert dict(zip(shared.deal_id, shared.contact, strict=True))["d3"] == "older"


def test_bad_input_15_ties_in_time_are_ordered_by_code_point():
    touches = [("p1", None, "2024-04-01 10:00", name) for name in ("b", "é", "B", "a", "Z")]
    assert by_deal(build(touches, ONE_DEAL)) == {"d1": ("B", "Z", "a", "b", "é")}


def test_same_minute_duplicates_of_an_account_collapse():
    touches = [
        ("p1", "a1", "2024-04-01 10:00:05", "Email"),
        ("p2", "a1", "2024-04-01 10:00:55", "Email"),
        ("p2", "a1", "2024-04-01 10:00:30", "Events"),
        ("p2", "a1", "2024-04-01 10:01:00", "Email"),
    ]
    deals = [("d1", None, "a1", "2024-03-01", "2024-06-01", True, "100.00")]
    journeys = build(touches, deals, by="account")
    assert by_deal(journeys) == {"d1": ("Email", "Events", "Email")}
    assert journeys.about["counts"]["touches_collapsed"] == 1


def test_open_deals_are_censored_unless_they_have_an_expected_value():
    deals = [("d1", "p1", None, "2024-03-01", None, None, "200.00")]
    touches = [("p1", None, "2024-02-01", "Email"), ("p2", None, "2024-06-01", "Email")]
    plain = build(touches, deals, maturity_days=1)
    assert (plain.conversions.sum(), plain.nulls.sum()) == (0.0, 0.0)
    given = build(touches, deals, maturity_days=1, expected={"d1": "50.00"})
    assert given.conversions.tolist() == [0.25]
    assert given.nulls.tolist() == [0.75]
    assert given.value.tolist() == [50.0]
    assert given.total_value == Decimal("50.00")
    with pytest.raises(InputError, match="not open deals"):
        build(touches, deals, expected={"d9": 1})
    with pytest.raises(InputError, match="does not lie between 0 and its value"):
        build(touches, deals, expected={"d1": 201})


def test_maturity_separates_null_journeys_from_young_ones():
    touches = [
        ("p1", None, "2024-01-01", "Email"),
        ("p2", None, "2024-05-31", "Email"),
        ("p3", None, "2024-06-30", "Email"),
    ]
    journeys = build(touches, ONE_DEAL, maturity_days=30)
    assert journeys.nulls.sum() == 1
    assert journeys.about["counts"]["without_deal_too_young"] == 1


def test_default_maturity_is_the_ninetieth_percentile_of_touch_to_deal_time():
    touches = [("p1", None, EPOCH + timedelta(days=d), f"c{d}") for d in range(0, 60)]
    journeys = build(touches, ONE_DEAL)
    waits = [(datetime(2024, 3, 1) - EPOCH).days - d for d in range(0, 60)]
    assert journeys.about["maturity_days"] == pytest.approx(np.quantile(waits, 0.9))


def test_roles_name_the_people_of_a_deal():
    touches = [
        ("p1", "a1", "2024-04-01", "Email"),
        ("p2", "a1", "2024-04-02", "Events"),
        ("p3", "a1", "2024-04-03", "Direct"),
    ]
    deals = [("d1", "p1", "a1", "2024-03-01", "2024-06-01", True, "100.00")]
    roles = pd.DataFrame({"deal_id": ["d1", "d1"], "person_id": ["p2", "p3"]})
    assert by_deal(build(touches, deals))["d1"] == ("Email",)
    assert by_deal(build(touches, deals, by="account"))["d1"] == ("Email", "Events", "Direct")
    assert by_deal(build(touches, deals, by="account", roles=roles))["d1"] == ("Events", "Direct")


def test_contacts_give_the_account_of_anonymous_touches():
    touches = [("p1", None, "2024-04-01", "Email")]
    deals = [("d1", None, "a1", "2024-03-01", "2024-06-01", True, "100.00")]
    contacts = pd.DataFrame({"person_id": ["p1"], "account_id": ["a1"]})
    assert build(touches, deals, by="account").unattributed.deals == 1
    found = build(touches, deals, by="account", contacts=contacts)
    assert by_deal(found) == {"d1": ("Email",)}


def test_anchors_point_at_the_last_touch_before_each_crm_date():
    touches = [("p1", None, f"2024-0{m}-10", f"c{m}") for m in (1, 2, 3, 4)]
    leads = pd.DataFrame(
        {
            "lead_id": ["l1"],
            "person_id": ["p1"],
            "created_at": ["2024-01-10"],
            "mql_at": ["2024-02-20"],
            "sql_at": [None],
        }
    ).astype({"sql_at": "str"})
    journeys = build(touches, ONE_DEAL, leads=leads)
    assert {k: int(v[0]) for k, v in journeys.anchors.items()} == {
        "lead": 0,
        "mql": 1,
        "sql": -1,
        "opportunity": 1,
    }


def test_without_a_touch_log_the_source_of_the_lead_is_its_one_touch():
    leads = pd.DataFrame(
        {
            "lead_id": ["l1", "l2", "l3"],
            "person_id": ["p1", "p2", "p3"],
            "created_at": ["2024-02-01", "2024-02-01", "2024-02-01"],
            "source": ["google ads", "unknown", "Zzz"],
        }
    )
    deals = deals_frame(
        [
            ("d1", "p1", None, "2024-03-01", "2024-06-01", True, "100.00"),
            ("d2", "p2", None, "2024-03-01", "2024-06-01", True, "50.00"),
        ]
    )
    with pytest.warns(DataWarning, match="touches span"):
        journeys = build_journeys(None, deals, leads=leads, maturity_days=10)
    assert by_deal(journeys) == {"d1": ("Paid search",)}
    assert journeys.unattributed.value == 50.0
    assert journeys.nulls.sum() == 1  # l3, whose source no rule knows
    assert any("leads: 1 have no source" in note for note in journeys.about["notes"])
    with pytest.warns(DataWarning, match="touches span"):
        named = build_journeys(None, deals, leads=leads.assign(source="web"), maturity_days=10)
    assert not any("have no source" in note for note in named.about["notes"])
    with pytest.raises(InputError, match="no touches and no leads"):
        build_journeys(None, deals)


def test_as_of_replays_a_past_day():
    touches = [("p1", None, "2024-02-01", "Email"), ("p1", None, "2024-05-01", "Events")]
    then = build(touches, ONE_DEAL, as_of="2024-04-01")
    assert then.conversions.sum() == 0
    assert then.about["touches_after_as_of"] == 1
    assert then.about["counts"]["open"] == 1
    assert build(touches, ONE_DEAL, as_of="2024-02-15").about["counts"]["open"] == 0


def test_dimension_may_be_any_column_of_touches():
    touches = touches_frame([("p1", None, "2024-04-01", "Email")]).assign(content=["Guide"])
    with pytest.warns(DataWarning):
        journeys = build_journeys(touches, deals_frame(ONE_DEAL), dimension="content")
    assert journeys.channels == ("Guide",)
    with pytest.raises(ConfigError, match="not a column of touches"):
        build(touches, ONE_DEAL, dimension="kontent")


def test_channels_come_from_source_and_medium_by_the_companys_rules():
    touches = touches_frame([("p1", None, "2024-04-01", None)]).drop(columns="channel")
    touches["source"], touches["medium"] = "mecspe", "stand"
    rules = ChannelMap.from_rules([{"channel": "Events", "source": "mecspe*"}])
    with pytest.warns(DataWarning):
        journeys = build_journeys(touches, deals_frame(ONE_DEAL), channels=rules)
    assert journeys.channels == ("Events",)


def test_bad_input_37_lookback_longer_than_the_data_warns():
    with pytest.warns(DataWarning, match="span 1 day, less than lookback_days=180"):
        build_journeys(
            touches_frame([("p1", None, f"2024-04-0{d}", "Email") for d in (1, 2)]),
            deals_frame(ONE_DEAL),
        )


def test_deals_without_creation_warn_when_the_cycle_is_long():
    deals = deals_frame(
        [
            ("d1", "p1", None, "2024-01-01", "2024-06-01", True, "1.00"),
            ("d2", "p2", None, None, "2024-06-01", True, "1.00"),
        ]
    )
    touches = touches_frame([("p1", None, "2023-01-01", "A"), ("p1", None, "2024-01-01", "A")])
    with pytest.warns(DataWarning, match="1 deals have no created_at"):
        build_journeys(touches, deals)


def test_the_reserved_name_is_refused():
    with pytest.raises(InputError, match="names the deals without a touch"):
        build([("p1", None, "2024-04-01", "(unattributed)")], ONE_DEAL)


@pytest.mark.parametrize(
    "options",
    [{"by": "company"}, {"touch_sharing": "both"}, {"maturity_days": 0}, {"as_of": "soon"}],
)
def test_unknown_options_are_refused_with_the_choices(options):
    with pytest.raises(ConfigError, match="Use"):
        build([("p1", None, "2024-04-01", "Email")], ONE_DEAL, **options)


def test_bad_input_21_money_is_exact_to_the_cent_or_refused():
    deals = [
        ("d1", "p1", None, "2024-03-01", "2024-06-01", True, "90071992547409.90"),
        ("d2", "p2", None, "2024-03-01", "2024-06-01", True, "0.01"),
    ]
    journeys = build([("p1", None, "2024-04-01", "Email")], deals)
    assert journeys.total_value == Decimal("90071992547409.91")
    deals.append(("d3", "p3", None, "2024-03-01", "2024-06-01", True, "0.01"))
    with pytest.raises(InputError, match="credit holds cents up to 90 trillion"):
        build([("p1", None, "2024-04-01", "Email")], deals)


def test_won_deals_without_value_are_named():
    deals = [*ONE_DEAL, ("d2", "p2", None, "2024-03-01", "2024-06-01", True, None)]
    touches = [(p, None, d, "Email") for p in ("p1", "p2") for d in ("2023-10-01", "2024-05-01")]
    with pytest.warns(DataWarning, match=r"1 won deals have no value .*'d2'"):
        journeys = build_journeys(touches_frame(touches), deals_frame(deals))
    assert any("'d2'" in note for note in journeys.about["notes"])


def test_warnings_are_lines_in_the_result():
    journeys = build([("p1", None, "2024-04-01", "Email")], ONE_DEAL)
    assert any("touches span 0 days" in note for note in journeys.about["notes"])
    two = build([("p1", None, f"2024-04-0{day}", "Email") for day in (1, 2)], ONE_DEAL)
    assert any("touches span 1 day, less" in note for note in two.about["notes"])


@pytest.mark.parametrize("as_of", [20240501, "", "01/05/2024", float("nan"), pd.NaT])
def test_as_of_is_read_with_certainty_or_refused(as_of):
    with pytest.raises(ConfigError, match="Use for example"):
        build([("p1", None, "2024-04-01", "Email")], ONE_DEAL, as_of=as_of)


def test_shared_touches_are_counted_once_outside_windows():
    deals = [
        ("d1", "p1", None, "2024-03-01", "2024-06-01", True, "1.00"),
        ("d2", "p1", None, "2024-03-01", "2024-06-02", True, "1.00"),
    ]
    touches = [("p1", None, "2024-04-01", "A"), ("p1", None, "2020-04-01", "B")]
    journeys = build(touches, deals, touch_sharing="all_open")
    assert journeys.about["counts"]["touches_outside_windows"] == 1


@pytest.mark.parametrize("value", ["x", None, float("nan")])
def test_expected_values_have_to_be_numbers(value):
    deals = [("d1", "p1", None, "2024-03-01", None, None, "200.00")]
    with pytest.raises(InputError, match="Pass a number"):
        build([("p1", None, "2024-02-01", "Email")], deals, expected={"d1": value})


def test_an_engine_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="not an Ibis connection"):
        build([("p1", None, "2024-02-01", "Email")], ONE_DEAL, engine="duckdb")


@pytest.mark.parametrize(
    ("paths", "options"),
    [
        (["(unattributed) > a"], {}),
        (["a", None], {}),
        ([["a", 3]], {}),
        (["a"], {"sep": ""}),
        (["a"], {"conversions": ["x"]}),
        (["a"], {"conversions": [0], "value": [1.0]}),
    ],
)
def test_paths_that_say_nothing_certain_are_refused(paths, options):
    with pytest.raises(InputError):
        Journeys.from_paths(paths, **options)


people = st.sampled_from(["p1", "p2", "p3", None])
accounts = st.sampled_from(["a1", "a2", None])
minutes = st.integers(0, 400 * 24 * 60)


@st.composite
def companies(draw):
    owner = {p: draw(accounts) for p in ("p1", "p2", "p3")}
    touches = []
    for _ in range(draw(st.integers(1, 14))):
        person = draw(people)
        account = owner[person] if person else draw(st.sampled_from(["a1", "a2"]))
        at = EPOCH + timedelta(minutes=draw(minutes), seconds=draw(st.sampled_from([0, 20])))
        touches.append(
            {
                "person": person,
                "account": account,
                "at": at,
                "channel": draw(st.sampled_from("xyz")),
            }
        )
    deals = []
    for number in range(draw(st.integers(1, 5))):
        person = draw(people)
        account = owner[person] if person else draw(accounts)
        created = EPOCH + timedelta(minutes=draw(minutes))
        closed = created + timedelta(minutes=draw(st.integers(0, 200 * 24 * 60)))
        won = draw(st.sampled_from([True, False, None]))
        deals.append(
            {
                "deal_id": f"d{number}",
                "person": person,
                "account": account,
                "created": created if draw(st.booleans()) else None,
                "closed": None if won is None else closed,
                "won": won,
            }
        )
    roles = {
        d["deal_id"]: draw(st.sets(st.sampled_from(["p1", "p2", "p3"]), min_size=1))
        for d in deals
        if draw(st.integers(0, 3)) == 0
    }
    return touches, deals, roles


@given(
    companies(),
    st.sampled_from(["person", "account"]),
    st.sampled_from(["next_deal", "all_open"]),
    st.randoms(use_true_random=False),
)
def test_journeys_equal_a_plain_loop_over_the_definition(company, by, touch_sharing, random):
    touches, deals, roles = company
    as_of = EPOCH + timedelta(days=700)
    options = {
        "by": by,
        "touch_sharing": touch_sharing,
        "lookback_days": 90,
        "maturity_days": 300,
    }
    served, nulls = brute_force(touches, deals, roles=roles, as_of=as_of, **options)
    random.shuffle(touches)
    role_rows = [(d, p) for d, members in roles.items() for p in members]
    journeys = build(
        [(t["person"], t["account"], t["at"], t["channel"]) for t in touches],
        [
            (d["deal_id"], d["person"], d["account"], d["created"], d["closed"], d["won"], "7.00")
            for d in deals
        ],
        roles=pd.DataFrame(role_rows, columns=["deal_id", "person_id"]) if role_rows else None,
        as_of=as_of,
        **options,
    )
    assert by_deal(journeys) == {deal: tuple(path) for deal, path in served.items()}
    found = [p for d, p in zip(journeys.deal_id, journeys.paths(), strict=True) if d is None]
    assert Counter(found) == Counter(tuple(path) for path in nulls.values())
    won = sum(d["won"] is True for d in deals)
    assert journeys.conversions.sum() + journeys.unattributed.deals == won
    assert float(journeys.total_value) == journeys.value.sum() + journeys.unattributed.value


def test_row_order_does_not_matter_bit_for_bit():
    rng = np.random.default_rng(3)
    touches = [
        (f"p{rng.integers(30)}", None, EPOCH + timedelta(hours=int(h)), f"c{rng.integers(5)}")
        for h in rng.integers(0, 8000, 400)
    ]
    deals = [
        (f"d{i}", f"p{i}", None, "2024-06-01", f"2024-07-{i % 28 + 1:02d}", i % 3 > 0, f"{i}.10")
        for i in range(25)
    ]
    one = build(touches, deals)
    other = build(touches[::-1], deals[::-1])
    for name in ("touch", "start", "conversions", "value", "nulls", "cluster"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.deal_id.tolist() == other.deal_id.tolist()


def test_select_keeps_journeys_whole():
    journeys = Journeys.from_paths(["a > b", "b", "a > a > c"], conversions=[1, 0, 2])
    kept = journeys.select(np.array([True, False, True]))
    assert list(kept.paths()) == [("a", "b"), ("a", "a", "c")]
    assert kept.conversions.tolist() == [1.0, 2.0]


def test_an_engine_of_the_users_gives_the_same_journeys():
    import ibis

    touches = [("p1", None, "2024-02-01", "Email"), ("p2", None, "2023-02-01", "Events")]
    own = build(touches, ONE_DEAL, engine=ibis.duckdb.connect())
    assert list(own.paths()) == list(build(touches, ONE_DEAL).paths())


def test_deals_that_nobody_owns_are_refused():
    deals = deals_frame(ONE_DEAL).drop(columns=["person_id", "account_id"])
    with pytest.raises(InputError, match="no deal can find its touches"):
        build_journeys(touches_frame([("p1", None, "2024-04-01", "A")]), deals)


def test_ids_of_two_systems_are_told():
    deals = [(f"d{i}", f"x{i}", None, "2024-03-01", "2024-06-01", True, "1.00") for i in range(6)]
    touches = [("p1", None, "2023-04-01", "A"), ("p1", None, "2024-04-01", "A")]
    with pytest.warns(DataWarning, match="none of the 6 won deals has a touch"):
        journeys = build_journeys(touches_frame(touches), deals_frame(deals))
    assert any("same ids" in note for note in journeys.about["notes"])


def test_no_days_are_refused_with_what_is_wrong():
    with pytest.raises(ConfigError, match="maturity_days=0: it takes more than 0 days"):
        build([("p1", None, "2024-04-01", "Email")], ONE_DEAL, maturity_days=0)
