"""The loop, measured: whose score was shown, whose was held out, and what came of both."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError, SourceError
from mmm.prediction.recipe import Recipe
from mmm.run.handed import handed_file, judge_loop, keep_handed, read_handed, shown_before
from mmm.run.life import outcomes
from tests.prediction.writeback.fakes import make_scores

FIRST = pd.Timestamp("2025-03-03", tz="UTC")
LATER = pd.Timestamp("2025-03-10", tz="UTC")
RECIPE = Recipe("v1", "lead_id", outcome="converted", ended_at="ended_at")
IDS = [f"L{i}" for i in range(40)]


def kept(file, ids, held_out, look=FIRST, without=()):
    shown = make_scores(leads=[one for one in ids if one not in held_out])
    return keep_handed(file, shown, make_scores(leads=held_out), look, without)


def ended(n_won_shown, n_won_held, ids=IDS, held=IDS[20:]):
    """Leads of which the first so many of each side were won; all have ended."""
    won = [one for one in ids if one not in held][:n_won_shown] + list(held)[:n_won_held]
    return pd.DataFrame(
        {"lead_id": ids, "converted": ["yes" if one in won else "no" for one in ids],
         "ended_at": "2025-04-01"}
    )  # fmt: skip


@pytest.fixture
def file(tmp_path):
    return handed_file(tmp_path / "ledger.sqlite")


def test_the_first_score_of_a_lead_is_the_one_that_counts(file):
    assert kept(file, ["L0", "L1", "=1+1"], ["L1"]) == 1
    assert kept(file, ["L0", "L1", "L2"], ["L0", "L2"], LATER) == 1  # L0 was shown before
    rows = read_handed(file).set_index("lead_id")
    assert rows["held_out"].to_dict() == {"L0": "no", "'=1+1": "no", "L1": "yes", "L2": "yes"}
    assert rows.loc["L2", "looked_at"] == LATER.isoformat()
    assert shown_before(file) == {"L0", "'=1+1"}
    kept(file, ["L3"], [], LATER, without=["L0", "=1+1"])
    assert set(read_handed(file)["lead_id"]) == {"L1", "L2", "L3"}


def test_a_table_that_is_not_there_or_not_ours_is_named(file):
    assert shown_before(file) == frozenset()
    with pytest.raises(ConfigError, match=r"no lead has been held out yet.*hold_out under"):
        read_handed(file)
    for text in ("lead_id,grade\nL1,A\n", ""):
        file.write_text(text)
        with pytest.raises(SourceError, match=r"holds no leads handed over .*begins a new one"):
            read_handed(file)
    kept_columns = "lead_id,looked_at,model,grade,probability,held_out\n"
    file.write_text(f"{kept_columns}L1,2025-03-03,v1,A,much,no\n")
    with pytest.raises(SourceError, match="Restore it from its copy"):
        read_handed(file)


def test_what_showing_changed_is_the_difference_of_the_two_sides(file):
    kept(file, IDS, IDS[20:])
    loop = judge_loop(file, ended(12, 6), RECIPE)
    assert (loop.n, loop.n_held_out, loop.n_known, loop.since) == (40, 20, 40, "2025-03-03")
    every = loop.shown.set_index("grade").loc["all"]
    assert (every["rate_shown"], every["rate_held_out"]) == (0.6, 0.3)
    assert every["difference"] == pytest.approx(0.3)
    assert every["lower"] < 0.3 < every["upper"]
    assert loop.worked.empty


@pytest.mark.parametrize("named", ["first_contacted_at", "called"])
def test_leads_that_were_worked_stand_beside_those_that_were_not(file, named):
    kept(file, IDS, [])
    leads = ended(12, 0, held=())
    leads[named] = ["2025-03-04", *["yes"] * 9, "no", *[None] * 29]
    worked = None if named == "first_contacted_at" else named
    loop = judge_loop(file, leads, RECIPE, worked=worked)
    counts = ["n_worked", "won_worked", "n_left", "won_left"]
    sums = loop.worked.groupby("period")[counts].sum()
    assert sums.loc["all"].tolist() == sums.loc["2025-03-03"].tolist() == [10, 10, 30, 2]


def test_what_cannot_be_judged_yet_says_what_is_missing(file):
    kept(file, IDS, IDS[20:])
    still_open = ended(0, 0).assign(ended_at=None)
    with pytest.raises(ConfigError, match=r"of 40 leads handed over none has an end yet"):
        judge_loop(file, still_open, RECIPE)
    with pytest.raises(InputError, match=r"no column 'phoned' of leads worked.*Correct worked="):
        judge_loop(file, ended(12, 6), RECIPE, worked="phoned")
    with pytest.raises(InputError, match=r"no column 'won' of outcomes\. Name it with outcome="):
        judge_loop(file, ended(12, 6), RECIPE, outcome="won")


def test_of_an_id_that_stands_twice_nothing_is_known(file):
    kept(file, IDS, IDS[20:])
    leads = ended(12, 6)
    twice = pd.concat([leads, leads.head(1)], ignore_index=True)
    assert judge_loop(file, twice, RECIPE).n_known == 39


def test_within_a_horizon_a_lead_is_known_when_it_has_passed():
    day = pd.Timestamp("2025-03-01", tz="UTC")
    leads = pd.DataFrame(
        {"lead_id": ["a", "b", "c", "d"], "person_id": ["a", "b", "c", "d"], "created_at": day,
         "ended_at": [pd.NaT, day + pd.Timedelta(days=5), pd.NaT, pd.NaT]}
    )  # fmt: skip
    won_at = {"a": 10, "c": 40}
    deals = pd.DataFrame(
        {"deal_id": list(won_at), "person_id": list(won_at), "won": True, "created_at": day,
         "closed_at": [day + pd.Timedelta(days=n) for n in won_at.values()]}
    )  # fmt: skip
    rows = pd.DataFrame({"lead_id": ["a", "b", "c", "d"], "looked_at": day.isoformat()})
    tables = {"leads": leads, "deals": deals.astype({"won": "boolean"})}
    recipe = Recipe("v1", tables=("deals",), horizon_days=30.0)
    known = outcomes(rows, tables, recipe, outcome=None, as_of="2025-04-15")
    assert known.tolist() == [True, False, False, False]
    early = outcomes(rows, tables, recipe, outcome=None, as_of="2025-03-20")
    assert early.isna().all()
    after = rows.assign(looked_at=(day + pd.Timedelta(days=12)).isoformat())
    late = outcomes(after, tables, recipe, outcome=None, as_of="2025-06-01")
    assert late.isna().tolist() == [True, True, False, False]  # over before it was looked at
    assert np.array_equal(late.dropna(), [True, False])  # c was won within 30 days of that look
