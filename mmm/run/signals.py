"""The joined signal of a run: what is open is worth, and one figure a channel to plan on."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.attribution import compare
from mmm.attribution.compare import MODELS
from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import MmmError, MmmWarning
from mmm.journeys import Journeys
from mmm.mix import LiftTest, MixModel
from mmm.mix.effects.contributions import MEDIA
from mmm.mix.table.outcomes import OUTCOMES
from mmm.run.advice import BudgetAdvice, Gap, Signal
from mmm.run.answer import moved_by, pay_off
from mmm.run.config import Config
from mmm.run.costs import in_period
from mmm.run.gaps import NoAnswer, make_gap, of_error
from mmm.run.reading import Progress
from mmm.signal import (
    Cohorts,
    ExpectedCredit,
    ExpectedValue,
    ExperimentLog,
    StateJourneys,
    attribute_expected,
    cohort_table,
    expected_journeys,
    expected_value,
    fit_cohorts,
    mix_disagreements,
    reasons_why,
    triangulate,
)
from mmm.signal.chances import FEWEST_WINS
from mmm.signal.triangulation import BASELINE
from mmm.wording import Finding, say

Tables = Mapping[str, pd.DataFrame]

_MONEY = ("contribution", "contribution_lower", "contribution_upper")


@dataclass(frozen=True, eq=False)
class Given:
    """What a run knows before its answers are joined.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        As the readers return them.
    journeys : Journeys
    channels : ChannelMap
    config : Config
    budget : BudgetAdvice or None
    experiments : DataFrame or None
        As `mmm.signal.ExperimentLog.to_frame` returns it.
    """

    tables: Tables
    journeys: Journeys
    channels: ChannelMap
    config: Config
    budget: BudgetAdvice | None
    experiments: pd.DataFrame | None

    @property
    def model(self) -> Callable[..., Any]:
        """The attribution model that leads the page."""
        return MODELS[self.config.attribution.headline]


@dataclass(frozen=True, eq=False)
class _Mix:
    """Contributions of a mix in currency, where they come from and of which time."""

    contributions: pd.DataFrame
    outcome: str
    first: date
    last: date
    tested: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class Experiments:
    """What a log of experiments holds.

    Attributes
    ----------
    frame : DataFrame or None
        As `mmm.signal.ExperimentLog.to_frame` returns it; None without a log.
    tests : tuple of LiftTest
        Those that were read, in currency.
    gaps : tuple of Gap
        Said where the log holds no result yet.
    """

    frame: pd.DataFrame | None = None
    tests: tuple[LiftTest, ...] = ()
    gaps: tuple[Gap, ...] = ()


def read_experiments(path: str | None) -> Experiments:
    """Read the log of experiments.

    Parameters
    ----------
    path : str or None

    Raises
    ------
    SourceError
        If the file cannot be read, or a line is no entry.
    """
    if path is None:
        return Experiments()
    log = ExperimentLog(Path(path))
    frame, tests = log.to_frame(), log.tests()
    if tests:
        return Experiments(frame, tests)
    cure = "read_pilot" if len(frame) else "register_pilot"
    gap = make_gap("experiments", "nothing_read", cure, n=len(frame))
    return Experiments(frame, (), (gap,))


def join_signal(given: Given, progress: Progress) -> tuple[Signal | None, tuple[Gap, ...]]:
    """Say what is open is worth, and what the models say together of each channel.

    Parameters
    ----------
    given : Given
    progress : callable
        Called with a few words before each step.

    Returns
    -------
    signal : Signal or None
    gaps : tuple of Gap
        What is missing for it, or for the part that compares the models.
    """
    settings, lang = given.config.signal, given.config.company.language
    if not settings.enabled:
        return None, (make_gap("signal", "off", "switch_on"),)
    progress(say("progress.joining_signal", lang))
    try:
        worth = _worth(given)
        credit = _expected_credit(given, worth)[0]
    except MmmError as error:
        return None, (of_error("signal", error),)
    signal = Signal(
        pipeline=credit.to_frame(),
        totals=worth.totals(),
        findings=(replace(worth, currency=given.config.company.currency).finding(),),
        model=credit.model,
        horizon_days=worth.horizon_days,
        level=worth.level,
        currency=given.config.company.currency,
        experiments=given.experiments,
    )
    try:
        return _together(given, signal, worth, progress), ()
    except MmmError as error:
        return signal, (of_error("models", error),)


def _worth(given: Given) -> ExpectedValue:
    """Return what leads and deals are worth on the day of the run."""
    leads, deals = given.tables.get("leads"), given.tables["deals"]
    if leads is None:
        raise NoAnswer("signal", "no_leads", "add_leads")
    won = deals["won"].fillna(False).astype(bool)
    valued = int((won & deals["value"].notna()).sum()) if "value" in deals.columns else 0
    if valued < FEWEST_WINS:
        raise NoAnswer("signal", "few_valued", "add_values", n=valued, least=FEWEST_WINS)
    settings = given.config.signal
    return expected_value(
        leads,
        deals,
        as_of=pd.Timestamp(str(given.journeys.about["as_of"])),
        horizon_days=settings.horizon_days,
        level=given.config.attribution.level,
    )


def _expected_credit(given: Given, worth: ExpectedValue) -> tuple[ExpectedCredit, StateJourneys]:
    """Credit what was won and what is expected, by the model that leads the page."""
    tables = given.tables
    both = expected_journeys(
        tables.get("touches"),
        tables["deals"],
        worth,
        leads=tables.get("leads"),
        won=given.journeys,
        roles=tables.get("roles"),
        contacts=tables.get("contacts"),
        channels=given.channels,
        **given.config.journeys.model_dump(exclude={"as_of"}),
    )
    level = given.config.attribution.level
    return attribute_expected(given.model, both, worth, level=level, measure="value"), both


def _together(given: Given, signal: Signal, worth: ExpectedValue, progress: Progress) -> Signal:
    """Hold credit, mix and experiments of one period against each other.

    Raises
    ------
    MmmError
        Where that cannot be done.
    """
    if given.config.journeys.dimension != "channel":
        raise NoAnswer("models", "other_dimension", "credit_channels")
    credit, mix, chosen = _one_period(given, worth, progress)
    hints = reasons_why(
        chosen, weekly_spend(given), lookback_days=given.config.journeys.lookback_days
    )
    found = triangulate(
        credit,
        mix.contributions,
        _untaken(given.experiments, mix),
        hints=hints,
        level=signal.level,
        currency=signal.currency,
    )
    table = with_taken(found.table, given.experiments, mix.tested, found.level)
    found = replace(found, table=table)
    return replace(
        signal,
        models=found.table,
        judged=found.findings(moved_by(given.budget), pay_off(given.budget)),
        mixes=mix.findings,
        outcome=mix.outcome,
        first=mix.first,
        last=mix.last,
    )


def _one_period(
    given: Given, worth: ExpectedValue, progress: Progress
) -> tuple[pd.DataFrame, _Mix, Journeys]:
    """Return credit and contributions of the same deals, in currency, and their journeys.

    Where the mix explains deals by their close, those won in its period; else the leads and deals
    that began in it, with what they have brought and are expected to bring.
    """
    budget = given.budget
    if budget is None or budget.contributions is None:
        raise NoAnswer("models", "no_mix", "mend_budget")
    mix = _of_budget(budget)
    if given.config.signal.cohorts:
        mix = _of_cohorts(given, worth, mix, progress)
    spec = OUTCOMES.get(mix.outcome)
    level = given.config.attribution.level
    if not given.config.signal.cohorts and (spec is None or spec.at == "closed_at"):
        chosen = in_period(given.journeys, given.tables["deals"], mix.first, mix.last)
        credit = compare(chosen, [given.model], measure="value", level=level).to_frame()
    else:
        began = worth.records["began_at"].dt.date
        inside = (began >= mix.first) & (began <= mix.last)
        expected, both = _expected_credit(given, worth.only(inside.to_numpy(dtype=bool)))
        credit, chosen = expected.to_frame(), both.won
    if given.config.mix.source is None and not given.config.signal.cohorts:
        amount = "total" if "total" in credit.columns else "credit"
        mix = _scaled(mix, float(credit[amount].astype("float64").sum()))
    return credit, mix, chosen


def _of_budget(budget: BudgetAdvice) -> _Mix:
    """Return the mix that the budget rests on, a unit of its outcome at what it brings."""
    assert budget.contributions is not None
    frame = budget.contributions.copy()
    frame[list(_MONEY)] *= budget.unit_value
    last = _last_day(pd.Timestamp(budget.last), budget.every)
    return _Mix(frame, budget.outcome, budget.first, last, budget.tested)


def _last_day(start: pd.Timestamp, every: str) -> date:
    """Return the last day of the period that begins on a day."""
    length = pd.DateOffset(months=1) if every == "month" else pd.DateOffset(days=7)
    return (start + length - pd.Timedelta(days=1)).date()


def _scaled(mix: _Mix, total: float) -> _Mix:
    """Count the outcome in the currency that the same deals brought, so that both add up to it."""
    frame = mix.contributions
    media = frame[frame["channel"] == MEDIA].iloc[0]
    whole = float(media["contribution"] / media["share_of_outcome"])
    if not (np.isfinite(whole) and whole > 0 and total > 0):
        return mix
    scaled = frame.assign(**{name: frame[name] * total / whole for name in _MONEY})
    return replace(mix, contributions=scaled)


def _of_cohorts(given: Given, worth: ExpectedValue, closed: _Mix, progress: Progress) -> _Mix:
    """Fit the mix to what the leads of each period are worth, in place of that of the budget."""
    tables, config = given.tables, given.config
    if "spend" not in tables:
        raise NoAnswer("models", "no_spend", "add_spend")
    progress(say("progress.fitting_cohorts", config.company.language))
    monthly = given.budget is not None and given.budget.every == "month"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)
        cohorts: Cohorts = cohort_table(
            tables["leads"],
            tables["deals"],
            tables["spend"],
            every="month" if monthly else "week",
            worth=worth,
            level=worth.level,
            channel_map=given.channels,
        )
        model = MixModel(cohorts.channels, date="date", seed=config.mix.seed)
        frame = fit_cohorts(cohorts, model=model, level=worth.level).contributions
    said: tuple[Finding, ...] = ()
    if closed.outcome == "won_value":
        said = mix_disagreements(
            frame,
            closed.contributions,
            level=worth.level,
            currency=config.company.currency,
            steps=moved_by(given.budget),
            pays=pay_off(given.budget) | dict.fromkeys(closed.tested, False),
        )
    days = cohorts.table["date"]
    last = _last_day(days.max(), "month" if monthly else "week")
    return _Mix(frame, "expected_value", days.min().date(), last, (), said)


def weekly_spend(given: Given) -> pd.DataFrame | None:
    """Return spend, a row a period and a column a channel; None without the table."""
    spend = given.tables.get("spend")
    if spend is None:
        return None
    named = pd.DataFrame(
        {
            "date": spend["date"],
            "channel": given.channels.assign(spend).fillna(UNMATCHED),
            "spend": spend["spend"].astype("float64"),
        }
    )
    wide = named.pivot_table(index="date", columns="channel", values="spend", aggfunc="sum")
    return wide.fillna(0.0).rename_axis(columns=None)


def _untaken(experiments: pd.DataFrame | None, mix: _Mix) -> pd.DataFrame | None:
    """Return the results that the mix has not seen, of channels that it knows."""
    if experiments is None:
        return None
    known = experiments["channel"].isin(mix.contributions["channel"])
    seen = experiments["channel"].isin(mix.tested)
    found = experiments[(experiments["state"] == "read") & known & ~seen]
    return found if len(found) else None


def with_taken(
    table: pd.DataFrame, experiments: pd.DataFrame | None, tested: tuple[str, ...], level: float
) -> pd.DataFrame:
    """Plan on the mix where it has taken in an experiment; counting that again would be twice.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `mmm.signal.triangulate`, without these experiments.
    experiments : DataFrame or None
        As `mmm.signal.ExperimentLog.to_frame` returns it.
    tested : tuple of str
        Channels whose experiments the mix was fitted with.
    level : float

    Returns
    -------
    pandas.DataFrame
    """
    if experiments is None or not tested:
        return table
    own = experiments[(experiments["state"] == "read") & experiments["channel"].isin(tested)]
    bare = table.loc[table["channel"] != BASELINE, ["channel", "spend"]]
    nothing = bare[["channel"]].assign(credit=0.0, share=0.0, lower=0.0, upper=0.0)
    spent = bare.assign(**dict.fromkeys(_MONEY, 0.0))
    shown = triangulate(nothing, spent, own, level=level).table.set_index("channel")
    table = table.copy()
    rows = table["channel"].isin(own["channel"])
    for name in ("experiment", "experiment_lower", "experiment_upper"):
        table.loc[rows, name] = table.loc[rows, "channel"].map(shown[name])
    for end in ("", "_lower", "_upper"):
        table.loc[rows, f"plan{end}"] = table.loc[rows, f"incremental{end}"]
    table.loc[rows, "grade"] = "experiment"
    return table
