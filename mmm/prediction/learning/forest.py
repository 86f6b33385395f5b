"""Forests as tables: a boosted model in plain arrays, which score faster and store safely."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.prediction.learning.encoding import Encoded, Feature

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_LEAVES = 16
N_CODES = 256
EXACT = 1e-6  # largest difference from the trees themselves that is taken for rounding


def _lowest_bits() -> npt.NDArray[np.uint8]:
    bits = np.arange(1 << MOST_LEAVES, dtype=np.int64)
    lowest = bits & -bits
    place: npt.NDArray[np.uint8] = np.log2(np.maximum(lowest, 1)).astype(np.uint8)
    return place


_LOWEST = _lowest_bits()


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees of at most 16 leaves, by which leaves each code of each feature leaves possible.

    Leaves are counted from the left. A node that sends a code to the right rules out the leaves on
    its left; what all features of a tree leave possible begins with the leaf that is reached
    (QuickScorer: Lucchese et al. 2015, SIGIR, 73-82). Nodes of one feature in a tree share a table.

    Attributes
    ----------
    base : float
        Log-odds before any tree.
    start : ndarray of int64, shape (n_trees + 1,)
        First table of each tree.
    feature : ndarray of int64, shape (n_tables,)
    masks : ndarray of uint16, shape (n_tables, 256)
        Possible leaves, one bit each, by code.
    values : ndarray of float64, shape (n_trees, 16)
        Log-odds of each leaf.
    """

    base: float
    start: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    masks: npt.NDArray[np.uint16]
    values: Floats

    def log_odds(self, features: Sequence[Feature], rows: Encoded) -> Floats:
        """Return the log-odds of each row, shape (n,)."""
        n = len(rows)
        z = np.full(n, self.base)
        # Codes as positions, converted once; every code is below 256, so nothing wraps around.
        codes = {int(j): rows.codes[:, j].astype(np.intp) for j in np.unique(self.feature)}
        possible, other = np.empty(n, dtype=np.uint16), np.empty(n, dtype=np.uint16)
        for tree, values in enumerate(self.values):
            possible.fill(0xFFFF)
            for k in range(self.start[tree], self.start[tree + 1]):
                np.take(self.masks[k], codes[int(self.feature[k])], out=other, mode="wrap")
                np.bitwise_and(possible, other, out=possible)
            z += np.take(values, np.take(_LOWEST, possible, mode="wrap"), mode="wrap")
        return z

    def fits(self, n_features: int) -> bool:
        """Tell whether the arrays agree with one another and with so many features."""
        n_trees, n_tables = len(self.values), len(self.feature)
        steps = np.diff(self.start)
        return bool(
            self.values.shape == (n_trees, MOST_LEAVES)
            and self.masks.shape == (n_tables, N_CODES)
            and self.masks.dtype == np.uint16
            and self.start.shape == (n_trees + 1,)
            and self.start[0] == 0
            and self.start[-1] == n_tables
            and (steps >= 0).all()
            and ((self.feature >= 0) & (self.feature < n_features)).all()
        )


def read_forest(features: Sequence[Feature], boosted: Any, matrix: Floats) -> Forest | None:
    """Read a fitted histogram boosting model, or give up.

    scikit-learn does not publish how it keeps trees. What is read here is held against what the
    model says of `matrix`; where they differ, or something is not where it was, the answer is None
    and the model itself is to be kept.

    Parameters
    ----------
    features : sequence of Feature
    boosted : HistGradientBoostingClassifier
        Fitted on codes, with at most 16 leaves a tree.
    matrix : ndarray of float64, shape (n, n_features)
        Rows to be compared, as `code_matrix` gives them.

    Returns
    -------
    Forest or None
    """
    try:
        forest = _read(features, boosted)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None
    rows = Encoded(np.nan_to_num(matrix).astype(np.uint8), matrix)
    gap = np.abs(forest.log_odds(features, rows) - boosted.decision_function(matrix))
    return forest if forest.fits(len(features)) and gap.max(initial=0.0) < EXACT else None


@dataclass(frozen=True, eq=False)
class _Tree:
    """One tree as scikit-learn keeps it, and what its codes become inside."""

    nodes: Any
    sets: Any
    known: Any
    place: Any
    inner: Sequence[tuple[int, Floats]]

    def visit(self, i: int, tables: dict[int, npt.NDArray[np.uint16]], leaves: list[float]) -> int:
        """Return the leaves below a node as bits, and note what its split rules out."""
        node = self.nodes[i]
        if node["is_leaf"]:
            leaves.append(float(node["value"]))
            return 1 << (len(leaves) - 1)
        left, right = (self.visit(int(node[side]), tables, leaves) for side in ("left", "right"))
        j, cells = self.inner[int(node["feature_idx"])]
        allowed = np.where(self.goes_left(node, cells), 0xFFFF, 0xFFFF & ~left).astype(np.uint16)
        table = tables.setdefault(j, np.full(N_CODES, 0xFFFF, dtype=np.uint16))
        table[: len(cells)] &= allowed
        return left | right

    def goes_left(self, node: Any, cells: Floats) -> Flags:
        """Tell which codes a node sends to the left; a category it never saw goes as missing."""
        missing, otherwise = np.isnan(cells), bool(node["missing_go_to_left"])
        if not node["is_categorical"]:
            return np.where(missing, otherwise, cells <= node["num_threshold"])
        whole = np.where(missing, 0, cells).astype(np.int64)
        left = _in_set(self.sets[node["bitset_idx"]], whole)
        seen = _in_set(self.known[self.place[node["feature_idx"]]], whole)
        return np.where(missing | ~(left | seen), otherwise, left)


def _read(features: Sequence[Feature], boosted: Any) -> Forest:
    inner = _inner_values(features, boosted)
    known, place = boosted._bin_mapper.make_known_categories_bitsets()
    start, feature, masks, values = [0], [], [], []
    for (predictor,) in boosted._predictors:
        tree = _Tree(predictor.nodes, predictor.raw_left_cat_bitsets, known, place, inner)
        tables: dict[int, npt.NDArray[np.uint16]] = {}
        leaves: list[float] = []
        tree.visit(0, tables, leaves)
        for j in sorted(tables):
            feature.append(j)
            masks.append(tables[j])
        start.append(len(feature))
        values.append(np.pad(leaves, (0, MOST_LEAVES - len(leaves))))
    return Forest(
        float(np.ravel(boosted._baseline_prediction)[0]),
        np.array(start, dtype=np.int64),
        np.array(feature, dtype=np.int64),
        np.array(masks, dtype=np.uint16).reshape(len(feature), N_CODES),
        np.array(values, dtype=np.float64).reshape(len(values), MOST_LEAVES),
    )


def _inner_values(features: Sequence[Feature], boosted: Any) -> list[tuple[int, Floats]]:
    """Return, for each column inside the model, the feature and what its codes become there."""
    order = [j for j, f in enumerate(features) if not f.numeric]
    order += [j for j, f in enumerate(features) if f.numeric]
    inner = []
    for column, j in enumerate(order):
        grid = np.ones((features[j].n_codes, len(features)))
        grid[:, j] = np.arange(features[j].n_codes)
        if features[j].numeric:
            grid[0, j] = np.nan
        inner.append((j, np.asarray(boosted._preprocess_X(grid, reset=False))[:, column]))
    return inner


def _in_set(bits: Any, values: npt.NDArray[np.int64]) -> Flags:
    found: Flags = (bits[values // 32] >> (values % 32).astype(np.uint32)) & 1 > 0
    return found
