"""Parsing: a column of any type becomes text or flags; what all parsers share.

Every function takes one Arrow column, returns one of the same length, and raises when a value
cannot be read with certainty.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import ConfigError, InputError, quoted
from mmm.tables.cells import Kinds
from mmm.tables.locales import Locale
from mmm.tables.rows import Rows, true_rows

MISSING_WORDS = (
    "",
    "NULL",
    "null",
    "None",
    "NaN",
    "nan",
    "N/A",
    "#N/A",
    "#N/D",
    "NaT",
    "<NA>",
    "--",
)
_WORDS: dict[bool | None, str] = {
    True: "true t yes y 1 won win closed-won si sì vero vinto vinta chiuso-vinto chiusa-vinta",
    False: "false f no n 0 lost lose closed-lost falso perso persa chiuso-perso chiusa-persa",
    None: "open aperto aperta in-corso in-progress in-trattativa",
}
FLAG_WORDS = {word: flag for flag, words in _WORDS.items() for word in words.split()}
_MOST_UNKNOWN = 20  # words to fill in; with more of them, it is another column that is meant

# A row of sums below an export; read as a deal or a channel, it would count everything twice.
# Google Ads writes "Total: Campaigns".
_TOTALS = r"(?i)^(grand total|totals?|totale|totali|totale generale)( ?:.*)?$"


@dataclass
class Context:
    """What a parser needs to know, and where it leaves what has to be said.

    Attributes
    ----------
    where : str
        Table and column, for messages.
    locale : Locale or None
    tz : str
        Zone of instants that name none.
    flags : mapping of str to bool, optional
        Words that mean won (true) or lost (false); all others mean open.
    notes : list of str
    kinds : array of str, optional
        What each cell of a text column was before it was written as text.
    rows : Rows
        How messages name rows.
    naive : bool
        Set by the reader of instants: no zone was given.
    days : array of bool, optional
        Set by the reader of instants: the rows that gave a day without a time.
    only_days : bool
        Set by the reader of instants: every row that is filled gave a day without a time.
    symbol : tuple of (str, array), optional
        Set by the reader of amounts: the currency written beside them, and in which rows.
    """

    where: str
    locale: Locale | None = None
    tz: str = "UTC"
    flags: Mapping[str, bool] | None = None
    notes: list[str] = field(default_factory=list)
    kinds: Kinds | None = None
    rows: Rows = field(default_factory=Rows)
    naive: bool = False
    days: npt.NDArray[np.bool_] | None = None
    only_days: bool = False
    symbol: tuple[str, npt.NDArray[np.bool_]] | None = None

    def is_a(self, kind: str) -> Any:
        """Return the rows whose cell was of that kind, as an Arrow mask; None where none was."""
        found = None if self.kinds is None else self.kinds == kind
        return None if found is None or not found.any() else pa.array(found)

    def refuse(self, mask: Any, problem: str, cure: str, values: Any = None) -> NoReturn:
        """Raise for the rows where `mask` is true, showing the first value."""
        rows = true_rows(mask)
        value = None if values is None else values[rows[0]].as_py()
        said = str(value) if isinstance(value, date) else repr(value)
        shown = "" if values is None else f" ({said})"
        raise InputError(f"{self.where} {problem} in {self.rows.name(rows)}{shown}. {cure}")


def flat(column: Any) -> Any:
    """Return one contiguous array, dictionaries and views decoded."""
    if not isinstance(column, pa.ChunkedArray):
        return _decoded(column)
    if column.num_chunks == 0:
        return _decoded(pa.array([], column.type))
    chunks = [_decoded(chunk) for chunk in column.chunks]
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _decoded(array: Any) -> Any:
    if pa.types.is_dictionary(array.type):
        return pc.take(_decoded(array.dictionary), array.indices)
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        return array.cast(pa.string())
    return array


def is_text(array: Any) -> bool:
    """Tell whether an Arrow array holds strings."""
    return bool(pa.types.is_string(array.type))


def names_totals(words: Any) -> Any:
    """Return the rows whose word names a sum, as an Arrow mask."""
    return pc.match_substring_regex(words, _TOTALS)


def refuse_totals(words: Any, context: Context) -> None:
    """Refuse a row that is named as a sum."""
    sums = names_totals(words)
    if pc.any(sums).as_py():
        problem = "names a row of totals, which counts again what stands above it,"
        context.refuse(sums, problem, "Delete that row.", words)


def to_text(column: Any, context: Context) -> Any:
    """Turn a column into trimmed, NFC-normalised text; whole numbers lose their ``.0``."""
    array = flat(column)
    if pa.types.is_floating(array.type):
        array = _exact_floats(array, context)
    if not is_text(array):
        try:
            if pa.types.is_fixed_size_binary(array.type) or _is_extension(array):
                raise pa.ArrowInvalid("what is stored is no text")
            array = array.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise InputError(
                f"{context.where} holds {array.type} values, not text. "
                "Flatten or decode the column first."
            ) from None
    elif context.kinds is not None:
        inexact = pc.match_substring_regex(array, r"(?i)\d\.?\d*e[+-]?\d|^[+-]?inf")
        _refuse_inexact(pc.and_(inexact, pa.array(context.kinds == "number")), array, context)
    array = pc.utf8_trim_whitespace(_composed(array))
    return pc.if_else(pc.is_in(array, pa.array(MISSING_WORDS)), pa.scalar(None, pa.string()), array)


def _is_extension(array: Any) -> bool:
    """Tell whether a type (period, interval) stores something else than it means."""
    return isinstance(array.type, pa.BaseExtensionType)


_EXACT_BELOW = {16: 2.0**11, 32: 2.0**24, 64: 2.0**53}  # by bits of the float


def _exact_floats(array: Any, context: Context) -> Any:
    """Turn whole floats into integers; refuse those that stand for several integers."""
    limit = _EXACT_BELOW[array.type.bit_width]
    amounts = array.to_numpy(zero_copy_only=False).astype(np.float64)
    _refuse_inexact(np.abs(amounts) >= limit, array, context)
    there = ~np.isnan(amounts)
    if not np.array_equal(np.round(amounts[there]), amounts[there]):
        return pc.if_else(pa.array(there), array, pa.scalar(None, array.type))
    return pa.array(np.where(there, amounts, 0).astype(np.int64), mask=~there)


def _refuse_inexact(mask: Any, values: Any, context: Context) -> None:
    if true_rows(mask):
        cure = "Read the column as text at its source: long ids lose their last digits there."
        context.refuse(mask, "holds numbers too long to be exact", cure, values)


def _composed(array: Any) -> Any:
    """Return NFC text; Arrow before 26 answers with NFD when asked for NFC."""
    if pc.all(pc.fill_null(pc.string_is_ascii(array), True)).as_py():
        return array
    coded = array.dictionary_encode()
    words = [unicodedata.normalize("NFC", word) for word in coded.dictionary.to_pylist()]
    return pc.take(pa.array(words, pa.string()), coded.indices)


_PLAIN_NUMBER = r"(0|[1-9]\d{0,14})(\.\d+)?"
_WITH_EXPONENT = r"\d(\.\d+)?[eE][-+](\d{1,2}|[12]\d\d)"  # the sign tells 1e-05 from the code 1E5
_ANY_NUMBER = f"^-?({_PLAIN_NUMBER}|{_WITH_EXPONENT})$"
_IN_THOUSANDS = r"^-?[1-9]\d{0,2}(,\d{3}){1,4}(\.\d+)?$"
_WITH_COMMA = (
    rf"{_ANY_NUMBER}|{_IN_THOUSANDS}|^-?(0|[1-9]\d{{0,14}}|[1-9]\d{{0,2}}(\.\d{{3}})+),\d+$"
)


@dataclass(frozen=True)
class Looks:
    """What all texts of a column have in common, or those of a part of it; parts join by ``&``.

    Attributes
    ----------
    empty : bool
        There is none.
    numeric, whole : bool
        They are numbers; without decimals.
    thousands : bool
        What decimals they have may be thousands.
    commas : bool
        They are numbers, if a comma parts thousands or decimals, and no locale says which.
    """

    empty: bool = True
    numeric: bool = True
    whole: bool = True
    thousands: bool = True
    commas: bool = True

    def __and__(self, other: "Looks") -> "Looks":
        return Looks(
            self.empty and other.empty,
            self.numeric and other.numeric,
            self.whole and other.whole,
            self.thousands and other.thousands,
            self.commas and other.commas,
        )


def look_at(column: Any, context: Context) -> Looks:
    """Tell what the texts of a column, or of a part of it, have in common.

    Examples
    --------
    >>> look_at(pa.array(["1.500", "7"]), Context("leads")) & look_at(pa.array(["1.5"]),
    ...     Context("leads"))
    Looks(empty=False, numeric=True, whole=False, thousands=False, commas=True)
    """
    words, spoken, plain = _spellings(flat(column), context)
    if words.null_count == len(words):
        return Looks()
    commas = context.locale is None and _all_match(spoken, _WITH_COMMA)
    if not _all_match(plain, _ANY_NUMBER):
        return Looks(False, False, False, False, commas)
    return Looks(
        False,
        True,
        _all_match(plain, r"^[^.eE]*$"),
        context.locale is None and _all_match(spoken, r"^-?[1-9]\d{0,2}(\.\d{3})?$"),
        commas,
    )


def to_feature(column: Any, context: Context, looks: Looks | None = None) -> Any:
    """Type a column the package does not know: text that is all numbers becomes numbers.

    Codes with leading zeros stay text, and so does a column whose decimals can be read as
    thousands (1.500), or whose numbers have a comma, unless a locale says which they are. A part of
    a column is typed as all of it looks, where that is given.
    """
    array = flat(column)
    if not is_text(array):
        return array
    looks = look_at(array, context) if looks is None else looks
    words, _, plain = _spellings(array, context)
    if looks.commas and not looks.empty and not looks.numeric:
        context.notes.append(
            f"{context.where}: left as text, 1,500 may be 1500 or 1.5; pass locale="
        )
    if looks.empty or not looks.numeric:
        return words
    if looks.whole:
        return plain.cast(pa.int64())
    if looks.thousands:
        context.notes.append(f"{context.where}: left as text, 1.500 may be 1500; pass locale=")
        return words
    return plain.cast(pa.float64())


def _spellings(array: Any, context: Context) -> tuple[Any, Any, Any]:
    """Return texts as they are, those written by hand, and all of them with a decimal point."""
    words = to_text(array, replace(context, kinds=None))
    plain = words
    if context.locale is not None and context.locale.decimal == ",":
        plain = pc.replace_substring(pc.replace_substring(words, ".", ""), ",", ".")
    elif context.locale is not None:
        grouped = pc.match_substring_regex(words, _IN_THOUSANDS)  # other commas part no thousands
        plain = pc.if_else(grouped, pc.replace_substring(words, ",", ""), words)
    numbers = context.is_a("number")  # written with a point, whatever the locale
    if numbers is None:
        return words, words, plain
    spoken = pc.if_else(numbers, pa.scalar(None, pa.string()), words)
    return words, spoken, pc.if_else(numbers, words, plain)


def _all_match(words: Any, pattern: str) -> bool:
    return bool(pc.all(pc.fill_null(pc.match_substring_regex(words, pattern), True)).as_py())


def to_flag(column: Any, context: Context) -> Any:
    """Turn a column into true (won), false (lost) or missing (open)."""
    array = flat(column)
    if pa.types.is_boolean(array.type):
        if context.flags is not None:
            raise ConfigError(
                f"won_values= gives words, and {context.where} holds true and false. "
                "Leave won_values out, or name the column that holds the words."
            )
        return array
    words = to_text(array, context)
    if context.flags is not None:
        return declared_flags(words, context.flags, context)
    plain = pc.replace_substring_regex(pc.utf8_lower(words), r"[\s/_-]+", "-")
    _refuse_unknown_flags(words, plain, context)
    return pa.array([None if w is None else FLAG_WORDS[w] for w in plain.to_pylist()], pa.bool_())


def _refuse_unknown_flags(words: Any, plain: Any, context: Context) -> None:
    """Name what is not understood, in a setting that keeps the meaning of what is."""
    if all(form is None or form in FLAG_WORDS for form in pc.unique(plain).to_pylist()):
        return
    forms = dict(zip(words.to_pylist(), plain.to_pylist(), strict=True))
    found = sorted(word for word in forms if word is not None)
    unknown = [word for word in found if forms[word] not in FLAG_WORDS]
    known = {word: FLAG_WORDS.get(forms[word]) for word in found}
    setting = {word: meaning for word, meaning in known.items() if meaning is not None}
    setting |= dict.fromkeys(unknown[:_MOST_UNKNOWN], "?")
    raise InputError(
        f"{context.where} has values that are neither won, lost nor open: {quoted(unknown)}. "
        f"Pass won_values={setting!r}, with true or false for each '?'; words that are left "
        "out count as open."
    )


def declared_flags(words: Any, flags: Mapping[str, bool], context: Context) -> Any:
    """Turn words into true (won), false (lost) or missing (open), as a company says."""
    flags = {str(word): meaning for word, meaning in flags.items()}
    wrong = [word for word, meaning in flags.items() if not isinstance(meaning, bool)]
    if wrong:
        raise ConfigError(f"won_values= gives {quoted(wrong)} neither True nor False. Use those.")
    found = set(pc.unique(words).to_pylist())
    absent = [word for word in flags if word not in found]
    if len(absent) == len(flags):
        raise InputError(
            f"{context.where} holds none of the won_values {quoted(flags)}; found "
            f"{quoted(sorted(w for w in found if w is not None))}. Correct the spelling."
        )
    read = [flags.get(word) if word is not None else None for word in words.to_pylist()]
    context.notes.append(
        f"{context.where}: {read.count(True)} won, {read.count(False)} lost, "
        f"{read.count(None)} open (every value not in won_values)"
    )
    return pa.array(read, pa.bool_())
