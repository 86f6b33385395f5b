"""Scoring of leads: from tables to probabilities, and to a file."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.prediction import (
    LeadScores,
    build_features,
    calibration_doubt,
    guard_batch,
    hold_out,
)
from mmm.prediction.blocks import Block, join_scores, warn_of
from mmm.prediction.columns.drift import FeatureBins, count_features, counted_drift
from mmm.prediction.features.ends import instants, lead_ends, link_deals
from mmm.prediction.features.moments import last_look, to_instant
from mmm.prediction.recipe import Recipe
from mmm.run.training import ScoringModel, known_fate
from mmm.tables.parse import FLAG_WORDS
from mmm.tables.target import write_target, written
from mmm.tables.write import inert, refuse_input
from mmm.wording import say
from mmm.wording.translated import translated

N_BEST = 5


@dataclass(frozen=True, eq=False)
class Batch:
    """Leads scored.

    Attributes
    ----------
    scores : LeadScores
        Without reasons where they were handed on piece by piece.
    best : pandas.DataFrame
        The five likeliest, as `LeadScores.to_frame` shows them, reasons included.
    quarantine : pandas.DataFrame
        lead_id, column, problem: leads that could not be scored.
    drift : pandas.DataFrame
        As `mmm.prediction.feature_drift` returns it.
    notes : tuple of str
        What a reader of the scores should know.
    held_out : LeadScores or None
        Of leads drawn at random, whose scores are shown to nobody; they are not among `scores`.
    """

    scores: LeadScores
    best: pd.DataFrame
    quarantine: pd.DataFrame
    drift: pd.DataFrame
    notes: tuple[str, ...]
    held_out: LeadScores | None = None


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
        notes.append(f"leads left out, since they have ended: {int((~kept).sum())}")
    if not kept.any():
        raise InputError(f"no lead is open on {pd.Timestamp(look).date()}. Check as_of.")
    n_worked = int((kept & _in_pipeline(leads.loc[X.index], tables.get("deals"), look)).sum())
    if n_worked:
        notes.append(f"{n_worked} of {int(kept.sum())} open leads have an open deal already")
    X = X[kept].drop(columns=list(recipe.refused), errors="ignore")
    X.insert(0, recipe.lead_id, leads.loc[X.index, "lead_id"])
    return X.reset_index(drop=True), tuple(notes)


def _in_pipeline(
    leads: pd.DataFrame, deals: pd.DataFrame | None, look: np.datetime64
) -> npt.NDArray[np.bool_]:
    """Return which leads have a deal that is open on a day."""
    worked = np.zeros(len(leads), dtype=np.bool_)
    if deals is not None:
        created, closed = instants(deals, "created_at"), instants(deals, "closed_at")
        is_open = (deals["won"].isna().to_numpy(dtype=bool) | (closed > look)) & ~(created > look)
        linked = link_deals(leads, deals[is_open])
        worked[linked[linked >= 0]] = True
    return worked


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


def over_on(leads: pd.DataFrame, recipe: Recipe, moment: np.datetime64) -> npt.NDArray[np.bool_]:
    """Return which leads are over at a moment, as their own table says.

    A lead is over once it has ended. Without a day of its end it is over if it was won; if it was
    lost only where the model knows of ends and the table has no column of them: with an empty one
    it is open, as in training.

    Parameters
    ----------
    leads : pandas.DataFrame
        Ends as instants, where there are any.
    recipe : Recipe
        Names the columns; either may be absent.
    moment : datetime64
        In UTC.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> leads = pd.DataFrame({"won": ["yes", "no", "open"]})
    >>> over_on(leads, Recipe("v", outcome="won"), np.datetime64("2025-01-01")).tolist()
    [True, False, False]
    """
    over = np.zeros(len(leads), dtype=np.bool_)
    undated = ~over
    dated = recipe.ended_at in leads.columns
    if dated:
        ended = instants(leads, str(recipe.ended_at))
        over, undated = ended <= moment, np.isnat(ended)
    if recipe.outcome in leads.columns:
        fate = known_fate(leads, str(recipe.outcome))
        told = fate.fillna(False) if dated or recipe.ended_at is None else fate.notna()
        over |= told.to_numpy(dtype=np.bool_) & undated
    return over


def without_flag(leads: pd.DataFrame, column: str | None, trained: ScoringModel) -> pd.DataFrame:
    """Take the column of people who opted out away, unless the model learnt from it."""
    learnt = {one.name for one in trained.scorer.contract_.columns}
    if column is None or column in learnt or column not in leads.columns:
        return leads
    return leads.drop(columns=column)


def score(
    trained: ScoringModel,
    frames: pd.DataFrame | Iterable[pd.DataFrame],
    *,
    as_of: str | None = None,
    within_days: float | None = None,
    lang: str = "en",
    each: Callable[[LeadScores], object] | None = None,
    held_out: float = 0.0,
    shown: Collection[str] = (),
) -> Batch:
    """Score leads, and hold them against those of training.

    Parameters
    ----------
    trained : ScoringModel
    frames : pandas.DataFrame, or several of them
        From `read_ready`, `read_pieces` or `open_leads`.
    as_of, within_days, lang
        As for `LeadScorer.score_leads`.
    each : callable, optional
        Given the scores piece by piece; their reasons are not kept then.
    held_out : float
        Share of the leads, drawn at random by their ids, whose scores are kept apart.
    shown : collection of str
        Leads, ids as a spreadsheet shows them, that are never drawn: their score was shown before.

    Raises
    ------
    InputError
        If columns differ from training, an id is missing or stands twice, or a probability is none.
    """
    recipe, scorer = trained.recipe, trained.scorer
    pieces = [frames] if isinstance(frames, pd.DataFrame) else frames
    tally = _Tally(trained, each, held_out, shown)
    blocks = scorer.score_blocks(
        (tally.note(as_trained(piece, recipe)) for piece in pieces),
        lead_id=recipe.lead_id, as_of=as_of, within_days=within_days, lang=lang,
    )  # fmt: skip
    for block in blocks:
        tally.add(block)
    # A lead that has been open for long, or asked for a shorter time, honestly has less.
    alike = within_days is None and (as_of is None or scorer.card_.hazard.empty)
    return tally.batch(alike, lang)


class _Tally:
    """What is kept of the leads of a run, while their scores go on."""

    def __init__(
        self,
        trained: ScoringModel,
        each: Callable[[LeadScores], object] | None,
        held_out: float,
        shown: Collection[str],
    ) -> None:
        self._trained = trained
        self._each = each
        self._share = held_out
        self._shown = frozenset(shown)
        self._kept: list[LeadScores] = []
        self._held_out: list[LeadScores] = []
        self._best: list[pd.DataFrame] = []
        self._came: list[Any] = []
        self._counts: tuple[FeatureBins, ...] = ()

    def note(self, table: pd.DataFrame) -> pd.DataFrame:
        """Remember when leads came in."""
        if "created_at" in table.columns:
            self._came.append(table["created_at"].reset_index(drop=True))
        return table

    def add(self, block: Block) -> None:
        """Count leads that were scored."""
        scores = block.scores
        if self._share:
            ids = pd.Series(scores.lead_id, dtype="str").map(inert)
            aside = hold_out(scores.lead_id, self._share) & ~ids.isin(self._shown).to_numpy()
            self._held_out.append(scores.take(np.flatnonzero(aside)).lean())
            scores = scores.take(np.flatnonzero(~aside))
        likely = np.argsort(-scores.probability, kind="stable")[:N_BEST]
        best = pd.concat([*self._best, scores.take(likely).to_frame()], ignore_index=True)
        order = np.argsort(-best["probability"].to_numpy(), kind="stable")[:N_BEST]
        self._best = [best.iloc[order].reset_index(drop=True)]
        counts = count_features(self._trained.scorer.drift_bins_, block.frame)
        if self._counts:
            counts = tuple(a + b for a, b in zip(self._counts, counts, strict=True))
        self._counts = counts
        if self._each is not None:
            self._each(scores)
            scores = scores.lean()
        self._kept.append(scores)

    def batch(self, alike: bool, lang: str) -> Batch:
        """Return the batch; `alike` says that probabilities may be held against training's."""
        trained, scores = self._trained, join_scores(self._kept)
        bad = scores.quarantine
        warn_of(bad, stacklevel=3)
        quarantine = bad[["lead_id", "column", "problem"]].reset_index(drop=True)
        drift = counted_drift(trained.scorer.drift_bins_, self._counts)
        came = pd.concat(self._came, ignore_index=True) if self._came else None
        good = None if came is None else came.drop(index=bad["row"].unique())
        found = [*_moved(drift), *_unusual(trained, good, scores)]
        if not trained.scorer.card_.facts["signal"]:
            what = "every lead has the base rate" if alike else "leads differ by their age alone"
            found.insert(0, f"the model found no signal: {what}")
        notes = [translated(note, lang) for note in found] + unseen_notes(scores, lang)
        if alike and trained.recipe.promised and len(scores):
            doubt = calibration_doubt(drift, trained.recipe.promised, scores.probability)
            about = say("scored.about_drift", lang, text=doubt.finding().sentence(lang))
            notes += [about] if doubt.state != "low" else []
        aside = join_scores(self._held_out) if self._held_out else None
        return Batch(scores, self._best[0], quarantine, drift, tuple(notes), aside)


