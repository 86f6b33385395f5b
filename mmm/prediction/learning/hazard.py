"""Hazard: when leads are won or lost, given their score; an open lead is not a lost one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from mmm.prediction.learning.histories import LOST, OPEN, WON, Histories, still_there

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

N_TIMES = 1_000  # instants of ends kept apart; beyond, ends count on the whole day they fall in
GRID = np.linspace(-12.0, 12.0, 481)  # scores, in log-odds from the mean, between which P is linear
STEADY = 4.0  # how firmly the powers of the hazards are held to 1: by this many ends


@dataclass(frozen=True, eq=False)
class Hazards:
    """Discrete-time hazards of two competing ends.

    The hazard of being won at age t is ``h_1(t | s) = lambda_1(t) p(s) ** theta_1``, that of being
    lost ``h_2(t | s) = lambda_2(t) (1 - p(s)) ** theta_2``, with p(s) the probability of a score:
    were leads won and lost after the same times, both powers would be 1. Where winning is rare this
    is Cox's model, ``exp(theta_1 s)``. The two are scaled down where they would exceed 1 together.
    Hence ``S(t) = prod(1 - h_1 - h_2)`` and ``P(won within H | open at a) = sum over a < t <= a + H
    of S(t-) / S(a) h_1(t)``. Where the score says nothing this is the estimator of Aalen and
    Johansen (1978).

    Attributes
    ----------
    times : ndarray of float64, shape (n_times,)
        Ages in days at which leads ended, ascending.
    rates : ndarray of float64, shape (2, n_times)
        Hazards of won and of lost, at the score `centre`.
    powers : ndarray of float64, shape (2,)
        theta of won and of lost, 0 or more: a higher score never lowers the chance of being won.
    centre : float
        Mean score of training, log-odds.
    follow_up : float
        Longest age seen, days; "ever" means within it.
    """

    times: Floats
    rates: Floats
    powers: Floats
    centre: float
    follow_up: float

    def curves(self, scores: Floats) -> tuple[Floats, Floats]:
        """Return the hazards of won and of lost, shape (n, n_times) each."""
        logs = log_chances(np.asarray(scores, dtype=np.float64), self.centre)
        won, lost = (
            rate * np.exp(np.clip(power * log[:, None], -30, 30))
            for rate, power, log in zip(self.rates, self.powers, logs, strict=True)
        )
        excess = np.maximum(won + lost, 1.0)
        return won / excess, lost / excess

    def probability(
        self, scores: Floats, *, age: float = 0.0, within: float | None = None
    ) -> Floats:
        """Return P(won within so many days | score, open at an age), shape (n,).

        Parameters
        ----------
        scores : ndarray of float64, shape (n,)
            Log-odds.
        age : float
            Days since creation.
        within : float, optional
            Days from now; by default ever, that is within the longest follow-up.

        Returns
        -------
        ndarray of float64
        """
        return self._between(*self.curves(scores), age, within)

    def link(self, scores: Floats, ages: Floats, within: float | None = None) -> Floats:
        """Return log-odds of winning for many leads, by table: linear between scores of `GRID`.

        Ages count in whole days, so that one table serves all leads of an age.

        Parameters
        ----------
        scores, ages : ndarray of float64, shape (n,)
        within : float, optional

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        result = np.empty(len(scores))
        days = np.floor(ages)
        grid = self.centre + GRID
        won, lost = self.curves(grid)
        for day in np.unique(days):
            rows = days == day
            p = self._between(won, lost, float(day), within)
            # Bounds stay far outside of what is reported; they keep the logit finite.
            table = logit(np.clip(p, 1e-12, 1 - 1e-12))
            result[rows] = np.interp(scores[rows], grid, table)
        return result

    def _between(self, won: Floats, lost: Floats, age: float, within: float | None) -> Floats:
        # An end on the day of creation, age 0, is still to come for a new lead.
        start = int(np.searchsorted(self.times, age, side="right")) if age > 0 else 0
        end = np.inf if within is None else age + within
        stop = int(np.searchsorted(self.times, end, side="right"))
        if stop <= start:
            return np.zeros(len(won))
        now = slice(start, stop)
        reached = (open_before(won[:, now], lost[:, now]) * won[:, now]).sum(axis=1)
        share: Floats = np.clip(reached, 0.0, 1.0)
        return share


