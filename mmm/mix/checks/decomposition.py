"""What each fitted period consists of: without media, by channel, and what is left over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import check_level
from mmm.mix.fitted import check_one
from mmm.mix.inference.draws import bent, blocks_of, draw_outcome, media_by_period
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_MONTH = (28.0, 31.5)  # days


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The fitted periods, taken apart at the posterior mean.

    Attributes
    ----------
    channels : tuple of str
    date : ndarray of datetime64[D] or int, shape (n_periods,)
        First days; the numbers of the periods where the fit had no dates.
    outcome : ndarray, shape (n_periods,)
        Observed.
    fitted, lower, upper : ndarray, shape (n_periods,)
        Expected outcome, and the interval that a new observation of the period would lie in.
    baseline : ndarray, shape (n_periods,)
        Expected without media.
    media : ndarray, shape (n_channels, n_periods)
        Contribution of each channel, in units of the outcome.
    residual : ndarray, shape (n_periods,)
        Observed less expected.
    innovation : ndarray, shape (n_periods - 1,)
        Residual less what the residual before tells of it.
    level : float
    """

    channels: tuple[str, ...]
    date: npt.NDArray[Any]
    outcome: Floats
    fitted: Floats
    lower: Floats
    upper: Floats
    baseline: Floats
    media: Floats
    residual: Floats
    innovation: Floats
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row a period.

        Returns
        -------
        pandas.DataFrame
            Columns date, outcome, fitted, lower, upper, residual, baseline, and one a channel.
            Baseline and channels add up to fitted.
        """
        own = ("date", "outcome", "fitted", "lower", "upper", "residual", "baseline")
        frame = pd.DataFrame({name: getattr(self, name) for name in own})
        parts = pd.DataFrame(self.media.T, columns=pd.Index(self.channels, dtype="str"))
        return pd.concat([frame, parts], axis=1)

    def plot(self, outcome: str = "outcome") -> "npt.NDArray[np.object_]":
        """Draw the outcome with the interval of the model, and below what it consists of.

        Parameters
        ----------
        outcome : str
            Its name, for the labels.

        Returns
        -------
        ndarray of matplotlib.axes.Axes, shape (2,)
        """
        from mmm.mix.plots import plot_fit

        own = ("date", "outcome", "fitted", "lower", "upper", "baseline")
        frame = pd.DataFrame({name: getattr(self, name) for name in own})
        # Channels by position: one of them may be called as another column is.
        parts = pd.DataFrame(dict(enumerate(self.media)))
        return plot_fit(
            pd.concat([frame, parts], axis=1),
            dict(enumerate(self.channels)),
            level=self.level,
            outcome=outcome,
        )

    def plot_residuals(self) -> "npt.NDArray[np.object_]":
        """Draw what is left over by period, and whether one period tells of the next.

        Returns
        -------
        ndarray of matplotlib.axes.Axes, shape (2,)
        """
        from mmm.mix.plots import plot_residuals

        return plot_residuals(self.date, self.residual, self.innovation)


def decompose(model: "MixModel", level: float = 0.9) -> Decomposition:
    """Take the fitted periods apart.

    Parameters
    ----------
    model : MixModel
        Fitted.
    level : float
        Coverage of the interval of a new observation, noise included.

    Returns
    -------
    Decomposition

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (60, 1))
    >>> quick = Sampling(n_warmup=200, n_draws=300)
    >>> model = MixModel(sampler=quick, on_nonconvergence="warn")
    >>> parts = decompose(model.fit(spend, 900 + 3 * spend[:, 0] + rng.normal(0, 30, 60)))
    >>> bool(np.allclose(parts.baseline + parts.media.sum(axis=0), parts.fitted))
    True
    """
    check_one(model)
    tail = 0.5 * (1.0 - check_level(level))
    posterior, (expected, media) = model.posterior_, fitted_draws(model)
    residual = model.outcome_ - expected
    news = residual[:, 1:] - posterior.rho[:, None] * residual[:, :-1]
    rng = np.random.default_rng(model.seed)
    lower, upper = np.quantile(draw_outcome(posterior, expected, rng), (tail, 1 - tail), axis=0)
    return Decomposition(
        channels=model.channels_,
        date=_dates(model),
        outcome=model.outcome_,
        fitted=expected.mean(axis=0),
        lower=lower,
        upper=upper,
        baseline=expected.mean(axis=0) - media.sum(axis=0),
        media=media,
        residual=residual.mean(axis=0),
        innovation=news.mean(axis=0),
        level=level,
    )


def fitted_draws(model: "MixModel") -> tuple[Floats, Floats]:
    """Return what is expected of the fitted periods, by draw, and what media bring on average.

    Parameters
    ----------
    model : MixModel
        Fitted, without panels.

    Returns
    -------
    expected : ndarray, shape (n_draws, n_periods)
    media : ndarray, shape (n_channels, n_periods)
        In units of the outcome.
    """
    posterior, active = model.posterior_, model.active_
    expected = posterior.coefficient @ model.design_.T
    media = np.zeros((len(active), model.clock_.n_periods))
    scaled = model.spend_[active] / model.scaled_.spend_scale[:, None]
    parts = media_by_period(model.scaled_.problem.media, posterior, scaled, model.scaled_.before)
    for rows, part in zip(blocks_of(len(expected)), parts, strict=True):
        expected[rows] += part.sum(axis=1)
        media[active] += part.sum(axis=0) / len(expected)
    return bent(model.scaled_, expected), media


def _dates(model: "MixModel") -> npt.NDArray[Any]:
    clock = model.clock_
    position = np.arange(clock.n_periods)
    if clock.first is None:
        return position + (clock.offset or 0)
    if _MONTH[0] < clock.period_days < _MONTH[1]:
        within = clock.first - clock.first.astype("datetime64[M]").astype("datetime64[D]")
        months = clock.first.astype("datetime64[M]") + position
        return np.asarray(months.astype("datetime64[D]") + within)
    days = np.round(clock.period_days * position).astype("timedelta64[D]")
    return np.asarray(clock.first + days)
