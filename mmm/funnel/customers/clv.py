"""Lifetime value under contract: shifted beta-geometric renewals or Kaplan-Meier retention."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from mmm.errors import ConfigError, InputError, check_level, name_rows
from mmm.funnel.durations.survival import SurvivalCurve, survival_at
from mmm.funnel.intervals import two_sided_z
from mmm.funnel.kpi import Kpi
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.outcomes import customer_of, of_kind

Floats = npt.NDArray[np.float64]

# Churn of one common probability is the limit of alpha + beta -> infinity: this is it in practice.
_LARGEST_SUM = 1e6
_STEP = 1e-4
_LEAST_CURVATURE = 1e-4
_DAYS_A_MONTH = 365.25 / 12.0


@dataclass(frozen=True)
class RenewalModel:
    """Shifted beta-geometric: at each renewal a customer leaves with a probability of its own.

    Attributes
    ----------
    alpha, beta : float
        Beta distribution of that probability; its mean is alpha / (alpha + beta).
    log_likelihood : float
        At the optimum.
    covariance : ndarray of float64, shape (2, 2)
        Of logit(mean) and log(alpha + beta), from the observed information.
    n : int
        Customers who had at least one renewal decided.
    n_churned : int
        Of them, those who left.
    longest : int
        Most renewals decided of one customer; later ones are extrapolated.
    """

    alpha: float
    beta: float
    log_likelihood: float
    covariance: Floats
    n: int
    n_churned: int
    longest: int = 1


def renewal_history(
    deals: pd.DataFrame, *, as_of: object = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Count the renewals of each customer, up to the one that was lost.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at, kind ("renewal"); account_id or person_id.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.

    Returns
    -------
    periods : ndarray of int64, shape (n,)
        Renewals decided; the last of them was lost where `churned`.
    churned : ndarray of bool, shape (n,)
        False where all were won: the customer is still there.

    Raises
    ------
    InputError
        If a column is missing or there is no decided renewal.

    Examples
    --------
    >>> closed = pd.to_datetime(["2024-01-01", "2025-01-01", "2025-02-01"], utc=True)
    >>> deals = pd.DataFrame({"account_id": ["A", "A", "B"], "won": [True, False, True],
    ...     "closed_at": closed, "kind": "renewal"})
    >>> [column.tolist() for column in renewal_history(deals)]
    [[2, 1], [True, False]]
    """
    need(deals, ("won", "closed_at", "kind"), "deals", "Map the kind of deal with columns=.")
    look = last_look(as_of, deals)
    decided = deals["won"].notna() & deals["closed_at"].le(look)
    rows = deals[decided.to_numpy(dtype=bool) & of_kind(deals, ("renewal",))]
    if not len(rows):
        raise InputError(
            "no deal of kind 'renewal' was decided, so nothing tells who stays. "
            "Map the kind of deal when reading, or use the model for repeat purchase."
        )
    rows = rows.sort_values("closed_at", kind="stable")
    lost = (~rows["won"].astype("boolean")).groupby(customer_of(rows), sort=False)
    # What comes after the first lost renewal is another contract.
    periods = [int(np.argmax(x) + 1) if x.any() else len(x) for x in map(_flags, lost)]
    churned = [bool(_flags(x).any()) for x in lost]
    return np.array(periods, dtype=np.int64), np.array(churned, dtype=np.bool_)


def fit_renewals(periods: npt.ArrayLike, churned: npt.ArrayLike) -> RenewalModel:
    """Fit the shifted beta-geometric by maximum likelihood.

    Fader and Hardie 2007, "How to project customer retention", J. Interactive Marketing 21(1),
    76-90: P(leaves at t) = B(alpha + 1, beta + t - 1) / B(alpha, beta), S(t) = B(alpha, beta + t) /
    B(alpha, beta).

    Parameters
    ----------
    periods : array_like of int, shape (n,)
        Renewals decided, at least 0; those with 0 say nothing.
    churned : array_like of bool, shape (n,)
        Whether the last of them was lost.

    Returns
    -------
    RenewalModel

    Raises
    ------
    InputError
        If lengths differ, a period is impossible, nobody has left, or nobody stayed.

    Examples
    --------
    >>> model = fit_renewals([1] * 131 + [2] * 126 + [3] * 90 + [3] * 653,
    ...     [True] * 347 + [False] * 653)
    >>> round(float(retained(model, 1)), 2)
    0.86
    """
    t, gone = _checked(periods, churned)
    many = np.bincount(t[gone], minlength=int(t.max()) + 1).astype(np.float64)
    stay = np.bincount(t[~gone], minlength=len(many)).astype(np.float64)
    at = np.arange(len(many), dtype=np.float64)

    def minus(x: Floats) -> float:
        alpha, beta = _shape(x)
        whole = special.betaln(alpha, beta)
        left = special.betaln(alpha + 1.0, beta + at[1:] - 1.0) - whole
        kept = special.betaln(alpha, beta + at) - whole
        return -float(many[1:] @ left + stay @ kept)

    mean = gone.sum() / t.sum()
    start = np.array([math.log(mean / (1.0 - mean)), math.log(4.0)])
    bounds = [(-15.0, 15.0), (-6.0, math.log(_LARGEST_SUM))]
    rough = optimize.minimize(minus, start, method="L-BFGS-B", bounds=bounds).x
    polish: Any = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    found = optimize.minimize(minus, rough, method="Nelder-Mead", bounds=bounds, options=polish)
    alpha, beta = _shape(found.x)
    covariance = _covariance(minus, found.x)
    return RenewalModel(
        alpha, beta, -float(found.fun), covariance, len(t), int(gone.sum()), int(t.max())
    )


