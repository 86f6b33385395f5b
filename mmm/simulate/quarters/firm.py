"""What is fixed of a company before anybody plays: its market, its curves, its chance."""

from dataclasses import dataclass, replace

import numpy as np

from mmm.errors import ConfigError
from mmm.simulate.worlds.makings import Making
from mmm.simulate.worlds.market import NOISES, draw_market, draw_noise
from mmm.simulate.worlds.media import draw_media, draw_size
from mmm.simulate.worlds.spends import BURN_IN, draw_plan
from mmm.simulate.worlds.streams import Floats, Streams, autoregressive
from mmm.simulate.worlds.truth import Effects

HISTORY, QUARTER, REGIONS = 104, 13, 10
_YEAR = 52
_COMMON = 0.5  # of the variance of the noise: in all regions alike
_JITTER = 0.25
_VISIBLE = 0.4  # touches a person that channels leave on people whom they did not bring


@dataclass(frozen=True, eq=False)
class Firm:
    """A company of which everything is known but the budgets to come.

    Weeks run from the first of the history to the last that can be played.

    Attributes
    ----------
    seed : int
    hidden : bool
        Whether demand that stands in no column moves spend, and shows itself in touches.
    n_quarters : int
        That can be played.
    channels : tuple of str
        Paid channels.
    effects : Effects
        True curves; ``effects.response(spend)`` is the steady weekly response.
    baseline : float (weeks,)
        Expected revenue without media, in the currency.
    noise : float (weeks, REGIONS)
        Of the revenue of each region.
    follows : float (n_channels,)
        Elasticity of spend to demand within a quarter; 0 without hidden demand.
    captures : float (n_channels,)
        Shares of the touches by which people come in who buy anyway; 0 without hidden demand.
    visible : float (n_channels,)
        Touches a person that a channel leaves at its mean spend, whatever it brings.
    past : float (BURN_IN + HISTORY, n_channels)
        Weekly spend before the play; the first year lies before the history.
    rhythm : float (n_quarters x QUARTER, n_channels)
        Weekly spend over its mean of the quarter.
    """

    seed: int
    hidden: bool
    n_quarters: int
    channels: tuple[str, ...]
    effects: Effects
    baseline: Floats
    noise: Floats
    follows: Floats
    captures: Floats
    visible: Floats
    past: Floats
    rhythm: Floats

    @property
    def today(self) -> Floats:
        """Weekly spend before the first quarter: the mean of the last year, (n_channels,)."""
        return np.asarray(self.past[-_YEAR:].mean(axis=0))


def draw_firm(seed: int, *, hidden: bool = True, n_quarters: int = 8) -> Firm:
    """Draw a company with two years of history.

    Market, curves, carry-over and spends are those of `mmm.simulate.worlds` in the making
    "standard", four to seven channels. With hidden demand, half of the channels spend more when
    demand is high, and the same ones are where people come in who buy anyway. The same seed gives
    the same curves and plans with and without.

    Parameters
    ----------
    seed : int
        0 or more.
    hidden : bool
    n_quarters : int
        Quarters that can be played, 1 to 40. It is part of the draw: with more of them the market
        is another one.

    Returns
    -------
    Firm

    Raises
    ------
    ConfigError
        If a number is out of range.

    Examples
    --------
    >>> plain, confounded = draw_firm(3, hidden=False), draw_firm(3)
    >>> plain.effects.curves == confounded.effects.curves, bool(plain.follows.any())
    (True, False)
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed is {seed!r}; choose a whole number of 0 or more")
    if not 1 <= n_quarters <= 40:
        raise ConfigError(f"n_quarters is {n_quarters!r}; choose 1 to 40")
    weeks = HISTORY + QUARTER * n_quarters
    kind = Making(
        says="", weeks=(weeks, weeks), n_channels=(4, 7), n_controls=(0, 0),
        reaction=(0.15, 0.45) if hidden else (0.0, 0.0),
    )  # fmt: skip
    streams = Streams(seed, "quarters")
    size = draw_size(streams, kind)
    market = draw_market(streams, kind, weeks)
    media = draw_media(streams, kind, size)
    before = replace(market, level=market.level[:HISTORY])
    plan = draw_plan(streams, replace(kind, reaction=(0.0, 0.0)), before, size.n_channels)
    follows = _follows(streams("follow"), size.n_channels) * hidden
    demand = np.append(np.zeros(BURN_IN), market.demand)
    plan *= np.exp(np.outer(demand[: len(plan)], follows))
    relative = plan / plan[BURN_IN:].mean(axis=0)
    unit = size.spend * media.spend_share
    shape = np.array(
        [c(lag.carry(x))[BURN_IN:].mean() for c, lag, x in
         zip(media.curves, media.lags, relative.T, strict=True)]
    )  # fmt: skip
    goal = size.scale * size.media_share * media.share
    effects = Effects(media.curves, media.lags, unit, (goal / shape)[None], None, np.zeros(1))
    baseline = size.scale * (1 - size.media_share) * market.level
    rng = streams("visible")
    visible = np.exp(0.5 * rng.standard_normal(size.n_channels))
    return Firm(
        seed=seed,
        hidden=hidden,
        n_quarters=n_quarters,
        channels=tuple(f"Channel {c + 1}" for c in range(size.n_channels)),
        effects=effects,
        baseline=baseline,
        noise=_noise(streams, baseline, size.scale * size.media_share),
        follows=follows,
        captures=follows / max(float(follows.sum()), 1e-12),
        visible=_VISIBLE * visible / visible.sum(),
        past=relative * unit,
        rhythm=_rhythm(streams("rhythm"), np.outer(market.demand[HISTORY:], follows)),
    )


def _follows(rng: np.random.Generator, n: int) -> Floats:
    """Return elasticities of about half of the channels, 0 of the others."""
    chosen = rng.permutation(np.arange(n) < max(1, round(n / 2)))
    return np.asarray(rng.uniform(0.15, 0.45, n) * chosen)


def _rhythm(rng: np.random.Generator, followed: Floats) -> Floats:
    """Return weekly spend over its mean of the quarter: jitter, and what follows demand."""
    raw = np.exp(_JITTER * rng.standard_normal(followed.shape) + followed)
    by_quarter = raw.reshape(-1, QUARTER, raw.shape[1])
    return np.asarray((by_quarter / by_quarter.mean(axis=1, keepdims=True)).reshape(raw.shape))


def _noise(streams: Streams, baseline: Floats, media: float) -> Floats:
    """Return the noise of each region, half of its variance in common, (weeks, REGIONS)."""
    rng = streams("noise")
    kind = str(rng.choice(NOISES))
    r2 = rng.uniform(0.75, 0.95)
    # What moves the expected revenue: the baseline, and media by about a third of their mean.
    spread = float(np.hypot(baseline.std(), media / 3)) * np.sqrt(1 / r2 - 1)
    common = draw_noise(rng, kind, baseline.size)
    own = np.column_stack([autoregressive(rng, baseline.size, 0.2) for _ in range(REGIONS)])
    shared = np.sqrt(_COMMON) * common[:, None] / REGIONS
    return np.asarray(spread * (shared + np.sqrt((1 - _COMMON) / REGIONS) * own))
