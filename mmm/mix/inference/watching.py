"""A line for the person who waits for a fit: how far it is, and how long it takes."""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TextIO

_LONG = 2.0  # seconds; shorter fits say nothing
_SURE = 0.5  # seconds before the time that is left is estimated
_EVERY = 0.2  # seconds between two lines


def in_notebook() -> bool:
    """Tell whether cells of a notebook are run."""
    loaded = sys.modules.get("IPython")
    return hasattr(loaded and loaded.get_ipython(), "kernel")


def line_in_terminal(stream: TextIO) -> Callable[[str], None]:
    """Return what writes a line over the one before; an empty one leaves nothing."""
    width = 0

    def write(line: str) -> None:
        nonlocal width
        stream.write("\r" + line.ljust(width) + ("" if line else "\r"))
        stream.flush()
        width = len(line)

    return write


def line_in_notebook() -> Callable[[str], None]:
    """Return what shows a line below the cell, in place of the one before."""
    shown: list[Any] = []
    display = import_module("IPython.display").display

    def write(line: str) -> None:
        text = {"text/plain": line}
        if shown:
            shown[0].update(text, raw=True)
        else:
            shown.append(display(text, raw=True, display_id=True))

    return write


class Watch:
    """Counts iterations, and writes one line that replaces itself, where somebody watches.

    Parameters
    ----------
    total : int
        Iterations to come.
    show : bool, optional
        Whether to write; by default where a person watches: a terminal, or a notebook.
    write : callable, optional
        Takes a line; to standard error, or below the cell of a notebook, by default.
    clock : callable
        Seconds.

    Examples
    --------
    >>> seconds, lines = iter([0.0, 1.0]), []
    >>> watch = Watch(20, show=True, write=lines.append, clock=lambda: next(seconds))
    >>> watch.step()
    >>> watch.close()
    >>> lines
    ['fitting: 5%, about 19 s left', '']
    """

    def __init__(
        self,
        total: int,
        show: bool | None = None,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show = sys.stderr.isatty() or in_notebook() if show is None else show
        self._clock, self._total, self._done = clock, total, 0
        self._began = self._clock() if self._show else 0.0
        self._at, self._write = self._began, write

    def more(self, n: int) -> None:
        """Say that the chains run on."""
        self._total += n

    def step(self) -> None:
        """Count an iteration, and write where it is time to."""
        self._done += 1
        if not self._show:
            return
        now = self._clock()
        passed = now - self._began
        if passed < _SURE or now - self._at < _EVERY:
            return
        left = passed * (self._total - self._done) / self._done
        if passed + left > _LONG:
            self._line()(f"fitting: {self._done / self._total:.0%}, about {left:.0f} s left")
            self._at = now

    def close(self) -> None:
        """Take the line away."""
        if self._at != self._began:
            self._line()("")

    def _line(self) -> Callable[[str], None]:
        if self._write is None:
            self._write = line_in_notebook() if in_notebook() else line_in_terminal(sys.stderr)
        return self._write
