"""Lead scoring from tables to files: train a model into a folder, score leads into a table."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.prediction import (
    LeadScorer,
    LeadScores,
    TrainingTable,
    build_features,
    calibration_doubt,
    feature_drift,
    find_leakage,
    guard_batch,
    training_table,
)
from mmm.prediction.columns.leakage import DROPPED
from mmm.prediction.columns.types import clean_frame
from mmm.prediction.features.ends import lead_ends
from mmm.prediction.features.moments import last_look, to_instant
from mmm.prediction.recipe import Recipe, read_recipe, write_recipe
from mmm.prediction.scores import read_ids
from mmm.tables.mixed import read_mixed
from mmm.tables.parse import FLAG_WORDS
from mmm.tables.target import write_target
from mmm.tables.write import refuse_input


@dataclass(frozen=True, eq=False)
class ScoringModel:
    """A model, and what it takes to use it.

    Attributes
    ----------
    scorer : LeadScorer
    recipe : Recipe
    refused : pandas.DataFrame
        column, reason, evidence: columns that know the future, and columns of no use.
    notes : tuple of str
        What was left out and why.
    """

    scorer: LeadScorer
    recipe: Recipe
    refused: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Batch:
    """Leads scored, not yet written.

    Attributes
    ----------
    scores : LeadScores
    quarantine : pandas.DataFrame
        lead_id, column, problem: leads that could not be scored.
    drift : pandas.DataFrame
        As `mmm.prediction.feature_drift` returns it.
    notes : tuple of str
        What a reader of the scores should know.
    """

    scores: LeadScores
    quarantine: pd.DataFrame
    drift: pd.DataFrame
    notes: tuple[str, ...]


def read_ready(source: str, recipe: Recipe, locale: str | None, tz: str) -> pd.DataFrame:
    """Read leads that come with their features; `recipe` names the other columns.

    Parameters
    ----------
    source : str
        A file, or a database ``URL#table``.
    recipe : Recipe
    locale, tz : str
    """
    place, _, table = source.partition("#") if "://" in source else (source, "", "")
    kinds: dict[str, Any] = {}
    for name in (recipe.lead_id, recipe.outcome, recipe.groups):
        kinds |= {} if name is None else {name: "text"}
    for name in (recipe.created_at, recipe.ended_at):
        kinds |= {} if name is None else {name: "instant"}
    return read_mixed(place, kinds, locale=locale, tz=tz, table=table or None)


def train_ready(
    frame: pd.DataFrame, recipe: Recipe, *, seed: int, allow: Collection[str]
) -> ScoringModel:
    """Train on leads that come with their features and their outcome.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `read_ready` returns it.
    recipe : Recipe
        Names the outcome.
    seed, allow
        As for `LeadScorer`.

    Raises
    ------
    InputError
        As `LeadScorer.fit`, and if an id stands twice or an outcome cannot be read.
    """
    if recipe.lead_id in frame.columns:
        read_ids(frame, recipe.lead_id)
    ended = None if recipe.ended_at is None else frame[recipe.ended_at]
    won = read_outcome(frame, str(recipe.outcome), recipe.ended_at)
    # An honest model sees what is there when a lead is to be scored: neither its id nor its fate.
    aside = {recipe.lead_id, *recipe.beside}
    X = frame[[name for name in frame.columns if name not in aside]]
    scorer = LeadScorer(seed=seed, allow=tuple(allow)).fit(
        X,
        won,
        created_at=None if recipe.created_at is None else frame[recipe.created_at],
        ended_at=ended,
        groups=None if recipe.groups is None else frame[recipe.groups],
    )
    notes = tuple(frame.attrs.get("notes", ()))
    done = replace(
        recipe, model_version=scorer.model_version_, promised=_even_ranks(scorer.predict_proba(X))
    )
    return ScoringModel(scorer, done, scorer.leakage_, notes)


def train_tables(
    tables: Mapping[str, pd.DataFrame],
    *,
    horizon_days: float,
    seed: int,
    allow: Collection[str],
    as_of: pd.Timestamp | None = None,
) -> ScoringModel:
    """Train on leads, touches and deals: features as known on a day, and what followed.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        leads, deals, and where known touches; as their readers return them.
    horizon_days : float
        A lead counts as won where that happens within so many days.
    seed, allow
        As for `LeadScorer`.
    as_of : pandas.Timestamp, optional
        Nothing later is used; by default the latest instant of the tables.
    """
    given: dict[str, Any] = {name: tables.get(name) for name in ("touches", "deals")}
    table = training_table(tables["leads"], **given, horizon_days=horizon_days, as_of=as_of)
    known = table.past_horizon()
    if not len(known.X):
        raise InputError(
            f"no lead came in {horizon_days:g} days before the last entry, {table.as_of.date()}. "
            "Wait until some have had that time, or pass horizon_days= with fewer days."
        )
    refused = _futures(table, allow)
    X = known.X.drop(columns=refused["column"])
    scorer = LeadScorer(seed=seed, allow=tuple(allow)).fit(
        X, known.y, created_at=known.created_at, groups=known.groups
    )
    others = tuple(name for name in ("touches", "deals") if name in tables)
    recipe = Recipe(
        scorer.model_version_,
        tables=others,
        horizon_days=table.horizon_days,
        spec=table.spec,
        refused=tuple(refused["column"]),
        promised=_even_ranks(scorer.predict_proba(X)),
    )
    young = len(table.X) - len(known.X)
    said = [*table.notes, f"{len(known.X)} looks at {known.lead_id.nunique()} leads"]
    if young:
        said.append(f"{young} looks left out: their {horizon_days:g} days have not passed")
    every = pd.concat([refused, scorer.leakage_], ignore_index=True)
    return ScoringModel(scorer, recipe, every, tuple(said))


def _futures(table: TrainingTable, allow: Collection[str]) -> pd.DataFrame:
    """Find the columns of the looks that know how their leads ended.

    What a lead ended as tells them, whenever that was: to be won within the horizon is less, and
    a column filled at the close is then filled for leads of both kinds.
    """
    won = table.outcome.eq("won")
    if won.nunique() < 2:
        return pd.DataFrame({"column": [], "reason": [], "evidence": []}, dtype="str")
    found = find_leakage(
        table.X, won, created_at=table.created_at, ended_at=table.ended_at, allow=tuple(allow)
    )
    return found[~found["reason"].isin(DROPPED)]


def read_outcome(frame: pd.DataFrame, name: str, ended_at: str | None) -> "pd.Series[int]":
    """Return 1 for converted, else 0.

    Words are those that `mmm.read_deals` knows: 1 and 0, yes and no, won and lost, *vinto* and
    *perso*, open; empty is open too. Open leads need a column that says when the others ended.

    Raises
    ------
    InputError
        If a value cannot be read, or open leads are not to be told from lost ones.

    Examples
    --------
    >>> read_outcome(pd.DataFrame({"won": ["Yes", "no"]}), "won", None).tolist()
    [1, 0]
    """
    words = frame[name].astype("str").str.strip().str.lower()
    plain = words.str.replace(r"[\s/_-]+", "-", regex=True).str.replace(
        r"^([01])\.0$", r"\1", regex=True
    )
    unknown = sorted(set(plain.dropna()) - set(FLAG_WORDS))
    if unknown:
        raise InputError(
            f"the outcome {name!r} holds {quoted(unknown)}. Write 1 for leads that converted and 0 "
            "for the others, or yes and no, won and lost."
        )
    known = plain.map(lambda word: FLAG_WORDS[word], na_action="ignore").astype("boolean")
    n_open = int(known.isna().sum())
    if n_open and ended_at is None:
        raise InputError(
            f"{n_open} leads have no outcome in {name!r} yet. Leave them out, or say when the "
            "others came in and ended with created_at= and ended_at=."
        )
    if n_open and frame.loc[known.isna(), ended_at].notna().any():
        raise InputError(
            f"leads that are open by {name!r} have ended by {ended_at!r}. Make the two agree."
        )
    return known.fillna(False).astype("int64")


def save(trained: ScoringModel, folder: Path) -> dict[str, Path]:
    """Write the model, its recipe and its card.

    Raises
    ------
    SourceError
        If the folder holds something else.
    """
    trained.scorer.save(folder)
    card = trained.scorer.card_
    files = {
        "card": folder / "card.html",
        "card_it": folder / "card.it.html",
        "card_json": folder / "card.json",
    }
    files["card"].write_text(card.to_html("en"), encoding="utf-8")
    files["card_it"].write_text(card.to_html("it"), encoding="utf-8")
    files["card_json"].write_text(
        json.dumps(card.to_dict(), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    return {"model": folder, "recipe": write_recipe(folder, trained.recipe)} | files


def load(folder: Path) -> ScoringModel:
    """Read what `save` wrote.

    Raises
    ------
    SourceError
        If anything is foreign, damaged or of a newer version; nothing in it is executed.
    """
    scorer = LeadScorer.load(folder)
    return ScoringModel(scorer, read_recipe(folder, scorer.model_version_), scorer.leakage_)


def open_leads(
    tables: Mapping[str, pd.DataFrame], recipe: Recipe, as_of: str | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the features of the leads that are open on a day, and what was left out.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        The same as in training.
    recipe : Recipe
    as_of : str, optional
        By default the latest instant of the tables.

    Raises
    ------
    ConfigError
        If the tables are not those of training.
    """
    given = tuple(name for name in ("touches", "deals") if name in tables)
    if given != recipe.tables:
        raise ConfigError(
            f"the model was trained with {_said(recipe.tables)}, and there are {_said(given)}. "
            "Give the same tables."
        )
    look = last_look(tables) if as_of is None else to_instant(as_of)
    leads = tables["leads"]
    X = build_features(
        leads,
        tables.get("touches"),
        tables.get("deals"),
        as_of=pd.Timestamp(look, tz="UTC"),
        spec=recipe.spec,
    )
    notes = list(X.attrs["notes"])
    is_open = lead_ends(leads, tables.get("deals")).seen(look).outcome == "open"
    kept = is_open[leads.index.get_indexer(X.index)]
    if not kept.all():
        notes.append(f"{int((~kept).sum())} leads left out: they have ended")
    if not kept.any():
        raise InputError(f"no lead is open on {pd.Timestamp(look).date()}. Check as_of.")
    X = X[kept].drop(columns=list(recipe.refused), errors="ignore")
    X.insert(0, recipe.lead_id, leads.loc[X.index, "lead_id"])
    return X.reset_index(drop=True), tuple(notes)


