"""What a model shares out, and sums over journeys that every model needs."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MEASURES = ("value", "conversions")
# Sums of floats and an exact total agree to rounding; more than this is a different total.
SAME_TOTAL = 1e-9
# Numbers handled at once where all of them would not fit the processor's cache.
AT_ONCE = 2**17


@dataclass(frozen=True, eq=False)
class Measured:
    """What a model shares out.

    Attributes
    ----------
    measure : str
        "value" (currency of the deals) or "conversions" (won deals).
    amount : ndarray of float64, shape (n_journeys,)
        Value or conversions of each journey.
    unattributed : float
        The same of won deals without a touch.
    total : Decimal or float
        All of it; exact where the deals gave exact values.
    notes : tuple of str
        What the reader has to know about the total.
    """

    measure: str
    amount: Floats
    unattributed: float
    total: Decimal | float
    notes: tuple[str, ...] = ()

    @property
    def attributed(self) -> float:
        """Sum over the journeys, which is what channels can be credited with."""
        return float(self.amount.sum())

    @property
    def whole(self) -> float:
        """Denominator of the shares: attributed and unattributed, as the models add them up."""
        return self.attributed + self.unattributed


def check_journeys(journeys: object) -> None:
    """Say how to build journeys where something else was passed.

    Raises
    ------
    InputError
    """
    if not isinstance(journeys, Journeys):
        raise InputError(
            f"journeys is a {type(journeys).__name__}. "
            "Build journeys with mmm.build_journeys or Journeys.from_paths."
        )


def measured(journeys: Journeys, measure: str | None) -> Measured:
    """Choose what to share out, and add it up.

    Parameters
    ----------
    journeys : Journeys
    measure : {"value", "conversions"} or None
        None: value where the journeys have it, conversions otherwise.

    Returns
    -------
    Measured

    Raises
    ------
    ConfigError
        If the measure is unknown.
    InputError
        If values are asked for and missing, or `journeys` is something else.

    Examples
    --------
    >>> measured(Journeys.from_paths(["Email"], value=[5.0]), None).measure
    'value'
    """
    check_journeys(journeys)
    if measure is None:
        measure = "value" if journeys.has_value else "conversions"
    if measure not in MEASURES:
        raise ConfigError(f"measure is {measure!r}. Choose one of {', '.join(MEASURES)}.")
    if measure == "conversions":
        rest = float(journeys.unattributed.deals)
        amount = journeys.conversions
        total = float(amount.sum()) + rest
        return Measured(measure, amount, rest, total, expected_note(journeys))
    if not journeys.has_value:
        raise InputError(
            "measure is 'value', but these journeys have no values. "
            "Pass value= with the journeys, or measure='conversions'."
        )
    return _measured_value(journeys)


def _measured_value(journeys: Journeys) -> Measured:
    rest = float(journeys.unattributed.value)
    added = float(journeys.value.sum()) + rest
    exact, expected = journeys.total_value, expected_note(journeys)
    if exact is None:
        return Measured("value", journeys.value, rest, added, expected)
    if abs(float(exact) - added) <= SAME_TOTAL * abs(added):
        return Measured("value", journeys.value, rest, exact, expected)
    note = (
        f"The values of the journeys add up to {added:.2f}, not to the closed-won {exact}; "
        "credit shares out the former."
    )
    return Measured("value", journeys.value, rest, added, (note, *expected))


def expected_note(journeys: Journeys) -> tuple[str, ...]:
    """Say where deals that are still open are in the credit, with what they are expected to bring.

    Examples
    --------
    >>> expected_note(Journeys.from_paths(["a"]))
    ()
    """
    n_open = int(np.count_nonzero(journeys.is_open & (journeys.conversions > 0)))
    n_open += 0 if journeys.untouched is None else int(journeys.untouched.is_open.sum())
    won = bool((journeys.conversions[~journeys.is_open] > 0).any())
    won |= journeys.untouched is not None and not bool(journeys.untouched.is_open.all())
    if not n_open:
        return ()
    if not won:
        return (f"Expected, not won: all {n_open} deals are still open.",)
    return (
        f"Credit holds what {n_open} open deals are expected to bring beside what was won; "
        "by_state tells them apart.",
    )


def deals_touched(journeys: Journeys) -> Floats:
    """Count won deals with a touch of each channel.

    Returns
    -------
    ndarray of float64, shape (n_channels,)

    Examples
    --------
    >>> deals_touched(Journeys.from_paths(["a > b > a", "b"], conversions=[2, 1])).tolist()
    [2.0, 3.0]
    """
    journey, channel = journeys.won_channels
    return add_up(channel, journeys.conversions[journey], len(journeys.channels))


def add_up(
    codes: npt.NDArray[np.integer], weights: npt.NDArray[np.generic], n_codes: int
) -> Floats:
    """Sum weights by code.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        From 0 to n_codes - 1.
    weights : ndarray, shape (n,)
    n_codes : int

    Returns
    -------
    ndarray of float64, shape (n_codes,)

    Examples
    --------
    >>> add_up(np.array([0, 2, 0]), np.array([1.0, 5.0, 2.0]), 4).tolist()
    [3.0, 0.0, 5.0, 0.0]
    """
    return np.bincount(codes, weights=weights, minlength=n_codes).astype(np.float64, copy=False)


def add_up_by_journey(
    codes: npt.NDArray[np.integer], start: Integers, weights: Floats, n_codes: int
) -> Floats:
    """Sum the weights of journeys by code, some journeys at a time so that memory stays bounded.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        From 0 to n_codes - 1.
    start : ndarray of int64, shape (n_journeys + 1,)
        Journey ``j`` owns ``codes[start[j]:start[j + 1]]``.
    weights : ndarray of float64, shape (n_journeys,)
    n_codes : int

    Returns
    -------
    ndarray of float64, shape (n_codes,)

    Examples
    --------
    >>> step, start = np.array([0, 1, 1]), np.array([0, 2, 3])
    >>> add_up_by_journey(step, start, np.array([1.0, 5.0]), 2).tolist()
    [1.0, 6.0]
    """
    sums = np.zeros(n_codes)
    cuts = np.unique(np.searchsorted(start, np.arange(0, len(codes) + AT_ONCE, AT_ONCE)))
    cuts = np.minimum(cuts, len(weights))
    for low, high in pairwise(cuts.tolist()):
        each = np.repeat(weights[low:high], np.diff(start[low : high + 1]))
        sums += add_up(codes[start[low] : start[high]], each, n_codes)
    return sums


def per_conversion(journeys: Journeys, of: Measured) -> Floats:
    """Return the amount of one conversion of each row, 0 where there is none.

    Returns
    -------
    ndarray of float64, shape (n_journeys,)

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[2, 0], value=[30.0, 0.0])
    >>> per_conversion(journeys, measured(journeys, None)).tolist()
    [15.0, 0.0]
    """
    some = journeys.conversions > 0
    return np.divide(of.amount, journeys.conversions, out=np.zeros(len(journeys)), where=some)
