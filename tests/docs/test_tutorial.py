"""The tutorial does what it says, typed in from top to bottom."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mmm import datasets
from mmm.run import load_config

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "from-a-crm-export-to-a-brief.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def steps():
    """Language and text of every block, in order, without the indent of a list."""
    return [
        (language, "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)))
        for indent, language, text in BLOCK.findall(TEXT)
    ]


def type_in(settings, text):
    """Put each line of a block under its heading, in place of the line of that key."""
    for line in settings.splitlines():
        if line.startswith("["):
            heading = line
        elif line:
            start = text.index(f"\n{heading}\n") + len(heading) + 2
            stop = text.find("\n[", start)
            inside, rest = (text[start:stop], text[stop:]) if stop > 0 else (text[start:], "")
            key = re.escape(line.split(" = ")[0])
            old = re.compile(rf"^(?:# )?{key} = .*$", re.MULTILINE)
            inside = old.sub(line, inside, count=1) if old.search(inside) else f"{line}\n{inside}"
            text = text[:start] + inside + rest
    return text


def ran(line, folder):
    command, _, remark = line.partition("  # ")
    program = [sys.executable, "-c", "from mmm.cli import main; main()"]
    done = subprocess.run(
        [*program, *shlex.split(command)[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    expected = int(remark.removeprefix("ends with ")) if remark else 0
    assert done.returncode == expected, f"{line}: {done.stderr}"
    return done


@pytest.mark.slow
def test_the_tutorial_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    told = {}
    for language, text in steps():
        if language == "python":
            exec(compile(text, PAGE.name, "exec"), {})
        elif language == "toml":
            file = tmp_path / "mmm.toml"
            file.write_text(type_in(text, file.read_text("utf-8")), encoding="utf-8")
        else:
            assert language == "sh"
            for line in text.splitlines():
                told.setdefault(line, []).append(ran(line, tmp_path))
    _its_promises(tmp_path, told, capsys.readouterr().out)


def _its_promises(folder, told, shown):
    first, second = (done.stderr for done in told["mmm check mmm.toml  # ends with 2"])
    assert first.count("Totale") == 2
    assert "person_id" in first
    assert "deal_id" in second
    assert "Totale" not in second
    assert "to mend" in told["mmm check mmm.toml"][0].stdout
    config = load_config(folder / "mmm.toml")
    assert (config.company.language, config.funnel.margin) == ("en", 0.4)
    assert (config.deals.on_duplicate, config.contacts.on_duplicate) == ("last", "last")
    written = {path.name for path in (folder / "results").iterdir()}
    assert set(re.findall(r"`(\w+(?:\.it)?\.(?:csv|html|json))`", _section("## 5."))) == written
    page = (folder / "results" / "brief.html").read_text("utf-8")
    for quoted in re.findall(r'"(€[^"]+|The data[^"]+)"', _section("## 6.")):
        words = re.sub(r"[\d,]*\d", r"[\\d,]+", re.escape(" ".join(quoted.split())))
        assert re.search(words, page), quoted
    assert (folder / "model" / "card.html").is_file()
    assert {"probability", "grade", "reason_1"} <= set(pd.read_csv(folder / "scores.csv").columns)
    taken = told["mmm score run --config mmm.toml --model model --to scores.csv"][0]
    assert re.search(r"note: \d+ of \d+ open leads have an open deal already", taken.stderr)
    direct = next(line for line in shown.splitlines() if line.startswith("Direct"))
    credited, added = map(float, direct.split()[1:])
    assert credited > 0
    assert added == 0


def _section(heading):
    return TEXT.split(heading, 1)[1].split("\n## ", 1)[0]


def test_the_table_of_files_is_that_of_the_export(tmp_path):
    named = re.findall(r"^\| `([\w.]+)` \|", _section("## 1."), flags=re.MULTILINE)
    assert sorted(named) == sorted(file.name for file in datasets.copy("dirty_italian", tmp_path))
