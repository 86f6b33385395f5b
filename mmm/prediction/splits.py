"""Splits: time runs forward, and duplicates of a person or account stay on one side."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError

Integers = npt.NDArray[np.int64]
Fold = tuple[Integers, Integers]

_IDS = ("person_id", "account_id", "email")


def time_folds(
    order: npt.ArrayLike, n_folds: int = 5, groups: npt.ArrayLike | None = None
) -> list[Fold]:
    """Cut rows into folds that train on the past and test on what comes next.

    The rows, in order of time, fall into ``n_folds + 1`` blocks of about equal size; fold k trains
    on the first k + 1 blocks and tests on the next. Rows of one instant stay in one block.

    Parameters
    ----------
    order : array_like, shape (n,)
        Instants or numbers that put the rows in order of time.
    n_folds : int, default 5
    groups : array_like, shape (n,), optional
        Label of each row, as `group_labels` returns them: a row whose group is tested does not
        train.

    Returns
    -------
    list of (train, test)
        Arrays of positions, ascending; the earliest fold first. Fewer folds than asked for where
        the rows hold too few instants.

    Raises
    ------
    ConfigError
        If `n_folds` is below 1.
    InputError
        If an instant is missing, lengths differ, or no two instants can be told apart.

    Examples
    --------
    >>> [(a.tolist(), b.tolist()) for a, b in time_folds([1, 2, 3, 4, 5, 6], 2)]
    [([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5])]
    >>> [(a.tolist(), b.tolist()) for a, b in time_folds([1, 2, 3, 4], 1, groups=[7, 8, 7, 9])]
    [([1], [2, 3])]
    """
    if n_folds < 1:
        raise ConfigError(f"n_folds is {n_folds}. Choose at least 1.")
    when = _numbers(order)
    labels = None if groups is None else np.asarray(groups)
    if labels is not None and len(labels) != len(when):
        raise InputError(
            f"groups has {len(labels)} rows and order {len(when)}. Give one label a row."
        )
    cuts = _cuts(np.sort(when), n_folds + 1)
    if not len(cuts):
        raise InputError(
            f"The {len(when)} rows cannot be put in an order of time: they hold no two different "
            "instants. Pass created_at=, or more rows."
        )
    block = np.searchsorted(cuts, when, side="right")
    folds = []
    for k in range(len(cuts)):
        test = np.flatnonzero(block == k + 1)
        past = block <= k
        if labels is not None:
            past &= ~np.isin(labels, labels[test])
        if past.any():
            folds.append((np.flatnonzero(past), test))
    return folds


def group_labels(frame: pd.DataFrame) -> Integers:
    """Label rows that share a person, an account or a mail address, directly or through others.

    Parameters
    ----------
    frame : pandas.DataFrame
        Some of person_id, account_id and email; rows without any are alone.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0, in order of first appearance.

    Examples
    --------
    >>> person, account = ["p", "q", "q", None], ["A", "A", "B", None]
    >>> group_labels(pd.DataFrame({"person_id": person, "account_id": account})).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(frame)
    rows, nodes, used = [], [], n
    for name in _IDS:
        if name not in frame.columns:
            continue
        ids = frame[name]
        if name == "email":
            ids = ids.astype("str").str.strip().str.lower()
        codes, found = pd.factorize(ids)
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        nodes.append(codes[known] + used)
        used += len(found)
    if not rows:
        return np.arange(n, dtype=np.int64)
    row, node = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_matrix((np.ones(len(row), dtype=np.int8), (row, node)), shape=(used, used))
    _, parts = connected_components(graph, directed=False)
    return np.asarray(pd.factorize(parts[:n])[0], dtype=np.int64)


def _numbers(order: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return instants or numbers as floats that keep their order."""
    values: Any = pd.Series(order)
    if values.isna().any():
        raise InputError(
            f"order is missing in {int(values.isna().sum())} of {len(values)} rows. "
            "Give every row its instant."
        )
    codes, _ = pd.factorize(values, sort=True)
    return np.asarray(codes, dtype=np.float64)


def _cuts(ordered: npt.NDArray[np.float64], n_blocks: int) -> npt.NDArray[np.float64]:
    """Return the first value of each block but the earliest."""
    n = len(ordered)
    later = ordered[ordered > ordered[0]] if n else ordered
    if not len(later):
        return later
    # Where the first instant fills more than a block, the next instant begins the second.
    starts = [max(ordered[round(n * k / n_blocks)], later[0]) for k in range(1, n_blocks)]
    return np.unique(starts)
