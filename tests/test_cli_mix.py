"""`mmm mix` as a user meets it: real processes, files, exit codes, one line an error."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmm import mix
from mmm.cli.cures import as_options
from mmm.cli.shell import for_shell
from mmm.errors import InputError
from mmm.mix.table.inputs import start_clock

TABLES = {"contributions.csv", "response_curves.csv", "budget.csv", "diagnostics.json"}
FIGURES = ["budget", "contributions", "fit", "frontier", "prior_posterior", "residuals"]


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eighty weeks in which search brings 3 of revenue a euro, and fairs hardly anything."""
    rng = np.random.default_rng(3)
    spend = rng.gamma(2.0, [60.0, 30.0], (80, 2)).round(2)
    revenue = 900 + 3 * spend[:, 0] ** 0.9 + 0.3 * spend[:, 1] + rng.normal(0, 40, 80)
    frame = pd.DataFrame(
        {
            "week": pd.date_range("2023-01-02", periods=80, freq="W-MON").strftime("%Y-%m-%d"),
            "search": spend[:, 0],
            "fairs": spend[:, 1],
            "price": rng.normal(10, 1, 80).round(3),
            "revenue": revenue.round(2),
        }
    )
    folder = tmp_path_factory.mktemp("mix")
    frame.to_csv(folder / "weeks.csv", index=False)
    return folder


BASE = ("mix", "--data", "weeks.csv", "--date", "week", "--outcome", "revenue")
OPTIONS = (*BASE, "--channels", "search,fairs")


@pytest.fixture(scope="module")
def done(folder):
    return mmm(*OPTIONS, "--controls", "price", "--margin", 0.9, "--out", "out", cwd=folder)


def test_it_writes_tables_and_figures_and_prints_findings(folder, done):
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == TABLES | {f"{name}.png" for name in [*FIGURES, "response_curves"]}
    assert done.stdout.startswith("All channels together brought ")
    assert "which the interval leaves out, the chance that it beats today’s plan is" in done.stdout
    for channel in ("search", "fairs"):
        assert f"{channel} brought " in done.stdout
    assert done.stderr.startswith("… reading\n… fitting 2 channels to 80 periods\n")
    assert "of profit" not in done.stderr


def test_the_tables_agree_with_each_other(folder, done):
    contributions = pd.read_csv(folder / "out" / "contributions.csv").set_index("channel")
    assert contributions.index.tolist() == ["search", "fairs", "(media)"]
    assert contributions["contribution"][:2].sum() == pytest.approx(
        contributions.loc["(media)", "contribution"]
    )
    assert contributions.loc["search", "romi_lower"] > 0 > contributions.loc["fairs", "romi_lower"]
    budget = pd.read_csv(folder / "out" / "budget.csv")
    assert budget["proposed"].sum() == pytest.approx(budget["current"].sum())
    advice = json.loads((folder / "out" / "diagnostics.json").read_text())["plan"]["advice"]
    step = {"move": 1.0, "move half, then test": 0.5}.get(advice, 0.0)
    np.testing.assert_allclose(
        budget["recommended"], budget["current"] + step * budget["change"], rtol=1e-12
    )
    curves = pd.read_csv(folder / "out" / "response_curves.csv")
    assert curves["channel"].unique().tolist() == ["search", "fairs"]
    found = json.loads((folder / "out" / "diagnostics.json").read_text())
    assert found["converged"] is True
    assert found["r_hat"] < 1.01
    assert 0 <= found["plan"]["probability_better"] <= 1
    assert found["plan"]["margin"] == 0.9


