"""What all figures of the mix share: colours, frames, labels, and how they are written."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from mmm.mix.transforms import Floats

Panels = npt.NDArray[np.object_]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo")
GREY, DARK = "#9A9A9A", "#222222"
BAND = 0.25
TALLEST = 200.0  # inches; renderers stop at 2**16 pixels
_COLUMNS = 3  # of small figures side by side


def save_figure(panels: Axes | Panels, path: Any) -> None:
    """Write the figure of these axes to a file and close it; the same figure, the same bytes.

    Parameters
    ----------
    panels : matplotlib.axes.Axes or array of them
    path : path
        Ending in .png or .svg.
    """
    figure: Any = np.ravel(np.asarray(panels, dtype=object))[0].figure
    metadata = {"Date": None} if str(path).endswith(".svg") else {}
    with plt.rc_context({"svg.hashsalt": "mmm"}):
        figure.savefig(path, dpi=120, metadata=metadata)
    plt.close(figure)


def grid(n: int, width: float, height: float) -> tuple[Any, Panels]:
    """Return a figure and its first `n` panels, three in a row."""
    columns = min(n, _COLUMNS)
    rows = -(-n // columns)
    size = (max(width * columns, 6.0), min(height * rows + 0.4, TALLEST))
    figure, panels = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    flat = panels.ravel()
    for unused in flat[n:]:
        unused.set_visible(False)
    return figure, flat[:n]


def bars_axes(n_bars: float) -> Axes:
    """Return axes high enough for so many bars."""
    height = min(1.4 + 0.36 * max(n_bars, 2), TALLEST)
    _, ax = plt.subplots(figsize=(8.0, height), layout="constrained")
    return ax


def whiskers(
    ax: Axes, at: Floats, lower: Any, upper: Any, colour: str = DARK, width: float = 1.4
) -> None:
    """Draw an interval a row."""
    ax.hlines(at, lower, upper, color=colour, linewidth=width)


def name_bars(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first on top."""
    # Channel names are text, not formulas: a dollar sign stays a dollar sign.
    ax.set_yticks(np.arange(len(names)), labels=names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def dress(ax: Axes, title: str, *, ylabel: str | None = None, side: bool = True) -> None:
    """Set title, label and frame alike in all figures."""
    ax.set_title(title, loc="left", fontsize=11, parse_math=False)
    if ylabel is not None:
        ax.set_ylabel(ylabel, parse_math=False)
        if ax.yaxis.get_major_formatter().__class__.__name__ == "ScalarFormatter":
            ax.yaxis.set_major_formatter(short)
    ax.spines[["top", "right"] if side else ["top", "right", "left"]].set_visible(False)


def tidy_dates(ax: Axes, dates: Any) -> None:
    """Write dates shortly, or say that periods are counted."""
    if np.issubdtype(np.asarray(dates).dtype, np.datetime64):
        locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        ax.set_xlabel("period")


def short(amount: float, _: object = None) -> str:
    """Write an amount shortly: 1.5k, 20M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= unit:
            return f"{amount / unit:.3g}{letter}"
    return f"{amount:.3g}"


def plain(name: str) -> str:
    """Keep a dollar sign from starting a formula."""
    return name.replace("$", r"\$")


def colour_of(i: int) -> str:
    """Return the colour of a channel by its position."""
    return COLOURS[i % len(COLOURS)]


def hatch_of(i: int) -> str:
    """Return the hatch that tells channels of one colour apart."""
    return HATCHES[(i // len(COLOURS)) % len(HATCHES)]
