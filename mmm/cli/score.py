"""`mmm score`: train a model into a folder; its other commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.explain import explain
from mmm.cli.figures import with_range, written
from mmm.cli.leads import files_of, is_system, read_crm, told_options
from mmm.cli.options import Json, Locale, Map, Touches
from mmm.cli.score_feedback import feedback
from mmm.cli.score_life import By, Why, compare, promote, rollback
from mmm.cli.score_run import prepare, run
from mmm.cli.settings import FromFile, OwnTz, settle
from mmm.cli.shell import begin, print_json, print_notes, records
from mmm.errors import ConfigError

score = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Leads = Annotated[
    str | None,
    typer.Option(help="Leads: a file, a database URL#table, or a system such as tryton:."),
]
Deals = Annotated[str | None, typer.Option(help="Deals, where features come from the tables.")]
Model = Annotated[Path, typer.Option(help="Folder of the model, or of a registry of models.")]

score.command(
    "run",
    help="Score leads with a model, into a file or a customer system.\n\n"
    "Example: mmm score run --leads today.csv --model model --to scores.csv\n\n"
    "Example: mmm score run --leads leads.csv --touches touches.csv --deals deals.csv "
    "--model model --to postgresql://user@host/crm --dry-run\n\n"
    "Example: mmm score run --to hubspot: --resume",
)(run)
score.command(
    "prepare",
    help="Create the fields of scores in a customer system, where they are missing.\n\n"
    "Example: mmm score prepare --to postgresql://user@host/crm --dry-run",
)(prepare)
score.command(
    "explain",
    help="Say all that the model says of one lead, as JSON, for the person who asks.\n\n"
    "Example: mmm score explain L0042 --leads leads.csv --touches touches.csv "
    "--deals deals.csv --model model --out L0042.json",
)(explain)
score.command(
    "feedback",
    help="Say what showing the scores changed: leads handed over with their score beside those "
    "held out at random.\n\n"
    "Example: mmm score feedback --leads leads.csv --touches touches.csv --deals deals.csv "
    "--model model --out feedback.csv",
)(feedback)
score.command(
    "compare",
    help="Compare the challenger with the champion, on leads whose outcome is known by now.\n\n"
    "Example: mmm score compare --leads leads.csv --touches touches.csv --deals deals.csv "
    "--model models",
)(compare)
score.command(
    "promote",
    help="Make the challenger the champion, if it is not worse.\n\n"
    "Example: mmm score promote --leads leads.csv --touches touches.csv --deals deals.csv "
    '--model models --by "sales operations"',
)(promote)
score.command(
    "rollback",
    help="Bring the champion before back.\n\n"
    'Example: mmm score rollback --model models --why "grades too low since Monday"',
)(rollback)


@score.command(
    help="Train a model and write it to a folder, with its card.\n\n"
    "Leads that come with their features and an outcome:\n\n"
    "mmm score train --leads leads.csv --outcome converted --created-at created_on "
    "--model model\n\n"
    "Tables of the CRM, features made from them:\n\n"
    "mmm score train --leads leads.csv --touches touches.csv --deals deals.csv --model model\n\n"
    "The same tables, and how they are written, from one file:\n\n"
    "mmm score train --config mmm.toml --model model\n\n"
    "A registry of models, of which the first is the champion and a later one its challenger:\n\n"
    "mmm score train --leads leads.csv --outcome converted --model models --as challenger"
)
def train(
    model: Model,
    leads: Leads = None,
    outcome: Annotated[str | None, typer.Option(help="Column: 1 or yes where converted.")] = None,
    lead_id: Annotated[str, typer.Option(help="Column of ids.")] = "lead_id",
    created_at: Annotated[str | None, typer.Option(help="Column: when a lead came in.")] = None,
    ended_at: Annotated[
        str | None, typer.Option(help="Column: when it was won or lost; empty while open.")
    ] = None,
    groups: Annotated[str | None, typer.Option(help="Column: its person or account.")] = None,
    allow: Annotated[str, typer.Option(help="Columns to use though refused, by comma.")] = "",
    touches: Touches = None,
    deals: Deals = None,
    horizon_days: Annotated[
        float | None, typer.Option(help="With --deals: won within so long; else 90.")
    ] = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: FromFile = None,
    seed: Annotated[int | None, typer.Option(help="Makes a training repeatable; else 0.")] = None,
    role: Annotated[
        str | None,
        typer.Option("--as", help="Into a registry: champion (the first) or challenger."),
    ] = None,
    by: By = "",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Train a model."""
    from mmm.prediction.recipe import Recipe
    from mmm.prediction.registry import Note, check_entry
    from mmm.run import training
    from mmm.tables.write import refuse_input

    options = settle(
        config, {"leads": leads, "touches": touches, "deals": deals}, locale, tz, column
    )
    system = options.leads if is_system(options.leads) else None
    _one_way(outcome, touches, deals, options.config or system)
    refuse_input(model, files_of(options.leads, touches, deals) | options.files)
    with told_options():  # before an hour of training
        note = Note(by, why)
        check_entry(model, role) if role else training.refuse_registry(model)
    said = options.scoring
    how: dict[str, Any] = {
        "seed": said.seed if seed is None else seed,
        "allow": [name.strip() for name in allow.split(",") if name.strip()] or list(said.allow),
    }
    with told_options():
        if outcome is None:
            tables = read_crm(
                options.leads, touches, deals, options.locale, options.tz, column, options.config
            )
            begin("training")
            horizon = said.horizon_days if horizon_days is None else horizon_days
            how["channels"] = options.config and options.config.channels.to_map()
            trained = training.train_tables(tables, horizon_days=horizon, **how)
        else:
            recipe = Recipe("", lead_id, created_at, ended_at, outcome, groups)
            begin("reading_leads")
            frame = training.read_ready(options.leads, recipe, options.locale, options.tz)
            begin("training")
            trained = training.train_ready(frame, recipe, **how)
        files = (
            training.enter(trained, model, role, note) if role else training.save(trained, model)
        )
    print_notes(trained.notes)
    _say_trained(trained, files, as_json, options.lang)


