"""Grades against answers whose distance from the truth is known by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import build_journeys, datasets
from mmm.attribution import compare, last_touch, linear
from mmm.datasets import Grade, grade
from mmm.datasets.grading import _best_split, _response
from mmm.errors import InputError

MIX = ("small", "confounded", "shop")
JOURNEYS = ("small", "dirty_italian", "shop")


def mix_truth(name):
    return pd.DataFrame(datasets.truth(name)["mix"]["parameters"])


def share_truth(name):
    table = pd.DataFrame(datasets.truth(name)["channels"])
    return table[["channel"]].assign(share=table["incremental_share"])


def today(name):
    weekly = datasets.load(name, "weekly")
    return weekly[mix_truth(name)["channel"]].tail(13).mean().to_numpy()


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_truth_misplaces_nothing(name):
    found = grade(name, share_truth(name))
    assert found.kind == "attribution"
    assert found.measures["share_misplaced"] == pytest.approx(0.0, abs=1e-12)
    assert found.measures["credited"] == pytest.approx(found.measures["brought"])
    assert found.measures["brought"] == pytest.approx(
        1 - datasets.truth(name)["baseline_share"], abs=1e-4
    )


@pytest.mark.parametrize("name", JOURNEYS)
def test_all_credit_to_a_channel_that_adds_nothing_is_all_misplaced(name):
    assert share_truth(name).set_index("channel")["share"]["Direct"] == 0.0
    answer = pd.DataFrame({"channel": ["Direct", "(unattributed)"], "credit": [900, 100]})
    found = grade(name, answer)
    assert found.measures["share_misplaced"] == pytest.approx(1.0)
    assert found.measures["credited"] == pytest.approx(0.9)


def test_moving_a_tenth_of_the_credit_misplaces_a_tenth():
    answer = share_truth("small")
    answer["share"] /= answer["share"].sum()
    answer.loc[answer["channel"] == "Events", "share"] -= 0.1
    answer.loc[answer["channel"] == "Email", "share"] += 0.06
    answer.loc[len(answer)] = ["Never heard of", 0.04]
    found = grade("small", answer)
    assert found.measures["share_misplaced"] == pytest.approx(0.1)
    errors = found.channels.set_index("channel")["error"]
    assert errors["Events"] == pytest.approx(-0.1)
    assert errors["Never heard of"] == pytest.approx(0.04)
    assert errors.sum() == pytest.approx(0.0, abs=1e-12)


def test_results_of_the_package_are_graded_as_they_are():
    tables = datasets.load("small")
    journeys = build_journeys(tables["touches"], tables["deals"], contacts=tables["contacts"])
    late, even = (grade("small", model(journeys)) for model in (last_touch, linear))
    # The last touch is Direct or a brand search, which add nothing: the rule that gives them most.
    assert even.measures["share_misplaced"] < late.measures["share_misplaced"] < 1.0
    with pytest.raises(InputError, match=r"more than once.*one model at a time"):
        grade("small", compare(journeys, models=["linear", "last_touch"]))


@pytest.mark.parametrize("name", MIX)
def test_true_contributions_have_no_error(name):
    answer = mix_truth(name)[["channel", "contribution"]]
    total = pd.DataFrame({"channel": ["(media)"], "contribution": [answer["contribution"].sum()]})
    found = grade(name, pd.concat([answer, total], ignore_index=True))
    assert found.kind == "contribution"
    assert found.measures["total_error"] == pytest.approx(0.0, abs=1e-12)
    assert found.measures["share_misplaced"] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found.measures["covered"])


def test_errors_of_contributions_are_those_made():
    answer = mix_truth("small")[["channel", "contribution"]]
    answer = answer.assign(
        contribution_lower=answer["contribution"] * 0.9,
        contribution_upper=answer["contribution"] * [1.1, 1.1, 1.1, 0.95, 0.95],
    )
    answer["contribution"] *= 1.25
    found = grade("small", answer)
    assert found.measures["total_error"] == pytest.approx(0.25)
    assert found.measures["share_misplaced"] == pytest.approx(0.0, abs=1e-12)
    assert found.measures["covered"] == pytest.approx(0.6)


@pytest.mark.parametrize("name", MIX)
def test_staying_gains_nothing_and_regrets_what_the_best_would_gain(name):
    answer = pd.DataFrame({"channel": mix_truth(name)["channel"], "proposed": today(name)})
    found = grade(name, answer)
    assert found.measures["gain"] == pytest.approx(0.0, abs=1e-12)
    assert found.measures["regret"] == pytest.approx(found.measures["best_gain"])
    assert found.measures["regret"] > 0.005
    best = found.channels.rename(columns={"truth": "proposed", "answer": "current"})
    again = grade(name, best)
    assert again.measures["regret"] == pytest.approx(0.0, abs=1e-9)
    assert again.measures["gain"] == pytest.approx(found.measures["best_gain"])


def test_a_plan_for_channels_that_do_nothing_is_worse():
    names = mix_truth("confounded")["channel"]
    now = today("confounded")
    worse = now * np.where(names == "Display", 1.5, 1.0)
    worse *= now.sum() / worse.sum()
    found = grade("confounded", pd.DataFrame({"channel": names, "proposed": worse}))
    assert found.measures["gain"] < 0
    assert found.measures["regret"] > found.measures["best_gain"]


@given(
    st.lists(st.tuples(st.floats(0.5, 3), st.floats(0.6, 1.6), st.floats(0, 5)), min_size=2,
             max_size=2),
    st.floats(0.2, 3.0),
)  # fmt: skip
def test_the_best_split_is_that_of_a_fine_search(curves, total):
    parameters = pd.DataFrame(curves, columns=["half_saturation", "slope", "beta"])
    low, high = np.zeros(2), np.full(2, total)
    found = _response(parameters, _best_split(parameters, low, high, total)).sum()
    first = np.linspace(0.0, total, 2001)
    tried = _response(parameters, np.column_stack([first, total - first])).sum(axis=1).max()
    assert tried - 2e-3 * tried - 1e-9 <= found <= tried + 1e-4 * max(tried, 1.0)


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("small", [1, 2], "is a list. Pass a pandas frame"),
        ("small", pd.DataFrame({"channel": ["a"], "romi": [1.0]}), "It needs 'channel' and one of"),
        ("small", pd.DataFrame({"channel": ["a", "a"], "share": [1.0, 0.0]}), "rows? 1"),
        ("small", pd.DataFrame({"channel": ["a"], "share": [None]}), "no number under 'share'"),
        ("small", pd.DataFrame({"channel": ["Email"], "share": [0.0]}), "credits some channel"),
        ("small", pd.DataFrame({"channel": ["Email"], "proposed": [1.0]}), "needs an amount of 0"),
        ("confounded", pd.DataFrame({"channel": ["a"], "share": [1.0]}), "has no journeys"),
        ("dirty_italian", pd.DataFrame({"channel": ["a"], "contribution": [1.0]}), "no weekly"),
        ("big", pd.DataFrame({"channel": ["a"], "share": [1.0]}), "no dataset 'big'"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_cure(name, answer, says):
    with pytest.raises(InputError, match=says):
        grade(name, answer)


def test_a_grade_shows_itself_and_speaks_both_languages():
    hostile = pd.DataFrame(
        {"channel": ["Direct", "<script>alert(1)</script>"], "share": [0.6, 0.4]}
    )
    found = grade("small", SimpleNamespace(to_frame=lambda: hostile))
    assert isinstance(found, Grade)
    first = repr(found).splitlines()[0]
    assert first.startswith("100% of the credit is with the wrong channels")
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    assert found.sentence("it").startswith("È sui canali sbagliati il 100% del credito")
    assert found.to_frame()["measure"].tolist() == ["share_misplaced", "credited", "brought"]