def opted_out(leads: pd.DataFrame, lead_id: str, column: str | None) -> frozenset[str]:
    """Return the leads whose people do not want to be scored.

    Parameters
    ----------
    leads : pandas.DataFrame
    lead_id : str
        Column of ids.
    column : str or None
        Says yes or no of each lead, in the words of `read_outcome`; empty is no.

    Raises
    ------
    InputError
        If there is no such column, or it holds something else.

    Examples
    --------
    >>> leads = pd.DataFrame({"lead_id": ["a", "b", "c"], "no_profiling": ["yes", "no", None]})
    >>> opted_out(leads, "lead_id", "no_profiling")
    frozenset({'a'})
    """
    if column is None:
        return frozenset()
    if column not in leads.columns:
        raise InputError(
            f"leads have no column {column!r} of people who opted out; found "
            f"{quoted(leads.columns, 20)}. Correct opt_out=."
        )
    words = leads[column].astype("str").str.strip().str.lower()
    plain = words.str.replace(r"^([01])\.0$", r"\1", regex=True).mask(words.eq(""))
    unknown = sorted(
        set(plain.dropna()) - {w for w, flag in FLAG_WORDS.items() if flag is not None}
    )
    if unknown:
        raise InputError(
            f"the column {column!r} of people who opted out holds {quoted(unknown)}. "
            "Write yes or no, 1 or 0."
        )
    flags = plain.map(lambda word: FLAG_WORDS[word], na_action="ignore").fillna(False)
    return frozenset(leads.loc[flags.astype("bool"), lead_id].astype("str"))


