"""What readers say, in another language: their English text is recognised, and said again.

Readers lie below the words: they write their notes and errors in English. The entries of
``words/reading.toml`` hold the same texts with placeholders; a curly quotation mark there stands
for a straight one.
"""

import re
import string
from functools import cache
from typing import Any

from mmm.wording.entries import entries
from mmm.wording.sentences import say

_ROWS = re.compile(r"\b(sheet row|row|line)(s?)\b|(?<=\d )of\b|(?<=more )of\b|\band (\d+) more\b")
_BY = re.compile(r"\bby (day|week|month) in\b")
_PERIODS = {"day": "giorno", "week": "settimana", "month": "mese"}
_MANY = {"days": "giorni", "weeks": "settimane", "months": "mesi"}
_OR = re.compile(r"""(?<=["\])}']) or (?=[\w"'])""")
_NAMES = {"sheet row": "rig{} del foglio", "row": "rig{}", "line": "rig{} del file"}


def translated(message: str, lang: str) -> str:
    """Say a note or an error of a reader in a language; as it is where its words are not known.

    Examples
    --------
    >>> translated("touches column 'at': no time zone given, read as UTC", "it")
    'touches, colonna “at”: nessun fuso orario indicato, letto come UTC'
    >>> translated("what nobody foresaw", "it")
    'what nobody foresaw'
    """
    if lang == "en":
        return message
    return _found("reading", message, lang) or message


def _found(group: str, message: str, lang: str) -> str | None:
    """Say the first entry of a group that the message has the form of."""
    for key, pattern in _patterns(group):
        match = pattern.fullmatch(message)
        if match is None:
            continue
        facts: dict[str, Any] = {
            name: _part(name, part, lang) for name, part in match.groupdict().items()
        }
        if None not in facts.values():
            return say(key, lang, **facts)
    return None


def _part(name: str, text: str, lang: str) -> str | None:
    """Translate a part that is a text of readers itself; names and values stay as they are."""
    if name in ("problem", "cure"):
        return _found(f"reading_{name}", text, lang)
    if name == "note":
        return _found("reading", text, lang)
    if name == "what":
        text = text.replace("(nothing was spent)", "(non si è speso nulla)")
        return _OR.sub(" o ", text).replace("your name", "il vostro nome")
    if name == "columns":
        return text.replace(" nor ", " né ")
    if name == "every":
        return _MANY.get(text, text)
    if name == "periods":
        return _BY.sub(lambda found: f"per {_PERIODS[found[1]]} in", text)
    return _ROWS.sub(_row_words, text) if name.endswith("rows") else text


def _row_words(found: re.Match[str]) -> str:
    if found[1]:
        return _NAMES[found[1]].format("he" if found[2] else "a")
    return f"e altre {found[3]}" if found[3] else "di"


@cache
def _patterns(group: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the entries of a group as patterns, those with the most letters of their own first."""
    found = []
    for key, entry in entries().items():
        if key.partition(".")[0] != group:
            continue
        parts = list(string.Formatter().parse(entry["en"]))
        text = "".join(
            re.sub("[“”]", "'", re.escape(plain)) + (f"(?P<{name}>.+?)" if name else "")
            for plain, name, _, _ in parts
        )
        found.append((-sum(len(part[0]) for part in parts), key, re.compile(text, re.DOTALL)))
    return tuple((key, pattern) for _, key, pattern in sorted(found, key=lambda one: one[:2]))
