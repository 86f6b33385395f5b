"""Several settings of the model on the same table: which of them forecasts best."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError
from mmm.mix.checks.holdout import rolling_holdout

if TYPE_CHECKING:
    from mmm.mix.model import MixModel


def compare_models(
    models: Mapping[str, "MixModel"],
    X: Any,
    y: Any,
    *,
    periods: int = 13,
    origins: int = 4,
    level: float = 0.9,
) -> pd.DataFrame:
    """Compare models, such as families of carry-over or saturation, by what they had not seen.

    Each is fitted from each origin on what was known then, and judged by the density that it gave
    to the periods after it. Differences are within origins, so that a hard quarter counts alike
    for all. Weeks tell little of curves: keep the default unless another is ahead of it by more
    than twice the error, and look at what both say of media before you believe either.

    Parameters
    ----------
    models : mapping of str to MixModel
        Two or more, by a name of yours; their settings are used, they are not changed.
    X, y
        As for `MixModel.fit`.
    periods, origins
        As for `mmm.mix.rolling_holdout`.
    level : float
        Coverage that the intervals aim at.

    Returns
    -------
    pandas.DataFrame
        One row a model, the best first: model; log_density, mean per period, higher is better;
        behind, how much that is below the best, and behind_error, its standard error over
        origins, missing with one; mape, coverage and width, means over origins, as in `holdout`;
        n_origins.

    Raises
    ------
    ConfigError
        If there are fewer than two models, or too few periods.

    References
    ----------
    Vehtari, Gelman and Gabry 2017, Statistics and Computing 27, 1413-1432: log predictive density.

    Examples
    --------
    >>> from mmm.mix import HillSaturation, MixModel, RootSaturation
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> quick = {"sampler": Sampling(n_warmup=150, n_draws=200), "on_nonconvergence": "warn"}
    >>> models = {"hill": MixModel(**quick), "root": MixModel(saturation=RootSaturation(), **quick)}
    >>> outcome = 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80)
    >>> frame = compare_models(models, spend, outcome, periods=10, origins=1)
    >>> sorted(frame["model"]), frame["behind"][0].item()
    (['hill', 'root'], 0.0)
    """
    if len(models) < 2:
        raise ConfigError(f"There are {len(models)} models to compare; name two or more.")
    told = {}
    for name, model in models.items():
        frame = rolling_holdout(model, X, y, periods, origins, level=level)
        told[name] = frame[frame["method"] == "model"].set_index("n_fitted")
    density = pd.DataFrame({name: frame["log_density"] for name, frame in told.items()})
    best = density.mean().idxmax()
    behind = density[best].to_numpy()[:, None] - density.to_numpy()
    error = behind.std(axis=0, ddof=1) / np.sqrt(origins) if origins > 1 else np.nan
    result = pd.DataFrame(
        {
            "model": pd.Series(list(models), dtype="str"),
            "log_density": density.mean().to_numpy(),
            "behind": behind.mean(axis=0),
            "behind_error": error,
        }
    )
    for figure in ("mape", "coverage", "width"):
        result[figure] = [frame[figure].mean() for frame in told.values()]
    result["n_origins"] = origins
    return result.sort_values("behind", kind="stable", ignore_index=True)
