"""What a finished pilot showed: a lift with its error, and whether the same reading errs elsewhere.

Regions or accounts whose spend was changed are held against the others, before and during the
pilot (difference in differences, or a weighted mix of the others that follows them best). A pilot
of the whole company in flights is read against its own ups and downs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from scipy.special import ndtri

from mmm.errors import ConfigError, InputError, check_level
from mmm.mix.budget.certainty import learned_tau
from mmm.mix.budget.optimize import hidden_bias
from mmm.mix.calibration import LiftTest, place_tests
from mmm.mix.fitted import check_one
from mmm.mix.inference.draws import blocks_of
from mmm.mix.inference.lifts import predicted_lifts
from mmm.mix.inference.media import respond
from mmm.mix.pilots.design import drift
from mmm.mix.pilots.parts import Flags, part_of, units_of
from mmm.mix.transforms import Floats
from mmm.wording import Finding

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

Method = Literal["difference", "synthetic"]
_LEAST_BEFORE = 8
_ENOUGH_PLACEBOS = 5
_Z = 1.959964
_DEFAULT_TAU = 0.4  # of the scale of a return, as `learned_tau` has it


@dataclass(frozen=True, eq=False)
class Reading:
    """A finished pilot, read.

    Attributes
    ----------
    test : LiftTest
        Its standard error is that of the regression, or the scatter of the placebos in time where
        that is larger.
    method : {"difference", "synthetic", "flighting"}
    level : float
    regression_error : float
        Standard error of the lift by the regression alone.
    placebos : ndarray, shape (n_windows,)
        Lifts read off windows of the same length before the pilot, where nothing was tested.
    elsewhere : ndarray, shape (n_units,)
        Lifts per unit read off each unchanged unit during the pilot; empty in flighting.
    elsewhere_share : float
        Part of the units, the treated ones counted as one, with an effect as large per unit; NaN
        where there are none.
    trend_before : float
        z-value of the slope of the difference before the pilot; about 0 where both sides went
        alike.
    notes : tuple of str
    """

    test: LiftTest
    method: str
    level: float
    regression_error: float
    placebos: Floats
    elsewhere: Floats
    elsewhere_share: float
    trend_before: float
    notes: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of the lift at `level`."""
        reach = float(ndtri(0.5 + 0.5 * self.level)) * self.test.standard_error
        return self.test.lift - reach, self.test.lift + reach

    def findings(self, currency: str) -> tuple[Finding, ...]:
        """Say what the pilot showed, and whether the sides went apart before it."""
        lower, upper = self.interval
        facts = {
            "channel": self.test.channel,
            "lift": self.test.lift,
            "lower": lower,
            "upper": upper,
            "spend": self.test.spend_change,
            "level": self.level,
            "currency": currency,
        }
        key = "pilot.showed" if lower > 0 or upper < 0 else "pilot.showed_nothing"
        found = [Finding(key, self.test.lift, facts=facts)]
        if abs(self.trend_before) > _Z:
            found.append(Finding("pilot.apart_before", self.trend_before, facts=facts))
        return tuple(found)


