"""What attribution says of each channel beside what the data say, and how far it is trusted."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, check_level
from mmm.mix.checks.learning import names_with_spend
from mmm.mix.fitted import check_one
from mmm.mix.inference.beliefs import hint_density
from mmm.mix.inference.media import mean_contribution
from mmm.mix.inference.stated import draw_media
from mmm.mix.transforms import Floats
from mmm.wording import Finding

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

BASELINE = "(baseline)"
_DISAGREES = 2.0  # standard errors
_DRAWS = 4000
_FEWEST = 100.0  # draws that the answer without attribution may rest on


def compare_attribution(model: "MixModel", level: float = 0.9) -> pd.DataFrame:
    """Put what attribution says beside what the data say, in units of the outcome.

    What the data say without the hint is read off the same draws, weighted by what the hint took
    from each; no second fit is made. Attribution hands out all of the outcome that has a touch,
    media are a part of the outcome: hence the row of the baseline, what is left.

    Parameters
    ----------
    model : MixModel
        Fitted with ``Priors(attribution=...)``.
    level : float
        Coverage of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a channel with spend, and a last one, "(baseline)": channel; medians over all
        periods, with _lower and _upper, of attribution (the hint alone), prior (the hint or not),
        data (without the hint) and both; trust, the probability that the hint of this channel is
        right; z, of attribution against the data, on the log scale; agrees, where z is within 2.
        Missing where there is no hint, and data where too few draws speak without it.

    Raises
    ------
    ConfigError
        If the model was fitted without attribution.

    References
    ----------
    Schmidli, Gsteiger, Roychoudhury, O'Hagan, Spiegelhalter and Neuenschwander 2014, Robust
    meta-analytic-predictive priors in clinical trials with historical control information,
    Biometrics 70(4), 1023-1032 (a mixture with a vague part, and its posterior weight).
    """
    check_one(model)
    media, posterior = model.scaled_.problem.media, model.posterior_
    hint = media.attributed
    if hint is None:
        raise ConfigError(
            "The model has no attribution; fit it with priors=Priors(attribution="
            "AttributionPrior(...))."
        )
    level, unit = check_level(level), model.scaled_.outcome_scale * model.clock_.n_periods
    brought = posterior.contribution * model.clock_.n_periods
    log_ratio, _, trust = hint_density(hint, np.log(brought / unit))
    weight = np.exp(-(log_ratio.sum(axis=1) - log_ratio.sum(axis=1).min()))
    weight /= weight.sum()
    rng = np.random.default_rng(0)
    hinted = np.full((_DRAWS, brought.shape[1]), np.nan)
    hinted[:, hint.channels] = unit * rng.lognormal(hint.loc, hint.scale, (_DRAWS, len(hint.loc)))
    prior = unit * mean_contribution(media, draw_media(media, _DRAWS, rng))
    outcome = float(model.outcome_.sum())
    enough = float(1.0 / (weight**2).sum()) >= _FEWEST
    columns: dict[str, object] = {
        "channel": pd.Series([*names_with_spend(model), BASELINE], dtype="str")
    }
    for name, draws, each in (
        ("attribution", hinted, None),
        ("prior", prior, None),
        ("data", brought if enough else np.full_like(brought, np.nan), weight),
        ("both", brought, None),
    ):
        columns |= _summary(name, _with_rest(draws, outcome), each, level)
    columns["trust"] = _placed(trust.mean(axis=0), hint.channels, brought.shape[1] + 1)
    apart = _apart(np.log(brought[:, hint.channels] / unit), weight, hint.loc, hint.scale)
    columns["z"] = _placed(apart if enough else np.nan * apart, hint.channels, brought.shape[1] + 1)
    frame = pd.DataFrame(columns)
    frame["agrees"] = (frame["z"].abs() <= _DISAGREES) | frame["z"].isna()
    return frame


def _with_rest(draws: Floats, outcome: float) -> Floats:
    """Add what is left of the outcome, shape (n_draws, n_channels + 1)."""
    return np.column_stack([draws, outcome - np.nansum(draws, axis=1)])


def _summary(name: str, draws: Floats, weight: Floats | None, level: float) -> dict[str, Floats]:
    at = 0.5 * np.array([1.0 - level, 1.0, 1.0 + level])
    if weight is None:
        found = np.quantile(draws, at, axis=0)
    else:
        order = np.argsort(draws, axis=0)
        below = np.cumsum(weight[order], axis=0)
        rows = np.array([[np.searchsorted(c, p) for c in below.T] for p in at])
        sorted_draws = np.take_along_axis(draws, order, axis=0)
        found = np.take_along_axis(sorted_draws, np.minimum(rows, len(draws) - 1), axis=0)
    return {f"{name}_lower": found[0], name: found[1], f"{name}_upper": found[2]}


def _placed(values: Floats, channels: npt.NDArray[np.intp], n: int) -> Floats:
    placed = np.full(n, np.nan)
    placed[channels] = values
    return placed


def _apart(log_contribution: Floats, weight: Floats, loc: Floats, scale: Floats) -> Floats:
    mean = weight @ log_contribution
    variance = weight @ (log_contribution - mean) ** 2
    return np.asarray((loc - mean) / np.sqrt(scale**2 + variance))


def attribution_findings(
    model: "MixModel", *, currency: str = "EUR", level: float = 0.9
) -> list[Finding]:
    """Say of which channels attribution and the mix disagree, and on which not to move.

    Parameters
    ----------
    model : MixModel
        As for `compare_attribution`.
    currency : str
        Three letters, of the outcome.
    level : float

    Returns
    -------
    list of Finding
        One a channel where the two disagree.
    """
    frame = compare_attribution(model, level)
    return [
        Finding(
            "mixprior.more" if row["z"] > 0 else "mixprior.less",
            row["attribution"],
            facts={
                "channel": row["channel"],
                "data": row["data"],
                "lower": row["data_lower"],
                "upper": row["data_upper"],
                "trust": row["trust"],
                "level": level,
                "currency": currency,
            },
        )
        for row in frame[~frame["agrees"]].to_dict("records")
    ]
