"""`mmm score run` into customer systems, as a user meets it."""

import io
import json
import sqlite3
from types import SimpleNamespace

import pandas as pd
import pytest
import typer

from mmm import datasets
from mmm.cli import score_change, shell, telling
from mmm.crm.source import Extract
from mmm.crm.target import FIELDS
from mmm.errors import MmmError
from mmm.prediction.writeback import letters_file, locked, open_ledger
from tests.test_cli_score import folder, mmm, quick, refused, to_run, trained

__all__ = ["folder", "quick", "trained"]

SYSTEM = "sqlite:///crm.db"
LEDGER = "mmm-ledger.sqlite"


@pytest.fixture
def system(folder):
    """A database that is there; the fields of scores are not."""
    sqlite3.connect(folder / "crm.db").close()
    return folder


def rows(folder, table="mmm_scores"):
    with sqlite3.connect(folder / "crm.db") as connection:
        found = pd.read_sql(f"SELECT * FROM {table}", connection)
    connection.close()
    return found


def summary(quick, *options, to=SYSTEM):
    return json.loads(quick(*to_run("--json", *options, to=to)).out)


def test_prepared_written_nothing_new_taken_back(system, quick):
    said = json.loads(quick("score", "prepare", "--to", SYSTEM, "--dry-run", "--json").out)
    assert said["fields"] == list(FIELDS)
    assert "Created in" in quick("score", "prepare", "--to", SYSTEM).out
    assert "All fields are there" in quick("score", "prepare", "--to", SYSTEM).out
    done = summary(quick)
    assert (done["writing"]["did"], done["writing"]["n_written"], done["n"]) == ("wrote", 60, 60)
    found = rows(system)
    assert len(found) == 60
    assert found["mmm_probability"].between(0, 1).all()
    assert set(found["mmm_grade"]) <= set("ABCD")
    again = summary(quick)["writing"]
    assert (again["did"], again["n_writes"], again["n_reads"]) == ("nothing", 0, 0)
    batch = done["writing"]["batch"]
    back = quick("score", "run", "--to", SYSTEM, "--undo", batch)
    assert back.out.startswith("Taken back in sqlite:///")
    assert "crm.db#mmm_scores: 60 leads." in back.out
    assert rows(system).empty
    assert "was taken back before" in quick("score", "run", "--to", SYSTEM, "--undo", batch).out
    nothing = quick("score", "run", "--to", SYSTEM, "--resume", "--json").out
    assert json.loads(nothing)["writing"]["did"] == "nothing"


def test_the_log_is_json_lines_and_the_summary_one_object(system):
    assert mmm("score", "prepare", "--to", SYSTEM, cwd=system).returncode == 0
    done = mmm(*to_run("--json", to=SYSTEM), cwd=system)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["writing"]["n_written"] == 60
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"planned", "batch", "chunk", "done"} <= {line["event"] for line in lines}
    assert all(line["at"].endswith("+00:00") for line in lines)
    assert "L0005" not in done.stderr
    wrong = mmm(*to_run("--within-days", "30", "--json", to=SYSTEM), cwd=system)
    assert wrong.returncode == 2
    last = json.loads(wrong.stderr.splitlines()[-1])
    assert (last["level"], last["event"]) == ("error", "stopped")
    assert "--within-days needs a model" in last["text"]
    assert json.loads(wrong.stdout) == {"mistakes": [last["text"]]}


def test_a_dry_run_shows_the_difference(system, quick):
    early = quick(*to_run("--dry-run", "--log", "text", to=SYSTEM))
    assert "not there yet: mmm_probability, mmm_grade, " in early.err
    assert "mmm score prepare" in early.err
    assert "mmm score prepare" in errors(quick, *to_run(to=SYSTEM))
    quick("score", "prepare", "--to", SYSTEM)
    assert "not there yet" not in quick(*to_run("--dry-run", "--log", "text", to=SYSTEM)).err
    before = {path.name for path in system.iterdir()}
    said = quick(*to_run("--dry-run", "--log", "text", to=SYSTEM)).out
    assert "Of 60 leads 60 would be written" in said
    assert "nothing -> " in said
    assert "and 50 more" in said
    assert {path.name for path in system.iterdir()} == before
    assert rows(system).empty


