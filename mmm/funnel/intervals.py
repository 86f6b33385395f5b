"""Intervals of a share, a count, a growth, a skewed mean, and of their products and ratios."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from mmm.errors import check_level

Interval = tuple[float, float]


def two_sided_z(level: float) -> float:
    """Return the normal quantile that leaves (1 - level) / 2 on each side.

    Examples
    --------
    >>> round(two_sided_z(0.95), 2)
    1.96
    """
    return float(stats.norm.ppf((1.0 + check_level(level)) / 2.0))


def share_interval(share: float, n: float, level: float) -> Interval:
    """Return the score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

    Parameters
    ----------
    share : float
        0-1.
    n : float
        Records behind it; an effective number, so not necessarily whole. NaN bounds where 0.
    level : float
        Coverage.

    Examples
    --------
    >>> [round(bound, 3) for bound in share_interval(0.0, 10, 0.95)]
    [0.0, 0.278]
    """
    z = two_sided_z(level)
    if not n > 0:
        return math.nan, math.nan
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def count_interval(count: float, level: float) -> Interval:
    """Return the exact interval of a Poisson mean (Garwood 1936, Biometrika 28, 437-442).

    Parameters
    ----------
    count : float
        What was counted, at least 0; an effective count need not be whole.
    level : float
        Coverage, never less than nominal.

    Examples
    --------
    >>> [round(bound, 2) for bound in count_interval(0, 0.95)]
    [0.0, 3.69]
    """
    tail = (1.0 - check_level(level)) / 2.0
    lower = float(stats.gamma.ppf(tail, count)) if count > 0 else 0.0
    return lower, float(stats.gamma.isf(tail, count + 1.0))


def count_ratio_interval(after: int, before: int, level: float) -> Interval:
    """Return the exact interval of the ratio of two Poisson means, after / before.

    Given their sum, `after` is binomial with odds equal to the ratio (Przyborowski and Wilenski
    1940, Biometrika 31, 313-323); the binomial interval is that of Clopper and Pearson.

    Parameters
    ----------
    after, before : int
        Counts over equally long times.
    level : float
        Coverage, never less than nominal.

    Returns
    -------
    tuple of float
        NaN where both are 0; the upper bound is NaN where `before` is 0 and nothing bounds it.

    Examples
    --------
    >>> [round(bound, 2) for bound in count_ratio_interval(20, 10, 0.9)]
    [1.0, 4.17]
    """
    tail = (1.0 - check_level(level)) / 2.0
    if after + before == 0:
        return math.nan, math.nan
    low = float(stats.beta.ppf(tail, after, before + 1)) if after else 0.0
    high = float(stats.beta.isf(tail, after + 1, before)) if before else 1.0
    return low / (1.0 - low), high / (1.0 - high) if high < 1.0 else math.nan


def skewed_mean_interval(values: npt.ArrayLike, level: float) -> Interval:
    """Return an interval of a mean that allows for skewness.

    Hall's monotone cubic transformation of the t statistic, which takes out the first order of the
    skewness (Hall 1992, J. R. Stat. Soc. B 54, 221-228), with t quantiles.

    Parameters
    ----------
    values : array_like of float, shape (n,)
    level : float
        Coverage.

    Returns
    -------
    tuple of float
        NaN with fewer than 2 values.

    Examples
    --------
    >>> [round(bound, 2) for bound in skewed_mean_interval([1.0, 2.0, 3.0, 10.0], 0.9)]
    [0.99, 18.33]
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    n, tail = len(x), (1.0 - check_level(level)) / 2.0
    if n < 2:
        return math.nan, math.nan
    mean, spread = float(x.mean()), float(x.std(ddof=1))
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        return mean, mean
    # Fisher's unbiased third cumulant: the plain one is far too small in a small sample.
    unbiased = n**2 / ((n - 1) * (n - 2)) if n > 2 else 0.0
    skewness = unbiased * float(((x - mean) ** 3).mean()) / spread**3
    reach = float(stats.t.isf(tail, n - 1))
    step = spread / math.sqrt(n)
    return (
        mean - step * _without_skewness(reach, skewness, n),
        mean - step * _without_skewness(-reach, skewness, n),
    )


def _without_skewness(quantile: float, skewness: float, n: int) -> float:
    """Invert T + g T^2 / (3 sqrt(n)) + g^2 T^3 / (27 n) + g / (6 sqrt(n)) = quantile."""
    if abs(skewness) < 1e-6:
        return quantile
    third = skewness / (3.0 * math.sqrt(n))
    inner = 1.0 + 3.0 * third * (quantile - skewness / (6.0 * math.sqrt(n)))
    return float((np.cbrt(inner) - 1.0) / third)


def product_interval(
    factors: Sequence[tuple[float, float, float]],
    divisors: Sequence[tuple[float, float, float]] = (),
) -> Interval:
    """Return an interval of a product or ratio of independent positive estimates.

    The method of variance estimates recovery on the logarithms: squared distances from value to
    bound add up, side by side, so that skewed intervals keep their skew (Donner and Zou 2012, Stat.
    Methods Med. Res. 21, 347-359).

    Parameters
    ----------
    factors, divisors : sequence of (value, lower, upper)
        Positive, with bounds of one common level. A bound that is missing, or 0 below, leaves the
        bound of the result that depends on it missing.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> [round(bound, 3) for bound in product_interval([(6.0, 3.0, 12.0)], [(2.0, 2.0, 2.0)])]
    [1.5, 6.0]
    """
    value = math.prod(f[0] for f in factors) / math.prod(d[0] for d in divisors)
    down = [(f[0], f[1]) for f in factors] + [(d[2], d[0]) for d in divisors]
    up = [(f[2], f[0]) for f in factors] + [(d[0], d[1]) for d in divisors]
    return value * math.exp(-_distance(down)), value * math.exp(_distance(up))


def _distance(pairs: Sequence[tuple[float, float]]) -> float:
    """Root of the sum of squared log(larger / smaller); NaN where one is not known."""
    if not all(0 < larger < math.inf and smaller > 0 for larger, smaller in pairs):
        return math.nan
    return math.sqrt(sum(math.log(larger / smaller) ** 2 for larger, smaller in pairs))
