from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import compare, fit_chain, linear, markov
from mmm.attribution.compare import MODELS
from mmm.attribution.plots import (
    plot_graph,
    plot_path_lengths,
    plot_robustness,
    plot_time_lags,
    plot_top_paths,
    plot_transitions,
)
from mmm.attribution.plots.style import label
from mmm.journeys import Journeys, Unattributed
from mmm.journeys.describe import path_lengths, time_lags, top_paths

pytestmark = pytest.mark.usefixtures("draw_axes")


@pytest.fixture
def journeys(company):
    drawn = company.draw(np.random.default_rng(2), 400)
    return replace(drawn, unattributed=Unattributed(30, 500.0))


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.parametrize("model", [linear, markov])
def test_bars_are_the_shares_and_lines_the_intervals(journeys, model):
    result = model(journeys)
    ax = result.plot()
    frame = result.to_frame().set_index("channel").loc[labels(ax)]
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, frame["share"])
    assert widths[:-1] == sorted(widths[:-1], reverse=True)
    assert labels(ax)[-1] == "(unattributed)"
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, :, 0], frame[["lower", "upper"]].dropna())
    np.testing.assert_allclose(segments[:, 0, 1], np.arange(5))
    assert "90% interval" in ax.get_xlabel()


def test_comparison_draws_every_model_and_channel(journeys):
    comparison = compare(journeys)
    ax = comparison.plot()
    frame = comparison.to_frame()
    drawn = {}
    for container in ax.containers:
        for name, bar in zip(labels(ax), container, strict=True):
            drawn[container.get_label(), name] = bar.get_width()
    readable = {"first_touch": "First touch", "last_touch": "Last touch", "linear": "Linear"}
    readable["markov"] = "Markov"
    named = frame.assign(model=frame["model"].map(readable))
    expected = named.set_index(["model", "channel"])["share"].to_dict()
    assert drawn == pytest.approx(expected)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(readable.values())
    assert ax.get_title(loc="left") == "Share of won revenue by model"


def test_draws_where_it_is_told(journeys, draw_axes):
    _, axes = draw_axes.subplots(1, 2)
    assert linear(journeys).plot(axes[0]) is axes[0]
    assert compare(journeys).plot(ax=axes[1]) is axes[1]
    assert len(draw_axes.get_fignums()) == 1


def test_refused_intervals_are_not_drawn():
    ax = linear(Journeys.from_paths(["a > b"])).plot()
    assert len(ax.collections[0].get_segments()) == 0
    assert "no interval" in ax.get_xlabel()


def test_names_are_text_and_not_formulas():
    names = ["$x_1$", "100% <b>", "a_b^c $"]
    ax = linear(Journeys.from_paths([names], conversions=[9])).plot()
    ax.figure.canvas.draw()
    assert sorted(labels(ax)) == sorted(names)
    assert not any(text.get_parse_math() for text in ax.get_yticklabels())


@pytest.mark.parametrize("model", [*MODELS, "custom", "position_based_own"])
def test_models_have_readable_names(model):
    assert "_" not in label("model", model)
    assert label("model", f"{model} (2)") == f"{label('model', model)} (2)"


def test_seven_models_and_more_can_be_told_apart(journeys):
    ax = compare(journeys, models=["linear"] * 9).plot()
    looks = {(bars[0].get_facecolor(), bars[0].get_hatch()) for bars in ax.containers}
    assert len(looks) == 9


def test_negative_shares_stay_in_sight():
    paths = ["a > b"] * 20 + ["a"] * 20 + ["b"] * 40
    journeys = Journeys.from_paths(
        paths, conversions=[0] * 20 + [1] * 20 + [0] * 40, nulls=[1] * 20 + [0] * 20 + [1] * 40
    )
    ax = compare(journeys, models=["shapley_rate"]).plot()
    assert ax.get_xlim()[0] < compare(journeys, models=["shapley_rate"]).to_frame()["share"].min()


def test_heat_map_holds_every_probability(journeys):
    chain = fit_chain(journeys)
    ax = chain.plot()
    table = np.asarray(ax.images[0].get_array())
    frame = chain.transitions()
    assert table.sum() == pytest.approx(frame["probability"].sum())
    np.testing.assert_allclose(table.sum(axis=1), 1)
    rows = labels(ax)
    assert rows[0] == "Start"
    columns = [text.get_text() for text in ax.get_xticklabels()]
    assert columns == [*rows[1:], "Deal", "No deal"]
    for row in frame.itertuples():
        if row.source in rows and row.target in columns:
            cell = table[rows.index(row.source), columns.index(row.target)]
            assert cell == pytest.approx(row.probability)


