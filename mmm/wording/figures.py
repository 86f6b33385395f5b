"""Figures as a language writes them: money, shares, counts and dates; rounding that adds up."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from numbers import Integral, Real

from mmm.errors import MmmError, quoted
from mmm.wording.entries import LANGUAGES, text

Number = Decimal | float | int

_SEPARATORS = {"en": (",", "."), "it": (".", ",")}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_WITHOUT_CENTS = frozenset({"JPY", "KRW", "ISK", "CLP", "VND"})
_NOTHING = Decimal("1e-6")  # a smaller amount is what computing leaves of none
_SPACE = "\u00a0"
_EXACT = Context(prec=400)


def format_money(
    amount: Number | None,
    currency: str = "EUR",
    lang: str = "en",
    cents: bool = False,
    digits: int = 0,
) -> str:
    """Write an amount of money; halves round away from zero, Decimals stay exact.

    Parameters
    ----------
    amount : number or None
    currency : str
        Three letters.
    lang : {"en", "it"}
    cents : bool
        Whether to write two decimals, where the currency has cents.
    digits : int
        Decimals to write without `cents`, as `money_digits` finds them for amounts told together.

    Examples
    --------
    >>> from decimal import Decimal
    >>> format_money(Decimal("1234.56"), cents=True)
    '€1,234.56'
    >>> format_money(1234.5, lang="it").replace("\u00a0", " ")
    '1.235 €'
    >>> format_money(-80, "CHF").replace("\u00a0", " ")
    '-CHF 80'
    >>> format_money(None, lang="it")
    'n.d.'
    """
    if not re.fullmatch(r"[A-Z]{3}", str(currency)):
        raise MmmError(f"Currency {currency!r} is not a three-letter code; write it as in 'EUR'.")
    if is_missing(amount):
        return text("format.missing", lang)
    digits = digits if not cents else 0 if currency in _WITHOUT_CENTS else 2
    sign, figure = _figure(exact(amount), digits, lang)
    symbol = _SYMBOLS.get(currency, currency)
    if lang == "it":
        return f"{sign}{figure}{_SPACE}{symbol}"
    return f"{sign}{symbol}{_SPACE if symbol == currency else ''}{figure}"


def money_digits(amounts: Iterable[object]) -> int:
    """Return how many decimals show two digits of the largest of amounts told together.

    None from ten on or where all are whole, cents below ten, as many as it takes below a tenth;
    what is missing has no say.

    Examples
    --------
    >>> money_digits([1200, 0.4]), money_digits([0.4, -3.2]), money_digits([0.012, 0.0])
    (0, 2, 3)
    >>> money_digits([1, 5.0])
    0
    """
    known = [abs(exact(amount)) for amount in amounts if not is_missing(amount)]
    largest = max(known, default=Decimal(0))
    whole = all(amount == amount.to_integral_value() for amount in known)
    if whole or largest < _NOTHING or largest >= Decimal("9.5"):
        return 0
    return max(2, 1 - largest.adjusted())


def format_share(share: Number | None, lang: str = "en", digits: int | None = None) -> str:
    """Write a ratio as a percentage: whole from 10% on, one decimal below, unless `digits` says.

    Examples
    --------
    >>> format_share(0.314), format_share(0.0314, "it"), format_share(0.0002)
    ('31%', '3,1%', '<0.1%')
    >>> format_share(0.314, digits=1)
    '31.4%'
    """
    if is_missing(share):
        return text("format.missing", lang)
    percent = exact(share).scaleb(2, _EXACT)
    if digits is None:
        if 0 < percent < Decimal("0.05"):
            return f"<{_joined(Decimal('0.1'), 1, lang)}%"
        digits = 0 if percent == 0 or abs(_round(percent, 1)) >= 10 else 1
    return f"{_joined(percent, digits, lang)}%"


def format_chance(chance: Number | None, lang: str = "en") -> str:
    """Write a probability as a percentage; no estimate is certain, so none is 0% or 100%.

    Examples
    --------
    >>> format_chance(0.96), format_chance(0.9999), format_chance(0), format_chance(0.034, "it")
    ('96%', '>99%', '<1%', '3,4%')
    """
    if not is_missing(chance):
        value = exact(chance)
        if value > Decimal("0.99"):
            return ">99%"
        if value < Decimal("0.01"):
            return "<1%"
    return format_share(chance, lang)


def format_count(count: Number | None, lang: str = "en", digits: int = 0) -> str:
    """Write a number with grouped thousands.

    Examples
    --------
    >>> format_count(12345), format_count(12.34, "it", digits=1)
    ('12,345', '12,3')
    """
    if is_missing(count):
        return text("format.missing", lang)
    return _joined(exact(count), digits, lang)


def format_date(day: date | None, lang: str = "en") -> str:
    """Write a day in full.

    Examples
    --------
    >>> from datetime import date
    >>> format_date(date(2025, 3, 3)), format_date(date(2025, 3, 3), "it")
    ('3 March 2025', '3 marzo 2025')
    """
    if is_missing(day):
        return text("format.missing", lang)
    if not isinstance(day, date):
        raise MmmError(f"{day!r} is not a date; pass a datetime.date or a pandas Timestamp.")
    month = text("format.months", lang).split()[day.month - 1]
    return f"{day.day} {month} {day.year}"


def format_days(days: Number | None, lang: str = "en") -> str:
    """Write a length of time in whole days.

    Examples
    --------
    >>> format_days(1), format_days(17.4), format_days(90, "it")
    ('1 day', '17 days', '90 giorni')
    """
    if is_missing(days):
        return text("format.missing", lang)
    whole = _round(exact(days), 0)
    return f"{_joined(whole, 0, lang)} {_form(whole, text('format.days', lang))}"


def format_difference(figure: Number, unit: str, lang: str = "en") -> str:
    """Write a difference of two shares, in percentage points, or of two lengths, in days.

    Examples
    --------
    >>> format_difference(0.031, "share"), format_difference(12.34, "days", "it")
    ('3.1 percentage points', '12,3 giorni')
    """
    printed = _round(exact(figure).scaleb(2 if unit == "share" else 0, _EXACT), 1)
    forms = text("format.points" if unit == "share" else "format.days", lang)
    return f"{_joined(printed, 1, lang)} {_form(abs(printed), forms)}"


def format_list(names: Sequence[str], lang: str = "en") -> str:
    """Join names as a list in prose.

    Examples
    --------
    >>> format_list(["a", "b", "c"]), format_list(["a", "b"], "it")
    ('a, b and c', 'a e b')
    """
    *head, last = names or ("",)
    return f"{', '.join(head)} {text('format.and', lang)} {last}" if head else last


def round_to_total(
    amounts: Iterable[Number], digits: int = 0, total: Number | None = None
) -> list[Decimal]:
    """Round amounts so that what is printed adds up to the rounded total (largest remainder).

    Hamilton's method (Balinski and Young 1982, Fair Representation, ch. 3): everybody gets the
    whole units, the units left go to the largest fractions, earlier amounts first.

    Parameters
    ----------
    amounts : iterable of number
        Amounts to round, none of them missing.
    digits : int
        Decimals kept.
    total : number, optional
        What the amounts sum to, where it is known better than their sum.

    Examples
    --------
    >>> [str(part) for part in round_to_total([33.4, 33.3, 33.3])]
    ['34', '33', '33']
    """
    with localcontext(_EXACT):
        given = [exact(amount) for amount in amounts]
        known = sum(given, Decimal(0)) if total is None else exact(total)
        unit = Decimal(1).scaleb(-digits)
        units = int(_round(known, digits) / unit)
        off = abs(sum(given, Decimal(0)) - known)
        if off > max(unit * len(given), abs(known) * Decimal("1e-9")):
            raise MmmError(
                f"Amounts that sum to {sum(given, Decimal(0))} cannot be rounded to add up to "
                f"{total}; pass the total of these amounts."
            )
        # Scaled to the total, so that floats near the edge of their precision still add up.
        whole = sum((Fraction(part) for part in given), Fraction(0))
        scale = Fraction(units) / whole if whole else 1 / Fraction(unit)
        quotas = [Fraction(part) * scale for part in given]
        floors = [quota.numerator // quota.denominator for quota in quotas]
        by_remainder = sorted(range(len(given)), key=lambda i: floors[i] - quotas[i])
        for i in by_remainder[: units - sum(floors)]:
            floors[i] += 1
        return [Decimal(count) * unit for count in floors]


def exact(value: object) -> Decimal:
    """Take Decimals and integers as they are, floats at their shortest decimal text.

    Examples
    --------
    >>> exact(0.1), exact(3)
    (Decimal('0.1'), Decimal('3'))
    """
    if is_missing(value):
        raise MmmError("A number is missing where one is needed; fill it or leave its row out.")
    if isinstance(value, Decimal):
        return value
    if isinstance(value, Integral):
        return Decimal(int(value))
    if isinstance(value, Real):
        return Decimal(str(float(value)))
    raise MmmError(f"{value!r} is not a number; pass a Decimal, a float or an integer.")


def form_of(count: Number, forms: str) -> str:
    """Choose the form of a word that goes with a count as it is printed, in whole numbers.

    Examples
    --------
    >>> form_of(1, "deal|deals"), form_of(1.6, "deal|deals")
    ('deal', 'deals')
    """
    return _form(_round(exact(count), 0), forms)


def _form(printed: Decimal, forms: str) -> str:
    one, _, many = forms.partition("|")
    return one if printed == 1 else many


def is_missing(value: object) -> bool:
    """Tell whether a figure is missing or not finite.

    Examples
    --------
    >>> is_missing(float("nan")), is_missing(0)
    (True, False)
    """
    if value is None:
        return True
    try:
        unequal = bool(value != value)  # NaN and NaT differ from themselves
    except TypeError:  # pandas.NA refuses to be true or false
        return True
    return unequal or value in (float("inf"), float("-inf"))


def _round(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT)


def _figure(value: Decimal, digits: int, lang: str) -> tuple[str, str]:
    """Return the sign and the grouped digits of a rounded number; -0 has no sign."""
    if lang not in LANGUAGES:
        raise MmmError(f"There is no wording in {lang!r}; use one of {quoted(LANGUAGES)}.")
    rounded = _round(value, digits)
    group, point = _SEPARATORS[lang]
    plain = f"{rounded.copy_abs():,f}".translate(str.maketrans(",.", group + point))
    return ("-" if rounded < 0 else ""), plain


def _joined(value: Decimal, digits: int, lang: str) -> str:
    return "".join(_figure(value, digits, lang))
