"""Families of carry-over and diminishing returns: frozen specs with the priors they imply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol

import numpy as np

from mmm.errors import ConfigError, quoted
from mmm.mix.transforms import (
    Curve,
    Floats,
    delayed_weights,
    exponential,
    geometric_weights,
    hill,
    logistic,
    michaelis_menten,
    peaked_weights,
    root,
    weibull_density_weights,
    weibull_survival_weights,
)


@dataclass(frozen=True)
class Parameter:
    """A parameter, standard normal after its link: value = link(loc + scale z), z ~ N(0, 1).

    Attributes
    ----------
    name : str
    link : {"log", "logit"}
        "log" keeps the value above 0, "logit" between 0 and `upper`.
    median : float
        Prior median of the value.
    scale : float
        Prior standard deviation on the scale of the link.
    upper : float, default 1
        Largest value under "logit".

    Examples
    --------
    >>> Parameter("retention", "logit", 0.5, 1.0).loc
    0.0
    """

    name: str
    link: str
    median: float
    scale: float
    upper: float = 1.0

    def __post_init__(self) -> None:
        top = self.upper if self.link == "logit" else np.inf
        if not (0 < self.median < top and self.scale > 0):
            raise ConfigError(
                f"The prior of {self.name} has median {self.median} and scale {self.scale}; "
                f"pass a median between 0 and {top} and a scale above 0."
            )

    @property
    def loc(self) -> float:
        """Prior mean on the scale of the link."""
        odds = self.median / (self.upper - self.median) if self.link == "logit" else self.median
        return float(np.log(odds))


def link_all(parameters: Sequence[Parameter], z: Floats) -> tuple[Floats, Floats]:
    """Return the values of parameters and their derivatives in z.

    Parameters
    ----------
    parameters : sequence of Parameter
    z : ndarray, shape (..., n_parameters)
        Standard normal a priori.

    Returns
    -------
    values, slopes : ndarray, shape (..., n_parameters)

    Examples
    --------
    >>> values, slopes = link_all([Parameter("retention", "logit", 0.5, 1.0)], np.array([[2.0]]))
    >>> values.round(3).tolist()
    [[0.881]]
    """
    loc, scale, upper, bounded = _links(tuple(parameters))
    values = np.exp(np.minimum(loc + scale * z, 500.0))
    below = 1.0 / (1.0 + bounded * values)
    values *= upper * below
    return values, scale * values * below


@cache
def _links(parameters: tuple[Parameter, ...]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return loc, scale, upper end and whether there is one, 1 or 0; shapes (n_parameters,)."""
    bounded = np.array([parameter.link == "logit" for parameter in parameters], dtype=np.float64)
    return (
        np.array([parameter.loc for parameter in parameters]),
        np.array([parameter.scale for parameter in parameters]),
        np.array(
            [parameter.upper if parameter.link == "logit" else 1.0 for parameter in parameters]
        ),
        bounded,
    )


class Adstock(Protocol):
    """What a carry-over spec offers: how spend of past periods counts today."""

    @property
    def max_lag(self) -> int:
        """Periods after which nothing is left."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""

    def weights(self, values: Floats, n_lags: int) -> tuple[Floats, Floats]:
        """Return weights (..., n_lags) and derivatives (..., n_parameters, n_lags)."""


class Saturation(Protocol):
    """What a spec of diminishing returns offers."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return the response, its slope and derivatives, of the shape of `spend`."""


def _check_lag(max_lag: int) -> None:
    if not 0 <= max_lag <= 104:
        raise ConfigError(f"max_lag is {max_lag}; pass 0 to 104 periods.")


@dataclass(frozen=True)
class NoAdstock:
    """No carry-over: spend counts in its own period."""

    max_lag: ClassVar[int] = 0
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def weights(self, values: Floats, n_lags: int) -> tuple[Floats, Floats]:
        """Return weight 1 on the current period."""
        weights = np.zeros((*values.shape[:-1], n_lags))
        weights[..., 0] = 1.0
        return weights, np.zeros((*values.shape[:-1], 0, n_lags))


