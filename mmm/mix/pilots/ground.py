"""What the model knows that a pilot starts from: beliefs, carry-over, noise, history."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmm.errors import ConfigError, InputError, quoted
from mmm.mix.budget.optimize import current_spend, hidden_bias
from mmm.mix.effects.curves import marginal_response, simulate_response
from mmm.mix.fitted import check_one
from mmm.mix.inference.draws import media_by_period
from mmm.mix.pilots.design import PilotTerms
from mmm.mix.pilots.parts import apart, noise_of, part_of, units_of
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

LEAST_HISTORY = 26  # periods that the noise between regions is read off


@dataclass(frozen=True, eq=False)
class Ground:
    """What the model knows of the channel and of the noise.

    Attributes
    ----------
    index : int
        Of the channel.
    today : ndarray, shape (n_channels,)
        Spend per period.
    kernel : ndarray
        Part of an effect that falls in each period from that of the spend on.
    residual : ndarray, shape (n_history,)
        Outcome less what the model expects; of a hold-out of known regions, one part less the
        other.
    sigma, rho : float
        Noise of a period: standard deviation in units of the outcome, and correlation with the
        next.
    expected, spread, threshold : float
        Of the marginal ROMI, as in `Pilot`.
    """

    index: int
    today: Floats
    kernel: Floats
    residual: Floats
    sigma: float
    rho: float
    expected: float
    spread: float
    threshold: float

    @property
    def distance(self) -> float:
        """Return expected less the threshold."""
        return self.expected - self.threshold


def survey(
    model: "MixModel", channel: str, margin: float, threshold: float | None, terms: PilotTerms
) -> Ground:
    """Gather what a pilot of a channel starts from.

    Parameters
    ----------
    model : MixModel
        Fitted.
    channel : str
    margin : float
    threshold : float or None
        As in `plan_pilot`.
    terms : PilotTerms

    Returns
    -------
    Ground

    Raises
    ------
    ConfigError
        If the channel is unknown or nothing is spent on it, or the model has panels.
    """
    check_one(model)
    if channel not in model.channels_:
        raise ConfigError(
            f"there is no channel {channel!r}; the model has {quoted(model.channels_, 20)}."
        )
    c = model.channels_.index(channel)
    today = current_spend(model, terms.current)
    if not (model.active_[c] and today[c] > 0):
        raise ConfigError(
            f"nothing is spent on {channel!r}, so that there is nothing to change. Pass its level "
            "with PilotTerms(current=...), once the table has some of its spend."
        )
    marginal = margin * marginal_response(model, today) - 1.0
    mean = marginal.mean(axis=0)
    if threshold is None:
        # Where nothing is spent the slope of some curves has no bound, and no money moves there.
        spent = np.asarray(model.active_) & (today > 0)
        spent[c] = False
        others = mean[spent]
        threshold = max(0.0, float(others.max(initial=0.0)))
    hidden = hidden_bias(model, margin, terms.tau)[c]
    sigma, rho = _noise(model)
    return Ground(
        index=c,
        today=today,
        kernel=carry_over(model, c, today),
        residual=residuals(model),
        sigma=sigma,
        rho=rho,
        expected=float(mean[c]),
        spread=math.hypot(float(marginal[:, c].std()), float(hidden)),
        threshold=float(threshold),
    )


def between(model: "MixModel", ground: Ground, terms: PilotTerms) -> tuple[Ground, PilotTerms]:
    """Take the noise of a hold-out from the history of the regions, and the share it changes.

    Raises
    ------
    InputError
        If the regions are no history of the company, or the treated ones are unknown.
    """
    if terms.regions is None:
        return ground, terms
    inside = units_of(terms.regions, terms.treated)
    values = terms.regions.to_numpy(dtype=np.float64)
    if len(values) < LEAST_HISTORY:
        raise InputError(
            f"regions have {len(values)} periods; {LEAST_HISTORY} are needed to read their noise. "
            "Pass more, or none."
        )
    if not np.isfinite(values).all():
        raise InputError("regions have missing or infinite numbers; fill them, with 0 for none.")
    whole, company = float(values.sum(axis=1).mean()), float(model.outcome_.mean())
    if not 0.5 < whole / company < 2.0:
        raise InputError(
            f"regions bring {whole:,.6g} a period and the company {company:,.6g}: they are not the "
            "same outcome. Pass all regions, by the periods and in the unit of the fit."
        )
    gap = apart(values, inside)
    sigma, rho = noise_of(gap)
    known = replace(ground, residual=gap - gap.mean(), sigma=sigma, rho=rho)
    return known, replace(terms, share=part_of(values, inside))


def _noise(model: "MixModel") -> tuple[float, float]:
    """Return standard deviation and correlation of the noise of a period."""
    posterior = model.posterior_
    rho = float(np.clip(posterior.rho.mean(), -0.95, 0.95))
    tails = 1.0 / (1.0 - 2.0 / np.maximum(posterior.freedom, 2.5))  # of Student's t
    return math.sqrt(float((posterior.sigma**2 * tails).mean()) / (1.0 - rho**2)), rho


def residuals(model: "MixModel") -> Floats:
    """Return the outcome less what the model expects, posterior mean.

    Returns
    -------
    ndarray, shape (n_periods,)
        In units of the outcome.
    """
    posterior, scaled = model.posterior_, model.scaled_
    spend = model.spend_[model.active_] / scaled.spend_scale[:, None]
    parts = media_by_period(scaled.problem.media, posterior, spend, scaled.before)
    media = np.sum([part.sum(axis=(0, 1)) for part in parts], axis=0) / len(posterior.z)
    baseline = model.design_ @ posterior.coefficient.mean(axis=0)
    return np.asarray(model.outcome_ - baseline - media)


def carry_over(model: "MixModel", index: int, today: Floats) -> Floats:
    """Return the part of an effect that falls in each period, from that of the spend on.

    Parameters
    ----------
    model : MixModel
        Fitted.
    index : int
        Of the channel.
    today : ndarray, shape (n_channels,)
        Spend per period around which the effect is taken.

    Returns
    -------
    ndarray
        Sums to 1; posterior mean.
    """
    longest = max(group.lags.shape[1] for group in model.scaled_.problem.media.groups)
    steady = np.tile(today, (longest, 1))
    raised = steady.copy()
    raised[0, index] *= 1.001
    effect = simulate_response(model, raised)[:, index] - simulate_response(model, steady)[:, index]
    mean = np.maximum(effect.mean(axis=0)[:longest], 0.0)
    return np.asarray(mean / mean.sum() if mean.sum() > 0 else np.eye(1, longest)[0])
