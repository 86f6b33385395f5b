"""After the fit: outcomes drawn from the model, held against the one that came."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmm.errors import check_level
from mmm.mix.checks.decomposition import fitted_draws
from mmm.mix.fitted import check_fitted
from mmm.mix.inference.draws import Posterior, draw_outcome
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

# From outcomes and what is expected of them, shapes (n_draws, n_periods), to one figure a draw.
_FIGURES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "spread": lambda y, _: np.asarray(y.std(axis=1)),
    "smallest": lambda y, _: np.asarray(y.min(axis=1)),
    "largest": lambda y, _: np.asarray(y.max(axis=1)),
    "periods of none": lambda y, _: np.asarray((y == 0).mean(axis=1)),
    "step from period to period": lambda y, _: np.asarray(np.abs(np.diff(y, axis=1)).mean(axis=1)),
    "farthest from expected": lambda y, mean: np.asarray(np.abs(y - mean).max(axis=1)),
    "tie to the period before": lambda y, mean: _tie(y - mean),
}


def predictive_check(model: "MixModel", level: float = 0.9) -> pd.DataFrame:
    """Draw the fitted periods anew from the model, and see whether the real ones stand out.

    A model whose own outcomes look unlike the real ones leaves something out: heavy tails show in
    what is farthest from expected, lasting shocks in the tie to the period before, a wrong
    likelihood in the smallest and in periods of none. Of seven figures, one stands out by chance
    now and then. A model that passes may still split media wrongly.

    Parameters
    ----------
    model : MixModel
        Fitted.
    level : float
        Coverage of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a figure, with a column panel before the others where there are panels: figure;
        observed, that of the outcome that came; lower and upper, where it lies in outcomes of the
        model; probability that the model draws a larger one; as_expected, whether it is neither
        nearly 0 nor nearly 1 at this level. The last two figures are of what is left after what a
        draw expects, so that observed is a mean over draws.

    References
    ----------
    Gelman, Meng and Stern 1996, Statistica Sinica 6, 733-807.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> quick = Sampling(n_warmup=150, n_draws=200)
    >>> model = MixModel(sampler=quick, on_nonconvergence="warn")
    >>> _ = model.fit(spend, 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80))
    >>> bool(predictive_check(model, level=0.98)["as_expected"].all())
    True
    """
    check_fitted(model)
    tail = 0.5 * (1.0 - check_level(level))
    panels = getattr(model, "panels_", None)
    if not panels:
        return _checked(model, tail)
    frames = []
    for name, one in panels.items():
        frames.append(_checked(one, tail))
        frames[-1].insert(0, "panel", pd.Series([name] * len(frames[-1]), dtype="str"))
    return pd.concat(frames, ignore_index=True)


def _checked(model: "MixModel", tail: float) -> pd.DataFrame:
    expected, _ = fitted_draws(model)
    drawn = draw_periods(model.posterior_, expected, np.random.default_rng(model.seed))
    rows = []
    for name, figure in _FIGURES.items():
        new = figure(drawn, expected)
        came = figure(np.broadcast_to(model.outcome_, drawn.shape), expected)
        larger = float((new > came).mean() + 0.5 * (new == came).mean())
        lower, upper = np.quantile(new, (tail, 1.0 - tail))
        rows.append((name, came.mean(), lower, upper, larger, tail <= larger <= 1.0 - tail))
    names = ["figure", "observed", "lower", "upper", "probability", "as_expected"]
    return pd.DataFrame(rows, columns=names).astype({"figure": "str"})


def draw_periods(posterior: Posterior, expected: Floats, rng: np.random.Generator) -> Floats:
    """Draw outcomes of consecutive periods, whose noise lasts from one to the next.

    Parameters
    ----------
    posterior : Posterior
    expected : ndarray, shape (n_draws, n_periods)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_draws, n_periods)
    """
    if posterior.dispersion is not None:
        return draw_outcome(posterior, expected, rng)
    freedom = np.minimum(posterior.freedom, 1e6)[:, None]
    noise = rng.standard_normal(expected.shape) * posterior.sigma[:, None]
    noise /= np.sqrt(rng.chisquare(freedom, expected.shape) / freedom)
    noise[:, 0] /= np.sqrt(1.0 - posterior.rho**2)
    for t in range(1, noise.shape[1]):
        noise[:, t] += posterior.rho * noise[:, t - 1]
    return np.asarray(expected + noise)


def _tie(left: Floats) -> Floats:
    """Return the correlation of what is left with that of the period before, (n_draws,)."""
    left = left - left.mean(axis=1, keepdims=True)
    return np.asarray((left[:, 1:] * left[:, :-1]).sum(axis=1) / (left**2).sum(axis=1))
