"""`mmm score explain`: all that is said of one lead."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mmm.cli.leads import Asked, read_asked, told_options
from mmm.cli.options import Locale, Map, Touches
from mmm.cli.score_run import Ledger, known_language, ledger_of
from mmm.cli.settings import FromFile, OwnTz, settle
from mmm.cli.shell import print_notes, speak


def explain(
    lead: Annotated[str, typer.Argument(help="The id of the lead.")],
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    leads: Annotated[
        str | None, typer.Option(help="Leads: a file or a database URL#table.")
    ] = None,
    touches: Touches = None,
    deals: Annotated[str | None, typer.Option(help="Deals, if the model was trained so.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day of the scoring; else as in score run.")
    ] = None,
    lead_id: Annotated[str | None, typer.Option(help="Column of ids, if renamed.")] = None,
    lang: Annotated[str | None, typer.Option(help="Language of the reasons: en or it.")] = None,
    locale: Locale = None,
    tz: OwnTz = None,
    column: Map = None,
    config: FromFile = None,
    opt_out: Annotated[
        str | None, typer.Option(help="Column that says yes where somebody opted out.")
    ] = None,
    ledger: Ledger = None,
    out: Annotated[Path | None, typer.Option(help="A file for it; else it is printed.")] = None,
) -> None:
    """Explain one lead."""
    from mmm.run.explaining import explain_lead

    options = settle(
        config, {"leads": leads, "touches": touches, "deals": deals}, locale, tz, column
    )
    said = known_language(lang or options.lang)
    speak(said)
    asked = Asked(
        options.leads, model, touches, deals, as_of, None, lead_id, said, options.locale,
        options.tz, column, opt_out, options,
    )  # fmt: skip
    with told_options():
        trained, frame, day, left_out = read_asked(asked)
        found = explain_lead(
            trained, frame, lead, ledger=ledger_of(ledger, model), as_of=day, lang=said
        )
    print_notes(left_out)
    text = json.dumps(found, indent=1, ensure_ascii=False, default=str)
    if out is None:
        print(text)
        return
    out.write_text(text + "\n", encoding="utf-8")
    print(f"Written: {out.resolve()}")
