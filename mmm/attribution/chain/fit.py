"""`MarkovChain`: an absorbing chain of order k, estimated from journeys by counting."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmm.attribution.chain.removal import AbsorbingChain, removal_effects
from mmm.attribution.chain.states import Walks, check_order, walk
from mmm.attribution.measure import (
    Floats,
    Measured,
    add_up,
    add_up_by_journey,
    measured,
)
from mmm.errors import InputError
from mmm.journeys import Journeys

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"
BETWEEN = " > "


@dataclass(frozen=True, eq=False, repr=False)
class MarkovChain(AbsorbingChain):
    """An absorbing chain of order k: from each state to the next, to a conversion, or to null.

    Equal states in a row count as one visit, so that no state moves to itself.

    Attributes
    ----------
    channels : tuple of str
        Names of the channels.
    order : int
        Touches that a state remembers.
    measure : str
        "value" or "conversions": the unit of `payoff` and `rate`.
    states : ndarray of int64, shape (n_states, order)
        Channels of each state by position, oldest first; -1 before the first touch.
    n_journeys : float
        Weighted number of journeys, converting or not.
    visits : ndarray of float64, shape (n_states,)
        Weighted visits.
    start : ndarray of float64, shape (n_states,)
        Distribution of the first state; sums to 1.
    source, target : ndarray of int64, shape (n_moves,)
        The states that a move leaves and reaches, in that order.
    chance : ndarray of float64, shape (n_moves,)
        Probability of each move. With `conversion` and `null` those of a state sum to 1.
    conversion, null : ndarray of float64, shape (n_states,)
        Probability that a visit ends in a conversion, or without one.
    payoff : ndarray of float64, shape (n_states,)
        Expected amount on leaving a state by conversion, per visit.
    participation : ndarray of float64, shape (n_channels,)
        Part of the amount that journeys with the channel bring, 0-1.
    """

    measure: str

    def __repr__(self) -> str:
        return (
            f"MarkovChain(order {self.order}, {len(self.states)} states, "
            f"{len(self.chance)} moves, {len(self.channels)} channels)"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each state, such as "Events > Email" at order 2."""
        names = self.channels
        return tuple(BETWEEN.join(names[c] for c in row if c >= 0) for row in self.states.tolist())

    def removal_effects(self, removal: str = "to_null") -> Floats:
        """Return the part of `rate` that is lost when a channel is removed.

        Parameters
        ----------
        removal : {"to_null", "participation", "reroute"}, default "to_null"
            "to_null": a visit to the channel ends the journey (Anderl et al. 2016).
            "participation": all that journeys with the channel brought is lost, which needs no
            chain and is the limit of high order. "reroute": the journey goes on as others do that
            avoid the channel, its transitions renormalised; where no other way leads on, or only
            round in circles, it brings nothing.

        Returns
        -------
        ndarray of float64, shape (n_channels,)
            0-1; with "reroute" negative where journeys would fare better without the channel.

        Raises
        ------
        ConfigError
            If the removal is unknown.

        Examples
        --------
        >>> journeys = Journeys.from_paths(["a > b", "b"], nulls=[0, 2])
        >>> fit_chain(journeys).removal_effects().round(3).tolist()
        [0.25, 1.0]
        >>> fit_chain(journeys).removal_effects("reroute").round(3).tolist()
        [0.0, 1.0]
        """
        return removal_effects(self, removal)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a state.

        Returns
        -------
        pandas.DataFrame
            Columns state, visits (weighted), start, conversion, null (probabilities).
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "state": pd.Series(self.labels, dtype="str"),
                "visits": self.visits,
                "start": self.start,
                "conversion": self.conversion,
                "null": self.null,
            }
        )

    def transitions(self) -> "pd.DataFrame":
        """Return one row a transition that occurs, the start and the two ends included.

        Returns
        -------
        pandas.DataFrame
            Columns source, target, count (weighted), probability (of the target, given the
            source). Sources are states or "(start)", targets states, "(conversion)" or "(null)".

        Examples
        --------
        >>> journeys = Journeys.from_paths(["a > b"], nulls=[1])
        >>> fit_chain(journeys).transitions()
            source        target  count  probability
        0  (start)             a    2.0          1.0
        1        a             b    2.0          1.0
        2        b  (conversion)    1.0          0.5
        3        b        (null)    1.0          0.5
        """
        import pandas as pd

        inner = np.arange(len(self.states))
        names = np.array([*self.labels, START, CONVERSION, NULL], dtype=object)
        begin, won, lost = len(inner), len(inner) + 1, len(inner) + 2
        source = np.concatenate([np.full(len(inner), begin), self.source, inner, inner])
        target = np.concatenate(
            [inner, self.target, np.full(len(inner), won), np.full(len(inner), lost)]
        )
        probability = np.concatenate([self.start, self.chance, self.conversion, self.null])
        out = np.concatenate([self.visits, [self.n_journeys]])[source]
        kept = np.flatnonzero(probability > 0)
        # The start first, then state by state, conversions and nulls last.
        kept = kept[np.lexsort((target[kept], source[kept], source[kept] != begin))]
        return pd.DataFrame(
            {
                "source": pd.Series(names[source[kept]], dtype="str"),
                "target": pd.Series(names[target[kept]], dtype="str"),
                "count": (out * probability)[kept],
                "probability": probability[kept],
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the transitions as a heat map.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mmm.attribution.plots import plot_transitions

        return plot_transitions(self.transitions(), ax=ax)

    def plot_graph(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the most frequent transitions as a graph.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mmm.attribution.plots import plot_graph

        return plot_graph(self.transitions(), ax=ax)


def fit_chain(
    journeys: Journeys, order: int = 1, measure: str | None = None, *, include_nulls: bool = True
) -> MarkovChain:
    """Estimate the transition probabilities of a chain of order k.

    A row of c conversions and u nulls counts c + u times for each of its moves. Equal states in a
    row are one visit: at order 1 this changes no removal effect.

    Parameters
    ----------
    journeys : Journeys
        At least one with weight.
    order : int, default 1
        Touches that a state remembers, 1 to 6.
    measure : {"value", "conversions"}, optional
        Value by default where the journeys have it.
    include_nulls : bool, default True
        Whether journeys that ended without a deal count.

    Returns
    -------
    MarkovChain

    Raises
    ------
    MmmError
        If an option is unknown, values are asked for and missing, or no journey has weight.

    References
    ----------
    Anderl, Becker, von Wangenheim and Schumann 2016, Mapping the customer journey: Lessons learned
    from graph-based online attribution modeling, IJRM 33(3), 457-474.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b > a", "a"], conversions=[1, 0], nulls=[0, 1])
    >>> chain = fit_chain(journeys, order=2)
    >>> chain
    MarkovChain(order 2, 3 states, 1 moves, 2 channels)
    >>> chain.labels
    ('a', 'a > b', 'b > a')
    """
    order, of = check_order(order), measured(journeys, measure)
    if not include_nulls:
        journeys = replace(journeys, nulls=np.zeros(len(journeys)))
    if not (journeys.conversions.any() or journeys.nulls.any()):
        raise InputError(
            "There is no journey with weight, so no chain to estimate. Pass journeys with "
            "conversions or nulls."
        )
    return count_chain(journeys, of, walk(journeys, order))


def count_chain(journeys: Journeys, of: Measured, walks: Walks) -> MarkovChain:
    """Estimate the chain of walks already taken; `fit_chain` in one step.

    Parameters
    ----------
    journeys : Journeys
        At least one with weight.
    of : Measured
        What to share out.
    walks : Walks
        Of these journeys.

    Returns
    -------
    MarkovChain

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b", "a"], conversions=[1, 0], nulls=[0, 1])
    >>> chain = count_chain(journeys, measured(journeys, None), walk(journeys, 1))
    >>> chain.moves.toarray().tolist()
    [[0.0, 0.5], [0.0, 0.0]]
    """
    n_states = len(walks.states)
    weight = journeys.conversions + journeys.nulls
    taken = add_up_by_journey(walks.step, walks.start, weight, len(walks.source))
    out = add_up(walks.source, taken, n_states)
    # A state without weighted visits has no moves either: any divisor will do.
    divisor = np.where(out > 0, out, 1.0)
    inner = walks.target >= 0
    source, target = walks.source[inner], walks.target[inner]
    n_journeys = float(weight.sum())
    last = walks.last
    return MarkovChain(
        channels=journeys.channels,
        measure=of.measure,
        states=walks.states,
        n_journeys=n_journeys,
        visits=out,
        start=add_up(walks.first, weight, n_states) / (n_journeys or 1.0),
        source=source,
        target=target,
        chance=taken[inner] / divisor[source],
        conversion=add_up(last, journeys.conversions, n_states) / divisor,
        null=add_up(last, journeys.nulls, n_states) / divisor,
        payoff=add_up(last, of.amount, n_states) / divisor,
        participation=_participation(journeys, of),
    )


def _participation(journeys: Journeys, of: Measured) -> Floats:
    journey, channel = journeys.won_channels
    brought = add_up(channel, of.amount[journey], len(journeys.channels))
    return brought / of.attributed if of.attributed else brought
