"""Time to an event when some records are still open: Kaplan-Meier and Aalen-Johansen."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError, InputError, name_rows
from mmm.funnel.durations.bands import (
    ROUNDING,
    Counts,
    Flags,
    Floats,
    before,
    cloglog_band,
    covariance,
    plausible_halves,
)
from mmm.funnel.kpi import Kpi


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """Share still without the event, a right-continuous step function that starts at 1.

    Attributes
    ----------
    time : ndarray of float64, shape (n_times,)
        Distinct durations, ascending, in the unit given (days, business hours); durations at which
        records only left observation are among them.
    survival : ndarray of float64, shape (n_times,)
        Probability of no event up to and including each time.
    lower, upper : ndarray of float64, shape (n_times,)
        Pointwise interval: Greenwood's variance on the log(-log) scale. Before the first event
        `upper` is 1 and `lower` the exact binomial bound for nobody among those at risk; where
        the curve reaches 0, `upper` is the last one before.
    at_risk : ndarray of int64, shape (n_times,)
        Records still under observation and without event just before each time.
    events : ndarray of int64, shape (n_times,)
        Events at each time.
    level : float
        Nominal coverage of the interval.
    """

    time: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    at_risk: Counts
    events: Counts
    level: float


@dataclass(frozen=True, eq=False)
class CumulativeIncidence:
    """Probability of having ended by each cause, right-continuous step functions that start at 0.

    Attributes
    ----------
    time : ndarray of float64, shape (n_times,)
        Distinct durations, ascending, in the unit given, censored ones included.
    incidence : ndarray of float64, shape (K, n_times)
        Row k - 1: probability of having ended by cause k up to and including each time.
    lower, upper : ndarray of float64, shape (K, n_times)
        Pointwise interval: delta-method variance on the complementary log-log scale. Where an
        incidence is still 0, the upper bound is the exact binomial one for nobody among those at
        risk; where it has reached 1, the lower bound likewise.
    survival : ndarray of float64, shape (n_times,)
        Probability of being still open; with the incidences it adds up to 1.
    at_risk : ndarray of int64, shape (n_times,)
        Records open and under observation just before each time.
    events : ndarray of int64, shape (K, n_times)
        Records that ended by each cause at each time.
    level : float
        Nominal coverage of the interval.
    """

    time: Floats
    incidence: Floats
    lower: Floats
    upper: Floats
    survival: Floats
    at_risk: Counts
    events: Counts
    level: float

    @property
    def horizon(self) -> float:
        """Longest follow-up: the last time at which somebody is still at risk.

        It is the longest duration, censored or not; beyond it the data say nothing, unless
        everybody has ended by then. "Ever" means "within the horizon".
        """
        return float(self.time[-1])


def kaplan_meier(
    duration: npt.ArrayLike, event: npt.ArrayLike, *, level: float = 0.9
) -> SurvivalCurve:
    """Estimate the probability of no event up to each time, with records still open censored.

    The product of 1 - d / n over the times, d events among n at risk (Kaplan and Meier 1958, J. Am.
    Stat. Assoc. 53). A record censored at the time of an event counts as at risk of it.

    Parameters
    ----------
    duration : array_like of float, shape (n,)
        Time to the event or to the last look, at least 0.
    event : array_like of bool, shape (n,)
        True where the event was seen, False where the record is censored.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    SurvivalCurve

    Raises
    ------
    InputError
        If there is no record, lengths differ, or a duration is missing, infinite or negative.
    ConfigError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> curve = kaplan_meier([2.0, 3.0, 3.0, 5.0], [True, True, False, False])
    >>> curve.survival
    array([0.75, 0.5 , 0.5 ])
    >>> curve.at_risk
    array([4, 3, 1])
    """
    seen = np.asarray(event, dtype=np.bool_)
    curve = cumulative_incidence(duration, seen.astype(np.int64), level=level, n_causes=1)
    # With one cause the bands are each other's mirror image: both live on log(-log(survival)).
    return SurvivalCurve(
        time=curve.time,
        survival=curve.survival,
        lower=1.0 - curve.upper[0],
        upper=1.0 - curve.lower[0],
        at_risk=curve.at_risk,
        events=curve.events[0],
        level=level,
    )


def cumulative_incidence(
    duration: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    level: float = 0.9,
    n_causes: int | None = None,
) -> CumulativeIncidence:
    """Estimate the probability of having ended by each cause, the others competing.

    F_k(t) = sum over times u <= t of S(u-) d_k(u) / n(u), S being the Kaplan-Meier curve of any end
    (Aalen and Johansen 1978, Scand. J. Stat. 5). Ties are exact: all ends of one time share its
    number at risk, and records censored at that time belong to it.

    Parameters
    ----------
    duration : array_like of float, shape (n,)
        Time to the end or to the last look, at least 0.
    outcome : array_like of int, shape (n,)
        0 where the record is still open (censored), else the cause, 1 to K.
    level : float
        Coverage of the interval, between 0 and 1.
    n_causes : int, optional
        K; by default the largest outcome, but at least 1. Name it where a cause may not have
        occurred yet.

    Returns
    -------
    CumulativeIncidence

    Raises
    ------
    InputError
        If there is no record, lengths differ, a duration is missing, infinite or negative, or an
        outcome is not an integer from 0 to K.
    ConfigError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> curve = cumulative_incidence([10, 20, 20, 30], [1, 2, 0, 1])
    >>> curve.incidence.round(3)
    array([[0.25, 0.25, 0.75],
           [0.  , 0.25, 0.25]])
    >>> curve.horizon
    30.0
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level is {level!r}; give a number between 0 and 1, such as 0.9")
    days, cause, n_causes = _checked(duration, outcome, n_causes)
    time, at = np.unique(days, return_inverse=True)
    shape = (n_causes + 1, len(time))
    ends = np.bincount(cause * len(time) + at, minlength=shape[0] * shape[1]).reshape(shape)
    leaving = ends.sum(axis=0)
    at_risk = (len(days) - np.cumsum(leaving) + leaving).astype(np.int64)
    events = ends[1:].astype(np.int64)
    survival = np.cumprod(1.0 - events.sum(axis=0) / at_risk)
    incidence = np.cumsum(before(survival) * events / at_risk, axis=1)
    lower, upper = np.empty_like(incidence), np.empty_like(incidence)
    for k in range(n_causes):
        variance = covariance(incidence[k], survival, at_risk, events.sum(axis=0), events[k])
        lower[k], upper[k] = cloglog_band(incidence[k], variance, at_risk, level)
    return CumulativeIncidence(time, incidence, lower, upper, survival, at_risk, events, level)


