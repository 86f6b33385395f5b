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
from mmm.mix.table.dates import with_dates
from mmm.mix.table.given import as_pandas
from mmm.mix.transforms import Floats, geometric_weights
from mmm.wording import Finding

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

_RETENTION, _LAGS = 0.5, 13  # of the spend that least squares is given
_NORMAL = 1e6  # degrees of freedom
_FEWEST = 26  # periods of the first of several fits


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
    table, outcome = _in_order(model, X, outcome)
    return _hold_out(model, table, outcome, n_fitted, level)


def _in_order(model: "MixModel", X: Any, outcome: Floats) -> tuple[Any, Floats]:
    """Return the rows by date."""
    X, order = as_pandas(X), np.arange(len(outcome))
    if model.date is not None and isinstance(X, pd.DataFrame) and model.date in X:
        X = with_dates(X, model.date)
        order = np.argsort(X[model.date].to_numpy(), kind="stable")
    return X.iloc[order] if isinstance(X, pd.DataFrame) else np.asarray(X)[order], outcome[order]


def _hold_out(
    model: "MixModel", table: Any, outcome: Floats, n_fitted: int, level: float
) -> pd.DataFrame:
    """Fit on the first rows and judge the forecasts of the others."""
    known, came = outcome[:n_fitted], outcome[n_fitted:]
    fitted = type(model)(**model.get_params(deep=False)).fit(table[:n_fitted], known)
    forecasts = {
        "model": _by_model(fitted, table, came, level),
        "least squares": _by_least_squares(fitted, table, came, level),
        "last year": last_year(known, came, round(YEAR / fitted.clock_.period_days), level),
    }
    return pd.DataFrame([_judged(name, one, came) for name, one in forecasts.items()]).astype(
        {"method": "str"}
    )


def rolling_holdout(
    model: "MixModel",
    X: Any,
    y: Any,
    periods: int = 13,
    origins: int = 4,
    *,
    step: int | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Fit and forecast from several points in time, each time on what was known then.

    One stretch held out may be lucky. From each origin the model is fitted anew on all that came
    before, and the `periods` after it are forecast, as `holdout` does for the last ones.

    Parameters
    ----------
    model : MixModel
        Its settings are used; it is not changed, and need not be fitted.
    X, y
        As for `MixModel.fit`.
    periods : int
        Forecast from each origin.
    origins : int
        The last one leaves `periods` to the end.
    step : int, optional
        Periods from one origin to the next; `periods` by default, so that no two forecasts
        overlap.
    level : float
        Coverage that the intervals aim at.

    Returns
    -------
    pandas.DataFrame
        The rows of `holdout` for each origin, the first origin first, and before its columns
        n_fitted, the number of periods known. `summarise_holdout` puts them together.

    Raises
    ------
    ConfigError
        If not at least 1 period and 1 origin are asked for, or the first leaves too few periods.

    References
    ----------
    Hyndman and Athanasopoulos 2021, Forecasting: principles and practice, 3rd edition, section
    5.10 (rolling forecasting origin).
    """
    level, step = check_level(level), periods if step is None else step
    outcome = np.asarray(y, dtype=np.float64).ravel()
    if min(periods, origins, step) < 1:
        raise ConfigError(
            f"periods is {periods}, origins {origins} and step {step}; pass 1 or more of each."
        )
    known = [len(outcome) - periods - k * step for k in range(origins)][::-1]
    if known[0] < max(_FEWEST, periods):
        raise ConfigError(
            f"{origins} origins of {periods} periods leave {known[0]} of {len(outcome)} periods to "
            f"the first fit; keep at least {max(_FEWEST, periods)}, with fewer origins or a "
            "smaller step."
        )
    table, outcome = _in_order(model, X, outcome)
    frames = []
    for n_fitted in known:
        until = n_fitted + periods
        frame = _hold_out(model, table[:until], outcome[:until], n_fitted, level)
        frame.insert(0, "n_fitted", n_fitted)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def summarise_holdout(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the forecasts from several origins together, one row a method.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `rolling_holdout`.

    Returns
    -------
    pandas.DataFrame
        method; log_density, mape, coverage and width, means over the origins; behind, mean log
        density a period by which the method is behind the model, below 0 where it is ahead, and
        behind_error, its standard error over origins, missing with one; nearer, origins at which
        the model has the smaller mape; n_origins.

    Examples
    --------
    >>> frame = pd.DataFrame({"n_fitted": [50, 50, 60, 60], "method": ["model", "last year"] * 2,
    ...     "log_density": [-1.0, -2.0, -1.0, -3.0], "mape": [0.1, 0.2, 0.3, 0.2],
    ...     "coverage": 0.9, "width": 5.0, "n_periods": 10})
    >>> told = summarise_holdout(frame).set_index("method").loc["last year"]
    >>> told["behind"].item(), int(told["nearer"]), int(told["n_origins"])
    (1.5, 1, 2)
    """
    figures = ["log_density", "mape", "coverage", "width"]
    by_origin = {name: frame.pivot(index="n_fitted", columns="method", values=name) for name in
                 ("log_density", "mape")}  # fmt: skip
    density, error = by_origin["log_density"], by_origin["mape"]
    methods = list(dict.fromkeys(frame["method"]))
    behind = density[["model"]].to_numpy() - density[methods].to_numpy()
    n = len(behind)
    result = frame.groupby("method", sort=False)[figures].mean().loc[methods].reset_index()
    result["behind"] = behind.mean(axis=0)
    spread = behind.std(axis=0, ddof=1) if n > 1 else np.full(len(methods), np.nan)
    result["behind_error"] = spread / np.sqrt(n)
    nearer = error[["model"]].to_numpy() < error[methods].to_numpy()
    result["nearer"] = nearer.sum(axis=0)
    result["n_origins"] = n
    return result


def holdout_findings(frame: pd.DataFrame) -> list[Finding]:
    """Say how well the model forecasts what it had not seen, beside methods that need none.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `rolling_holdout`, or of `holdout`.

    Returns
    -------
    list of Finding
        One a method beside the model, whose error the model beats or not.
    """
    if "n_fitted" not in frame:
        frame = frame.assign(n_fitted=0)
    rows = summarise_holdout(frame).to_dict("records")
    own = next(row for row in rows if row["method"] == "model")
    return [
        Finding(
            "mixholdout.nearer" if own["mape"] < row["mape"] else "mixholdout.farther",
            own["mape"],
            facts={
                "rival": row["method"].replace(" ", "_"),
                "other": row["mape"],
                "nearer": row["nearer"],
                "origins": row["n_origins"],
            },
        )
        for row in rows
        if row["method"] != "model"
    ]


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
