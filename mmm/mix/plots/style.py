"""What the figures of the mix share: small figures side by side, and dates."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from mmm.drawing import TALLEST, Panels

_COLUMNS = 3  # of small figures side by side


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


def tidy_dates(ax: Axes, dates: Any) -> None:
    """Write dates shortly, or say that periods are counted."""
    if np.issubdtype(np.asarray(dates).dtype, np.datetime64):
        locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        ax.set_xlabel("period")
