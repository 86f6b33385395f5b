"""What leaves the house: a wheel and a source archive, what is in them, and that they work."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.conftest import missing

ROOT = Path(__file__).parents[2]
PROGRAMS = Path("Scripts" if os.name == "nt" else "bin")
CACHES = {"__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"}
OF_THE_SOURCE = {
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO", "README.md", ".gitignore",
    "benchmarks", "constraints.txt", "datasets", "docs", "mkdocs.yml", "mmm", "notebooks",
    "pyproject.toml", "tests", ".pre-commit-config.yaml",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with both archives, built without the network."""
    try:
        import hatchling  # noqa: F401
    except ModuleNotFoundError:
        missing("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def in_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def in_source(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def files_below(folder):
    """Every file of a folder of the repository that is no cache."""
    return {
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not CACHES & set(path.parts)
    }


def test_the_wheel_holds_the_package_and_nothing_else(in_wheel):
    ours = {f"mmm/{name}" for name in files_below("mmm")}
    data = {f"mmm/_datasets/{name}" for name in files_below("datasets")}
    rest = {name for name in in_wheel if ".dist-info/" not in name}
    assert rest == ours | data
    kinds = {Path(name).suffix for name in ours}
    assert kinds == {".py", ".toml", ".html", ".css", ".js", ".typed"}


def test_the_data_are_those_of_the_list_of_checksums(in_wheel):
    lines = (ROOT / "datasets" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    named = {f"mmm/_datasets/{line.split()[1]}" for line in lines}
    shipped = {name for name in in_wheel if name.startswith("mmm/_datasets/")}
    assert shipped == named | {"mmm/_datasets/README.md", "mmm/_datasets/SHA256SUMS"}


def test_words_templates_licence_and_types_are_in_the_wheel(in_wheel):
    assert "mmm/py.typed" in in_wheel
    assert "mmm/report/templates/brief.html" in in_wheel
    for file in (ROOT / "mmm" / "words").glob("*.toml"):
        assert f"mmm/words/{file.name}" in in_wheel
    assert any(name.endswith("licenses/LICENSE") for name in in_wheel)


def test_the_source_can_be_tested_and_holds_nothing_that_lies_beside_it(in_source):
    assert {name.partition("/")[0] for name in in_source} == OF_THE_SOURCE
    assert {"tests/conftest.py", "docs/index.md", "datasets/SHA256SUMS"} <= in_source
    assert {name for name in in_source if CACHES & set(Path(name).parts)} == set()


def test_the_wheel_says_what_the_project_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (place,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        said = Parser().parsestr(archive.read(place).decode("utf-8"))
    assert said["Name"] == "mmm-research"
    assert said["License-Expression"] == "MIT"
    assert said["Requires-Python"] == "<3.14,>=3.11"
    body = said.get_payload()
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() == body.strip()


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The programs of a fresh environment that holds the wheel, beside the libraries here."""
    place = tmp_path_factory.mktemp("fresh") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / PROGRAMS / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    (inside,) = place.rglob("site-packages")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (inside / "libraries.pth").write_text("\n".join(sorted(libraries)), encoding="utf-8")
    return place / PROGRAMS


def told(programs, folder, name, *asked):
    """Run one program in a folder that is not the repository; return what it printed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(programs / name), *asked],
        cwd=folder, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


DATA = """
import mmm, mmm.datasets as datasets
n_rows = {name: {table: len(datasets.load(name, table)) for table in datasets.tables(name)}
          for name in datasets.names()}
datasets.copy("small", "company")
print(mmm.__file__)
print(sum(sum(rows.values()) for rows in n_rows.values()), min(map(len, n_rows.values())))
"""


@pytest.mark.slow
def test_a_fresh_environment_has_data_commands_and_the_page(programs, tmp_path):
    place, counts = told(programs, tmp_path, "python", "-c", DATA).splitlines()
    assert Path(place).is_relative_to(programs.parent)
    n_rows, fewest = map(int, counts.split())
    assert n_rows > 5000
    assert fewest >= 1
    company = tmp_path / "company"
    settings = '[touches]\nsource = "touches.csv"\n[deals]\nsource = "deals.csv"\n'
    (company / "mmm.toml").write_text(settings, encoding="utf-8")
    assert "All is well." in told(programs, company, "mmm", "doctor")
    told(programs, company, "mmm", "run", "mmm.toml", "--out", "out")
    page = (company / "out" / "brief.html").read_text(encoding="utf-8")
    assert page.startswith("<!")
    assert "</html>" in page
