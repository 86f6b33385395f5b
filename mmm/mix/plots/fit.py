"""Figures of a fitted mix: frames and arrays in, axes out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from mmm.drawing import (
    BAND,
    BAR,
    BLUE,
    DARK,
    GREY,
    ORANGE,
    RED,
    Panels,
    colour_of,
    dress,
    hatch_of,
    legend_beside,
    name_rows,
    plain,
    rows_axes,
    short,
    whiskers,
)
from mmm.mix.plots.style import grid, tidy_dates
from mmm.mix.transforms import Floats

_LAGS = 13  # periods, a quarter of weeks


def plot_fit(
    frame: pd.DataFrame,
    channels: Mapping[Any, str],
    *,
    level: float,
    outcome: str = "outcome",
) -> Panels:
    """Draw the outcome with what the model expects of it, and below what that consists of.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a period: date, outcome, fitted, lower, upper, baseline, and a column a channel.
    channels : mapping of column to str
        Columns of contributions, in units of the outcome, and the names of their channels.
    level : float
        Coverage of the interval from lower to upper.
    outcome : str
        Name of the outcome, for the labels.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> frame = pd.DataFrame({"date": [0, 1], "outcome": [3.0, 4.0], "fitted": [3.1, 3.9],
    ...     "lower": [2.0, 3.0], "upper": [4.0, 5.0], "baseline": [2.0, 2.0], "Ads": [1.1, 1.9]})
    >>> plot_fit(frame, {"Ads": "Ads"}, level=0.9)[1].get_ylabel()
    'outcome a period'
    """
    _, panels = plt.subplots(2, 1, figsize=(9.0, 6.6), sharex=True, layout="constrained")
    above, below = panels
    at = frame["date"]
    above.fill_between(
        at, frame["lower"], frame["upper"], color=BLUE, alpha=BAND, linewidth=0,
        label=f"{level:.0%} of periods\nshould lie here",
    )  # fmt: skip
    above.plot(at, frame["fitted"], color=BLUE, label="expected")
    above.plot(at, frame["outcome"], ".", color=DARK, markersize=4, label="observed")
    dress(above, f"What the model makes of {outcome}", ylabel=f"{outcome} a period")
    legend_beside(above)
    parts = frame[list(channels)].to_numpy(dtype=np.float64).T
    bottom = frame["baseline"].to_numpy(dtype=np.float64)
    below.fill_between(at, 0, bottom, color=GREY, alpha=0.5, linewidth=0, label="without media")
    for i, (name, part) in enumerate(zip(channels.values(), parts, strict=True)):
        below.fill_between(
            at, bottom, bottom + part, facecolor=colour_of(i), hatch=hatch_of(i), edgecolor="white",
            linewidth=0, label=plain(name),
        )  # fmt: skip
        bottom = bottom + part
    below.plot(at, frame["outcome"], ".", color=DARK, markersize=3)
    dress(below, "What that consists of, at the mean", ylabel=f"{outcome} a period")
    handles, labels = below.get_legend_handles_labels()
    legend_beside(below, handles=handles[::-1], labels=labels[::-1])
    tidy_dates(below, at)
    return np.asarray(panels)


def plot_contributions(
    frame: pd.DataFrame, *, level: float, outcome: str = "outcome", ax: Axes | None = None
) -> Axes:
    """Draw what each channel brought over all periods, with its interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, contribution, contribution_lower, contribution_upper, identified; a row
        "(media)" is drawn apart.
    level : float
    outcome : str
        Name of the outcome, for the label.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    whole = frame["channel"] == "(media)"
    order = frame[~whole].sort_values("contribution", ascending=False, kind="stable")
    rows = pd.concat([order, frame[whole]], ignore_index=True)
    ax = ax if ax is not None else rows_axes(len(rows))
    firm = (rows["identified"] == "data").to_numpy()
    total = (rows["channel"] == "(media)").to_numpy()
    colours = [GREY if t else BLUE for t in total]
    at = np.arange(len(rows), dtype=np.float64)
    bars = ax.barh(at, rows["contribution"], height=BAR, color=colours)
    for bar, solid in zip(bars, firm, strict=True):
        if not solid:
            bar.set_alpha(0.35)
            bar.set_hatch("///")
    whiskers(ax, at, rows["contribution_lower"], rows["contribution_upper"])
    names = ["all media" if t else n for n, t in zip(rows["channel"], total, strict=True)]
    name_rows(ax, names)
    ax.set_xlim(left=min(0.0, float(rows["contribution_lower"].min())))
    ax.xaxis.set_major_formatter(short)
    hint = "" if firm.all() else "; hatched: rests on the prior more than on the data"
    ax.set_xlabel(f"{outcome}, all periods (line: {level:.0%} interval{hint})")
    dress(ax, "What each channel brought", side=False)
    return ax


def plot_curves(
    frame: pd.DataFrame,
    current: Sequence[float] | Floats,
    *,
    level: float,
    outcome: str = "outcome",
    marked: str = "today",
) -> Panels:
    """Draw the outcome of each channel against its spend, today's spend marked.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, spend, response, response_lower, response_upper, extrapolated; rows of a
        channel together, by spend.
    current : sequence of float, one a channel
        Spend per period to mark, in the order of the channels.
    level : float
    outcome : str
    marked : str
        What the mark is, for the label.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (n_channels,)
    """
    names = list(dict.fromkeys(frame["channel"]))
    figure, panels = grid(len(names), 3.2, 2.7)
    for ax, name, today in zip(panels, names, current, strict=True):
        _one_curve(ax, frame[frame["channel"] == name], float(today))
        ax.set_title(name, loc="left", fontsize=10, parse_math=False)
    figure.supxlabel(
        f"Spend a period, held (dot: {marked}; dashed: more than was ever spent in one period)",
        fontsize=9,
    )
    figure.supylabel(f"{outcome} a period (band: {level:.0%} interval)", fontsize=9)
    return panels


