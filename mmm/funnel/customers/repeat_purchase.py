"""Customers who buy when they like: how often again (BG/NBD), for how much (Gamma-Gamma)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from mmm.errors import InputError, name_rows
from mmm.funnel.records.columns import need
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.outcomes import customer_of

Floats = npt.NDArray[np.float64]

_DAYS = 86_400.0
_WEEK = 7.0 * _DAYS
# Steps of the finite differences, on the log of the parameters.
_STEP = 1e-4
_SEARCH: Any = {"maxiter": 4000, "maxfev": 8000, "xatol": 1e-8, "fatol": 1e-10}


@dataclass(frozen=True)
class BuyingRate:
    """BG/NBD: while alive a customer buys at a gamma rate, after each purchase it may leave.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchases a unit of time.
    a, b : float
        Beta distribution of the probability of leaving after a purchase.
    log_likelihood : float
        At the optimum.
    covariance : ndarray of float64, shape (4, 4)
        Of the logs of (r, alpha, a, b), from the observed information.
    n : int
        Customers.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    covariance: Floats
    n: int

    @property
    def logs(self) -> Floats:
        """Logs of (r, alpha, a, b)."""
        return np.array([math.log(x) for x in (self.r, self.alpha, self.a, self.b)])


@dataclass(frozen=True)
class SpendRate:
    """Gamma-Gamma: the mean spend of a customer varies between customers, purchases around it.

    Attributes
    ----------
    p, q, v : float
        Shape of a purchase, shape and scale of the gamma distribution of its rate.
    log_likelihood : float
        At the optimum.
    covariance : ndarray of float64, shape (3, 3)
        Of the logs of (p, q, v), from the observed information.
    n : int
        Customers with a repeat purchase.
    """

    p: float
    q: float
    v: float
    log_likelihood: float
    covariance: Floats
    n: int

    @property
    def logs(self) -> Floats:
        """Logs of (p, q, v)."""
        return np.array([math.log(x) for x in (self.p, self.q, self.v)])


def purchase_history(deals: pd.DataFrame, *, as_of: object = None) -> pd.DataFrame:
    """Summarise the won deals of each customer as the two models need them.

    Purchases of one day count as one.

    Parameters
    ----------
    deals : pandas.DataFrame
        won, closed_at, value; account_id or person_id.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the table.

    Returns
    -------
    pandas.DataFrame
        customer, frequency (repeat purchases), recency and age (weeks from the first purchase to
        the last one and to `as_of`), mean_value (of the repeat purchases; 0 without).

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> closed = pd.to_datetime(["2025-01-01", "2025-01-15", "2025-01-29"], utc=True)
    >>> deals = pd.DataFrame({"account_id": ["A", "A", "B"], "won": True, "closed_at": closed,
    ...     "value": [10.0, 20.0, 5.0]})
    >>> purchase_history(deals)[["frequency", "recency", "age", "mean_value"]].values.tolist()
    [[1.0, 2.0, 4.0, 20.0], [0.0, 0.0, 0.0, 0.0]]
    """
    need(deals, ("won", "closed_at", "value"), "deals", "Read them with mmm.read_deals.")
    look = last_look(as_of, deals)
    won = deals["won"].astype("boolean").fillna(False) & deals["closed_at"].le(look)
    rows = deals[won.to_numpy(dtype=bool)]
    day = pd.to_datetime(rows["closed_at"], utc=True).dt.normalize()
    bought = pd.DataFrame({"customer": customer_of(rows), "day": day})
    bought["value"] = rows["value"].astype("float64")
    daily = bought.groupby(["customer", "day"], as_index=False)["value"].sum(min_count=1)
    first = daily.groupby("customer")["day"].transform("min")
    again = daily[daily["day"] > first].groupby("customer")
    ends = daily.groupby("customer")["day"].agg(["min", "max"])
    mean = again["value"].mean().reindex(ends.index).fillna(0.0)
    return pd.DataFrame(
        {
            "customer": ends.index,
            "frequency": again.size().reindex(ends.index, fill_value=0).to_numpy(),
            "recency": (ends["max"] - ends["min"]).dt.total_seconds().to_numpy() / _WEEK,
            "age": (look.normalize() - ends["min"]).dt.total_seconds().to_numpy() / _WEEK,
            "mean_value": mean.to_numpy(dtype=np.float64),
        }
    )


