"""What panels have in common, drawn anew while each panel keeps the parameters that it has.

The joint parameters state a panel as common part and own part, in units of a common scale, so that
w, how much panels differ, and that scale are tied to the size of every own part once the data tell
each panel well. Chains then crawl. Here common parts, w and the scale move with the parameters of
the panels held fast: the likelihood does not change, and only priors are computed. Between
trajectories, the two ways of moving make up for each other (Yu and Meng 2011, Journal of
Computational and Graphical Statistics 20(3), 531-570).
"""

import numpy as np

from mmm.mix.inference.joint import Joint
from mmm.mix.inference.prior import draw_log_spread, log_prior
from mmm.mix.transforms import Floats

_JUMPS = (0.3, 1.0, 0.3, 1.0, 0.3, 1.0)  # of the parameter of w, tried in turn


def interweave(joint: Joint, z: Floats, rng: np.random.Generator) -> Floats:
    """Draw common parts, w and the scale of deviations given the parameters of all panels.

    Parameters
    ----------
    joint : Joint
        Of several panels.
    z : ndarray, shape (n_draws, joint.n_parameters)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws, joint.n_parameters)
        Distributed as `z` if that has the posterior.
    """
    scaled = joint.scaled(z)
    kept = [joint.pooled(part, scaled)[:, part.pooled] for part in joint.parts]
    now = _draw_common(joint, kept, scaled, rng)
    height = _log_prior_given(joint, kept, now)
    for jump in _JUMPS:
        tried = now.copy()
        tried[:, joint.pooling] += jump * rng.standard_normal(len(z))
        found = _log_prior_given(joint, kept, tried)
        better = rng.random(len(z)) < np.exp(np.minimum(found - height, 0.0))
        now = np.where(better[:, None], tried, now)
        height = np.where(better, found, height)
    return _draw_spread(joint, now, rng)


def _draw_common(
    joint: Joint, kept: list[Floats], scaled: Floats, rng: np.random.Generator
) -> Floats:
    """Draw the common parts: normal, given w and the scale of the deviations."""
    share = joint.own_share(scaled)
    total, count = np.zeros_like(scaled), np.zeros(joint.n_parameters)
    for part, values in zip(joint.parts, kept, strict=True):
        at = part.common[part.pooled]
        total[:, at] += values
        count[at] += 1
    variance = np.ones_like(scaled)
    variance[:, joint.deviations] = np.exp(2.0 * joint.log_spread(scaled))
    at = np.flatnonzero(count)
    precision = (1.0 + count[at] * (1.0 - share) / share) / variance[:, at]
    mean = np.sqrt(1.0 - share) / share * total[:, at] / variance[:, at] / precision
    drawn = scaled.copy()
    drawn[:, at] = mean + rng.standard_normal(mean.shape) / np.sqrt(precision)
    return drawn


def _log_prior_given(joint: Joint, kept: list[Floats], scaled: Floats) -> Floats:
    """Set the own parts so that panels keep their parameters, in place; return the log prior.

    The scale of the deviations is integrated out: it is drawn afterwards.
    """
    share, n_own = joint.own_share(scaled), 0
    for part, values in zip(joint.parts, kept, strict=True):
        common = scaled[:, part.common[part.pooled]]
        scaled[:, part.own] = (values - np.sqrt(1.0 - share) * common) / np.sqrt(share)
        n_own += len(part.own)
    density, _ = log_prior(scaled, joint.deviations, joint.spread_scale)
    return np.asarray(density - 0.5 * n_own * np.log(share[:, 0]))


def _draw_spread(joint: Joint, scaled: Floats, rng: np.random.Generator) -> Floats:
    """Draw the scale of the deviations, and return the joint parameters."""
    if joint.spread_scale == 0.0:
        return scaled
    own, now = scaled[:, joint.deviations], joint.log_spread(scaled)[:, 0]
    log_spread = draw_log_spread(own, joint.spread_scale, now, rng)
    z = scaled.copy()
    z[:, joint.deviations] = own * np.exp(-log_spread)[:, None]
    z[:, int(joint.pooling or 0) + 1] = log_spread / joint.spread_scale
    return z
