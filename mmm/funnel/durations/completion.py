"""How many of a group will have converted once all had their time: young open records count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmm.funnel.durations.survival import CumulativeIncidence, cumulative_incidence, incidence_at
from mmm.funnel.intervals import share_interval
from mmm.funnel.records.outcomes import CONVERTED, LOST, OPEN, Outcomes

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# Records' worth of the overall rate that a group's own rate is drawn to while it is open.
PRIOR_RECORDS = 2.0
_TOLERANCE = 1e-10
_MOST_STEPS = 500
_NOTHING = 1e-12


@dataclass(frozen=True)
class Completion:
    """Groups of records, completed for those still open.

    Attributes
    ----------
    n, converted, lost : ndarray of int64, shape (n_groups,)
        Records, and how they ended so far.
    expected, expected_lost : ndarray of float64, shape (n_groups,)
        Conversions and losses still to come from the open ones, within the horizon.
    rate, lower, upper : ndarray of float64, shape (n_groups,)
        (converted + expected) / n, with its interval; NaN for an empty group.
    information : ndarray of float64, shape (n_groups,)
        How many records of known end say as much about the rate.
    maturity : ndarray of float64, shape (n_groups,)
        Share of the eventual conversions that would have been seen by now, 0-1.
    horizon : float
        Days within which a record can convert: the longest follow-up.
    level : float
        Nominal coverage.
    """

    n: Counts
    converted: Counts
    lost: Counts
    expected: Floats
    expected_lost: Floats
    rate: Floats
    lower: Floats
    upper: Floats
    information: Floats
    maturity: Floats
    horizon: float
    level: float


def complete(outcomes: Outcomes, group: npt.ArrayLike, n_groups: int, level: float) -> Completion:
    """Estimate the eventual conversion rate of each group, however young.

    Converting and being lost compete. How fast either happens is common to all groups; how often a
    record converts is each group's own: with F the share of eventual conversions by age a, and S
    the share of the others still open, an open record converts with probability
    q (1 - F(a)) / (q (1 - F(a)) + (1 - q) S(a)). F and S come from the Aalen-Johansen curves of all
    records; q is the fixed point of that equation (EM, Dempster, Laird and Rubin 1977, J. R. Stat.
    Soc. B 39), drawn to the overall rate by `PRIOR_RECORDS` records. A group without open records
    is a plain share. The interval is the score interval at the Fisher information of q; that F and
    S are estimated too is not in it.

    Parameters
    ----------
    outcomes : Outcomes
    group : array_like of int, shape (n,)
        0 to n_groups - 1.
    n_groups : int
    level : float
        Coverage.

    Returns
    -------
    Completion

    Examples
    --------
    >>> day = np.datetime64("2025-01-01", "us")
    >>> seen = Outcomes(np.arange(4), np.full(4, day), np.array([10.0, 20, 30, 15]),
    ...     np.array([90.0, 90, 90, 15]), np.array([1, 2, 1, 0]), day)
    >>> done = complete(seen, [0, 0, 0, 1], 2, 0.9)
    >>> done.rate.round(2), done.expected.round(2)
    (array([0.67, 0.43]), array([0.  , 0.43]))
    """
    codes = np.asarray(group, dtype=np.int64)
    curve = cumulative_incidence(outcomes.days, outcomes.outcome, level=level, n_causes=2)
    n, converted, lost = (
        np.bincount(codes[rows], minlength=n_groups).astype(np.int64)
        for rows in (
            slice(None),
            outcomes.outcome == CONVERTED,
            outcomes.outcome == LOST,
        )
    )
    still = outcomes.outcome == OPEN
    later, waiting = _delays(curve, outcomes.days[still])
    own = _own_rate(codes[still], later, waiting, n, converted, float(curve.incidence[0, -1]))
    chance = _chance(own[codes[still]], later, waiting)
    expected = add_up(codes[still], chance, n_groups)
    told = _told(own[codes[still]], later, waiting)
    information: Floats = converted + lost + add_up(codes[still], told, n_groups)
    rate = np.divide(converted + expected, n, out=np.full(n_groups, np.nan), where=n > 0)
    bounds = [share_interval(r, m, level) for r, m in zip(rate, information, strict=True)]
    return Completion(
        n=n,
        converted=converted,
        lost=lost,
        expected=expected,
        expected_lost=add_up(codes[still], (1.0 - chance) * _loss(curve, waiting), n_groups),
        rate=rate,
        lower=np.array([bound[0] for bound in bounds]),
        upper=np.array([bound[1] for bound in bounds]),
        information=information,
        maturity=_maturity(curve, outcomes.follow_up, codes, n_groups),
        horizon=curve.horizon,
        level=level,
    )


def _delays(curve: CumulativeIncidence, age: Floats) -> tuple[Floats, Floats]:
    """Return 1 - F(age) among those who convert, and the share still open among the others."""
    at = np.minimum(age, curve.horizon)
    ever = float(curve.incidence[0, -1])
    won, lost = incidence_at(curve, CONVERTED, at), incidence_at(curve, LOST, at)
    later = np.clip(1.0 - won / ever, 0.0, 1.0) if ever > _NOTHING else np.zeros(len(at))
    others = 1.0 - ever
    waiting = (
        np.clip((others - lost) / others, 0.0, 1.0) if others > _NOTHING else np.zeros(len(at))
    )
    return later, waiting


def _loss(curve: CumulativeIncidence, waiting: Floats) -> Floats:
    """Chance of being lost within the horizon, for an open record that does not convert."""
    others = 1.0 - float(curve.incidence[0, -1])
    kept = float(curve.survival[-1]) / others if others > _NOTHING else 0.0
    lost = np.divide(waiting - kept, waiting, out=np.zeros(len(waiting)), where=waiting > _NOTHING)
    return np.clip(lost, 0.0, 1.0)


def _chance(rate: Floats, later: Floats, waiting: Floats) -> Floats:
    converts, others = rate * later, (1.0 - rate) * waiting
    result = np.zeros(len(later))
    return np.divide(converts, converts + others, out=result, where=converts + others > _NOTHING)


def _told(rate: Floats, later: Floats, waiting: Floats) -> Floats:
    """Fisher information of an open record about the rate, in units of a record of known end."""
    density = rate * later + (1.0 - rate) * waiting
    slope = np.divide(later - waiting, density, out=np.zeros(len(later)), where=density > _NOTHING)
    told: Floats = np.minimum(rate * (1.0 - rate) * slope**2, 1.0)
    return told


def _own_rate(
    codes: Counts, later: Floats, waiting: Floats, n: Counts, converted: Counts, overall: float
) -> Floats:
    """Solve for each group's rate by EM, with a few records at the overall rate as its prior."""
    rate = np.full(len(n), overall)
    for _ in range(_MOST_STEPS):
        chance = _chance(rate[codes], later, waiting)
        gained = add_up(codes, chance, len(n))
        new: Floats = (converted + gained + PRIOR_RECORDS * overall) / (n + PRIOR_RECORDS)
        if np.abs(new - rate).max(initial=0.0) < _TOLERANCE:
            return new
        rate = new
    return rate


def _maturity(
    curve: CumulativeIncidence, follow_up: Floats, codes: Counts, n_groups: int
) -> Floats:
    ever = float(curve.incidence[0, -1])
    seen = incidence_at(curve, CONVERTED, np.minimum(follow_up, curve.horizon))
    share: Floats = seen / ever if ever > _NOTHING else np.full(len(seen), np.nan)
    count = np.bincount(codes, minlength=n_groups)
    result = np.full(n_groups, np.nan)
    np.divide(add_up(codes, share, n_groups), count, out=result, where=count > 0)
    return result


def add_up(codes: Counts, weights: Floats, n_groups: int) -> Floats:
    """Sum weights by group.

    Examples
    --------
    >>> add_up(np.array([0, 2, 0]), np.array([1.0, 5.0, 2.0]), 4)
    array([3., 0., 5., 0.])
    """
    return np.bincount(codes, weights=weights, minlength=n_groups).astype(np.float64)
