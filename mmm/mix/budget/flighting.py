"""A plan as a calendar: what to spend on each channel in each coming week, to the cent."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, quoted
from mmm.mix.fitted import Fitted
from mmm.mix.table.inputs import Clock
from mmm.mix.transforms import Floats
from mmm.tables.write import write_csv
from mmm.wording import round_to_total

if TYPE_CHECKING:
    from mmm.mix.budget.plan import BudgetPlan

_QUARTER, _YEAR = 365.25 / 4, 365.25
_ALWAYS_ON = 0.8  # of the periods of the last year have spend


@dataclass(frozen=True, eq=False)
class Flighting:
    """Spend by channel and period.

    Attributes
    ----------
    channels : tuple of str
    dates : Index, length n_periods
        First day of each period; numbers of periods where the model has no dates.
    spend : tuple of tuple of Decimal, n_channels x n_periods
        To the cent; a channel's row sums to its plan.
    pattern : tuple of {"always on", "flights"}
        One a channel.
    """

    channels: tuple[str, ...]
    dates: pd.Index
    spend: tuple[tuple[Decimal, ...], ...]
    pattern: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a period and channel.

        Returns
        -------
        pandas.DataFrame
            Columns date, channel, spend (Decimal), pattern.
        """
        n_periods, n_channels = len(self.dates), len(self.channels)
        return pd.DataFrame(
            {
                "date": self.dates.repeat(n_channels),
                "channel": pd.Series(self.channels * n_periods, dtype="str"),
                "spend": pd.Series(
                    [row[t] for t in range(n_periods) for row in self.spend], dtype=object
                ),
                "pattern": pd.Series(self.pattern * n_periods, dtype="str"),
            }
        )

    def to_csv(self, path: str | Path) -> Path:
        """Write the calendar for the media buyer: a row a period, a column a channel, a total.

        Returns
        -------
        pathlib.Path
        """
        wide = pd.DataFrame({"date": self.dates})
        for name, row in zip(self.channels, self.spend, strict=True):
            wide[name] = pd.Series(row, dtype=object)
        wide["total"] = pd.Series(
            [sum(column, Decimal(0)) for column in zip(*self.spend, strict=True)], dtype=object
        )
        return write_csv(wide, path)


def coming_periods(clock: Clock, n_periods: int) -> pd.Index:
    """Return the first days of the periods after the fitted ones.

    Parameters
    ----------
    clock : Clock
    n_periods : int

    Returns
    -------
    pandas.Index
        Dates, or numbers of periods counted from the first fitted one where there are no dates.

    Examples
    --------
    >>> weeks = Clock(4, 7.0, np.datetime64("2025-01-06"), None)
    >>> coming_periods(weeks, 2).astype("str").tolist()
    ['2025-02-03', '2025-02-10']
    >>> months = Clock(4, 30.4, np.datetime64("2025-01-01"), None)
    >>> coming_periods(months, 2).astype("str").tolist()
    ['2025-05-01', '2025-06-01']
    """
    if clock.first is None:
        return pd.RangeIndex(clock.n_periods, clock.n_periods + n_periods)
    first = pd.Timestamp(clock.first).as_unit("us")
    later = range(clock.n_periods, clock.n_periods + n_periods)
    if 27.5 < clock.period_days < 31.5 and first.day <= 28:
        return pd.DatetimeIndex([first + pd.DateOffset(months=i) for i in later])
    days = [pd.Timedelta(days=round(i * clock.period_days)) for i in later]
    return pd.DatetimeIndex([first + by for by in days])


def flight_plan(
    model: Fitted,
    plan: "BudgetPlan",
    *,
    which: Literal["recommended", "proposed"] = "recommended",
    n_periods: int | None = None,
    committed: Mapping[str, Mapping[str, float]] | None = None,
) -> Flighting:
    """Lay a plan out over the coming quarter.

    A channel with spend in at least 80% of the periods of the last year is always on, and gets the
    same in each. Another keeps its flights: the periods of the same season a year ago where the
    history holds them, else the last ones, each with its part of the money. Contracts are met
    first, in the periods that they name; what is left keeps the pattern.

    Parameters
    ----------
    model : MixModel
        Fitted.
    plan : BudgetPlan
    which : {"recommended", "proposed"}
        What the advice comes to (today's spend where it is to stay), or the plan in full.
    n_periods : int, optional
        A quarter by default.
    committed : mapping of str to mapping of str to number, optional
        Channel to date to the least spend of that period.

    Returns
    -------
    Flighting

    Raises
    ------
    ConfigError
        If a channel or date is unknown, or contracts ask for more than the plan has.

    Examples
    --------
    >>> spread_over(Decimal("100.00"), np.ones(3), np.zeros(3))
    [Decimal('33.34'), Decimal('33.33'), Decimal('33.33')]
    """
    if which not in ("recommended", "proposed"):
        raise ConfigError(f"which is {which!r}. Pass 'recommended' or 'proposed'.")
    n = max(round(_QUARTER / model.clock_.period_days), 1) if n_periods is None else n_periods
    if n < 1:
        raise ConfigError(f"n_periods is {n_periods!r}. Pass the number of periods, 1 or more.")
    dates = coming_periods(model.clock_, n)
    least = _committed(committed or {}, plan.channels, dates)
    a_year = max(round(_YEAR / model.clock_.period_days), 1)
    spend, patterns = [], []
    for i, name in enumerate(plan.channels):
        weights, pattern = rhythm(model.spend_[model.channels_.index(name)], n, a_year)
        amount = round_to_total([float(getattr(plan, which)[i]) * n], 2)[0]
        if float(amount) < least[i].sum() - 0.005 * n:
            raise ConfigError(
                f"two rules clash for {name!r}: contracts ask for {least[i].sum():,.2f}, the plan "
                f"has {amount:,}. Pass the contract to optimize_budget too, with "
                "Limits(committed=...)."
            )
        spend.append(tuple(spread_over(amount, weights, least[i])))
        patterns.append(pattern)
    return Flighting(plan.channels, dates, tuple(spend), tuple(patterns))


