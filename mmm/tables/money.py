"""Money: amounts become exact decimals, and nothing is ever rounded through a float."""

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mmm.errors import InputError
from mmm.tables.locales import LOCALES, Locale
from mmm.tables.parse import Context, flat, to_text

CENT_DIGITS = 2
MAX_DIGITS = 9  # decimals kept at most; finer amounts are refused as text, rounded as floats
FLOAT_EXACT = 2.0**53  # whole numbers that a float64 holds without a gap
_PRINTED = 15  # digits of a float that programs write at least, where it has no shorter form
WIDEST = 38  # digits of an amount

CODES = {"€": "EUR", "£": "GBP"}  # a $ may be of several countries
_SYMBOLS = r"€|\$|£|(?i:CHF|EUR|USD|GBP)"
_GAPS = " \t\u00a0\u2009\u202f'’"  # what may part thousands beside point and comma
_SPACED = rf"^[+-]?\d{{1,3}}([{_GAPS}]\d{{3}})+([.,]\d+)?$"
_BLANKS = "[ \t\u00a0\u2009\u202f]*"
_WITH_SYMBOL = (
    rf"(?s)^(?P<sign>[+-]?){_BLANKS}(?P<head>{_SYMBOLS})?{_BLANKS}"
    rf"(?P<body>.*?){_BLANKS}(?P<tail>{_SYMBOLS})?$"
)
_GROUPED = r"^[+-]?\d{{1,3}}({0}\d{{3}})+({1}\d+)?$"
_PLAIN = r"^[+-]?\d+({1}\d+)?$"


def to_money(column: Any, context: Context) -> Any:
    """Turn a column into ``decimal128`` with two to nine decimals.

    Parameters
    ----------
    column : pyarrow array
        Text, integers, floats or decimals.
    context : Context

    Returns
    -------
    pyarrow.Array

    Raises
    ------
    InputError
        For infinite amounts, text that is no number or can be read in two ways, and floats too
        large to carry their cents.

    Examples
    --------
    >>> from mmm.tables.locales import find_locale
    >>> to_money(pa.array(["1.234,56"]), Context("deals 'value'", find_locale("it")))[0].as_py()
    Decimal('1234.56')
    """
    array = flat(column)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.decimal128(18, CENT_DIGITS))
    if pa.types.is_floating(array.type):
        return _from_floats(array, context)
    if pa.types.is_integer(array.type):
        return _narrow(array.cast(pa.decimal128(38, 0)).cast(pa.decimal128(38, CENT_DIGITS)))
    if pa.types.is_decimal(array.type):
        return _from_decimals(array, context)
    if pa.types.is_boolean(array.type) or pa.types.is_temporal(array.type):
        raise InputError(f"{context.where} holds {array.type} values. Choose a column of amounts.")
    words = to_text(array, replace(context, kinds=None))
    return _from_text(words, context)


def _from_decimals(array: Any, context: Context) -> Any:
    scale = array.type.scale
    exact = array.cast(pa.decimal256(76, scale))
    if scale > MAX_DIGITS:
        for digits in range(CENT_DIGITS, MAX_DIGITS + 1):  # only zeros may be dropped
            short = exact.cast(pa.decimal256(76, digits), safe=False)
            same = pc.equal(short.cast(pa.decimal256(76, scale)), exact)
            if pc.all(pc.fill_null(same, True)).as_py():
                return _fit(short, context)
        problem = f"has more than {MAX_DIGITS} decimals"
        context.refuse(pc.invert(same), problem, "Round it first.", array)
    digits = max(CENT_DIGITS, scale)
    try:
        return _fit(exact.cast(pa.decimal256(76, digits)), context)
    except pa.ArrowInvalid:
        _refuse_large(exact, digits, context)


def _fit(array: Any, context: Context) -> Any:
    """Bring decimals of 76 digits down to 38, or refuse the rows that need more."""
    try:
        return _narrow(array.cast(pa.decimal128(WIDEST, array.type.scale)))
    except pa.ArrowInvalid:
        _refuse_large(array, array.type.scale, context)


def _refuse_large(array: Any, digits: int, context: Context) -> NoReturn:
    limit = Decimal(10) ** (WIDEST - digits)
    large = [v is not None and Decimal(v).copy_abs() >= limit for v in array.to_pylist()]
    cure = f"Correct the amount: {WIDEST} digits are kept, {digits} of them decimals."
    context.refuse(np.array(large), "is too large", cure, array)


