"""`mmm forget`: a person leaves the ledgers, and is not written again."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, MmmError, TargetBusy
from mmm.prediction.writeback import locked
from mmm.run.forgetting import empty_lead, forget_lead
from tests.prediction.writeback.fakes import FakeTarget
from tests.test_cli_score import folder, quick, refused, to_run, trained

__all__ = ["folder", "quick", "trained"]

LEDGER = "mmm-ledger.sqlite"


def test_a_person_is_forgotten(folder, quick):
    quick(*to_run(to="file:kept.csv"))
    assert b"L0004" in (folder / LEDGER).read_bytes()
    beside = folder / f"{LEDGER}.not-written.csv"
    pd.DataFrame({"lead_id": ["L0004", "L0009"], "reason": "locked"}).to_csv(beside, index=False)
    said = json.loads(quick("forget", "L0004", "--to", "file:kept.csv", "--json").out)
    found = {look["file"]: look["found"] for look in said["looked_at"]}
    assert found[LEDGER] == 2
    assert found[beside.name] == 1
    assert found["model/model.json"] == 0
    assert list(said["emptied"].values()) == [True]
    for path in folder.glob(f"{LEDGER}*"):
        assert b"L0004" not in path.read_bytes(), path
    assert "L0004" not in set(pd.read_csv(folder / "kept.csv")["lead_id"])
    again = json.loads(quick(*to_run("--json", to="file:kept.csv")).out)
    assert (again["n"], again["n_forgotten"]) == (59, 1)
    assert again["writing"]["did"] == "nothing"
    quick(*to_run())
    assert "L0004" not in set(pd.read_csv(folder / "scores.csv")["lead_id"])
    assert f"{LEDGER}: nothing found; a keyed hash" in quick("forget", "L0004").out


def test_what_was_taken_out_is_said_and_where_scores_still_stand(folder, quick):
    quick(*to_run(to="file:kept.csv"))
    said = quick("forget", "L0004")
    assert f"{LEDGER}: 2 entries taken out; a keyed hash of the id stays" in said.out
    assert "model/model.json: nothing found" in said.out
    assert f"note: {folder / 'kept.csv'} was given scores of the lead" in said.err
    assert "L0004" in set(pd.read_csv(folder / "kept.csv")["lead_id"])
    said = quick("forget", "L0005", "--to", "file:kept.csv")
    assert "kept.csv: emptied" in said.out
    assert "was given scores" not in said.err


def test_nothing_found_is_said_and_the_lead_is_left_alone_all_the_same(folder, quick):
    quick(*to_run(to="file:kept.csv"))
    said = quick("forget", "NOPE")
    assert f"{LEDGER}: nothing found; a keyed hash of the id is kept all the same, so" in said.out
    assert "note: nothing was found under NOPE. Check how it is written" in said.err
    looks = json.loads(quick("forget", "NOPE", "--json").out)["looked_at"]
    assert not any(look["found"] or look["removed"] for look in looks)
    assert [look["file"] for look in looks if look.get("hash_kept")] == [LEDGER]
    assert "nothing was found" not in quick("forget", "L0004").err
    leads = pd.read_csv(folder / "new.csv").replace({"lead_id": {"L0005": "NOPE"}})
    leads.to_csv(folder / "new.csv", index=False)
    assert json.loads(quick(*to_run("--json", to="file:kept.csv")).out)["n_forgotten"] == 2


def test_a_person_in_a_model_is_said(folder, quick):
    path = folder / "model" / "card.json"
    path.write_text(path.read_text().replace('"', '"anna@example.com, ', 1))
    said = refused(quick, "forget", "L0004", "--also", "anna@example.com")
    assert "1 file of models with the person, such as model/card.json" in said
    assert "Train again" in said


def test_files_that_are_not_touched_are_said(folder, quick):
    (folder / "exports" / "old").mkdir(parents=True)
    held = ["Anna Rossi", "L0004", "L00041"]
    pd.DataFrame({"lead_id": held}).to_csv(folder / "exports" / "leads.csv.gz", index=False)
    pd.DataFrame({"lead_id": held}).to_parquet(folder / "exports" / "old" / "leads.parquet")
    pd.DataFrame({"lead_id": held}).to_excel(folder / "exports" / "leads.xlsx", index=False)
    noted = pd.DataFrame({"note": ["call L0004, please", "nothing"]})
    noted.to_parquet(folder / "exports" / "old" / "notes.parquet", index=False)
    (folder / "exports" / "other.csv").write_text("lead_id\nL00041\n")
    (folder / "exports" / "cut.csv.gz").write_bytes(b"\x1f\x8b\x08")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "leads.csv").write_text("L0004")
    said = quick("forget", "L0004", "--model", "model")
    told = {line for line in said.out.splitlines() if "not touched" in line}
    assert told == {
        "exports/cut.csv.gz: not touched; it cannot be read, look into it by hand",
        "exports/leads.csv.gz: not touched; found in 1 place",
        "exports/leads.xlsx: not touched; found in 1 place",
        "exports/old/leads.parquet: not touched; found in 1 place",
        "exports/old/notes.parquet: not touched; found in 1 place",
        "leads.csv: not touched; found in 1 place",
        "new.csv: not touched; found in 1 place",
    }
    assert "note: not touched: 7 files below this folder with one of these words" in said.err
    said = json.loads(quick("forget", "L0004", "--also", "Anna Rossi", "--json").out)
    found = {one["file"]: one["found"] for one in said["not_touched"]}
    assert found["exports/leads.csv.gz"] == 2
    assert found["exports/cut.csv.gz"] is None
    assert len(found) == 7


def test_words_are_found_in_arrays_and_parts_of_words_are_not(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    np.savez_compressed(model / "arrays.npz", levels=np.array(["Ada", "L1", "XL1"]))
    (model / "model.json").write_text('{"levels": ["L12", "AL1", "L1", "è"]}' + " " * 3_000_000)
    looks = {look.file.name: look for look in forget_lead("L1", [], [model])}
    assert looks["arrays.npz"].found == 1
    assert not looks["arrays.npz"].removed
    assert looks["model.json"].found == 1
    assert all(look.removed for look in forget_lead("L3", [], [model]))
    assert forget_lead("è", [], [model])[1].found == 1
    edge = model / "edge.txt"
    for before in (0, 5, (1 << 20) - 1, 1 << 20):
        edge.write_text(" " * before + "Lead-77")
        assert forget_lead("Lead-77", [], [model])[1].found == 1


def test_what_cannot_be_forgotten(folder, quick, tmp_path, monkeypatch):
    assert "no ledger" in refused(quick, "forget", "L1", "--ledger", "gone.sqlite")
    with pytest.raises(ConfigError, match="id of a lead is empty"):
        forget_lead(" ", [], [folder])
    with pytest.raises(ConfigError, match="no folder"):
        forget_lead("L1", [], [tmp_path / "gone"])
    quick(*to_run(to="file:kept.csv"))
    with locked(folder / LEDGER), pytest.raises(TargetBusy):
        forget_lead("L1", [folder / LEDGER], [])
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(MmmError, match="neither"):
        forget_here()


def forget_here():
    from mmm.cli import app

    app(["forget", "L1"], standalone_mode=False)


def test_another_key_is_refused_while_somebody_is_to_be_left_alone(folder, quick, monkeypatch):
    quick(*to_run(to="file:kept.csv"))
    quick("forget", "L0004")
    monkeypatch.setenv("MMM_LEDGER_KEY", "another key, long enough")
    with pytest.raises(ConfigError, match="key is not the one"):
        quick(*to_run("--log", "text", to="file:kept.csv"))
    monkeypatch.setenv("MMM_LEDGER_KEY", "short")
    with pytest.raises(ConfigError, match="5 characters"):
        quick(*to_run("--log", "text", to="file:kept.csv"))


def test_the_key_is_for_its_owner_alone(folder, quick):
    quick(*to_run(to="file:kept.csv"))
    key = folder / f"{LEDGER}.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert (folder / LEDGER).stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(folder / LEDGER) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert key.read_text() not in dump


def test_a_lead_without_values_is_not_written():
    target = FakeTarget(["L1"])
    assert not empty_lead(target, "L1")
    assert not empty_lead(target, "L2")
    target.rows["L1"]["mmm_grade"] = "A"
    assert empty_lead(target, "L1")
    assert target.rows["L1"]["mmm_grade"] is None
    assert target.n_writes == 1
