"""What the package imports is what it asks for, and the versions tested are in the ranges asked."""

import ast
import runpy
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.packaging.lowest import ROOT, asked, lowest

SOLD_AS = {  # modules whose library has another name
    "hubspot": "hubspot-api-client",
    "ibis": "ibis-framework",
    "sklearn": "scikit-learn",
}
ASKED = [Requirement(line) for line in asked()]


def imported():
    """The third-party modules that the package imports anywhere, with one file that does."""
    found = {}
    for path in sorted((ROOT / "mmm").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            else:
                continue
            for name in names:
                top = name.partition(".")[0]
                if top != "mmm" and top not in sys.stdlib_module_names:
                    found.setdefault(top, path.name)
    return found


def test_every_library_that_is_imported_is_asked_for():
    declared = {canonicalize_name(requirement.name) for requirement in ASKED}
    imports = imported()
    assert {"numpy", "pandas", "scipy", "ibis"} <= set(imports)
    for module, file in imports.items():
        library = SOLD_AS.get(module, canonicalize_name(module))
        assert library in declared, f"{file} imports {module}, which is not asked for"


def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


@pytest.mark.parametrize("requirement", ASKED, ids=lambda one: one.name)
def test_the_versions_of_the_tests_are_in_the_ranges(requirement):
    version = pinned().get(canonicalize_name(requirement.name))
    if version is None:
        assert requirement.name in {"keyring"}, "add it to constraints.txt"
    else:
        assert version in requirement.specifier


def test_every_range_begins_with_what_make_lowest_installs():
    low = lowest()
    for requirement in ASKED:
        assert Version(low[requirement.name]) in requirement.specifier
    constraints = pinned()
    assert all(Version(low[name]) <= constraints.get(canonicalize_name(name), Version("99"))
               for name in low)  # fmt: skip


def test_pins_are_in_order_and_stand_once():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    names = [line.split("==")[0].lower() for line in lines]
    assert len(names) == len(set(names))


def test_the_command_that_prints_them_prints_constraints(capsys):
    runpy.run_path(str(Path(__file__).with_name("lowest.py")), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    assert "numpy==2.1" in printed
    assert len(printed) == len(lowest())
