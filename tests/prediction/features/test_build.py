import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.channels import ChannelMap
from mmm.errors import ConfigError, InputError
from mmm.prediction.columns.leakage import hinted
from mmm.prediction.features.build import FeatureSpec, build_features
from mmm.prediction.features.ends import lead_ends, link_deals
from mmm.prediction.features.signals import mail_kinds, mark_signals

START = pd.Timestamp("2025-01-01", tz="UTC")


def when(days):
    return START + pd.to_timedelta(np.asarray(days, dtype=float), unit="D")


@pytest.fixture(scope="module")
def company():
    return tuple(datasets.load(name) for name in ("leads", "touches", "deals"))


touch = st.tuples(
    st.sampled_from(["p0", "p1", "p2", None]),
    st.sampled_from(["A", "B", None]),
    st.integers(0, 40),
    st.sampled_from(["google", "newsletter", "fiera"]),
    st.sampled_from(["pricing", "demo", "contact-form", "blog", None]),
).filter(lambda row: row[0] or row[1])
lead = st.tuples(st.sampled_from(["p0", "p1", "p2", None]), st.sampled_from(["A", "B", None]))
LEADS = st.lists(lead.filter(any), min_size=1, max_size=4)
TOUCHES = st.lists(touch, min_size=1, max_size=25)


def as_tables(leads, touches):
    people, accounts = zip(*leads, strict=True)
    left = pd.DataFrame(
        {
            "lead_id": [f"l{i}" for i in range(len(leads))],
            "person_id": pd.Series(people, dtype="str"),
            "account_id": pd.Series(accounts, dtype="str"),
            "created_at": when([0] * len(leads)),
            "employees": range(len(leads)),
        }
    )
    columns = ["person_id", "account_id", "day", "source", "content"]
    right = pd.DataFrame(touches, columns=columns)
    for name in ("person_id", "account_id", "source", "content"):
        right[name] = right[name].astype("str")
    right["touched_at"] = when(right.pop("day"))
    return left, right


@given(LEADS, TOUCHES, TOUCHES, st.integers(0, 40))
def test_a_touch_tomorrow_changes_nothing_today(leads, touches, later, today):
    left, right = as_tables(leads, touches)
    _, more = as_tables(leads, later)
    more["touched_at"] += pd.Timedelta(days=today + 0.001)
    at = when([today] * len(left))
    known = build_features(left, right, as_of=at)
    told = build_features(left, pd.concat([more, right], ignore_index=True), as_of=at)
    pd.testing.assert_frame_equal(known, told)
    assert known.attrs["engagement"] == told.attrs["engagement"]


@given(LEADS, TOUCHES, st.integers(0, 40), st.randoms())
def test_features_equal_plain_loops(leads, touches, today, random):
    left, right = as_tables(leads, touches)
    order = list(right.index)
    random.shuffle(order)
    found = build_features(left, right.iloc[order], as_of=when([today])[0], half_life_days=10.0)
    now = when([today])[0]
    for i, row in left.iterrows():
        who = "person_id" if pd.notna(row["person_id"]) else "account_id"
        same = right[who].eq(row[who])
        if who == "account_id":
            same &= right["person_id"].isna()
        mine = right[same & (right["touched_at"] <= now)]
        age = ((now - mine["touched_at"]) / pd.Timedelta(days=1)).to_numpy()
        assert found["n_touches"][i] == len(mine)
        assert found["n_touches_7d"][i] == (age < 7).sum()
        assert found["activity"][i] == pytest.approx((0.5 ** (age / 10)).sum())
        np.testing.assert_allclose(found["days_since_touch"][i], min(age, default=np.nan))
        np.testing.assert_allclose(found["days_since_first_touch"][i], max(age, default=np.nan))
        priced = mine["content"].eq("pricing").to_numpy(dtype=bool)
        assert found["n_price_page"][i] == priced.sum()
        np.testing.assert_allclose(
            found["days_since_price_page"][i], min(age[priced], default=np.nan)
        )
        shares = [c for c in found.columns if c.startswith("share_")]
        assert found.loc[i, shares].sum() == pytest.approx(float(len(mine) > 0))
        if pd.notna(row["account_id"]):
            theirs = right["account_id"].eq(row["account_id"]) & (right["touched_at"] <= now)
            recent = theirs & (right["touched_at"] > now - pd.Timedelta(days=30))
            others = recent & ~same
            assert found["account_n_touches_30d"][i] == others.sum()
            assert found["account_n_people"][i] == right.loc[theirs, "person_id"].nunique()


def test_fit_stands_apart_from_engagement(company):
    leads, touches, deals = company
    found = build_features(leads, touches, deals, as_of="2025-06-30")
    fit, engagement = found.attrs["fit"], found.attrs["engagement"]
    assert [*fit, *engagement] == list(found.columns)
    alone = build_features(leads, as_of="2025-06-30")
    pd.testing.assert_frame_equal(found[list(fit)], alone[list(fit)])
    assert {"channel", "industry", "employees"} <= set(fit)
    forbidden = {"lead_id", "stage", "owner", "discard_reason", "ended_at", "mql_at"}
    assert not forbidden & set(found.columns)
    assert len(found) == (leads["created_at"] <= "2025-07-01").sum()
    assert found.attrs["notes"][0].startswith(f"{len(leads) - len(found)} leads left out")


def test_a_lead_that_ended_is_seen_just_before_its_end():
    leads = pd.DataFrame(
        {
            "lead_id": ["l"],
            "person_id": ["p"],
            "account_id": ["A"],
            "created_at": when([0]),
            "ended_at": when([10]),
        }
    )
    touches = pd.DataFrame(
        {"person_id": "p", "touched_at": when([1, 10, 20]), "channel": ["Web", "Web", "Contract"]}
    )
    deals = pd.DataFrame(
        {
            "deal_id": ["d"],
            "account_id": ["A"],
            "person_id": ["p"],
            "closed_at": when([10]),
            "won": [True],
        }
    )
    found = build_features(leads, touches, deals)
    assert found["n_touches"].tolist() == [1.0]
    assert found["account_n_won"].tolist() == [0.0]
    assert "share_Contract" not in found.columns


