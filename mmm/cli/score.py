"""`mmm score train` and `mmm score run`: a model in a folder, and leads in a table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json, Locale, Map, Touches, Tz, config_of
from mmm.cli.shell import print_json, print_notes, progress, records, told
from mmm.errors import ConfigError, MmmError

score = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Leads = Annotated[str, typer.Option(help="Leads: a file or a database URL#table.")]
Deals = Annotated[str | None, typer.Option(help="Deals, where features come from the tables.")]
Model = Annotated[Path, typer.Option(help="Folder of the model.")]

_ARGUMENT = re.compile(
    r"\b(lead_id|created_at|ended_at|groups|allow|as_of|within_days|horizon_days)=(?!=)"
)


@score.command(
    help="Train a model and write it to a folder, with its card.\n\n"
    "Leads that come with their features and an outcome:\n\n"
    "mmm score train --leads leads.csv --outcome converted --created-at created_on "
    "--model model\n\n"
    "Tables of the CRM, features made from them:\n\n"
    "mmm score train --leads leads.csv --touches touches.csv --deals deals.csv --model model"
)
def train(
    leads: Leads,
    model: Model,
    outcome: Annotated[str | None, typer.Option(help="Column: 1 or yes where converted.")] = None,
    lead_id: Annotated[str, typer.Option(help="Column of ids; may be absent.")] = "lead_id",
    created_at: Annotated[str | None, typer.Option(help="Column: when a lead came in.")] = None,
    ended_at: Annotated[
        str | None, typer.Option(help="Column: when it was won or lost; empty while open.")
    ] = None,
    groups: Annotated[str | None, typer.Option(help="Column: its person or account.")] = None,
    allow: Annotated[str, typer.Option(help="Columns to use though refused, by comma.")] = "",
    touches: Touches = None,
    deals: Deals = None,
    horizon_days: Annotated[float, typer.Option(help="With --deals: won within so long.")] = 90,
    locale: Locale = None,
    tz: Tz = "UTC",
    column: Map = None,
    seed: Annotated[int, typer.Option(help="Makes a training repeatable.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a model."""
    from mmm.prediction.recipe import Recipe
    from mmm.run import scoring
    from mmm.tables.write import refuse_input

    _one_way(outcome, touches, deals)
    sources = _files(leads, touches, deals)
    refuse_input(model, sources)
    allowed = [name.strip() for name in allow.split(",") if name.strip()]
    with _told():
        if outcome is None:
            tables = _tables(leads, touches, deals, locale, tz, column)
            progress("training")
            trained = scoring.train_tables(
                tables, horizon_days=horizon_days, seed=seed, allow=allowed
            )
        else:
            recipe = Recipe("", lead_id, created_at, ended_at, outcome, groups)
            progress("reading leads")
            frame = scoring.read_ready(leads, recipe, locale, tz)
            progress("training")
            trained = scoring.train_ready(frame, recipe, seed=seed, allow=allowed)
        files = scoring.save(trained, model)
    print_notes(trained.notes)
    _say_trained(trained, files, as_json)


