"""Journeys at a glance: the most frequent paths, how long they are, how long they take."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError, InputError
from mmm.journeys.columnar import Floats, Integers, Journeys

if TYPE_CHECKING:
    import pandas as pd

DAY = np.timedelta64(1, "D")


def top_paths(
    journeys: Journeys, n_paths: int = 10, *, collapse: bool = True, sep: str = " > "
) -> "pd.DataFrame":
    """Return the paths with the most conversions, then journeys.

    Parameters
    ----------
    journeys : Journeys
    n_paths : int, default 10
        How many.
    collapse : bool, default True
        Whether repeats of a channel in a row count as one.
    sep : str, default " > "
        Between two channels; a name may hold it.

    Returns
    -------
    pandas.DataFrame
        path (text), n_touches, journeys, conversions, value (currency), conversion_rate
        (0-1), share_of_conversions (0-1, of deals with a touch). Ties in order of code points.

    Raises
    ------
    ConfigError
        If `n_paths` is no positive number.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b", "b", "a > a > b"], value=[5.0, 1.0, 3.0])
    >>> top_paths(journeys)[["path", "conversions", "value"]]
        path  conversions  value
    0  a > b          2.0    8.0
    1      b          1.0    1.0
    """
    import pandas as pd

    if not isinstance(n_paths, int) or n_paths < 1:
        raise ConfigError(f"n_paths is {n_paths!r}. Pass how many paths to list, such as 10.")
    touch, start = _collapsed(journeys) if collapse else (journeys.touch, journeys.start)
    group, first = _same_paths(touch, start)
    n = len(first)
    sums = {
        "conversions": _by_group(group, journeys.conversions, n),
        "journeys": _by_group(group, journeys.conversions + journeys.nulls, n),
        "value": _by_group(group, journeys.value, n),
    }
    # Groups stand in the order of their codes, which is that of their names.
    order = np.lexsort((-sums["journeys"], -sums["conversions"]))[:n_paths]
    names = journeys.channels
    rows = [[names[code] for code in touch[start[j] : start[j + 1]]] for j in first[order]]
    frame = pd.DataFrame(
        {
            "path": pd.Series([sep.join(row) for row in rows], dtype="str"),
            "n_touches": np.array([len(row) for row in rows], dtype=np.int64),
            **{name: sums[name][order] for name in ("journeys", "conversions", "value")},
        }
    )
    frame["conversion_rate"] = frame["conversions"] / frame["journeys"].replace(0.0, np.nan)
    total = float(journeys.conversions.sum())
    frame["share_of_conversions"] = frame["conversions"] / (total or np.nan)
    return frame


def path_lengths(journeys: Journeys) -> "pd.DataFrame":
    """Return how many journeys have how many touches, converting or not.

    Returns
    -------
    pandas.DataFrame
        n_touches, journeys, conversions, value (currency), conversion_rate (0-1); ascending.

    Examples
    --------
    >>> path_lengths(Journeys.from_paths(["a", "a > b"], conversions=[1, 1], nulls=[3, 0]))
       n_touches  journeys  conversions  value  conversion_rate
    0          1       4.0          1.0    0.0             0.25
    1          2       1.0          1.0    0.0             1.00
    """
    import pandas as pd

    lengths, group = np.unique(journeys.lengths, return_inverse=True)
    n = len(lengths)
    frame = pd.DataFrame(
        {
            "n_touches": lengths,
            "journeys": _by_group(group, journeys.conversions + journeys.nulls, n),
            "conversions": _by_group(group, journeys.conversions, n),
            "value": _by_group(group, journeys.value, n),
        }
    )
    frame["conversion_rate"] = frame["conversions"] / frame["journeys"].replace(0.0, np.nan)
    return frame


def time_lags(journeys: Journeys) -> "pd.DataFrame":
    """Return how long before the close each channel is met, in won deals.

    Returns
    -------
    pandas.DataFrame
        One row a touch of a won deal: deal_id, channel, position (1 is the first touch),
        from_end (0 is the last), days_to_close, weight (conversions of the deal). In order of
        journeys.

    Raises
    ------
    InputError
        If the journeys carry no instants.

    Examples
    --------
    >>> from dataclasses import replace
    >>> plain = Journeys.from_paths(["a > b"])
    >>> at = np.array(["2024-01-01", "2024-01-03"], dtype="datetime64[us]")
    >>> closed = np.array(["2024-01-06"], dtype="datetime64[us]")
    >>> time_lags(replace(plain, touched_at=at, closed_at=closed))["days_to_close"].tolist()
    [5.0, 3.0]
    """
    import pandas as pd

    if journeys.touched_at is None or journeys.closed_at is None:
        raise InputError(
            "these journeys carry no instants, so that there are no time lags. Build them with "
            "mmm.build_journeys; bare and aggregated paths have none."
        )
    owner = journeys.journey_of_touch
    closed = journeys.closed_at[owner]
    kept = (journeys.conversions[owner] > 0) & ~np.isnat(closed)
    position = np.arange(len(owner)) - journeys.start[:-1][owner] + 1
    ids: Any = [None] * len(journeys) if journeys.deal_id is None else journeys.deal_id
    channels = np.array(journeys.channels, dtype=object)
    return pd.DataFrame(
        {
            "deal_id": pd.Series(np.asarray(ids, dtype=object)[owner[kept]], dtype="str"),
            "channel": pd.Series(channels[journeys.touch[kept]], dtype="str"),
            "position": position[kept],
            "from_end": (journeys.lengths[owner] - position)[kept],
            "days_to_close": (closed[kept] - journeys.touched_at[kept]) / DAY,
            "weight": journeys.conversions[owner][kept],
        }
    )


def _collapsed(journeys: Journeys) -> tuple[npt.NDArray[np.int32], Integers]:
    """Drop repeats of a channel in a row."""
    kept = np.ones(len(journeys.touch), dtype=bool)
    kept[1:] = journeys.touch[1:] != journeys.touch[:-1]
    kept[journeys.start[:-1]] = True
    lengths = (
        np.add.reduceat(kept.astype(np.int64), journeys.start[:-1])
        if len(journeys)
        else journeys.lengths
    )
    return journeys.touch[kept], np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _same_paths(touch: npt.NDArray[np.int32], start: Integers) -> tuple[Integers, Integers]:
    """Return the group of each journey, groups in order of codes, and one journey of each."""
    wide = touch.astype(">i4").tobytes()
    keys = np.empty(len(start) - 1, dtype=object)
    keys[:] = [wide[4 * a : 4 * b] for a, b in pairwise(start)]
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return group.astype(np.int64), first.astype(np.int64)


def _by_group(group: Integers, weights: Floats, n: int) -> Floats:
    return np.bincount(group, weights=weights, minlength=n).astype(np.float64)
