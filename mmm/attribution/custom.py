"""A rule of your own: any weights that share out each deal."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import Floats, check_journeys
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import by_rule
from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.journeys import Journeys

ADDS_UP = 1e-9


def custom(
    journeys: Journeys,
    weights: Callable[[Journeys], npt.ArrayLike] | Mapping[str, float],
    *,
    name: str = "custom",
    measure: str | None = None,
    level: float = 0.9,
) -> AttributionResult:
    """Credit each won deal by weights of your own, which are checked.

    Parameters
    ----------
    journeys : Journeys
    weights : callable or mapping
        A function of the journeys that returns a weight for each touch, in the order of
        ``journeys.touch``, finite, not negative, and summing to 1 within each journey. Or
        {channel: weight}, relative to each other: in every deal each touch gets its channel's
        weight over the sum of the weights of that deal.
    name : str, default "custom"
        What the result is called.
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
        If weights are of another number than the touches, negative, infinite or missing, or do
        not sum to 1 within a journey; the journeys concerned are named.
    ConfigError
        If `weights` is neither, or a mapping leaves out a channel.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email > Direct"], value=[900.0])
    >>> custom(journeys, {"Events": 2, "Email": 1, "Direct": 0}).credit.tolist()
    [0.0, 300.0, 600.0]
    >>> from mmm.attribution.rules import first_weights, last_weights
    >>> both = lambda journeys: (first_weights(journeys) + last_weights(journeys)) / 2
    >>> custom(journeys, both, name="ends").credit.tolist()
    [450.0, 0.0, 450.0]
    """
    check_journeys(journeys)
    if callable(weights):
        given = checked_weights(journeys, weights(journeys))
        how = f"the function {getattr(weights, '__name__', type(weights).__name__)}"
    elif isinstance(weights, Mapping):
        given = channel_weights(journeys, weights)
        how = ", ".join(f"{channel} {weight:g}" for channel, weight in weights.items())
    else:
        raise ConfigError(
            f"weights is a {type(weights).__name__}. Pass a function of journeys, or a mapping "
            "of channel to weight."
        )
    return by_rule(
        name,
        f"Credit of a won deal by weights of your own ({how}).",
        partial(_as_given, given[np.repeat(journeys.conversions > 0, journeys.lengths)]),
        journeys,
        measure=measure,
        level=level,
    )


def _as_given(of_won: Floats, _won: Journeys) -> Floats:
    return of_won


def checked_weights(journeys: Journeys, weights: npt.ArrayLike) -> Floats:
    """Return weights that share out every journey whole, or say which ones they do not.

    Examples
    --------
    >>> checked_weights(Journeys.from_paths(["a > b"]), [0.25, 0.75]).tolist()
    [0.25, 0.75]
    """
    try:
        given = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"weights hold something that is no number ({error}).") from error
    if given.shape != journeys.touch.shape:
        raise InputError(
            f"weights have shape {given.shape} for {len(journeys.touch)} touches. Return one "
            "weight a touch, in the order of journeys.touch."
        )
    bad = np.unique(journeys.journey_of_touch[~np.isfinite(given) | (given < 0)])
    if len(bad):
        raise InputError(
            f"weights are negative, infinite or missing in journeys: {name_rows(bad.tolist())}. "
            "Return numbers from 0 to 1."
        )
    if not len(journeys):
        return given
    sums = np.add.reduceat(given, journeys.start[:-1])
    odd = np.flatnonzero(np.abs(sums - 1) > ADDS_UP)
    if len(odd):
        raise InputError(
            f"weights do not sum to 1 in journeys: {name_rows(odd.tolist())} (the first to "
            f"{sums[odd[0]]:.6g}). Divide them by their sum within each journey."
        )
    return given


def channel_weights(journeys: Journeys, weights: Mapping[str, float]) -> Floats:
    """Return the weight of each touch's channel over the sum of its journey, shape (n_touches,).

    Examples
    --------
    >>> channel_weights(Journeys.from_paths(["a > b"]), {"a": 3, "b": 1}).tolist()
    [0.75, 0.25]
    """
    missing = [channel for channel in journeys.channels if channel not in weights]
    if missing:
        raise ConfigError(
            f"weights leaves out {quoted(missing)}. Give each channel one, 0 or more."
        )
    try:
        each = np.array([weights[name] for name in journeys.channels], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"weights holds something that is no number ({error}).") from error
    if not (np.isfinite(each) & (each >= 0)).all():
        raise ConfigError("weights holds a negative, infinite or missing number. Correct it.")
    if not len(journeys):
        return np.zeros(0)
    raw, first, lengths = each[journeys.touch], journeys.start[:-1], journeys.lengths
    total = np.add.reduceat(raw, first)
    lost = np.flatnonzero((total == 0) & (journeys.conversions > 0))
    if len(lost):
        raise InputError(
            f"all touches have weight 0 in journeys: {name_rows(lost.tolist())}. Give one of "
            "their channels a weight above 0, however small."
        )
    # Nothing is shared out of a journey without a deal, whatever its weights.
    raw = np.where(np.repeat(total > 0, lengths), raw, 1.0)
    return np.asarray(raw / np.repeat(np.where(total > 0, total, lengths), lengths))
