"""What each channel brought over the fitted periods, and what it returned."""

import numpy as np
import pandas as pd

from mmm.mix.effects.effect import effect_evidence
from mmm.mix.fitted import Fitted
from mmm.mix.inference.diagnostics import identified
from mmm.mix.transforms import Floats

MEDIA = "(media)"


def contribution_draws(model: Fitted) -> tuple[Floats, Floats]:
    """Return contributions over the fitted periods, and their marginal effect, by draw.

    Parameters
    ----------
    model : Fitted

    Returns
    -------
    contribution : ndarray, shape (n_draws, n_channels)
        In units of the outcome; 0 for channels without spend.
    marginal : ndarray, shape (n_draws, n_channels)
        Change of the contribution by a unit more of spend, all periods raised in proportion.
    """
    posterior, active = model.posterior_, model.active_
    contribution = np.zeros((len(posterior.z), len(active)))
    contribution[:, active] = posterior.contribution * model.clock_.n_periods
    marginal = np.zeros_like(contribution)
    spent = model.spend_[active].sum(axis=1)
    marginal[:, active] = contribution[:, active] * posterior.elasticity / spent
    return contribution, marginal


def contribution_frame(model: Fitted, level: float, margin: float) -> pd.DataFrame:
    """Return the frame of `MixModel.contributions`."""
    contribution, marginal = contribution_draws(model)
    spend = model.spend_.sum(axis=1)
    # All channels raised in proportion: each unit more is shared out as spend is.
    total_marginal = marginal @ (spend / spend.sum())
    contribution = np.column_stack([contribution, contribution.sum(axis=1)])
    marginal = np.column_stack([marginal, total_marginal])
    spend = np.append(spend, spend.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        roas = np.where(spend > 0, contribution / spend, np.nan)
        marginal = np.where(spend > 0, marginal, np.nan)
    mean = contribution.mean(axis=0)
    rests_on = identified(
        model.scaled_.problem.media, model.posterior_, model.spend_, model.active_
    )
    shared = rests_on.count("data") * 2 >= len(rests_on)
    effect = effect_evidence(model).probability_of_effect()
    maybe_none = effect < 0.5 * (1.0 + level)
    lower, upper = _interval(contribution, level)
    romi_lower, romi_upper = _interval(margin * roas - 1.0, level)
    marginal_lower, marginal_upper = _interval(margin * marginal - 1.0, level)
    # A curve never reaches 0: where none cannot be excluded, the interval is made to hold it.
    lower[maybe_none] = 0.0
    romi_lower[maybe_none] = np.fmin(romi_lower, -1.0)[maybe_none]
    marginal_lower[maybe_none] = np.fmin(marginal_lower, -1.0)[maybe_none]
    return pd.DataFrame(
        {
            "channel": pd.Series([*model.channels_, MEDIA], dtype="str"),
            "spend": spend,
            "contribution": mean,
            "contribution_lower": lower,
            "contribution_upper": upper,
            "share_of_outcome": mean / model.outcome_.sum(),
            "share_of_media": mean / mean[-1],
            "roas": roas.mean(axis=0),
            "romi": margin * roas.mean(axis=0) - 1.0,
            "romi_lower": romi_lower,
            "romi_upper": romi_upper,
            "marginal_romi": margin * marginal.mean(axis=0) - 1.0,
            "marginal_romi_lower": marginal_lower,
            "marginal_romi_upper": marginal_upper,
            "identified": pd.Series([*rests_on, "data" if shared else "prior"], dtype="str"),
            "probability_of_effect": np.where(spend > 0, effect, np.nan),
        }
    )


def _interval(draws: Floats, level: float) -> tuple[Floats, Floats]:
    tail = 0.5 * (1.0 - level)
    lower, upper = np.quantile(draws, (tail, 1.0 - tail), axis=0)
    return np.asarray(lower), np.asarray(upper)