def _one_way(outcome: str | None, touches: str | None, deals: str | None, other: object) -> None:
    """Raise where the outcome comes from nowhere, or from two places; other tables are `other`."""
    if outcome is None and deals is None and other is None:
        raise ConfigError(
            "nothing tells which leads converted. Pass --outcome with the column that does, or "
            "--deals to learn it from the deals."
        )
    if outcome is not None and (touches or deals):
        raise ConfigError(
            "--outcome is for leads that come with their features. Leave it out to make features "
            "from --touches and --deals, or leave those out."
        )


def _say_trained(trained: Any, files: dict[str, Path], as_json: bool, lang: str) -> None:
    from mmm.prediction.card import out_of_order
    from mmm.wording import format_share, say

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
    rate = format_share(metrics.loc["rate", "value"], lang, digits=1)
    print(say("scored.trained", lang, n=facts["n_rows"], rate=rate))
    _say_refused(trained.refused, lang)
    if not facts["signal"]:
        print(say("scored.no_signal", lang))
    else:
        how = "later" if facts["timed"] else "random"
        print(say(f"scored.held_out_{how}", lang, n=facts["n_held_out"]))
        base = scorer.choice_.losses["base rate"]
        for name in ("log_loss", "auc", "ece", "lift"):
            figure = with_range(metrics.loc[name], name, lang)
            said = say(f"scored.{name}", lang, figure=figure, base=written(base, "log_loss", lang))
            print(f"  {said}")
    for sentence in out_of_order(card, lang):
        print(sentence)
    card_file = files["card_it" if lang == "it" else "card"]
    print(say("scored.card", lang, path=card_file.resolve()))


def _say_refused(refused: Any, lang: str) -> None:
    from mmm.prediction.columns.leakage import DROPPED
    from mmm.wording import say
    from mmm.wording.translated import translated

    for row in refused.itertuples():
        key = "scored.left_out" if row.reason in DROPPED else "scored.refused"
        reason = say("scored.reason", lang, reason=row.reason.replace(" ", "_"))
        evidence = translated(row.evidence, lang)
        print(say(key, lang, column=row.column, reason=reason, evidence=evidence))
