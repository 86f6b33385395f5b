"""Whitened coordinates are those in which positions are spread alike in all directions."""

import numpy as np

from mmm.mix.inference.whitening import Whitening, rescale, shrunk_covariance


def ridge(n, rng):
    """Ten directions, of which one, slanted to all axes, is twenty times as wide."""
    along = np.full(10, 1 / np.sqrt(10))
    z = rng.standard_normal((n, 10))
    return 5.0 + z + 19.0 * (z @ along)[:, None] * along


def test_a_slanted_ridge_is_whitened():
    rng = np.random.default_rng(0)
    whitening = Whitening(np.zeros(10), np.eye(10))
    found = rescale(whitening, ridge(400, rng).reshape(100, 4, 10))
    q = np.linalg.solve(found.root, (ridge(4000, rng) - found.centre).T)
    spread = np.linalg.eigvalsh(np.cov(q))
    assert spread[-1] / spread[0] < 3.0  # 400 before
    assert np.abs(q.mean(axis=1)).max() < 0.3


def test_fewer_positions_than_directions_leave_none_flat():
    seen = np.random.default_rng(1).standard_normal((6, 40))
    values = np.linalg.eigvalsh(shrunk_covariance(seen - seen.mean(axis=0), 2.0))
    assert values[0] > 0.5
    assert values[-1] < 4.0


def test_positions_that_never_moved_are_taken_for_few():
    values = np.linalg.eigvalsh(shrunk_covariance(np.zeros((50, 3))))
    np.testing.assert_allclose(values, 100 / 150)
