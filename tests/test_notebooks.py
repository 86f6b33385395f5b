"""Every notebook runs from top to bottom, is stored without outputs, and says what it claims."""

import warnings
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

# Facts that the prose of a notebook states, asked of the notebook's own variables.
CLAIMS = {
    "01_who_earned_the_deal": """
        total = journeys.total_value
        sums = credit.groupby("model")["credit"].sum()
        assert len(sums) == 4 and (sums == total).all(), sums
        assert (table.loc["total"] == total).all()
        assert off.index.size == truth.size == 10 and not off.isna().any(axis=None)
        assert truth["Direct"] == 0 and (off.loc["Direct"] > 0).all()
        assert (shares.loc["Paid search"] > 2 * truth["Paid search"]).all()
        assert (off.loc[["Events", "Webinar"]] < 0).all(axis=None)
        assert (score["too much"] > score["too little"]).all()
        assert score["too much"].idxmin() == score["too little"].idxmin() == "markov"
        narrow = score["width of the interval"].nsmallest(2).index
        assert set(narrow) == {"linear", "markov"}
        assert (score.loc[narrow, "intervals that hold the truth"] == 0).all()
        assert (score.drop(narrow)["intervals that hold the truth"] > 0).all()
        assert 0.4 < anyway < 0.6
        paid = (channels["incremental_value"] / spend).dropna()
        assert paid.idxmin() == costs["cac"].idxmin() == "Display"
        assert paid.idxmax() == costs["cac"].idxmax() == "Events"
    """,
    "02_how_healthy_is_the_funnel": """
        steps = stages.to_frame().set_index("stage")
        assert steps["rate"].idxmin() == steps["days"].idxmax() == "opportunity"
        assert (steps["rate"].dropna() >= steps["raw_rate"].dropna()).all()
        assert steps.loc["opportunity", "rate"] < 0.5 < steps["rate"].drop("opportunity").min()
        assert pd.isna(quarters["value"].iloc[-1]) and "mature" in quarters["note"].iloc[-1]
        assert quarters["value"].iloc[:-1].notna().all()
        assert then["so_far"] < then["value"] < then["upper"] and then["lower"] > 0
        assert then["lower"] < quarters.loc[cohort, "so_far"] < then["upper"]
        assert abs(then["value"] - quarters.loc[cohort, "so_far"]) < abs(
            then["so_far"] - quarters.loc[cohort, "so_far"]
        )
        mean, length = looks["mean of wins so far"], looks["sales cycle"]
        assert mean.is_monotonic_increasing
        moved = length.max() - length.min()
        assert moved < mean.iloc[-1] - mean.iloc[0]
        assert moved < (looks["upper"] - looks["lower"]).min() / 2
        lines = channels.set_index("channel")
        assert lines["media"].isna()[["Email", "Webinar", "Direct", "Organic search"]].all()
        assert lines["cac"].nsmallest(2).index.tolist() == ["Webinar", "Email"]
        assert lines.loc["Display", "leads"] == 0 < lines.loc["Display", "customers"]
        both = spend["spend"].sum() + costs["cost"].sum()
        assert lines.loc["(total)", "spend"] == both
        assert lines.loc["(total)", "cac"] > whole.value
        assert pd.isna(quarterly["value"].iloc[-1]) and quarterly["n"].between(19, 40).all()
        same = rows["money to June 2025, same days"]
        later = rows["money to June 2025, a cycle later"]
        assert later.n > same.n and later.value < same.value
        assert churn(deals)[0].note == "2 of 17 renewals lost" and renewals.longest == 1
        assert first_margin + clv.upper < whole.lower and worth.loc["payback", "lower"] > 120
        assert 0.9 < whole.value / average_deal(deals).value < 1.1
        assert why.change > 0 and why.within_noise
        assert abs(why.to_frame()["amount"].sum() - why.change) < 1e-6
        assert alignment["not_nurtured"].state == "present" and alignment.n_present == 1
        assert alignment["diverging_goals"].state == "cannot tell"
        assert state["missing_source"].n == 3 and state["missing_source"].euros > 0
        parts = frame[(frame["month"] == 0) & (frame["measure"] == "bookings")]
        parts = parts.set_index("part")["mean"]
        assert parts["open_deals"] + parts["open_leads"] > parts["total"] / 2
        bookings = record[record["measure"] == "bookings"]
        assert (bookings["coverage"] == 1).all()
        assert (bookings["error"] < bookings["naive_error"]).all()
        assert bookings.set_index("span").loc["a month", "error"] > 1 / 3
        assert plan.bottleneck == "budget" and plan.chance < 0.5 < plan.chance_allowed < 0.8
    """,
    "04_where_does_revenue_come_from": """
        assert model.diagnostics_.converged
        assert contributions.loc["(media)", "contribution"] < 0.4 * world.outcome.sum()
        lower, upper = contributions["contribution_lower"], contributions["contribution_upper"]
        assert truth.between(lower[truth.index], upper[truth.index]).all()
        assert truth["Display"] == 0 == lower["Display"] and (truth.drop("Display") > 0).all()
        rests = contributions["identified"].drop("(media)")
        assert rests["Events"] == "data" and rests["Display"] == "prior"
        assert (both["marginal_romi"] < both["romi"]).all()
        assert abs(parts.media.sum() - contributions.loc["(media)", "contribution"]) < 1e-3
    """,
    "05_can_we_trust_it": """
        assert found.converged and found.divergences == 0
        assert abs(found.residual_autocorrelation) < 0.2
        assert again["as_expected"].sum() >= len(again) - 1
        assert visible.loc["Partners", "smallest_shown"] > 4 * visible.loc["Partners", "expected"]
        assert visible["shown"].sum() == 3 and visible.loc[["Events", "Search"], "shown"].all()
        assert 20 <= inside.sum() <= last
        told = learned.set_index("channel")["contraction"]
        assert told["Partners"] < 0.3 and told["Events"] > 0.8
        assert check["held"].all()
        assert check.loc["Display", "truth"] == 0 == check.loc["Display", "contribution_lower"]
        assert fooled.diagnostics_.converged and not fooled.diagnostics_.warnings
        assert said["identified"] == "data" and said["romi_lower"] > 0
        share = decompose(fooled)
        inside = (share.outcome > share.lower) & (share.outcome < share.upper)
        assert inside.mean() > 0.85
    """,
    "06_where_to_move_the_budget": """
        assert abs(plan.proposed.sum() - plan.current.sum()) < 1e-3
        assert (abs(plan.proposed / plan.current - 1) < 0.5 + 1e-9).all()
        assert plan.advice == "move half, then test" and 0.7 <= plan.probability_better < 0.9
        assert response(plan.proposed).sum() > response(plan.recommended).sum() > now
        best = response(world.truth.optimum).sum() - now
        assert plan.gain_lower < response(plan.proposed).sum() - now <= 1.001 * best
        assert "Spostatene metà" in findings[-4].sentence("it")
        fixed = bound.to_frame().set_index("channel").loc["Events"]
        assert abs(fixed["change"]) < 1e-6 and fixed["binding"] == "fixed"
        width = frontier.upper - frontier.lower
        assert width.min() > plan.profit_upper - plan.profit_lower
    """,
    "03_attribution_in_depth": """
        assert (journeys.lengths >= 15).mean() > 0.5
        middle = waits.groupby("channel")["days_to_close"].median()
        assert middle[["Paid social", "Organic social"]].min() > 100 > 30 > middle["Direct"]
        assert len(told.items) >= 8 and why.loc["Paid social", "reason"] == "early"
        assert why.loc["Organic social", "low_model"] == "last_touch"
        assert why.loc["Organic social", "reason"] == "early"
        assert (why.loc[["Direct", "Paid search"], "reason"] == "late").all()
        assert (why["high"] - why["low"] > why["noise"]).all()
        assert chain.conversion.max() < 0.1
        assert choice.order == 1
        largest = by_choice["largest_change"]
        assert largest.idxmax() == "grouping" and largest["grouping"] > 0.03
        assert largest[["lookback_short", "lookback_long", "order_2"]].max() < 0.01
        assert by_choice["beyond"].sum() > 0
        assert (checked["flagged"] == checked["truly captures"]).all()
        assert checked.index[checked["by data"]].tolist() == ["Direct", "Paid search"]
        assert suspects.loc["Organic search", "by_name"] == "search"
        assert shares.loc["Direct", "lower"] > truth["Direct"] == 0
        near = (shares["calibrated"] - 100 * truth).abs()[tests]
        assert (near < 0.6 * (checked["Markov"] - checked["truth"]).abs()[tests]).all()
        assert off["after three tests"] < off["Markov"] / 2
        for other in models.results:
            other = 100 * other.to_frame().set_index("channel")["share"]
            assert (other - 100 * truth).abs().sum() > off["after three tests"]
        captures = channels.index[channels["capture"]]
        for other in models.results:
            other = other.to_frame().set_index("channel")["share"]
            assert other[captures].sum() > truth[captures].sum()
    """,
    "07_which_lead_to_call": """
        assert table.y.mean() < past.y.mean() and past.settled.all()
        strict = refused[refused["reason"] != "constant"]
        assert set(strict["column"]) == {"signed_by", "closing_call"}
        assert set(refused["column"]) - set(strict["column"]) == set(scorer.leakage_["column"])
        honest, cheated = (s.card_.metrics.set_index("metric") for s in both.values())
        assert scorer.choice_.weights and scorer.card_.facts["timed"]
        assert 0.5 < honest.loc["auc", "lower"] and honest.loc["auc", "upper"] < 0.85
        assert cheated.loc["auc", "lower"] > honest.loc["auc", "upper"]
        assert cheated.loc["log_loss", "upper"] < honest.loc["log_loss", "lower"]
        assert honest.loc["lift", "upper"] - honest.loc["lift", "lower"] > 1
        assert (ranked["probability"].diff().dropna() <= 0).all() and len(ranked) == 27
        assert X["age_days"].max() > 200 > past.X["age_days"].max()
        assert abs(parts.base + parts.values.sum(axis=1) - parts.log_odds).max() < 1e-9
        assert lines["capacity of 8"].n == lines["both"].n == 8
        assert lines["cost and margin"].n > 0.9 * len(ranked)
        assert (actions["action"] == "call now").sum() == 8
        assert 0.05 < aside.mean() < 0.15
    """,
    "08_the_board_brief": """
        assert max(written.values()) < 300_000 and written["weekly"] == min(written.values())
        assert (table["marginal_romi_upper"] < 0).all() and budget.multiplier < 0
        assert scenarios.loc["less", "profit_lower"] > scenarios.loc["plan", "profit"]
        assert budget.stance == "half" and budget.probability_better >= 0.9
        assert (steps["profit"].diff().dropna() > 0).all()
        assert 0.5 < half["profit"] / full["profit"] < 0.75
        assert half["upper"] - half["lower"] < 0.6 * (full["upper"] - full["lower"])
        assert abs(full["profit"] / budget.expected_profit - 1) < 0.1
        assert abs(full["P(better)"] - budget.probability_better) < 0.03
        assert not budget.pilots["pays"].any() and budget.pilots["chance"].max() < 0.17
        assert any("deals of what gets more" in f.sentence() for f in brief.findings)
        assert "The total matters more than its split" in brief.findings[0].sentence()
        added = beside["truly added per euro"]
        assert added.idxmax() == "Events" and table.loc["Events", "verdict"] == "push"
        assert beside["credited per euro"].idxmin() == "Events"
        assert costs["cac"].idxmax() == "Events"
        assert budget.profit_lower < moved < 0.5 * budget.expected_profit
        assert (added[["Paid search", "Display"]] < added["Paid social"]).all()
        assert added.idxmin() == "Display" and table.loc["Display", "verdict"] == "follow"
        assert table.loc["Display", "change"] > 0
    """,
    "09_one_signal": """
        assert totals.loc["total", "lower"] < later.realised.sum() < totals.loc["total", "upper"]
        assert totals.loc["realised", "value"] < 0.3 * later.realised.sum()
        assert off["share"] < off["won so far"] / 2
        told_well = shares["in the end"].between(shares["share_lower"], shares["share_upper"])
        assert told_well.mean() > 0.7
        assert cohorts.left_out["maturity"].max() < 0.25 <= cohorts.beside["maturity"].min()
        on_leads = fitted.contributions.set_index("channel")["identified"]
        assert on_leads["Events"] == "data"
        assert (closed.set_index("channel")["identified"] != "data").all()
        plan = found.table.set_index("channel")
        assert plan.loc["Paid search", "grade"] == "experiment"
        added = company.truth.channels.set_index("channel").loc["Events", "incremental_value"]
        added *= len(cohorts.table) / len(company.weekly)
        fairs = plan.loc["Events"]
        assert fairs["verdict"] == "disagree" and fairs["grade"] == "weak"
        assert fairs["attributed"] < added < fairs["incremental_lower"]
        assert fairs["plan_lower"] < added < fairs["plan_upper"]
        assert log.to_frame()["state"].tolist() == ["registered"]
        assert abs(moved.parts.sum(axis=0) - (moved.after - moved.before)).max() < 1e-9
    """,
    "10_your_own_crm": """
        assert {one.table for one in guess.tables} == {"deals", "leads", "touches", "spend"}
        assert list(problems) == ["deals"] and "Totale" in problems["deals"]
        for name in ("deals", "value won", "touches", "spend"):
            assert same[name][0] == same[name][1], name
        assert result.budget is not None and result.calls is not None
        assert card.metrics.set_index("metric").loc["auc", "lower"] > 0.5
        assert looked.did == "dry run" and looked.n_changes == len(ranked) > 20
        assert done.did == "resumed" and again.did == "nothing" and again.n_writes == 0
        assert back.n_kept == 1 and in_crm()["lead_id"].tolist() == [first]
    """,
}


