"""Parts of the deals: each part by itself, all parts together the whole."""

import warnings
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import (
    by_kind,
    by_stage,
    by_state,
    first_touch,
    linear,
    markov,
    position_based,
    time_decay,
)
from mmm.attribution.groups import NO_KIND
from mmm.datasets import load
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.journeys import UNATTRIBUTED, Journeys, build_journeys

MODELS = [first_touch, linear, time_decay, position_based, partial(position_based, shape="w")]


@pytest.fixture(scope="module")
def tables():
    return {name: load(name) for name in ("touches", "deals", "leads", "contacts")}


@pytest.fixture(scope="module")
def journeys(tables):
    return build_journeys(**tables, by="account")


@pytest.fixture(scope="module")
def with_pipeline(tables):
    deals = tables["deals"]
    still = deals[deals["won"].isna() & deals["value"].notna()]
    expected = {d: v / 4 for d, v in zip(still["deal_id"], still["value"], strict=True)}
    return build_journeys(**tables, by="account", expected=expected), expected


@pytest.mark.filterwarnings("ignore:no won deal has a touch")
@pytest.mark.parametrize("model", MODELS)
def test_kinds_add_up_to_the_whole(model, journeys):
    parts, whole = by_kind(model, journeys), model(journeys)
    assert list(parts.parts) == ["new", "expansion", "renewal"]
    together = parts.to_frame().groupby("channel")["credit"].sum()
    expected = whole.to_frame().set_index("channel")["credit"]
    np.testing.assert_allclose(together.reindex(expected.index), expected, rtol=1e-9)
    for part in parts.parts.values():
        frame = part.to_frame()
        assert frame["share"].sum() == pytest.approx(1)
        assert frame["credit"].sum() == pytest.approx(float(part.total))


def test_kinds_hold_their_own_deals(journeys, tables):
    deals = tables["deals"]
    won = deals[deals["won"].fillna(False).astype(bool)]
    parts = by_kind(linear, journeys, measure="conversions")
    for kind, rows in won.groupby("kind"):
        frame = parts[kind].to_frame()
        assert frame["credit"].sum() == pytest.approx(len(rows))
        credited = set(parts[kind].by_deal()["deal_id"])
        assert credited <= set(rows["deal_id"])
        bare = frame.loc[frame["channel"] == UNATTRIBUTED, "n_deals"].sum()
        assert len(credited) + bare == len(rows)


def test_cents_of_the_kinds_add_up_to_the_cents_of_the_whole(journeys):
    frame = by_kind(linear, journeys).to_frame(cents=True)
    assert sum(frame["credit"]) == journeys.total_value
    assert all(isinstance(credit, Decimal) for credit in frame["credit"])


def test_markov_of_a_kind_compares_its_own_won_and_lost_deals(journeys):
    parts = by_kind(markov, journeys)
    assert parts["new"].credit.sum() == pytest.approx(by_kind(linear, journeys)["new"].credit.sum())
    assert "no kind" in parts.notes[0]


