"""What is believed of each channel before the data, and what the data added to it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, check_level
from mmm.mix.effects.contributions import MEDIA
from mmm.mix.fitted import check_one
from mmm.mix.inference.diagnostics import contraction
from mmm.mix.inference.draws import media_of
from mmm.mix.inference.stated import draw_media
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_DRAWS = 4000
MEASURES = ("contribution", "romi", "marginal_romi")


def prior_check(
    model: "MixModel", X: Any, y: Any, *, level: float = 0.9, margin: float | None = None
) -> pd.DataFrame:
    """Say what the settings of a model believe of each channel, before any fit.

    Parameters
    ----------
    model : MixModel
        Its settings are used; it is not changed, and need not be fitted.
    X, y
        As for `MixModel.fit`. Of the outcome only the sum and the scale are used.
    level : float
        Probability of the intervals.
    margin : float, optional
        Part of the outcome that is margin; that of the priors by default.

    Returns
    -------
    pandas.DataFrame
        One row a channel with spend, and a last one, "(media)", for all: channel; stated, the kind
        of what was stated of the channel ("contribution", "romi", "marginal_romi",
        "attribution"), "" where nothing was; and medians of contribution (over all periods, in
        units of the outcome), share_of_outcome, romi and marginal_romi, each with _lower and
        _upper. Draw it with `mmm.mix.plots.plot_prior`.

    Raises
    ------
    ConfigError
        If the model has panels; ask it of one of them.

    Examples
    --------
    >>> from mmm.mix import MixModel, Priors
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 2))
    >>> model = MixModel(priors=Priors(romi={"x0": (-0.5, 1.0)}))
    >>> frame = prior_check(model, spend, 900 + 3 * spend[:, 0])
    >>> bool(abs(frame["romi_lower"][0] + 0.5) < 0.1 and abs(frame["romi_upper"][0] - 1.0) < 0.1)
    True
    """
    tail = 0.5 * (1.0 - check_level(level))
    if model.panel is not None:
        raise ConfigError("The model has panels; check one with panel=None, and its rows alone.")
    one = type(model)(**model.get_params(deep=False))
    one.set_up(X, y)
    priors = one.priors
    margin = margin or (1.0 if priors is None else priors.margin)
    z = draw_media(one.scaled_.problem.media, _DRAWS, np.random.default_rng(0))
    contribution, _, elasticity, _ = media_of(one.scaled_, z)
    contribution = contribution * one.clock_.n_periods
    spend = one.spend_[one.active_].sum(axis=1)
    names = names_with_spend(one)
    figures = {
        "contribution": _with_sum(contribution),
        "share_of_outcome": _with_sum(contribution) / float(one.outcome_.sum()),
    }
    figures |= _returns(contribution, elasticity, spend, margin)
    columns: dict[str, object] = {
        "channel": pd.Series([*names, MEDIA], dtype="str"),
        "stated": pd.Series([*(_stated(one, name) for name in names), ""], dtype="str"),
    }
    for name, draws in figures.items():
        lower, middle, upper = np.quantile(draws, (tail, 0.5, 1.0 - tail), axis=0)
        columns |= {name: middle, f"{name}_lower": lower, f"{name}_upper": upper}
    return pd.DataFrame(columns)


def names_with_spend(model: "MixModel") -> list[str]:
    """Return the channels that the posterior is of."""
    return [name for name, on in zip(model.channels_, model.active_, strict=True) if on]


def _stated(model: "MixModel", name: str) -> str:
    if model.priors is None:
        return ""
    interval = model.priors.intervals().get(name)
    hint = model.priors.attribution
    if interval is not None:
        return interval[0]
    return "attribution" if hint is not None and hint.share.get(name, 0.0) > 0 else ""


def _with_sum(draws: Floats) -> Floats:
    return np.column_stack([draws, draws.sum(axis=1)])


def _returns(
    contribution: Floats, elasticity: Floats, spend: Floats, margin: float
) -> dict[str, Floats]:
    """Return both returns of each channel, and last of all together, as `contributions` does."""
    whole = np.append(spend, spend.sum())
    return {
        "romi": margin * _with_sum(contribution) / whole - 1.0,
        "marginal_romi": margin * _with_sum(contribution * elasticity) / whole - 1.0,
    }


def prior_and_posterior(
    model: "MixModel", level: float = 0.9, *, measure: str = "contribution", margin: float = 1.0
) -> pd.DataFrame:
    """Put the prior and the posterior of each channel side by side.

    Parameters
    ----------
    model : MixModel
        Fitted.
    level : float
        Coverage of the intervals.
    measure : {"contribution", "romi", "marginal_romi"}
    margin : float
        Part of the outcome that is margin, for returns.

    Returns
    -------
    pandas.DataFrame
        One row a channel with spend: channel; prior and posterior (medians, of the contribution
        over the fitted periods in units of the outcome, of returns in money for money), each with
        _lower and _upper; contraction, the part of the prior's variance of the log contribution
        that the data took away, 0-1.
    """
    check_one(model)
    if measure not in MEASURES:
        raise ConfigError(f"measure is {measure!r}; pass one of {', '.join(MEASURES)}.")
    tail = 0.5 * (1.0 - check_level(level))
    media, posterior = model.scaled_.problem.media, model.posterior_
    z = draw_media(media, _DRAWS, np.random.default_rng(0))
    contribution, _, elasticity, _ = media_of(model.scaled_, z)
    spend = model.spend_[model.active_].sum(axis=1)
    columns: dict[str, object] = {"channel": pd.Series(names_with_spend(model), dtype="str")}
    for kind, brought, bend in (
        ("prior", contribution, elasticity),
        ("posterior", posterior.contribution, posterior.elasticity),
    ):
        total = brought * model.clock_.n_periods
        drawn = {"contribution": total, **_returns(total, bend, spend, margin)}
        lower, middle, upper = np.quantile(
            drawn[measure][:, : len(spend)], (tail, 0.5, 1.0 - tail), axis=0
        )
        columns |= {kind: middle, f"{kind}_lower": lower, f"{kind}_upper": upper}
    columns["contraction"] = contraction(media, posterior)
    return pd.DataFrame(columns)
