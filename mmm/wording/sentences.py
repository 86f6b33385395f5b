"""Sentences: a key and its facts, said in a language; findings that join several."""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Any

from mmm.errors import MmmError, quoted
from mmm.wording.entries import entries, text
from mmm.wording.figures import (
    form_of,
    format_chance,
    format_count,
    format_date,
    format_days,
    format_difference,
    format_list,
    format_money,
    format_share,
    is_missing,
    money_digits,
)

Mark = Callable[[str], str]

# Article or preposition before a consonant, a vowel ("otto", "undici") and a zero ("zero virgola").
_ARTICLES = {
    "il": ("il ", "l’", "lo "),
    "del": ("del ", "dell’", "dello "),
    "al": ("al ", "all’", "allo "),
    "dal": ("dal ", "dall’", "dallo "),
    "nel": ("nel ", "nell’", "nello "),
}


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
    '€1,200 (4.0%) belongs to deals without a recorded contact that counts; no channel gets it.'
    >>> say("channel.(unattributed)", "it")
    '(non attribuito)'
    """
    return _Speaker(key, lang, mark, facts, _digits([key], lang, facts)).said()


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
        What the placeholders ask for; `digits` where money stands beside a table with decimals.

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
        digits = _digits([part for part in own if isinstance(part, str)], lang, facts)
        return " ".join(
            part.sentence(lang, mark)
            if isinstance(part, Finding)
            else _Speaker(part, lang, mark, facts, digits).said()
            for part in own
        )


def _digits(keys: Sequence[str], lang: str, facts: Mapping[str, object]) -> int:
    """Return the decimals of money in sentences said together, so that small sums are told.

    As many as the fact `digits` asks for at least, where they stand beside a table.
    """
    told = {
        name
        for key in keys
        for _, name, spec, _ in string.Formatter().parse(text(key, lang))
        if name and split_kind(spec or "")[1] in ("money", "difference")
    }
    amounts = [facts[name] for name in told if name in facts]
    own = money_digits(amount for amount in amounts if isinstance(amount, Real | Decimal))
    asked = facts.get("digits", 0)
    return max(own, asked if isinstance(asked, int) else 0)


class _Speaker(string.Formatter):
    """Fills one sentence; the kind behind the colon of a placeholder chooses the format."""

    def __init__(
        self, key: str, lang: str, mark: Mark | None, facts: Mapping[str, object], digits: int
    ) -> None:
        self.key, self.lang, self.facts, self.digits = key, lang, facts, digits
        self.mark = mark or str

    def said(self) -> str:
        return self.vformat(text(self.key, self.lang), (), self.facts)

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
    return format_money(value, speaker.fact("currency"), speaker.lang, digits=speaker.digits)


def _say_cents(speaker: _Speaker, value: Any, detail: str) -> str:
    return format_money(value, speaker.fact("currency"), speaker.lang, cents=True)


def _say_difference(speaker: _Speaker, value: Any, detail: str) -> str:
    unit = speaker.facts.get("unit")
    if unit not in ("share", "days"):
        return _say_money(speaker, value, detail)
    return format_difference(value, str(unit), speaker.lang)


def _say_change(speaker: _Speaker, value: Any, detail: str) -> str:
    said = format_share(value, speaker.lang)
    return f"+{said}" if not is_missing(value) and value > 0 else said


def _say_count(speaker: _Speaker, value: Any, detail: str) -> str:
    said = format_count(value, speaker.lang)
    return f"{said} {form_of(value, detail)}" if detail else said


def _say_channel(speaker: _Speaker, value: Any, detail: str) -> str:
    key = f"channel.{value}"
    return text(key, speaker.lang) if key in entries() else speaker.mark(str(value))


def _say_channels(speaker: _Speaker, value: Any, detail: str) -> str:
    """Name all, or as many as the detail allows and how many others there are."""
    most = int(detail or len(value))
    said = [_say_channel(speaker, name, "") for name in value[:most]]
    if len(value) > most:
        said.append(say("format.others", speaker.lang, n=len(value) - most))
    return format_list(said, speaker.lang)


def _say_label(speaker: _Speaker, value: Any, detail: str) -> str:
    key = f"{detail}.{value}"
    return text(key, speaker.lang) if key in entries() else speaker.mark(str(value))


KINDS: Mapping[str, Callable[[_Speaker, Any, str], str]] = {
    "money": _say_money,
    "cents": _say_cents,
    "difference": _say_difference,
    "share": lambda speaker, value, _: format_share(value, speaker.lang),
    "chance": lambda speaker, value, _: format_chance(value, speaker.lang),
    "change": _say_change,
    "count": _say_count,
    "number": lambda speaker, value, _: format_count(value, speaker.lang, digits=1),
    "days": lambda speaker, value, _: format_days(value, speaker.lang),
    "date": lambda speaker, value, _: format_date(value, speaker.lang),
    "text": lambda speaker, value, _: speaker.mark(str(value)),
    "channel": _say_channel,
    "channels": _say_channels,
    "label": _say_label,
    "form": lambda _, value, detail: form_of(value, detail),
}


def _with_article(article: str, said: str, kind: str) -> str:
    number = re.match(r"\d+", said)
    if not article or number is None:
        return said
    digits = number.group()
    # 8, 80, 8.000 and 11, 11.000 begin with a vowel when read; 1% does, 1.000 and the 1st do not.
    vowel = digits[0] == "8" or digits == "11" or (digits == "1" and kind in ("share", "chance"))
    before_consonant, before_vowel, before_zero = _ARTICLES[article]
    prefix = before_zero if digits == "0" else before_vowel if vowel else before_consonant
    return prefix + said
