"""Every block of code in README and documentation is run by a test, or at least holds together.

`RUN` says which test runs the blocks of a page. What takes hours is not run: of those commands the
program, and every option they name, has to be there.
"""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MADE_BY_THE_SITE = {"math"}
RUN = {
    "README.md": "tests/test_readme.py",
    "docs/index.md": "tests/docs/test_index.py",
    "docs/tutorial/from-a-crm-export-to-a-brief.md": "tests/docs/test_tutorial.py",
    "docs/how-to/a-monthly-brief.md": "tests/test_how_to_brief.py",
    "docs/how-to/bring-in-a-source.md": "tests/test_how_to.py",
    "docs/how-to/check-an-installation.md": "tests/test_how_to.py",
    "docs/how-to/experiments.md": "tests/test_how_to.py",
    "docs/how-to/score-every-night.md": "tests/test_how_to.py",
    "docs/reference/mmm-toml.md": "tests/run/test_reference.py",
}


def pages():
    """Every written page with its blocks: language and text."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "datasets" / "README.md"]
    for file in sorted(files):
        found = [
            (language, text)
            for language, text in BLOCK.findall(file.read_text(encoding="utf-8"))
            if language not in MADE_BY_THE_SITE
        ]
        if found:
            yield file.relative_to(ROOT).as_posix(), found


PAGES = dict(pages())
LINES = [
    (page, line)
    for page, blocks in PAGES.items()
    for language, text in blocks
    if language in {"sh", "console"}
    for line in text.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_code_has_a_test_that_runs_it_or_names_what_is_there(page):
    if page in RUN:
        test = (ROOT / RUN[page]).read_text(encoding="utf-8")
        stem = Path(page).stem
        assert stem in test or stem.upper() in test, f"{RUN[page]} does not read {page}"
        return
    assert {language for language, _ in PAGES[page]} <= {"sh", "console", "python"}, page
    for language, text in PAGES[page]:
        if language == "python":
            _names_exist(ast.parse(text))


def _names_exist(tree):
    """What a piece of code that is not run takes from the package has to be there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "mmm":
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


def test_no_page_is_listed_that_is_not_there():
    assert set(RUN) <= set(PAGES)


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda part: part[:60])
def test_what_a_command_names_is_there(page, line):
    words = shlex.split(line, comments=True)
    while re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    program = words[0].removeprefix(".venv/bin/")
    if program == "mmm":
        _options_exist(words[1:])
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{words[1]}:", makefile, flags=re.MULTILINE)
    elif program == "python":
        _program_exists(words[1:])
    else:
        assert program in {"export", "pip", "pre-commit", "git", "cd"}, line


def _options_exist(words):
    from mmm.cli import app

    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    names = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    names |= {"--help"}
    given = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
    assert given <= names, f"{command.name}: {given - names}"


def _program_exists(words):
    if words[0] == "-m":
        words = words[1:]
        place = ROOT / (words[0].replace(".", "/") + ".py")
        if words[0] in {"pytest", "mmm.simulate", "coverage"}:
            return
    else:
        place = ROOT / words[0]
    text = place.read_text(encoding="utf-8")
    for word in words[1:]:
        if word.startswith("--"):
            assert f'"{word.partition("=")[0]}"' in text, f"{place.name} has no {word}"


def test_the_check_sees_what_is_not_there():
    with pytest.raises(AssertionError, match="--nonsense"):
        _options_exist(["check", "mmm.toml", "--nonsense", "1"])
    with pytest.raises(FileNotFoundError):
        _program_exists(["benchmarks/nothing.py"])
    with pytest.raises(AssertionError, match="has no --nonsense"):
        _program_exists(["benchmarks/mutation.py", "--nonsense"])
