import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.prediction.features.build import build_features, decayed
from mmm.prediction.features.ends import lead_ends
from mmm.prediction.features.half_life import DEFAULT_HALF_LIFE, learn_half_life
from mmm.prediction.features.training import training_table

DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def tables():
    return tuple(datasets.load(name) for name in ("leads", "touches", "deals"))


@pytest.fixture(scope="module")
def table(tables):
    return training_table(*tables, horizon_days=120)


def test_a_young_open_lead_is_not_a_lost_lead(table):
    followed = (table.as_of - table.created_at) / DAY
    young = table.outcome.eq("open") & (followed < 120)
    assert young.any()
    assert not table.settled[young].any()
    assert table.settled[~young].all()
    settled = table.only_settled()
    assert len(settled.X) == table.settled.sum()
    assert settled.y.index.equals(settled.X.index)


def test_past_horizon_keeps_looks_whatever_became_of_them(tables, table):
    whole = table.past_horizon()
    assert (whole.created_at + 120 * DAY <= table.as_of).all()
    assert whole.settled.all()
    assert len(whole.X) < table.settled.sum()
    # The same looks, seen later: nothing that was to come is missing from them.
    then = training_table(*tables, horizon_days=120, as_of="2025-06-30").past_horizon()
    later = table.y.set_axis(table.lead_id + table.created_at.astype("str"))
    assert (later[then.lead_id + then.created_at.astype("str")].to_numpy() == then.y).all()


def test_y_is_a_win_within_the_horizon(table):
    days = (table.ended_at - table.created_at) / DAY
    expected = table.outcome.eq("won") & (days <= 120)
    assert (table.y == expected).all()
    assert (days.dropna() > 0).all()
    late = table.outcome.eq("won") & (days > 120)
    assert late.any()
    assert table.y[late].eq(0).all()


def test_looks_at_one_lead_share_a_group(table):
    assert table.groups.groupby(table.lead_id).nunique().max() == 1
    assert table.lead_id.value_counts().max() == 3
    assert (table.X["age_days"].isin([0.0, 30.0, 90.0])).all()


def test_nothing_after_the_last_look_is_known(tables):
    leads, touches, deals = tables
    look = pd.Timestamp("2025-03-31T23:59:59.999999Z")
    whole = training_table(*tables, horizon_days=90, as_of="2025-03-31")
    seen = leads[leads["created_at"] <= look].copy()
    seen["ended_at"] = seen["ended_at"].where(seen["ended_at"] <= look)
    for column in ("stage", "discard_reason"):  # those of that day are not known
        seen[column] = seen[column].where(seen["ended_at"].notna())
    for column in ("mql_at", "sql_at", "first_contacted_at"):
        seen[column] = seen[column].where(seen[column] <= look)
    known = deals[deals["created_at"] <= look].copy()
    over = known["closed_at"] <= look
    known["closed_at"] = known["closed_at"].where(over)
    known["won"] = known["won"].where(over)
    cut = training_table(
        seen,
        touches[touches["touched_at"] <= look],
        known,
        horizon_days=90,
        as_of="2025-03-31",
    )
    pd.testing.assert_frame_equal(whole.X, cut.X)
    for name in ("y", "settled", "ended_at", "outcome", "lead_id"):
        pd.testing.assert_series_equal(getattr(whole, name), getattr(cut, name))
    assert whole.spec == cut.spec


def test_a_stage_ends_a_lead_and_is_not_known_on_an_earlier_day(tables):
    leads, _, deals = tables
    kind = leads["stage"].str.lower()
    blank = leads.drop(columns="ended_at")
    ends = lead_ends(blank, deals)
    dated = lead_ends(leads, deals)
    np.testing.assert_array_equal(ends.outcome[dated.won], "won")
    gone = (kind.isin(["lost", "discarded"]) | leads["discard_reason"].notna()).to_numpy()
    assert (gone & ~dated.won).any()
    np.testing.assert_array_equal(ends.outcome[gone & ~dated.won], "lost")
    assert not ends.seen(np.datetime64("2025-03-31", "us")).undated.any()
    table = training_table(blank, None, deals, horizon_days=90)
    lost = table.outcome.eq("lost")
    assert lost.any()
    assert table.settled[lost].all()
    assert not table.y[lost].any()


def test_a_win_of_which_nothing_says_when_teaches_nothing(tables):
    leads, _, deals = tables
    never = leads.loc[~lead_ends(leads, deals).won, "lead_id"].iloc[0]
    mine = leads["lead_id"].eq(never)
    odd = leads.assign(
        stage=leads["stage"].mask(mine, "won"), ended_at=leads["ended_at"].mask(mine)
    )
    table = training_table(odd, None, deals)
    assert never not in set(table.lead_id)
    assert "1 leads left out: they were won, and nothing says when" in table.notes


def test_rows_equal_features_built_at_their_look(tables, table):
    leads, touches, deals = tables
    first = table.X["age_days"].eq(0.0)
    alone = build_features(leads, touches, deals, as_of=leads["created_at"], spec=table.spec)
    rows = table.X[first].set_index(table.lead_id[first])
    alone = alone.set_axis(leads["lead_id"].to_numpy(), axis="index")
    pd.testing.assert_frame_equal(rows, alone.loc[rows.index], check_names=False)


def test_without_touches_or_deals(tables):
    leads = tables[0]
    table = training_table(leads, horizon_days=60)
    assert table.half_life is None
    assert table.engagement == ("age_days", "was_contacted", "is_mql", "is_sql", "account_n_leads")
    with pytest.raises(InputError, match="Nothing says which leads were won"):
        training_table(leads.drop(columns="stage"))


def test_what_is_out_of_range_is_refused(tables):
    with pytest.raises(ConfigError, match="horizon_days is 0"):
        training_table(*tables, horizon_days=0)
    with pytest.raises(InputError, match="no lead was open"):
        training_table(*tables, as_of="2020-01-01")


@pytest.mark.parametrize("truth", [7.0, 30.0, 90.0])
def test_half_life_is_recovered(truth):
    rng = np.random.default_rng(int(truth))
    inside = 0
    for _ in range(10):
        n = 1500
        query = np.repeat(np.arange(n), rng.poisson(4, n))
        age = rng.exponential(60, len(query))
        signal = np.log1p(decayed(age, query, n, truth))
        won = rng.random(n) < 1 / (1 + np.exp(2.5 - 2.0 * signal))
        learnt = learn_half_life(age, query, won)
        inside += learnt.lower <= truth <= learnt.upper
    assert inside >= 6  # 90% intervals on a grid: below 6 of 10 once in six hundred times


def test_half_life_without_signal_or_wins_is_the_default():
    rng = np.random.default_rng(2)
    query, age = np.repeat(np.arange(400), 3), rng.exponential(30, 1200)
    few = learn_half_life(age, query, np.arange(400) < 5)
    assert few.days == DEFAULT_HALF_LIFE
    assert few.note.startswith("fewer than 20 wins")
    notes = [learn_half_life(age, query, rng.random(400) < 0.3).note for _ in range(20)]
    assert sum(note != "" for note in notes) >= 12


def test_half_life_is_not_that_of_the_lead():
    """Older looks win less and their touches are older: the strata take that out."""
    rng = np.random.default_rng(5)
    strata = np.repeat([0, 1], 1500)
    query = np.repeat(np.arange(3000), 2)
    age = rng.exponential(20, 6000) + 60.0 * strata[query]
    won = rng.random(3000) < np.where(strata == 0, 0.4, 0.1)
    assert learn_half_life(age, query, won).note == ""
    assert learn_half_life(age, query, won, strata=strata).note != ""