@dataclass(frozen=True)
class GeometricAdstock:
    """Carry-over that keeps a fixed part from period to period: w_l proportional to retention^l.

    Attributes
    ----------
    retention : float, default 0.4
        Prior median of the part kept.
    spread : float, default 1.0
        Prior standard deviation of its logit.
    max_lag : int, default 13
        Periods after which nothing is left.

    Examples
    --------
    >>> GeometricAdstock().parameters[0].name
    'retention'
    """

    retention: float = 0.4
    spread: float = 1.0
    max_lag: int = 13

    def __post_init__(self) -> None:
        _check_lag(self.max_lag)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (Parameter("retention", "logit", self.retention, self.spread),)

    def weights(self, values: Floats, n_lags: int) -> tuple[Floats, Floats]:
        """Return weights (..., n_lags) and derivatives (..., 1, n_lags)."""
        return geometric_weights(values[..., 0], n_lags)


@dataclass(frozen=True)
class PeakedAdstock:
    """Carry-over that may rise before it falls: w_l proportional to (l + 1)^rise retention^l.

    Geometric where the rise is 0. One family serves channels that act at once and channels that
    act after weeks.

    Attributes
    ----------
    retention, spread : float
        Prior median of the part kept and standard deviation of its logit.
    rise, rise_spread : float
        Prior median of the rise, between 0 and 4, and standard deviation of its logit.
    max_lag : int, default 13
    """

    retention: float = 0.4
    spread: float = 1.0
    rise: float = 0.4
    rise_spread: float = 1.2
    max_lag: int = 13

    def __post_init__(self) -> None:
        _check_lag(self.max_lag)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (
            Parameter("retention", "logit", self.retention, self.spread),
            Parameter("rise", "logit", self.rise, self.rise_spread, upper=4.0),
        )

    def weights(self, values: Floats, n_lags: int) -> tuple[Floats, Floats]:
        """Return weights (..., n_lags) and derivatives (..., 2, n_lags)."""
        return peaked_weights(values[..., 0], values[..., 1], n_lags)


@dataclass(frozen=True)
class DelayedAdstock:
    """Carry-over around a peak after `delay` periods (Jin et al. 2017).

    Attributes
    ----------
    retention, spread : float
        Prior median of retention and standard deviation of its logit.
    delay, delay_spread : float
        Prior median of the lag of the peak, in periods, and standard deviation of its logarithm.
    max_lag : int, default 13
    """

    retention: float = 0.6
    spread: float = 1.0
    delay: float = 1.0
    delay_spread: float = 0.8
    max_lag: int = 13

    def __post_init__(self) -> None:
        _check_lag(self.max_lag)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (
            Parameter("retention", "logit", self.retention, self.spread),
            Parameter("delay", "log", self.delay, self.delay_spread),
        )

    def weights(self, values: Floats, n_lags: int) -> tuple[Floats, Floats]:
        """Return weights (..., n_lags) and derivatives (..., 2, n_lags)."""
        return delayed_weights(values[..., 0], values[..., 1], n_lags)


@dataclass(frozen=True)
class WeibullAdstock:
    """Carry-over shaped as a Weibull distribution of delays.

    Attributes
    ----------
    kind : {"pdf", "cdf"}
        "pdf": weights follow the density, and may peak late. "cdf": they follow the survival, and
        never rise.
    shape, shape_spread, scale, scale_spread : float
        Prior medians, the scale in periods, and standard deviations of the logarithms.
    max_lag : int, default 13
    """

    kind: str = "pdf"
    shape: float = 1.5
    shape_spread: float = 0.5
    scale: float = 2.0
    scale_spread: float = 0.7
    max_lag: int = 13

    def __post_init__(self) -> None:
        _check_lag(self.max_lag)
        if self.kind not in _WEIBULL:
            raise ConfigError(f"kind is {self.kind!r}; pass 'pdf' or 'cdf'.")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (
            Parameter("shape", "log", self.shape, self.shape_spread),
            Parameter("scale", "log", self.scale, self.scale_spread),
        )

    def weights(self, values: Floats, n_lags: int) -> tuple[Floats, Floats]:
        """Return weights (..., n_lags) and derivatives (..., 2, n_lags)."""
        return _WEIBULL[self.kind](values[..., 0], values[..., 1], n_lags)


