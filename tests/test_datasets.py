import csv
import hashlib
import json
import re

import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import InputError
from mmm.simulate import TABLES
from mmm.simulate.__main__ import main, shipped_company

FOLDER = datasets.path("deals").parent


@pytest.fixture(scope="module")
def company():
    return shipped_company()


def test_regeneration_gives_the_same_bytes(tmp_path, capsys):
    main([str(tmp_path)])
    assert "deals.csv" in capsys.readouterr().out
    shipped = sorted(path.name for path in FOLDER.iterdir() if path.name != "README.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == shipped
    for name in shipped:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_hashes_are_those_of_the_files():
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    found = dict(reversed(line.split("  ")) for line in lines)
    assert set(found) == {f"{name}.csv" for name in TABLES} | {"truth.json"}
    for name, digest in found.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("name", TABLES)
def test_tables_load_as_they_were_simulated(company, name):
    expected = getattr(company, name)
    loaded = datasets.load(name)
    pd.testing.assert_frame_equal(loaded, expected, check_like=True)


def test_names_are_the_tables():
    assert datasets.names() == list(TABLES)


@pytest.mark.parametrize("ask", [datasets.load, datasets.path])
def test_an_unknown_name_lists_the_known_ones(ask):
    with pytest.raises(InputError, match=r"'opportunities'.*'touches'.*'weekly'"):
        ask("opportunities")


def test_truth_is_that_of_the_simulation(company):
    assert datasets.truth() == json.loads(json.dumps(company.truth.to_dict()))


def test_there_is_enough_to_learn_from():
    won = datasets.load("deals")["won"]
    assert won.sum() >= 60
    assert (~won).sum() >= 60
    assert won.isna().sum() >= 10
    assert 150 <= datasets.load("contacts")["account_id"].nunique() <= 250


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000


def test_a_folder_installed_with_the_package_comes_first(tmp_path, monkeypatch):
    package = tmp_path / "site" / "mmm"
    (package / "_datasets").mkdir(parents=True)
    monkeypatch.setattr(datasets, "__file__", str(package / "datasets.py"))
    assert datasets.path("deals") == package / "_datasets" / "deals.csv"
    (package / "_datasets").rmdir()
    with pytest.raises(InputError, match=r"python -m mmm\.simulate datasets"):
        datasets.path("deals")


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_explains_every_column(name):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = text.split(f"## {name}.csv", 1)[1].split("\n## ", 1)[0]
    explained = {
        column
        for row in re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
        for column in re.findall(r"`([^`]+)`", row)
    }
    with datasets.path(name).open(encoding="utf-8", newline="") as file:
        assert explained == set(next(csv.reader(file)))


def test_the_readme_explains_every_part_of_the_truth():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for key in datasets.truth():
        assert f"`{key}`" in text, key


def test_the_readme_states_the_settings():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    settings = datasets.truth()["settings"]
    assert f"n_accounts={settings['n_accounts']}, weeks={settings['weeks']}" in text
    assert f'seed={settings["seed"]}, start="{settings["start"]}"' in text