def without_flag(leads: pd.DataFrame, column: str | None, trained: ScoringModel) -> pd.DataFrame:
    """Take the column of people who opted out away, unless the model learnt from it."""
    learnt = {one.name for one in trained.scorer.contract_.columns}
    if column is None or column in learnt or column not in leads.columns:
        return leads
    return leads.drop(columns=column)


def score(
    trained: ScoringModel,
    frame: pd.DataFrame,
    *,
    as_of: str | None = None,
    within_days: float | None = None,
    lang: str = "en",
) -> Batch:
    """Score leads, and hold them against those of training.

    Parameters
    ----------
    trained : ScoringModel
    frame : pandas.DataFrame
        From `read_ready` or `open_leads`.
    as_of, within_days, lang
        As for `LeadScorer.score_leads`.

    Raises
    ------
    InputError
        If columns differ from training, an id is missing or stands twice, or a probability is none.
    """
    recipe, scorer = trained.recipe, trained.scorer
    table = as_trained(frame, recipe)
    scores = scorer.score_leads(
        table, lead_id=recipe.lead_id, as_of=as_of, within_days=within_days, lang=lang
    )
    bad = scores.quarantine
    rows = bad["row"].to_numpy(dtype=np.int64) if len(bad) else np.empty(0, dtype=np.int64)
    ids = table[recipe.lead_id].to_numpy()
    quarantine = pd.DataFrame(
        {
            "lead_id": ids[rows],
            "column": bad["column"].to_numpy() if len(bad) else [],
            "problem": bad["problem"].to_numpy() if len(bad) else [],
        }
    )
    good = table[~table.index.isin(rows)]
    drift = feature_drift(scorer.drift_bins_, clean_frame(good, scorer.contract_.columns))
    notes = [*_odd(trained, scores), *_moved(drift), *_unusual(trained, good, scores)]
    # A lead that has been open for long, or asked for a shorter time, honestly has less.
    alike = within_days is None and (as_of is None or scorer.card_.hazard.empty)
    if alike and recipe.promised and len(scores):
        doubt = calibration_doubt(drift, recipe.promised, scores.probability)
        notes += [f"drift: {doubt.finding().sentence('en')}"] if doubt.state != "low" else []
    return Batch(scores, quarantine, drift, tuple(notes))