def test_what_was_written_is_said_in_italian_too(system, quick):
    italian = ("--lang", "it", "--log", "text")
    early = quick(*to_run("--dry-run", *italian, to=SYSTEM))
    assert "nota: non ci sono ancora: mmm_probability, mmm_grade, " in early.err
    assert "Su 60 lead, 60 sarebbero scritti in sqlite:///" in early.out
    assert "niente -> " in early.out
    assert "e altri 50\n" in early.out
    assert early.out.endswith("Non è stato scritto nulla (--dry-run).\n")
    quick("score", "prepare", "--to", SYSTEM)
    done = quick(*to_run(*italian, to=SYSTEM))
    assert "Scritti in sqlite:///" in done.out
    assert "60 lead (60 nuovi, 0 svuotati), lotto " in done.out
    assert "Niente da scrivere in sqlite:///" in quick(*to_run(*italian, to=SYSTEM)).out
    back = quick("score", "run", "--to", SYSTEM, "--undo", "last", *italian)
    assert "Ripristinati in sqlite:///" in back.out
    replaced = quick(*to_run("--dry-run", "--lang", "it")).out
    assert "scores.csv non c’è ancora: vi sarebbero scritti 60 lead." in replaced
    assert "Taken back" not in quick("score", "run", "--to", SYSTEM, "--resume", "--lang", "en").out


def test_a_dry_run_shows_the_difference_to_a_file_that_is_replaced_whole(folder, quick):
    said = quick(*to_run("--dry-run")).out
    assert "scores.csv is not there; 60 leads would be written" in said
    assert "nothing -> " in said
    assert not (folder / "scores.csv").exists()
    quick(*to_run())
    same = json.loads(quick(*to_run("--dry-run", "--json")).out)["would"]
    assert same == {
        "n_changes": 0, "n_new": 0, "n_moved": 0, "n_gone": 0, "replaces_another_file": False,
    }  # fmt: skip
    kept = pd.read_csv(folder / "scores.csv")
    kept.loc[kept["lead_id"] == "L0004", "grade"] = "x"
    kept.loc[kept["lead_id"] == "L0007", "probability"] = 0.0
    gone = kept[~kept["lead_id"].isin(["L0008", "'=1+1"])].replace({"L0009": "L9999"})
    gone.to_csv(folder / "scores.csv", index=False)
    before = (folder / "scores.csv").read_bytes()
    said = quick(*to_run("--dry-run")).out
    assert "3 would be new in scores.csv, 2 get another grade or probability" in said
    assert "1 would no longer stand there" in said
    assert "  =1+1:" in said
    assert " 0.0% (" in said
    assert (folder / "scores.csv").read_bytes() == before
    (folder / "scores.csv").write_text("name,budget\na,1\n")
    assert "is no file of scores; it would be lost" in quick(*to_run("--dry-run")).out


def test_a_table_of_leads_is_updated_and_its_own_columns_stay(system, quick):
    new = pd.read_csv(system / "new.csv")
    with sqlite3.connect(system / "crm.db") as connection:
        crm = new.head(58)[["lead_id"]].assign(stage="open")
        crm.to_sql("Leads; drop", connection, index=False)
    connection.close()
    to = f"{SYSTEM}#table=Leads%3B%20drop"
    quick("score", "prepare", "--to", to)
    done = summary(quick, to=to)["writing"]
    assert (done["n_written"], done["n_missing"]) == (58, 2)
    found = rows(system, '"Leads; drop"')
    assert set(found["stage"]) == {"open"}
    assert found["mmm_grade"].notna().all()
    assert letters_file(system / LEDGER).read_text().count("does not know this lead") == 2


def test_limit_fields_and_a_file_that_is_kept_up_to_date(folder, quick):
    to = "file:kept.csv"
    options = ("--limit", "7", "--fields", "probability,grade")
    assert summary(quick, *options, to=to)["writing"]["n_written"] == 7
    assert summary(quick, "--fields", "probability,grade", to=to)["writing"]["n_written"] == 53
    kept = pd.read_csv(folder / "kept.csv")
    assert len(kept) == 60
    assert kept["mmm_model"].isna().all()
    assert "'=1+1" in set(kept["lead_id"])  # bad input 33: inert where a spreadsheet opens it
    before = (folder / "kept.csv").read_bytes()
    assert summary(quick, "--fields", "probability,grade", to=to)["writing"]["did"] == "nothing"
    assert (folder / "kept.csv").read_bytes() == before
    quick("score", "run", "--to", to, "--undo", "last")
    assert pd.read_csv(folder / "kept.csv")["mmm_grade"].notna().sum() == 7


