"""Looks: what the values of a column look like, whatever it is called."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from mmm.tables.instants import numbered_months
from mmm.tables.parse import FLAG_WORDS, MISSING_WORDS, flat, is_text
from mmm.tables.schema import LOST_STAGES
from mmm.tables.sources import load

Kind = Literal["empty", "instant", "amount", "flag", "email", "text"]
Order = Literal["", "year", "day", "month", "either", "mixed"]
Decimals = Literal["", ",", ".", "either", "mixed"]

MOST_WORDS = 200  # distinct values that are kept
_NEARLY_ALL = 0.98
_YEAR_FIRST = r"^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ,].*)?|(19|20)\d{2}[-/]\d{1,2})$"
_YEAR_LAST = r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ,].*)?$"
_MONTH = r"^\d{1,2}[-/]\d{4}$"
_ZONE = r":\d{2}.*(?:Z|UTC|[+-]\d{2}:?\d{2})$"
_UNIT = r"(?:€|\$|£|EUR|USD|GBP|CHF)"
_AMOUNT = rf"^[+-]?{_UNIT}?\s*[+-]?\d[\d.,' \x{{a0}}\x{{202f}}]*{_UNIT}?$"
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_COMMA = r",\d{1,2}(\D|$)|,\d{4,}|\.\d{3},|\d{4,},\d"
_POINT = r"\.\d{1,2}(\D|$)|\.\d{4,}|,\d{3}\.|\d{4,}\.\d"
_EITHER = r"^\D*\d{1,3}[.,]\d{3}\D*$"
WON = re.compile(r"\b(won|win|vint[oaie]|acquisit[oaie]|firmat[oaie]|closedwon|success)\b", re.I)
LOST = re.compile(
    r"\b(lost|lose|pers[oaie]|perdut[oaie]|rifiutat[oaie]|annullat[oaie]|closedlost)\b", re.I
)
CUSTOMER = re.compile(r"\b(client[ei]|customers?)\b", re.I)
DISCARDED = re.compile(
    r"\b(discarded|disqualified|unqualified|not qualified|recycled|junk|scartat[oaie]|"
    r"squalificat[oaie]|non qualificat[oaie]|non idone[oaie]|eliminat[oaie])\b",
    re.I,
)
_NOT = re.compile(r"\b(not|non)\W+(won|vint[oaie])\b", re.I)
_OPEN = re.compile(
    r"\b(open|new|negotiat\w*|propos\w*|qualif\w*|prospect\w*|contact\w*|discovery|demo|meeting|"
    r"appointment\w*|presentation|quot\w*|contract sent|decision\w*|pending|on hold|in progress|"
    r"pipeline|apert[oaie]|nuov[oaie]|trattativa|negoziazione|offerta|preventivo|in corso|"
    r"contattat[oaie]|incontro|appuntamento|presentazione|valutazione|attesa)\b",
    re.I,
)
_STEP = re.compile(
    r"\b(leads?|mql|sql|sal|opportunit\w*|subscriber|iscritt[oaie]|nurtur\w*|working|prospect)\b",
    re.I,
)
_OVER = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}")


@dataclass(frozen=True)
class Look:
    """What one column holds.

    Attributes
    ----------
    name : str
        Its heading.
    n, filled, distinct : int
        Rows, rows with a value, different values.
    kind : {"empty", "instant", "amount", "flag", "email", "text"}
    example : str
        The first value.
    order : {"", "year", "day", "month", "either", "mixed"}
        What comes first in its dates; "either" where no day is over 12, "mixed" where rows
        disagree.
    decimal : {"", ",", ".", "either", "mixed"}
        Decimal sign of its amounts; "either" where 1.500 may be 1500.
    zoned : bool
        Whether its instants name a zone.
    words : tuple of str
        Its different values, the commonest first, at most 200.
    """

    name: str
    n: int
    filled: int
    distinct: int
    kind: Kind
    example: str = ""
    order: Order = ""
    decimal: Decimals = ""
    zoned: bool = False
    words: tuple[str, ...] = ()

    @property
    def is_key(self) -> bool:
        """Whether every filled value differs."""
        return self.filled > 0 and self.distinct == self.filled

    @property
    def tells_won(self) -> bool:
        """Whether its values name deals won."""
        return any(meaning for meaning in outcomes(self.words).values())


@dataclass(frozen=True, eq=False)
class Sheet:
    """One file, or one sheet of a workbook, as it was looked at.

    Attributes
    ----------
    path : Path
    sheet : str or None
    looks : tuple of Look
        Its columns, in order.
    table : pyarrow.Table
        Its cells.
    notes : tuple of str
        Encoding, separator.
    """

    path: Path
    sheet: str | None
    looks: tuple[Look, ...]
    table: Any
    notes: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """Rows below the header."""
        return int(self.table.num_rows)

    @property
    def title(self) -> str:
        """Name of the file, with that of the sheet."""
        return f"{self.path.name}#{self.sheet}" if self.sheet else self.path.name

    def look(self, name: str) -> Look:
        """Return the column of that heading."""
        return next(look for look in self.looks if look.name == name)


def open_sheets(path: Path) -> Iterator[Sheet]:
    """Look at a file; a workbook gives one for each sheet with rows.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    names: list[str | None] = [None]
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        names = list(_sheet_names(path))
    for name in names:
        raw = load(path, name, None)
        columns = raw.table.column_names
        looks = tuple(
            look_at(column, raw.table.column(i))
            for i, column in enumerate(columns)
            if columns.count(column) == 1
        )
        yield Sheet(path, name, looks, raw.table, tuple(raw.notes))


