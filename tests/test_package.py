"""Promises of the package as a whole: light import, true `__all__`, small pieces."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mmm

SOURCE = Path(mmm.__file__).parent
HEAVY = ("sklearn", "matplotlib", "statsmodels", "pandas", "ibis", "duckdb", "scipy", "pyarrow")


def loaded_by(statement):
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_heavy():
    modules = loaded_by("import mmm")
    assert not modules & set(HEAVY)


@pytest.mark.parametrize("package", ["mmm.attribution", "mmm.prediction"])
def test_a_package_does_not_draw_until_asked(package):
    assert "matplotlib" not in loaded_by(f"import {package}")


@pytest.mark.parametrize(
    "module", [mmm, mmm.attribution, mmm.tables, mmm.journeys, mmm.prediction, mmm.report]
)
def test_all_is_what_can_be_imported(module):
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'Journey'.*build_journeys"):
        getattr(mmm, "Journey")  # noqa: B009


def functions():
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body
                if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                    body = body[1:] or body
                yield path, node.name, node.end_lineno - body[0].lineno + 1


def test_functions_and_modules_stay_small():
    long = [(p.name, name, n) for p, name, n in functions() if n > 45]
    assert long == []
    modules = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCE.rglob("*.py")}
    assert {p.name: n for p, n in modules.items() if n > 500} == {}