def read_holdout(
    outcome: pd.DataFrame,
    channel: str,
    *,
    treated: Sequence[str],
    start: object,
    end: object,
    spend_change: float,
    method: Method = "difference",
    part: float | None = None,
    level: float = 0.9,
) -> Reading:
    """Read a pilot that changed the spend of some units and left the others as they were.

    Parameters
    ----------
    outcome : pandas.DataFrame
        One row a period in order, one column a region or account; numbers.
    channel : str
    treated : sequence of str
        Columns whose spend was changed.
    start, end : label of the index
        First and last period of the pilot; later ones are left out.
    spend_change : float
        Spend of the treated units less what it would have been, over the pilot, in money.
    method : {"difference", "synthetic"}
        Compare with the mean of the other units, less the difference before; or with the weighted
        mix of them that follows the treated best before.
    part : float, optional
        Part of the market, by its usual spend on the channel, that the treated units are; their
        part of the outcome before the pilot by default.
    level : float

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        If units or periods are unknown, numbers are missing, or there are too few of either.
    ConfigError
        If the method is unknown or nothing was changed.

    References
    ----------
    Abadie, Diamond and Hainmueller 2010, Synthetic control methods for comparative case studies,
    JASA 105(490), 493-505.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> regions = pd.DataFrame(rng.normal(100, 2, (40, 6)), columns=list("abcdef"))
    >>> regions.loc[30:, ["a", "b"]] -= 10
    >>> read = read_holdout(regions, "Fairs", treated=["a", "b"], start=30, end=39,
    ...     spend_change=-100.0)
    >>> round(read.test.lift, -1)
    -200.0
    """
    level = check_level(level)
    if method not in ("difference", "synthetic"):
        raise ConfigError(f"method is {method!r}. Pass 'difference' or 'synthetic'.")
    values, first, n = _window(outcome, start, end)
    inside = units_of(outcome, treated)
    reach = float(inside.sum())

    def effect(data: Floats, units: Flags, at: int, size: int) -> tuple[float, float]:
        gap = _gap(data[: at + size], units, at, method)
        return _step(gap, at)

    change, error = effect(values, inside, first, n)
    starts = range(_LEAST_BEFORE, first - n + 1)
    before = np.array([effect(values, inside, at, n)[0] for at in starts])
    controls = np.flatnonzero(~inside)
    elsewhere = np.array([])
    if len(controls) >= 3:
        untouched = values[:, controls]
        eye = np.eye(len(controls), dtype=bool)
        elsewhere = np.array([effect(untouched, unit, first, n)[0] for unit in eye])
    scale = n * reach
    test = LiftTest(
        channel,
        str(start),
        str(end),
        float(spend_change),
        change * scale,
        _at_least(error, before) * scale,
        part_of(values[:first], inside) if part is None else part,
    )
    share = (1 + np.sum(np.abs(elsewhere) >= abs(change))) / (1 + len(elsewhere))
    return Reading(
        test=test,
        method=method,
        level=level,
        regression_error=error * scale,
        placebos=before * scale,
        elsewhere=elsewhere * n,
        elsewhere_share=float(share) if len(elsewhere) else float("nan"),
        trend_before=_slope_z(_gap(values[: first + n], inside, first, method)[:first]),
        notes=_notes(before, elsewhere),
    )


def read_flighting(
    outcome: pd.Series,
    channel: str,
    *,
    exposure: Floats,
    start: object,
    end: object,
    spend_change: float,
    level: float = 0.9,
) -> Reading:
    """Read a pilot in flights of the whole company against its own ups and downs.

    Parameters
    ----------
    outcome : pandas.Series
        One number a period, in order. Level, trend and bend are taken out; a season that turns
        within the pilot is not: subtract `MixModel.predict` at steady spend first.
    channel : str
    exposure : ndarray, shape (n_periods,)
        Change of effective spend in each period of the pilot, as `Pilot.exposure` has it.
    start, end : label of the index
        First and last period of the pilot.
    spend_change : float
        What the periods up spent above those down, in money.
    level : float

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        If periods are unknown, or numbers are missing.
    ConfigError
        If the exposure is not one number a period.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> swing = np.tile([50.0, 50.0, -50.0, -50.0], 4)
    >>> sales = pd.Series(np.append(rng.normal(900, 9, 30), 900 + 2 * swing + rng.normal(0, 9, 16)))
    >>> read = read_flighting(sales, "Search", exposure=swing, start=30, end=45, spend_change=800.0)
    >>> round(read.test.roas)
    2
    """
    level = check_level(level)
    values, first, n = _window(outcome.to_frame(), start, end)
    swing = np.asarray(exposure, dtype=np.float64)
    if swing.shape != (n,):
        raise ConfigError(
            f"exposure has shape {swing.shape} and the pilot {n} periods. Pass one number a period."
        )
    series = values[:, 0]
    beside = np.column_stack([swing, drift(n)])
    change, error = _coefficient(series[first : first + n], beside)
    before = np.array([_coefficient(series[at : at + n], beside)[0] for at in range(first - n + 1)])
    size = abs(float(spend_change))
    test = LiftTest(
        channel,
        str(start),
        str(end),
        size,
        change * size,
        _at_least(error, before) * size,
    )
    return Reading(
        test=test,
        method="flighting",
        level=level,
        regression_error=error * size,
        placebos=before * size,
        elsewhere=np.array([]),
        elsewhere_share=float("nan"),
        trend_before=0.0,
        notes=_notes(before, None),
    )


def tau_from_tests(model: "MixModel", tests: Sequence[LiftTest], margin: float = 1.0) -> float:
    """Learn the hidden bias of returns from what tests showed against what the model says.

    Parameters
    ----------
    model : MixModel
        Fitted without these tests, on a table that holds their periods.
    tests : sequence of LiftTest
    margin : float

    Returns
    -------
    float
        Standard deviation of the bias of a return, for `optimize_budget(tau=...)`; without tests
        what that takes by itself.

    Raises
    ------
    ConfigError
        If a test names a channel or periods that the model does not have.
    """
    check_one(model)
    scale = float(hidden_bias(model, margin, None)[0]) / _DEFAULT_TAU
    if not tests:
        return learned_tau(np.array([]), np.array([]), scale)
    names = [name for name, on in zip(model.channels_, model.active_, strict=True) if on]
    spend = model.spend_[model.active_]
    terms = place_tests(tests, model.scaled_, spend, names, model.clock_)
    media, z = model.scaled_.problem.media, model.posterior_.z
    lifts = [predicted_lifts(media, terms, respond(media, z[rows])) for rows in blocks_of(len(z))]
    change = np.array([test.spend_change for test in tests])
    believed = margin * model.scaled_.outcome_scale * np.concatenate(lifts) / change
    gaps = believed.mean(axis=0) - margin * np.array([test.roas for test in tests])
    found = margin * np.array([test.roas_error for test in tests])
    return learned_tau(gaps, np.hypot(believed.std(axis=0), found), scale)


