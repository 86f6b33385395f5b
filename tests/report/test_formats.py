"""The brief in other forms: the same figures, nothing lost, nothing that runs."""

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import jsonschema
import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import ConfigError, MissingLibraryError, SourceError
from mmm.report import brief_of
from mmm.report.editions import EDITIONS
from mmm.report.formats import (
    FORMATS,
    SCHEMA,
    find_chromium,
    find_format,
    parts_of,
    to_json,
    to_markdown,
    to_pdf,
    to_workbook,
    write_report,
)
from mmm.report.formats.markdown import inert
from mmm.run import run
from mmm.run.demo import demo_config
from mmm.wording import LANGUAGES, format_money
from tests.conftest import missing
from tests.report.advised import made_up, made_up_calls, made_up_signal, pilots

HOSTILE = "=cmd|' /C calc'!A0 <script>alert(1)</script> **bold** [x](http://x) \x00"


@pytest.fixture(scope="module")
def brief():
    """The synthetic company, with made-up advice: the models have tests of their own."""
    config = demo_config()
    off = {"enabled": False}
    config = config.model_copy(
        update={
            "mix": config.mix.model_copy(update=off),
            "scoring": config.scoring.model_copy(update=off),
        }
    )
    found = brief_of(run(config), config)
    budget = made_up(pilots=pilots())
    return replace(found, budget=budget, calls=made_up_calls(), gaps=())


@pytest.fixture(scope="module")
def hostile(brief):
    """The same with names that try to run, mark or break something."""
    rename = {"Email": HOSTILE}
    credit = brief.credit.assign(channel=brief.credit["channel"].replace(rename))
    deals = brief.deals.assign(channel=brief.deals["channel"].replace(rename))
    economics = brief.economics.assign(channel=brief.economics["channel"].replace(rename))
    calls = made_up_calls((HOSTILE, "+1", "@x", "-2"))
    budget = made_up((HOSTILE, "Social", "Fairs", "Radio"))
    return replace(
        brief, company=f"{HOSTILE}\ud800", credit=credit, deals=deals, economics=economics,
        calls=calls, budget=budget,
    )  # fmt: skip


def table_of(brief, part, name, lang="en"):
    found = next(one for one in parts_of(brief, lang) if one.name == part)
    table = next(one for one in found.tables if one.name == name)
    return pd.DataFrame(table.rows, columns=[column.name for column in table.columns])


def test_the_figures_are_those_of_the_brief(brief):
    budget = table_of(brief, "budget", "budget")
    np.testing.assert_allclose(budget["proposed"].astype(float), brief.budget.table["proposed"])
    calls = table_of(brief, "calls", "calls")
    assert calls["lead_id"].tolist() == brief.calls.table["lead_id"].tolist()
    credit = table_of(brief, "credit", "credit_money")
    for model, rows in brief.credit.groupby("model"):
        assert sum(map(Decimal, map(str, credit[model].dropna()))) == sum(rows["credit"])
    indicators = table_of(brief, "indicators", "indicators")
    assert indicators["value"].tolist() == [kpi.value for kpi in brief.health.indicators]
    costs = table_of(brief, "channels", "channels")
    assert len(costs) == len(brief.economics)
    stages = table_of(brief, "stages", "stages")
    assert stages["entered"].tolist() == brief.health.stages["entered"].tolist()
    assert pd.isna(stages["moved"].iloc[-1])


@pytest.mark.parametrize("edition", EDITIONS)
def test_an_edition_holds_its_parts(brief, edition):
    names = {part.name for part in parts_of(brief, "en", edition)}
    assert {"answer", "made"} <= names
    assert names - {"answer", "made"} <= EDITIONS[edition]
    assert ("calls" in names) == (edition != "quarterly")
    assert ("budget" in names) == (edition != "weekly")


def test_both_languages_hold_the_same(brief):
    english, italian = (parts_of(brief, lang) for lang in LANGUAGES)
    assert [part.name for part in english] == [part.name for part in italian]
    for one, other in zip(english, italian, strict=True):
        assert len(one.sentences) == len(other.sentences)
        assert [t.name for t in one.tables] == [t.name for t in other.tables]
        for mine, theirs in zip(one.tables, other.tables, strict=True):
            assert [c.name for c in mine.columns] == [c.name for c in theirs.columns]
            assert len(mine.rows) == len(theirs.rows)
    assert not any("_" in c.title for p in italian for t in p.tables for c in t.columns)


def test_markdown_says_every_sentence_and_every_amount(brief):
    text = to_markdown(brief, "it")
    for part in parts_of(brief, "it"):
        assert f"## {inert(part.title)}" in text
        for sentence in part.sentences:
            assert inert(sentence) in text
    for amount in brief.budget.table["current"]:
        assert format_money(amount, "EUR", "it", cents=True) in text
    assert "None" not in text
    assert "Markup" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert sum(block.count("\n") for block in blocks) == len(rows)
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1


def test_bad_input_34_names_are_inert_in_markdown(hostile):
    text = to_markdown(hostile)
    assert "<script>" not in text
    assert "**bold**" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "http://" not in text
    assert "\x00" not in text
    text.encode()


@given(st.text())
def test_inert_markdown_stays_on_one_line_and_opens_no_element(text):
    shown = inert(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*\[\]|]", shown.replace("\\\\", ""))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_json_follows_its_schema(brief, hostile, lang):
    for one in (brief, hostile):
        content = json.loads(to_json(one, lang))
        jsonschema.validate(content, SCHEMA, format_checker=jsonschema.FormatChecker())
        for part in content["parts"]:
            for table in part["tables"]:
                assert all(len(row) == len(table["columns"]) for row in table["rows"])
    numbers = json.loads(to_json(brief, lang))["parts"]
    budget = next(part for part in numbers if part["name"] == "budget")["tables"][0]
    column = [c["name"] for c in budget["columns"]].index("current")
    given_ = [row[column] for row in budget["rows"]]
    np.testing.assert_allclose(given_, brief.budget.table["current"])


