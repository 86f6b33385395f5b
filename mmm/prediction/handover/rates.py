"""Rates by group, with intervals."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import check_level

Floats = npt.NDArray[np.float64]


def rate_interval(
    wins: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.9
) -> tuple[Floats, Floats]:
    """Return the score interval of shares (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

    Parameters
    ----------
    wins, n : array_like
        Counts; NaN bounds where `n` is 0.
    level : float, default 0.9

    Returns
    -------
    lower, upper : ndarray of float64

    Examples
    --------
    >>> [bound.round(3).tolist() for bound in rate_interval([0, 5], [10, 10], 0.95)]
    [[0.0, 0.237], [0.278, 0.763]]
    """
    z = float(stats.norm.ppf((1.0 + check_level(level)) / 2.0))
    k, size = np.asarray(wins, dtype=np.float64), np.asarray(n, dtype=np.float64)
    size = np.where(size > 0, size, np.nan)
    share = k / size
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return np.maximum(0.0, np.minimum(share, centre - half)), np.minimum(
        1.0, np.maximum(share, centre + half)
    )


def difference_interval(
    first: tuple[float, float], second: tuple[float, float], level: float = 0.9
) -> tuple[float, float, float]:
    """Return the difference of two rates, with its interval (Newcombe 1998, Stat. Med. 17, 873).

    Parameters
    ----------
    first, second : (wins, n)
        The difference is the first rate minus the second.
    level : float, default 0.9

    Returns
    -------
    tuple of float
        Difference, lower, upper; NaN where a group is empty.

    Examples
    --------
    >>> [round(value, 3) for value in difference_interval((56, 70), (48, 80), 0.95)]
    [0.2, 0.052, 0.334]
    """
    (lower, upper), n = (
        rate_interval([first[0], second[0]], [first[1], second[1]], level),
        np.array([first[1], second[1]], dtype=np.float64),
    )
    rate = np.array([first[0], second[0]], dtype=np.float64) / np.where(n > 0, n, np.nan)
    gap = float(rate[0] - rate[1])
    down = float(np.hypot(rate[0] - lower[0], upper[1] - rate[1]))
    up = float(np.hypot(upper[0] - rate[0], rate[1] - lower[1]))
    return gap, gap - down, gap + up


def rates_by(
    frame: pd.DataFrame, by: str | Sequence[str], hit: str, level: float = 0.9
) -> pd.DataFrame:
    """Count how often a flag is true in each group.

    Parameters
    ----------
    frame : pandas.DataFrame
    by : str or sequence of str
        Columns that make the groups; a missing value is a group of its own.
    hit : str
        Column of true and false; rows where it is missing are left out.
    level : float, default 0.9

    Returns
    -------
    pandas.DataFrame
        The groups, sorted; n, n_hit, rate, lower, upper.

    Examples
    --------
    >>> frame = pd.DataFrame({"grade": ["A", "A", "B"], "won": [True, False, False]})
    >>> rates_by(frame, "grade", "won")[["grade", "n", "n_hit", "rate"]].values.tolist()
    [['A', 2, 1, 0.5], ['B', 1, 0, 0.0]]
    """
    names = [by] if isinstance(by, str) else list(by)
    known = frame.loc[frame[hit].notna(), [*names, hit]]
    known = known.assign(**{hit: known[hit].astype("float64")})
    grouped = known.groupby(names, dropna=False, observed=True, sort=True)[hit]
    table = grouped.agg(n="size", n_hit="sum").reset_index()
    table["n_hit"] = table["n_hit"].astype("int64")
    table["rate"] = table["n_hit"] / table["n"]
    table["lower"], table["upper"] = rate_interval(table["n_hit"], table["n"], level)
    return table
