"""What all figures of attribution share: colours, axes, whiskers and readable names."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from mmm.journeys import UNATTRIBUTED
from mmm.wording import entries, say

Floats = npt.NDArray[np.floating]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
GREY, DARK = "#9A9A9A", "#222222"
BAR = 0.8
# Inches; renderers stop at 2**16 pixels.
TALLEST = 200.0


def label(group: str, name: str) -> str:
    """Return the words for a name of ours, such as a model; other names as they are.

    Examples
    --------
    >>> label("model", "first_touch"), label("model", "linear (2)"), label("model", "mine")
    ('First touch', 'Linear (2)', 'mine')
    """
    plain, space, number = name.partition(" (")
    key = f"{group}.{plain}"
    if key not in entries():
        return name
    text = say(key)
    return f"{text[0].upper()}{text[1:]}{space}{number}"


def unattributed_last(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the unattributed one at the end."""
    known = frame["channel"] != UNATTRIBUTED
    return pd.concat([frame[known], frame[~known]], ignore_index=True)


def new_axes(n_rows: float, width: float = 7.0) -> Axes:
    """Return the axes of a new figure with room for so many rows."""
    height = min(1.2 + 0.3 * max(n_rows, 2), TALLEST)
    _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax


def whiskers(ax: Axes, at: Floats, rows: pd.DataFrame) -> bool:
    """Draw intervals where there are any, and tell whether there are."""
    lower, upper = rows["lower"].to_numpy(dtype=float), rows["upper"].to_numpy(dtype=float)
    known = np.isfinite(lower) & np.isfinite(upper)
    ax.hlines(at[known], lower[known], upper[known], color=DARK, linewidth=1.4)
    return bool(known.any())


def name_rows(ax: Axes, names: list[str]) -> None:
    """Write names beside rows 0, 1, ... from the top."""
    # Names are text, not formulas: a dollar sign stays a dollar sign.
    ax.set_yticks(np.arange(len(names)), labels=names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def dress(ax: Axes, title: str) -> None:
    """Write the title and take away what says nothing."""
    ax.set_title(title, loc="left", parse_math=False)
    ax.spines[["top", "right", "left"]].set_visible(False)


def percent_axis(ax: Axes, text: str, level: float | None = None) -> None:
    """Write shares along the x axis as percentages, and what the lines are."""
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    interval = f" (line: {level:.0%} interval)" if level is not None else " (no interval)"
    ax.set_xlabel(text + interval)
