"""Shapley values: what a channel adds to others, averaged over the order in which they join."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from mmm.attribution.allocation import total_shares, warn_without_nulls, with_own
from mmm.attribution.chain.fit import MarkovChain, count_chain
from mmm.attribution.chain.influence import Gradient, Moved, chain_influence, moved_by
from mmm.attribution.chain.states import Walks, walk
from mmm.attribution.games import (
    RateGame,
    check_players,
    kernel,
    rate_game,
    restricted_worth,
    shapley_values,
    worth_gradient,
)
from mmm.attribution.measure import (
    Floats,
    Integers,
    Measured,
    deals_touched,
    measured,
    per_conversion,
)
from mmm.attribution.result import CONVENTION, AttributionResult, unattributed_credit
from mmm.attribution.rules import by_rule
from mmm.attribution.uncertainty import Influence, Sampling, share_interval
from mmm.errors import ConfigError, check_level
from mmm.journeys import Journeys

GAMES = ("sum", "rate", "counterfactual")
# Touches of a journey that `ordered` tells apart; later ones count together.
POSITIONS = 10

_SUM = (
    "Shapley values of the game in which a set of channels earns what journeys with no other "
    "channel brought: each deal in equal parts to its distinct channels (Zhao, Mahboobi and "
    "Bagheri 2018, arXiv:1804.05327)."
)
_ORDERED = (
    "Ordered Shapley values: each deal in equal parts to its distinct channels, the part of a "
    "channel in equal parts to its touches, by place of the touch in the journey (Zhao, Mahboobi "
    "and Bagheri 2018, arXiv:1804.05327)."
)
_RATE = (
    "Shapley values of the game in which a set of channels is worth the {measure} per journey of "
    "the journeys with no other channel, scaled to the total; sets that no journey fits are worth "
    "0. Negative where a channel comes with a lower rate (Shapley 1953, A value for n-person "
    "games; rates as in Dalessandro, Perlich, Stitelman and Provost 2012, ADKDD)."
)
_COUNTERFACTUAL = (
    "Shapley values of the first-order Markov chain in which a set of channels earns what the "
    "chain brings when a visit to any other channel ends the journey, scaled to the total: every "
    "path of the chain in equal parts to its distinct channels (after Singal, Besbes, Desir, Goyal "
    "and Iyengar 2019, WWW, with an absent channel worth nothing)."
)
_NO_NULLS = (
    "without them every set of channels converts with certainty, and what one adds to another does "
    "not show."
)


def shapley(
    journeys: Journeys,
    *,
    game: str = "sum",
    ordered: bool = False,
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit channels by their Shapley values, exactly.

    Parameters
    ----------
    journeys : Journeys
        "rate" and "counterfactual" need the journeys that did not convert.
    game : {"sum", "rate", "counterfactual"}, default "sum"
        What a set S of channels is worth.

        "sum": what journeys brought whose channels all lie in S. In closed form: each deal in
        equal parts to its distinct channels; any number of channels, with a credit per deal.

        "rate": what such journeys bring on average, deals without one included. Up to 20
        channels, by subset transforms in O(K 2^K). Values may be negative and are reported so.

        "counterfactual": what a first-order Markov chain brings when a visit to a channel outside
        S ends the journey, up to 20 channels.
    ordered : bool, default False
        Credit by channel and place of the touch in its journey, such as "Email, touch 2"; places
        from the tenth on together. With the sum game, whose totals by channel it keeps.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal for the sum game. For the rate game `share` may leave 0-1 and the
        interval is symmetric.

    Raises
    ------
    ConfigError
        If an option is unknown, or there are too many channels for the game.
    InputError
        If values are asked for and missing.

    Notes
    -----
    In the paper of Singal and others a player is an ad action in a state of the user, and its value
    is adjusted by what showing no ad in that state would have brought. A log of touches holds no
    moment in which no ad was shown, so that this cannot be estimated; here a player is a channel
    and its absence brings nothing. Their adjusted "unique-uniform" then loses its adjustment: every
    path of the chain is shared out equally over its distinct channels. It is the sum game on the
    paths of the chain instead of those that were seen, and no more causal than it.

    References
    ----------
    Shapley 1953, A value for n-person games, in Contributions to the Theory of Games II.
    Zhao, Mahboobi and Bagheri 2018, Shapley Value Methods for Attribution Modeling in Online
    Advertising, arXiv:1804.05327. Singal, Besbes, Desir, Goyal and Iyengar 2019, Shapley Meets
    Uniform: An Axiomatic Framework for Attribution in Online Advertising, WWW.

    Examples
    --------
    >>> journeys = Journeys.from_paths(
    ...     ["Events > Email > Events", "Email"], value=[900.0, 100.0], nulls=[0, 3]
    ... )
    >>> shapley(journeys).credit.tolist()
    [550.0, 450.0]
    >>> shapley(journeys, game="rate").credit.round().tolist()
    [562.0, 438.0]
    >>> shapley(journeys, ordered=True).to_frame()[["channel", "credit"]]
               channel  credit
    0   Email, touch 1   100.0
    1   Email, touch 2   450.0
    2  Events, touch 1   225.0
    3  Events, touch 3   225.0
    """
    if game not in GAMES:
        raise ConfigError(f"game is {game!r}. Choose one of {', '.join(GAMES)}.")
    if ordered and game != "sum":
        raise ConfigError(f"ordered=True goes with game='sum', not with {game!r}. Leave one out.")
    of, level = measured(journeys, measure), check_level(level)
    if game != "sum":
        return _by_game(journeys, of, game, level, warn_without_nulls(journeys, _NO_NULLS))
    # By channel even where places are what is credited.
    weights = set_weights(journeys.won)
    seen = by_place(journeys) if ordered else journeys
    return by_rule(
        "shapley",
        _ORDERED if ordered else _SUM,
        partial(_as_given, weights),
        seen,
        measure=of.measure,
        level=level,
    )