def deals_by_kind(kinds):
    n = len(kinds)
    touches = pd.DataFrame(
        {"person_id": [f"p{i}" for i in range(n)], "touched_at": "2024-02-01", "channel": "Email"}
    )
    deals = pd.DataFrame(
        {
            "deal_id": [f"d{i}" for i in range(n)],
            "person_id": touches["person_id"],
            "created_at": "2024-03-01",
            "closed_at": "2024-06-01",
            "won": True,
            "kind": kinds,
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return build_journeys(touches, deals)


def test_other_kinds_and_missing_ones_are_parts_too():
    parts = by_kind(linear, deals_by_kind(["renewal", "pilot", None, "new", "audit"]))
    assert list(parts.parts) == ["new", "renewal", "audit", "pilot", NO_KIND]
    assert parts.wide().shape == (1, 6)


def test_a_kind_without_any_touch_is_all_unattributed():
    touches = pd.DataFrame(
        {"person_id": ["p1"], "touched_at": ["2024-02-01"], "channel": ["Email"]}
    )
    deals = pd.DataFrame(
        {"deal_id": ["d1", "d2"], "person_id": ["p1", "p2"], "created_at": "2024-03-01",
         "closed_at": "2024-06-01", "won": True, "value": ["10.00", "20.00"],
         "kind": ["new", "renewal"]}
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        parts = by_kind(linear, build_journeys(touches, deals))
    wide = parts.wide().set_index("channel")
    assert wide.loc["Email"].tolist() == [10.0, 0.0]
    assert wide.loc[UNATTRIBUTED].tolist() == [0.0, 20.0]
    assert np.isnan(parts["renewal"].lower).all()


@pytest.mark.parametrize("model", [first_touch, linear, position_based])
def test_won_and_pipeline_are_two_columns_that_add_up(model, with_pipeline, journeys):
    both, expected = with_pipeline
    parts = by_state(model, both)
    assert list(parts.parts) == ["won", "pipeline"]
    wide = parts.wide().set_index("channel")
    # The won column is what it is without any pipeline.
    alone = model(journeys).to_frame().set_index("channel")["credit"]
    np.testing.assert_allclose(wide["won"], alone.reindex(wide.index), rtol=1e-9)
    assert wide["pipeline"].sum() == pytest.approx(float(sum(expected.values())))
    whole = model(both).to_frame().set_index("channel")["credit"]
    np.testing.assert_allclose(wide.sum(axis=1), whole.reindex(wide.index), rtol=1e-9)


def test_a_mixture_of_won_and_expected_is_never_silent(with_pipeline, journeys):
    both, expected = with_pipeline
    said = [note for note in linear(both).notes if "by_state" in note]
    assert said == [
        f"Credit holds what {len(expected)} open deals are expected to bring beside what was won; "
        "by_state tells them apart."
    ]
    parts = by_state(linear, both)
    assert any("Expected, not won" in note for note in parts["pipeline"].notes)
    for result in (linear(journeys), parts["won"]):
        assert not any("xpected" in note for note in result.notes)


def test_without_open_deals_there_is_no_pipeline(journeys):
    parts = by_state(linear, journeys)
    assert list(parts.parts) == ["won"]
    assert parts["won"].total == journeys.total_value


def test_accounts_add_up_to_the_deals(journeys):
    result = linear(journeys)
    rows = result.by_account()
    assert list(rows.columns) == ["account_id", "channel", "credit", "n_deals"]
    by_deal = result.by_deal()
    assert rows["credit"].sum() == pytest.approx(by_deal["credit"].sum())
    account = dict(zip(journeys.deal_id, journeys.account_id, strict=True))
    expected = by_deal.groupby([by_deal["deal_id"].map(account), "channel"])["credit"].sum()
    got = rows.set_index(["account_id", "channel"])["credit"]
    np.testing.assert_allclose(got, expected.reindex(got.index))


def test_a_deal_without_an_account_is_listed_under_its_own_name():
    rows = linear(deals_by_kind(["new", "new"])).by_account()
    assert rows.to_dict("records") == [
        {"account_id": "(no account)", "channel": "Email", "credit": 2.0, "n_deals": 2}
    ]
    with pytest.raises(ConfigError, match="name no account"):
        linear(Journeys.from_paths(["a"])).by_account()


def test_parts_of_what_is_not_known_are_refused():
    paths = Journeys.from_paths(["a > b"])
    with pytest.raises(InputError, match="know no kind of deal"):
        by_kind(linear, paths)
    with pytest.raises(ConfigError, match="Pass the function itself"):
        by_kind("linear", paths)
    with pytest.raises(ConfigError, match="Pass the function itself"):
        by_stage(None, None, None, model="linear")
    with pytest.raises(InputError, match="journeys is a list"):
        by_state(linear, ["a > b"])
    with pytest.raises(ConfigError, match="credit, share, lower, upper, n_deals"):
        by_state(linear, paths).wide("value")


@pytest.fixture(scope="module")
def stages(tables):
    return by_stage(**tables, by="account")


def test_each_stage_is_a_whole_of_its_own(stages, tables):
    frame = stages.to_frame()
    totals = frame.groupby("stage")["credit"].sum()
    leads, deals = tables["leads"], tables["deals"]
    assert totals["lead"] == pytest.approx(len(leads))
    assert totals["mql"] == pytest.approx(leads["mql_at"].notna().sum())
    assert totals["sql"] == pytest.approx(leads["sql_at"].notna().sum())
    assert totals["opportunity"] == pytest.approx(float(sum(deals["value"].dropna())))
    won = deals[deals["won"].fillna(False).astype(bool)]
    assert totals["won"] == pytest.approx(float(sum(won["value"])))
    np.testing.assert_allclose(frame.groupby("stage")["share"].sum(), 1)
    assert set(frame.loc[frame["stage"].isin(["lead", "mql", "sql"]), "measure"]) == {"conversions"}
    assert set(frame.loc[frame["stage"].isin(["opportunity", "won"]), "measure"]) == {"value"}
    named = frame["channel"] != UNATTRIBUTED
    assert frame.loc[named, "upper"].notna().all()


def test_every_stage_has_every_channel(stages):
    wide = stages.wide("share")
    assert list(wide.columns) == ["channel", "lead", "mql", "sql", "opportunity", "won"]
    assert wide.notna().all(axis=None)
    assert len(set(wide["channel"])) == len(wide)


def test_the_first_touch_of_each_lead_by_hand(tables, stages):
    """First touch of the stage lead, counted from the journeys one by one."""
    first = by_stage(**tables, by="account", model=first_touch, stages=["lead"])["lead"]
    from mmm.journeys import stage_journeys

    cut = stage_journeys(**tables, by="account", stages=["lead"])["lead"]
    count = {}
    for path, reached in zip(cut.paths(), cut.conversions, strict=True):
        count[path[0]] = count.get(path[0], 0) + reached
    got = dict(zip(first.channels, first.credit, strict=True))
    assert {name: n for name, n in got.items() if n} == {n: c for n, c in count.items() if c}


def test_hubspots_u_of_a_contact_is_the_lead_stage_of_the_web_u(tables):
    u = by_stage(**tables, by="account", model=position_based, stages=["lead"])["lead"]
    anchored = partial(position_based, shape="u_lead")
    lead = by_stage(**tables, by="account", model=anchored, stages=["lead"])["lead"]
    np.testing.assert_allclose(u.credit, lead.credit)


def test_what_a_stage_leaves_out_is_said(tables):
    leads = tables["leads"].copy()
    late = leads["sql_at"].notna()
    leads["mql_at"] = leads["mql_at"].mask(late & (np.arange(len(leads)) % 2 == 0))
    gone = int((late & leads["mql_at"].isna()).sum())
    split = by_stage(tables["touches"], tables["deals"], leads, stages=["mql"])
    assert any(f"{gone} leads went past mql without its date" in note for note in split.notes)
