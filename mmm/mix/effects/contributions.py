"""What each channel brought over the fitted periods, and what it returned."""

import numpy as np
import pandas as pd

from mmm.mix.effects.effect import effect_evidence
from mmm.mix.fitted import Fitted, check_margin, panels_of
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
    n_draws = len(panels_of(model)[0].posterior_.z)
    contribution = np.zeros((n_draws, len(model.channels_)))
    by_spend = np.zeros_like(contribution)
    for panel in panels_of(model):
        posterior, active = panel.posterior_, panel.active_
        own = posterior.contribution * panel.clock_.n_periods
        contribution[:, active] += own
        by_spend[:, active] += own * posterior.elasticity
    spent = spend_by_channel(model)
    return contribution, by_spend / np.where(spent > 0, spent, 1.0)


def spend_by_channel(model: Fitted) -> Floats:
    """Return what was spent over the fitted periods, all panels, shape (n_channels,)."""
    return np.asarray(sum(panel.spend_.sum(axis=1) for panel in panels_of(model)))


def what_it_rests_on(model: Fitted) -> list[str]:
    """Say of each channel what its contribution rests on, in most of it where there are panels.

    Returns
    -------
    list of {"data", "prior", "not identified"}
    """
    n_channels = len(model.channels_)
    weight = {kind: np.zeros(n_channels) for kind in ("not identified", "prior", "data")}
    for panel in panels_of(model):
        media, posterior, active = panel.scaled_.problem.media, panel.posterior_, panel.active_
        size = np.full(n_channels, 1e-9)
        size[active] += posterior.contribution.mean(axis=0) * panel.clock_.n_periods
        for c, kind in enumerate(identified(media, posterior, panel.spend_, active)):
            weight[kind][c] += size[c]
    return [max(weight, key=lambda kind: weight[kind][c]) for c in range(n_channels)]


def contribution_frame(model: Fitted, level: float, margin: float) -> pd.DataFrame:
    """Return the frame of `MixModel.contributions`."""
    check_margin(margin)
    contribution, marginal = contribution_draws(model)
    spend = spend_by_channel(model)
    # All channels raised in proportion: each unit more is shared out as spend is.
    total_marginal = marginal @ (spend / spend.sum())
    contribution = np.column_stack([contribution, contribution.sum(axis=1)])
    marginal = np.column_stack([marginal, total_marginal])
    spend = np.append(spend, spend.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        roas = np.where(spend > 0, contribution / spend, np.nan)
        marginal = np.where(spend > 0, marginal, np.nan)
    mean = contribution.mean(axis=0)
    rests_on = what_it_rests_on(model)
    outcome = sum(panel.outcome_.sum() for panel in panels_of(model))
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
            "share_of_outcome": mean / outcome,
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
