"""How sure it is that a plan beats today: arrays in, arrays out.

A posterior knows only the confounding that its columns show. What it cannot know is added as an
unknown bias of each channel's return, ``b_c ~ N(0, tau_c^2)``: the gain of a draw becomes
``D + sum_c b_c g_c``, with ``g_c`` the change of spend of the channel.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from mmm.mix.transforms import Floats

MOVE, HALF = 0.9, 0.7
LOSS_SHARE = 0.1
_SURE = 0.8
_ROOT_TAU = 1 / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class Certainty:
    """How sure a plan is.

    Attributes
    ----------
    probability_better : float
        That it earns more than today, hidden demand included.
    expected_loss : float
        Mean of what is lost, counting 0 where something is gained; per period, in money.
    tipping_tau : float or None
        Multiple of the assumed bias at which the probability falls under 80%; None where it is
        under without any bias, infinite where no bias brings it there.
    """

    probability_better: float
    expected_loss: float
    tipping_tau: float | None


def judge(gain: Floats, moved: Floats, tau: Floats) -> Certainty:
    """Judge a plan by its gain under each draw and the bias that the draws do not know.

    Parameters
    ----------
    gain : ndarray of float64, shape (n_draws,)
        Profit of the plan less that of today, per period.
    moved : ndarray of float64, shape (n_channels,)
        Change of spend per period.
    tau : ndarray of float64, shape (n_channels,)
        Standard deviation of the bias of each channel's return, per unit of spend.

    Returns
    -------
    Certainty

    Examples
    --------
    >>> sure = judge(np.array([1.0, 2.0, -0.5, 3.0]), np.zeros(2), np.zeros(2))
    >>> sure.probability_better, sure.expected_loss
    (0.75, 0.125)
    >>> judge(np.full(4, 1.0), np.array([1.0, -1.0]), np.full(2, 0.5)).probability_better < 1.0
    True
    """
    spread = float(np.sqrt(((tau * moved) ** 2).sum()))
    if spread < 1e-12 * float(
        np.abs(gain).max(initial=0.0)
    ):  # too small to matter, or to divide by
        spread = 0.0
    return Certainty(
        probability_better=probability_above_zero(gain, spread),
        expected_loss=_mean_loss(gain, spread),
        tipping_tau=_tipping(gain, spread),
    )


def probability_above_zero(gain: Floats, spread: float) -> float:
    """Return P(gain + e > 0), e normal with the standard deviation `spread`; a tie counts half.

    Examples
    --------
    >>> probability_above_zero(np.array([-1.0, 0.0, 1.0, 1.0]), 0.0)
    0.625
    """
    if spread <= 0:
        return float(np.mean(np.where(gain == 0, 0.5, gain > 0)))
    return float(np.mean(ndtr(gain / spread)))


def _mean_loss(gain: Floats, spread: float) -> float:
    if spread <= 0:
        return float(np.mean(np.maximum(-gain, 0.0)))
    ratio = gain / spread
    density = _ROOT_TAU * np.exp(-0.5 * ratio**2)
    return float(np.mean(spread * density - gain * ndtr(-ratio)))


def _tipping(gain: Floats, spread: float) -> float | None:
    if probability_above_zero(gain, 0.0) < _SURE:
        return None
    if spread <= 0:
        return float("inf")
    highest = 1.0
    while probability_above_zero(gain, highest * spread) > _SURE:
        highest *= 2
        if highest > 1e6:
            return float("inf")
    if highest == 1.0 and probability_above_zero(gain, 1e-9 * spread) <= _SURE:
        return 0.0
    return float(
        brentq(lambda by: probability_above_zero(gain, by * spread) - _SURE, 1e-9, highest)
    )


def advise(certainty: Certainty, expected_gain: float) -> str:
    """Return the advice that goes with a certainty.

    Parameters
    ----------
    certainty : Certainty
    expected_gain : float
        Per period, in money.

    Returns
    -------
    {"move", "move half, then test", "test first", "stay"}

    Examples
    --------
    >>> advise(Certainty(0.95, 1.0, None), 100.0)
    'move'
    >>> advise(Certainty(0.95, 20.0, None), 100.0)
    'move half, then test'
    >>> advise(Certainty(0.6, 20.0, None), 30.0), advise(Certainty(0.5, 0.0, None), 0.0)
    ('test first', 'stay')
    """
    if expected_gain <= 0:
        return "stay"
    if certainty.probability_better < HALF:
        return "test first"
    small = certainty.expected_loss < LOSS_SHARE * expected_gain
    sure = certainty.probability_better >= MOVE and small
    return "move" if sure else "move half, then test"


def learned_tau(gaps: Floats, errors: Floats, scale: float) -> float:
    """Learn the size of the bias from the gaps between model and experiments.

    ``tau_n^2 = (n0 tau_0^2 + sum (d^2 - s^2)+) / (n0 + n)`` with n0 = 5 and tau_0 = 0.4 scales.

    Parameters
    ----------
    gaps : ndarray of float64, shape (n_tests,)
        Return by the model less that by the experiment.
    errors : ndarray of float64, shape (n_tests,)
        Standard error of each gap.
    scale : float
        Scale of the prior of a return.

    Returns
    -------
    float

    Examples
    --------
    >>> round(learned_tau(np.array([]), np.array([]), 1.0), 3)
    0.4
    """
    excess = np.maximum(gaps**2 - errors**2, 0.0).sum()
    return float(np.sqrt((5 * (0.4 * scale) ** 2 + excess) / (5 + len(gaps))))