def _window(outcome: pd.DataFrame, start: object, end: object) -> tuple[Floats, int, int]:
    """Return the numbers, the row of the first period of the pilot, and its length."""
    labels = [str(label) for label in outcome.index]
    dates = [label[:10] for label in labels]
    found = []
    for name, label in (("start", start), ("end", end)):
        at = [i for i, pair in enumerate(zip(labels, dates, strict=True)) if str(label) in pair]
        if len(at) != 1:
            raise InputError(
                f"{name}={label!r} stands {len(at)} times in the index of the outcome, which runs "
                f"from {labels[0]} to {labels[-1]}. Pass one of its labels."
            )
        found.append(at[0])
    first, last = found
    values = outcome.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError("The outcome has missing or infinite numbers; fill them, with 0 for none.")
    if last < first or first < _LEAST_BEFORE:
        raise InputError(
            f"the pilot runs from row {first + 1} to {last + 1}; at least {_LEAST_BEFORE} periods "
            "before it are needed. Pass earlier ones too."
        )
    return values, first, last - first + 1


def _gap(values: Floats, inside: Flags, first: int, method: str) -> Floats:
    """Return the mean treated unit less what it is held against, by period."""
    treated, others = values[:, inside].mean(axis=1), values[:, ~inside]
    if method == "difference":
        return np.asarray(treated - others.mean(axis=1))
    return np.asarray(treated - others @ follow(treated[:first], others[:first]))


def follow(target: Floats, others: Floats) -> Floats:
    """Return weights, 0 and above and summing to 1, of the mix that follows a series best.

    Parameters
    ----------
    target : ndarray of float64, shape (n_periods,)
    others : ndarray of float64, shape (n_periods, n_units)

    Returns
    -------
    ndarray, shape (n_units,)

    Examples
    --------
    >>> others = np.array([[1.0, 9.0], [2.0, 9.0], [4.0, 8.0]])
    >>> follow(0.25 * others[:, 0] + 0.75 * others[:, 1], others).round(3).tolist()
    [0.25, 0.75]
    """
    size = max(float(np.abs(others).max()), 1e-12)
    heavy = 1e4  # on the row that asks for a sum of 1
    rows = np.vstack([others / size, np.full(others.shape[1], heavy)])
    weights, _ = nnls(rows, np.append(target / size, heavy))
    return np.asarray(weights / weights.sum())


def _step(gap: Floats, first: int) -> tuple[float, float]:
    """Return the change of level at the start of the pilot, and its standard error."""
    step = (np.arange(len(gap)) >= first).astype(np.float64)
    return _coefficient(gap, np.column_stack([step, np.ones(len(gap))]))


def _coefficient(series: Floats, columns: Floats) -> tuple[float, float]:
    """Regress under AR(1) noise; return the first coefficient and its standard error."""
    from statsmodels.regression.linear_model import GLSAR

    fitted = GLSAR(series, columns, rho=1).iterative_fit(maxiter=4)
    return float(fitted.params[0]), float(fitted.bse[0])


def _slope_z(gap: Floats) -> float:
    slope, error = _coefficient(
        gap, np.column_stack([np.linspace(-1, 1, len(gap)), np.ones(len(gap))])
    )
    return slope / error if error > 0 else 0.0


def _at_least(error: float, placebos: Floats) -> float:
    """Return the standard error, or the scatter of the placebos where that is larger."""
    if len(placebos) < _ENOUGH_PLACEBOS:
        return error
    return max(error, float(np.sqrt(np.mean(placebos**2))))


def _notes(before: Floats, elsewhere: Floats | None) -> tuple[str, ...]:
    said = []
    if len(before) < _ENOUGH_PLACEBOS:
        said.append(
            f"{len(before)} windows before the pilot could be read as placebos: its error rests on "
            "the regression. Pass a longer history."
        )
    if elsewhere is not None and not len(elsewhere):
        said.append("fewer than three unchanged units: no placebo among them.")
    return tuple(said)
