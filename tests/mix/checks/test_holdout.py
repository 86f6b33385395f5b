"""Forecasts of held-out periods: against other implementations, and what wins where."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.stats
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from mmm.errors import ConfigError, DataWarning
from mmm.mix.checks.holdout import (
    _in_order,
    carried_over,
    holdout,
    holdout_findings,
    last_year,
    least_squares,
    rolling_holdout,
    summarise_holdout,
)
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel

QUICK = Sampling(n_warmup=120, n_draws=150, n_starts=2, max_rounds=1)


def company(n_weeks=117, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "week": pd.date_range("2023-01-02", periods=n_weeks, freq="7D"),
            "Search": rng.gamma(3, 100, n_weeks),
            "Fairs": rng.gamma(2, 150, n_weeks) * (rng.random(n_weeks) < 0.4),
            "price": rng.normal(10, 1, n_weeks),
        }
    )
    effect = 2 * carried_over(frame[["Search", "Fairs"]].to_numpy().T, np.zeros(2)).sum(axis=0)
    return frame, (4000 - 60 * frame["price"] + effect + rng.normal(0, 60, n_weeks)).to_numpy()


def quietly(model, frame, outcome, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return holdout(model, frame, outcome, **options)


def unfitted(**options):
    return MixModel(date="week", controls=["price"], sampler=QUICK, on_nonconvergence="warn")


@pytest.fixture(scope="module")
def judged():
    return quietly(unfitted(), *company())


def test_a_model_that_is_right_beats_last_year(judged):
    rows = judged.set_index("method")
    assert list(rows.index) == ["model", "least squares", "last year"]
    assert (rows["n_periods"] == 13).all()
    assert rows.loc["model", "log_density"] > rows.loc["last year", "log_density"] + 0.5
    assert rows.loc["model", "mape"] < 0.5 * rows.loc["last year", "mape"]
    # Here least squares is the truth: the model may not lose much to it.
    assert rows.loc["model", "log_density"] > rows.loc["least squares", "log_density"] - 0.5
    assert rows.loc["model", "coverage"] >= 9 / 13


def test_days_before_months_are_put_in_order():
    days = pd.Series(["07/12/2015", "04/01/2016", "14/12/2015"])
    for frame in (pd.DataFrame({"week": days}), pa.table({"week": days})):
        table, outcome = _in_order(unfitted(), frame, np.arange(3.0))
        assert outcome.tolist() == [0.0, 2.0, 1.0]
        assert table["week"].is_monotonic_increasing


def test_rows_in_any_order_and_a_model_that_stays_unfitted(judged):
    frame, outcome = company()
    order, model = np.random.default_rng(1).permutation(len(frame)), unfitted()
    shuffled = quietly(model, frame.iloc[order], outcome[order])
    pd.testing.assert_frame_equal(shuffled, judged)
    assert not hasattr(model, "posterior_")


def test_the_model_is_judged_by_its_own_forecast(judged):
    frame, outcome = company()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model = clone(unfitted()).fit(frame[:-13], outcome[:-13])
    predicted, came = model.predict(frame[-13:]), outcome[-13:]
    row = judged.iloc[0]
    assert row["mape"] == pytest.approx(np.mean(np.abs(predicted - came) / came))
    lower, upper = model.predict_interval(frame, 0.9)
    assert row["width"] == pytest.approx((upper - lower)[-13:].mean())


def test_what_is_held_out_is_not_seen():
    """Outcomes held out change the judgement, and no forecast."""
    frame, outcome = company(n_weeks=70)
    wrong = outcome.copy()
    wrong[-6:] += 5000
    one, other = (quietly(unfitted(), frame, y, periods=6) for y in (outcome, wrong))
    np.testing.assert_array_equal(one["width"], other["width"])
    assert (other["log_density"] < one["log_density"] - 10).all()
    assert (other["coverage"] == 0).all()


def test_least_squares_against_scikit_learn_and_a_known_interval():
    rng = np.random.default_rng(0)
    columns, later = (np.column_stack([np.ones(n), rng.normal(size=(n, 2))]) for n in (40, 5))
    outcome, came = rng.normal(size=40), rng.normal(size=5)
    # Units of a column are no matter.
    found = least_squares(columns * [1, 1e6, 1], outcome, later * [1, 1e6, 1], came, 0.9)
    other = LinearRegression(fit_intercept=False).fit(columns, outcome)
    np.testing.assert_allclose(found.centre, other.predict(later))
    variance = ((outcome - other.predict(columns)) ** 2).sum() / 37
    leverage = np.einsum("ij,jk,ik->i", later, np.linalg.inv(columns.T @ columns), later)
    error = np.sqrt(variance * (1 + leverage))
    np.testing.assert_allclose(found.upper - found.centre, scipy.stats.t.ppf(0.95, 37) * error)
    expected = scipy.stats.t.logpdf((came - found.centre) / error, 37) - np.log(error)
    np.testing.assert_allclose(found.log_density, expected)


def test_least_squares_without_a_period_to_spare_says_nothing_of_its_error():
    columns = np.eye(3)
    found = least_squares(columns, np.arange(3.0), columns[:1], np.zeros(1), 0.9)
    assert np.isnan(found.log_density).all()


def test_without_a_year_the_last_period_is_the_forecast():
    found = last_year(np.array([1.0, 2.0, 4.0]), np.array([5.0, 6.0]), 52, 0.9)
    np.testing.assert_array_equal(found.centre, [4, 4])
    spread = np.sqrt((1 + 4) / 2)
    np.testing.assert_allclose(found.upper - found.centre, 1.6448536 * spread, rtol=1e-6)


@pytest.mark.parametrize("periods", [0, 116, 200])
def test_too_many_held_out_are_refused(periods):
    with pytest.raises(ConfigError, match="cannot be held out"):
        holdout(unfitted(), *company(), periods=periods)


@pytest.fixture(scope="module")
def rolled():
    frame, outcome = company(n_weeks=80)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return rolling_holdout(unfitted(), frame, outcome, periods=6, origins=2, step=5)


def test_each_origin_is_a_holdout_of_what_was_known_then(rolled):
    """The last one on the whole table, the first as if the table ended there."""
    frame, outcome = company(n_weeks=80)
    assert rolled["n_fitted"].tolist() == [69] * 3 + [74] * 3
    for rows, end in ((rolled.iloc[3:], 80), (rolled.iloc[:3], 75)):
        alone = quietly(unfitted(), frame[:end], outcome[:end], periods=6)
        pd.testing.assert_frame_equal(
            rows.drop(columns="n_fitted").reset_index(drop=True), alone, check_exact=True
        )


def test_origins_are_put_together(rolled):
    told = summarise_holdout(rolled).set_index("method")
    assert list(told.index) == ["model", "least squares", "last year"]
    by_method = rolled.groupby("method")
    for name in ("log_density", "mape", "coverage", "width"):
        np.testing.assert_allclose(told[name], by_method[name].mean()[told.index])
    density = rolled.pivot(index="n_fitted", columns="method", values="log_density")
    behind = density["model"] - density["last year"]
    assert told.loc["last year", "behind"] == pytest.approx(behind.mean())
    assert told.loc["last year", "behind_error"] == pytest.approx(behind.std() / np.sqrt(2))
    assert told.loc["model", ["behind", "behind_error", "nearer"]].tolist() == [0, 0, 0]
    one = summarise_holdout(rolled[rolled["n_fitted"] == 74]).set_index("method")
    assert np.isnan(one.loc["last year", "behind_error"])


def test_the_sentence_names_the_winner(rolled):
    least, last = holdout_findings(rolled)
    assert last.metric == "mixholdout.nearer"
    assert "last year repeated by" in last.sentence("en")
    assert "2 of 2 tries" in last.sentence("en")
    assert "2 prove su 2" in last.sentence("it")
    assert least.facts["rival"] == "least_squares"
    worse = rolled.assign(mape=rolled["mape"].where(rolled["method"] != "model", 0.9))
    keys = [found.metric for found in holdout_findings(worse)]
    assert keys == ["mixholdout.farther"] * 2
    assert "found little" in holdout_findings(worse)[0].sentence("en")
    single = rolled[rolled["n_fitted"] == 74].drop(columns="n_fitted")
    assert "1 of 1 tries" in holdout_findings(single)[1].sentence("en")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"origins": 0}, "1 or more"),
        ({"step": 0}, "1 or more"),
        ({"origins": 9}, "to the first fit"),
    ],
)
def test_origins_that_cannot_be_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        rolling_holdout(unfitted(), *company(), **options)
