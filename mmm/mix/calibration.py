"""What tests measured, put into the scales of the fit and held against what the fit says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, quoted
from mmm.mix.fitted import Fitted
from mmm.mix.inference.joint import CompanyTest, Positions
from mmm.mix.inference.lifts import LiftTerm, predicted_lifts
from mmm.mix.inference.media import lagged, respond
from mmm.mix.inference.problem import Scaled
from mmm.mix.table.dates import one_day
from mmm.mix.table.inputs import Clock
from mmm.mix.transforms import Floats

_EARLY = 0.1  # of a period: months differ in length
_DISAGREES = 2.0
_BLOCK = 50


@dataclass(frozen=True)
class LiftTest:
    """What a test of one channel showed.

    Attributes
    ----------
    channel : str
    start, end : str
        First and last period of the test: dates, or numbers of rows where the table has no dates.
    spend_change : float
        Spend of the test less spend without it, over all of it, in money; below 0 where spend was
        taken away. In flighting, what the periods up spent above those down.
    lift : float
        Outcome of these periods less that without the change, in units of the outcome.
    standard_error : float
        Of the lift.
    part : float, default 1
        Part of the market, by its usual spend on the channel, in which spend was changed. A test
        in regions with a fifth of the market changes spend five times as much there.
    panel : str, optional
        The panel that it was made in, of a model with panels; all together without.

    Examples
    --------
    >>> LiftTest("Search", "2025-01-06", "2025-03-03", -800.0, -2000.0, 400.0).roas
    2.5
    """

    channel: str
    start: str
    end: str
    spend_change: float
    lift: float
    standard_error: float
    part: float = 1.0
    panel: str | None = None

    def __post_init__(self) -> None:
        numbers = (self.spend_change, self.lift, self.standard_error, self.part)
        if not (
            np.isfinite(numbers).all()
            and self.spend_change != 0
            and self.standard_error > 0
            and 0 < self.part <= 1
        ):
            raise ConfigError(
                f"the test of {self.channel!r} has a change of spend of {self.spend_change!r} and "
                f"a lift of {self.lift!r} +- {self.standard_error!r} in a part of "
                f"{self.part!r} of the market. Pass a change other than 0, an error above 0, and "
                "a part above 0 and up to 1."
            )

    @property
    def roas(self) -> float:
        """Outcome per unit of spend."""
        return self.lift / self.spend_change

    @property
    def roas_error(self) -> float:
        """Standard error of the outcome per unit of spend."""
        return self.standard_error / abs(self.spend_change)


def place_tests(
    tests: Sequence[LiftTest],
    scaled: Scaled,
    spend: Floats,
    channels: Sequence[str],
    clock: Clock,
) -> tuple[LiftTerm, ...]:
    """Put tests into the scales and periods of the fit.

    The spend of the table is that with the change. The change is spread over the periods of the
    test as spend is there, or evenly where there is none.

    Parameters
    ----------
    tests : sequence of LiftTest
    scaled : Scaled
    spend : ndarray, shape (n_channels, n_periods)
        In money.
    channels : sequence of str
        Names of the rows of `spend`, all with some spend.
    clock : Clock

    Returns
    -------
    tuple of LiftTerm

    Raises
    ------
    ConfigError
        If a test names another channel or other periods, or changes spend by more than there was.
    """
    terms = []
    for test in tests:
        _check_channel(test, channels)
        channel = list(channels).index(test.channel)
        window = _window(test, clock)
        money = _with_and_without(test, spend[channel], window)
        terms.append(_term(test, scaled, channel, window, [spend[channel], *money]))
    return tuple(terms)


def _check_channel(test: LiftTest, channels: Sequence[str]) -> None:
    if test.channel not in channels:
        raise ConfigError(
            f"a test names {test.channel!r}; the channels with spend are {quoted(channels, 20)}. "
            "Correct the name, or leave the test out."
        )


def place_together(tests: Sequence[LiftTest], panels: Sequence[Fitted]) -> tuple[CompanyTest, ...]:
    """Put tests of all panels together into their scales and periods.

    The change of spend is split over panels as their spend in the periods of the test is; as that
    of all fitted periods where there is none.

    Parameters
    ----------
    tests : sequence of LiftTest
        Those that name a panel are left out.
    panels : sequence of Fitted
        Read and scaled; the posterior is not needed.

    Returns
    -------
    tuple of CompanyTest

    Raises
    ------
    ConfigError
        As `place_tests`.
    """
    placed = []
    for test in tests:
        if test.panel is not None:
            continue
        spent = [name for one in panels for name in _spent(one)]
        _check_channel(test, list(dict.fromkeys(spent)))
        share = _share_of_change(test, panels)
        terms, units = {}, {}
        for i in np.flatnonzero(share).tolist():
            one, names = panels[i], _spent(panels[i])
            own = replace(test, spend_change=float(share[i]) * test.spend_change)
            spend = one.spend_[one.active_]
            terms[i] = place_tests([own], one.scaled_, spend, names, one.clock_)[0]
            units[i] = one.scaled_.outcome_scale
        placed.append(CompanyTest(terms, units, test.lift, test.standard_error))
    return tuple(placed)


def _spent(model: Fitted) -> list[str]:
    return [name for name, on in zip(model.channels_, model.active_, strict=True) if on]


def _share_of_change(test: LiftTest, panels: Sequence[Fitted]) -> Floats:
    rows = [panel.spend_[panel.channels_.index(test.channel)] for panel in panels]
    inside = np.array(
        [row[_window(test, panel.clock_)].sum() for row, panel in zip(rows, panels, strict=True)]
    )
    spent = inside if inside.sum() > 0 else np.array([row.sum() for row in rows])
    return np.asarray(spent / spent.sum())


def _window(test: LiftTest, clock: Clock) -> slice:
    first, last = (_position(value, clock) for value in (test.start, test.end))
    if not 0 <= first <= last < clock.n_periods:
        raise ConfigError(
            f"the test of {test.channel!r} from {test.start} to {test.end} does not lie in the "
            f"{clock.n_periods} fitted periods"
            + ("" if clock.first is None else f" from {clock.first}")
            + ". Fit a table that holds them, or correct the dates."
        )
    return slice(first, last + 1)


def _position(value: str, clock: Clock) -> int:
    try:
        if clock.first is None:
            return int(value) - (clock.offset or 0)
        days = (one_day(value).to_datetime64() - clock.first) / np.timedelta64(1, "D")
    except (ValueError, TypeError) as error:
        kind = "number of a row" if clock.first is None else "date such as 2025-01-31"
        raise ConfigError(f"a test starts or ends at {value!r}; pass a {kind}.") from error
    return int(np.floor(days / clock.period_days + _EARLY))


def _with_and_without(test: LiftTest, spend: Floats, window: slice) -> tuple[Floats, Floats]:
    """Return spend as it would be if all of the market had the change, and if none had it."""
    inside = spend[window]
    key = inside / inside.sum() if inside.sum() > 0 else np.full(len(inside), 1.0 / len(inside))
    changed, unchanged = spend.copy(), spend.copy()
    unchanged[window] = inside - key * test.spend_change
    changed[window] = unchanged[window] + key * test.spend_change / test.part
    least = -1e-9 * max(float(spend.max()), abs(test.spend_change))
    if min(changed.min(), unchanged.min()) < least:
        raise ConfigError(
            f"the test of {test.channel!r} changes spend by {test.spend_change:g} in a part of "
            f"{test.part:g} of the market, and the table has {inside.sum():g} in these periods: "
            "spend would fall below 0. Check the units, the periods and part=."
        )
    return np.maximum(changed, 0.0), np.maximum(unchanged, 0.0)


def _term(
    test: LiftTest, scaled: Scaled, channel: int, window: slice, money: list[Floats]
) -> LiftTerm:
    groups = scaled.problem.media.groups
    group = next(i for i, one in enumerate(groups) if channel in one.channels)
    n_lags, before = groups[group].lags.shape[1], scaled.before[[channel]]
    rows = [row[None] / scaled.spend_scale[channel] for row in money]
    all_lags, with_it, without = (lagged(row, n_lags, before) for row in rows)
    n_periods, n_test = all_lags.shape[-1], window.stop - window.start
    return LiftTerm(
        channel=channel,
        group=group,
        row=groups[group].channels.index(channel),
        lags=np.concatenate([all_lags, with_it[..., window], without[..., window]], axis=-1),
        sign=test.part * np.repeat([0.0, 1.0, -1.0], [n_periods, n_test, n_test]),
        mean=np.repeat([1.0 / n_periods, 0.0], [n_periods, 2 * n_test]),
        lift=test.lift / scaled.outcome_scale,
        standard_error=test.standard_error / scaled.outcome_scale,
    )


class Tested(Fitted, Protocol):
    """A model fitted with tests, itself or as the panels `panels_`."""

    tests: Sequence[LiftTest] | None


def check_tests(model: Tested) -> pd.DataFrame:
    """Hold each test against what the other data and the prior say of it.

    The lift that the fit would expect without the test is not fitted again: with normal errors the
    residual of a fit that used the test, over the root of the difference of the variances, is the
    residual of one that did not.

    Parameters
    ----------
    model : Tested
        Fitted with `tests`.

    Returns
    -------
    pandas.DataFrame
        One row a test: panel, of a model with panels, missing where all together were tested;
        channel, start, end, lift and standard_error as given; fitted, with
        fitted_error, from the posterior, in units of the outcome; z, of the test against all else;
        agrees, where z is within 2.

    Examples
    --------
    >>> from mmm.mix import LiftTest, MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> test = LiftTest("x0", "20", "29", -300.0, -900.0, 150.0)
    >>> quick = Sampling(n_warmup=150, n_draws=200)
    >>> model = MixModel(sampler=quick, on_nonconvergence="warn", tests=[test])
    >>> _ = model.fit(spend, 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80))
    >>> check_tests(model)["agrees"].tolist()
    [True]
    """
    tests, lifts = _fitted_lifts(model)
    lift = np.array([test.lift for test in tests])
    error = np.array([test.standard_error for test in tests])
    fitted, variance = lifts.mean(axis=0), lifts.var(axis=0)
    # The floor keeps a test that decides alone from being judged by Monte Carlo error.
    z = (lift - fitted) / np.sqrt(np.maximum(error**2 - variance, 0.05 * error**2))
    names = {name: [getattr(test, name) for test in tests] for name in ("channel", "start", "end")}
    where = {"panel": pd.Series([test.panel for test in tests], dtype="str")}
    return pd.DataFrame(
        {
            **(where if getattr(model, "panels_", None) else {}),
            **{name: pd.Series(values, dtype="str") for name, values in names.items()},
            "lift": lift,
            "standard_error": error,
            "fitted": fitted,
            "fitted_error": np.sqrt(variance),
            "z": z,
            "agrees": np.abs(z) <= _DISAGREES,
        }
    )


def _fitted_lifts(model: Tested) -> tuple[list[LiftTest], Floats]:
    """Return the tests, those of panels first, and what each draw expects, (n_draws, n_tests)."""
    panels = getattr(model, "panels_", None)
    if not panels:
        lifts = _posterior_lifts(model, model.scaled_.problem.lifts)
        return list(model.tests or ()), model.scaled_.outcome_scale * lifts
    parts = [_fitted_lifts(panel) for panel in panels.values()]
    together = [test for test in model.tests or () if test.panel is None]
    lifts = company_lifts(place_together(together, list(panels.values())), list(panels.values()))
    tests = [test for own, _ in parts for test in own] + together
    return tests, np.hstack([*(found for _, found in parts), lifts])


def company_lifts(
    tests: Sequence[CompanyTest], panels: Sequence[Fitted], rows: slice | Positions = slice(None)
) -> Floats:
    """Return the lift of tests of all panels together, shape (n_draws, n_tests).

    Parameters
    ----------
    tests : sequence of CompanyTest
    panels : sequence of Fitted
    rows : slice or array
        Draws.
    """
    lifts = np.zeros((len(panels[0].posterior_.z[rows]), len(tests)))
    for i, panel in enumerate(panels):
        own = [k for k, test in enumerate(tests) if i in test.terms]
        terms = [tests[k].terms[i] for k in own]
        found = _posterior_lifts(panel, terms, rows)
        lifts[:, own] += panel.scaled_.outcome_scale * found
    return lifts


def _posterior_lifts(
    model: Fitted, terms: Sequence[LiftTerm], rows: slice | Positions = slice(None)
) -> Floats:
    media, z = model.scaled_.problem.media, model.posterior_.z[rows]
    blocks = np.array_split(z, range(_BLOCK, len(z), _BLOCK))
    return np.concatenate([predicted_lifts(media, terms, respond(media, z)) for z in blocks])


def conflicting_tests(model: Tested) -> list[str]:
    """Say which tests disagree with the other data and the prior."""
    if not model.tests:
        return []
    frame = check_tests(model)
    return [
        f"The test of {row['channel']!r} from {row['start']} to {row['end']} measured "
        f"{row['lift']:,.4g} +- {row['standard_error']:,.4g}, {abs(row['z']):.1f} standard errors "
        f"from what the other data and the prior say; the fit settles on {row['fitted']:,.4g}. "
        "Test, data or prior is wrong: check the dates and units of the test, and what moves spend "
        "and outcome alike."
        for row in frame[~frame["agrees"]].to_dict("records")
    ]