def write_batch(batch: Batch, target: Path, inputs: Collection[Path]) -> dict[str, Path]:
    """Write the scores, and beside them the leads that could not be scored.

    Raises
    ------
    SourceError
        If a file cannot be written, or would replace one that was read.
    """
    beside = target.with_name(f"{target.stem}.quarantine.csv")
    for file in (target, beside):
        refuse_input(file, inputs)
    files = {}
    if len(batch.quarantine) or beside.exists():  # an old one would speak of other leads
        files["quarantine"] = write_target(batch.quarantine, beside)
    files["scores"] = write_target(batch.scores.to_frame(), target)
    return files


def write_quarantine(batch: Batch, ledger: Path) -> dict[str, Path]:
    """Write the leads that could not be scored beside a ledger, where there are some."""
    file = ledger.with_name(f"{ledger.name}.not-scored.csv")
    if not len(batch.quarantine):  # an old one would speak of other leads
        file.unlink(missing_ok=True)
        return {}
    return {"quarantine": write_target(batch.quarantine, file)}


def as_trained(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Take away what is no feature; the day a lead came in keeps its place, under our name."""
    table = frame.reset_index(drop=True)
    drop = [n for n in recipe.beside if n in table.columns and n != recipe.created_at]
    table = table.drop(columns=drop)
    if recipe.created_at is not None and recipe.created_at in table.columns:
        table = table.rename(columns={recipe.created_at: "created_at"})
    return table


def _odd(trained: ScoringModel, scores: LeadScores) -> list[str]:
    said = []
    if not trained.scorer.card_.facts["signal"]:
        said.append("the model found no signal: every lead has the base rate")
    if len(scores.unseen):
        for column, rows in scores.unseen.groupby("column", sort=True):
            levels = quoted(sorted(rows["level"].unique()))
            said.append(
                f"{rows['n'].sum()} leads have a {column} that training never saw ({levels}): "
                "scored as other"
            )
    return said


def _moved(drift: pd.DataFrame) -> list[str]:
    far = drift[drift["state"].isin(["moderate", "strong"])].sort_values("psi", ascending=False)
    return [
        f"drift: {row.feature} has moved since training ({row.state}, PSI {row.psi:.2f})"
        for row in far.head(5).itertuples()
    ]


def _unusual(trained: ScoringModel, good: pd.DataFrame, scores: LeadScores) -> list[str]:
    if "created_at" not in good.columns:
        return []
    checks = guard_batch(trained.scorer.contract_, good["created_at"], as_of=scores.scored_at)
    failed = checks[~checks["ok"].fillna(True).astype("bool")]
    return [f"{row.check}: {row.found}; usual is {row.expected}" for row in failed.itertuples()]


def _even_ranks(probability: Any, n: int = 1000) -> tuple[float, ...]:
    """Return at most `n` of the probabilities of winning, evenly spaced by rank."""
    ordered = np.sort(probability[:, 1])
    places = np.linspace(0, len(ordered) - 1, min(n, len(ordered))).round().astype(np.intp)
    return tuple(ordered[places].tolist())


def _said(tables: Collection[str]) -> str:
    return " and ".join(tables) if tables else "leads alone"
