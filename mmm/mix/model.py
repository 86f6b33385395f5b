"""`MixModel`: from a table of spend and outcome to a posterior, as a scikit-learn regressor."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from mmm.errors import ConvergenceError, DataWarning, check_level
from mmm.mix.calibration import LiftTest, place_tests
from mmm.mix.company import add_up
from mmm.mix.effects.statements import stated_conflicts
from mmm.mix.families import Adstock, HillSaturation, PeakedAdstock, Saturation, by_channel
from mmm.mix.inference.counts import hint
from mmm.mix.inference.design import Baseline, Recipe, build_design, learn_recipe
from mmm.mix.inference.diagnostics import Diagnostics, likely_cause
from mmm.mix.inference.draws import draw_outcome, expect
from mmm.mix.inference.problem import Scaled, set_up
from mmm.mix.inference.sampler import Sampling
from mmm.mix.panel import by_panel, sample_together, set_up_panels, tests_together
from mmm.mix.priors import Priors
from mmm.mix.table.adequacy import check_size, spend_warnings
from mmm.mix.table.dates import dates_of, find_order, with_dates
from mmm.mix.table.ends import end_warnings
from mmm.mix.table.given import as_pandas, check_outcome, check_settings, read_numbers
from mmm.mix.table.inputs import (
    Axis,
    Clock,
    Table,
    check_numbers,
    check_roles,
    check_spend,
    pick_again,
    pick_columns,
    place_rows,
    spend_until,
    start_clock,
)
from mmm.mix.transforms import Floats

if TYPE_CHECKING:
    from mmm.mix.effects.curves import ResponseCurves


class MixModel(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Marketing mix model: what each channel brought, and what it would bring.

    The outcome of a period is a baseline (slow trend, seasons, events, controls), plus, for each
    channel, a saturated response to spend carried over from earlier periods, plus noise that may
    be correlated from period to period. Baseline and noise level are integrated out exactly; the
    rest is sampled. Contributions are a common total shared out around the shares of spend, as far
    as the data do not say otherwise.

    An observational model: an effect of something that moves spend and outcome alike, and stands
    in no column, is credited to spend. A test settles that, this model does not.

    Parameters
    ----------
    channels, controls : sequence of str, optional
        Columns of spend, and of what else moves the outcome. Channels are all columns but the
        date and the controls where they are not named; where they are, other columns are ignored.
    date : str, optional
        Column of dates; text that can be read in two ways is refused. Without one, rows are
        consecutive weeks.
    panel : str, optional
        Column of regions or units. Curves are in common; sizes, drawn together as far as the data
        say, baseline and noise are those of each panel.
    adstock : Adstock or mapping of str to Adstock, optional
        Family of carry-over, or one a channel; `PeakedAdstock` by default, of which
        `GeometricAdstock` is the special case without a delay.
    saturation : Saturation or mapping of str to Saturation, optional
        Family of diminishing returns, or one a channel; `HillSaturation` by default.
    baseline : Baseline, optional
    priors : Priors, optional
    likelihood : {"auto", "normal", "student_t", "poisson", "negative_binomial"}
        Noise. "auto" is normal, or Student-t where the fit at the mode leaves heavy tails. The
        last two are for counts, such as deals a week with weeks of none: all is sampled then, the
        mean is never below 0, and what is left of one period tells nothing of the next.
    sampler : Sampling, optional
    on_nonconvergence : {"raise", "warn"}
        What to do when chains do not agree after running on.
    tests : sequence of LiftTest, optional
        What tests of channels measured, in periods of the table. They add to its weeks, and must
        not be read from them: a change of spend in the whole market is in the table already, a
        comparison of regions or accounts is not. With panels a test is of the one that it names,
        or of all together.
    seed : int

    Attributes
    ----------
    channels_, controls_ : tuple of str
    diagnostics_ : Diagnostics
    posterior_ : Posterior
        Of the channels with spend, `active_`; without panels.
    panels_ : dict of str to MixModel
        Each panel as a fitted model. Contributions, curves and budgets of this one are those of
        all together; fit and baseline are asked of each.
    n_features_in_, feature_names_in_
        As scikit-learn has them, without the date, and where channels are named of these and the
        controls alone.

    References
    ----------
    Jin, Wang, Sun, Chan and Koehler 2017, Bayesian methods for media mix modeling with carryover
    and shape effects, Google Inc.

    Examples
    --------
    >>> import numpy as np
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> outcome = 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80)
    >>> model = MixModel(sampler=Sampling(n_draws=500)).fit(spend, outcome)
    >>> model.contributions()["channel"].tolist()
    ['x0', '(media)']
    """

    def __init__(
        self,
        channels: Sequence[str] | None = None,
        controls: Sequence[str] | None = None,
        date: str | None = None,
        panel: str | None = None,
        adstock: Adstock | Mapping[str, Adstock] | None = None,
        saturation: Saturation | Mapping[str, Saturation] | None = None,
        seed: int = 0,
        *,
        baseline: Baseline | None = None,
        priors: Priors | None = None,
        likelihood: str = "auto",
        sampler: Sampling | None = None,
        on_nonconvergence: str = "raise",
        tests: Sequence[LiftTest] | None = None,
    ) -> None:
        self.channels = channels
        self.controls = controls
        self.date = date
        self.panel = panel
        self.adstock = adstock
        self.saturation = saturation
        self.seed = seed
        self.baseline = baseline
        self.priors = priors
        self.likelihood = likelihood
        self.sampler = sampler
        self.on_nonconvergence = on_nonconvergence
        self.tests = tests

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.regressor_tags.poor_score = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Sample the posterior.

        Parameters
        ----------
        X : pandas, Polars or pyarrow frame, or array, shape (n_rows, n_columns)
            Spend, controls and dates, one row a period.
        y : column of such a frame, or array, shape (n_rows,)
            Outcome per period.

        Returns
        -------
        MixModel

        Raises
        ------
        InputError
            If the table holds what cannot be used as it stands.
        ConvergenceError
            If the chains do not agree after running on.
        """
        began = time.perf_counter()
        check_settings(self.seed, self.on_nonconvergence)
        self.__dict__.pop("panels_", None)
        if self.panel is None:
            models, notes = [self], self.set_up(X, y)
        else:
            self.__dict__.pop("posterior_", None)
            models, notes = self._set_up_panels(X, y)
        found, said = sample_together(
            models, self.likelihood, self.sampler or Sampling(), self.seed, tests_together(self)
        )
        if self.panel is None:
            said += stated_conflicts(self)
        self._judge(found, [*notes, *said], began)
        return self

    def _set_up_panels(self, X: Any, y: Any) -> tuple[list[Any], list[str]]:
        one = clone(self).set_params(panel=None, tests=None)
        frame = as_pandas(X)
        self._day_first = find_order(frame, self.date)
        table = with_dates(frame, self.date, self._day_first)
        self.panels_, notes = set_up_panels(table, as_pandas(y), self, lambda: clone(one))
        models: list[Any] = list(self.panels_.values())
        self.channels_: tuple[str, ...] = models[0].channels_
        self.__dict__.update(add_up(self.panels_))
        return models, notes

    def _read_fit(self, X: Any, y: Any) -> tuple[Table, Floats]:
        """Sort columns into roles, and rows by date."""
        X, y = as_pandas(X), as_pandas(y)
        frame = X if isinstance(X, pd.DataFrame) else None
        self._day_first = find_order(X, self.date)
        dates = dates_of(X, self.date, self._day_first)
        check_outcome(y)
        used = pick_columns(X, self.date, self.channels, self.controls or ())
        values, outcome = read_numbers(validate_data, self, used, y)
        outcome = np.asarray(outcome, dtype=np.float64)
        names = list(getattr(self, "feature_names_in_", [f"x{i}" for i in range(values.shape[1])]))
        self.controls_ = tuple(self.controls or ())
        self.channels_ = tuple(
            [name for name in names if name not in self.controls_]
            if self.channels is None
            else self.channels
        )
        check_roles(names, self.channels_, self.controls_)
        self._columns = [names.index(name) for name in (*self.channels_, *self.controls_)]
        table = self._sorted_roles(values, dates, None if frame is None else frame.index)
        if dates is not None:
            order = np.argsort(dates, kind="stable")
            table = Table(table.spend[order], table.controls[order], dates[order], None)
            outcome = outcome[order]
        return table, outcome

    def _sorted_roles(self, values: Floats, dates: Any, index: pd.Index | None) -> Table:
        used = values[:, self._columns]
        check_numbers(used, (*self.channels_, *self.controls_), "input X")
        n_channels = len(self.channels_)
        check_spend(used[:, :n_channels], self.channels_)
        return Table(used[:, :n_channels], used[:, n_channels:], dates, index)

    def set_up(self, X: Any, y: Any) -> list[str]:
        """Read and scale the problem, unsampled; return what the reader has to know of the data.

        Parameters
        ----------
        X, y
            As for `fit`.
        """
        table, outcome = self._read_fit(X, y)
        self.clock_: Clock = start_clock(table.dates, table.index, len(outcome))
        self.spend_, self.outcome_ = table.spend.T, outcome
        self.active_ = self.spend_.sum(axis=1) > 0
        days = self.clock_.period_days * np.arange(len(outcome), dtype=np.float64)
        self.recipe_: Recipe = learn_recipe(
            self.baseline or Baseline(), days, table.controls, self.controls_
        )
        design = build_design(self.recipe_, days, table.dates, table.controls)
        self.design_ = design
        check_size(len(outcome), self.channels_, self.controls_, self.active_)
        names = [name for name, on in zip(self.channels_, self.active_, strict=True) if on]
        adstocks = by_channel("adstock", self.adstock, self.channels_, PeakedAdstock())
        saturations = by_channel("saturation", self.saturation, self.channels_, HillSaturation())
        self.scaled_: Scaled = set_up(
            self.spend_[self.active_],
            outcome,
            design,
            self.recipe_,
            names=names,
            adstocks=[adstocks[name] for name in names],
            saturations=[saturations[name] for name in names],
            priors=self.priors or Priors(),
            likelihood=self.likelihood,
        )
        if self.tests:
            spend = self.spend_[self.active_]
            lifts = place_tests(self.tests, self.scaled_, spend, names, self.clock_)
            problem = replace(self.scaled_.problem, lifts=lifts)
            self.scaled_ = replace(self.scaled_, problem=problem)
        notes = spend_warnings(self.spend_, self.channels_, len(self.recipe_.columns))
        notes += hint(outcome) if self.likelihood == "auto" else []
        return notes + end_warnings(self.spend_, outcome, table.dates)

    def _judge(self, found: Diagnostics, notes: list[str], began: float) -> None:
        """Keep what was found of the chains; tell it, and stop where they do not agree."""
        self.diagnostics_: Diagnostics = found.with_notes(notes, time.perf_counter() - began)
        for model in getattr(self, "panels_", {}).values():
            model.diagnostics_ = self.diagnostics_
        for note in self.diagnostics_.warnings:
            warnings.warn(note, DataWarning, stacklevel=4)
        if not found.converged:
            cause = likely_cause(found, notes)
            if self.on_nonconvergence == "raise":
                raise ConvergenceError(cause)
            warnings.warn(cause, DataWarning, stacklevel=4)

    def read_roles(self, X: Any) -> tuple[Table, Axis]:
        """Sort the columns of rows into roles, and the rows into periods of the fit.

        Parameters
        ----------
        X : frame or array
            As for `predict`.

        Returns
        -------
        table : Table
        axis : Axis
        """
        check_is_fitted(self, "posterior_")
        X = as_pandas(X)
        dates = dates_of(X, self.date, getattr(self, "_day_first", None))
        fitted = getattr(self, "feature_names_in_", None)
        used = pick_again(X, self.date, self.channels is not None, fitted)
        values = read_numbers(validate_data, self, used, reset=False)
        index = X.index if isinstance(X, pd.DataFrame) else None
        table = self._sorted_roles(values, dates, index)
        return table, place_rows(self.clock_, dates, index, len(values))

    def predict(self, X: Any) -> Floats:
        """Return the posterior mean of the outcome, spend carried over from the fitted periods.

        Parameters
        ----------
        X : pandas, Polars or pyarrow frame, or array
            Like that of `fit`. Rows with dates are placed by them, rows of a frame by its index
            where that counted rows in the fit; other rows start at the first fitted period.
            Periods that are not in `X` keep their fitted spend. Dates as text are read in the
            order of day and month that the fit found.

        Returns
        -------
        ndarray, shape (n_rows,)
            In units of the outcome.

        Raises
        ------
        InputError
            If a period between the fitted ones and those of `X` is missing.
        """
        return np.asarray(np.mean(self.predict_draws(X), axis=0))

    def predict_interval(self, X: Any, level: float = 0.9) -> tuple[Floats, Floats]:
        """Return the interval that holds a new outcome with the probability `level`.

        Parameters
        ----------
        X : frame or array
            As for `predict`.
        level : float

        Returns
        -------
        lower, upper : ndarray, shape (n_rows,)
            In units of the outcome; equal-tailed, noise included.
        """
        tail = 0.5 * (1.0 - check_level(level))
        if self.panel is not None:
            lower, upper = self._by_panel(X, lambda one, x: one.predict_interval(x, level))
            return lower, upper
        expected = self.predict_draws(X)
        rng = np.random.default_rng(self.seed)
        new = draw_outcome(self.posterior_, expected, rng)
        return tuple(np.quantile(new, (tail, 1.0 - tail), axis=0))

    def predict_draws(self, X: Any) -> Floats:
        """Return the expected outcome under each draw of the posterior.

        Parameters
        ----------
        X : frame or array
            As for `predict`.

        Returns
        -------
        ndarray, shape (n_draws, n_rows)
            In units of the outcome, without the noise of a new observation.
        """
        if self.panel is not None:
            return self._by_panel(X, lambda one, x: one.predict_draws(x))
        table, axis = self.read_roles(X)
        spend = spend_until(self.clock_, self.spend_, table, axis)[self.active_]
        spend = spend / self.scaled_.spend_scale[:, None]
        days = self.clock_.period_days * axis.position.astype(np.float64)
        design = build_design(self.recipe_, days, axis.dates, table.controls)
        return expect(self.scaled_, self.posterior_, design, spend, axis.position)

    def _by_panel(self, X: Any, ask: Callable[..., Any]) -> Floats:
        check_is_fitted(self, "diagnostics_")
        table = with_dates(as_pandas(X), self.date, getattr(self, "_day_first", None))
        return by_panel(table, str(self.panel), self.panels_, ask)

    def contributions(self, level: float = 0.9, margin: float = 1.0) -> pd.DataFrame:
        """Return what each channel brought over the fitted periods, and its return.

        Parameters
        ----------
        level : float
            Coverage of the intervals.
        margin : float
            Part of the outcome that is margin.

        Returns
        -------
        pandas.DataFrame
            One row a channel and a last one, "(media)", for all of them. Contributions are sums
            over the fitted periods, posterior means with equal-tailed intervals. romi =
            (margin x contribution - spend) / spend; marginal_romi = margin x (change of the
            contribution by a change of all spend) - 1; both 0 at break-even; roas = contribution
            / spend. `identified` says what the figure rests on: "data", "prior", or "not
            identified". `probability_of_effect` compares the model with the one where the channel
            brings nothing, both as likely before: near 1 the outcome needs the channel, near 0.5
            the data say nothing, below it does better without. Where having no effect cannot be
            excluded at `level`, lower ends are those of no effect; means, upper ends and the
            interval of the total stay as they are.

        Raises
        ------
        ConfigError
            If `level` is no coverage, or `margin` is not above 0.
        """
        from mmm.mix.effects.contributions import contribution_frame

        check_is_fitted(self, "diagnostics_")
        return contribution_frame(self, check_level(level), margin)

    def response_curves(self, margin: float = 1.0) -> "ResponseCurves":
        """Return the outcome per period of constant spend, by channel.

        Parameters
        ----------
        margin : float
            Part of the outcome that is margin, for the marginal return.

        Returns
        -------
        ResponseCurves

        Raises
        ------
        ConfigError
            If `margin` is not above 0.
        """
        from mmm.mix.effects.curves import response_curves

        check_is_fitted(self, "diagnostics_")
        return response_curves(self, margin)

    def save(self, path: str | Path) -> Path:
        """Write the fitted model to a folder of JSON and plain arrays; no pickle.

        Parameters
        ----------
        path : str or Path
            A folder that does not exist, or holds a mix model.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        SourceError
            If the folder holds something else.
        ConfigError
            If a setting, such as a family of one's own, cannot be written without pickle.
        """
        from mmm.mix.storage import taken_apart, write_fit

        check_is_fitted(self, "diagnostics_")
        return write_fit(Path(path), *taken_apart(self))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote; what it answers is the same to the bit.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        MixModel

        Raises
        ------
        SourceError
            If the folder is foreign, damaged or of a newer version; nothing in it is executed.
        """
        from mmm.mix.storage import put_together, read_fit

        model: Self = put_together(cls, *read_fit(Path(path)))
        return model