def test_a_large_chain_shows_its_busiest_states_and_says_so(journeys):
    chain = fit_chain(journeys, order=2)
    ax = plot_transitions(chain.transitions(), n_states=4)
    assert len(labels(ax)) == 5
    assert ax.get_title(loc="left").endswith(f"(4 of {len(chain.states)} states)")


def test_graph_draws_the_most_frequent_moves_and_every_kind(journeys):
    frame = fit_chain(journeys).transitions()
    ax = plot_graph(frame, n_moves=12)
    assert len(ax.patches) == 12
    names = {text.get_text() for text in ax.texts}
    assert names == {"Start", "Deal", "No deal", *journeys.channels}
    assert "the 12 main moves" in ax.get_title(loc="left")
    widths = [patch.get_linewidth() for patch in ax.patches]
    assert widths == sorted(widths, reverse=True)
    everything = fit_chain(journeys).plot_graph()
    assert len(everything.patches) == min(len(frame), 30)


def test_path_lengths_add_up_and_fold_the_longest(journeys):
    frame = path_lengths(journeys)
    ax = plot_path_lengths(frame, longest=4)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "3", "4+"]
    won, lost = ([bar.get_height() for bar in bars] for bars in ax.containers)
    assert sum(won) == pytest.approx(frame["conversions"].sum())
    assert sum(won) + sum(lost) == pytest.approx(frame["journeys"].sum())
    rates = next(other for other in ax.figure.axes if other is not ax)
    segments = np.array(rates.collections[0].get_segments())
    rate = np.array(won) / (np.array(won) + np.array(lost))
    assert (segments[:, 0, 1] < rate).all()
    assert (rate < segments[:, 1, 1]).all()


def test_time_lags_are_weighted_and_latest_below():
    frame = pd.DataFrame(
        {
            "channel": ["Early", "Early", "Late", "Late", "Late"],
            "days_to_close": [100.0, 90.0, 1.0, 5.0, 80.0],
            "weight": [1.0, 1.0, 1.0, 1.0, 9.0],
        }
    )
    ax = plot_time_lags(frame)
    assert labels(ax) == ["Early (2)", "Late (3)"]
    late = ax.patches[1]
    assert late.get_x() == 80.0  # nine elevenths of its weight lie there
    assert ax.xaxis_inverted()


def test_time_lags_of_real_journeys():
    at = np.array(["2024-01-01", "2024-01-03", "2024-02-01"], dtype="datetime64[us]")
    closed = np.array(["2024-01-06", "2024-02-02"], dtype="datetime64[us]")
    timed = replace(Journeys.from_paths(["a > b", "a"]), touched_at=at, closed_at=closed)
    assert labels(plot_time_lags(time_lags(timed))) == ["b (1)", "a (2)"]


def test_top_paths_show_parts_with_intervals_and_counts(journeys):
    frame = top_paths(journeys, 5)
    ax = plot_top_paths(frame)
    assert labels(ax) == frame["path"].tolist()
    np.testing.assert_allclose(
        [bar.get_width() for bar in ax.patches], frame["share_of_conversions"]
    )
    segments = np.array(ax.collections[0].get_segments())[:, :, 0]
    assert (segments[:, 0] < frame["share_of_conversions"]).all()
    assert (frame["share_of_conversions"] < segments[:, 1]).all()
    first = frame.iloc[0]
    assert ax.texts[0].get_text() == f"{first['conversions']:g} of {first['journeys']:g}"
    none = plot_top_paths(top_paths(Journeys.from_paths(["a"], conversions=[0], nulls=[3])))
    assert "no interval" in none.get_xlabel()


def test_robustness_draws_every_choice_over_the_interval():
    frame = pd.DataFrame(
        {
            "variation": ["order_2", "order_2", "mine", "mine"],
            "channel": ["a", "(unattributed)"] * 2,
            "share": [0.5, 0.5, 0.9, 0.1],
            "base": [0.6, 0.4] * 2,
            "lower": [0.55, np.nan] * 2,
            "upper": [0.65, np.nan] * 2,
        }
    )
    ax = plot_robustness(frame, model="markov", level=0.9)
    assert labels(ax) == ["a", "(unattributed)"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "90% interval of the base", "Base", "Markov of order 2", "mine",
    ]  # fmt: skip
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0.5, 0.5], [0.9, 0.1]]
    band = ax.patches[0]
    assert (band.get_x(), band.get_width()) == pytest.approx((0.55, 0.1))
    assert ax.patches[1].get_width() == 0
