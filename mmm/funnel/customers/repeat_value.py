"""What customers who buy when they like will still bring: BG/NBD x Gamma-Gamma, discounted."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from mmm.errors import check_level
from mmm.funnel.customers.repeat_purchase import BuyingRate, SpendRate, check_history, gradient
from mmm.funnel.intervals import two_sided_z
from mmm.funnel.kpi import Kpi

Floats = npt.NDArray[np.float64]

_WEEKS_A_MONTH = 365.25 / 7.0 / 12.0
_NEAR_ONE = 1e-8


def alive_probability(model: BuyingRate, history: pd.DataFrame) -> Floats:
    """Return the probability that each customer will ever buy again.

    Fader, Hardie and Lee 2008, brucehardie.com/notes/021. Always 1 without a repeat purchase: the
    model lets customers leave only after one.

    Parameters
    ----------
    model : BuyingRate
    history : pandas.DataFrame
        frequency, recency, age.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> model = BuyingRate(1.0, 5.0, 1.0, 3.0, 0.0, np.eye(4), 10)
    >>> history = pd.DataFrame({"frequency": [0, 3], "recency": [0, 10.0], "age": [30.0, 40.0]})
    >>> alive_probability(model, history).round(3)
    array([1.   , 0.058])
    """
    return _alive(model.logs, check_history(history))


def expected_purchases(model: BuyingRate, history: pd.DataFrame, ahead: float) -> Floats:
    """Return how often each customer is expected to buy in the next `ahead` units of time.

    Fader, Hardie and Lee 2005, eq. 10.

    Parameters
    ----------
    model : BuyingRate
    history : pandas.DataFrame
        frequency, recency, age.
    ahead : float
        In the unit of `history`.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> model = BuyingRate(1.0, 5.0, 1.0, 3.0, 0.0, np.eye(4), 10)
    >>> history = pd.DataFrame({"frequency": [0], "recency": [0.0], "age": [30.0]})
    >>> expected_purchases(model, history, 0.0)
    array([0.])
    """
    return _expected(model.logs, check_history(history), ahead)


def expected_spend(model: SpendRate, history: pd.DataFrame) -> Floats:
    """Return the mean spend of each customer, drawn to that of all by how little it bought.

    p (v + x z) / (p x + q - 1), z being its own mean (Fader and Hardie 2013).

    Parameters
    ----------
    model : SpendRate
    history : pandas.DataFrame
        frequency, mean_value.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where q is at most 1 and the customer never bought again: there is no mean then.

    Examples
    --------
    >>> history = pd.DataFrame({"frequency": [0, 4], "mean_value": [0.0, 60.0]})
    >>> expected_spend(SpendRate(2.0, 3.0, 40.0, 0.0, np.eye(3), 9), history)
    array([40., 56.])
    """
    x = history["frequency"].to_numpy(dtype=np.float64)
    return _spend(model.logs, x, history["mean_value"].to_numpy(dtype=np.float64))


def repeat_purchase_clv(
    buying: BuyingRate,
    spend: SpendRate,
    history: pd.DataFrame,
    *,
    margin: float = 1.0,
    horizon_months: int = 36,
    discount: float = 0.1,
    level: float = 0.9,
) -> Kpi:
    """Return the mean discounted margin that a customer of this history has still to bring.

    Sum over the months t to the horizon of margin x spend x purchases expected in month t,
    discounted to its end. `history` in weeks, as `purchase_history` returns it. Interval by the
    delta method on the log, from the information of both likelihoods.

    Parameters
    ----------
    buying : BuyingRate
        Fitted in weeks.
    spend : SpendRate
    history : pandas.DataFrame
        frequency, recency, age, mean_value.
    margin : float
        Contribution margin, share of the spend.
    horizon_months : int
        Months ahead that count.
    discount : float
        A year.
    level : float
        Coverage.

    Returns
    -------
    Kpi
        "clv"; past margin and the cost of acquisition are not in it.

    Raises
    ------
    InputError
        If a column is missing or impossible.

    Examples
    --------
    >>> history = pd.DataFrame({"frequency": [0, 4], "recency": [0.0, 9.0], "age": [12.0, 10.0],
    ...     "mean_value": [0.0, 60.0]})
    >>> kpi = repeat_purchase_clv(BuyingRate(1.0, 5.0, 1.0, 3.0, 0.0, np.eye(4) / 99, 10),
    ...     SpendRate(2.0, 3.0, 40.0, 0.0, np.eye(3) / 99, 9), history, horizon_months=12)
    >>> bool(kpi.lower < kpi.value < kpi.upper)
    True
    """
    z = two_sided_z(check_level(level))
    arrays = check_history(history)
    value = history["mean_value"].to_numpy(dtype=np.float64)

    def mean_clv(logs: Floats) -> float:
        a_customer = _spend(logs[4:], arrays[0], value)
        weeks = _WEEKS_A_MONTH * np.arange(1, horizon_months + 1)
        so_far = [np.zeros(len(value)), *(_expected(logs[:4], arrays, t) for t in weeks)]
        factors = (1.0 + discount) ** (-np.arange(1, horizon_months + 1) / 12.0)
        count = (np.diff(np.array(so_far), axis=0) * factors[:, None]).sum(axis=0)
        return float(margin * (count * a_customer).mean())

    base: dict[str, Any] = {"unit": "money", "n": len(value), "level": level}
    base["window_days"] = horizon_months * 365.25 / 12.0
    logs = np.concatenate([buying.logs, spend.logs])
    clv = mean_clv(logs) if len(value) else float("nan")
    if not clv > 0:
        note = "no customer" if not len(value) else "the mean spend does not exist (q <= 1)"
        return Kpi("clv", float("nan"), note=note, **base)
    slope = gradient(lambda at: float(np.log(mean_clv(at))), logs)
    parts = (slope[:4] @ buying.covariance @ slope[:4], slope[4:] @ spend.covariance @ slope[4:])
    width = z * float(np.sqrt(max(sum(parts), 0.0)))
    note = f"margin to come in {horizon_months} months, {discount:.0%} a year discounted"
    bounds = (clv * math.exp(-width), clv * math.exp(width))
    return Kpi("clv", clv, lower=bounds[0], upper=bounds[1], note=note, **base)


def _alive(logs: Floats, history: tuple[Floats, Floats, Floats]) -> Floats:
    r, alpha, a, b = np.exp(logs)
    x, last, age = history
    odds = (r + x) * np.log((alpha + age) / (alpha + last)) + np.log(a / (b + np.maximum(x, 1) - 1))
    return np.where(x > 0, special.expit(-odds), 1.0)


def _expected(logs: Floats, history: tuple[Floats, Floats, Floats], ahead: float) -> Floats:
    r, alpha, a, b = np.exp(logs)
    x, _, age = history
    # The formula is 0 / 0 at a = 1, where its limit is finite.
    a = 1.0 + _NEAR_ONE if abs(a - 1.0) < _NEAR_ONE else a
    share = ahead / (alpha + age + ahead)
    series = special.hyp2f1(r + x, b + x, a + b + x - 1.0, share)
    shrunk = 1.0 - ((alpha + age) / (alpha + age + ahead)) ** (r + x) * series
    count: Floats = (a + b + x - 1.0) / (a - 1.0) * shrunk * _alive(logs, history)
    return count


def _spend(logs: Floats, x: Floats, value: Floats) -> Floats:
    p, q, v = np.exp(logs)
    own = p * x + q - 1.0
    result = np.full(len(x), np.nan)
    np.divide(p * (v + x * value), own, out=result, where=own > 0)
    return result
