"""Where the money went: plans, flights, correlation, and spend that follows something."""

import numpy as np

from mmm.simulate.worlds.makings import Making
from mmm.simulate.worlds.market import Market
from mmm.simulate.worlds.streams import Bools, Floats, Streams, autoregressive

PATTERNS = ("always_on", "flighted", "bursts")
BURN_IN = 52


def draw_plan(streams: Streams, making: Making, market: Market, n_channels: int) -> Floats:
    """Draw the weekly spend of every channel, without a currency.

    Returns
    -------
    float (BURN_IN + weeks, n_channels)
        The first `BURN_IN` weeks lie before the frame.
    """
    rng = streams("spend")
    weeks = market.level.size + BURN_IN
    low = rng.random() < 0.5
    correlation = rng.uniform(0.0, 0.2) if low else rng.uniform(0.55, 0.9)
    memory = rng.uniform(0.5, 0.95)
    common = autoregressive(rng, weeks, memory)
    columns = []
    for _ in range(n_channels):
        own = autoregressive(rng, weeks, memory)
        latent = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
        pattern = str(rng.choice(PATTERNS, p=(0.5, 0.35, 0.15)))
        columns.append(_money(rng, pattern, latent))
    spend = np.column_stack(columns)
    followed = _followed(streams("follow"), making, market, n_channels)
    return np.asarray(spend * np.exp(followed))


def _money(rng: np.random.Generator, pattern: str, latent: Floats) -> Floats:
    jitter = np.exp(rng.uniform(0.1, 0.3) * rng.standard_normal(latent.size))
    if pattern == "always_on":
        return np.asarray(np.exp(rng.uniform(0.2, 0.6) * latent) * jitter)
    on_air = rng.uniform(0.3, 0.7) if pattern == "flighted" else rng.uniform(0.1, 0.2)
    # Ranks within the frame, so that no channel is dark throughout it.
    bar = float(np.quantile(latent[BURN_IN:], 1 - on_air))
    return np.asarray(np.where(latent > bar, jitter, 0.0))


def _followed(rng: np.random.Generator, making: Making, market: Market, n_channels: int) -> Floats:
    """Return what demand and confounders add to log spend, (BURN_IN + weeks, n_channels)."""
    followed = np.zeros((BURN_IN + market.level.size, n_channels))
    if making.reaction[1] > 0:
        elasticity = rng.uniform(*making.reaction, n_channels) * _about_half(rng, n_channels)
        # Some budgets follow this week's demand, some last week's.
        for channel, delay in enumerate(rng.integers(0, 2, n_channels)):
            followed[BURN_IN:, channel] += elasticity[channel] * np.roll(market.demand, delay)
            followed[BURN_IN, channel] *= 1 - delay
    for control in range(making.n_confounders):
        elasticity = rng.uniform(0.2, 0.5, n_channels) * _about_half(rng, n_channels)
        followed[BURN_IN:] += np.outer(market.controls[:, control], elasticity)
    return followed


def _about_half(rng: np.random.Generator, n: int) -> Bools:
    chosen = np.arange(n) < max(1, round(n / 2))
    return np.asarray(rng.permutation(chosen))
