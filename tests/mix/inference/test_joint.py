"""The joint density of panels: its gradient, its prior, and one panel as without panels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mmm.mix.inference.beliefs import Own
from mmm.mix.inference.joint import join_panels, log_joint
from mmm.mix.inference.posterior import log_posterior
from mmm.mix.inference.prior import draw_prior
from tests.mix.problems import small_problem


def two_panels():
    problems = [small_problem(seed=seed) for seed in (0, 1)]
    names = [list("abcdefgh")[: len(p.media.log_share)] for p in problems]
    names[1] = names[1][::-1]
    return problems, join_panels(problems, names)


def test_gradient_of_two_panels():
    problems, joint = two_panels()
    z = np.random.default_rng(1).normal(size=(4, joint.n_parameters)) * 0.7
    _, gradient = log_joint(joint, problems, z)
    for k in range(joint.n_parameters):
        step = np.zeros_like(z)
        step[:, k] = 1e-5
        up, down = log_joint(joint, problems, z + step)[0], log_joint(joint, problems, z - step)[0]
        np.testing.assert_allclose(gradient[:, k], (up - down) / 2e-5, rtol=2e-5, atol=2e-5)


def test_gradient_where_a_channel_is_believed_by_itself():
    problems, _ = two_panels()
    own = Own(np.array([1]), np.array([-1.0]), np.array([0.5]), np.array([True]))
    problems = [replace(one, media=replace(one.media, own=own)) for one in problems]
    n_channels = len(problems[0].media.log_share)
    joint = join_panels(problems, [list("abcdefgh")[:n_channels]] * 2)
    # In common and in each panel, one channel has a scale that is not learnt.
    assert len(joint.deviations) == 3 * (n_channels - 1)
    z = np.random.default_rng(1).normal(size=(2, joint.n_parameters)) * 0.5
    _, gradient = log_joint(joint, problems, z)
    for k in range(joint.n_parameters):
        step = np.zeros_like(z)
        step[:, k] = 1e-5
        up, down = log_joint(joint, problems, z + step)[0], log_joint(joint, problems, z - step)[0]
        np.testing.assert_allclose(gradient[:, k], (up - down) / 2e-5, rtol=5e-5, atol=5e-5)


def test_one_panel_is_the_problem_itself():
    problem = small_problem()
    joint = join_panels([problem], [["a", "b"]])
    z = np.random.default_rng(2).normal(size=(5, problem.n_parameters))
    for mine, alone in zip(log_joint(joint, [problem], z), log_posterior(problem, z), strict=True):
        np.testing.assert_allclose(mine, alone, rtol=1e-12)


def test_parameters_of_a_panel_are_as_those_alone_and_alike_between_panels():
    problems, joint = two_panels()
    media, n_draws = problems[0].media, 20_000
    rng = np.random.default_rng(3)
    z = joint.draw_prior(n_draws, rng)
    first, second = (joint.read(part, z) for part in joint.parts)
    alone = draw_prior((n_draws, first.shape[1]), media.deviations, media.spread_scale, rng)
    for k in range(first.shape[1]):
        assert stats.ks_2samp(first[:, k], alone[:, k]).pvalue > 1e-4
    at = media.n_parameters - 1
    together = np.corrcoef(first[:, at], second[:, at])[0, 1]
    assert together == pytest.approx(1 - joint.own_share(z).mean(), abs=0.02)


def test_curves_are_those_of_the_channel_wherever_it_stands():
    problems, joint = two_panels()
    z = np.arange(joint.n_parameters, dtype=float)[None]
    first, second = (joint.read(part, z) for part in joint.parts)
    n = problems[0].media.n_curve
    assert sorted(first[0, :n]) == sorted(second[0, :n])
    assert first[0, :n].tolist() != second[0, :n].tolist()