def retained(model: RenewalModel, periods: npt.ArrayLike) -> Floats:
    """Return the share of customers still there after so many renewals.

    Parameters
    ----------
    model : RenewalModel
    periods : array_like of float
        At least 0.

    Examples
    --------
    >>> model = RenewalModel(1.0, 3.0, 0.0, np.eye(2), 10, 4)
    >>> retained(model, [0, 1, 2])
    array([1.  , 0.75, 0.6 ])
    """
    t = np.asarray(periods, dtype=np.float64)
    return _retained(model.alpha, model.beta, t)


def contractual_clv(
    model: RenewalModel,
    margin: float,
    *,
    period_months: int = 12,
    horizon_months: int = 36,
    discount: float = 0.1,
    level: float = 0.9,
) -> Kpi:
    """Return the lifetime value of a new customer: sum of margin x S(t) / (1 + d)^t.

    The margin of a period is due at its start, so that the first one is certain. Interval by the
    delta method on the logit of what is kept of all that could be kept, from the information of
    the likelihood.

    Parameters
    ----------
    model : RenewalModel
    margin : float
        Contribution margin of one contract period, money.
    period_months : int
        Length of a contract.
    horizon_months : int
        Contracts that start before it count.
    discount : float
        A year.
    level : float
        Coverage.

    Returns
    -------
    Kpi
        "clv"; the cost of acquisition is not taken off.

    Raises
    ------
    ConfigError
        If a length is not positive or the discount not above -1.

    Examples
    --------
    >>> model = RenewalModel(1.0, 3.0, 0.0, np.eye(2) / 50, 40, 12)
    >>> round(contractual_clv(model, 1000.0, discount=0.0).value)
    2350
    """
    starts, weights = _payments(period_months, horizon_months, discount)
    x = np.array([math.log(model.alpha / model.beta), math.log(model.alpha + model.beta)])

    def kept(at: Floats) -> float:
        return float(weights[1:] @ _retained(*_shape(at), np.arange(1.0, len(starts))))

    most = float(weights[1:].sum())
    lower = upper = share = kept(x)
    if most > 0 and 0.0 < share < most:
        slope = np.array([(kept(x + s) - kept(x - s)) / (2 * _STEP) for s in np.eye(2) * _STEP])
        error = math.sqrt(max(float(slope @ model.covariance @ slope), 0.0))
        width = two_sided_z(check_level(level)) * error * most / (share * (most - share))
        odds = share / (most - share)
        low, high = odds * math.exp(-width), odds * math.exp(width)
        lower, upper = most * low / (1.0 + low), most * high / (1.0 + high)
    note = f"{horizon_months} months, {discount:.0%} a year discounted; {model.n_churned} left"
    if len(starts) - 1 > model.longest:
        note += f"; renewals after number {model.longest} are extrapolated"
    return _clv(margin, (share, lower, upper), model.n, horizon_months, level, note)