def rhythm(history: Floats, n_periods: int, a_year: int) -> tuple[Floats, str]:
    """Return the part of a channel's money that each coming period gets.

    Parameters
    ----------
    history : ndarray of float64, shape (n_history,)
    n_periods : int
        Coming.
    a_year : int
        Periods of a year.

    Returns
    -------
    weights : ndarray, shape (n_periods,)
        Sum to 1.
    pattern : {"always on", "flights"}

    Examples
    --------
    >>> rhythm(np.array([0.0, 9.0, 0.0, 3.0]), 2, 4)
    (array([0., 1.]), 'flights')
    >>> rhythm(np.array([5.0, 9.0, 4.0, 3.0]), 2, 4)
    (array([0.5, 0.5]), 'always on')
    """
    even = np.full(n_periods, 1.0 / n_periods)
    year = history[-a_year:]
    if not year.any() or (year > 0).mean() >= _ALWAYS_ON:
        return even, "always on"
    # A whole year back lies the season that comes next.
    same = np.resize(year if len(history) >= a_year else history[-n_periods:], n_periods)
    if not same.any():  # nothing in that season: the periods are the media buyer's to choose
        return even, "flights"
    return np.asarray(same / same.sum()), "flights"


def spread_over(amount: Decimal, weights: Floats, least: Floats) -> list[Decimal]:
    """Spread an amount by weights, no period below its least, in cents that add up.

    Parameters
    ----------
    amount : Decimal
    weights, least : ndarray of float64, shape (n_periods,)
        Parts of the amount, even where all are 0; least spend of each period.

    Returns
    -------
    list of Decimal

    Examples
    --------
    >>> spread_over(Decimal("90.00"), np.ones(3) / 3, np.array([50.0, 0.0, 0.0]))
    [Decimal('50.00'), Decimal('20.00'), Decimal('20.00')]
    """
    total = float(amount)
    weights = weights if weights.any() else np.ones(len(weights))
    held = np.zeros(len(weights), dtype=bool)
    parts = np.zeros(len(weights))
    while True:
        rest = total - least[held].sum()
        free = weights * ~held
        parts = np.where(held, least, 0.0)
        if free.sum() > 0:
            parts = parts + rest * free / free.sum()
        elif held.any():
            parts = parts * (total / max(parts.sum(), 1e-12))
        short = ~held & (parts < least - 1e-9)
        if not short.any():
            break
        held |= short
    return round_to_total([round(float(part), 6) for part in parts], 2, total=amount)


def _committed(
    committed: Mapping[str, Mapping[str, float]], channels: tuple[str, ...], dates: pd.Index
) -> Floats:
    """Return the least spend, shape (n_channels, n_periods)."""
    least = np.zeros((len(channels), len(dates)))
    unknown = [name for name in committed if name not in channels]
    if unknown:
        raise ConfigError(
            f"committed names {quoted(unknown)}; the plan has {quoted(channels, 20)}. Correct it."
        )
    known = {str(day)[:10]: t for t, day in enumerate(dates)}
    for name, by_date in committed.items():
        for day, amount in by_date.items():
            if str(day)[:10] not in known:
                raise ConfigError(
                    f"committed[{name!r}] names {day!r}, which begins no coming period; they begin "
                    f"at {quoted(known, 20)}."
                )
            if not (np.isfinite(amount) and amount >= 0):
                raise ConfigError(f"committed[{name!r}][{day!r}] is {amount!r}. Pass 0 or more.")
            least[channels.index(name), known[str(day)[:10]]] += amount
    return least
