"""The README does what it says: its commands, its code, its tables and its links."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from mmm import datasets
from mmm.run import load_config
from mmm.tables import SPECS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ["mmm attribute", "mmm mix"]
IN_TURN = ["mmm init", "mmm check", "mmm run"]
SCORING = ["mmm score train", "mmm score run"]

matplotlib.use("Agg")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def shell_lines():
    return [line for block in blocks("sh") for line in block.splitlines() if line]


def ran(line, folder):
    """Run a command as a user's shell would."""
    program = [sys.executable, "-c", "from mmm.cli import main; main()", *shlex.split(line)[1:]]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}: {done.stderr}"


def configuration():
    (text,) = blocks("toml")
    return text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the tables of the synthetic company, as a company would have its own."""
    for name in datasets.tables():
        shutil.copy(datasets.path(name), tmp_path)
    (tmp_path / "mmm.toml").write_text(configuration(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_runs(folder, capsys):
    from matplotlib import pyplot as plt

    assert len(blocks("python")) == 1
    namespace = {}
    for block in blocks("python"):
        assert len(block.splitlines()) <= 15
        exec(compile(block, "README.md", "exec"), namespace)
    plt.close("all")
    frame = namespace["models"].to_frame(cents=True)
    total = namespace["journeys"].total_value
    assert (frame.groupby("model")["credit"].sum() == total).all()
    assert "Journeys(" in capsys.readouterr().out
    assert (folder / "models.png").stat().st_size > 0


def test_the_quick_start_is_two_targets_of_the_makefile():
    made = [line for line in shell_lines() if line.startswith("make ")]
    assert made == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in made:
        assert re.search(rf"^{line.removeprefix('make ')}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run_on_files_of_those_names(folder, command):
    (line,) = [line for line in shell_lines() if line.startswith(command)]
    ran(line, folder)


def test_a_configuration_is_guessed_checked_and_run(folder):
    (folder / "mmm.toml").unlink()
    for command in IN_TURN:
        (line,) = [line for line in shell_lines() if line.startswith(command)]
        program = [sys.executable, "-c", "from mmm.cli import main; main()"]
        done = subprocess.run(
            [*program, *shlex.split(line)[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    assert (folder / "out" / "brief.html").exists()


def test_scoring_runs_one_command_after_the_other(folder):
    lines = [line for line in shell_lines() if line.startswith("mmm score")]
    assert [" ".join(line.split()[:3]) for line in lines] == SCORING
    for line in lines:
        program = [sys.executable, "-c", "from mmm.cli import main; main()"]
        done = subprocess.run(
            [*program, *shlex.split(line)[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(folder / "scores.csv"))


def test_no_other_command_is_shown():
    shown = [line for line in shell_lines() if not line.startswith("make ")]
    known = [*COMMANDS, *IN_TURN, *SCORING]
    names = [name for name in known for line in shown if line.startswith(name)]
    assert len(shown) == len(names)
    assert sorted(names) == sorted(known)


def test_the_files_are_those_that_a_run_writes(folder):
    from mmm.report import write_results
    from mmm.run import run

    config = load_config(folder / "mmm.toml")
    written = write_results(run(config), config, folder / "out")
    section = (ROOT / "docs/reference/results.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", section, flags=re.MULTILINE))
    assert set(rows) == {path.name for path in written.values()} - {"brief.it.html"}
    for name, shown in (
        ("credit.csv", rows["credit.csv"]),
        ("customer_costs.csv", rows["customer_costs.csv"]),
    ):
        assert re.findall(r"`([^`]+)`", shown) == list(pd.read_csv(folder / "out" / name).columns)


def test_the_configuration_is_valid_with_and_without_its_optional_lines(folder):
    assert load_config(folder / "mmm.toml").journeys.by == "account"
    text, n_optional = re.subn(r"^# (?=\w+ = )", "", configuration(), flags=re.MULTILINE)
    assert n_optional == 3
    (folder / "full.toml").write_text(text, encoding="utf-8")
    config = load_config(folder / "full.toml")
    assert config.deals.columns == {"won": "Stage", "value": "Amount"}
    assert config.funnel.margin == 0.4


def test_the_columns_are_those_of_the_readers():
    text = (ROOT / "docs/reference/tables.md").read_text(encoding="utf-8")
    section = text.split("# Tables and columns", 1)[1].split("\n##", 1)[0]
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| ([^|]+) \| ([^|]*)\|$", section, flags=re.MULTILINE)
    assert [name for name, *_ in rows] == ["table", *SPECS]
    for name, must, may in rows[1:]:
        spec = SPECS[name]
        needed = [column.name for column in spec.columns if column.required]
        needed += [column for group in spec.one_of for column in group]
        assert sorted(re.findall(r"`(\w+)`", must)) == sorted(needed), name
        rest = [column for column in spec.names if column not in needed]
        assert sorted(re.findall(r"`(\w+)`", may)) == sorted(rest), name


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/architecture.md",
        "docs/reference/tables.md",
        "docs/reference/results.md",
        "docs/how-to/score-every-night.md",
    ],
)
def test_links_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target
