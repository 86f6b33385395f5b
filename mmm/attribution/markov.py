"""Markov chain: credit in proportion to what the deals would lose without a channel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mmm.attribution.allocation import (
    Shares,
    journey_shares,
    total_shares,
    touches_by_channel,
    warn_without_nulls,
    with_own,
)
from mmm.attribution.chain.fit import MarkovChain, count_chain
from mmm.attribution.chain.influence import (
    chain_influence,
    effects_moved,
    participation_influence,
)
from mmm.attribution.chain.removal import REMOVALS, Removal, remove_each
from mmm.attribution.chain.states import Walks, check_order, walk
from mmm.attribution.measure import Floats, Integers, Measured, deals_touched, measured
from mmm.attribution.refunds import NOTE, has_refunds, share_out_both
from mmm.attribution.result import CONVENTION, AttributionResult, unattributed_credit
from mmm.attribution.uncertainty import Influence, Sampling, share_interval
from mmm.errors import ConfigError, check_level
from mmm.journeys import Journeys

ALLOCATIONS = ("total", "per_journey")

_REMOVED = {
    "to_null": (
        "the part of the {measure} lost when every visit to the channel ends the journey without "
        "a deal, in a Markov chain of order {order} solved exactly (Anderl, Becker, von "
        "Wangenheim and Schumann 2016, IJRM 33(3), 457-474). "
    ),
    "participation": (
        "the part of the {measure} that journeys with the channel brought; no chain is needed, it "
        "is what removal to null comes to as the order grows. "
    ),
}
_ALLOCATED = {
    "total": "Credit in proportion to removal effects: ",
    "per_journey": (
        "Each won deal shared out over its touches in proportion to the removal effects of their "
        "channels (a model of its own, with other totals than allocation='total'). "
        "Removal effects: "
    ),
}
_NO_NULLS = (
    "removal effects need non-converting journeys, without them each touch converts with certainty "
    "and frequent channels gain."
)
_WITH_NULLS = "Journeys that ended without a deal are in."
_LEFT_OUT = (
    "Journeys that ended without a deal are left out (include_nulls=False): each touch converts "
    "with certainty, and frequent channels gain."
)


@dataclass(frozen=True, eq=False)
class _Effects:
    """Removal effects, and their influence after a linear map of them."""

    effect: Floats
    influence: Callable[[Callable[[Floats], Floats]], Influence]


def markov(
    journeys: Journeys,
    *,
    order: int = 1,
    removal: str = "to_null",
    include_nulls: bool = True,
    allocation: str = "total",
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit channels in proportion to their removal effects in a Markov chain, exactly.

    Two arrays of 8 bytes a state and channel are held; a chain whose arrays pass 2 GiB is
    refused. `choose_order` says which order the journeys bear out.

    Parameters
    ----------
    journeys : Journeys
        With the journeys that did not convert: without them a warning says what is missing.
    order : int, default 1
        How many touches back the next step depends on, 1 to 6.
    removal : {"to_null", "participation"}, default "to_null"
        What becomes of a journey at a removed channel. "to_null": it ends without a deal.
        "participation": all that journeys with the channel brought is lost, whatever the order.
        "reroute" has signed effects and no credit: see `MarkovChain.removal_effects`.
    include_nulls : bool, default True
        Whether journeys that ended without a deal count.
    allocation : {"total", "per_journey"}, default "total"
        "total" shares out the sum of all deals by removal effects. "per_journey" shares out each
        deal over its touches by them: another model, with a credit per deal.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal only with ``allocation="per_journey"``: otherwise the chain
        describes all journeys together.

    Raises
    ------
    ConfigError
        If an option is unknown, or the chain is too large.
    InputError
        If values are asked for and missing.

    Warns
    -----
    DataWarning
        If every journey converts.

    References
    ----------
    Anderl, Becker, von Wangenheim and Schumann 2016, Mapping the customer journey: Lessons learned
    from graph-based online attribution modeling, IJRM 33(3), 457-474. The inverse is the
    fundamental matrix of Kemeny and Snell 1960, Finite Markov Chains, ch. 3.

    Examples
    --------
    >>> journeys = Journeys.from_paths(
    ...     ["Events > Email", "Email", "Email"], conversions=[1, 1, 0], nulls=[0, 0, 2]
    ... )
    >>> markov(journeys).to_frame()[["channel", "credit"]].round(3)
      channel  credit
    0   Email     1.6
    1  Events     0.4
    >>> markov(journeys, order=2, allocation="per_journey").by_deal().round(3)
       journey channel  credit
    0        0   Email   0.667
    1        0  Events   0.333
    2        1   Email   1.000
    """
    _check_options(removal, allocation)
    order = check_order(order)
    of, level = measured(journeys, measure), check_level(level)
    counted = journeys if include_nulls else replace(journeys, nulls=np.zeros(len(journeys)))
    needs_nulls = include_nulls and removal == "to_null"
    notes = warn_without_nulls(counted, _NO_NULLS) if needs_nulls else ()
    shared, influence = _share_out(counted, of, order, removal, allocation)
    share = shared.credit / of.whole if of.whole else np.zeros(len(journeys.channels))
    interval = share_interval(counted, of, share, influence, level)
    returned = (NOTE,) if has_refunds(of) else ()
    definition = _ALLOCATED[allocation] + _REMOVED[removal].format(measure=of.measure, order=order)
    if removal == "to_null":
        definition += (notes[0] if notes else _WITH_NULLS) if include_nulls else _LEFT_OUT
    return AttributionResult(
        model="markov",
        definition=definition.strip(),
        measure=of.measure,
        channels=journeys.channels,
        credit=shared.credit,
        share=share,
        lower=interval.lower,
        upper=interval.upper,
        level=level,
        n_deals=deals_touched(journeys),
        unattributed=unattributed_credit(journeys, of),
        total=of.total,
        notes=(CONVENTION, *of.notes, *notes, *returned, *interval.notes),
        deal_credit=shared.by_deal,
        sampling=Sampling(counted, of, influence),
    )