def _sheet_names(path: Path) -> list[str | None]:
    from mmm.tables.workbook import sheet_names

    names = sheet_names(path)
    return list(names) if len(names) > 1 else [None]


def look_at(name: str, column: Any) -> Look:
    """Look at the values of one column.

    Parameters
    ----------
    name : str
        Heading.
    column : pyarrow array

    Examples
    --------
    >>> look_at("Data", pa.array(["03/04/2024", "28/04/2024"])).order
    'day'
    >>> look_at("Importo", pa.array(["1.500", "2.000"])).decimal
    'either'
    """
    array = flat(column)
    if not is_text(array):
        return _typed(name, array)
    words = pc.utf8_trim_whitespace(array)
    words = words.filter(pc.invert(pc.is_in(words, pa.array(MISSING_WORDS)))).drop_null()
    counted = words.value_counts()
    unique = numbered_months(counted.field("values"))
    facts: dict[str, Any] = {
        "n": len(array),
        "filled": len(words),
        "distinct": len(unique),
        "example": words[0].as_py() if len(words) else "",
        "words": _commonest(counted),
    }
    return Look(name, kind=_kind(unique), **facts | _writing(unique))


def _commonest(counted: Any) -> tuple[str, ...]:
    """Return different values, the commonest first; of an id, which has very many, the first."""
    if len(counted) > 25 * MOST_WORDS:
        return tuple(counted.field("values")[:MOST_WORDS].to_pylist())
    pairs = zip(*(counted.field(name).to_pylist() for name in ("values", "counts")), strict=True)
    ranked = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    return tuple(word for word, _ in ranked[:MOST_WORDS])


def _typed(name: str, array: Any) -> Look:
    there = array.drop_null()
    unique = pc.unique(there)
    facts: dict[str, Any] = {"n": len(array), "filled": len(there), "distinct": len(unique)}
    facts["example"] = str(there[0].as_py()) if len(there) else ""
    kept = unique if len(unique) <= MOST_WORDS else unique[:MOST_WORDS]
    facts["words"] = tuple(str(value) for value in kept.to_pylist())
    if len(there) == 0:
        return Look(name, kind="empty", **facts)
    if pa.types.is_boolean(array.type):
        return Look(name, kind="flag", **facts)
    if pa.types.is_temporal(array.type):
        zoned = pa.types.is_timestamp(array.type) and array.type.tz is not None
        return Look(name, kind="instant", order="year", zoned=zoned, **facts)
    numeric = pa.types.is_integer(array.type) or pa.types.is_floating(array.type)
    kind: Kind = "amount" if numeric or pa.types.is_decimal(array.type) else "text"
    return Look(name, kind=kind, **facts)