@contextmanager
def into_file(
    target: Path, inputs: Collection[Path]
) -> Iterator[tuple[Callable[[LeadScores], None], dict[str, Path]]]:
    """Write scores to a file that is replaced whole, piece by piece.

    Yields
    ------
    add : callable
        Takes scores.
    files : dict of str to Path
        Where they lie, once written.

    Raises
    ------
    SourceError
        If the file cannot be written, or would replace one that was read.
    """
    for file in (target, quarantine_file(target)):
        refuse_input(file, inputs)
    files: dict[str, Path] = {}
    with written(target) as add:
        # Ids of an empty piece would have no type.
        yield lambda scores: add(scores.to_frame().astype({"lead_id": "str"})), files
    files["scores"] = target


def quarantine_file(target: Path) -> Path:
    """Return the file, beside the scores, of the leads that could not be scored."""
    return target.with_name(f"{target.stem}.quarantine.csv")


def write_quarantine(batch: Batch, ledger: Path) -> dict[str, Path]:
    """Write the leads that could not be scored beside a ledger, where there are some."""
    file = ledger.with_name(f"{ledger.name}.not-scored.csv")
    if not len(batch.quarantine):  # an old one would speak of other leads
        file.unlink(missing_ok=True)
        return {}
    return {"quarantine": write_target(batch.quarantine, file)}


