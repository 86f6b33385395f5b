"""An indicator in two periods, and whether the difference is more than noise."""

import math
from dataclasses import dataclass

from mmm.errors import ConfigError
from mmm.funnel.kpi import Kpi


@dataclass(frozen=True)
class Change:
    """One indicator, earlier and later.

    Attributes
    ----------
    before, after : Kpi
    lower, upper : float
        Interval of the difference, after less before, at the level of both.
    """

    before: Kpi
    after: Kpi
    lower: float
    upper: float

    @property
    def within_noise(self) -> bool:
        """Whether the interval of the difference holds 0, or there is none."""
        return not (self.lower > 0 or self.upper < 0)

    @property
    def ratio(self) -> float:
        """Difference over the value before; NaN where that is 0."""
        before = self.before.value
        return (self.after.value - before) / before if before else math.nan


def change_of(before: Kpi, after: Kpi) -> Change:
    """Return the change of an indicator with the interval of the difference.

    The interval is recovered from those of the two values (Zou and Donner 2008, Statistics in
    Medicine 27(10), 1693-1702); the two are taken as independent.

    Parameters
    ----------
    before, after : Kpi
        The same indicator at the same level.

    Returns
    -------
    Change

    Raises
    ------
    ConfigError
        If they are two indicators, or at two levels.

    Examples
    --------
    >>> earlier = Kpi("win_rate", 0.30, "share", 200, lower=0.25, upper=0.36)
    >>> later = Kpi("win_rate", 0.50, "share", 200, lower=0.44, upper=0.56)
    >>> change_of(earlier, later).within_noise
    False
    """
    if (before.name, before.level) != (after.name, after.level):
        raise ConfigError(
            f"cannot compare {before.name} at {before.level} with {after.name} at {after.level}. "
            "Pass one indicator at one level."
        )
    difference = after.value - before.value
    down = math.hypot(after.value - after.lower, before.upper - before.value)
    up = math.hypot(after.upper - after.value, before.value - before.lower)
    return Change(before, after, difference - down, difference + up)
