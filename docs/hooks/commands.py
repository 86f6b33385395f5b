"""The commands: what ``--help`` says of each, on one page."""

from collections.abc import Iterator
from typing import Any

import typer

from mmm.cli import app


def page() -> str:
    """Return the page of the command line."""
    lines = [
        "# Command line",
        "",
        "What `--help` says of every command. All end with 0 when done, 2 for something you can "
        "mend and 1 for a fault of ours.",
        "",
    ]
    for path, command in walk(typer.main.get_command(app), ("mmm",)):
        with command.make_context(" ".join(path), [], resilient_parsing=True) as context:
            context.terminal_width = 88
            text = command.get_help(context)
        mark = "##" if len(path) < 3 else "###"
        lines += [f"{mark} {' '.join(path)}", "", "```text", text, "```", ""]
    return "\n".join(lines)


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with the words that call it, a group before what is in it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from walk(inner, (*path, name))
