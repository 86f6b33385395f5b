"""Tests of lift as likelihood: the gradient, what they move, and what is said of disagreement."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, DataWarning
from mmm.mix.calibration import LiftTest, check_tests
from mmm.mix.effects.effect import log_without
from mmm.mix.inference.lifts import LiftTerm, predicted_lifts
from mmm.mix.inference.media import channel_media, respond
from mmm.mix.inference.posterior import log_posterior
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel
from tests.mix.inference.test_posterior import check_gradient
from tests.mix.problems import small_problem
from tests.mix.test_transforms import ADSTOCKS, SATURATIONS

QUICK = Sampling(n_warmup=150, n_draws=250, n_starts=2, max_rounds=1)


def with_terms(problem, channels, seed=0):
    """Two tests of which the second lies elsewhere, each with two periods."""
    rng, terms = np.random.default_rng(seed), []
    for channel in channels:
        at = next(i for i, g in enumerate(problem.media.groups) if channel in g.channels)
        group = problem.media.groups[at]
        row, n = group.channels.index(channel), group.lags.shape[2]
        own = group.lags[[row]]
        lags = np.concatenate([own, own[..., 3:5], 0.3 * own[..., 3:5]], axis=-1)
        sign = np.repeat([0.0, 0.5, -0.5], [n, 2, 2])
        mean = np.repeat([1 / n, 0.0], [n, 4])
        terms.append(LiftTerm(channel, at, row, lags, sign, mean, rng.uniform(0.05, 0.1), 0.03))
    return replace(problem, lifts=tuple(terms))


@pytest.mark.parametrize("adstock", ADSTOCKS, ids=repr)
@pytest.mark.parametrize("saturation", SATURATIONS, ids=repr)
def test_gradient_with_tests(adstock, saturation):
    families = {"adstocks": [ADSTOCKS[1], adstock], "saturations": [SATURATIONS[1], saturation]}
    check_gradient(with_terms(small_problem(n_channels=2, **families), [1, 0, 1]), n_draws=2)


def test_density_is_the_one_without_tests_plus_normal_terms():
    plain = small_problem()
    problem = with_terms(plain, [2, 0])
    z = np.random.default_rng(1).normal(size=(5, problem.n_parameters)) * 0.7
    lifts = predicted_lifts(problem.media, problem.lifts, respond(problem.media, z))
    given = np.array([term.lift for term in problem.lifts])
    expected = log_posterior(plain, z)[0] - 0.5 * (((lifts - given) / 0.03) ** 2).sum(axis=1)
    np.testing.assert_allclose(log_posterior(problem, z)[0], expected)
    # Taking a channel away takes its lift away too.
    change = log_without(problem, z) - log_without(plain, z)
    gone = 0.5 * ((lifts - given) ** 2 - given**2) / 0.03**2
    np.testing.assert_allclose(change[:, [2, 0]], gone)
    np.testing.assert_allclose(change[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(change[:, 3], gone.sum(axis=1))


def fit(frame, outcome, **options):
    model = MixModel(sampler=QUICK, on_nonconvergence="warn", **options)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        model.fit(frame, outcome)
    return model, " ".join(str(one.message) for one in said)


def confounded(seed=0):
    """Spend follows a demand that no column holds: least squares credits it to the channel."""
    rng = np.random.default_rng(seed)
    demand = rng.normal(size=120)
    frame = pd.DataFrame(
        {
            "week": pd.date_range("2023-01-02", periods=120, freq="7D"),
            "Search": np.maximum(300 + 80 * demand + rng.normal(0, 20, 120), 10),
            "Fairs": rng.gamma(2, 100, 120),
        }
    )
    outcome = 3000 + 0.5 * frame["Search"] + 0.8 * frame["Fairs"] + 120 * demand
    return frame, (outcome + rng.normal(0, 150, 120)).to_numpy()


@pytest.fixture(scope="module")
def fits():
    """Of the confounded table without a test, and with one that went dark in 30% of the market."""
    frame, outcome = confounded()
    saved = 0.3 / 0.7 * frame["Search"].iloc[40:50].sum()
    test = LiftTest(
        "Search", "2023-10-09", "2023-12-11", -saved, -0.5 * saved, 0.1 * saved, part=0.3
    )
    plain, _ = fit(frame, outcome, date="week")
    return plain, *fit(frame, outcome, date="week", tests=[test]), frame["Search"].sum()


def test_a_test_pulls_a_confounded_estimate_to_the_truth(fits):
    plain, tested, _, spend = fits
    before, after = (
        model.contributions().set_index("channel").loc["Search"] for model in (plain, tested)
    )
    truth = 0.5 * spend
    assert before["contribution_lower"] > 2 * truth
    gap, left = before["contribution"] - truth, after["contribution"] - truth
    assert abs(left) < 0.25 * gap


def test_a_test_that_the_data_contradict_is_named(fits):
    _, tested, said, _ = fits
    frame = check_tests(tested)
    assert abs(frame["z"].iloc[0]) > 2
    assert not frame["agrees"].iloc[0]
    assert "'Search'" in said
    assert "Test, data or prior is wrong" in said


def test_a_test_that_agrees_is_not_named_and_narrows():
    frame, _ = confounded()
    rng = np.random.default_rng(1)
    outcome = 3000 + 0.5 * frame["Search"] + 0.8 * frame["Fairs"] + rng.normal(0, 300, 120)
    tested = frame["Fairs"].iloc[60:70].sum()
    test = LiftTest("Fairs", "60", "69", -0.3 * tested, -0.24 * tested, 0.06 * tested, part=0.5)
    # Rows count where there are no dates.
    plain, _ = fit(frame.drop(columns="week"), outcome)
    model, said = fit(frame.drop(columns="week"), outcome, tests=[test])
    assert check_tests(model)["agrees"].all()
    assert "The test of" not in said
    # z is that of a fit which never saw the test.
    terms = model.scaled_.problem.lifts
    media, z = plain.scaled_.problem.media, plain.posterior_.z
    lifts = plain.scaled_.outcome_scale * predicted_lifts(media, terms, respond(media, z))[:, 0]
    expected = (test.lift - lifts.mean()) / np.hypot(lifts.std(), test.standard_error)
    assert check_tests(model)["z"].iloc[0] == pytest.approx(expected, abs=0.5)
    assert check_tests(model)["fitted_error"].iloc[0] < 0.9 * lifts.std()


def test_lift_of_a_cut_of_all_spend_is_the_contribution_without_carry_over():
    """Against the contributions by period, of which the test sees those of its window."""
    from mmm.mix.families import NoAdstock

    frame, outcome = confounded()
    changed = frame["Fairs"].iloc[:10].sum()
    test = LiftTest("Fairs", "0", "9", changed, 100.0, 1e6)
    model, _ = fit(frame.drop(columns="week"), outcome, tests=[test], adstock=NoAdstock())
    media, z = model.scaled_.problem.media, model.posterior_.z[:20]
    response = respond(media, z)
    lifts = predicted_lifts(media, model.scaled_.problem.lifts, response)
    parts = channel_media(media, response)[:, 1, :10].sum(axis=1)
    np.testing.assert_allclose(lifts[:, 0], parts)


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (LiftTest("Radio", "2023-02-06", "2023-03-06", 1.0, 1.0, 1.0), "Radio"),
        (LiftTest("Search", "2022-02-06", "2023-03-06", 1.0, 1.0, 1.0), "does not lie in"),
        (LiftTest("Search", "06/02/2023", "2023-03-06", 1.0, 1.0, 1.0), "date such as 2025-01-31"),
        (LiftTest("Search", "2023-03-06", "2023-02-06", 1.0, 1.0, 1.0), "does not lie in"),
        (LiftTest("Search", "soon", "2023-02-06", 1.0, 1.0, 1.0), "pass a date"),
        (LiftTest("Search", "2023-02-06", "2023-03-06", 1e9, 1.0, 1.0), "below 0"),
        (LiftTest("Search", "2023-02-06", "2023-03-06", -900.0, 1.0, 1.0, part=0.1), "below 0"),
    ],
)
def test_tests_that_cannot_be_placed_are_refused(test, reason):
    frame, outcome = confounded()
    with pytest.raises(ConfigError, match=reason):
        fit(frame, outcome, date="week", tests=[test])


@pytest.mark.parametrize(
    ("change", "error", "part"), [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, 2)]
)
def test_tests_that_measure_nothing_are_refused(change, error, part):
    with pytest.raises(ConfigError, match="Pass a change other than 0"):
        LiftTest("Search", "1", "2", change, 1.0, error, part)
