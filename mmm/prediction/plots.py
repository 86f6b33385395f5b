"""Figures of lead scores, from frames and arrays alone."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from mmm.drawing import BAR, BLUE, GREEN, GREY, MUTED, RED, dress, name_rows, new_axes, whiskers
from mmm.prediction.columns.drift import MODERATE, STRONG


def plot_reliability(frame: pd.DataFrame, *, level: float = 0.9, ax: Axes | None = None) -> Axes:
    """Draw realised against promised rates, with intervals; on the diagonal promises are kept.

    Parameters
    ----------
    frame : pandas.DataFrame
        promised, rate, lower, upper (0-1), n; one row a bin.
    level : float
        Coverage of the intervals, for the label.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> bins = pd.DataFrame({"promised": [0.1], "rate": [0.2], "lower": [0.1], "upper": [0.3]})
    >>> plot_reliability(bins).get_xlabel()
    'Promised'
    """
    ax = _axes(ax)
    p, rate, low, high = (
        frame[c].to_numpy(dtype=np.float64) for c in ("promised", "rate", "lower", "upper")
    )
    top = float(np.nanmax([*p, *high, 0.01])) * 1.05
    ax.plot([0, top], [0, top], color=MUTED, linewidth=1, linestyle=":")
    reach = np.maximum([rate - low, high - rate], 0.0)
    ax.errorbar(p, rate, yerr=reach, color=BLUE, marker="o", linewidth=1.2, capsize=2)
    _share_axes(ax, "Promised", f"Realised ({level:.0%} interval)")
    return dress(ax, "Do the probabilities hold?")


def plot_gains(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of wins reached by calling the best leads first.

    Parameters
    ----------
    frame : pandas.DataFrame
        called, won (0-1), ascending.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    called = np.concatenate([[0.0], frame["called"].to_numpy(dtype=np.float64)])
    won = np.concatenate([[0.0], frame["won"].to_numpy(dtype=np.float64)])
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    ax.plot(called, won, color=BLUE)
    _share_axes(ax, "Leads called, best first", "Wins among them")
    return dress(ax, "What do the best leads hold?")


def plot_lift(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many times as often the best leads are won.

    Parameters
    ----------
    frame : pandas.DataFrame
        called (0-1), lift, by ascending `called`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    ax.axhline(1.0, color=MUTED, linewidth=1, linestyle=":")
    ax.plot(frame["called"], frame["lift"], color=BLUE)
    ax.set_xlabel("Leads called, best first")
    ax.set_ylabel("Times the overall rate")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylim(bottom=0)
    return dress(ax, "How much more often are the best leads won?")


def plot_distribution(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how the probabilities of won and of lost leads spread.

    Parameters
    ----------
    frame : pandas.DataFrame
        outcome ("won", "lost"), probability (upper end of a bin), n.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    for name, colour in (("lost", MUTED), ("won", BLUE)):
        rows = frame[frame["outcome"] == name]
        n = rows["n"].to_numpy(dtype=np.float64)
        edges = np.concatenate([[0.0], rows["probability"].to_numpy(dtype=np.float64)])
        ax.stairs(n / max(n.sum(), 1.0), edges, color=colour, label=f"{name} ({n.sum():,.0f})")
    _share_axes(ax, "Probability", "Share of the leads of an outcome")
    ax.legend(frameon=False)
    return dress(ax, "Probabilities by outcome")


def plot_reasons(
    columns: list[str], values: npt.ArrayLike, *, base: float, title: str, ax: Axes | None = None
) -> Axes:
    """Draw what the columns add to the log-odds of one lead, the weightiest on top.

    Parameters
    ----------
    columns : list of str
    values : array_like, shape (n_columns,)
        Log-odds.
    base : float
        Log-odds of a typical lead.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    added = np.asarray(values, dtype=np.float64)
    order = np.argsort(np.abs(added), kind="stable")[::-1][:12]
    ax = _axes(ax)
    at = np.arange(len(order), dtype=np.float64)
    colours = [GREEN if added[i] > 0 else RED for i in order]
    ax.barh(at, added[order], color=colours, height=BAR)
    name_rows(ax, [columns[i] for i in order])
    ax.axvline(0.0, color=MUTED, linewidth=1)
    ax.set_xlabel(f"Added to the log-odds of a typical lead ({base:.2f})")
    return dress(ax, title, side=False)


def plot_hazard(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the probability of having been won, and lost, by age.

    Parameters
    ----------
    frame : pandas.DataFrame
        age_days, won, lost (0-1, cumulative), by ascending age.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    age = np.concatenate([[0.0], frame["age_days"].to_numpy(dtype=np.float64)])
    for name, colour in (("won", BLUE), ("lost", MUTED)):
        share = np.concatenate([[0.0], frame[name].to_numpy(dtype=np.float64)])
        ax.step(age, share, where="post", color=colour, label=name)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel("Days since the lead came in")
    ax.set_ylabel("Ended by then")
    ax.legend(frameon=False)
    return dress(ax, "When leads are won, and lost")


def plot_drift(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far each feature has moved since training, the furthest on top, with intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        feature, psi, lower, upper, state; as `mmm.prediction.feature_drift` returns it. The bars
        are of the index as observed, the whiskers of the index of the populations.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    shown = frame.sort_values(["psi", "feature"], ascending=[False, True]).head(12)
    ax = _axes(ax)
    at = np.arange(len(shown), dtype=np.float64)
    far = shown["state"].isin(["moderate", "strong"])
    ax.barh(at, shown["psi"], color=np.where(far, RED, GREY), height=BAR)
    whiskers(ax, at, shown["lower"], shown["upper"])
    name_rows(ax, [str(name) for name in shown["feature"]])
    for edge in (MODERATE, STRONG):
        ax.axvline(edge, color=MUTED, linewidth=1, linestyle=":")
    ax.set_xlim(left=0)
    ax.set_xlabel("Population stability index (dotted: moderate, strong)")
    return dress(ax, "What has moved since training", side=False)


def _axes(ax: Axes | None) -> Axes:
    return ax if ax is not None else new_axes(4.0, 6.0)


def _share_axes(ax: Axes, x: str, y: str) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
