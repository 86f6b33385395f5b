"""Carry-over from the CRM: how long deals take after a touch or a lead, as a prior of adstock."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from mmm.errors import ConfigError, InputError
from mmm.mix.families import (
    Adstock,
    DelayedAdstock,
    PeakedAdstock,
    WeibullAdstock,
    link_all,
)
from mmm.mix.transforms import Floats

_NEVER_LESS = 4  # periods of carry-over
_KEPT = 0.99  # of the deals that are in by the longest lag
_LONGEST = 52
_FEWEST = 5  # closed deals

# Medians of the two parameters and their spreads on the scale of the link, to a spec.
_FAMILIES: dict[str, Callable[[Any, Any, int], Adstock]] = {
    "delayed": lambda m, s, lag: DelayedAdstock(m[0], s[0], m[1], s[1], lag),
    "weibull": lambda m, s, lag: WeibullAdstock("pdf", m[0], s[0], m[1], s[1], lag),
    "peaked": lambda m, s, lag: PeakedAdstock(m[0], s[0], m[1], s[1], lag),
}
_WIDE = {"delayed": (0.6, 2.0), "weibull": (1.5, 3.0), "peaked": (0.6, 1.0)}
_DOUBT_OF_LOGIT = 2.0  # a logit moves about twice as far as a logarithm for as much doubt


def adstock_from_delays(
    delays: npt.ArrayLike,
    closed: npt.ArrayLike | None = None,
    *,
    family: str = "delayed",
    max_lag: int | None = None,
    doubt: float = 0.4,
) -> Adstock:
    """Return an adstock whose prior is centred on the delays of deals.

    What is spent in a period works when the deals that it brings come in. Records that are still
    open count as long as they were seen to be open, no longer; without them the deals that close
    fast would pass for all.

    Parameters
    ----------
    delays : array-like, shape (n,)
        From a touch or a lead to its deal, in periods (weeks of a weekly table), 0 or more; of
        what is still open, how long it has been. Leads that were lost are left out: the delay is
        that of those who buy. Whole numbers are taken as differences of periods, others as time
        from some moment of the first period.
    closed : array-like of bool, shape (n,), optional
        False where it is still open; all closed by default.
    family : {"delayed", "weibull", "peaked"}
        "delayed" has a peak after a number of periods, "weibull" the shape of a Weibull density,
        "peaked" the default family of the model.
    max_lag : int, optional
        Periods after which nothing is left; by default those by which 99% of the deals that were
        seen are in, 4 to 52.
    doubt : float
        Standard deviation of the logarithm of the lag by which the carry-over of spend may differ
        from the delay of deals, added to the error of the few that were seen: an advertisement is
        no touch, and a touch is not the first.

    Returns
    -------
    DelayedAdstock, WeibullAdstock or PeakedAdstock

    Raises
    ------
    InputError
        If delays are missing or negative, or fewer than 5 are closed.
    ConfigError
        If an option is unknown.

    References
    ----------
    Kaplan and Meier 1958, Nonparametric estimation from incomplete observations, JASA 53(282),
    457-481.

    Examples
    --------
    >>> weeks = np.random.default_rng(0).normal(12, 2, 300)
    >>> adstock = adstock_from_delays(weeks)
    >>> round(adstock.delay)
    12
    """
    time = np.asarray(delays, dtype=np.float64).ravel()
    done = np.ones(len(time), dtype=bool) if closed is None else np.asarray(closed, bool).ravel()
    if time.shape != done.shape or not (np.isfinite(time).all() and (time >= 0).all()):
        raise InputError(
            f"There are {len(time)} delays, {int((~(time >= 0)).sum())} of them missing or below "
            f"0, and {len(done)} marks of what closed; pass periods of 0 or more, one mark each."
        )
    if done.sum() < _FEWEST:
        raise InputError(
            f"{int(done.sum())} delays are closed; pass at least {_FEWEST}, or state the lag as "
            "DelayedAdstock(delay=...)."
        )
    reach = int(np.ceil(time[done].max())) + 1
    share = _shares(survival_by_period(time, done, reach))
    whole = bool((time[done] == np.floor(time[done])).all())
    share = share if whole else _over_the_period(share)
    return _adstock(share, int(done.sum()), family, max_lag, doubt)


def survival_by_period(time: Floats, closed: npt.NDArray[np.bool_], n_periods: int) -> Floats:
    """Return the part that is still open after 0, 1, ... periods (Kaplan-Meier).

    Parameters
    ----------
    time : ndarray, shape (n,)
    closed : ndarray of bool, shape (n,)
    n_periods : int

    Returns
    -------
    ndarray, shape (n_periods + 1,)

    Examples
    --------
    >>> closed = np.array([True, False, True, True])
    >>> survival_by_period(np.array([0.5, 0.7, 1.2, 1.8]), closed, 2).tolist()
    [1.0, 0.75, 0.0]
    """
    at, events = np.unique(time[closed], return_counts=True)
    at_risk = (time[:, None] >= at).sum(axis=0)
    left = np.cumprod(1.0 - events / at_risk)
    before = np.searchsorted(at, np.arange(n_periods + 1), side="left")
    return np.concatenate([[1.0], left])[before]


def adstock_from_survival(
    survival: npt.ArrayLike,
    n_closed: int,
    *,
    family: str = "delayed",
    max_lag: int | None = None,
    doubt: float = 0.4,
) -> Adstock:
    """Return an adstock whose prior is centred on a curve of what is still open.

    Parameters
    ----------
    survival : array-like, shape (n_periods + 1,)
        Part of the deals to come that is still open after 0, 1, ... periods; never rising. Of an
        incidence F of won, where losses compete: 1 - F / F(end).
    n_closed : int
        Deals that the curve rests on.
    family, max_lag, doubt
        As for `adstock_from_delays`.

    Raises
    ------
    InputError
        If the curve rises, or never falls.
    ConfigError
        If an option is unknown.

    Examples
    --------
    >>> curve = [1.0, 1.0, 0.9, 0.5, 0.1, 0.0]
    >>> round(adstock_from_survival(curve, 40).delay, 1)
    3.0
    """
    return _adstock(_over_the_period(_shares(survival)), n_closed, family, max_lag, doubt)


def _shares(survival: npt.ArrayLike) -> Floats:
    """Return the share of deals that come between 0 and 1, 1 and 2, ... periods."""
    curve = np.asarray(survival, dtype=np.float64).ravel()
    fall = -np.diff(curve)
    if not (len(curve) > 1 and np.isfinite(curve).all() and (fall > -1e-12).all() and fall.sum()):
        raise InputError("The curve of what is open rises, or never falls; pass it by period.")
    return np.asarray(np.maximum(fall, 0.0) / fall.sum())


def _over_the_period(share: Floats) -> Floats:
    """Return shares by lag where spend falls anywhere in its period: half of them one later."""
    return np.asarray(0.5 * (np.append(share, 0.0) + np.append(0.0, share)))


def _adstock(
    share: Floats, n_closed: int, family: str, max_lag: int | None, doubt: float
) -> Adstock:
    if family not in _FAMILIES:
        raise ConfigError(f"family is {family!r}; pass one of {', '.join(_FAMILIES)}.")
    if not doubt > 0:
        raise ConfigError(f"doubt is {doubt}; pass a number above 0.")
    inside = int(np.searchsorted(np.cumsum(share), _KEPT))
    lag = int(np.clip(inside, _NEVER_LESS, _LONGEST)) if max_lag is None else max_lag
    share = np.append(share, np.zeros(max(lag + 1 - len(share), 0)))[: lag + 1]
    if not share.sum() > 0:
        raise ConfigError(f"max_lag is {lag}, and no deal came so soon; pass more periods.")
    return _fit(share / share.sum(), n_closed, family, lag, doubt)


def _fit(share: Floats, n_closed: int, family: str, max_lag: int, doubt: float) -> Adstock:
    """Fit the weights of a family to the shares of deals by lag, (max_lag + 1,)."""
    start = _FAMILIES[family](_WIDE[family], (1.0, 1.0), max_lag)

    def loss(z: Floats) -> float:
        weights, _ = start.weights(link_all(start.parameters, z)[0], len(share))
        # A faint prior keeps the curve finite where all deals came in one period.
        return float(-(share @ np.log(np.maximum(weights, 1e-12))) + 5e-4 * (z @ z))

    with np.errstate(all="ignore"):
        found = [
            scipy.optimize.minimize(loss, z, method="Nelder-Mead", options={"maxiter": 800})
            for z in ((0.0, 0.0), (2.0, 2.0), (3.0, 0.5), (-1.0, 2.0))
        ]
    best = np.asarray(min(found, key=lambda one: float(one.fun)).x)
    medians = link_all(start.parameters, best)[0]
    error = np.sqrt(np.diag(np.linalg.inv(_curvature(loss, best) * n_closed)))
    doubts = [doubt * (_DOUBT_OF_LOGIT if p.link == "logit" else 1.0) for p in start.parameters]
    spread = np.hypot(np.minimum(error, 1.0), doubts)
    return _FAMILIES[family](
        [float(m) for m in medians], [float(round(s, 4)) for s in spread], max_lag
    )


def _curvature(loss: Callable[[Floats], float], at: Floats, width: float = 1e-2) -> Floats:
    """Return the second derivatives of a loss, kept above 0, shape (2, 2)."""
    step = width * np.eye(len(at))
    second = [
        [loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b) for b in step]
        for a in step
    ]
    values, vectors = np.linalg.eigh(np.array(second) / (4.0 * width**2))
    return np.asarray((vectors * np.maximum(values, 1e-3)) @ vectors.T)