def test_italian_tables_hold_no_english_name_and_no_name_for_nothing(brief):
    signal = made_up_signal()
    models = signal.models.assign(verdict=["", *signal.models["verdict"][1:]])
    work = pd.DataFrame({"owner": ["(nobody)"], "leads": 1.0, "opportunities": 2.0, "hours": 3.0})
    italian = replace(brief, signal=replace(signal, models=models), work=work)
    found = table_of(italian, "together", "triangulation", "it")
    assert pd.isna(found["agreement"].iloc[0])
    assert table_of(italian, "outlook", "workload", "it")["owner"].tolist() == ["(nessuno)"]
    text = to_markdown(italian, "it")
    assert not re.search(r"\| (total|\(nobody\)|\(senza nome\)) \|", text)
    assert not re.search(r"\| (\(\)|\{\}|True|False|None) \|", text)
    book = openpyxl.load_workbook(io.BytesIO(to_workbook(italian, "it")))
    units = [row[4] for row in book["Indicatori"].iter_rows(min_row=2, values_only=True)]
    assert set(units) <= {"EUR", "EUR al giorno", "quota", "giorni", "mesi"}


def test_worth_next_to_nothing_is_written_as_nothing(brief):
    worth = pilots().assign(value=[2.14e-275, 800.0])
    poor = replace(brief, budget=made_up(pilots=worth))
    book = openpyxl.load_workbook(io.BytesIO(to_workbook(poor, "en")))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    numbers = [cell.value for cell in cells if isinstance(cell.value, int | float)]
    assert all(number == 0 or abs(number) > 1e-9 for number in numbers)


def test_the_same_brief_gives_the_same_bytes(brief):
    for name, write in FORMATS.items():
        if name != "pdf":
            assert write(brief, "it", "monthly") == write(brief, "it", "monthly")


def test_a_workbook_has_a_sheet_a_table_with_numbers_as_numbers(brief):
    book = openpyxl.load_workbook(io.BytesIO(to_workbook(brief, "en")))
    tables = [table for part in parts_of(brief, "en") for table in part.tables]
    assert len(book.sheetnames) == len(tables) + 1
    sheet = book["Budget"]
    heads = [cell.value for cell in sheet[1]]
    today = [sheet.cell(row, heads.index("Today") + 1) for row in range(2, sheet.max_row + 1)]
    np.testing.assert_allclose([cell.value for cell in today], brief.budget.table["current"])
    assert {cell.number_format for cell in today} == {"#,##0.00"}
    assert sheet.freeze_panes == "B2"
    dates = [cell.value for cell in book["Outlook"]["A"][1:]] if "Outlook" in book else []
    assert all(isinstance(value, date) for value in dates)
    assert all(10 <= d.width <= 100 for s in book for d in s.column_dimensions.values())
    sentences = [cell.value for cell in book.worksheets[0]["A"] if cell.value]
    assert set(parts_of(brief, "en")[0].sentences) <= set(sentences)


def test_bad_input_33_a_workbook_holds_no_formula(hostile):
    content = to_workbook(hostile)
    book = openpyxl.load_workbook(io.BytesIO(content))
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not str(cell.value).startswith(("=", "+", "@", "\t"))
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert all(b"<f>" not in parts.read(name) for name in parts.namelist())
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_workbook_opens_whatever_the_names(brief):
    for name in ("a" * 40_000, "\x01\x1f\ufffe", "'", "[]:*?/\\"):
        book = openpyxl.load_workbook(io.BytesIO(to_workbook(replace(brief, company=name))))
        assert len(book.sheetnames) == len({one.lower() for one in book.sheetnames})


@pytest.mark.browser
def test_a_pdf_is_the_page_as_chromium_prints_it(brief, tmp_path):
    if find_chromium() is None:
        missing("Chromium")
    path = write_report(brief, tmp_path / "brief.pdf", lang="it")
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    made = f"(D:{brief.as_of:%Y%m%d}000000".encode()
    assert content.count(made) == len(re.findall(rb"/(?:Creation|Mod)\w* \(D:", content)) > 0
    assert content == write_report(brief, tmp_path / "again.pdf", lang="it").read_bytes()


def test_a_pdf_without_chromium_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("MMM_CHROMIUM", str(tmp_path / "nowhere"))
    assert find_chromium() is None
    with pytest.raises(MissingLibraryError, match="Install Chromium"):
        to_pdf("<p>x</p>")
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho it broke >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("MMM_CHROMIUM", str(broken))
    with pytest.raises(SourceError, match=r"wrote no PDF \(it broke\)"):
        to_pdf("<p>x</p>")


def test_the_format_follows_the_name_or_the_option(brief, tmp_path):
    assert find_format(Path("x.HTML")) == "html"
    assert find_format(Path("x.htm"), None) == "html"
    assert find_format(Path("x"), "markdown") == "md"
    with pytest.raises(ConfigError, match=r"no format 'docx'.*'xlsx'"):
        find_format(Path("x.docx"))
    path = write_report(brief, tmp_path / "new" / "brief.md", lang="it")
    assert path.read_text("utf-8") == to_markdown(brief, "it")
    with pytest.raises(SourceError, match="would replace"):
        write_report(brief, path, inputs={path.resolve()})
    with pytest.raises(ConfigError, match="edition"):
        write_report(brief, path, edition="daily")
    with pytest.raises(SourceError, match="Choose a file"):
        write_report(brief, tmp_path, form="md")
