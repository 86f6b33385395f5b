"""Parts: what each column adds to a score, and where it adds nothing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from mmm.prediction.learning.encoding import Encoded, Feature
from mmm.prediction.learning.forest import Forest
from mmm.prediction.learning.learners import Whole

Floats = npt.NDArray[np.float64]

_HALVINGS = 50  # of the range of a part: down to rounding


def swapped(
    whole: Forest | Whole, features: Sequence[Feature], typical: Encoded, rows: Encoded
) -> Floats:
    """Share out a score that is no sum over columns; see `reasons.SWAPPED`. Shape (n, n_features).

    References
    ----------
    Strumbelj and Kononenko (2014), Knowledge and Information Systems 41, 647-665.
    """
    n, p = rows.codes.shape
    shared = np.zeros((n, p))
    start = whole.log_odds(features, typical)[0]
    for order in (range(p), range(p - 1, -1, -1)):
        now = Encoded(
            np.asfortranarray(np.repeat(typical.codes, n, axis=0)),
            np.asfortranarray(np.repeat(typical.values, n, axis=0)),
        )
        before = np.full(n, start)
        for j in order:
            now.codes[:, j], now.values[:, j] = rows.codes[:, j], rows.values[:, j]
            after = whole.log_odds(features, now)
            shared[:, j] += (after - before) / 2
            before = after
    return shared


def neutral(parts: Floats, score: Floats) -> Floats:
    """Return the part of each column that leaves the rate of conversion as it is.

    Had every lead this part of a column in place of its own, as many would be expected to convert.
    The mean of the parts would not do: probabilities are no straight line in log-odds, and where
    they differ widely a lead of mean log-odds is far below the average lead. Of a column that is
    alone the neutral part is the log-odds of the overall rate.

    Parameters
    ----------
    parts : ndarray of float64, shape (n, n_features)
    score : ndarray of float64, shape (n,)
        Log-odds; the parts and a constant add up to it.

    Returns
    -------
    ndarray of float64, shape (n_features,)

    Examples
    --------
    >>> part = np.array([-4.0, 0.0])
    >>> middle = neutral(part[:, None], part)[0]
    >>> round(float(middle), 3), bool(np.isclose(expit(middle), expit(part).mean()))
    (-1.051, True)
    """
    middle = np.zeros(parts.shape[1])
    if not len(parts):
        return middle
    rate = float(expit(score).mean())
    for j, part in enumerate(parts.T):
        low, high = float(part.min()), float(part.max())
        rest = score - part
        for _ in range(_HALVINGS if high > low else 0):
            half = (low + high) / 2
            low, high = (low, half) if expit(rest + half).mean() > rate else (half, high)
        middle[j] = (low + high) / 2
    return middle