def _check_options(removal: str, allocation: str) -> None:
    if removal == "reroute":
        raise ConfigError(
            "removal is 'reroute', which gives signed removal effects: negative ones cannot be "
            "shared out as credit. Use removal='to_null', or look at the effects with "
            "fit_chain(journeys).removal_effects('reroute')."
        )
    if removal not in REMOVALS:
        raise ConfigError(f"removal is {removal!r}. Choose one of {', '.join(REMOVALS[:2])}.")
    if allocation not in ALLOCATIONS:
        raise ConfigError(f"allocation is {allocation!r}. Choose one of {', '.join(ALLOCATIONS)}.")


def _share_out(
    journeys: Journeys, of: Measured, order: int, removal: str, allocation: str
) -> tuple[Shares, Influence]:
    n_channels = len(journeys.channels)
    if has_refunds(of):
        by_part = partial(_share_out, journeys, order=order, removal=removal, allocation=allocation)
        return share_out_both(journeys, of, by_part)
    if not of.attributed:
        return Shares(np.zeros(n_channels)), _no_influence
    if removal == "participation":
        effects = _participation(journeys, of)
    else:
        effects = _removal(journeys, of, order)
    share_out = total_shares if allocation == "total" else journey_shares
    shared = share_out(journeys, of, effects.effect)
    return shared, with_own(journeys, of, effects.influence(shared.to_share), shared)


def _participation(journeys: Journeys, of: Measured) -> _Effects:
    held = touches_by_channel(journeys, np.ones(len(journeys.touch)))
    held.data[:] = 1.0
    effect = of.amount @ held / of.attributed
    return _Effects(effect, partial(participation_influence, journeys, of, effect))


def _removal(journeys: Journeys, of: Measured, order: int) -> _Effects:
    walks = walk(journeys, order)
    chain = count_chain(journeys, of, walks)
    solved = remove_each(chain)

    influence = partial(_chain_influence, journeys, of, chain, walks, solved)
    return _Effects(solved.lost / chain.rate, influence)


def _chain_influence(
    journeys: Journeys,
    of: Measured,
    chain: MarkovChain,
    walks: Walks,
    solved: Removal,
    linear: Callable[[Floats], Floats],
) -> Influence:
    moved = partial(effects_moved, chain, walks, solved, linear)
    return chain_influence(journeys, of, walks, moved)


def _no_influence(rows: Integers) -> tuple[Floats, Floats]:
    raise AssertionError("without a conversion there is no interval to ask for")
