"""Rules: each won deal is shared out over its touches by weights that sum to 1."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from mmm.attribution.measure import (
    Floats,
    Integers,
    Measured,
    add_up,
    check_journeys,
    deals_touched,
    measured,
    per_conversion,
)
from mmm.attribution.result import CONVENTION, AttributionResult, DealCredit, unattributed_credit
from mmm.attribution.uncertainty import Influence, Sampling, share_interval
from mmm.errors import check_level, quoted
from mmm.journeys import Journeys
from mmm.journeys.columnar import touches_of

Weights = Callable[[Journeys], Floats]

_SOURCE = "Kannan, Reinartz and Verhoef 2016, IJRM 33(3), 449-456"


def first_touch(
    journeys: Journeys, *, measure: str | None = None, level: float = 0.9
) -> AttributionResult:
    """Credit each won deal to its first touch.

    Parameters
    ----------
    journeys : Journeys
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal.

    Raises
    ------
    MmmError
        If an option is unknown, or values are asked for and missing.

    References
    ----------
    Kannan, Reinartz and Verhoef 2016, IJRM 33(3), 449-456 (review of the rules in use).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email", "Email"], value=[900.0, 100.0])
    >>> first_touch(journeys).to_frame()[["channel", "credit", "share"]]
      channel  credit  share
    0   Email   100.0    0.1
    1  Events   900.0    0.9
    """
    definition = f"All credit of a won deal to its first touch ({_SOURCE})."
    return by_rule("first_touch", definition, first_weights, journeys, measure=measure, level=level)


def last_touch(
    journeys: Journeys, *, measure: str | None = None, level: float = 0.9
) -> AttributionResult:
    """Credit each won deal to its last touch.

    Parameters
    ----------
    journeys : Journeys
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal.

    Raises
    ------
    MmmError
        If an option is unknown, or values are asked for and missing.

    References
    ----------
    Kannan, Reinartz and Verhoef 2016, IJRM 33(3), 449-456 (review of the rules in use).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email", "Email"], value=[900.0, 100.0])
    >>> last_touch(journeys).credit.tolist()
    [1000.0, 0.0]
    """
    definition = f"All credit of a won deal to its last touch ({_SOURCE})."
    return by_rule("last_touch", definition, last_weights, journeys, measure=measure, level=level)


def last_non_direct(
    journeys: Journeys,
    *,
    direct: Sequence[str] = ("Direct",),
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit each won deal to its last touch that is not a direct visit.

    A deal whose touches are all direct visits is credited to the last of them.

    Parameters
    ----------
    journeys : Journeys
    direct : sequence of str, default ("Direct",)
        What direct visits are called; other labels may be passed over too.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal. ``notes`` say where no touch has such a name.

    Raises
    ------
    MmmError
        If an option is unknown, or values are asked for and missing.

    References
    ----------
    Google Analytics help, "Last non-direct click" (Universal Analytics, default of its reports).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Direct", "Direct"], value=[900.0, 100.0])
    >>> last_non_direct(journeys).to_frame()[["channel", "credit"]]
      channel  credit
    0  Direct   100.0
    1  Events   900.0
    """
    check_journeys(journeys)
    names = (direct,) if isinstance(direct, str) else tuple(direct)
    absent = [name for name in names if name not in journeys.channels]
    notes = (f"No touch is called {quoted(absent)}.",) if absent and journeys.channels else ()
    return by_rule(
        "last_non_direct",
        "All credit of a won deal to its last touch that is not "
        f"{' or '.join(names)} (last non-direct click of Universal Analytics).",
        partial(non_direct_weights, direct=names),
        journeys,
        measure=measure,
        level=level,
        notes=notes,
    )


