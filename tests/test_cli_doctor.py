"""`mmm doctor` as a user meets it, and what it says of a computer that lacks something."""

import importlib
import json

import pytest

from mmm.errors import MmmError
from tests.test_cli import mmm

doctor = importlib.import_module("mmm.cli.doctor")  # the command hides its module


def test_this_computer_is_well_and_says_so():
    done = mmm("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "All is well."
    assert "ok    known answer: Markov shares a 0.3333, b 0.6667" in done.stdout
    assert "Example: mmm doctor" in mmm("doctor", "--help").stdout


def test_json_holds_every_check():
    done = mmm("doctor", "--json")
    said = json.loads(done.stdout)
    assert said["healthy"] is True
    names = {check["name"] for check in said["checks"]}
    assert {"Python", "numpy", "extra sql", "Chromium", "time zones", "BLAS threads"} <= names
    assert not {"extra test", "extra docs"} & names


def test_what_is_missing_or_too_old_is_a_fault_with_its_cure(monkeypatch):
    versions = {"numpy": "1.26.4", "scipy": None}
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, real(name)))
    checks = {check.name: check for check in doctor.examine()}
    assert checks["numpy"].state == checks["scipy"].state == "fault"
    assert checks["numpy"].found.startswith("1.26.4, supported")
    assert "pip install 'scipy" in checks["scipy"].cure


def test_an_extra_that_is_absent_is_a_note(monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda n: None if n == "sqlalchemy" else real(n))
    monkeypatch.setenv("MMM_CHROMIUM", "/nowhere")
    checks = {check.name: check for check in doctor.examine()}
    assert checks["extra sql"].state == checks["Chromium"].state == "note"
    assert "pip install" in checks["extra sql"].cure
    assert "sqlalchemy" in checks["extra sql"].cure


def test_an_extra_that_is_too_old_is_a_note(monkeypatch):
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda n: "0.1" if n == "sqlalchemy" else real(n))
    checks = {check.name: check for check in doctor.examine()}
    assert checks["extra sql"].state == "note"
    assert checks["extra sql"].found == "sqlalchemy not in the range"


def test_a_computer_without_zones_or_with_too_many_threads_is_told(monkeypatch):
    import zoneinfo

    import threadpoolctl

    def unknown(name):
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", unknown)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 2)
    pools = [{"user_api": "blas", "num_threads": 8}, {"user_api": "openmp", "num_threads": 64}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    (zones,), (threads,) = doctor._tried(doctor._zones), doctor._tried(doctor._threads)
    assert (zones.state, zones.cure) == ("fault", "pip install tzdata")
    assert (threads.state, threads.found) == ("note", "8 of 2 cores")
    assert "OMP_NUM_THREADS=2" in threads.cure


def test_a_folder_of_figures_that_cannot_be_written_is_a_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "nowhere"))
    temporary, figures = doctor._tried(doctor._folders)
    assert (temporary.state, figures.state) == ("ok", "fault")
    assert figures.cure.startswith("Set MPLCONFIGDIR to a folder")


def test_wrong_numbers_are_a_fault(monkeypatch):
    import mmm.attribution

    class Wrong:
        def to_frame(self):
            import pandas as pd

            return pd.DataFrame({"channel": ["a", "b"], "share": [0.5, 0.5]})

    monkeypatch.setattr(mmm.attribution, "markov", lambda *_, **__: Wrong())
    checks = {check.name: check for check in doctor.examine()}
    assert checks["known answer"].state == "fault"


def test_a_check_that_fails_itself_is_a_fault_and_the_others_go_on(monkeypatch):
    def broken():
        raise MmmError("it broke")

    monkeypatch.setattr(doctor, "_zones", broken)
    checks = doctor.examine()
    assert [check.found for check in checks if check.name == "broken"] == ["MmmError: it broke"]
    assert checks[-1].name == "known answer"


def test_a_folder_that_cannot_be_written_is_a_fault(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: str(tmp_path / "nowhere"))
    checks = {check.name: check for check in doctor.examine()}
    assert checks["temporary folder"].state == "fault"


@pytest.mark.parametrize(
    ("asked", "found", "good"),
    [
        (">=2.1", "2.1", True),
        (">=2.1", "2.0.9", False),
        (">=1.4,<2", "2.0.0", False),
        (">=12,<13", "12.9", True),
        ("!=3.1", "3.1.0", False),
        ("==3.*", "3", True),
        ("~=1.4", "2.0", False),
        ("", "anything", True),
    ],
)
def test_versions_and_ranges(asked, found, good):
    assert doctor.accepts(asked, found) is good
