"""Drift: features that are no longer what they were in training, and the doubt that follows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

from mmm.errors import InputError, check_level
from mmm.prediction.columns.types import Column
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]

MODERATE, STRONG = (
    0.1,
    0.25,
)  # PSI, as credit scoring reads it (Siddiqi 2006, Credit Risk Scorecards)
_BINS = 10
_LEVELS = 20
_ALPHA = 0.01  # chance of calling any feature drifted when none is
_THIN = 20  # rows of training, below which a bin of the probability has hardly been calibrated


@dataclass(frozen=True)
class FeatureBins:
    """How one feature was distributed in training.

    Attributes
    ----------
    name : str
    edges : tuple of float
        Inner edges of the bins of a number; a value belongs to the bin it is the upper edge of.
    levels : tuple of str
        Levels of a category that have a bin of their own; the others share one.
    counts : tuple of int
        Rows in each bin; the last is that of missing values.
    """

    name: str
    edges: tuple[float, ...]
    levels: tuple[str, ...]
    counts: tuple[int, ...]

    def __add__(self, other: "FeatureBins") -> "FeatureBins":
        """Add the counts of other rows in the same bins."""
        return replace(
            self, counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "FeatureBins":
        """Return the bins that `to_dict` wrote.

        Raises
        ------
        InputError
            If something is missing or of the wrong kind.
        """
        try:
            return cls(
                str(plain["name"]),
                tuple(map(float, plain["edges"])),
                tuple(map(str, plain["levels"])),
                tuple(map(int, plain["counts"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The bins of the model's features are damaged ({error!r}). Train again, or "
                "restore the model from its copy."
            ) from error


def bin_features(frame: pd.DataFrame, columns: Sequence[Column]) -> tuple[FeatureBins, ...]:
    """Count the rows of training in each bin of each feature.

    Parameters
    ----------
    frame : pandas.DataFrame
        Typed by `mmm.prediction.columns.types.clean_frame`.
    columns : sequence of Column
        Those of them to watch; dates, constants and identifiers are not.

    Returns
    -------
    tuple of FeatureBins
        Numbers in ten bins of about equal size, categories by their twenty largest levels.

    Examples
    --------
    >>> bin_features(pd.DataFrame({"a": [1.0, 2.0, np.nan]}), [Column("a", "number")])[0].counts
    (1, 1, 1)
    """
    found = []
    for column in columns:
        if column.kind in {"number", "boolean"}:
            found.append(bin_numbers(column.name, frame[column.name].to_numpy(dtype=np.float64)))
        elif column.kind == "category":
            counts = frame[column.name].astype("str").value_counts()
            top = sorted(counts.index[:_LEVELS])
            bins = FeatureBins(column.name, (), tuple(top), ())
            found.append(_counted(bins, frame[column.name]))
    return tuple(found)


def bin_numbers(name: str, values: Floats) -> FeatureBins:
    """Count numbers in ten bins of about equal size, and the missing ones.

    Examples
    --------
    >>> bin_numbers("a", np.array([1.0, 2.0, 3.0])).edges
    (1.0, 2.0)
    """
    known = values[~np.isnan(values)]
    edges: Floats = np.empty(0)
    if len(known):
        quantiles = np.linspace(0, 1, _BINS + 1)[1:-1]
        edges = np.unique(np.quantile(known, quantiles, method="inverted_cdf"))
        edges = edges[edges < known.max()]
    bins = FeatureBins(name, tuple(edges.tolist()), (), ())
    return _counted(bins, pd.Series(values))


def count_features(bins: Sequence[FeatureBins], frame: pd.DataFrame) -> tuple[FeatureBins, ...]:
    """Count the rows of a frame in each bin; counts of several frames add up.

    Parameters
    ----------
    bins : sequence of FeatureBins
        Of training.
    frame : pandas.DataFrame
        Typed by `mmm.prediction.columns.types.clean_frame`.

    Returns
    -------
    tuple of FeatureBins
        With the counts of the frame.

    Examples
    --------
    >>> bins = bin_features(pd.DataFrame({"a": [1.0, 2.0, np.nan]}), [Column("a", "number")])
    >>> now = count_features(bins, pd.DataFrame({"a": [5.0, 6.0]}))
    >>> now[0].counts, (now[0] + now[0]).counts
    ((0, 2, 0), (0, 4, 0))
    """
    return tuple(_counted(one, frame[one.name]) for one in bins)


def feature_drift(
    bins: Sequence[FeatureBins], frame: pd.DataFrame, *, level: float = 0.9
) -> pd.DataFrame:
    """Measure how far each feature has moved since training.

    The population stability index sum_b (q_b - p_b) log(q_b / p_b) of n rows against m is not 0
    without drift: it then is about (1/n + 1/m) times a chi-square with B - 1 degrees of freedom
    (Yurdakul and Naranjo 2020, J. Risk Model Validation 14(4)), with drift times a non-central
    one, which gives the interval of the index of the populations. A feature has drifted where
    chance would move any of the features as far once in a hundred times.

    Parameters
    ----------
    bins : sequence of FeatureBins
        Of training.
    frame : pandas.DataFrame
        Rows to score, typed by `mmm.prediction.columns.types.clean_frame`.
    level : float, default 0.9
        Coverage of the interval.

    Returns
    -------
    pandas.DataFrame
        feature, psi (as observed), lower, upper (of the populations), threshold (what chance
        alone reaches once in a hundred times), state ("none", "slight", "moderate", "strong"), n.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> column = [Column("a", "number")]
    >>> bins = bin_features(pd.DataFrame({"a": rng.normal(size=500)}), column)
    >>> for shift in (0.0, 1.0):
    ...     print(feature_drift(bins, pd.DataFrame({"a": rng.normal(shift, 1, 300)}))["state"][0])
    none
    strong
    """
    return counted_drift(bins, count_features(bins, frame), level=level)


def counted_drift(
    bins: Sequence[FeatureBins], now: Sequence[FeatureBins], *, level: float = 0.9
) -> pd.DataFrame:
    """Measure drift as `feature_drift`, from rows that were counted by `count_features`."""
    check_level(level)
    rows = [
        (old.name, *_index(old.counts, new.counts, level, len(bins)))
        for old, new in zip(bins, now, strict=True)
    ]
    names = ["feature", "psi", "lower", "upper", "threshold", "state", "n"]
    return pd.DataFrame(rows, columns=names)


@dataclass(frozen=True, eq=False)
class CalibrationDoubt:
    """How far drift puts the probabilities in doubt.

    Attributes
    ----------
    state : {"low", "raised", "high"}
        Low: no feature has moved notably. Raised: some have, and the probabilities hold only if
        features still mean what they meant. High: the probabilities themselves have moved, or lie
        where training had hardly a lead.
    features : tuple of str
        Features that moved moderately or strongly, the furthest first.
    mean_before, mean_now : float
        Mean probability in training and now.
    psi, lower, upper : float
        Of the distribution of the probability.
    thin : float
        Share of the leads whose probability lies in a bin with fewer than 20 leads of training.
    """

    state: str
    features: tuple[str, ...]
    mean_before: float
    mean_now: float
    psi: float
    lower: float
    upper: float
    thin: float

    def finding(self) -> Finding:
        """Return the state as a sentence, with what to do."""
        facts = {
            "n": len(self.features),
            "features": self.features[:3],
            "before": self.mean_before,
            "now": self.mean_now,
        }
        action = None if self.state == "low" else f"drift.action_{self.state}"
        return Finding(f"drift.{self.state}", self.psi, action=action, facts=facts)


def calibration_doubt(
    drift: pd.DataFrame, trained: npt.ArrayLike, probability: npt.ArrayLike, *, level: float = 0.9
) -> CalibrationDoubt:
    """Say whether drift puts the probabilities in doubt.

    Drift of features alone need not harm: a model knows them. It takes outcomes to prove a
    calibration wrong; until they come, this is a doubt, not a verdict.

    Parameters
    ----------
    drift : pandas.DataFrame
        As `feature_drift` returns it.
    trained : array_like, shape (n_train,)
        Probabilities of the leads of training, predicted out of their fold.
    probability : array_like, shape (n,)
        Probabilities just given.
    level : float, default 0.9

    Returns
    -------
    CalibrationDoubt

    Examples
    --------
    >>> drift = pd.DataFrame({"feature": ["a"], "psi": [0.01], "state": ["none"]})
    >>> same = np.linspace(0, 1, 500)
    >>> calibration_doubt(drift, same, same).state
    'low'
    """
    # Rounded, so that a value on the edge of a bin is not moved by its last digit.
    before = np.asarray(trained, dtype=np.float64).round(9)
    now = np.asarray(probability, dtype=np.float64).round(9)
    moved = drift[drift["state"].isin(["moderate", "strong"])].sort_values("psi", ascending=False)
    bins = bin_numbers("probability", before)
    change = feature_drift([bins], pd.DataFrame({"probability": now}), level=level).iloc[0]
    edges = np.linspace(0.0, 1.0, 21)
    old = np.histogram(before, edges)[0]
    new = np.histogram(now, edges)[0]
    thin = float(new[old < _THIN].sum() / max(len(now), 1)) if len(before) >= 20 * _THIN else 0.0
    usual = float(old[old < _THIN].sum() / max(len(before), 1))
    state = "low" if moved.empty else "raised"
    if change["state"] in {"moderate", "strong"} or thin > usual + 0.05:
        state = "high"
    return CalibrationDoubt(
        state,
        tuple(moved["feature"]),
        float(before.mean()),
        float(now.mean()),
        float(change["psi"]),
        float(change["lower"]),
        float(change["upper"]),
        thin,
    )


def _counted(bins: FeatureBins, values: "pd.Series[Any]") -> FeatureBins:
    if bins.levels:
        codes = pd.Index(bins.levels).get_indexer(pd.Index(values.astype("str")))
        size = len(bins.levels) + 2
        place = np.where(values.isna(), size - 1, np.where(codes < 0, size - 2, codes))
    else:
        numbers = values.to_numpy(dtype=np.float64)
        size = len(bins.edges) + 2
        place = np.searchsorted(np.array(bins.edges), numbers, side="left")
        place = np.where(np.isnan(numbers), size - 1, place)
    counts = np.bincount(place, minlength=size)
    return FeatureBins(bins.name, bins.edges, bins.levels, tuple(int(count) for count in counts))


def _index(
    before: Sequence[int], now: Sequence[int], level: float, n_features: int
) -> tuple[float, float, float, float, str, int]:
    """Return psi, its bounds, the threshold of chance, the state, and the rows now."""
    old, new = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    there = old + new > 0
    n_old, n_new, size = old.sum(), new.sum(), int(there.sum())
    if not n_new or not n_old or size < 2:
        return 0.0, 0.0, 0.0, np.nan, "none", int(n_new)
    # Half a row in each bin keeps an empty one finite.
    p = (old[there] + 0.5) / (n_old + size / 2)
    q = (new[there] + 0.5) / (n_new + size / 2)
    psi = float(((q - p) * np.log(q / p)).sum())
    scale = 1.0 / n_old + 1.0 / n_new
    threshold = scale * float(stats.chi2.isf(_ALPHA / max(n_features, 1), size - 1))
    lower, upper = (scale * bound for bound in _noncentral(psi / scale, size - 1, level))
    likely = max(0.0, psi - scale * (size - 1))
    state = "none"
    if psi > threshold:
        state = "strong" if likely >= STRONG else "moderate" if likely >= MODERATE else "slight"
    return psi, lower, upper, threshold, state, int(n_new)


def _noncentral(statistic: float, degrees: int, level: float) -> tuple[float, float]:
    """Return the interval of the non-centrality of a chi-square seen once."""
    tail = (1.0 - level) / 2.0

    def bound(target: float) -> float:
        def gap(shift: float) -> float:
            return float(stats.ncx2.cdf(statistic, degrees, shift)) - target

        if stats.chi2.cdf(statistic, degrees) <= target:
            return 0.0
        high = statistic + 10.0 * np.sqrt(statistic + degrees) + 50.0
        return float(optimize.brentq(gap, 1e-12, high, xtol=1e-6))

    if statistic > 1e4:  # the normal limit, where the exact one runs out of digits
        z = float(stats.norm.isf(tail))
        root = np.sqrt(max(statistic - degrees, 0.0))
        return float(max(root - z, 0.0) ** 2), float((root + z) ** 2)
    return bound(1.0 - tail), bound(tail)
