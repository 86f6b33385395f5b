"""Refunds beside sales: each shared out by effects of its own, so that credit keeps its sign."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mmm.attribution.allocation import Shares
from mmm.attribution.measure import Floats, Integers, Measured, per_conversion
from mmm.attribution.result import DealCredit
from mmm.attribution.uncertainty import Influence
from mmm.journeys import Journeys

ShareOut = Callable[[Measured], tuple[Shares, Influence]]

NOTE = (
    "Refunds (deals of negative value) are shared out by removal effects of their own, and taken "
    "off: credit may be negative."
)


@dataclass(frozen=True, eq=False)
class _Part:
    """Sales, or refunds with their sign turned, and what became of them."""

    sign: float
    amount: float
    each: Floats
    shared: Shares
    influence: Influence


def has_refunds(of: Measured) -> bool:
    """Return whether a journey brought less than nothing.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> has_refunds(measured(Journeys.from_paths(["a"], value=[5.0]), None))
    False
    """
    return bool((of.amount < 0).any())


def share_out_both(
    journeys: Journeys, of: Measured, share_out: ShareOut
) -> tuple[Shares, Influence]:
    """Share out sales and refunds one after the other, and take the one off the other.

    In proportion to signed effects of both together, credit would be unbounded where they cancel.
    Each by itself is a split of a sum above 0, and single touches keep what they brought.

    Parameters
    ----------
    journeys : Journeys
    of : Measured
        With amounts below 0.
    share_out : callable
        Shares out amounts of 0 or more: credit, and its influence on their shares.

    Returns
    -------
    shared : Shares
        Credit, and credit per deal where `share_out` has one.
    influence : Influence
        On the shares of `of`.
    """
    parts = []
    for sign in (1.0, -1.0):
        amount = np.maximum(sign * of.amount, 0.0)
        if amount.any():
            part = replace(of, amount=amount, unattributed=0.0, total=float(amount.sum()))
            shared, influence = share_out(part)
            each = per_conversion(journeys, part)
            parts.append(_Part(sign, part.attributed, each, shared, influence))
    credit = np.sum([part.sign * part.shared.credit for part in parts], axis=0)
    known = all(part.shared.by_deal is not None for part in parts)
    shared = Shares(credit, by_deal=partial(_deals_of, parts) if known else None)
    whole = of.whole or 1.0
    return shared, partial(_influence, parts, credit / whole, whole)


def _influence(
    parts: list[_Part], share: Floats, whole: float, rows: Integers
) -> tuple[Floats, Floats]:
    """Return null and won influences: of credit, sales less refunds, over what both come to."""
    null, won = (np.zeros((len(rows), len(share))) for _ in range(2))
    for part in parts:
        of_null, of_won = part.influence(rows)
        split = part.shared.credit / part.amount
        each = part.each[rows, None]
        null += part.sign * part.amount / whole * of_null
        won += part.sign * (part.amount * of_won + (split - share) * each) / whole
    return null, won


def _deals_of(parts: list[_Part]) -> DealCredit:
    """Put the credit per deal of sales and of refunds together, by journey and channel."""
    pairs = [(part.sign, part.shared.by_deal()) for part in parts if part.shared.by_deal]
    journey = np.concatenate([deals.journey for _, deals in pairs])
    channel = np.concatenate([deals.channel for _, deals in pairs])
    credit = np.concatenate([sign * deals.credit for sign, deals in pairs])
    order = np.lexsort((channel, journey))
    ids: list[Any] = []
    for name in ("deal_id", "account_id"):
        given = [getattr(deals, name) for _, deals in pairs]
        ids.append(None if given[0] is None else np.concatenate(given)[order])
    return DealCredit(journey[order], channel[order], credit[order], *ids)
