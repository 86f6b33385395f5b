"""Bars and lines are where the numbers are."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from mmm.funnel.plots import plot_fan, plot_waterfall

mpl.use("Agg")

TERMS = pd.DataFrame(
    {
        "channel": ["Ads", "", "$x_1$", "Fair"],
        "factor": ["cost_per_lead", "mix", "conversion", "new_channel"],
        "amount": [300.0, -120.0, 40.0, 0.0],
    }
)
PARTS = ("total", "open_deals", "new_leads", "repeat")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def fan(n_months=3):
    ends = [pd.Timestamp("2025-11-30", tz="UTC") + pd.DateOffset(months=m) for m in range(n_months)]
    rows = [
        (m + 1, ends[m], part, measure, mean * (m + 1), 5.0, 40.0)
        for m in range(n_months)
        for measure in ("bookings", "deals")
        for part, mean in (
            ("total", 15.0),
            ("open_deals", 8.0),
            ("new_leads", 4.0),
            ("repeat", 3.0),
        )
    ]
    names = ["month", "end", "part", "measure", "mean", "lower", "upper"]
    return pd.DataFrame(rows, columns=names)


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_waterfall_goes_from_before_to_after():
    ax = plot_waterfall(1000.0, 1220.0, TERMS, title="CAC $1", unit="€ a customer")
    names = ["before", "Ads: cost per lead", "mix", "$x_1$: conversion", "after"]
    assert labels(ax.yaxis) == names
    bars = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    assert bars == [(0, 1000), (0, 1220), (1000, 300), (1300, -120), (1180, 40)]
    links = np.array(ax.collections[0].get_segments())[:, 0, 0]
    assert links.tolist() == [1000, 1300, 1180, 1220]
    assert [text.get_text() for text in ax.texts] == ["1,000", "+300", "-120", "+40", "1,220"]
    assert "does not start at 0" in ax.get_xlabel()
    ax.figure.canvas.draw()


def test_the_smallest_terms_are_summed_up():
    ax = plot_waterfall(
        100.0, 155.0, pd.DataFrame({"channel": "", "factor": list("abcdefghij"),
                                    "amount": np.arange(1.0, 11.0)}), title="t", top=3
    )  # fmt: skip
    assert labels(ax.yaxis) == ["before", "j", "i", "h", "the other 7 terms", "after"]
    assert ax.patches[-1].get_x() + ax.patches[-1].get_width() == pytest.approx(155.0)
    assert ax.get_xlim()[0] == 0
    assert "start at 0" not in ax.get_xlabel()


def test_small_figures_keep_their_decimals():
    terms = pd.DataFrame({"channel": [""], "factor": ["win_rate"], "amount": [0.25]})
    ax = plot_waterfall(1.0, 1.25, terms, title="t")
    assert [text.get_text() for text in ax.texts] == ["1.00", "+0.25", "1.25"]


def test_nothing_changed_and_less_than_nothing_can_be_drawn():
    ax = plot_waterfall(5.0, 5.0, TERMS.iloc[:0], title="t")
    assert labels(ax.yaxis) == ["before", "after"]
    loss = pd.DataFrame({"channel": [""], "factor": ["mix"], "amount": [-30.0]})
    assert plot_waterfall(10.0, -20.0, loss, title="t").get_xlim()[0] <= -20


@pytest.mark.parametrize("measure", ["bookings", "deals"])
def test_fan_stacks_parts_and_draws_the_interval(measure):
    history = pd.DataFrame({"end": pd.to_datetime(["2025-09-30", "2025-10-31"]), "amount": [7, 9]})
    ax = plot_fan(fan(), title="t", level=0.8, measure=measure, history=history)
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [7, 9, 8, 16, 24, 4, 8, 12, 3, 6, 9]
    assert [bar.get_y() for bar in ax.patches[-6:]] == [8, 16, 24, 12, 24, 36]
    lines = np.array(ax.collections[0].get_segments())
    np.testing.assert_array_equal(lines[:, :, 1], [[5.0, 40.0]] * 3)
    np.testing.assert_array_equal(lines[:, 0, 0], [2, 3, 4])
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(words) == ["80% interval", "new leads", "open deals", "repeat"]
    assert labels(ax.xaxis)[0] == "30\nSep\n2025"
    assert labels(ax.xaxis)[-1] == "30\nJan\n2026"
    ax.figure.canvas.draw()


def test_many_months_have_fewer_labels():
    assert len(labels(plot_fan(fan(40), title="t", level=0.9).xaxis)) <= 20


def test_draws_where_it_is_told():
    _, axes = plt.subplots(1, 2)
    assert plot_waterfall(1000.0, 1220.0, TERMS, title="t", ax=axes[0]) is axes[0]
    assert plot_fan(fan(), title="t", level=0.9, ax=axes[1]) is axes[1]
    assert len(plt.get_fignums()) == 1
