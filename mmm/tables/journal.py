"""Journals: files that only grow, one JSON object a line, under a name and of a kind."""

import json
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from mmm.errors import ConfigError, SourceError


def append_entry(path: Path, key: str, kind: str, on: str | date, facts: Mapping[str, Any]) -> None:
    """Write an entry at the end, the folder made where it is missing.

    Raises
    ------
    ConfigError
        If `on` is no day.
    """
    try:
        day = date.fromisoformat(str(on)[:10]).isoformat()
    except ValueError:
        raise ConfigError(f"{on!r} is no day. Write the day as 2025-01-31.") from None
    entry = {"key": key, "kind": kind, "on": day, **facts}
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_entries(path: Path, what: str, kinds: Collection[str]) -> list[dict[str, Any]]:
    """Return all entries in order; none where there is no file yet.

    Parameters
    ----------
    path : Path
    what : str
        In words, for messages: "decision log".
    kinds : collection of str
        That an entry may be of.

    Raises
    ------
    SourceError
        If the file cannot be read, or a line is no entry.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"cannot read {path} ({error}). Choose a file that is a {what}."
        ) from None
    return [_entry(line, n, path, what, kinds) for n, line in enumerate(lines, 1) if line.strip()]


def _entry(line: str, n: int, path: Path, what: str, kinds: Collection[str]) -> dict[str, Any]:
    try:
        entry = json.loads(line)
        known = isinstance(entry, dict) and entry["kind"] in kinds and bool(entry["key"])
    except (json.JSONDecodeError, KeyError, RecursionError):
        known = False
    if not known:
        raise SourceError(
            f"line {n} of {path} is no entry of a {what}. Restore the line, or take it out."
        )
    return dict(entry)
