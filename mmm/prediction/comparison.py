"""Comparison of two models on the same leads, scored before their outcome was known."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import ConfigError, check_level
from mmm.prediction.metrics import checked, measure, reliability

Floats = npt.NDArray[np.float64]

TOLERANCE = 0.01  # log loss that a challenger may lose: with a rate of 20%, 2% of the base rate's
LEAST, LEAST_OF_EACH = 100, 10  # leads, and leads of each outcome, below which nothing is said


@dataclass(frozen=True, eq=False)
class Comparison:
    """How a challenger does against the champion.

    Attributes
    ----------
    n, n_won : int
        Leads whose outcome is known, and those of them that were won.
    difference, lower, upper : float
        Mean log loss of the challenger less that of the champion, lead by lead, with its interval:
        below 0 the challenger is better.
    verdict : {"better", "not worse", "worse", "unclear", "too few"}
        Better: the interval lies below 0. Not worse: it ends below the tolerance. Worse: it lies
        above 0. Too few: fewer than 100 leads, or 10 of an outcome.
    tolerance : float
    measures : pandas.DataFrame
        model, metric (promised, rate, log_loss, brier, auc, ece, lift), value, lower, upper.
    reliability : pandas.DataFrame
        model, n, promised, rate, lower, upper; bins by ascending probability.
    """

    n: int
    n_won: int
    difference: float
    lower: float
    upper: float
    verdict: str
    tolerance: float
    measures: pd.DataFrame
    reliability: pd.DataFrame

    @property
    def holds(self) -> bool:
        """Whether the challenger may take the place of the champion."""
        return self.verdict in {"better", "not worse"}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; missing as None."""
        plain = {
            name: getattr(self, name)
            for name in ("n", "n_won", "difference", "lower", "upper", "verdict", "tolerance")
        }
        plain = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in plain.items()}
        for name in ("measures", "reliability"):
            plain[name] = json.loads(getattr(self, name).to_json(orient="records"))
        return plain


def compare_models(
    won: npt.ArrayLike,
    champion: npt.ArrayLike,
    challenger: npt.ArrayLike,
    *,
    tolerance: float = TOLERANCE,
    level: float = 0.9,
) -> Comparison:
    """Compare the probabilities of two models for the same leads.

    The difference is paired: what makes a lead hard to foretell for both cancels out. Its interval
    is Student's of a mean and takes the leads as independent.

    Parameters
    ----------
    won : array_like of 0 and 1, shape (n,)
    champion, challenger : array_like, shape (n,)
        Probabilities given before the outcome was known.
    tolerance : float
        Log loss that a challenger may lose and still count as not worse.
    level : float, default 0.9
        Coverage of the intervals.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError
        If the tolerance is negative.
    InputError
        If lengths differ, or a probability is missing or outside 0 to 1.

    Examples
    --------
    >>> won = np.arange(300) % 3 == 0
    >>> found = compare_models(won, np.full(300, 0.5), np.where(won, 0.6, 0.2))
    >>> found.verdict, round(found.difference, 3)
    ('better', -0.374)
    """
    if not tolerance >= 0:
        raise ConfigError(f"tolerance is {tolerance}. Give a log loss of 0 or more.")
    y, old = checked(won, champion)
    _, new = checked(won, challenger)
    gap = _losses(y, new) - _losses(y, old)
    n, n_won = len(y), int(y.sum())
    half = np.nan
    if n > 1:
        spread = float(gap.std(ddof=1)) / np.sqrt(n)
        half = float(stats.t.ppf((1 + check_level(level)) / 2, n - 1)) * spread
    middle = float(gap.mean())
    given = {"champion": old, "challenger": new}
    measures = [_measures(name, y, p, level) for name, p in given.items()]
    bins = [reliability(y, p, level=level).assign(model=name) for name, p in given.items()]
    few = n < LEAST or min(n_won, n - n_won) < LEAST_OF_EACH
    return Comparison(
        n,
        n_won,
        middle,
        middle - half,
        middle + half,
        "too few" if few else _verdict(middle - half, middle + half, tolerance),
        tolerance,
        pd.concat(measures, ignore_index=True),
        pd.concat(bins, ignore_index=True),
    )


def _verdict(lower: float, upper: float, tolerance: float) -> str:
    if upper < 0:
        return "better"
    if upper <= tolerance:
        return "not worse"
    return "worse" if lower > 0 else "unclear"


def _losses(won: Floats, p: Floats) -> Floats:
    safe = np.clip(p, 1e-15, 1 - 1e-15)
    return -np.where(won > 0, np.log(safe), np.log1p(-safe))


def _measures(name: str, won: Floats, p: Floats, level: float) -> pd.DataFrame:
    rows = [(name, "promised", float(p.mean()), np.nan, np.nan)]
    rows += [(name, m.name, m.value, m.lower, m.upper) for m in measure(won, p, level=level)]
    return pd.DataFrame(rows, columns=["model", "metric", "value", "lower", "upper"])