def buying_log_likelihood(
    parameters: npt.ArrayLike, history: tuple[Floats, Floats, Floats]
) -> float:
    """Return the log-likelihood of BG/NBD.

    Fader, Hardie and Lee 2005, "Counting your customers" the easy way, Marketing Science 24(2),
    eq. 6: with A = (alpha + T)^-(r + x), L = [G(r + x) alpha^r / G(r)] [B(a, b + x) / B(a, b) A +
    (x > 0) B(a + 1, b + x - 1) / B(a, b) (alpha + t)^-(r + x)].

    Parameters
    ----------
    parameters : array_like of float, shape (4,)
        r, alpha, a, b, all positive.
    history : tuple of ndarray of float64, shape (n,)
        Repeat purchases x, time of the last one t, age T, as in `purchase_history`.

    Examples
    --------
    >>> one = (np.array([0.0]), np.array([0.0]), np.array([1.0]))
    >>> round(buying_log_likelihood([1.0, 1.0, 1.0, 1.0], one), 4)
    -0.6931
    """
    r, alpha, a, b = np.asarray(parameters, dtype=np.float64)
    x, last, age = history
    start = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    alive = special.betaln(a, b + x) - (r + x) * np.log(alpha + age)
    gone = special.betaln(a + 1.0, b + np.maximum(x, 1.0) - 1.0) - (r + x) * np.log(alpha + last)
    either = np.where(x > 0, np.logaddexp(alive, gone), alive)
    return float((start + either - special.betaln(a, b)).sum())


def spend_log_likelihood(parameters: npt.ArrayLike, purchases: tuple[Floats, Floats]) -> float:
    """Return the log-likelihood of Gamma-Gamma (Fader and Hardie 2013, brucehardie.com/notes/025).

    Parameters
    ----------
    parameters : array_like of float, shape (3,)
        p, q, v, all positive.
    purchases : tuple of ndarray of float64, shape (n,)
        Number x and mean z, both positive.

    Examples
    --------
    >>> round(spend_log_likelihood([1.0, 1.0, 1.0], (np.array([1.0]), np.array([1.0]))), 4)
    -1.3863
    """
    p, q, v = np.asarray(parameters, dtype=np.float64)
    x, z = purchases
    terms = (
        special.gammaln(p * x + q)
        - special.gammaln(p * x)
        - special.gammaln(q)
        + q * np.log(v)
        + (p * x - 1.0) * np.log(z)
        + p * x * np.log(x)
        - (p * x + q) * np.log(x * z + v)
    )
    return float(terms.sum())


def fit_buying_rate(history: pd.DataFrame) -> BuyingRate:
    """Fit BG/NBD by maximum likelihood.

    Parameters
    ----------
    history : pandas.DataFrame
        frequency, recency, age, as `purchase_history` returns them; any unit of time.

    Returns
    -------
    BuyingRate

    Raises
    ------
    InputError
        If a column is missing or impossible, nobody has bought twice, or no optimum exists.

    Examples
    --------
    >>> history = pd.DataFrame({"frequency": [0, 1, 3, 2, 0, 5] * 5,
    ...     "recency": [0, 4.0, 20, 9, 0, 33] * 5, "age": [30.0, 38, 36, 31, 28, 35] * 5})
    >>> fit_buying_rate(history).n
    30
    """
    arrays = check_history(history)
    x, _, age = arrays
    if not (x > 0).any():
        raise InputError(
            f"none of {len(x)} customers has bought a second time, so nothing tells how often "
            "they come back. Use a longer history, or the contractual model for renewals."
        )
    scale = float(age.mean())
    scaled = (x, arrays[1] / scale, age / scale)
    logs, peak = _fit(lambda at: buying_log_likelihood(np.exp(at), scaled), 4)
    logs[1] += np.log(scale)
    r, alpha, a, b = (float(value) for value in np.exp(logs))
    # In units of `scale` the density of each repeat purchase is `scale` times larger.
    peak -= float(x.sum()) * np.log(scale)
    information = _curvature(lambda at: -buying_log_likelihood(np.exp(at), arrays), logs)
    return BuyingRate(r, alpha, a, b, peak, _inverse(information), len(x))