def linear(
    journeys: Journeys, *, measure: str | None = None, level: float = 0.9
) -> AttributionResult:
    """Credit each won deal to its touches in equal parts.

    Parameters
    ----------
    journeys : Journeys
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal.

    Raises
    ------
    MmmError
        If an option is unknown, or values are asked for and missing.

    References
    ----------
    Kannan, Reinartz and Verhoef 2016, IJRM 33(3), 449-456 (review of the rules in use).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email", "Email"], value=[900.0, 100.0])
    >>> linear(journeys).credit.tolist()
    [550.0, 450.0]
    """
    definition = f"Credit of a won deal in equal parts to its touches ({_SOURCE})."
    return by_rule("linear", definition, linear_weights, journeys, measure=measure, level=level)


def first_weights(journeys: Journeys) -> Floats:
    """Return 1 on the first touch of each journey, shape (n_touches,).

    Examples
    --------
    >>> first_weights(Journeys.from_paths(["a > b > a"])).tolist()
    [1.0, 0.0, 0.0]
    """
    weights = np.zeros(len(journeys.touch))
    weights[journeys.start[:-1]] = 1.0
    return weights


def last_weights(journeys: Journeys) -> Floats:
    """Return 1 on the last touch of each journey, shape (n_touches,).

    Examples
    --------
    >>> last_weights(Journeys.from_paths(["a > b > a"])).tolist()
    [0.0, 0.0, 1.0]
    """
    weights = np.zeros(len(journeys.touch))
    weights[journeys.start[1:] - 1] = 1.0
    return weights


