"""`mmm demo` and `mmm run`: tables to a page."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json
from mmm.cli.shell import notes, print_json, print_notes, progress, told

_WOULD_ANSWER = {
    "touches": "Without it each deal has one contact, the source of its lead.",
    "leads": "With it journeys know when a person became a lead.",
    "spend": "With it the page says what a customer costs.",
}


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo"),
    lang: Annotated[str, typer.Option(help="Language of brief.html: en or it.")] = "en",
    as_json: Json = False,
) -> None:
    """Run the demo."""
    from mmm.run.demo import demo_config

    _run(demo_config(lang), out, as_json)


def run_command(
    config: Annotated[Path, typer.Argument(help="The configuration, usually mmm.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    as_json: Json = False,
) -> None:
    """Run a configuration."""
    from mmm.run import load_config

    settings = load_config(config)
    _run(settings, out or Path(settings.output.folder), as_json)


def _run(config: Any, out: Path, as_json: bool) -> None:
    from mmm.report import write_results
    from mmm.report.page import brief_of
    from mmm.run import run

    with told():
        result = run(config, progress)
        progress("writing the page")
        files = write_results(result, config, out)
    counts = result.journeys.about["counts"]
    brief = brief_of(result, config)
    print_notes(result.journeys.about["notes"], result.tables.get("spend"))
    if as_json:
        print_json({"files": files, "counts": counts, "manifest": result.manifest})
        return
    for finding in brief.findings:
        print(finding.sentence(config.company.language))
    for reason in result.health.missing:
        notes.print(f"note: not computed: {reason}")
    for name in result.missing:
        print(f"Not given: {name}. " + _WOULD_ANSWER[name])
    print(f"The page: {files['brief'].resolve()}")
