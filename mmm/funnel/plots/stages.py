"""Figures of the funnel, from frames and arrays alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from mmm.drawing import BAND, BAR, BLUE, DARK, MUTED, RED, colour_of, dress, new_axes, percent

# Of the narrowing between two bars.
SHADE = "#D9E6F0"


def plot_funnel(frame: pd.DataFrame, *, title: str, level: float, ax: Axes | None = None) -> Axes:
    """Draw the stages as centred bars, with what becomes of the leads between them.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a stage, in order: stage, entered, lost, open, rate, rate_lower, rate_upper (0-1,
        NaN where unknown, as on the last row).
    title : str
    level : float
        Coverage of the interval, for the caption.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> frame = pd.DataFrame({"stage": ["lead", "won"], "entered": [9, 4], "lost": [3, 0],
    ...     "open": [2, 0], "rate": [0.5, None], "rate_lower": [0.3, None],
    ...     "rate_upper": [0.7, None]})
    >>> plot_funnel(frame, title="Funnel", level=0.9).get_title(loc="left")
    'Funnel'
    """
    rows = frame.reset_index(drop=True)
    ax = ax if ax is not None else new_axes(1.1 + 0.85 * len(rows))
    entered = rows["entered"].to_numpy(dtype=np.float64)
    at = np.arange(len(rows), dtype=np.float64)
    ax.barh(at, entered, left=-entered / 2, height=BAR, color=BLUE, zorder=2)
    widest = max(float(entered.max(initial=0.0)), 1.0)
    for k in range(len(rows)):
        row = rows.iloc[k]
        _name_stage(ax, k, row, widest)
        if k + 1 < len(rows):
            _join(ax, k, entered[k], entered[k + 1])
            _say_step(ax, k, row, widest)
    ax.set_xlim(-0.85 * widest, 1.3 * widest)
    ax.set_ylim(len(rows) - 0.5, -0.6)
    ax.set_axis_off()
    dress(ax, title)
    ax.text(
        -0.85 * widest,
        len(rows) - 0.5,
        f"Rate: probability of moving on, open leads not taken as lost ({level:.0%} interval)",
        fontsize=8,
        color=MUTED,
        va="top",
    )
    return ax


def plot_incidence(
    curves: pd.DataFrame,
    *,
    title: str,
    level: float,
    unit: str = "Days",
    ax: Axes | None = None,
) -> Axes:
    """Draw cumulative incidences as steps with their bands.

    Parameters
    ----------
    curves : pandas.DataFrame
        Long: cause, time, incidence, lower, upper (0-1), times ascending within a cause.
    title : str
    level : float
        Coverage of the band, for the axis label.
    unit : str
        What `time` counts.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax if ax is not None else new_axes(4.0)
    for i, (cause, rows) in enumerate(curves.groupby("cause", sort=False)):
        colour = colour_of(i)
        time = np.concatenate([[0.0], rows["time"].to_numpy(dtype=np.float64)])
        share, low, high = (
            np.concatenate([[0.0], rows[name].to_numpy(dtype=np.float64)])
            for name in ("incidence", "lower", "upper")
        )
        ax.fill_between(time, low, high, step="post", color=colour, alpha=BAND, linewidth=0)
        ax.step(time, share, where="post", color=colour, linewidth=1.8)
        ax.annotate(
            f"{cause} {share[-1]:.0%}",
            (time[-1], share[-1]),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            parse_math=False,
        )
    ax.set_xlim(left=0)
    ax.set_ylim(0, None)
    ax.set_ylim(top=min(1.0, ax.get_ylim()[1]))
    ax.yaxis.set_major_formatter(percent)
    ax.set_xlabel(unit)
    ax.set_ylabel(f"Ended so far ({level:.0%} band)")
    return dress(ax, title)


def plot_cohorts(
    shares: npt.ArrayLike,
    *,
    cohorts: Sequence[str],
    ages: Sequence[str],
    sizes: Sequence[int] | None = None,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw a cohort table as a heat map: one row a cohort, one column an age.

    Parameters
    ----------
    shares : array_like of float, shape (n_cohorts, n_ages)
        0-1, NaN where a cohort is too young: left blank, not 0.
    cohorts, ages : sequence of str
        Labels of rows and columns.
    sizes : sequence of int, optional
        Records of each cohort, printed beside its label.
    title : str
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = np.asarray(shares, dtype=np.float64)
    ax = ax if ax is not None else new_axes(1.2 + 0.36 * len(cohorts))
    known = np.ma.masked_invalid(table)
    top = float(known.max()) if known.count() else 1.0
    colours = plt.get_cmap("Blues").with_extremes(bad="white")
    ax.imshow(known, cmap=colours, vmin=0.0, vmax=max(top, 1e-9), aspect="auto")
    for (i, j), share in np.ndenumerate(table):
        if np.isfinite(share):
            ink = "white" if share > 0.6 * top else DARK
            ax.text(j, i, _percent(share), ha="center", va="center", color=ink, fontsize=8)
    names = list(cohorts)
    if sizes is not None:
        names = [f"{name}  (n = {n:,})" for name, n in zip(cohorts, sizes, strict=True)]
    ax.set_yticks(np.arange(len(names)), labels=names, parse_math=False)
    ax.set_xticks(np.arange(len(ages)), labels=list(ages), parse_math=False)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    # White lines between the cells.
    ax.set_xticks(np.arange(len(ages) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="minor", length=0)
    dress(ax, title)
    ax.spines[:].set_visible(False)
    return ax


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.1f}%"


def _name_stage(ax: Axes, k: int, row: "pd.Series[Any]", widest: float) -> None:
    # Names are text, not formulas: a dollar sign stays a dollar sign.
    name = str(row["stage"])
    ax.text(-0.85 * widest, k, name, va="center", fontweight="bold", parse_math=False)
    inside = row["entered"] > 0.12 * widest
    ax.text(
        0.0 if inside else 0.08 * widest,
        k,
        f"{row['entered']:,}",
        ha="center" if inside else "left",
        va="center",
        color="white" if inside else DARK,
        zorder=3,
    )


def _join(ax: Axes, k: int, above: float, below: float) -> None:
    """Shade what narrows between two bars."""
    top, bottom = k + BAR / 2, k + 1 - BAR / 2
    corners = [(-above / 2, top), (above / 2, top), (below / 2, bottom), (-below / 2, bottom)]
    ax.add_patch(Polygon(corners, closed=True, facecolor=SHADE, edgecolor="none", zorder=1))


def _say_step(ax: Axes, k: int, row: "pd.Series[Any]", widest: float) -> None:
    rate, low, high = (float(row[name]) for name in ("rate", "rate_lower", "rate_upper"))
    moved = "no rate yet"
    if np.isfinite(rate):
        moved = f"{_percent(rate)} move on"
        moved += f" ({_percent(low)} to {_percent(high)})" if np.isfinite(low) else ""
    left = f"{row['lost']:,} lost, {row['open']:,} still open"
    x = 0.56 * widest
    ax.text(x, k + 0.40, moved, va="center", color=DARK, fontsize=9)
    ax.text(x, k + 0.62, left, va="center", color=RED, fontsize=8)
