"""The configuration as text: every guess with its reason, every question as a comment."""

import json
import os
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmm.run.guess.look import Guess
from mmm.run.guess.looks import Sheet, is_open, outcomes, stage_ends
from mmm.run.guess.tables import ColumnGuess, TableGuess, channels_across
from mmm.run.guess.writing import Writing
from mmm.tables import SPECS
from mmm.tables.parse import FLAG_WORDS
from mmm.tables.schema import LOST_STAGES
from mmm.wording import say
from mmm.wording.translated import translated

WIDTH = 98
MOST_SHOWN = 12
_ABSENT = ("deals", "touches", "leads", "spend", "costs", "contacts", "roles")
_FIELDS = {
    "person_id / account_id": "who",
    "channel / source / medium / campaign": "origin",
}
_DEFAULTS = (
    ("mix", "enabled = true"),
    ("scoring", "enabled = true"),
    ("scoring", "horizon_days = 90"),
    ("attribution", 'models = ["first_touch", "last_touch", "linear", "markov"]'),
    ("attribution", 'headline = "markov"'),
    ("output", 'folder = "out"'),
)


def to_toml(
    guess: Guess, folder: Path, lang: str = "en", problems: Mapping[str, str] | None = None
) -> str:
    """Write a guess as a commented ``mmm.toml``.

    Parameters
    ----------
    guess : Guess
    folder : Path
        Where the file will lie; sources are relative to it.
    lang : {"en", "it"}
        Language of the comments.
    problems : mapping of str to str, optional
        What the reader says of a table, read as guessed.

    Returns
    -------
    str
        Valid TOML, whatever the files hold.
    """
    words = partial(say, lang=lang)
    lines = [*_comment(words("guess.title", n=guess.n_files)), *_comment(words("guess.how"))]
    lines += [*_comment(words("guess.profiles")), ""]
    for name, problem in guess.unread:
        lines += _comment(words("guess.not_read", file=_shown(name), problem=_shown(problem, 300)))
    for sheet in guess.unused:
        lines += _comment(words("guess.not_taken", file=_shown(sheet.title), columns=_names(sheet)))
        if wide := channels_across(sheet):
            date, *amounts = map(quoted_toml, wide)
            lines += _comment(words("guess.wide", date=date, channels=", ".join(amounts)))
    if lines[-1]:
        lines.append("")
    lines += _company(guess, lang)
    for table in guess.tables:
        lines += _table(table, guess, folder, lang, _problem(table, guess, problems or {}))
    for name in _ABSENT:
        if guess.table(name) is None:
            lines += _absent(name, lang)
    lines += [*_journeys(guess, lang), *_channels(guess, lang), *_rest(lang)]
    return "\n".join(lines).rstrip("\n") + "\n"


