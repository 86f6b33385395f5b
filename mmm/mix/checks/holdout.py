"""Held-out periods: the model against least squares and against last year."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.special
import scipy.stats

from mmm.errors import ConfigError, check_level
from mmm.mix.inference.counts import log_mass_each
from mmm.mix.inference.design import YEAR, build_design, learn_recipe
from mmm.mix.inference.draws import Posterior
from mmm.mix.inference.media import lagged
from mmm.mix.transforms import Floats, geometric_weights

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_RETENTION, _LAGS = 0.5, 13  # of the spend that least squares is given
_NORMAL = 1e6  # degrees of freedom


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a method said of the held-out periods.

    Attributes
    ----------
    centre, lower, upper : ndarray, shape (n_held,)
        In units of the outcome.
    log_density : ndarray, shape (n_held,)
        Of the outcome that came, period by period.
    """

    centre: Floats
    lower: Floats
    upper: Floats
    log_density: Floats


def holdout(
    model: "MixModel", X: Any, y: Any, periods: int = 13, level: float = 0.9
) -> pd.DataFrame:
    """Fit on all but the last periods, and forecast these, spend and controls known.

    Beside the model stand two that need none: least squares on spend carried over with a retention
    of 0.5, linear trend, and the seasons, events and controls of the model; and the outcome of a
    year before (of the last period, where there is no year). A model that forecasts no better than
    these has found little. One that forecasts well may still split media wrongly: only a test
    speaks of cause.

    Parameters
    ----------
    model : MixModel
        Its settings are used; it is not changed, and need not be fitted.
    X, y
        As for `MixModel.fit`.
    periods : int
        Held out, at the end.
    level : float
        Coverage that the intervals aim at.

    Returns
    -------
    pandas.DataFrame
        One row a method ("model", "least squares", "last year"): log_density, mean per period,
        higher is better; mape, mean absolute error over the outcome, 0.1 is 10%, of periods whose
        outcome is not 0; coverage, part of the periods within the interval; width, mean, in units
        of the outcome; n_periods.

    Raises
    ------
    ConfigError
        If not at least 1 period is held out and 3 are left.

    References
    ----------
    Hyndman and Athanasopoulos 2021, Forecasting: principles and practice, 3rd edition, chapter 5
    (training and test sets, seasonal naive method).

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> quick = Sampling(n_warmup=150, n_draws=200)
    >>> model = MixModel(sampler=quick, on_nonconvergence="warn")
    >>> frame = holdout(model, spend, 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80))
    >>> frame["method"].tolist()
    ['model', 'least squares', 'last year']
    """
    level = check_level(level)
    outcome = np.asarray(y, dtype=np.float64).ravel()
    n_fitted = len(outcome) - periods
    if periods < 1 or n_fitted < 3:
        raise ConfigError(
            f"{periods} of {len(outcome)} periods cannot be held out; hold out at least 1, and "
            "keep at least 3."
        )
    order = np.arange(len(outcome))
    if model.date is not None and isinstance(X, pd.DataFrame) and model.date in X:
        order = np.argsort(pd.to_datetime(X[model.date]).to_numpy(), kind="stable")
    table = X.iloc[order] if isinstance(X, pd.DataFrame) else np.asarray(X)[order]
    known, came = outcome[order[:n_fitted]], outcome[order[n_fitted:]]
    fitted = type(model)(**model.get_params(deep=False)).fit(table[:n_fitted], known)
    forecasts = {
        "model": _by_model(fitted, table, came, level),
        "least squares": _by_least_squares(fitted, table, came, level),
        "last year": last_year(known, came, round(YEAR / fitted.clock_.period_days), level),
    }
    return pd.DataFrame([_judged(name, one, came) for name, one in forecasts.items()]).astype(
        {"method": "str"}
    )


def _judged(name: str, forecast: Forecast, came: Floats) -> dict[str, object]:
    some = came != 0
    error = np.abs(forecast.centre - came)[some] / np.abs(came[some])
    return {
        "method": name,
        "log_density": float(forecast.log_density.mean()),
        "mape": float(error.mean()) if some.any() else float("nan"),
        "coverage": float(((forecast.lower <= came) & (came <= forecast.upper)).mean()),
        "width": float((forecast.upper - forecast.lower).mean()),
        "n_periods": len(came),
    }


def _by_model(model: "MixModel", table: Any, came: Floats, level: float) -> Forecast:
    held = slice(len(table) - len(came), None)
    expected = model.predict_draws(table)[:, held]
    lower, upper = model.predict_interval(table, level)
    each = _log_density(model.posterior_, expected, came)
    density = scipy.special.logsumexp(each, axis=0) - np.log(len(each))
    return Forecast(expected.mean(axis=0), lower[held], upper[held], density)


