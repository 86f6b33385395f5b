"""The two parts of a hold-out: the units whose spend is changed, and the others; arrays out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted
from mmm.mix.transforms import Floats

Flags = npt.NDArray[np.bool_]


def units_of(outcome: pd.DataFrame, treated: Sequence[str]) -> Flags:
    """Tell which columns are treated, shape (n_units,).

    Raises
    ------
    InputError
        If none is, all are, or a name is unknown.
    """
    unknown = [name for name in treated if name not in outcome.columns]
    if unknown or not treated:
        raise InputError(
            f"treated names {quoted(unknown) or 'nothing'}; the outcome has "
            f"{quoted(outcome.columns, 20)}. Name the units whose spend was changed."
        )
    inside = np.asarray(outcome.columns.isin(list(treated)))
    if inside.all():
        raise InputError("every unit is treated. Keep at least one whose spend stayed as it was.")
    return inside


def part_of(before: Floats, inside: Flags) -> float:
    """Return the treated units' part of the outcome, 1 where it is none."""
    total = before.sum(axis=0)
    share = float(total[inside].sum() / total.sum()) if total.sum() > 0 else 0.0
    return share if 0 < share < 1 else 1.0


def apart(values: Floats, inside: Flags) -> Floats:
    """Return the treated units less the others, both scaled up to the company, by period.

    What moves all units alike cancels; what is left is the noise that a hold-out is read in.

    Parameters
    ----------
    values : ndarray of float64, shape (n_periods, n_units)
    inside : ndarray of bool, shape (n_units,)

    Returns
    -------
    ndarray, shape (n_periods,)

    Examples
    --------
    >>> season = np.array([[1.0], [2.0], [3.0]])
    >>> apart(season * [1.0, 3.0], np.array([True, False])).tolist()
    [0.0, 0.0, 0.0]
    """
    share = part_of(values, inside)
    if share == 1.0:
        raise InputError("the units have no outcome to compare. Pass that of regions with some.")
    held, others = values[:, inside].sum(axis=1), values[:, ~inside].sum(axis=1)
    return np.asarray(held / share - others / (1.0 - share))


def noise_of(series: Floats) -> tuple[float, float]:
    """Return the standard deviation of a series around its mean, and its lag-1 correlation."""
    off = series - series.mean()
    size = float(off @ off)
    rho = float(off[1:] @ off[:-1]) / size if size > 0 else 0.0
    return float(series.std(ddof=1)), float(np.clip(rho, -0.95, 0.95))
