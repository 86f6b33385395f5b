"""Scoring against truth: simulated odds are found again, noise is not, and real leads are met."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from mmm.prediction.scorer import LeadScorer


def loss(y, p):
    return float(-np.where(y == 1, np.log(p), np.log1p(-p)).mean())


def split(X, odds, n, rng):
    y = (rng.random(len(odds)) < expit(odds)).astype(int)
    return X.iloc[:n], y[:n], X.iloc[n:], y[n:]


def test_probabilities_of_a_linear_truth_are_found():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(13_000, 6))).add_prefix("x")
    odds = X.to_numpy() @ rng.normal(size=6) * 0.5 - 1.5
    A, a, B, b = split(X, odds, 3_000, rng)
    p = LeadScorer().fit(A, a).predict_proba(B)[:, 1]
    assert loss(b, p) < loss(b, expit(odds[3_000:])) + 0.005


def test_curved_odds_are_found_by_boosting():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(13_000, 5))).add_prefix("x")
    odds = 1.5 * np.sin(2 * X["x0"]) + X["x1"] ** 2 - 2
    A, a, B, b = split(X, odds.to_numpy(), 3_000, rng)
    scorer = LeadScorer().fit(A, a)
    assert {c.family for c in scorer.choice_.weights} & {"additive", "full"}
    assert loss(b, scorer.predict_proba(B)[:, 1]) < loss(b, expit(odds[3_000:])) + 0.03


@pytest.mark.parametrize("seed", range(4))
def test_noise_costs_nothing_beyond_the_base_rate(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(4_500, 20))).add_prefix("x")
    X["city"] = rng.integers(0, 50, len(X)).astype(str)
    A, a, B, b = split(X, np.full(len(X), -1.5), 500, rng)
    p = LeadScorer().fit(A, a).predict_proba(B)[:, 1]
    assert loss(b, p) <= loss(b, np.full(len(b), a.mean())) + 0.002


def test_ranking_survives_calibration_on_rows_in_order_of_date():
    rng = np.random.default_rng(2)
    n = 6_000
    time = np.linspace(0, 1, n)
    frame = pd.DataFrame({"size": rng.normal(size=n), "rate": 3 * time + rng.normal(size=n) * 0.1})
    # The level of each era drowns what size says, as interest rates did for the bank.
    odds = 0.8 * frame["size"] - 3 + 2.5 * np.sin(9 * time)
    y = (rng.random(n) < expit(odds)).astype(int).to_numpy()
    cut = int(0.8 * n)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n) // 10, unit="D")
    test = frame.iloc[cut:]
    ours = LeadScorer().fit(frame.iloc[:cut], y[:cut], created_at=days[:cut])
    booster = HistGradientBoostingClassifier(random_state=0)
    theirs = CalibratedClassifierCV(booster, cv=3).fit(frame.iloc[:cut], y[:cut])
    auc = roc_auc_score(y[cut:], ours.predict_proba(test)[:, 1])
    assert auc > 0.65
    assert auc > roc_auc_score(y[cut:], theirs.predict_proba(test)[:, 1])


def test_hazard_is_right_where_taking_open_leads_as_lost_is_not():
    rng = np.random.default_rng(3)
    n = 4_000
    X = pd.DataFrame({"visits": rng.poisson(3, n).astype(float)})
    ever = expit(0.4 * X["visits"].to_numpy() - 2.5)
    created = np.sort(rng.uniform(0, 150, n))
    will = rng.random(n) < ever
    delay = rng.exponential(40, n)
    day = created + delay
    now = 150.0
    won = will & (day <= now)
    start = pd.Timestamp("2025-01-01")
    dates = start + pd.to_timedelta(created, unit="D")
    ended = pd.Series(start + pd.to_timedelta(day, unit="D")).where(won)
    truth = float((ever * (1 - np.exp(-60 / 40))).mean())
    scorer = LeadScorer().fit(X, won.astype(int), created_at=dates, ended_at=ended)
    found = scorer.score_leads(X.assign(lead_id=range(n)), within_days=60).probability
    assert abs(found.mean() / truth - 1) < 0.07
    assert (won & (delay <= 60)).mean() < 0.9 * truth
    exact = ever * (1 - np.exp(-60 / 40))
    assert np.corrcoef(found, exact)[0, 1] > 0.95


@pytest.fixture(scope="module")
def olist(shared):
    folder = shared / "data" / "leads"
    leads = pd.read_csv(folder / "olist_marketing_qualified_leads_dataset.csv.gz")
    deals = pd.read_csv(folder / "olist_closed_deals_dataset.csv", usecols=["mql_id", "won_date"])
    leads = leads.merge(deals, how="left")
    leads["created_at"] = pd.to_datetime(leads["first_contact_date"], format="%d-%m-%Y")
    leads["won_at"] = pd.to_datetime(leads["won_date"], format="%d-%m-%Y %H:%M")
    leads["weekday"], leads["day"] = leads["created_at"].dt.day_of_week, leads["created_at"].dt.day
    return leads


FEATURES = ["origin", "landing_page_id", "weekday", "day"]


def months(leads, first, last):
    inside = (leads["created_at"] >= first) & (leads["created_at"] < last)
    return leads[inside].reset_index(drop=True)


def test_olist_won_within_60_days(olist):
    past, future = months(olist, "2018-01", "2018-04"), months(olist, "2018-04", "2018-06")
    won = [((f["won_at"] - f["created_at"]).dt.days <= 60).astype(int) for f in (past, future)]
    p = LeadScorer().fit(past[FEATURES], won[0]).predict_proba(future[FEATURES])[:, 1]
    assert loss(won[1].to_numpy(), p) <= 0.305


def test_olist_replayed_as_known_on_the_first_of_april(olist):
    leads = months(olist, "2018-01", "2018-04")
    # One deal is dated before its first contact.
    leads = leads[~(leads["won_at"] < leads["created_at"])]
    ended = leads["won_at"].where(leads["won_at"] < "2018-04-01")
    scorer = LeadScorer().fit(
        leads[FEATURES], ended.notna().astype(int), created_at=leads["created_at"], ended_at=ended
    )
    scores = scorer.score_leads(leads[FEATURES].assign(lead_id=leads["mql_id"]), within_days=60)
    real = ((leads["won_at"] - leads["created_at"]).dt.days <= 60).mean()
    assert abs(scores.probability.mean() / real - 1) < 0.05
    assert ended.notna().mean() / real < 0.9


@pytest.mark.slow
def test_bank_at_random(shared):
    contacts = pd.read_csv(shared / "data" / "leads" / "bank-additional-full.csv.gz", sep=";")
    y = (contacts["y"] == "yes").astype(int).to_numpy()
    X = contacts.drop(columns=["y", "duration"])
    a, b = np.split(np.random.default_rng(0).permutation(len(y)), [int(0.7 * len(y))])
    scorer = LeadScorer().fit(X.iloc[a], y[a])
    p = scorer.predict_proba(X.iloc[b])[:, 1]
    assert loss(y[b], p) <= 0.271
    from mmm.prediction.metrics import calibration_error

    assert calibration_error(y[b].astype(float), p).value <= 0.007
