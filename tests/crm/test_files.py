"""Files of scores: what is written is what is read, whole or not at all."""

import csv
import os
import threading
import time
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmm.crm import FIELDS, Record, files
from mmm.crm.files import FileSource, FileTarget
from mmm.errors import ConfigError, TargetBusy, TargetError
from mmm.tables import read_leads
from tests.crm.killing import killed_in_the_middle
from tests.crm.records import lead_records, merged, record, with_values

SUFFIXES = [".csv", ".parquet", ".xlsx"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(lead_records(), min_size=1, max_size=3))
def test_what_is_written_is_read(tmp_path, suffix, calls):
    path = tmp_path / f"scores{suffix}"
    path.unlink(missing_ok=True)
    target = FileTarget(path)
    model = {}
    for records in calls:
        refused = {refusal.lead_id for refusal in target.write(records)}
        model = with_values(merged(model, [r for r in records if r.lead_id not in refused]))
    found = target.read([r.lead_id for records in calls for r in records])
    if suffix == ".xlsx":  # it keeps 16 digits
        for fields in found.values():
            if fields["mmm_probability"] is not None:
                fields["mmm_probability"] = pytest.approx(fields["mmm_probability"], rel=1e-15)
    assert found == model


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_bad_input_33_formulas_are_inert_and_read_back(tmp_path, suffix):
    wild = ["=1+1", "+39 02", "-x", "@import", "\tx", "'=1", "''=1", "'plain", 'a,b\n"c"']
    path = tmp_path / f"scores{suffix}"
    target = FileTarget(path)
    target.write([Record(text, {"mmm_reason_1": text}) for text in wild])
    cells = pd.read_csv(path, dtype=str) if suffix == ".csv" else pd.read_excel(path, dtype=str)
    shown = [*cells["lead_id"], *cells["mmm_reason_1"]]
    assert not any(text.startswith(("=", "+", "-", "@", "\t")) for text in shown)
    assert {lead: f["mmm_reason_1"] for lead, f in target.read(wild).items()} == {
        text: text for text in wild
    }


@pytest.mark.parametrize(
    ("suffix", "bad"),
    [
        (".xlsx", ["a\x01", "b\r\n", "_x000D_", "x" * 40_000, "\x00"]),
        (".csv", ["a\rb", "\x00", "\ud800"]),
        (".parquet", ["\x00", "\ud800"]),
    ],
)
def test_texts_that_a_file_cannot_keep_are_refused_one_by_one(tmp_path, suffix, bad):
    target = FileTarget(tmp_path / f"scores{suffix}")
    refused = target.write([record("ok"), *[Record(text, {"mmm_model": "m"}) for text in bad]])
    assert [r.lead_id for r in refused] == bad
    assert list(target.read(["ok", *bad])) == ["ok"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_fields_left_out_stay_and_none_empties(tmp_path, suffix):
    target = FileTarget(tmp_path / "new" / f"scores{suffix}")
    assert target.prepare(dry_run=True) == FIELDS
    assert not target.read(["a"])
    assert not (tmp_path / "new").exists()
    assert (target.prepare(), target.prepare()) == (FIELDS, ())
    target.write([record("a", 0.25, "B"), record("007", 1 / 3, "A")])
    target.write([Record("a", {"mmm_grade": None}), Record("007", {"mmm_probability": 0.5})])
    found = target.read(["007", "a", "unknown"])
    assert found["a"] == {**record("a", 0.25, "B").fields, "mmm_grade": None}
    assert found["007"] == {**record("007", 0.5, "A").fields}
    assert "unknown" not in found
    target.write([Record(lead, dict.fromkeys(FIELDS)) for lead in ("a", "unknown")])
    assert target.read(["007", "a", "unknown"]) == {"007": found["007"]}
    target.write([Record("007", dict.fromkeys(FIELDS))])
    assert not target.read(["007"])
    assert target.prepare() == ()
    target.close()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_foreign_file_is_refused_and_stays(tmp_path, suffix):
    path = tmp_path / f"leads{suffix}"
    frame = pd.DataFrame({"lead_id": ["a"], "company": ["Rossi"]})
    write = {".csv": frame.to_csv, ".parquet": frame.to_parquet, ".xlsx": frame.to_excel}[suffix]
    write(path, index=False)
    before = path.read_bytes()
    target = FileTarget(path)
    for call in (target.prepare, lambda: target.write([record("a")]), lambda: target.read(["a"])):
        with pytest.raises(TargetError, match="no file of scores: it has 'lead_id', 'company'"):
            call()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "text", ["", "lead_id\n1\n1\n", "lead_id,mmm_probability\na,high\n", 'lead_id,mmm_grade\n"a,b']
)
def test_a_damaged_file_is_refused_and_stays(tmp_path, text):
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(TargetError, match=r"[A-Z][^.]*\.$"):
        FileTarget(path).write([record("a")])
    assert path.read_text() == text


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "scores.xlsx"
    at = pd.Timestamp("2025-03-01 05:30")
    pd.DataFrame(
        {"lead_id": [7, 8], "mmm_probability": [1, 0.5], "mmm_scored_at": [at, None]}
    ).to_excel(path, index=False)
    target = FileTarget(path)
    assert target.prepare() == tuple(n for n in FIELDS if n[4:] not in {"probability", "scored_at"})
    found = target.read(["7", "8"])
    assert found["7"]["mmm_probability"] == 1.0
    assert found["7"]["mmm_scored_at"] == "2025-03-01T05:30:00+00:00"
    assert found["8"]["mmm_scored_at"] is None


