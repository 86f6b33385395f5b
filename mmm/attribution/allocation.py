"""Sharing out what was won by the effects of channels: in total, or deal by deal."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mmm.attribution.measure import Floats, Integers, Measured, add_up, per_conversion
from mmm.attribution.result import DealCredit
from mmm.attribution.rules import deal_credit
from mmm.attribution.uncertainty import Influence
from mmm.errors import DataWarning
from mmm.journeys import Journeys

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def _unchanged(change: Floats) -> Floats:
    return change


def _nothing(rows: Integers) -> Floats:
    return np.zeros((len(rows), 1))


@dataclass(frozen=True, eq=False)
class Shares:
    """What a way to share out makes of the effects of channels.

    Attributes
    ----------
    credit : ndarray of float64, shape (n_channels,)
        In the unit of the measure.
    to_share : callable
        Change of the shares with a change of the effects, shape (n, n_channels) to the same.
    own : callable
        From journey positions to what one unit of amount more there adds to the shares, the
        effects being what they are; shape (n, n_channels) or (n_channels,).
    by_deal : callable or None
        Computes the credit per deal, where there is one.
    """

    credit: Floats
    to_share: Callable[[Floats], Floats] = _unchanged
    own: Callable[[Integers], Floats] = _nothing
    by_deal: Callable[[], DealCredit] | None = None


def total_shares(journeys: Journeys, of: Measured, effect: Floats) -> Shares:
    """Share out the sum of all deals: share_c = p RE_c / sum RE, p the part with a touch.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a > b"], conversions=[4])
    >>> total_shares(journeys, measured(journeys, None), np.array([1.0, 3.0])).credit.tolist()
    [1.0, 3.0]
    """
    summed = effect.sum()
    part, attributed = effect / summed, of.attributed / of.whole
    # What one more unit of amount adds to the attributed part itself.
    direct = part * (1 - attributed) / of.whole

    to_share = partial(_in_proportion, part, attributed / summed)
    return Shares(part * of.attributed, to_share, partial(_wherever, direct))


# Results keep these, so they are functions of the module: those can be pickled.
def _in_proportion(part: Floats, scale: float, change: Floats) -> Floats:
    moved: Floats = change - part * change.sum(axis=1, keepdims=True)
    moved *= scale
    return moved


def _wherever(direct: Floats, rows: Integers) -> Floats:
    del rows
    return direct


def journey_shares(journeys: Journeys, of: Measured, effect: Floats) -> Shares:
    """Share out each deal over its touches: w_jc = m_jc RE_c / sum_d m_jd RE_d, m touches.

    A change of the effects moves share_c by sum_j a_j w_jc (d RE_c / RE_c - sum_d w_jd d RE_d /
    RE_d) over the whole.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a > b", "a"], conversions=[4, 1])
    >>> shared = journey_shares(journeys, measured(journeys, None), np.array([0.2, 0.6]))
    >>> shared.credit.round(6).tolist()
    [2.0, 3.0]
    """
    weights = effect_weights(journeys, effect)
    n_channels = len(effect)
    credit = add_up(journeys.touch, weights * of.amount[journeys.journey_of_touch], n_channels)
    share = credit / of.whole
    parts = touches_by_channel(journeys, weights)
    together = (parts.T @ parts.multiply(of.amount[:, None]).tocsr()).toarray()
    slope = (np.diag(credit) - together) / of.whole
    inverse = np.divide(1.0, effect, out=np.zeros_like(effect), where=effect > 0)
    slope *= inverse

    return Shares(
        credit,
        partial(_sloping, slope),
        partial(_held, parts, share, of.whole),
        partial(deal_credit, journeys, partial(effect_weights, effect=effect), of.amount),
    )


def _sloping(slope: Floats, change: Floats) -> Floats:
    moved: Floats = change @ slope.T
    return moved


def _held(parts: "csr_array", share: Floats, whole: float, rows: Integers) -> Floats:
    held: Floats = (parts[rows].toarray() - share) / whole
    return held


def touches_by_channel(journeys: Journeys, per_touch: Floats) -> "csr_array":
    """Sum a number of each touch by journey and channel.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b > a"])
    >>> touches_by_channel(journeys, np.array([1.0, 2.0, 4.0])).toarray().tolist()
    [[5.0, 2.0]]
    """
    from scipy.sparse import csr_array

    # A copy: adding up duplicates works in place.
    summed = csr_array(
        (per_touch, journeys.touch, journeys.start),
        shape=(len(journeys), len(journeys.channels)),
        copy=True,
    )
    summed.sum_duplicates()
    return summed


def effect_weights(journeys: Journeys, effect: Floats) -> Floats:
    """Return the weight of each touch in its journey, in proportion to its channel's effect.

    Equal weights where no channel of a journey has an effect.

    Examples
    --------
    >>> effect_weights(Journeys.from_paths(["a > b > a"]), np.array([0.1, 0.2])).tolist()
    [0.25, 0.5, 0.25]
    """
    weights = effect[journeys.touch]
    if len(weights) == 0:
        return weights
    summed = np.repeat(np.add.reduceat(weights, journeys.start[:-1]), journeys.lengths)
    even = np.repeat(1.0 / journeys.lengths, journeys.lengths)
    shared: Floats = np.divide(weights, summed, out=even, where=summed > 0)
    return shared


def with_own(journeys: Journeys, of: Measured, by_effects: Influence, shares: Shares) -> Influence:
    """Add what the amount of a journey does to the shares itself to what it does by the effects.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a"], value=[7.0])
    >>> still = lambda rows: (np.zeros((len(rows), 1)), np.zeros((len(rows), 1)))
    >>> shares = Shares(np.array([7.0]), own=lambda rows: np.ones((len(rows), 1)))
    >>> with_own(journeys, measured(journeys, None), still, shares)(np.array([0]))[1].tolist()
    [[7.0]]
    """
    return partial(_with_own, per_conversion(journeys, of), by_effects, shares.own)


def _with_own(
    each: Floats, by_effects: Influence, own: Callable[[Integers], Floats], rows: Integers
) -> tuple[Floats, Floats]:
    null, won = by_effects(rows)
    paid = np.flatnonzero(each[rows])
    if len(paid):
        won[paid] += each[rows[paid], None] * own(rows[paid])
    return null, won


def warn_without_nulls(journeys: Journeys, why: str) -> tuple[str, ...]:
    """Warn where every journey converts, and return the warning as a note.

    Parameters
    ----------
    journeys : Journeys
    why : str
        What the model makes of it.

    Returns
    -------
    tuple of str
        The warning, or nothing.

    Warns
    -----
    DataWarning
        If every journey converts.

    Examples
    --------
    >>> warn_without_nulls(Journeys.from_paths(["a"], nulls=[1]), "it errs.")
    ()
    """
    if journeys.nulls.any() or not journeys.conversions.any():
        return ()
    note = f"No journey ended without a deal: {why} Add lost deals and leads that never bought."
    warnings.warn(note, DataWarning, stacklevel=3)
    return (note,)
