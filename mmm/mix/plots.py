"""Figures of the marketing mix, from frames and arrays alone.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; what is estimated
always carries its interval.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from scipy.special import ndtr

from mmm.mix.transforms import Floats

Panels = npt.NDArray[np.object_]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo")
GREY, DARK = "#9A9A9A", "#222222"
BAND = 0.25
TALLEST = 200.0  # inches; renderers stop at 2**16 pixels
_COLUMNS = 3  # of small figures side by side
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
        at, frame["lower"], frame["upper"], color=COLOURS[0], alpha=BAND, linewidth=0,
        label=f"{level:.0%} of periods\nshould lie here",
    )  # fmt: skip
    above.plot(at, frame["fitted"], color=COLOURS[0], label="expected")
    above.plot(at, frame["outcome"], ".", color=DARK, markersize=4, label="observed")
    _dress(above, f"What the model makes of {outcome}", ylabel=f"{outcome} a period")
    above.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    parts = frame[list(channels)].to_numpy(dtype=np.float64).T
    bottom = frame["baseline"].to_numpy(dtype=np.float64)
    below.fill_between(at, 0, bottom, color=GREY, alpha=0.5, linewidth=0, label="without media")
    for i, (name, part) in enumerate(zip(channels.values(), parts, strict=True)):
        below.fill_between(
            at, bottom, bottom + part, facecolor=_colour(i), hatch=_hatch(i), edgecolor="white",
            linewidth=0, label=_plain(name),
        )  # fmt: skip
        bottom = bottom + part
    below.plot(at, frame["outcome"], ".", color=DARK, markersize=3)
    _dress(below, "What that consists of, at the mean", ylabel=f"{outcome} a period")
    handles, labels = below.get_legend_handles_labels()
    below.legend(
        handles[::-1], labels[::-1], frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    _tidy_dates(below, at)
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
    ax = ax if ax is not None else _bars_axes(len(rows))
    firm = (rows["identified"] == "data").to_numpy()
    total = (rows["channel"] == "(media)").to_numpy()
    colours = [GREY if t else COLOURS[0] for t in total]
    at = np.arange(len(rows), dtype=np.float64)
    bars = ax.barh(at, rows["contribution"], height=0.7, color=colours)
    for bar, solid in zip(bars, firm, strict=True):
        if not solid:
            bar.set_alpha(0.35)
            bar.set_hatch("///")
    _whiskers(ax, at, rows["contribution_lower"], rows["contribution_upper"])
    names = ["all media" if t else n for n, t in zip(rows["channel"], total, strict=True)]
    _name_bars(ax, names)
    ax.set_xlim(left=min(0.0, float(rows["contribution_lower"].min())))
    ax.xaxis.set_major_formatter(_short)
    hint = "" if firm.all() else "; hatched: rests on the prior more than on the data"
    ax.set_xlabel(f"{outcome}, all periods (line: {level:.0%} interval{hint})")
    _dress(ax, "What each channel brought", side=False)
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
    figure, panels = _grid(len(names), 3.2, 2.7)
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
        spend, rows["response_lower"], rows["response_upper"], color=COLOURS[0], alpha=BAND,
        linewidth=0,
    )  # fmt: skip
    seen = int((~beyond).sum())
    ax.plot(spend[:seen], response[:seen], color=COLOURS[0])
    ax.plot(spend[max(seen - 1, 0) :], response[max(seen - 1, 0) :], "--", color=COLOURS[0])
    ax.plot([today], np.interp([today], spend, response), "o", color=COLOURS[5], clip_on=False)
    ax.axvline(today, color=COLOURS[5], linewidth=0.8, zorder=0)
    ax.set_xlim(0, max(float(spend[-1]), 1e-12))
    ax.set_ylim(bottom=min(0.0, float(rows["response_lower"].min())))
    ax.xaxis.set_major_formatter(_short)
    ax.yaxis.set_major_formatter(_short)
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
    ax = ax if ax is not None else _bars_axes(1.4 * len(frame))
    at = np.arange(len(frame), dtype=np.float64)
    for shift, kind, colour, marker in (
        (-0.16, "prior", COLOURS[1], "s"),
        (0.16, "posterior", COLOURS[0], "o"),
    ):
        _whiskers(ax, at + shift, frame[f"{kind}_lower"], frame[f"{kind}_upper"], colour, 2.5)
        label = "before the data (prior)" if kind == "prior" else "after (posterior)"
        ax.plot(frame[kind], at + shift, marker, color=colour, markersize=6, label=label)
    names = [
        f"{name}\ndata {told:.0%}, prior {1 - told:.0%}"
        for name, told in zip(frame["channel"], frame["contraction"], strict=True)
    ]
    _name_bars(ax, names)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(_short)
    ax.set_xlabel(f"{outcome}, all periods (median; line: {level:.0%} interval)")
    _dress(ax, "What the data added to what was assumed", side=False)
    ax.legend(frameon=False, loc="lower right")
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
    left.vlines(date, 0, residual, color=COLOURS[0], linewidth=1)
    left.plot(date, residual, ".", color=COLOURS[0], markersize=5)
    left.yaxis.set_major_formatter(_short)
    _dress(left, "What is left over, by period", ylabel="observed less expected")
    _tidy_dates(left, date)
    lags, correlation = autocorrelation(innovation)
    bound = 1.96 / np.sqrt(max(len(innovation), 1))
    right.axhspan(-bound, bound, color=GREY, alpha=BAND, linewidth=0, label="95% where unrelated")
    right.vlines(lags, 0, correlation, color=COLOURS[0])
    right.plot(lags, correlation, "o", color=COLOURS[0], markersize=4)
    right.axhline(0, color=GREY, linewidth=1)
    right.set_ylim(-1, 1)
    right.set_xlabel("periods apart")
    _dress(right, "What one period tells of a later one", ylabel="correlation of the news")
    right.legend(frameon=False, loc="lower right")
    return np.asarray(panels)


def autocorrelation(series: Floats, n_lags: int = _LAGS) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return lags from 1 and the correlation of a series with itself that many periods before.

    Examples
    --------
    >>> autocorrelation(np.array([1.0, -1.0] * 20), 2)[1].round(2).tolist()
    [-0.97, 0.95]
    """
    lags = np.arange(1, min(n_lags, len(series) - 1) + 1)
    deviation = series - series.mean()
    square = float((deviation**2).sum())
    products = [float((deviation[lag:] * deviation[:-lag]).sum()) for lag in lags]
    return lags, np.array(products) / square if square > 0 else np.zeros(len(lags))


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
    ax = ax if ax is not None else _bars_axes(1.4 * len(frame))
    at = np.arange(len(frame), dtype=np.float64)
    ax.barh(at - 0.19, frame["current"], height=0.36, color=GREY, label="today")
    ax.barh(at + 0.19, frame["proposed"], height=0.36, color=COLOURS[0], label="plan")
    _name_bars(ax, list(frame["channel"]))
    ax.xaxis.set_major_formatter(_short)
    ax.set_xlabel("Spend a period")
    _dress(ax, "Spend", side=False)
    ax.legend(frameon=False, loc="best")
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
    ax = ax if ax is not None else _bars_axes(1.4 * len(frame))
    at = np.arange(len(frame), dtype=np.float64)
    ax.axvline(0, color=DARK, linewidth=1, linestyle=":")
    for shift, name, colour, marker, label in (
        (-0.17, "marginal_romi", GREY, "s", "today"),
        (0.17, "marginal_romi_after", COLOURS[0], "o", "plan"),
    ):
        _whiskers(ax, at + shift, frame[f"{name}_lower"], frame[f"{name}_upper"], colour, 2.5)
        ax.plot(frame[name], at + shift, marker, color=colour, label=label)
    _name_bars(ax, list(frame["channel"]))
    ax.xaxis.set_major_formatter(lambda romi, _: f"{100 * romi:.3g}%")
    ax.set_xlabel(f"Return of the last spend (dotted: break-even; line: {level:.0%})")
    _dress(ax, "Marginal ROMI", side=False)
    ax.legend(frameon=False, loc="best")
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
    if ax is None:
        _, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
    edges, density = gain_density(profit, hidden_spread)
    middle = 0.5 * (edges[1:] + edges[:-1])
    colours = [COLOURS[0] if x > 0 else COLOURS[5] for x in middle]
    ax.bar(middle, density, width=np.diff(edges), color=colours, linewidth=0)
    ax.axvline(0, color=DARK, linewidth=1, linestyle=":")
    lower, upper = np.quantile(profit, (0.5 - level / 2, 0.5 + level / 2))
    high = 1.06 * float(density.max())
    ax.hlines(high, lower, upper, color=DARK, linewidth=2)
    ax.plot([profit.mean()], [high], "o", color=DARK)
    ax.xaxis.set_major_formatter(_short)
    ax.locator_params(axis="x", nbins=5)
    ax.set_yticks([])
    ax.set_xlabel(f"Profit a period, plan less today (line: mean, {level:.0%} interval)")
    _dress(ax, "What it may gain (orange: a loss)", side=False)
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
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
    total = frame["total"]
    ax.fill_between(
        total, frame["profit_lower"], frame["profit_upper"], color=COLOURS[0], alpha=BAND,
        linewidth=0, label=f"{level:.0%} interval",
    )  # fmt: skip
    ax.plot(total, frame["profit"], color=COLOURS[0], label="best split of each total")
    best = int(frame["profit"].to_numpy(dtype=np.float64).argmax())
    ax.plot(
        total.iloc[[best]], frame["profit"].iloc[[best]], "s", color=COLOURS[2], markersize=8,
        label="most profit",
    )  # fmt: skip
    if today is not None:
        ax.plot([today[0]], [today[1]], "o", color=COLOURS[5], markersize=8, label="today")
    ax.axhline(0, color=DARK, linewidth=1, linestyle=":")
    ax.xaxis.set_major_formatter(_short)
    ax.yaxis.set_major_formatter(_short)
    ax.set_xlabel("Total spend a period")
    _dress(ax, "What a larger or smaller budget earns", ylabel="Profit of media a period")
    ax.legend(frameon=False, loc="best")
    return ax


