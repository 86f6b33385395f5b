"""Model life: what a challenger says beside the champion, and which of them was right."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, InputError, SourceError, quoted
from mmm.prediction.comparison import TOLERANCE, Comparison, compare_models
from mmm.prediction.features.ends import lead_ends
from mmm.prediction.features.moments import last_look, to_instant
from mmm.prediction.recipe import Recipe
from mmm.prediction.registry import Registry, held, is_registry, read_registry, version_in
from mmm.prediction.scores import LeadScores
from mmm.run.training import ScoringModel, load_one, read_fate
from mmm.tables.target import write_target
from mmm.tables.write import inert

SHADOW = "shadow.csv"
_COLUMNS = ("lead_id", "looked_at", "champion", "challenger", "by_champion", "by_challenger")
_PAIR = ["champion", "challenger"]


@dataclass(frozen=True, eq=False)
class Judged:
    """A comparison of the champion and the challenger of a registry.

    Attributes
    ----------
    registry : Registry
    comparison : Comparison
    notes : tuple of str
        Which leads it rests on.
    """

    registry: Registry
    comparison: Comparison
    notes: tuple[str, ...]


def find_challenger(folder: Path) -> ScoringModel | None:
    """Return the model that scores beside the champion of a registry, where there is one."""
    if not is_registry(folder):
        return None
    place = read_registry(folder).challenger_folder
    return None if place is None else load_one(place, version_in(place.name))


def looked_at(
    tables: Mapping[str, pd.DataFrame] | None, scores: LeadScores, as_of: str | None
) -> pd.Timestamp:
    """Return the instant as of which leads were scored: nothing later was known."""
    if tables is None:
        return scores.scored_at
    look = last_look(tables) if as_of is None else to_instant(as_of)
    return pd.Timestamp(look, tz="UTC")


def shadow(champion: LeadScores, challenger: LeadScores, look: pd.Timestamp) -> pd.DataFrame:
    """Put the scores of both models side by side, for leads that both could score.

    Returns
    -------
    pandas.DataFrame
        lead_id, looked_at, champion and challenger (versions), by_champion and by_challenger
        (probabilities).
    """
    ours, theirs = (
        pd.DataFrame({"lead_id": pd.Series(s.lead_id, dtype="str"), "p": s.probability})
        for s in (champion, challenger)
    )
    both = ours.merge(theirs, on="lead_id", suffixes=("_champion", "_challenger"))
    return pd.DataFrame(
        {
            "lead_id": both["lead_id"],
            "looked_at": look.isoformat(),
            "champion": champion.model_version,
            "challenger": challenger.model_version,
            "by_champion": both["p_champion"],
            "by_challenger": both["p_challenger"],
        }
    ).astype({name: "str" for name in ("looked_at", *_PAIR)})


def keep_shadow(folder: Path, rows: pd.DataFrame, without: Collection[str] = ()) -> int:
    """Keep the first scores of each lead by a pair of models, beside the models.

    Later ones of the same lead would say nothing independent.

    Parameters
    ----------
    folder : Path
        Of the registry.
    rows : pandas.DataFrame
        As `shadow` returns it.
    without : collection of str
        Leads that must not stand there: opted out or forgotten.

    Returns
    -------
    int
        Leads that were new.
    """
    with held(folder):
        before = read_shadow(folder)
        rows = rows.assign(lead_id=rows["lead_id"].map(inert))
        every = pd.concat([before, rows], ignore_index=True)
        every = every.drop_duplicates(["lead_id", *_PAIR], keep="first", ignore_index=True)
        n_new = len(every) - len(before)
        gone = {inert(lead) for lead in without}
        write_target(every[~every["lead_id"].isin(gone)], folder / SHADOW)
    return n_new


def read_shadow(folder: Path) -> pd.DataFrame:
    """Return the scores side by side, ids as a spreadsheet shows them; empty where there are none.

    Raises
    ------
    SourceError
        If the table is not one of ours.
    """
    file = folder / SHADOW
    if not file.is_file():
        return pd.DataFrame({name: pd.Series(dtype="str") for name in _COLUMNS}).astype(
            {"by_champion": "float64", "by_challenger": "float64"}
        )
    try:
        table = pd.read_csv(file, dtype="str", keep_default_na=False)
        if tuple(table.columns) != _COLUMNS:
            raise ValueError(f"columns {quoted(table.columns)}")
        return table.astype({"by_champion": "float64", "by_challenger": "float64"})
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{file} holds no scores side by side ({error}). Restore it from its copy, or move it "
            "away: the next run begins a new one."
        ) from error


def judge(
    folder: Path,
    found: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    outcome: str | None = None,
    as_of: str | None = None,
    tolerance: float = TOLERANCE,
) -> Judged:
    """Compare champion and challenger on leads whose outcome has become known since.

    Parameters
    ----------
    folder : Path
        Of the registry.
    found : pandas.DataFrame or mapping of str to pandas.DataFrame
        Leads with their outcome, or the tables, as they are now.
    outcome : str, optional
        Column of the outcome; by default that of training.
    as_of : str, optional
        Nothing later is used of the tables.
    tolerance : float
        As for `mmm.prediction.comparison.compare_models`.

    Raises
    ------
    ConfigError
        If there is no challenger, the two foretell different things, or nothing is known yet.
    """
    state = read_registry(folder)
    if state.challenger is None:
        raise ConfigError(f"{folder} has no challenger. Train one with --as challenger.")
    ours = load_one(state.champion_folder, version_in(state.champion))
    theirs = load_one(folder / state.challenger, version_in(state.challenger))
    _refuse_apart(ours, theirs)
    rows = read_shadow(folder)
    pair = {"champion": version_in(state.champion), "challenger": version_in(state.challenger)}
    rows = rows[rows["champion"].eq(pair["champion"]) & rows["challenger"].eq(pair["challenger"])]
    rows, n_seen = _unseen(rows, ours, theirs)
    won = outcomes(rows, found, ours.recipe, outcome=outcome, as_of=as_of)
    known = won.notna().to_numpy()
    notes = [f"{len(rows)} leads were scored by both; of {int(known.sum())} the end is known"]
    if n_seen:
        notes.append(f"{n_seen} leads left out: scored as of a day that a training had seen")
    if not ours.scorer.card_.hazard.empty:
        notes.append("leads still open are left out, so that quick ends weigh more than slow ones")
    if not known.any():
        raise ConfigError(
            f"of {len(rows)} leads that both models scored after their training none has an end "
            "yet. Let mmm score run go on every night, and compare when outcomes have come."
        )
    y = won[known].astype("float64").to_numpy()
    p, q = (rows.loc[known, name].to_numpy() for name in ("by_champion", "by_challenger"))
    return Judged(state, compare_models(y, p, q, tolerance=tolerance), tuple(notes))


def _unseen(
    rows: pd.DataFrame, ours: ScoringModel, theirs: ScoringModel
) -> tuple[pd.DataFrame, int]:
    """Leave out what was scored as of a day before the last lead of either training.

    A model may have learnt from the very leads, and would be praised for its memory.
    """
    ends = [one.scorer.contract_.last_at for one in (ours, theirs)]
    last = max((end for end in ends if end is not None), default="")
    later = rows["looked_at"].ge(last)  # ISO 8601: the order of the texts is that of the days
    return rows[later], int((~later).sum())


def _refuse_apart(ours: ScoringModel, theirs: ScoringModel) -> None:
    """Refuse models whose probabilities are not of the same thing."""
    said = []
    for one in (ours, theirs):
        days, ever = one.recipe.horizon_days, not one.scorer.card_.hazard.empty
        within = f"won within {days:g} days" if days is not None else "the outcome given"
        said.append("ever won" if ever else within)
    if said[0] != said[1]:
        raise ConfigError(
            f"the models foretell different things ({said[0]}; {said[1]}). Train a challenger that "
            "foretells what the champion does."
        )


def outcomes(
    rows: pd.DataFrame,
    found: pd.DataFrame | Mapping[str, pd.DataFrame],
    recipe: Recipe,
    *,
    outcome: str | None,
    as_of: str | None,
) -> "pd.Series[Any]":
    """Return whether each lead was won, missing while it is not known.

    Parameters
    ----------
    rows : pandas.DataFrame
        lead_id, as a spreadsheet shows it, and looked_at.
    found, outcome, as_of
        As for `judge`.
    recipe : Recipe
        Of the model that scored them.
    """
    if isinstance(found, pd.DataFrame):
        return _of_leads(rows, found, recipe, outcome)
    return _of_tables(rows, found, recipe, as_of)


def _of_leads(
    rows: pd.DataFrame, leads: pd.DataFrame, recipe: Recipe, outcome: str | None
) -> "pd.Series[Any]":
    """Return the outcome of each row by a column of the leads; missing where it is open."""
    name = outcome or recipe.outcome
    if name is None or name not in leads.columns:
        raise InputError(f"leads have no column {name!r} of outcomes. Name it with outcome=.")
    fate = read_fate(leads, name)
    if recipe.ended_at is not None and recipe.ended_at in leads.columns:
        fate = fate.mask(leads[recipe.ended_at].isna() & ~fate.fillna(False))
    fate.index = pd.Index(leads[recipe.lead_id].astype("str").map(inert))
    return _by_id(rows, fate)


def _of_tables(
    rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], recipe: Recipe, as_of: str | None
) -> "pd.Series[Any]":
    """Return whether each row was won within the horizon; missing until that has passed.

    A lead that is won early is known early. To count it before its horizon has passed would count
    wins without the leads that take their time.
    """
    leads = tables["leads"]
    now = last_look(tables) if as_of is None else to_instant(as_of)
    ends = lead_ends(leads, tables.get("deals")).seen(now)
    names = pd.Index(leads["lead_id"].astype("str").map(inert))
    at = _by_id(rows, pd.Series(ends.at, index=names))
    is_won = _by_id(rows, pd.Series(ends.won, index=names).astype("boolean"))
    look = pd.to_datetime(rows["looked_at"], utc=True, format="ISO8601").dt.tz_localize(None)
    limit = look + pd.Timedelta(days=float(recipe.horizon_days or 0.0))
    won = is_won & (at <= limit).astype("boolean")
    told = is_won.notna() & ~(is_won.fillna(False) & at.isna())  # won on an unknown day: in time?
    there = told & (limit <= pd.Timestamp(now)) & ~(at <= look)
    return won.where(there.to_numpy(dtype=np.bool_))


def _by_id(rows: pd.DataFrame, values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the value of each row; of an id that stands twice none is known."""
    once = values[~values.index.duplicated(keep=False)]
    return rows["lead_id"].map(once).astype(values.dtype)
