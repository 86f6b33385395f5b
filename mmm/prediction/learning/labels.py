"""Labels: what is asked of a classifier's y."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from mmm.errors import InputError, name_rows, quoted

Floats = npt.NDArray[np.float64]


def read_labels(y: Any, n: int) -> tuple[npt.NDArray[Any], Floats]:
    """Read the labels of two classes.

    Parameters
    ----------
    y : array_like, shape (n,)
    n : int
        Rows of the table.

    Returns
    -------
    classes : ndarray, shape (2,)
        Sorted.
    coded : ndarray of float64, shape (n,)
        1 for the second class.

    Raises
    ------
    InputError
        If labels are missing, of one class, of more than two, or not one a row.

    Examples
    --------
    >>> read_labels(["no", "yes", "no"], 3)[1].tolist()
    [0.0, 1.0, 0.0]
    """
    if y is None:
        raise InputError(
            "LeadScorer requires y to be passed, but the target y is None. Give 1 for leads that "
            "converted, else 0."
        )
    labels = column_or_1d(y.to_numpy() if hasattr(y, "to_numpy") else y, warn=True)
    if len(labels) != n:
        raise InputError(
            f"Found input variables with inconsistent numbers of samples: [{n}, {len(labels)}]. "
            "Give one label a row."
        )
    if pd.isna(labels).any():
        rows = np.flatnonzero(pd.isna(labels))
        raise InputError(
            f"Input y contains NaN ({name_rows(rows.tolist())}). Leave out those leads, or pass "
            "ended_at= to use open ones."
        )
    check_classification_targets(labels)
    classes, coded = np.unique(labels, return_inverse=True)
    if len(classes) > 2:
        raise InputError(
            "Only binary classification is supported. The type of the target is multiclass: "
            f"{quoted(classes)}. Give 1 for leads that converted, else 0."
        )
    if len(classes) < 2:
        raise InputError(
            f"All {n} leads are of one class, {classes.tolist()[0]!r}. Give leads of both, "
            "converted and not: a longer period, or open leads with ended_at=."
        )
    return classes, coded.astype(np.float64)
