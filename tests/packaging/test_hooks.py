"""The hooks of a commit call tools that are there, on files that are there."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
(REPO,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
LIBRARY = {"lint-imports": "import-linter", "python": "pytest"}


@pytest.mark.parametrize("hook", REPO["hooks"], ids=lambda hook: hook["id"])
def test_a_hook_calls_what_the_tests_install(hook):
    assert REPO["repo"] == "local"
    program, *words = hook["entry"].split()
    tool = program.removeprefix(".venv/bin/")
    try:
        assert version(LIBRARY.get(tool, tool))
    except PackageNotFoundError:
        pytest.fail(f"{tool} is not among the tools of the tests")
    for word in words:
        if word.startswith("tests/"):
            assert (ROOT / word).is_file(), word


def test_hooks_that_look_at_some_files_find_them():
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "mmm").rglob("*.py")]
    files += ["pyproject.toml", "constraints.txt", "notebooks/01_who_earned_the_deal.ipynb"]
    for hook in REPO["hooks"]:
        if "files" in hook:
            assert any(re.search(hook["files"], file) for file in files), hook["id"]
