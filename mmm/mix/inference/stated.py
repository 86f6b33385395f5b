"""From what is stated of channels, in their own units, to the prior that is sampled; and its draws.

A hint is combined with the prior by a ratio of densities of one log contribution at a time: exact
for one channel, and close for several, whose contributions the common total ties together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from mmm.errors import ConfigError, quoted
from mmm.mix.inference.beliefs import Attributed, Own, hint_density
from mmm.mix.inference.media import Media, mean_contribution
from mmm.mix.inference.prior import draw_prior
from mmm.mix.priors import Interval, Priors
from mmm.mix.transforms import Floats

_DESCRIBED = 8000  # draws that describe the prior of contributions
_KERNELS, _WIDTH = 40, 0.25  # normal densities that do, and their width in its deviations
_BROAD, _WIDE = 0.02, 2.0  # weight and width of the one for the tails
_FROM = 10  # draws for one that is kept, under a hint


@dataclass(frozen=True, eq=False)
class Units:
    """What turns money and outcome into the scales of the fit.

    Attributes
    ----------
    names : sequence of str
        Channels with spend.
    spend : ndarray, shape (n_channels,)
        Over all periods.
    outcome : float
        Sum over all periods.
    scale : float
        Of the outcome.
    n_periods : int
    """

    names: Sequence[str]
    spend: Floats
    outcome: float
    scale: float
    n_periods: int

    @property
    def all_periods(self) -> float:
        """Outcome over all periods of one unit of the fit per period."""
        return self.scale * self.n_periods


def state_own(priors: Priors, units: Units) -> Own | None:
    """Return the channels with an interval of their own, or None where there is none.

    Parameters
    ----------
    priors : Priors
    units : Units

    Raises
    ------
    ConfigError
        If an interval is of a channel that has no spend.
    """
    stated = priors.intervals()
    if not stated:
        return None
    _check_names(stated, units.names)
    named = [name for name in units.names if name in stated]
    ends = np.array([_in_outcome(name, *stated[name], priors, units) for name in named])
    log_ends = np.log(ends / units.all_periods)
    reach = 2.0 * scipy.special.ndtri(0.5 * (1.0 + priors.level))
    return Own(
        channels=np.array([list(units.names).index(name) for name in named], dtype=np.intp),
        loc=log_ends.mean(axis=1),
        scale=(log_ends[:, 1] - log_ends[:, 0]) / reach,
        marginal=np.array([stated[name][0] == "marginal_romi" for name in named]),
    )


def _check_names(given: object, names: Sequence[str]) -> None:
    strange = sorted(set(given) - set(names))  # type: ignore[call-overload]
    if strange:
        raise ConfigError(
            f"Priors name {quoted(strange)}; the channels with spend are {quoted(names, 20)}. "
            "Correct the name, or leave it out."
        )


def _in_outcome(
    name: str, kind: str, interval: Interval, priors: Priors, units: Units
) -> list[float]:
    """Return an interval in units of the outcome over all periods."""
    if kind == "contribution":
        return list(interval)
    spend = float(units.spend[list(units.names).index(name)])
    return [(1.0 + end) / priors.margin * spend for end in interval]


def with_hint(media: Media, priors: Priors, units: Units) -> Media:
    """Return the prior of media with what attribution hints at.

    Parameters
    ----------
    media : Media
        Without a hint.
    priors : Priors
    units : Units

    Raises
    ------
    ConfigError
        If a share is of a channel that has no spend.
    """
    hint = priors.attribution
    if hint is None:
        return media
    _check_names(hint.share, units.names)
    named = [i for i, name in enumerate(units.names) if hint.share.get(name, 0.0) > 0]
    centre = [hint.log_centre(units.names[i], units.outcome) for i in named]
    node_weight, node_loc, node_scale = describe(media)
    attributed = Attributed(
        channels=np.array(named, dtype=np.intp),
        loc=np.array(centre) - np.log(units.all_periods),
        scale=np.full(len(named), hint.deviation),
        weight=hint.weight,
        node_weight=node_weight,
        node_loc=node_loc[named],
        node_scale=node_scale[named],
    )
    return replace(media, attributed=attributed)


def describe(media: Media) -> tuple[Floats, Floats, Floats]:
    """Describe the prior of each log contribution by a sum of normal densities.

    Narrow ones at quantiles of its draws, drawn in so that the variance stays, and a wide one, so
    that the density has no tail thinner than a hint.
    """
    n_channels = len(media.log_share)
    z = draw_media(media, _DESCRIBED, np.random.default_rng(0))
    drawn = np.log(mean_contribution(media, z))
    mean, deviation = drawn.mean(axis=0), drawn.std(axis=0)
    middle = np.quantile(drawn, (np.arange(_KERNELS) + 0.5) / _KERNELS, axis=0).T
    loc = np.empty((n_channels, _KERNELS + 1))
    loc[:, :-1] = mean[:, None] + np.sqrt(1.0 - _WIDTH**2) * (middle - mean[:, None])
    loc[:, -1] = mean
    scale = np.repeat(_WIDTH * deviation[:, None], _KERNELS + 1, axis=1)
    scale[:, -1] = _WIDE * deviation
    weight = np.full(_KERNELS + 1, (1.0 - _BROAD) / _KERNELS)
    weight[-1] = _BROAD
    return weight, loc, scale


def draw_media(media: Media, n_draws: int, rng: np.random.Generator) -> Floats:
    """Draw the parameters of media from the prior, attribution included.

    Parameters
    ----------
    media : Media
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws, media.n_parameters)
        Under a hint, some rows of a larger sample are drawn more than once.
    """
    hint = media.attributed
    n = n_draws if hint is None else _FROM * n_draws
    z = draw_prior((n, media.n_parameters), media.spread_at, media.spread_scale, rng)
    if hint is None:
        return z
    log_weight = hint_density(hint, np.log(mean_contribution(media, z)))[0].sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    # Systematic resampling: as even as the weights allow.
    at = (rng.random() + np.arange(n_draws)) / n_draws
    chosen = np.searchsorted(np.cumsum(weight / weight.sum()), at)
    return np.asarray(z[np.minimum(chosen, n - 1)])
