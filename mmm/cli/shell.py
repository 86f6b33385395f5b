"""What every command does alike: notes on stderr, JSON on stdout, one line an error, exit codes."""

import ast
import json
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console

from mmm.errors import MmmWarning

# In which language warnings, notes of readers and errors are said: that of the configuration.
_said = {"lang": "en"}


def speak(lang: str) -> None:
    """Say what follows in a language."""
    _said["lang"] = lang


def spoken() -> str:
    """Return that language."""
    return _said["lang"]


notes = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

# Options of the command line; every other setting of a table stands in mmm.toml.
_OPTIONS = frozenset({"locale", "tz"})
_VALUE = r"(?:\{[^{}]*\}|\[[^\[\]]*\]|'[^']*'|True|False)"
_ASIDE = r"(?: \([^()]*\))?"
_CHOICE = rf"{_VALUE}{_ASIDE}(?:,? or {_VALUE}{_ASIDE})*"
_NONE = r"(?!\w)"  # a call of Python is no choice, and no setting without one
_SETTING = re.compile(rf"(\w+)=({_CHOICE}|{_NONE})")
_SETTINGS = rf"\w+=(?:{_CHOICE}|{_NONE})(?:(?:, | and | or )\w+=(?:{_CHOICE}|{_NONE}))*"
_IN_FILE = re.compile(r"in .+?: ")
_CURE = re.compile(rf"\b(p)ass ({_SETTINGS})(?: to read_\w+)?", re.IGNORECASE)


def fail(code: int, *messages: str) -> NoReturn:
    """Say what is wrong, a line each, and end the process."""
    print_mistakes([complain(message) for message in messages])
    leave(code)


def complain(message: str) -> str:
    """Say what is wrong in one line; return it."""
    line = " ".join(in_language(message).split())
    notes.print(f"mmm: {line}", overflow="ignore", no_wrap=True, crop=False)
    return line


def print_mistakes(lines: Sequence[str]) -> None:
    """Print what is wrong on stdout too, where JSON was asked for there."""
    if "--json" in sys.argv[1:]:
        print_json({"mistakes": lines})


def in_language(text: str) -> str:
    """Say a note or an error of a reader in the language of the configuration."""
    from mmm.wording.translated import translated  # an error must not wait for the words

    return text if _said["lang"] == "en" else translated(text, _said["lang"])


def leave(code: int) -> NoReturn:
    """End the process at once: native reader threads may abort an orderly shutdown."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader of a pipe has gone
        code = code or 1
    os._exit(code)


@contextmanager
def told(words: Callable[[str], str] = str, lang: str = "en") -> Iterator[None]:
    """Print warnings of ours as one line each, in these words; leave others to Python."""
    from mmm.wording import say

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MmmWarning)
        yield
    for text in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, MmmWarning)):
        notes.print(say("printed.warning", lang, text=words(text)))


def progress(step: str) -> None:
    """Say what is done now."""
    notes.print(f"… {step}")


def begin(key: str, **facts: Any) -> None:
    """Say in the language of the command what is done now, by a key of ``progress``."""
    from mmm.wording import say

    progress(say(f"progress.{key}", spoken(), **facts))


def print_notes(said: Any, *others: Any) -> None:
    """Say on stderr what the readers found and decided."""
    more = [note for table in others if table is not None for note in table.attrs["notes"]]
    for note in dict.fromkeys([*said, *more]):
        told_note = in_language(note)
        notes.print(f"nota: {told_note}" if _said["lang"] == "it" else f"note: {told_note}")


def records(frame: Any) -> Any:
    """Return a frame as a list of rows that JSON can hold."""
    return json.loads(frame.to_json(orient="records", default_handler=str))


def print_json(content: Any) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(content, default=str, ensure_ascii=False, allow_nan=False))


def for_shell(message: str, *, with_file: bool) -> str:
    """Write a cure for Python as the option, or the line of mmm.toml, that does the same.

    Parameters
    ----------
    message : str
        What an error says; it begins with the name of the table, or with "in" and that of one of
        its files.
    with_file : bool
        Whether the command reads a configuration file.

    Examples
    --------
    >>> for_shell("deals has no column 'won'. Rename it, or pass columns={'won': 'X'}.",
    ...     with_file=False)
    "deals has no column 'won'. Rename it, or pass --map deals.won=X."
    >>> for_shell("deals: d1 twice. Pass on_duplicate='first' or 'last'.", with_file=True)
    'deals: d1 twice. Write on_duplicate = "first" or "last" under [deals] in mmm.toml.'
    >>> for_shell("spend column 'date' is no date. Correct it, or pass locale=.", with_file=True)
    "spend column 'date' is no date. Correct it, or write locale under [spend] in mmm.toml."
    >>> for_shell("in ads.csv: spend: d1 twice. Pass on_duplicate='sum'.", with_file=True)
    'in ads.csv: spend: d1 twice. Write on_duplicate = "sum" under [[spend]] in mmm.toml.'
    """
    file = _IN_FILE.match(message)
    table = message[file.end() if file else 0 :].partition(" ")[0].rstrip(":")
    section = f"[[{table}]]" if file else f"[{table}]"  # of several files, that of the one named

    def cure(found: re.Match[str]) -> str:
        names = [name for name, _ in _SETTING.findall(found[2])]
        if not with_file and all(name in _OPTIONS or name == "columns" for name in names):
            options = _SETTING.sub(lambda one: _option(table, one[1], one[2]), found[2])
            return f"{found[1]}ass {options}"
        verb = "Write" if found[1] == "P" else "write"
        return f"{verb} {_SETTING.sub(_line, found[2])} under {section} in mmm.toml"

    return _CURE.sub(cure, message)


def _option(table: str, name: str, choice: str) -> str:
    """Write a setting as an option of the command line."""
    if name == "columns":
        pairs = ast.literal_eval(choice).items()
        return " ".join(f"--map {table}.{ours}={_column(theirs)}" for ours, theirs in pairs)
    values = re.sub(_VALUE, lambda one: shlex.quote(str(ast.literal_eval(one[0]))), choice)
    return f"--{name} {values}".rstrip()


def _line(found: re.Match[str]) -> str:
    """Write a setting as a line of mmm.toml, or its name where it has no value."""
    values = re.sub(_VALUE, lambda one: _toml(ast.literal_eval(one[0])), found[2])
    return f"{found[1]} = {values}" if values else found[1]


def _column(theirs: object) -> str:
    return "true" if theirs is True else shlex.quote(str(theirs))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)


def _key(key: object) -> str:
    text = str(key)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else json.dumps(text, ensure_ascii=False)
