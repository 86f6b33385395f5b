"""What all figures share: colours, axes, names, whiskers, and how they are written to files.

It loads Matplotlib, so that only modules of figures import it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Floats = npt.NDArray[np.floating]
Panels = npt.NDArray[np.object_]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
BLUE, ORANGE, GREEN, RED = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[5]
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo")
DARK, MUTED, GREY, PALE = "#222222", "#666666", "#9A9A9A", "#D5D5D5"
BAND = 0.25
BAR = 0.7
WIDTH = 8.0
# Inches; renderers stop at 2**16 pixels.
TALLEST = 200.0


def new_axes(height: float, width: float = WIDTH) -> Axes:
    """Return the axes of a new figure, sizes in inches."""
    made: Any = plt.subplots(figsize=(width, min(height, TALLEST)), layout="constrained")[1]
    axes: Axes = made
    return axes


def rows_axes(n_rows: float, width: float = WIDTH) -> Axes:
    """Return the axes of a new figure with room for so many rows."""
    return new_axes(1.3 + 0.34 * max(n_rows, 2), width)


def dress(ax: Axes, title: str, *, ylabel: str | None = None, side: bool = True) -> Axes:
    """Write the title and the label, and take away the lines that say nothing.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    title : str
    ylabel : str, optional
        Of a scale of plain numbers, which are then written shortly.
    side : bool, default True
        Keep the line at the left; rows of names need none.
    """
    ax.set_title(title, loc="left", fontsize=11, parse_math=False)
    if ylabel is not None:
        ax.set_ylabel(ylabel, parse_math=False)
        if ax.yaxis.get_major_formatter().__class__.__name__ == "ScalarFormatter":
            ax.yaxis.set_major_formatter(short)
    ax.spines[["top", "right"] if side else ["top", "right", "left"]].set_visible(False)
    return ax


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Write names beside rows 0, 1, ... from the top."""
    # Names are text, not formulas: a dollar sign stays a dollar sign.
    ax.set_yticks(np.arange(len(names)), labels=list(names), parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def whiskers(
    ax: Axes, at: Floats, lower: Any, upper: Any, colour: str = DARK, width: float = 1.4
) -> bool:
    """Draw intervals where there are any, and tell whether there are."""
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    known = np.isfinite(low) & np.isfinite(high)
    ax.hlines(at[known], low[known], high[known], color=colour, linewidth=width)
    return bool(known.any())


def legend_beside(ax: Axes, **handles: Any) -> None:
    """Put the legend right of the axes, where it hides nothing."""
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), **handles)


def legend_above(ax: Axes) -> None:
    """Put the legend above the axes at the right, for small figures with a short title."""
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderpad=0.1)


def percent(share: float, _: object = None) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.125), percent(0.004)
    ('12.5%', '0.4%')
    """
    return f"{100 * share:.3g}%"


def short(amount: float, _: object = None) -> str:
    """Write an amount shortly.

    Examples
    --------
    >>> short(1500), short(2e7), short(0.25)
    ('1.5k', '20M', '0.25')
    """
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
