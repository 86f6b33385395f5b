"""P(won | open at an age): competing risks stage by stage, from rates by age; arrays only."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mmm.funnel.forecast.hazards import EDGES, age_bin, exposure, occurrences, rates
from mmm.funnel.records import Stays
from mmm.funnel.records.known import ADVANCED, ENDED, together

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WEEK = 7.0
FEWEST_WINS = 5
TAIL_ENDS = 10


def account_weights(n_sets: int, n_groups: int, rng: np.random.Generator) -> Floats:
    """Weigh accounts anew in each set: Bayesian bootstrap; the first set weighs them alike.

    Returns
    -------
    ndarray of float64, shape (n_sets, n_groups)

    References
    ----------
    Rubin 1981, The Bayesian bootstrap, Annals of Statistics 9(1), 130-134.

    Examples
    --------
    >>> account_weights(2, 3, np.random.default_rng(0))[0].tolist()
    [1.0, 1.0, 1.0]
    """
    weights = rng.exponential(size=(n_sets, n_groups))
    weights[0] = 1.0
    return weights


def win_chances(by_stage: Sequence[Floats], n_weeks: int, n_ages: int) -> list[Floats]:
    """Return P(won within `n_weeks` weeks | open in a stage at an age), by recursion.

    W_k(a, m) = g_k(a) W_k+1(0, m - 1) + s_k(a) W_k(a + 1, m - 1), weeks a and m, with s the chance
    to stay a week and g that of going on in it, h_on / (h_on + h_end) x (1 - s); W of the stage
    after the last is 1. With an end to the horizon it is
    q (1 - F(a)) / (q (1 - F(a)) + (1 - q) (1 - G(a))) of a process in one stage, F and G being the
    delays of wins and losses.

    Parameters
    ----------
    by_stage : sequence of ndarray, each (n_sets, 2, n_bins)
        Rates a day of going on and of ending of each stage in order, in bins of
        `mmm.funnel.forecast.hazards.EDGES`.
    n_weeks : int
        Horizon.
    n_ages : int
        Weeks of age wanted, from 0.

    Returns
    -------
    list of ndarray, each (n_sets, n_ages)
        By stage.

    Examples
    --------
    >>> deal = np.stack([np.full(46, 0.02), np.full(46, 0.06)])[None]
    >>> win_chances([deal], 500, 2)[0].round(6).tolist()
    [[0.25, 0.25]]
    """
    n_sets = len(by_stage[0])
    grid = age_bin(WEEK * np.arange(n_ages + n_weeks, dtype=np.float64))
    after = np.ones((n_sets, n_weeks + 1))
    found = []
    for rate in reversed(by_stage):
        both = rate.sum(axis=1)
        stay = np.exp(-WEEK * both)
        share = np.divide(rate[:, 0], both, out=np.zeros_like(both), where=both > 0)
        stay_at, on_at = stay[:, grid], (share * (1 - stay))[:, grid]
        won = np.zeros((n_sets, len(grid) + 1))
        fresh = np.zeros((n_sets, n_weeks + 1))
        for m in range(1, n_weeks + 1):
            won[:, :-1] = on_at * after[:, m - 1, None] + stay_at * won[:, 1:]
            fresh[:, m] = won[:, 0]
        after = fresh
        found.append(won[:, :n_ages])
    return found[::-1]


def by_age(table: Floats, age_days: Floats) -> Floats:
    """Read chances at ages that are no whole weeks, on a straight line between them.

    Parameters
    ----------
    table : ndarray of float64, shape (n_sets, n_ages)
    age_days : ndarray of float64, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n_sets, n)

    Examples
    --------
    >>> by_age(np.array([[0.0, 1.0]]), np.array([3.5, 900.0])).tolist()
    [[0.5, 1.0]]
    """
    week = np.clip(age_days / WEEK, 0.0, table.shape[1] - 1.0)
    low = np.floor(week).astype(np.int64)
    high = np.minimum(low + 1, table.shape[1] - 1)
    part = week - low
    return np.asarray(table[:, low] * (1 - part) + table[:, high] * part)


def deal_worth(
    value: Floats, segment: Integers, group: Integers, n_segments: int, weights: Floats
) -> Floats:
    """Return the mean value of a won deal in each segment, drawn to the mean of all.

    (n_s m_s + k m) / (n_s + k) with k the variance within segments over that between them, by
    moments; a segment without deals has the mean of all.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        Of won deals.
    segment, group : ndarray of int64, shape (n,)
    n_segments : int
    weights : ndarray of float64, shape (n_sets, n_groups)
        Of accounts.

    Returns
    -------
    ndarray of float64, shape (n_sets, n_segments)

    Examples
    --------
    >>> deal_worth(np.array([10.0, 30.0]), np.zeros(2, int), np.arange(2), 2, np.ones((1, 2)))
    array([[20., 20.]])
    """
    each = weights[:, group]
    mean = (each * value).sum(axis=1, keepdims=True) / each.sum(axis=1, keepdims=True)
    inside = (segment[:, None] == np.arange(n_segments)).astype(np.float64)
    size, total = each @ inside, (each * value) @ inside
    own = np.divide(total, size, out=np.repeat(mean, n_segments, axis=1), where=size > 0)
    pull = _prior_deals(value, inside)
    if not np.isfinite(pull):
        return np.repeat(mean, n_segments, axis=1)
    return np.asarray((size * own + pull * mean) / np.where(size + pull > 0, size + pull, 1.0))


def _prior_deals(value: Floats, inside: Floats) -> float:
    """Return how many deals the mean of all is worth; infinite where segments do not differ."""
    n = inside.sum(axis=0)
    used = n > 0
    if used.sum() < 2 or len(value) <= used.sum():
        return float("inf")
    means = (value @ inside)[used] / n[used]
    within = float(((value - inside[:, used] @ means) ** 2).sum() / (len(value) - used.sum()))
    spread = float((n[used] * (means - value.mean()) ** 2).sum() / (used.sum() - 1))
    size = float((n.sum() - (n**2).sum() / n.sum()) / (used.sum() - 1))
    between = (spread - within) / size
    return within / between if between > 0 else float("inf")


def stage_rates(
    stays: Mapping[str, Stays], path: Sequence[str], other: str, weights: Floats
) -> dict[str, Floats]:
    """Return the rates of each stage, shape (n_sets, 2, n_bins).

    Deals of other kinds have rates of their own where at least `FEWEST_WINS` of them were won; else
    all deals share theirs.
    """
    deal = path[-1]
    few = int((stays[other].outcome == ADVANCED).sum()) < FEWEST_WINS
    pooled = together(stays[deal], stays[other]) if few else stays[deal]
    found = {stage: tailed_rates(stays[stage], weights) for stage in path[:-1]}
    found[deal] = tailed_rates(pooled, weights)
    found[other] = found[deal] if few else tailed_rates(stays[other], weights)
    return found


def tailed_rates(stays: Stays, weights: Floats) -> Floats:
    """Return the rates of going on and of ending, shape (n_sets, 2, n_bins), level at old ages.

    From the age after which only `TAIL_ENDS` stays went on or ended, rates are those of all older
    stays together: ages that nobody has reached yet are taken to be like the oldest that are known,
    not like the youngest, at which most goes on.

    Parameters
    ----------
    stays : Stays
    weights : ndarray of float64, shape (n_sets, n_groups)

    Examples
    --------
    >>> days = np.append(np.full(30, 3.0), np.full(20, 200.0))
    >>> ends = np.append(np.ones(30, int), np.zeros(20, int))
    >>> some = Stays(-days, days, ends, np.zeros(50, int), days)
    >>> rates = tailed_rates(some, np.ones((1, 1)))[0, 0]
    >>> bool(rates[0] > 0.05), bool(rates[10] < 0.01)
    (True, True)
    """
    n_groups = weights.shape[1]
    days = exposure(stays.days, stays.group, n_groups)
    counts = [
        occurrences(stays.days[seen], stays.group[seen], n_groups)
        for seen in (stays.outcome == ADVANCED, stays.outcome == ENDED)
    ]
    found = np.stack([rates(events, days, weights) for events in counts], axis=1)
    ended_in_bin = np.sum(counts, axis=(0, 1))
    older = np.cumsum(ended_in_bin[::-1])[::-1]
    tail = min(int((older > TAIL_ENDS).sum()), len(older) - 1)
    if days[:, tail:].sum() > 0:
        spent = weights @ days[:, tail:].sum(axis=1)
        for k, events in enumerate(counts):
            ended = weights @ events[:, tail:].sum(axis=1)
            found[:, k, tail:] = (ended / np.maximum(spent, 1e-9))[:, None]
    return np.asarray(found)


def oldest(age_days: Floats) -> int:
    """Return how many weeks of age a table needs to hold these ages.

    Examples
    --------
    >>> oldest(np.array([6.0, 15.0])), oldest(np.array([]))
    (4, 2)
    """
    most = float(age_days.max()) if len(age_days) else 0.0
    return int(min(most, EDGES[-1]) // WEEK) + 2
