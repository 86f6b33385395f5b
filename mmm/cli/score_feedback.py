"""`mmm score feedback`: what showing scores changed."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.leads import read_outcomes, told_options
from mmm.cli.options import Json, Locale, Map, Touches
from mmm.cli.score_life import AsOf, Deals, LeadId, Leads, Outcome
from mmm.cli.score_run import Ledger, known_language, ledger_of
from mmm.cli.settings import FromFile, OwnTz, settle
from mmm.cli.shell import begin, print_json, records, speak


def feedback(
    model: Annotated[Path, typer.Option(help="Folder of the model, or of a registry of models.")],
    leads: Leads = None,
    touches: Touches = None,
    deals: Deals = None,
    outcome: Outcome = None,
    lead_id: LeadId = None,
    worked: Annotated[
        str | None,
        typer.Option(
            help="Column filled, and not with no, where sales worked a lead; else "
            "first_contacted_at, where there is one."
        ),
    ] = None,
    as_of: AsOf = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: FromFile = None,
    ledger: Ledger = None,
    lang: Annotated[str | None, typer.Option(help="Language: en or it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A file for worked beside not worked, week by week.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what showing scores changed."""
    from mmm.run import handed, training
    from mmm.tables.target import write_target

    given = {"leads": leads, "touches": touches, "deals": deals}
    options = settle(config, given, locale, tz, column)
    said = known_language(lang or options.lang)
    speak(said)
    file = handed.handed_file(ledger_of(ledger, model))
    with told_options():
        handed.read_handed(file)  # what is missing is told before the leads are read
        found = read_outcomes(options, model, touches, deals, outcome, lead_id, column)
        begin("comparing")
        loop = handed.judge_loop(
            file, found, training.load(model).recipe, outcome=outcome, worked=worked, as_of=as_of
        )
    if out is not None:
        write_target(loop.worked, out)
    if as_json:
        tables = {"shown": records(loop.shown), "worked": records(loop.worked)}
        counts = {"n": loop.n, "n_held_out": loop.n_held_out, "n_known": loop.n_known}
        print_json({**counts, "since": loop.since, **tables})
        return
    _say_loop(loop, said)
    if out is not None:
        from mmm.wording import say

        print(say("scored.written", said, path=out.resolve()))


def _say_loop(loop: Any, lang: str) -> None:
    from mmm.wording import say

    print(
        say("scored.handed", lang, n=loop.n, since=date.fromisoformat(loop.since),
            held_out=loop.n_held_out, known=loop.n_known)
    )  # fmt: skip
    print(say("scored.shown", lang))
    _say_sides(loop.shown, "shown", "held_out", lang)
    if len(loop.worked):
        print(say("scored.worked", lang))
        _say_sides(loop.worked[loop.worked["period"] == "all"], "worked", "left", lang)


def _say_sides(table: Any, first: str, second: str, lang: str) -> None:
    from mmm.wording import format_count, format_share, say

    for row in table.to_dict("records"):
        points = [
            format_count(100 * row[of], lang, digits=1) for of in ("difference", "lower", "upper")
        ]
        grade = say("scored.all", lang) if row["grade"] == "all" else row["grade"]
        said = say(
            "scored.sides_row", lang, grade=grade, n_first=row[f"n_{first}"],
            n_second=row[f"n_{second}"], first=format_share(row[f"rate_{first}"], lang),
            second=format_share(row[f"rate_{second}"], lang), difference=points[0],
            low=points[1], high=points[2],
        )  # fmt: skip
        print(f"  {said}")
