"""Text of the page: sentences said, names of the user's tables escaped and set apart."""

import unicodedata
from collections.abc import Mapping
from functools import partial

from markupsafe import Markup, escape

from mmm import wording
from mmm.wording import Finding

MAX_NAME = 120
# Marks set around a name until the sentence is escaped; names that hold them lose them.
_OPEN, _CLOSE = "\ue000", "\ue001"


def said(key: str, lang: str, **facts: object) -> Markup:
    """Say a key of ``words``, safe for the page."""
    mark = partial(_marked, lang=lang)
    return _unmarked(wording.say(key, lang, mark=mark, **facts))


def sentence(finding: Finding, lang: str) -> Markup:
    """Say a finding, safe for the page."""
    return _unmarked(finding.sentence(lang, mark=partial(_marked, lang=lang)))


def split(finding: Finding, lang: str) -> tuple[Markup, Markup]:
    """Say a finding in two: what it states, and the reasons and the action behind."""
    whole = sentence(finding, lang)
    head = sentence(
        Finding(finding.metric, finding.value, finding.change, facts=finding.facts), lang
    )
    return head, Markup(whole[len(head) :].strip())


def label(group: str, name: object, lang: str) -> Markup:
    """Translate a name of ours, set apart a name that is not."""
    key = f"{group}.{name}"
    if key in wording.entries():
        return escape(wording.say(key, lang))
    return _unmarked(_marked(str(name), lang))


def clean(name: str, lang: str) -> str:
    """Show control characters and broken code points as such, and shorten what is endless."""
    shown = _visible(name.strip())
    if not shown:
        return wording.say("page.no_name", lang)
    return shown if len(shown) <= MAX_NAME else f"{shown[:MAX_NAME]}…"


def plain(value: object) -> str:
    """Write a setting as mmm.toml does, without its quotation marks.

    Examples
    --------
    >>> plain(True), plain(("a", "b")), plain({}), plain({"fairs": (0, 9)})
    ('true', 'a, b', '–', 'fairs = 0, 9')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "; ".join(f"{name} = {plain(one)}" for name, one in value.items()) or "–"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(plain, value)) or "–"
    return "–" if value is None else str(value)


def _marked(name: str, lang: str) -> str:
    return f"{_OPEN}{clean(name, lang)}{_CLOSE}"


def _unmarked(text: str) -> Markup:
    """Escape a sentence, its names set apart by elements."""
    return Markup(str(escape(text)).replace(_OPEN, "<bdi>").replace(_CLOSE, "</bdi>"))


def prose(text: str) -> Markup:
    """Escape a text that holds names of the user's, set apart as a whole."""
    return Markup("<bdi>") + escape(_visible(text)) + Markup("</bdi>")


def _visible(text: str) -> str:
    # Cc control, Cs lone surrogate (no UTF-8), Co private use (our marks), Cn unassigned
    hidden = {"Cc", "Cs", "Co", "Cn"}
    return "".join("\ufffd" if unicodedata.category(one) in hidden else one for one in text)
