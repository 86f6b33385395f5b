"""What a scorer cannot learn from or score is refused before any work, with the cure."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.prediction import LeadScorer
from mmm.prediction.comparison import compare_models
from mmm.prediction.handover.grades import Grades, grade_by_share
from mmm.prediction.learning.histories import OPEN, incidence
from mmm.prediction.scores import LeadScores
from mmm.prediction.writeback.guards import Guards

N = 60
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N), "D")


@pytest.fixture(scope="module")
def leads():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"pages": rng.poisson(3.0, N), "source": rng.choice(["web", "fair"], N)})


@pytest.fixture(scope="module")
def won():
    return np.arange(N) % 2


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, r"y is None\. Give 1 for leads that converted"),
        (np.arange(5) % 2, r"\[60, 5\]\. Give one label a row"),
        ([np.nan, *[0.0, 1.0] * 29, 1.0], r"contains NaN \(row 1\)\. Leave out those leads"),
        (np.arange(N) % 3, "multiclass: '0', '1', '2'. Give 1 for leads that converted, else 0"),
        (np.zeros(N), r"All 60 leads are of one class, 0\.0\. .*a longer period, or open leads"),
        (np.ones(N, np.int64), "All 60 leads are of one class, 1. Give leads of both"),
        (np.full(N, "no"), "All 60 leads are of one class, 'no'. Give leads of both"),
    ],
)
def test_labels_that_teach_nothing(leads, labels, said):
    with pytest.raises(InputError, match=said):
        LeadScorer().fit(leads, labels)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ({"ended_at": DAYS}, r"ended_at needs created_at: give the day each lead came in"),
        ({"outcome": ["won"] * N}, "outcome needs ended_at and created_at"),
        ({"created_at": DAYS[:5]}, r"created_at has 5 rows, the table 60\. Give one instant a row"),
        ({"created_at": ["soon"] * N}, r"created_at is not all dates: .*Write YYYY-MM-DD"),
        ({"created_at": [None, *DAYS[1:]]}, r"1 lead without created_at\. Give the day"),
        ({"groups": [1, 2]}, r"groups has 2 rows, the table 60\. Give one a row"),
        ({"created_at": DAYS, "ended_at": DAYS, "outcome": ["won"]}, "outcome has 1 rows"),
        ({"created_at": DAYS, "ended_at": DAYS, "outcome": ["perhaps"] * N},
         r"outcome holds 'perhaps'\. Write won, lost or open"),
    ],
)  # fmt: skip
def test_dates_and_groups_that_do_not_fit(leads, won, dates, said):
    with pytest.raises(InputError, match=said):
        LeadScorer().fit(leads, won, **dates)


def test_values_of_numpy_are_printed_as_people_write_them():
    one, half = np.float64(1.5), np.array([0.5, 0.5, 0.5])
    with pytest.raises(ConfigError, match=r"max_moved= is 1\.5\. Give a share"):
        Guards(max_moved=one)
    with pytest.raises(ConfigError, match=r"tolerance is -1\.5\. Give a log loss"):
        compare_models(half > 0, half, half, tolerance=-one)
    with pytest.raises(ConfigError, match=r"grades are 0\.5, 1\.5 and 0\.5\. Give three"):
        Grades((half[0], one, half[0]))
    with pytest.raises(ConfigError, match=r"shares are 0\.5, 0\.5, 0\.5\. Give three"):
        grade_by_share(half, half)


def test_a_table_without_rows_or_of_words_without_names(leads, won):
    with pytest.raises(InputError, match=r"no rows\. Give leads to learn from"):
        LeadScorer().fit(leads.head(0), won[:0])
    with pytest.raises(InputError, match=r"an array holds numbers alone\. Pass a frame"):
        LeadScorer().fit(leads.to_numpy(), won)


def test_a_model_of_an_array_scores_a_frame_by_place(leads, won):
    numbers = np.column_stack([leads["pages"], leads["source"] == "fair"]).astype(float)
    scorer = LeadScorer().fit(numbers, won)
    named = pd.DataFrame(numbers, columns=["a", "b"])
    assert (scorer.predict_proba(named) == scorer.predict_proba(numbers)).all()


@pytest.mark.parametrize("days", [0, -1.0, float("nan")])
def test_days_to_look_ahead(leads, won, days):
    plain = LeadScorer().fit(leads, won)
    with pytest.raises(ConfigError, match=r"within_days needs a model that knows when leads end"):
        plain.score_leads(leads.assign(lead_id=np.arange(N)), within_days=30)
    ended = pd.Series(DAYS + pd.to_timedelta(5 + np.arange(N) % 7, "D"))
    timed = LeadScorer().fit(leads, won, created_at=DAYS, ended_at=ended)
    with pytest.raises(ConfigError, match=rf"within_days is {days!r}\. Give days above 0"):
        timed.score_leads(leads.assign(lead_id=np.arange(N)), within_days=days)


def test_nobody_has_ended_and_nothing_is_known():
    times, chance = incidence(np.array([1.0, 2.0]), np.full(2, OPEN))
    assert len(times) == len(chance) == 0


def test_scores_say_whom_to_call_first():
    ids, p = np.array(["a", "b"], dtype=object), np.array([0.2, 0.7])
    grade, reasons = np.array(["D", "A"], dtype=object), np.array([None, ("x",)], dtype=object)
    when = pd.Timestamp("2025-03-01", tz="UTC")
    scores = LeadScores(ids, p, grade, reasons, when, "v1")
    assert repr(scores).startswith("Call b first (70%); 1 of 2 leads have grade A.")
    assert "LeadScores: 2 leads, model v1" in repr(scores)
    assert repr(scores.take(np.array([], dtype=int))).startswith("No lead was scored.")
    with pytest.raises(InputError, match="columns of different length; score the leads again"):
        LeadScores(ids, p, grade[:1], reasons, when, "v1")
