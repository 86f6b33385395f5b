"""The prior of all parameters: standard normal, but for deviations of an unknown common scale."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from mmm.mix.transforms import Floats

Positions = slice | npt.NDArray[np.intp]

_TAIL = 4.5  # standard deviations of log k that the sum over it reaches


def log_prior(z: Floats, deviations: Positions, spread_scale: float) -> tuple[Floats, Floats]:
    """Return the log prior density of parameters, up to a constant, and its gradient.

    All are standard normal but the deviations of shares, whose common scale k is unknown. It is
    integrated out by the trapezoidal rule, so that no funnel is left to sample. The more deviations
    there are, the better they tell k, and the finer the rule: nodes further apart than what is
    known of log k would each be a mode of its own.

    Parameters
    ----------
    z : ndarray, shape (n_draws, n_parameters)
    deviations : slice or ndarray of intp
        Where the deviations stand.
    spread_scale : float
        Standard deviation of log k.

    Returns
    -------
    density : ndarray, shape (n_draws,)
    gradient : ndarray, shape (n_draws, n_parameters)

    Examples
    --------
    >>> density, gradient = log_prior(np.array([[1.0, 2.0]]), slice(1, 2), 0.0)
    >>> density.round(3).tolist(), gradient.round(3).tolist()
    ([-2.5], [[-1.0, -2.0]])
    """
    own = z[:, deviations]
    nodes = _scales(spread_scale, own.shape[1])
    each = _by_scale(nodes, own)
    top = each.max(axis=1)
    part = np.exp(each - top[:, None])
    whole = part.sum(axis=1)
    density = top + np.log(whole) - 0.5 * ((z * z).sum(axis=1) - (own * own).sum(axis=1))
    gradient = -z
    gradient[:, deviations] *= (part @ nodes.precision / whole)[:, None]
    return density, gradient


def draw_prior(
    shape: tuple[int, int], deviations: Positions, spread_scale: float, rng: np.random.Generator
) -> Floats:
    """Draw parameters from the prior, shape (n_draws, n_parameters)."""
    z = rng.standard_normal(shape)
    z[:, deviations] *= np.exp(spread_scale * rng.standard_normal((shape[0], 1)))
    return z


def draw_log_spread(
    own: Floats, spread_scale: float, now: Floats, rng: np.random.Generator
) -> Floats:
    """Draw log k given the deviations, by a proposal that is all but exact.

    Parameters
    ----------
    own : ndarray, shape (n_draws, n_deviations)
    spread_scale : float
        Above 0.
    now : ndarray, shape (n_draws,)
        Where log k stands, and stays where the proposal is refused.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws,)
    """
    nodes, n = _scales(spread_scale, own.shape[1]), np.arange(len(own))
    each = _by_scale(nodes, own)
    part = np.exp(each - each.max(axis=1, keepdims=True)).cumsum(axis=1)
    at = (part < rng.random((len(own), 1)) * part[:, -1:]).sum(axis=1)
    first, width = nodes.log_scale[0], nodes.log_scale[1] - nodes.log_scale[0]
    tried = nodes.log_scale[at] + width * (rng.random(len(own)) - 0.5)
    before = np.rint((now - first) / width).astype(np.intp).clip(0, len(nodes.log_scale) - 1)
    square = (own * own).sum(axis=1)

    def height(log_k: Floats) -> Floats:
        prior = 0.5 * (log_k / spread_scale) ** 2 + own.shape[1] * log_k
        return np.asarray(-prior - 0.5 * square * np.exp(-2.0 * log_k))

    better = height(tried) - each[n, at] - height(now) + each[n, before]
    return np.where(rng.random(len(own)) < np.exp(np.minimum(better, 0.0)), tried, now)


@dataclass(frozen=True, eq=False)
class _Scales:
    """Nodes of the common scale, shapes (n_nodes,)."""

    log_scale: Floats
    log_weight: Floats
    precision: Floats


@cache
def _scales(spread_scale: float, n_deviations: int) -> _Scales:
    """Return the nodes of quadrature; they are asked for at every gradient."""
    width = 1.0 / np.sqrt(2.0 * max(n_deviations, 1))  # of log k, given the deviations
    n_nodes = max(int(np.ceil(2.0 * _TAIL * spread_scale / (0.6 * width))), 24) + 1
    node = np.linspace(-_TAIL, _TAIL, n_nodes)
    log_scale, log_weight = spread_scale * node, -0.5 * node**2
    log_weight -= np.log(np.exp(log_weight).sum())
    return _Scales(log_scale, log_weight, np.exp(-2.0 * log_scale))


def _by_scale(nodes: _Scales, own: Floats) -> Floats:
    """Return the log density of deviations and node, shape (n_draws, n_nodes)."""
    square = (own * own).sum(axis=1)
    each = nodes.log_weight - own.shape[1] * nodes.log_scale
    return np.asarray(each - 0.5 * square[:, None] * nodes.precision)
