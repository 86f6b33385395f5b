"""Leads of the command line: read as their model asks, and errors in the words of options."""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmm.cli.options import config_of
from mmm.cli.settings import Settings
from mmm.cli.shell import begin, in_language, print_notes, progress, spoken, told
from mmm.errors import ConfigError, InputError, MmmError, MmmWarning, quoted

_ARGUMENT = re.compile(
    r"\b(lead_id|created_at|ended_at|groups|allow|as_of|within_days|horizon_days|fields|step|limit"
    r"|max_moved|max_missing|keep_days|ledger|to|undo|outcome|tolerance|by|why)=(?!=)"
)
_SWITCH = re.compile(r"\b(resume|force)=True")


def ready_only(touches: str | None, deals: str | None) -> None:
    """Raise where tables are given that the model does not read."""
    if touches or deals:
        raise ConfigError(
            "the model was trained on leads alone. Leave --touches and --deals out, or train one "
            "with them."
        )


def files_of(*sources: str | None) -> set[Path]:
    """Return those sources that are files."""
    return {Path(source).resolve() for source in sources if source and "://" not in source}


@dataclass(frozen=True)
class Asked:
    """What the options say of the leads to score; see ``mmm score run --help``."""

    leads: str
    model: Path
    touches: str | None
    deals: str | None
    as_of: str | None
    within_days: float | None
    lead_id: str | None
    lang: str
    locale: str | None
    tz: str
    column: list[str] | None
    opt_out: str | None
    settings: Settings | None = None
    hold_out: float = 0.0

    @property
    def config(self) -> Any:
        """The configuration that the options are part of, where there is one."""
        return None if self.settings is None else self.settings.config

    @property
    def inputs(self) -> set[Path]:
        """Files that are read, which nothing may replace."""
        named = set() if self.settings is None else self.settings.files
        own = {file.resolve() for file in self.model.rglob("*")}
        return files_of(self.leads, self.touches, self.deals) | named | own


@dataclass(frozen=True, eq=False)
class Scored:
    """Leads that were scored, and those left out because they do not want to be.

    Attributes
    ----------
    batch : Batch
    opted_out : frozenset of str
    n_forgotten : int
    notes : tuple of str
    tables : dict or None
        The tables that were read, where the model makes its features from tables.
    left_out : frozenset of str
        Leads that are not scored: opted out or forgotten.
    trained : ScoringModel
    """

    batch: Any
    opted_out: frozenset[str]
    n_forgotten: int
    notes: tuple[str, ...]
    tables: dict[str, Any] | None
    left_out: frozenset[str]
    trained: Any = None

    @property
    def not_shown(self) -> frozenset[str]:
        """Leads of whom nothing is to stand in a customer system: opted out, or held out."""
        aside = self.batch.held_out
        return self.opted_out | frozenset(() if aside is None else map(str, aside.lead_id))


def read_asked(asked: Asked) -> tuple[Any, Any, str | None, tuple[str, ...]]:
    """Return the model, the leads as it reads them, the day they are scored on, and the notes."""
    import pandas as pd

    from mmm.run import training

    begin("reading_model")
    trained = training.load(asked.model)
    reading = read_for(asked, trained, tables_for(asked, trained))
    frame = pd.concat([reading.asked(piece) for piece in reading.pieces])
    return trained, frame, reading.day, (*reading.notes, *reading.found())


def tables_for(asked: Asked, trained: Any) -> dict[str, Any] | None:
    """Read the tables, where a model makes its features from them."""
    if not trained.recipe.tables:
        ready_only(asked.touches, asked.deals)
        return None
    return read_crm(
        asked.leads, asked.touches, asked.deals, asked.locale, asked.tz, asked.column, asked.config
    )