_WEIBULL: dict[str, Callable[[Floats, Floats, int], tuple[Floats, Floats]]] = {
    "pdf": weibull_density_weights,
    "cdf": weibull_survival_weights,
}


@dataclass(frozen=True)
class NoSaturation:
    """No diminishing returns: the response is proportional to spend."""

    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return spend itself."""
        return spend, np.ones_like(spend), ()


@dataclass(frozen=True)
class HillSaturation:
    """Hill curve a^s / (k^s + a^s) on spend over its mean in periods with spend.

    Attributes
    ----------
    half_saturation, spread : float
        Prior median of k, in multiples of the mean spend, and standard deviation of its logarithm.
    slope, slope_spread : float
        Prior median of s and standard deviation of its logarithm.
    """

    half_saturation: float = 1.5
    spread: float = 0.8
    slope: float = 1.1
    slope_spread: float = 0.25

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (
            Parameter("half_saturation", "log", self.half_saturation, self.spread),
            Parameter("slope", "log", self.slope, self.slope_spread),
        )

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return the response, its slope and derivatives, of the shape of `spend`."""
        return hill(spend, values[..., 0], values[..., 1])


@dataclass(frozen=True)
class _HalfSaturation:
    """Curves with one parameter, the spend at which half of the most is reached.

    Attributes
    ----------
    half_saturation, spread : float
        Prior median, in multiples of the mean spend, and standard deviation of the logarithm.
    """

    half_saturation: float = 1.5
    spread: float = 0.8

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (Parameter("half_saturation", "log", self.half_saturation, self.spread),)


class MichaelisMentenSaturation(_HalfSaturation):
    """The curve a / (k + a)."""

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return the response, its slope and derivatives, of the shape of `spend`."""
        return michaelis_menten(spend, values[..., 0])


class LogisticSaturation(_HalfSaturation):
    """The curve (1 - e^-x) / (1 + e^-x), x = a log 3 / k."""

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return the response, its slope and derivatives, of the shape of `spend`."""
        return logistic(spend, values[..., 0])


class ExponentialSaturation(_HalfSaturation):
    """The curve 1 - 2^(-a / k)."""

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return the response, its slope and derivatives, of the shape of `spend`."""
        return exponential(spend, values[..., 0])


@dataclass(frozen=True)
class RootSaturation:
    """The curve a^p: returns diminish without an upper bound.

    Attributes
    ----------
    exponent, spread : float
        Prior median of p, between 0 and 1, and standard deviation of its logit.
    """

    exponent: float = 0.6
    spread: float = 0.7

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Priors of the parameters."""
        return (Parameter("exponent", "logit", self.exponent, self.spread),)

    def curve(self, spend: Floats, values: Floats) -> Curve:
        """Return the response, its slope and derivatives, of the shape of `spend`."""
        return root(spend, values[..., 0])


def by_channel(kind: str, family: Any, channels: Sequence[str], default: Any) -> dict[str, Any]:
    """Return the family of each channel.

    Parameters
    ----------
    kind : str
        What it is called where it is given: adstock, saturation.
    family : Adstock, Saturation, mapping of str to one of them, or None
    channels : sequence of str
    default : Adstock or Saturation
        Of channels for which none is given.

    Raises
    ------
    ConfigError
        If something is no family, or is given for a channel that there is none of.
    """
    named = family if isinstance(family, Mapping) else dict.fromkeys(channels, family)
    strange = sorted(set(named) - set(channels))
    if strange:
        raise ConfigError(
            f"{kind} names {quoted(strange)}; the channels are {quoted(channels, 20)}. Correct the "
            "name, or leave it out."
        )
    for given in named.values():
        if given is None:
            continue
        if isinstance(given, type) or not isinstance(getattr(given, "parameters", None), tuple):
            raise ConfigError(f"{kind} is {given!r}; pass a family, such as {default!r}.")
    return {name: default if named.get(name) is None else named[name] for name in channels}
