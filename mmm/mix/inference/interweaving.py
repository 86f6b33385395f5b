"""What panels have in common, drawn anew while each panel keeps the parameters that it has.

The joint parameters state a panel as common part and own part, so that w, how much panels differ,
is tied to the size of every own part once the data tell each panel well. Chains then crawl. Here
common parts and w move with the parameters of the panels held fast: the likelihood does not change,
and only priors are computed. Between trajectories, the two ways of moving make up for each other
(Yu and Meng 2011, Journal of Computational and Graphical Statistics 20(3), 531-570).
"""

import numpy as np

from mmm.mix.inference.joint import Joint
from mmm.mix.inference.prior import draw_spread, log_prior
from mmm.mix.transforms import Floats

_JUMPS = (0.3, 1.0, 0.3, 1.0, 0.3, 1.0)  # of the parameter of w, tried in turn


def interweave(joint: Joint, spread_scale: float, z: Floats, rng: np.random.Generator) -> Floats:
    """Draw common parts and w given the parameters of all panels.

    Parameters
    ----------
    joint : Joint
        Of several panels.
    spread_scale : float
        As `mmm.mix.inference.prior.log_prior` takes it.
    z : ndarray, shape (n_draws, joint.n_parameters)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws, joint.n_parameters)
        Distributed as `z` if that has the posterior.
    """
    kept = [joint.read(part, z)[:, part.pooled] for part in joint.parts]
    now = _draw_common(joint, kept, spread_scale, z, rng)
    height = _log_prior_given(joint, kept, spread_scale, now)
    for jump in _JUMPS:
        tried = now.copy()
        tried[:, joint.pooling] += jump * rng.standard_normal(len(z))
        found = _log_prior_given(joint, kept, spread_scale, tried)
        better = rng.random(len(z)) < np.exp(np.minimum(found - height, 0.0))
        now = np.where(better[:, None], tried, now)
        height = np.where(better, found, height)
    return now


def _draw_common(
    joint: Joint, kept: list[Floats], spread_scale: float, z: Floats, rng: np.random.Generator
) -> Floats:
    """Draw the common parts: normal, given w and the scale of the deviations."""
    share = joint.own_share(z)
    total, count = np.zeros_like(z), np.zeros(joint.n_parameters)
    for part, values in zip(joint.parts, kept, strict=True):
        at = part.common[part.pooled]
        total[:, at] += values
        count[at] += 1
    variance = np.ones_like(z)
    spread = draw_spread(z[:, joint.deviations], spread_scale, rng)
    variance[:, joint.deviations] = spread[:, None] ** 2
    at = np.flatnonzero(count)
    precision = (1.0 + count[at] * (1.0 - share) / share) / variance[:, at]
    mean = np.sqrt(1.0 - share) / share * total[:, at] / variance[:, at] / precision
    drawn = z.copy()
    drawn[:, at] = mean + rng.standard_normal(mean.shape) / np.sqrt(precision)
    return drawn


def _log_prior_given(joint: Joint, kept: list[Floats], spread_scale: float, z: Floats) -> Floats:
    """Set the own parts so that panels keep their parameters, in place; return the log prior."""
    share, n_own = joint.own_share(z), 0
    for part, values in zip(joint.parts, kept, strict=True):
        common = z[:, part.common[part.pooled]]
        z[:, part.own] = (values - np.sqrt(1.0 - share) * common) / np.sqrt(share)
        n_own += len(part.own)
    density, _ = log_prior(z, joint.deviations, spread_scale)
    return np.asarray(density - 0.5 * n_own * np.log(share[:, 0]))