def write_beside(batch: Batch, target: Path) -> dict[str, Path]:
    """Write the leads that could not be scored beside the file of scores, where there are some."""
    file = quarantine_file(target)
    if not len(batch.quarantine) and not file.exists():  # an old one would speak of other leads
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


def unseen_notes(scores: LeadScores, lang: str) -> list[str]:
    """Say which categories training never saw; a level may be a name."""
    if not len(scores.unseen):
        return []
    said = []
    for column, rows in scores.unseen.groupby("column", sort=True):
        levels = quoted(sorted(rows["level"].unique()), limit=3)
        said.append(
            f"{rows['n'].sum()} leads have a {column} that training never saw ({levels}): "
            "scored as other"
        )
    return [translated(note, lang) for note in said]


def _moved(drift: pd.DataFrame) -> list[str]:
    far = drift[drift["state"].isin(["moderate", "strong"])].sort_values("psi", ascending=False)
    return [
        f"drift: {row.feature} has moved since training ({row.state}, PSI {row.psi:.2f})"
        for row in far.head(5).itertuples()
    ]


def _unusual(trained: ScoringModel, came: "pd.Series[Any] | None", scores: LeadScores) -> list[str]:
    if came is None:
        return []
    checks = guard_batch(trained.scorer.contract_, came, as_of=scores.scored_at)
    failed = checks[~checks["ok"].fillna(True).astype("bool")]
    return [f"{row.check}: {row.found}; usual is {row.expected}" for row in failed.itertuples()]


def _said(tables: Collection[str]) -> str:
    return " and ".join(tables) if tables else "leads alone"
