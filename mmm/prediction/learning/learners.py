"""Learners: what each family makes of encoded rows; all but full boosting are sums over columns."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from mmm.prediction.learning.encoding import MISSING, Encoded, Feature
from mmm.prediction.learning.forest import Forest, read_forest

Floats = npt.NDArray[np.float64]

PENALTIES = (1.0, 0.1, 0.01)  # C of the logistic regressions
ADDITIVE_ROUNDS = (30, 60, 100, 150)
FULL_ROUNDS = (30, 60, 120)
LIMIT = 15.0  # log-odds beyond this say no more


@dataclass(frozen=True, eq=False)
class Additive:
    """A sum over columns, in log-odds.

    Attributes
    ----------
    base : float
        Intercept.
    tables : tuple of ndarray of float64, shape (n_codes,) each
        What each code of a feature adds.
    slopes : ndarray of float64, shape (n_features,)
        What one unit of the standard value of a feature adds.
    """

    base: float
    tables: tuple[Floats, ...]
    slopes: Floats

    def log_odds(self, rows: Encoded) -> Floats:
        """Return the sum for each row, shape (n,)."""
        z = np.full(len(rows), self.base)
        for j in range(len(self.tables)):
            z += self.part(rows, j)
        return z

    def part(self, rows: Encoded, j: int) -> Floats:
        """Return what feature `j` adds to each row, shape (n,)."""
        added = self.tables[j][rows.codes[:, j]]
        return added + self.slopes[j] * rows.values[:, j] if self.slopes[j] else added

    def flat(self, j: int) -> bool:
        """Tell whether the codes of feature `j` add nothing beyond missing or not."""
        return bool(np.ptp(self.tables[j][1:]) == 0.0)


def weighted(parts: Sequence[tuple[float, Additive]], base: float) -> Additive:
    """Return ``base + sum of weight x part``, which is additive again.

    Examples
    --------
    >>> one = Additive(1.0, (np.array([0.0, 2.0]),), np.array([0.5]))
    >>> two = weighted([(0.5, one), (0.5, one)], base=3.0)
    >>> two.base, two.tables[0].tolist()
    (4.0, [0.0, 2.0])
    """
    first = parts[0][1]
    tables = [np.zeros_like(table) for table in first.tables]
    slopes = np.zeros_like(first.slopes)
    for weight, part in parts:
        base += weight * part.base
        slopes = slopes + weight * part.slopes
        tables = [sum_ + weight * table for sum_, table in zip(tables, part.tables, strict=True)]
    return Additive(float(base), tuple(tables), slopes)


def nothing(features: Sequence[Feature], base: float = 0.0) -> Additive:
    """Return the model in which no column says anything."""
    tables = tuple(np.zeros(feature.n_codes) for feature in features)
    return Additive(base, tables, np.zeros(len(features)))


@dataclass(frozen=True, eq=False)
class Whole:
    """A fitted classifier that is no sum over columns.

    Attributes
    ----------
    estimator : object
        A fitted scikit-learn classifier of 0 and 1.
    reads : {"codes", "design"}
        What it was fitted on: `code_matrix` or `design_matrix`.
    design : tuple of (int, int)
        Columns of the design matrix.
    """

    estimator: Any
    reads: str
    design: tuple[tuple[int, int], ...] = ()

    def log_odds(self, features: Sequence[Feature], rows: Encoded) -> Floats:
        """Return the log-odds of each row, shape (n,)."""
        if self.reads == "codes":
            z = self.estimator.decision_function(code_matrix(features, rows))
        else:
            p = self.estimator.predict_proba(design_matrix(rows, self.design))[:, 1]
            z = logit(np.clip(p, 1e-6, 1 - 1e-6))
        return np.asarray(z, dtype=np.float64)


Fitted = Additive | Whole | Forest


@dataclass(frozen=True)
class Candidate:
    """A learner with its settings.

    Attributes
    ----------
    family : {"logistic", "bayes", "additive", "full", "own"}
    setting : float
        C of the logistic regression, or number of trees.
    """

    family: str
    setting: float = 0.0


def candidates(n_rare: int, own: Any = None) -> tuple[Candidate, ...]:
    """Return what is worth trying with so many rows of the rarer class.

    With few of them only what can be held to almost nothing: counts of a level say anything then.

    Examples
    --------
    >>> [c.family for c in candidates(8)]
    ['logistic', 'logistic', 'logistic']
    """
    if own is not None:
        return (Candidate("own"),)
    linear = tuple(Candidate("logistic", c) for c in PENALTIES)
    if n_rare < 20:
        return linear
    boosted = [Candidate("additive", n) for n in ADDITIVE_ROUNDS]
    full = (Candidate("full", n) for n in FULL_ROUNDS)
    return (*linear, Candidate("bayes"), *boosted, *full)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows to learn from.

    Attributes
    ----------
    rows : Encoded
    y : ndarray of float64, shape (n,)
        0 or 1.
    weight : ndarray of float64, shape (n,)
    """

    rows: Encoded
    y: Floats
    weight: Floats

    def take(self, rows: npt.NDArray[np.intp]) -> "Sample":
        """Return some rows."""
        return Sample(self.rows.take(rows), self.y[rows], self.weight[rows])

    @property
    def of_one_kind(self) -> bool:
        """Whether the rows that count hold one class only, or there are none."""
        known = self.y[self.weight > 0]
        return len(known) == 0 or bool(np.ptp(known) == 0)

    @property
    def rate(self) -> float:
        """Weighted share of ones, kept off 0 and 1 by half a row."""
        ones, total = float(self.weight @ self.y), float(self.weight.sum())
        return (ones + 0.5) / (total + 1.0)


