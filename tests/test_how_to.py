"""The how-to guides do what they say: their commands run, what they configure can be read."""

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mmm import datasets
from mmm.run import load_config

GUIDES = sorted((Path(__file__).parents[1] / "docs" / "how-to").glob("*.md"))
FOLDER = GUIDES[0].parent
NIGHTLY = next(path for path in GUIDES if path.stem == "score-every-night")


def blocks(path, language):
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def ran(line, folder):
    """Run a line that calls mmm; return what it printed."""
    program = [sys.executable, "-c", "from mmm.cli import main; main()"]
    done = subprocess.run(
        [*program, *shlex.split(line)[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


def test_the_scores_of_every_night(tmp_path):
    for name in ("leads", "touches", "deals"):
        shutil.copy(datasets.path(name), tmp_path)
    for block in blocks(NIGHTLY, "sh"):
        (line,) = block.splitlines()
        ran(line, tmp_path)
    feedback = re.search(r"^```\n(mmm score feedback .*)\n```$", NIGHTLY.read_text("utf-8"), re.M)[
        1
    ]
    with pytest.raises(AssertionError, match="leads handed over none has an end yet"):
        ran(feedback, tmp_path)  # today's leads are still open
    assert (tmp_path / "model" / "card.html").is_file()
    assert pd.read_csv(tmp_path / "scores.csv")["probability"].between(0, 1).all()


def test_every_scheduler_runs_the_same_command():
    (line,) = blocks(NIGHTLY, "sh")[1].splitlines()
    given = shlex.split(line)[1:]
    text = NIGHTLY.read_text(encoding="utf-8").replace('" \n', "")
    assert text.count(" ".join(given)) >= 3  # the shell, cron, systemd
    for code in blocks(NIGHTLY, "python"):
        words = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
        said = " ".join(str(word) for word in words).split()
        assert set(given) <= set(said), code


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_units_can_be_read(path):
    for block in blocks(path, "ini"):
        unit = configparser.ConfigParser(strict=True)
        unit.read_string(block)
        assert "Unit" in unit


def test_a_new_source_is_brought_in(tmp_path, monkeypatch, capsys):
    page = FOLDER / "bring-in-a-source.md"
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), namespace)
    assert len(namespace["deals"]) == len(datasets.load("deals"))
    assert str(len(namespace["deals"])) in capsys.readouterr().out
    (line,) = "".join(blocks(page, "sh")).splitlines()
    assert "opportunities.csv" in ran(line, tmp_path)
    guessed = (tmp_path / "mmm.toml").read_text("utf-8")
    assert 'source = "exports/opportunities.csv"' in guessed
    for quoted in re.findall(r"`(question: [^`]+)`", page.read_text("utf-8")):
        assert f"# {quoted}" in guessed
    of_two = ran("mmm init exports --out both.toml", tmp_path)
    assert "deals: deals.csv" in of_two
    assert "opportunities.csv" not in of_two


def test_an_installation_is_checked(tmp_path):
    page = FOLDER / "check-an-installation.md"
    plain, as_json = (line for line in blocks(page, "sh")[0].splitlines())
    said = ran(plain, tmp_path)
    assert json.loads(ran(as_json, tmp_path))["healthy"] is True
    for row in re.findall(r"^\| (`.*`) \|", blockless(page), flags=re.MULTILINE):
        for name in re.findall(r"`([\w ]+?)(?: \.\.\.)?`", row):
            assert name in said or name == "folder of figures", name
    name, way = re.search(r"`(_MMM_\w+)=(\w+) mmm`", page.read_text("utf-8")).groups()
    program = Path(sys.executable).with_name("mmm")
    script = subprocess.run(
        [program], env=os.environ | {name: way}, capture_output=True, text=True, check=True
    ).stdout
    assert script.lstrip().startswith("_mmm_completion()")


def blockless(path):
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_an_experiment_is_registered_read_and_counted(tmp_path):
    page = FOLDER / "experiments.md"
    register, read, listed = (line for block in blocks(page, "sh") for line in block.splitlines())
    assert "Registered: fairs-1" in ran(register, tmp_path)
    ran(f"{read} --start 2020-03-04 --end 2020-04-28", tmp_path)
    assert "fairs-1" in ran(listed, tmp_path)
    (settings,) = blocks(page, "toml")
    tables = '[touches]\nsource = "touches.csv"\n[deals]\nsource = "deals.csv"\n'
    (tmp_path / "mmm.toml").write_text(tables + settings, encoding="utf-8")
    config = load_config(tmp_path / "mmm.toml")
    assert str(config.signal.experiments).endswith("experiments.jsonl")


@pytest.mark.slow
def test_a_test_of_the_past_is_taken_in(capsys):
    (block,) = blocks(FOLDER / "experiments.md", "python")
    namespace = {}
    exec(compile(block, "experiments.md", "exec"), namespace)
    assert namespace["model"].tests == [namespace["test"]]
    assert "fitted_error" in capsys.readouterr().out
