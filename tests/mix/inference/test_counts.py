"""Counts: the density against scipy's distributions, its gradient, and what is drawn from it."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import InputError
from mmm.mix.effects.effect import average, log_without
from mmm.mix.families import LogisticSaturation, NoAdstock
from mmm.mix.inference.convergence import ess_bulk
from mmm.mix.inference.counts import (
    check_counts,
    draw_counts,
    expected_count,
    hint,
    log_mass,
    log_mass_each,
    normal_scores,
    spread_ratio,
)
from mmm.mix.inference.full_vector import as_counts, counts_change, log_density_counts, place
from mmm.mix.inference.joint import join_panels, log_joint
from mmm.mix.inference.media import channel_media, respond
from mmm.mix.inference.noise import with_weights
from mmm.mix.inference.prior import draw_prior
from mmm.mix.inference.sampler import Sampling, sample
from tests.mix.problems import small_problem
from tests.mix.test_transforms import ADSTOCKS, SATURATIONS

BOTH = ("poisson", "negative_binomial")
UNIT = 2.5


def counted(likelihood="negative_binomial", seed=0, **settings):
    problem = small_problem(seed=seed, **settings)
    outcome = np.random.default_rng(seed).poisson(2.0, len(problem.outcome)).astype(float)
    return as_counts(replace(problem, outcome=outcome / UNIT), outcome, UNIT, likelihood)


def positions(problem, n_draws=3, seed=1):
    return np.random.default_rng(seed).normal(size=(n_draws, problem.n_parameters)) * 0.7


def written_out(problem, z):
    """Log density of the outcome and the baseline, and of the map from q to the baseline."""
    linear, found = problem.linear, []
    noise = np.sqrt(linear.rate / linear.shape)
    weights = np.diag(problem.weights[0])
    for row in z:
        size = np.where(linear.trend, np.exp(linear.trend_scale * row[problem.n_shared - 2]), 1.0)
        prior = noise * linear.prior_sd * size
        gram = linear.design.T @ weights @ linear.design + np.diag((noise / prior) ** 2)
        media = respond(problem.media, row[None]).media[0]
        root = np.linalg.inv(np.linalg.cholesky(gram)).T
        q = row[problem.n_shared :]
        pulled = linear.design.T @ weights @ (problem.outcome - media)
        gamma = np.linalg.solve(gram, pulled) + noise * root @ q
        mean = expected_count(UNIT * (media + linear.design @ gamma), problem.counts.bend)
        if problem.counts.dispersed:
            a = np.exp(2 * (np.log(0.3) + 0.8 * row[problem.n_shared - 1]))
            mass = scipy.stats.nbinom.logpmf(problem.counts.outcome, 1 / a, 1 / (1 + a * mean))
        else:
            mass = scipy.stats.poisson.logpmf(problem.counts.outcome, mean)
        jacobian = np.linalg.slogdet(noise * root)[1]
        found.append(
            mass.sum()
            + scipy.stats.norm.logpdf(gamma, scale=prior).sum()
            + jacobian
            - scipy.stats.norm.logpdf(q).sum()
        )
    return np.array(found)


@pytest.mark.parametrize("likelihood", BOTH)
def test_density_is_that_of_scipy_with_the_prior_of_the_baseline(likelihood):
    problem = counted(likelihood)
    problem = with_weights(problem, np.random.default_rng(4).gamma(5, 0.2, (1, 30)))
    z = positions(problem, 6)
    density = log_density_counts(problem, z)[0]
    np.testing.assert_allclose(np.diff(density), np.diff(written_out(problem, z)), rtol=1e-8)


@pytest.mark.parametrize("likelihood", BOTH)
@pytest.mark.parametrize("adstock", ADSTOCKS, ids=repr)
def test_gradient(likelihood, adstock):
    settings = {"adstocks": [adstock] * 3, "saturations": [SATURATIONS[i] for i in (0, 1, 0)]}
    check_gradient(counted(likelihood, **settings))


@pytest.mark.parametrize("saturation", SATURATIONS, ids=repr)
def test_gradient_with_unequal_weights(saturation):
    problem = counted(saturations=[saturation] * 3)
    check_gradient(with_weights(problem, np.random.default_rng(4).gamma(5, 0.2, (1, 30))))


def check_gradient(problem):
    z, width = positions(problem), 1e-5
    gradient = log_density_counts(problem, z)[1]
    for i in range(z.shape[1]):
        step = width * np.eye(z.shape[1])[i]
        up, down = (log_density_counts(problem, z + move)[0] for move in (step, -step))
        np.testing.assert_allclose(
            gradient[:, i], (up - down) / (2 * width), rtol=1e-5, atol=1e-6 * np.abs(gradient).max()
        )


def test_gradient_of_two_panels_of_counts():
    problems = [counted(seed=seed) for seed in (0, 1)]
    joint = join_panels(problems, [list("abc"), list("cab")])
    z = np.random.default_rng(1).normal(size=(2, joint.n_parameters)) * 0.7
    gradient = log_joint(joint, problems, z)[1]
    for i in range(joint.n_parameters):
        step = 1e-5 * np.eye(joint.n_parameters)[i]
        up, down = log_joint(joint, problems, z + step)[0], log_joint(joint, problems, z - step)[0]
        np.testing.assert_allclose(gradient[:, i], (up - down) / 2e-5, rtol=5e-5, atol=5e-5)
    first, second = joint.parts
    baseline = [set(part.common[problems[0].n_shared :].tolist()) for part in (first, second)]
    assert len(baseline[0] | baseline[1]) == 10  # each panel has a baseline of its own


@given(
    st.integers(0, 400),
    st.floats(1e-2, 500.0),
    st.floats(1e-3, 20.0),
)
def test_mass_is_that_of_scipy(y, mean, dispersion):
    found = log_mass_each(np.array([y]), np.array([mean]), np.array([dispersion]))
    size = 1 / dispersion
    expected = scipy.stats.nbinom.logpmf(y, size, 1 / (1 + dispersion * mean))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    poisson = log_mass_each(np.array([y]), np.array([mean]), np.array([0.0]))
    np.testing.assert_allclose(poisson, scipy.stats.poisson.logpmf(y, mean), rtol=1e-9, atol=1e-9)


def test_negative_binomial_of_little_dispersion_is_poisson():
    problems = [counted(likelihood) for likelihood in BOTH]
    eta = np.random.default_rng(0).normal(2.0, 2.0, (3, 30))
    far = np.full(3, -6.0)  # a spread of 0.2% of the mean
    dispersed, plain = (log_mass(one.counts, eta, far) for one in problems[::-1])
    np.testing.assert_allclose(dispersed[0], plain[0], rtol=1e-4)
    np.testing.assert_allclose(dispersed[1], plain[1], rtol=1e-3, atol=1e-3)


def test_the_mean_is_never_negative_and_adds_up_above_a_few_bends():
    eta = np.linspace(-5, 5, 101)
    mean = expected_count(eta, 0.3)
    assert (mean > 0).all()
    assert (np.diff(mean) > 0).all()
    np.testing.assert_allclose(mean[eta > 1], eta[eta > 1], atol=0.011)
    assert expected_count(np.array([-1e9]), 0.3)[0] > 0
    problem = counted()
    density, gradient = log_mass(problem.counts, np.full((1, 30), -200.0), np.zeros(1))[:2]
    assert np.isfinite(density).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("far", [1e2, 1e4, -1e4])
@pytest.mark.parametrize("likelihood", BOTH)
def test_wild_positions_are_rejected_without_a_sound(likelihood, far):
    problem = counted(likelihood)
    density, _ = log_density_counts(problem, np.full((1, problem.n_parameters), far))
    assert not density[0] > -1e3


def test_draws_have_the_mean_and_the_variance_they_say():
    rng, mean = np.random.default_rng(0), np.full((40_000, 2), [0.8, 12.0])
    for a in (0.0, 0.4):
        drawn = draw_counts(mean, np.full(len(mean), a), rng)
        assert (drawn % 1 == 0).all()
        np.testing.assert_allclose(drawn.mean(axis=0), mean[0], rtol=0.03)
        np.testing.assert_allclose(drawn.var(axis=0), mean[0] + a * mean[0] ** 2, rtol=0.06)


def test_scores_are_standard_where_the_counts_are_as_expected():
    rng, mean = np.random.default_rng(0), np.full((1, 4000), 15.0)
    for a in (0.0, 0.2):
        y = draw_counts(mean, np.array([a]), rng)[0]
        score = normal_scores(y, mean, np.array([a]))
        assert scipy.stats.kstest(score, "norm").statistic < 0.07
        assert score.std() == pytest.approx(1.0, abs=0.05)


def test_a_spread_beyond_poisson_is_seen():
    counts, mean = counted(n_periods=150).counts, np.full((2, 150), 3.0)
    rng = np.random.default_rng(0)
    plain = replace(counts, outcome=rng.poisson(3.0, 150).astype(float))
    wide = replace(counts, outcome=draw_counts(mean[:1], np.ones(1), rng)[0])
    assert spread_ratio(plain, mean) == 1.0
    assert spread_ratio(wide, mean) > 2.0


@pytest.mark.parametrize("likelihood", BOTH)
def test_density_without_a_channel_is_that_of_a_media_part_taken_off(likelihood):
    problem = counted(likelihood)
    z = positions(problem)
    at = place(problem, z)
    parts = channel_media(problem.media, at.response)
    shift = np.linalg.norm(counts_change(problem, z, at, parts[:, 0] * 0.0))
    assert shift == pytest.approx(0.0, abs=1e-9)
    found = counts_change(problem, z, at, parts[:, 0])
    # Coefficients that took up the part, and media without it, written out.
    linear, noise = problem.linear, np.sqrt(problem.linear.rate / problem.linear.shape)
    for row in range(len(z)):
        covariance = at.root[row] @ at.root[row].T
        taken = covariance @ (linear.design.T @ parts[row, 0])
        gamma = at.coefficient[row] + taken
        eta = UNIT * (at.response.media[row] - parts[row, 0] + linear.design @ gamma)
        dispersion = z[row : row + 1, problem.n_shared - 1]
        after = log_mass(problem.counts, eta[None], dispersion)[0][0]
        before = log_mass(problem.counts, at.eta[row : row + 1], dispersion)[0][0]
        prior = at.precision[row] / noise**2 * (at.coefficient[row] ** 2 - gamma**2)
        np.testing.assert_allclose(found[row], after - before + 0.5 * prior.sum(), rtol=1e-8)


def test_odds_equal_those_of_direct_integration_over_the_prior():
    """Both models integrated over the prior of all parameters, with no posterior and no map."""
    problem = small_problem(
        n_periods=20,
        n_channels=2,
        n_columns=2,
        adstocks=[NoAdstock()] * 2,
        saturations=[LogisticSaturation()] * 2,
    )
    linear = replace(problem.linear, rate=0.1, prior_sd=np.array([2.0, 0.5]))
    outcome = np.random.default_rng(0).poisson(2.0, 20).astype(float)
    problem = replace(problem, linear=linear, outcome=outcome / UNIT)
    problem = as_counts(problem, outcome, UNIT, "negative_binomial")
    rng, media = np.random.default_rng(2), problem.media
    z = draw_prior((30_000, problem.n_parameters), media.deviations, media.spread_scale, rng)
    size = np.where(linear.trend, np.exp(linear.trend_scale * z[:, problem.n_shared - 2, None]), 1)
    noise = np.sqrt(linear.rate / linear.shape)
    gamma = noise * linear.prior_sd * size * z[:, problem.n_shared :]
    response = respond(media, z)
    parts = [*channel_media(media, response).swapaxes(0, 1), response.media]
    masses = [
        log_mass(
            problem.counts,
            UNIT * (response.media - part + gamma @ linear.design.T),
            z[:, problem.n_shared - 1],
        )[0]
        for part in (0.0, *parts)
    ]
    with_all, *without = (scipy.special.logsumexp(mass) for mass in masses)
    joint = join_panels([problem], [list("ab")])
    draws = sample(
        lambda q: log_joint(joint, [problem], q),
        problem.n_parameters,
        Sampling(n_warmup=100, n_draws=300, n_starts=2, max_rounds=1),
        rng,
        lambda kept: bool(ess_bulk(kept).min() > 0),
    )
    found, n_effective = average(log_without(problem, draws.z.reshape(-1, z.shape[1])))
    np.testing.assert_allclose(found, np.array(without) - with_all, rtol=0.1, atol=0.08)
    assert (n_effective > 100).all()


@pytest.mark.parametrize(
    ("outcome", "message"),
    [([1.0, -2.0, 0.5], r"in rows 2, 3 \(-2 in the first"), ([1.0, 2.0, 2.5], "is none in row 3")],
)
def test_what_does_not_count_is_refused_with_the_cure(outcome, message):
    with pytest.raises(InputError, match=rf"{message}.*pass whole numbers from 0"):
        check_counts(np.array(outcome), "poisson")


def test_the_hint_is_for_few_deals_with_weeks_of_none():
    deals = np.random.default_rng(0).poisson(0.8, 100).astype(float)
    assert "likelihood='negative_binomial'" in hint(deals)[0]
    for other in (deals + 1, deals * 100, deals + 0.5, -deals):
        assert hint(other) == []
