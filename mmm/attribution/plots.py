"""Figures of attribution, from frames alone."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from mmm.journeys import UNATTRIBUTED

Floats = npt.NDArray[np.floating]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
GREY = "#9A9A9A"
BAR = 0.8
# Inches; renderers stop at 2**16 pixels.
TALLEST = 200.0


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
    >>> plot_shares(frame, title="linear", level=0.9).get_title(loc="left")
    'linear'
    """
    rows = _unattributed_last(frame.sort_values("share", ascending=False, kind="stable"))
    names = rows["channel"].tolist()
    ax = ax if ax is not None else _new_axes(len(names))
    at = np.arange(len(names), dtype=np.float64)
    colours = [GREY if name == UNATTRIBUTED else COLOURS[0] for name in names]
    ax.barh(at, rows["share"], height=BAR, color=colours)
    drawn = _whiskers(ax, at, rows)
    _dress(ax, names, title, level if drawn else None)
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
    order = _unattributed_last(mean.sort_values("share", ascending=False, kind="stable"))
    names = order["channel"].tolist()
    ax = ax if ax is not None else _new_axes(len(names) * (len(models) + 1) / 2)
    thick = BAR / len(models)
    drawn = False
    for i, model in enumerate(models):
        rows = frame[frame["model"] == model].set_index("channel").reindex(names)
        at = np.arange(len(names)) + (i - (len(models) - 1) / 2) * thick
        ax.barh(at, rows["share"], height=thick, color=COLOURS[i % len(COLOURS)], label=model)
        drawn |= _whiskers(ax, at, rows)
    _dress(ax, names, title, level if drawn else None)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _unattributed_last(frame: pd.DataFrame) -> pd.DataFrame:
    known = frame["channel"] != UNATTRIBUTED
    return pd.concat([frame[known], frame[~known]], ignore_index=True)


def _new_axes(n_bars: float) -> Axes:
    height = min(1.2 + 0.3 * max(n_bars, 2), TALLEST)
    _, ax = plt.subplots(figsize=(7.0, height), layout="constrained")
    return ax


def _whiskers(ax: Axes, at: Floats, rows: pd.DataFrame) -> bool:
    lower, upper = rows["lower"].to_numpy(dtype=float), rows["upper"].to_numpy(dtype=float)
    known = np.isfinite(lower) & np.isfinite(upper)
    ax.hlines(at[known], lower[known], upper[known], color="#222222", linewidth=1.4)
    return bool(known.any())


def _dress(ax: Axes, names: list[str], title: str, level: float | None) -> None:
    # Channel names are text, not formulas: a dollar sign stays a dollar sign.
    ax.set_yticks(np.arange(len(names)), labels=names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    interval = f" (line: {level:.0%} interval)" if level is not None else " (no interval)"
    ax.set_xlabel("Share of the total" + interval)
    ax.set_title(title, loc="left")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
