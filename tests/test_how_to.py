"""The how-to guides do what they say: their commands run, what they configure can be read."""

import ast
import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mmm import datasets

GUIDES = sorted((Path(__file__).parents[1] / "docs" / "how-to").glob("*.md"))
NIGHTLY = next(path for path in GUIDES if path.stem == "score-every-night")


def blocks(path, language):
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_scores_of_every_night(tmp_path):
    for name in ("leads", "touches", "deals"):
        shutil.copy(datasets.path(name), tmp_path)
    for block in blocks(NIGHTLY, "sh"):
        (line,) = block.splitlines()
        program = [sys.executable, "-c", "from mmm.cli import main; main()"]
        done = subprocess.run(
            [*program, *shlex.split(line)[1:]],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
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
