"""Time decay: the closer to the close, the more credit, in real days."""

from functools import partial

import numpy as np

from mmm.attribution.measure import Floats
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import by_rule
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys

DAY = np.timedelta64(1, "D")


def time_decay(
    journeys: Journeys,
    *,
    half_life_days: float = 42.0,
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit each won deal to its touches by 2^(-age / half-life).

    The age of a touch is in real days before the close. Weights sum to 1 within a deal, so that
    the day of the close cancels out: counting from the last touch gives the same credit, and
    nothing but the times of the touches is needed.

    The usual half-life of web tools is 7 days, beside a lookback of 30 days. In a sale of months
    that is nearly the last touch again: of two touches ten weeks apart the earlier one gets 0.1%.
    The default keeps the proportion of those tools on the 180 days that `build_journeys` looks
    back: 180 x 7 / 30 = 42 days.

    Parameters
    ----------
    journeys : Journeys
        With times, as `build_journeys` makes them.
    half_life_days : float, default 42
        Days after which a touch counts half.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    AttributionResult
        With a credit per deal.

    Raises
    ------
    InputError
        If the touches have no times.
    ConfigError
        If the half-life is not a positive number of days.

    References
    ----------
    Google Ads API, AttributionModelType, "time decay" (half-life of one week); Google Analytics
    help, attribution models (7 days, lookback of 30 days).

    Examples
    --------
    >>> from dataclasses import replace
    >>> journeys = Journeys.from_paths(["Events > Email"], value=[900.0])
    >>> days = np.array(["2024-03-01", "2024-04-12"], dtype="datetime64[us]")
    >>> time_decay(replace(journeys, touched_at=days)).credit.tolist()
    [600.0, 300.0]
    """
    half_life_days = check_days(half_life_days)
    definition = (
        "Credit of a won deal to its touches by 2^(-days before the close / "
        f"{half_life_days:g}) (time decay as in Google Ads, whose half-life is 7 days)."
    )
    weights = partial(decay_weights, half_life_days=half_life_days)
    return by_rule("time_decay", definition, weights, journeys, measure=measure, level=level)


def decay_weights(journeys: Journeys, half_life_days: float) -> Floats:
    """Return 2^(-age / half-life), summing to 1 within each journey, shape (n_touches,).

    Examples
    --------
    >>> from dataclasses import replace
    >>> at = np.array(["2024-01-01", "2024-01-08"], dtype="datetime64[us]")
    >>> decay_weights(replace(Journeys.from_paths(["a > b"]), touched_at=at), 7.0).round(4).tolist()
    [0.3333, 0.6667]
    """
    at, first = journeys.touched_at, journeys.start[:-1]
    if len(journeys) == 0:
        return np.zeros(0)
    if at is None or np.isnat(at).any():
        raise InputError(
            "time_decay needs the time of every touch, which these journeys do not have. Build "
            "them with mmm.build_journeys, or use position_based or linear, which need the order "
            "alone."
        )
    lengths = journeys.lengths
    # From the last touch, whose weight is then 1: nothing vanishes however short the half-life.
    age = (np.repeat(np.maximum.reduceat(at, first), lengths) - at) / DAY
    weights = np.exp2(-age / half_life_days)
    return np.asarray(weights / np.repeat(np.add.reduceat(weights, first), lengths))


def check_days(half_life_days: float) -> float:
    """Return the half-life as a float, or say that it is none."""
    if not isinstance(half_life_days, int | float) or not 0 < half_life_days < float("inf"):
        raise ConfigError(
            f"half_life_days={half_life_days!r} is not a number of days above 0. "
            "Use for example 42."
        )
    return float(half_life_days)