@dataclass(eq=False)
class Reading:
    """Leads as a model reads them, piece by piece, and who of them does not want to be scored.

    Attributes
    ----------
    pieces : iterable of pandas.DataFrame
    trained : ScoringModel
    opt_out : str or None
        Column that says who has opted out.
    notes : tuple of str
        What was left out.
    ledger : Path or None
        Knows the forgotten.
    day : str or None
        As of which leads are scored; where there is none, as on the day they came in.
    today : bool
        Whether that is the moment of this run, since no day was given.
    until : numpy.datetime64 or None
        Leads that are over by then are left out; those of tables have been before.
    flagged, gone : set of str
        Leads that have opted out, and forgotten ones, of the pieces so far.
    n_over, n_undated : int
        Leads left out as over, and leads that came in after the moment of this run or on an
        unknown day, of the pieces so far.
    told_by : tuple of str
        Columns that say which leads are over.
    """

    pieces: Iterable[Any]
    trained: Any
    opt_out: str | None
    notes: tuple[str, ...]
    ledger: Path | None = None
    day: str | None = None
    today: bool = False
    until: Any = None
    flagged: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    n_over: int = 0
    n_undated: int = 0
    told_by: tuple[str, ...] = ()

    def asked(self, piece: Any) -> Any:
        """Return a piece without leads that are over, and without the column of who opted out."""
        from mmm.run import scoring

        recipe = self.trained.recipe
        self.flagged |= scoring.opted_out(piece, recipe.lead_id, self.opt_out)
        frame = scoring.without_flag(piece, self.opt_out, self.trained)
        if self.until is None:
            return frame
        self.told_by = tuple(
            name for name in (recipe.ended_at, recipe.outcome) if name in frame.columns
        )
        over = scoring.over_on(frame, recipe, self.until)
        self.n_over += int(over.sum())
        return self._of_age(frame[~over])

    def _of_age(self, frame: Any) -> Any:
        """Take leads as new that came in later than now; a clock that is off stops no run."""
        import pandas as pd

        if not self.today:
            return frame
        name = self.trained.recipe.created_at
        now = pd.Timestamp(str(self.day))
        undated = ~(frame[name] <= now)
        self.n_undated += int(undated.sum())
        return frame.assign(**{name: frame[name].mask(undated, now)})

    def found(self) -> tuple[str, ...]:
        """Return what there is to say once the pieces are read."""
        said = []
        if self.today:
            day = str(self.day)[:10]
            said.append(f"no --as-of is given: leads are scored as of today, {day}")
        if self.n_undated:
            name = self.trained.recipe.created_at
            said.append(
                f"{self.n_undated} leads have no {name!r}, or a later one than now: scored as new"
            )
        if self.n_over:
            names = quoted(self.told_by)
            said.append(f"leads left out, since they are over by {names}: {self.n_over}")
        return tuple(said)

    def wanted(self) -> Iterator[Any]:
        """Yield the pieces without leads that are over, have opted out or are forgotten.

        Raises
        ------
        InputError
            At the end, if every lead was over.
        """
        from mmm.run.writing import left_alone

        n_open = 0
        for piece in self.pieces:
            frame = self.asked(piece)
            n_open += len(frame)
            ids = frame[self.trained.recipe.lead_id].astype("str")
            if self.ledger is not None:
                self.gone |= left_alone(self.ledger, ids.tolist())
            left_out = self.flagged | self.gone
            yield frame[~ids.isin(left_out)] if left_out else frame
        if self.n_over and not n_open:
            raise InputError(
                f"no lead is open: all {self.n_over} are over by {quoted(self.told_by)}. Give "
                "leads that are open, or take those columns out to score them all the same."
            )


