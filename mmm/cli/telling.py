"""Telling what a run does: a bar for people, JSON lines for machines, no personal data."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mmm.cli.shell import begin, for_shell, notes, print_mistakes, spoken
from mmm.errors import ConfigError, MmmError

CHOICES = ("auto", "text", "json")
_LEVELS = {"warning: ": "warning", "avviso: ": "warning", "mmm: ": "error", "note: ": "info",
           "nota: ": "info", "… ": "info"}  # fmt: skip
_OF_EVENTS = {"waiting": "warning", "failed": "error"}


def wants_json(log: str, *, by_itself: bool) -> bool:
    """Whether the log is to be JSON lines.

    Parameters
    ----------
    log : {"auto", "text", "json"}
    by_itself : bool
        What "auto" means where no person watches.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    if log not in CHOICES:
        raise ConfigError(f"--log {log!r} is not known. Use {', '.join(CHOICES)}.")
    return log == "json" or (log == "auto" and by_itself and not notes.is_terminal)


class JsonLines:
    """Takes what the console would print, and writes an object a line.

    Parameters
    ----------
    stream : file
    scrub : callable
        Takes addresses of people out of a text.
    """

    def __init__(self, stream: TextIO, scrub: Callable[[str], str]) -> None:
        self._stream, self._scrub, self._rest = stream, scrub, ""

    def write(self, text: str) -> int:
        """Take a text; whole lines are written."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(None, map(str.strip, lines)):
            mark = next((mark for mark in _LEVELS if line.startswith(mark)), "")
            self.tell("said", level=_LEVELS.get(mark, "info"), text=line[len(mark) :])
        return len(text)

    def flush(self) -> None:
        """Bring it out."""
        self._stream.flush()

    def tell(self, event: str, *, level: str | None = None, **facts: Any) -> None:
        """Write one event."""
        level = level or _OF_EVENTS.get(event, "info")
        at = datetime.now(UTC).replace(microsecond=0).isoformat()
        plain = {n: self._scrub(v) if isinstance(v, str) else v for n, v in facts.items()}
        line = json.dumps(
            {"at": at, "level": level, "event": event, **plain}, default=str, ensure_ascii=False
        )
        self._stream.write(line + "\n")
        self._stream.flush()


@contextmanager
def as_json_lines(scrub: Callable[[str], str]) -> Iterator[Callable[..., None]]:
    """Let everything that is said come as JSON lines, errors with a cure included."""
    lines = JsonLines(sys.stderr, scrub)
    notes.file = lines  # type: ignore[assignment]
    try:
        yield lines.tell
    except MmmError as error:
        said = for_shell(str(error), with_file=False)
        lines.tell("stopped", level="error", text=said)
        print_mistakes([scrub(said)])
        raise typer.Exit(2) from error
    finally:
        notes.file = None  # type: ignore[assignment]


@contextmanager
def as_text() -> Iterator[Callable[..., None]]:
    """Say waits and failures as lines, and show a bar where a person watches."""
    from mmm.wording import say

    lang = spoken()
    now = TextColumn(f"… {say('progress.writing', lang)}")
    columns = (now, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        tasks: list[Any] = []

        def tell(event: str, **facts: Any) -> None:
            if event == "chunk":
                tasks[:] = tasks or [bar.add_task("", total=facts["of"])]
                bar.update(tasks[0], completed=facts["done"])
            elif event == "waiting":
                begin("waiting", seconds=facts["seconds"], reason=facts["reason"])
            elif event == "failed":
                told = {"n": str(facts["chunk"] + 1), "reason": facts["reason"]}
                text = say("progress.chunk_failed", lang, **told)
                notes.print(say("printed.warning", lang, text=text))

        yield tell