def _from_floats(array: Any, context: Context) -> Any:
    """Read floats as the decimal they were written as, if they can still carry their cents."""
    amounts, exact = _shortest(array)
    missing = np.isnan(amounts)
    if np.isinf(amounts).any():
        context.refuse(np.isinf(amounts), "is infinite", "Correct those amounts.", array)
    clean = np.where(missing, 0.0, amounts)
    # A binary float near 2**53 cents no longer tells one cent from the next.
    large = np.abs(clean) * 100 >= exact
    if large.any():
        context.refuse(
            large,
            "is too large for a float to carry its cents",
            "Pass the column as text, Decimal or integers.",
            array,
        )
    digits = _float_digits(clean)
    if not np.array_equal(np.round(clean, digits), clean):
        context.notes.append(f"{context.where}: floats are rounded to {digits} decimals")
    units = np.rint(clean * 10.0**digits).astype(np.int64)
    whole = pa.array(units, pa.int64(), mask=missing).cast(pa.decimal128(38, 0))
    return _narrow(_shift(whole, digits))


def _shortest(array: Any) -> tuple[npt.NDArray[np.float64], float]:
    """Return floats as float64, short ones as they print, and the bound of their whole numbers."""
    amounts = array.to_numpy(zero_copy_only=False)
    if amounts.dtype == np.float64:
        return amounts, FLOAT_EXACT
    exact = 2.0 ** (np.finfo(amounts.dtype).nmant + 1)
    return amounts.astype(str).astype(np.float64), exact


def _float_digits(amounts: npt.NDArray[np.float64]) -> int:
    """Return the fewest decimals, two to nine, that hold every amount, or as many as fit."""
    largest = float(np.abs(amounts).max(initial=0.0))
    for digits in range(CENT_DIGITS, MAX_DIGITS + 1):
        if np.array_equal(np.round(amounts, digits), amounts):
            return digits
        if largest * 10.0 ** (digits + 1) >= FLOAT_EXACT:
            return digits
    return MAX_DIGITS


def _shift(whole: Any, digits: int) -> Any:
    """Read whole units as a decimal with `digits` decimals, without any arithmetic on floats."""
    scale = pa.scalar(Decimal(1).scaleb(-digits), pa.decimal128(digits + 1, digits))
    narrow = whole.cast(pa.decimal128(19, 0))
    return pc.multiply(narrow, scale).cast(pa.decimal128(38, digits))


def _narrow(array: Any) -> Any:
    """Use 18 digits where they hold every amount: wider decimals leave no room for products."""
    try:
        return array.cast(pa.decimal128(18, array.type.scale))
    except pa.ArrowInvalid:
        return array


def _from_text(words: Any, context: Context) -> Any:
    numbers = context.is_a("number")
    empty = pa.scalar(None, pa.string())
    spoken = words if numbers is None else pc.if_else(numbers, empty, words)
    spoken = pc.replace_substring(spoken, "\u2212", "-")
    spoken = _ungrouped(_without_symbol(spoken, context))
    locale = context.locale or _settled_by_values(spoken, context)
    group, point = (f"\\{locale.thousands}", f"\\{locale.decimal}")
    good = pc.or_(
        pc.match_substring_regex(spoken, _GROUPED.format(group, point)),
        pc.match_substring_regex(spoken, _PLAIN.format(group, point)),
    )
    if not pc.all(pc.fill_null(good, True)).as_py():
        cure = "Correct it, or pass locale= ('it' reads 1.234,56; 'en' reads 1,234.56)."
        context.refuse(pc.invert(good), "is not a number", cure, words)
    plain = pc.replace_substring(spoken, locale.thousands, "")
    plain = pc.replace_substring(plain, locale.decimal, ".")
    if numbers is not None:
        plain = pc.if_else(numbers, _number_cells(words, numbers, context), plain)
    return _decimal_from_plain(plain, context, words)


def _number_cells(words: Any, numbers: Any, context: Context) -> Any:
    """Return number cells as plain digits; they have a point, whatever the locale."""
    infinite = pc.and_(pc.match_substring_regex(words, r"(?i)^-?inf"), numbers)
    if pc.any(infinite).as_py():
        context.refuse(infinite, "is infinite", "Correct those amounts.", words)
    inexact = pc.and_(pc.match_substring_regex(words, r"(?i)e"), numbers)
    if pc.any(inexact).as_py():
        cure = "Write those amounts as text, digit by digit."
        context.refuse(inexact, "is a number too large to carry its cents", cure, words)
    rounded = 0
    plain: list[str | None] = []
    for word, is_number in zip(words.to_pylist(), numbers.to_pylist(), strict=True):
        if word is None or not is_number:
            plain.append(None)
            continue
        amount = Decimal(word)
        exponent = amount.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -MAX_DIGITS:
            with localcontext(prec=200):
                amount = amount.quantize(Decimal(1).scaleb(-MAX_DIGITS)).normalize()
            rounded += 1
        plain.append(format(amount, "f"))
    if rounded:
        context.notes.append(
            f"{context.where}: {rounded} number cells are rounded to {MAX_DIGITS} decimals"
        )
    return pa.array(plain, pa.string())


def _ungrouped(words: Any) -> Any:
    """Take blanks and apostrophes off where they part groups of three digits."""
    grouped = pc.match_substring_regex(words, _SPACED)
    return pc.if_else(grouped, pc.replace_substring_regex(words, f"[{_GAPS}]", ""), words)


