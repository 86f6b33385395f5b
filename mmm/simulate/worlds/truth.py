"""What is true of a simulated company, in its own units."""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.worlds.curves import Curve, Lag
from mmm.simulate.worlds.streams import Bools, Floats


@dataclass(frozen=True, eq=False)
class Effects:
    """What spend does: curves with their units.

    Attributes
    ----------
    curves : tuple of Curve
    lags : tuple of Lag
    unit : float (n_channels,)
        Weekly spend over all regions that the curves count as 1.
    strength : float (n_regions, n_channels)
        Outcome a week where the curve is 1.
    pair : (int, int) or None
        The channel that works through another, and the other.
    joint : float (n_regions,)
        Outcome a week where the curves of both are 1; 0 without a pair.
    """

    curves: tuple[Curve, ...]
    lags: tuple[Lag, ...]
    unit: Floats
    strength: Floats
    pair: tuple[int, int] | None
    joint: Floats

    def contribution(self, shape: Floats) -> Floats:
        """Return what each channel brings where its curve has the value `shape`.

        Parameters
        ----------
        shape : float (n_regions, weeks, n_channels)

        Returns
        -------
        float (n_regions, weeks, n_channels)
        """
        brought = self.strength[:, None, :] * shape
        if self.pair is not None:
            source, through = self.pair
            both = shape[:, :, source] * shape[:, :, through]
            brought[:, :, source] += self.joint[:, None] * both
        return np.asarray(brought)

    def response(self, spend: Floats) -> Floats:
        """Return what each channel brings a week when `spend` is held for good.

        Carry-over weights sum to 1, so that spend carried over is the spend itself.

        Parameters
        ----------
        spend : float (n_channels,)
            Weekly spend over all regions, split among them as over the whole frame.

        Returns
        -------
        float (n_channels,)
        """
        level = np.asarray(spend, dtype=np.float64) / self.unit
        shape = np.array([curve(one) for curve, one in zip(self.curves, level, strict=True)])
        everywhere = np.broadcast_to(shape, (self.strength.shape[0], 1, shape.size))
        return np.asarray(self.contribution(everywhere).sum(axis=(0, 1)))


@dataclass(frozen=True, eq=False)
class Truth:
    """Everything a model is graded against. Rows are those of the world's frame.

    Attributes
    ----------
    contribution : float (n_rows, n_channels)
        Outcome due to each channel. A channel that works through another is credited with what
        would be lost without it; the other with what it would bring alone. They add up to what all
        media bring.
    baseline, noise : float (n_rows,)
        The rest: outcome = baseline + sum of contributions + noise.
    live : bool (n_channels,)
        False for a channel without any effect.
    roas : float (n_channels,)
        Contribution over spend; the ROMI at a margin of 1 is `roas` - 1.
    effects : Effects
        Curves; `effects.response(spend)` is the steady response.
    current : float (n_channels,)
        Mean weekly spend of the last 52 weeks: today.
    optimum : float (n_channels,)
        The plan of the same total, each channel within 50% of `current`, that brings most.
    """

    contribution: Floats
    baseline: Floats
    noise: Floats
    live: Bools
    roas: Floats
    effects: Effects
    current: Floats
    optimum: Floats
