"""What is believed of media before the data speak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from mmm.errors import ConfigError, check_level, quoted

Interval = tuple[float, float]
RETURNS = ("romi", "marginal_romi")
_FLOORS = {"contribution": 0.0, "romi": -1.0, "marginal_romi": -1.0}
_LEAST_SPREAD = 0.7  # of the log contribution that attribution tells


@dataclass(frozen=True)
class AttributionPrior:
    """What attribution says of each channel, taken as a hint that may be wrong.

    The contribution of a channel is believed to be, with the probability `weight`, about

        tracked x outcome x incrementality x share,

    and else what the prior says without attribution. Data that contradict the hint turn the weight
    down, channel by channel (`compare_attribution`).

    Attributes
    ----------
    share : mapping of str to float
        Share of each channel in the credit of all channels, 0-1. Channels that are not named have
        no touches to speak of, and keep the prior without attribution.
    tracked : float
        Part of the outcome with a tracked touch, 0-1.
    weight : float, default 0.5
        Probability that the hint is right.
    incrementality : tuple of (float, float), default (2, 4)
        Of a Beta distribution: the part of credit that would not have come anyway. Tests, as
        `tests` of the model, move it.
    spread : float, default 0.7
        Least standard deviation of the log contribution under the hint; the unknown incrementality
        counts in it.
    demand_capture : tuple of str
        Channels that stand where demand arrives, such as brand search and retargeting.
    capture_bias : float, default -0.7
        Added to their log contribution: -0.7 halves it.

    Examples
    --------
    >>> prior = AttributionPrior({"Search": 0.6, "Brand": 0.4}, tracked=0.8,
    ...     demand_capture=("Brand",))
    >>> prior.log_centre("Search", 1000.0).__format__(".2f")
    '4.89'
    """

    share: Mapping[str, float]
    tracked: float
    weight: float = 0.5
    incrementality: tuple[float, float] = (2.0, 4.0)
    spread: float = _LEAST_SPREAD
    demand_capture: tuple[str, ...] = ()
    capture_bias: float = -0.7

    def __post_init__(self) -> None:
        shares = np.array(list(self.share.values()), dtype=np.float64)
        if not (len(shares) and shares.min() >= 0 and 0 < shares.sum() <= 1 + 1e-9):
            raise ConfigError(
                f"The shares of attribution are {dict(self.share)}; pass shares of credit, 0 or "
                "more and 1 in all at most."
            )
        if not (0 < self.tracked <= 1 and 0 < self.weight < 1 and min(self.incrementality) > 0):
            raise ConfigError(
                f"tracked is {self.tracked}, weight {self.weight} and incrementality "
                f"{self.incrementality}; pass a part of the outcome above 0 and up to 1, a weight "
                "between 0 and 1, and two numbers above 0."
            )
        if not self.spread >= _LEAST_SPREAD:
            raise ConfigError(
                f"spread is {self.spread}; credit is no effect, so pass {_LEAST_SPREAD} or more."
            )
        strange = sorted(set(self.demand_capture) - set(self.share))
        if strange:
            raise ConfigError(
                f"demand_capture names {quoted(strange)}, of which no share is given."
            )

    @property
    def deviation(self) -> float:
        """Standard deviation of a log contribution under the hint."""
        first, second = self.incrementality
        known, unknown = scipy.special.polygamma(1, np.array([first, first + second]))
        return max(self.spread, float(np.sqrt(known - unknown)))

    def log_centre(self, channel: str, outcome: float) -> float:
        """Return the mean of the log contribution under the hint.

        Parameters
        ----------
        channel : str
        outcome : float
            Of all periods; the contribution is in the same unit.
        """
        first, second = self.incrementality
        log_part = float(scipy.special.digamma(first) - scipy.special.digamma(first + second))
        bias = self.capture_bias if channel in self.demand_capture else 0.0
        return float(np.log(self.tracked * outcome * self.share[channel]) + log_part + bias)


@dataclass(frozen=True)
class Priors:
    """Prior of the size of media, and of single channels where something is known.

    One total is shared out over channels. Shares are centred on the shares of spend, that is, on
    one return for all channels, and are free to leave them. A channel of which an interval is
    given leaves this total, whose median falls by its share of spend: what is believed of it is
    that interval, and nothing else.

    Attributes
    ----------
    media_share : float
        Prior median of the part of the outcome that media bring.
    media_spread : float
        Standard deviation of its logarithm.
    channel_spread : float
        Prior median of the standard deviation of the log contribution of a channel around its share
        of spend, which the channels together tell.
    spread_doubt : float
        Standard deviation of its logarithm; 0 where it is known.
    spend_before : {"mean", "none"}
        What was spent in the periods before the first: as much as usual, or nothing.
    contribution : mapping of str to (float, float), optional
        Interval believed of what a channel brings over all fitted periods, in units of the
        outcome, above 0.
    romi, marginal_romi : mapping of str to (float, float), optional
        Interval believed of the return of a channel, or of its next euro, in money for money: 0 at
        break-even, 0.5 where a euro brings one and a half, above -1. With panels it is believed of
        each of them.
    level : float, default 0.9
        Probability of these intervals.
    margin : float, default 1
        Part of the outcome that is margin, for returns; where the outcome counts, the money that
        one of it is worth.
    attribution : AttributionPrior, optional
        What attribution says, as a hint.

    Examples
    --------
    >>> Priors(media_share=0.3).channel_spread
    0.6
    >>> Priors(romi={"Search": (-0.2, 1.5)}, margin=0.4).romi
    {'Search': (-0.2, 1.5)}
    """

    media_share: float = 0.25
    media_spread: float = 0.5
    channel_spread: float = 0.6
    spread_doubt: float = 0.5
    spend_before: str = "mean"
    contribution: Mapping[str, Interval] | None = None
    romi: Mapping[str, Interval] | None = None
    marginal_romi: Mapping[str, Interval] | None = None
    level: float = 0.9
    margin: float = 1.0
    attribution: AttributionPrior | None = None

    def __post_init__(self) -> None:
        if not min(self.media_share, self.media_spread, self.channel_spread) > 0:
            raise ConfigError(f"{self} cannot be; pass numbers above 0.")
        if not self.spread_doubt >= 0:
            raise ConfigError(f"spread_doubt is {self.spread_doubt}; pass 0 or more.")
        if self.spend_before not in ("mean", "none"):
            raise ConfigError(f"spend_before is {self.spend_before!r}; pass 'mean' or 'none'.")
        check_level(self.level)
        if not self.margin > 0:
            raise ConfigError(f"margin is {self.margin}; pass a number above 0.")
        given = [name for kind in _FLOORS for name in getattr(self, kind) or {}]
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice:
            raise ConfigError(
                f"Priors has more than one interval for {quoted(twice)}; pass one a channel."
            )
        for kind, floor in _FLOORS.items():
            for name, interval in (getattr(self, kind) or {}).items():
                _check_interval(kind, name, interval, floor)

    def of_panel(self, names: Sequence[str]) -> "Priors":
        """Return what is believed of a panel that spends on some channels only.

        A return is believed of each panel alike. What is in money of all panels together has no
        part that would be that of one.

        Parameters
        ----------
        names : sequence of str
            Channels with spend in the panel.

        Raises
        ------
        ConfigError
            If a contribution or attribution is given.
        """
        if self.contribution or self.attribution is not None:
            raise ConfigError(
                "Priors(contribution=...) and Priors(attribution=...) are of one outcome and "
                "cannot be given with panel=; state romi or marginal_romi, which hold in each "
                "panel, or fit each panel by itself."
            )
        own = {
            kind: {
                name: ends for name, ends in (getattr(self, kind) or {}).items() if name in names
            }
            for kind in RETURNS
        }
        return replace(self, romi=own["romi"] or None, marginal_romi=own["marginal_romi"] or None)

    def intervals(self) -> dict[str, tuple[str, Interval]]:
        """Return by channel what is believed, kind and interval."""
        return {
            name: (kind, interval)
            for kind in _FLOORS
            for name, interval in (getattr(self, kind) or {}).items()
        }


def _check_interval(kind: str, name: str, interval: Interval, floor: float) -> None:
    ends = np.asarray(interval, dtype=np.float64)
    if ends.shape == (2,) and np.isfinite(ends).all() and floor < ends[0] < ends[1]:
        return
    unit = "outcome over all periods" if kind == "contribution" else "money for money"
    raise ConfigError(
        f"The {kind} of {name!r} is believed to be {interval}; pass (lower, upper) in {unit}, both "
        f"above {floor:g}."
    )
