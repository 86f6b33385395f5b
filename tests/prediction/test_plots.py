"""Figures show the numbers they were given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mmm.drawing import GREY, RED
from mmm.prediction import plots
from mmm.prediction.columns.drift import bin_features, feature_drift
from mmm.prediction.columns.types import Column
from mmm.prediction.metrics import gains, reliability

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def outcome():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 4, 400)
    return (rng.random(400) < p).astype(float), p


def test_reliability_shows_each_bin(outcome):
    table = reliability(*outcome)
    ax = plots.plot_reliability(table)
    line = ax.lines[1]
    np.testing.assert_allclose(line.get_xdata(), table["promised"])
    np.testing.assert_allclose(line.get_ydata(), table["rate"])


def test_gains_and_lift_end_with_everything(outcome):
    table = gains(*outcome)
    assert plots.plot_gains(table).lines[1].get_xydata()[-1].tolist() == [1.0, 1.0]
    assert plots.plot_lift(table).lines[1].get_ydata()[-1] == pytest.approx(1.0)


def test_distribution_counts_both_outcomes():
    edges = [0.1, 0.2]
    table = pd.DataFrame(
        {"outcome": ["lost"] * 2 + ["won"] * 2, "probability": edges * 2, "n": [3, 1, 0, 2]}
    )
    ax = plots.plot_distribution(table)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["lost (4)", "won (2)"]


def test_reasons_are_ranked_and_names_are_text():
    ax = plots.plot_reasons(["small", "a $x$ b"], [0.1, -2.0], base=-1.0, title="Lead $1")
    ax.figure.canvas.draw()
    assert [bar.get_width() for bar in ax.patches] == [-2.0, 0.1]
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == ["a $x$ b", "small"]
    assert not any(label.get_parse_math() for label in labels)


def test_hazard_starts_at_nothing():
    table = pd.DataFrame({"age_days": [5.0, 9.0], "won": [0.1, 0.2], "lost": [0.0, 0.3]})
    won = plots.plot_hazard(table).lines[0]
    assert won.get_xydata().tolist() == [[0.0, 0.0], [5.0, 0.1], [9.0, 0.2]]


def test_drift_shows_the_furthest_first_and_marks_what_has_moved():
    rng = np.random.default_rng(0)
    columns = [Column("still", "number"), Column("moved", "number")]
    bins = bin_features(
        pd.DataFrame(rng.normal(size=(500, 2)), columns=["still", "moved"]), columns
    )
    now = pd.DataFrame({"still": rng.normal(size=300), "moved": rng.normal(2, 1, 300)})
    table = feature_drift(bins, now)
    ax = plots.plot_drift(table)
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["moved", "still"]
    psi = table.set_index("feature")["psi"]
    assert [bar.get_width() for bar in ax.patches] == [psi["moved"], psi["still"]]
    colours = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert colours == [RED, GREY]
