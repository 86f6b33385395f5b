"""The page that a run of scores leaves: what was scored, what has moved, the model behind it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.prediction.card import Opening, shown_table, write_card
from mmm.run.scoring import Batch, unseen_notes
from mmm.run.training import ScoringModel
from mmm.wording import format_count, format_date, say

_WINS = ("expected_wins", "expected_wins_lower", "expected_wins_upper")
_MOVED = 20  # features named on the page; the JSON holds all of them


def run_facts(trained: ScoringModel, batch: Batch, lang: str) -> dict[str, Any]:
    """Return what a run did in plain values: no lead is named.

    Parameters
    ----------
    trained : ScoringModel
    batch : Batch
    lang : {"en", "it"}
        Of the notes: that of the scores.

    Returns
    -------
    dict
        scored_at, model_version, n, n_quarantine, n_held_out, expected_wins with the ends of a 90%
        interval (chance alone: if the probabilities hold), notes; grades
        (`grades_now`), drift and unseen (`unseen_now`) as lists of rows.
    """
    scores = batch.scores
    return {
        "scored_at": scores.scored_at.isoformat(),
        "model_version": scores.model_version,
        "n": len(scores),
        "n_quarantine": int(batch.quarantine["lead_id"].nunique()),
        "n_held_out": 0 if batch.held_out is None else len(batch.held_out),
        **dict(zip(_WINS, _expected_wins(scores.probability), strict=True)),
        "notes": _notes(batch, lang),
        "grades": _records(grades_now(trained, batch)),
        "drift": _records(batch.drift),
        "unseen": _records(unseen_now(batch)),
    }


def _expected_wins(p: Any) -> tuple[float, float, float]:
    """Return how many of the leads will be won if their probabilities hold, and a 90% interval."""
    mean, spread = float(p.sum()), float(np.sqrt((p * (1 - p)).sum()))
    half = 1.645 * spread
    return mean, max(0.0, mean - half), min(float(len(p)), mean + half)


def grades_now(trained: ScoringModel, batch: Batch) -> pd.DataFrame:
    """Return what each grade promises now, beside what came of past leads of that grade.

    Returns
    -------
    pandas.DataFrame
        grade, n and promised of this run; rate, lower, upper of rows held out in training.
    """
    scores = batch.scores
    now = pd.DataFrame({"grade": scores.grade, "p": scores.probability}).groupby("grade")["p"]
    past = trained.scorer.card_.grades.set_index("grade")[["rate", "lower", "upper"]]
    table = pd.DataFrame({"n": now.size(), "promised": now.mean()}).reindex(past.index)
    table["n"] = table["n"].fillna(0).astype("int64")
    return table.join(past).rename_axis("grade").reset_index()


def unseen_now(batch: Batch) -> pd.DataFrame:
    """Return column, n_levels (that training never saw) and n (leads with one); no level itself.

    What is new in a column may be a name.
    """
    by = batch.scores.unseen.groupby("column", sort=True)["n"]
    return pd.DataFrame({"n_levels": by.size(), "n": by.sum()}).reset_index()


def write_page(trained: ScoringModel, batch: Batch, beside: Path, lang: str) -> dict[str, Path]:
    """Write the page and its JSON beside the scores, or the ledger.

    Parameters
    ----------
    trained : ScoringModel
    batch : Batch
    beside : Path
        ``scores.csv`` gets ``scores.card.html`` and ``scores.card.json``.
    lang : {"en", "it"}

    Returns
    -------
    dict of str to Path
    """
    files = page_files(beside)
    page = write_card(trained.scorer.card_, lang, _opening(trained, batch, lang))
    files["page"].write_text(page, encoding="utf-8")
    both = {"run": run_facts(trained, batch, lang), "card": trained.scorer.card_.to_dict()}
    text = json.dumps(both, indent=1, ensure_ascii=False)
    files["page_json"].write_text(text, encoding="utf-8")
    return files


def page_files(beside: Path) -> dict[str, Path]:
    """Return where the page of a run and its JSON lie.

    Examples
    --------
    >>> [file.name for file in page_files(Path("scores.csv")).values()]
    ['scores.card.html', 'scores.card.json']
    """
    name = beside.stem
    return {
        "page": beside.with_name(f"{name}.card.html"),
        "page_json": beside.with_name(f"{name}.card.json"),
    }


def _opening(trained: ScoringModel, batch: Batch, lang: str) -> Opening:
    facts = run_facts(trained, batch, lang)
    counted = [("run_n", "n"), ("run_quarantine", "n_quarantine"), ("run_held_out", "n_held_out")]
    rows = [
        (say(f"scored.{key}", lang), format_count(facts[name], lang))
        for key, name in counted
        if facts[name] or name == "n"
    ]
    wins = [format_count(facts[name], lang, int(facts["expected_wins"] < 10)) for name in _WINS]
    within = say("scored.to", lang, low=wins[1], high=wins[2])
    rows.append((say("scored.run_expected", lang), f"{wins[0]} ({within})"))
    rows.append((say("scored.run_model", lang), facts["model_version"]))
    drift = batch.drift[batch.drift["state"].ne("none")].sort_values("psi", ascending=False)
    drift = drift[["feature", "state", "psi", "lower", "upper"]].head(_MOVED)
    drift["state"] = [say(f"drift.{state}", lang) for state in drift["state"]]
    tables = [
        (say("scored.run_drift", lang), *shown_table(drift, lang)),
        (say("scored.run_unseen", lang), *shown_table(unseen_now(batch).head(_MOVED), lang)),
    ]
    if trained.scorer.card_.facts["signal"]:  # else one edge parts all grades, which say nothing
        grades = shown_table(grades_now(trained, batch), lang)
        tables.insert(0, (say("scored.run_grades", lang), *grades))
    day = batch.scores.scored_at.date()
    said = _notes(batch, lang)
    if drift.empty:
        said.append(say("scored.run_no_drift", lang))
    return Opening(say("scored.run_title", lang, day=format_date(day, lang)), rows, said, tables)


def _notes(batch: Batch, lang: str) -> list[str]:
    """Return what there is to know, without the values that training never saw."""
    named = unseen_notes(batch.scores, lang)
    return [note for note in batch.notes if note not in named]


def _records(frame: pd.DataFrame) -> Any:
    return json.loads(frame.to_json(orient="records", double_precision=15, default_handler=str))
