"""From columns in their own units to the scaled problem that is sampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmm.errors import ConfigError, InputError
from mmm.mix.families import Adstock, Saturation
from mmm.mix.inference.counts import COUNTS
from mmm.mix.inference.design import Recipe
from mmm.mix.inference.full_vector import as_counts
from mmm.mix.inference.media import Group, Media, group_channels, lagged
from mmm.mix.inference.posterior import Linear, Problem, build_problem
from mmm.mix.inference.stated import Units, state_own, with_hint
from mmm.mix.priors import Priors
from mmm.mix.transforms import Floats, geometric_weights

LIKELIHOODS = ("auto", "normal", "student_t", *COUNTS)
# Prior standard deviations, in units of the standard deviation of the outcome.
_COLUMN_SD = {"trend": 0.4, "season": 0.5, "event": 2.0, "control": 1.0}
_INTERCEPT_SD = 2.0  # of the root mean square of the outcome
_TREND_SPREAD = 0.8  # of the log size of the trend
_RHO = (0.2, 0.4)  # loc and scale of atanh(rho)


@dataclass(frozen=True, eq=False)
class Scaled:
    """A problem without units, and the units.

    Attributes
    ----------
    problem : Problem
    outcome_scale : float
        Root mean square of the outcome; contributions are in multiples of it.
    spend_scale : ndarray, shape (n_channels,)
        Mean spend of the periods with spend.
    before : ndarray, shape (n_channels,)
        Scaled spend taken for each period before the first.
    """

    problem: Problem
    outcome_scale: float
    spend_scale: Floats
    before: Floats


def scale_spend(spend: Floats) -> Floats:
    """Return the mean of what was spent in periods with spend, shape (n_channels,).

    Examples
    --------
    >>> scale_spend(np.array([[0.0, 2.0, 4.0]])).tolist()
    [3.0]
    """
    active = (spend > 0).sum(axis=1)
    return np.asarray(spend.sum(axis=1) / np.maximum(active, 1))


def set_up(
    spend: Floats,
    outcome: Floats,
    design: Floats,
    recipe: Recipe,
    *,
    names: Sequence[str],
    adstocks: Sequence[Adstock],
    saturations: Sequence[Saturation],
    priors: Priors,
    likelihood: str = "auto",
) -> Scaled:
    """Scale the columns and state the prior in these scales.

    Parameters
    ----------
    spend : ndarray, shape (n_channels, n_periods)
        Every channel with some spend.
    outcome : ndarray, shape (n_periods,)
    design : ndarray, shape (n_periods, n_columns)
    recipe : Recipe
        Of the design.
    names : sequence of str
        Of the channels.
    adstocks, saturations : sequence of length n_channels
    priors : Priors
    likelihood : one of LIKELIHOODS

    Returns
    -------
    Scaled

    Raises
    ------
    ConfigError
        If the likelihood is unknown, or the priors name another channel.
    InputError
        If the outcome is 0 throughout, or does not count where the likelihood does.
    """
    if likelihood not in LIKELIHOODS:
        raise ConfigError(f"likelihood is {likelihood!r}; pass one of {', '.join(LIKELIHOODS)}.")
    outcome_scale = float(np.sqrt(np.mean(outcome**2)))
    if not outcome_scale > 0:
        raise InputError("The outcome is 0 in every period; there is nothing to explain.")
    spend_scale, spent = scale_spend(spend), spend.sum(axis=1)
    scaled_spend, scaled = spend / spend_scale[:, None], outcome / outcome_scale
    before = scaled_spend.mean(axis=1) if priors.spend_before == "mean" else np.zeros(len(spend))
    units = Units(names, spent, float(outcome.sum()), outcome_scale, len(outcome))
    groups = group_channels(scaled_spend, before, adstocks, saturations)
    media = with_hint(_media(groups, units, spent / spend.sum(), priors), priors, units)
    column_sd = _column_sd(recipe, float(scaled.std()))
    noise = _guess_noise(scaled, scaled_spend, design, column_sd)
    linear = Linear(
        design=design,
        prior_sd=column_sd / noise,
        trend=recipe.mask("trend"),
        trend_scale=_TREND_SPREAD,
        rho_loc=_RHO[0] if recipe.baseline.noise == "ar1" else 0.0,
        rho_scale=_RHO[1] if recipe.baseline.noise == "ar1" else 0.0,
        shape=2.0,
        rate=2.0 * noise**2,
    )
    problem = build_problem(scaled, media, linear, np.ones((1, len(scaled))))
    if likelihood in COUNTS:
        problem = as_counts(problem, outcome, outcome_scale, likelihood)
    return Scaled(problem, outcome_scale, spend_scale, before)


def _media(groups: tuple[Group, ...], units: Units, share: Floats, priors: Priors) -> Media:
    """Return the prior of media; a channel believed by itself takes its part out of the total."""
    own = state_own(priors, units)
    left = 1.0 if own is None else 1.0 - float(share[own.channels].sum())
    return Media(
        groups=groups,
        log_share=np.log(share),
        spread=priors.channel_spread,
        spread_scale=priors.spread_doubt,
        total_loc=float(np.log(priors.media_share * max(left, 1e-9))),
        total_scale=priors.media_spread,
        own=own,
    )


def _column_sd(recipe: Recipe, spread: float) -> Floats:
    """Return prior standard deviations of the coefficients, shape (n_columns,)."""
    deviation = np.full(len(recipe.columns), _INTERCEPT_SD)
    for kind, multiple in _COLUMN_SD.items():
        deviation[recipe.mask(kind)] = multiple * max(spread, 1e-3)
    return deviation


def _guess_noise(outcome: Floats, spend: Floats, design: Floats, column_sd: Floats) -> float:
    """Guess the noise by ridge regression on the baseline and on plainly transformed spend."""
    weights = geometric_weights(np.array(0.5), min(8, len(outcome)))[0]
    carried = np.einsum("l,clt->ct", weights, lagged(spend, len(weights), spend.mean(axis=1)))
    columns = np.hstack([design, (carried / (1.5 + carried)).T])
    spread = max(float(outcome.std()), 1e-3)
    deviation = np.concatenate([column_sd, np.full(len(spend), spread)])
    gram = columns.T @ columns
    ridge = gram + np.diag((0.5 * spread / deviation) ** 2)
    fitted = columns @ np.linalg.solve(ridge, columns.T @ outcome)
    free = len(outcome) - float(np.trace(np.linalg.solve(ridge, gram)))
    noise = np.sqrt(((outcome - fitted) ** 2).sum() / max(free, 0.2 * len(outcome)))
    return float(max(noise, 0.02 * spread))
