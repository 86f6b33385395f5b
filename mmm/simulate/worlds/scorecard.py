"""How a mix model does on many companies: every figure with its standard error."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from mmm.errors import InputError
from mmm.simulate.worlds.streams import Bools, Floats

LOSS = 0.5
_BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_PAIRED = ("regret", "gain", "share_error", "covered_live", "covered_total", "width_live")


@dataclass(frozen=True, eq=False)
class Scorecard:
    """The grades of one model.

    Attributes
    ----------
    name : str
        The model.
    grades : DataFrame
        A row a company: ``making``, ``seed``, the numbers of `grade`, ``cpu_seconds``, ``failure``
        (the error of a fit that failed, else missing). A failed fit gives no advice: it counts as
        staying in regret and gain, and in nothing else.
    """

    name: str
    grades: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the measures.

        Returns
        -------
        DataFrame
            ``measure``, ``value``, ``standard_error`` (missing for extremes and below two
            companies), ``n`` (companies, or channels for the coverage of channels).

        Notes
        -----
        The companies are the sample. Coverage of channels is a ratio of sums over companies, with
        the linearised error, since channels of one company succeed and fail together.
        """
        done = self.grades[self.grades["failure"].isna()]
        rows = [
            ("coverage_live", *_ratio(done["n_live_covered"], done["n_live"])),
            ("coverage_null", *_ratio(done["n_null_covered"], done["n_null"])),
        ]
        means = {
            "coverage_total": "covered_total",
            "width_live": "width_live",
            "width_total": "width_total",
            "total_ratio": "total_ratio",
            "share_error": "share_error",
            "null_share": "null_share",
        }
        rows += [(name, *_mean(done[column])) for name, column in means.items()]
        rows += _advice(self.grades)
        rows += [
            ("converged", *_mean(done["converged"])),
            ("failed", *_mean(self.grades["failure"].notna())),
            ("cpu_seconds_median", *_extreme(done["cpu_seconds"], "median")),
            ("cpu_seconds_worst", *_extreme(done["cpu_seconds"], "max")),
        ]
        return pd.DataFrame(rows, columns=["measure", "value", "standard_error", "n"])

    def calibration(self) -> pd.DataFrame:
        """Return what became of the plans, by the probability that they were given.

        Returns
        -------
        DataFrame
            ``low``, ``high``, ``n``, ``said`` (mean probability), ``happened`` (share of plans that
            beat today), ``standard_error`` of `happened` were `said` true. Plans that change
            nothing are left out.
        """
        told = self.grades[(self.grades["moved"] == 1) & self.grades["probability_better"].notna()]
        said = told["probability_better"].to_numpy(dtype=np.float64)
        better = told["gain"].to_numpy(dtype=np.float64) > 0
        rows = []
        for low, high in pairwise(_BINS):
            inside = (said >= low) & ((said < high) | ((high == 1) & (said <= 1)))
            n, mean = int(inside.sum()), float(said[inside].mean()) if inside.any() else np.nan
            happened = float(better[inside].mean()) if n else np.nan
            error = float(np.sqrt(mean * (1 - mean) / n)) if n else np.nan
            rows.append((low, high, n, mean, happened, error))
        names = ["low", "high", "n", "said", "happened", "standard_error"]
        return pd.DataFrame(rows, columns=names)


def compare(first: Scorecard, second: Scorecard) -> pd.DataFrame:
    """Compare two models on the companies that both were given.

    Parameters
    ----------
    first, second : Scorecard

    Returns
    -------
    DataFrame
        ``measure``; ``first``, ``second`` (means over the common companies), ``difference`` (first
        minus second) with the ``standard_error`` of the paired difference, ``n``.

    Raises
    ------
    InputError
        If they have no company in common.
    """
    keys = ["making", "seed"]
    both = _per_company(first.grades).merge(_per_company(second.grades), on=keys)
    if both.empty:
        raise InputError(
            f"{first.name} and {second.name} have no company in common; score both on the same "
            "makings and seeds"
        )
    rows = []
    for measure in _PAIRED:
        pair = both[[f"{measure}_x", f"{measure}_y"]].dropna().to_numpy(dtype=np.float64)
        difference, error, n = _mean(pd.Series(pair[:, 0] - pair[:, 1]))
        means = pair.mean(axis=0) if n else (np.nan, np.nan)
        rows.append((measure, *means, difference, error, n))
    names = ["measure", "first", "second", "difference", "standard_error", "n"]
    return pd.DataFrame(rows, columns=names)


def _per_company(grades: pd.DataFrame) -> pd.DataFrame:
    covered = grades["n_live_covered"] / grades["n_live"]
    return grades.assign(covered_live=covered)[["making", "seed", *_PAIRED]]


def _advice(grades: pd.DataFrame) -> list[tuple[str, float, float, int]]:
    told = grades["predicted_gain"].notna() & (grades["moved"] == 1)
    loses = grades["gain"] < -LOSS
    return [
        ("regret", *_mean(grades["regret"])),
        ("regret_worst", *_extreme(grades["regret"], "max")),
        ("gain", *_mean(grades["gain"])),
        ("loses", *_mean(loses)),
        ("gain_worst", *_extreme(grades["gain"], "min")),
        ("predicted_gain", *_mean(grades.loc[told, "predicted_gain"])),
        ("realised_gain", *_mean(grades.loc[told, "gain"])),
        (
            "predicted_over_realised",
            *_ratio(grades.loc[told, "predicted_gain"], grades.loc[told, "gain"]),
        ),
    ]


def _mean(values: "pd.Series[float] | pd.Series[bool]") -> tuple[float, float, int]:
    known = values.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    n = known.size
    error = float(known.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    return (float(known.mean()) if n else np.nan), error, n


def _ratio(part: "pd.Series[float]", whole: "pd.Series[float]") -> tuple[float, float, int]:
    """Return sum of `part` over sum of `whole`, its linearised error, and the sum of counts."""
    above: Floats = np.asarray(part, dtype=np.float64)
    below: Floats = np.asarray(whole, dtype=np.float64)
    used: Bools = np.isfinite(above) & np.isfinite(below) & (below != 0)
    above, below = above[used], below[used]
    n = above.size
    if n == 0 or below.sum() == 0:
        return np.nan, np.nan, 0
    ratio = float(above.sum() / below.sum())
    spread = float(((above - ratio * below) ** 2).sum())
    error = np.sqrt(n / (n - 1) * spread) / abs(float(below.sum())) if n > 1 else np.nan
    return ratio, float(error), n


def _extreme(values: "pd.Series[float]", which: str) -> tuple[float, float, int]:
    known = values.dropna()
    return (float(known.agg(which)) if len(known) else np.nan), np.nan, len(known)
