"""What can be chosen about a synthetic company, checked, and its independent random streams."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm.errors import ConfigError

# One stream an idea, each asked for once: a change of one part leaves the other parts as they were,
# and no two parts ever share a number.
_STREAMS = (
    "accounts",
    "features",
    "spend",
    "controls",
    "cold",
    "nurture",
    "capture",
    "initiative",
    "outcome",
    "follow_ups",
    "people",
    "touch_labels",
    "lead_entry",
    "contacts",
    "forecast",
    "revenue",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The knobs of a synthetic company.

    Attributes
    ----------
    n_accounts : int
        Companies in reach, 50 or more.
    weeks : int
        Weeks of history, 52 or more.
    seed : int
        Seed of every random number.
    confounding : float
        Strength of the hidden buying intent, 0 (none) to 3.
    start : str
        A date; history begins on the Monday of its week.
    noise : float
        Standard deviation of the noise in weekly revenue, as a share of its baseline, 0 to 1.
    effect : float
        Multiplier of everything that marketing does, 0 (nothing) to 2.
    """

    n_accounts: int = 400
    weeks: int = 104
    seed: int = 0
    confounding: float = 1.0
    start: str = "2024-01-01"
    noise: float = 0.05
    effect: float = 1.0

    def __post_init__(self) -> None:
        for name in ("n_accounts", "weeks", "seed"):
            _check_whole(name, getattr(self, name))
        _check_range("n_accounts", self.n_accounts, 50, 1_000_000)
        _check_range("weeks", self.weeks, 52, 1_040)
        _check_range("seed", self.seed, 0, 2**63 - 1)
        _check_range("confounding", self.confounding, 0, 3)
        _check_range("noise", self.noise, 0, 1)
        _check_range("effect", self.effect, 0, 2)
        if self.end > pd.Timestamp.now("UTC"):
            raise ConfigError(
                f"history from {self.monday:%Y-%m-%d} over {self.weeks} weeks would end in the "
                f"future, on {self.end:%Y-%m-%d}; choose an earlier start or fewer weeks"
            )

    @property
    def monday(self) -> pd.Timestamp:
        """First instant of the history."""
        try:
            day = pd.Timestamp(self.start)
        except ValueError as error:
            raise ConfigError(
                f"start is {self.start!r}, which is no date; write it as YYYY-MM-DD"
            ) from error
        naive = day.tz_localize(None).normalize()
        return (naive - pd.Timedelta(days=naive.weekday())).tz_localize("UTC")

    @property
    def end(self) -> pd.Timestamp:
        """First instant after the history."""
        return self.monday + pd.Timedelta(days=7 * self.weeks)

    @property
    def horizon_days(self) -> float:
        """Length of the history in days."""
        return 7.0 * self.weeks

    def rng(self, stream: str) -> np.random.Generator:
        """Random generator of one part of the company."""
        key = [self.seed, _STREAMS.index(stream)]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _check_whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} is {value!r}; choose a whole number")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}; choose a number from {low} to {high}")
