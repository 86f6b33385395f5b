"""Training of lead scores: from leads with their outcome, or from tables, to a folder."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import InputError, SourceError, quoted
from mmm.prediction import LeadScorer, TrainingTable, find_leakage, training_table
from mmm.prediction.columns.leakage import DROPPED
from mmm.prediction.recipe import Recipe, read_recipe, write_recipe
from mmm.prediction.registry import Note, enter_model, is_registry, model_folder, version_in
from mmm.prediction.scores import read_ids
from mmm.tables.chunks import Chunks, read_chunks
from mmm.tables.mixed import read_mixed
from mmm.tables.parse import FLAG_WORDS


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


def read_ready(source: str, recipe: Recipe, locale: str | None, tz: str) -> pd.DataFrame:
    """Read leads that come with their features; `recipe` names the other columns.

    Parameters
    ----------
    source : str
        A file, or a database ``URL#table``.
    recipe : Recipe
    locale, tz : str
    """
    place, kinds, table = _asked(source, recipe)
    return read_mixed(place, kinds, locale=locale, tz=tz, table=table)


def read_pieces(source: str, recipe: Recipe, locale: str | None, tz: str) -> Chunks:
    """Read leads to score as `read_ready`, piece by piece.

    The day they came in has to be there only where the model knows when leads end; the day they
    ended never has.
    """
    place, kinds, table = _asked(source, recipe)
    absent = [recipe.created_at if recipe.ended_at is None else recipe.ended_at]
    optional = [name for name in absent if name is not None]
    return read_chunks(place, kinds, locale=locale, tz=tz, table=table, optional=optional)


def _asked(source: str, recipe: Recipe) -> tuple[str, dict[str, Any], str | None]:
    """Return the place of a table, the columns that are no features, and its name there."""
    place, _, table = source.partition("#") if "://" in source else (source, "", "")
    kinds: dict[str, Any] = {}
    for name in (recipe.lead_id, recipe.outcome, recipe.groups):
        kinds |= {} if name is None else {name: "text"}
    for name in (recipe.created_at, recipe.ended_at):
        kinds |= {} if name is None else {name: "instant"}
    return place, kinds, table or None


def read_ended(
    source: str,
    recipe: Recipe,
    outcome: str | None,
    lead_id: str | None,
    locale: str | None,
    tz: str,
) -> pd.DataFrame:
    """Read leads again, by now with their outcome; of the rest only the end is looked at.

    Parameters
    ----------
    source, locale, tz : str
        As for `read_ready`.
    recipe : Recipe
        Of the model that scored them.
    outcome, lead_id : str, optional
        Columns, where they are called otherwise than in training.

    Returns
    -------
    pandas.DataFrame
        With the names of training, but for the outcome.
    """
    ids = lead_id or recipe.lead_id
    asked = replace(
        recipe, lead_id=ids, outcome=outcome or recipe.outcome, created_at=None, groups=None
    )
    return read_ready(source, asked, locale, tz).rename(columns={ids: recipe.lead_id})


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
    channels: ChannelMap | None = None,
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
    channels : ChannelMap, optional
        Rules that name the channels; kept with the model, so that its scores know them.
    """
    given: dict[str, Any] = {name: tables.get(name) for name in ("touches", "deals")}
    given |= {"horizon_days": horizon_days, "as_of": as_of, "channel_map": channels}
    table = training_table(tables["leads"], **given)
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
        table.X,
        won,
        created_at=table.created_at,
        ended_at=table.ended_at,
        allow=tuple(allow),
        groups=table.lead_id,
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
    known = read_fate(frame, name)
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


def read_fate(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Return true for converted, false for not, missing for open; the words of `read_outcome`.

    Raises
    ------
    InputError
        If a value cannot be read.

    Examples
    --------
    >>> read_fate(pd.DataFrame({"won": ["vinto", "open", None]}), "won").tolist()
    [True, <NA>, <NA>]
    """
    plain = _plain_words(frame, name)
    unknown = sorted(set(plain.dropna()) - set(FLAG_WORDS))
    if unknown:
        raise InputError(
            f"the outcome {name!r} holds {quoted(unknown)}. Write 1 for leads that converted and 0 "
            "for the others, or yes and no, won and lost."
        )
    return _fates(plain)


def known_fate(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Return what `read_fate` does; a word that it cannot read means open.

    Examples
    --------
    >>> known_fate(pd.DataFrame({"won": ["vinto", "in touch", "no"]}), "won").tolist()
    [True, <NA>, False]
    """
    return _fates(_plain_words(frame, name))


def _plain_words(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    words = frame[name].astype("str").str.strip().str.lower()
    plain = words.str.replace(r"[\s/_-]+", "-", regex=True)
    return plain.str.replace(r"^([01])\.0$", r"\1", regex=True)


def _fates(words: "pd.Series[Any]") -> "pd.Series[Any]":
    return words.map(lambda word: FLAG_WORDS.get(word), na_action="ignore").astype("boolean")


def save(trained: ScoringModel, folder: Path) -> dict[str, Path]:
    """Write the model, its recipe and its card.

    Raises
    ------
    SourceError
        If the folder holds something else.
    """
    refuse_registry(folder)
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


def refuse_registry(folder: Path) -> None:
    """Raise where a folder for one model is a registry of several.

    Raises
    ------
    SourceError
    """
    if is_registry(folder):
        raise SourceError(
            f"{folder} is a registry of models. Train into it with --as challenger, or choose a "
            "new folder for one model."
        )


def enter(trained: ScoringModel, folder: Path, role: str, note: Note) -> dict[str, Path]:
    """Write the model into a registry of models, as champion or challenger.

    Raises
    ------
    ConfigError, SourceError
        As `mmm.prediction.registry.enter_model`.
    """
    written: dict[str, Path] = {}
    state = enter_model(
        folder,
        role,
        trained.scorer.model_version_,
        lambda place: written.update(save(trained, place)),
        note,
    )
    place = folder / str(state.last["model"])
    return {name: place if name == "model" else place / file.name for name, file in written.items()}


def load(folder: Path) -> ScoringModel:
    """Read what `save` wrote, or the champion of a registry.

    Raises
    ------
    SourceError
        If anything is foreign, damaged or of a newer version; nothing in it is executed.
    """
    if not is_registry(folder):
        return load_one(folder)
    place = model_folder(folder)
    return load_one(place, version_in(place.name))


def load_one(folder: Path, version: str | None = None) -> ScoringModel:
    """Read one model; of the version that a registry says, where it says one.

    Raises
    ------
    SourceError
        As `load`, and if it is another version.
    """
    scorer = LeadScorer.load(folder)
    if version is not None and scorer.model_version_ != version:
        raise SourceError(
            f"{folder} holds the model {scorer.model_version_}, not that of its name. Restore it "
            "from its copy."
        )
    return ScoringModel(scorer, read_recipe(folder, scorer.model_version_), scorer.leakage_)


def _even_ranks(probability: Any, n: int = 1000) -> tuple[float, ...]:
    """Return at most `n` of the probabilities of winning, evenly spaced by rank."""
    ordered = np.sort(probability[:, 1])
    places = np.linspace(0, len(ordered) - 1, min(n, len(ordered))).round().astype(np.intp)
    return tuple(ordered[places].tolist())