def test_the_same_seed_writes_the_same_bytes_and_json_holds_it_all(folder, done):
    again = mmm(
        *OPTIONS, "--controls", "price", "--margin", 0.9, "--out", "again", "--figures", "none",
        "--lang", "it", "--json", cwd=folder,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert {path.name for path in (folder / "again").iterdir()} == TABLES
    for name in TABLES:
        assert (folder / "again" / name).read_bytes() == (folder / "out" / name).read_bytes()
    assert again.stderr.startswith("… lettura dei dati\n… stima di 2 canali su 80 periodi\n")
    said = json.loads(again.stdout)
    assert set(said) == {
        "files", "diagnostics", "contributions", "budget", "plan", "findings"
    }  # fmt: skip
    assert said["findings"][0].startswith("Tutti i canali insieme")
    assert [row["channel"] for row in said["budget"]] == ["search", "fairs"]


def test_a_free_total_from_parquet_with_figures_as_svg(folder):
    pd.read_csv(folder / "weeks.csv").to_parquet(folder / "weeks.parquet")
    done = mmm(
        "mix", "--data", "weeks.parquet", *OPTIONS[3:], "--total", "free", "--figures", "svg",
        "--max-change", 0.2, "--out", "free", "--json", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "counts as 1 EUR of profit; pass --margin if it leaves less" in done.stderr
    budget = pd.DataFrame(json.loads(done.stdout)["budget"]).set_index("channel")
    # A euro of search returns three: with a free total it goes up as far as it may.
    assert budget.loc["search", "proposed"] == pytest.approx(1.2 * budget.loc["search", "current"])
    assert budget["proposed"].sum() > budget["current"].sum()
    assert "<svg" in (folder / "free" / "fit.svg").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def regions(folder):
    """Won deals a week in two regions, the second twice the first."""
    rng, frames = np.random.default_rng(5), []
    for region, size in (("nord-est", 1.0), ("=sud", 2.0)):
        spend = (size * rng.gamma(2.0, [300.0, 200.0], (50, 2))).round(2)
        mean = size * (2 + 3 * spend[:, 0] / (spend[:, 0] + 600 * size))
        frames.append(
            pd.DataFrame(
                {
                    "week": pd.date_range("2023-01-02", periods=50, freq="W-MON").astype("str"),
                    "region": region,
                    "search": spend[:, 0],
                    "fairs": spend[:, 1],
                    "deals": rng.poisson(mean),
                }
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    frame.to_csv(folder / "regions.csv", index=False)
    return frame


PANEL = (
    "mix", "--data", "regions.csv", "--date", "week", "--outcome", "deals", "--channels",
    "search,fairs", "--panel", "region", "--likelihood", "poisson",
)  # fmt: skip


def test_counts_in_panels_end_in_a_plan_of_the_company_and_of_each(folder, regions):
    done = mmm(*PANEL, "--margin", 900, "--draws", 500, "--out", "panels", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "fitting 2 channels to 50 periods in 2 panels" in done.stderr
    said = json.loads(done.stdout)
    budget = pd.DataFrame(said["budget"]).set_index("channel")
    split = pd.DataFrame(said["budget_by_panel"])
    assert split["panel"].unique().tolist() == ["=sud", "nord-est"]
    for column in ("current", "proposed"):
        np.testing.assert_allclose(split.groupby("channel")[column].sum(), budget[column][::-1])
    today = regions.groupby("week")[["search", "fairs"]].sum().tail(13).mean()
    np.testing.assert_allclose(budget["current"], today)
    brought = pd.DataFrame(said["contributions_by_panel"])
    total = pd.DataFrame(said["contributions"]).set_index("channel")["contribution"]
    parts = brought.groupby("channel")["contribution"].sum()
    np.testing.assert_allclose(parts[total.index], total)
    written = {path.name for path in (folder / "panels").iterdir()}
    by_panel = {"contributions_by_panel.csv", "budget_by_panel.csv"}
    figures = {
        f"{name}_{i}.png" for name in ("fit", "residuals", "prior_posterior") for i in (1, 2)
    }
    whole = {f"{name}.png" for name in ("budget", "contributions", "frontier", "response_curves")}
    assert written == TABLES | by_panel | figures | whole
    # A cell that a spreadsheet would take for a formula is written as text.
    assert "'=sud" in (folder / "panels" / "budget_by_panel.csv").read_text()


def test_chains_that_disagree_end_with_2_and_the_likely_cause(folder):
    error = one_line_of_error(mmm(*OPTIONS, "--out", "few", "--draws", 20, cwd=folder))
    assert "The chains do not agree" in error
    assert "Likely cause: " in error
    assert error.endswith("or sample longer: --draws 80.")
    assert not list((folder / "few").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*BASE, "--channels", "search,faris"), "no column 'faris'; the table has 'week'"),
        ((*BASE, "--channels", "search,revenue"), "'revenue' stands in two roles"),
        ((*BASE, "--channels", " , "), "no channel"),
        ((*OPTIONS, "--total", "lots"), "--total is 'lots'"),
        ((*OPTIONS, "--max-change", "0"), "--max-change is 0.0"),
        ((*BASE, "--channels", 'search,"Posters, OOH"'), "no column 'Posters, OOH'"),
        ((*OPTIONS, "--lang", "fr"), "--lang is 'fr'"),
        ((*OPTIONS, "--figures", "gif"), "--figures is 'gif'"),
        ((*OPTIONS, "--margin", "-1"), "margin is -1.0"),
        ((*OPTIONS, "--level", "2"), "level"),
        ((*OPTIONS, "--currency", "euro"), "'euro'"),
        ((*OPTIONS, "--draws", "0"), "draws"),
        ((*OPTIONS, "--likelihood", "gamma"), "--likelihood is 'gamma'"),
        ((*OPTIONS, "--panel", "region"), "no column 'region'; the table has 'week'"),
        ((*OPTIONS, "--panel", "week"), "'week' stands in two roles"),
        ((*OPTIONS, "--likelihood", "poisson"), "the outcome counts, and a margin of 1 makes all"),
        (("mix", "--data", "no.csv", *OPTIONS[3:]), "there is no file"),
        (BASE, "--channels"),
    ],
)
def test_what_the_user_can_mend_is_one_line_before_anything_is_fitted(folder, arguments, said):
    done = mmm(*arguments, "--out", "refused", cwd=folder)
    assert said in one_line_of_error(done)
    assert "fitted in" not in done.stderr


@pytest.mark.parametrize(
    ("total", "said"), [("99999", "99999, and the most"), ("1", "1, and the least")]
)
def test_a_total_that_no_plan_can_spend_is_told_before_the_fit(folder, total, said):
    done = mmm(*OPTIONS, "--total", total, "--out", "refused", cwd=folder)
    error = one_line_of_error(done)
    assert f"two rules clash: the total of {said}" in error
    assert "(max_change of every channel)" in error
    assert error.endswith("A larger --max-change makes room for it.")
    assert "fitting" not in done.stderr


def test_bad_cells_are_named_by_row(folder):
    frame = pd.read_csv(folder / "weeks.csv", dtype="str")
    frame.loc[4, "fairs"] = None
    frame.to_csv(folder / "gap.csv", index=False)
    error = one_line_of_error(
        mmm("mix", "--data", "gap.csv", *OPTIONS[3:], "--out", "o", cwd=folder)
    )
    assert "'fairs' is missing" in error
    assert "6" in error


def test_a_likelihood_that_does_not_fit_is_answered_with_the_option(folder):
    arguments = (*OPTIONS, "--likelihood", "poisson", "--margin", 9, "--out", "refused")
    error = one_line_of_error(mmm(*arguments, cwd=folder))
    assert error.startswith("mmm: --likelihood poisson explains counts")
    assert error.endswith("or --likelihood auto for money and averages.")


def _texts(path):
    """Return what a module may say: its texts, of docstrings none, with 7 or 'x' for a figure."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             for part in node.values}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            parts.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant)
                else "'x'" if part.conversion == ord("r") else "7"
                for part in node.values
            )  # fmt: skip
        elif id(node) not in parts and isinstance(getattr(node, "value", None), str):
            yield node.value


@pytest.mark.parametrize(
    "module",
    ["inference/diagnostics", "inference/counts", "table/adequacy", "table/ends", "budget/money",
     "budget/optimize", "company"],
)  # fmt: skip
def test_every_cure_of_a_fit_can_be_carried_out_from_the_command_line(module):
    path = Path(mix.__file__).parent / f"{module}.py"
    said = [text.partition(" Otherwise ")[0] for text in _texts(path) if " " in text.strip()]
    shown = [for_shell(as_options(text), with_file=False) for text in said]
    for text in shown:
        others = re.sub(r"in Python pass MixModel\(.*?\)\)", "", text)
        assert not re.search(r"\b(?!n_samples)[a-z_]+=|\bevents\b|mmm\.toml", others), text
    if module == "inference/diagnostics":
        assert any("in Python pass MixModel(priors=Priors(media_share=...))" in t for t in shown)
        assert any(t.endswith("pass --likelihood negative_binomial.") for t in shown)


def test_a_table_that_was_read_is_not_replaced(folder):
    (folder / "budget.csv").write_bytes((folder / "weeks.csv").read_bytes())
    arguments = ("mix", "--data", "budget.csv", *OPTIONS[3:], "--out", ".")
    assert "would replace a table" in one_line_of_error(mmm(*arguments, cwd=folder))


def test_help_teaches_by_example():
    done = mmm("mix", "--help")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert "mmm mix --data weeks.csv --date week --outcome revenue --channels" in words


@pytest.mark.parametrize(
    ("weeks", "cure"),
    [
        (["2025-01-06", "2025-01-13", "2025-01-27"], "with 0 where nothing was spent."),
        (["2025-01-06", "2025-01-06", "2025-01-13"], "name the column of the panel (panel)."),
    ],
)
def test_periods_that_cannot_be_fitted_have_a_cure_for_everybody(weeks, cure):
    with pytest.raises(InputError) as caught:
        start_clock(np.array(weeks, dtype="datetime64[D]"), None, 3)
    assert str(caught.value).endswith(cure)
    assert not re.search(r"mix_table|groupby|\w=", str(caught.value))
