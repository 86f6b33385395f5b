"""Figures of a budget: frames and arrays in, axes out."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.special import ndtr

from mmm.drawing import (
    BAND,
    BLUE,
    DARK,
    GREEN,
    GREY,
    RED,
    TALLEST,
    Panels,
    dress,
    legend_above,
    name_rows,
    new_axes,
    rows_axes,
    short,
    whiskers,
)
from mmm.mix.transforms import Floats


def plot_plan(
    frame: pd.DataFrame,
    profit: Floats,
    hidden_spread: float,
    *,
    level: float,
    title: str = "",
) -> Panels:
    """Draw spend before and after, the marginal return at both, and what the plan may gain.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, current, proposed; marginal_romi and marginal_romi_after, each with
        _lower and _upper.
    profit : ndarray, shape (n_draws,)
        Profit of the plan less that of today, per period, in money.
    hidden_spread : float
        Standard deviation of that for what the draws do not know.
    level : float
    title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (3,)
    """
    height = min(max(3.2, 1.4 + 0.55 * len(frame)), TALLEST)
    figure, panels = plt.subplots(1, 3, figsize=(13.0, height), layout="constrained")
    plot_budget(frame, ax=panels[0])
    plot_marginal(frame, level=level, ax=panels[1])
    panels[1].set_yticklabels([])
    plot_gain(profit, hidden_spread, level=level, ax=panels[2])
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return np.asarray(panels)


def plot_budget(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw spend today and in the plan, one pair of bars a channel.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, current, proposed: spend per period.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax if ax is not None else rows_axes(1.4 * len(frame))
    at = np.arange(len(frame), dtype=np.float64)
    ax.barh(at - 0.19, frame["current"], height=0.36, color=GREY, label="today")
    ax.barh(at + 0.19, frame["proposed"], height=0.36, color=BLUE, label="plan")
    name_rows(ax, list(frame["channel"]))
    ax.xaxis.set_major_formatter(short)
    ax.set_xlabel("Spend a period")
    dress(ax, "Spend", side=False)
    legend_above(ax)
    return ax


def plot_marginal(frame: pd.DataFrame, *, level: float, ax: Axes | None = None) -> Axes:
    """Draw what a little more spend on each channel returns, today and in the plan.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns channel, and marginal_romi, marginal_romi_after, each with _lower and _upper; 0 at
        break-even.
    level : float
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax if ax is not None else rows_axes(1.4 * len(frame))
    at = np.arange(len(frame), dtype=np.float64)
    ax.axvline(0, color=DARK, linewidth=1, linestyle=":")
    for shift, name, colour, marker, label in (
        (-0.17, "marginal_romi", GREY, "s", "today"),
        (0.17, "marginal_romi_after", BLUE, "o", "plan"),
    ):
        whiskers(ax, at + shift, frame[f"{name}_lower"], frame[f"{name}_upper"], colour, 2.5)
        ax.plot(frame[name], at + shift, marker, color=colour, label=label)
    name_rows(ax, list(frame["channel"]))
    ax.xaxis.set_major_formatter(lambda romi, _: f"{100 * romi:.3g}%")
    ax.set_xlabel(f"Return of the last spend (dotted: break-even; line: {level:.0%})")
    dress(ax, "Marginal ROMI", side=False)
    legend_above(ax)
    return ax


def plot_gain(
    profit: Floats, hidden_spread: float, *, level: float, ax: Axes | None = None
) -> Axes:
    """Draw how likely each profit of a plan over today is, losses shaded.

    Parameters
    ----------
    profit : ndarray, shape (n_draws,)
        Per period, in money.
    hidden_spread : float
        Standard deviation for hidden demand, added to each draw.
    level : float
        Coverage of the interval of the draws.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax if ax is not None else new_axes(3.6)
    edges, density = gain_density(profit, hidden_spread)
    middle = 0.5 * (edges[1:] + edges[:-1])
    colours = [BLUE if x > 0 else RED for x in middle]
    ax.bar(middle, density, width=np.diff(edges), color=colours, linewidth=0)
    ax.axvline(0, color=DARK, linewidth=1, linestyle=":")
    lower, upper = np.quantile(profit, (0.5 - level / 2, 0.5 + level / 2))
    high = 1.06 * float(density.max())
    ax.hlines(high, lower, upper, color=DARK, linewidth=2)
    ax.plot([profit.mean()], [high], "o", color=DARK)
    ax.xaxis.set_major_formatter(short)
    ax.locator_params(axis="x", nbins=5)
    ax.set_yticks([])
    ax.set_xlabel(f"Profit a period, plan less today (line: mean, {level:.0%} interval)")
    dress(ax, "What it may gain (orange: a loss)", side=False)
    return ax


def gain_density(profit: Floats, hidden_spread: float, n_bins: int = 60) -> tuple[Floats, Floats]:
    """Return edges, one of them 0, and the probability of each bin, hidden demand included.

    Examples
    --------
    >>> edges, chance = gain_density(np.array([-1.0, 1.0, 2.0, 3.0]), 0.0)
    >>> chance[edges[:-1] >= 0].sum().item()
    0.75
    """
    reach = 3.0 * hidden_spread
    low, high = np.quantile(profit, (0.002, 0.998)) + np.array([-reach, reach])
    width = max((max(high, 0.0) - min(low, 0.0)) / n_bins, 1e-12)
    first, last = np.floor(min(low, 0.0) / width) - 1, np.ceil(max(high, 0.0) / width) + 1
    edges = width * np.arange(first, last + 1)
    whole = np.concatenate([[-np.inf], edges[1:-1], [np.inf]])  # tails belong to the outer bins
    if hidden_spread > 0:
        below = ndtr((whole[:, None] - profit) / hidden_spread).mean(axis=1)
    else:
        below = np.array([float((profit <= edge).mean()) for edge in whole])
    return edges, np.diff(below)


def plot_frontier(
    frame: pd.DataFrame,
    *,
    level: float,
    today: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the profit of the best split against the total that is split.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns total, profit, profit_lower, profit_upper: per period, in money.
    level : float
    today : tuple of (float, float), optional
        Total and profit of today's split.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax if ax is not None else new_axes(4.2)
    total = frame["total"]
    ax.fill_between(
        total, frame["profit_lower"], frame["profit_upper"], color=BLUE, alpha=BAND,
        linewidth=0, label=f"{level:.0%} interval",
    )  # fmt: skip
    ax.plot(total, frame["profit"], color=BLUE, label="best split of each total")
    best = int(frame["profit"].to_numpy(dtype=np.float64).argmax())
    ax.plot(
        total.iloc[[best]], frame["profit"].iloc[[best]], "s", color=GREEN, markersize=8,
        label="most profit",
    )  # fmt: skip
    if today is not None:
        ax.plot([today[0]], [today[1]], "o", color=RED, markersize=8, label="today")
    ax.axhline(0, color=DARK, linewidth=1, linestyle=":")
    ax.xaxis.set_major_formatter(short)
    ax.yaxis.set_major_formatter(short)
    ax.set_xlabel("Total spend a period")
    dress(ax, "What a larger or smaller budget earns", ylabel="Profit of media a period")
    ax.legend(frameon=False, loc="best")
    return ax