def test_an_undone_first_run_leaves_no_rows_where_no_file_was(folder, quick):
    assert summary(quick, to="file:kept.csv")["writing"]["n_written"] == 60
    quick("score", "run", "--to", "file:kept.csv", "--undo", "last")
    assert pd.read_csv(folder / "kept.csv").empty
    quick("score", "run", "--to", "file:kept.csv", "--undo", "last")
    assert summary(quick, to="file:kept.csv")["writing"]["n_written"] == 60
    assert pd.read_csv(folder / "kept.csv")["mmm_grade"].notna().sum() == 60


def test_people_who_opt_out_are_neither_scored_nor_written(system, quick):
    quick("score", "prepare", "--to", SYSTEM)
    summary(quick)
    new = pd.read_csv(system / "new.csv")
    flag = new["lead_id"].isin(["L0004", "L0007"]).map({True: "yes", False: ""})
    new.assign(no_profiling=flag).to_csv(system / "new.csv", index=False)
    assert "extra 'no_profiling'" in errors(quick, *to_run(to=SYSTEM))
    done = summary(quick, "--opt-out", "no_profiling")
    assert (done["n"], done["n_opted_out"], done["writing"]["n_emptied"]) == (58, 2, 2)
    found = rows(system)
    assert not found["lead_id"].isin(["L0004", "L0007"]).any()
    assert found["mmm_grade"].notna().sum() == len(found) == 58
    quick(*to_run("--opt-out", "no_profiling"))
    assert len(pd.read_csv(system / "scores.csv")) == 58
    assert "no column 'gone'" in errors(quick, *to_run("--opt-out", "gone", to=SYSTEM))
    new.assign(no_profiling="perhaps").to_csv(system / "new.csv", index=False)
    assert "holds 'perhaps'" in errors(quick, *to_run("--opt-out", "no_profiling", to=SYSTEM))


def errors(quick, *arguments):
    """Return what a run into a system says when it ends with 2."""
    try:
        with pytest.raises(MmmError) as caught:
            quick(*arguments, "--log", "text")
    except typer.Exit:  # pragma: no cover
        pytest.fail("the error came as JSON")
    return str(caught.value)


def test_options_that_make_no_sense(system, quick):
    assert "--model is missing" in refused(quick, "score", "run", "--leads", "l", "--to", SYSTEM)
    assert "--leads is missing" in refused(quick, "score", "run", "--model", "m", "--to", SYSTEM)
    whole = refused(quick, "score", "run", "--to", "scores.csv", "--undo", "last")
    assert "--to file:scores.csv" in whole
    assert "--log 'xml'" in refused(quick, *to_run("--log", "xml", to=SYSTEM))
    assert "'mmm_colour'" in errors(quick, *to_run("--fields", "colour", to=SYSTEM))
    assert "--step is" in errors(quick, *to_run("--step", "3", to=SYSTEM))
    assert "--limit is 0" in errors(quick, *to_run("--limit", "0", to=SYSTEM))
    undo = ("score", "run", "--to", SYSTEM, "--undo", "last")
    assert "there is no ledger mmm-ledger.sqlite. Name the one of the run with --ledger" in errors(
        quick, *undo
    )
    open_ledger(system / LEDGER).connection.close()
    assert "no batch of" in errors(quick, *undo)
    assert "would replace" in errors(quick, *to_run(to="file:new.csv"))


def test_bad_input_41_another_run_has_the_ledger(system, quick):
    quick("score", "prepare", "--to", SYSTEM)
    with locked(system / LEDGER):
        assert "another run is writing" in errors(quick, *to_run(to=SYSTEM))
    assert rows(system).empty


def test_a_night_that_is_not_ordinary_stops_and_force_insists(system, quick):
    quick("score", "prepare", "--to", SYSTEM)
    summary(quick)
    ledger = open_ledger(system / LEDGER)
    (name,) = {batch.target for batch in ledger.batches()}
    turned = {"A": "D", "B": "D", "C": "A", "D": "A"}
    ledger.adopt(
        name,
        {
            lead: {**there, "mmm_grade": turned[there["mmm_grade"]]}
            for lead, there in ledger.written(name).items()
        },
    )
    ledger.connection.close()
    said = errors(quick, *to_run(to=SYSTEM))
    assert "more than one grade" in said
    assert "insist with --force" in said
    assert summary(quick, "--force")["writing"]["n_moved"] > 15


