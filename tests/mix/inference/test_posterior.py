"""The collapsed density against a dense multivariate Student-t, and its gradient."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import scipy.stats

from mmm.mix.inference.media import respond
from mmm.mix.inference.posterior import RHO_MOST, collapse, draw_linear, log_posterior
from mmm.mix.inference.prior import log_prior
from tests.mix.problems import small_problem
from tests.mix.test_transforms import ADSTOCKS, SATURATIONS


def dense(problem, z):
    """Log density from the definition: the covariance of the outcome written out."""
    linear, n_media = problem.linear, problem.media.n_parameters
    n_periods = len(problem.outcome)
    found = []
    for row in z:
        rho = RHO_MOST * np.tanh(linear.rho_loc + linear.rho_scale * row[n_media + 1])
        size = np.where(linear.trend, np.exp(linear.trend_scale * row[n_media]), 1.0)
        prior = np.diag((linear.prior_sd * size) ** 2)
        back = np.eye(n_periods) - rho * np.eye(n_periods, k=-1)
        back[0, 0] = np.sqrt(1 - rho**2)
        noise = np.linalg.inv(back.T @ (problem.weights[0][:, None] * back))
        covariance = linear.design @ prior @ linear.design.T + noise
        student = scipy.stats.multivariate_t(
            loc=respond(problem.media, row[None]).media[0],
            shape=linear.rate / linear.shape * covariance,
            df=2 * linear.shape,
        )
        found.append(student.logpdf(problem.outcome) + written_out(problem.media, row))
    return np.array(found)


def written_out(media, row):
    """Log prior of one position: the scale of shares on a fine grid, not at nodes."""
    deviation = row[media.deviations]
    log_scale = np.linspace(-6, 6, 4001) * media.spread_scale
    density = scipy.stats.norm.pdf(log_scale, scale=media.spread_scale)
    density *= np.prod(scipy.stats.norm.pdf(deviation[:, None], scale=np.exp(log_scale)), axis=0)
    rest = np.delete(row, np.arange(len(row))[media.deviations])
    return np.log(np.trapezoid(density, log_scale)) - 0.5 * rest @ rest


@pytest.mark.parametrize("heavy", [False, True])
def test_collapsed_density_is_a_multivariate_student_t(heavy):
    weights = np.random.default_rng(0).gamma(2, 0.5, (1, 30))
    problem = small_problem(weights=weights if heavy else None)
    z = np.random.default_rng(1).normal(size=(6, problem.n_parameters)) * 0.7
    density = log_posterior(problem, z)[0]
    expected = dense(problem, z)
    # The scale of shares is integrated out at nine nodes, here on a fine grid.
    np.testing.assert_allclose(np.diff(density), np.diff(expected), rtol=2e-3, atol=5e-3)
    known = replace(problem, media=replace(problem.media, spread_scale=1e-9))
    density, expected = log_posterior(known, z)[0], dense(known, z)
    np.testing.assert_allclose(np.diff(density), np.diff(expected), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("adstock", ADSTOCKS, ids=repr)
@pytest.mark.parametrize("saturation", SATURATIONS, ids=repr)
def test_gradient(adstock, saturation):
    problem = small_problem(
        n_channels=2, adstocks=[adstock, ADSTOCKS[1]], saturations=[saturation, SATURATIONS[1]]
    )
    check_gradient(problem, n_draws=2)


def test_gradient_with_weights_of_each_draw():
    weights = np.random.default_rng(2).gamma(2, 0.5, (2, 30))
    check_gradient(small_problem(weights=weights), n_draws=2)


def check_gradient(problem, n_draws):
    z, width = np.random.default_rng(3).normal(size=(n_draws, problem.n_parameters)) * 0.7, 1e-5
    _, gradient = log_posterior(problem, z)
    for i in range(z.shape[1]):
        step = width * np.eye(z.shape[1])[i]
        up, down = log_posterior(problem, z + step)[0], log_posterior(problem, z - step)[0]
        np.testing.assert_allclose(
            gradient[:, i], (up - down) / (2 * width), rtol=1e-5, atol=1e-6 * np.abs(gradient).max()
        )


def test_coefficients_are_drawn_from_their_conditional():
    problem = small_problem()
    z = np.repeat(np.random.default_rng(5).normal(size=(1, problem.n_parameters)), 20_000, axis=0)
    at = collapse(problem, z)
    coefficient, sigma = draw_linear(problem, at, np.random.default_rng(6))
    shape = problem.linear.shape + 15
    expected = (problem.linear.rate + 0.5 * at.square[0]) / (shape - 1)
    assert (sigma**2).mean() == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(
        np.cov(coefficient.T), expected * at.covariance[0], rtol=0.1, atol=3e-5
    )


@pytest.mark.parametrize("far", [1e2, 1e4, -1e4])
def test_wild_positions_are_rejected_without_a_sound(far):
    problem = small_problem()
    density, _ = log_posterior(problem, np.full((1, problem.n_parameters), far))
    assert not density[0] > -1e3


@pytest.mark.parametrize("n_deviations", [1, 10, 20, 100])
@pytest.mark.parametrize("spread_scale", [0.5, 1.0])
@pytest.mark.parametrize("size", [0.6, 1.6, 4.0])
def test_scale_of_shares_is_integrated_out(n_deviations, spread_scale, size):
    z = size * np.random.default_rng(0).standard_normal((2, n_deviations))
    found, slope = log_prior(z, slice(0, n_deviations), spread_scale)
    log_k = np.linspace(-8 * spread_scale, 8 * spread_scale, 40_001)
    each = scipy.stats.norm.logpdf(z[:, :, None], scale=np.exp(log_k)).sum(axis=1)
    each += scipy.stats.norm.logpdf(log_k, scale=spread_scale)
    exact = scipy.special.logsumexp(each, axis=1) + np.log(log_k[1] - log_k[0])
    constant = 0.5 * n_deviations * np.log(2 * np.pi)
    np.testing.assert_allclose(found, exact + constant, atol=1e-4)
    precision = (
        np.exp(each - scipy.special.logsumexp(each, axis=1)[:, None]) * np.exp(-2 * log_k)
    ).sum(axis=1)
    np.testing.assert_allclose(slope, -z * precision[:, None], rtol=1e-3, atol=1e-4)
