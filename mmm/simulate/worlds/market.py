"""What happens without media: trend, season, controls, hidden demand; and the noise."""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.worlds.makings import Making
from mmm.simulate.worlds.streams import Floats, Streams, autoregressive, standardised

TRENDS = ("flat", "linear", "random_walk", "breaks", "smooth", "growth")
NOISES = ("gaussian", "heavy_tailed", "autoregressive")
_YEAR = 365.25 / 7
_LOWEST = 0.25


@dataclass(frozen=True)
class Market:
    """Demand apart from media, as shares of the mean baseline; weeks of the frame only.

    Attributes
    ----------
    trend : str
        One of `TRENDS`.
    level : float (weeks,)
        Baseline with mean 1, nowhere below .25.
    demand : float (weeks,)
        What spend may react to: baseline without controls, standardised.
    controls : float (weeks, n_controls)
        As observed; the confounders come first.
    """

    trend: str
    level: Floats
    demand: Floats
    controls: Floats


def draw_market(streams: Streams, making: Making, weeks: int) -> Market:
    """Draw the baseline of a company."""
    rng = streams("market")
    trend = str(rng.choice(TRENDS))
    moving = rng.uniform(0.02, 0.12) * _trend(rng, trend, weeks)
    moving += _season(streams("season"), weeks)
    if making.reaction[1] > 0:
        hidden = autoregressive(streams("hidden"), weeks, 0.85)
        moving += rng.uniform(0.05, 0.12) * hidden
    n_controls = int(rng.integers(making.n_controls[0], making.n_controls[1] + 1))
    controls, effect = _controls(streams("controls"), making, weeks, n_controls)
    level = moving - moving.mean() + controls @ effect
    level -= level.mean()
    # Deep troughs are made shallower rather than cut, so that nothing is a kink.
    level *= min(1.0, (1 - _LOWEST) / max(-float(level.min()), 1e-9))
    return Market(trend, 1 + level, standardised(moving), controls)


def _trend(rng: np.random.Generator, kind: str, weeks: int) -> Floats:
    """Return a trend with mean 0 and, unless flat, standard deviation 1."""
    time = np.linspace(-1, 1, weeks)
    if kind == "linear":
        raw = time * rng.choice((-1.0, 1.0), p=(0.3, 0.7))
    elif kind == "random_walk":
        raw = np.cumsum(rng.standard_normal(weeks))
    elif kind == "breaks":
        raw = np.zeros(weeks)
        for place in rng.uniform(-0.8, 0.8, rng.integers(1, 4)):
            jump, bend = rng.standard_normal(2)
            raw += np.where(time > place, jump + bend * (time - place), 0.0)
    elif kind == "smooth":
        length = rng.uniform(0.15, 0.6)
        distance = (time[:, None] - time[None, :]) / length
        root = np.linalg.cholesky(np.exp(-0.5 * distance**2) + 1e-6 * np.eye(weeks))
        raw = root @ rng.standard_normal(weeks)
    elif kind == "growth":
        raw = 1 / (1 + np.exp(-rng.uniform(2, 8) * (time - rng.uniform(-0.5, 0.5))))
    else:
        raw = np.zeros(weeks)
    return standardised(raw)


def _season(rng: np.random.Generator, weeks: int) -> Floats:
    """Return none, smooth waves, or a summer hole with a peak before the year ends."""
    kind = rng.choice(("none", "waves", "holes"), p=(0.15, 0.55, 0.3))
    year = (np.arange(weeks) + rng.uniform(0, _YEAR)) / _YEAR
    if kind == "none":
        return np.zeros(weeks)
    if kind == "waves":
        raw = np.zeros(weeks)
        for order in range(1, int(rng.integers(1, 4)) + 1):
            cosine, sine = rng.standard_normal(2) / order
            raw += cosine * np.cos(2 * np.pi * order * year)
            raw += sine * np.sin(2 * np.pi * order * year)
    else:
        day = year % 1
        raw = -np.exp(-(((day - 0.62) / 0.03) ** 2)) + 0.7 * np.exp(-(((day - 0.9) / 0.05) ** 2))
    return np.asarray(rng.uniform(0.02, 0.12) * standardised(raw))


def _controls(
    rng: np.random.Generator, making: Making, weeks: int, n: int
) -> tuple[Floats, Floats]:
    """Draw controls of mean 0 and standard deviation 1, and what they add to the baseline."""
    columns, effects = [], []
    for position in range(n):
        if position < making.n_confounders:
            columns.append(standardised(autoregressive(rng, weeks, rng.uniform(0.6, 0.9))))
            effects.append(rng.uniform(0.05, 0.12))
        elif rng.random() < 0.25:
            columns.append(standardised((rng.random(weeks) < 0.08).astype(np.float64)))
            effects.append(rng.choice((-1.0, 1.0)) * rng.uniform(0.01, 0.05))
        else:
            columns.append(standardised(autoregressive(rng, weeks, rng.uniform(0, 0.95))))
            # With many controls most of them do nothing.
            acts = n <= 3 or rng.random() < 0.4
            effects.append(acts * rng.choice((-1.0, 1.0)) * rng.uniform(0.01, 0.06))
    if not columns:
        return np.zeros((weeks, 0)), np.zeros(0)
    return np.column_stack(columns), np.asarray(effects, dtype=np.float64)


def draw_noise(rng: np.random.Generator, kind: str, weeks: int) -> Floats:
    """Return noise with mean 0 and standard deviation 1 over the weeks, shape (weeks,)."""
    if kind == "heavy_tailed":
        return standardised(rng.standard_t(3, weeks))
    if kind == "autoregressive":
        return standardised(autoregressive(rng, weeks, rng.uniform(0.3, 0.8)))
    return standardised(rng.standard_normal(weeks))
