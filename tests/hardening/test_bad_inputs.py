"""Every row of the table of bad inputs has a test that names it; the answers that had none.

A test names a row in its name: ``test_bad_input_08_constant_channel``, or ``bad_input_16_17`` and
``bad_input_11_and_12`` for several.
"""

import ast
import gzip
import json
import re
import sys
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmm
from mmm.attribution import markov
from mmm.attribution.compare import MODELS
from mmm.cli import main
from mmm.errors import DataWarning, InputError, SourceError
from mmm.journeys import Journeys
from mmm.tables import delimited, sources, workbook
from mmm.tables.sealed import Seal, as_bytes, checksum, read_folder, write_folder

TESTS = Path(__file__).resolve().parents[1]
N_ROWS = 44
NAMED = re.compile(r"bad_input((?:_(?:and_)?\d+)+)")


def rows_named(name):
    """Return the rows that the name of a test mentions."""
    found = NAMED.search(name)
    return [int(number) for number in re.findall(r"\d+", found[1])] if found else []


@cache
def named_by_row():
    rows = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for row in rows_named(node.name):
                    rows.setdefault(row, []).append(f"{file.name}::{node.name}")
    return rows


@pytest.mark.parametrize("row", range(1, N_ROWS + 1))
def test_every_row_has_a_test_that_names_it(row):
    assert row in named_by_row(), f"no test is named test_bad_input_{row:02d}_..."


def test_no_test_names_a_row_that_is_not_there():
    assert {row: names for row, names in named_by_row().items() if not 1 <= row <= N_ROWS} == {}


def test_the_rows_are_those_of_the_table(shared):
    text = (shared / "BAD_INPUTS.md").read_text(encoding="utf-8")
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(
        range(1, N_ROWS + 1)
    )


def test_several_rows_may_stand_in_one_name():
    assert rows_named("test_bad_input_16_17_names_are_kept") == [16, 17]
    assert rows_named("test_bad_input_11_and_12_one_and_none") == [11, 12]
    assert rows_named("test_bad_input_44_a_10_gb_file") == [44]
    assert rows_named("test_another_thing") == []


def test_bad_input_13_removal_effects_without_lost_journeys_warn():
    journeys = Journeys.from_paths(["a > b", "b"], conversions=[2, 3])
    with pytest.warns(DataWarning, match="non-converting journeys"):
        result = markov(journeys)
    assert result.to_frame()["share"].sum() == pytest.approx(1.0)


def test_bad_input_18_one_channel_gets_all_from_every_model():
    journeys = Journeys.from_paths(["a", "a > a"], value=[10.0, 30.0], nulls=[2, 1])
    for name in ("first_touch", "last_touch", "linear", "position_based", "markov", "shapley"):
        model = MODELS[name]
        assert model(journeys).to_frame()["share"].tolist() == [1.0], name


@pytest.mark.parametrize("word", ["Totale", "TOTALE", "Total", "Grand total"])
def test_bad_input_23_a_row_of_totals_is_no_deal(word):
    rows = {"deal_id": ["d1", word], "closed_at": ["2024-06-01", ""], "won": ["true", ""]}
    frame = pd.DataFrame(rows | {"value": ["10.50", "10.50"]})
    with pytest.raises(InputError, match=rf"row of totals.*row 2 \('{word}'\). Delete that row"):
        mmm.read_deals(frame)
    assert len(mmm.read_deals(frame.assign(deal_id=["d1", f"{word} Energies"]))) == 2
    spend = pd.DataFrame({"date": ["2024-01-01"], "channel": [word], "spend": ["10"]})
    with pytest.raises(InputError, match="column 'channel' names a row of totals"):
        mmm.read_spend(spend)


def broken_text(path):
    """Write a Parquet file whose text is no UTF-8, as a damaged page unpacks to."""
    array = pa.Array.from_buffers(
        pa.string(),
        1,
        [None, pa.py_buffer(np.array([0, 2], dtype=np.int32)), pa.py_buffer(b"\xd5a")],
    )
    pq.write_table(pa.table({"deal_id": array, "person_id": ["p1"]}), path)
    return path


