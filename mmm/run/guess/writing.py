"""Writing: how a file writes numbers and dates, and what its profile would be."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmm.run.guess.tables import TableGuess
from mmm.tables import SPECS

# Day first with a decimal comma, day first with a point, month first with a point.
_PROFILES = {(True, ","): "it", (True, "."): "en_GB", (False, "."): "en_US"}


@dataclass(frozen=True)
class Writing:
    """How one file is written.

    Attributes
    ----------
    locale : str or None
        The profile; None where the values speak for themselves, or nothing decides.
    dates : str
        "day", "month", "either", "mixed" or "" (year first, or no dates).
    numbers : str
        ",", ".", "either", "mixed" or "".
    date_example, number_example : str
        A value that shows it.
    open : bool
        Whether values can be read in two ways and only the guess decides, or nothing does.
    naive : bool
        Whether its instants name no zone.
    """

    locale: str | None
    dates: str
    numbers: str
    date_example: str = ""
    number_example: str = ""
    open: bool = False
    naive: bool = False


def writing_of(guess: TableGuess, italian: bool) -> Writing:
    """Tell how the file of a table writes dates and numbers.

    Parameters
    ----------
    guess : TableGuess
    italian : bool
        Whether headings are Italian; it decides what the values leave open, and that is said.
    """
    kinds = {column.name: column.kind for column in SPECS[guess.table].columns}
    looks = [
        (kinds[one.ours], guess.sheet.look(one.theirs))
        for one in guess.columns
        if isinstance(one.theirs, str)
    ]
    stamps = [look for kind, look in looks if kind in {"instant", "date"}]
    sums = [look for kind, look in looks if kind == "money"]
    sums += [guess.sheet.look(month) for month in guess.months]
    dates, date_example = _agreed([(look.order, look.example) for look in stamps], "year")
    numbers, number_example = _agreed([(look.decimal, look.example) for look in sums], "")
    locale, is_open = _profile(dates, numbers, italian)
    naive = any(kind == "instant" and not look.zoned for kind, look in looks)
    return Writing(locale, dates, numbers, date_example, number_example, is_open, naive)


def _agreed(found: Sequence[tuple[str, str]], neutral: str) -> tuple[str, str]:
    """Reduce the columns to one way of writing; what is certain settles what is open."""
    said = [(way, example) for way, example in found if way not in ("", neutral)]
    sure = [(way, example) for way, example in said if way not in ("either", "mixed")]
    if any(way == "mixed" for way, _ in said) or len({way for way, _ in sure}) > 1:
        return "mixed", said[0][1]
    return (sure or said or [("", "")])[0]


def _profile(dates: str, numbers: str, italian: bool) -> tuple[str | None, bool]:
    """Return the profile and whether something was left open by the values."""
    if "mixed" in (dates, numbers):
        return None, True
    day = {"day": True, "month": False}.get(dates)
    decimal = numbers if numbers in (",", ".") else None
    is_open = dates == "either" or numbers == "either"
    if dates == "" and numbers in ("", "."):
        return None, False
    if decimal == ",":
        return (None, True) if day is False else ("it", dates == "either")
    if not is_open:
        return _PROFILES.get((bool(day), decimal or ("," if italian and day else "."))), False
    if italian and day is not False:
        return _PROFILES[True, decimal or ","], True
    if day is None:
        return None, True
    return _PROFILES[day, "."], True


def is_italian(tables: Sequence[TableGuess]) -> bool:
    """Tell whether the headings that were recognised are Italian, for a third of them or more."""
    known = [(guess.italian, len(guess.columns)) for guess in tables]
    n = sum(n for _, n in known)
    return n > 0 and sum(share * n for share, n in known) > 0.3 * n
