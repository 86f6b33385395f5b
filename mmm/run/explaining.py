"""All that is said of one lead, for the person who asks."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, DataWarning, quoted
from mmm.prediction.writeback import open_ledger
from mmm.run.scoring import as_trained, score
from mmm.run.training import ScoringModel

_BESIDE = 100  # other leads


def explain_lead(
    trained: ScoringModel,
    frame: pd.DataFrame,
    lead_id: str,
    *,
    ledger: Path | None = None,
    as_of: str | None = None,
    lang: str = "en",
) -> dict[str, Any]:
    """Return the probability of a lead, where it comes from, and what was written of it.

    Parameters
    ----------
    trained : ScoringModel
    frame : pandas.DataFrame
        Leads, as for `mmm.run.scoring.score`.
    lead_id : str
    ledger : Path, optional
        Says what was written to customer systems.
    as_of, lang
        As for `mmm.run.scoring.score`.

    Returns
    -------
    dict
        Plain values. ``past_of_grade`` says how many past leads of the grade converted, with a 90%
        interval; ``next_grade`` what leads of the next grade have, a comparison and no effect.
        ``columns`` holds what each column adds to the log-odds, the weightiest first, of the lead
        as on the day it came in; its age is part of `probability` alone.

    Raises
    ------
    ConfigError
        If the lead is not among those that can be scored.
    """
    recipe, scorer = trained.recipe, trained.scorer
    mine = frame[recipe.lead_id].astype("str") == lead_id
    one = frame[mine]
    if not len(one):
        raise ConfigError(
            f"there is no lead {lead_id!r} to score: it is not in the leads, or has ended. Check "
            "the id."
        )
    # Others come first and speak for the table: one bad value is no other type of its column.
    beside = frame[~mine].head(_BESIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of what is wrong with the others
        pieces = [beside, one] if len(beside) else [one]
        batch = score(trained, pieces, as_of=as_of, lang=lang)
    scores = batch.scores.take(np.flatnonzero(batch.scores.lead_id.astype("str") == lead_id))
    if not len(scores):
        bad = batch.quarantine
        columns = bad.loc[bad["lead_id"].astype("str").eq(lead_id), "column"]
        raise ConfigError(
            f"lead {lead_id!r} cannot be scored: {quoted(columns)} of it cannot be read. Mend it."
        )
    features = as_trained(one, recipe).drop(columns=[recipe.lead_id])
    parts = scorer.contributions(features)
    rows = [
        {"column": name, "value": _plain(features, name), "adds": round(float(added), 4)}
        for name, added in zip(parts.columns, parts.values[0], strict=True)
    ]
    return {
        "lead_id": lead_id,
        "probability": float(scores.probability[0]),
        "grade": str(scores.grade[0]),
        "past_of_grade": _past(scorer.grades_, str(scores.grade[0])),
        "reasons": list(scores.reasons[0] or ()),
        "next_grade": str(scorer.next_grade(features, lang)["sentence"].iloc[0]),
        "scored_at": scores.scored_at.isoformat(),
        "model_version": scores.model_version,
        "base": round(float(parts.base), 4),
        "columns": sorted(rows, key=lambda row: -abs(row["adds"])),
        "written": [] if ledger is None else _written(ledger, lead_id),
    }


def _past(grades: pd.DataFrame, grade: str) -> dict[str, Any]:
    """Return n, rate, lower and upper of rows held out in training."""
    row = grades[grades["grade"] == grade].iloc[0]
    rates = ((name, row[name]) for name in ("rate", "lower", "upper"))
    said = {name: None if pd.isna(rate) else round(float(rate), 4) for name, rate in rates}
    return {"n": int(row["n"]), **said}


def _plain(features: pd.DataFrame, name: str) -> Any:
    if name not in features.columns:
        return None
    value = features[name].iloc[0]
    return None if pd.isna(value) else getattr(value, "item", lambda: str(value))()


def _written(path: Path, lead_id: str) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    ledger = open_ledger(path, read_only=True)
    try:
        targets = dict.fromkeys(batch.target for batch in ledger.batches())
        return [
            {"system": target, "fields": dict(fields)}
            for target in targets
            if (fields := ledger.written(target).get(lead_id))
        ]
    finally:
        ledger.connection.close()
