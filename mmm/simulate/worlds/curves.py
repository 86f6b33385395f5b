"""How a channel truly acts: carry-over and saturation, written out step by step.

Nothing here is shared with a model of the package, so that the truth is a check of it.
"""

from dataclasses import dataclass

import numpy as np

from mmm.simulate.worlds.streams import Floats

CURVES = ("hill", "logistic", "michaelis_menten", "root", "exponential")
LAGS = ("none", "geometric", "delayed", "late", "weibull", "weibull_survival")
_LONGEST = 52


@dataclass(frozen=True)
class Curve:
    """Saturation of a channel as a function of its carried-over spend.

    Attributes
    ----------
    kind : str
        One of `CURVES`.
    scale : float
        Level, in units of the channel's mean spend, at which it bends; unused by the root.
    shape : float
        Slope of the Hill curve, power of the root; unused by the others.
    """

    kind: str
    scale: float = 1.0
    shape: float = 1.0

    def __call__(self, level: Floats) -> Floats:
        """Return the response to `level` >= 0 (any shape), 0 at 0.

        Examples
        --------
        >>> float(Curve("hill", scale=2.0, shape=3.0)(np.array(2.0)))
        0.5
        """
        if self.kind == "hill":
            power = level**self.shape
            return np.asarray(power / (power + self.scale**self.shape))
        if self.kind == "michaelis_menten":
            return np.asarray(level / (level + self.scale))
        if self.kind == "logistic":
            falling = np.exp(-level / self.scale)
            return np.asarray((1 - falling) / (1 + falling))
        if self.kind == "exponential":
            return np.asarray(1 - np.exp(-level / self.scale))
        return np.asarray(level**self.shape)


@dataclass(frozen=True)
class Lag:
    """Carry-over of a channel: the share of a week's spend that acts n weeks later.

    Attributes
    ----------
    kind : str
        One of `LAGS`.
    retention : float
        Of the geometric kinds: what remains from week to week.
    peak_weeks : float
        Of the others: where the effect peaks, or its scale.
    shape : float
        Of the Weibull kinds.
    """

    kind: str
    retention: float = 0.0
    peak_weeks: float = 0.0
    shape: float = 1.0

    def weights(self) -> Floats:
        """Return the shares by weeks since the spend, summing to 1, shape (53,).

        Examples
        --------
        >>> Lag("geometric", retention=0.5).weights()[:3].round(3).tolist()
        [0.5, 0.25, 0.125]
        """
        week = np.arange(_LONGEST + 1, dtype=np.float64)
        if self.kind == "none":
            raw = (week == 0).astype(np.float64)
        elif self.kind == "geometric":
            raw = self.retention**week
        elif self.kind == "delayed":
            raw = self.retention ** ((week - self.peak_weeks) ** 2)
        elif self.kind == "late":
            since = week - np.round(self.peak_weeks)
            raw = np.where(since >= 0, self.retention ** np.maximum(since, 0), 0.0)
        else:
            since = (week + 0.5) / self.peak_weeks
            survival = np.exp(-(since**self.shape))
            density = since ** (self.shape - 1) * survival
            raw = density if self.kind == "weibull" else survival
        return np.asarray(raw / raw.sum())

    def carry(self, spend: Floats) -> Floats:
        """Return carried-over spend, shape (weeks,); spend before the first week is 0.

        Examples
        --------
        >>> Lag("late", retention=0.0, peak_weeks=2.0).carry(np.array([4.0, 0, 0, 0])).tolist()
        [0.0, 0.0, 4.0, 0.0]
        """
        carried = np.zeros(spend.size)
        for weeks, share in enumerate(self.weights()[: spend.size]):
            carried[weeks:] += share * spend[: spend.size - weeks]
        return carried


def draw_curve(rng: np.random.Generator) -> Curve:
    """Draw a saturation that bends somewhere around the spend of the company."""
    kind = str(rng.choice(CURVES))
    scale = float(np.exp(rng.uniform(np.log(0.4), np.log(2.5))))
    if kind == "hill":
        return Curve(kind, scale, float(rng.uniform(0.8, 2.2)))
    if kind == "root":
        return Curve(kind, 1.0, float(rng.uniform(0.3, 0.8)))
    return Curve(kind, scale)


def draw_lag(rng: np.random.Generator) -> Lag:
    """Draw an ordinary carry-over: the bulk within two months."""
    kind = str(rng.choice(LAGS, p=(0.1, 0.35, 0.2, 0.1, 0.15, 0.1)))
    if kind == "geometric":
        return Lag(kind, retention=float(rng.uniform(0.1, 0.85)))
    if kind == "delayed":
        return Lag(kind, float(rng.uniform(0.5, 0.9)), float(rng.uniform(1, 4)))
    if kind == "late":
        return Lag(kind, float(rng.uniform(0.2, 0.7)), float(rng.integers(1, 4)))
    if kind == "none":
        return Lag(kind)
    return Lag(kind, 0.0, float(rng.uniform(1.5, 6)), float(rng.uniform(1.2, 3.0)))


def draw_late_lag(rng: np.random.Generator, peak: tuple[float, float]) -> Lag:
    """Draw a carry-over that peaks between the weeks of `peak`."""
    kind = str(rng.choice(("delayed", "late", "weibull")))
    weeks = float(rng.uniform(*peak))
    if kind == "delayed":
        return Lag(kind, float(rng.uniform(0.95, 0.99)), weeks)
    if kind == "late":
        return Lag(kind, float(rng.uniform(0.4, 0.8)), weeks)
    # The density peaks at scale (1 - 1 / shape)^(1 / shape).
    shape = float(rng.uniform(2.0, 4.0))
    return Lag(kind, 0.0, weeks / (1 - 1 / shape) ** (1 / shape), shape)