def _log_density(posterior: Posterior, expected: Floats, came: Floats) -> Floats:
    """Return the log density, of counts the probability, under each draw."""
    if posterior.dispersion is not None:
        return log_mass_each(came, expected, posterior.dispersion[:, None])
    ahead, rho = 1.0 + np.arange(len(came)), posterior.rho[:, None]
    # Noise that was known at the last fitted period is forgotten step by step.
    spread = np.sqrt((1.0 - rho ** (2.0 * ahead)) / (1.0 - rho**2)) * posterior.sigma[:, None]
    freedom = np.minimum(posterior.freedom, _NORMAL)[:, None]
    return np.asarray(scipy.stats.t.logpdf(came, freedom, expected, spread))


def _by_least_squares(model: "MixModel", table: Any, came: Floats, level: float) -> Forecast:
    roles, axis = model.read_roles(table)
    n_fitted = len(table) - len(came)
    days = model.clock_.period_days * axis.position.astype(np.float64)
    baseline = replace(model.recipe_.baseline, trend="linear")
    controls = roles.controls
    recipe = learn_recipe(baseline, days[:n_fitted], controls[:n_fitted], model.controls_)
    columns = build_design(recipe, days, axis.dates, controls)
    spend = roles.spend.T
    columns = np.hstack([columns, carried_over(spend, spend[:, :n_fitted].mean(axis=1)).T])
    return least_squares(columns[:n_fitted], model.outcome_, columns[n_fitted:], came, level)


def carried_over(spend: Floats, before: Floats) -> Floats:
    """Return spend carried over with a retention of 0.5, shape (n_channels, n_periods).

    Examples
    --------
    >>> carried_over(np.array([[8.0, 0.0, 0.0]]), np.zeros(1)).round(1).tolist()
    [[4.0, 2.0, 1.0]]
    """
    weights = geometric_weights(np.array(_RETENTION), _LAGS)[0]
    return np.asarray(np.einsum("l,clt->ct", weights, lagged(spend, _LAGS, before)))


def least_squares(
    columns: Floats, outcome: Floats, later: Floats, came: Floats, level: float
) -> Forecast:
    """Forecast by ordinary least squares, with the error of the coefficients.

    Parameters
    ----------
    columns : ndarray, shape (n_fitted, n_columns)
    outcome : ndarray, shape (n_fitted,)
    later : ndarray, shape (n_held, n_columns)
    came : ndarray, shape (n_held,)
    level : float

    Returns
    -------
    Forecast
        Without interval and density, NaN, where there are no more periods than columns.
    """
    from statsmodels.regression.linear_model import OLS

    # Of one size, so that a column of millions does not count as dependent on others.
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    found = OLS(outcome, columns / scale).fit()
    centre = np.asarray(found.predict(later / scale), dtype=np.float64)
    if found.df_resid < 1:
        nothing = np.full(len(came), np.nan)
        return Forecast(centre, nothing, nothing, nothing)
    told = found.get_prediction(later / scale)
    error = np.sqrt(told.var_pred_mean + found.scale)
    reach = scipy.stats.t.ppf(0.5 * (1.0 + level), found.df_resid) * error
    density = np.asarray(scipy.stats.t.logpdf(came, found.df_resid, centre, error))
    return Forecast(centre, centre - reach, centre + reach, density)


def last_year(known: Floats, came: Floats, n_year: int, level: float) -> Forecast:
    """Forecast what was a year before, or the last period where there is no year.

    The error is that of the same forecast within what is known, taken as normal.

    Parameters
    ----------
    known : ndarray, shape (n_fitted,)
    came : ndarray, shape (n_held,)
    n_year : int
        Periods of a year.
    level : float

    Examples
    --------
    >>> last_year(np.array([1.0, 5.0, 2.0, 6.0]), np.array([3.0, 7.0, 3.0]), 2, 0.9).centre.tolist()
    [2.0, 6.0, 2.0]
    """
    back = n_year if len(known) > n_year else 1
    centre = known[len(known) - back + np.arange(len(came)) % back]
    steps = known[back:] - known[:-back]
    spread = max(float(np.sqrt(np.mean(steps**2))), 1e-12 * float(np.abs(known).max()), 1e-300)
    reach = scipy.stats.norm.ppf(0.5 * (1.0 + level)) * spread
    density = np.asarray(scipy.stats.norm.logpdf(came, centre, spread))
    return Forecast(centre, centre - reach, centre + reach, density)
