"""Months across: a plan with a row a channel and a column of spend a month becomes a long table."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import InputError, quoted
from mmm.tables.instants import numbered_months
from mmm.tables.locales import find_locale
from mmm.tables.money import to_money
from mmm.tables.parse import MISSING_WORDS, Context, names_totals
from mmm.tables.raw import Raw
from mmm.tables.read import Columns, Reading, refuse_twice, with_note
from mmm.tables.wide import How, melted

_NUMBERED = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:-(?P<day>\d{2})(?: 00:00:00)?)?"
    r"|(?P<first>\d{1,2})[-/.](?P<last>\d{4})"
)
_SPELLED = re.compile(r"(?P<name>[^\W\d_]{3,9})\.?[ ./_'’-]*(?P<year>\d{4}|\d{2})?")
_YEAR_SPELLED = re.compile(r"(?P<year>\d{4})[ ./_-]*(?P<name>[^\W\d_]{3,9})\.?")
_TOTAL = re.compile(
    r"(?:grand total|total[eis]?|tot\.?)(?: generale| annuo| anno| year)?(?: (?P<year>\d{4}))?",
    re.IGNORECASE,
)
_CENT = Decimal("0.01")

Amounts = Sequence[Decimal | None]


def months_of(names: Sequence[str], columns: Columns) -> dict[str, str]:
    """Return the headings that are months, each with its first day; none for a table with dates.

    Raises
    ------
    InputError
        For months without a year, two columns of one month, and years that may be days.

    Examples
    --------
    >>> months_of(["Canale", "gen 2025", "02/2025", "mar-25", "Totale"], {})
    {'gen 2025': '2025-01-01', '02/2025': '2025-02-01', 'mar-25': '2025-03-01'}
    >>> months_of(["date", "channel", "spend"], {})
    {}
    """
    found = _named_months(name for name in names if name not in columns.values())
    if len(found) < 2 or {"date", "spend"} & {*names, *columns}:
        return {}
    bare = [name for name, (day, _) in found.items() if not day]
    if bare:
        raise InputError(
            f"spend has a column a month without its year: {quoted(bare, 12)}. Rename them as in "
            f"'{bare[0]} 2025'."
        )
    days = {name: day for name, (day, _) in found.items()}
    for day in days.values():
        if len(same := [name for name in days if days[name] == day]) > 1:
            raise InputError(
                f"spend has a month in two columns: {quoted(same)}. Rename one, or delete it."
            )
    months = pd.PeriodIndex(list(days.values()), freq="M").asi8
    if any(short for _, short in found.values()) and months.max() - months.min() >= len(months):
        raise InputError(
            f"spend has columns that may be months or days: {quoted(days, 12)}. Write the years "
            "with four digits."
        )
    return days


def named_months(names: Iterable[str]) -> tuple[str, ...]:
    """Return the headings that name a month, with a year or without.

    Examples
    --------
    >>> named_months(["Canale", "gennaio", "Feb 2025", "Maria", "Totale"])
    ('gennaio', 'Feb 2025')
    """
    return tuple(_named_months(names))


def _named_months(names: Iterable[str]) -> dict[str, tuple[str, bool]]:
    read = {name: _month(name) for name in names}
    return {name: month for name, month in read.items() if month is not None}


def _month(heading: str) -> tuple[str, bool] | None:
    """Return the first day of the month, and whether its year has two digits; None for no month.

    The day is empty where the heading names no year.
    """
    if found := _NUMBERED.fullmatch(heading):
        year, month = found["year"] or found["last"], int(found["month"] or found["first"])
        if not 1 <= month <= 12:
            return None
        start = pd.Timestamp(int(year), month, 1)
        whole = found["day"] is None or int(found["day"]) in (1, start.days_in_month)
        return (str(start.date()), False) if whole else None
    spelled = _SPELLED.fullmatch(heading) or _YEAR_SPELLED.fullmatch(heading)
    if spelled is None:
        return None
    year = spelled["year"] or ""
    written = f"{spelled['name']} {f'20{year}' if len(year) == 2 else year or '2000'}"
    (numbered,) = numbered_months(pa.array([written])).to_pylist()
    if numbered == written:
        return None
    return (f"{numbered}-01" if year else "", len(year) == 2)


def read_months(raw: Raw, months: Mapping[str, str], how: How) -> Reading:
    """Read a table with a row a channel and a column of spend a month.

    Parameters
    ----------
    raw : Raw
    months : mapping of str to str
        As `months_of` returns them.
    how : How

    Returns
    -------
    Reading
        As of a table with a row a channel and month; without a column and a last row of totals.

    Raises
    ------
    InputError
        If nothing names the channel, a total is not the sum, or a column cannot be read.
    """
    refuse_twice(how.spec, raw)
    rest = [name for name in raw.table.column_names if name not in months]
    known = {*how.spec.names, *how.columns.values()}
    kept = [name for name in rest if name in known]
    _refuse_nameless(how, kept, rest)
    totals = {name: found for name in rest if (found := _TOTAL.fullmatch(name))}
    amounts = {name: _amounts(raw, name, how) for name in (*months, *totals)}
    for name, found in totals.items():
        own = [one for one, day in months.items() if day.startswith(found["year"] or "")]
        _check_total_column(raw, name, amounts, own)
    notes = [
        f"spend: the column {name!r} is left out: it is the sum of its months" for name in totals
    ]
    n = raw.table.num_rows
    if _ends_in_total(raw, amounts, list(months), rest, kept):
        notes.append(
            f"spend: {raw.rows.name([n - 1])} is left out: it is the sum of the rows above"
        )
        kinds = {name: kind[: n - 1] for name, kind in raw.kinds.items()}
        raw = Raw(raw.table.slice(0, n - 1), raw.origin, raw.notes, kinds, raw.rows)
    reading = melted(raw, kept, "date", months, how)
    names = list(months)
    left = [name for name in rest if name not in {*kept, *totals}]
    more = f"; not read: {quoted(left, 20)}" if left else ""
    note = f"spend: each of {len(names)} columns, {names[0]!r} to {names[-1]!r}, is a month{more}"
    for said in (note, *notes):
        with_note(reading.frame, said)
    return reading


def _refuse_nameless(how: How, kept: Sequence[str], rest: Sequence[str]) -> None:
    labels = how.spec.one_of[0]
    if not set(labels) & {*kept, *how.columns}:
        others = [name for name in rest if not _TOTAL.fullmatch(name)]
        name = others[0] if len(others) == 1 else "your name"
        raise InputError(
            f"spend has no column {quoted([' or '.join(labels)])}; found {quoted(rest, 20)}. "
            f"Rename it, or pass columns={{'channel': {name!r}}}."
        )


def _amounts(raw: Raw, name: str, how: How) -> Amounts:
    context = Context(
        f"spend column {name!r}", find_locale(how.locale), kinds=raw.kinds.get(name), rows=raw.rows
    )
    found: Amounts = to_money(raw.table[name], context).to_pylist()
    return found


def _check_total_column(
    raw: Raw, name: str, amounts: Mapping[str, Amounts], months: Sequence[str]
) -> None:
    for row, total in enumerate(amounts[name]):
        found = _sum(amounts[month][row] for month in months)
        if total is not None and not _alike(total, found):
            raise InputError(
                f"spend column {name!r} is {total} in {raw.rows.name([row])}, and its months add "
                f"up to {found}. Correct them, or delete that column."
            )


def _ends_in_total(
    raw: Raw,
    amounts: Mapping[str, Amounts],
    months: Sequence[str],
    rest: Sequence[str],
    kept: Sequence[str],
) -> bool:
    """Tell whether the last row is the sum of those above; refuse one that only says so."""
    last = raw.table.num_rows - 1
    if last < 1 or all(amounts[month][last] is None for month in months):
        return False
    words = {name: str(raw.table[name][last].as_py() or "").strip() for name in rest}
    said = bool(pc.any(names_totals(pa.array(words.values(), pa.string()))).as_py())
    nameless = bool(kept) and all(words[name] in MISSING_WORDS for name in kept)
    for month in months:
        total, above = amounts[month][last], _sum(amounts[month][:last])
        if total is None or _alike(total, above):
            continue
        if said:
            raise InputError(
                f"spend column {month!r} is {total} in {raw.rows.name([last])}, a row of totals, "
                f"and the rows above add up to {above}. Correct them, or delete that row."
            )
        return False
    return said or nameless


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    with localcontext(prec=60):
        return sum((one for one in amounts if one is not None), Decimal(0))


def _alike(first: Decimal, second: Decimal) -> bool:
    """Tell whether amounts are the same to the cent; a workbook adds up in floats."""
    with localcontext(prec=60):
        return first.quantize(_CENT) == second.quantize(_CENT)
