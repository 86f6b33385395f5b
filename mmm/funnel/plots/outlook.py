"""Figures of changes and of what is to come, from frames alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mmm.drawing import (
    BAR,
    BLUE,
    DARK,
    GREY,
    RED,
    Floats,
    dress,
    legend_beside,
    name_rows,
    new_axes,
    rows_axes,
)


def plot_waterfall(
    before: float,
    after: float,
    terms: pd.DataFrame,
    *,
    title: str,
    unit: str = "€",
    top: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a figure went from before to after, a bar a term, the smallest terms summed up.

    Parameters
    ----------
    before, after : float
    terms : pandas.DataFrame
        channel (may be empty), factor, amount; the amounts add up to after - before.
    title : str
    unit : str
        Of the figures, for the axis label.
    top : int
        Terms drawn one by one, largest first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> terms = pd.DataFrame({"channel": ["Ads"], "factor": ["conversion"], "amount": [50.0]})
    >>> ax = plot_waterfall(900.0, 950.0, terms, title="CAC")
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['before', 'Ads: conversion', 'after']
    """
    names, amounts = _largest(terms, top)
    ends = before + np.cumsum(amounts)
    starts = np.concatenate([[before], ends[:-1]]) if len(ends) else ends
    ax = ax if ax is not None else rows_axes(len(names) + 2)
    at = np.arange(len(names) + 2, dtype=np.float64)
    ax.barh(at[[0, -1]], [before, after], height=BAR, color=GREY)
    colours = [RED if amount > 0 else BLUE for amount in amounts]
    ax.barh(at[1:-1], amounts, left=starts, height=BAR, color=colours)
    levels = np.concatenate([[before], ends])
    ax.vlines(levels, at[:-1] + BAR / 2, at[1:] - BAR / 2, color=DARK, linewidth=0.8)
    _label_bars(ax, at, np.array([before, *ends, after]), [before, *amounts, after])
    name_rows(ax, ["before", *names, "after"])
    cut = _zoom(ax, np.concatenate([levels, [after]]))
    ax.set_xlabel(f"{unit} (the axis does not start at 0)" if cut else unit, parse_math=False)
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.6g}" if abs(x) < 100 else f"{x:,.0f}")
    return dress(ax, title, side=False)


def plot_fan(
    forecast: pd.DataFrame,
    *,
    title: str,
    level: float,
    measure: str = "bookings",
    history: pd.DataFrame | None = None,
    unit: str = "€",
    ax: Axes | None = None,
) -> Axes:
    """Draw the forecast month by month: parts as stacked bars, the interval of the total as a line.

    Parameters
    ----------
    forecast : pandas.DataFrame
        month, end, part, measure, mean, lower, upper, as `Forecast.to_frame` returns it.
    title : str
    level : float
        Coverage of the interval, for the legend.
    measure : {"bookings", "deals"}
    history : pandas.DataFrame, optional
        end, amount: months that have been, in order.
    unit : str
        Of the figures, for the axis label.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    rows = forecast[(forecast["measure"] == measure) & (forecast["month"] > 0)]
    total = rows[rows["part"] == "total"].sort_values("month")
    past = history if history is not None else pd.DataFrame({"end": [], "amount": []})
    ax = ax if ax is not None else new_axes(4.2)
    n_past = len(past)
    ax.bar(np.arange(n_past), past["amount"].to_numpy(dtype=float), BAR, color=GREY)
    at = n_past + np.arange(len(total), dtype=np.float64)
    bottom = np.zeros(len(total))
    parts = [part for part in dict.fromkeys(rows["part"]) if part != "total"]
    for part, shade in zip(parts, _shades(len(parts)), strict=True):
        mean = rows[rows["part"] == part].sort_values("month")["mean"].to_numpy(dtype=float)
        ax.bar(at, mean, BAR, bottom=bottom, color=BLUE, alpha=shade, label=part.replace("_", " "))
        bottom = bottom + mean
    lower, upper = (total[name].to_numpy(dtype=float) for name in ("lower", "upper"))
    ax.vlines(at, lower, upper, color=DARK, linewidth=1.6, label=f"{level:.0%} interval")
    _months(ax, [*past["end"], *total["end"]])
    if n_past:
        ax.axvline(n_past - 0.5, color=DARK, linewidth=0.8, linestyle=":")
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"{measure} a month" + (f" ({unit})" if measure == "bookings" else ""))
    ax.yaxis.set_major_formatter(lambda y, _: f"{y:,.0f}")
    legend_beside(ax)
    return dress(ax, title)


def _largest(terms: pd.DataFrame, top: int) -> tuple[list[str], Floats]:
    """Return names and amounts of the largest terms, in their order, and the rest as one."""
    terms = terms[terms["amount"] != 0]
    amount = terms["amount"].to_numpy(dtype=np.float64)
    order = np.argsort(-np.abs(amount), kind="stable")
    shown = order if len(order) <= top + 1 else order[:top]
    names = []
    for i in shown:
        channel, factor = str(terms["channel"].iloc[i]), str(terms["factor"].iloc[i])
        words = factor.replace("_", " ")
        names.append(f"{channel}: {words}" if channel else words)
    amounts = amount[shown]
    if len(shown) < len(order):
        names.append(f"the other {len(order) - len(shown)} terms")
        amounts = np.append(amounts, amount[order[len(shown) :]].sum())
    return names, amounts


def _label_bars(ax: Axes, at: Floats, ends: Floats, figures: Sequence[float]) -> None:
    """Write each figure past the right end of its bar; changes carry their sign."""
    digits = 0 if max(abs(figure) for figure in figures) >= 100 else 2
    for i, figure in enumerate(figures):
        change = 0 < i < len(at) - 1
        right = max(ends[i], ends[i - 1]) if change else ends[i]
        text = f"{figure:+,.{digits}f}" if change else f"{figure:,.{digits}f}"
        ax.annotate(
            text, (right, at[i]), (4, 0), textcoords="offset points", va="center", fontsize=9
        )


def _zoom(ax: Axes, levels: Floats) -> bool:
    """Leave out most of what all bars share, so that the changes can be seen; 0 if it is near."""
    low, high = float(levels.min()), float(levels.max())
    room = high - low or abs(high) or 1.0
    left = min(low, 0.0) if low <= 2 * room else low - 0.35 * room
    ax.set_xlim(left, high + 0.22 * (high - left or 1.0))
    return left > 0


def _shades(n: int) -> list[float]:
    return [float(shade) for shade in np.linspace(0.95, 0.25, n)]


def _months(ax: Axes, ends: Sequence[pd.Timestamp]) -> None:
    """Label months by their last day, the year where it changes; many are thinned out."""
    labels, year = [], None
    step = 1 + (len(ends) - 1) // 18
    shown = list(range(0, len(ends), step))
    for i in shown:
        day = pd.Timestamp(ends[i])
        labels.append(f"{day:%d}\n{day:%b}" + (f"\n{day.year}" if day.year != year else ""))
        year = day.year
    ax.set_xticks(shown, labels=labels)
    ax.set_xlabel("month to")