def fit(
    candidate: Candidate, features: Sequence[Feature], sample: Sample, *, seed: int, own: Any = None
) -> Fitted:
    """Fit one candidate.

    Parameters
    ----------
    candidate : Candidate
    features : sequence of Feature
    sample : Sample
    seed : int
    own : scikit-learn classifier, optional
        Cloned for the family "own".

    Returns
    -------
    Additive, Forest or Whole
    """
    if sample.of_one_kind:
        return nothing(features, float(logit(sample.rate)))
    match candidate.family:
        case "logistic":
            return fit_logistic(features, sample, candidate.setting)
        case "bayes":
            return fit_bayes(features, sample)
        case "own":
            return fit_own(features, sample, own, seed)
    boosted = _boost(candidate.family, features, sample, int(candidate.setting), seed)
    if candidate.family == "additive":
        return to_tables(features, boosted)
    forest = read_forest(features, boosted, code_matrix(features, sample.rows)[:1_000])
    return Whole(boosted, "codes") if forest is None else forest


def held_out(
    tried: Sequence[Candidate],
    features: Sequence[Feature],
    sample: Sample,
    test: Encoded,
    *,
    seed: int,
    own: Any = None,
) -> Mapping[Candidate, Floats]:
    """Fit every candidate on a sample and return its log-odds on other rows.

    Numbers of trees share one fit, since boosting adds tree to tree.
    """
    found: dict[Candidate, Floats] = {}
    for family in ("additive", "full"):
        rounds = [int(c.setting) for c in tried if c.family == family]
        if rounds and not sample.of_one_kind:
            boosted = _boost(family, features, sample, max(rounds), seed)
            stages = boosted.staged_decision_function(code_matrix(features, test))
            for done, z in enumerate(stages, start=1):
                if done in rounds:
                    found[Candidate(family, done)] = np.clip(np.ravel(z), -LIMIT, LIMIT)
    for candidate in tried:
        if candidate not in found:
            fitted = fit(candidate, features, sample, seed=seed, own=own)
            found[candidate] = log_odds(fitted, features, test)
    return found


def log_odds(fitted: Fitted, features: Sequence[Feature], rows: Encoded) -> Floats:
    """Return the log-odds of each row under either kind of model, shape (n,)."""
    if isinstance(fitted, Additive):
        return np.clip(fitted.log_odds(rows), -LIMIT, LIMIT)
    return np.clip(fitted.log_odds(features, rows), -LIMIT, LIMIT)


def fit_logistic(features: Sequence[Feature], sample: Sample, penalty: float) -> Additive:
    """Fit a ridge logistic regression on standard values, missing or not, and levels.

    Parameters
    ----------
    features : sequence of Feature
    sample : Sample
    penalty : float
        scikit-learn's C.
    """
    from sklearn.linear_model import LogisticRegression

    design = design_columns(features, sample.rows)
    if not design or sample.of_one_kind:
        return nothing(features, float(logit(sample.rate)))
    model = LogisticRegression(
        C=penalty, solver="newton-cholesky" if len(design) <= 500 else "lbfgs", max_iter=200
    )
    with warnings.catch_warnings():
        # A ridge on separable rows may stop early; what it found is judged on other rows.
        warnings.simplefilter("ignore")
        model.fit(design_matrix(sample.rows, design), sample.y, sample_weight=sample.weight)
    empty = nothing(features)
    for (j, code), coefficient in zip(design, model.coef_[0], strict=True):
        if code < 0:
            empty.slopes[j] = coefficient
        else:
            empty.tables[j][code] = coefficient
    return replace(empty, base=float(model.intercept_[0]))


