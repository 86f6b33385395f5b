"""The baseline: intercept, slow trend, seasons, events and controls as columns of a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError
from mmm.mix.transforms import Floats

YEAR = 365.25
_KEPT = 0.999  # of the variance of the trend; the rest is noise


@dataclass(frozen=True)
class Event:
    """Days on which the outcome is not as usual, such as a fair or a holiday.

    Attributes
    ----------
    name : str
    dates : tuple of str
        Days, such as "2025-03-04".
    before_days, after_days : int
        Days around each date that belong to the event.

    Examples
    --------
    >>> Event("fair", ("2025-03-04",), after_days=3).name
    'fair'
    """

    name: str
    dates: tuple[str, ...]
    before_days: int = 0
    after_days: int = 0

    def __post_init__(self) -> None:
        if not self.dates or min(self.before_days, self.after_days) < 0:
            raise ConfigError(
                f"The event {self.name!r} has dates {self.dates} and reaches {self.before_days} "
                f"days before and {self.after_days} after; pass dates, and days of 0 or more."
            )


@dataclass(frozen=True)
class Baseline:
    """What moves the outcome besides media.

    Attributes
    ----------
    trend : {"smooth", "linear", "none"}
        "smooth" is a Gaussian process with a squared exponential kernel.
    trend_days : float
        Its length scale: changes faster than this are left to season and noise.
    season_pairs : int
        Pairs of sine and cosine over the year; used where the data span a year.
    events : tuple of Event
        They need dates.
    noise : {"ar1", "white"}
        Whether what is left is correlated from period to period.

    Examples
    --------
    >>> Baseline(season_pairs=3).noise
    'ar1'
    """

    trend: str = "smooth"
    trend_days: float = 240.0
    season_pairs: int = 2
    events: tuple[Event, ...] = ()
    noise: str = "ar1"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("trend", ("smooth", "linear", "none")),
            ("noise", ("ar1", "white")),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; pass one of {', '.join(allowed)}."
                )
        if not (self.trend_days > 0 and 0 <= self.season_pairs <= 12):
            raise ConfigError(
                f"trend_days is {self.trend_days} and season_pairs {self.season_pairs}; pass days "
                "above 0 and 0 to 12 pairs."
            )


@dataclass(frozen=True, eq=False)
class Recipe:
    """How to build the columns, for fitted and for later periods alike.

    Attributes
    ----------
    baseline : Baseline
    days : ndarray, shape (n_periods,)
        Fitted periods, in days since the first.
    trend_map : ndarray, shape (n_periods, n_trend)
        From the kernel between new and fitted periods to the columns of the trend.
    with_season : bool
    control_mean, control_scale : ndarray, shape (n_controls,)
    columns : tuple of str
        Names, in the order of the matrix.
    """

    baseline: Baseline
    days: Floats
    trend_map: Floats
    with_season: bool
    control_mean: Floats
    control_scale: Floats
    columns: tuple[str, ...]

    def mask(self, kind: str) -> npt.NDArray[np.bool_]:
        """Return which columns are of a kind: intercept, trend, season, event or control."""
        return np.array([name.split(":")[0] == kind for name in self.columns])


def learn_recipe(
    baseline: Baseline, days: Floats, controls: Floats, names: Sequence[str]
) -> Recipe:
    """Learn the scales and the trend's basis from the fitted periods.

    Parameters
    ----------
    baseline : Baseline
    days : ndarray, shape (n_periods,)
    controls : ndarray, shape (n_periods, n_controls)
    names : sequence of str
        Of the controls.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> recipe = learn_recipe(Baseline(), 7.0 * np.arange(104), np.zeros((104, 0)), [])
    >>> [recipe.mask(kind).sum().item() for kind in ("intercept", "trend", "season")]
    [1, 5, 4]
    """
    span = float(days[-1] - days[0]) if len(days) > 1 else 0.0
    with_season = span >= YEAR - 14
    trend_map = _trend_map(baseline, days)
    pairs = baseline.season_pairs if with_season else 0
    scale = controls.std(axis=0)
    columns = (
        "intercept",
        *(f"trend:{i}" for i in range(trend_map.shape[1])),
        *(f"season:{kind}{pair + 1}" for pair in range(pairs) for kind in ("sin", "cos")),
        *(f"event:{event.name}" for event in baseline.events),
        *(f"control:{name}" for name in names),
    )
    return Recipe(
        baseline,
        days,
        trend_map,
        with_season,
        controls.mean(axis=0),
        np.where(scale > 0, scale, 1.0),
        columns,
    )


def build_design(recipe: Recipe, days: Floats, dates: object, controls: Floats) -> Floats:
    """Return the columns at given periods, shape (n_rows, n_columns).

    Parameters
    ----------
    recipe : Recipe
    days : ndarray, shape (n_rows,)
        In days since the first fitted period.
    dates : ndarray of datetime64, shape (n_rows,), or None
        First days of the periods, for events.
    controls : ndarray, shape (n_rows, n_controls)

    Raises
    ------
    ConfigError
        If there are events and no dates.
    """
    pairs = recipe.baseline.season_pairs if recipe.with_season else 0
    phase = 2 * np.pi * (_day_of_year(days, dates) / YEAR)[:, None] * (1 + np.arange(pairs))
    season = np.stack([np.sin(phase), np.cos(phase)], axis=2).reshape(len(days), -1)
    blocks = [
        np.ones((len(days), 1)),
        _trend(recipe, days),
        season,
        _events(recipe, dates, len(days)),
        (controls - recipe.control_mean) / recipe.control_scale,
    ]
    return np.hstack(blocks)


def _day_of_year(days: Floats, dates: object) -> Floats:
    """Return days on a clock that starts with the year where dates are known."""
    if dates is None:
        return days
    known = np.asarray(dates, dtype="datetime64[D]")
    return (known - np.datetime64("2000-01-01")).astype(np.float64)


def _kernel(days: Floats, others: Floats, length: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((days[:, None] - others) / length) ** 2))


def _trend_map(baseline: Baseline, days: Floats) -> Floats:
    """Return the map from kernel to trend columns: the leading eigenvectors (Karhunen-Loeve)."""
    if baseline.trend == "none" or len(days) < 3:
        return np.empty((len(days), 0))
    if baseline.trend == "linear":
        return np.empty((len(days), 1))
    # The intercept holds the level: the trend is what differs from it.
    values, vectors = np.linalg.eigh(_kernel(days, days, baseline.trend_days))
    order = np.argsort(values)[::-1]
    share = np.cumsum(values[order]) / values.sum()
    kept = order[: int(np.searchsorted(share, _KEPT) + 1)]
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


def _trend(recipe: Recipe, days: Floats) -> Floats:
    if recipe.baseline.trend == "linear" and recipe.trend_map.shape[1]:
        spread = recipe.days.std()
        return np.asarray((days - recipe.days.mean()) / spread)[:, None]
    return _kernel(days, recipe.days, recipe.baseline.trend_days) @ recipe.trend_map


def _events(recipe: Recipe, dates: object, n_rows: int) -> Floats:
    """Return 1 in periods that hold a day of the event, shape (n_rows, n_events)."""
    events = recipe.baseline.events
    if not events:
        return np.empty((n_rows, 0))
    if dates is None:
        raise ConfigError("Events need dates; name the date column with date=.")
    first = np.asarray(dates, dtype="datetime64[D]")
    length = np.timedelta64(round(float(np.median(np.diff(recipe.days)))), "D")
    columns = np.zeros((n_rows, len(events)))
    for i, event in enumerate(events):
        for day in np.array(event.dates, dtype="datetime64[D]"):
            begins = day - np.timedelta64(event.before_days, "D")
            ends = day + np.timedelta64(event.after_days, "D")
            columns[(first <= ends) & (first + length > begins), i] = 1.0
    return columns