def test_an_explanation_of_one_lead(folder, quick):
    given = ("--leads", "new.csv", "--model", "model")
    found = json.loads(quick("score", "explain", "L0004", *given).out)
    quick(*to_run())
    scores = pd.read_csv(folder / "scores.csv").set_index("lead_id")
    assert found["probability"] == pytest.approx(scores.loc["L0004", "probability"])
    assert found["reasons"][0] == scores.loc["L0004", "reason_1"]
    log_odds = found["base"] + sum(row["adds"] for row in found["columns"])
    assert 1 / (1 + 2.718281828**-log_odds) == pytest.approx(found["probability"], abs=0.01)
    assert found["written"] == []
    summary(quick, to="file:kept.csv")
    quick("score", "explain", "L0004", *given, "--out", "L0004.json")
    (written,) = json.loads((folder / "L0004.json").read_text())["written"]
    assert written["fields"]["mmm_grade"] == found["grade"]
    assert "no lead 'L9999'" in refused(quick, "score", "explain", "L9999", *given)


def test_who_opted_out_may_still_ask_what_is_said(folder, quick):
    new = pd.read_csv(folder / "new.csv")
    new.assign(no_profiling="yes").to_csv(folder / "new.csv", index=False)
    given = ("score", "explain", "L0004", "--leads", "new.csv", "--model", "model")
    assert "extra 'no_profiling'" in refused(quick, *given)
    found = json.loads(quick(*given, "--opt-out", "no_profiling").out)
    assert "no_profiling" not in {row["column"] for row in found["columns"]}


class Demo:
    """A system that holds the synthetic company."""

    name = "demo"

    def __getattr__(self, name):
        table = name.removeprefix("read_")
        raw = pd.read_csv(datasets.path(table), dtype="str", keep_default_na=False)
        return lambda since=None: Extract(raw, None)

    def close(self):
        self.closed = True


def test_leads_touches_and_deals_come_from_one_system(folder, quick, monkeypatch):
    demo = Demo()
    monkeypatch.setattr("mmm.crm.open.open_source", lambda text: demo)
    quick("score", "train", "--leads", "tryton:", "--model", "demo")
    assert demo.closed
    given = ("--leads", "tryton:", "--model", "demo", "--to", "file:kept.csv")
    assert json.loads(quick("score", "run", *given, "--json").out)["writing"]["n_written"] > 20
    with pytest.raises(MmmError, match="Leave them out"):
        quick("score", "run", *given, "--deals", "deals.csv", "--log", "text")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"did": "nothing"}, "Nothing to write to crm.\n"),
        ({"did": "nothing", "batch": "b"}, "Batch b was taken back before.\n"),
        ({"did": "undid", "n_kept": 2}, "1 lead; 2 left as they are, changed since.\n"),
        ({"did": "undid"}, "Taken back in crm: 1 lead.\n"),
        ({"did": "resumed", "batch": "b"}, "Written to crm: 1 lead, batch b.\n"),
        ({"did": "wrote", "batch": "b", "n_written": 1200},
         "1,200 leads (1 new, 0 emptied), batch b.\nTo take it back: --undo b\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lang", ["en", "it"])
def test_every_end_of_a_batch_is_said(capsys, tmp_path, lang, facts, said):
    none = {"batch": None, "system": "crm", "n_written": 1, "n_kept": 0, "n_new": 1, "n_emptied": 0,
            "n_missing": 3, "not_written": tmp_path / "letters.csv"}  # fmt: skip
    shell.speak(lang)
    try:
        score_change.say_written(SimpleNamespace(**none | facts))
    finally:
        shell.speak("en")
    out, err = capsys.readouterr()
    assert "letters.csv" in out
    assert said in out if lang == "en" else said not in out
    assert err.endswith("written: 3\n" if lang == "en" else "non scritti: 3\n")


def test_chunks_are_counted_from_one(capsys):
    with telling.as_text() as tell:
        tell("chunk", done=1, of=3)
        tell("waiting", seconds=1.2, reason="429")
        tell("failed", chunk=0, reason="a field is gone.")
    told = capsys.readouterr().err
    assert "… waiting 1.2 s: 429\n" in told
    assert "warning: chunk 1 is not written: a field is gone.\n" in told


def test_waits_and_failures_follow_the_language(capsys):
    lines = io.StringIO()
    shell.speak("it")
    try:
        with telling.as_text() as tell:
            tell("waiting", seconds=3.0, reason="429")
            tell("failed", chunk=0, reason="manca un campo.")
    finally:
        shell.speak("en")
    told = capsys.readouterr().err
    assert "… attesa di 3,0 s: 429\n" in told
    assert "avviso: il blocco 1 non è stato scritto: manca un campo.\n" in told
    telling.JsonLines(lines, str).write(told)
    assert [json.loads(line)["level"] for line in lines.getvalue().splitlines()] == [
        "info", "warning",
    ]  # fmt: skip
