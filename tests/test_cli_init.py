"""`mmm init` as a user meets it: a file that runs, nothing replaced, every question visible."""

import json
import re
import shutil
import tomllib

import pandas as pd
import pytest

from mmm import datasets
from mmm.cli import app
from mmm.errors import ConfigError
from mmm.wording import say
from tests.test_cli import mmm, one_line_of_error


def copied(folder, *names):
    for name in names:
        shutil.copy(datasets.path(name), folder)


def test_a_folder_of_tables_becomes_a_configuration_that_check_accepts(tmp_path):
    copied(tmp_path, "touches", "deals", "leads", "spend")
    done = mmm("init", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "deals: deals.csv, 12 columns guessed" in done.stdout
    assert "mmm check mmm.toml" in done.stdout
    settings = tomllib.loads((tmp_path / "mmm.toml").read_text("utf-8"))
    assert settings["deals"]["source"] == "deals.csv"
    check = mmm("check", "mmm.toml", cwd=tmp_path)
    assert check.returncode == 0, check.stderr


def test_an_existing_configuration_is_kept_unless_forced(tmp_path):
    copied(tmp_path, "deals", "leads")
    (tmp_path / "mmm.toml").write_text("mine")
    assert "Pass --force" in one_line_of_error(mmm("init", cwd=tmp_path))
    assert (tmp_path / "mmm.toml").read_text() == "mine"
    assert mmm("init", "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "mmm.toml").read_text() != "mine"
    assert ".toml" in one_line_of_error(mmm("init", "--out", "deals.csv", "--force", cwd=tmp_path))


def test_the_file_lies_where_it_is_asked_and_reads_from_there(tmp_path):
    copied(tmp_path, "deals", "leads")
    out = tmp_path / "settings" / "company.toml"
    done = mmm("init", tmp_path / "deals.csv", tmp_path / "leads.csv", "--out", out, "--lang", "it")
    assert done.returncode == 0, done.stderr
    text = out.read_text("utf-8")
    assert tomllib.loads(text)["leads"]["source"] == "../leads.csv"
    assert "Impostazioni di mmm" in text
    assert mmm("check", out).returncode == 0


def test_json_names_what_was_guessed_and_what_is_wrong(tmp_path):
    deals = pd.read_csv(datasets.path("deals"))
    pd.concat([deals, deals.head(1)]).to_csv(tmp_path / "deals.csv", index=False)
    copied(tmp_path, "leads")
    (tmp_path / "broken.csv").write_bytes(b"\x00")
    done = mmm("init", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["tables"]["deals"]["columns"]["won"] == "won"
    assert 'on_duplicate = "first"' in said["tables"]["deals"]["problem"]
    assert said["unread"][0]["file"] == "broken.csv"
    text = (tmp_path / "mmm.toml").read_text("utf-8")
    assert "to mend" in text
    assert said["questions"] == text.count("# question: ") > 0


def test_mistakes_are_one_line(tmp_path):
    assert "there is no table" in one_line_of_error(mmm("init", cwd=tmp_path))
    assert "--lang" in one_line_of_error(mmm("init", "--lang", "fr", cwd=tmp_path))
    assert "Example: mmm init" in mmm("init", "--help").stdout


def test_a_place_that_is_not_there_is_named_with_what_is(tmp_path):
    copied(tmp_path, "deals")
    (tmp_path / "mmm.toml").write_text("mine")
    error = one_line_of_error(mmm("init", "nothere", cwd=tmp_path))
    assert error == (
        "mmm: there is neither a file nor a folder nothere; its folder holds 'deals.csv', "
        "'mmm.toml'. Correct the path."
    )


def test_init_and_check_speak_italian(tmp_path):
    datasets.copy("dirty_italian", tmp_path / "export")
    done = mmm("init", "export", "--lang", "it", cwd=tmp_path)
    assert done.stdout.splitlines()[0] == "touches: attivita.csv, 6 colonne ipotizzate"
    assert done.stdout.splitlines()[-1].startswith("Scritto: mmm.toml, con ")
    assert "nota: da correggere: deals, colonna “deal_id”: indica una riga" in done.stderr
    check = mmm("check", "mmm.toml", cwd=tmp_path)
    assert check.returncode == 2
    assert "mmm: spend, colonna “date”: indica una riga di totali" in check.stderr
    assert "in riga 521 di spesa.csv" in check.stderr
    assert "touches: 4.191 righe, colonne person_id" in check.stdout
    english = "rows|columns|no time zone|fields are|encoding:|to mend|Correct|pass "
    assert not re.search(english, check.stdout + check.stderr + done.stdout + done.stderr)


@pytest.mark.parametrize("lang", ["en", "it"])
def test_files_that_are_not_read_or_not_used_are_named(tmp_path, monkeypatch, capsys, lang):
    copied(tmp_path, "leads")
    (tmp_path / "broken.csv").write_bytes(b"\x00")
    (tmp_path / "menu.csv").write_text("dish,price\nsoup,3\nfish,9\n")
    monkeypatch.chdir(tmp_path)
    app(["init", "--lang", lang], standalone_mode=False)
    said = capsys.readouterr().err
    for name in ("broken.csv", "menu.csv"):
        assert len([line for line in said.splitlines() if name in line]) == 1
    assert said.splitlines()[-1] == say("guessed.no_deals", lang)


def test_a_place_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    copied(tmp_path, "deals", "leads")
    (tmp_path / "taken.toml").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot write taken\.toml \(.*Choose another file"):
        app(["init", "--out", "taken.toml", "--force"], standalone_mode=False)
    with pytest.raises(ConfigError, match="--lang 'fr' is unknown"):
        app(["init", "--lang", "fr"], standalone_mode=False)