def _decimal_from_plain(plain: Any, context: Context, words: Any) -> Any:
    plain = pc.replace_substring_regex(plain, r"^([+-]?)0+(\d)", r"\1\2")
    fraction = pc.utf8_length(pc.struct_field(pc.extract_regex(plain, r"\.(?P<f>\d+)$"), "f"))
    digits = max(CENT_DIGITS, pc.max(fraction).as_py() or 0)
    if digits > MAX_DIGITS:
        too_fine = pc.fill_null(pc.greater(fraction, MAX_DIGITS), False)
        if not _are_floats(plain):
            problem = f"has more than {MAX_DIGITS} decimals"
            context.refuse(too_fine, problem, "Round it first.", words)
        plain, digits = _rounded(plain, too_fine), MAX_DIGITS
        context.notes.append(
            f"{context.where}: {pc.sum(too_fine).as_py()} floats written out are rounded to "
            f"{MAX_DIGITS} decimals"
        )
    try:
        return _narrow(plain.cast(pa.decimal128(WIDEST, digits)))
    except pa.ArrowInvalid:
        _refuse_large(plain, digits, context)


def _are_floats(plain: Any) -> bool:
    """Tell whether numbers are floats written out: some have the 15 digits that programs print."""
    digits = pc.replace_substring_regex(plain, r"^[+-]?[0.]*|\.", "")
    return bool((pc.max(pc.utf8_length(digits)).as_py() or 0) >= _PRINTED)


def _rounded(plain: Any, rows: Any) -> Any:
    """Round the numbers of these rows to the decimals that are kept."""
    step = Decimal(1).scaleb(-MAX_DIGITS)
    with localcontext(prec=200):
        short = [
            format(Decimal(word).quantize(step), "f") for word in plain.filter(rows).to_pylist()
        ]
    return pc.replace_with_mask(plain, rows, pa.array(short, pa.string()))


def _without_symbol(words: Any, context: Context) -> Any:
    """Take the currency off the amounts, and remember it for the column that names it."""
    parts = pc.extract_regex(words, _WITH_SYMBOL)
    sides = [pc.utf8_upper(pc.struct_field(parts, side)) for side in ("head", "tail")]
    written = {word for side in sides for word in pc.unique(side).to_pylist() if word}
    if not written:
        return words
    codes = {CODES.get(word, word) for word in written}
    if codes == {"$", "USD"}:
        codes = {"USD"}
    if len(codes) > 1:
        raise InputError(
            f"{context.where} mixes the currencies {', '.join(sorted(written))} in its amounts. "
            "Put the currency in a column of its own and pass currency= and rates=."
        )
    marked = pc.or_(*[pc.fill_null(pc.not_equal(side, ""), False) for side in sides])
    context.symbol = (codes.pop(), marked.to_numpy(zero_copy_only=False))
    shown = ", ".join(sorted(written))
    context.notes.append(f"{context.where}: the symbol {shown} is taken off the amounts")
    bare = pc.binary_join_element_wise(
        pc.struct_field(parts, "sign"), pc.struct_field(parts, "body"), ""
    )
    return pc.if_else(marked, bare, words)


def _settled_by_values(words: Any, context: Context) -> Locale:
    """Find the one reading that the values themselves allow; 1.000 alone allows two."""
    both_point = pc.match_substring_regex(words, r",.*\.")
    both_comma = pc.match_substring_regex(words, r"\..*,")
    groups_comma = pc.match_substring_regex(words, r",\d{3},")
    groups_point = pc.match_substring_regex(words, r"\.\d{3}\.")
    unsure = pc.match_substring_regex(words, r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$")
    one_point = pc.match_substring_regex(words, r"^[+-]?\d*\.\d*$")
    one_comma = pc.match_substring_regex(words, r"^[+-]?\d*,\d*$")
    sure = pc.invert(unsure)
    point = _any(both_point, groups_comma, pc.and_(one_point, sure))
    comma = _any(both_comma, groups_point, pc.and_(one_comma, sure))
    if pc.any(point).as_py() and pc.any(comma).as_py():
        context.refuse(
            comma,
            "uses a decimal comma and elsewhere a decimal point, the comma",
            "Write all amounts one way, then pass locale='it' or 'en' if they stay unclear.",
            words,
        )
    if pc.any(comma).as_py():
        context.notes.append(f"{context.where}: decimal comma, as its values show")
        return LOCALES["it"]
    if not pc.any(point).as_py() and pc.any(unsure).as_py():
        first = pc.filter(words, unsure)[0].as_py()
        joined = first.replace(".", "").replace(",", "")
        context.refuse(
            unsure,
            f"can be read in two ways: {first!r} is {joined} or {first.replace(',', '.')}",
            "Pass locale='it' (decimal comma) or locale='en' (decimal point).",
        )
    return LOCALES["en"]


def _any(*masks: Any) -> Any:
    result = masks[0]
    for mask in masks[1:]:
        result = pc.or_(result, mask)
    return result
