"""From a run to its page."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from mmm.report.brief import Brief, write_brief
from mmm.report.files import StepFiles
from mmm.report.findings import disagreements, leader, limits, reasons
from mmm.report.front import answers
from mmm.report.outlook import next_month
from mmm.run import Config, RunResult

MOST_DISAGREEMENTS = 5


def brief_of(result: RunResult, config: Config, decisions: pd.DataFrame | None = None) -> Brief:
    """Gather what the page of a run shows.

    Parameters
    ----------
    result : RunResult
    config : Config
    decisions : DataFrame, optional
        Advice of before, graded, as `mmm.mix.DecisionLog.to_frame` returns it; by default what the
        log in the configuration holds.

    Returns
    -------
    Brief
    """
    headline, currency = config.attribution.headline, currency_of(result, config)
    as_of = pd.Timestamp(str(result.journeys.about["as_of"]))
    advice: dict[str, Any] = {"budget": result.budget, "calls": result.calls, "gaps": result.gaps}
    first = leader(result, headline, currency)
    return Brief(
        company=config.company.name,
        as_of=as_of.date(),
        period=result.period,
        credit=None if result.value is None else result.value.to_frame(cents=True),
        deals=result.deals.to_frame(),
        economics=result.economics,
        health=result.health,
        **advice,
        work=next_month(result.tables.get("leads"), result.tables["deals"], as_of),
        signal=result.signal,
        decisions=result.decisions if decisions is None else decisions,
        currency=currency,
        headline=headline,
        level=config.attribution.level,
        findings=answers(first, health=result.health, currency=currency, **advice),
        reasons=(*first, *reasons(result, headline, currency)),
        disagreements=disagreements(result)[:MOST_DISAGREEMENTS],
        limits=limits(result, currency),
        manifest=result.manifest,
    )


def currency_of(result: RunResult, config: Config) -> str:
    """Return the currency of the deals where they name one, else that of the configuration."""
    deals = result.tables["deals"]
    if "currency" not in deals.columns or deals["currency"].nunique() != 1:
        return config.company.currency
    return str(deals["currency"].dropna().iloc[0])


def write_results(result: RunResult, config: Config, folder: str | Path) -> dict[str, Path]:
    """Write the tables and the page of a run.

    Parameters
    ----------
    result : RunResult
    config : Config
    folder : str or Path
        Made where it is missing.

    Returns
    -------
    dict of str to Path
        The tables as `tables_of` names them; brief, and brief in the other language; manifest.

    Raises
    ------
    SourceError
        If a file cannot be written, or would replace one of the tables that were read.
    """
    steps = StepFiles(config, folder)
    steps({field.name: getattr(result, field.name) for field in fields(result)})
    brief, lang = brief_of(result, config), config.company.language
    other = "it" if lang == "en" else "en"
    pages = {"brief": (lang, "brief.html"), f"brief_{other}": (other, f"brief.{other}.html")}
    for name, (spoken, file) in pages.items():
        steps.files[name] = write_brief(brief, steps.place(file), spoken)
    steps.end(result.manifest)
    return steps.files
