"""Figures show the numbers they were given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mmm.signal.plots import plot_maturity, plot_triangulation

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


def test_the_triangle_shows_each_figure_and_leaves_out_what_is_missing():
    rows = {"channel": ["Ads $x$", "(baseline)"], "plan": [3.0, np.nan]}
    for name, value in (("attributed", [5.0, 1.0]), ("incremental", [3.0, 4.0]),
                        ("experiment", [np.nan, np.nan])):  # fmt: skip
        for end, shift in (("", 0.0), ("_lower", -1.0), ("_upper", 1.0)):
            rows[name + end] = np.array(value) + shift
    ax = plot_triangulation(pd.DataFrame(rows))
    drawn = {line.get_label(): list(line.get_xdata()) for line in ax.lines}
    assert drawn["attribution"] == [5.0, 1.0]
    assert drawn["mix"] == [3.0, 4.0]
    assert drawn["experiment"] == []
    assert ax.get_yticklabels()[0].get_text() == "Ads $x$"


def test_bars_of_maturity_stack_to_what_is_expected():
    table = pd.DataFrame(
        {"date": pd.date_range("2025-01-06", periods=3, freq="7D"), "realised": [4.0, 2.0, 0.0],
         "expected_value": [4.0, 3.0, 2.0], "lower": [4.0, 2.0, 0.0], "upper": [4.0, 5.0, 6.0]}
    )  # fmt: skip
    ax = plot_maturity(table)
    tops = [bar.get_y() + bar.get_height() for bar in ax.patches]
    assert tops == [4.0, 2.0, 0.0, 4.0, 3.0, 2.0]
