"""Metrics of probabilities, each with an interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import InputError, check_level
from mmm.prediction.handover.rates import rate_interval

Floats = npt.NDArray[np.float64]

N_BINS = 10
N_DRAWS = 2_000


@dataclass(frozen=True)
class Metric:
    """One figure with its interval.

    Attributes
    ----------
    name : {"log_loss", "brier", "auc", "ece", "lift", "rate"}
    value, lower, upper : float
        NaN where the rows cannot tell.
    """

    name: str
    value: float
    lower: float
    upper: float


def measure(
    y: npt.ArrayLike,
    probability: npt.ArrayLike,
    *,
    level: float = 0.9,
    seed: int = 0,
    design: float = 1.0,
) -> tuple[Metric, ...]:
    """Measure probabilities against outcomes.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    probability : array_like, shape (n,)
    level : float, default 0.9
        Coverage of the intervals.
    seed : int
        Of the draws behind the interval of the calibration error.
    design : float, default 1
        As `design_effect` returns it: rate and lift count so many rows as one.

    Returns
    -------
    tuple of Metric
        log_loss and brier (normal interval of a mean), auc (DeLong's variance on the logit scale),
        ece (`calibration_error`), lift of the best tenth, rate realised (Wilson).

    Raises
    ------
    InputError
        If lengths differ, or a probability is missing or outside 0 to 1.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> [(m.name, round(m.value, 3)) for m in measure([0, 1, 1, 0], [0.2, 0.7, 0.6, 0.4])][:3]
    [('log_loss', 0.4), ('brier', 0.113), ('auc', 1.0)]
    """
    won, p = checked(y, probability)
    safe = np.clip(p, 1e-15, 1 - 1e-15)
    losses = -np.where(won > 0, np.log(safe), np.log1p(-safe))
    lower, upper = rate_interval([won.sum() / design], [len(won) / design], level)
    return (
        _mean("log_loss", losses, level),
        _mean("brier", (p - won) ** 2, level),
        area(won, p, level),
        calibration_error(won, p, level=level, seed=seed),
        top_lift(won, p, level, design=design),
        Metric("rate", float(won.mean()), float(lower[0]), float(upper[0])),
    )


def design_effect(won: Floats, groups: npt.NDArray[np.int64] | None) -> float:
    """Return how many rows say of a rate what one independent row does; 1 or more.

    The variance of the rate where whole groups are drawn, over that where single rows are: several
    looks at one lead, or several leads of one account, end alike.

    References
    ----------
    Kish (1965), Survey Sampling, Wiley, section 5.4.

    Examples
    --------
    >>> twice = np.repeat([1.0, 0.0, 0.0, 1.0], 50)
    >>> round(design_effect(np.repeat(twice, 2), np.repeat(np.arange(200), 2)), 1)
    2.0
    """
    alone = len(won) * won.var() if len(won) else 0.0
    if groups is None or not alone:
        return 1.0
    label = np.unique(groups, return_inverse=True)[1]
    together = np.bincount(label, won - won.mean())
    n = len(together)
    return max(1.0, float((together**2).sum() * n / (n - 1) / alone)) if n > 1 else 1.0


def checked(y: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both as floats.

    Raises
    ------
    InputError
        As `measure`.
    """
    won, p = np.asarray(y, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if won.shape != p.shape or won.ndim != 1 or not len(won):
        raise InputError(
            f"y has shape {won.shape} and probability {p.shape}. Give one of each a lead."
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(
            f"{int((~((p >= 0) & (p <= 1))).sum())} probabilities are missing or outside 0 to 1. "
            "Score those leads again."
        )
    return won, p


def area(won: Floats, p: Floats, level: float = 0.9) -> Metric:
    """Return the area under the ROC curve: P(a won lead is ranked above a lost one).

    Examples
    --------
    >>> area(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])).value
    1.0
    """
    rank = stats.rankdata(p)
    ones = won > 0
    n1, n0 = int(ones.sum()), int((~ones).sum())
    if not n1 or not n0:
        return Metric("auc", np.nan, np.nan, np.nan)
    value = float((rank[ones].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
    if n1 < 2 or n0 < 2 or value in (0.0, 1.0):
        return Metric("auc", value, np.nan, np.nan)
    above = (rank[ones] - stats.rankdata(p[ones])) / n0
    below = 1.0 - (rank[~ones] - stats.rankdata(p[~ones])) / n1
    error = np.sqrt(above.var(ddof=1) / n1 + below.var(ddof=1) / n0)
    half = _normal(level) * error / (value * (1 - value))
    odds = np.log(value / (1 - value))
    low, high = 1 / (1 + np.exp(half - odds)), 1 / (1 + np.exp(-half - odds))
    return Metric("auc", value, float(low), float(high))


def reliability(won: Floats, p: Floats, *, level: float = 0.9, design: float = 1.0) -> pd.DataFrame:
    """Compare promised and realised rates in ten bins of equal counts.

    Equal probabilities stay in one bin, so that the order of rows does not matter.

    Returns
    -------
    pandas.DataFrame
        n, promised (mean probability), rate, lower, upper; bins by ascending probability.

    Examples
    --------
    >>> reliability(np.array([0.0, 1.0]), np.array([0.3, 0.3]))[["n", "promised", "rate"]].values
    array([[2. , 0.3, 0.5]])
    """
    bin_ = bins_of(p)
    n = np.bincount(bin_)
    wins = np.bincount(bin_, won)
    lower, upper = rate_interval(wins / design, n / design, level)
    columns = {"n": n, "promised": np.bincount(bin_, p) / n, "rate": wins / n}
    return pd.DataFrame({**columns, "lower": lower, "upper": upper})


def bins_of(p: Floats) -> npt.NDArray[np.intp]:
    """Return the bin of each probability, from 0 without gaps; about `N_BINS` of equal counts."""
    rank = stats.rankdata(p, method="min") - 1
    first = np.minimum((rank * N_BINS / len(p)).astype(np.intp), N_BINS - 1)
    return np.unique(first, return_inverse=True)[1]


def calibration_error(won: Floats, p: Floats, *, level: float = 0.9, seed: int = 0) -> Metric:
    """Return the expected calibration error: the mean gap between promised and realised rates.

    The gap of each bin of `reliability`, weighted by its rows. Chance alone makes it positive; the
    interval is drawn around the gaps found: its lower end less what chance adds to no gap at all,
    its upper end centred on the value.
    """
    bin_ = bins_of(p)
    n = np.bincount(bin_)
    gap = (np.bincount(bin_, won) - np.bincount(bin_, p)) / n
    rate = np.bincount(bin_, won) / n
    # A bin without wins, or of wins alone, still has an error: that of half a row more.
    rate = np.clip(rate, 0.5 / (n + 1), 1 - 0.5 / (n + 1))
    error = np.sqrt(rate * (1 - rate) / n)
    share = n / n.sum()
    value = float(share @ np.abs(gap))
    noise = error * np.random.default_rng(seed).standard_normal((N_DRAWS, len(n)))
    chance = float((np.abs(noise) @ share).mean())
    drawn = np.abs(gap + noise) @ share
    low, high = np.quantile(drawn, [(1 - check_level(level)) / 2, (1 + level) / 2])
    lower = float(np.clip(low - chance, 0.0, value))
    return Metric("ece", value, lower, float(max(high - drawn.mean() + value, value)))


def top_lift(
    won: Floats, p: Floats, level: float = 0.9, share: float = 0.1, design: float = 1.0
) -> Metric:
    """Return the rate of the best tenth over the rate of all; ties at its edge count in part."""
    rate = won.mean()
    size = share * len(p)
    if rate == 0 or size < 1:
        return Metric("lift", np.nan, np.nan, np.nan)
    edge = np.sort(p)[::-1][int(np.ceil(size)) - 1]
    above, at = p > edge, p == edge
    wins = won[above].sum() + won[at].mean() * (size - above.sum())
    lower, upper = rate_interval([wins / design], [size / design], level)
    return Metric("lift", float(wins / size / rate), float(lower[0] / rate), float(upper[0] / rate))


def gains(won: Floats, p: Floats) -> pd.DataFrame:
    """Return the share of wins among the best leads, by share of leads called.

    Returns
    -------
    pandas.DataFrame
        called, won (0-1), lift; one row a distinct probability, from the best.
    """
    order = np.argsort(-p, kind="stable")
    last = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    called = (last + 1) / len(p)
    reached = np.cumsum(won[order])[last] / max(won.sum(), 1.0)
    return pd.DataFrame({"called": called, "won": reached, "lift": reached / called})


def _mean(name: str, values: Floats, level: float) -> Metric:
    value = float(values.mean())
    half = _normal(level) * float(values.std()) / np.sqrt(len(values))
    return Metric(name, value, max(value - half, 0.0), value + half)


def _normal(level: float) -> float:
    return float(stats.norm.ppf((1 + check_level(level)) / 2))
