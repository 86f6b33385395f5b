"""The command line as a user meets it: real processes, exit codes, one line an error."""

import json
import subprocess
import sys
from importlib.metadata import version

import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import DataWarning
from mmm.run import load_config, read_tables

FILES = {name: str(datasets.path(name)) for name in ("touches", "deals", "leads", "spend")}


def mmm(*arguments, cwd=None):
    command = [sys.executable, "-c", "from mmm.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def one_line_of_error(done):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("…")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("mmm: ")
    return lines[0]


def test_demo_writes_the_page_and_the_tables(tmp_path):
    done = mmm("demo", "--out", tmp_path / "demo", "--lang", "it")
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "demo" / "brief.html") in done.stdout
    budget, certainty, calls = done.stdout.splitlines()[:3]
    assert budget.startswith("Spostate ")
    assert certainty.startswith("La probabilità che il piano completo renda più di oggi è ")
    assert calls.startswith("Chiamate per primi L0")
    assert "Il margine non è indicato" in done.stdout
    assert "… scelta del budget" in done.stderr
    assert 'lang="it"' in (tmp_path / "demo" / "brief.html").read_text()
    credit = pd.read_csv(tmp_path / "demo" / "credit.csv", dtype={"credit": "str"})
    deals = datasets.load("deals")
    won = deals.loc[deals["won"].fillna(False), "value"].sum()
    for _, rows in credit.groupby("model"):
        cents = sum(int(text.replace(".", "")) for text in rows["credit"])
        assert cents == int(won * 100)


def test_two_runs_are_equal_bit_for_bit(tmp_path):
    for name in ("one", "two"):
        assert mmm("demo", "--out", tmp_path / name, "--json").returncode == 0
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        "brief.html",
        "brief.it.html",
        "budget.csv",
        "calls.csv",
        "credit.csv",
        "credit_deals.csv",
        "customer_costs.csv",
        "indicators.csv",
        "manifest.json",
        "media_plan.csv",
        "pipeline.csv",
        "tests.csv",
        "triangulation.csv",
        "what_if.csv",
    ]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_attribute_writes_the_stated_columns_and_json(tmp_path):
    out = tmp_path / "credit.csv"
    options = ("--touches", FILES["touches"], "--deals", FILES["deals"], "--by", "account")
    done = mmm("attribute", *options, "--models", "linear", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(out)
    assert frame.columns.tolist() == [
        "model",
        "channel",
        "credit",
        "share",
        "lower",
        "upper",
        "n_deals",
    ]
    said = json.loads(done.stdout)
    assert said["counts"]["won"] == int(datasets.load("deals")["won"].sum())
    assert sum(float(row["credit"]) for row in said["credit"]) == pytest.approx(frame.credit.sum())


@pytest.mark.parametrize(
    "arguments",
    [
        ("attribute", "--touches", "t.csv", "--deals", "d.csv", "--out", "credit.csv"),
        ("diff", "one", "two"),
        ("mix", "--data", "weeks.csv"),
    ],
)
def test_an_error_is_json_on_stdout_where_json_was_asked_for(tmp_path, arguments):
    done = mmm(*arguments, "--json", cwd=tmp_path)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("mmm: ")]
    assert said
    assert json.loads(done.stdout) == {"mistakes": [line.removeprefix("mmm: ") for line in said]}
    assert mmm(*arguments, cwd=tmp_path).stdout == ""


def test_check_and_run_name_every_mistake_of_every_table(tmp_path):
    (tmp_path / "touches.csv").write_text("person_id,touched_at,source,cost\np,2025-13-45,g,abc\n")
    (tmp_path / "deals.csv").write_text("deal,closed_at,value,won\nd,yesterday,12x,true\n")
    (tmp_path / "mmm.toml").write_text(
        '[touches]\nsource = "touches.csv"\n[deals]\nsource = "deals.csv"\n'
    )
    for command in ("check", "run"):
        done = mmm(command, tmp_path / "mmm.toml")
        assert done.returncode == 2
        lines = [line for line in done.stderr.splitlines() if not line.startswith("…")]
        assert [line.partition("; found")[0].partition(" is not ")[0] for line in lines[1:]] == [
            "mmm: touches column 'cost'",
            "mmm: deals has no column 'deal_id'",
            "mmm: deals column 'closed_at'",
            "mmm: deals column 'value'",
        ]
        assert lines[0].startswith(
            "mmm: touches column 'touched_at' is a day or time that does not"
        )
        assert "columns = { deal_id" in lines[2]