def test_bad_input_44_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 20 << 20)
    path = tmp_path / "scores.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts,
        parts.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(21):
            part.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(TargetError, match="too large"):
        FileTarget(path).read(["a"])


def test_bad_input_44_many_rows_in_little_parquet_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_ROWS", 1000)
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.table({"lead_id": ["a"] * 2000}), path)
    with pytest.raises(TargetError, match="too large"):
        FileTarget(path).read(["a"])


def test_bad_input_44_a_10_gb_file_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    with path.open("wb") as stream:
        stream.truncate(10 << 30)  # sparse
    with pytest.raises(TargetError, match="too large"):
        FileTarget(path).write([record("a")])


def test_more_rows_than_excel_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "EXCEL_ROWS", 2)
    target = FileTarget(tmp_path / "scores.xlsx")
    target.write([record("a"), record("b")])
    with pytest.raises(TargetError, match="CSV or Parquet"):
        target.write([record("c")])
    assert set(target.read(["a", "b", "c"])) == {"a", "b"}


def test_who_comes_second_is_told_to_wait(tmp_path):
    target = FileTarget(tmp_path / "scores.csv")
    with files._locked(target._path), pytest.raises(TargetBusy, match="another process") as caught:
        target.write([record("a")])
    assert caught.value.retry_after > 0
    target.write([record("a")])
    assert [p.name for p in tmp_path.iterdir()] == ["scores.csv"]


def test_writers_at_once_lose_nothing(tmp_path):
    def work(number):
        target = FileTarget(tmp_path / "scores.csv")
        for turn in range(8):
            while True:
                try:
                    target.write([record(f"{number}-{turn}"), record("shared", 0.5)])
                    break
                except TargetBusy:
                    time.sleep(0.001)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [f"{n}-{turn}" for n in range(4) for turn in range(8)] + ["shared"]
    assert set(FileTarget(tmp_path / "scores.csv").read(ids)) == set(ids)
    with (tmp_path / "scores.csv").open(newline="") as stream:
        assert len(list(csv.reader(stream))) == 1 + len(ids)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_kill_leaves_all_or_nothing(tmp_path, suffix):
    path = tmp_path / f"scores{suffix}"
    for turns in killed_in_the_middle(str(path), n_kills=3):
        assert len(turns) == 1
    FileTarget(path).write([record("after")])
    assert not (tmp_path / f".scores{suffix}.lock").exists()


def test_what_a_kill_left_behind_is_swept_later(tmp_path):
    names = [".scores.abcd_123.csv", ".scores.old.abcd1234.csv", ".scores.abcd_124.csv"]
    for name in names:
        (tmp_path / name).write_text("half")
    for name in names[:2]:
        os.utime(tmp_path / name, (0, 0))
    FileTarget(tmp_path / "scores.csv").write([record("a")])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*names[1:], "scores.csv"])


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "scores.csv").symlink_to(tmp_path / "real.csv")
    FileTarget(tmp_path / "scores.csv").write([record("a")])
    assert (tmp_path / "scores.csv").is_symlink()
    assert (tmp_path / "real.csv").is_file()


def test_a_folder_of_tables_is_read_since_a_mark(tmp_path):
    path = tmp_path / "leads.csv"
    head = "lead_id,created_at,updated_at,mmm_grade\n"
    path.write_text(head + "a,2025-01-01,2025-03-01T10:00:00Z,A\nb,2025-01-02,2025-03-01,B\n")
    (tmp_path / "deals.parquet").write_bytes(b"")
    source = FileSource(tmp_path)
    first = source.read_leads()
    assert list(read_leads(first.frame).columns) == ["lead_id", "created_at"]
    assert first.frame["lead_id"].tolist() == ["a", "b"]
    path.write_text(
        head + "a,2025-01-01,2025-03-01T10:00:00Z,A\nb,2025-01-02,2025-03-01T10:00:00Z,B\n"
        "c,2025-01-02,2025-03-01T09:55:00Z,B\n"
    )
    second = source.read_leads(first.mark)
    assert second.frame["lead_id"].tolist() == ["b", "c"]
    assert len(source.read_leads(second.mark).frame) == 0
    with pytest.raises(ConfigError, match="no file of touches"):
        source.read_touches()
    (tmp_path / "touches.csv").write_text("person_id,touched_at,channel\np,2025-01-01,Email\n")
    (tmp_path / "touches.xlsx").write_text("")
    with pytest.raises(ConfigError, match=r"'touches.csv', 'touches.xlsx'"):
        source.read_touches()
    with pytest.raises(ConfigError, match="one file, of leads"):
        FileSource(path).read_deals()
    assert FileSource(path).read_leads().frame["lead_id"].tolist() == ["a", "b", "c"]
