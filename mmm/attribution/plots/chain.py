"""Transitions of a Markov chain, as a heat map and as a graph."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from mmm.drawing import BLUE, COLOURS, DARK, GREEN, GREY, TALLEST, dress, new_axes

START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"
WORDS = {START: "Start", CONVERSION: "Deal", NULL: "No deal"}
N_STATES, N_MOVES = 15, 30


def plot_transitions(
    frame: pd.DataFrame, *, n_states: int = N_STATES, ax: Axes | None = None
) -> Axes:
    """Draw where journeys go next as a heat map: a row a state, a column where it leads.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns source, target, count, probability, from `MarkovChain.transitions`.
    n_states : int, default 15
        States shown, those left most often; the title says how many there are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> frame = pd.DataFrame({"source": ["(start)", "a"], "target": ["a", "(conversion)"],
    ...     "count": [1.0, 1.0], "probability": [1.0, 1.0]})
    >>> [text.get_text() for text in plot_transitions(frame).get_yticklabels()]
    ['Start', 'a']
    """
    states, n_all = _busiest(frame, n_states)
    rows = [name for name in (START, *states) if (frame["source"] == name).any()]
    columns = [*states, CONVERSION, NULL]
    table = frame.pivot_table(index="source", columns="target", values="probability", aggfunc="sum")
    table = table.reindex(index=rows, columns=columns).fillna(0.0)
    if ax is None:
        ax = new_axes(1.8 + 0.42 * len(rows), min(2.5 + 0.62 * len(columns), TALLEST))
    top = float(table.to_numpy().max(initial=0.0)) or 1.0
    ax.imshow(table, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for (i, j), chance in np.ndenumerate(table.to_numpy()):
        if chance >= 0.005:
            shade = "white" if chance > 0.55 * top else DARK
            ax.text(j, i, f"{chance:.0%}", ha="center", va="center", color=shade, fontsize=8)
    ax.set_xticks(np.arange(len(columns)), labels=[WORDS.get(c, c) for c in columns])
    ax.set_yticks(np.arange(len(rows)), labels=[WORDS.get(r, r) for r in rows])
    for text in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_parse_math(False)
    plt.setp(ax.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    shown = "" if n_all <= len(states) else f" ({len(states)} of {n_all} states)"
    dress(ax, f"Where journeys go next{shown}", side=False)
    ax.spines[["bottom"]].set_visible(False)
    ax.set_xlabel("Next (a row sums to 100%)")
    return ax


def plot_graph(frame: pd.DataFrame, *, n_moves: int = N_MOVES, ax: Axes | None = None) -> Axes:
    """Draw the chain as a graph: circles are states, arrows the moves, thicker where more go.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns source, target, count, probability, from `MarkovChain.transitions`.
    n_moves : int, default 30
        Arrows drawn: the most frequent moves, those from the start and to the two ends among them;
        the title says what part of all moves they are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    states, n_all = _busiest(frame, N_STATES)
    known = {START, CONVERSION, NULL, *states}
    moves = frame[frame["source"].isin(known) & frame["target"].isin(known)]
    moves = _most_frequent(moves, n_moves)
    ax = ax if ax is not None else new_axes(7.0, 9.5)
    places = _places(states)
    visits = frame.groupby("target")["count"].sum()
    sizes = {name: 250 + 1500 * visits.get(name, 0.0) / visits.max() for name in places}
    widest = float(moves["count"].max())
    columns = (moves[name] for name in ("source", "target", "count"))
    for source, target, count in zip(*columns, strict=True):
        _arrow(ax, places, sizes, source, target, float(count) / widest)
    for name, (x, y) in places.items():
        colour = {CONVERSION: GREEN, NULL: GREY, START: DARK}.get(name, BLUE)
        ax.scatter([x], [y], s=sizes[name], color=colour, zorder=3, edgecolor="white")
        gap = np.sqrt(sizes[name]) / 2 + 4
        ax.annotate(
            WORDS.get(name, name),
            (x, y),
            (0, gap),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            zorder=4,
            parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
        )
    part = moves["count"].sum() / frame["count"].sum()
    few = "" if n_all <= len(states) else f", {len(states)} of {n_all} states"
    dress(ax, f"How journeys move: the {len(moves)} main moves, {part:.0%} of all{few}")
    ax.set_axis_off()
    ax.margins(0.12)
    return ax


def _most_frequent(moves: pd.DataFrame, n_moves: int) -> pd.DataFrame:
    """Return the most frequent moves, a few of every kind among them."""
    ranked = moves.sort_values("count", ascending=False, kind="stable")
    ends = [ranked["source"] == START, ranked["target"] == CONVERSION, ranked["target"] == NULL]
    few = max(n_moves // 8, 1)
    kept = pd.concat([ranked[end].head(few) for end in ends]).index
    rest = ranked[~ranked.index.isin(kept)].head(max(n_moves - len(kept), 0)).index
    return ranked[ranked.index.isin(kept.union(rest))]


def _busiest(frame: pd.DataFrame, n_states: int) -> tuple[list[str], int]:
    """Return the states that are left most often, and how many there are."""
    left = frame[frame["source"] != START].groupby("source", sort=False)["count"].sum()
    order = left.sort_values(ascending=False, kind="stable")
    return order.index[:n_states].tolist(), len(order)


def _places(states: list[str]) -> dict[str, tuple[float, float]]:
    """Return where each node stands: the start left, channels on a circle, the ends right."""
    angle = np.pi - 2 * np.pi * (np.arange(len(states)) + 0.5) / max(len(states), 1)
    circle = {
        name: (float(np.cos(a)), float(np.sin(a))) for name, a in zip(states, angle, strict=True)
    }
    return {START: (-1.7, 0.0), **circle, CONVERSION: (1.7, 0.45), NULL: (1.7, -0.45)}


def _arrow(
    ax: Axes,
    places: dict[str, tuple[float, float]],
    sizes: dict[str, float],
    source: str,
    target: str,
    weight: float,
) -> None:
    colour = {CONVERSION: GREEN, NULL: GREY}.get(target, COLOURS[4])
    ax.add_patch(
        FancyArrowPatch(
            places[source],
            places[target],
            connectionstyle="arc3,rad=0.14",
            arrowstyle="-|>",
            mutation_scale=8 + 8 * weight,
            linewidth=0.6 + 4.5 * weight,
            color=colour,
            alpha=0.75,
            shrinkA=np.sqrt(sizes[source]) / 2,
            shrinkB=np.sqrt(sizes[target]) / 2,
            zorder=2,
        )
    )
