"""`mmm attribute --robustness`: other choices on the command line."""

import json

import pandas as pd
import pytest

from tests.test_cli import FILES, mmm, one_line_of_error

BASE = ("attribute", "--touches", FILES["touches"], "--deals", FILES["deals"])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    files = "--out", "credit.csv", "--robustness", "other.csv"
    return folder, mmm(*BASE, *files, "--models", "linear, markov", "--json", cwd=folder)


def test_it_says_what_moves_the_answer_and_writes_the_shares(done):
    folder, run = done
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)["robustness"]
    assert said.startswith("How firm markov is: ")
    assert "the largest change is" in said
    shares = pd.read_csv(folder / "other.csv")
    assert {"lookback_short", "by_account", "order_2"} <= set(shares["variation"])
    credit = pd.read_csv(folder / "credit.csv").query("model == 'markov'")
    base = shares.drop_duplicates("channel").set_index("channel")["base"]
    assert base[credit["channel"]].to_numpy() == pytest.approx(credit["share"].to_numpy())


def test_without_it_nothing_is_said_of_other_choices(tmp_path):
    run = mmm(*BASE, "--out", "credit.csv", "--models", "linear", "--json", cwd=tmp_path)
    assert "robustness" not in json.loads(run.stdout)


def test_one_file_cannot_hold_both(tmp_path):
    run = mmm(*BASE, "--out", "a.csv", "--robustness", "./a.csv", cwd=tmp_path)
    assert "--robustness and --out" in one_line_of_error(run)
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("option", ["--out", "--robustness"])
def test_a_name_that_promises_another_format_is_refused_first(tmp_path, option):
    files = {"--out": "a.csv"} | {option: "c.xlsx"}
    run = mmm(*BASE, *(part for pair in files.items() for part in pair), cwd=tmp_path)
    assert "c.xlsx is written as CSV. Give it a name that ends in .csv." in run.stderr
    assert "…" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_cure_in_a_file_comes_with_the_commands_that_take_it(tmp_path):
    deals = pd.read_csv(FILES["deals"])
    pd.concat([deals, deals.head(1)]).to_csv(tmp_path / "d.csv", index=False)
    base = ("attribute", "--touches", FILES["touches"], "--deals", "d.csv", "--out", "o.csv")
    error = one_line_of_error(mmm(*base, cwd=tmp_path))
    assert error.endswith("`mmm init` writes mmm.toml; pass it with --config mmm.toml.")
    (tmp_path / "d.csv").write_text("deal_id\nx\n")
    assert "mmm init" not in one_line_of_error(mmm(*base, cwd=tmp_path))


def test_settings_say_what_words_and_sources_mean(tmp_path):
    (tmp_path / "d.csv").write_text(
        "deal_id,person_id,won,closed_at\na,p1,Yes!,2025-02-01\nb,p2,Offered,2025-02-02\n"
    )
    (tmp_path / "t.csv").write_text(
        "person_id,touched_at,source\np1,2025-01-10,zzz\np2,2025-01-11,zzz\n"
    )
    (tmp_path / "mmm.toml").write_text(
        '[deals]\nsource = "d.csv"\nwon_values = {"Yes!" = true, "Offered" = false}\n'
        '[touches]\nsource = "t.csv"\n[attribution]\nmodels = ["linear"]\nheadline = "linear"\n'
        '[channels]\nrules = [{channel = "Fairs", source = "zzz"}]\n'
    )
    bare = mmm(
        "attribute", "--touches", "t.csv", "--deals", "d.csv", "--out", "o.csv", cwd=tmp_path
    )
    assert one_line_of_error(bare).endswith("pass it with --config mmm.toml.")
    run = mmm("attribute", "--config", "mmm.toml", "--out", "o.csv", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    credit = pd.read_csv(tmp_path / "o.csv")
    assert credit[["channel", "model", "credit"]].to_numpy().tolist() == [["Fairs", "linear", 1.0]]
    asked = ("--config", "mmm.toml", "--models", "markov", "--out", "t.csv")
    assert "t.csv" in one_line_of_error(mmm("attribute", *asked, cwd=tmp_path))
    assert "--deals is missing" in one_line_of_error(mmm("attribute", "--out", "o", cwd=tmp_path))