def _as_given(weights: Floats, journeys: Journeys) -> Floats:
    del journeys
    return weights


def set_weights(journeys: Journeys) -> Floats:
    """Return 1 / (distinct channels x touches of the channel) on each touch of a journey.

    Returns
    -------
    ndarray of float64, shape (n_touches,)
        Journeys without a conversion, which have nothing to share out, get equal weights.

    Examples
    --------
    >>> set_weights(Journeys.from_paths(["a > b > a"])).tolist()
    [0.25, 0.5, 0.25]
    """
    lengths = journeys.lengths
    weights = np.repeat(1.0 / lengths, lengths)
    owner = journeys.journey_of_touch
    won = np.flatnonzero((journeys.conversions > 0)[owner])
    if len(won) == 0:
        return weights
    n_channels = len(journeys.channels)
    pairs, which, times = np.unique(
        owner[won] * n_channels + journeys.touch[won], return_inverse=True, return_counts=True
    )
    distinct = np.bincount(pairs // n_channels, minlength=len(journeys))
    weights[won] = 1.0 / (times[which] * distinct[owner[won]])
    return weights


def by_place(journeys: Journeys) -> Journeys:
    """Rename each touch by its place in its journey, such as "Email, touch 2".

    Examples
    --------
    >>> list(by_place(Journeys.from_paths(["a > b > a"])).paths())
    [('a, touch 1', 'b, touch 2', 'a, touch 3')]
    """
    place = np.arange(len(journeys.touch)) - np.repeat(journeys.start[:-1], journeys.lengths)
    codes = journeys.touch.astype(np.int64) * POSITIONS + np.minimum(place, POSITIONS - 1)
    found, touch = np.unique(codes, return_inverse=True)
    names = tuple(
        f"{journeys.channels[code // POSITIONS]}, touch {code % POSITIONS + 1}"
        + (" or later" if code % POSITIONS == POSITIONS - 1 else "")
        for code in found.tolist()
    )
    return replace(journeys, channels=names, touch=touch.astype(np.int32))


def _by_game(
    journeys: Journeys, of: Measured, game: str, level: float, notes: tuple[str, ...]
) -> AttributionResult:
    n_channels = len(journeys.channels)
    values, make = np.zeros(n_channels), None
    if of.attributed:
        solve = rate_values if game == "rate" else counterfactual_values
        values, make = solve(journeys, of)
    if make is not None:
        shares = total_shares(journeys, of, values)
        credit = shares.credit
        influence = with_own(journeys, of, make(shares.to_share), shares)
    else:
        credit, influence = values, _no_influence
    share = credit / of.whole if of.whole else credit
    interval = share_interval(journeys, of, share, influence, level, signed=game == "rate")
    definition = _RATE if game == "rate" else _COUNTERFACTUAL
    return AttributionResult(
        model=f"shapley_{game}",
        definition=definition.format(measure=of.measure),
        measure=of.measure,
        channels=journeys.channels,
        credit=credit,
        share=share,
        lower=interval.lower,
        upper=interval.upper,
        level=level,
        n_deals=deals_touched(journeys),
        unattributed=unattributed_credit(journeys, of),
        total=of.total,
        notes=(CONVENTION, *of.notes, *notes, *interval.notes),
        sampling=Sampling(journeys, of, influence),
    )


Linear = Callable[[Floats], Floats]


def rate_values(journeys: Journeys, of: Measured) -> tuple[Floats, Callable[[Linear], Influence]]:
    """Return the Shapley values of the rate game, and their influence after a linear map.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[1, 3], nulls=[3, 1])
    >>> rate_values(journeys, measured(journeys, None))[0].tolist()
    [0.0, 0.5]
    """
    played = rate_game(journeys, of)
    values = np.zeros(len(journeys.channels))
    values[played.players] = shapley_values(played.worth)
    return values, partial(_rate_influence, journeys, of, played)


def _rate_influence(
    journeys: Journeys, of: Measured, played: RateGame, linear: Linear
) -> Influence:
    return _InGame(per_conversion(journeys, of), len(journeys.channels), played, linear)


@dataclass(frozen=True, eq=False)
class _InGame:
    """The influence of journeys by their coalitions; a class, so that it can be pickled."""

    each: Floats
    n_channels: int
    played: RateGame
    linear: Linear

    @cached_property
    def tables(self) -> tuple[Integers, Floats, Floats]:
        seen, which = np.unique(self.played.coalition, return_inverse=True)
        return which.astype(np.int64, copy=False), *self.played.influence(seen)

    def __call__(self, rows: Integers) -> tuple[Floats, Floats]:
        which, without, per_amount = self.tables
        null, won = (np.zeros((len(rows), self.n_channels)) for _ in range(2))
        null[:, self.played.players] = without[which[rows]]
        won[:, self.played.players] = self.each[rows, None] * per_amount[which[rows]]
        null = self.linear(null)
        return null, null + self.linear(won)


def counterfactual_values(
    journeys: Journeys, of: Measured
) -> tuple[Floats, Callable[[Linear], Influence]]:
    """Return the Shapley values of the first-order chain, and their influence.

    v(S) = s_S' (I - Q_SS)^-1 r_S, by elimination over the tree of all coalitions.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b", "b"], conversions=[1, 1], nulls=[0, 2])
    >>> counterfactual_values(journeys, measured(journeys, None))[0].round(3).tolist()
    [0.062, 0.438]
    """
    walks = walk(journeys, 1)
    chain = count_chain(journeys, of, walks)
    n_states = len(chain.states)
    check_players(n_states, "counterfactual")
    matrix = np.zeros((n_states + 1, n_states + 1))
    matrix[:-1, :-1] = chain.dense_moves
    matrix[:-1, -1], matrix[-1, :-1] = chain.payoff, chain.start
    levels = restricted_worth(matrix)
    values = np.zeros(len(journeys.channels))
    values[chain.states[:, 0]] = shapley_values(levels[-1].ravel())

    return values, partial(_chain_influence, journeys, of, chain, walks, levels)


def _chain_influence(
    journeys: Journeys,
    of: Measured,
    chain: MarkovChain,
    walks: Walks,
    levels: list[Floats],
    linear: Linear,
) -> Influence:
    moved = partial(_values_moved, chain, walks, levels, linear)
    return chain_influence(journeys, of, walks, moved)


def _values_moved(chain: MarkovChain, walks: Walks, levels: list[Floats], linear: Linear) -> Moved:
    n_states, n_channels = len(chain.states), len(chain.channels)
    member, other = kernel(n_states)
    coalition = np.arange(len(member))
    # Unused channels have no state and stay at 0.
    slopes = np.zeros((n_states + 1, n_states + 1, n_channels))
    for i, channel in enumerate(chain.states[:, 0]):
        weights = np.where(coalition >> i & 1, member, -other)
        slopes[:, :, channel] = worth_gradient(levels, weights)

    def step(at: Integers) -> Floats:
        return slopes[walks.source[at], walks.target[at]]

    return moved_by(chain, walks, Gradient(step, slopes[:-1, -1], slopes[-1, :-1]), linear)


def _no_influence(rows: Integers) -> tuple[Floats, Floats]:
    raise AssertionError("without a conversion there is no interval to ask for")
