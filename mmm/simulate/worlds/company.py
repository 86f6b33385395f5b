"""One simulated company: a table that a model sees, and the truth that it does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mmm.errors import ConfigError
from mmm.simulate.worlds.makings import Making, making_of
from mmm.simulate.worlds.market import NOISES, Market, draw_market, draw_noise
from mmm.simulate.worlds.media import (
    Media,
    Size,
    draw_media,
    draw_size,
    regional_spend,
    response_shape,
)
from mmm.simulate.worlds.optimum import best_split
from mmm.simulate.worlds.spends import BURN_IN, draw_plan
from mmm.simulate.worlds.streams import Floats, Streams, autoregressive
from mmm.simulate.worlds.truth import Effects, Truth

REGION = "region"
_TODAY_WEEKS = 52


@dataclass(frozen=True, eq=False)
class World:
    """A company of which everything is known.

    Attributes
    ----------
    seed : int
    making : str
        One of `MAKINGS`.
    frame : DataFrame (n_rows, 1 + n_channels + n_controls)
        ``date`` (Mondays), the spend of each channel in the currency, the controls; a panel has
        ``region`` too, and its rows are ordered by region, then date.
    outcome : float (n_rows,)
        Weekly outcome: money, or won deals in the making "counts".
    channels, controls : tuple of str
        Names of columns.
    noise, trend : str
        Kind of each.
    r2 : float
        Variance of the expected outcome over that plus the variance of the noise; the mean of the
        regions in a panel.
    truth : Truth
    """

    seed: int
    making: str
    frame: pd.DataFrame
    outcome: Floats
    channels: tuple[str, ...]
    controls: tuple[str, ...]
    noise: str
    trend: str
    r2: float
    truth: Truth

    def fingerprint(self) -> str:
        """Return a short text that changes when the data a model sees change."""
        numbers = self.frame.select_dtypes("number").to_numpy(dtype=np.float64)
        digest = sha256(np.round(numbers, 6).tobytes())
        digest.update(self.outcome.tobytes())
        return digest.hexdigest()[:16]


def current_spend(frame: pd.DataFrame, channels: Sequence[str]) -> Floats:
    """Return today's spend: the weekly mean of the last 52 weeks, all regions, (n_channels,).

    A year, so that neither the season nor a flight that has just ended decides what today is.
    """
    weekly = frame.groupby("date")[list(channels)].sum().sort_index()
    return np.asarray(weekly.tail(_TODAY_WEEKS).mean(), dtype=np.float64)


def worlds(n: int, *, making: str | Sequence[str] = "standard", seed: int = 0) -> Iterator[World]:
    """Make `n` companies, seeds `seed`, `seed` + 1, ...; several makings take turns.

    Parameters
    ----------
    n : int
        How many.
    making : str or sequence of str
        One of `MAKINGS`, or several.
    seed : int
        Seed of the first.

    Yields
    ------
    World

    Raises
    ------
    ConfigError
        If a making is unknown.
    """
    names = [making] if isinstance(making, str) else list(making)
    for position in range(n):
        yield make_world(seed + position, making=names[position % len(names)])


def make_world(seed: int, *, making: str = "standard") -> World:
    """Make one company.

    Parameters
    ----------
    seed : int
        0 or more. The same seed and making give the same company, bit for bit.
    making : str
        One of `MAKINGS`.

    Returns
    -------
    World

    Raises
    ------
    ConfigError
        If the making is unknown or the seed is no whole number of 0 or more.

    Examples
    --------
    >>> world = make_world(1)
    >>> world.frame.columns[:3].tolist()
    ['date', 'channel_1', 'channel_2']
    >>> told = world.truth.baseline + world.truth.contribution.sum(axis=1) + world.truth.noise
    >>> bool(np.allclose(told, world.outcome))
    True
    """
    kind = making_of(making)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed is {seed!r}; choose a whole number of 0 or more")
    streams = Streams(seed, making)
    size = draw_size(streams, kind)
    with threadpool_limits(limits=1):  # sums of several threads differ in their last bits
        market = draw_market(streams, kind, size.weeks)
    media = draw_media(streams, kind, size)
    planned = draw_plan(streams, kind, market, size.n_channels)
    spend = regional_spend(streams, planned, media, size)
    shape = response_shape(spend, media, history=size.history)
    effects = _effects(media, size, shape)
    contribution = effects.contribution(shape)
    baseline = _baseline(streams, market, size)
    expected = baseline + contribution.sum(axis=2)
    outcome, noise = _outcome(streams, kind, expected)
    frame = _frame(spend, market, size, effects)
    channels = tuple(f"channel_{c + 1}" for c in range(size.n_channels))
    n_rows = len(frame)
    contribution = contribution.reshape(n_rows, size.n_channels)
    current = current_spend(frame, channels)
    with np.errstate(invalid="ignore"):
        roas = contribution.sum(axis=0) / frame[list(channels)].sum().to_numpy()
    return World(
        seed=seed,
        making=making,
        frame=frame,
        outcome=outcome.reshape(n_rows),
        channels=channels,
        controls=tuple(f"control_{c + 1}" for c in range(market.controls.shape[1])),
        noise=noise,
        trend=market.trend,
        r2=_r2(expected, outcome - expected),
        truth=Truth(
            contribution=contribution,
            baseline=baseline.reshape(n_rows),
            noise=(outcome - expected).reshape(n_rows),
            live=media.live,
            roas=roas,
            effects=effects,
            current=current,
            optimum=_optimum(effects, current),
        ),
    )


def _effects(media: Media, size: Size, shape: Floats) -> Effects:
    """Scale the curves so that every channel brings its share of the outcome."""
    weight = size.population[:, None] * media.regional
    goal = size.scale * size.media_share * media.share
    joint = np.zeros(size.population.size)
    alone = goal.copy()
    if media.pair is not None:
        source, through = media.pair
        both = shape[:, :, source] * shape[:, :, through] * size.population[:, None]
        joint = size.population * media.through * goal[source] / both.sum(axis=0).mean()
        alone[source] *= 1 - media.through
    mean = (shape * weight[:, None, :]).sum(axis=0).mean(axis=0)
    return Effects(
        curves=media.curves,
        lags=media.lags,
        unit=size.spend * media.spend_share,
        strength=weight * alone / mean,
        pair=media.pair,
        joint=joint,
    )


def _baseline(streams: Streams, market: Market, size: Size) -> Floats:
    """Return the outcome without media, (n_regions, weeks)."""
    rng = streams("baseline")
    level = np.repeat(market.level[None], size.population.size, axis=0)
    if size.population.size > 1:
        for region in level:
            region *= np.exp(0.05 * autoregressive(rng, size.weeks, 0.9))
        level = level / level.mean(axis=1, keepdims=True)
    return np.asarray(size.scale * (1 - size.media_share) * size.population[:, None] * level)


def _outcome(streams: Streams, kind: Making, expected: Floats) -> tuple[Floats, str]:
    """Draw the outcome around what is expected, (n_regions, weeks), and name the noise."""
    rng = streams("noise")
    if kind.counts:
        if rng.random() < 0.5:
            return rng.poisson(expected).astype(np.float64), "poisson"
        size = rng.uniform(2, 10)
        return rng.poisson(rng.gamma(size, expected / size)).astype(np.float64), "negative_binomial"
    name = str(rng.choice(NOISES))
    r2 = rng.uniform(0.75, 0.95)
    outcome = expected.copy()
    for region in outcome:
        region += region.std() * np.sqrt(1 / r2 - 1) * draw_noise(rng, name, region.size)
    # Sales are not negative; a floor is met in a few weeks of a few heavy-tailed companies.
    return np.maximum(outcome, 0.02 * expected), name


def _r2(expected: Floats, noise: Floats) -> float:
    signal = expected.var(axis=1)
    return float((signal / (signal + noise.var(axis=1))).mean())


def _frame(spend: Floats, market: Market, size: Size, effects: Effects) -> pd.DataFrame:
    n_regions = size.population.size
    dates = pd.date_range("2021-01-04", periods=size.weeks, freq="W-MON").as_unit("us")
    columns: dict[str, object] = {"date": np.tile(dates.to_numpy(), n_regions)}
    if n_regions > 1:
        names = [f"region_{r + 1}" for r in range(n_regions)]
        columns[REGION] = np.repeat(names, size.weeks)
    money = spend[:, BURN_IN:] * size.population[:, None, None] * effects.unit
    for channel in range(size.n_channels):
        columns[f"channel_{channel + 1}"] = money[:, :, channel].ravel()
    for control in range(market.controls.shape[1]):
        columns[f"control_{control + 1}"] = np.tile(market.controls[:, control], n_regions)
    return pd.DataFrame(columns)


def _optimum(effects: Effects, current: Floats) -> Floats:
    coupled = None if effects.pair is None else effects.pair[0]
    return best_split(
        effects.response, 0.5 * current, 1.5 * current, float(current.sum()), coupled=coupled
    )
