"""Instants and dates: read with certainty or refused, and stored in UTC.

Policy for local times that a clock change makes odd: a time that happens twice (autumn) is read as
the first of the two, a time that is skipped (spring) as the first instant after the gap; both are
counted in the notes.
"""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import ConfigError, InputError, quoted
from mmm.tables.parse import Context, flat, is_text, refuse_totals, to_text
from mmm.tables.rows import true_rows

_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?P<frac>\.\d+)?)?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|[+-]\d{2}:?\d{2}|[+-]\d{2}))?$"
)
_YEAR_FIRST = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _CLOCK
_YEAR_LAST = r"^(?P<first>\d{1,2})[-/.](?P<second_part>\d{1,2})[-/.](?P<year>\d{4})" + _CLOCK
_YEAR_SHORT = r"(?P<year>\d{4}|\d{2})"
# 24-03-31 may begin with its year: with a hyphen, two digits stay unread.
_SHORT_LAST = r"^(?P<first>\d{1,2})[/.](?P<second_part>\d{1,2})[/.](?P<year>\d{2})" + _CLOCK
_TWO_DIGITS = r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{1,2}(\D|$)"
_NAME = r"(?P<month>[a-zì]{3,9})\.?"
_WEEKDAY = r"(?i)^(?:(?:mon|tue|wed|thu|fri|sat|sun|lun|mar|mer|gio|ven|sab|dom)[a-zì]*\.?,? )?"
_NAMED = (
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ ./-]+{_NAME},?[ ./-]+{_YEAR_SHORT}"
    r"(?P<clock>(?:[T ,].*)?)$",
    rf"{_WEEKDAY}{_NAME}[ -]+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})"
    r"(?P<clock>(?:[T ,].*)?)$",
    rf"(?i)^{_NAME}[ /-]+(?P<year>\d{{4}})$",
)
_SHORT = r"^\D*\d{1,2}\D+\d{2}(\D|$)"  # 31-Mar-24
_MONTH_NAMES = (
    "january february march april may june july august september october november december",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
)
_MONTH_NUMBERS = {
    word: f"{number:02d}"
    for names in _MONTH_NAMES
    for number, name in enumerate(names.split(), start=1)
    for word in (name, name[:3], name[:4])
}
_MONTH_LAST = r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})$"
_MONTH_FIRST = r"^(?P<month>\d{1,2})[-/.](?P<year>\d{4})$"
_INSTANT = pa.timestamp("us", "UTC")
DAY_MICROS = 86_400_000_000


def check_tz(tz: str) -> None:
    """Raise unless `tz` names a time zone."""
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError) as error:
        raise ConfigError(
            f"tz {tz!r} is not a time zone. Use a name such as 'UTC' or 'Europe/Rome'."
        ) from error


