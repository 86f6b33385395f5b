"""How many come in: recent level, its uncertainty, more spread than Poisson where it was seen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCK_DAYS = 28.0
FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class Inflow:
    """A level of arrivals.

    Attributes
    ----------
    count : int
        Arrivals in the window.
    window_days : float
    dispersion : float
        Variance of the counts of four weeks over their mean, at least 1.
    """

    count: int
    window_days: float
    dispersion: float

    @property
    def per_day(self) -> float:
        """Mean arrivals a day."""
        return self.count / self.window_days


def recent_inflow(at: Floats, window_days: float) -> Inflow:
    """Measure the recent level of arrivals and the spread of all of them.

    Parameters
    ----------
    at : ndarray of float64, shape (n,)
        Days from today, at most 0.
    window_days : float
        How far back the level looks; less where the history is shorter.

    Returns
    -------
    Inflow

    Examples
    --------
    >>> recent_inflow(-np.arange(0.0, 200.0), 100.0).per_day
    1.01
    """
    if not len(at):
        return Inflow(0, window_days, 1.0)
    history = max(-float(at.min()), BLOCK_DAYS)
    window = min(window_days, history)
    blocks = int(history // BLOCK_DAYS)
    dispersion = 1.0
    if blocks >= FEWEST_BLOCKS:
        edges = -BLOCK_DAYS * np.arange(blocks, -1, -1)
        counts = np.histogram(at, edges)[0]
        if counts.sum():
            dispersion = max(1.0, float(counts.var(ddof=1) / counts.mean()))
    return Inflow(int((at >= -window).sum()), window, dispersion)


def draw_counts(inflow: Inflow, days: float, n_draws: int, rng: np.random.Generator) -> Integers:
    """Draw arrivals over the days to come: the level from its gamma posterior, then the counts.

    Counts are negative binomial with variance = dispersion x mean, Poisson where that is 1.

    Parameters
    ----------
    inflow : Inflow
    days : float
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int64, shape (n_draws,)

    Examples
    --------
    >>> drawn = draw_counts(Inflow(100, 100.0, 1.0), 50.0, 4000, np.random.default_rng(0))
    >>> bool(49 < drawn.mean() < 52)
    True
    """
    if not inflow.count:
        return np.zeros(n_draws, dtype=np.int64)
    shape = inflow.count / inflow.dispersion
    level = rng.gamma(shape, inflow.per_day / shape, size=n_draws) * days
    if inflow.dispersion > 1:
        extra = inflow.dispersion - 1
        level = rng.gamma(level / extra) * extra
    return rng.poisson(level).astype(np.int64)
