"""What spend would bring: steady response, response of a plan, and curves by channel."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, check_level
from mmm.mix.company import largest_seen, panel_share
from mmm.mix.fitted import Fitted, check_fitted, check_margin, panels_of
from mmm.mix.inference.draws import media_by_period, steady_media
from mmm.mix.transforms import Floats
from mmm.showing import Shown, as_text

_GRID = 41
_REACH = 2.0  # of the largest spend of a period


@dataclass(frozen=True, eq=False, repr=False)
class ResponseCurves(Shown):
    """Outcome per period of constant spend.

    Attributes
    ----------
    channels : tuple of str
    spend : ndarray, shape (n_channels, n_grid)
        Per period, from 0, in units of spend.
    response : ndarray, shape (n_draws, n_channels, n_grid)
        Outcome per period once carry-over is complete, in units of the outcome.
    marginal_romi : ndarray, shape (n_draws, n_channels, n_grid)
        margin x change of the response by a unit of spend, minus 1; 0 at break-even.
    margin : float
        Part of the outcome that is margin.
    current : ndarray, shape (n_channels,)
        Mean spend per fitted period.
    largest : ndarray, shape (n_channels,)
        Largest spend of a fitted period; beyond it the curve is extrapolated.
    """

    channels: tuple[str, ...]
    spend: Floats
    response: Floats
    marginal_romi: Floats
    margin: float
    current: Floats
    largest: Floats

    def __repr__(self) -> str:
        table = self._small_table()
        known = table["marginal_romi"].to_numpy()
        kind = f"ResponseCurves: {len(self.channels)} channels, {self.response.shape[0]:,} draws"
        if not np.isfinite(known).any():
            return as_text("No channel has spend to learn from.", table, kind)
        best = table["channel"].iloc[int(np.nanargmax(known))]
        sentence = f"The next unit of spend returns most in {best}: marginal ROMI"
        return as_text(f"{sentence} {np.nanmax(known):+.2f} at today's spend.", table, kind)

    def _small_table(self) -> pd.DataFrame:
        """Return the mean spend and what the next unit returns there, one row a channel."""
        mean = self.marginal_romi.mean(axis=0)
        pairs = zip(self.current, self.spend, mean, strict=True)
        at_current = [float(np.interp(now, grid, romi)) for now, grid, romi in pairs]
        return pd.DataFrame(
            {
                "channel": pd.Series(self.channels, dtype="str"),
                "current": self.current,
                "largest": self.largest,
                "marginal_romi": at_current,
            }
        )

    def to_frame(self, level: float = 0.9) -> pd.DataFrame:
        """Return the curves as rows.

        Parameters
        ----------
        level : float
            Coverage of the intervals.

        Returns
        -------
        pandas.DataFrame
            Columns channel, spend, response, response_lower, response_upper, marginal_romi,
            marginal_romi_lower, marginal_romi_upper (missing where nothing is spent: some curves
            have no finite slope there), extrapolated.
        """
        tail = 0.5 * (1.0 - check_level(level))
        columns: dict[str, object] = {
            "channel": pd.Series(np.repeat(self.channels, self.spend.shape[1]), dtype="str"),
            "spend": self.spend.ravel(),
        }
        slope = np.where(self.spend > 0, self.marginal_romi, np.nan)
        for name, draws in (("response", self.response), ("marginal_romi", slope)):
            lower, upper = np.quantile(draws, (tail, 1.0 - tail), axis=0)
            columns[name] = draws.mean(axis=0).ravel()
            columns[f"{name}_lower"], columns[f"{name}_upper"] = lower.ravel(), upper.ravel()
        columns["extrapolated"] = (self.spend > self.largest[:, None]).ravel()
        return pd.DataFrame(columns)

    def plot(
        self,
        level: float = 0.9,
        outcome: str = "outcome",
        current: Floats | None = None,
    ) -> "npt.NDArray[np.object_]":
        """Draw each curve with its interval and a spend marked, dashed where extrapolated.

        Parameters
        ----------
        level : float
            Coverage of the intervals.
        outcome : str
            Its name, for the labels.
        current : ndarray, shape (n_channels,), optional
            Today's spend per period, such as that of a `BudgetPlan`; the mean of the fitted
            periods is marked without it.

        Returns
        -------
        ndarray of matplotlib.axes.Axes, shape (n_channels,)
        """
        from mmm.mix.plots import plot_curves

        spend = self.current if current is None else current
        marked = "mean so far" if current is None else "today"
        frame = self.to_frame(level)
        return plot_curves(frame, spend, level=level, outcome=outcome, marked=marked)


def steady_response(model: Fitted, spend: Floats) -> Floats:
    """Return the outcome per period of constant spend, carry-over complete, by draw.

    Of panels it is their sum, each with its part of today's spend of a channel
    (`mmm.mix.company.panel_share`).

    Parameters
    ----------
    model : Fitted
    spend : ndarray, shape (n_channels,) or (n_plans, n_channels)
        Per period, in units of spend.

    Returns
    -------
    ndarray, shape (n_draws, n_channels) or (n_draws, n_plans, n_channels)
        In units of the outcome; 0 for channels without spend in the fit.

    Raises
    ------
    ConfigError
        If the number of channels differs, or spend is negative or missing.
    """
    plans = _check_spend(model, np.asarray(spend, dtype=np.float64))
    response, _ = _steady(model, np.atleast_2d(plans).T)
    ordered = response.swapaxes(1, 2)
    return ordered if plans.ndim == 2 else ordered[:, 0]


def marginal_response(model: Fitted, spend: Floats) -> Floats:
    """Return the change of `steady_response` by a unit more of each channel's spend.

    Parameters
    ----------
    model : Fitted
    spend : ndarray, shape (n_channels,) or (n_plans, n_channels)

    Returns
    -------
    ndarray, of the shape of `steady_response`
        In units of the outcome over units of spend.
    """
    plans = _check_spend(model, np.asarray(spend, dtype=np.float64))
    _, slope = _steady(model, np.atleast_2d(plans).T)
    ordered = slope.swapaxes(1, 2)
    return ordered if plans.ndim == 2 else ordered[:, 0]


def simulate_response(model: Fitted, future_spend: Floats) -> Floats:
    """Return what media bring in the periods after the fit, and after the plan ends, by draw.

    Carry-over comes in from the fitted periods. In the tail after the plan nothing is spent, and
    what is carried over still works. Of panels it is their sum, as of `steady_response`.

    Parameters
    ----------
    model : Fitted
    future_spend : ndarray, shape (n_periods, n_channels)
        In units of spend.

    Returns
    -------
    ndarray, shape (n_draws, n_channels, n_periods + tail)
        In units of the outcome; the tail is as long as the longest carry-over.

    Raises
    ------
    ConfigError
        If the number of channels differs, or spend is negative or missing.
    """
    plan = _check_spend(model, np.asarray(future_spend, dtype=np.float64))
    if plan.ndim != 2:
        raise ConfigError("future_spend has one dimension; pass one row a period.")
    share = panel_share(model)
    parts = [
        _simulate(panel, plan * own) for panel, own in zip(panels_of(model), share, strict=True)
    ]
    longest = max(part.shape[-1] for part in parts)
    result = np.zeros((*parts[0].shape[:-1], longest))
    for part in parts:
        result[..., : part.shape[-1]] += part
    return result


def _simulate(model: Fitted, plan: Floats) -> Floats:
    """Return what the plan of one panel brings, as `simulate_response`."""
    media, active = model.scaled_.problem.media, model.active_
    tail = max(group.lags.shape[1] for group in media.groups) - 1
    memory = min(tail, model.clock_.n_periods)
    before = model.spend_[:, model.clock_.n_periods - memory :]
    after = np.zeros((len(active), tail))
    spend = np.hstack([before, plan.T, after])[active] / model.scaled_.spend_scale[:, None]
    result = np.zeros((len(model.posterior_.z), len(active), len(plan) + tail))
    parts = media_by_period(media, model.posterior_, spend, model.scaled_.before)
    result[:, active] = np.concatenate([part[:, :, memory:] for part in parts])
    return result


def response_curves(model: Fitted, margin: float = 1.0) -> ResponseCurves:
    """Return the curves of all channels, from no spend to twice the largest of a period.

    Parameters
    ----------
    model : Fitted
    margin : float

    Returns
    -------
    ResponseCurves

    Raises
    ------
    ConfigError
        If `margin` is not above 0.
    """
    check_fitted(model)
    check_margin(margin)
    current, largest = model.spend_.mean(axis=1), largest_seen(model)
    spend = np.maximum(largest, current)[:, None] * np.linspace(0.0, _REACH, _GRID)
    response, slope = _steady(model, spend)
    return ResponseCurves(
        channels=model.channels_,
        spend=spend,
        response=response,
        marginal_romi=margin * slope - 1.0,
        margin=margin,
        current=current,
        largest=largest,
    )


def _steady(model: Fitted, spend: Floats) -> tuple[Floats, Floats]:
    """Return response and slope, shape (n_draws, n_channels, n_levels), of spend by channel."""
    shape = (len(panels_of(model)[0].posterior_.z), *spend.shape)
    response, slope = np.zeros(shape), np.zeros(shape)
    for panel, share in zip(panels_of(model), panel_share(model), strict=True):
        active, own = panel.active_, share[panel.active_, None]
        scale = panel.scaled_.spend_scale[:, None]
        found, by_scaled = steady_media(
            panel.scaled_.problem.media, panel.posterior_, own * spend[active] / scale
        )
        response[:, active] += found
        # A slope at no spend may have no bound; a panel without a part adds none.
        slope[:, active] += np.multiply(own, by_scaled / scale, where=own > 0, out=0.0 * found)
    return response, slope


def _check_spend(model: Fitted, spend: Floats) -> Floats:
    check_fitted(model)
    n_channels = len(model.channels_)
    if spend.ndim not in (1, 2) or spend.shape[-1] != n_channels:
        raise ConfigError(
            f"The spend has shape {spend.shape}; pass one number for each of the {n_channels} "
            "channels in its last dimension."
        )
    if not (np.isfinite(spend).all() and (spend >= 0).all()):
        raise ConfigError("The spend has negative or missing numbers; pass 0 and above.")
    return spend
