"""Reasons add up, speak two languages, and say what would change a grade."""

import numpy as np
import pandas as pd
import pytest

from mmm.prediction.learning.reasons import AGE
from mmm.prediction.scorer import LeadScorer


def table(n, rng):
    frame = pd.DataFrame(
        {
            "visits": rng.poisson(3, n).astype(float),
            "source": rng.choice(["fair", "web", None], n),
            "demo": rng.random(n) < 0.3,
            "first_seen": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"),
        }
    )
    odds = 0.4 * frame["visits"] - 2.5 + 1.5 * frame["demo"]
    return frame, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)


@pytest.fixture(scope="module")
def plain():
    frame, won = table(900, np.random.default_rng(0))
    return LeadScorer().fit(frame, won), frame


@pytest.fixture(scope="module")
def crossed():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(1_500, 3)), columns=list("abc"))
    odds = 2.5 * np.sign(frame["a"] * frame["b"])
    won = (rng.random(1_500) < 1 / (1 + np.exp(-odds))).astype(int)
    return LeadScorer().fit(frame, won), frame


def log_odds(p):
    return np.log(p[:, 1] / p[:, 0])


def test_contributions_add_up_to_the_log_odds(plain):
    scorer, frame = plain
    parts = scorer.contributions(frame)
    assert parts.method.startswith("exact")
    total = parts.base + parts.values.sum(axis=1)
    np.testing.assert_allclose(total, log_odds(scorer.predict_proba(frame)), atol=1e-9)
    assert list(parts.to_frame().columns)[1:-1] == list(parts.columns)


def test_contributions_of_interactions_add_up_and_name_their_method(crossed):
    scorer, frame = crossed
    assert any(c.family == "full" for c in scorer.choice_.weights)
    parts = scorer.contributions(frame.head(50))
    assert "Shapley" in parts.method
    total = parts.base + parts.values.sum(axis=1)
    np.testing.assert_allclose(total, log_odds(scorer.predict_proba(frame.head(50))), atol=1e-9)
    # a and b decide together; c says nothing.
    size = np.abs(parts.values).mean(axis=0)
    assert size[2] < 0.3 * min(size[0], size[1])


def test_the_effects_on_the_card_are_those_of_all_learners(crossed):
    scorer, frame = crossed
    values = scorer.contributions(frame).values
    card = scorer.card_.features.set_index("column")["spread"]
    np.testing.assert_allclose(card[list("abc")], values.std(axis=0), atol=1e-9)
    assert card.index[-1] == "c"
    assert card["a"] > 1.0


def test_a_part_points_up_where_leads_convert_more_often_than_the_average():
    """Of a rare level that says much, the mean of log-odds lies below every other level."""
    rng = np.random.default_rng(5)
    place = rng.choice(["far", "near", "known"], 3_000, p=[0.5, 0.4, 0.1])
    rates = {"far": 0.01, "near": 0.08, "known": 0.8}
    won = rng.random(3_000) < pd.Series(place).map(rates).to_numpy()
    frame = pd.DataFrame({"place": place})
    scorer = LeadScorer().fit(frame, won.astype(int))
    parts = scorer.contributions(frame)
    up = pd.Series(parts.values[:, 0] > 0).groupby(place).first()
    assert up.tolist() == [rate > won.mean() for rate in pd.Series(won).groupby(place).mean()]
    assert 1 / (1 + np.exp(-parts.base)) == pytest.approx(
        scorer.predict_proba(frame)[:, 1].mean(), abs=1e-6
    )


def test_parts_of_interactions_start_from_the_average_lead(crossed):
    scorer, frame = crossed
    parts = scorer.contributions(frame)
    rate = scorer.predict_proba(frame)[:, 1].mean()
    for j in range(3):
        same = 1 / (1 + np.exp(parts.values[:, j] - parts.log_odds))
        assert same.mean() == pytest.approx(rate, abs=1e-6)


def test_contributions_with_hazards_add_up_with_the_age_as_a_part():
    rng = np.random.default_rng(2)
    frame, won = table(700, rng)
    created = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 150, 700)), "D")
    ended = pd.Series(created + pd.to_timedelta(rng.integers(1, 60, 700), "D"))
    last = pd.Timestamp("2025-06-01")
    ended = ended.where(ended <= last)
    outcome = np.where(ended.isna(), "open", np.where(won == 1, "won", "lost"))
    y = (outcome == "won").astype(int)
    scorer = LeadScorer().fit(frame, y, created_at=created, ended_at=ended, outcome=outcome)
    parts = scorer.contributions(frame)
    assert parts.columns[-1] == AGE
    total = parts.base + parts.values.sum(axis=1)
    np.testing.assert_allclose(total, log_odds(scorer.predict_proba(frame)), atol=1e-9)
    old = frame.assign(lead_id=np.arange(700), created_at=created)
    scores = scorer.score_leads(old, as_of="2025-06-02", within_days=14)
    said = [text for reasons in scores.reasons for text in reasons]
    assert any(text.startswith("Days since the lead came in: ") for text in said)