def fit_bayes(
    features: Sequence[Feature], sample: Sample, n_bins: int = 8, borrowed: float = 2.0
) -> Additive:
    """Fit naive Bayes on levels and at most `n_bins` bins of equal counts.

    Each cell borrows `borrowed` rows at the overall rate.
    """
    rate = sample.rate
    ones, zeros = sample.weight * sample.y, sample.weight * (1.0 - sample.y)
    tables = []
    for j, feature in enumerate(features):
        codes = sample.rows.codes[:, j]
        cell = _coarse(feature, codes, n_bins)
        n_cells = int(cell.max()) + 1
        won, lost = (
            np.bincount(cell[codes], of, n_cells) + borrowed * share
            for of, share in ((ones, rate), (zeros, 1.0 - rate))
        )
        tables.append(np.log(won / won.sum() / (lost / lost.sum()))[cell])
    return Additive(float(logit(rate)), tuple(tables), np.zeros(len(features)))


def fit_own(features: Sequence[Feature], sample: Sample, own: Any, seed: int) -> Whole:
    """Fit a clone of the user's classifier on the design matrix."""
    from sklearn.base import clone
    from sklearn.utils.validation import has_fit_parameter

    design = design_columns(features, sample.rows)
    estimator = clone(own)
    if "random_state" in estimator.get_params() and estimator.random_state is None:
        estimator.set_params(random_state=seed)
    weights = {}
    if np.ptp(sample.weight) > 0 and has_fit_parameter(estimator, "sample_weight"):
        weights["sample_weight"] = sample.weight
    estimator.fit(design_matrix(sample.rows, design), sample.y.astype(np.int64), **weights)
    return Whole(estimator, "design", design)


def to_tables(features: Sequence[Feature], boosted: Any) -> Additive:
    """Read a boosted model without interactions as one table a feature, exactly.

    Each feature runs through its codes while the others stay at one level; the differences are its
    part, since no tree looks at two features.
    """
    sizes = [feature.n_codes for feature in features]
    start = np.ones((1, len(features)))
    base = float(boosted.decision_function(start)[0])
    grid = np.ones((sum(sizes), len(features)))
    ends = np.cumsum(sizes)
    for j, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        grid[end - size : end, j] = np.arange(size)
        if features[j].numeric:
            grid[end - size, j] = np.nan
    added = boosted.decision_function(grid) - base
    tables = tuple(np.split(np.asarray(added, dtype=np.float64), ends[:-1]))
    return Additive(base, tables, np.zeros(len(features)))


def code_matrix(features: Sequence[Feature], rows: Encoded) -> Floats:
    """Return codes as floats, missing numbers as NaN, shape (n, n_features)."""
    matrix = rows.codes.astype(np.float64)
    for j, feature in enumerate(features):
        if feature.numeric:
            matrix[rows.codes[:, j] == MISSING, j] = np.nan
    return matrix


def design_columns(features: Sequence[Feature], rows: Encoded) -> tuple[tuple[int, int], ...]:
    """List what a linear model reads: (feature, -1) its value, (feature, code) an indicator."""
    design: list[tuple[int, int]] = []
    for j, feature in enumerate(features):
        present = np.flatnonzero(np.bincount(rows.codes[:, j], minlength=feature.n_codes))
        if feature.numeric:
            design.append((j, -1))
            present = present[present == MISSING]
        design.extend((j, int(code)) for code in present)
    return tuple(design)


def design_matrix(rows: Encoded, design: Sequence[tuple[int, int]]) -> Floats:
    """Return the matrix of those columns, shape (n, n_columns)."""
    matrix = np.empty((len(rows), len(design)), order="F")
    for k, (j, code) in enumerate(design):
        matrix[:, k] = rows.values[:, j] if code < 0 else rows.codes[:, j] == code
    return matrix


def _boost(
    family: str, features: Sequence[Feature], sample: Sample, n_trees: int, seed: int
) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    additive = family == "additive"
    model = HistGradientBoostingClassifier(
        learning_rate=0.1 if additive else 0.06,
        max_iter=n_trees,
        max_leaf_nodes=8 if additive else 15,
        l2_regularization=5.0,
        interaction_cst="no_interactions" if additive else None,
        categorical_features=[not feature.numeric for feature in features],
        early_stopping=False,
        random_state=seed,
    )
    matrix = code_matrix(features, sample.rows)
    return model.fit(matrix, sample.y, sample_weight=sample.weight)


def _coarse(feature: Feature, codes: npt.NDArray[np.uint8], n_bins: int) -> npt.NDArray[np.intp]:
    """Return the cell of each code: levels as they are, bins merged to equal counts."""
    cell = np.arange(feature.n_codes)
    if not feature.numeric or feature.n_codes <= n_bins + 1:
        return cell
    counts = np.bincount(codes, minlength=feature.n_codes)[1:].astype(np.float64)
    middle = np.cumsum(counts) - counts / 2
    share = middle / max(counts.sum(), 1.0)
    cell[1:] = 1 + np.minimum((share * n_bins).astype(np.intp), n_bins - 1)
    return cell
