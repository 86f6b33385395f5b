"""Backtest: the forecast as it would have been made on past days, against what came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm.errors import ConfigError
from mmm.funnel.forecast.futures import forecast
from mmm.funnel.opening import opening
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.known import ADVANCED, known_on, together
from mmm.showing import Shown


@dataclass(frozen=True, eq=False, repr=False)
class Backtest(Shown):
    """Forecasts of past days beside what came.

    Attributes
    ----------
    frame : pandas.DataFrame
        as_of, month (1 is the first after it, 0 all of them), measure ("bookings", "deals"),
        actual, mean, median, lower, upper, covered, naive (the mean month of as many months
        before, times the months).
    level : float
        Coverage that the intervals promise.
    """

    frame: pd.DataFrame
    level: float

    def __repr__(self) -> str:
        months = self.summary()
        row = months[(months["measure"] == "bookings") & (months["span"] == "a month")].iloc[0]
        return opening(
            f"The {self.level:.0%} intervals held the bookings of {row['coverage']:.0%} of "
            f"{row['n']} months.",
            f"Backtest: {self.frame['as_of'].nunique()} days forecast from",
        )

    def summary(self) -> pd.DataFrame:
        """Return coverage, bias and error against the naive forecast.

        Returns
        -------
        pandas.DataFrame
            measure, span ("all months", "a month"), n, coverage (share of intervals that held),
            bias and naive_bias ((forecast - actual) / actual over all days), error and naive_error
            (mean absolute error / mean actual).
        """
        rows = []
        frame = self.frame.assign(span=np.where(self.frame["month"] == 0, "all months", "a month"))
        for (measure, span), part in frame.groupby(["measure", "span"], sort=True):
            actual = part["actual"].to_numpy(dtype=np.float64)
            row = {"measure": measure, "span": span, "n": len(part)}
            row["coverage"] = float(part["covered"].mean())
            whole = float(actual.sum())
            for name, column in (("", "mean"), ("naive_", "naive")):
                miss = part[column].to_numpy(dtype=np.float64) - actual
                row[f"{name}bias"] = float(miss.sum()) / whole if whole else np.nan
                row[f"{name}error"] = float(np.abs(miss).sum()) / whole if whole else np.nan
            rows.append(row)
        return pd.DataFrame(rows)


def backtest(
    leads: pd.DataFrame,
    deals: pd.DataFrame,
    *,
    as_ofs: Sequence[pd.Timestamp | str],
    months: int = 6,
    level: float = 0.9,
    seed: int = 0,
    n_draws: int = 1000,
) -> Backtest:
    """Replay the forecast on past days, knowing only what was known then.

    Values overwritten and deals deleted since cannot be undone, so that a company that cleans its
    CRM looks easier to forecast than it was. Days less than `months` apart share their futures.

    Parameters
    ----------
    leads, deals : pandas.DataFrame
        As `mmm.read_leads` and `mmm.read_deals` return them.
    as_ofs : sequence of pandas.Timestamp or str
        Days to forecast on; `months` after each have to be in the data.
    months, level, seed, n_draws
        As in `forecast`.

    Returns
    -------
    Backtest

    Raises
    ------
    ConfigError
        If no day is given, or the data end before the months after a day do.
    InputError
        As in `forecast`.

    Examples
    --------
    >>> from mmm import datasets
    >>> leads, deals = datasets.load("leads"), datasets.load("deals")
    >>> past = backtest(leads, deals, as_ofs=["2025-06-01"], n_draws=200)
    >>> past.frame["actual"].iloc[0] > 0
    np.True_
    """
    if not len(as_ofs):
        raise ConfigError("as_ofs is empty. Pass at least one past day.")
    end = last_look(None, leads, deals)
    parts = []
    for given in as_ofs:
        then = forecast(
            leads, deals, as_of=given, months=months, level=level, seed=seed, n_draws=n_draws
        )
        if then.ends[-1] > end + pd.Timedelta(days=7):
            raise ConfigError(
                f"{months} months after {then.as_of:%Y-%m-%d} end on {then.ends[-1]:%Y-%m-%d}, "
                f"and the data on {end:%Y-%m-%d}. Choose earlier days or fewer months."
            )
        ahead = then.to_frame()
        ahead = ahead[ahead["part"] == "total"].drop(columns=["part", "end"])
        came = _came(leads, deals, then.as_of, then.ends)
        parts.append(ahead.merge(came, on=["month", "measure"]).assign(as_of=then.as_of))
    frame = pd.concat(parts, ignore_index=True)
    frame["covered"] = (frame["lower"] <= frame["actual"]) & (frame["actual"] <= frame["upper"])
    names = ["as_of", "month", "measure", "actual", "mean", "median", "lower", "upper"]
    return Backtest(frame[[*names, "covered", "naive"]], level)


def _came(
    leads: pd.DataFrame, deals: pd.DataFrame, as_of: pd.Timestamp, ends: tuple[pd.Timestamp, ...]
) -> pd.DataFrame:
    """Return what was won in each month after a day, and in the mean month before it."""
    known = known_on(leads, deals)
    both = together(known.first, known.repeat)
    won = both.outcome == ADVANCED
    days = both.entered[won] + both.days[won]
    value = np.nan_to_num(both.value[won])
    start = as_of - pd.DateOffset(months=len(ends))
    instants = [start, as_of, *ends]
    edges = [(instant - known.as_of) / pd.Timedelta(days=1) for instant in instants]
    rows = []
    for measure, weight in (("bookings", value), ("deals", np.ones(len(days)))):
        cell = np.searchsorted(np.array(edges), days, side="left")
        sums = np.bincount(cell, weight, minlength=len(edges) + 1)[1 : len(edges)]
        before, months = float(sums[0]), sums[1:]
        rows.append((0, measure, float(months.sum()), before))
        rows += [(m + 1, measure, float(x), before / len(ends)) for m, x in enumerate(months)]
    return pd.DataFrame(rows, columns=["month", "measure", "actual", "naive"])