def test_a_configuration_is_checked_before_the_models_are_loaded(tmp_path):
    (tmp_path / "mmm.toml").write_text('[deals]\nsource = "d.csv"\n[journeys]\nby = "x"\n')
    code = (
        "import os, sys\nfrom mmm.cli import main\n"
        "heavy = ('pandas', 'scipy', 'sklearn', 'duckdb', 'ibis', 'pyarrow')\n"
        "os._exit = lambda code: sys.exit(code + sum(name in sys.modules for name in heavy) * 10)\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "check", str(tmp_path / "mmm.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "journeys.by = 'x'" in done.stderr


def test_check_prints_what_was_read_and_what_matches_no_rule(tmp_path):
    touches = pd.read_csv(FILES["touches"]).head(50)
    touches.loc[:3, ["source", "medium"]] = ["zzz", "qqq"]
    touches.to_csv(tmp_path / "touches.csv", index=False)
    done = mmm("check", "--touches", tmp_path / "touches.csv", "--deals", FILES["deals"])
    assert done.returncode == 0, done.stderr
    assert "touches: 50 rows" in done.stdout
    assert "touches: 4 rows match no channel rule" in done.stdout


def test_map_names_columns(tmp_path):
    deals = pd.read_csv(FILES["deals"]).rename(columns={"won": "Stage"})
    deals.to_csv(tmp_path / "deals.csv", index=False)
    arguments = ("check", "--touches", FILES["touches"], "--deals", tmp_path / "deals.csv")
    error = one_line_of_error(mmm(*arguments))
    assert "no column 'won'" in error
    assert "pass --map deals.won='your name'" in error
    assert mmm(*arguments, "--map", "deals.won=Stage").returncode == 0
    assert "does not name a given table" in one_line_of_error(mmm(*arguments, "--map", "spend.x=y"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("attribute", "--deals", "d.csv", "--out", "o.csv"), "neither touches nor leads"),
        (
            ("attribute", "--touches", "no.csv", "--deals", FILES["deals"], "--out", "o.csv"),
            "there is no file",
        ),
        (("attribute", "--deals", "d.csv"), "--out"),
        (("run", "missing.toml"), "there is no configuration"),
        (("run",), "no configuration mmm.toml. Correct the path, or let `mmm init` write one."),
        (("check",), "there is no configuration mmm.toml"),
        (("check", "--touches", "t.csv"), "there are no deals"),
        (("demo", "--lang", "fr"), "company.language"),
        (("fly",), "fly"),
    ],
)
def test_errors_are_one_line_with_exit_code_2(tmp_path, arguments, said):
    assert said in one_line_of_error(mmm(*arguments, cwd=tmp_path))


def test_wrong_options_reach_the_user_as_errors(tmp_path):
    base = ("attribute", "--touches", FILES["touches"], "--deals", FILES["deals"], "--out", "o.csv")
    for option, value in (("--by", "firm"), ("--models", "magic"), ("--level", "2")):
        assert value in one_line_of_error(mmm(*base, option, value, cwd=tmp_path))


def test_check_counts_in_the_currency_of_the_configuration(tmp_path):
    rows = ["D1,P1,2025-01-05,2025-02-01,won,$1000", "D2,P2,2025-01-06,2025-02-02,won,$2500"]
    head = "deal_id,person_id,created_at,closed_at,won,value"
    (tmp_path / "d.csv").write_text("\n".join([head, *rows]))
    leads = ["lead_id,person_id,created_at,source", "L1,P1,2025-01-01,google", "L2,P2,2025-01-01,"]
    (tmp_path / "l.csv").write_text("\n".join(leads))
    tables = '[deals]\nsource = "d.csv"\n[leads]\nsource = "l.csv"\n'
    (tmp_path / "mmm.toml").write_text('[company]\ncurrency = "USD"\n' + tables)
    done = mmm("check", cwd=tmp_path)
    assert "At stake: $2,500 of $3,500" in done.stdout
    assert "€" not in done.stdout


