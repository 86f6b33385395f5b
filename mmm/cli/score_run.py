"""`mmm score run` and `mmm score prepare`: scores into a file or a customer system."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.figures import with_range
from mmm.cli.leads import (
    Asked,
    Scored,
    keep_held_out,
    score_asked,
    shadow_asked,
    told_options,
)
from mmm.cli.options import Json, Locale, Map, Touches
from mmm.cli.score_change import replacement_counts, say_replacement, say_written
from mmm.cli.settings import FromFile, OwnTz, settle
from mmm.cli.shell import print_json, print_notes, records, speak
from mmm.cli.telling import as_json_lines, as_text, wants_json
from mmm.errors import ConfigError

LEDGER = "mmm-ledger.sqlite"  # beside the folder of the model
_FILE = "file:"

To = Annotated[
    str,
    typer.Option(
        help="File (.csv, .parquet, .xlsx) that is replaced whole; file:NAME to keep one up to "
        "date; a database URL#table; tryton:, hubspot:, salesforce:, odoo:."
    ),
]
Ledger = Annotated[
    Path | None, typer.Option(help=f"The ledger; by default {LEDGER} beside the model.")
]
Log = Annotated[
    str,
    typer.Option(help="Lines on stderr: auto (json where nobody watches), text or json."),
]


def run(
    to: To,
    leads: Annotated[str | None, typer.Option(help="Leads: as for training.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of the model.")] = None,
    touches: Touches = None,
    deals: Annotated[str | None, typer.Option(help="Deals, if the model was trained so.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Day of the scoring, YYYY-MM-DD; else today, or with tables the last day in them."
        ),
    ] = None,
    within_days: Annotated[float | None, typer.Option(help="Won within so many days.")] = None,
    lead_id: Annotated[str | None, typer.Option(help="Column of ids, if renamed.")] = None,
    lang: Annotated[str | None, typer.Option(help="Language of the reasons: en or it.")] = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: FromFile = None,
    opt_out: Annotated[
        str | None, typer.Option(help="Column that says yes where somebody opted out.")
    ] = None,
    hold_out: Annotated[
        float | None,
        typer.Option(help="Share of the leads whose score is shown to nobody; else 0."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show what would change.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="End what was begun.")] = False,
    undo: Annotated[str | None, typer.Option(help="Take a batch back: its id, or last.")] = None,
    limit: Annotated[int | None, typer.Option(help="Write so many leads at most.")] = None,
    fields: Annotated[str, typer.Option(help="Fields to write, by comma; all by default.")] = "",
    step: Annotated[float, typer.Option(help="Least change of probability written.")] = 0.01,
    max_moved: Annotated[
        float, typer.Option(help="Share that may move by more than a grade.")
    ] = 0.25,
    force: Annotated[bool, typer.Option("--force", help="Write though a guard objects.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the system, not with the ledger.")
    ] = False,
    ledger: Ledger = None,
    keep_days: Annotated[float, typer.Option(help="Days a batch stays in the ledger.")] = 365,
    log: Log = "auto",
    as_json: Json = False,
) -> None:
    """Score leads."""
    from mmm.tables.target import find_target

    asked = None
    speak(known_language(lang or "en"))
    if not resume and undo is None:  # else a batch is only ended, or taken back
        options = settle(
            config, {"leads": leads, "touches": touches, "deals": deals}, locale, tz, column
        )
        asked = _asked(
            options.leads, model, touches, deals, as_of, within_days, lead_id,
            lang or options.lang, options.locale, options.tz, column, opt_out, options,
            options.scoring.hold_out if hold_out is None else hold_out,
        )  # fmt: skip
    book = ledger_of(ledger, model)
    whole = _whole_file(to)
    if whole and (resume or undo is not None):
        raise ConfigError(
            "a file is replaced whole, so that there is nothing to resume or undo. Write "
            f"--to {_FILE}{to} for a file that is kept up to date."
        )
    # What is wrong with the address is told before an hour of scoring.
    target = find_target(to) if whole else open_system(to)
    with ExitStack() as stack:
        tell = _tell(stack, wants_json(log, by_itself=not whole), book)
        stack.enter_context(told_options())
        if whole and asked is not None:
            _to_file(asked, target, book, dry_run, as_json)
            return
        job = _job(book, fields, step, limit, check, keep_days, max_moved, force)
        if asked is None:
            _end(target, undo, job, tell, as_json)
        else:
            _to_system(asked, target, to, job, dry_run, tell, as_json)


def prepare(
    to: To,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which are missing.")] = False,
    as_json: Json = False,
) -> None:
    """Create the fields."""
    target = open_system(to)
    try:
        made = target.prepare(dry_run=dry_run)
    finally:
        target.close()
    if as_json:
        print_json({"system": target.name, "dry_run": dry_run, "fields": made})
        return
    verb = "Missing" if dry_run else "Created"
    print(f"{verb} in {target.name}: {', '.join(made)}." if made else "All fields are there.")


def _asked(leads: str, model: Path | None, *others: Any) -> Asked:
    """Return what to score."""
    if model is None:
        raise ConfigError("--model is missing. Only --resume and --undo do without.")
    asked = Asked(leads, model, *others)
    speak(known_language(asked.lang))
    if not 0 <= asked.hold_out <= 0.5:
        raise ConfigError(f"--hold-out is {asked.hold_out}. Choose a share from 0 to 0.5.")
    return asked


def known_language(lang: str) -> str:
    """Return the language, if there is one of that name."""
    from mmm.wording import LANGUAGES

    if lang not in LANGUAGES:
        raise ConfigError(f"--lang {lang!r} is not known. Use {' or '.join(LANGUAGES)}.")
    return lang


def ledger_of(given: Path | None, model: Path | None) -> Path:
    """Return the ledger: one beside the model outlives it when the next one is trained."""
    if given is not None:
        return given
    return (model.parent if model is not None else Path()) / LEDGER


def _whole_file(to: str) -> bool:
    """Whether a target is a file that is replaced whole."""
    from mmm.crm.open import SYSTEMS

    other = "://" in to or to.partition(":")[0] in {*SYSTEMS, "file"}
    return not other and Path(to).suffix.lower() in {".csv", ".parquet", ".xlsx"}


def open_system(to: str) -> Any:
    """Open the customer system that an option names."""
    from mmm.crm.open import open_target

    return open_target(to.removeprefix(_FILE))


def _tell(stack: ExitStack, as_lines: bool, book: Path) -> Callable[..., None]:
    from mmm.prediction.writeback import read_key

    if as_lines:
        return stack.enter_context(as_json_lines(read_key(book, make=False).scrub))
    return stack.enter_context(as_text())


def _job(
    book: Path, fields: str, step: float, limit: int | None, check: bool, keep_days: float,
    max_moved: float, force: bool,
) -> Any:  # fmt: skip
    from mmm.prediction.writeback import Guards, choose_fields
    from mmm.run.writing import Job

    names = [name.strip() for name in fields.split(",") if name.strip()]
    guards = Guards(max_moved=max_moved, insist=force)
    return Job(book, choose_fields(names or None), step, limit, check, keep_days, guards)


def _to_file(asked: Asked, target: Path, book: Path, dry_run: bool, as_json: bool) -> None:
    from mmm.prediction.writeback import compare_whole
    from mmm.run import scoring
    from mmm.run.scored_page import page_files, write_page
    from mmm.tables.write import refuse_input

    for file in page_files(target).values():
        refuse_input(file, asked.inputs)
    files: dict[str, Path] = {}
    if dry_run:
        scored = score_asked(asked, book, each=bool)
    else:
        with scoring.into_file(target, asked.inputs) as (add, files):
            scored = score_asked(asked, book, each=add)
            files |= scoring.write_beside(scored.batch, target)
            files |= write_page(scored.trained, scored.batch, target, asked.lang)
    beside = () if dry_run else _beside(asked, scored, book)
    print_notes([*_noted(scored), *beside])
    would = compare_whole(scored.batch.scores, target) if dry_run else None
    more = {"would": replacement_counts(would)} if would else {}
    _say_scored(scored, files, as_json, asked.lang, more)
    if would is not None and not as_json:
        say_replacement(would, target)


def _to_system(
    asked: Asked,
    target: Any,
    to: str,
    job: Any,
    dry_run: bool,
    tell: Callable[..., None],
    as_json: bool,
) -> None:
    from mmm.run import scoring
    from mmm.run.scored_page import write_page
    from mmm.run.writing import write_scores
    from mmm.tables.write import refuse_input

    if to.startswith(_FILE):
        refuse_input(Path(to.removeprefix(_FILE)), asked.inputs)
    scored = score_asked(asked, job.ledger)
    print_notes(_noted(scored))
    done = write_scores(
        scored.batch.scores, target, job, opted_out=scored.not_shown, as_of=asked.as_of,
        dry_run=dry_run, tell=tell,
    )  # fmt: skip
    files: dict[str, Path] = {}
    if not dry_run:
        files |= scoring.write_quarantine(scored.batch, job.ledger)
        files |= write_page(scored.trained, scored.batch, job.ledger, asked.lang)
    print_notes(() if dry_run else _beside(asked, scored, job.ledger))
    if as_json:
        print_json(_summary(scored, done, files))
        return
    say_written(done)


def _beside(asked: Asked, scored: Scored, book: Path) -> tuple[str, ...]:
    """Keep what the next months need: scores held out, and those of the challenger."""
    return (*keep_held_out(asked, scored, book), *shadow_asked(asked, scored))


def _end(target: Any, undo: str | None, job: Any, tell: Callable[..., None], as_json: bool) -> None:
    from mmm.run import writing

    if undo is None:
        done = writing.resume(target, job, tell=tell)
    else:
        done = writing.undo(target, undo, job, tell=tell)
    if as_json:
        print_json({"writing": done.to_dict()})
        return
    say_written(done)


def _noted(scored: Scored) -> list[str]:
    said = list(scored.notes)
    if scored.opted_out:
        said.append(f"leads not scored, since they opted out: {len(scored.opted_out)}")
    if scored.n_forgotten:
        said.append(f"leads not scored, since they are forgotten: {scored.n_forgotten}")
    return said


def _grades(batch: Any) -> dict[str, int]:
    given = batch.scores.grade
    return {grade: int((given == grade).sum()) for grade in "ABCD"}


def _summary(scored: Scored, done: Any, files: dict[str, Path]) -> dict[str, Any]:
    """Return what a run did, in counts: no lead is named."""
    batch = scored.batch
    return {
        "files": files,
        "n": len(batch.scores),
        "grades": _grades(batch),
        "model_version": batch.scores.model_version,
        "scored_at": batch.scores.scored_at.isoformat(),
        "n_quarantine": int(batch.quarantine["lead_id"].nunique()),
        "n_opted_out": len(scored.opted_out),
        "n_forgotten": scored.n_forgotten,
        "drift": records(batch.drift[batch.drift["state"].ne("none")]),
        "notes": scored.notes,
        "writing": done.to_dict(),
    }


def _of_past(card: Any, lang: str) -> str:
    """Return the share of past leads of each grade that converted, with its interval."""
    rows = card.grades.rename(columns={"rate": "value"}).to_dict("records")
    return "; ".join(f"{row['grade']} {with_range(row, 'rate', lang)}" for row in rows if row["n"])


def _say_scored(
    scored: Scored, files: dict[str, Path], as_json: bool, lang: str, more: dict[str, Any]
) -> None:
    from mmm.wording import format_chance, say

    batch, n = scored.batch, len(scored.batch.scores)
    if as_json:
        print_json(
            {
                "files": files,
                "n": n,
                "n_held_out": 0 if batch.held_out is None else len(batch.held_out),
                "grades": _grades(batch),
                "model_version": batch.scores.model_version,
                "scored_at": batch.scores.scored_at.isoformat(),
                "quarantine": records(batch.quarantine),
                "unseen": records(batch.scores.unseen),
                "drift": records(batch.drift),
                "notes": batch.notes,
                **more,
            }
        )
        return
    card = scored.trained.scorer.card_
    graded = card.facts["signal"]  # else one edge parts all grades, and a lead a day old is a D
    if graded:
        shown = ", ".join(f"{grade} {n:,}" for grade, n in _grades(batch).items())
        print(say("scored.grades", lang, n=n, grades=shown))
        if past := _of_past(card, lang):
            print(say("scored.of_past", lang, grades=past))
    else:
        print(say("scored.ungraded", lang, n=n))
    for row in batch.best.itertuples():
        chance = format_chance(row.probability, lang)
        said = say(
            "scored.best" if graded else "scored.best_ungraded", lang, lead=row.lead_id,
            chance=chance, grade=row.grade, reason=row.reason_1,
        )  # fmt: skip
        print(f"  {said}")
    for name, key in (("quarantine", "not_scored"), ("scores", "written"), ("page", "page")):
        if name in files:
            print(say(f"scored.{key}", lang, path=files[name].resolve()))
