"""An order of leads too good to be honest, and the columns that carry it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mmm.errors import quoted
from mmm.prediction.columns.cuts import rates_of_others
from mmm.prediction.columns.leakage import PERFECT, honest_limit
from mmm.prediction.learning.encoding import MISSING, Codes, Feature
from mmm.prediction.metrics import Metric, area
from mmm.wording import format_share, say

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TOO_GOOD = "reading.too_good"  # among the words of warnings, which are translated by form
HONEST = 0.97  # AUC on leads held out; above it a column that knew is likelier than skill
_BINS = 20  # of a number
_NAMED, _NEAR = 3, 0.1  # columns named at most, and how far their AUC lies below the best


def suspects(
    won: Floats,
    probability: Floats,
    features: Sequence[Feature],
    codes: Codes,
    groups: Integers | None = None,
) -> dict[str, Any] | None:
    """Return the strongest columns of a model that does better than honest columns can.

    It does where the lower end of its AUC lies above `HONEST`. A perfect order has no interval: it
    does where a perfect column would be refused (`mmm.prediction.columns.leakage.find_leakage`).

    Parameters
    ----------
    won : ndarray of float64 (0 or 1), shape (n,)
        Of rows held out.
    probability : ndarray of float64, shape (n,)
    features : sequence of Feature
        Of the model.
    codes : ndarray of uint8, shape (n, n_features)
        Of the same rows, as `encode` returns them.
    groups : ndarray of int64, shape (n,), optional
        Rows of one lead, person or account, none of which says how another ends.

    Returns
    -------
    dict or None
        auc, lower (missing where the order is perfect), columns (list of name and AUC alone, the
        strongest first); None where nothing is wrong.
    """
    auc = area(won, probability)
    if not len(features) or not _beyond(auc, won):
        return None
    alone = sorted(
        (-area(won, _rates(one, codes[:, i], won, groups)).value, one.name)
        for i, one in enumerate(features)
    )
    near = [[name, -less] for less, name in alone[:_NAMED] if less <= alone[0][0] + _NEAR]
    lower = None if np.isnan(auc.lower) else auc.lower
    return {"auc": auc.value, "lower": lower, "columns": near}


def suspicion(
    found: Mapping[str, Any] | None, lang: str = "en", allow: Collection[str] = ()
) -> str | None:
    """Say which columns to look at; None where nothing is wrong, or all of them are allowed.

    Parameters
    ----------
    found : mapping or None
        As `suspects` returns it.
    lang : {"en", "it"}
    allow : collection of str
        Columns that somebody vouches for.

    Examples
    --------
    >>> suspicion({"auc": 0.99, "lower": 0.98, "columns": [["calls", 0.97]]}).partition(":")[0]
    'Held out, the model ranks a won lead above another in 99% of pairs (98% or more)'
    """
    if found is None or all(name in allow for name, _ in found["columns"]):
        return None
    return say(TOO_GOOD, lang, **figures(found))


def figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of the sentence `TOO_GOOD`, written alike in every language.

    Parameters
    ----------
    found : mapping
        As `suspects` returns it.
    """
    lower = found["auc"] if found["lower"] is None else found["lower"]
    columns = (
        f"{quoted([name])} ({format_share(auc, digits=0)})" for name, auc in found["columns"]
    )
    return {
        "auc": format_share(np.floor(100 * found["auc"]) / 100, digits=0),
        "lower": format_share(np.floor(100 * lower) / 100, digits=0),
        "columns": ", ".join(columns),
    }


def _beyond(auc: Metric, won: Floats) -> bool:
    if auc.value < 1.0:
        return bool(auc.lower > HONEST)
    n1 = int(won.sum())
    n0 = len(won) - n1
    return min(n1, n0) >= 5 and honest_limit(n1, n0, apart=PERFECT) < 1.0


def _rates(feature: Feature, codes: Codes, won: Floats, groups: Integers | None) -> Floats:
    """Return for each row the share of wins in its level or bin among rows of other groups."""
    code = codes.astype(np.int64)
    if feature.numeric and feature.n_codes > _BINS:
        code = np.where(code == MISSING, MISSING, 1 + (code - 1) * _BINS // (feature.n_codes - 1))
    return rates_of_others(code, won > 0, groups)
