"""The loop on the command line: scores held out, the page of a run, what showing scores changed."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from mmm.cli import app
from mmm.cli.shell import speak
from mmm.errors import MmmError
from mmm.prediction import hold_out

RUN = ("score", "run", "--leads", "new.csv", "--model", "model", "--to", "scores.csv")
SHARE = 0.25


def some_leads(n, seed, first):
    rng = np.random.default_rng(seed)
    days = pd.Timestamp(first) + pd.to_timedelta(np.sort(rng.integers(0, 200, n)), unit="D")
    leads = pd.DataFrame(
        {
            "lead_id": [f"{'=' if i == 0 else ''}L{seed}-{i:04d}" for i in range(n)],
            "created_on": days.strftime("%Y-%m-%d"),
            "source": rng.choice(["fair", "web", "phone"], n),
            "pages": rng.poisson(4, n),
        }
    )
    chance = 1 / (1 + np.exp(2.5 - 0.5 * leads["pages"]))
    return leads.assign(converted=np.where(rng.random(n) < chance, "yes", "no"))


def say(folder, monkeypatch, capsys, *arguments):
    monkeypatch.chdir(folder)
    capsys.readouterr()
    app([*map(str, arguments)], standalone_mode=False)
    return capsys.readouterr()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop")
    some_leads(400, 1, "2025-01-01").to_csv(folder / "leads.csv", index=False)
    later = some_leads(300, 2, "2025-08-01")
    later.drop(columns="converted").to_csv(folder / "new.csv", index=False)
    rng = np.random.default_rng(0)
    # Where its score is shown, sales works a lead and wins it more often.
    held = hold_out(later["lead_id"], SHARE)
    won = rng.random(300) < np.where(held, 0.1, 0.6)
    worked = np.where(~held | (rng.random(300) < 0.3), "2025-10-01", "")
    later.assign(converted=np.where(won, "yes", "no"), called_on=worked).to_csv(
        folder / "later.csv", index=False
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = ("--outcome", "converted", "--created-at", "created_on", "--model", "model")
        app(["score", "train", "--leads", "leads.csv", *given], standalone_mode=False)
    return folder


@pytest.fixture
def quick(trained, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(trained, tmp_path / "own")

    def run(*arguments):
        return say(folder, monkeypatch, capsys, *arguments)

    run.folder = folder
    return run


@pytest.fixture(autouse=True)
def in_english():
    """Let no language of one test be that of the next."""
    yield
    speak("en")


def refused(quick, *arguments):
    with pytest.raises(MmmError) as caught:
        quick(*arguments)
    return str(caught.value)


def test_scores_held_out_are_shown_to_nobody_and_kept(quick):
    new = pd.read_csv(quick.folder / "new.csv")
    held = set(new["lead_id"][hold_out(new["lead_id"], SHARE)])
    said = quick(*RUN, "--hold-out", SHARE)
    assert f"{len(held)} leads are held out at random, {len(held)} of them new" in said.err
    scores = pd.read_csv(quick.folder / "scores.csv")
    shown = set(scores["lead_id"].str.removeprefix("'"))
    assert shown == set(new["lead_id"]) - held
    assert not any(f"{lead}:" in said.out for lead in held)
    kept = pd.read_csv(quick.folder / "mmm-ledger.sqlite.handed.csv")
    assert set(kept.loc[kept["held_out"] == "yes", "lead_id"].str.removeprefix("'")) == held
    assert len(kept) == 300
    before = kept.set_index("lead_id")["probability"]
    changed = new.assign(pages=new["pages"] + 1)
    changed.to_csv(quick.folder / "new.csv", index=False)
    quick(*RUN, "--hold-out", SHARE)  # the first score of each lead stays
    again = pd.read_csv(quick.folder / "mmm-ledger.sqlite.handed.csv").set_index("lead_id")
    pd.testing.assert_series_equal(again["probability"], before)


@pytest.mark.parametrize("lang", ["en", "it"])
def test_a_lead_that_was_shown_is_never_held_out(quick, lang):
    new = pd.read_csv(quick.folder / "new.csv")
    new[:200].to_csv(quick.folder / "new.csv", index=False)
    quick(*RUN, "--hold-out", 0.05)
    few = set(new["lead_id"][:200][hold_out(new["lead_id"][:200], 0.05)])
    new.to_csv(quick.folder / "new.csv", index=False)
    said = quick(*RUN, "--hold-out", SHARE, "--lang", lang)
    more = set(new["lead_id"][200:][hold_out(new["lead_id"][200:], SHARE)])
    shown = set(pd.read_csv(quick.folder / "scores.csv")["lead_id"].str.removeprefix("'"))
    assert shown == set(new["lead_id"]) - few - more
    told = {"en": "{} leads are held out at random, {} of them new",
            "it": "{} lead tenuti da parte a caso, {} dei quali nuovi"}[lang]  # fmt: skip
    assert told.format(len(few | more), len(more)) in said.err
    kept = pd.read_csv(quick.folder / "mmm-ledger.sqlite.handed.csv").set_index("lead_id")
    assert set(kept.index[kept["held_out"] == "yes"].str.removeprefix("'")) == few | more


def test_without_a_share_nobody_is_held_out(quick):
    quick(*RUN)
    assert len(pd.read_csv(quick.folder / "scores.csv")) == 300
    assert not (quick.folder / "mmm-ledger.sqlite.handed.csv").exists()
    assert "0 to 0.5" in refused(quick, *RUN, "--hold-out", "0.8")


def test_in_a_customer_system_nothing_is_written_of_those_held_out(quick):
    to = ("--to", "file:kept.csv")
    quick(*RUN[:-2], *to)
    assert pd.read_csv(quick.folder / "kept.csv")["mmm_probability"].notna().all()
    quick(*RUN[:-2], *to, "--hold-out", SHARE)  # and what stood there before goes
    kept = pd.read_csv(quick.folder / "kept.csv")
    kept["lead_id"] = kept["lead_id"].str.removeprefix("'")
    held = hold_out(kept["lead_id"], SHARE)
    assert kept.loc[held, "mmm_probability"].isna().all()
    assert kept.loc[~held, "mmm_probability"].notna().all()


def test_feedback_tells_what_showing_scores_changed(quick):
    feedback = ("score", "feedback", "--leads", "later.csv", "--model", "model")
    assert "no lead has been held out yet" in refused(quick, *feedback)
    quick(*RUN, "--hold-out", SHARE)
    told = json.loads(quick(*feedback, "--worked", "called_on", "--json").out)
    whole = told["shown"][-1]
    assert whole["grade"] == "all"
    assert told["n"] == told["n_known"] == whole["n_shown"] + whole["n_held_out"] == 300
    assert whole["lower"] < 0.5 < whole["upper"]
    assert whole["lower"] > 0.3
    said = quick(*feedback, "--worked", "called_on", "--out", "weeks.csv")
    assert re.search(r"all: [\d.]+% of \d+, [\d.]+% of \d+: [\d.]+ points \(", said.out)
    assert "no effect of working" in said.out
    weeks = pd.read_csv(quick.folder / "weeks.csv")
    assert {"period", "grade", "n_worked", "n_left", "lower", "upper"} <= set(weeks.columns)
    italian = quick(*feedback, "--lang", "it").out
    assert "300 lead consegnati" in italian
    assert "lavorar" not in italian  # nothing says who was worked
    assert "no column 'gone'" in refused(quick, *feedback, "--worked", "gone")


def test_leads_handed_over_are_forgotten(quick):
    quick(*RUN, "--hold-out", SHARE)
    file = quick.folder / "mmm-ledger.sqlite.handed.csv"
    lead = pd.read_csv(file)["lead_id"][7]
    quick("forget", lead, "--ledger", "mmm-ledger.sqlite")
    assert lead not in set(pd.read_csv(file)["lead_id"])
    quick(*RUN, "--hold-out", SHARE)  # nor does the next run bring it back
    assert lead not in set(pd.read_csv(file)["lead_id"])
    assert lead not in set(pd.read_csv(quick.folder / "scores.csv")["lead_id"])


@pytest.mark.parametrize("lang", ["en", "it"])
def test_every_run_leaves_its_page(quick, lang):
    said = quick(*RUN, "--lang", lang, "--hold-out", SHARE)
    page = (quick.folder / "scores.card.html").read_text(encoding="utf-8")
    assert str(quick.folder / "scores.card.html") in said.out
    assert "<script" not in page
    both = json.loads((quick.folder / "scores.card.json").read_text(encoding="utf-8"))
    facts = both["run"]
    scores = pd.read_csv(quick.folder / "scores.csv")
    assert facts["n"] == len(scores) == sum(row["n"] for row in facts["grades"])
    assert facts["expected_wins"] == pytest.approx(scores["probability"].sum())
    assert {row["feature"] for row in facts["drift"]} == {"pages", "source"}
    assert {"metrics", "segments", "reliability", "refused"} <= both["card"].keys()
    for row in facts["grades"]:
        assert row["lower"] <= row["rate"] <= row["upper"]
    title = {"en": "Lead scores of", "it": "Punteggi dei lead del"}[lang]
    assert page.count("<h1>") == 2
    assert f"<title>{title}" in page
    assert {"en": "Scored", "it": "lead con un punteggio"}[lang] in said.out
    assert re.search(r"A \d+\.\d% \(\d" if lang == "en" else r"A \d+,\d% \(da", said.out)
    assert "L2-" not in page  # no lead is named


def test_a_dry_run_leaves_no_page(quick):
    quick(*RUN, "--dry-run", "--hold-out", SHARE)
    assert not {*quick.folder.glob("scores*"), *quick.folder.glob("*.handed.csv")}


def test_settings_of_a_file_hold_for_every_command(quick):
    (quick.folder / "mmm.toml").write_text(
        '[company]\nlanguage = "it"\n[deals]\nsource = "deals.csv"\n'
        f'[leads]\nsource = "new.csv"\n[scoring]\nhold_out = {SHARE}\n',
        encoding="utf-8",
    )
    file = ("--config", "mmm.toml", "--model", "model")
    quick("score", "run", *file, "--to", "scores.csv")
    n = len(pd.read_csv(quick.folder / "scores.csv"))
    assert 200 < n < 300
    told = json.loads(quick("score", "explain", "L2-0005", *file).out)
    assert told["lead_id"] == "L2-0005"
    assert any("la probabilità stimata" in reason for reason in told["reasons"])
    assert told["past_of_grade"]["lower"] <= told["past_of_grade"]["rate"]
    assert "voto" in told["next_grade"]
    loop = quick("score", "feedback", *file, "--leads", "later.csv")
    assert "lead consegnati" in loop.out
