"""Intervals of shares: influence functions, summed within the cluster, on the logit scale."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mmm.attribution.measure import Floats, Integers, Measured, add_up
from mmm.attribution.quantiles import t_quantile
from mmm.journeys import Journeys

# From journey positions, shape (n,), to the influence on each share of one journey of that row
# that ends without a deal, and of one that converts: two arrays of shape (n, n_channels), which
# nobody writes to, since they may be one where no row has a deal.
Influence = Callable[[Integers], tuple[Floats, Floats]]

FEW_CLUSTERS = 5
# Numbers held at once per block of journeys: 16 MiB an array.
BLOCK = 2**21
# Shares are sums of floats: closer to 0 or 1 than this is 0 or 1.
EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class Interval:
    """Interval of each share.

    Attributes
    ----------
    lower, upper : ndarray of float64, shape (n_channels,)
        NaN where refused.
    notes : tuple of str
        Why it is refused or one-sided.
    """

    lower: Floats
    upper: Floats
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Sampling:
    """What the sampling error of a result follows from.

    Attributes
    ----------
    journeys : Journeys
    of : Measured
        What was shared out.
    influence : callable
        Influence of one journey of each row on the shares, see `Influence`.
    """

    journeys: Journeys
    of: Measured
    influence: Influence


@dataclass(frozen=True, eq=False)
class WonClusters:
    """Independent sources of won deals: accounts, or single conversions where unknown.

    Attributes
    ----------
    effective : float
        (sum v)^2 / sum v^2 over their amounts v.
    touched : ndarray of float64, shape (n_channels,)
        How many of them each channel touched.
    """

    effective: float
    touched: Floats


def share_interval(
    journeys: Journeys,
    of: Measured,
    share: Floats,
    influence: Influence,
    level: float,
    *,
    signed: bool = False,
) -> Interval:
    """Return the interval of each share, or the reason why there is none.

    The variance of a share is the sum over clusters of the squared sum of influences (Hampel 1974,
    JASA 69(346), 383-393; Liang and Zeger 1986, Biometrika 73(1), 13-22). Where clusters are not
    known, the conversions and nulls of a row count as independent journeys.

    Parameters
    ----------
    journeys : Journeys
    of : Measured
    share : ndarray of float64, shape (n_channels,)
    influence : callable
        Influence of one journey of each row, see `Influence`.
    level : float
        Coverage.
    signed : bool, default False
        Whether shares may leave 0-1, as Shapley values of rates do: symmetric intervals then, as
        with refunds.

    Returns
    -------
    Interval

    Examples
    --------
    >>> from mmm.attribution import first_touch
    >>> journeys = Journeys.from_paths(["a", "b"], conversions=[60, 40])
    >>> first_touch(journeys).lower.round(2).tolist()
    [0.52, 0.32]
    """
    reason = refusal(journeys, of)
    if reason:
        nothing = np.full(len(share), np.nan)
        return Interval(nothing, nothing.copy(), (reason,))
    won = won_clusters(journeys, of)
    if won.effective < 1 + EDGE:
        nothing = np.full(len(share), np.nan)
        note = "Interval refused: one account or deal holds all of it. Add won deals of others."
        return Interval(nothing, nothing.copy(), (note,))
    spread = value_spread(journeys, of)
    squares = sum_of_squares(journeys, influence, len(share), spread)
    squares += _unattributed(journeys, of, share)
    scale = signed_interval if signed or (of.amount < 0).any() else logit_interval
    lower, upper = scale(share, np.sqrt(squares), level, won)
    few = [journeys.channels[i] for i in np.flatnonzero(won.touched < FEW_CLUSTERS)]
    if not few:
        return Interval(lower, upper)
    note = (
        f"Upper bound only for channels in fewer than {FEW_CLUSTERS} won clusters: "
        f"{', '.join(few)}."
    )
    return Interval(lower, upper, (note,))


def refusal(journeys: Journeys, of: Measured) -> str | None:
    """Say why no interval can be given, or return None.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a"])
    >>> refusal(journeys, measured(journeys, None))
    'Interval refused: one conversion says nothing about the spread. Add won deals.'
    """
    n_won = float(journeys.conversions.sum())
    if n_won == 0:
        return "No conversion with a touch: no credit to any channel, and no interval."
    if of.attributed == 0 and (of.amount < 0).any():
        return "Sales and refunds with a touch cancel: there are no shares, and no interval."
    if of.attributed == 0:
        return "The won deals with a touch have no value: no credit to any channel, no interval."
    if n_won <= 1:
        return "Interval refused: one conversion says nothing about the spread. Add won deals."
    several = int(np.count_nonzero(journeys.conversions > 1))
    known = journeys.cluster is not None or journeys.value_squares is not None
    if of.measure == "value" and several and not known:
        return (
            f"Interval refused: {several} rows hold several conversions and only their total "
            "value, so the spread of single deals is unknown. Pass one row a deal, value_squares, "
            "or measure='conversions'."
        )
    return None


def won_clusters(journeys: Journeys, of: Measured) -> WonClusters:
    """Count the clusters that won deals come from.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a", "b"], value=[30.0, 10.0])
    >>> won_clusters(journeys, measured(journeys, "value")).effective
    1.6
    """
    n_channels = len(journeys.channels)
    journey, channel = journeys.won_channels
    won = journeys.conversions > 0
    total = of.attributed
    if journeys.cluster is None:
        # Parts of the whole, whose squares neither vanish nor overflow.
        squares = (of.amount[won] / total) ** 2 / journeys.conversions[won]
        if of.measure == "value" and journeys.value_squares is not None:
            squares = journeys.value_squares[won] / total / total
        touched = add_up(channel, journeys.conversions[journey], n_channels)
        return WonClusters(1 / float(squares.sum()), touched)
    _, code = np.unique(journeys.cluster, return_inverse=True)
    parts = add_up(code, of.amount / total, int(code.max()) + 1)
    pairs = np.unique(code[journey] * n_channels + channel)
    touched = np.bincount(pairs % n_channels, minlength=n_channels).astype(np.float64)
    return WonClusters(1 / float((parts**2).sum()), touched)


def value_spread(journeys: Journeys, of: Measured) -> Floats | None:
    """Return what deals of several values add to the squares of a row of equal ones.

    With n deals, value V and sum of squares S, influences affine in the value of a deal, from
    `null` at 0 to `won` at V / n, have squares that add up to
    n won^2 + n (n S / V^2 - 1) (won - null)^2. The second weight is returned.

    Returns
    -------
    ndarray of float64, shape (n_journeys,), or None
        None where clusters are known, deals stand alone, or values are not what is shared out.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> rows = {"conversions": [2], "value": [40.0], "value_squares": [30.0**2 + 10.0**2]}
    >>> journeys = Journeys.from_paths(["a"], **rows)
    >>> value_spread(journeys, measured(journeys, "value")).tolist()
    [0.5]
    """
    squares = journeys.value_squares
    if of.measure != "value" or squares is None or journeys.cluster is not None:
        return None
    n, total = journeys.conversions, journeys.value
    ratio = np.divide(n * squares, total**2, out=np.ones_like(total), where=total > 0)
    spread: Floats = n * np.maximum(ratio - 1, 0.0)
    return spread


def sum_of_squares(
    journeys: Journeys, influence: Influence, n_channels: int, spread: Floats | None = None
) -> Floats:
    """Add up squared influences over clusters, block by block so that memory stays bounded.

    Parameters
    ----------
    journeys : Journeys
    influence : callable
        See `Influence`.
    n_channels : int
    spread : ndarray of float64, shape (n_journeys,), optional
        See `value_spread`.

    Returns
    -------
    ndarray of float64, shape (n_channels,)
        Variance of each share.

    Examples
    --------
    >>> def influence(rows):
    ...     return np.zeros((len(rows), 1)), np.ones((len(rows), 1))
    >>> sum_of_squares(Journeys.from_paths(["a", "a"], conversions=[3, 1]), influence, 1).tolist()
    [4.0]
    """
    squares = np.zeros(n_channels)
    for weight, part in _independent(journeys, influence, n_channels, spread):
        squares += weight @ np.square(part)
    return squares


def share_covariance(sampling: Sampling, share: Floats) -> Floats:
    """Return the covariance of the shares, the clusters of `share_interval` being independent.

    Parameters
    ----------
    sampling : Sampling
    share : ndarray of float64, shape (n_channels,)

    Returns
    -------
    ndarray of float64, shape (n_channels, n_channels)

    Examples
    --------
    >>> from mmm.attribution import first_touch
    >>> result = first_touch(Journeys.from_paths(["a", "b"], conversions=[50, 50]))
    >>> share_covariance(result.sampling, result.share).round(6).tolist()
    [[0.0025, -0.0025], [-0.0025, 0.0025]]
    """
    journeys, of = sampling.journeys, sampling.of
    covariance = np.zeros((len(share), len(share)))
    spread = value_spread(journeys, of)
    for weight, part in _independent(journeys, sampling.influence, len(share), spread):
        covariance += (part.T * weight) @ part
    scale = np.sqrt(_unattributed(journeys, of, np.ones(len(share))))
    return covariance + np.outer(share * scale, share * scale)


def _independent(
    journeys: Journeys, influence: Influence, n_channels: int, spread: Floats | None
) -> Iterator[tuple[Floats, Floats]]:
    """Yield weights and influences whose outer products add up to the covariance, in blocks."""
    if journeys.cluster is not None:
        for rows, first in _clusters(journeys, journeys.cluster, n_channels):
            null, won = influence(rows)
            summed = journeys.conversions[rows, None] * won + journeys.nulls[rows, None] * null
            yield np.ones(len(first)), np.add.reduceat(summed, first, axis=0)
        return
    is_won = journeys.conversions > 0
    # Apart, since most rows hold no deal and an influence has less to do there.
    for rows in (np.flatnonzero(~is_won & (journeys.nulls > 0)), np.flatnonzero(is_won)):
        cost = np.cumsum(journeys.start[rows + 1] - journeys.start[rows]) * (n_channels + 1)
        for block in np.split(rows, np.flatnonzero(np.diff(cost // BLOCK)) + 1):
            null, won = influence(block)
            parts = [(journeys.nulls[block], null), (journeys.conversions[block], won)]
            if spread is not None:
                parts.append((spread[block], won - null))
            yield from ((weight, part) for weight, part in parts if weight.any())


def _clusters(
    journeys: Journeys, cluster: Integers, n_channels: int
) -> Iterator[tuple[Integers, Integers]]:
    """Yield journey positions, whole clusters together, and where each cluster begins in them."""
    order = np.argsort(cluster, kind="stable").astype(np.int64)
    changes = np.diff(cluster[order]) != 0
    first = np.flatnonzero(np.concatenate([[True], changes])).astype(np.int64)
    cost = np.cumsum(journeys.lengths[order]) * (n_channels + 1)
    block_of_cluster = cost[first] // BLOCK
    cut = np.flatnonzero(np.diff(block_of_cluster)) + 1
    for clusters in np.split(np.arange(len(first)), cut):
        low, after = clusters[0], clusters[-1] + 1
        high = first[after] if after < len(first) else len(order)
        yield order[first[low] : high], first[low:after] - first[low]


def _unattributed(journeys: Journeys, of: Measured, share: Floats) -> Floats:
    """Return what deals without a touch add to the variance, each one a cluster of its own.

    One such deal of value v moves a share by -share v / V. Only their number and their value are
    known: single values are taken to spread like those of the other won deals.
    """
    n_deals = float(journeys.unattributed.deals)
    if not (n_deals and of.unattributed):
        return np.zeros_like(share)
    spread = 1.0
    if of.measure == "value":
        won = journeys.conversions > 0
        n_won, squares = float(won.sum()), (of.amount[won] / of.attributed) ** 2
        if journeys.value_squares is not None:
            n_won = float(journeys.conversions.sum())
            squares = journeys.value_squares[won] / of.attributed / of.attributed
        spread = n_won * float(squares.sum())
    return share**2 * spread * of.unattributed**2 / n_deals / of.whole**2


def logit_interval(
    share: Floats, error: Floats, level: float, won: WonClusters
) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of shares from their standard errors.

    On the logit scale, t with G - 1 degrees of freedom, G the effective number of won clusters.
    A channel in fewer than 5 won clusters gets an upper bound of that level alone: the larger of
    the logit bound and Korn and Graubard's (1998, Survey Methodology 24(2), 193-201), the Beta
    quantile for share x G successes out of G. Where nothing varies (error 0; share 0 or 1), G
    equal clusters leave room for a part e = 1 - (1 - level)^(1 / G) of others: the bounds are
    share (1 - e) and 1 - (1 - share) (1 - e).

    Parameters
    ----------
    share, error : ndarray of float64, shape (n_channels,)
        Shares and their standard errors.
    level : float
        Coverage.
    won : WonClusters

    Returns
    -------
    lower, upper : ndarray of float64, shape (n_channels,)

    Examples
    --------
    >>> won = WonClusters(100.0, np.array([30.0, 0.0]))
    >>> low, high = logit_interval(np.array([0.3, 0.0]), np.array([0.04, 0.0]), 0.9, won)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.238, 0.0], [0.37, 0.023])
    """
    effective = won.effective
    still = (error < EDGE) | (share < EDGE) | (share > 1 - EDGE)
    inner = np.where(still, 0.5, share)
    scale = error / (inner * (1 - inner))
    few = won.touched < FEW_CLUSTERS
    half = _quantiles(won, level) * scale
    middle = np.log(inner) - np.log1p(-inner)
    lower, upper = (np.exp(-np.logaddexp(0.0, -at)) for at in (middle - half, middle + half))
    room = 1 - (1 - level) ** (1 / effective)
    lower = np.where(still, share * (1 - room), lower)
    upper = np.where(still, 1 - (1 - share) * (1 - room), upper)
    if few.any():
        from scipy.special import betaincinv

        successes = np.clip(share, 0.0, 1 - EDGE) * effective
        bound = betaincinv(successes + 1, effective - successes, level)
        upper = np.where(few, np.maximum(upper, bound), upper)
    return np.where(few, 0.0, lower), upper