@score.command(
    help="Score leads with a model, into a file that is replaced whole.\n\n"
    "Example: mmm score run --leads today.csv --model model --to scores.csv\n\n"
    "Example: mmm score run --leads leads.csv --touches touches.csv --deals deals.csv "
    "--model model --to scores.xlsx --dry-run"
)
def run(
    leads: Leads,
    model: Model,
    to: Annotated[str, typer.Option(help="File: .csv, .parquet or .xlsx.")],
    touches: Touches = None,
    deals: Deals = None,
    as_of: Annotated[str | None, typer.Option(help="Day of the scoring, YYYY-MM-DD.")] = None,
    within_days: Annotated[float | None, typer.Option(help="Won within so many days.")] = None,
    lead_id: Annotated[str | None, typer.Option(help="Column of ids, if renamed.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the reasons: en or it.")] = "en",
    locale: Locale = None,
    tz: Tz = "UTC",
    column: Map = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Score leads."""
    from mmm.run import scoring
    from mmm.tables.target import find_target
    from mmm.wording import LANGUAGES

    target = find_target(to)
    if lang not in LANGUAGES:
        raise ConfigError(f"--lang {lang!r} is not known. Use {' or '.join(LANGUAGES)}.")
    inputs = _files(leads, touches, deals) | {f.resolve() for f in model.glob("*")}
    with _told():
        progress("reading the model")
        trained = scoring.load(model)
        recipe = trained.recipe
        if within_days is not None and trained.scorer.card_.hazard.empty:
            raise ConfigError(
                "--within-days needs a model that knows when leads end. Train one with "
                "--created-at and --ended-at."
            )
        if recipe.tables:
            tables = _tables(leads, touches, deals, locale, tz, column)
            frame, left_out = scoring.open_leads(tables, recipe, as_of)
        else:
            _ready_only(touches, deals)
            progress("reading leads")
            frame, left_out = _read_new(leads, trained, lead_id, locale, tz)
        progress("scoring")
        batch = scoring.score(trained, frame, as_of=as_of, within_days=within_days, lang=lang)
        files = {} if dry_run else scoring.write_batch(batch, target, inputs)
    print_notes([*left_out, *batch.notes])
    _say_scored(batch, files, as_json)


def _one_way(outcome: str | None, touches: str | None, deals: str | None) -> None:
    if outcome is None and deals is None:
        raise ConfigError(
            "nothing tells which leads converted. Pass --outcome with the column that does, or "
            "--deals to learn it from the deals."
        )
    if outcome is not None and (touches or deals):
        raise ConfigError(
            "--outcome is for leads that come with their features. Leave it out to make features "
            "from --touches and --deals, or leave those out."
        )


def _ready_only(touches: str | None, deals: str | None) -> None:
    if touches or deals:
        raise ConfigError(
            "the model was trained on leads alone. Leave --touches and --deals out, or train one "
            "with them."
        )


def _files(*sources: str | None) -> set[Path]:
    return {Path(source).resolve() for source in sources if source and "://" not in source}


def _tables(
    leads: str,
    touches: str | None,
    deals: str | None,
    locale: str | None,
    tz: str,
    column: list[str] | None,
) -> dict[str, Any]:
    from mmm.run import read_tables

    if deals is None:
        raise ConfigError("the model was trained with deals. Pass --deals too.")
    given = {"leads": leads, "touches": touches, "deals": deals}
    tables = read_tables(config_of(given, locale, tz, column), progress)
    print_notes((), *tables.values())
    return tables


def _read_new(
    leads: str, trained: Any, lead_id: str | None, locale: str | None, tz: str
) -> tuple[Any, tuple[str, ...]]:
    """Read leads to score: of the columns that are no features they need the id alone.

    Where the model knows when leads end, their age counts, so that the day they came in is needed.
    """
    from dataclasses import replace

    from mmm.run import scoring

    recipe = trained.recipe
    aged = recipe.created_at if recipe.ended_at is not None else None
    asked = replace(
        recipe, lead_id=lead_id or recipe.lead_id, created_at=aged, ended_at=None, outcome=None,
        groups=None,
    )  # fmt: skip
    frame = scoring.read_ready(leads, asked, locale, tz)
    said = tuple(frame.attrs["notes"])
    return frame.rename(columns={asked.lead_id: recipe.lead_id}), said


def _say_trained(trained: Any, files: dict[str, Path], as_json: bool) -> None:
    from mmm.prediction.columns.leakage import DROPPED

    scorer, card = trained.scorer, trained.scorer.card_
    if as_json:
        print_json(
            {
                "files": files,
                "model_version": scorer.model_version_,
                "facts": dict(card.facts),
                "metrics": records(card.metrics),
                "refused": records(trained.refused),
            }
        )
        return
    facts, metrics = card.facts, card.metrics.set_index("metric")
    rate = metrics.loc["rate", "value"]
    print(f"Trained on {facts['n_rows']:,} rows; of those held out {rate:.1%} converted.")
    for row in trained.refused.itertuples():
        verb = "Left out" if row.reason in DROPPED else "Refused"
        print(f"{verb}: {row.column}: {row.reason} ({row.evidence}).")
    if not facts["signal"]:
        print("No signal: no column says who converts. Every lead gets the base rate.")
    else:
        how = "later than those trained on" if facts["timed"] else "drawn at random"
        print(f"On {facts['n_held_out']:,} rows held out, {how} (90% intervals):")
        print(f"  log loss {_interval(metrics.loc['log_loss'], '.3f')}, "
              f"of the base rate alone {scorer.choice_.losses['base rate']:.3f}")  # fmt: skip
        print(f"  a lead that converts ranks above one that does not: "
              f"{_interval(metrics.loc['auc'], '.0%')}")  # fmt: skip
        print(f"  probabilities are off by {_interval(metrics.loc['ece'], '.1%')} on average")
        print(f"  the best tenth converts {_interval(metrics.loc['lift'], '.1f')} times as often")
    print(f"The card: {files['card'].resolve()}")


def _interval(metric: Any, shape: str) -> str:
    value, low, high = (format(float(metric[name]), shape) for name in ("value", "lower", "upper"))
    return f"{value} ({low} to {high})"


def _say_scored(batch: Any, files: dict[str, Path], as_json: bool) -> None:
    frame = batch.scores.to_frame()
    counts = frame["grade"].value_counts().reindex(list("ABCD"), fill_value=0)
    if as_json:
        print_json(
            {
                "files": files,
                "n": len(frame),
                "grades": {grade: int(n) for grade, n in counts.items()},
                "model_version": batch.scores.model_version,
                "scored_at": batch.scores.scored_at.isoformat(),
                "quarantine": records(batch.quarantine),
                "unseen": records(batch.scores.unseen),
                "drift": records(batch.drift),
                "notes": batch.notes,
            }
        )
        return
    shown = ", ".join(f"{grade} {n:,}" for grade, n in counts.items())
    print(f"Scored {len(frame):,} leads: {shown}.")
    best = frame.nlargest(5, "probability", keep="all").head(5)
    for row in best.itertuples():
        print(f"  {row.lead_id}: {row.probability:.0%} ({row.grade}). {row.reason_1}")
    if not files:
        print("Nothing is written (--dry-run).")
    for name in ("quarantine", "scores"):
        if name in files:
            print(f"{'Written' if name == 'scores' else 'Not scored'}: {files[name].resolve()}")


@contextmanager
def _told() -> Iterator[None]:
    """Say errors and warnings with the options of the command line for the arguments of Python."""
    try:
        with told(_options):
            yield
    except MmmError as error:
        raise type(error)(_options(str(error))) from error


def _options(text: str) -> str:
    return _ARGUMENT.sub(lambda found: "--" + found[1].replace("_", "-"), text)
