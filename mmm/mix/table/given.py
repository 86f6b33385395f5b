"""What a mix model is handed: frames of any library, the outcome and settings, checked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, name_rows
from mmm.mix.table.inputs import check_numbers


def as_pandas(table: Any) -> Any:
    """Return a frame or column of Polars or pyarrow as one of pandas, and all else as it is.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_pandas(pa.table({"tv": [1.0, 2.0]}))["tv"].tolist()
    [1.0, 2.0]
    """
    return table.to_pandas() if hasattr(table, "to_pandas") else table


def read_numbers(validate: Callable[..., Any], model: Any, *given: Any, reset: bool = True) -> Any:
    """Return X, and y where it is given, as scikit-learn reads them, its errors as ours.

    Parameters
    ----------
    validate : callable
        scikit-learn's `validate_data`.
    model : MixModel
    *given
        X, or X and y.
    reset : bool
        Whether this is the fit.

    Raises
    ------
    InputError
        If they are no numbers, or not of the shape of one another or of the fit.
    """
    how = {"y_numeric": True} if len(given) > 1 else {}
    try:
        return validate(
            model, *given, reset=reset, dtype=np.float64, ensure_all_finite=False, **how
        )
    except ValueError as error:
        cure = "one row a period" if reset else "one row a period, and the columns of the fit"
        raise InputError(f"{str(error).rstrip('.')}. Pass numbers, {cure}.") from error


def check_outcome(outcome: Any) -> None:
    """Refuse an outcome that is text, missing or infinite, naming its rows.

    Digits written as text pass; faults of the shape are left to scikit-learn.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_outcome([1.0, float("nan")])
    Traceback (most recent call last):
    mmm.errors.InputError: The outcome y contains NaN in 'y', row 2; fill it, with 0 where \
nothing happened.
    >>> check_outcome(["1", "many"])
    Traceback (most recent call last):
    mmm.errors.InputError: The outcome y holds 'many', which is no number, in row 2; pass one \
number a row.
    """
    if outcome is None:
        return
    values = np.asarray(outcome)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind == "c":
        return
    numbers = _numbers(values)
    bad = np.flatnonzero([number is None for number in numbers])
    if len(bad):
        raise InputError(
            f"The outcome y holds {str(values[bad[0]])!r}, which is no number, in "
            f"{name_rows(bad.tolist())}; pass one number a row."
        )
    check_numbers(np.array(numbers, dtype=np.float64)[:, None], ["y"], "outcome y")


def _numbers(values: npt.NDArray[Any]) -> list[float | None]:
    """Return each value as a number, NaN where it is missing, None where it is none."""
    return [_number(value) for value in values]


def _number(value: Any) -> float | None:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None
    try:
        return float("nan") if pd.isna(value) else float(value)
    except (TypeError, ValueError):
        return None


def check_settings(seed: object, on_nonconvergence: object) -> None:
    """Refuse settings of a fit that cannot be followed.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> check_settings(-1, "raise")
    Traceback (most recent call last):
    mmm.errors.ConfigError: seed is -1. Pass a whole number, 0 or more.
    """
    if on_nonconvergence not in ("raise", "warn"):
        raise ConfigError(f"on_nonconvergence is {on_nonconvergence!r}; pass 'raise' or 'warn'.")
    if not (isinstance(seed, int | np.integer) and seed >= 0):
        raise ConfigError(f"seed is {seed!r}. Pass a whole number, 0 or more.")
