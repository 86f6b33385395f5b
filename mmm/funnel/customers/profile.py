"""The ideal customer: what sets the leads that were won apart from those that were not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import ConfigError, InputError, check_level
from mmm.funnel.intervals import two_sided_z
from mmm.funnel.records.columns import need
from mmm.tables.schema import LEADS

Floats = npt.NDArray[np.float64]

MISSING = "(missing)"
# Numbers with more distinct values than this are cut into ranges of equal count.
_FEW_VALUES = 6
_N_RANGES = 4
# Most that an estimate is drawn to 0, in standard errors.
_FARTHEST = 0.5


def winner_profile(
    leads: pd.DataFrame,
    won: npt.ArrayLike,
    attributes: Sequence[str] | None = None,
    *,
    min_count: int = 5,
    false_discovery: float = 0.1,
    level: float = 0.9,
) -> pd.DataFrame:
    """Compare how often leads with each attribute are won with how often all are.

    Lift = win rate of the level / win rate of all. Lifts are drawn to 1 as far as their spread is
    no more than chance (normal prior on the log, variance by DerSimonian and Laird 1986, Controlled
    Clinical Trials 7, 177-188), so that the best of many is not believed at face value; the
    interval is that of the drawn lift. A level separates when Fisher's exact test against the other
    leads holds at the false discovery rate (Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57) and
    the interval leaves out 1. An association, not a cause.

    Parameters
    ----------
    leads : pandas.DataFrame
        One row a lead, with attributes known when it came in.
    won : array_like of bool, shape (n,)
        True, False, or missing where the end is not known yet; those are left out, so pass
        leads old enough for losers and winners alike.
    attributes : sequence of str, optional
        By default all columns that are not part of a leads table itself (ids, dates, stages).
    min_count : int
        Levels of fewer leads are not listed.
    false_discovery : float
        Expected share of false alarms among those that separate.
    level : float
        Coverage.

    Returns
    -------
    pandas.DataFrame
        attribute, level, n, won, rate, raw_lift, lift, lower, upper, p_value, q_value, separates;
        those that separate first, then by distance from 1.

    Raises
    ------
    InputError
        If an attribute is missing, lengths differ, or all leads ended alike.
    ConfigError
        If `false_discovery` or `level` is not between 0 and 1.

    Examples
    --------
    >>> leads = pd.DataFrame({"industry": ["food"] * 40 + ["metal"] * 40})
    >>> table = winner_profile(leads, [True] * 30 + [False] * 10 + [True] * 8 + [False] * 32)
    >>> table[["level", "n", "won", "separates"]].values.tolist()
    [['metal', 40, 8, True], ['food', 40, 30, True]]
    """
    z = two_sided_z(check_level(level))
    if not 0 < false_discovery < 1:
        raise ConfigError(f"false_discovery is {false_discovery!r}. Pass a share such as 0.1.")
    known, ended = _known(leads, won)
    if attributes is None:
        attributes = [name for name in leads.columns if name not in LEADS.names]
    need(leads, tuple(attributes), "leads", "Pass attributes= that it has.")
    rows = []
    for name in attributes:
        labels = levels(known[name])
        for label in sorted(set(labels)):
            has = (labels == label).to_numpy(dtype=bool)
            if has.sum() >= min_count and (~has).any():
                rows.append((name, label, int(has.sum()), int(ended[has].sum())))
    table = pd.DataFrame(rows, columns=["attribute", "level", "n", "won"])
    n, k = table["n"].to_numpy(np.float64), table["won"].to_numpy(np.float64)
    log_lift, error = _log_lifts(k, n, float(ended.sum()), float(len(ended)))
    centre, spread = shrink(log_lift, error)
    table["rate"] = k / n
    table["raw_lift"] = table["rate"] / ended.mean()
    table["lift"] = np.exp(centre)
    table["lower"], table["upper"] = np.exp(centre - z * spread), np.exp(centre + z * spread)
    table["p_value"] = _exact_tests(k, n, int(ended.sum()), len(ended))
    table["q_value"] = _adjusted(table["p_value"].to_numpy(np.float64))
    outside = (table["lower"] > 1) | (table["upper"] < 1)
    table["separates"] = (table["q_value"] <= false_discovery) & outside
    order = np.lexsort((-np.abs(centre), ~table["separates"].to_numpy(dtype=bool)))
    return table.iloc[order].reset_index(drop=True)


def levels(column: "pd.Series[Any]") -> "pd.Series[str]":
    """Return an attribute as levels: numbers of many values as ranges, missing as its own.

    Examples
    --------
    >>> levels(pd.Series([1, 2, 3, 4, 5, 6, 7, 80])).tolist()[::2]
    ['1 to 2', '3 to 4', '5 to 6', '7 to 80']
    >>> levels(pd.Series(["a", None])).tolist()
    ['a', '(missing)']
    """
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= _FEW_VALUES:
        return column.astype("str").where(column.notna(), MISSING)
    ranges = pd.qcut(column.astype("float64"), _N_RANGES, labels=False, duplicates="drop")
    names = pd.Series(MISSING, index=column.index, dtype="str")
    for code in ranges.dropna().unique():
        inside = column[ranges == code]
        names[ranges == code] = f"{inside.min():g} to {inside.max():g}"
    return names


def shrink(estimate: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Draw estimates to 0 as far as their spread is no more than their errors.

    Normal prior with mean 0 and the variance that DerSimonian and Laird find beyond the errors; at
    least one standard error of that variance, since finding none is no proof that there is none. No
    estimate moves by more than half its error (limited translation, Efron and Morris 1972, J. Am.
    Stat. Assoc. 67, 130-139): one strong attribute among many idle ones stays strong.

    Parameters
    ----------
    estimate, error : ndarray of float64, shape (n,)

    Returns
    -------
    mean, spread : ndarray of float64, shape (n,)
        Of the posterior; the error itself where the limit holds.

    Examples
    --------
    >>> shrink(np.array([0.1, -0.1]), np.array([1.0, 1.0]))[0].round(3)
    array([ 0.05, -0.05])
    """
    if not len(estimate):
        return estimate, error
    weight = error**-2.0
    beyond = float(weight @ estimate**2) - len(estimate)
    variance = max(beyond, float(np.sqrt(2.0 * len(estimate)))) / float(weight.sum())
    kept = variance / (variance + error**2)
    shift = (1.0 - kept) * estimate
    far = np.abs(shift) > _FARTHEST * error
    mean = estimate - np.clip(shift, -_FARTHEST * error, _FARTHEST * error)
    return mean, np.where(far, error, np.sqrt(kept) * error)


