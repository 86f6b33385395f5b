"""The picture of what is believed before the data: frames in, axes out."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from mmm.drawing import (
    BLUE,
    COLOURS,
    DARK,
    GREY,
    TALLEST,
    Panels,
    dress,
    legend_beside,
    name_rows,
    whiskers,
)

_STATED = {
    "contribution": "contribution stated",
    "romi": "return stated",
    "marginal_romi": "marginal return stated",
    "attribution": "hint of attribution",
}
_SHOWN = (("romi", "return", "o", 0), ("marginal_romi", "return of the next euro", "s", 1))


def plot_prior(frame: pd.DataFrame, *, level: float) -> Panels:
    """Draw what is believed of each channel: its part of the outcome, and its returns.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `prior_check` returns it.
    level : float
        Probability of its intervals.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
    """
    height = min(1.8 + 0.5 * max(len(frame), 2), TALLEST)
    _, panels = plt.subplots(1, 2, figsize=(11.0, height), sharey=True, layout="constrained")
    left, right = panels
    at = np.arange(len(frame), dtype=np.float64)
    whiskers(left, at, frame["share_of_outcome_lower"], frame["share_of_outcome_upper"], width=2.5)
    total = (frame["channel"] == "(media)").to_numpy()
    for chosen, colour in ((~total, BLUE), (total, GREY)):
        left.plot(frame["share_of_outcome"][chosen], at[chosen], "o", color=colour)
    left.set_xlim(left=0)
    left.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    left.set_xlabel(f"part of the outcome (median; line: {level:.0%} interval)")
    dress(left, "What is believed before the data", side=False)
    for column, label, marker, i in _SHOWN:
        shift = 0.3 * i - 0.15
        colour = COLOURS[i]
        whiskers(
            right, at + shift, frame[f"{column}_lower"], frame[f"{column}_upper"], colour, width=2.5
        )
        right.plot(frame[column], at + shift, marker, color=colour, markersize=5, label=label)
    right.axvline(0, color=DARK, linewidth=1, linestyle=":")
    right.set_xscale("symlog", linthresh=1.0)
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.set_xlabel("money for money, 0 at break-even")
    dress(right, "and what returns that means", side=False)
    legend_beside(right)
    name_rows(left, [_name(row["channel"], row["stated"]) for _, row in frame.iterrows()])
    right.tick_params(axis="y", length=0)
    return np.asarray(panels)


def _name(channel: str, stated: str) -> str:
    name = "all media" if channel == "(media)" else channel
    return f"{name}\n{_STATED[stated]}" if stated else name