def test_check_reads_a_configuration_and_names_the_mistakes_of_every_table(tmp_path):
    for name in ("touches", "deals", "spend"):
        pd.read_csv(FILES[name]).to_csv(tmp_path / f"{name}.csv", index=False)
    config = "\n".join(f'[{name}]\nsource = "{name}.csv"' for name in ("touches", "deals", "spend"))
    (tmp_path / "mmm.toml").write_text(config)
    clean = mmm("check", "mmm.toml", cwd=tmp_path)
    assert clean.returncode == 0, clean.stderr
    assert "deals: " in clean.stdout
    assert "to mend: " in clean.stdout
    assert mmm("check", cwd=tmp_path).stdout == clean.stdout
    deals = pd.read_csv(tmp_path / "deals.csv")
    pd.concat([deals, deals.head(2)]).to_csv(tmp_path / "deals.csv", index=False)
    spend = pd.read_csv(tmp_path / "spend.csv").drop(columns=["date", "spend"])
    spend.to_csv(tmp_path / "spend.csv", index=False)
    done = mmm("check", "mmm.toml", cwd=tmp_path)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("mmm: ")]
    assert len(said) == 2
    assert 'write on_duplicate = "first" or' in said[0]
    assert "spend has no columns 'date', 'spend'" in said[1]
    assert "write columns = { date = " in said[1]
    assert f"deals: {len(deals)} rows" in done.stdout
    assert "is kept" not in done.stdout
    assert "to mend: " not in done.stdout
    assert "Records to mend are looked for once" in done.stdout
    (tmp_path / "mmm.toml").write_text(f'company.language = "it"\n{config}')
    assert "I dati da correggere si cercano" in mmm("check", cwd=tmp_path).stdout
    done = mmm("check", "--json", cwd=tmp_path)
    answer = json.loads(done.stdout)
    assert answer["hygiene"] is None
    assert [f"mmm: {line}" for line in answer["mistakes"]] == done.stderr.splitlines()[-2:]
    assert "names the tables" in one_line_of_error(
        mmm("check", "mmm.toml", "--deals", "d.csv", cwd=tmp_path)
    )


def test_no_won_deal_at_all_is_a_warning(tmp_path):
    for name in ("touches", "deals"):
        (tmp_path / f"{name}.csv").write_bytes(datasets.path(name).read_bytes())
    config = '[touches]\nsource = "touches.csv"\n[deals]\nsource = "deals.csv"\n'
    (tmp_path / "mmm.toml").write_text(config)
    assert "is won" not in mmm("check", cwd=tmp_path).stderr
    deals = pd.read_csv(tmp_path / "deals.csv")
    deals.assign(won=deals["won"].where(~deals["won"].fillna(False).astype(bool))).to_csv(
        tmp_path / "deals.csv", index=False
    )
    said = f"none of {len(deals)} deals is won"
    assert f"warning: deals: {said}" in mmm("check", cwd=tmp_path).stderr
    (tmp_path / "mmm.toml").write_text(f'company.language = "it"\n{config}')
    assert f"di {len(deals)} trattative nessuna è vinta" in mmm("check", cwd=tmp_path).stderr
    with pytest.warns(DataWarning, match=said):
        read_tables(load_config(tmp_path / "mmm.toml"))


def test_the_help_of_a_group_is_said_once():
    for arguments in ((), ("score",)):
        done = mmm(*arguments)
        assert done.returncode == 2
        assert (done.stdout + done.stderr).count("Usage: ") == 1
        assert "mmm: " not in done.stderr


def test_the_version_is_said():
    done = mmm("--version")
    assert (done.returncode, done.stdout) == (0, f"mmm {version('mmm-research')}\n")


def test_help_teaches_by_example():
    for command in ("demo", "run", "check", "attribute"):
        done = mmm(command, "--help")
        assert done.returncode == 0
        assert f"Example: mmm {command}" in done.stdout


def test_hostile_names_are_inert_in_the_csv(tmp_path):
    hostile = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "'; DROP TABLE deals;--", "@x"]
    pd.DataFrame(
        {
            "person_id": ["p1"] * 4,
            "touched_at": [f"2024-0{m}-01T00:00:00Z" for m in (1, 2, 3, 4)],
            "channel": hostile,
        }
    ).to_csv(tmp_path / "t.csv", index=False)
    pd.DataFrame(
        {
            "deal_id": ["d1"],
            "person_id": ["p1"],
            "created_at": ["2024-04-01T00:00:00Z"],
            "closed_at": ["2024-06-01T00:00:00Z"],
            "won": [True],
            "value": ["100.00"],
        }
    ).to_csv(tmp_path / "d.csv", index=False)
    done = mmm(
        "attribute", "--touches", "t.csv", "--deals", "d.csv", "--out", "o.csv", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    written = set(pd.read_csv(tmp_path / "o.csv")["channel"])
    assert written == {
        "'=cmd|' /C calc'!A0",
        "'@x",
        "<script>alert(1)</script>",
        "'; DROP TABLE deals;--",
    }


def test_outputs_never_replace_inputs_and_unwritable_places_are_named(tmp_path):
    (tmp_path / "d.csv").write_bytes(datasets.path("deals").read_bytes())
    base = ("attribute", "--touches", FILES["touches"], "--deals", tmp_path / "d.csv", "--out")
    assert "would replace" in one_line_of_error(mmm(*base, tmp_path / "d.csv"))
    (tmp_path / "file").write_text("x")
    assert "cannot make the folder" in one_line_of_error(mmm(*base, tmp_path / "file" / "o.csv"))
