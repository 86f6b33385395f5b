"""Shares of channels: of one model, of several, and under other choices."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mmm.attribution.plots.style import label, percent_axis, unattributed_last
from mmm.drawing import (
    BAR,
    BLUE,
    COLOURS,
    DARK,
    GREY,
    PALE,
    colour_of,
    dress,
    legend_beside,
    name_rows,
    rows_axes,
    whiskers,
)
from mmm.journeys import UNATTRIBUTED

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


def plot_shares(frame: pd.DataFrame, *, title: str, level: float, ax: Axes | None = None) -> Axes:
    """Draw shares as horizontal bars, largest on top, with the interval as a whisker.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, share, lower, upper (0-1, NaN for no interval).
    title : str
    level : float
        Coverage of the interval, for the axis label.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> frame = pd.DataFrame({"channel": ["a"], "share": [1.0], "lower": [0.9], "upper": [1.0]})
    >>> plot_shares(frame, title="Linear", level=0.9).get_title(loc="left")
    'Linear'
    """
    rows = unattributed_last(frame.sort_values("share", ascending=False, kind="stable"))
    names = rows["channel"].tolist()
    ax = ax if ax is not None else rows_axes(len(names))
    at = np.arange(len(names), dtype=np.float64)
    colours = [GREY if name == UNATTRIBUTED else BLUE for name in names]
    ax.barh(at, rows["share"], height=BAR, color=colours)
    drawn = whiskers(ax, at, rows["lower"], rows["upper"])
    name_rows(ax, names)
    _from_zero(ax, rows["share"])
    percent_axis(ax, "Share of the total", level if drawn else None)
    dress(ax, title, side=False)
    return ax


def plot_comparison(
    frame: pd.DataFrame, *, title: str, level: float, ax: Axes | None = None
) -> Axes:
    """Draw the shares of several models, one group of bars a channel.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns model, channel, share, lower, upper.
    title : str
    level : float
        Coverage of the interval, for the axis label.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    models = list(dict.fromkeys(frame["model"]))
    mean = frame.groupby("channel", sort=False)["share"].mean().reset_index()
    order = unattributed_last(mean.sort_values("share", ascending=False, kind="stable"))
    names = order["channel"].tolist()
    ax = ax if ax is not None else rows_axes(len(names) * (1 + len(models) / 3))
    thick = BAR / len(models)
    drawn = False
    for i, model in enumerate(models):
        rows = frame[frame["model"] == model].set_index("channel").reindex(names)
        at = np.arange(len(names)) + (i - (len(models) - 1) / 2) * thick
        # Beyond seven models colours come again, hatched.
        ax.barh(
            at,
            rows["share"],
            height=thick,
            color=colour_of(i),
            hatch="//" * (i // len(COLOURS)),
            edgecolor="white",
            linewidth=0.3,
            label=label("model", model),
        )
        drawn |= whiskers(ax, at, rows["lower"], rows["upper"])
    name_rows(ax, names)
    _from_zero(ax, frame["share"])
    percent_axis(ax, "Share of the total", level if drawn else None)
    dress(ax, title, side=False)
    legend_beside(ax)
    return ax


def plot_robustness(
    frame: pd.DataFrame, *, model: str, level: float, ax: Axes | None = None
) -> Axes:
    """Draw the share of each channel under every choice, over the interval of the base.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns variation, channel, share, base, lower, upper.
    model : str
        Of the base, for the title.
    level : float
        Coverage of the interval of the base.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    base = frame.drop_duplicates("channel")
    base = unattributed_last(base.sort_values("base", ascending=False, kind="stable"))
    names = base["channel"].tolist()
    ax = ax if ax is not None else rows_axes(1.6 * len(names), 9.0)
    at = np.arange(len(names), dtype=np.float64)
    known = np.isfinite(base["lower"]) & np.isfinite(base["upper"])
    width = np.where(known, base["upper"] - base["lower"], 0.0)
    interval = f"{level:.0%} interval of the base"
    left = np.where(known, base["lower"], base["base"])
    ax.barh(at, width, left=left, height=BAR, color=PALE, label=interval)
    ax.vlines(base["base"], at - BAR / 2, at + BAR / 2, color=DARK, linewidth=1.6, label="Base")
    variations = list(dict.fromkeys(frame["variation"]))
    step = BAR / max(len(variations), 1)
    for i, variation in enumerate(variations):
        rows = frame[frame["variation"] == variation].set_index("channel").reindex(names)
        ax.plot(
            rows["share"],
            at + (i - (len(variations) - 1) / 2) * step,
            linestyle="none",
            marker=MARKERS[i % len(MARKERS)],
            markersize=5,
            color=COLOURS[i % (len(COLOURS) - 1)],
            label=label("variation", variation),
        )
    name_rows(ax, names)
    # Markers at the edge stay whole, whatever the bar says.
    ax.use_sticky_edges = False
    ax.margins(x=0.04)
    percent_axis(ax, "Share of the total")
    ax.set_xlabel("Share of the total")
    dress(ax, f"{label('model', model)}: the same deals, other choices", side=False)
    handles, _ = ax.get_legend_handles_labels()
    # The interval first, as it lies below all else.
    handles = [*(h for h in handles if h.get_label() == interval), *handles][: len(handles)]
    legend_beside(ax, handles=handles)
    return ax


def _from_zero(ax: Axes, shares: "pd.Series[float]") -> None:
    """Begin at 0, or leave room for shares below."""
    if (shares < 0).any():
        ax.axvline(0, color=DARK, linewidth=0.8)
    else:
        ax.set_xlim(left=0)
