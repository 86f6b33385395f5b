"""`mmm report`: the brief of a configuration, in the form that people ask for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json
from mmm.cli.shell import in_language, print_json, progress, speak, told
from mmm.errors import ConfigError


def report(
    out: Annotated[
        Path, typer.Option(help="File to write; its ending chooses the format.", show_default=False)
    ],
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("mmm.toml"),
    lang: Annotated[
        str | None, typer.Option(help="en or it; the company's language by default.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="html, md, json, pdf or xlsx.")
    ] = None,
    edition: Annotated[
        str, typer.Option(help="weekly (team), monthly (management) or quarterly (board).")
    ] = "monthly",
    agenda: Annotated[
        bool, typer.Option("--agenda", help="The agenda of the marketing-sales meeting instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the brief."""
    from mmm.report.editions import sections_of
    from mmm.report.formats import find_format
    from mmm.report.revision import written_rules
    from mmm.run import load_config, run
    from mmm.wording import say

    asked = find_format(out, form)
    sections_of(edition)
    if agenda and asked not in ("html", "pdf"):
        raise ConfigError(f"the agenda is a page, not {asked}. Use --format html or pdf.")
    settings = load_config(config)
    lang = lang or settings.company.language
    if lang not in ("en", "it"):
        raise ConfigError(f"--lang {lang!r} is unknown. Use en or it.")
    if asked == "pdf":
        _need_chromium()
    if agenda:
        written_rules(settings)  # what cannot be understood is said before the models run
    speak(lang)
    with told(in_language, lang):
        result = run(settings, progress)
        progress(say("progress.writing_report", lang))
        write = _write_agenda if agenda else _write_brief
        path = write(result, settings, out, asked, lang, edition)
    if as_json:
        print_json({"file": path, "format": asked, "lang": lang, "edition": edition})
    else:
        print(say("printed.report", lang, path=path.resolve()))


def _need_chromium() -> None:
    """Say that Chromium is missing before the models run, not after."""
    from mmm.errors import MissingLibraryError
    from mmm.report.formats.pdf import CURE, find_chromium

    if find_chromium() is None:
        raise MissingLibraryError(f"a PDF needs Chromium, and none was found. {CURE}")


def _write_brief(result: Any, settings: Any, out: Path, form: str, lang: str, edition: str) -> Path:
    from mmm.report import brief_of
    from mmm.report.formats import write_report
    from mmm.run.config import sources

    inputs = {Path(name).resolve() for name in sources(settings)}
    brief = brief_of(result, settings)
    return write_report(brief, out, lang=lang, form=form, edition=edition, inputs=inputs)


def _write_agenda(
    result: Any, settings: Any, out: Path, form: str, lang: str, edition: str
) -> Path:
    from mmm.report.agenda import render_agenda
    from mmm.report.formats import to_pdf
    from mmm.report.formats.write import write_bytes
    from mmm.run.config import sources
    from mmm.tables.write import refuse_input

    refuse_input(out, {Path(name).resolve() for name in sources(settings)})
    page = render_agenda(result, settings, lang)
    return write_bytes(to_pdf(page) if form == "pdf" else page.encode(), out)
