"""From a run to its page."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.funnel.economics import TOTAL
from mmm.report.brief import Brief, write_brief
from mmm.report.files import write_advice
from mmm.report.findings import disagreements, leader, limits, reasons
from mmm.report.front import answers
from mmm.report.outlook import next_month
from mmm.run import Config, RunResult
from mmm.run.config import sources
from mmm.tables import write_csv
from mmm.tables.write import make_folder, refuse_input
from mmm.wording import round_to_total

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


def in_cents(economics: pd.DataFrame) -> pd.DataFrame:
    """Round money to cents, as files show it; credited value so that it adds up to its total."""
    money = ("cac", "cac_lower", "cac_upper", "cost_per_lead", "margin")
    shown = economics.round({name: 2 for name in money})
    lines = (shown["channel"] != TOTAL) & shown["value"].notna()
    total = shown.loc[shown["channel"] == TOTAL, "value"]
    if lines.any() and total.notna().all():
        rounded = round_to_total(shown.loc[lines, "value"].tolist(), 2, total.iloc[0])
        parts: list[Any] = [None] * len(shown)
        for row, amount in zip(np.flatnonzero(lines), rounded, strict=True):
            parts[row] = amount
        parts[int(np.flatnonzero(shown["channel"] == TOTAL)[0])] = sum(rounded, Decimal(0))
        shown["value"] = pd.Series(parts, index=shown.index, dtype=object)
    return shown


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
        credit (money), credit_deals, customer_costs where there is spend, brief, and brief in the
        other language.

    Raises
    ------
    SourceError
        If a file cannot be written, or would replace one of the tables that were read.
    """
    target = Path(folder)
    make_folder(target)
    files: dict[str, Path] = {}
    tables: dict[str, Any] = {
        "credit": None if result.value is None else result.value.to_frame(cents=True),
        "credit_deals": result.deals.to_frame(),
        "customer_costs": None if result.economics is None else in_cents(result.economics),
    }
    inputs = {Path(name).resolve() for name in sources(config)}
    for name, frame in tables.items():
        if frame is not None:
            refuse_input(target / f"{name}.csv", inputs)
            files[name] = write_csv(frame, target / f"{name}.csv")
    brief, lang = brief_of(result, config), config.company.language
    files |= write_advice(result, target, inputs, lang)
    other = "it" if lang == "en" else "en"
    files["brief"] = write_brief(brief, target / "brief.html", lang)
    files[f"brief_{other}"] = write_brief(brief, target / f"brief.{other}.html", other)
    return files