def _share(unique: Any, pattern: str) -> float:
    found = pc.sum(pc.match_substring_regex(unique, pattern)).as_py() or 0
    return float(found) / max(len(unique), 1)


def _kind(unique: Any) -> Kind:
    if len(unique) == 0:
        return "empty"
    if max(_share(unique, _YEAR_FIRST), _share(unique, _YEAR_LAST)) >= _NEARLY_ALL:
        return "instant"
    if _share(unique, f"{_YEAR_FIRST}|{_YEAR_LAST}|{_MONTH}") >= _NEARLY_ALL:
        return "instant"
    if len(unique) <= 2 and all(word.lower() in FLAG_WORDS for word in unique.to_pylist()):
        return "flag"
    if _share(unique, _AMOUNT) >= _NEARLY_ALL:
        return "amount"
    return "email" if _share(unique, _EMAIL) >= 0.9 else "text"


def _writing(unique: Any) -> dict[str, Any]:
    """Tell how the values are written: order of dates, decimal sign, zone."""
    kind = _kind(unique)
    if kind == "instant":
        return _order(unique) | {"zoned": _share(unique, _ZONE) > 0.5}
    if kind != "amount":
        return {}
    comma, point = (_share(unique, pattern) > 0 for pattern in (_COMMA, _POINT))
    if comma and point:
        return {"decimal": "mixed"}
    if comma or point:
        return {"decimal": "," if comma else "."}
    return {"decimal": "either" if _share(unique, _EITHER) > 0 else ""}


def _order(unique: Any) -> dict[str, Any]:
    """Tell what comes first in dates, with a value that shows it."""
    late = unique.filter(pc.match_substring_regex(unique, _YEAR_LAST)).to_pylist()
    if not late:
        return {"order": "year"}
    pairs = [(word, pair) for word in late if (pair := _OVER.match(word))]
    day = [word for word, pair in pairs if int(pair[1]) > 12]
    month = [word for word, pair in pairs if int(pair[2]) > 12]
    if day and month:
        return {"order": "mixed", "example": f"{day[0]}, {month[0]}"}
    if day or month:
        return {"order": "day" if day else "month", "example": (day or month)[0]}
    return {"order": "either", "example": late[0]}


def outcomes(words: tuple[str, ...]) -> dict[str, bool]:
    """Tell, of the words of a column, which say won (true) and which say lost (false).

    Examples
    --------
    >>> outcomes(("Chiusa vinta", "Chiusa persa", "In trattativa"))
    {'Chiusa vinta': True, 'Chiusa persa': False}
    """
    found = {}
    for word in words:
        text = word.replace("_", " ")
        known = FLAG_WORDS.get(re.sub(r"[\s/_-]+", "-", word.lower()))
        if _NOT.search(text) or LOST.search(text):
            found[word] = False
        elif WON.search(text):
            found[word] = True
        elif known is not None:
            found[word] = known
    return found


def stage_ends(words: tuple[str, ...]) -> dict[str, bool]:
    """Tell which stages of a lead end it: with a customer (true) or without (false).

    The words that are known by themselves are left out.

    Examples
    --------
    >>> stage_ends(("Cliente", "MQL", "Scartato", "Lead perso", "won"))
    {'Cliente': True, 'Scartato': False, 'Lead perso': False}
    """
    found = outcomes(words)
    for word in words:
        if DISCARDED.search(word.replace("_", " ")):
            found[word] = False
        elif CUSTOMER.search(word.replace("_", " ")):
            found.setdefault(word, True)
    known = {"won", *LOST_STAGES}
    return {word: found[word] for word in words if word in found and word.lower() not in known}


def is_open(word: str) -> bool:
    """Tell whether a word that is neither won nor lost names a step on the way.

    Examples
    --------
    >>> is_open("In trattativa"), is_open("appointmentscheduled"), is_open("Gewonnen")
    (True, True, False)
    """
    text = word.replace("_", " ")
    return _OPEN.search(text) is not None or _STEP.search(text) is not None
