"""`mmm demo` and `mmm run`: tables to a page."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json
from mmm.cli.shell import in_language, notes, print_json, progress, speak, told


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo"),
    lang: Annotated[str, typer.Option(help="Language of brief.html: en or it.")] = "en",
    as_json: Json = False,
) -> None:
    """Run the demo."""
    from mmm.run.demo import demo_config

    _run(demo_config(lang), out, as_json)


def run_command(
    config: Annotated[Path, typer.Argument(help="The configuration.")] = Path("mmm.toml"),
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    as_json: Json = False,
) -> None:
    """Run a configuration."""
    from mmm.run import load_config

    settings = load_config(config)
    _run(settings, out or Path(settings.output.folder), as_json)


def _run(config: Any, out: Path, as_json: bool) -> None:
    from mmm.report import write_results
    from mmm.report.files import StepFiles
    from mmm.run import run
    from mmm.run.gaps import in_words
    from mmm.wording import say

    lang = config.company.language
    speak(lang)
    steps = StepFiles(config, out)
    with told(in_language, lang):
        try:
            result = run(config, progress, steps)
        except BaseException:
            if steps.files:  # each step that was done is written, whatever stopped the next
                kept = [path.name for path in steps.files.values()]
                notes.print(say("printed.kept", lang, files=kept, folder=out))
            if older := steps.older():
                notes.print(say("printed.older", lang, files=older))
            raise
        progress(say("progress.writing_page", lang))
        files = write_results(result, config, out)
    for note in _notes(result):
        notes.print(say("printed.note", lang, text=in_language(note)))
    said = [finding.sentence(lang) for finding in _answer(result)]
    if as_json:
        about = {"counts": result.journeys.about["counts"], "manifest": result.manifest}
        gaps = [gap.sentence(lang) for gap in result.gaps]
        print_json({"files": files, "answer": said, "gaps": gaps, **about})
        return
    for sentence in said:
        print(sentence)
    for sentence in in_words((g for g in result.gaps if g.sentence(lang) not in said), lang):
        print(f"- {sentence}")
    print(say("printed.page", lang, page=files["brief"].resolve()))
    beside = [path.name for name, path in files.items() if name != "brief"]
    print(say("printed.files", lang, files=beside))


def _answer(result: Any) -> list[Any]:
    """Return the sentences that answer; a process at fault comes before any advice."""
    alignment = result.health.alignment
    fault = alignment.findings()[:1] if alignment.structural else ()
    return [*fault, *result.answer]


def _notes(result: Any) -> list[str]:
    """Return what the readers found and decided."""
    spend = result.tables.get("spend")
    more = () if spend is None else spend.attrs["notes"]
    return list(dict.fromkeys([*result.journeys.about["notes"], *more]))
