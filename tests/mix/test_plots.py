"""Figures show what they are given: intervals, marks, and nothing read from the wrong column."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import pyplot as plt

from mmm.mix import plots
from mmm.mix.budget.certainty import probability_above_zero
from mmm.mix.budget.frontier import Frontier
from mmm.mix.checks.decomposition import Decomposition
from mmm.mix.effects.curves import ResponseCurves

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def contributions():
    return pd.DataFrame(
        {
            "channel": ["Small", "$Big$", "(media)"],
            "contribution": [10.0, 30.0, 40.0],
            "contribution_lower": [5.0, 20.0, 30.0],
            "contribution_upper": [15.0, 45.0, 55.0],
            "identified": ["prior", "data", "data"],
        }
    )


def test_contributions_are_ordered_with_intervals_and_what_rests_on_the_prior_is_hatched():
    ax = plots.plot_contributions(contributions(), level=0.8, outcome="sales")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$Big$", "Small", "all media"]
    assert [bar.get_width() for bar in ax.patches] == [30.0, 10.0, 40.0]
    assert [bar.get_hatch() for bar in ax.patches] == [None, "///", None]
    (lines,) = ax.collections
    assert [tuple(segment[:, 0]) for segment in lines.get_segments()] == [
        (20.0, 45.0),
        (5.0, 15.0),
        (30.0, 55.0),
    ]
    assert "80% interval" in ax.get_xlabel()
    assert "sales" in ax.get_xlabel()
    ax.figure.canvas.draw()


def curves():
    spend = np.array([np.linspace(0, 20, 21), np.linspace(0, 8, 21)])
    draws = np.sqrt(spend)[None] * np.array([1.0, 2.0, 3.0])[:, None, None]
    return ResponseCurves(
        ("a", "b"), spend, draws, draws, 1.0, np.array([4.0, 1.0]), np.array([10.0, 4.0])
    )


def test_curves_mark_spend_and_are_dashed_beyond_the_largest():
    panels = curves().plot(level=0.9, outcome="sales")
    for ax, today, largest in zip(panels, (4.0, 1.0), (10.0, 4.0), strict=True):
        solid, dashed, mark, _ = ax.lines
        assert solid.get_linestyle() == "-"
        assert dashed.get_linestyle() == "--"
        assert solid.get_xdata()[-1] == dashed.get_xdata()[0] == pytest.approx(largest)
        assert mark.get_xdata() == [today]
        assert mark.get_ydata() == pytest.approx(2 * np.sqrt(today), rel=0.01)
        assert len(ax.collections) == 1  # the interval
    assert "mean so far" in panels[0].figure.get_supxlabel()
    given = curves().plot(current=np.array([9.0, 2.0]))
    assert given[0].lines[2].get_xdata() == [9.0]
    assert "today" in given[0].figure.get_supxlabel()


def decomposition(date):
    n = len(date)
    media = np.array([np.full(n, 1.0), np.full(n, 2.0)])
    fitted = 5.0 + media.sum(axis=0)
    noise = np.resize([0.5, -0.5], n)
    return Decomposition(
        channels=("baseline", "Ads"), date=date, outcome=fitted + noise, fitted=fitted,
        lower=fitted - 1, upper=fitted + 1, baseline=np.full(n, 5.0), media=media,
        residual=noise, innovation=noise[1:], level=0.9,
    )  # fmt: skip


@pytest.mark.parametrize(
    "date", [np.arange(20), np.arange("2025-01-06", "2025-05-26", 7, dtype="datetime64[D]")]
)
def test_the_fit_stacks_parts_up_to_what_is_expected(date):
    parts = decomposition(date)
    above, below = parts.plot("sales")
    top = below.collections[-1].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(parts.fitted.max())
    assert len(below.collections) == 3
    # A channel may be called as a column is.
    labels = [text.get_text() for text in below.get_legend().get_texts()]
    assert labels == ["Ads", "baseline", "without media"]
    assert above.get_ylabel() == "sales a period"
    above.figure.canvas.draw()
    left, right = parts.plot_residuals()
    assert right.lines[0].get_ydata()[0] < -0.9
    left.figure.canvas.draw()


def plan_frame():
    return pd.DataFrame(
        {
            "channel": ["a", "b"],
            "current": [10.0, 20.0],
            "proposed": [15.0, 15.0],
            **{
                f"{name}{end}": [value, -value]
                for name in ("marginal_romi", "marginal_romi_after")
                for end, value in (("", 0.1), ("_lower", -0.2), ("_upper", 0.4))
            },
        }
    )


def test_the_plan_has_both_budgets_both_returns_and_the_gain():
    profit = np.random.default_rng(0).normal(5.0, 3.0, 500)
    budget, marginal, gain = plots.plot_plan(plan_frame(), profit, 2.0, level=0.9, title="move")
    assert [bar.get_width() for bar in budget.patches] == [10.0, 20.0, 15.0, 15.0]
    assert len(marginal.collections) == 2
    assert gain.patches
    assert gain.figure.get_suptitle() == "move"


@given(arrays(np.float64, 30, elements=st.floats(-1e6, 1e6)), st.sampled_from([0.0, 0.5, 3e4]))
def test_the_gain_is_shaded_where_the_probability_is(profit, spread):
    edges, chance = plots.gain_density(profit, spread)
    assert chance.sum() == pytest.approx(1.0)
    assert (chance >= -1e-12).all()
    assert 0.0 in edges
    better = chance[edges[:-1] >= 0].sum()
    ties = 0.5 * np.mean(profit == 0) if spread == 0 else 0.0
    assert better == pytest.approx(probability_above_zero(profit, spread) - ties, abs=1e-9)


def test_autocorrelation_is_that_of_statsmodels():
    from statsmodels.tsa.stattools import acf

    series = np.random.default_rng(1).normal(size=60).cumsum()
    lags, found = plots.autocorrelation(series, 8)
    np.testing.assert_allclose(found, acf(series, nlags=8, fft=False)[1:])
    assert lags.tolist() == list(range(1, 9))
    assert plots.autocorrelation(np.ones(5), 2)[1].tolist() == [0.0, 0.0]


def test_the_frontier_marks_today_and_the_most_profit():
    total = np.array([1.0, 2.0, 3.0])
    profit = np.array([1.0, 3.0, 2.0])
    frontier = Frontier(
        ("a",), total, total[:, None], profit, profit - 1, profit + 1, (2.5, 1.5), 0.9
    )
    ax = frontier.plot()
    curve, best, today, _ = ax.lines
    assert curve.get_ydata().tolist() == profit.tolist()
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (2.0, 3.0)
    assert (today.get_xdata()[0], today.get_ydata()[0]) == (2.5, 1.5)
    assert len(ax.collections) == 1


def test_prior_and_posterior_stand_side_by_side():
    frame = pd.DataFrame(
        {
            "channel": ["a"], "prior": [2.0], "prior_lower": [1.0], "prior_upper": [9.0],
            "posterior": [3.0], "posterior_lower": [2.5], "posterior_upper": [3.5],
            "contraction": [0.7],
        }
    )  # fmt: skip
    ax = plots.plot_prior_posterior(frame, level=0.9)
    assert ax.get_yticklabels()[0].get_text() == "a\ndata 70%, prior 30%"
    ends = [tuple(lines.get_segments()[0][:, 0]) for lines in ax.collections]
    assert ends == [(1.0, 9.0), (2.5, 3.5)]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_figure_is_the_same_bytes(tmp_path, ending):
    for name in ("one", "two"):
        ax = plots.plot_contributions(contributions(), level=0.9)
        plots.save_figure(ax, tmp_path / f"{name}.{ending}")
    one, two = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert not plt.get_fignums()


def test_twenty_channels_stay_apart():
    date = np.arange(10)
    media = np.ones((20, 10))
    names = tuple(f"channel {i}" for i in range(20))
    zero = np.zeros(10)
    parts = Decomposition(
        names, date, media.sum(axis=0), media.sum(axis=0), zero, zero + 30, zero, media, zero,
        zero[1:], 0.9,
    )  # fmt: skip
    _, below = parts.plot()
    looks = {(tuple(part.get_facecolor()[0]), part.get_hatch()) for part in below.collections[1:]}
    assert len(looks) == 20
