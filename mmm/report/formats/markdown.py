"""The brief as Markdown, for a mail or a chat: the same sentences and tables."""

import re
from datetime import date
from typing import Any

from mmm import wording
from mmm.report.brief import Brief
from mmm.report.formats.parts import Column, Table, parts_of
from mmm.report.health import print_value
from mmm.report.names import clean
from mmm.wording import say

# Marks that would change how the text is shown; an underscore within a word would not.
_MARKS = re.compile(r"([\\`*\[\]|~#])|(?<!\w)(_)|(_)(?!\w)")
_BREAKS = re.compile("[\t-\r\x1c-\x1e\x85\u2028\u2029]+")
_LINKS = re.compile(r"(?<=\w)(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)
_RIGHT = frozenset({"money", "cents", "share", "chance", "count", "number", "unit"})


def to_markdown(brief: Brief, lang: str = "en", edition: str = "monthly") -> str:
    """Write a brief as Markdown.

    Parameters
    ----------
    brief : Brief
    lang : {"en", "it"}
    edition : {"weekly", "monthly", "quarterly"}

    Returns
    -------
    str
        Names of the user's tables are inert: they neither mark nor link.
    """
    facts: dict[str, Any] = {
        "first": brief.period[0],
        "last": brief.period[1],
        "as_of": brief.as_of,
        "code": brief.currency,
        "level": brief.level,
    }
    title = say(f"edition.{edition}", lang, as_of=brief.as_of)
    blocks = [
        f"# {inert(clean(brief.company, lang))} – {title}",
        inert(say("formats.period", lang, **facts)),
    ]
    for part in parts_of(brief, lang, edition):
        blocks.append(f"## {inert(part.title)}")
        blocks += [inert(sentence) for sentence in part.sentences]
        for table in part.tables:
            if table.title != part.title:
                blocks.append(f"### {inert(table.title)}")
            blocks.append(_table(table, brief, lang))
    return "\n\n".join(blocks) + "\n"


def inert(text: str) -> str:
    r"""Write text so that Markdown shows it as it is, on one line.

    Examples
    --------
    >>> inert("paid_social | *new* <b>")
    'paid_social \\| \\*new\\* &lt;b&gt;'
    """
    line = _BREAKS.sub(" ", text)
    escaped = _MARKS.sub(lambda found: f"\\{found[0]}", line)
    escaped = _LINKS.sub(lambda found: f"\\{found[0]}", escaped)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _table(table: Table, brief: Brief, lang: str) -> str:
    unit = next((i for i, c in enumerate(table.columns) if c.name == "unit"), None)
    shown = [column for column in table.columns if column.name != "unit"]  # values carry theirs
    heads = " | ".join(inert(column.title) for column in shown)
    rule = " | ".join("---:" if column.kind in _RIGHT else "---" for column in shown)
    lines = [f"| {heads} |", f"| {rule} |"]
    for row in table.rows:
        units = str(row[unit]) if unit is not None else ""
        cells = [
            inert(_printed(value, column, brief.currency, units, lang))
            for value, column in zip(row, table.columns, strict=True)
            if column.name != "unit"
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _printed(value: Any, column: Column, currency: str, unit: str, lang: str) -> str:
    if value is None:
        return ""
    if column.kind == "unit":
        return print_value(value, unit, currency, lang)
    if column.kind in ("money", "cents"):
        return wording.format_money(value, currency, lang, cents=column.kind == "cents")
    if column.kind == "share":
        return wording.format_share(value, lang)
    if column.kind == "chance":
        return wording.format_chance(value, lang)
    if column.kind in ("count", "number"):
        digits = 0 if column.kind == "count" else 2
        return wording.format_count(value, lang, digits=digits)
    return wording.format_date(value, lang) if isinstance(value, date) else str(value)
