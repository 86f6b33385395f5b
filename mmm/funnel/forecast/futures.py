"""Bookings to come: open deals, open leads, leads and repeat deals not here yet, simulated."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError
from mmm.funnel.forecast.hazards import (
    age_bin,
    exposure,
    occurrences,
    rates,
    simulate_stay,
    stay_rates,
)
from mmm.funnel.forecast.inflow import Inflow, draw_counts, recent_inflow
from mmm.funnel.opening import opening
from mmm.funnel.records.known import ADVANCED, OPEN, Known, Stays, known_on, together
from mmm.showing import Shown
from mmm.wording import Finding

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PARTS = ("open_deals", "open_leads", "new_leads", "repeat")
FEWEST_WINS = 5
FEWEST_REPEATS = 10
MOST_SETS = 200
POOL = 500
YEAR_AND_MORE = 500.0
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Shown):
    """Bookings of the months to come.

    Attributes
    ----------
    as_of : pandas.Timestamp
        Nothing after it was used.
    ends : tuple of pandas.Timestamp, length n_months
        End of each month, counted from `as_of`.
    deals : ndarray of int64, shape (n_draws, 4, n_months)
        Deals won, by part: from open deals, open leads, new leads, and repeat (deals with
        customers, and deals without a lead, that are not open yet).
    value : ndarray of float64, shape (n_draws, 4, n_months)
        The same in currency.
    inflow : Inflow
        Of new leads.
    win_days : ndarray of float64, shape (n_sets, n_pool)
        Days from lead to win of leads simulated under each set of rates; infinite where lost. Draw
        i was made with set i modulo n_sets.
    win_value : ndarray of float64, shape (n_sets, n_pool)
        What each would be worth if won.
    level : float
        Coverage of intervals.
    currency : str
        Empty where the deals do not say.
    notes : tuple of str
    """

    as_of: pd.Timestamp
    ends: tuple[pd.Timestamp, ...]
    deals: Integers
    value: Floats
    inflow: Inflow
    win_days: Floats
    win_value: Floats
    level: float
    currency: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kind = f"Forecast: {len(self.ends)} months, {len(self.bookings):,} simulated futures"
        return opening(self.finding(), f"{kind}; as of {self.as_of:%Y-%m-%d}")

    @property
    def bookings(self) -> Floats:
        """Currency booked over all months, shape (n_draws,)."""
        total: Floats = self.value.sum(axis=(1, 2))
        return total

    def to_frame(self) -> pd.DataFrame:
        """Return mean, median and interval a month, part and measure.

        Returns
        -------
        pandas.DataFrame
            month (1 is the first, 0 all of them), end, part ("total" and the four parts),
            measure ("bookings", "deals"), mean, median, lower, upper.
        """
        rows = []
        n_months = len(self.ends)
        for measure, draws in (("bookings", self.value), ("deals", self.deals.astype(np.float64))):
            parts = np.concatenate([draws.sum(axis=1, keepdims=True), draws], axis=1)
            cells = np.concatenate([parts.sum(axis=2, keepdims=True), parts], axis=2)
            tail = (1 - self.level) / 2
            lower, median, upper = np.quantile(cells, [tail, 0.5, 1 - tail], axis=0)
            mean = cells.mean(axis=0)
            for month in range(n_months + 1):
                end = self.ends[month - 1]  # month 0, all of them, ends with the last one
                for p, part in enumerate(("total", *PARTS)):
                    figures = (mean[p, month], median[p, month], lower[p, month], upper[p, month])
                    rows.append((month, end, part, measure, *(float(f) for f in figures)))
        names = ["month", "end", "part", "measure", "mean", "median", "lower", "upper"]
        return pd.DataFrame(rows, columns=names)

    def finding(self) -> Finding:
        """Say what will be booked, how sure that is, and what to do."""
        tail = (1 - self.level) / 2
        lower, upper = np.quantile(self.bookings, [tail, 1 - tail])
        value = self.bookings.mean()
        mean = self.value.mean(axis=0).sum(axis=1)
        here = float(mean[:2].sum() / mean.sum()) if mean.sum() > 0 else 0.0
        facts = {
            "lower": float(lower),
            "upper": float(upper),
            "level": self.level,
            "share": here,
            "by": self.ends[-1].date(),
            "currency": self.currency or "EUR",
        }
        action = "action.work_pipeline" if here >= 0.5 else "action.feed_pipeline"
        return Finding(
            "forecast.bookings", float(value), None, ("forecast.in_hand",), action, facts
        )


def forecast(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    as_of: pd.Timestamp | str | None = None,
    months: int = 6,
    level: float = 0.9,
    seed: int = 0,
    n_draws: int = 2000,
    inflow_days: float = 182.0,
) -> Forecast:
    """Forecast bookings from what is open and what will come in.

    Leads pass through the states that are recorded (new, MQL, SQL), then become a deal, which is
    won or lost: in each state going on competes with ending, at rates that depend on the days spent
    in it (piecewise constant hazards, the smooth form of Aalen and Johansen's estimator 1978,
    Scandinavian Journal of Statistics 5(3), 141-150). New leads arrive at the recent level. Deals
    with customers arrive at a rate by days since the first win. Values of deals to come are drawn
    from those won.

    All of it is simulated: rates and values with weights of the accounts drawn anew (Bayesian
    bootstrap, Rubin 1981), the level of the inflow from its posterior, counts and outcomes one by
    one. The future is taken to resemble the past: a change of price, team or market is not in it,
    nor are deals with customers who will be won in these months, nor a kind of deal never seen yet,
    such as the first renewals of a young company (`notes` says so).

    Parameters
    ----------
    leads, deals : pandas.DataFrame
        As `mmm.read_leads` and `mmm.read_deals` return them.
    as_of : pandas.Timestamp or str, optional
        Nothing after it is used; by default the latest instant in both tables.
    months : int
        1 to 24, counted from `as_of`.
    level : float
        Coverage of intervals.
    seed : int
    n_draws : int
        Simulated futures, at least 100.
    inflow_days : float
        How far back the level of the inflow looks.

    Returns
    -------
    Forecast

    Raises
    ------
    ConfigError
        If a setting is out of range.
    InputError
        If a column is missing or fewer than 5 deals with a value were won by `as_of`.

    Examples
    --------
    >>> from mmm import datasets
    >>> future = forecast(datasets.load("leads"), datasets.load("deals"), n_draws=200)
    >>> future.value.shape
    (200, 4, 6)
    >>> frame = future.to_frame()
    >>> bool((frame["lower"] <= frame["upper"]).all())
    True
    """
    _check(months, level, n_draws, inflow_days)
    known = known_on(leads, deals, as_of)
    _enough(known)
    ends = tuple(known.as_of + pd.DateOffset(months=m + 1) for m in range(months))
    stops = np.array([(end - known.as_of) / _DAY for end in ends])
    rng = np.random.default_rng(seed)
    n_sets = min(MOST_SETS, n_draws)
    repeats = -(-n_draws // n_sets)
    model = _fit(known, n_sets, inflow_days, rng)
    shape = (n_sets, repeats, len(PARTS), months)
    n_won, value = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    win_days, win_value = np.empty((n_sets, POOL)), np.empty((n_sets, POOL))
    for s in range(n_sets):
        simulated = _futures(known, model, s, repeats, float(stops[-1]), rng)
        for p, wins in enumerate(simulated):
            n_won[s, :, p], value[s, :, p] = _by_month(wins, repeats, stops)
        win_days[s] = _to_win(model, s, 0, np.zeros(POOL), np.zeros(POOL), rng)
        win_value[s] = _values(model.first_values, s, POOL, rng)
    # Sets in turn, so that any number of draws uses all of them.
    draw = np.arange(n_draws)
    turn = draw % n_sets, draw // n_sets
    return Forecast(
        as_of=known.as_of,
        ends=ends,
        deals=n_won[turn],
        value=value[turn],
        inflow=model.inflow,
        win_days=win_days,
        win_value=win_value,
        level=level,
        currency=known.currency,
        notes=(*known.notes, *_young(known)),
    )


class _Wins(NamedTuple):
    """Simulated wins: replicate, days from today (infinite where none), value."""

    replicate: Integers
    at: Floats
    value: Floats


class _Values(NamedTuple):
    """Values of won deals, shape (n,), and the cumulative chances of each, (n_sets, n)."""

    value: Floats
    chance: Floats


@dataclass(frozen=True, eq=False)
class _Model:
    """Rates under each set of weights.

    Attributes
    ----------
    leads : tuple of ndarray, each (n_sets, 2, n_bins)
        Of each state of a lead.
    first, repeat : ndarray (n_sets, 2, n_bins)
        Of deals.
    returns : ndarray (n_sets, n_bins)
        Repeat deals opened, a customer and day, by days since the first win.
    first_values, repeat_values : _Values
    inflow, direct : Inflow
    """

    leads: tuple[Floats, ...]
    first: Floats
    repeat: Floats
    returns: Floats
    first_values: _Values
    repeat_values: _Values
    inflow: Inflow
    direct: Inflow


def _check(months: int, level: float, n_draws: int, inflow_days: float) -> None:
    if not 1 <= months <= 24 or not 0 < level < 1 or n_draws < 100 or inflow_days < 28:
        raise ConfigError(
            f"months is {months}, level {level}, n_draws {n_draws} and inflow_days {inflow_days}; "
            "choose 1 to 24 months, a level between 0 and 1, 100 draws or more, 28 days or more."
        )


def _enough(known: Known) -> None:
    won = sum(_won(stays).sum() for stays in (known.first, known.repeat))
    if won < FEWEST_WINS or not _won(known.first).any():
        raise InputError(
            f"{won} deals with a value were won by {known.as_of:%Y-%m-%d}; a forecast takes "
            f"{FEWEST_WINS}, one of them the first of its account. Add older deals, or wait."
        )


def _young(known: Known) -> tuple[str, ...]:
    oldest = -float(known.customer.min(initial=0.0))
    if oldest >= YEAR_AND_MORE:
        return ()
    return (
        f"The oldest customer was won {oldest:.0f} days ago: what customers buy later than that "
        "after their first deal (first renewals) is not foreseen.",
    )


def _won(stays: Stays) -> npt.NDArray[np.bool_]:
    """Tell the won deals whose value is known."""
    return np.asarray((stays.outcome == ADVANCED) & np.isfinite(stays.value), dtype=np.bool_)


def _fit(known: Known, n_sets: int, inflow_days: float, rng: np.random.Generator) -> _Model:
    weights = rng.exponential(size=(n_sets, known.n_groups))
    few = int((known.repeat.outcome != OPEN).sum()) < FEWEST_REPEATS
    repeat = together(known.first, known.repeat) if few else known.repeat
    n, group = known.n_groups, known.customer_group
    returns = rates(
        occurrences(known.repeat_age, known.repeat.group, n),
        exposure(-known.customer, group, n),
        weights,
    )
    first_values = _weighted(known.first, weights)
    paid_again = _won(known.repeat).any()
    return _Model(
        leads=tuple(stay_rates(stays, weights) for stays in known.leads),
        first=stay_rates(known.first, weights),
        repeat=stay_rates(repeat, weights),
        returns=returns,
        first_values=first_values,
        repeat_values=_weighted(known.repeat, weights) if paid_again else first_values,
        inflow=recent_inflow(known.created, inflow_days),
        direct=recent_inflow(known.direct, inflow_days),
    )


def _weighted(stays: Stays, weights: Floats) -> _Values:
    won = _won(stays)
    chance = np.cumsum(weights[:, stays.group[won]], axis=1)
    return _Values(stays.value[won], chance / chance[:, -1:])


def _values(values: _Values, s: int, n: int, rng: np.random.Generator) -> Floats:
    return values.value[np.searchsorted(values.chance[s], rng.random(n), side="right")]


def _futures(
    known: Known, model: _Model, s: int, repeats: int, horizon: float, rng: np.random.Generator
) -> tuple[_Wins, ...]:
    """Simulate the wins of each part under one set of rates."""
    return (
        _open_deals(known, model, s, repeats, rng),
        _open_leads(known, model, s, repeats, rng),
        _new_leads(model, s, repeats, horizon, rng),
        _repeat(known, model, s, repeats, horizon, rng),
    )


def _open_deals(
    known: Known, model: _Model, s: int, repeats: int, rng: np.random.Generator
) -> _Wins:
    wins = []
    for stays, hazard, values in (
        (known.first, model.first[s], model.first_values),
        (known.repeat, model.repeat[s], model.repeat_values),
    ):
        here = stays.only(stays.outcome == OPEN)
        at = _deal_end(hazard, np.tile(here.days, repeats), rng)
        value = np.tile(here.value, repeats)
        value = np.where(np.isnan(value), _values(values, s, len(value), rng), value)
        wins.append(_Wins(np.repeat(np.arange(repeats), len(here)), at, value))
    return _Wins(*(np.concatenate(columns) for columns in zip(*wins, strict=True)))


def _open_leads(
    known: Known, model: _Model, s: int, repeats: int, rng: np.random.Generator
) -> _Wins:
    replicate, at = [], []
    for state, stays in enumerate(known.leads):
        age = np.tile(stays.days[stays.outcome == OPEN], repeats)
        at.append(_to_win(model, s, state, age, np.zeros(len(age)), rng))
        replicate.append(np.repeat(np.arange(repeats), len(age) // repeats))
    days = np.concatenate(at)
    value = _values(model.first_values, s, len(days), rng)
    return _Wins(np.concatenate(replicate), days, value)


def _new_leads(
    model: _Model, s: int, repeats: int, horizon: float, rng: np.random.Generator
) -> _Wins:
    counts = draw_counts(model.inflow, horizon, repeats, rng)
    start = rng.random(int(counts.sum())) * horizon
    at = _to_win(model, s, 0, np.zeros(len(start)), start, rng)
    value = _values(model.first_values, s, len(start), rng)
    return _Wins(np.repeat(np.arange(repeats), counts), at, value)


def _repeat(
    known: Known, model: _Model, s: int, repeats: int, horizon: float, rng: np.random.Generator
) -> _Wins:
    """Deals not open yet: with customers of today, and first deals that come without a lead."""
    weeks = np.arange(0.0, horizon, 7.0)
    length = np.minimum(7.0, horizon - weeks)
    age = weeks + length / 2 - known.customer[:, None]
    expected = (model.returns[s][age_bin(age)] * length).sum(axis=0)
    counts = rng.poisson(expected, size=(repeats, len(weeks)))
    week = np.tile(np.arange(len(weeks)), repeats).repeat(counts.ravel())
    start = weeks[week] + rng.random(len(week)) * length[week]
    back = _Wins(
        np.repeat(np.arange(repeats), counts.sum(axis=1)),
        start + _deal_end(model.repeat[s], np.zeros(len(start)), rng),
        _values(model.repeat_values, s, len(start), rng),
    )
    direct = draw_counts(model.direct, horizon, repeats, rng)
    begin = rng.random(int(direct.sum())) * horizon
    fresh = _Wins(
        np.repeat(np.arange(repeats), direct),
        begin + _deal_end(model.first[s], np.zeros(len(begin)), rng),
        _values(model.first_values, s, len(begin), rng),
    )
    return _Wins(*(np.concatenate(columns) for columns in zip(back, fresh, strict=True)))


def _to_win(
    model: _Model, s: int, state: int, age: Floats, start: Floats, rng: np.random.Generator
) -> Floats:
    """Days to the win of leads in a state since `age` days, from `start`; infinite where lost."""
    at = np.full(len(age), np.inf)
    alive, now = np.arange(len(age)), start
    for hazard in model.leads[state:]:
        days, on = simulate_stay(hazard[s], age, rng)
        alive, now, age = alive[on], (now + days)[on], np.zeros(int(on.sum()))
    at[alive] = now + _deal_end(model.first[s], age, rng)
    return at


def _deal_end(hazard: Floats, age: Floats, rng: np.random.Generator) -> Floats:
    days, won = simulate_stay(hazard, age, rng)
    return np.where(won, days, np.inf)


def _by_month(wins: _Wins, repeats: int, stops: Floats) -> tuple[Integers, Floats]:
    """Count wins and add up their values, each of shape (repeats, n_months)."""
    month = np.searchsorted(stops, wins.at, side="left")
    seen = month < len(stops)
    cell = wins.replicate[seen] * len(stops) + month[seen]
    size = repeats * len(stops)
    counts = np.bincount(cell, minlength=size).astype(np.int64)
    value = np.bincount(cell, wins.value[seen], minlength=size).astype(np.float64)
    return counts.reshape(repeats, -1), value.reshape(repeats, -1)