def quoted_toml(text: str) -> str:
    r"""Write text as a TOML string, whatever is in it.

    Examples
    --------
    >>> quoted_toml('a "b"\n')
    '"a \\"b\\"\\n"'
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(text: str) -> str:
    bare = text.isascii() and text.replace("_", "").replace("-", "").isalnum()
    return text if bare else quoted_toml(text)


def _shown(text: str, most: int = 60) -> str:
    """Make text from a file fit for one line of a comment."""
    clean = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= most else f"{clean[:most]}…"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="#   "
    )


def _set(key: str, value: str, reason: str = "") -> list[str]:
    """Write a setting with its reason behind it, or above it where the line would grow long."""
    line = f"{key} = {value}"
    if not reason:
        return [line]
    if len(line) + len(reason) + 4 <= WIDTH:
        return [f"{line}  # {reason}"]
    return [*_comment(reason), line]


def _ask(key: str, value: str, reason: str) -> list[str]:
    return [*_comment(reason), f"# {key} = {value}"]


def _names(sheet: Sheet) -> list[str]:
    return [_shown(look.name, 30) for look in sheet.looks[:MOST_SHOWN]]


def _company(guess: Guess, lang: str) -> list[str]:
    words = partial(say, lang=lang)
    lines = ["[company]", *_ask("name", '"Company"', words("guess.company_name"))]
    found = guess.currency
    if found.code is not None and len(found.code) == 3 and found.code.isascii():
        key = "currency_written" if found.written else "currency_column"
        key = "currency_dollar" if found.dollar else key
        reason = words(f"guess.{key}", column=_shown(found.column or ""))
        lines += _set("currency", quoted_toml(found.code.upper()), reason)
    else:
        lines += _ask("currency", '"EUR"', words("guess.currency_none"))
    key = "language_found" if guess.italian else "language_else"
    lines += _set("language", '"it"' if guess.italian else '"en"', words(f"guess.{key}"))
    return [*lines, ""]


def _table(
    table: TableGuess, guess: Guess, folder: Path, lang: str, problem: str | None
) -> list[str]:
    words = partial(say, lang=lang)
    sheet, writing = table.sheet, guess.writings[table]
    size = words(
        "guess.file", file=_shown(sheet.title), rows=sheet.n_rows, columns=len(sheet.looks)
    )
    notes = [translated(f"{table.table}: {note}", lang) for note in sheet.notes]
    said = [_shown(note.removeprefix(f"{table.table}: ")) for note in notes]
    lines = _comment("; ".join([size, *said]))
    if guess.own_leads and table.table == "leads":
        lines += _comment(words("guess.own_leads"))
    else:
        n = len(table.columns) + len(table.months)
        reason = words("guess.table", table=table.table, n=n)
        if table.rivals:
            reason += "; " + words("guess.table_rivals", rivals=list(table.rivals))
        lines += _comment(reason)
    if problem is not None:
        lines += _comment(words("guess.mend", problem=_shown(problem, 600)))
    several = sum(one.table == table.table for one in guess.tables) > 1
    lines.append(f"[[{table.table}]]" if several else f"[{table.table}]")
    lines += [f"source = {quoted_toml(_relative(sheet.path, folder))}"]
    if sheet.sheet is not None:
        lines.append(f"table = {quoted_toml(sheet.sheet)}")
    if table.channel:
        reason = words("guess.channel_platform", platform=table.platform)
        lines += _set("channel", quoted_toml(table.channel), reason)
    lines += _profile(writing, guess.italian, lang)
    if writing.naive and table.table not in {"contacts", "roles"}:
        if guess.italian:
            lines += _set("tz", '"Europe/Rome"', words("guess.tz_italian"))
        else:
            lines += _ask("tz", '"Europe/Rome"', words("guess.tz_none"))
    lines += _columns(table, lang)
    lines += _stages(table, lang)
    if table.table in {"deals", "leads"}:
        lines += _won_values(table, lang)
    return [*lines, ""]


def _problem(table: TableGuess, guess: Guess, problems: Mapping[str, str]) -> str | None:
    """Return what is wrong with a file; with the first of several also what names no file."""
    begins = {one: f"in {one.sheet.title}: " for one in guess.tables if one.table == table.table}
    lines = problems.get(table.table, "").splitlines()
    others = tuple(begin for one, begin in begins.items() if one is not table)
    own = [line for line in lines if line.startswith(begins[table])]
    if guess.table(table.table) is table:
        own = [line for line in lines if not line.startswith(others)]
    return " ".join(own) or None


def _relative(path: Path, folder: Path) -> str:
    try:
        near = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        near = "../../.."
    return path.resolve().as_posix() if near.startswith("../../..") else near


def _profile(writing: Writing, italian: bool, lang: str) -> list[str]:
    words = partial(say, lang=lang)
    signs = {",": "comma", ".": "point"}
    reasons = []
    if writing.dates:
        example = _shown(writing.date_example)
        reasons.append(words(f"guess.dates_{writing.dates}", example=example))
    if writing.numbers:
        sign = signs.get(writing.numbers, writing.numbers)
        reasons.append(words(f"guess.numbers_{sign}", example=_shown(writing.number_example)))
    if writing.locale is not None and writing.open and italian:
        reasons.append(words("guess.headings_italian"))
    if writing.locale is not None:
        reason = words("guess.profile", reasons=reasons)
        return [*_comment(reason), f"locale = {quoted_toml(writing.locale)}"]
    if writing.open:
        return _ask("locale", '"it"', words("guess.profile_none", reasons=reasons))
    return []


def _columns(table: TableGuess, lang: str) -> list[str]:
    words = partial(say, lang=lang)
    lines = [f"[{table.table}.columns]"]
    for one in table.columns:
        value = "true" if one.theirs is True else quoted_toml(str(one.theirs))
        lines += _set(one.ours, value, _reason(one, table, lang))
    if table.months:
        first, last = _shown(table.months[0]), _shown(table.months[-1])
        lines += _comment(words("guess.months", n=len(table.months), first=first, last=last))
    for name in table.missing:
        what = _FIELDS.get(name, name)
        key = name.partition(" / ")[0]
        lines += _ask(key, '"…"', words("guess.column_missing", what=what))
    used = {one.theirs for one in table.columns} | {*table.months} | set(SPECS[table.table].names)
    rest = [_shown(look.name, 30) for look in table.sheet.looks if look.name not in used]
    key = "features" if table.table == "leads" else "unused"
    if rest and len(rest) <= MOST_SHOWN:
        lines += _comment(words(f"guess.{key}", columns=rest))
    elif rest:
        more = len(rest) - MOST_SHOWN
        lines += _comment(words(f"guess.{key}_more", columns=rest[:MOST_SHOWN], n=more))
    return lines


def _reason(one: ColumnGuess, table: TableGuess, lang: str) -> str:
    words = partial(say, lang=lang)
    if not isinstance(one.theirs, str):
        return words("guess.column_all_won")
    example = _shown(table.sheet.look(one.theirs).example, 24)
    reason = {
        "heading": lambda: words("guess.column_heading"),
        "values": lambda: words("guess.column_values", example=example),
        "link": lambda: words("guess.column_link", share=one.share, other=_shown(one.other)),
    }[one.by]()
    if one.others:
        others = [_shown(name, 30) for name in one.others]
        reason += "; " + words("guess.column_others", columns=others)
    return reason


def _stages(table: TableGuess, lang: str) -> list[str]:
    """List the stages found, the commonest first, so that a wrong column is seen."""
    look = table.look("stage")
    if look is None:
        return []
    shown = [_shown(word, 30) for word in look.words[:MOST_SHOWN]]
    return _comment(say("guess.stages", lang, column=_shown(look.name), words=shown))


def _won_values(table: TableGuess, lang: str) -> list[str]:
    words = partial(say, lang=lang)
    is_lead = table.table == "leads"
    look, lines = table.look("stage" if is_lead else "won"), list[str]()
    if look is None:
        return lines
    said = stage_ends(look.words) if is_lead else outcomes(look.words)
    known = {"won", *LOST_STAGES} if is_lead else set(FLAG_WORDS)
    plain = {word: re.sub(r"[\s/_-]+", "-", word.lower()) for word in look.words}
    if look.kind == "flag" or set(plain.values()) <= known:
        return lines
    others = [word for word in look.words if word not in said]
    unknown = [w for w in others if not (is_open(w) or (is_lead and plain[w] in known))]
    section, key = f"[{table.table}.won_values]", "stage" if is_lead else "won"
    if said:
        lines += [section]
        lines += _comment(words(f"guess.{key}_words", column=_shown(look.name)))
        lines += [f"{_key(word)} = {str(won).lower()}" for word, won in said.items()]
        if shown := [_shown(word, 30) for word in others if word not in unknown]:
            lines += _comment(words("guess.open_words", words=shown[:MOST_SHOWN]))
    if unknown:
        which = "unknown" if said else "none_known"
        lines += _comment(words(f"guess.{key}_{which}", column=_shown(look.name)))
        lines += [] if said else [f"# {section}"]
        lines += [f'# {_key(_shown(word))} = "?"' for word in unknown[:MOST_SHOWN]]
    return lines


def _absent(name: str, lang: str) -> list[str]:
    reason = say("guess.table_missing", lang, table=name, gain=name)
    return [*_comment(reason), f"# [{name}]", f'# source = "{name}.csv"', ""]


def _journeys(guess: Guess, lang: str) -> list[str]:
    words = partial(say, lang=lang)
    joined = guess.joined
    if joined.by is None:
        both = guess.table("deals") is not None and (
            guess.table("touches") is not None or guess.table("leads") is not None
        )
        question = _ask("by", '"account"', words("guess.no_link")) if both else []
        return ["[journeys]", *question, "# lookback_days = 180", ""]
    if joined.people is not None:
        reason = words("guess.by_account", share=joined.people)
    else:
        reason = words("guess.by_account_only" if joined.by == "account" else "guess.by_person")
    lines = [*_comment(reason), f'by = "{joined.by}"', "# lookback_days = 180"]
    return ["[journeys]", *lines, ""]


def _channels(guess: Guess, lang: str) -> list[str]:
    return ["[channels]", *_channel_lines(guess, lang), ""]


def _channel_lines(guess: Guess, lang: str) -> Iterator[str]:
    words, found = partial(say, lang=lang), guess.channels
    for channel, spellings in found.matched.items():
        shown = [_shown(one, 40) for one in spellings]
        yield from _comment(words("guess.channel_matched", channel=channel, words=shown))
    if found.n_left:
        yield from _comment(words("guess.channel_left", n=found.n_left))
    if found.left:
        yield "rules = ["
        for left in found.left:
            yield f"  # {_inline({'channel': '…', **_patterns(left.fields)})},  # ({left.rows})"
        yield "]"
    if found.names:
        yield from _comment(words("guess.channel_names"))
        yield "[channels.names]"
        yield from (f"{_key(old)} = {quoted_toml(new)}" for old, new in found.names.items())


def _patterns(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {name: _shown(value, 80) for name, value in fields if name != "channel"}


def _inline(rule: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{k} = {quoted_toml(v)}" for k, v in rule.items()) + " }"


def _rest(lang: str) -> list[str]:
    words = partial(say, lang=lang)
    lines = ["[funnel]", *_ask("margin", "0.4", words("guess.margin"))]
    lines += [*_ask("leads_a_month", "40", words("guess.promise")), ""]
    for section, setting in _DEFAULTS:
        header = f"[{section}]"
        lines += ([] if header in lines else [header]) + [f"# {setting}"]
    return lines