def _one_curve(ax: Axes, rows: pd.DataFrame, today: float) -> None:
    spend = rows["spend"].to_numpy(dtype=np.float64)
    response = rows["response"].to_numpy(dtype=np.float64)
    beyond = rows["extrapolated"].to_numpy(dtype=bool)
    ax.fill_between(
        spend, rows["response_lower"], rows["response_upper"], color=BLUE, alpha=BAND,
        linewidth=0,
    )  # fmt: skip
    seen = int((~beyond).sum())
    ax.plot(spend[:seen], response[:seen], color=BLUE)
    ax.plot(spend[max(seen - 1, 0) :], response[max(seen - 1, 0) :], "--", color=BLUE)
    ax.plot([today], np.interp([today], spend, response), "o", color=RED, clip_on=False)
    ax.axvline(today, color=RED, linewidth=0.8, zorder=0)
    ax.set_xlim(0, max(float(spend[-1]), 1e-12))
    ax.set_ylim(bottom=min(0.0, float(rows["response_lower"].min())))
    ax.xaxis.set_major_formatter(short)
    ax.yaxis.set_major_formatter(short)
    ax.locator_params(nbins=4)
    ax.spines[["top", "right"]].set_visible(False)


def plot_prior_posterior(
    frame: pd.DataFrame, *, level: float, outcome: str = "outcome", ax: Axes | None = None
) -> Axes:
    """Draw what was believed of each channel before the data, and what is believed after.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, prior, prior_lower, prior_upper, posterior, posterior_lower,
        posterior_upper (contributions over all periods) and contraction (0-1).
    level : float
    outcome : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax if ax is not None else rows_axes(1.4 * len(frame))
    at = np.arange(len(frame), dtype=np.float64)
    for shift, kind, colour, marker in (
        (-0.16, "prior", ORANGE, "s"),
        (0.16, "posterior", BLUE, "o"),
    ):
        whiskers(ax, at + shift, frame[f"{kind}_lower"], frame[f"{kind}_upper"], colour, 2.5)
        label = "before the data (prior)" if kind == "prior" else "after (posterior)"
        ax.plot(frame[kind], at + shift, marker, color=colour, markersize=6, label=label)
    names = [
        f"{name}\ndata {told:.0%}, prior {1 - told:.0%}"
        for name, told in zip(frame["channel"], frame["contraction"], strict=True)
    ]
    name_rows(ax, names)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(short)
    ax.set_xlabel(f"{outcome}, all periods (median; line: {level:.0%} interval)")
    dress(ax, "What the data added to what was assumed", side=False)
    legend_beside(ax)
    return ax


def plot_residuals(date: Any, residual: Floats, innovation: Floats) -> Panels:
    """Draw what the model leaves over: by period, and how it hangs together from one to the next.

    Parameters
    ----------
    date : array-like, shape (n_periods,)
    residual : ndarray, shape (n_periods,)
        Observed less expected, in units of the outcome.
    innovation : ndarray, shape (n_periods - 1,)
        Residual less what the one before told of it; unrelated where the noise is described.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
    """
    _, panels = plt.subplots(1, 2, figsize=(10.0, 3.6), width_ratios=(2, 1), layout="constrained")
    left, right = panels
    left.axhline(0, color=GREY, linewidth=1)
    left.vlines(date, 0, residual, color=BLUE, linewidth=1)
    left.plot(date, residual, ".", color=BLUE, markersize=5)
    left.yaxis.set_major_formatter(short)
    dress(left, "What is left over, by period", ylabel="observed less expected")
    tidy_dates(left, date)
    lags, correlation = autocorrelation(innovation)
    bound = 1.96 / np.sqrt(max(len(innovation), 1))
    right.axhspan(-bound, bound, color=GREY, alpha=BAND, linewidth=0, label="95% where unrelated")
    right.vlines(lags, 0, correlation, color=BLUE)
    right.plot(lags, correlation, "o", color=BLUE, markersize=4)
    right.axhline(0, color=GREY, linewidth=1)
    right.set_ylim(-1, 1)
    right.locator_params(axis="x", integer=True)
    right.set_xlabel("periods apart")
    dress(right, "What one period tells of a later one", ylabel="correlation of the news")
    right.legend(frameon=False, loc="lower right")
    return np.asarray(panels)


def autocorrelation(series: Floats, n_lags: int = _LAGS) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return lags from 1 and the correlation of a series with itself that many periods before.

    Examples
    --------
    >>> autocorrelation(np.array([1.0, -1.0] * 20), 2)[1].round(2).tolist()
    [-0.98, 0.95]
    """
    lags = np.arange(1, min(n_lags, len(series) - 1) + 1)
    deviation = series - series.mean()
    square = float((deviation**2).sum())
    products = [float((deviation[lag:] * deviation[:-lag]).sum()) for lag in lags]
    return lags, np.array(products) / square if square > 0 else np.zeros(len(lags))
