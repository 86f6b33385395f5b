"""English and Italian: numbers, money, dates and every sentence, in one place.

Sentences stand in the folder ``words`` beside this file, a TOML file a subject, one table a key
with an ``en`` and an ``it`` text: the same facts in both languages, typographic apostrophes. A
placeholder is ``{fact:kind}``; the kinds are

``money``, ``cents``
    an amount, in whole units or with cents, in the fact ``currency``
``difference``
    of two figures in the fact ``unit``: "share" in percentage points, "days", else money
``share``, ``change``
    a ratio as a percentage; `change` always carries its sign
``count``, ``number``, ``days``
    a whole number, a number with one decimal, a length in days
``date``
    a day
``text``, ``channel``, ``channels``
    a name; a channel, ``(unattributed)`` translated; a list of channels
``label GROUP``
    the text of the key ``GROUP.<fact>``, or the fact itself where there is no such key
``count one|many``, ``form one|many``
    a noun behind its count, or a word that follows the number of a count

Italian joins articles and numbers: ``{when:al date}`` gives "al 3 marzo" and "all’8 marzo".
"""

import re
import string
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from functools import cache
from importlib import resources
from numbers import Integral, Real
from typing import Any, cast

from mmm.errors import MmmError, quoted

LANGUAGES = ("en", "it")

Number = Decimal | float | int
Mark = Callable[[str], str]

_SEPARATORS = {"en": (",", "."), "it": (".", ",")}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_WITHOUT_CENTS = frozenset({"JPY", "KRW", "ISK", "CLP", "VND"})
_SPACE = "\u00a0"
_EXACT = Context(prec=400)
# Article or preposition before a consonant, a vowel ("otto", "undici") and a zero ("zero virgola").
_ARTICLES = {
    "il": ("il ", "l’", "lo "),
    "del": ("del ", "dell’", "dello "),
    "al": ("al ", "all’", "allo "),
    "dal": ("dal ", "dall’", "dallo "),
    "nel": ("nel ", "nell’", "nello "),
}


