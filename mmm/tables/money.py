"""Money: amounts become exact decimals, and nothing is ever rounded through a float."""

from decimal import Decimal
from typing import Any

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

_POINT = r"^[+-]?\d+(\.\d+)?$"
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
        return _from_floats(array.cast(pa.float64()), context)
    if pa.types.is_integer(array.type):
        return _narrow(array.cast(pa.decimal128(38, 0)).cast(pa.decimal128(38, CENT_DIGITS)))
    if pa.types.is_decimal(array.type):
        return _from_decimals(array, context)
    if pa.types.is_boolean(array.type) or pa.types.is_temporal(array.type):
        raise InputError(f"{context.where} holds {array.type} values. Choose a column of amounts.")
    return _from_text(to_text(array, context), context)


def _from_decimals(array: Any, context: Context) -> Any:
    digits = max(CENT_DIGITS, array.type.scale)
    if digits > MAX_DIGITS:
        short = array.cast(pa.decimal128(38, MAX_DIGITS), safe=False)
        same = pc.equal(short.cast(array.type, safe=False), array)
        if not pc.all(pc.fill_null(same, True)).as_py():
            context.refuse(
                pc.invert(same), f"has more than {MAX_DIGITS} decimals", "Round it first.", array
            )
        digits = MAX_DIGITS
    return _narrow(array.cast(pa.decimal128(38, digits), safe=False))


def _from_floats(array: Any, context: Context) -> Any:
    """Read floats as the decimal they were written as, if they can still carry their cents."""
    amounts = np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)
    missing = np.isnan(amounts)
    if np.isinf(amounts).any():
        context.refuse(np.isinf(amounts), "is infinite", "Correct those amounts.", array)
    clean = np.where(missing, 0.0, amounts)
    # A binary float near 2**53 cents no longer tells one cent from the next.
    large = np.abs(clean) * 100 >= FLOAT_EXACT
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
    words = pc.replace_substring_regex(words, "[\\s\u00a0\u202f'’]", "")
    words = pc.replace_substring(words, "\u2212", "-")
    words = _without_symbol(words, context)
    locale = context.locale or _settled_by_values(words, context)
    group, point = (f"\\{locale.thousands}", f"\\{locale.decimal}")
    good = pc.or_(
        pc.match_substring_regex(words, _GROUPED.format(group, point)),
        pc.match_substring_regex(words, _PLAIN.format(group, point)),
    )
    if not pc.all(pc.fill_null(good, True)).as_py():
        cure = "Correct it, or pass locale= ('it' reads 1.234,56; 'en' reads 1,234.56)."
        context.refuse(pc.invert(good), "is not a number", cure, words)
    plain = pc.replace_substring(words, locale.thousands, "")
    plain = pc.replace_substring(plain, locale.decimal, ".")
    return _decimal_from_plain(plain, context, words)


def _decimal_from_plain(plain: Any, context: Context, words: Any) -> Any:
    fraction = pc.utf8_length(pc.struct_field(pc.extract_regex(plain, r"\.(?P<f>\d+)$"), "f"))
    digits = max(CENT_DIGITS, pc.max(fraction).as_py() or 0)
    if digits > MAX_DIGITS:
        too_fine = pc.greater(fraction, MAX_DIGITS)
        context.refuse(too_fine, f"has more than {MAX_DIGITS} decimals", "Round it first.", words)
    try:
        return _narrow(plain.cast(pa.decimal128(38, digits)))
    except pa.ArrowInvalid as error:
        longest = pc.greater(pc.utf8_length(plain), 38 - digits)
        context.refuse(longest, f"is too large ({error})", "Correct the amount.", words)


def _without_symbol(words: Any, context: Context) -> Any:
    pattern = r"^(?P<head>€|\$|£|CHF|EUR|USD|GBP)?(?P<body>.*?)(?P<tail>€|\$|£|CHF|EUR|USD|GBP)?$"
    parts = pc.extract_regex(words, pattern)
    symbols = {
        symbol
        for side in ("head", "tail")
        for symbol in pc.unique(pc.struct_field(parts, side)).to_pylist()
        if symbol
    }
    if not symbols:
        return words
    if len(symbols) > 1:
        raise InputError(
            f"{context.where} mixes the currencies {', '.join(sorted(symbols))} in its amounts. "
            "Put the currency in a column of its own and pass currency= and rates=."
        )
    context.notes.append(f"{context.where}: the symbol {symbols.pop()} is taken off the amounts")
    return pc.struct_field(parts, "body")


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