@pytest.fixture(autouse=True)
def kernel(tmp_path, monkeypatch):
    """Offer one kernel, this very interpreter, apart from whatever the user has installed."""
    write_kernel_spec(tmp_path / "jupyter" / "kernels" / "python3")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def execute(notebook, folder):
    """Run all cells in `folder`; an error in one of them is raised with its traceback."""
    with warnings.catch_warnings():
        # What Jupyter's own libraries have to say is not about us; our cells run in the kernel.
        for library in ("jupyter_client", "jupyter_core", "nbclient", "zmq", "tornado", "asyncio"):
            warnings.filterwarnings("ignore", module=rf"{library}(\..*)?")
        from nbclient import NotebookClient

        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()


def claims_cell(name):
    lines = (line.removeprefix(" " * 8) for line in CLAIMS[name].strip("\n").splitlines())
    return nbformat.v4.new_code_cell("\n".join(lines).rstrip())


def test_there_are_notebooks_and_claims_about_each():
    assert {path.stem for path in NOTEBOOKS} == set(CLAIMS)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_says_what_it_claims(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(claims_cell(path.stem))
    execute(notebook, tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", ()) for output in outputs) >= 2
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not [text for text in warned if "Warning" in text]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert not cell.metadata
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert set(notebook.metadata.language_info) == {"name"}
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
