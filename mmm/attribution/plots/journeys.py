"""Journeys at a glance: how long they are, how long they take, which are most frequent."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mmm.attribution.plots.style import percent_axis
from mmm.drawing import (
    BAR,
    BLUE,
    COLOURS,
    DARK,
    GREY,
    PALE,
    RED,
    Floats,
    dress,
    name_rows,
    new_axes,
    percent,
    rows_axes,
    whiskers,
)

LONGEST = 15
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def plot_path_lengths(
    frame: pd.DataFrame, *, longest: int = LONGEST, level: float = 0.9, ax: Axes | None = None
) -> Axes:
    """Draw how many contacts journeys have, with a deal and without, and how often a deal comes.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns n_touches, journeys, conversions, from `path_lengths`.
    longest : int, default 15
        Longer journeys share the last bar.
    level : float, default 0.9
        Coverage of the intervals of the rates (Wilson 1927), journeys taken as independent.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        Of the bars; the rates stand on a second scale at the right.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> frame = pd.DataFrame({"n_touches": [1, 40], "journeys": [4.0, 2.0],
    ...     "conversions": [1.0, 2.0]})
    >>> [text.get_text() for text in plot_path_lengths(frame).get_xticklabels()]
    ['1', '15+']
    """
    from statsmodels.stats.proportion import proportion_confint

    folded = frame.assign(n_touches=frame["n_touches"].clip(upper=longest))
    rows = folded.groupby("n_touches")[["journeys", "conversions"]].sum().reset_index()
    ax = ax if ax is not None else new_axes(4.2)
    at = np.arange(len(rows), dtype=np.float64)
    won = rows["conversions"].to_numpy(dtype=float)
    every = rows["journeys"].to_numpy(dtype=float)
    ax.bar(at, won, width=BAR, color=BLUE, label="With a deal")
    ax.bar(at, every - won, width=BAR, bottom=won, color=PALE, label="Without")
    names = [f"{n}+" if n == longest else str(n) for n in rows["n_touches"]]
    ax.set_xticks(at, labels=names)
    ax.set_xlabel("Contacts in the journey")
    ax.set_ylabel("Journeys")
    beside = ax.twinx()
    low, high = proportion_confint(won, every, alpha=1 - level, method="wilson")
    rate = won / every
    beside.vlines(at, low, high, color=DARK, linewidth=1.4)
    beside.plot(at, rate, "o", color=RED, label=f"Part with a deal (line: {level:.0%})")
    beside.set_ylim(0, 1.05)
    beside.yaxis.set_major_formatter(percent)
    beside.set_ylabel("Part with a deal")
    beside.spines[["top", "left"]].set_visible(False)
    dress(ax, "How many contacts journeys have")
    handles = [*ax.get_legend_handles_labels()[0], *beside.get_legend_handles_labels()[0]]
    ax.legend(handles=handles, frameon=False, loc="upper left", bbox_to_anchor=(1.1, 1.0))
    return ax


def plot_time_lags(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how long before the close each channel is met in won deals.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, days_to_close, weight, from `time_lags`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        A box holds the middle half of the contacts, the stroke in it is the median, the line
        reaches from the 5th to the 95th percentile.
    """
    spread = {
        str(name): _weighted_quantiles(
            rows["days_to_close"].to_numpy(dtype=float), rows["weight"].to_numpy(dtype=float)
        )
        for name, rows in frame.groupby("channel", sort=True)
    }
    counts = frame["channel"].value_counts()
    names = sorted(spread, key=lambda name: -spread[name][2])
    ax = ax if ax is not None else rows_axes(1.2 * len(names))
    for row, name in enumerate(names):
        lowest, low, middle, high, highest = spread[name]
        ax.hlines(row, lowest, highest, color=GREY, linewidth=1.4)
        ax.barh(row, high - low, left=low, height=0.6, color=COLOURS[4])
        ax.vlines(middle, row - 0.3, row + 0.3, color=DARK, linewidth=2)
    name_rows(ax, [f"{name} ({counts[name]})" for name in names])
    ax.invert_xaxis()
    ax.set_xlabel("Days before the close (box: middle half, line: 5% to 95% of contacts)")
    dress(ax, "When channels are met in won deals (contacts)", side=False)
    return ax


def plot_top_paths(frame: pd.DataFrame, *, level: float = 0.9, ax: Axes | None = None) -> Axes:
    """Draw the most frequent paths by their part of the deals.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns path, journeys, conversions, share_of_conversions, from `top_paths`.
    level : float, default 0.9
        Coverage of the intervals (Wilson 1927), deals taken as independent.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
        Beside each bar: deals, and journeys of the same path.
    """
    from statsmodels.stats.proportion import proportion_confint

    names = [fill(path, 64, max_lines=2, placeholder=" ...") for path in frame["path"]]
    ax = ax if ax is not None else rows_axes(1.5 * len(names), 10.0)
    at = np.arange(len(names), dtype=np.float64)
    share, won = frame["share_of_conversions"].to_numpy(), frame["conversions"].to_numpy()
    ax.barh(at, share, height=BAR, color=BLUE)
    some = np.flatnonzero(won > 0)
    low, high = np.full(len(won), np.nan), np.full(len(won), np.nan)
    if len(some):
        total = won[some[0]] / share[some[0]]
        low, high = proportion_confint(won, total, alpha=1 - level, method="wilson")
    drawn = whiskers(ax, at, low, high)
    reach = float(np.nan_to_num(np.append(high, share)).max())
    for row, (deals, journeys) in enumerate(zip(won, frame["journeys"], strict=True)):
        ax.text(1.04 * reach, row, f"{deals:g} of {journeys:g}", va="center", fontsize=8)
    name_rows(ax, names)
    ax.set_xlim(0, 1.25 * reach if reach > 0 else 1.0)
    percent_axis(ax, "Part of the deals with a contact", level if drawn else None)
    dress(ax, "Most frequent paths (deals of journeys)", side=False)
    return ax


def _weighted_quantiles(values: Floats, weights: Floats) -> Floats:
    """Return the quantiles of a box: the first value by which so much of the weight has come."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return values[order][np.minimum(np.searchsorted(reached, QUANTILES), len(values) - 1)]
