"""Champion and challenger on the command line: shadow scores, comparison, promotion, rollback."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from mmm.cli import app
from mmm.errors import MmmError

RUN = ("score", "run", "--leads", "new.csv", "--model", "models", "--to", "scores.csv")
TRAIN = ("score", "train", "--outcome", "converted", "--created-at", "created_on")
LATER = ("--leads", "later.csv", "--model", "models")


def some_leads(n, seed, first="2025-01-01"):
    """Return leads whose outcome depends on pages and a little on the source."""
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
    chance = 1 / (1 + np.exp(2.5 - 0.4 * leads["pages"] - (leads["source"] == "fair")))
    return leads.assign(converted=np.where(rng.random(n) < chance, "yes", "no"))


def say(folder, monkeypatch, capsys, *arguments):
    monkeypatch.chdir(folder)
    capsys.readouterr()
    app([*map(str, arguments)], standalone_mode=False)
    return capsys.readouterr()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A registry: a champion that learnt from noise, and a challenger that learnt from leads."""
    folder = tmp_path_factory.mktemp("models")
    leads = some_leads(500, 1)
    shuffled = leads["converted"].sample(frac=1, random_state=0).to_numpy()
    leads.assign(converted=shuffled).to_csv(folder / "noise.csv", index=False)
    leads.to_csv(folder / "leads.csv", index=False)
    later = some_leads(400, 2, "2025-08-01")
    later.to_csv(folder / "later.csv", index=False)
    later.drop(columns="converted").to_csv(folder / "new.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, role in (("noise", "champion"), ("leads", "challenger")):
            given = (*TRAIN, "--leads", f"{name}.csv", "--model", "models", "--as", role)
            app([*given, "--by", "sales operations"], standalone_mode=False)
        app([*TRAIN, "--leads", "leads.csv", "--model", "alone"], standalone_mode=False)
    return folder


@pytest.fixture
def quick(models, tmp_path, monkeypatch, capsys):
    """Run commands in a copy of the folder."""
    folder = shutil.copytree(models, tmp_path / "own")

    def run(*arguments):
        return say(folder, monkeypatch, capsys, *arguments)

    run.folder = folder
    return run


def refused(quick, *arguments):
    with pytest.raises(MmmError) as caught:
        quick(*arguments)
    return str(caught.value)


def versions(quick):
    body = json.loads((quick.folder / "models" / "registry.json").read_text())["body"]
    return body["champion"], body["challenger"]


def test_the_champion_is_written_and_the_challenger_kept_beside(quick):
    champion, challenger = versions(quick)
    said = quick(*RUN)
    assert "the challenger scored 400 leads beside the champion, 400 of them new" in said.err
    scores = pd.read_csv(quick.folder / "scores.csv")
    assert set(scores["model_version"]) == {champion.split("-")[1]}
    shadow = pd.read_csv(quick.folder / "models" / "shadow.csv")
    assert shadow["lead_id"].tolist() == scores["lead_id"].tolist()
    np.testing.assert_allclose(shadow["by_champion"], scores["probability"])
    quick("score", "run", "--leads", "new.csv", "--model", "alone", "--to", "alone.csv")
    alone = pd.read_csv(quick.folder / "alone.csv")  # the same leads and seed: the same model
    assert set(alone["model_version"]) == {challenger.split("-")[1]} == set(shadow["challenger"])
    np.testing.assert_allclose(shadow["by_challenger"], alone["probability"])
    assert "0 of them new" in quick(*RUN).err
    assert len(pd.read_csv(quick.folder / "models" / "shadow.csv")) == 400


def test_a_dry_run_and_a_shorter_time_keep_nothing_beside(quick):
    quick(*RUN, "--dry-run")
    assert not (quick.folder / "models" / "shadow.csv").exists()


def test_compare_promote_and_roll_back(quick):
    champion, challenger = versions(quick)
    assert "none has an end yet" in refused(quick, "score", "compare", *LATER)
    quick(*RUN)
    found = json.loads(quick("score", "compare", *LATER, "--json").out)
    one = found["comparison"]
    assert (found["champion"], found["challenger"]) == (champion, challenger)
    assert (one["n"], one["verdict"]) == (400, "better")
    assert one["lower"] < one["difference"] < one["upper"] < 0
    shadow = pd.read_csv(quick.folder / "models" / "shadow.csv")
    won = (pd.read_csv(quick.folder / "later.csv")["converted"] == "yes").to_numpy()
    losses = [
        -np.where(won, np.log(shadow[by]), np.log1p(-shadow[by]))
        for by in ("by_challenger", "by_champion")
    ]
    assert one["difference"] == pytest.approx((losses[0] - losses[1]).mean())
    said = quick("score", "promote", *LATER, "--by", "sales operations").out
    assert f"Promoted: {challenger}" in said
    assert versions(quick) == (challenger, None)
    assert "no challenger" in refused(quick, "score", "compare", *LATER)
    quick(*RUN)
    scores = pd.read_csv(quick.folder / "scores.csv")
    assert set(scores["model_version"]) == {challenger.split("-")[1]}
    quick("score", "rollback", "--model", "models", "--why", "a trial")
    assert versions(quick)[0] == champion
    log = (quick.folder / "models" / "registry.log.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in log]
    assert [entry["did"] for entry in log] == ["entered", "entered", "promoted", "rolled back"]
    assert log[2]["figures"]["difference"] == pytest.approx(one["difference"])
    assert "L2-" not in json.dumps(log)


def test_a_comparison_is_printed_with_its_figures_and_a_promotion_as_json(quick):
    champion, challenger = versions(quick)
    quick(*RUN)
    one = json.loads(quick("score", "compare", *LATER, "--json").out)["comparison"]
    first, second, won, *sides = quick("score", "compare", *LATER).out.splitlines()
    assert first == f"Champion {champion}, challenger {challenger}."
    assert f"log loss is {one['difference']:+.4f} ({one['lower']:+.4f} to" in second
    assert second.startswith("The challenger is better")
    rate = (pd.read_csv(quick.folder / "later.csv")["converted"] == "yes").mean()
    assert won.startswith(f"Won: {rate:.1%} (")
    shadow = pd.read_csv(quick.folder / "models" / "shadow.csv")
    for line, name in zip(sides, ("champion", "challenger"), strict=True):
        promised = shadow[f"by_{name}"].mean()
        assert line.startswith(f"  {name}: promised {promised:.1%}, log loss 0.")
    said = json.loads(quick("score", "promote", *LATER, "--by", "sales", "--json").out)
    assert (said["champion"], said["challenger"]) == (challenger, None)
    assert said["past"] == [champion]
    assert (said["last"]["did"], said["last"]["by"]) == ("promoted", "sales")


def test_leads_that_a_training_may_have_seen_do_not_count(quick):
    quick(*RUN, "--as-of", "2025-03-01")
    said = refused(quick, "score", "compare", *LATER)
    assert "of 0 leads that both models scored after their training" in said
    assert len(pd.read_csv(quick.folder / "models" / "shadow.csv")) == 400


def test_a_worse_challenger_is_refused_with_the_figures(quick):
    quick("score", "promote", "--model", "models", "--force")  # the good one
    options = ("--leads", "noise.csv", "--model", "models", "--as", "challenger", "--seed", "7")
    quick(*TRAIN, *options)
    quick(*RUN)
    champion, challenger = versions(quick)
    error = refused(quick, "score", "promote", *LATER)
    assert "worse than the champion: its log loss is +0." in error
    assert "90%) beside the champion's on 400 leads" in error
    assert "insist with --force" in error
    assert versions(quick) == (champion, challenger)
    quick("score", "promote", *LATER, "--force", "--why", "a drill")
    assert versions(quick) == (challenger, None)
    log = (quick.folder / "models" / "registry.log.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["forced"] is True
    assert json.loads(log[-1])["figures"]["verdict"] == "worse"


def test_a_challenger_that_cannot_score_harms_nothing(quick):
    _, challenger = versions(quick)
    path = quick.folder / "models" / challenger / "model.json"
    path.write_bytes(path.read_bytes()[:-40])
    assert "the challenger did not score" in quick(*RUN).err
    assert len(pd.read_csv(quick.folder / "scores.csv")) == 400


def test_bad_input_43_models_that_changed_places(quick):
    champion, challenger = (quick.folder / "models" / name for name in versions(quick))
    shutil.rmtree(champion)
    shutil.copytree(challenger, champion)
    assert "not that of its name" in refused(quick, *RUN)


def test_people_who_opt_out_leave_the_table_beside(quick):
    quick(*RUN)
    new = pd.read_csv(quick.folder / "new.csv")
    new.assign(no_profiling=np.where(new.index < 3, "yes", "")).to_csv(
        quick.folder / "new.csv", index=False
    )
    quick(*RUN, "--opt-out", "no_profiling")
    shadow = pd.read_csv(quick.folder / "models" / "shadow.csv")
    assert len(shadow) == 397
    assert not shadow["lead_id"].isin(new["lead_id"][:3]).any()
    assert not shadow["lead_id"].str.startswith("'=").any()  # the first id, as it is written
    quick("forget", "L2-0003", "--model", "models")
    shadow = pd.read_csv(quick.folder / "models" / "shadow.csv")
    assert "L2-0003" not in set(shadow["lead_id"])
    assert len(shadow) == 396


def test_plain_folders_and_registries_are_not_mixed_up(quick):
    given = (*TRAIN, "--leads", "leads.csv")
    assert "--as challenger" in refused(quick, *given, "--model", "models")
    assert "something else" in refused(quick, *given, "--model", "alone", "--as", "champion")
    assert "--by holds an address" in refused(
        quick, *given, "--model", "models", "--as", "challenger", "--by", "anna@example.com"
    )
    assert "holds no registry" in refused(quick, "score", "compare", "--leads", "later.csv",
                                          "--model", "alone")  # fmt: skip
    assert "--leads is missing" in refused(quick, "score", "promote", "--model", "models")
    assert "one champion only" in refused(quick, "score", "rollback", "--model", "models")


def test_what_lies_in_a_registry_is_not_replaced(quick):
    quick(*RUN)
    target = ("--to", "models/shadow.csv")
    assert "would replace" in refused(quick, *RUN[:-2], *target)
