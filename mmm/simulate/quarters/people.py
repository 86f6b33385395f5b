"""People who decide: who brought them, what they meet on the way, what they buy.

No attribution formula is used. A won deal has an origin: the baseline, or a channel, drawn by what
each truly brought that week. The channel of origin leaves a touch before the deal begins. All
channels leave further touches, by their spend, on everybody. Where demand is hidden, people who
would have bought anyway come in at the end through the channels that follow demand.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.simulate.quarters.firm import Firm
from mmm.simulate.worlds.streams import Bools, Floats

Integers = npt.NDArray[np.int64]

DIRECT = "Direct"
_MORE_DEALS = 1.5  # a week, beside one
_LOST = 3  # deals lost for one won
_BROUGHT = 0.6  # of the lost: a channel brought them
_CAPTURED = (0.7, 0.35, 0.2)  # came anyway and won; brought by a channel and won; lost
_CYCLE = (20.0, 60.0)  # days
_BEFORE = 30.0
_LATE = 7.0


@dataclass(frozen=True, eq=False)
class People:
    """People in columns, arrays of shape (n_people,).

    Attributes
    ----------
    week : int
        In which they decide, counted from the first of the draw.
    origin : int
        Channel that brought them; the number of channels where none did.
    won : bool
    value : float
        Of the deal, in the currency.
    closed, created : float
        Days since the first Monday.
    """

    week: Integers
    origin: Integers
    won: Bools
    value: Floats
    closed: Floats
    created: Floats


def draw_people(
    firm: Firm, first: int, brought: Floats, revenue: Floats, level: Floats, start: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw who decides in some weeks, and what they met.

    Parameters
    ----------
    firm : Firm
    first : int
        Week of the first row.
    brought : float (weeks, n_channels)
        Expected revenue that each channel truly brought.
    revenue : float (weeks,)
        Of the company; the values of won deals add up to it.
    level : float (weeks, n_channels)
        Spend over its mean of the history.
    start : Timestamp
        First Monday of the history.

    Returns
    -------
    touches : DataFrame
        person_id, channel, touched_at.
    deals : DataFrame
        deal_id, person_id, created_at, closed_at, won, value.
    """
    rng = np.random.default_rng([firm.seed, first, 71])
    baseline = firm.baseline[first : first + len(brought)]
    people = _decide(firm, rng, np.column_stack([brought, baseline]), revenue, level, first)
    person, channel, day = _touches(firm, rng, people, level)
    names = np.array([*firm.channels, DIRECT])
    ids = pd.Series([f"P{first:04d}-{n:05d}" for n in range(len(people.week))], dtype="str")
    touches = pd.DataFrame(
        {
            "person_id": ids.to_numpy()[person],
            "channel": pd.Series(names[channel], dtype="str"),
            "touched_at": _instants(start, day),
        }
    )
    deals = pd.DataFrame(
        {
            "deal_id": "D" + ids.str[1:],
            "person_id": ids,
            "created_at": _instants(start, people.created),
            "closed_at": _instants(start, people.closed),
            "won": people.won,
            "value": np.round(people.value, 2),
        }
    )
    return touches, deals


def _decide(
    firm: Firm,
    rng: np.random.Generator,
    expected: Floats,
    revenue: Floats,
    level: Floats,
    first: int,
) -> People:
    weeks, none = expected.shape[0], expected.shape[1] - 1
    n_won = 1 + rng.poisson(_MORE_DEALS, weeks)
    week = np.repeat(np.arange(weeks), n_won)
    weight = np.exp(0.7 * rng.standard_normal(week.size))
    value = weight / np.bincount(week, weight, weeks)[week] * revenue[week]
    origin = _drawn(rng, expected[week])
    n_lost = rng.poisson(_LOST * n_won)
    late = np.repeat(np.arange(weeks), n_lost)
    seen = firm.visible * level[late] + 1e-12
    lost_origin = np.where(rng.random(late.size) < _BROUGHT, _drawn(rng, seen), none)
    lost_value = rng.choice(value, late.size)
    both = np.concatenate([week, late])
    closed = 7.0 * (first + both) + 5 * rng.random(both.size)
    return People(
        week=both,
        origin=np.concatenate([origin, lost_origin]),
        won=np.arange(both.size) < week.size,
        value=np.concatenate([value, lost_value]),
        closed=closed,
        created=closed - rng.uniform(*_CYCLE, both.size),
    )


def _touches(
    firm: Firm, rng: np.random.Generator, people: People, level: Floats
) -> tuple[Integers, Integers, Floats]:
    """Return person, channel and day of every touch."""
    n, none = people.week.size, len(firm.channels)
    everyone = np.arange(n)
    cycle = people.closed - people.created
    again = 1 + rng.poisson(0.6, n)
    own = np.repeat(everyone, again)
    before = people.created[own] - _BEFORE * rng.random(own.size)
    rate = np.column_stack([firm.visible * level[people.week], np.full(n, 0.5)])
    met, channel = np.nonzero(counts := rng.poisson(rate))
    met, channel = (np.repeat(x, counts[met, channel]) for x in (met, channel))
    span = (cycle[met] + _BEFORE) * rng.random(met.size)
    parts = [
        (own, people.origin[own], before),
        (met, channel, people.closed[met] - span),
    ]
    if firm.hidden:
        anyway = people.origin == none
        chance = np.select([people.won & anyway, people.won], _CAPTURED[:2], _CAPTURED[2])
        late = np.flatnonzero(rng.random(n) < chance)
        carrier = _drawn(rng, np.broadcast_to(firm.captures, (late.size, none)))
        gap = np.minimum(_LATE * rng.random(late.size), 0.5 * cycle[late])
        parts.append((late, carrier, people.closed[late] - gap))
    person, code, day = (np.concatenate(column) for column in zip(*parts, strict=True))
    return person, code, day


def _drawn(rng: np.random.Generator, weight: Floats) -> Integers:
    """Draw a column of each row by its weights."""
    reach = np.cumsum(weight, axis=1)
    return np.asarray((reach < rng.random(len(reach))[:, None] * reach[:, -1:]).sum(axis=1))


def _instants(start: pd.Timestamp, days: Floats) -> pd.DatetimeIndex:
    seconds = np.floor(days * 86_400).astype("timedelta64[s]")
    return pd.DatetimeIndex(start.to_datetime64() + seconds).as_unit("us").tz_localize("UTC")
