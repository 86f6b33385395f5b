"""`mmm init`: a look at the user's files, and a commented configuration."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mmm.cli.options import Json
from mmm.cli.shell import for_shell, notes, print_json, progress
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
    _refuse(out, force)
    from mmm.run.guess import look_at_files, to_toml, trial  # loads much: after the refusals
    from mmm.tables.write import make_folder

    progress("looking at the files")
    guess = look_at_files(files or [])
    progress("reading them as guessed")
    problems = {
        table: for_shell(problem, with_file=True)
        for table, problem in trial(guess, out.parent).items()
    }
    text = to_toml(guess, out.parent, lang, problems)
    make_folder(out.parent)
    try:
        out.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(f"cannot write {out} ({error.strerror}). Choose another file.") from error
    _say(guess, problems, text, out, as_json)


def _refuse(out: Path, force: bool) -> None:
    """Refuse to replace a file, and to write over anything that is no configuration."""
    if out.suffix.lower() != ".toml":
        raise ConfigError(f"--out {out} is no configuration. Name a file that ends in .toml.")
    if out.exists() and not force:
        raise ConfigError(f"{out} is there already. Pass --force to replace it, or another --out.")


def _say(guess: Any, problems: dict[str, str], text: str, out: Path, as_json: bool) -> None:
    questions = text.count("# question: ")
    if as_json:
        tables = {
            one.table: {
                "file": one.sheet.title,
                "rows": one.sheet.n_rows,
                "columns": {column.ours: column.theirs for column in one.columns},
                "missing": list(one.missing),
                "problem": problems.get(one.table),
            }
            for one in guess.tables
        }
        unread = [{"file": name, "problem": problem} for name, problem in guess.unread]
        unused = [sheet.title for sheet in guess.unused]
        print_json(
            {"config": out, "tables": tables, "unread": unread, "unused": unused}
            | {"questions": questions}
        )
        return
    for one in guess.tables:
        print(f"{one.table}: {one.sheet.title}, {len(one.columns)} columns guessed")
    for name, problem in guess.unread:
        notes.print(f"note: not read: {name}: {problem}")
    for sheet in guess.unused:
        notes.print(f"note: not used: {sheet.title}")
    for table, problem in problems.items():
        notes.print(f"note: to mend in {table}: {problem}")
    if guess.table("deals") is None:
        notes.print("note: no file was taken for deals; nothing can run without them")
    print(f"Written: {out}, with {questions} questions. Read it, then run: mmm check {out}")
