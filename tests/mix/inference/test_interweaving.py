"""Common parts drawn anew: panels stay as they are, and the prior is left as it is."""

import numpy as np
import pytest
from scipy import stats

from mmm.mix.inference.interweaving import interweave
from mmm.mix.inference.joint import Joint, join_panels
from mmm.mix.inference.prior import draw_log_spread
from tests.mix.problems import small_problem


@pytest.fixture(scope="module")
def joint() -> Joint:
    problems = [small_problem(seed=seed) for seed in (0, 1, 2)]
    names = list("abcdefgh")[: len(problems[0].media.log_share)]
    return join_panels(problems, [names, names[::-1], names])


def drawn(joint: Joint, n: int, seed: int):
    return joint.draw_prior(n, np.random.default_rng(seed))


def test_panels_keep_their_parameters_while_common_parts_move(joint):
    z = drawn(joint, 50, 1)
    moved = interweave(joint, z.copy(), np.random.default_rng(2))
    for part in joint.parts:
        np.testing.assert_allclose(joint.read(part, moved), joint.read(part, z), atol=1e-10)
    pooled = np.unique([part.common[part.pooled] for part in joint.parts])
    assert (moved[:, pooled] != z[:, pooled]).all()
    assert (moved[:, joint.pooling] != z[:, joint.pooling]).mean() > 0.5
    curves = np.arange(joint.parts[0].common[~joint.parts[0].pooled].size)
    np.testing.assert_array_equal(moved[:, curves], z[:, curves])


def test_the_prior_is_left_as_it_is(joint):
    z, fresh, rng = drawn(joint, 6_000, 3), drawn(joint, 6_000, 4), np.random.default_rng(5)
    for _ in range(3):
        z = interweave(joint, z, rng)
    for k in range(joint.n_parameters):
        assert stats.ks_2samp(z[:, k], fresh[:, k]).pvalue > 1e-4
    # Jointly: how far the own parts lie from 0, and how that goes with w and with one another.
    for of in (z, fresh):
        of[:, :3] = np.column_stack(
            [
                (of[:, joint.deviations] ** 2).sum(axis=1),
                (of[:, joint.parts[0].own] ** 2).sum(axis=1) * np.exp(of[:, joint.pooling]),
                (of[:, joint.parts[0].own] * of[:, joint.parts[2].own]).sum(axis=1),
            ]
        )
    for k in range(3):
        assert stats.ks_2samp(z[:, k], fresh[:, k]).pvalue > 1e-4


@pytest.mark.parametrize("n_deviations", [2, 12, 150])
def test_the_scale_drawn_with_deviations_is_that_of_the_prior(n_deviations):
    rng = np.random.default_rng(6)
    log_k = 0.5 * rng.standard_normal(10_000)
    own = np.exp(log_k)[:, None] * rng.standard_normal((10_000, n_deviations))
    again = draw_log_spread(own, 0.5, log_k, rng)
    assert (again != log_k).mean() > 0.9
    assert stats.ks_2samp(again, log_k).pvalue > 1e-4
    # Given the deviations, the one and the other are as far from what these tell.
    told = np.log((own**2).mean(axis=1))
    assert stats.ks_2samp(2 * again - told, 2 * log_k - told).pvalue > 1e-4