def survival_at(curve: SurvivalCurve | CumulativeIncidence, days: npt.ArrayLike) -> Floats:
    """Return the probability of being still open after `days`.

    Parameters
    ----------
    curve : SurvivalCurve or CumulativeIncidence
    days : array_like of float
        In the unit of `curve.time`.

    Returns
    -------
    ndarray of float64, shape of `days`
        NaN beyond the last time, unless the curve has reached 0 there.

    Examples
    --------
    >>> survival_at(kaplan_meier([1, 2, 2], [True, True, False]), [0, 1.5, 9])
    array([1.        , 0.66666667,        nan])
    """
    return _step(curve, curve.survival, 1.0, days)


def incidence_at(curve: CumulativeIncidence, cause: int, days: npt.ArrayLike) -> Floats:
    """Return the probability of having ended by `cause` within `days`.

    Parameters
    ----------
    curve : CumulativeIncidence
    cause : int
        1 to K.
    days : array_like of float
        In the unit of `curve.time`.

    Returns
    -------
    ndarray of float64, shape of `days`
        NaN beyond the horizon, unless everybody has ended by then.

    Raises
    ------
    ConfigError
        If there is no such cause.

    Examples
    --------
    >>> incidence_at(cumulative_incidence([10, 20, 20, 30], [1, 2, 0, 0]), 1, [5, 10, 99])
    array([0.  , 0.25,  nan])
    """
    return _step(curve, curve.incidence[_row(curve, cause)], 0.0, days)


