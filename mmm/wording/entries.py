"""The entries of ``words``: every sentence in English and Italian, a TOML file a subject."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import cast

from mmm.errors import MmmError, quoted

LANGUAGES = ("en", "it")


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


def text(key: str, lang: str) -> str:
    """Return the text of a key in a language, its placeholders unfilled.

    Raises
    ------
    MmmError
        If the key or the language is unknown.
    """
    if lang not in LANGUAGES:
        raise MmmError(f"There is no wording in {lang!r}; use one of {quoted(LANGUAGES)}.")
    if key not in entries():
        group = [name for name in entries() if name.split(".")[0] == key.split(".")[0]]
        raise MmmError(
            f"There is no sentence {key!r}; use one of {quoted(group or entries())}, "
            "or add it to mmm/words."
        )
    return entries()[key][lang]
