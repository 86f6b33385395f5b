"""Where models disagree by more than noise, and which habit of the channel makes them do so."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mmm.attribution.differences import joint_covariance, on_logit_scale, spread_of_differences
from mmm.attribution.influenced import Influenced, influenced_share, presence_weights
from mmm.attribution.measure import Floats, Integers, Measured, add_up, check_journeys, measured
from mmm.attribution.quantiles import t_quantile
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import first_weights, last_weights, linear_weights, rule_influence
from mmm.attribution.uncertainty import (
    FEW_CLUSTERS,
    Sampling,
    refusal,
    share_covariance,
    won_clusters,
)
from mmm.errors import InputError
from mmm.journeys import Journeys
from mmm.showing import Shown, as_text, statement
from mmm.wording import Finding

if TYPE_CHECKING:
    import pandas as pd

FIRST, LAST, ENDS, TOUCHES, DEALS = "first", "last", "ends", "touches", "deals"
# What a model looks at when it shares out a deal; a model that is not listed looks at deals.
LOOKS_AT: Mapping[str, str] = MappingProxyType(
    {
        "first_touch": FIRST,
        "position_based_inverse_j": FIRST,
        "last_touch": LAST,
        "last_non_direct": LAST,
        "time_decay": LAST,
        "position_based_j": LAST,
        "position_based": ENDS,
        "position_based_u_lead": ENDS,
        "position_based_w": ENDS,
        "position_based_full_path": ENDS,
        "position_based_own": ENDS,
        "linear": TOUCHES,
    }
)
POSITIONS = (FIRST, LAST, ENDS)
# Shares are sums of floats: a smaller difference is none.
EDGE = 1e-9
IN_WORDS = {"early": "ends", "late": "ends", "ends": "ends", "middle": "ends"} | {
    "often": "touches",
    "seldom": "touches",
    "alone": "alone",
    "others": "alone",
}


class Compared(Protocol):
    """Anything that holds results of several models, such as `Comparison`."""

    @property
    def results(self) -> tuple[AttributionResult, ...]:
        """Results on the same journeys."""
        ...


@dataclass(frozen=True)
class Disagreement:
    """One channel that models see differently, by more than the noise of the difference.

    Attributes
    ----------
    channel : str
    measure : str
        "value" or "conversions".
    influenced, influenced_lower, influenced_upper : float
        Share of what was won in deals with the channel, 0-1, and its interval.
    low_model, high_model : str
        The two models that are furthest apart on this channel, of those told from noise.
    low, high : float
        Their shares.
    noise : float
        The difference that chance may bring at the level of the results, raised for the number of
        pairs of models (Bonferroni); the models are compared on the same deals.
    reason : str
        "early", "late", "ends", "middle", "often", "seldom", "alone", "others" or "few".
    first, last : float
        Share of what was won that the channel opens, and that it closes.
    contacts : float
        Its part of the contacts of the deals it is in, 0-1.
    n_channels : float
        Channels in these deals, mean.
    alone : float
        Part of its influenced share in which it is the only channel, 0-1.
    n_deals : float
        Won deals with the channel.
    """

    channel: str
    measure: str
    influenced: float
    influenced_lower: float
    influenced_upper: float
    low_model: str
    low: float
    high_model: str
    high: float
    noise: float
    reason: str
    first: float
    last: float
    contacts: float
    n_channels: float
    alone: float
    n_deals: float

    def finding(self) -> Finding:
        """Say who sees how much of the channel, and why."""
        far = max(self.influenced_upper - self.influenced, self.influenced - self.influenced_lower)
        because = IN_WORDS.get(self.reason)
        return Finding(
            "attribution.differs",
            self.influenced,
            change=self.high - self.low,
            because=() if because is None else (f"attribution.differs_{because}",),
            # Rounded up: a margin is never said to be smaller than it is.
            facts=vars(self) | {"margin": max(ceil(100 * far - 1e-9), 1)},
        )


@dataclass(frozen=True, eq=False, repr=False)
class Disagreements(Shown):
    """Where models disagree, the largest difference first.

    Attributes
    ----------
    items : tuple of Disagreement
        One a channel; channels on which the models differ by no more than noise are left out.
    notes : tuple of str
        What was compared, and what could not be.
    """

    items: tuple[Disagreement, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kind = f"Disagreements: {', '.join(item.channel for item in self.items) or 'none'}"
        if not self.items:
            return as_text("Models disagree on no channel by more than noise.", None, kind)
        return as_text(statement(self.items[0].finding()), self.to_frame(), kind)

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding a channel, to be said in English or Italian."""
        return tuple(item.finding() for item in self.items)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a channel, with the fields of `Disagreement` as columns."""
        import pandas as pd

        columns = list(Disagreement.__dataclass_fields__)
        return pd.DataFrame([vars(item) for item in self.items], columns=columns)


def explain(comparison: Compared, journeys: Journeys | None = None) -> Disagreements:
    """Say on which channels models disagree by more than noise, and why.

    Models are compared on the same deals: the error of a difference follows from the difference of
    their influences, cluster by cluster, so that what moves both models alike cancels out. Told is,
    channel by channel, the largest of the differences that exceed their noise. The reason is read
    off the deals: how much the channel opens and closes, how often it is met, and whether it stands
    alone. It explains the models; it says nothing on what the channel caused.

    Parameters
    ----------
    comparison : Comparison
        Of two models or more.
    journeys : Journeys, optional
        What the models were run on; by default what the results remember.

    Returns
    -------
    Disagreements

    Raises
    ------
    InputError
        If the journeys are not known, or not those of the results.

    Examples
    --------
    >>> from mmm.attribution.compare import compare
    >>> journeys = Journeys.from_paths(["Events > Email"] * 40 + ["Email"] * 40)
    >>> found = explain(compare(journeys, models=["first_touch", "last_touch"]))
    >>> print(found.findings()[1].sentence())
    Events influenced 50% ± 10 of won deals; last touch shows 0% and first touch 50%, because it \
