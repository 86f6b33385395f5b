"""How text writes numbers and dates: told from all the words of a column, never guessed."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Style = Literal["", ".", ",", "iso", "dmy", "mdy"]
Words = Sequence[str] | npt.NDArray[Any]

STYLES: tuple[Style, ...] = ("", ".", ",", "iso", "dmy", "mdy")
_AROUND = re.compile(r"(?P<sign>-?)(?P<before>€|\$|£|EUR|USD|GBP|)\s*(?P<number>[^\s€$£%]+)\s*"
                     r"(?P<after>€|\$|£|%|EUR|USD|GBP|)")  # fmt: skip
# The sign tells 1e-05, as programs write it, from the code 1E5; a leading 0 is that of a code.
_POINT = re.compile(
    r"-?(?:(?:0|[1-9]\d{0,14}|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?"
    r"|\d(?:\.\d+)?[eE][-+](?:\d{1,2}|[12]\d\d))"
)
_COMMA = re.compile(r"-?(?:0|[1-9]\d{0,14}|[1-9]\d{0,2}(?:\.\d{3})+)(?:,\d+)?")
_ISO = re.compile(r"\d{4}([-/])\d{2}\1\d{2}(?:[T ]\d{1,2}:\d{2}.*)?")
_DAY_MONTH = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2\d{4}(?: +\d{1,2}:\d{2}(?::\d{2})?)?")


def number_style(words: Words) -> Style:
    """Tell whether decimals are behind a point or a comma; "" where both could be, or neither is.

    Examples
    --------
    >>> number_style(["1.234,50", "7"]), number_style(["0.5"]), number_style(["1.500", "2.750"])
    (',', '.', '')
    """
    bare = [_bare(word) for word in words]
    known = {about for _, about in bare if about is not None}
    if len({about for about in known if about}) > 1:  # euros and dollars, or per cent
        return ""
    plain = [number for number, about in bare if about is not None]
    point, comma = (
        {number for number in plain if grammar.fullmatch(number)} for grammar in (_POINT, _COMMA)
    )
    if len(point) != len(comma):
        return "." if len(point) > len(comma) else ","
    if point != comma or any(sign in number for number in point for sign in ".,"):
        return ""
    return "." if point else ""


def numbers_of(words: Words, style: Style = "") -> "np.ndarray[Any, Any]":
    """Read words as numbers; NaN where one is none.

    A sign of currency or a per cent sign around a number is no part of it: 12% is 12.

    Parameters
    ----------
    words : sequence or array of str
    style : {"", ".", ","}
        By default what `number_style` tells.

    Examples
    --------
    >>> numbers_of(["€ 1.234,50", "€ 7,00"]).tolist(), numbers_of(["1.500"], ",").tolist()
    ([1234.5, 7.0], [1500.0])
    """
    style = style or number_style(words)
    grammar = {".": _POINT, ",": _COMMA}.get(style)
    read = np.full(len(words), np.nan)
    if grammar is None:
        return read
    for i, word in enumerate(words):
        number, about = _bare(word)
        if about is not None and grammar.fullmatch(number):
            plain = number.replace(",", "") if style == "." else number.replace(".", "")
            read[i] = float(plain.replace(",", "."))
    return read


def date_style(words: Words) -> Style:
    """Tell how days are written; "" where day and month cannot be told apart.

    Examples
    --------
    >>> date_style(["2025-01-13"]), date_style(["13/01/2025"]), date_style(["01/13/2025"])
    ('iso', 'dmy', 'mdy')
    >>> date_style(["01/02/2025"])
    ''
    """
    if any(_ISO.fullmatch(word) for word in words):
        return "iso"
    found = [match for word in words if (match := _DAY_MONTH.fullmatch(word))]
    first, second = (any(int(match[place]) > 12 for match in found) for place in (1, 3))
    if first == second:
        return ""
    return "dmy" if first else "mdy"


def dates_of(words: Words, style: Style = "") -> "np.ndarray[Any, Any]":
    """Read words as dates, UTC without zone; NaT where one is none.

    Parameters
    ----------
    words : sequence or array of str
    style : {"", "iso", "dmy", "mdy"}
        By default what `date_style` tells.

    Examples
    --------
    >>> dates_of(["01/02/2025"], "dmy").astype(str).tolist()
    ['2025-02-01T00:00:00.000000']
    """
    never = np.full(len(words), np.datetime64("NaT", "us"))
    style = style or date_style(words)
    pattern = {"iso": _ISO, "dmy": _DAY_MONTH, "mdy": _DAY_MONTH}.get(style)
    if pattern is None:
        return never
    fit = np.array([pattern.fullmatch(word) is not None for word in words], dtype=bool)
    texts = [word for word, fits in zip(words, fit, strict=True) if fits]
    options: dict[str, Any] = {"format": "mixed", "dayfirst": style == "dmy"}
    if style == "iso":
        texts, options = [text.replace("/", "-") for text in texts], {"format": "ISO8601"}
    read = pd.to_datetime(pd.Series(texts, dtype="str"), utc=True, errors="coerce", **options)
    never[fit] = read.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return never


def _bare(word: str) -> tuple[str, str | None]:
    """Return a number without what stands around it, and that; None where it is no number."""
    match = _AROUND.fullmatch(word)
    if match is None or (match["before"] and match["after"]):
        return word, None
    return match["sign"] + match["number"], match["before"] or match["after"]
