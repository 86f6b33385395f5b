"""What the answers of a mix model are made from, whoever fitted it."""

import math
from numbers import Real
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mmm.errors import ConfigError, quoted
from mmm.mix.inference.draws import Posterior
from mmm.mix.inference.problem import Scaled
from mmm.mix.table.inputs import Clock
from mmm.mix.transforms import Floats


class Fitted(Protocol):
    """A fitted mix model, as curves and contributions read it.

    Attributes
    ----------
    channels_ : tuple of str
    spend_ : ndarray, shape (n_channels, n_periods)
        In units of spend.
    outcome_ : ndarray, shape (n_periods,)
    active_ : ndarray of bool, shape (n_channels,)
        Channels with spend.
    clock_ : Clock
    scaled_ : Scaled
    posterior_ : Posterior
        Of the active channels.
    """

    channels_: tuple[str, ...]
    spend_: Floats
    outcome_: Floats
    active_: npt.NDArray[np.bool_]
    clock_: Clock
    scaled_: Scaled
    posterior_: Posterior


def panels_of(model: Fitted) -> tuple[Fitted, ...]:
    """Return the fits of the panels, of the same joint draws; the model itself without panels."""
    return tuple(getattr(model, "panels_", {}).values()) or (model,)


def check_fitted(model: object) -> None:
    """Raise where neither a model nor its panels are fitted.

    Raises
    ------
    ConfigError
    """
    if not (hasattr(model, "posterior_") or getattr(model, "panels_", None)):
        raise ConfigError("The model is not fitted; call fit first.")


def check_margin(margin: object) -> None:
    """Raise where `margin` is no part of the outcome, nor money a deal.

    Raises
    ------
    ConfigError
        If it is not above 0.

    Examples
    --------
    >>> check_margin(0)
    Traceback (most recent call last):
    mmm.errors.ConfigError: margin is 0. Pass the margin as a share of the outcome.
    """
    if not (isinstance(margin, Real) and 0 < float(margin) < math.inf):
        raise ConfigError(f"margin is {margin!r}. Pass the margin as a share of the outcome.")


def check_one(model: object) -> None:
    """Raise where a model is not fitted, or has panels, of which each has its own answer.

    Raises
    ------
    ConfigError
    """
    panels = getattr(model, "panels_", None)
    if panels:
        raise ConfigError(
            f"The model has the panels {quoted(panels)}; ask each of them, such as "
            f"model.panels_[{next(iter(panels))!r}]."
        )
    check_fitted(model)
