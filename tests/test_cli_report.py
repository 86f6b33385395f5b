"""`mmm report` as a user meets it: the file asked for, in its format, language and edition."""

import json

import jsonschema
import openpyxl
import pytest

from mmm import datasets
from mmm.report.formats import SCHEMA
from tests.test_cli import mmm, one_line_of_error

CONFIG = """
[company]
name = "Rossi & Figli"
language = "it"
[deals]
source = "{deals}"
[touches]
source = "{touches}"
[leads]
source = "{leads}"
[mix]
enabled = false
[scoring]
enabled = false
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("report")
    files = {name: datasets.path(name).as_posix() for name in ("deals", "touches", "leads")}
    (place / "mmm.toml").write_text(CONFIG.format(**files), encoding="utf-8")
    return place


def test_a_page_in_the_language_of_the_company_without_naming_the_configuration(folder):
    done = mmm("report", "--out", "brief.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "brief.html" in done.stdout
    page = (folder / "brief.html").read_text("utf-8")
    assert 'lang="it"' in page
    assert "Rossi &amp; Figli" in page


def test_json_of_an_edition_and_what_the_command_says_of_it(folder):
    options = ("--config", folder / "mmm.toml", "--lang", "en", "--edition", "weekly", "--json")
    done = mmm("report", *options, "--out", folder / "week.json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["format"], said["lang"], said["edition"]) == ("json", "en", "weekly")
    content = json.loads((folder / "week.json").read_text("utf-8"))
    jsonschema.validate(content, SCHEMA)
    assert content["edition"] == "weekly"


def test_format_decides_before_the_name(folder):
    done = mmm("report", "--out", "brief.data", "--format", "xlsx", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "brief.data").rename(folder / "brief.xlsx")
    assert len(openpyxl.load_workbook(folder / "brief.xlsx").sheetnames) > 3


def test_the_agenda_is_a_page_of_its_own(folder):
    done = mmm("report", "--out", "agenda.html", "--agenda", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert 'lang="it"' in (folder / "agenda.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "b.docx"), "no format 'docx'"),
        (("--out", "b.html", "--edition", "daily"), "daily"),
        (("--out", "b.md", "--agenda"), "--format html or pdf"),
    ],
)
def test_mistakes_are_one_line_and_told_before_anything_runs(folder, arguments, said):
    assert said in one_line_of_error(mmm("report", *arguments, cwd=folder))


def test_without_chromium_a_pdf_is_refused_at_once(folder, monkeypatch):
    monkeypatch.setenv("MMM_CHROMIUM", "/nowhere/chromium")
    error = one_line_of_error(mmm("report", "--out", "b.pdf", cwd=folder))
    assert "Install Chromium" in error
    assert "Example: mmm report" in mmm("report", "--help").stdout
