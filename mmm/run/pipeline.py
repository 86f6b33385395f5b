"""The pipeline: tables become results, the same for `mmm run`, the demo and a notebook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from mmm.attribution import Comparison, Robustness, compare
from mmm.channels import ChannelMap
from mmm.errors import MmmError
from mmm.journeys import Journeys, build_journeys
from mmm.mix import DecisionLog
from mmm.run.advice import BudgetAdvice, Calls, Gap, Signal
from mmm.run.answer import answer
from mmm.run.budgeting import advise_budget
from mmm.run.calling import call_first
from mmm.run.caution import Beside
from mmm.run.choices import other_choices
from mmm.run.config import Config
from mmm.run.costs import customer_costs
from mmm.run.gaps import health_gaps, make_gap, of_error
from mmm.run.health import Health, funnel_health
from mmm.run.manifest import manifest
from mmm.run.outcome import currency_of
from mmm.run.reading import Progress, check_currencies, read_tables, silent, unmatched
from mmm.run.signals import Given, join_signal, read_experiments
from mmm.wording import Finding, say

ANSWERING = ("touches", "leads", "spend")  # not needed, and each would answer more

Keep = Callable[[Mapping[str, Any]], None]


def keep_nothing(_: Mapping[str, Any]) -> None:
    """Wait for the whole result."""


@dataclass(frozen=True, eq=False)
class RunResult:
    """Everything a run found.

    Attributes
    ----------
    tables : dict of str to DataFrame
        The tables as read.
    journeys : Journeys
    deals : Comparison
        Models side by side, measured in deals.
    value : Comparison or None
        The same in money; None where no deal has a value.
    economics : DataFrame or None
        One line a channel: full cost, leads, customers, what each costs; None without spend.
    health : Health
        Indicators, stages, warning signs, data quality and forecast.
    spend_period : tuple of (date, date) or None
        First and last day of the spend, over which `economics` counts customers.
    unmatched : dict of str to DataFrame
        What no channel rule matches, a table.
    missing : tuple of str
        Tables that were not given and would answer more.
    manifest : dict
        Versions, inputs with rows and SHA-256, settings, seeds.
    budget : BudgetAdvice or None
        Where the budget should go; None where that cannot be said.
    calls : Calls or None
        Which leads to call first; None where that cannot be said.
    signal : Signal or None
        What is open is worth, and what the models say together; None where that cannot be said.
    decisions : DataFrame or None
        Advice of before, graded, as `mmm.mix.DecisionLog.to_frame` returns it; None without a log.
    gaps : tuple of Gap
        What is missing for an answer, or a part of one, and what would mend it.
    robustness : Robustness or None
        What the headline model hangs on; None where the configuration does not ask for it.
    """

    tables: Mapping[str, pd.DataFrame]
    journeys: Journeys
    deals: Comparison
    value: Comparison | None
    economics: pd.DataFrame | None
    health: Health
    spend_period: tuple[date, date] | None
    unmatched: Mapping[str, pd.DataFrame]
    missing: tuple[str, ...]
    manifest: Mapping[str, Any]
    budget: BudgetAdvice | None = None
    calls: Calls | None = None
    signal: Signal | None = None
    decisions: pd.DataFrame | None = None
    gaps: tuple[Gap, ...] = ()
    robustness: Robustness | None = None

    @property
    def answer(self) -> tuple[Finding, ...]:
        """What to do with the budget, how sure that is, whom to call: a sentence each."""
        return answer(self.budget, self.calls, self.gaps)

    @property
    def period(self) -> tuple[date, date]:
        """First and last day on which deals were won; the last day of the data without any."""
        deals = self.tables["deals"]
        closed = deals.loc[deals["won"].fillna(False), "closed_at"]
        last = pd.Timestamp(str(self.journeys.about["as_of"]))
        closed = closed[closed <= last]
        return (closed.min().date(), closed.max().date()) if len(closed) else (last.date(),) * 2


def run(config: Config, progress: Progress = silent, keep: Keep = keep_nothing) -> RunResult:
    """Read the tables, build the journeys, run the models, advise on the budget and the calls.

    An answer that the tables cannot carry is left out, and `RunResult.gaps` says why.

    Parameters
    ----------
    config : Config
    progress : callable, optional
        Called with a few words before each step.
    keep : callable, optional
        Called after each step with what it found: names of `RunResult` to their values. What was
        kept is there although a later step fails.

    Returns
    -------
    RunResult
    """
    tables = read_tables(config, progress)
    check_currencies(tables)
    log = config.mix.decisions
    decisions = None if log is None else DecisionLog(Path(log)).to_frame()
    missing = tuple(name for name in ANSWERING if name not in tables)
    channels, lang = config.channels.to_map(), config.company.language
    progress(say("progress.building_journeys", lang))
    journeys = _journeys(tables, channels, config)
    as_of = pd.Timestamp(str(journeys.about["as_of"]))
    progress(say("progress.crediting_channels", lang))
    models, level = config.attribution.models, config.attribution.level
    deals = compare(journeys, models, measure="conversions", level=level)
    value = compare(journeys, models, measure="value", level=level) if journeys.has_value else None
    economics, spend_period = customer_costs(journeys, tables, channels, config, as_of)
    robust = other_choices(tables, channels, config, progress)
    keep({"deals": deals, "value": value, "robustness": robust, "economics": economics})
    progress(say("progress.looking_at_funnel", lang))
    health = _health(tables, channels, config, as_of)
    keep({"health": health})
    advice = advise(tables, channels, config, journeys, progress, keep, decisions)
    return RunResult(
        tables=tables,
        journeys=journeys,
        deals=deals,
        value=value,
        economics=economics,
        health=health,
        spend_period=spend_period,
        unmatched=unmatched(tables, channels),
        missing=missing,
        manifest=manifest(config, tables, as_of),
        budget=advice.budget,
        calls=advice.calls,
        signal=advice.signal,
        decisions=decisions,
        robustness=robust,
        gaps=(*advice.gaps, *table_gaps(missing), *health_gaps(health.missing)),
    )


def _health(
    tables: Mapping[str, pd.DataFrame], channels: ChannelMap, config: Config, as_of: pd.Timestamp
) -> Health:
    return funnel_health(
        tables,
        channels,
        as_of=as_of,
        agreement=config.funnel.to_agreement(),
        currency=config.company.currency,
        level=config.attribution.level,
        **config.funnel.model_dump(include={"months", "seed"}),
    )


def _journeys(tables: Mapping[str, pd.DataFrame], channels: ChannelMap, config: Config) -> Journeys:
    return build_journeys(
        tables.get("touches"),
        tables["deals"],
        leads=tables.get("leads"),
        roles=tables.get("roles"),
        contacts=tables.get("contacts"),
        channels=channels,
        **config.journeys.model_dump(),
    )


@dataclass(frozen=True, eq=False)
class Advised:
    """Advice on budget and calls, the joined signal, and the gaps where there is none."""

    budget: BudgetAdvice | None
    calls: Calls | None
    signal: Signal | None
    gaps: tuple[Gap, ...]


def advise(
    tables: Mapping[str, pd.DataFrame],
    channels: ChannelMap,
    config: Config,
    journeys: Journeys,
    progress: Progress = silent,
    keep: Keep = keep_nothing,
    decisions: pd.DataFrame | None = None,
) -> Advised:
    """Advise on the budget and on the leads to call; what the tables cannot carry becomes a gap.

    Each answer goes to `keep` as soon as it is there.
    """
    budget, calls, gaps = None, None, []
    as_of = pd.Timestamp(str(journeys.about["as_of"]))
    currency = currency_of(tables["deals"], config.company.currency)
    company = config.company.model_copy(update={"currency": currency})
    config = config.model_copy(update={"company": company})
    log = read_experiments(config.signal.experiments)
    known: dict[str, Any] = {"as_of": as_of, "progress": progress}
    if not config.mix.enabled:
        gaps.append(make_gap("budget", "off", "switch_on"))
    else:
        try:
            beside = Beside(log.tests, journeys, decisions)
            budget, of_parts = advise_budget(tables, channels, config, beside=beside, **known)
            gaps += of_parts
        except MmmError as error:
            gaps.append(of_error("budget", error))
    keep({"budget": budget})
    if not config.scoring.enabled:
        gaps.append(make_gap("calls", "off", "switch_on"))
    else:
        try:
            calls = call_first(tables, channels, config, **known)
        except MmmError as error:
            gaps.append(of_error("calls", error))
    keep({"calls": calls})
    given = Given(tables, journeys, channels, config, budget, log.frame)
    signal, of_signal = join_signal(given, progress)
    keep({"signal": signal})
    return Advised(budget, calls, signal, (*gaps, *log.gaps, *of_signal))


def table_gaps(missing: tuple[str, ...]) -> tuple[Gap, ...]:
    """Say what touches would answer; without leads or spend, each answer has a gap of its own."""
    if "touches" in missing:
        return (make_gap("touches", "no_touches", "add_touches"),)
    return ()