def test_bad_input_29_parquet_with_text_that_is_none(tmp_path):
    with pytest.raises(SourceError, match=r"not a whole Parquet file .*UTF-?8.*Export it again"):
        mmm.read_roles(broken_text(tmp_path / "roles.parquet"))


def test_bad_input_44_a_plain_file_of_10_gb_is_refused_unread(tmp_path):
    path = tmp_path / "touches.csv"
    with path.open("wb") as stream:
        stream.truncate(10 << 30)  # sparse
    with pytest.raises(SourceError, match="8 GiB"):
        mmm.read_touches(path)


def test_bad_input_44_bombs_are_not_unpacked(tmp_path, monkeypatch):
    for module in (delimited, sources, workbook):
        monkeypatch.setattr(module, "MAX_UNPACKED_BYTES", 1 << 20)
    zipped = tmp_path / "roles.csv.gz"
    zipped.write_bytes(gzip.compress(b"deal_id,person_id\n" + b"d,p\n" * (1 << 19)))
    sheet = tmp_path / "roles.xlsx"
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(2 << 20))
    equal = tmp_path / "roles.parquet"
    ids = pa.array(["d"] * 100_000).dictionary_encode()
    pq.write_table(pa.table({"deal_id": ids, "person_id": ids}), equal)
    for path in (zipped, sheet, equal):
        assert path.stat().st_size < 1 << 16
        with pytest.raises(SourceError, match=r"unpacks|too large|more than"):
            mmm.read_roles(path)


@pytest.mark.parametrize("outside", ["../secret.json", "/etc/passwd", "a/../../b", ".."])
def test_bad_input_44_a_model_names_no_file_outside_its_folder(tmp_path, outside):
    seal = Seal(
        format="test", version=1, manifest="model.json", what="model", cure="Save it again.",
        limit=1000,
    )  # fmt: skip
    folder = tmp_path / "model"
    write_folder(folder, seal, {"a": 1}, {"part.json": b"{}"})
    assert read_folder(folder, seal)[1] == {"part.json": b"{}"}
    (tmp_path / "secret.json").write_bytes(b"secret")
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    manifest["files"] = {outside: checksum(b"secret")}
    manifest["body_sum"] = checksum(as_bytes(manifest["body"]))
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(SourceError, match=r"damaged|missing"):
        read_folder(folder, seal)


DEALS = "deal_id,person_id,created_at,closed_at,won,value\n"
GOOD = "d1,p1,2024-01-01T00:00:00Z,2024-03-01T00:00:00Z,true,100.00\n"
ON_THE_COMMAND_LINE = {
    "02_infinite": DEALS + GOOD.replace("100.00", "inf"),
    "23_twice": DEALS + GOOD + GOOD,
    "28_empty": "",
    "28_header_alone": DEALS,
    "29_broken_quote": DEALS + GOOD.replace("p1", '"p1'),
    "31_two_readings": DEALS + GOOD.replace("100.00", "1.500"),
    "32_two_readings": DEALS + GOOD.replace("2024-03-01T00:00:00Z", "03/04/2024"),
    "36_the_future": DEALS + GOOD.replace("2024-03", "2999-03"),
}


@pytest.mark.parametrize("case", ON_THE_COMMAND_LINE)
def test_bad_input_02_23_28_29_31_32_36_are_one_line_and_exit_code_2(
    case, tmp_path, monkeypatch, capsys
):
    (tmp_path / "deals.csv").write_text(ON_THE_COMMAND_LINE[case], encoding="utf-8")
    touches = "person_id,touched_at,channel\np1,2024-02-01T00:00:00Z,Email\n"
    (tmp_path / "touches.csv").write_text(touches, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    asked = ["mmm", "check", "--touches", "touches.csv", "--deals", "deals.csv"]
    monkeypatch.setattr(sys, "argv", asked)
    monkeypatch.setattr("mmm.cli.shell.os._exit", sys.exit)  # the process is that of the tests
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if not line.startswith("…")]
    assert len(lines) == 1, said
    assert lines[0].startswith("mmm: ")
    assert "Traceback" not in said
