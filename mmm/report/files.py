"""The tables of a run as files: for the media buyer, for sales, and for the next run."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from mmm.run import RunResult
from mmm.run.advice import Calls
from mmm.tables import write_csv
from mmm.tables.write import refuse_input

_SAID = ("reason", "because")


def write_advice(
    result: RunResult, folder: Path, inputs: set[Path], lang: str = "en"
) -> dict[str, Path]:
    """Write what a run advises, its indicators and its manifest.

    Parameters
    ----------
    result : RunResult
    folder : Path
        There already.
    inputs : set of Path
        Files that were read, which are never replaced.
    lang : {"en", "it"}
        Language of the sentences in the tables.

    Returns
    -------
    dict of str to Path
        indicators, manifest; budget, media_plan (the coming quarter, a row a period), tests,
        what_if where there is advice on the budget; calls where there is advice on the leads;
        pipeline (won and expected, a row a channel) and triangulation (credit, contribution,
        experiment and the figure to plan on) where the models can be joined.

    Raises
    ------
    SourceError
        If a file cannot be written, or would replace one that was read.
    """
    files: dict[str, Path] = {}
    for name, frame in _tables(result, lang).items():
        target = folder / f"{name}.csv"
        refuse_input(target, inputs)
        if frame is None:
            target.unlink(missing_ok=True)  # one of an earlier run would speak of other data
        else:
            files[name] = write_csv(frame, target)
    target = folder / "manifest.json"
    refuse_input(target, inputs)
    text = json.dumps(result.manifest, indent=2, sort_keys=True, default=str, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")
    return files | {"manifest": target}


def _tables(result: RunResult, lang: str) -> dict[str, pd.DataFrame | None]:
    budget, calls, signal = result.budget, result.calls, result.signal
    return {
        "indicators": _indicators(result),
        "budget": None if budget is None else budget.table,
        "media_plan": None if budget is None else budget.calendar,
        "tests": None if budget is None else budget.pilots,
        "what_if": None if budget is None else budget.scenarios,
        "calls": None if calls is None else _call_list(calls, lang),
        "pipeline": None if signal is None else _rounded(signal.pipeline),
        "triangulation": None
        if signal is None or signal.models is None
        else _rounded(signal.models),
    }


def _indicators(result: RunResult) -> pd.DataFrame:
    names = ["name", "value", "lower", "upper", "level", "unit", "n"]
    rows: list[Any] = [[getattr(kpi, n) for n in names] for kpi in result.health.indicators]
    return pd.DataFrame(rows, columns=names)


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
