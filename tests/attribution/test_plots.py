from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import compare, linear, markov
from mmm.journeys import Journeys, Unattributed

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
    expected = frame.set_index(["model", "channel"])["share"].to_dict()
    assert drawn == pytest.approx(expected)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        result.model for result in comparison.results
    ]


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
