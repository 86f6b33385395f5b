"""Outcomes of shadow scores: only what has had its time counts, whenever it was known."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, SourceError
from mmm.prediction import LeadScores
from mmm.prediction.recipe import Recipe
from mmm.run import life
from mmm.run.life import SHADOW, keep_shadow, read_shadow, shadow

DAY = pd.Timestamp("2025-06-01T06:00Z")


def scores(ids, p, version="0" * 12):
    n = len(ids)
    return LeadScores(
        np.array(ids, dtype=object),
        np.array(p, dtype=float),
        np.array(["B"] * n, dtype=object),
        np.array([None] * n, dtype=object),
        DAY,
        version,
    )


def pair(ids, p, q):
    return shadow(scores(ids, p), scores(ids[::-1], q[::-1], "1" * 12), DAY)


def test_scores_are_put_side_by_side_by_lead():
    rows = shadow(
        scores(["a", "b", "c"], [0.1, 0.2, 0.3]), scores(["c", "a"], [0.6, 0.4], "1" * 12), DAY
    )
    assert rows[["lead_id", "by_champion", "by_challenger"]].values.tolist() == [
        ["a", 0.1, 0.4],
        ["c", 0.3, 0.6],
    ]


def test_the_first_scores_of_a_lead_stay(tmp_path):
    assert keep_shadow(tmp_path, pair(["a", "=b"], [0.1, 0.2], [0.3, 0.4])) == 2
    assert keep_shadow(tmp_path, pair(["=b", "c"], [0.9, 0.5], [0.9, 0.6])) == 1
    found = read_shadow(tmp_path)
    assert found["lead_id"].tolist() == ["a", "'=b", "c"]
    assert found["by_champion"].tolist() == [0.1, 0.2, 0.5]
    keep_shadow(tmp_path, pair(["d"], [0.1], [0.1]), without=["=b", "d"])
    assert read_shadow(tmp_path)["lead_id"].tolist() == ["a", "c"]


@pytest.mark.parametrize("text", ["lead_id,p\na,1\n", "", "\x00"])
def test_a_foreign_table_is_refused(tmp_path, text):
    (tmp_path / SHADOW).write_text(text)
    with pytest.raises(SourceError, match="no scores side by side"):
        read_shadow(tmp_path)


def instants(*days):
    return pd.to_datetime(pd.Series(days), utc=True)


def test_a_win_counts_when_its_horizon_has_passed_and_not_before():
    ids = ["soon", "late", "lost", "open", "gone", "over"]
    rows = pair(ids, [0.5] * 6, [0.5] * 6)
    leads = pd.DataFrame(
        {
            "lead_id": ["soon", "late", "lost", "open", "over"],
            "person_id": ["soon", "late", "lost", "open", "over"],
            "created_at": instants(*["2025-05-01"] * 5),
            "ended_at": instants(None, None, "2025-06-05", None, "2025-05-20"),
        }
    )
    deals = pd.DataFrame(
        {
            "person_id": ["soon", "late"],
            "won": [True, True],
            "created_at": instants("2025-05-10", "2025-05-10"),
            "closed_at": instants("2025-06-10", "2025-07-20"),
        }
    )
    tables = {"leads": leads, "deals": deals}
    recipe = Recipe("v", tables=("deals",), horizon_days=30.0)
    won = life._of_tables(rows, tables, recipe, "2025-08-01").astype("object")
    found = dict(zip(ids, won.where(won.notna(), None), strict=True))
    assert found == {
        "soon": True, "late": False, "lost": False, "open": False, "gone": None, "over": None,
    }  # fmt: skip
    early = life._of_tables(rows, tables, recipe, "2025-06-20")  # 30 days have not passed
    assert early.isna().all()


def test_an_open_lead_has_no_outcome_where_ends_are_known():
    rows = pair(["a", "b", "c", "d"], [0.5] * 4, [0.5] * 4)
    leads = pd.DataFrame(
        {
            "lead_id": ["a", "b", "c", "d"],
            "won": ["yes", "no", "no", None],
            "ended_at": instants("2025-06-10", "2025-06-11", None, None),
        }
    )
    recipe = Recipe("v", ended_at="ended_at", outcome="won")
    won = life._of_leads(rows, leads, recipe, None)
    assert won.astype("object").where(won.notna(), None).tolist() == [True, False, None, None]
    twice = pd.concat([leads, leads.head(1)])
    assert pd.isna(life._of_leads(rows, twice, recipe, None).iloc[0])


def test_models_of_different_things_are_not_compared():
    class Of:
        def __init__(self, days, ever):
            self.recipe = Recipe("v", horizon_days=days)
            table = pd.DataFrame({"age_days": [1] if ever else []})
            card = type("Card", (), {"hazard": table})
            self.scorer = type("Scorer", (), {"card_": card})

    life._refuse_apart(Of(90.0, False), Of(90.0, False))
    with pytest.raises(ConfigError, match=r"won within 90 days; won within 60 days"):
        life._refuse_apart(Of(90.0, False), Of(60.0, False))
    with pytest.raises(ConfigError, match=r"ever won; the outcome given"):
        life._refuse_apart(Of(None, True), Of(None, False))
