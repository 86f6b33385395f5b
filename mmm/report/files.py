"""The tables of a run as files: for the media buyer, for sales, and for the next run."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.attribution import Comparison
from mmm.funnel.economics import TOTAL
from mmm.run import Config
from mmm.run.advice import BudgetAdvice, Calls, Signal
from mmm.run.config import sources
from mmm.run.health import Health
from mmm.tables import write_csv
from mmm.tables.write import make_folder, refuse_input, replaced
from mmm.wording import round_to_total

_SAID = ("reason", "because")
MANIFEST = "manifest.json"

Frames = Mapping[str, pd.DataFrame | None]


class StepFiles:
    """The tables of a run, written as each step is done: `keep` of `mmm.run.run`.

    Every file is replaced whole. The manifest is the last file of a run: one of an earlier run goes
    with the first table, so that a folder without it holds a run that did not end.

    Parameters
    ----------
    config : Config
        Names the files that were read, which are never replaced, and the language of sentences.
    folder : str or Path
        Made where it is missing.

    Attributes
    ----------
    files : dict of str to Path
        Written so far.

    Raises
    ------
    SourceError
        When called, if a file cannot be written, or would replace one that was read.
    """

    def __init__(self, config: Config, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.lang = config.company.language
        self.files: dict[str, Path] = {}
        self._inputs = {Path(name).resolve() for name in sources(config)}

    def __call__(self, found: Mapping[str, Any]) -> None:
        """Write the tables of what a step found."""
        make_folder(self.folder)
        self.place(MANIFEST).unlink(missing_ok=True)
        for name, frame in tables_of(found, self.lang).items():
            target = self.place(f"{name}.csv")
            if frame is None:
                target.unlink(missing_ok=True)  # one of an earlier run would speak of other data
            else:
                self.files[name] = write_csv(frame, target)

    def older(self) -> list[str]:
        """Name the tables and pages in the folder that this run neither wrote nor read."""
        own = {file.resolve() for file in self.files.values()} | self._inputs
        there = sorted(self.folder.glob("*")) if self.files else []
        kinds = {".csv", ".html"}
        return [f.name for f in there if f.suffix in kinds and f.resolve() not in own]

    def end(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest: the run is whole."""
        text = json.dumps(manifest, indent=2, sort_keys=True, default=str, ensure_ascii=False)
        target = self.place(MANIFEST)
        with replaced(target) as part:
            part.write_text(text + "\n", encoding="utf-8")
        self.files["manifest"] = target

    def place(self, name: str) -> Path:
        """Return the path of a file, unless a table was read from there."""
        target = self.folder / name
        refuse_input(target, self._inputs)
        return target


def tables_of(found: Mapping[str, Any], lang: str = "en") -> dict[str, pd.DataFrame | None]:
    """Return the tables of what was found, None for those that it cannot fill.

    Parameters
    ----------
    found : mapping
        Fields of `mmm.run.RunResult` to their values; only those named are looked at.
    lang : {"en", "it"}
        Language of the sentences in the tables.

    Returns
    -------
    dict of str to DataFrame or None
        credit (money), credit_deals, robustness, customer_costs; indicators; budget, media_plan
        (the coming quarter, a row a period), tests, what_if; calls; pipeline (won and expected, a
        row a channel) and triangulation (credit, contribution, experiment and the figure to plan
        on).
    """
    made: Mapping[str, Callable[[Any], Frames]] = {
        "value": lambda one: {"credit": one and one.to_frame(cents=True)},
        "deals": _deals,
        "robustness": lambda one: {"robustness": one and one.to_frame()},
        "economics": lambda one: {"customer_costs": None if one is None else in_cents(one)},
        "health": _indicators,
        "budget": _budget,
        "calls": lambda one: {"calls": one and _call_list(one, lang)},
        "signal": _signal,
    }
    tables: dict[str, pd.DataFrame | None] = {}
    for name, of in made.items():
        if name in found:
            tables |= of(found[name])
    return tables


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


def _deals(deals: Comparison) -> Frames:
    return {"credit_deals": deals.to_frame()}


def _indicators(health: Health) -> Frames:
    names = ["name", "value", "lower", "upper", "level", "unit", "n"]
    rows: list[Any] = [[getattr(kpi, n) for n in names] for kpi in health.indicators]
    return {"indicators": pd.DataFrame(rows, columns=names)}


def _budget(budget: BudgetAdvice | None) -> Frames:
    return {
        "budget": None if budget is None else _in_digits(budget.table),
        "media_plan": None if budget is None else budget.calendar,
        "tests": None if budget is None else _in_digits(budget.pilots),
        "what_if": None if budget is None else _in_digits(budget.scenarios),
    }


def _signal(signal: Signal | None) -> Frames:
    models = None if signal is None else signal.models
    return {
        "pipeline": None if signal is None else _rounded(signal.pipeline),
        "triangulation": None if models is None else _rounded(models),
    }


# Columns of the budget, of tests and of other totals that are money, or a number of records.
_IN_CENTS = (
    "current", "proposed", "change", "recommended", "low", "high", "contribution",
    "value", "perfect_value", "outcome_lost", "set_up_cost", "net_value",
    "total", "profit", "profit_lower", "profit_upper", "expected_loss",
)  # fmt: skip


def _in_digits(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """Round money to cents, and returns and chances to six digits."""
    if frame is None:
        return None
    floats = frame.select_dtypes("float").columns
    return frame.round({name: 2 if name in _IN_CENTS else 6 for name in floats})


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Round money to cents, and ratios to four digits."""
    digits = {name: 4 if name.startswith("share") or name == "z" else 2 for name in frame.columns}
    return frame.round(digits)


def _call_list(calls: Calls, lang: str) -> pd.DataFrame:
    """Return all leads that could be called, their sentences in one language."""
    frame = calls.every.copy()
    for name in _SAID:
        frame[name] = pd.Series([one[lang] for one in frame[name]], index=frame.index, dtype="str")
    return frame.round({"probability": 4, "age_days": 1, "value": 2, "expected_value": 2})
