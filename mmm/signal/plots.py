"""Figures of the joined signal, from frames alone."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mmm.drawing import (
    BLUE,
    DARK,
    GREEN,
    ORANGE,
    PALE,
    dress,
    legend_beside,
    name_rows,
    new_axes,
    rows_axes,
    whiskers,
)

METHODS = {"attributed": ORANGE, "incremental": BLUE, "experiment": GREEN}
_LABELS = {"attributed": "attribution", "incremental": "mix", "experiment": "experiment"}


def plot_triangulation(
    table: pd.DataFrame, *, currency: str = "EUR", level: float = 0.9, ax: Axes | None = None
) -> Axes:
    """Draw what each method says of each channel, with intervals, and the figure to plan on.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mmm.signal.Triangulation` holds it.
    currency : str
    level : float
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> names = [f"{name}{end}" for name in METHODS for end in ("", "_lower", "_upper")]
    >>> table = pd.DataFrame([[1.0] * 9], columns=names).assign(channel="Ads", plan=1.0)
    >>> plot_triangulation(table).get_yticklabels()[0].get_text()
    'Ads'
    """
    ax = ax if ax is not None else rows_axes(1.8 * len(table))
    at = np.arange(len(table), dtype=np.float64)
    for k, (method, colour) in enumerate(METHODS.items()):
        value = table[method].to_numpy(dtype=np.float64)
        known = np.isfinite(value)
        y = at + 0.22 * (k - 1)
        ends = [table[f"{method}_{end}"].to_numpy(dtype=np.float64) for end in ("lower", "upper")]
        ends = [np.where(np.isfinite(end), end, value) for end in ends]
        whiskers(ax, y[known], ends[0][known], ends[1][known], colour, 2.0)
        ax.plot(value[known], y[known], "o", color=colour, label=_LABELS[method])
    plan = table["plan"].to_numpy(dtype=np.float64)
    ax.plot(plan, at, "|", color=DARK, markersize=22, markeredgewidth=2, label="plan on")
    name_rows(ax, table["channel"].tolist())
    ax.set_xlabel(f"{currency}, {level:.0%} intervals", parse_math=False)
    ax.axvline(0.0, color=DARK, linewidth=0.6)
    ax.xaxis.set_major_formatter("{x:,.0f}")
    legend_beside(ax)
    return dress(ax, "What each method says", side=False)


def plot_maturity(cohorts: pd.DataFrame, *, currency: str = "EUR", ax: Axes | None = None) -> Axes:
    """Draw what cohorts have brought and are expected to bring, with the interval of both.

    Parameters
    ----------
    cohorts : pandas.DataFrame
        As `mmm.signal.Cohorts.to_frame` returns it: date, realised, expected_value, lower, upper,
        maturity.
    currency : str
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> one = {"realised": 1.0, "expected_value": 2.0, "lower": 1.0, "upper": 3.0, "maturity": 0.5}
    >>> table = pd.DataFrame([{"date": pd.Timestamp("2025-01-06"), **one}])
    >>> len(plot_maturity(table).patches)
    2
    """
    ax = ax if ax is not None else new_axes(4.0)
    at = np.arange(len(cohorts), dtype=np.float64)
    realised, whole, lower, upper = (
        cohorts[name].to_numpy(dtype=np.float64)
        for name in ("realised", "expected_value", "lower", "upper")
    )
    ax.bar(at, realised, width=0.85, color=BLUE, label="won")
    ax.bar(at, whole - realised, bottom=realised, width=0.85, color=PALE, label="still expected")
    ax.vlines(at, lower, upper, color=DARK, linewidth=1.0)
    step = max(1, len(cohorts) // 8)
    days = pd.to_datetime(cohorts["date"]).dt.strftime("%Y-%m-%d").tolist()
    ax.set_xticks(at[::step], labels=days[::step], rotation=30, ha="right")
    ax.set_ylabel(f"{currency} of the leads of the period", parse_math=False)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    legend_beside(ax)
    return dress(ax, "Worth of the leads of each period")
