"""Histories: from the creation of each lead to its end, or to the last look at it."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import DataWarning, InputError, name_rows, quoted
from mmm.prediction.columns.types import instants_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OPEN, WON, LOST = 0, 1, 2
_STATES = {
    **dict.fromkeys(("open", "aperto", "aperta", "", "nan", "none", "<na>", "nat"), OPEN),
    **dict.fromkeys(("won", "vinto", "vinta", "true", "1", "1.0"), WON),
    **dict.fromkeys(("lost", "perso", "persa", "false", "0", "0.0"), LOST),
}


@dataclass(frozen=True, eq=False)
class Histories:
    """Leads from their creation to their end, or to the last look.

    Attributes
    ----------
    created : ndarray of float64, shape (n,)
        Days since 1970.
    ended : ndarray of float64, shape (n,)
        Days since 1970; NaN while open.
    cause : ndarray of int64, shape (n,)
        0 open, 1 won, 2 lost.
    looked : float
        Day of the last look, since 1970.
    """

    created: Floats
    ended: Floats
    cause: Integers
    looked: float

    def take(self, rows: npt.NDArray[np.intp]) -> "Histories":
        """Return some rows."""
        return Histories(self.created[rows], self.ended[rows], self.cause[rows], self.looked)

    def seen(self, day: float | None = None) -> tuple[Floats, Integers]:
        """Return the age in days and the state of each lead, as they were known on a day.

        Leads that did not exist have age 0 and are open.
        """
        day = self.looked if day is None else day
        over = (self.cause != OPEN) & (self.ended <= day)
        until = np.where(over, self.ended, day)
        return np.maximum(until - self.created, 0.0), np.where(over, self.cause, OPEN)


def read_histories(won: Flags, created_at: Any, ended_at: Any, outcome: Any = None) -> Histories:
    """Read when leads began and ended.

    The last look is the latest instant among them. A lead without `ended_at` is open, unless its
    outcome is lost: then it ended at a time nobody wrote down, which is refused.

    Parameters
    ----------
    won : ndarray of bool, shape (n,)
    created_at : array_like of instants, shape (n,)
    ended_at : array_like of instants, shape (n,)
        Missing while the lead is open.
    outcome : array_like, shape (n,), optional
        "won", "lost" or "open" (true, false or missing). It counts where `won` means won within
        some horizon. By default leads that ended without being
        won are lost.

    Returns
    -------
    Histories

    Raises
    ------
    InputError
        If dates are missing, or outcomes contradict `won` or the dates.

    Warns
    -----
    DataWarning
        If leads end before they were created.

    Examples
    --------
    >>> leads = read_histories(
    ...     np.array([True, False]), ["2025-01-01", "2025-01-02"], ["2025-01-11", None])
    >>> leads.cause.tolist(), (leads.ended - leads.created).tolist()
    ([1, 0], [10.0, nan])
    """
    created = days_of(created_at, len(won), "created_at")
    ended = days_of(ended_at, len(won), "ended_at")
    if outcome is None:
        cause = np.where(won, WON, np.where(np.isnan(ended), OPEN, LOST))
    else:
        cause = _states(outcome, len(won))
    _refuse(np.isnan(created), "have no created_at", "Give the day each lead came in.")
    _refuse(
        won & (cause != WON),
        "have y = 1 and are not won by their outcome",
        "Make the two agree; a lead won too late for y may have y = 0.",
    )
    _refuse(
        (cause != OPEN) & np.isnan(ended),
        "are won or lost and have no ended_at",
        "Give the day they ended, or call them open.",
    )
    _refuse(
        (cause == OPEN) & ~np.isnan(ended),
        "are open and have an ended_at",
        "Say whether they were won or lost, or leave the date empty.",
    )
    early = np.flatnonzero(ended < created)
    if len(early):
        warnings.warn(
            f"{len(early)} leads end before they were created ({name_rows(early.tolist())}); they "
            "count as ended on the day of their creation.",
            DataWarning,
            stacklevel=2,
        )
    looked = float(np.nanmax(np.concatenate([created, ended])))
    return Histories(created, ended, cause.astype(np.int64), looked)


def ages_on(table: pd.DataFrame, as_of: Any) -> Floats:
    """Return how many days old each lead is on a day; 0 where no day is given.

    Raises
    ------
    InputError
        If a day is given and the table has no `created_at`, or one after that day.
    """
    if as_of is None:
        return np.zeros(len(table))
    if "created_at" not in table.columns:
        raise InputError(
            "as_of needs the column 'created_at' in the table: the age of a lead counts. Add it, "
            "or leave as_of out to score leads as on the day they came in."
        )
    today = days_of([as_of], 1, "as_of")[0]
    ages = today - days_of(table["created_at"], len(table), "created_at")
    _refuse(
        ~(ages >= 0),
        f"have no created_at, or one after {as_of}",
        "Correct the dates, or leave those leads out.",
    )
    return np.asarray(ages, dtype=np.float64)


def days_of(values: Any, n: int, name: str) -> Floats:
    """Return instants as days since 1970, missing as NaN.

    Raises
    ------
    InputError
        If they are no instants, or not `n` of them.
    """
    stamps = instants_of(values, n, name).to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 86_400e6)


def still_to_come(histories: Histories, day: float | None = None) -> tuple[Floats, Floats]:
    """Return what each lead says of "ever won", as known on a day: a label and its weight.

    A lead that has ended says all. An open lead of age a says "no" only with weight F(a) / F(end),
    F the probability of having been won by then: how much of the time in which leads are won it
    has lived through. This is the likelihood of proportional hazards where winning is rare.

    Parameters
    ----------
    histories : Histories
    day : float, optional
        Days since 1970; by default the last look.

    Returns
    -------
    y, weight : ndarray of float64, shape (n,)

    Examples
    --------
    >>> leads = Histories(np.zeros(3), np.array([4.0, np.nan, np.nan]), np.array([1, 0, 0]), 9.0)
    >>> [part.tolist() for part in still_to_come(leads)]
    [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    age, cause = histories.seen(day)
    day = histories.looked if day is None else day
    known = histories.created <= day
    times, won = incidence(age[known], cause[known])
    weight = np.ones(len(age))
    open_ = cause == OPEN
    if len(times) and won[-1] > 0:
        reached = np.concatenate([[0.0], won])[np.searchsorted(times, age[open_], side="right")]
        weight[open_] = reached / won[-1]
    weight[~known] = 0.0
    return (cause == WON).astype(np.float64), weight


def incidence(age: Floats, cause: Integers) -> tuple[Floats, Floats]:
    """Return the times of ends and the probability of having been won by each, losses competing."""
    none = np.zeros(0)
    if not (cause != OPEN).any():
        return none, none
    times = np.unique(age[cause != OPEN])
    place = np.searchsorted(times, age)
    at_risk = still_there(times, age, np.ones(len(age)))
    won, lost = (
        np.bincount(place[cause == k], minlength=len(times))[: len(times)] / at_risk
        for k in (WON, LOST)
    )
    before = np.concatenate([[1.0], np.cumprod(1.0 - won - lost)[:-1]])
    return times, np.cumsum(before * won)


def still_there(times: Floats, age: Floats, mass: Floats) -> Floats:
    """Return the mass of the rows whose age has reached each time."""
    order = np.argsort(age, kind="stable")
    after = np.concatenate([np.cumsum(mass[order][::-1])[::-1], [0.0]])
    found: Floats = after[np.searchsorted(age[order], times, side="left")]
    return found


def _states(outcome: Any, n: int) -> Integers:
    column = pd.Series(outcome).reset_index(drop=True)
    if len(column) != n:
        raise InputError(f"outcome has {len(column)} rows, the table {n}. Give one a row.")
    codes, found = pd.factorize(column)
    known = [_STATES.get(str(value).strip().lower()) for value in found]
    if None in known:
        strange = [value for value, state in zip(found, known, strict=True) if state is None]
        raise InputError(f"outcome holds {quoted(strange)}. Write won, lost or open.")
    return np.array([*known, OPEN], dtype=np.int64)[codes]


def _refuse(wrong: Flags, what: str, cure: str) -> None:
    if wrong.any():
        rows = np.flatnonzero(wrong)
        raise InputError(f"{len(rows)} leads {what} ({name_rows(rows.tolist())}). {cure}")
