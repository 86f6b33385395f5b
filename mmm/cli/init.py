"""`mmm init`: a look at the user's files, and a commented configuration."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json
from mmm.cli.shell import for_shell, in_language, notes, print_json, progress, speak
from mmm.errors import ConfigError


def init(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders; the current folder by default.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="The configuration to write.")] = Path("mmm.toml"),
    lang: Annotated[str, typer.Option(help="Language of the comments: en or it.")] = "en",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a configuration."""
    if lang not in ("en", "it"):
        raise ConfigError(f"--lang {lang!r} is unknown. Use en or it.")
    speak(lang)
    from mmm.run.guess import look_at_files, refuse_absent, to_toml, trial

    refuse_absent(files or [])
    _refuse(out, force)
    from mmm.tables.write import make_folder
    from mmm.wording import say

    progress(say("guessed.looking", lang))
    guess = look_at_files(files or [])
    progress(say("guessed.trying", lang))
    problems = {
        table: "\n".join(
            in_language(for_shell(line, with_file=True)) for line in problem.splitlines()
        )
        for table, problem in trial(guess, out.parent).items()
    }
    text = to_toml(guess, out.parent, lang, problems)
    make_folder(out.parent)
    try:
        out.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(f"cannot write {out} ({error.strerror}). Choose another file.") from error
    _say(guess, problems, text, out, lang, as_json)


def _refuse(out: Path, force: bool) -> None:
    """Refuse to replace a file, and to write over anything that is no configuration."""
    if out.suffix.lower() != ".toml":
        raise ConfigError(f"--out {out} is no configuration. Name a file that ends in .toml.")
    if out.exists() and not force:
        raise ConfigError(f"{out} is there already. Pass --force to replace it, or another --out.")


def _facts(table: Any, problem: str | None) -> dict[str, Any]:
    return {
        "file": table.sheet.title,
        "rows": table.sheet.n_rows,
        "columns": {column.ours: column.theirs for column in table.columns},
        "missing": list(table.missing),
        "problem": problem,
    }


def _say(
    guess: Any, problems: dict[str, str], text: str, out: Path, lang: str, as_json: bool
) -> None:
    from mmm.wording import say

    questions = text.count("# question: ") + text.count("# domanda: ")
    if as_json:
        tables: dict[str, Any] = {}
        for one in guess.tables:
            tables.setdefault(one.table, []).append(_facts(one, problems.get(one.table)))
        tables = {name: one[0] if len(one) == 1 else one for name, one in tables.items()}
        unread = [{"file": name, "problem": problem} for name, problem in guess.unread]
        unused = [sheet.title for sheet in guess.unused]
        print_json(
            {"config": out, "tables": tables, "unread": unread, "unused": unused}
            | {"questions": questions}
        )
        return
    for one in guess.tables:
        file, n = one.sheet.title, len(one.columns) + len(one.months)
        print(say("guessed.table", lang, table=one.table, file=file, n=n))
    for name, problem in guess.unread:
        notes.print(say("guessed.not_read", lang, file=name, problem=in_language(problem)))
    for sheet in guess.unused:
        notes.print(say("guessed.not_used", lang, file=sheet.title))
    for problem in dict.fromkeys("\n".join(problems.values()).splitlines()):
        notes.print(say("guessed.to_mend", lang, problem=problem))
    if guess.table("deals") is None:
        notes.print(say("guessed.no_deals", lang))
    print(say("guessed.written", lang, out=out, n=questions))