def read_for(asked: Asked, trained: Any, tables: dict[str, Any] | None) -> Reading:
    """Return the leads as a model reads them.

    Where the age of leads counts and no day is given, it is that of this run.
    """
    import pandas as pd

    from mmm.prediction.features.moments import to_instant
    from mmm.run import scoring

    recipe = trained.recipe
    if asked.within_days is not None and trained.scorer.card_.hazard.empty:
        raise ConfigError(
            "--within-days needs a model that knows when leads end. Train one with "
            "--created-at and --ended-at."
        )
    if tables is None:
        begin("reading_leads")
        pieces, chunks = read_new(asked.leads, trained, asked.lead_id, asked.locale, asked.tz)
        now = pd.Timestamp.now(tz="UTC").isoformat(timespec="seconds")
        aged = not trained.scorer.card_.hazard.empty and recipe.created_at in chunks.columns
        today = asked.as_of is None and aged
        day = now if today else asked.as_of
        return Reading(
            pieces, trained, asked.opt_out, chunks.notes, day=day, today=today,
            until=to_instant(day or now),
        )  # fmt: skip
    leads = tables["leads"]
    flagged = scoring.opted_out(leads, "lead_id", asked.opt_out)
    leads = scoring.without_flag(leads, asked.opt_out, trained)
    frame, notes = scoring.open_leads(tables | {"leads": leads}, recipe, asked.as_of)
    return Reading([frame], trained, None, notes, day=asked.as_of, flagged=set(flagged))


def score_asked(asked: Asked, ledger: Path, each: Callable[[Any], object] | None = None) -> Scored:
    """Score the leads that the options name, without people who opted out or are forgotten.

    Parameters
    ----------
    asked : Asked
    ledger : Path
        Knows the forgotten by their keyed hash; may not exist.
    each : callable, optional
        Given the scores piece by piece, so that their reasons need not be kept.
    """
    from mmm.run import handed, scoring, training
    from mmm.wording.translated import translated

    begin("reading_model")
    trained = training.load(asked.model)
    shown = handed.shown_before(handed.handed_file(ledger)) if asked.hold_out else frozenset()
    tables = tables_for(asked, trained)
    reading = read_for(asked, trained, tables)
    reading.ledger = ledger
    begin("scoring")
    batch = scoring.score(
        trained, reading.wanted(), as_of=reading.day, within_days=asked.within_days,
        lang=asked.lang, each=each, held_out=asked.hold_out, shown=shown,
    )  # fmt: skip
    found = tuple(translated(note, asked.lang) for note in reading.found())
    batch = replace(batch, notes=(*found, *batch.notes))
    flagged, gone = frozenset(reading.flagged), reading.gone
    notes = (*reading.notes, *batch.notes)
    return Scored(batch, flagged, len(gone), notes, tables, flagged | gone, trained)


def keep_held_out(asked: Asked, scored: Scored, ledger: Path) -> tuple[str, ...]:
    """Keep the first scores of the leads, shown or not, once the others are written."""
    from mmm.run import handed, life

    aside = scored.batch.held_out
    if aside is None:
        return ()
    look = life.looked_at(scored.tables, scored.batch.scores, asked.as_of)
    file = handed.handed_file(ledger)
    n_new = handed.keep_handed(file, scored.batch.scores, aside, look, scored.left_out)
    return (
        f"{len(aside)} leads are held out at random, {n_new} of them new: their scores are shown "
        f"to nobody and kept in {file.name}, for mmm score feedback",
    )


def shadow_asked(asked: Asked, scored: Scored) -> tuple[str, ...]:
    """Score with the challenger too, once the champion's scores are written; what came of it.

    Whatever is wrong with a challenger is said, and harms nothing.
    """
    from mmm.run import life, scoring

    try:
        challenger = life.find_challenger(asked.model)
        if challenger is None:
            return ()
        if asked.within_days is not None:
            return ("the challenger did not score: with --within-days there is no comparison",)
        tables = scored.tables
        if bool(challenger.recipe.tables) != (tables is not None):
            return ("the challenger did not score: it was not trained as the champion was",)
        begin("scoring_beside")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MmmWarning)
            reading = read_for(asked, challenger, tables)
            reading.flagged |= scored.left_out
            beside = scoring.score(
                challenger, reading.wanted(), as_of=reading.day, lang=asked.lang, each=bool
            )
        look = life.looked_at(tables, scored.batch.scores, asked.as_of)
        rows = life.shadow(scored.batch.scores, beside.scores, look)
        n_new = life.keep_shadow(asked.model, rows, scored.left_out)
    except MmmError as error:
        return (f"the challenger did not score: {_options(str(error))}",)
    return (f"the challenger scored {len(rows)} leads beside the champion, {n_new} of them new",)


