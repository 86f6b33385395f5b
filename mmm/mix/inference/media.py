"""From parameters to what media brought in each period, and back: the part that is not linear."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.special

from mmm.mix.families import Adstock, Parameter, Saturation, link_all
from mmm.mix.inference.beliefs import Attributed, Own, elasticity, hint_density
from mmm.mix.inference.prior import Positions
from mmm.mix.transforms import Floats


@dataclass(frozen=True, eq=False)
class Group:
    """Channels that share their families, so that they are computed together.

    Attributes
    ----------
    channels : tuple of int
        Positions among all channels.
    adstock, saturation : Adstock, Saturation
        Families.
    lags : ndarray, shape (n_group, n_lags, n_periods)
        Scaled spend, shifted by each lag.
    parameters : tuple of Parameter
        Of one channel: those of the adstock, then those of the saturation.
    first : int
        Position in z of the first parameter of the first channel.
    """

    channels: tuple[int, ...]
    adstock: Adstock
    saturation: Saturation
    lags: Floats
    parameters: tuple[Parameter, ...]
    first: int

    @property
    def stop(self) -> int:
        """Position in z after the last parameter."""
        return self.first + len(self.channels) * len(self.parameters)


@dataclass(frozen=True, eq=False)
class Media:
    """What the media part of the model needs besides its parameters.

    One common total is shared out: contribution_c = total x share_c, log total ~
    N(total_loc, total_scale), share = softmax(log_share + spread z), all per period and in units
    of the scaled outcome. The deviations z are N(0, k^2) with one k for all channels, log k ~
    N(0, spread_scale), integrated out (`mmm.mix.inference.prior`). Channels of `own` stand outside
    the total.

    Attributes
    ----------
    groups : tuple of Group
    log_share : ndarray, shape (n_channels,)
        Logarithm of the shares at the centre of the prior.
    spread, spread_scale : float
        How far the log contribution of a channel lies from them: prior median, and standard
        deviation of its logarithm.
    total_loc, total_scale : float
        Prior of the log total.
    own : Own, optional
        Channels of which something is believed by itself.
    attributed : Attributed, optional
        What attribution hints at.
    """

    groups: tuple[Group, ...]
    log_share: Floats
    spread: float
    spread_scale: float
    total_loc: float
    total_scale: float
    own: Own | None = None
    attributed: Attributed | None = None

    @property
    def n_curve(self) -> int:
        """Number of parameters of adstock and saturation."""
        return self.groups[-1].stop

    @property
    def n_parameters(self) -> int:
        """Number of parameters: curves, shares, total."""
        return self.n_curve + len(self.log_share) + 1

    @property
    def deviations(self) -> slice:
        """Where in z the shares stand."""
        return slice(self.n_curve, self.n_curve + len(self.log_share))

    @property
    def shared(self) -> npt.NDArray[np.intp]:
        """Channels that share the total."""
        every = np.arange(len(self.log_share))
        return every if self.own is None else np.setdiff1d(every, self.own.channels)

    @property
    def spread_at(self) -> Positions:
        """Where in z the deviations stand whose scale is common."""
        return self.deviations if self.own is None else self.n_curve + self.shared


@dataclass(frozen=True, eq=False)
class GroupResponse:
    """Response of one group, with what its gradient needs.

    Attributes
    ----------
    values, slopes : ndarray, shape (n_group, n_draws, n_parameters)
        Parameters, and their derivatives in z.
    weight_slopes : ndarray, shape (n_group, n_draws, n_adstock, n_lags)
    response, by_spend : ndarray, shape (n_group, n_draws, n_periods)
        Saturated spend, and its derivative in adstocked spend.
    by_parameter : tuple of ndarray, shape (n_group, n_draws, n_periods)
    mean : ndarray, shape (n_group, n_draws)
        Mean response over the periods.
    """

    values: Floats
    slopes: Floats
    weight_slopes: Floats
    response: Floats
    by_spend: Floats
    by_parameter: tuple[Floats, ...]
    mean: Floats


@dataclass(frozen=True, eq=False)
class Response:
    """Media by period, with what its gradient needs.

    Attributes
    ----------
    media : ndarray, shape (n_draws, n_periods)
        Sum over channels.
    contribution : ndarray, shape (n_draws, n_channels)
        Mean per period.
    groups : tuple of GroupResponse
    """

    media: Floats
    contribution: Floats
    groups: tuple[GroupResponse, ...]


def lagged(spend: Floats, n_lags: int, before: Floats) -> Floats:
    """Shift spend by 0 to n_lags - 1 periods.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)
    n_lags : int
    before : ndarray, shape (n_channels,)
        Spend of each period before the first.

    Returns
    -------
    ndarray, shape (n_channels, n_lags, n_periods)

    Examples
    --------
    >>> lagged(np.array([[1.0, 2.0, 3.0]]), 2, np.array([0.5]))[0].tolist()
    [[1.0, 2.0, 3.0], [0.5, 1.0, 2.0]]
    """
    n_channels, n_periods = spend.shape
    shifted = np.empty((n_channels, n_lags, n_periods))
    shifted[:] = before[:, None, None]
    for lag in range(min(n_lags, n_periods)):
        shifted[:, lag, lag:] = spend[:, : n_periods - lag]
    return shifted


def group_channels(
    spend: Floats,
    before: Floats,
    adstocks: Sequence[Adstock],
    saturations: Sequence[Saturation],
) -> tuple[Group, ...]:
    """Put channels with equal families together.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)
        Scaled.
    before : ndarray, shape (n_channels,)
        Spend of each period before the first.
    adstocks, saturations : sequence of length n_channels

    Examples
    --------
    >>> from mmm.mix.families import GeometricAdstock, HillSaturation
    >>> spend, before = np.ones((2, 5)), np.zeros(2)
    >>> groups = group_channels(spend, before, [GeometricAdstock()] * 2, [HillSaturation()] * 2)
    >>> groups[0].channels, groups[0].stop
    ((0, 1), 6)
    """
    members: dict[tuple[Adstock, Saturation], list[int]] = {}
    for channel, families in enumerate(zip(adstocks, saturations, strict=True)):
        members.setdefault(families, []).append(channel)
    groups: list[Group] = []
    for (adstock, saturation), channels in members.items():
        groups.append(
            Group(
                channels=tuple(channels),
                adstock=adstock,
                saturation=saturation,
                lags=lagged(
                    spend[channels], min(adstock.max_lag + 1, spend.shape[1]), before[channels]
                ),
                parameters=(*adstock.parameters, *saturation.parameters),
                first=groups[-1].stop if groups else 0,
            )
        )
    return tuple(groups)


def curve_parameters(group: Group, z: Floats) -> tuple[Floats, Floats]:
    """Return the parameters of a group's curves and their derivatives in z.

    Parameters
    ----------
    group : Group
    z : ndarray, shape (n_draws, n_z)

    Returns
    -------
    values, slopes : ndarray, shape (n_group, n_draws, n_parameters)
    """
    own = z[:, group.first : group.stop]
    own = own.reshape(len(z), len(group.channels), len(group.parameters)).swapaxes(0, 1)
    return link_all(group.parameters, own)


def mean_contribution(media: Media, z: Floats) -> Floats:
    """Return the contribution of each channel per period, shape (n_draws, n_channels)."""
    if media.own is not None:
        return _mean_with_own(media, media.own, z)
    logit = media.log_share + media.spread * z[:, media.deviations]
    share = np.exp(logit - logit.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    total = np.exp(media.total_loc + media.total_scale * z[:, media.n_parameters - 1])
    return np.asarray(share * total[:, None])


def _mean_with_own(media: Media, own: Own, z: Floats) -> Floats:
    """Return contributions where some channels stand outside the common total."""
    contribution, shared = np.empty((len(z), len(media.log_share))), media.shared
    if len(shared):
        logit = media.log_share[shared] + media.spread * z[:, media.spread_at]
        total = media.total_loc + media.total_scale * z[:, [media.n_parameters - 1]]
        contribution[:, shared] = np.exp(total + scipy.special.log_softmax(logit, axis=1))
    contribution[:, own.channels] = np.exp(own.loc + own.scale * z[:, media.n_curve + own.channels])
    for channel in own.channels[own.marginal]:
        group = _group_of(media, channel)
        value, _ = _elasticity(group, channel, curve_parameters(group, z)[0])
        contribution[:, channel] /= value
    return contribution


def _group_of(media: Media, channel: int) -> Group:
    return next(group for group in media.groups if channel in group.channels)


def _elasticity(group: Group, channel: int, values: Floats) -> tuple[Floats, Floats]:
    """Return the elasticity of a channel, and derivatives of its logarithm in its parameters."""
    row, n_adstock = group.channels.index(channel), len(group.adstock.parameters)
    own, lags = values[row], group.lags[row]
    weights, weight_slopes = group.adstock.weights(own[:, :n_adstock], lags.shape[0])
    carried = np.matmul(weight_slopes, lags)
    return elasticity(group.saturation, weights @ lags, carried, own[:, n_adstock:])


def hint_of(attributed: Attributed, contribution: Floats) -> tuple[Floats, Floats]:
    """Return the log density that attribution adds, and its gradient.

    Parameters
    ----------
    attributed : Attributed
    contribution : ndarray, shape (n_draws, n_channels)

    Returns
    -------
    density : ndarray, shape (n_draws,)
    by_log_contribution : ndarray, shape (n_draws, n_channels)
    """
    slope = np.zeros_like(contribution)
    ratio, by_log, _ = hint_density(attributed, np.log(contribution))
    slope[:, attributed.channels] = by_log
    return ratio.sum(axis=1), slope


def respond(media: Media, z: Floats) -> Response:
    """Compute media by period.

    Parameters
    ----------
    media : Media
    z : ndarray, shape (n_draws, n_z)
        Parameters, standard normal a priori; only the first `media.n_parameters` are read.

    Returns
    -------
    Response
    """
    contribution = mean_contribution(media, z)
    groups = tuple(_respond_group(group, z) for group in media.groups)
    total = np.zeros((len(z), media.groups[0].lags.shape[-1]))
    for group, part in zip(media.groups, groups, strict=True):
        height = contribution[:, group.channels].T / part.mean
        total += np.matmul(height.T[:, None, :], part.response.swapaxes(0, 1))[:, 0]
    return Response(total, contribution, groups)


def channel_media(media: Media, response: Response) -> Floats:
    """Return media by channel and period, shape (n_draws, n_channels, n_periods).

    Parameters
    ----------
    media : Media
    response : Response
    """
    parts = np.empty((*response.contribution.shape, response.media.shape[1]))
    for group, part in zip(media.groups, response.groups, strict=True):
        channels = list(group.channels)
        height = response.contribution[:, channels].T / part.mean
        parts[:, channels] = (height[..., None] * part.response).swapaxes(0, 1)
    return parts


def _respond_group(group: Group, z: Floats) -> GroupResponse:
    values, slopes = curve_parameters(group, z)
    n_adstock = len(group.adstock.parameters)
    weights, weight_slopes = group.adstock.weights(values[..., :n_adstock], group.lags.shape[1])
    effective = np.matmul(weights, group.lags)
    curve = values[..., None, n_adstock:]
    response, by_spend, by_parameter = group.saturation.curve(effective, curve)
    return GroupResponse(
        values, slopes, weight_slopes, response, by_spend, by_parameter, response.mean(axis=-1)
    )


def pull_back(
    media: Media, response: Response, slope: Floats, bend: Floats | None = None
) -> Floats:
    """Turn a gradient in media by period into one in z.

    Parameters
    ----------
    media : Media
    response : Response
        At the same z.
    slope : ndarray, shape (n_draws, n_periods)
        Gradient in `response.media`.
    bend : ndarray, shape (n_draws, n_channels), optional
        A further gradient in the logarithm of `response.contribution`.

    Returns
    -------
    ndarray, shape (n_draws, media.n_parameters)
    """
    n_draws, n_channels = response.contribution.shape
    gradient = np.empty((n_draws, media.n_parameters))
    by_log = np.zeros((n_draws, n_channels)) if bend is None else bend.copy()
    for group, part in zip(media.groups, response.groups, strict=True):
        inner = np.matmul(part.response.swapaxes(0, 1), slope[:, :, None])[..., 0].T
        height = response.contribution[:, group.channels].T / part.mean
        by_log[:, group.channels] += (height * inner).T
        gradient[:, group.first : group.stop] = _pull_group(group, part, slope, inner, height)
    shared = slice(None) if media.own is None else media.shared
    part_of, pull = response.contribution[:, shared], by_log[:, shared]
    share = part_of / part_of.sum(axis=1, keepdims=True)
    whole = pull.sum(axis=1, keepdims=True)
    gradient[:, media.spread_at] = media.spread * (pull - share * whole)
    gradient[:, -1] = media.total_scale * whole[:, 0]
    if media.own is not None:
        gradient[:, media.n_curve + media.own.channels] = (
            media.own.scale * by_log[:, media.own.channels]
        )
        _pull_marginal(media, media.own, response, by_log, gradient)
    return gradient


def _pull_marginal(
    media: Media, own: Own, response: Response, by_log: Floats, gradient: Floats
) -> None:
    """Add, in place, what curves do to a contribution whose marginal return is believed."""
    for channel in own.channels[own.marginal]:
        at = next(i for i, group in enumerate(media.groups) if channel in group.channels)
        group, part = media.groups[at], response.groups[at]
        row = group.channels.index(channel)
        _, log_slope = _elasticity(group, channel, part.values)
        first = group.first + row * len(group.parameters)
        curve = slice(first, first + len(group.parameters))
        gradient[:, curve] -= by_log[:, [channel]] * log_slope * part.slopes[row]


def _pull_group(
    group: Group, part: GroupResponse, slope: Floats, inner: Floats, height: Floats
) -> Floats:
    """Return the gradient in the curve parameters of a group, shape (n_draws, n_own)."""
    n_periods = slope.shape[1]
    by_value = np.empty_like(part.values)
    # The mean response divides, so that a channel's height stays its contribution.
    by_response = slope - (inner / (part.mean * n_periods))[..., None]
    by_response *= height[..., None]
    n_adstock = part.weight_slopes.shape[-2]
    if n_adstock:
        by_weight = np.matmul(by_response * part.by_spend, group.lags.swapaxes(1, 2))
        by_value[..., :n_adstock] = np.matmul(part.weight_slopes, by_weight[..., None])[..., 0]
    for i, derivative in enumerate(part.by_parameter):
        by_value[..., n_adstock + i] = np.einsum("gnt,gnt->gn", by_response, derivative)
    by_value *= part.slopes
    return by_value.swapaxes(0, 1).reshape(len(slope), -1)
