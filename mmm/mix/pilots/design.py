"""How a pilot is laid out, and how its effect is read: arrays in, arrays out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mmm.errors import ConfigError
from mmm.mix.pilots.knowing import return_weights, standard_error
from mmm.mix.transforms import Floats

Mode = Literal["flighting", "holdout"]


@dataclass(frozen=True, eq=False)
class PilotTerms:
    """What a pilot is reckoned with.

    Attributes
    ----------
    movable : float
        Part of the channel's spend that the result can move.
    half_life : float
        Weeks after which half of what was learnt still holds.
    interest : float
        Per year.
    share : float
        Part of regions or accounts in which a hold-out changes the spend; where `regions` are
        given, the part of the outcome of those that are treated.
    regions : pandas.DataFrame, optional
        Outcome by region or account: one row a period before the pilot, one column a unit. The
        noise of a hold-out is then theirs; without, their noises are taken as independent, which
        asks for too long a pilot where they move together.
    treated : tuple of str
        Units in which a hold-out would change the spend.
    longest : int
        Most periods that a pilot may take.
    current : mapping of str to float, optional
        Spend per period today; the mean of the last quarter by default.
    tau : number or mapping of str to number, optional
        Standard deviation of the hidden bias of a return, as in `optimize_budget`.
    held : tuple of str
        Channels that get more only after a test, as those of `Limits.not_raised` which a plan
        would raise: a test of them is worth what raising them brings.
    seed : int
        Of the order of the blocks.
    """

    movable: float = 0.5
    half_life: float = 52.0
    interest: float = 0.08
    share: float = 0.5
    regions: pd.DataFrame | None = None
    treated: tuple[str, ...] = ()
    longest: int = 52
    current: Mapping[str, float] | None = None
    tau: Mapping[str, float] | float | None = None
    held: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.movable <= 1 and 0 < self.share < 1):
            raise ConfigError(
                f"movable is {self.movable!r} and share {self.share!r}. Pass parts of the whole, "
                "between 0 and 1."
            )
        if (self.regions is None) != (not self.treated):
            raise ConfigError(
                f"treated is {self.treated!r} and regions are "
                f"{'missing' if self.regions is None else 'given'}. Pass both, or none."
            )
        if not (self.half_life > 0 and self.interest > -1 and self.longest >= 8):
            raise ConfigError(
                f"{self} cannot be. Pass a half-life above 0, an interest such as 0.08, and at "
                "least 8 periods."
            )


@dataclass(frozen=True, eq=False)
class Design:
    """Change of spend by period, and how its effect is read.

    Attributes
    ----------
    change : ndarray, shape (n_periods,)
        Spend less that of today, in the whole company.
    exposure : ndarray, shape (n_before + n_periods,)
        Effective change, carry-over counted.
    weights : ndarray, shape (n_before + n_periods,)
        That read the return from the outcome.
    design_effect : float
    noise : float
        Noise of what is read, over that of the company's outcome.
    """

    change: Floats
    exposure: Floats
    weights: Floats
    design_effect: float
    noise: float

    def error(self, sigma: float) -> float:
        """Return the standard error of the return at noise sigma."""
        return standard_error(sigma * self.noise, self.design_effect, self.size, len(self.change))

    @property
    def size(self) -> float:
        """Root mean square of the effective change, per period of the pilot."""
        return math.sqrt(float(self.exposure @ self.exposure) / len(self.change))


def block_signs(n_periods: int, block: int, seed: int) -> Floats:
    """Return up (1) and down (-1) by period, block after block; which comes first is drawn.

    Blocks that alternate are little like a trend or a bend of the outcome: both can be taken out.

    Examples
    --------
    >>> (block_signs(8, 2, 0) * block_signs(8, 2, 0)[0]).astype(int).tolist()
    [1, 1, -1, -1, 1, 1, -1, -1]
    """
    first = 1.0 if np.random.default_rng(seed).random() < 0.5 else -1.0
    return np.asarray(first * np.where(np.arange(n_periods) // block % 2 == 0, 1.0, -1.0))


def drift(n_periods: int) -> Floats:
    """Return what a pilot in flights is read beside: level, trend and bend.

    Returns
    -------
    ndarray, shape (n_periods, 3)

    Examples
    --------
    >>> drift(3).tolist()
    [[1.0, -1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    return np.vander(np.linspace(-1.0, 1.0, n_periods), 3, increasing=True)


def design_pilot(
    mode: Mode,
    n_periods: int,
    block: int,
    amount: float,
    kernel: Floats,
    rho: float,
    *,
    terms: PilotTerms,
    n_before: int = 52,
) -> Design:
    """Lay a pilot out.

    Parameters
    ----------
    mode : {"flighting", "holdout"}
    n_periods, block : int
    amount : float
        Change of spend per period.
    kernel : ndarray of float64
        Part of an effect that falls in each period from that of the spend on.
    rho : float
        Correlation of the noise of neighbouring periods.
    terms : PilotTerms
    n_before : int
        Periods before, against which a hold-out is read.

    Returns
    -------
    Design

    Examples
    --------
    >>> laid = design_pilot("flighting", 24, 2, 10.0, np.ones(1), 0.0, terms=PilotTerms())
    >>> float(laid.exposure.sum()), laid.size, round(laid.design_effect, 2)
    (0.0, 10.0, 1.02)
    """
    if mode == "flighting":
        change = amount * block_signs(n_periods, block, terms.seed)
        exposure = np.convolve(change, kernel)[:n_periods]
        nuisance = drift(n_periods)
        noise = 1.0
    else:
        change = np.full(n_periods, -amount)
        exposure = np.append(np.zeros(n_before), np.convolve(change, kernel)[:n_periods])
        nuisance = np.ones((len(exposure), 1))
        # Both parts scaled up to the company: unless their history is known, their noises are
        # taken as independent, and do not cancel.
        noise = 1.0 / math.sqrt(terms.share * (1.0 - terms.share))
        noise = noise if terms.regions is None else 1.0
    weights, effect = return_weights(exposure, rho, nuisance)
    return Design(change, exposure, weights, effect, noise)
