"""Rows of training: their canonical order, what is known of them, and how they are held out."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, counted
from mmm.prediction.learning.encoding import Encoded
from mmm.prediction.learning.histories import Histories, days_of, still_to_come
from mmm.prediction.learning.learners import Sample
from mmm.prediction.learning.stacking import Folds
from mmm.prediction.splits import Fold, time_folds

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# The earliest blocks only train: a model of a few rows says little about one of all. A block is no
# longer than the time until a model is trained again: what moves within it cannot be followed.
_BLOCKS, _BLOCK = 8, 1_600
_TIMES, _FEW = 5, 50  # times that all rows are held out where fewer are of the rarer class


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the rows, in canonical order.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Positions in the table given: by time, then by content, so that the order of rows given
        does not matter.
    y, weight : ndarray of float64, shape (n,)
        Label, and how much it says: an open lead less than one that ended.
    created : ndarray of float64, shape (n,), or None
        Days since 1970.
    groups : ndarray of int64, shape (n,), or None
    histories : Histories or None
    """

    order: Integers
    y: Floats
    weight: Floats
    created: Floats | None
    groups: Integers | None
    histories: Histories | None

    @property
    def n_rare(self) -> int:
        """Rows of the rarer class."""
        ones = int(self.y.sum())
        return min(ones, len(self.y) - ones)

    def take(self, rows: npt.NDArray[np.intp]) -> "Known":
        """Return some rows."""
        return replace(
            self,
            order=self.order[rows],
            y=self.y[rows],
            weight=self.weight[rows],
            created=None if self.created is None else self.created[rows],
            groups=None if self.groups is None else self.groups[rows],
            histories=None if self.histories is None else self.histories.take(rows),
        )


def known_rows(
    frame: pd.DataFrame, y: Floats, created_at: Any, histories: Histories | None, groups: Any
) -> Known:
    """Put the rows in canonical order.

    Raises
    ------
    InputError
        If lengths differ, or a date is missing.
    """
    n = len(frame)
    created = None if created_at is None else days_of(created_at, n, "created_at")
    if created is not None and np.isnan(created).any():
        raise InputError(
            f"{counted(int(np.isnan(created).sum()), 'lead')} without created_at. Give the day "
            "each came in, or leave created_at out."
        )
    labels = None
    if groups is not None:
        labels = np.asarray(pd.factorize(pd.Series(groups), use_na_sentinel=False)[0])
        if len(labels) != n:
            raise InputError(f"groups has {len(labels)} rows, the table {n}. Give one a row.")
    weight = np.ones(n)
    if histories is not None:
        y, weight = still_to_come(histories)
    content = _fingerprints(frame)
    keys = [weight, y, content]
    order = np.lexsort(keys if created is None else [*keys, created])
    known = Known(np.arange(n), y, weight, created, labels, histories)
    known = known.take(order)
    if labels is not None:
        # Numbered by first appearance in the canonical order, not in the order given.
        known = replace(known, groups=np.asarray(pd.factorize(labels[order])[0]))
    return known


def cut(known: Known, rows: Encoded, n_folds: int, seed: int) -> Folds:
    """Cut rows into folds: forward in time where dates are known, else at random.

    In time, labels of training are those known when the fold began: a lead that was open then
    counts as open.
    """
    whole = Sample(rows, known.y, known.weight)
    if known.created is not None and len(np.unique(known.created)) > n_folds:
        n_blocks = max(_BLOCKS * n_folds // 5, len(known.y) // _BLOCK)
        splits = time_folds(known.created, n_blocks - 1, known.groups)[-n_folds:]
        splits = [split for split in splits if _both(known, split[0])]
        if splits:
            samples = [_as_known(known, whole, test) for _, test in splits]
            return Folds(splits, samples, timed=True)
    times = _TIMES if known.n_rare < _FEW else 1  # of few rows luck would decide who is tested
    n_folds = min(n_folds, known.n_rare)
    splits = [split for k in range(times) for split in _random(known, n_folds, seed + k)]
    return Folds(splits, [whole] * len(splits), timed=False)


def _as_known(known: Known, whole: Sample, test: Integers) -> Sample:
    if known.histories is None or known.created is None:
        return whole
    y, weight = still_to_come(known.histories, float(known.created[test].min()))
    return replace(whole, y=y, weight=weight)


def _both(known: Known, rows: Integers) -> bool:
    y = known.y[rows]
    return bool(2 <= y.sum() <= len(y) - 2)


def _random(known: Known, n_folds: int, seed: int) -> list[Fold]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if n_folds < 2:
        return []
    empty = np.zeros((len(known.y), 1))
    if known.groups is None:
        cutter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        found = list(cutter.split(empty, known.y))
    else:
        by_group = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        found = list(by_group.split(empty, known.y, known.groups))
    return [split for split in found if len(split[1]) and _both(known, split[0])]


def _fingerprints(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Return a hash of the content of each row, whatever the order of columns."""
    names = sorted(frame.columns)
    if not names:
        return np.zeros(len(frame), dtype=np.uint64)
    hashed = pd.util.hash_pandas_object(frame[names], index=False, categorize=True)
    return np.asarray(hashed, dtype=np.uint64)