def save_figure(panels: Axes | Panels, path: Any) -> None:
    """Write the figure of these axes to a file and close it; the same figure, the same bytes.

    Parameters
    ----------
    panels : matplotlib.axes.Axes or array of them
    path : path
        Ending in .png or .svg.
    """
    figure: Any = np.ravel(np.asarray(panels, dtype=object))[0].figure
    metadata = {"Date": None} if str(path).endswith(".svg") else {}
    with plt.rc_context({"svg.hashsalt": "mmm"}):
        figure.savefig(path, dpi=120, metadata=metadata)
    plt.close(figure)


def _grid(n: int, width: float, height: float) -> tuple[Any, Panels]:
    columns = min(n, _COLUMNS)
    rows = -(-n // columns)
    size = (max(width * columns, 6.0), min(height * rows + 0.4, TALLEST))
    figure, panels = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    flat = panels.ravel()
    for unused in flat[n:]:
        unused.set_visible(False)
    return figure, flat[:n]


def _bars_axes(n_bars: float) -> Axes:
    height = min(1.4 + 0.36 * max(n_bars, 2), TALLEST)
    _, ax = plt.subplots(figsize=(8.0, height), layout="constrained")
    return ax


def _whiskers(
    ax: Axes, at: Floats, lower: Any, upper: Any, colour: str = DARK, width: float = 1.4
) -> None:
    ax.hlines(at, lower, upper, color=colour, linewidth=width)


def _name_bars(ax: Axes, names: Sequence[str]) -> None:
    # Channel names are text, not formulas: a dollar sign stays a dollar sign.
    ax.set_yticks(np.arange(len(names)), labels=names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def _dress(ax: Axes, title: str, *, ylabel: str | None = None, side: bool = True) -> None:
    ax.set_title(title, loc="left", fontsize=11, parse_math=False)
    if ylabel is not None:
        ax.set_ylabel(ylabel, parse_math=False)
        if ax.yaxis.get_major_formatter().__class__.__name__ == "ScalarFormatter":
            ax.yaxis.set_major_formatter(_short)
    ax.spines[["top", "right"] if side else ["top", "right", "left"]].set_visible(False)


def _tidy_dates(ax: Axes, dates: Any) -> None:
    if np.issubdtype(np.asarray(dates).dtype, np.datetime64):
        locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        ax.set_xlabel("period")


def _short(amount: float, _: object = None) -> str:
    """Write an amount shortly: 1.5k, 20M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= unit:
            return f"{amount / unit:.3g}{letter}"
    return f"{amount:.3g}"


def _plain(name: str) -> str:
    return name.replace("$", r"\$")


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _hatch(i: int) -> str:
    return HATCHES[(i // len(COLOURS)) % len(HATCHES)]
