"""Before the fit: how large a channel must be for these weeks to show it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.special

from mmm.errors import ConfigError, check_level
from mmm.mix.checks.learning import names_with_spend
from mmm.mix.effects.contributions import MEDIA
from mmm.mix.inference.media import channel_media, respond
from mmm.mix.inference.posterior import Problem, innovations, noise_correlation, trend_size
from mmm.mix.inference.stated import draw_media
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_DRAWS = 200


def visibility_check(
    model: "MixModel", X: Any, y: Any, *, level: float = 0.9, power: float = 0.8
) -> pd.DataFrame:
    """Say how large a channel must be for these periods to show that it has an effect.

    Spend that hardly moves, moves with that of others or with the season, or is lost in the noise
    shows nothing however long one looks. The curves and the other channels are as believed before
    the fit, the noise is what a plain regression leaves; of what the channel itself brings nothing
    is believed. A normal approximation: it plans, it does not judge a fit.

    Parameters
    ----------
    model : MixModel
        Its settings are used; it is not changed, and need not be fitted.
    X, y
        As for `MixModel.fit`.
    level : float
        Of the interval that has to leave out 0.
    power : float
        Chance at which it should.

    Returns
    -------
    pandas.DataFrame
        One row a channel with spend, and a last one, "(media)", for all, shares as believed:
        channel; expected, median contribution believed; smallest_shown, the contribution that is
        shown with the chance `power`, and share_of_outcome, the same over the outcome; chance that
        a contribution as believed is shown; shown, whether that is `power` at least. Over all
        periods, in units of the outcome; smallest_shown is infinite where no size would do.

    Raises
    ------
    ConfigError
        If the model has panels; ask it of one of them.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> rng = np.random.default_rng(0)
    >>> flights = rng.gamma(1.0, 50.0, 150) * (rng.random(150) < 0.5)
    >>> spend = np.column_stack([flights, rng.normal(100.0, 1.0, 150)])
    >>> frame = visibility_check(MixModel(), spend, 900 + 3 * flights + rng.normal(0, 30, 150))
    >>> frame["shown"].tolist()
    [True, False, True]
    """
    level, power = check_level(level), check_level(power)
    if model.panel is not None:
        raise ConfigError("The model has panels; check one with panel=None, and its rows alone.")
    one = type(model)(**model.get_params(deep=False))
    one.set_up(X, y)
    problem, rng = one.scaled_.problem, np.random.default_rng(0)
    z = np.zeros((_DRAWS, problem.n_parameters))
    n_media = problem.media.n_parameters
    z[:, :n_media] = draw_media(problem.media, _DRAWS, rng)
    z[:, n_media : n_media + 2] = rng.standard_normal((_DRAWS, 2))
    brought, error = _errors(problem, z)
    reach = scipy.special.ndtri(0.5 * (1.0 + level))
    unit = one.scaled_.outcome_scale * one.clock_.n_periods
    smallest = unit * (reach + scipy.special.ndtri(power)) * np.median(error, axis=0)
    chance = scipy.special.ndtr(brought / error - reach).mean(axis=0)
    return pd.DataFrame(
        {
            "channel": pd.Series([*names_with_spend(one), MEDIA], dtype="str"),
            "expected": unit * np.median(brought, axis=0),
            "smallest_shown": smallest,
            "share_of_outcome": smallest / abs(float(one.outcome_.sum())),
            "chance": chance,
            "shown": chance >= power,
        }
    )


def _errors(problem: Problem, z: Floats) -> tuple[Floats, Floats]:
    """Return contributions per period believed, and their standard errors, last of all media.

    Returns
    -------
    brought, error : ndarray, shape (n_draws, n_channels + 1)
    """
    response, linear = respond(problem.media, z), problem.linear
    brought = np.column_stack([response.contribution, response.contribution.sum(axis=1)])
    # A course of each channel that brings 1 a period, and of all media.
    parts = channel_media(problem.media, response)
    course = np.concatenate([parts, response.media[:, None]], axis=1) / brought[..., None]
    counted = problem.counts is not None
    rho = np.zeros((len(z), 1)) if counted else noise_correlation(problem, z)
    precision = np.exp(-2.0 * trend_size(linear, z[:, problem.media.n_parameters]))
    precision = precision / linear.prior_sd**2
    noise = linear.rate / linear.shape
    believed = noise / response.contribution.var(axis=0)
    known = np.empty_like(brought)  # precision, in units of that of the noise
    for d in range(len(z)):
        moved = innovations(course[d], rho[d])
        base = innovations(linear.design.T, rho[d])
        inner = np.linalg.solve(base @ base.T + np.diag(precision[d]), base @ moved.T)
        told = moved @ moved.T - (moved @ base.T) @ inner
        known[d, :-1] = _alone(told[:-1, :-1], believed)
        known[d, -1] = told[-1, -1]
    with np.errstate(divide="ignore"):
        return brought, np.sqrt(noise / np.maximum(known, 0.0))


def _alone(told: Floats, believed: Floats) -> Floats:
    """Return what is told of each channel alone, the others being as believed, shape as `believed`.

    Parameters
    ----------
    told : ndarray, shape (n_channels, n_channels)
        Information of the outcome.
    believed : ndarray, shape (n_channels,)
        Of the prior; that of the channel itself is left out.
    """
    both = told + np.diag(believed)
    return np.asarray(1.0 / np.diagonal(np.linalg.inv(both)) - believed)
