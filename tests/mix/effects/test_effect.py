"""The odds of no effect: against direct integration, and on channels with and without one."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from mmm.errors import ConfigError, DataWarning
from mmm.mix.effects.effect import EffectEvidence, average, effect_evidence, log_without
from mmm.mix.inference.convergence import ess_bulk
from mmm.mix.inference.media import channel_media, respond
from mmm.mix.inference.posterior import collapse, log_posterior
from mmm.mix.inference.prior import draw_prior
from mmm.mix.inference.sampler import Sampling, sample
from mmm.mix.model import MixModel
from tests.mix.problems import small_problem


def test_density_without_a_channel_is_that_of_the_outcome_with_its_part_taken_off():
    problem = small_problem()
    z = np.random.default_rng(1).normal(size=(4, problem.n_parameters)) * 0.7
    at = collapse(problem, z)
    parts = channel_media(problem.media, respond(problem.media, z))
    np.testing.assert_allclose(parts.sum(axis=1), at.response.media)
    found = log_without(problem, z)
    for row in range(len(z)):
        for channel, part in enumerate([*parts[row], at.response.media[row]]):
            moved = small_problem()
            object.__setattr__(moved, "outcome", problem.outcome + part)
            expected = collapse(moved, z[row : row + 1]).log_density - at.log_density[row]
            np.testing.assert_allclose(found[row, channel], expected[0], rtol=1e-8)


def test_odds_equal_those_of_direct_integration_over_the_prior():
    """Both models integrated over the prior, with no posterior and no identity."""
    problem = small_problem(n_channels=2)
    # More noise than the outcome shows: the prior then reaches all that the posterior does.
    problem = replace(problem, linear=replace(problem.linear, rate=1.0))
    rng = np.random.default_rng(2)
    media = problem.media
    z = draw_prior((8_000, problem.n_parameters), media.deviations, media.spread_scale, rng)
    density, without = [], []
    for block in np.array_split(z, 80):
        density.append(collapse(problem, block).log_density)
        without.append(log_without(problem, block))
    density, without = np.concatenate(density), np.concatenate(without)
    expected = logsumexp(density[:, None] + without, axis=0) - logsumexp(density)
    draws = sample(
        lambda q: log_posterior(problem, q),
        problem.n_parameters,
        Sampling(n_warmup=150, n_draws=500, n_starts=2, max_rounds=1),
        rng,
        lambda kept: bool(ess_bulk(kept).min() > 0),
    )
    found, n_effective = average(log_without(problem, draws.z.reshape(-1, z.shape[1])))
    np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.05)
    assert (expected[:2] < -0.05).all()
    assert (n_effective > 100).all()


def company(seed, noise=60.0):
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2.0, 50.0, (120, 3))
    spend *= rng.random((120, 3)) < [1.0, 0.6, 0.6]
    carried = 0.6 * spend + 0.4 * np.vstack([spend[:1], spend[:-1]])
    effect = 500 * carried[:, 0] / (80 + carried[:, 0]) + 300 * carried[:, 1] / (60 + carried[:, 1])
    return spend, 2000 + effect + rng.normal(0, noise, 120)


@pytest.mark.parametrize("likelihood", ["normal", "student_t"])
def test_live_channels_are_told_from_a_null_one(likelihood):
    model = MixModel(
        likelihood=likelihood,
        sampler=Sampling(n_warmup=150, n_draws=250, n_starts=2, max_rounds=1),
        on_nonconvergence="warn",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        frame = model.fit(*company(seed=3)).contributions()
    live, null, media = frame.iloc[:2], frame.iloc[2], frame.iloc[3]
    assert (live["probability_of_effect"] > 0.99).all()
    assert (live["contribution_lower"] > 0).all()
    assert null["probability_of_effect"] < 0.8
    assert null["contribution_lower"] == 0
    assert null["romi_lower"] == null["marginal_romi_lower"] == -1
    assert media["probability_of_effect"] > 0.99
    assert media["contribution_lower"] > 0


def test_a_channel_without_spend_is_not_judged():
    spend, outcome = company(seed=4)
    spend[:, 2] = 0
    model = MixModel(
        sampler=Sampling(n_warmup=50, n_draws=50, n_starts=1, max_rounds=1),
        on_nonconvergence="warn",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model.fit(spend, outcome)
    assert np.isnan(model.contributions()["probability_of_effect"].iloc[2])
    assert effect_evidence(model).log_odds[2] == 0


def test_prior_of_no_effect():
    evidence = EffectEvidence(np.array([-800.0, 0.0, 800.0]), np.ones(3))
    np.testing.assert_allclose(evidence.probability_of_effect(0.2), [1, 0.8, 0], atol=1e-12)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        evidence.probability_of_effect(0.0)
