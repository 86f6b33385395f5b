"""What media do in one company: its size, what each channel takes and brings, week by week."""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.worlds.curves import Curve, Lag, draw_curve, draw_lag, draw_late_lag
from mmm.simulate.worlds.makings import Making
from mmm.simulate.worlds.spends import BURN_IN
from mmm.simulate.worlds.streams import Bools, Floats, Streams


@dataclass(frozen=True, eq=False)
class Size:
    """How large a company is, and in which unit.

    Attributes
    ----------
    weeks, n_channels : int
    population : float (n_regions,)
        Share of each region; a single 1 for a company without regions.
    scale : float
        Mean weekly outcome without noise.
    media_share : float
        Media's part of it.
    spend : float
        Mean weekly spend on all media.
    history : bool
        Whether spend before the first week of the frame still acts in it.
    """

    weeks: int
    n_channels: int
    population: Floats
    scale: float
    media_share: float
    spend: float
    history: bool


@dataclass(frozen=True, eq=False)
class Media:
    """The channels, before their effect has a unit.

    Attributes
    ----------
    curves : tuple of Curve
    lags : tuple of Lag
    live : bool (n_channels,)
    spend_share, share : float (n_channels,)
        Part of the spend, and of what media bring; each sums to 1.
    regional : float (n_regions, n_channels)
        Strength by region; 1 without regions.
    pair : (int, int) or None
        The channel that works through another, and the other.
    through : float
        Part of its contribution that takes that way.
    """

    curves: tuple[Curve, ...]
    lags: tuple[Lag, ...]
    live: Bools
    spend_share: Floats
    share: Floats
    regional: Floats
    pair: tuple[int, int] | None
    through: float


def draw_size(streams: Streams, kind: Making) -> Size:
    """Draw weeks, channels, regions and the unit of money."""
    rng = streams("size")
    weeks = int(rng.integers(kind.weeks[0], kind.weeks[1] + 1))
    n_channels = int(rng.integers(kind.n_channels[0], kind.n_channels[1] + 1))
    n_regions = int(rng.integers(kind.n_regions[0], kind.n_regions[1] + 1))
    population = np.exp(0.6 * rng.standard_normal(n_regions)) if n_regions > 1 else np.ones(1)
    media_share = float(rng.uniform(*kind.media_share))
    if kind.counts:
        scale = float(np.exp(rng.uniform(np.log(0.8), np.log(10.0))))
        cost = float(10 ** rng.uniform(2.5, 4.5))
    else:
        scale = float(10 ** rng.uniform(2.5, 6.7))
        cost = float(np.exp(rng.uniform(np.log(0.2), np.log(1.5))))
    return Size(
        weeks=weeks,
        n_channels=n_channels,
        population=population / population.sum(),
        scale=scale,
        media_share=media_share,
        spend=scale * media_share * cost,
        history=bool(rng.random() < 0.5),
    )


def draw_media(streams: Streams, kind: Making, size: Size) -> Media:
    """Draw curves, and what each channel takes and brings."""
    rng, n = streams("media"), size.n_channels
    curves = tuple(draw_curve(rng) for _ in range(n))
    lags = [draw_lag(rng) for _ in range(n)]
    if kind.lag_weeks[1] > 0:
        for channel in rng.permutation(n)[: rng.integers(1, 4)]:
            lags[channel] = draw_late_lag(rng, kind.lag_weeks)
    spend_share = np.exp(rng.uniform(0.4, 0.8) * rng.standard_normal(n))
    # A spread of .5 on the log scale: two channels differ by a factor of about two.
    returns = np.exp(rng.uniform(0.35, 0.7) * rng.standard_normal(n))
    if kind.dear[1] > 0:
        dearest, part = int(np.argmax(spend_share)), rng.uniform(0.28, 0.4)
        spend_share[dearest] = np.delete(spend_share, dearest).sum() * part / (1 - part)
        returns = spend_share ** -rng.uniform(*kind.dear) * np.exp(0.2 * rng.standard_normal(n))
    live = _draw_live(rng, n, keep=2 if kind.mediated else 0)
    share = np.where(live, spend_share * returns, 0.0)
    regional = np.ones((size.population.size, n))
    if size.population.size > 1:
        regional = np.exp(rng.uniform(0.1, 0.35) * rng.standard_normal(regional.shape))
    return Media(
        curves=curves,
        lags=tuple(lags),
        live=live,
        spend_share=spend_share / spend_share.sum(),
        share=share / share.sum(),
        regional=regional,
        pair=(0, 1) if kind.mediated else None,
        through=float(rng.uniform(0.6, 0.85)) if kind.mediated else 0.0,
    )


def _draw_live(rng: np.random.Generator, n: int, keep: int) -> Bools:
    """Let up to a third of the channels do nothing in half of the companies; two always act."""
    live = np.ones(n, dtype=np.bool_)
    if rng.random() < 0.5:
        n_null = min(int(rng.integers(1, max(1, n // 3) + 1)), n - 2)
        live[keep + rng.permutation(n - keep)[:n_null]] = False
    return live


def regional_spend(streams: Streams, planned: Floats, media: Media, size: Size) -> Floats:
    """Split the planned spend over the regions, and let interest raise what captures it.

    Parameters
    ----------
    streams : Streams
    planned : float (BURN_IN + weeks, n_channels)
    media : Media
    size : Size

    Returns
    -------
    float (n_regions, BURN_IN + weeks, n_channels)
        Relative to its mean over the weeks of the frame, by region and channel.
    """
    rng = streams("regions")
    spend = np.repeat(planned[None], size.population.size, axis=0)
    if size.population.size > 1:
        spend = spend * np.exp(0.4 * rng.standard_normal(spend.shape))
        # Campaigns that a region sits out are what a panel learns from.
        blocks = (spend.shape[0], spend.shape[1] // 8 + 1, spend.shape[2])
        sits_out = np.repeat(rng.random(blocks) < 0.2, 8, axis=1)[:, : spend.shape[1]]
        spend = np.where(sits_out, 0.0, spend)
    if media.pair is not None:
        source, through = media.pair
        lift = rng.uniform(0.3, 0.8)
        for region in spend:
            interest = media.curves[source](media.lags[source].carry(region[:, source]))
            region[:, through] *= 1 + lift * interest / interest.mean()
    return np.asarray(spend / spend[:, BURN_IN:].mean(axis=1, keepdims=True))


def response_shape(spend: Floats, media: Media, *, history: bool) -> Floats:
    """Return the curves' values in the weeks of the frame, (n_regions, weeks, n_channels)."""
    weeks = spend.shape[1] - BURN_IN
    seen = spend if history else spend[:, BURN_IN:]
    shape = np.empty_like(seen)
    for region in range(seen.shape[0]):
        for channel, (curve, lag) in enumerate(zip(media.curves, media.lags, strict=True)):
            shape[region, :, channel] = curve(lag.carry(seen[region, :, channel]))
    return shape[:, -weeks:]