def log_chances(scores: Floats, centre: float) -> tuple[Floats, Floats]:
    """Return the log of p and of 1 - p of each score, less those of a score in the middle.

    Examples
    --------
    >>> [part.round(3).tolist() for part in log_chances(np.array([0.0, 9.0]), 0.0)]
    [[0.0, 0.693], [0.0, -8.307]]
    """
    won, lost = (np.logaddexp(0.0, s * centre) - np.logaddexp(0.0, s * scores) for s in (-1.0, 1.0))
    return won, lost


def open_before(won: Floats, lost: Floats) -> Floats:
    """Return the share open just before each time, from hazards of shape (n, n_times)."""
    left = np.cumprod(1.0 - np.minimum(won + lost, 1.0), axis=1)
    return np.concatenate([np.ones((len(won), 1)), left[:, :-1]], axis=1)


def fit_hazards(
    histories: Histories, scores: Floats, held_out: Floats, tested: Integers
) -> Hazards:
    """Fit how soon leads of a score end.

    The powers come from rows that the score had not seen (Cox 1972, J. R. Stat. Soc. B 34, 187-220;
    Breslow's likelihood for ties), the rates by age from all rows: ends over the number at risk,
    each at risk counting ``p ** theta`` times (Breslow 1974).

    Parameters
    ----------
    histories : Histories
    scores : ndarray of float64, shape (n,)
        Log-odds of all rows.
    held_out : ndarray of float64, shape (n_tested,)
        Log-odds of rows that were held out.
    tested : ndarray of int64, shape (n_tested,)
        Their positions.

    Returns
    -------
    Hazards
    """
    age, cause = histories.seen()
    age = _in_steps(age, cause)
    centre = float(scores.mean())
    powers = np.zeros(2)
    if np.ptp(scores) > 0:
        for k, log in zip((WON, LOST), log_chances(held_out, centre), strict=True):
            shift = np.clip(log, -8.0, 8.0)
            found = effect_of(shift, age[tested], cause[tested] == k, prior=1.0)
            powers[k - 1] = max(found, 0.0)  # or the ranking could turn over
    logs = log_chances(scores, centre)
    times = np.unique(age[cause != OPEN])
    rates = np.zeros((2, len(times)))
    place = np.searchsorted(times, age)
    for k in (WON, LOST):
        ends = np.bincount(place[cause == k], minlength=len(times))[: len(times)]
        mass = np.exp(np.clip(powers[k - 1] * logs[k - 1], -30, 30))
        at_risk = still_there(times, age, mass)
        rates[k - 1] = np.divide(ends, at_risk, out=np.zeros(len(times)), where=at_risk > 0)
    return Hazards(times, rates, powers, centre, float(age.max(initial=0.0)))


def effect_of(shift: Floats, age: Floats, ended: npt.NDArray[np.bool_], *, prior: float) -> float:
    """Return the effect of a column on a hazard: Cox's partial likelihood, by Newton's method.

    Parameters
    ----------
    shift : ndarray of float64, shape (n,)
        What the hazard is an exponential of.
    age : ndarray of float64, shape (n,)
        At the end or the last look.
    ended : ndarray of bool, shape (n,)
        Whether it ended in the way of interest.
    prior : float
        Effect that is assumed as by `STEADY` ends.
    """
    if not ended.any():
        return prior
    times, counts = np.unique(age[ended], return_counts=True)
    weight = STEADY * max(float(shift.var()), 1e-6)
    theta = prior
    for _ in range(50):
        mass = np.exp(np.clip(theta * shift, -30, 30))
        total, first, second = (
            still_there(times, age, mass * power) for power in (1.0, shift, shift**2)
        )
        mean = first / total
        slope = shift[ended].sum() - counts @ mean - weight * (theta - prior)
        bend = counts @ (second / total - mean**2) + weight
        step = float(np.clip(slope / bend, -1.0, 1.0))
        theta += step
        if abs(step) < 1e-10:
            break
    return float(theta)


def _in_steps(age: Floats, cause: Integers) -> Floats:
    """Count ends on the whole day where there are too many instants to keep apart."""
    if len(np.unique(age[cause != OPEN])) <= N_TIMES:
        return age
    return np.ceil(age)
