"""Hand-over: thresholds, grades, the fit and engagement grid, and what moved between stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.prediction.handover.rates import rate_interval, rates_by

Floats = npt.NDArray[np.float64]

LETTERS = ("A", "B", "C", "D")
SHARES = (0.1, 0.2, 0.3)
_LADDER = ("lead", "MQL", "SQL")


@dataclass(frozen=True)
class Threshold:
    """The probability from which a lead is handed over.

    Attributes
    ----------
    probability : float
        Leads at or above it are handed over; above 1 where none is.
    why : {"capacity", "value", "value and capacity"}
        What sets it.
    n : int
        Leads at or above it, among those it was set on.
    expected_wins : float
    expected_profit : float
        Margin of the expected wins less the cost of the calls; NaN where neither is given.
    """

    probability: float
    why: str
    n: int
    expected_wins: float
    expected_profit: float


def set_threshold(
    probability: npt.ArrayLike,
    *,
    capacity: int | None = None,
    cost: float | None = None,
    margin: float | None = None,
) -> Threshold:
    """Set the threshold from what sales can work, from what a call is worth, or from both.

    Working a lead pays where probability x margin is at least the cost; with a capacity the best
    leads come first and those beyond it wait. Leads of one probability are handed over together or
    not at all, so that the capacity is never exceeded. The value of a call is taken to be the whole
    margin: a lead that would buy without it makes the call worth less, which only a hold-out tells.

    Parameters
    ----------
    probability : array_like, shape (n,)
        Of the leads that compete for the same time.
    capacity : int, optional
        Leads that sales can work in that time.
    cost, margin : float, optional
        Of working one lead, and of one won deal; in one currency.

    Returns
    -------
    Threshold

    Raises
    ------
    ConfigError
        If nothing is given, or amounts are out of range.

    Examples
    --------
    >>> odds = [0.5, 0.3, 0.2, 0.05]
    >>> set_threshold(odds, capacity=2).probability
    0.3
    >>> set_threshold(odds, cost=100.0, margin=1000.0).n
    3
    """
    p = probabilities(probability)
    valued = cost is not None and margin is not None
    if capacity is None and not valued:
        raise ConfigError("Give capacity, or cost and margin, or all three.")
    if (capacity is not None and capacity < 0) or (valued and not _paying(cost, margin)):
        raise ConfigError(
            f"capacity is {capacity}, cost {cost} and margin {margin}. Choose a capacity and a "
            "cost of 0 or more, and a margin above 0."
        )
    limit = float(cost) / float(margin) if cost is not None and margin is not None else 0.0
    why = "value"
    if capacity is not None:
        ranked = np.sort(p)[::-1]
        if len(ranked) > capacity and (p >= limit).sum() > capacity:
            # The lowest probability above that of the first lead without a place.
            above = ranked[ranked > ranked[capacity]]
            limit = float(above.min()) if len(above) else float(np.nextafter(ranked[0], 2.0))
            why = "value and capacity" if valued else "capacity"
        elif not valued:
            why = "capacity"
    chosen = p[p >= limit]
    profit = np.nan
    if cost is not None and margin is not None:
        profit = float(margin * chosen.sum() - cost * len(chosen))
    return Threshold(limit, why, len(chosen), float(chosen.sum()), profit)


@dataclass(frozen=True)
class Grades:
    """Grades A to D by probability.

    Attributes
    ----------
    edges : tuple of float
        Lowest probability of A, B and C, descending; D is the rest.
    """

    edges: tuple[float, float, float]

    def __post_init__(self) -> None:
        a, b, c = self.edges
        if not 1.0 >= a >= b >= c >= 0.0:
            raise ConfigError(
                f"the edges of the grades are {a}, {b} and {c}. Give three probabilities, the "
                "highest first."
            )

    def assign(self, probability: npt.ArrayLike) -> "pd.Series[str]":
        """Return the grade of each probability.

        Examples
        --------
        >>> Grades((0.5, 0.3, 0.1)).assign([0.5, 0.05]).tolist()
        ['A', 'D']
        """
        p = probabilities(probability)
        place = (p[:, None] < np.array(self.edges)).sum(axis=1)
        return pd.Series(np.array(LETTERS, dtype=object)[place], dtype="str")


def grade_by_share(probability: npt.ArrayLike, shares: Sequence[float] = SHARES) -> Grades:
    """Set grades so that A, B and C hold given shares of the leads, D the rest.

    Parameters
    ----------
    probability : array_like, shape (n,)
        Of past leads, predicted out of their fold.
    shares : sequence of 3 floats
        Of A, B and C; by default 10%, 20% and 30%.

    Examples
    --------
    >>> grade_by_share(np.arange(1, 101) / 100).edges
    (0.91, 0.71, 0.41)
    """
    cuts = np.cumsum(shares)
    if len(cuts) != 3 or min(shares) <= 0 or cuts[-1] >= 1:
        said = ", ".join(map(str, shares))
        raise ConfigError(f"shares are {said}. Give three above 0 that sum to below 1.")
    ranked = np.sort(probabilities(probability))[::-1]
    if not len(ranked):
        raise InputError("No probability to set grades on. Give those of past leads.")
    last = np.clip(np.round(cuts * len(ranked)).astype(np.int64), 1, len(ranked)) - 1
    a, b, c = (float(ranked[i]) for i in last)
    return Grades((a, b, c))


def grade_table(
    grade: Any,
    probability: npt.ArrayLike,
    won: npt.ArrayLike,
    *,
    level: float = 0.9,
    design: float = 1.0,
) -> pd.DataFrame:
    """Compare what each grade promised with what it delivered.

    Parameters
    ----------
    grade : array_like of str, shape (n,)
    probability : array_like, shape (n,)
    won : array_like of bool, shape (n,)
        Leads whose outcome is known; a young open lead is not lost and has no place here.
    level : float, default 0.9
    design : float, default 1
        So many rows count as one in the intervals: several of one lead or account end alike.

    Returns
    -------
    pandas.DataFrame
        grade (A to D), n, n_won, promised (mean probability), rate, lower, upper, share_of_wins,
        kept (whether the promise lies within the interval; missing for an empty grade).

    Examples
    --------
    >>> table = grade_table(["A", "A", "D"], [0.6, 0.4, 0.1], [True, False, False])
    >>> table[["grade", "n", "n_won", "rate"]].values.tolist()[0]
    ['A', 2, 1, 0.5]
    """
    frame = pd.DataFrame(
        {
            "grade": np.asarray(grade, dtype=object),
            "probability": probabilities(probability),
            "won": np.asarray(won, dtype=np.float64),
        }
    )
    by = frame.groupby("grade")
    n = by.size().reindex(LETTERS, fill_value=0).to_numpy()
    wins = by["won"].sum().reindex(LETTERS, fill_value=0).to_numpy(dtype=np.float64)
    promised = by["probability"].mean().reindex(LETTERS).to_numpy()
    lower, upper = rate_interval(wins / design, n / design, level)
    inside = (promised >= lower) & (promised <= upper)
    kept = pd.Series(inside, dtype="boolean").mask(n == 0)
    return pd.DataFrame(
        {
            "grade": LETTERS,
            "n": n,
            "n_won": wins.astype(np.int64),
            "promised": promised,
            "rate": wins / np.where(n > 0, n, np.nan),
            "lower": lower,
            "upper": upper,
            "share_of_wins": wins / max(wins.sum(), 1.0),
            "kept": kept,
        }
    )


def fit_engagement_grid(
    fit: npt.ArrayLike,
    engagement: npt.ArrayLike,
    won: npt.ArrayLike | None = None,
    *,
    n_bands: int = 3,
    level: float = 0.9,
) -> pd.DataFrame:
    """Cross what a lead is with what it did.

    Parameters
    ----------
    fit, engagement : array_like of float, shape (n,)
        Scores in any unit, higher is better; for example the sums of the contributions of the
        columns of each part.
    won : array_like of bool, shape (n,), optional
        Known outcomes, for the realised rates.
    n_bands : int, default 3
        Bands of each, of about equal size; leads of one score share a band.
    level : float, default 0.9

    Returns
    -------
    pandas.DataFrame
        fit and engagement (band, 1 is the best), n; with `won` also n_hit, rate, lower, upper.

    Examples
    --------
    >>> grid = fit_engagement_grid([1, 1, 2, 2], [1, 2, 1, 2], [0, 0, 0, 1], n_bands=2)
    >>> grid[["fit", "engagement", "n", "rate"]].values.tolist()[0]
    [1.0, 1.0, 1.0, 1.0]
    """
    if not 2 <= n_bands <= 10:
        raise ConfigError(f"n_bands is {n_bands}. Choose 2 to 10.")
    frame = pd.DataFrame({"fit": _band(fit, n_bands), "engagement": _band(engagement, n_bands)})
    every = pd.MultiIndex.from_product([range(1, n_bands + 1)] * 2, names=["fit", "engagement"])
    if won is None:
        size = frame.groupby(["fit", "engagement"]).size().reindex(every, fill_value=0)
        return size.rename("n").reset_index()
    frame["won"] = np.asarray(won, dtype=np.float64)
    table = rates_by(frame, ["fit", "engagement"], "won", level)
    table = table.set_index(["fit", "engagement"]).reindex(every)
    table[["n", "n_hit"]] = table[["n", "n_hit"]].fillna(0).astype("int64")
    return table.reset_index()


def stage_of(mql: npt.ArrayLike, sql: npt.ArrayLike) -> "pd.Series[str]":
    """Return lead, MQL or SQL from two flags; an SQL needs no MQL.

    Examples
    --------
    >>> stage_of([False, True, True], [False, False, True]).tolist()
    ['lead', 'MQL', 'SQL']
    """
    place = np.where(np.asarray(sql, dtype=bool), 2, np.asarray(mql, dtype=bool).astype(np.int64))
    return pd.Series(np.array(_LADDER, dtype=object)[place], dtype="str")


def transitions(before: pd.DataFrame, now: pd.DataFrame, *, at: Any) -> pd.DataFrame:
    """List the leads whose stage or grade moved between two runs, ready to export.

    Parameters
    ----------
    before, now : pandas.DataFrame
        lead_id, and some of stage, grade, probability, because; a lead that `before` lacks is new.
    at : date, str or timestamp
        Instant of the run `now`.

    Returns
    -------
    pandas.DataFrame
        lead_id, what ("stage" or "grade"), old (missing for a new lead), new, direction ("up",
        "down", "new"), at, and probability and because of the run `now` where it has them;
        by lead_id.

    Raises
    ------
    InputError
        If lead_id is missing or stands twice.

    Examples
    --------
    >>> before = pd.DataFrame({"lead_id": ["l1", "l2"], "grade": ["B", "C"]})
    >>> now = pd.DataFrame({"lead_id": ["l1", "l2"], "grade": ["A", "C"]})
    >>> transitions(before, now, at="2025-03-31")[["lead_id", "old", "new", "direction"]].values
    array([['l1', 'B', 'A', 'up']], dtype=object)
    """
    for name, frame in (("before", before), ("now", now)):
        if "lead_id" not in frame.columns or frame["lead_id"].duplicated().any():
            raise InputError(
                f"{name} lacks lead_id, or names a lead twice; it has {quoted(frame.columns)}. "
                "Give one row a lead."
            )
    joined = now.merge(before, on="lead_id", how="left", suffixes=("", "_old"), indicator=True)
    parts = []
    for what, order in (("stage", _LADDER), ("grade", LETTERS[::-1])):
        if what not in now.columns or what not in before.columns:
            continue
        rank = {name: i for i, name in enumerate(order)}
        old, new = joined[f"{what}_old"].map(rank), joined[what].map(rank)
        fresh = joined["_merge"].eq("left_only")
        moved = fresh | (joined[f"{what}_old"] != joined[what])
        direction = np.where(fresh, "new", np.where(new > old, "up", "down"))
        part = pd.DataFrame({"lead_id": joined["lead_id"], "what": what})
        part["old"], part["new"] = joined[f"{what}_old"], joined[what]
        part["direction"], part["at"] = direction, pd.Timestamp(at)
        extra = [name for name in ("probability", "because") if name in now.columns]
        parts.append(pd.concat([part, joined[extra]], axis=1)[moved])
    if not parts:
        raise InputError("before and now share neither stage nor grade. Give both one of them.")
    return pd.concat(parts).sort_values(["lead_id", "what"], ignore_index=True)


def probabilities(values: npt.ArrayLike) -> Floats:
    """Return probabilities as floats.

    Raises
    ------
    InputError
        If one is missing or outside 0 to 1.

    Examples
    --------
    >>> probabilities([0, 0.5]).tolist()
    [0.0, 0.5]
    """
    p = np.asarray(values, dtype=np.float64)
    wrong = ~((p >= 0.0) & (p <= 1.0))
    if wrong.any():
        raise InputError(
            f"{int(wrong.sum())} of {p.size} probabilities are missing or outside 0 to 1, first "
            f"{p[wrong][0]}. Score those leads again."
        )
    return p


def _paying(cost: float | None, margin: float | None) -> bool:
    return cost is not None and margin is not None and cost >= 0 and margin > 0


def _band(score: npt.ArrayLike, n_bands: int) -> npt.NDArray[np.int64]:
    """Return bands of about equal size, 1 for the highest scores."""
    values = np.asarray(score, dtype=np.float64)
    if np.isnan(values).any():
        raise InputError("A score of fit or engagement is missing. Give every lead both.")
    share_above = (pd.Series(-values).rank(method="min") - 1.0) / max(len(values), 1)
    band = np.floor(share_above.to_numpy(dtype=np.float64) * n_bands).astype(np.int64) + 1
    return np.minimum(band, n_bands)
