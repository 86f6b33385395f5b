"""The loop measured: scores that were shown, scores held out at random, and what came of both."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, InputError, SourceError, quoted
from mmm.prediction import shown_against_held_out, worked_against_not
from mmm.prediction.recipe import Recipe
from mmm.prediction.scores import LeadScores
from mmm.run.life import outcomes
from mmm.tables.parse import FLAG_WORDS
from mmm.tables.target import write_target
from mmm.tables.write import inert

_COLUMNS = ("lead_id", "looked_at", "model", "grade", "probability", "held_out")


@dataclass(frozen=True, eq=False)
class Loop:
    """What became of the leads that were handed over.

    Attributes
    ----------
    n, n_held_out, n_known : int
        Leads handed over, those of them whose score was shown to nobody, those whose end is known.
    since : str
        Day of the first hand-over, ISO.
    shown : pandas.DataFrame
        As `mmm.prediction.shown_against_held_out` returns it.
    worked : pandas.DataFrame
        As `mmm.prediction.worked_against_not` returns it, by week (its Monday, ISO; "all" for all
        of them); empty where nothing tells which leads were worked.
    """

    n: int
    n_held_out: int
    n_known: int
    since: str
    shown: pd.DataFrame
    worked: pd.DataFrame


def handed_file(ledger: Path) -> Path:
    """Return the table, beside the ledger, of leads that were handed over."""
    return ledger.with_name(f"{ledger.name}.handed.csv")


def keep_handed(
    file: Path,
    shown: LeadScores,
    held_out: LeadScores,
    look: pd.Timestamp,
    without: Collection[str] = (),
) -> int:
    """Keep the first score of each lead: what was known when it was handed over.

    Parameters
    ----------
    file : Path
        From `handed_file`.
    shown, held_out : LeadScores
    look : pandas.Timestamp
        The instant as of which they were scored.
    without : collection of str
        Leads that must not stand there: opted out or forgotten.

    Returns
    -------
    int
        Leads held out that were new.
    """
    before = read_handed(file) if file.is_file() else None
    rows = pd.concat([_rows(shown, look, "no"), _rows(held_out, look, "yes")], ignore_index=True)
    every = rows if before is None else pd.concat([before, rows], ignore_index=True)
    every = every.drop_duplicates("lead_id", keep="first", ignore_index=True)
    n_new = int(every["held_out"][0 if before is None else len(before) :].eq("yes").sum())
    gone = {inert(lead) for lead in without}
    write_target(every[~every["lead_id"].isin(gone)], file)
    return n_new


def shown_before(file: Path) -> frozenset[str]:
    """Return the leads whose score an earlier run showed, ids as a spreadsheet shows them."""
    if not file.is_file():
        return frozenset()
    before = read_handed(file)
    return frozenset(before.loc[before["held_out"].ne("yes"), "lead_id"])


def _rows(scores: LeadScores, look: pd.Timestamp, held_out: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": pd.Series(scores.lead_id, dtype="str").map(inert),
            "looked_at": look.isoformat(),
            "model": scores.model_version,
            "grade": pd.Series(scores.grade, dtype="str"),
            "probability": scores.probability,
            "held_out": held_out,
        }
    ).astype(dict.fromkeys(("lead_id", "looked_at", "model", "held_out"), "str"))


def read_handed(file: Path) -> pd.DataFrame:
    """Return the leads that were handed over, ids as a spreadsheet shows them.

    Raises
    ------
    ConfigError
        If there is no such table.
    SourceError
        If it is not one of ours.
    """
    if not file.is_file():
        raise ConfigError(
            f"there is no {file}: no lead has been held out yet. Run mmm score run with a hold-out "
            "such as 0.1 (hold_out under [scoring] in mmm.toml), every night."
        )
    try:
        table = pd.read_csv(file, dtype="str", keep_default_na=False)
        if tuple(table.columns) != _COLUMNS:
            raise ValueError(f"columns {quoted(table.columns)}")
        return table.astype({"probability": "float64"})
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{file} holds no leads handed over ({error}). Restore it from its copy, or move it "
            "away: the next run begins a new one."
        ) from error


def judge_loop(
    file: Path,
    found: pd.DataFrame | Mapping[str, pd.DataFrame],
    recipe: Recipe,
    *,
    outcome: str | None = None,
    worked: str | None = None,
    as_of: str | None = None,
) -> Loop:
    """Tell what showing scores changed, and how worked leads did beside others.

    Parameters
    ----------
    file : Path
        From `handed_file`.
    found : pandas.DataFrame or mapping of str to pandas.DataFrame
        Leads with their outcome, or the tables, as they are now.
    recipe : Recipe
        Of the model.
    outcome, as_of : str, optional
        As for `mmm.run.life.judge`.
    worked : str, optional
        Column of the leads that is filled, and not with a no, where sales worked one; by default
        first_contacted_at, where there is one.

    Raises
    ------
    ConfigError
        If no end is known yet.
    InputError
        If a column is missing.
    """
    rows = read_handed(file)
    won = outcomes(rows, found, recipe, outcome=outcome, as_of=as_of)
    rows = rows.assign(won=won.astype("boolean"), held_out=rows["held_out"].eq("yes"))
    n_known = int(rows["won"].notna().sum())
    if not n_known:
        raise ConfigError(
            f"of {len(rows)} leads handed over none has an end yet. Let mmm score run go on every "
            "night, and ask again when outcomes have come."
        )
    leads = found if isinstance(found, pd.DataFrame) else found["leads"]
    ids = recipe.lead_id if isinstance(found, pd.DataFrame) else "lead_id"
    done = _worked(leads, ids, worked)
    by_week = pd.DataFrame()
    if done is not None:
        at = pd.to_datetime(rows["looked_at"], utc=True, format="ISO8601")
        known = rows.assign(worked=rows["lead_id"].map(done), handed_at=at)
        by_week = worked_against_not(known[known["worked"].notna()])
        weeks = pd.to_datetime(by_week["period"]).dt.strftime("%Y-%m-%d")
        by_week = by_week.assign(period=weeks.fillna("all"))
    return Loop(
        len(rows), int(rows["held_out"].sum()), n_known, str(rows["looked_at"].min())[:10],
        shown_against_held_out(rows), by_week,
    )  # fmt: skip


def _worked(leads: pd.DataFrame, lead_id: str, column: str | None) -> "pd.Series[Any] | None":
    """Return whether each lead was worked, by id; None where nothing tells."""
    name = column or "first_contacted_at"
    if name not in leads.columns:
        if column is None:
            return None
        raise InputError(
            f"leads have no column {column!r} of leads worked; found {quoted(leads.columns, 20)}. "
            "Correct worked=."
        )
    words = leads[name].astype("str").str.strip().str.lower()
    no = {word for word, flag in FLAG_WORDS.items() if flag is False}
    done = leads[name].notna() & words.ne("") & ~words.isin(no)
    flags = pd.Series(done.to_numpy(dtype=np.bool_), index=leads[lead_id].astype("str").map(inert))
    return flags[~flags.index.duplicated(keep=False)]