def retention_clv(
    curve: SurvivalCurve,
    margin: float,
    *,
    period_months: int = 12,
    horizon_months: int = 36,
    discount: float = 0.1,
) -> Kpi:
    """Return the lifetime value of a new customer from a Kaplan-Meier curve of retention.

    As `contractual_clv`, without a model: it cannot look beyond the follow-up. Variance of the sum
    by Greenwood's formula for a weighted sum of survival probabilities.

    Parameters
    ----------
    curve : SurvivalCurve
        Days from first win to leaving, customers still there censored.
    margin : float
        Contribution margin of one contract period, money.
    period_months, horizon_months, discount
        As in `contractual_clv`.

    Returns
    -------
    Kpi
        NaN where the last payment lies beyond the follow-up. `level` is that of the curve.

    Raises
    ------
    ConfigError
        If a length is not positive or the discount not above -1.

    Examples
    --------
    >>> from mmm.funnel.durations.survival import kaplan_meier
    >>> curve = kaplan_meier([300.0, 400.0, 800.0, 900.0], [True, False, False, False])
    >>> retention_clv(curve, 1000.0, discount=0.0).value
    2500.0
    """
    starts, weights = _payments(period_months, horizon_months, discount)
    days = starts[1:] * _DAYS_A_MONTH
    alive = survival_at(curve, days)
    n = int(curve.at_risk[0])
    nothing = (math.nan, math.nan, math.nan)
    if np.isnan(alive).any():
        note = (
            f"customers were followed for {curve.time[-1] / _DAYS_A_MONTH:.0f} months: take a "
            "shorter horizon, or fit_renewals"
        )
        return _clv(margin, nothing, n, horizon_months, curve.level, note)
    share, most = float(weights[1:] @ alive), float(weights[1:].sum())
    after = np.array([weights[1:][days >= t] @ alive[days >= t] for t in curve.time])
    leaving = curve.at_risk * (curve.at_risk - curve.events)
    steps = np.divide(curve.events, leaving, out=np.zeros(len(after)), where=leaving > 0)
    error = math.sqrt(float(after**2 @ steps))
    z = two_sided_z(curve.level)
    bounds = (max(share - z * error, 0.0), min(share + z * error, most))
    note = f"{horizon_months} months, {discount:.0%} a year discounted; observed retention"
    if error == 0.0 and most > 0:
        note += "; nobody has left yet, so there is no interval"
        bounds = (math.nan, math.nan)
    return _clv(margin, (share, *bounds), n, horizon_months, curve.level, note)


def _clv(
    margin: float, kept: tuple[float, float, float], n: int, months: int, level: float, note: str
) -> Kpi:
    """First payment and what is kept after it, times the margin; bounds in order for a loss."""
    value, low, high = (margin * (1.0 + part) for part in kept)
    low, high = (high, low) if high < low else (low, high)
    window = months * _DAYS_A_MONTH
    return Kpi("clv", value, "money", n, low, high, level, window_days=window, note=note)


def _payments(period: int, horizon: int, discount: float) -> tuple[Floats, Floats]:
    """Months at which a contract starts, and the discount factor of each."""
    if not (period > 0 and horizon > 0):
        raise ConfigError(
            f"period_months is {period!r} and horizon_months {horizon!r}. Pass positive months."
        )
    if not discount > -1:
        raise ConfigError(f"discount is {discount!r}. Pass a rate a year, such as 0.1.")
    starts = np.arange(0.0, horizon, period)
    return starts, (1.0 + discount) ** (-starts / 12.0)


def _flags(lost: Any) -> npt.NDArray[np.bool_]:
    """Lost renewals of one customer, from a group of a frame or its values."""
    values = lost[1] if isinstance(lost, tuple) else lost
    return np.asarray(values, dtype=np.bool_)


def _checked(
    periods: npt.ArrayLike, churned: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    t, gone = np.asarray(periods), np.asarray(churned, dtype=np.bool_)
    if t.ndim != 1 or t.shape != gone.shape:
        raise InputError(
            f"periods have shape {t.shape} and churned {gone.shape}; give one of each a customer"
        )
    bad = np.flatnonzero(~((t >= 0) & (t == np.floor(t))) | (gone & (t < 1)))
    if len(bad):
        raise InputError(
            f"periods are {t[bad[0]]} in {name_rows(bad.tolist())}; "
            "count whole renewals, the lost one included"
        )
    t, gone = t[t > 0].astype(np.int64), gone[t > 0]
    if not gone.any() or t.sum() == gone.sum():
        found = "none" if not gone.any() else "all"
        raise InputError(
            f"{found} of {len(t)} customers left at the first renewal that was theirs to decide: "
            "how many stay cannot be told. Wait for more renewals, or use retention_clv."
        )
    return t, gone


def _shape(x: Floats) -> tuple[float, float]:
    mean, size = float(special.expit(x[0])), math.exp(float(x[1]))
    return mean * size, (1.0 - mean) * size


def _retained(alpha: float, beta: float, t: Floats) -> Floats:
    result: Floats = np.exp(special.betaln(alpha, beta + t) - special.betaln(alpha, beta))
    return result


def _covariance(minus: Any, x: Floats) -> Floats:
    """Inverse of the observed information; at the edge of one common churn, of the mean alone."""
    steps = np.eye(2) * _STEP
    hessian = np.array(
        [
            [
                (minus(x + s + u) - minus(x + s - u) - minus(x - s + u) + minus(x - s - u))
                / (4 * _STEP**2)
                for u in steps
            ]
            for s in steps
        ]
    )
    size, axes = np.linalg.eigh(hessian)
    if x[1] < math.log(_LARGEST_SUM) - 2.0:
        # What the data do not tell stays wide open, but finite.
        inverse: Floats = (axes / np.maximum(size, _LEAST_CURVATURE)) @ axes.T
        return inverse
    covariance = np.zeros((2, 2))
    covariance[0, 0] = 1.0 / hessian[0, 0]
    return covariance
