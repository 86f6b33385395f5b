"""Weekly media spend and the controls of the market: exogenous, in plain patterns."""

import numpy as np
import pandas as pd

from mmm.simulate.draws import Bools, Floats
from mmm.simulate.market import PAID
from mmm.simulate.settings import Settings

_MEAN_SPEND = {
    "Paid search": 2_200.0,
    "Paid social": 1_600.0,
    "Display": 900.0,
    "Events": 2_600.0,
    "Partner": 800.0,
}
# Fixed public holidays of Italy as month and day.
_HOLIDAYS = {(1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (11, 1), (12, 8), (12, 25), (12, 26)}
_AUGUST_CLOSURE = {(8, day) for day in range(7, 22)}


def weekly_spend(settings: Settings, dates: pd.DatetimeIndex) -> Floats:
    """Media spend in euros, whole cents, shape (weeks, n_paid), columns as `PAID`."""
    rng = settings.rng("spend")
    week = np.arange(settings.weeks)
    month = np.asarray(dates.month)
    slow = np.where(month == 8, 0.35, 1.0)
    bursts = np.where(_blocks(rng, settings.weeks, 6), 1.7, 0.5)
    flights = np.where(_blocks(rng, settings.weeks, 5), 1.8, 0.0)
    fairs = np.where(rng.random(settings.weeks) < 0.16, 5.0, 0.15) * np.isin(
        month, (2, 3, 4, 5, 6, 9, 10, 11)
    )
    steps = np.repeat(0.4 + 1.2 * rng.random(settings.weeks // 8 + 1), 8)[: settings.weeks]
    pattern = {
        "Paid search": slow * (1.0 + 0.15 * np.sin(2 * np.pi * week / 52.0)),
        "Paid social": slow * bursts,
        "Display": flights,
        "Events": fairs,
        "Partner": steps,
    }
    columns = []
    for name in PAID:
        jitter = np.exp(0.25 * rng.standard_normal(settings.weeks))
        columns.append(np.round(_MEAN_SPEND[name] * pattern[name] * jitter, 2))
    return np.column_stack(columns)


def controls(settings: Settings, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Draw the controls of weekly revenue.

    Returns
    -------
    DataFrame (weeks, 2)
        ``holiday``: share of the five working days lost to public holidays or the August closure;
        ``price_index``: own price level, 100 = list price.
    """
    rng = settings.rng("controls")
    closed = _HOLIDAYS | _AUGUST_CLOSURE
    shares = []
    for monday in dates:
        days = [monday + pd.Timedelta(days=offset) for offset in range(5)]
        shares.append(sum((day.month, day.day) in closed for day in days) / 5.0)
    price = np.empty(settings.weeks)
    level = 100.0
    for position in range(settings.weeks):
        level = 100.0 + 0.9 * (level - 100.0) + 1.2 * rng.standard_normal()
        price[position] = level
    return pd.DataFrame({"holiday": shares, "price_index": np.round(price, 2)})


def _blocks(rng: np.random.Generator, weeks: int, mean_length: int) -> Bools:
    """Alternate on and off blocks of random length."""
    state = np.empty(weeks, dtype=np.bool_)
    position, on = 0, True
    while position < weeks:
        length = int(rng.integers(mean_length - 2, mean_length + 3))
        state[position : position + length] = on
        position, on = position + length, not on
    return state