def format_money(
    amount: Number | None, currency: str = "EUR", lang: str = "en", cents: bool = False
) -> str:
    """Write an amount of money; halves round away from zero, Decimals stay exact.

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
    if _missing(amount):
        return _text("format.missing", lang)
    digits = 2 if cents and currency not in _WITHOUT_CENTS else 0
    sign, figure = _figure(exact(amount), digits, lang)
    symbol = _SYMBOLS.get(currency, currency)
    if lang == "it":
        return f"{sign}{figure}{_SPACE}{symbol}"
    return f"{sign}{symbol}{_SPACE if symbol == currency else ''}{figure}"


def format_share(share: Number | None, lang: str = "en", digits: int | None = None) -> str:
    """Write a ratio as a percentage: whole from 10% on, one decimal below, unless `digits` says.

    Examples
    --------
    >>> format_share(0.314), format_share(0.0314, "it"), format_share(0.0002)
    ('31%', '3,1%', '<0.1%')
    >>> format_share(0.314, digits=1)
    '31.4%'
    """
    if _missing(share):
        return _text("format.missing", lang)
    percent = exact(share).scaleb(2, _EXACT)
    if digits is None:
        if 0 < percent < Decimal("0.05"):
            return f"<{_joined(Decimal('0.1'), 1, lang)}%"
        digits = 0 if percent == 0 or abs(_round(percent, 1)) >= 10 else 1
    return f"{_joined(percent, digits, lang)}%"


def format_count(count: Number | None, lang: str = "en", digits: int = 0) -> str:
    """Write a number with grouped thousands.

    Examples
    --------
    >>> format_count(12345), format_count(12.34, "it", digits=1)
    ('12,345', '12,3')
    """
    if _missing(count):
        return _text("format.missing", lang)
    return _joined(exact(count), digits, lang)


def format_date(day: date | None, lang: str = "en") -> str:
    """Write a day in full.

    Examples
    --------
    >>> from datetime import date
    >>> format_date(date(2025, 3, 3)), format_date(date(2025, 3, 3), "it")
    ('3 March 2025', '3 marzo 2025')
    """
    if _missing(day):
        return _text("format.missing", lang)
    if not isinstance(day, date):
        raise MmmError(f"{day!r} is not a date; pass a datetime.date or a pandas Timestamp.")
    month = _text("format.months", lang).split()[day.month - 1]
    return f"{day.day} {month} {day.year}"


def format_days(days: Number | None, lang: str = "en") -> str:
    """Write a length of time in whole days.

    Examples
    --------
    >>> format_days(1), format_days(17.4), format_days(90, "it")
    ('1 day', '17 days', '90 giorni')
    """
    if _missing(days):
        return _text("format.missing", lang)
    whole = _round(exact(days), 0)
    return f"{_joined(whole, 0, lang)} {_form(whole, _text('format.days', lang))}"


def format_list(names: Sequence[str], lang: str = "en") -> str:
    """Join names as a list in prose.

    Examples
    --------
    >>> format_list(["a", "b", "c"]), format_list(["a", "b"], "it")
    ('a, b and c', 'a e b')
    """
    *head, last = names or ("",)
    return f"{', '.join(head)} {_text('format.and', lang)} {last}" if head else last


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
    if _missing(value):
        raise MmmError("A number is missing where one is needed; fill it or leave its row out.")
    if isinstance(value, Decimal):
        return value
    if isinstance(value, Integral):
        return Decimal(int(value))
    if isinstance(value, Real):
        return Decimal(str(float(value)))
    raise MmmError(f"{value!r} is not a number; pass a Decimal, a float or an integer.")


def say(key: str, /, lang: str = "en", *, mark: Mark | None = None, **facts: object) -> str:
    """Say the sentence of a key, its facts written as the language writes them.

    Parameters
    ----------
    key : str
        Key in ``words``, such as ``"attribution.leader"``.
    lang : {"en", "it"}
        Language.
    mark : callable, optional
        Applied to every name in the sentence, for example to set it apart in a page.
    **facts : object
        What the placeholders of the sentence ask for; `currency` where there is money.

    Raises
    ------
    MmmError
        If the key or the language is unknown, or a fact is missing or of the wrong type.

    Examples
    --------
    >>> say("limits.unattributed", credit=1200, share=0.04, currency="EUR")
    '€1,200 (4.0%) belongs to deals without a recorded contact; no channel gets it.'
    >>> say("channel.(unattributed)", "it")
    '(non attribuito)'
    """
    return _Speaker(key, lang, mark, facts).said()


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing: what it is, of which parts, and what to do about it.

    Attributes
    ----------
    metric : str
        Key of the statement in ``words``.
    value : object
        The figure; placeholders reach it as ``value``.
    change : object
        Its change where there is one; placeholders reach it as ``change``.
    because : tuple of (str or Finding)
        Keys said with the same facts, or findings with facts of their own.
    action : str or None
        Key of the sentence that says what to do.
    facts : mapping of str to object
        What the placeholders ask for.

    Examples
    --------
    >>> leader = Finding(
    ...     "attribution.leader", 0.31, action="action.experiment",
    ...     facts={"channel": "webinar", "credit": 31_000, "total": 100_000, "share": 0.31,
    ...            "model": "markov", "currency": "EUR"},
    ... )
    >>> print(leader.sentence())
    webinar earned the most: €31,000 of the €100,000 won (31%), by the Markov model. \
Before moving budget, pause webinar in one region for a few weeks and compare.
    """

    metric: str
    value: object
    change: object = None
    because: tuple["str | Finding", ...] = ()
    action: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def sentence(self, lang: str = "en", mark: Mark | None = None) -> str:
        """Join statement, reasons and action, in a language; `mark` as in `say`."""
        facts = {"value": self.value, "change": self.change, **self.facts}
        own = [self.metric, *self.because, *([self.action] if self.action else [])]
        return " ".join(
            part.sentence(lang, mark)
            if isinstance(part, Finding)
            else _Speaker(part, lang, mark, facts).said()
            for part in own
        )


@cache
def entries() -> Mapping[str, Mapping[str, str]]:
    """Return every entry of ``words/*.toml``: key to language to text.

    Raises
    ------
    MmmError
        If two files hold the same key.

    Examples
    --------
    >>> entries()["format.missing"]["it"]
    'n.d.'
    """
    found: dict[str, Mapping[str, str]] = {}
    files = resources.files("mmm").joinpath("words").iterdir()
    for file in sorted(files, key=lambda file: file.name):
        groups = cast(
            dict[str, dict[str, dict[str, str]]], tomllib.loads(file.read_text(encoding="utf-8"))
        )
        keys = {
            f"{group}.{name}": groups[group][name] for group in groups for name in groups[group]
        }
        if twice := found.keys() & keys:
            raise MmmError(f"{file.name} says {quoted(sorted(twice))} again; keep one of them.")
        found |= keys
    return found


def _text(key: str, lang: str) -> str:
    if lang not in LANGUAGES:
        raise MmmError(f"There is no wording in {lang!r}; use one of {quoted(LANGUAGES)}.")
    if key not in entries():
        group = [name for name in entries() if name.split(".")[0] == key.split(".")[0]]
        raise MmmError(
            f"There is no sentence {key!r}; use one of {quoted(group or entries())}, "
            "or add it to mmm/words."
        )
    return entries()[key][lang]