def _quantiles(won: WonClusters, level: float) -> Floats:
    """Return the quantile of t for each channel: one-sided where it has few won clusters."""
    one, two = (t_quantile(won.effective - 1, chance) for chance in (level, (1 + level) / 2))
    return np.where(won.touched < FEW_CLUSTERS, one, two)


def signed_interval(
    share: Floats, error: Floats, level: float, won: WonClusters
) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of shares that may be negative or above 1.

    Symmetric, t with G - 1 degrees of freedom, G the effective number of won clusters. A channel
    in fewer than 5 won clusters gets an upper bound of that level alone and a missing lower one.
    Where nothing varies the bounds leave the room of `logit_interval`.

    Parameters
    ----------
    share, error : ndarray of float64, shape (n_channels,)
        Shares and their standard errors.
    level : float
        Coverage.
    won : WonClusters

    Returns
    -------
    lower, upper : ndarray of float64, shape (n_channels,)

    Examples
    --------
    >>> won = WonClusters(100.0, np.array([30.0, 0.0]))
    >>> low, high = signed_interval(np.array([1.02, -0.02]), np.array([0.04, 0.04]), 0.9, won)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.954, nan], [1.086, 0.032])
    """
    few = won.touched < FEW_CLUSTERS
    room = 1 - (1 - level) ** (1 / won.effective)
    half = np.where(error < EDGE, room, _quantiles(won, level) * error)
    return np.where(few, np.nan, share - half), share + half
