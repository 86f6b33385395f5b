"""The scorer: any frame, any order, honest about what it cannot tell."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from mmm.errors import ConfigError, DataWarning, InputError
from mmm.prediction.scorer import LeadScorer


def make_leads(n=600, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "pages": rng.poisson(3, n).astype(float),
            "size": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(2, 1, n)),
            "source": rng.choice(["fair", "web", "mail", None], n),
            "demo": rng.random(n) < 0.3,
        }
    )
    odds = 0.4 * frame["pages"] - 2.5 + (frame["source"] == "fair") + frame["demo"]
    return frame, (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)


def make_histories(n=900, seed=0):
    """Return leads of 200 days, created, ended and outcome as known on day 200."""
    frame, _ = make_leads(n, seed)
    rng = np.random.default_rng(seed + 1)
    created = np.sort(rng.integers(0, 200, n)).astype(float)
    pull = np.exp(0.25 * frame["pages"] - 1)
    won, lost = rng.exponential(150 / pull), rng.exponential(150, n)
    ended = created + np.ceil(np.minimum(won, lost))
    over = ended <= 200
    start = pd.Timestamp("2025-01-01")
    days = [start + pd.to_timedelta(x, unit="D") for x in (created, np.where(over, ended, np.nan))]
    outcome = np.where(over, np.where(won < lost, "won", "lost"), "open")
    return frame, pd.Series(days[0]), pd.Series(days[1]), pd.Series(outcome)


@pytest.fixture(scope="module")
def fitted():
    frame, won = make_leads()
    return LeadScorer(seed=0).fit(frame, won), frame, won


@pytest.fixture(scope="module")
def aged():
    frame, created, ended, outcome = make_histories()
    y = (outcome == "won").astype(int)
    scorer = LeadScorer().fit(frame, y, created_at=created, ended_at=ended, outcome=outcome)
    return scorer, frame, created, ended, outcome


@pytest.mark.slow
@parametrize_with_checks([LeadScorer()])
def test_scikit_learn_accepts_it(estimator, check):
    with warnings.catch_warnings():
        # The checks fit columns without signal and classes that separate, which is said.
        warnings.simplefilter("ignore")
        check(estimator)


def test_order_of_rows_and_columns_does_not_matter(fitted):
    scorer, frame, won = fitted
    order = np.random.default_rng(1).permutation(len(frame))
    other = LeadScorer(seed=0).fit(frame.iloc[order, ::-1], won[order])
    assert (other.predict_proba(frame) == scorer.predict_proba(frame)).all()
    assert (scorer.predict_proba(frame[frame.columns[::-1]]) == scorer.predict_proba(frame)).all()
    assert other.model_version_ == scorer.model_version_


@given(st.integers(0, 1_000))
@settings(max_examples=10)
def test_probabilities_are_inside_and_each_lead_stands_alone(fitted, seed):
    scorer, _, _ = fitted
    rng = np.random.default_rng(seed)
    new = make_leads(40, seed)[0]
    new["pages"] *= rng.choice([0.0, 1.0, 1e12])
    new["source"] = new["source"].where(rng.random(40) < 0.7, "never seen")
    p = scorer.predict_proba(new)
    assert ((p > 0) & (p < 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(scorer.predict_proba(new.iloc[[7]])[0], p[7], atol=1e-15)


@pytest.fixture(scope="module")
def coded():
    """Return a scorer of columns whose cells are of several types, and their leads."""
    rng = np.random.default_rng(4)
    frame, won = make_leads(200)
    columns = {
        "zip": [20100, 30100, "V6 1AA", "SW1", None],
        "seen_on": ["13/02/2025", "01/02/2025", "02/03/2025"],
        "fee": ["1.234,5", "12,25", "1.500"],
        "plan": [True, "trial", 1],
    }
    for name, cells in columns.items():
        frame[name] = np.array(cells, dtype=object)[rng.integers(0, len(cells), 200)]
    scorer = LeadScorer(seed=0).fit(frame, won)
    return scorer, frame, scorer.predict_proba(frame)[:, 1]


@given(st.lists(st.integers(0, 199), min_size=1, max_size=20, unique=True))
@settings(max_examples=25)
def test_some_leads_are_scored_as_among_all(coded, rows):
    scorer, frame, p = coded
    for part in (frame.iloc[rows], frame.iloc[rows].infer_objects()):
        np.testing.assert_allclose(scorer.predict_proba(part)[:, 1], p[rows], atol=1e-12)


def test_the_first_leads_of_training_can_be_scored(coded):
    _, frame, _ = coded
    scorer = LeadScorer(seed=0).fit(frame[:100], [0, 1] * 50)
    assert len(scorer.predict_proba(frame[:3])) == 3


def test_labels_of_any_kind():
    frame, won = make_leads(200)
    words = np.where(won == 1, "yes", "no")
    scorer = LeadScorer().fit(frame, words)
    assert set(scorer.predict(frame)) <= {"no", "yes"}
    assert 0 < scorer.score(frame, words) <= 1


def test_bad_input_24_a_column_that_knows_the_future():
    frame, won = make_leads()
    frame["signed_by"] = np.where(won == 1, "Rossi", None)
    scorer = LeadScorer().fit(frame, won)
    assert scorer.leakage_["column"].tolist() == ["signed_by"]
    without = scorer.predict_proba(frame.drop(columns="signed_by"))
    assert (scorer.predict_proba(frame) == without).all()
    insisted = LeadScorer(allow=["signed_by"]).fit(frame, won)
    assert insisted.leakage_.empty
    assert insisted.score(frame, won) > 0.99


def test_bad_input_24_a_column_filled_at_wins_too_late_for_y():
    frame, won = make_leads(800)
    rng = np.random.default_rng(5)
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 200, 800)), "D")
    days = rng.integers(1, 160, 800)
    ended = pd.Series(created + pd.to_timedelta(days, "D"))
    soon = ((won == 1) & (days <= 40)).astype(int)  # most wins come later
    frame["signed_by"] = np.where(won == 1, "Rossi", None)
    outcome = np.where(won == 1, "won", "lost")
    known = {"created_at": created, "ended_at": ended}
    scorer = LeadScorer().fit(frame, soon, **known, outcome=outcome)
    assert scorer.leakage_["column"].tolist() == ["signed_by"]
    assert scorer.card_.facts["predicts"] == "ever"
    clean = frame.drop(columns="signed_by")
    promised = scorer.predict_proba(clean)[:, 1].mean()
    assert abs(promised - won.mean()) < 0.05 < abs(promised - soon.mean())  # ever, not soon


def test_arrays_without_names_are_reported_not_dropped():
    frame, won = make_leads()
    array = np.column_stack([frame["pages"], won + 0.0])
    scorer = LeadScorer().fit(array, won)
    assert scorer.leakage_["column"].tolist() == ["x1"]
    assert scorer.score(array, won) > 0.99


def test_bad_input_25_single_class_target():
    frame, _ = make_leads(50)
    with pytest.raises(InputError, match="one class"):
        LeadScorer().fit(frame, np.zeros(50))


def test_bad_input_26_a_category_never_seen(fitted):
    scorer, frame, _ = fitted
    new = frame.head(3).assign(lead_id=["a", "b", "c"], source=["fax", "fax", "web"])
    scores = scorer.score_leads(new)
    assert scores.unseen[["column", "level", "n"]].values.tolist() == [["source", "fax", 2]]
    assert len(scores) == 3


def test_bad_input_27_schema_drift(fitted):
    scorer, frame, _ = fitted
    new = frame.head(3).assign(extra=1, pages=["many", "few", "none"]).drop(columns="size")
    for ask in (
        lambda: scorer.predict_proba(new),
        lambda: scorer.score_leads(new.assign(lead_id=[1, 2, 3])),
    ):
        with pytest.raises(InputError, match="differs") as error:
            ask()
        assert all(name in str(error.value) for name in ("size", "extra", "pages"))


def test_bad_input_23_duplicate_ids(fitted):
    scorer, frame, _ = fitted
    with pytest.raises(InputError, match=r"stands twice.*rows 1, 3"):
        scorer.score_leads(frame.head(3).assign(lead_id=["a", "b", "a"]))
    with pytest.raises(InputError, match="no id"):
        scorer.score_leads(frame.head(2).assign(lead_id=["a", None]))
    with pytest.raises(InputError, match="lead_id="):
        scorer.score_leads(frame.head(2))


def test_rows_that_cannot_be_read_are_left_out_by_name(fitted):
    scorer, frame, _ = fitted
    new = frame.head(40).assign(lead_id=range(40))
    new["pages"] = new["pages"].astype(object)
    new.loc[5, "pages"] = "many"
    with pytest.warns(DataWarning, match="1 lead not scored"):
        scores = scorer.score_leads(new)
    assert 5 not in scores.lead_id
    assert scores.quarantine[["row", "column"]].values.tolist() == [[5, "pages"]]


def test_no_signal_is_said_and_the_base_rate_is_the_forecast():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(400, 8)), columns=list("abcdefgh"))
    won = (rng.random(400) < 0.2).astype(int)
    scorer = LeadScorer().fit(frame, won)
    p = scorer.predict_proba(frame)[:, 1]
    assert np.ptp(p) < 1e-9
    assert abs(p[0] - won.mean()) < 0.005
    assert not scorer.card_.facts["signal"]
    reasons = scorer.score_leads(frame.head(1).assign(lead_id="x"), lang="it").reasons[0]
    assert reasons == ("Nessun dato distingue questo lead dagli altri: la sua probabilità è quella "
                       "media.",)  # fmt: skip


def test_two_leads_are_enough_to_fit_the_base_rate():
    scorer = LeadScorer().fit(pd.DataFrame({"a": [1.0, 2.0]}), [0, 1])
    assert scorer.predict_proba(pd.DataFrame({"a": [5.0]}))[0, 1] == pytest.approx(0.5)


def test_own_classifier_is_calibrated_like_the_others():
    from sklearn.naive_bayes import GaussianNB

    frame, won = make_leads(1_500)
    # Copies make naive Bayes far too sure of itself.
    for k in range(6):
        frame[f"copy_{k}"] = frame["pages"]
    scorer = LeadScorer(learner=GaussianNB()).fit(frame, won)
    (candidate,) = scorer.choice_.weights
    assert candidate.family == "own"
    test, truth = make_leads(4_000, seed=9)
    for k in range(6):
        test[f"copy_{k}"] = test["pages"]
    p = scorer.predict_proba(test)[:, 1]
    assert abs(p.mean() - truth.mean()) < 0.03
    raw = -np.log(np.clip(np.where(truth == 1, p, 1 - p), 1e-15, 1)).mean()
    assert raw < 0.69 * 0.9


def test_groups_are_never_parted():
    frame, won = make_leads(300)
    twice = pd.concat([frame, frame], ignore_index=True)
    groups = np.tile(np.arange(300), 2)
    noise = pd.DataFrame({"a": np.random.default_rng(0).normal(size=600)})
    labels = np.tile(won, 2)
    noise["a"] = np.tile(noise["a"].to_numpy()[:300], 2)
    parted = LeadScorer(learner=_forest()).fit(noise, labels)
    kept = LeadScorer(learner=_forest()).fit(noise, labels, groups=groups)
    assert parted.choice_.losses["chosen"] < kept.choice_.losses["chosen"] - 0.05
    LeadScorer().fit(twice, labels, groups=groups)


def _forest():
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(25, random_state=0)


def test_dates_put_training_before_testing():
    frame, won = make_leads(800)
    days = pd.date_range("2025-01-01", periods=800, freq="6h")
    scorer = LeadScorer().fit(frame, won, created_at=days)
    choice = scorer.choice_
    assert choice.rows.min() >= 800 * 0.3
    assert (np.diff(choice.fold) >= 0).all()
    assert scorer.contract_.first_at == "2025-01-01"


def test_hazard_rises_with_the_horizon_and_ever_is_the_most(aged):
    scorer, frame, *_ = aged
    new = frame.head(200).assign(lead_id=range(200))
    table = [scorer.score_leads(new, within_days=h).probability for h in (7, 30, 60, 90, 1_000)]
    assert (np.diff(table, axis=0) >= 0).all()
    ever = scorer.score_leads(new).probability
    np.testing.assert_allclose(ever, table[-1], atol=1e-12)
    np.testing.assert_allclose(ever, scorer.predict_proba(frame.head(200))[:, 1], atol=1e-12)


def test_age_counts_on_a_day(aged):
    scorer, frame, created, _, outcome = aged
    open_ = (outcome == "open").to_numpy()
    table = frame[open_].assign(lead_id=np.flatnonzero(open_), created_at=created[open_])
    scores = scorer.score_leads(table, as_of="2025-07-20", within_days=30)
    assert str(scores.scored_at) == "2025-07-20 00:00:00+00:00"
    fresh = scorer.score_leads(table, within_days=30)
    assert not np.allclose(scores.probability, fresh.probability)
    with pytest.raises(InputError, match="after 2025-01-01"):
        scorer.score_leads(table, as_of="2025-01-01")


def test_horizon_needs_ends(fitted):
    scorer, frame, _ = fitted
    with pytest.raises(ConfigError, match="ended_at="):
        scorer.score_leads(frame.assign(lead_id=range(len(frame))), within_days=30)
    with pytest.raises(InputError, match="created_at"):
        LeadScorer().fit(frame, np.arange(len(frame)) % 2, ended_at=[None] * len(frame))


@pytest.mark.parametrize("bad", [{"n_folds": 1}, {"allow": "pages"}, {"allow": ["nothing"]}])
def test_settings_are_checked_when_fitting(bad):
    frame, won = make_leads(60)
    with pytest.raises(ConfigError):
        LeadScorer(**bad).fit(frame, won)


def test_grades_deliver_what_they_promise(fitted):
    scorer, _, _ = fitted
    table = scorer.grades_
    assert table["grade"].tolist() == ["A", "B", "C", "D"]
    assert table["rate"].is_monotonic_decreasing
    assert table["kept"].sum() >= 3


def test_scoring_by_column_and_by_code_agree():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(2_000, 4)), columns=list("abcd"))
    frame["source"] = rng.choice(["fair", "web"], 2_000)
    odds = 2.5 * np.sign(frame["a"] * frame["b"]) + frame["c"]
    won = (rng.random(2_000) < 1 / (1 + np.exp(-odds))).astype(int)
    scorer = LeadScorer().fit(frame, won)
    assert "full" in {c.family for c in scorer.choice_.weights}
    parts = scorer.contributions(frame)
    p = scorer.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(np.log(p / (1 - p)), parts.log_odds, atol=1e-9)