class _Speaker(string.Formatter):
    """Fills one sentence; the kind behind the colon of a placeholder chooses the format."""

    def __init__(self, key: str, lang: str, mark: Mark | None, facts: Mapping[str, object]) -> None:
        self.key, self.lang, self.facts = key, lang, facts
        self.mark = mark or str

    def said(self) -> str:
        return self.vformat(_text(self.key, self.lang), (), self.facts)

    def fact(self, name: str) -> Any:
        if name not in self.facts:
            raise MmmError(
                f"The sentence {self.key!r} needs the fact {name!r} and was given "
                f"{quoted(self.facts) or 'none'}; pass {name}=..."
            )
        return self.facts[name]

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return self.fact(str(key))

    def format_field(self, value: Any, format_spec: str) -> str:
        article, kind, detail = split_kind(format_spec)
        if kind not in KINDS:
            raise MmmError(
                f"The sentence {self.key!r} asks for the unknown format {format_spec!r}; "
                f"use one of {quoted(KINDS, limit=len(KINDS))} in mmm/words."
            )
        try:
            said = KINDS[kind](self, value, detail)
        except MmmError as error:
            raise MmmError(f"In the sentence {self.key!r}: {error}") from error
        return _with_article(article, said, kind)


def split_kind(spec: str) -> tuple[str, str, str]:
    """Split a placeholder's format into Italian article, kind and detail.

    Examples
    --------
    >>> split_kind("al date"), split_kind("count deal|deals")
    (('al', 'date', ''), ('', 'count', 'deal|deals'))
    """
    first, _, rest = spec.partition(" ")
    article, spec = (first, rest) if first in _ARTICLES else ("", spec)
    kind, _, detail = spec.partition(" ")
    return article, kind, detail


def _say_money(speaker: _Speaker, value: Any, detail: str) -> str:
    return format_money(value, speaker.fact("currency"), speaker.lang)


def _say_cents(speaker: _Speaker, value: Any, detail: str) -> str:
    return format_money(value, speaker.fact("currency"), speaker.lang, cents=True)


def _say_difference(speaker: _Speaker, value: Any, detail: str) -> str:
    unit = speaker.facts.get("unit")
    if unit not in ("share", "days"):
        return _say_money(speaker, value, detail)
    figure = _round(exact(value).scaleb(2 if unit == "share" else 0, _EXACT), 1)
    forms = _text("format.points" if unit == "share" else "format.days", speaker.lang)
    return f"{_joined(figure, 1, speaker.lang)} {_form(abs(figure), forms)}"


def _say_change(speaker: _Speaker, value: Any, detail: str) -> str:
    said = format_share(value, speaker.lang)
    return f"+{said}" if not _missing(value) and value > 0 else said


def _say_count(speaker: _Speaker, value: Any, detail: str) -> str:
    said = format_count(value, speaker.lang)
    return f"{said} {_form(_round(exact(value), 0), detail)}" if detail else said


def _say_channel(speaker: _Speaker, value: Any, detail: str) -> str:
    key = f"channel.{value}"
    return _text(key, speaker.lang) if key in entries() else speaker.mark(str(value))


def _say_channels(speaker: _Speaker, value: Any, detail: str) -> str:
    return format_list([_say_channel(speaker, name, detail) for name in value], speaker.lang)


def _say_label(speaker: _Speaker, value: Any, detail: str) -> str:
    key = f"{detail}.{value}"
    return _text(key, speaker.lang) if key in entries() else speaker.mark(str(value))


KINDS: Mapping[str, Callable[[_Speaker, Any, str], str]] = {
    "money": _say_money,
    "cents": _say_cents,
    "difference": _say_difference,
    "share": lambda speaker, value, _: format_share(value, speaker.lang),
    "change": _say_change,
    "count": _say_count,
    "number": lambda speaker, value, _: format_count(value, speaker.lang, digits=1),
    "days": lambda speaker, value, _: format_days(value, speaker.lang),
    "date": lambda speaker, value, _: format_date(value, speaker.lang),
    "text": lambda speaker, value, _: speaker.mark(str(value)),
    "channel": _say_channel,
    "channels": _say_channels,
    "label": _say_label,
    "form": lambda _, value, detail: _form(_round(exact(value), 0), detail),
}


def _form(count: Decimal, forms: str) -> str:
    one, _, many = forms.partition("|")
    return one if count == 1 else many


def _with_article(article: str, said: str, kind: str) -> str:
    number = re.match(r"\d+", said)
    if not article or number is None:
        return said
    digits = number.group()
    # 8, 80, 8.000 and 11, 11.000 begin with a vowel when read; 1% does, 1.000 and the 1st do not.
    vowel = digits[0] == "8" or digits == "11" or (digits == "1" and kind == "share")
    before_consonant, before_vowel, before_zero = _ARTICLES[article]
    prefix = before_zero if digits == "0" else before_vowel if vowel else before_consonant
    return prefix + said


def _missing(value: object) -> bool:
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
