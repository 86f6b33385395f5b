"""What the figures show is what the frames hold."""

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError
from mmm.funnel.durations.survival import cumulative_incidence
from mmm.funnel.plots import plot_cohorts, plot_funnel, plot_incidence
from mmm.funnel.stages import funnel


@pytest.fixture(autouse=True)
def plt():
    """Draw without a screen, and close every figure that a test opened."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("Agg")
    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def result():
    return funnel(datasets.load("leads"), datasets.load("deals"), by="owner")


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_bars_are_the_counts_and_words_the_rates(result):
    group = result.groups[1]
    ax = result.plot(group)
    frame = result.to_frame().query("group == @group")
    bars = [bar for bar in ax.patches if hasattr(bar, "get_width")]
    np.testing.assert_allclose([bar.get_width() for bar in bars], frame["entered"])
    # Centred: as much on the left as on the right.
    np.testing.assert_allclose([bar.get_x() for bar in bars], -frame["entered"] / 2)
    said = words(ax)
    assert [word for word in said if word in result.stages] == list(result.stages)
    for row in frame.iloc[:-1].itertuples():
        assert any(word.startswith(f"{100 * row.rate:.0f}% move on") for word in said)
        assert f"{row.lost:,} lost, {row.open:,} still open" in said
    assert sum("move on" in word for word in said) == 4
    assert "90% interval" in said[-1]
    assert ax.get_title(loc="left") == f"Funnel: {group}"
    with pytest.raises(ConfigError, match="no group"):
        result.plot("nobody")


def test_unknown_rates_are_said_to_be_unknown():
    frame = pd.DataFrame({"stage": ["visit", "purchase"], "entered": [0, 0], "lost": 0, "open": 0})
    for name in ("rate", "rate_lower", "rate_upper"):
        frame[name] = np.nan
    assert "no rate yet" in words(plot_funnel(frame, title="x", level=0.9))


def incidences(curve, names):
    return pd.concat(
        pd.DataFrame(
            {
                "cause": name,
                "time": curve.time,
                "incidence": curve.incidence[k],
                "lower": curve.lower[k],
                "upper": curve.upper[k],
            }
        )
        for k, name in enumerate(names)
    )


def test_steps_are_the_incidences_from_zero():
    rng = np.random.default_rng(0)
    curve = cumulative_incidence(rng.exponential(30, 60), rng.integers(0, 3, 60), level=0.8)
    ax = plot_incidence(incidences(curve, ("won", "lost")), title="Ends", level=0.8)
    assert len(ax.lines) == len(ax.collections) == 2
    for k, line in enumerate(ax.lines):
        assert line.get_drawstyle() == "steps-post"
        np.testing.assert_allclose(line.get_xdata(), [0, *curve.time])
        np.testing.assert_allclose(line.get_ydata(), [0, *curve.incidence[k]])
        band = ax.collections[k].get_paths()[0].vertices[:, 1]
        assert band.max() == pytest.approx(curve.upper[k].max())
    assert words(ax)[0] == f"won {curve.incidence[0, -1]:.0%}"
    assert "80% band" in ax.get_ylabel()
    assert ax.get_ylim()[1] <= 1


def test_cohorts_too_young_are_blank_and_not_zero():
    shares = [[0.05, 0.2, 0.3], [0.0, 0.1, np.nan]]
    ax = plot_cohorts(
        shares, cohorts=["Q1", "Q2"], ages=["30", "60", "90"], sizes=[1200, 7], title="Won within"
    )
    assert words(ax) == ["5.0%", "20%", "30%", "0%", "10%"]
    np.testing.assert_array_equal(ax.images[0].get_array().mask, np.isnan(shares))
    assert [text.get_text() for text in ax.get_yticklabels()] == ["Q1  (n = 1,200)", "Q2  (n = 7)"]


def test_a_table_without_any_figure_still_draws():
    ax = plot_cohorts(np.full((2, 2), np.nan), cohorts="ab", ages="xy", title="Nothing yet")
    ax.figure.canvas.draw()
    assert words(ax) == []


def test_draws_where_it_is_told(plt, result):
    _, axes = plt.subplots(1, 3)
    curve = cumulative_incidence([1, 2, 3], [1, 0, 1])
    assert result.plot(ax=axes[0]) is axes[0]
    assert plot_incidence(incidences(curve, ("won",)), title="x", level=0.9, ax=axes[1]) is axes[1]
    assert plot_cohorts([[0.5]], cohorts=["a"], ages=["b"], title="x", ax=axes[2]) is axes[2]
    assert len(plt.get_fignums()) == 1


def test_names_are_text_and_not_formulas():
    frame = pd.DataFrame({"stage": ["$x_1$", "a_b^c $"], "entered": [3, 1], "lost": 1, "open": 1})
    frame = frame.assign(rate=0.4, rate_lower=0.1, rate_upper=0.8)
    ax = plot_funnel(frame, title="x", level=0.9)
    ax.figure.canvas.draw()
    assert {"$x_1$", "a_b^c $"} <= set(words(ax))
    assert not any(text.get_parse_math() for text in ax.texts if "$" in text.get_text())