def test_account_activity_counts_what_was_known():
    leads = pd.DataFrame(
        {
            "lead_id": ["l0", "l1"],
            "person_id": ["p0", "p1"],
            "account_id": ["A", "A"],
            "created_at": when([0, 50]),
        }
    )
    deals = pd.DataFrame(
        {
            "deal_id": ["d0", "d1"],
            "account_id": ["A", "A"],
            "closed_at": when([20, 60]),
            "won": pd.array([True, False], dtype="boolean"),
        }
    )
    early = build_features(leads, deals=deals, as_of=when([0, 50]))
    assert early["account_n_leads"].tolist() == [0.0, 1.0]
    assert early["account_n_won"].tolist() == [0.0, 1.0]
    assert early["account_n_lost"].tolist() == [0.0, 0.0]
    assert hinted(early.columns) == []  # what looks backwards sounds like no outcome
    late = build_features(leads, deals=deals, as_of=when([70, 70]))
    assert late["account_n_lost"].tolist() == [1.0, 1.0]
    assert late["account_n_leads"].tolist() == [1.0, 1.0]


def test_the_same_columns_when_scoring(company):
    leads, touches, deals = company
    spec = FeatureSpec(half_life_days=20.0, channels=("Email", "Events", "Not yet seen"))
    found = build_features(leads, touches, deals, as_of="2025-06-30", spec=spec)
    shares = [name for name in found.columns if name.startswith("share_")]
    assert shares == ["share_Email", "share_Events", "share_Not yet seen"]
    assert found["share_Not yet seen"].eq(0).all()
    few = build_features(leads.tail(3), touches, deals, as_of="2025-12-28", spec=spec)
    assert list(few.columns) == list(found.columns)


def test_bad_input_23_duplicate_leads():
    leads = pd.DataFrame({"lead_id": ["a", "b", "a"], "created_at": when([0, 1, 2])})
    with pytest.raises(InputError, match=r"same lead_id twice in rows 1, 3 \('a'\)"):
        build_features(leads)
    raw = leads.assign(created_at=["2025-01-01"] * 3)
    with pytest.raises(InputError, match="lead_id"):
        build_features(raw)


def test_dates_that_make_no_sense_are_refused():
    leads = pd.DataFrame({"lead_id": ["a"], "created_at": when([5])})
    with pytest.raises(InputError, match=r"before the lead came in, in row 1"):
        build_features(leads, as_of=when([1]))
    with pytest.raises(InputError, match="no lead had come in"):
        build_features(leads, as_of="2024-01-01")
    with pytest.raises(ConfigError, match="is no date"):
        build_features(leads, as_of="yesterday or so")
    with pytest.raises(ConfigError, match="half_life_days is 0"):
        FeatureSpec(half_life_days=0)


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Listino prezzi", "price_page"),
        ("/pricing", "price_page"),
        ("Richiesta_preventivo", "price_page"),
        ("demo-request", "demo_request"),
        ("Pagina contatti", "demo_request"),
        ("lead-form", "form"),
        ("whitepaper", "form"),
        ("Webinar marzo", "webinar"),
        ("DEM aprile", "newsletter"),
    ],
)
def test_signals_in_both_languages(text, signal):
    marks = mark_signals(pd.DataFrame({"content": [text]}))
    assert marks[signal].tolist() == [True]


@pytest.mark.parametrize(
    "text", ["enterprise", "information", "Democracy in firms", "blog", "caprice"]
)
def test_other_words_are_no_signal(text):
    assert not mark_signals(pd.DataFrame({"content": [text]})).to_numpy().any()


def test_own_signals():
    own = {"trade_show": r"\bstand\b"}
    assert mark_signals(pd.DataFrame({"campaign": ["Stand 4"]}), own)["trade_show"].tolist() == [
        True
    ]
    with pytest.raises(ConfigError, match="'bad' is no regular expression"):
        mark_signals(pd.DataFrame({"content": ["x"]}), {"bad": "("})


def test_mail_kinds():
    mails = pd.Series(["x@libero.it", "Y@GMAIL.COM", "z@acme-srl.it", "broken", None])
    assert mail_kinds(mails).tolist()[:3] == ["free", "free", "company"]
    assert mail_kinds(mails).isna().tolist() == [False, False, False, True, True]


def test_ends_agree_with_the_funnel(company):
    """Another implementation of the same rule, in a layer that this one does not import."""
    from mmm.funnel.records.links import link_deals as funnel_links
    from mmm.funnel.records.outcomes import lead_outcomes

    leads, _, deals = company
    np.testing.assert_array_equal(link_deals(leads, deals), funnel_links(leads, deals))
    ours = lead_ends(leads, deals)
    theirs = lead_outcomes(leads, deals)
    codes = {"open": 0, "won": 1, "lost": 2}
    assert [codes[name] for name in ours.outcome[theirs.row]] == theirs.outcome.tolist()


def test_channels_follow_the_companys_own_rules():
    leads = pd.DataFrame({"lead_id": ["l"], "person_id": ["p"], "created_at": when([0])})
    touches = pd.DataFrame({"person_id": ["p"], "touched_at": when([0]), "source": ["mecspe"]})
    own = ChannelMap.from_rules([{"channel": "Events", "source": "mecspe*"}])
    found = build_features(leads, touches, spec=FeatureSpec(channel_map=own))
    assert found["share_Events"].tolist() == [1.0]