def test_sentences_follow_the_contributions(plain):
    scorer, _ = plain
    new = pd.DataFrame(
        {
            "lead_id": ["high", "low"],
            "visits": [9.0, 0.0],
            "source": [None, "fair"],
            "demo": [True, False],
            "first_seen": pd.to_datetime(["2025-02-01"] * 2),
        }
    )
    english, italian = (scorer.score_leads(new, lang=lang) for lang in ("en", "it"))
    assert "demo: yes. Raises the estimated chance a lot." in english.reasons[0]
    assert "demo: sì. Alza molto la probabilità stimata." in italian.reasons[0]
    assert "visits: 0. Lowers the estimated chance a lot." in english.reasons[1]
    assert all(1 <= len(reasons) <= 3 for reasons in english.reasons)
    assert (english.probability == italian.probability).all()


def test_a_sentence_speaks_of_leads_that_are_alike_but_for_the_value():
    """Leads of the fair are won more often than their like, and less often when plainly counted."""
    rng = np.random.default_rng(7)
    fair = rng.random(2_000) < 0.5
    visits = rng.poisson(np.where(fair, 1.0, 6.0)).astype(float)
    won = rng.random(2_000) < 1 / (1 + np.exp(3.0 - 0.8 * visits - 1.5 * fair))
    assert won[fair].mean() < won[~fair].mean() - 0.1
    frame = pd.DataFrame({"visits": visits, "source": np.where(fair, "fair", "web")})
    scorer = LeadScorer().fit(frame, won.astype(int))
    new = pd.DataFrame({"lead_id": ["f"], "visits": [1.0], "source": ["fair"]})
    said = " ".join(scorer.score_leads(new).reasons[0])
    assert "source: fair. Raises the estimated chance." in said


def test_what_would_lift_a_grade_does(plain):
    scorer, frame = plain
    advice = scorer.next_grade(frame.head(40))
    letters = "ABCD"
    for i in range(40):
        row = advice.iloc[i]
        if pd.isna(row["column"]):
            continue
        changed = frame.iloc[[i]].copy()
        if row["column"] == "visits":
            changed["visits"] = float(row["value"])
        elif row["column"] == "demo":
            changed["demo"] = row["value"] == "yes"
        else:
            continue
        after = scorer.score_leads(changed.assign(lead_id="x")).grade[0]
        assert letters.index(after) <= letters.index(row["next_grade"])
        assert letters.index(row["next_grade"]) == letters.index(row["grade"]) - 1
    assert advice["column"].notna().sum() > 10
    assert scorer.next_grade(frame.head(3), lang="it")["sentence"].str.contains("voto").all()


def test_bad_input_34_names_stay_text(plain):
    rng = np.random.default_rng(3)
    frame, won = table(300, rng)
    frame = frame.rename(columns={"visits": "<script>alert(1)</script>"})
    scorer = LeadScorer().fit(frame, won)
    page = scorer.card_.to_html("it")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("column", "effect", "always"),
    [("employees", 1.5, True), ("employees", 0.3, False), ("days_since_webinar", 1.5, False)],
)
def test_a_missing_value_is_named_where_it_says_much_or_nothing_else_tells(column, effect, always):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"visits": rng.poisson(3, 900).astype(float), column: rng.choice([9.0, np.nan], 900)}
    )
    odds = 0.6 * frame["visits"] - 2.5 + effect * frame[column].isna()
    won = (rng.random(900) < 1 / (1 + np.exp(-odds))).astype(int)
    frame["visits"] = frame["visits"].mask(np.arange(900) % 9 == 0)
    scorer = LeadScorer().fit(frame, won)
    blank = frame.assign(lead_id=[f"l{i}" for i in range(900)])[frame[column].isna()]
    bare = blank["visits"].isna().to_numpy()
    said = [" ".join(one) for one in scorer.score_leads(blank).reasons]
    named = np.array(["not filled in" in text for text in said])
    assert named[bare].all()
    busy = blank["visits"].to_numpy() >= 7
    assert busy.any()
    assert (named[busy] == always).all()


def test_channels_are_named_in_the_language_of_the_reason():
    rng = np.random.default_rng(4)
    channel = rng.choice(["Events", "Stand"], 600)
    won = (rng.random(600) < np.where(channel == "Events", 0.7, 0.2)).astype(int)
    scorer = LeadScorer().fit(pd.DataFrame({"channel": channel}), won)
    new = pd.DataFrame({"lead_id": ["a", "b"], "channel": ["Events", "Stand"]})
    said = [" ".join(one) for one in scorer.score_leads(new, lang="it").reasons]
    assert "Fiere ed eventi" in said[0]
    assert "Events" not in said[0]
    assert "Stand" in said[1]