comes early. It is the first contact of 50% and the last of 0%.
    """
    results = comparison.results
    journeys = _journeys(results) if journeys is None else journeys
    check_journeys(journeys)
    _check_same(results, journeys)
    of = measured(journeys, results[0].measure)
    why_not = refusal(journeys, of)
    if why_not or len(results) < 2:
        return Disagreements((), (why_not or "One model has nothing to disagree with.",))
    habits = read_habits(journeys, of)
    influenced = influenced_share(journeys, measure=of.measure, level=results[0].level)
    gap, noise = _gaps(results, journeys, of)
    beyond = np.where(gap > noise + EDGE, gap, 0.0)
    widest = beyond.reshape(-1, beyond.shape[2]).argmax(axis=0)
    high, low = np.unravel_index(widest, beyond.shape[:2])
    size = beyond.max(axis=(0, 1))
    found = [
        _item(c, results[high[c]], results[low[c]], noise[high[c], low[c], c], habits, influenced)
        for c in np.argsort(-size, kind="stable")
        if size[c] > 0
    ]
    n_left = len(journeys.channels) - len(found)
    n = len(journeys.channels)
    note = f"Channels on which the models differ by no more than noise: {n_left} of {n}."
    return Disagreements(tuple(found), (note,))


def _journeys(results: tuple[AttributionResult, ...]) -> Journeys:
    known = [result.sampling for result in results if result.sampling is not None]
    if not known:
        raise InputError("these results do not know their journeys. Pass journeys= to explain.")
    # A model that leaves out journeys without a deal remembers fewer weights than the others.
    return max(known, key=lambda sampling: float(sampling.journeys.nulls.sum())).journeys


def _check_same(results: tuple[AttributionResult, ...], journeys: Journeys) -> None:
    for result in results:
        sampling = result.sampling
        if sampling is None:
            raise InputError(
                f"{result.model} does not say what its sampling error follows from, so its "
                "differences cannot be told from noise. Leave it out of compare."
            )
        same = result.channels == journeys.channels and len(sampling.journeys) == len(journeys)
        if not same or result.measure != results[0].measure:
            raise InputError(
                f"{result.model} was run on other journeys. Pass those of the comparison."
            )


def _gaps(
    results: tuple[AttributionResult, ...], journeys: Journeys, of: Measured
) -> tuple[Floats, Floats]:
    """Return one model's shares minus another's, and the differences that noise may bring.

    Both of shape (n_models, n_models, n_channels).
    """
    shares = np.array([result.share for result in results])
    gap = shares[:, None] - shares[None, :]
    effective = won_clusters(journeys, of).effective
    if effective <= 1 + EDGE:
        return gap, np.full_like(gap, np.inf)
    n_pairs = len(results) * (len(results) - 1) / 2
    tail = (1 - results[0].level) / 2 / n_pairs
    quantile = t_quantile(effective - 1, 1 - tail)
    covariance = joint_covariance(results, journeys, of)
    plain = quantile * np.sqrt(spread_of_differences(covariance))
    # Where nothing varies, as many equal clusters leave room for a part of others.
    room = 1 - (2 * tail) ** (1 / effective)
    logit = on_logit_scale(shares, covariance, quantile, effective)
    return gap, np.where(plain < EDGE, room, logit)


@dataclass(frozen=True, eq=False)
class Habits:
    """Where and how often channels are met in won deals, weighted by what the deals brought.

    Attributes
    ----------
    first, last, contacts, evenly : ndarray of float64, shape (n_channels,)
        Share of what was won that the channel opens, closes, has by its part of the contacts, and
        has by an equal part with the other channels of a deal.
    early : ndarray of int64, shape (n_channels,)
        1 where it opens more than it closes beyond one standard error, and more than its part of
        the contacts; -1 where it closes more than both; else 0.
    within, n_channels : ndarray of float64, shape (n_channels,)
        In the deals that hold it: its part of the contacts, and the number of channels.
    alone : ndarray of float64, shape (n_channels,)
        Part of these deals in which it is the only channel.
    all_alone : float
        Part of all deals that hold a single channel.
    clusters : ndarray of float64, shape (n_channels,)
        Accounts with a won deal that holds it.
    """

    first: Floats
    last: Floats
    contacts: Floats
    evenly: Floats
    early: Integers
    within: Floats
    n_channels: Floats
    alone: Floats
    all_alone: float
    clusters: Floats


def read_habits(journeys: Journeys, of: Measured) -> Habits:
    """Read where and how often channels are met off the won deals.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b > b"])
    >>> habits = read_habits(journeys, measured(journeys, None))
    >>> habits.first.tolist(), habits.within.round(2).tolist(), habits.alone.tolist()
    ([1.0, 0.0], [0.33, 0.67], [0.0, 0.0])
    """
    amount = of.amount[journeys.journey_of_touch]
    n = len(journeys.channels)
    present = presence_weights(journeys)
    distinct = np.add.reduceat(present, journeys.start[:-1])
    spread = np.repeat(distinct, journeys.lengths)

    def share(weights: Floats) -> Floats:
        return add_up(journeys.touch, weights * amount, n) / of.whole

    first, last = first_weights(journeys), last_weights(journeys)
    contacts, held = share(linear_weights(journeys)), share(present)
    opens, closes = share(first), share(last)
    gap = opens - closes
    influence = rule_influence(journeys, of, first - last, gap)
    error = np.sqrt(np.diag(share_covariance(Sampling(journeys, of, influence), gap)))
    safe = np.where(held > 0, held, 1.0)
    return Habits(
        first=opens,
        last=closes,
        contacts=contacts,
        evenly=share(present / spread),
        early=((gap > error) & (opens > contacts)).astype(np.int64)
        - ((-gap > error) & (closes > contacts)),
        within=contacts / safe,
        n_channels=share(present * spread) / safe,
        alone=share(np.where(spread == 1, present, 0.0)) / safe,
        all_alone=float(of.amount[distinct == 1].sum() / of.attributed),
        clusters=won_clusters(journeys, of).touched,
    )


def reason(channel: int, high: str, low: str, habits: Habits) -> str:
    """Return why one model sees more of a channel than another.

    Parameters
    ----------
    channel : int
        Its position.
    high, low : str
        The models that see most and least of it.
    habits : Habits

    Returns
    -------
    str
        See `Disagreement.reason`.
    """
    if habits.clusters[channel] < FEW_CLUSTERS:
        return "few"
    above, below = _looks_at(high), _looks_at(low)
    if above in POSITIONS or below in POSITIONS:
        early = habits.early[channel]
        if early > 0 and below != FIRST and above != LAST:
            return "early"
        if early < 0 and below != LAST and above != FIRST:
            return "late"
        return "ends" if above in POSITIONS else "middle"
    if TOUCHES in (above, below):
        return "often" if habits.contacts[channel] > habits.evenly[channel] else "seldom"
    return "alone" if habits.alone[channel] > habits.all_alone else "others"


def _looks_at(model: str) -> str:
    return LOOKS_AT.get(model.partition(" (")[0], DEALS)


def _item(
    c: int,
    high: AttributionResult,
    low: AttributionResult,
    noise: float,
    habits: Habits,
    influenced: Influenced,
) -> Disagreement:
    return Disagreement(
        channel=influenced.channels[c],
        measure=influenced.measure,
        influenced=float(influenced.share[c]),
        influenced_lower=float(influenced.lower[c]),
        influenced_upper=float(influenced.upper[c]),
        low_model=low.model,
        low=float(low.share[c]),
        high_model=high.model,
        high=float(high.share[c]),
        noise=float(noise),
        reason=reason(c, high.model, low.model, habits),
        first=float(habits.first[c]),
        last=float(habits.last[c]),
        contacts=float(habits.within[c]),
        n_channels=float(habits.n_channels[c]),
        alone=float(habits.alone[c]),
        n_deals=float(influenced.n_deals[c]),
    )
