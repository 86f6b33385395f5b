"""Targets: the file is whole or as it was."""

import os
from contextlib import contextmanager

import pandas as pd
import pytest

from mmm.errors import ConfigError, SourceError
from mmm.tables import target
from mmm.tables.target import find_target, write_target

FRAME = pd.DataFrame(
    {
        "id": ["=1+1", "b"],
        "p": [0.1, 1 / 3],
        "at": pd.to_datetime(["2025-01-01 10:00", "2025-01-02 00:00"]).tz_localize("Europe/Rome"),
    }
)
READERS = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}


@pytest.mark.parametrize("suffix", READERS)
def test_what_is_written_can_be_read(tmp_path, suffix):
    path = write_target(FRAME, tmp_path / "new" / f"scores{suffix}")
    found = READERS[suffix](path)
    assert found["p"].tolist() == pytest.approx(FRAME["p"].tolist(), rel=1e-15)
    assert found["id"].tolist() == ["=1+1" if suffix == ".parquet" else "'=1+1", "b"]
    assert (pd.to_datetime(found["at"], utc=True) == FRAME["at"].dt.tz_convert("UTC")).all()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", READERS)
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"scores{suffix}"
    path.write_text("of yesterday")

    @contextmanager
    def break_off(part):
        def write(frame):
            part.write_text("half of it")
            raise OSError(28, "No space left on device")

        yield write

    monkeypatch.setitem(target._WRITERS, suffix, break_off)
    with pytest.raises(SourceError, match="No space left"):
        write_target(FRAME, path)
    assert path.read_text() == "of yesterday"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    done = []
    sync, move = os.fsync, type(tmp_path).replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("fsync"), sync(number))[1])
    monkeypatch.setattr(
        type(tmp_path), "replace", lambda a, b: (done.append("replace"), move(a, b))[1]
    )
    write_target(FRAME, tmp_path / "scores.csv")
    assert done[:2] == ["fsync", "replace"]


@pytest.mark.parametrize("wrong", ["crm:", "https://x.it/scores.csv", "scores", "scores.txt"])
def test_other_targets_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"\.csv, \.parquet or \.xlsx"):
        find_target(wrong)


def test_a_folder_is_no_target(tmp_path):
    (tmp_path / "scores.csv").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        find_target(tmp_path / "scores.csv")