def is_system(leads: str) -> bool:
    """Whether leads come from a customer system that holds all of the tables."""
    from mmm.crm.open import SYSTEMS

    return leads.partition(":")[0] in SYSTEMS


def _read_system(text: str, touches: str | None, deals: str | None) -> dict[str, Any]:
    from mmm import tables
    from mmm.crm.open import open_source

    if touches or deals:
        raise ConfigError(
            "--leads names a system that holds touches and deals too. Leave them out."
        )
    source = open_source(text)
    found: dict[str, Any] = {}
    try:
        for name in ("leads", "touches", "deals"):
            begin("reading_from", table=name, system=source.name)
            frame = getattr(source, f"read_{name}")().frame
            if len(frame) or name == "leads":  # not every system keeps touches
                found[name] = getattr(tables, f"read_{name}")(frame)
    finally:
        source.close()
    print_notes((), *found.values())
    return found


def read_crm(
    leads: str,
    touches: str | None,
    deals: str | None,
    locale: str | None,
    tz: str,
    column: list[str] | None,
    config: Any = None,
) -> dict[str, Any]:
    """Read the tables of a model: each from its own place, or all of them from one system.

    Parameters
    ----------
    leads, touches, deals, locale, tz, column
        Options.
    config : Config, optional
        They are part of it, where there is one.
    """
    if is_system(leads):
        return _read_system(leads, touches, deals)
    from mmm.run import read_tables

    if config is not None:
        tables = read_tables(config, progress)
        print_notes((), *tables.values())
        return tables
    if deals is None:
        raise ConfigError("the model was trained with deals. Pass --deals too.")
    given = {"leads": leads, "touches": touches, "deals": deals}
    tables = read_tables(config_of(given, locale, tz, column), progress)
    print_notes((), *tables.values())
    return tables


def read_outcomes(
    options: Settings,
    model: Path,
    touches: str | None,
    deals: str | None,
    outcome: str | None,
    lead_id: str | None,
    column: list[str] | None,
) -> Any:
    """Read leads as their model reads them, by now with their outcome: a frame, or tables."""
    from mmm.run import training

    recipe = training.load(model).recipe
    if recipe.tables or is_system(options.leads):
        return read_crm(
            options.leads, touches, deals, options.locale, options.tz, column, options.config
        )
    if touches or deals:
        raise ConfigError("the models were trained on leads alone. Pass --leads alone.")
    begin("reading_leads")
    return training.read_ended(options.leads, recipe, outcome, lead_id, options.locale, options.tz)


def read_new(
    leads: str, trained: Any, lead_id: str | None, locale: str | None, tz: str
) -> tuple[Iterator[Any], Any]:
    """Read leads to score, in pieces; of columns that are no features they need the id alone.

    Where the model knows when leads end, their age counts, so that the day they came in is needed.
    """
    from mmm.run import training

    recipe = trained.recipe
    asked = replace(recipe, lead_id=lead_id or recipe.lead_id, outcome=None, groups=None)
    chunks = training.read_pieces(leads, asked, locale, tz)
    names = {asked.lead_id: recipe.lead_id}
    return (piece.rename(columns=names) for piece in chunks), chunks


@contextmanager
def told_options() -> Iterator[None]:
    """Say errors and warnings with the options of the command line for the arguments of Python."""
    try:
        with told(lambda text: _options(in_language(text)), spoken()):
            yield
    except MmmError as error:
        raise type(error)(_options(str(error))) from error


def _options(text: str) -> str:
    switched = _SWITCH.sub(r"--\1", text)
    return _ARGUMENT.sub(lambda found: "--" + found[1].replace("_", "-"), switched)
