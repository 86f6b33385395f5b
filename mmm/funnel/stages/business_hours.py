"""Opening hours of a sales team: working days, public holidays, zone, and the time between."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError

Floats = npt.NDArray[np.float64]
Instants = npt.NDArray[np.datetime64]
_MICROSECONDS_AN_HOUR = 3_600_000_000


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar.

    The rule without exceptions published in Nature in 1876 (13, p. 487).

    Parameters
    ----------
    year : int

    Returns
    -------
    datetime.date

    Examples
    --------
    >>> easter(2025)
    datetime.date(2025, 4, 20)
    """
    century, rest = divmod(year, 100)
    golden = year % 19
    skipped = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def italian_holidays(year: int) -> dict[date, str]:
    """Return the public holidays of Italy, without those of a town's patron saint.

    Parameters
    ----------
    year : int
        4 October is a holiday from 2026 on.

    Returns
    -------
    dict of date to str
        In order of date.

    Examples
    --------
    >>> italian_holidays(2025)[date(2025, 4, 21)]
    'Lunedì dell’Angelo'
    """
    fixed = {
        (1, 1): "Capodanno",
        (1, 6): "Epifania",
        (4, 25): "Liberazione",
        (5, 1): "Festa del lavoro",
        (6, 2): "Festa della Repubblica",
        (8, 15): "Assunzione",
        (11, 1): "Ognissanti",
        (12, 8): "Immacolata Concezione",
        (12, 25): "Natale",
        (12, 26): "Santo Stefano",
    }
    if year >= 2026:
        fixed[10, 4] = "San Francesco d’Assisi"
    days = {date(year, month, day): name for (month, day), name in fixed.items()}
    sunday = easter(year)
    days |= {sunday: "Pasqua", sunday + timedelta(days=1): "Lunedì dell’Angelo"}
    return dict(sorted(days.items()))


@dataclass(frozen=True)
class BusinessHours:
    """When a team works.

    Attributes
    ----------
    spans : tuple of (time, time)
        Opening and closing of each part of a working day, in local time, in order.
    weekdays : tuple of int
        Working days, Monday = 0.
    italian : bool
        Whether Italy's public holidays are days off.
    days_off : frozenset of date
        Further days off: patron saint, August closure, another country's holidays.
    tz : str
        Zone of the opening hours.

    Raises
    ------
    ConfigError
        If there are no hours, they overlap or run backwards, or the zone is unknown.

    Examples
    --------
    >>> BusinessHours().hours_a_day
    8.0
    """

    spans: tuple[tuple[time, time], ...] = ((time(9), time(13)), (time(14), time(18)))
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    italian: bool = True
    days_off: frozenset[date] = field(default_factory=frozenset)
    tz: str = "Europe/Rome"

    def __post_init__(self) -> None:
        edges = [moment for span in self.spans for moment in span]
        if not edges or any(a >= b for a, b in pairwise(edges)):
            raise ConfigError(
                f"the opening hours are {self.spans}; give pairs of times, each later than the "
                "one before, such as ((time(9), time(13)), (time(14), time(18)))"
            )
        if not self.weekdays or not set(self.weekdays) <= set(range(7)):
            raise ConfigError(f"weekdays are {self.weekdays}; give days from 0 = Monday to 6")
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError) as reason:
            raise ConfigError(
                f"there is no time zone {self.tz!r}; name one such as 'Europe/Rome'"
            ) from reason

    @property
    def hours_a_day(self) -> float:
        """Open hours of one working day."""
        day = date(2024, 1, 1)
        open_ = [datetime.combine(day, b) - datetime.combine(day, a) for a, b in self.spans]
        return sum(open_, timedelta()) / timedelta(hours=1)

    def between(self, start: Instants, end: Instants) -> Floats:
        """Return the open hours from `start` to `end`.

        Parameters
        ----------
        start, end : ndarray of datetime64, shape (n,)
            UTC; missing gives NaN.

        Returns
        -------
        ndarray of float64, shape (n,)
            Negative where `end` comes first.

        Examples
        --------
        Friday 17:00 to Monday 10:00 in Rome, in winter an hour ahead of UTC:

        >>> friday = np.array(["2025-01-17T16:00"], "datetime64[us]")
        >>> monday = np.array(["2025-01-20T09:00"], "datetime64[us]")
        >>> BusinessHours().between(friday, monday)
        array([2.])
        """
        first, last = start.astype("datetime64[us]"), end.astype("datetime64[us]")
        known = ~(np.isnat(first) | np.isnat(last))
        result = np.full(first.shape, np.nan)
        if not known.any():
            return result
        both = np.concatenate([first[known], last[known]])
        opens, closes = self._spans(both.min(), both.max())
        if not len(opens):
            result[known] = 0.0
            return result
        done = np.cumsum(np.append(0, closes - opens))
        clock = both.astype(np.int64)
        # Whole spans that began by then, less what is left of the last one.
        begun = np.searchsorted(opens, clock, side="right")
        rest = np.maximum(np.append(closes[:1], closes)[begun] - clock, 0) * (begun > 0)
        open_so_far = (done[begun] - rest) / _MICROSECONDS_AN_HOUR
        n = int(known.sum())
        result[known] = open_so_far[n:] - open_so_far[:n]
        return result

    def _spans(
        self, first: np.datetime64, last: np.datetime64
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """List opening and closing of span from `first` to `last`, microseconds since 1970."""
        # A local day may begin on the UTC day before or after.
        day = first.astype("datetime64[D]").astype(object) - timedelta(days=1)
        stop = last.astype("datetime64[D]").astype(object) + timedelta(days=1)
        zone = ZoneInfo(self.tz)
        opens, closes = [], []
        while day <= stop:
            if self._works(day):
                for a, b in self.spans:
                    opens.append(_microseconds(datetime.combine(day, a, zone)))
                    closes.append(_microseconds(datetime.combine(day, b, zone)))
            day += timedelta(days=1)
        return np.array(opens, dtype=np.int64), np.array(closes, dtype=np.int64)

    def _works(self, day: date) -> bool:
        holiday = self.italian and day in italian_holidays(day.year)
        return day.weekday() in self.weekdays and day not in self.days_off and not holiday


def _microseconds(moment: datetime) -> int:
    epoch = datetime.fromtimestamp(0, ZoneInfo("UTC"))
    return (moment - epoch) // timedelta(microseconds=1)