def conditional_incidence(
    curve: CumulativeIncidence, cause: int, age: npt.ArrayLike, within: npt.ArrayLike
) -> Floats:
    """Return P(ends by `cause` within `within` days | still open at `age`).

    (F(min(age + within, tau)) - F(age)) / S(age), tau being the horizon: beyond it nothing was
    ever observed, so that "ever" (``within=numpy.inf``) means "within the horizon".

    Parameters
    ----------
    curve : CumulativeIncidence
    cause : int
        1 to K.
    age, within : array_like of float
        Days, at least 0; broadcast against each other.

    Returns
    -------
    ndarray of float64
        NaN where `age` is at or beyond the horizon, or nobody was still open at that age.

    Raises
    ------
    ConfigError
        If there is no such cause.

    Examples
    --------
    >>> curve = cumulative_incidence([10, 20, 20, 30], [1, 2, 0, 1])
    >>> conditional_incidence(curve, 1, [0, 15], 20).round(3)
    array([0.25 , 0.667])
    """
    row = _row(curve, cause)
    start, length = np.broadcast_arrays(
        np.asarray(age, dtype=np.float64), np.asarray(within, dtype=np.float64)
    )
    stop = np.minimum(start + length, curve.horizon)
    # The curve is flat after its last time, so that cutting there only names what it can carry.
    gained = _step(curve, curve.incidence[row], 0.0, stop) - _step(
        curve, curve.incidence[row], 0.0, np.minimum(start, curve.horizon)
    )
    left = _step(curve, curve.survival, 1.0, np.minimum(start, curve.horizon))
    known = (start < curve.horizon) & (left > 0)
    result = np.full(start.shape, np.nan)
    np.divide(gained, left, out=result, where=known)
    return result


def median_time(curve: SurvivalCurve, name: str, *, unit_note: str = "") -> Kpi:
    """Return the time by which half have had the event, with an interval.

    inf{t: S(t) <= 1/2}; the interval holds the times at which the band of the curve contains 1/2
    (Brookmeyer and Crowley 1982, Biometrics 38).

    Parameters
    ----------
    curve : SurvivalCurve
        In days, or in the unit that `unit_note` names.
    name : str
        Of the indicator.
    unit_note : str
        Put first in the note.

    Returns
    -------
    Kpi
        NaN, with the reason in the note, where fewer than half have had the event; an upper bound
        that was not reached is infinite.

    Examples
    --------
    >>> median_time(kaplan_meier([1, 2, 3, 4], [True] * 4), "wait").value
    2.0
    """
    n = int(curve.at_risk[0])
    value = _first(curve.time, curve.survival <= 0.5 + ROUNDING)
    notes = [unit_note] if unit_note else []
    if np.isinf(value):
        notes.append(
            f"fewer than half have happened: {1 - curve.survival[-1]:.0%} after "
            f"{curve.time[-1]:.1f}, the longest follow-up"
        )
    return Kpi(
        name=name,
        value=value if np.isfinite(value) else float("nan"),
        unit="days",
        n=n,
        lower=_first(curve.time, curve.lower <= 0.5),
        upper=_first(curve.time, curve.upper <= 0.5),
        level=curve.level,
        window_days=float(curve.time[-1]),
        note="; ".join(notes),
    )


def median_cycle(
    curve: CumulativeIncidence,
    cause: int = 1,
    *,
    until: float | None = None,
    name: str = "sales_cycle",
    cohort: tuple[date, date] | None = None,
) -> Kpi:
    """Return the median time to `cause` of those who end by it within the horizon.

    inf{t: F(t) >= F(tau) / 2}. A plain median of closed deals grows with the date at which one
    looks, and a Kaplan-Meier median does not exist where fewer than half ever win.

    The interval inverts a test, as that of a median does (Brookmeyer and Crowley 1982, Biometrics
    38): a time t belongs to it unless R(t) = F(t) / F(tau) differs from 1/2 by more than its
    delta-method error on the logit scale, the covariance of F(t) and F(tau) included. Where R is 0
    or 1 that error is unknown, and the exact sign test takes its place.

    Parameters
    ----------
    curve : CumulativeIncidence
        Durations in days.
    cause : int
        1 to K, usually 1 = won.
    until : float, optional
        tau; by default the horizon. Name the same one to compare cohorts of different age.
    name : str
        Of the indicator.
    cohort : tuple of (date, date), optional
        First and last day of the records, for the indicator.

    Returns
    -------
    Kpi
        In days, tau in `window_days` and in the note; NaN where nobody ended by
        this cause.

    Raises
    ------
    ConfigError
        If there is no such cause, or `until` is beyond the horizon or not positive.

    Examples
    --------
    >>> kpi = median_cycle(cumulative_incidence([10, 20, 30, 40, 50], [1, 1, 1, 2, 0]))
    >>> kpi.value, kpi.note
    (20.0, 'median of 3 wins within 50 days')
    """
    row, tau = _row(curve, cause), _tau(curve, until)
    last = int(np.searchsorted(curve.time, tau, side="right")) - 1
    n_won = int(curve.events[row, : last + 1].sum())
    base: dict[str, Any] = {"name": name, "unit": "days", "n": int(curve.at_risk[0])}
    base |= {"level": curve.level, "window_days": tau, "cohort": cohort}
    if n_won == 0:
        return Kpi(value=float("nan"), note=f"nobody was won within {tau:.4g} days", **base)
    ratio = curve.incidence[row, : last + 1] / curve.incidence[row, last]
    accepted = _plausible(curve, row, last, n_won)
    lower = 0.0 if 0.5**n_won > (1 - curve.level) / 2 else _first(curve.time[: last + 1], accepted)
    above = ~accepted & (ratio > 0.5)
    upper = min(_first(curve.time[: last + 1], above), tau)
    value = _first(curve.time[: last + 1], ratio >= 0.5 - ROUNDING)
    wins = "1 win" if n_won == 1 else f"{n_won} wins"
    later = int(curve.events[row, last + 1 :].sum())
    note = f"median of {wins} within {tau:.4g} days"
    note += f", {later} came later" if later else ""
    return Kpi(value=value, lower=min(lower, value), upper=max(upper, value), note=note, **base)


