"""Two answers that a mix model has to beat: do nothing, and a ridge on raw spend."""

from collections.abc import Sequence
from math import erf, sqrt

import numpy as np
import pandas as pd

from mmm.simulate.worlds.answer import Answer
from mmm.simulate.worlds.company import REGION, current_spend
from mmm.simulate.worlds.streams import Floats

_YEAR = 365.25 / 7
_Z90 = 1.6448536269514722


def do_nothing(
    frame: pd.DataFrame, outcome: Floats, channels: Sequence[str], controls: Sequence[str]
) -> Answer:
    """Answer that media bring nothing for sure, and stay."""
    del outcome, controls
    nothing = np.zeros(len(channels))
    return Answer(
        contribution=nothing,
        lower=nothing,
        upper=nothing,
        media=0.0,
        media_lower=0.0,
        media_upper=0.0,
        plan=current_spend(frame, channels),
        gain=0.0,
    )


def ridge_on_spend(
    frame: pd.DataFrame, outcome: Floats, channels: Sequence[str], controls: Sequence[str]
) -> Answer:
    """Regress the outcome on raw spend, and move money to where the coefficient is largest.

    A linear trend, two waves a year, the controls and the regions stand beside the spend. The
    penalty, chosen by generalised cross-validation, falls on standardised columns other than the
    level. Intervals and the probability are those of a Gaussian posterior.

    Returns
    -------
    Answer

    References
    ----------
    Golub, Heath and Wahba (1979), Generalized cross-validation as a method for choosing a good
    ridge parameter. Technometrics 21, 215-223.
    """
    spend = frame[list(channels)].to_numpy(dtype=np.float64)
    mean, covariance = _ridge(np.column_stack([spend, _beside(frame, controls)]), outcome)
    n = len(channels)
    slope, spread = mean[:n], covariance[:n, :n]
    used = spend.sum(axis=0)
    contribution, error = slope * used, np.sqrt(np.diag(spread)) * used
    media, media_error = float(contribution.sum()), float(np.sqrt(used @ spread @ used))
    current = current_spend(frame, channels)
    plan = _follow(slope, current)
    gain = float(slope @ (plan - current))
    doubt = float(np.sqrt((plan - current) @ spread @ (plan - current)))
    return Answer(
        contribution=contribution,
        lower=contribution - _Z90 * error,
        upper=contribution + _Z90 * error,
        media=media,
        media_lower=media - _Z90 * media_error,
        media_upper=media + _Z90 * media_error,
        plan=plan,
        probability_better=_normal(gain / doubt) if doubt > 0 else None,
        gain=gain,
    )


def _beside(frame: pd.DataFrame, controls: Sequence[str]) -> Floats:
    week = (frame["date"] - frame["date"].min()).dt.days.to_numpy(dtype=np.float64) / 7
    columns = [week]
    for order in (1, 2):
        columns += [np.cos(2 * np.pi * order * week / _YEAR)]
        columns += [np.sin(2 * np.pi * order * week / _YEAR)]
    columns += [frame[name].to_numpy(dtype=np.float64) for name in controls]
    if REGION in frame:
        levels = pd.get_dummies(frame[REGION]).to_numpy(dtype=np.float64)
        columns += list(levels.T[1:])
    return np.column_stack(columns)


def _ridge(design: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """Return coefficients in the columns' own units, and their posterior covariance."""
    centre, size = design.mean(axis=0), design.std(axis=0)
    size = np.where(size > 0, size, 1.0)
    left, strength, right = np.linalg.svd((design - centre) / size, full_matrices=False)
    target = outcome - outcome.mean()
    seen = left.T @ target
    n = outcome.size
    best, penalty, variance = np.inf, np.nan, np.nan
    for candidate in n * np.logspace(-4, 1, 26):
        kept = strength**2 / (strength**2 + candidate)
        residual = float(((target - left @ (kept * seen)) ** 2).sum())
        free = n - 1 - float(kept.sum())
        if residual / free**2 < best:
            best, penalty, variance = residual / free**2, candidate, residual / free
    # Constant columns have strength 0 and keep the coefficient 0.
    mean = right.T @ (strength * seen / (strength**2 + penalty)) / size
    covariance = (right.T * (variance / (strength**2 + penalty))) @ right
    return mean, covariance / np.outer(size, size)


def _follow(slope: Floats, current: Floats) -> Floats:
    """Give every channel half of today, and the rest to the best coefficients, up to the bound."""
    plan = 0.5 * current
    rest = float(current.sum() - plan.sum())
    for channel in np.argsort(-slope):
        extra = min(rest, float(current[channel]))
        plan[channel] += extra
        rest -= extra
    return plan


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