def to_instant(column: Any, context: Context) -> Any:
    """Turn a column into UTC timestamps.

    Parameters
    ----------
    column : pyarrow array
        Timestamps, dates or text; ISO 8601, day and month in the order of the locale, or a month
        that is spelled, in English or Italian.
    context : Context
        Naive values are read in ``context.tz``; a date alone is its midnight there.

    Returns
    -------
    pyarrow.Array
        ``timestamp[us, UTC]``.

    Raises
    ------
    InputError
        For text that is no date or can be read in two ways, and for mixed time zones.

    Examples
    --------
    >>> to_instant(pa.array(["2024-07-01 10:00"]), Context("touches", tz="Europe/Rome"))[0].as_py()
    datetime.datetime(2024, 7, 1, 8, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    array = flat(column)
    if array.null_count == len(array):
        return pa.nulls(len(array), _INSTANT)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
        return array.cast(_INSTANT) if array.type.tz else _localised(array, context)
    if pa.types.is_date(array.type):
        return _localised(array.cast(pa.timestamp("us")), context)
    return _from_text(_words(array, context), context)


def to_date(column: Any, context: Context) -> Any:
    """Turn a column into calendar dates (``date32``), those of ``context.tz`` for instants."""
    array = flat(column)
    if array.null_count == len(array):
        return pa.nulls(len(array), pa.date32())
    if pa.types.is_date(array.type):
        return array.cast(pa.date32())
    if pa.types.is_timestamp(array.type):
        stamps = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    else:
        words = _words(array, context)
        stamps = _months(words, context)
        stamps = _read_text(words, context) if stamps is None else stamps
    if stamps.type.tz is not None:
        stamps = pc.local_timestamp(stamps.cast(pa.timestamp("us", context.tz)))
    return stamps.cast(pa.date32(), safe=False)


def numbered_months(words: Any) -> Any:
    """Write dates that spell their month, English or Italian, with its number: 2024-03-31.

    Examples
    --------
    >>> numbered_months(pa.array(["31 Mar, 2024 10:30", "marzo 2024", "31-mar-24"])).to_pylist()
    ['2024-03-31 10:30', '2024-03', '2024-03-31']
    """
    if not pc.any(pc.match_substring_regex(words, r"(?i)[a-z]{3}.*\d")).as_py():
        return words
    for pattern in _NAMED:
        parts = pc.extract_regex(words, pattern)
        found = pc.utf8_lower(pc.struct_field(parts, "month"))
        known = pc.index_in(found, pa.array(list(_MONTH_NUMBERS)))
        month = pc.take(pa.array(list(_MONTH_NUMBERS.values())), known)
        year = pc.struct_field(parts, "year")
        year = _full_years(year)
        date = _joined(year, month, "-")
        if "(?P<day>" in pattern:
            date = _joined(date, pc.utf8_lpad(pc.struct_field(parts, "day"), 2, "0"), "-")
            date = _joined(date, pc.struct_field(parts, "clock"), "")
        words = pc.coalesce(date, words)
    return words


def _full_years(years: Any) -> Any:
    """Write years of two digits with four, as POSIX does: 69 to 99 are before 2000."""
    short = pc.less(pc.utf8_length(years), 4)
    century = pc.if_else(pc.greater_equal(years, "69"), "19", "20")
    return pc.if_else(short, _joined(century, years, ""), years)


def _joined(first: Any, second: Any, sign: str) -> Any:
    return pc.binary_join_element_wise(first, second, sign)


def _months(words: Any, context: Context) -> Any | None:
    """Read months such as 2024-01 or 01/2024 as their first day; None where a value is a day."""
    filled = pc.is_valid(words)
    for pattern in (_MONTH_LAST, _MONTH_FIRST):
        parts = pc.extract_regex(words, pattern)
        if not pc.all(pc.equal(pc.is_valid(parts), filled)).as_py():
            continue
        year, month = (pc.struct_field(parts, name) for name in ("year", "month"))
        iso = pc.binary_join_element_wise(year, pc.utf8_lpad(month, 2, "0"), "01", "-")
        wrong = pc.greater(pc.fill_null(month.cast(pa.int64()), 1), 12)
        wrong = pc.or_(wrong, pc.equal(pc.fill_null(month.cast(pa.int64()), 1), 0))
        if pc.any(wrong).as_py():
            context.refuse(wrong, "is a month that does not exist", "Correct it.", words)
        context.notes.append(f"{context.where}: months, read as their first day")
        return iso.cast(pa.timestamp("us"))
    return None


def _words(array: Any, context: Context) -> Any:
    """Return dates as text; refuse numbers and flags, alone or among dates."""
    if not is_text(array):
        raise InputError(
            f"{context.where} holds {array.type} values, not dates. "
            "Turn epoch or serial numbers into timestamps first."
        )
    for kind, name in (("number", "a number"), ("flag", "true or false")):
        found = context.is_a(kind)
        if found is not None:
            cure = "Format those cells as dates, or write 2024-03-31."
            context.refuse(found, f"holds {name} and no date", cure, array)
    words = to_text(array, context)
    numbered = numbered_months(words)
    if numbered is words:
        return words
    short = pc.and_(pc.not_equal(words, numbered), pc.match_substring_regex(words, _SHORT))
    if pc.any(short).as_py():
        _note_short_years(context)
    return numbered


def _note_short_years(context: Context) -> None:
    context.notes.append(f"{context.where}: years of two digits are those from 1969 to 2068")


def _localised(naive: Any, context: Context, days: Any = None) -> Any:
    """Read naive timestamps in the zone of the context; `days` are those given without a time."""
    context.notes.append(f"{context.where}: no time zone given, read as {context.tz}")
    context.naive = True
    there = pc.is_valid(naive).to_numpy(zero_copy_only=False)
    micros = pc.fill_null(naive.cast(pa.int64()), 0).to_numpy()
    if (micros % DAY_MICROS == 0).all():
        context.days = there
    elif days is not None:
        context.days = there & days
    context.only_days = context.days is not None and bool((context.days == there).all())
    try:
        return pc.assume_timezone(naive, context.tz).cast(_INSTANT)
    except pa.ArrowInvalid:
        early = pc.assume_timezone(naive, context.tz, ambiguous="earliest", nonexistent="earliest")
        late = pc.assume_timezone(naive, context.tz, ambiguous="latest", nonexistent="latest")
        chosen = pc.assume_timezone(naive, context.tz, ambiguous="earliest", nonexistent="latest")
        odd = pc.sum(pc.not_equal(early, late)).as_py()
        context.notes.append(
            f"{context.where}: {odd} local times fall in a clock change; doubled hours are read as "
            "the first, skipped ones as the end of the gap"
        )
        return chosen.cast(_INSTANT)


def _from_text(words: Any, context: Context) -> Any:
    days: list[Any] = []
    stamps = _read_text(words, context, days)
    return stamps if stamps.type.tz else _localised(stamps, context, *days)


def _read_text(words: Any, context: Context, days: list[Any] | None = None) -> Any:
    """Return timestamps as written: naive where no zone is named, in UTC where one is.

    `days` receives the mask of the rows without a time.
    """
    quick = _iso_utc(words)
    if quick is not None:
        return quick
    parts = _parts(words, context)
    stamps = _stamps(parts, words, context)
    if days is not None:
        days.append(pc.is_null(parts["hour"]).to_numpy(zero_copy_only=False))
    zone = parts["zone"]
    zoned, filled = pc.is_valid(zone), pc.is_valid(words)
    if not pc.any(zoned).as_py():
        return stamps
    naive_rows = true_rows(pc.and_(filled, pc.invert(zoned)))
    if naive_rows:
        raise InputError(
            f"{context.where} mixes times without a zone ({context.rows.name(naive_rows)}) and "
            f"with one ({context.rows.name(true_rows(zoned))}). Write all of them in UTC (…Z)."
        )
    return _from_offsets(stamps, zone, words, context)


def _iso_utc(words: Any) -> Any | None:
    """Read the commonest form, ISO with Z, in one pass; None where a value is in another."""
    ends = pc.all(pc.fill_null(pc.match_substring_regex(words, r"\d{2}:\d{2}.*Z$"), True)).as_py()
    if not ends:
        return None
    try:
        return words.cast(_INSTANT)
    except pa.ArrowInvalid:
        return None


def _from_offsets(stamps: Any, zone: Any, words: Any, context: Context) -> Any:
    names = [name for name in pc.unique(zone).to_pylist() if name is not None]
    minutes = {name: _offset_minutes(name) for name in names}
    wrong = [name for name, shift in minutes.items() if shift is None]
    if wrong:
        mask = pc.is_in(zone, pa.array(wrong, pa.string()))
        context.refuse(mask, "has an offset that no zone has", "Correct it.", words)
    micros = {name: shift * 60_000_000 for name, shift in minutes.items() if shift is not None}
    shift = pa.array([None if z is None else micros[z] for z in zone.to_pylist()])
    utc = pc.subtract(stamps, shift.cast(pa.int64()).cast(pa.duration("us")))
    instants = pc.assume_timezone(utc, "UTC")
    if len(set(minutes.values())) > 1:
        local = pc.local_timestamp(instants.cast(pa.timestamp("us", context.tz)))
        if not pc.all(pc.fill_null(pc.equal(local, stamps), True)).as_py():
            raise InputError(
                f"{context.where} mixes time zones: offsets {quoted(sorted(names))}. Write all of "
                "them in UTC (…Z), or pass tz= where one zone has all these offsets."
            )
    return instants.cast(_INSTANT)


def _offset_minutes(name: str) -> int | None:
    """Return the minutes east of UTC; None beyond the 14 hours that zones reach."""
    if name in {"Z", "UTC"}:
        return 0
    digits = name[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    total = hours * 60 + minutes
    if minutes > 59 or total > 14 * 60:
        return None
    return -total if name[0] == "-" else total


def end_of_days(instants: Any, days: npt.NDArray[np.bool_], tz: str) -> Any:
    """Move midnights in `tz` to the last microsecond of their day, where `days` is true.

    Examples
    --------
    >>> midnight = pa.array(["2024-07-01T00:00:00Z"]).cast(_INSTANT)
    >>> end_of_days(midnight, np.array([True]), "UTC")[0].as_py().isoformat()
    '2024-07-01T23:59:59.999999+00:00'
    """
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", tz)))
    day = local.cast(pa.date32(), safe=False).cast(pa.timestamp("us"))
    one_day = pa.scalar(DAY_MICROS, pa.int64()).cast(pa.duration("us"))
    following = pc.assume_timezone(
        pc.add(day, one_day), tz, ambiguous="earliest", nonexistent="latest"
    )
    last = pc.subtract(following, pa.scalar(1, pa.int64()).cast(pa.duration("us")))
    return pc.if_else(pa.array(days), last.cast(_INSTANT), instants)


def _parts(words: Any, context: Context) -> dict[str, Any]:
    """Split every value into year, month, day, clock and zone; refuse what has another form."""
    parts = pc.extract_regex(words, _YEAR_FIRST)
    year_first = pc.is_valid(parts)
    other = _year_last(words, context)
    bad = pc.and_(pc.is_valid(words), pc.invert(pc.or_(year_first, pc.is_valid(other))))
    if pc.any(bad).as_py():
        refuse_totals(words, context)
        short = pc.and_(bad, pc.match_substring_regex(words, _TWO_DIGITS))
        if pc.any(short).as_py():
            context.refuse(short, "has a year of two digits", _long_years(context), words)
        context.refuse(bad, "is not a date", _forms(context), words)
    if pc.all(pc.or_(year_first, pc.is_null(words))).as_py():
        return _fields(parts, ("year", "month", "day"))
    late = _fields(other, ("first", "second_part"))
    day_first = _day_first(late, context, words)
    late["day"], late["month"] = (
        (late["first"], late["second_part"]) if day_first else (late["second_part"], late["first"])
    )
    early = _fields(parts, ("year", "month", "day"))
    late["year"] = _full_years(pc.struct_field(other, "year"))
    return {name: pc.coalesce(early[name], late[name]) for name in early}


def _year_last(words: Any, context: Context) -> Any:
    """Split dates that end with their year; of two digits only where a locale gives the order."""
    other = pc.extract_regex(words, _YEAR_LAST)
    if context.locale is None or context.locale.day_first is None:
        return other
    short = pc.extract_regex(words, _SHORT_LAST)
    if short.null_count == len(short):
        return other
    _note_short_years(context)
    return pc.coalesce(other, short)


def _long_years(context: Context) -> str:
    """Say how a year gets four digits; a locale is a cure where none gives the order."""
    if context.locale is None or context.locale.day_first is None:
        return (
            "Write 2024-03-31 (in Excel the format yyyy-mm-dd), or pass locale= ('it' and 'en_GB' "
            "read 31/3/24; 'en_US' reads 3/31/24)."
        )
    return "Write 2024-03-31 (in Excel the format yyyy-mm-dd)."


def _forms(context: Context) -> str:
    """Say how a date may be written; with a locale, another one is no cure."""
    if context.locale is None:
        return "Write 2024-03-31 or 2024-03-31T14:05:00Z, or pass locale= for 31/03/2024."
    own = {True: ", 31/03/2024", False: ", 03/31/2024", None: ""}[context.locale.day_first]
    return f"Write 2024-03-31{own} or 2024-03-31T14:05:00Z."


_CLOCK_FIELDS = ("hour", "minute", "second", "frac", "half", "zone")


def _fields(parts: Any, names: tuple[str, ...]) -> dict[str, Any]:
    empty = pa.scalar(None, pa.string())
    fields = {}
    for name in (*names, *_CLOCK_FIELDS):
        value = pc.struct_field(parts, name)
        fields[name] = pc.if_else(pc.equal(value, ""), empty, value)
    return fields


def _day_first(late: dict[str, Any], context: Context, words: Any) -> bool:
    if context.locale is not None and context.locale.day_first is not None:
        return context.locale.day_first
    first_over = pc.greater(late["first"].cast(pa.int64()), 12)
    second_over = pc.greater(late["second_part"].cast(pa.int64()), 12)
    day, month = bool(pc.any(first_over).as_py()), bool(pc.any(second_over).as_py())
    if day == month:
        shown = pc.filter(words, pc.is_valid(late["first"]))[0].as_py()
        reason = "rows disagree on which comes first" if day else "no day is over 12"
        raise InputError(
            f"{context.where} can be read in two ways: {shown!r} is day/month or month/day, and "
            f"{reason}. Pass locale='it' or 'en_GB' (day first), or 'en_US' (month first)."
        )
    order = "day first" if day else "month first"
    proof = true_rows(first_over if day else second_over)
    context.notes.append(
        f"{context.where}: dates are {order}, as {context.rows.name(proof[:1])} shows"
    )
    return day


def _stamps(parts: dict[str, Any], words: Any, context: Context) -> Any:
    """Compose naive timestamps, refusing days and times that do not exist."""
    number = {
        name: pc.fill_null(parts[name].cast(pa.int64()), 0).to_numpy()
        for name in ("year", "month", "day", "hour", "minute", "second")
    }
    filled = pc.is_valid(words).to_numpy(zero_copy_only=False)
    half = pc.fill_null(pc.utf8_lower(parts["half"]), "").to_numpy(zero_copy_only=False)
    hour = np.where(half == "", number["hour"], number["hour"] % 12 + 12 * (half == "p"))
    year = np.where(filled, number["year"], 1970)
    first = ((year - 1970) * 12 + np.clip(number["month"], 1, 12) - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]")
    length = ((first + 1).astype("datetime64[D]") - days).astype(np.int64)
    bad = (
        (number["month"] < 1) | (number["month"] > 12)
        | (number["day"] < 1) | (number["day"] > length)
        | (hour > 23) | (number["minute"] > 59) | (number["second"] > 59)
        | ((half != "") & ((number["hour"] < 1) | (number["hour"] > 12)))
    ) & filled  # fmt: skip
    if bad.any():
        cure = "Correct it; if day and month are swapped, pass locale=."
        context.refuse(bad, "is a day or time that does not exist", cure, words)
    fraction = pc.fill_null(parts["frac"], "0").cast(pa.float64()).to_numpy()
    seconds = (hour * 60 + number["minute"]) * 60 + number["second"]
    micros = seconds * 1_000_000 + np.rint(fraction * 1e6).astype(np.int64)
    midnight = (days + (number["day"] - 1)).astype("datetime64[us]")
    stamps = midnight + micros.astype("timedelta64[us]")
    return pa.array(stamps, pa.timestamp("us"), mask=~filled)
