"""What is believed of single channels, in the scales of the fit: arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.special

from mmm.mix.families import Saturation
from mmm.mix.transforms import Floats

Positions = npt.NDArray[np.intp]

_STEP = 0.01  # of all spend, for the marginal return
_LOG_ROOT = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class Own:
    """Channels outside the common total: log figure = loc + scale z, z ~ N(0, 1).

    Attributes
    ----------
    channels : ndarray of intp, shape (n_own,)
    loc, scale : ndarray, shape (n_own,)
        The figure is the contribution per period over the scale of the outcome or, where
        `marginal`, that times its elasticity.
    marginal : ndarray of bool, shape (n_own,)
    """

    channels: Positions
    loc: Floats
    scale: Floats
    marginal: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Attributed:
    """A hint of each channel's log contribution, right with some probability.

    The prior of one of them is (1 - weight) p + weight N(loc, scale), p what it would be without
    the hint, a sum of normal densities.

    Attributes
    ----------
    channels : ndarray of intp, shape (n_hinted,)
    loc, scale : ndarray, shape (n_hinted,)
        Of the log contribution per period over the scale of the outcome.
    weight : float
    node_weight : ndarray, shape (n_nodes,)
    node_loc, node_scale : ndarray, shape (n_hinted, n_nodes)
    """

    channels: Positions
    loc: Floats
    scale: Floats
    weight: float
    node_weight: Floats
    node_loc: Floats
    node_scale: Floats


def hint_density(hint: Attributed, log_contribution: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the log of mixture over the prior without the hint, and what goes with it.

    Parameters
    ----------
    hint : Attributed
    log_contribution : ndarray, shape (n_draws, n_channels)

    Returns
    -------
    log_ratio, slope, trust : ndarray, shape (n_draws, n_hinted)
        The ratio, its derivative in the log contribution, and the probability that the hint is
        right, given the contribution.

    Examples
    --------
    >>> one = np.ones(1)
    >>> hint = Attributed(np.array([0]), 0 * one, one, 0.5, one, 0 * one[None], one[None])
    >>> [part.round(3).item() for part in hint_density(hint, np.array([[1.0]]))]
    [0.0, 0.0, 0.5]
    """
    at = log_contribution[:, hint.channels]
    away = (at - hint.loc) / hint.scale
    hinted = np.log(hint.weight) - 0.5 * away**2 - np.log(hint.scale) - _LOG_ROOT
    from_node = (at[..., None] - hint.node_loc) / hint.node_scale
    each = np.log(hint.node_weight / hint.node_scale) - 0.5 * from_node**2 - _LOG_ROOT
    plain = scipy.special.logsumexp(each, axis=-1)
    log_ratio = np.logaddexp(np.log1p(-hint.weight), hinted - plain)
    trust = np.exp(hinted - plain - log_ratio)
    part = np.exp(each - plain[..., None])
    plain_slope = -(part * from_node / hint.node_scale).sum(axis=-1)
    slope = trust * (-away / hint.scale - plain_slope)
    return log_ratio, slope, trust


def elasticity(
    saturation: Saturation, effective: Floats, carried: Floats, values: Floats
) -> tuple[Floats, Floats]:
    """Return the change of a channel's contribution by that of all its spend, both relative.

    Parameters
    ----------
    saturation : Saturation
    effective : ndarray, shape (n_draws, n_periods)
        Adstocked spend.
    carried : ndarray, shape (n_draws, n_adstock, n_periods)
        Its derivatives in the parameters of the adstock.
    values : ndarray, shape (n_draws, n_saturation)

    Returns
    -------
    value : ndarray, shape (n_draws,)
        By a difference over two percent of spend.
    log_slope : ndarray, shape (n_draws, n_adstock + n_saturation)
        Derivatives of its logarithm in the parameters.

    Examples
    --------
    >>> from mmm.mix.families import MichaelisMentenSaturation
    >>> spend, none = np.ones((1, 4)), np.zeros((1, 0, 4))
    >>> elasticity(MichaelisMentenSaturation(), spend, none, np.ones((1, 1)))[0].round(3).tolist()
    [0.5]
    """
    mean, slope = [], []
    for factor in (1.0, 1.0 + _STEP, 1.0 - _STEP):
        found, by_spend, by_parameter = saturation.curve(factor * effective, values[:, None, :])
        mean.append(found.mean(axis=-1))
        by_adstock = factor * (carried * by_spend[:, None, :]).mean(axis=-1)
        by_curve = [derivative.mean(axis=-1) for derivative in by_parameter]
        slope.append(np.column_stack([by_adstock, *by_curve]))
    rise, by_rise = mean[1] - mean[2], slope[1] - slope[2]
    value = rise / (2.0 * _STEP * mean[0])
    return value, by_rise / rise[:, None] - slope[0] / mean[0][:, None]