def _known(leads: pd.DataFrame, won: npt.ArrayLike) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    flags = pd.array(np.asarray(won, dtype=object), dtype="boolean")
    if len(flags) != len(leads):
        raise InputError(f"won has {len(flags)} entries for {len(leads)} leads. Pass one a lead.")
    known = ~flags.isna()
    ended = flags[known].to_numpy(dtype=np.bool_)
    if not ended.any() or ended.all():
        raise InputError(
            f"{ended.sum()} of {len(ended)} leads of known end were won: there is nothing to "
            "compare. Pass leads that were won and leads that were not."
        )
    return leads[known], ended


def _log_lifts(k: Floats, n: Floats, all_won: float, n_all: float) -> tuple[Floats, Floats]:
    """Log of rate / rate of all, half a lead added to each cell, and its error by the delta method.

    The level is part of all: with w = n / n_all, p its rate, r that of the rest and m of all, the
    slopes are 1 / p - w / m and -(1 - w) / m.
    """
    p = (k + 0.5) / (n + 1.0)
    rest = n_all - n
    r = (all_won - k + 0.5) / (rest + 1.0)
    w = n / n_all
    m = w * p + (1.0 - w) * r
    variance = (1.0 / p - w / m) ** 2 * p * (1.0 - p) / n
    variance += ((1.0 - w) / m) ** 2 * r * (1.0 - r) / rest
    return np.log(p / m), np.sqrt(variance)


def _exact_tests(k: Floats, n: Floats, all_won: int, n_all: int) -> list[float]:
    found = []
    for some, size in zip(k.astype(int), n.astype(int), strict=True):
        rest = all_won - some
        cells = np.array([[some, size - some], [rest, n_all - size - rest]])
        found.append(float(stats.fisher_exact(cells)[1]))
    return found


def _adjusted(p_value: Floats) -> Floats:
    """Benjamini-Hochberg: the smallest false discovery rate at which each would be reported."""
    result: Floats = stats.false_discovery_control(p_value) if len(p_value) else p_value
    return result
