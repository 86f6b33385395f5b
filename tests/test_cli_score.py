"""`mmm score` as a user meets it: real processes, small tables, exit codes, files."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.cli import app
from mmm.errors import MmmError

COLUMNS = [
    "lead_id", "probability", "grade", "reason_1", "reason_2", "reason_3", "scored_at",
    "model_version",
]  # fmt: skip


def mmm(*arguments, cwd=None):
    command = [sys.executable, "-c", "from mmm.cli import main; main()", *map(str, arguments)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, env=alone)


def error_of(done):
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("mmm: ")]
    assert len(said) == 1, done.stderr
    return said[0]


def some_leads(n=400, seed=3):
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 300, n)), unit="D")
    leads = pd.DataFrame(
        {
            "lead_id": [f"L{i:04d}" for i in range(n)],
            "created_on": days.strftime("%Y-%m-%d"),
            "source": rng.choice(["fair", "web", "phone"], n),
            "pages": rng.poisson(4, n),
        }
    )
    chance = 1 / (1 + np.exp(2.5 - 0.4 * leads["pages"] - (leads["source"] == "fair")))
    leads["converted"] = np.where(rng.random(n) < chance, "yes", "no")
    leads["signed_by"] = leads["converted"].map({"yes": "x", "no": None})
    return leads


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with leads, a model trained on them, and leads to score."""
    folder = tmp_path_factory.mktemp("scoring")
    some_leads().to_csv(folder / "leads.csv", index=False)
    new = some_leads(60, seed=4).drop(columns=["converted", "signed_by"])
    new.loc[0, "lead_id"] = "=1+1"
    new.to_csv(folder / "new.csv", index=False)
    options = ("--outcome", "converted", "--created-at", "created_on", "--model", "model")
    done = mmm("score", "train", "--leads", "leads.csv", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of it, to break."""
    return shutil.copytree(trained[0], tmp_path / "own")


def to_run(*options, leads="new.csv", to="scores.csv"):
    return ("score", "run", "--leads", leads, "--model", "model", "--to", to, *options)


def run(folder, *options, **names):
    return mmm(*to_run(*options, **names), cwd=folder)


@pytest.fixture
def quick(folder, monkeypatch, capsys):
    """Run a command in this process: what it says, or the error it raises."""

    def say(*arguments):
        monkeypatch.chdir(folder)
        app([*map(str, arguments)], standalone_mode=False)
        return capsys.readouterr()

    return say


def refused(quick, *arguments):
    with pytest.raises(MmmError) as caught:
        quick(*arguments)
    return str(caught.value)


def test_training_writes_the_card_and_says_what_was_refused_and_how_good_it_is(trained):
    folder, done = trained
    assert {path.name for path in (folder / "model").iterdir()} >= {
        "model.json", "recipe.json", "card.html", "card.it.html", "card.json",
    }  # fmt: skip
    assert "Refused: signed_by: missing depends on the outcome" in done.stdout
    card = json.loads((folder / "model" / "card.json").read_text())
    loss = next(row for row in card["metrics"]["rows"] if row["metric"] == "log_loss")
    assert f"log loss {loss['value']:.3f} ({loss['lower']:.3f} to {loss['upper']:.3f})" in (
        done.stdout
    )
    assert "No signal" not in done.stdout
    assert 'lang="it"' in (folder / "model" / "card.it.html").read_text()


def test_scores_are_those_of_python(folder):
    from mmm.prediction import LeadScorer

    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert f"Written: {(folder / 'scores.csv').resolve()}" in done.stdout
    frame = pd.read_csv(folder / "scores.csv")
    new = pd.read_csv(folder / "new.csv").rename(columns={"created_on": "created_at"})
    truth = LeadScorer.load(folder / "model").score_leads(new).to_frame()
    assert frame.columns.tolist() == COLUMNS
    np.testing.assert_allclose(frame["probability"], truth["probability"], rtol=1e-12)
    assert frame["grade"].tolist() == truth["grade"].tolist()
    assert frame["reason_1"].tolist() == truth["reason_1"].tolist()
    assert frame["lead_id"][0] == "'=1+1"
    assert set(frame["model_version"]) == set(truth["model_version"])


def test_a_dry_run_writes_nothing_and_json_is_one_object(folder):
    before = {path.name for path in folder.iterdir()}
    done = run(folder, "--dry-run", "--json", "--as-of", "2025-11-01", "--lang", "it")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["n"] == 60 == sum(said["grades"].values())
    assert said["files"] == {}
    assert said["scored_at"].startswith("2025-11-01")
    assert {path.name for path in folder.iterdir()} == before


def test_bad_input_23_duplicate_ids(folder, quick):
    new = pd.read_csv(folder / "new.csv")
    new.loc[3, "lead_id"] = new.loc[2, "lead_id"]
    new.to_csv(folder / "twice.csv", index=False)
    error = error_of(run(folder, leads="twice.csv"))
    assert "2 leads have an id that stands twice" in error
    assert not (folder / "scores.csv").exists()
    leads = pd.read_csv(folder / "leads.csv")
    pd.concat([leads, leads.head(1)]).to_csv(folder / "leads.csv", index=False)
    options = ("--leads", "leads.csv", "--outcome", "converted", "--model", "other")
    assert "an id that stands twice" in refused(quick, "score", "train", *options)
    assert not (folder / "other").exists()


def test_bad_input_24_a_refused_column_is_used_when_allowed(quick):
    options = ("--leads", "leads.csv", "--outcome", "converted", "--model", "own")
    said = json.loads(quick("score", "train", *options, "--allow", "signed_by", "--json").out)
    assert said["refused"] == []
    assert next(m["value"] for m in said["metrics"] if m["metric"] == "auc") > 0.99


def test_bad_input_25_single_class_target(folder):
    some_leads().assign(converted=0).to_csv(folder / "one.csv", index=False)
    options = ("--leads", "one.csv", "--outcome", "converted", "--model", "other")
    error = error_of(mmm("score", "train", *options, cwd=folder))
    assert "of one class" in error
    assert "--ended-at" in error
    assert "ended_at=" not in error
    assert not (folder / "other").exists()


def test_bad_input_26_unseen_categories_are_said_and_scored(folder, quick):
    new = pd.read_csv(folder / "new.csv")
    new.loc[:4, "source"] = "carrier pigeon"
    new.to_csv(folder / "new.csv", index=False)
    said = quick(*to_run()).err
    assert "note: 5 leads have a source that training never saw ('carrier pigeon')" in said
    assert len(pd.read_csv(folder / "scores.csv")) == 60


def test_bad_input_27_schema_drift_lists_the_difference(folder):
    new = pd.read_csv(folder / "new.csv")
    new["pages"] = new["pages"].map(lambda n: f"{n} pages")
    new.drop(columns="source").assign(colour="red").to_csv(folder / "new.csv", index=False)
    error = error_of(run(folder))
    for part in ("missing 'source'", "retyped 'pages' (number, now ", "extra 'colour'"):
        assert part in error
    assert not (folder / "scores.csv").exists()


def test_bad_input_39_drift_is_said(folder, quick):
    new = pd.read_csv(folder / "new.csv")
    new.assign(pages=new["pages"] + 6).to_csv(folder / "new.csv", index=False)
    said = quick(*to_run()).err
    assert "note: drift: pages has moved since training (strong" in said


def test_leads_like_those_of_training_raise_no_alarm(folder, quick):
    same = pd.read_csv(folder / "leads.csv").drop(columns=["converted", "signed_by"])
    same.to_csv(folder / "new.csv", index=False)
    said = quick(*to_run("--as-of", "2025-10-28")).err
    assert "drift" not in said
    assert "fresh" not in said


def test_bad_input_40_no_file_where_a_probability_is_none(folder):
    path = folder / "model" / "model.json"
    manifest = json.loads(path.read_text())
    manifest["body"]["base"] = float("nan")
    body = json.dumps(manifest["body"], sort_keys=True).encode()
    manifest["body_sum"] = hashlib.sha256(body).hexdigest()
    path.write_text(json.dumps(manifest))
    (folder / "model" / "recipe.json").unlink()
    new = pd.read_csv(folder / "new.csv").rename(columns={"created_on": "created_at"})
    new.to_csv(folder / "new.csv", index=False)
    (folder / "scores.csv").write_text("of yesterday")
    assert "missing or outside 0 to 1" in error_of(run(folder))
    assert (folder / "scores.csv").read_text() == "of yesterday"


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "recipe.json"])
def test_bad_input_43_a_truncated_model(folder, quick, name):
    path = folder / "model" / name
    path.write_bytes(path.read_bytes()[:-40])
    error = refused(quick, *to_run())
    assert name in error
    assert "Train again" in error


def test_bad_input_43_a_foreign_a_newer_and_a_mixed_up_model(folder, quick):
    path = folder / "model" / "model.json"
    manifest = path.read_text()
    path.write_text('{"format": "someone else"}')
    assert "not a model of mmm" in error_of(run(folder))
    path.write_text(json.dumps(json.loads(manifest) | {"version": 99}))
    assert "Install a newer mmm" in refused(quick, *to_run())
    path.write_text(manifest)
    recipe = folder / "model" / "recipe.json"
    other = json.loads(recipe.read_text())
    other["body"]["model_version"] = "another"
    body = json.dumps(other["body"], sort_keys=True).encode()
    recipe.write_text(json.dumps(other | {"body_sum": hashlib.sha256(body).hexdigest()}))
    assert "belongs to another model" in refused(quick, *to_run())
    shutil.rmtree(folder / "model")
    assert "holds no model" in refused(quick, *to_run())


def test_rows_that_cannot_be_read_lie_beside_the_scores(folder, quick):
    new = pd.read_csv(folder / "new.csv").astype({"pages": "float64"})
    new.loc[5, "pages"] = np.inf
    new.to_parquet(folder / "new.parquet")
    assert "1 lead not scored" in quick(*to_run(leads="new.parquet")).err
    beside = pd.read_csv(folder / "scores.quarantine.csv")
    assert beside[["lead_id", "column"]].values.tolist() == [["L0005", "pages"]]
    assert "L0005" not in set(pd.read_csv(folder / "scores.csv")["lead_id"])
    quick(*to_run())
    assert pd.read_csv(folder / "scores.quarantine.csv").empty
    assert "L0005" in set(pd.read_csv(folder / "scores.csv")["lead_id"])


@pytest.mark.parametrize("target", ["fax:12", "mysql://crm", "scores.json", "model"])
def test_other_targets_are_refused_by_naming_what_there_is(quick, target):
    assert ".csv, .parquet or .xlsx" in refused(quick, *to_run(to=target))


@pytest.mark.parametrize("target", ["new.csv", "model/old.csv"])
def test_what_was_read_is_not_replaced(folder, quick, target):
    shutil.copy(folder / "new.csv", folder / "model" / "old.csv")
    before = (folder / target).read_bytes()
    assert "would replace" in refused(quick, *to_run(to=target))
    assert (folder / target).read_bytes() == before


def test_options_that_contradict_each_other(folder, quick):
    base = ("score", "train", "--leads", "leads.csv", "--model", "other")
    assert "--outcome" in refused(quick, *base)
    assert "Leave it out" in refused(quick, *base, "--outcome", "converted", "--deals", "d.csv")
    assert "no column 'gone'" in refused(quick, *base, "--outcome", "gone")
    assert "--within-days needs a model" in refused(quick, *to_run("--within-days", "30"))
    assert "trained on leads alone" in refused(quick, *to_run("--deals", "d.csv"))
    assert "--lang 'fr'" in refused(quick, *to_run("--lang", "fr"))
    some_leads().assign(converted="perhaps").to_csv(folder / "leads.csv", index=False)
    assert "holds 'perhaps'" in refused(quick, *base, "--outcome", "converted")
    some_leads().replace({"converted": {"no": "open"}}).to_csv(folder / "leads.csv", index=False)
    assert "with --created-at and --ended-at" in refused(quick, *base, "--outcome", "converted")


def test_noise_is_called_no_signal(folder, quick):
    rng = np.random.default_rng(0)
    leads = some_leads()[["lead_id", "created_on"]].assign(
        a=rng.normal(size=400), converted=rng.integers(0, 2, 400)
    )
    leads.to_csv(folder / "leads.csv", index=False)
    options = ("--outcome", "converted", "--created-at", "created_on", "--model", "noise")
    said = quick("score", "train", "--leads", "leads.csv", *options)
    assert "No signal: no column says who converts" in said.out


def test_open_leads_and_italian_dates(folder, quick):
    leads = some_leads().drop(columns="signed_by")
    won = leads["converted"].eq("yes")
    created = pd.to_datetime(leads["created_on"])
    days = np.random.default_rng(8).exponential(np.where(won, 30, 60)).round() + 1
    ended = created + pd.to_timedelta(days, unit="D")
    late = ended > pd.Timestamp("2025-10-28")
    late_leads = int(late.sum())
    leads["Creato"] = created.dt.strftime("%d/%m/%Y")
    leads["Chiuso"] = ended.dt.strftime("%d/%m/%Y").mask(late, "")
    leads["Esito"] = np.select([late, won], ["aperto", "vinto"], "perso")
    leads = leads.drop(columns=["created_on", "converted"])
    leads.to_csv(folder / "it.csv", index=False, sep=";")
    options = ("--created-at", "Creato", "--ended-at", "Chiuso", "--locale", "it")
    quick("score", "train", "--leads", "it.csv", "--outcome", "Esito", *options, "--model", "model")
    more = ("--locale", "it", "--as-of", "2025-10-28")
    leads[late].drop(columns=["Chiuso", "Esito"]).to_csv(folder / "new.csv", index=False, sep=";")
    for days, name in ((10, "soon.csv"), (90, "late.csv")):
        quick(*to_run(*more, "--within-days", days, to=name))
    soon, late = (pd.read_csv(folder / name)["probability"] for name in ("soon.csv", "late.csv"))
    assert len(soon) == late_leads > 0
    assert (soon <= late + 1e-12).all()
    assert (soon < late).any()


@pytest.fixture
def dated(folder, quick, monkeypatch):
    """Leads of whom three in four have ended, a model that knows when, and a clock that stands."""
    rng = np.random.default_rng(5)
    n = 300
    created = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 200, n), unit="D")
    ended = created + pd.to_timedelta(rng.integers(10, 90, n), unit="D")
    still = np.arange(n) % 4 == 0
    leads = pd.DataFrame(
        {
            "lead_id": [f"L{i:03d}" for i in range(n)],
            "created_on": created.strftime("%Y-%m-%d"),
            "closed_on": pd.Series(ended.strftime("%Y-%m-%d")).mask(still | (ended.year > 2025)),
            "noise": rng.normal(size=n).round(3),
        }
    )
    won = np.where(rng.random(n) < 0.5, "won", "lost")
    leads["fate"] = np.where(leads["closed_on"].isna(), "open", won)
    leads.to_csv(folder / "leads.csv", index=False)
    quick(
        "score", "train", "--leads", "leads.csv", "--outcome", "fate", "--created-at", "created_on",
        "--ended-at", "closed_on", "--model", "model",
    )  # fmt: skip
    now = pd.Timestamp("2025-10-31T09:00:00Z")
    monkeypatch.setattr("pandas.Timestamp.now", lambda tz=None: now)
    return leads


def test_a_table_of_dated_leads_is_scored_as_of_today_without_those_that_are_over(
    dated, folder, quick
):
    said = quick(*to_run(leads="leads.csv"))
    n_open = int(dated["fate"].eq("open").sum())
    assert "leads are scored as of today, 2025-10-31\n" in said.err
    assert f"they are over by 'closed_on', 'fate': {300 - n_open}\n" in said.err
    today = pd.read_csv(folder / "scores.csv")
    assert today["lead_id"].tolist() == dated.loc[dated["fate"].eq("open"), "lead_id"].tolist()
    assert today["reason_1"].str.contains("Days since the lead came in").all()
    told = json.loads(
        quick(*to_run("--as-of", "2025-10-31T09:00:00Z", "--json", leads="leads.csv")).out
    )
    assert told["notes"][0].startswith("leads left out, since they are over")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "scores.csv"), today)
    one = json.loads(
        quick("score", "explain", "L000", "--leads", "leads.csv", "--model", "model").out
    )
    assert one["probability"] == pytest.approx(today.set_index("lead_id")["probability"]["L000"])
    dated[dated["fate"].ne("open")].to_csv(folder / "over.csv", index=False)
    error = refused(quick, *to_run(leads="over.csv"))
    assert f"no lead is open: all {300 - n_open} are over by 'closed_on', 'fate'" in error


def test_a_lead_from_the_future_or_without_a_day_stops_no_run_of_today(dated, folder, quick):
    new = dated[dated["fate"].eq("open")].drop(columns=["closed_on", "fate"]).reset_index(drop=True)
    new.loc[0, "created_on"] = "2025-11-01"
    new.loc[1, "created_on"] = None
    new.to_csv(folder / "new.csv", index=False)
    said = quick(*to_run())
    assert (
        "note: 2 leads have no 'created_on', or a later one than now: scored as new\n" in said.err
    )
    found = pd.read_csv(folder / "scores.csv")["probability"]
    assert found[0] == found[1] == found.max()


def test_without_signal_nothing_that_is_printed_speaks_of_grades(dated, folder, quick):
    said = quick(*to_run("--as-of", "2025-10-31", leads="leads.csv"))
    assert "found no signal, so that grades say nothing.\n" in said.out
    assert "no signal: leads differ by their age alone\n" in said.err
    assert not re.search(r"by grade|\([ABCD]\)|[ABCD] \d", said.out)
    assert "what came of past leads of the grade" not in (folder / "scores.card.html").read_text()


def test_bad_input_24_a_column_filled_at_the_close_of_later_wins(folder, quick):
    leads = pd.read_csv(datasets.path("leads"))
    leads["signed_by"] = leads["stage"].map({"won": "the director"})
    leads.to_csv(folder / "leads.csv", index=False)
    given = ["--leads", "leads.csv"]
    given += [part for name in ("touches", "deals") for part in (f"--{name}", datasets.path(name))]
    said = quick("score", "train", *given, "--model", "tables")
    assert "Refused: signed_by: missing depends on the outcome" in said.out
    quick("score", "run", "--model", "tables", "--to", "open.csv", *given)
    assert not pd.read_csv(folder / "open.csv")["reason_1"].str.contains("signed_by").any()


def test_from_the_tables_of_the_crm(folder, quick):
    given = [
        part
        for name in ("leads", "touches", "deals")
        for part in (f"--{name}", str(datasets.path(name)))
    ]
    said = quick("score", "train", *given, "--model", "tables")
    assert "looks left out: their 90 days have not passed" in said.err
    again = ("score", "run", "--model", "tables", "--to", "open.csv", "--as-of", "2025-06-30")
    said = quick(*again, *given)
    told = re.search(r"(\d+) of (\d+) open leads have an open deal", said.err)
    n_worked, n_open = map(int, told.groups())
    leads = datasets.load("leads").set_index("lead_id")
    scored = pd.read_csv(folder / "open.csv")["lead_id"]
    day = pd.Timestamp("2025-07-01", tz="UTC")
    assert 0 < len(scored) < len(leads)
    deals = datasets.load("deals")
    at_work = deals[(deals["created_at"] < day) & ~(deals["closed_at"] < day)]
    n_of_person = leads.loc[scored, "person_id"].isin(at_work["person_id"].dropna()).sum()
    assert n_open == len(scored) > n_worked > 0
    assert n_worked == pytest.approx(n_of_person, abs=3)
    assert (leads.loc[scored, "created_at"] < day).all()
    assert not (leads.loc[scored, "ended_at"] < day).any()
    assert "trained with touches and deals" in refused(quick, *again, *given[:2], *given[4:])


def test_training_says_which_grades_are_out_of_order(quick, monkeypatch):
    monkeypatch.setattr("mmm.prediction.card.out_of_order", lambda card, lang: [f"mixed ({lang})"])
    said = quick(
        "score", "train", "--leads", "leads.csv", "--outcome", "converted", "--model", "again"
    )
    assert "mixed (en)" in said.out


def test_scores_do_not_depend_on_the_pieces_they_come_in(folder, quick, monkeypatch):
    from mmm.run import training
    from mmm.tables import chunks

    new = some_leads(60, seed=4).drop(columns=["converted", "signed_by"])
    new["pages"] = new["pages"].astype(object)
    new.loc[7, "pages"] = 1e-9  # written with an exponent
    new.loc[31, "pages"] = "many"
    new.loc[11, "source"] = "fax"
    new.loc[50, "source"] = "fax"
    new.to_csv(folder / "new.csv", index=False)
    new["pages"] = pd.to_numeric(new["pages"], errors="coerce")
    new.to_parquet(folder / "new.parquet", index=False)
    for name in ("new.csv", "new.parquet"):
        found = []
        for n_rows in (1, 7, 60):
            monkeypatch.setattr(
                training, "read_chunks",
                lambda *given, n_rows=n_rows, **named: chunks.read_chunks(
                    *given, n_rows=n_rows, **named
                ),
            )  # fmt: skip
            for to in ("scores.csv", "scores.parquet"):
                said = quick(*to_run("--as-of", "2025-12-01", leads=name, to=to))
                path = folder / to
                data = pd.read_parquet(path) if "parquet" in to else path.read_text()
                found.append((to, data, said.out.replace(to, "")))
        for to, data, out in found[2:]:
            first = next(one for one in found if one[0] == to)
            assert out == first[2]
            if isinstance(data, str):
                assert data == first[1]
            else:
                pd.testing.assert_frame_equal(data, first[1])


def test_a_configuration_says_where_leads_lie_and_options_win(folder, quick):
    from mmm.prediction import LeadScorer

    text = (
        '[company]\nlanguage = "it"\n[deals]\nsource = "deals.csv"\n'
        '[leads]\nsource = "elenco.csv"\nlocale = "it"\n'
        '[scoring]\nallow = ["signed_by"]\nseed = 7\n'
    )
    (folder / "mmm.toml").write_text(text)
    frame = pd.read_csv(folder / "leads.csv")
    frame["created_on"] = pd.to_datetime(frame["created_on"]).dt.strftime("%d/%m/%Y")
    frame.to_csv(folder / "elenco.csv", index=False, sep=";", decimal=",")
    how = ("--config", "mmm.toml", "--outcome", "converted", "--created-at", "created_on")
    said = quick("score", "train", *how, "--model", "one")
    assert "Rifiutata" not in said.out  # as [scoring] allows
    assert said.err.startswith("… lettura dei lead\n… addestramento\n")
    scorer = LeadScorer.load(folder / "one")
    assert (scorer.seed, scorer.allow) == (7, ["signed_by"])
    said = quick("score", "train", *how, "--model", "two", "--seed", "8", "--allow", "pages")
    assert "Rifiutata: signed_by: manca o c’è secondo l’esito" in said.out
    assert LeadScorer.load(folder / "two").seed == 8
    to = ("--config", "mmm.toml", "--model", "two", "--to", "a.csv", "--dry-run")
    said = quick("score", "run", *to)
    n_won = int(frame["converted"].eq("yes").sum())  # nobody calls who has bought
    assert f"{400 - n_won} lead con un punteggio" in said.out
    assert f"lead esclusi perché già conclusi secondo 'converted': {n_won}\n" in said.err
    assert "… calcolo dei punteggi\n" in said.err
    options = ("--leads", "new.csv", "--locale", "en", "--lang", "en")
    said = quick("score", "run", *to, *options)
    assert "Scored 60 leads" in said.out
    assert "… scoring\n" in said.err
    error = refused(quick, "score", "run", *to[:-3], "--to", "elenco.csv")
    assert "would replace a table that was read" in error
    (folder / "mmm.toml").write_text('[deals]\nsource = "d.csv"\n[touches]\nsource = "t.csv"\n')
    assert "no section [leads]" in refused(quick, "score", "run", *to)


def test_a_configuration_with_touches_and_deals(tmp_path, monkeypatch, capsys):
    from mmm.run.training import load

    monkeypatch.chdir(tmp_path)
    for name in ("leads", "touches", "deals"):
        shutil.copy(datasets.path(name), tmp_path)
    text = "".join(f'[{name}]\nsource = "{name}.csv"\n' for name in ("leads", "touches", "deals"))
    (tmp_path / "mmm.toml").write_text(f"{text}[scoring]\nhorizon_days = 60\n")
    app(["score", "train", "--config", "mmm.toml", "--model", "m"], standalone_mode=False)
    recipe = load(tmp_path / "m").recipe
    assert (recipe.horizon_days, recipe.tables) == (60, ("touches", "deals"))
    app(["score", "run", "--config", "mmm.toml", "--model", "m", "--to", "a.csv"],
        standalone_mode=False)  # fmt: skip
    options = [f"--{name}={name}.csv" for name in ("leads", "touches", "deals")]
    app(["score", "run", *options, "--model", "m", "--to", "b.csv"], standalone_mode=False)
    capsys.readouterr()
    left, right = (pd.read_csv(name).drop(columns="scored_at") for name in ("a.csv", "b.csv"))
    pd.testing.assert_frame_equal(left, right)
