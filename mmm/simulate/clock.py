"""Time: simulated days to instants inside working hours, without changing any order."""

import numpy as np
import pandas as pd

from mmm.simulate.draws import Floats

_OPENS_HOUR = 7.0  # UTC
_OPEN_HOURS = 11.0


def to_instants(start: pd.Timestamp, days: Floats) -> pd.DatetimeIndex:
    """Place simulated days on the calendar, inside working hours.

    The map squeezes each week into its five working days and each day into its working hours; it
    never goes down, so what came first stays first.

    Parameters
    ----------
    start : Timestamp
        Monday, midnight UTC.
    days : array (n,)
        Days since start; NaN becomes a missing instant.

    Returns
    -------
    DatetimeIndex (n,)
        UTC, whole seconds, microsecond unit.

    Examples
    --------
    >>> to_instants(pd.Timestamp("2024-01-01", tz="UTC"), np.array([0.0, 6.999, 7.0]))
    DatetimeIndex(['2024-01-01 07:00:00+00:00', '2024-01-05 17:59:31+00:00',
                   '2024-01-08 07:00:00+00:00'],
                  dtype='datetime64[us, UTC]', freq=None)
    """
    week, within = np.divmod(days, 7.0)
    day, fraction = np.divmod(within * 5.0 / 7.0, 1.0)
    seconds = (7.0 * week + day) * 86_400 + (_OPENS_HOUR + _OPEN_HOURS * fraction) * 3_600
    missing = np.isnan(days)
    whole = np.where(missing, 0, np.floor(seconds)).astype("timedelta64[s]")
    origin = start.tz_convert("UTC").tz_localize(None).to_datetime64().astype("datetime64[us]")
    instants = (origin + whole).astype("datetime64[us]")
    instants[missing] = np.datetime64("NaT")
    return pd.DatetimeIndex(instants).tz_localize("UTC").as_unit("us")


def to_dates(start: pd.Timestamp, days: Floats) -> pd.DatetimeIndex:
    """Place simulated days on the calendar as dates (midnight, no time zone)."""
    return to_instants(start, days).tz_localize(None).normalize()


def mondays(start: pd.Timestamp, weeks: int) -> pd.DatetimeIndex:
    """Dates of the Mondays of the history.

    Examples
    --------
    >>> mondays(pd.Timestamp("2024-01-01", tz="UTC"), 2).strftime("%Y-%m-%d").tolist()
    ['2024-01-01', '2024-01-08']
    """
    first = start.tz_localize(None)
    return pd.date_range(first, periods=weeks, freq="7D", unit="us").rename("date")