def non_direct_weights(journeys: Journeys, direct: tuple[str, ...]) -> Floats:
    """Return 1 on the last touch that is none of `direct`, else on the last, shape (n_touches,).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > Direct", "Direct > Direct"])
    >>> non_direct_weights(journeys, ("Direct",)).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    weights = np.zeros(len(journeys.touch))
    if len(journeys) == 0:
        return weights
    counts = np.array([name not in direct for name in journeys.channels])[journeys.touch]
    position = np.where(counts, np.arange(len(journeys.touch)), -1)
    last = np.maximum.reduceat(position, journeys.start[:-1])
    weights[np.where(last >= 0, last, journeys.start[1:] - 1)] = 1.0
    return weights


def linear_weights(journeys: Journeys) -> Floats:
    """Return 1 / length on each touch, shape (n_touches,).

    Examples
    --------
    >>> linear_weights(Journeys.from_paths(["a > b"])).tolist()
    [0.5, 0.5]
    """
    lengths = journeys.lengths
    return np.repeat(1.0 / lengths, lengths)


def by_rule(
    model: str,
    definition: str,
    weights: Weights,
    journeys: Journeys,
    *,
    measure: str | None,
    level: float,
    notes: tuple[str, ...] = (),
) -> AttributionResult:
    """Share out each deal by a weight function; every rule model is one call of this.

    Parameters
    ----------
    model, definition : str
        Name, and one sentence with the source.
    weights : callable
        From journeys to weights of shape (n_touches,), which sum to 1 within each journey. It is
        handed the won journeys alone.
    journeys : Journeys
    measure : {"value", "conversions"} or None
    level : float
    notes : tuple of str
        What the reader of this model has to know.

    Returns
    -------
    AttributionResult

    Raises
    ------
    MmmError
        If an option is unknown, or values are asked for and missing.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email"], value=[900.0])
    >>> by_rule("mine", "Mine.", first_weights, journeys, measure=None, level=0.9).credit.tolist()
    [0.0, 900.0]
    """
    of, level = measured(journeys, measure), check_level(level)
    won, rows = journeys.won, np.flatnonzero(journeys.conversions > 0)
    of_won = replace(of, amount=of.amount[rows])
    touch_weights = weights(won)
    per_touch = touch_weights * np.repeat(of_won.amount, won.lengths)
    credit = add_up(won.touch, per_touch, len(won.channels))
    # The sum of the credit, not of the journeys: rounding must not push a share above 1.
    whole = credit.sum() + of.unattributed
    share = credit / whole if whole else np.zeros_like(credit)
    influence = rule_influence(won, of_won, touch_weights, share)
    interval = share_interval(won, of_won, share, influence, level)
    return AttributionResult(
        model=model,
        definition=definition,
        measure=of.measure,
        channels=journeys.channels,
        credit=credit,
        share=share,
        lower=interval.lower,
        upper=interval.upper,
        level=level,
        n_deals=deals_touched(won),
        unattributed=unattributed_credit(journeys, of),
        total=of.total,
        notes=(CONVENTION, *notes, *of.notes, *interval.notes),
        deal_credit=partial(_won_credit, won, weights, of_won.amount, rows),
        sampling=Sampling(journeys, of, partial(_among_all, influence, rows, len(share))),
    )


def _among_all(
    influence: Influence, won: Integers, n_channels: int, rows: Integers
) -> tuple[Floats, Floats]:
    """Return the influence of any rows, from that of the won ones, which lie at `won`."""
    moved = np.zeros((len(rows), n_channels))
    found = np.isin(rows, won)
    moved[found] = influence(np.searchsorted(won, rows[found]))[1]
    return np.zeros_like(moved), moved


def rule_influence(
    journeys: Journeys, of: Measured, touch_weights: Floats, share: Floats
) -> Influence:
    """Return the influence of one journey on the shares, by the ratio estimator.

    share_c = sum_j v_j w_jc / V, V the total with unattributed deals, so that one more conversion
    of journey j moves it by v_j (w_jc - share_c) / V, and a null journey by nothing.

    Parameters
    ----------
    journeys : Journeys
    of : Measured
        With an amount to share out.
    touch_weights : ndarray of float64, shape (n_touches,)
    share : ndarray of float64, shape (n_channels,)

    Returns
    -------
    Influence

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[3, 1])
    >>> of, weights = measured(journeys, None), first_weights(journeys)
    >>> influence = rule_influence(journeys, of, weights, np.array([0.75, 0.25]))
    >>> influence(np.array([0]))[1].tolist()
    [[0.0625, -0.0625]]
    """
    each = per_conversion(journeys, of) / (of.whole or 1.0)
    return partial(_influence, journeys, each, touch_weights, share)


def _influence(
    journeys: Journeys, each: Floats, touch_weights: Floats, share: Floats, rows: Integers
) -> tuple[Floats, Floats]:
    """Return null and won influences of some rows; a function of the module, so that it pickles."""
    touches, first = touches_of(journeys.start, rows)
    row = np.repeat(np.arange(len(rows)), np.diff(np.append(first, len(touches))))
    cell = row * len(share) + journeys.touch[touches]
    parts = add_up(cell, touch_weights[touches], len(rows) * len(share))
    won = each[rows, None] * (parts.reshape(len(rows), len(share)) - share)
    return np.zeros_like(won), won


def deal_credit(journeys: Journeys, weights: Weights, amount: Floats) -> DealCredit:
    """Return the credit of each channel in each journey that has any.

    Parameters
    ----------
    journeys : Journeys
    weights : callable
        As for `by_rule`.
    amount : ndarray of float64, shape (n_journeys,)
        What each journey shares out.

    Returns
    -------
    DealCredit
        Pairs in the order of journeys, then channels; pairs without credit left out.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["b > a > b"], value=[90.0])
    >>> deal_credit(journeys, linear_weights, journeys.value).credit.tolist()
    [30.0, 60.0]
    """
    journey = journeys.journey_of_touch
    per_touch = weights(journeys) * amount[journey]
    kept = per_touch != 0
    n_channels = len(journeys.channels)
    key = journey[kept] * n_channels + journeys.touch[kept]
    pairs, position = np.unique(key, return_inverse=True)
    owner = pairs // n_channels
    return DealCredit(
        journey=owner,
        channel=pairs % n_channels,
        credit=add_up(position, per_touch[kept], len(pairs)),
        deal_id=None if journeys.deal_id is None else journeys.deal_id[owner],
        account_id=None if journeys.account_id is None else journeys.account_id[owner],
    )


def _won_credit(won: Journeys, weights: Weights, amount: Floats, rows: Integers) -> DealCredit:
    """Return the credit per deal of won journeys, at their positions among all."""
    pairs = deal_credit(won, weights, amount)
    return replace(pairs, journey=rows[pairs.journey])