def fit_spend_rate(history: pd.DataFrame) -> SpendRate:
    """Fit Gamma-Gamma by maximum likelihood to customers with a repeat purchase.

    Parameters
    ----------
    history : pandas.DataFrame
        frequency, mean_value, as `purchase_history` returns them.

    Returns
    -------
    SpendRate

    Raises
    ------
    InputError
        If a column is missing, fewer than 2 customers bought again, or no optimum exists.

    Examples
    --------
    >>> history = pd.DataFrame({"frequency": [1, 3, 2, 5, 1, 4], "mean_value":
    ...     [20.0, 35.0, 80.0, 31.0, 55.0, 18.0]})
    >>> fit_spend_rate(history).n
    6
    """
    need(history, ("frequency", "mean_value"), "history", "Build it with purchase_history.")
    x = history["frequency"].to_numpy(dtype=np.float64)
    z = history["mean_value"].to_numpy(dtype=np.float64)
    bad = np.flatnonzero((x > 0) & ~(z > 0))
    if len(bad):
        raise InputError(
            f"mean_value is missing or not positive in {name_rows(bad.tolist())}, with repeat "
            "purchases. Leave those customers out, or give their deals a value."
        )
    if (x > 0).sum() < 2:
        raise InputError(
            f"{(x > 0).sum()} customer has a repeat purchase; at least 2 are needed to tell how "
            "spend varies. Use a longer history."
        )
    x, z = x[x > 0], z[x > 0]
    scale = float(z.mean())
    logs, peak = _fit(lambda at: spend_log_likelihood(np.exp(at), (x, z / scale)), 3)
    logs[2] += np.log(scale)
    p, q, v = (float(value) for value in np.exp(logs))
    peak -= len(x) * float(np.log(scale))
    information = _curvature(lambda at: -spend_log_likelihood(np.exp(at), (x, z)), logs)
    return SpendRate(p, q, v, peak, _inverse(information), len(x))


def check_history(history: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return frequency, recency and age as arrays, or say which customer cannot be.

    Raises
    ------
    InputError
        If a column is missing or impossible.

    Examples
    --------
    >>> check_history(pd.DataFrame({"frequency": [1], "recency": [2.0], "age": [3.0]}))[0]
    array([1.])
    """
    need(history, ("frequency", "recency", "age"), "history", "Build it with purchase_history.")
    x, last, age = (
        history[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "age")
    )
    fine = (x >= 0) & (x == np.floor(x)) & (last >= 0) & (last <= age) & ((x > 0) | (last == 0))
    bad = np.flatnonzero(~fine)
    if len(bad):
        raise InputError(
            f"{name_rows(bad.tolist())} of the history cannot be: frequency {x[bad[0]]}, recency "
            f"{last[bad[0]]}, age {age[bad[0]]}. Whole frequency, 0 <= recency <= age, recency 0 "
            "without a repeat purchase."
        )
    return x, last, age


def _fit(log_likelihood: Callable[[Floats], float], n_parameters: int) -> tuple[Floats, float]:
    """Maximise over the logs of the parameters, from several starts, and polish."""

    def minus(at: npt.NDArray[Any]) -> float:
        return -log_likelihood(at)

    best: tuple[float, Floats] | None = None
    for start in (0.0, -1.0, 1.0):
        found: Any = optimize.minimize(
            minus, np.full(n_parameters, start), method="Nelder-Mead", options=_SEARCH
        )
        if np.isfinite(found.fun) and (best is None or found.fun < best[0]):
            best = (float(found.fun), found.x)
    if best is None:
        raise InputError(
            "the likelihood has no finite maximum on this history. "
            "Check its units, or use a longer history."
        )
    return best[1], -best[0]


def gradient(function: Callable[[Floats], float], at: Floats) -> Floats:
    """Return the slopes by central differences.

    Examples
    --------
    >>> gradient(lambda at: float(at[0] * at[1]), np.array([2.0, 3.0])).round(6)
    array([3., 2.])
    """
    steps = np.eye(len(at)) * _STEP
    return np.array([(function(at + s) - function(at - s)) / (2 * _STEP) for s in steps])


def _inverse(information: Floats) -> Floats:
    return np.linalg.pinv(information, hermitian=True).astype(np.float64)


def _curvature(function: Callable[[Floats], float], at: Floats) -> Floats:
    """Hessian by central differences."""
    steps = np.eye(len(at)) * _STEP
    rows = [
        (gradient(function, at + step) - gradient(function, at - step)) / (2 * _STEP)
        for step in steps
    ]
    hessian = np.array(rows)
    symmetric: Floats = (hessian + hessian.T) / 2.0
    return symmetric