def _checked(
    duration: npt.ArrayLike, outcome: npt.ArrayLike, n_causes: int | None
) -> tuple[Floats, Counts, int]:
    days = np.asarray(duration, dtype=np.float64)
    codes = np.asarray(outcome)
    if days.ndim != 1 or codes.shape != days.shape:
        raise InputError(
            f"durations have shape {days.shape} and outcomes {codes.shape}; "
            "give one of each a record"
        )
    if not len(days):
        raise InputError("there is no record to follow; give at least one duration")
    bad = np.flatnonzero(~(np.isfinite(days) & (days >= 0)))
    if len(bad):
        raise InputError(
            f"the duration is missing, infinite or negative in {name_rows(bad.tolist())} "
            f"(found {days[bad[0]]}); leave such records out and say how many"
        )
    cause = codes.astype(np.int64)
    top = max(int(cause.max()), 1) if n_causes is None else n_causes
    bad = np.flatnonzero((cause != codes) | (cause < 0) | (cause > top))
    if len(bad):
        raise InputError(
            f"the outcome of {name_rows(bad.tolist())} is not an integer from 0 to {top} "
            f"(found {codes[bad[0]]}); 0 is still open, 1 to {top} are the causes"
        )
    return days, cause, top


def _plausible(curve: CumulativeIncidence, row: int, last: int, n_won: int) -> Flags:
    share = curve.incidence[row]
    pieces = (share, curve.survival, curve.at_risk, curve.events.sum(axis=0), curve.events[row])
    upto = slice(last + 1)
    own, joint = covariance(*pieces)[upto], covariance(*pieces, end=last)[upto]
    return plausible_halves(share[upto], own, joint, n_won, curve.level)


def _first(time: Floats, reached: Flags) -> float:
    return float(time[np.argmax(reached)]) if reached.any() else float("inf")


def _tau(curve: CumulativeIncidence, until: float | None) -> float:
    if until is None or until == curve.horizon:
        return curve.horizon
    over = curve.survival[-1] <= ROUNDING
    if not (until > 0 and (until <= curve.horizon or over)):
        raise ConfigError(
            f"until is {until:g} days, but nobody was followed for longer than "
            f"{curve.horizon:g} days; choose a number of days above 0 and up to that"
        )
    return float(until)


def _row(curve: CumulativeIncidence, cause: int) -> int:
    if not 1 <= cause <= len(curve.incidence):
        raise ConfigError(
            f"there is no cause {cause}; the curve has causes 1 to {len(curve.incidence)}"
        )
    return cause - 1


def _step(
    curve: SurvivalCurve | CumulativeIncidence, values: Floats, start: float, days: npt.ArrayLike
) -> Floats:
    asked = np.asarray(days, dtype=np.float64)
    at = np.searchsorted(curve.time, asked, side="right")
    found = np.concatenate([[start], values])[at]
    unknown = (asked > curve.time[-1]) & (curve.survival[-1] > ROUNDING)
    result: Floats = np.where(unknown | np.isnan(asked), np.nan, found)
    return result
