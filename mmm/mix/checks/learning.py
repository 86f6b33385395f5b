"""What the data added to what was assumed of each channel."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmm.errors import check_level
from mmm.mix.fitted import check_one
from mmm.mix.inference.diagnostics import contraction
from mmm.mix.inference.media import draw_prior, mean_contribution

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_DRAWS = 4000


def prior_and_posterior(model: "MixModel", level: float = 0.9) -> pd.DataFrame:
    """Put the prior and the posterior of each channel's contribution side by side.

    Parameters
    ----------
    model : MixModel
        Fitted.
    level : float
        Coverage of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a channel with spend: channel; prior and posterior (medians of the contribution
        over the fitted periods, in units of the outcome), each with _lower and _upper;
        contraction, the part of the prior's variance on the log scale that the data took away,
        0-1.
    """
    check_one(model)
    tail = 0.5 * (1.0 - check_level(level))
    media = model.scaled_.problem.media
    rng = np.random.default_rng(0)
    shape = (_DRAWS, media.n_parameters)
    z = draw_prior(shape, media.deviations, media.spread_scale, rng)
    drawn = mean_contribution(media, z)
    periods = model.clock_.n_periods
    names = [name for name, on in zip(model.channels_, model.active_, strict=True) if on]
    columns: dict[str, object] = {"channel": pd.Series(names, dtype="str")}
    for kind, draws in (
        ("prior", drawn * model.scaled_.outcome_scale * periods),
        ("posterior", model.posterior_.contribution * periods),
    ):
        lower, middle, upper = np.quantile(draws, (tail, 0.5, 1.0 - tail), axis=0)
        columns |= {kind: middle, f"{kind}_lower": lower, f"{kind}_upper": upper}
    columns["contraction"] = contraction(media, model.posterior_)
    return pd.DataFrame(columns)
