"""Results show themselves: the sentence first, then a small table, and nothing that runs."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.attribution import compare, linear
from mmm.funnel import Kpi, forecast, funnel, hygiene, warning_signs
from mmm.journeys import Journeys
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.effects.curves import ResponseCurves
from mmm.mix.inference.diagnostics import Diagnostics
from mmm.prediction.scores import LeadScores
from mmm.showing import N_ROWS, as_html, as_text

HOSTILE = '<script>alert("x")</script>'
JOURNEYS = Journeys.from_paths(
    [["Email", HOSTILE], ["Events"], ["Email"]] * 4, value=[300.0, 100.0, 50.0] * 4
)


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.text = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text.append(data)


def budget_plan():
    zeros = np.zeros(2)
    return BudgetPlan(
        ("Email", HOSTILE), np.array([100.0, 200.0]), np.array([150.0, 150.0]), ("push", "cut"),
        ("data", "prior"), zeros, zeros, zeros, zeros, zeros, zeros, 0.1, 30.0, 10.0, 50.0, 25.0,
        5.0, 45.0, 0.93, 1.0, None, "move", 0.0, zeros, 0.0, 0.9, 1.0,
    )  # fmt: skip


def lead_scores():
    reasons = np.array([("Pages seen",), (HOSTILE,)], dtype=object)
    ids, grades = np.array(["L1", "L2"], dtype=object), np.array(["B", "A"], dtype=object)
    now = pd.Timestamp("2025-03-01", tz="UTC")
    return LeadScores(ids, np.array([0.2, 0.6]), grades, reasons, now, "v1")


def curves():
    grid = np.array([[0.0, 100.0], [0.0, 100.0]])
    romi = np.array([[[1.0, 0.0], [3.0, 1.0]]])
    return ResponseCurves(
        ("Email", HOSTILE), grid, romi, romi, 1.0, np.array([50.0, 50.0]), np.array([90.0, 90.0])
    )


MADE = {
    "attribution": (lambda: linear(JOURNEYS), "Email earned the most: 44% (90% interval: "),
    "comparison": (
        lambda: compare(JOURNEYS, models=["first_touch", "linear", "last_touch"]),
        "Email comes first by 2 of 3 models, with 11% to 78% of what was won.",
    ),
    "plan": (budget_plan, "Move: the plan beats today with probability 93%; expected profit +25"),
    "curves": (curves, f"The next unit of spend returns most in {HOSTILE}: marginal ROMI +2.00"),
    "scores": (lead_scores, "Call L2 first (60%); 1 of 2 leads have grade A."),
    "diagnostics": (
        lambda: Diagnostics(1.002, 900.0, 800.0, 0, 4000, 1.0, 0.0, 0.0, (HOSTILE,)),
        "The chains agree (worst r-hat 1.002, 800 effective draws at least).",
    ),
    "kpi": (lambda: Kpi("win_rate", 0.36, "share", 240, 0.31, 0.42, group=HOSTILE), "win_rate of"),
}


@pytest.mark.parametrize("name", MADE)
def test_bad_input_34_what_is_shown_begins_with_the_sentence_and_runs_nothing(name):
    make, sentence = MADE[name]
    shown = make()
    assert repr(shown).startswith(sentence)
    assert repr(shown).splitlines()[-1].startswith("<")
    page = Tags(shown._repr_html_())
    assert "script" not in page.tags
    assert page.text[0] == repr(shown).splitlines()[0]
    assert HOSTILE in "".join(page.text)


def test_linear_credit_of_the_hostile_name_is_a_third():
    # 300 halved between two channels, 100 and 50 whole: 150 of 450.
    frame = linear(JOURNEYS).to_frame().set_index("channel")
    assert frame.loc[HOSTILE, "share"] == pytest.approx(1 / 3)
    assert frame.loc["Email", "share"] == pytest.approx(200 / 450)


def test_chains_that_disagree_are_said_first():
    bad = Diagnostics(1.2, 90.0, 80.0, 3, 4000, 1.0, 0.0, 0.0)
    assert repr(bad).startswith("The chains do not agree: use no result")
    assert "<table" not in bad._repr_html_()


@pytest.mark.parametrize(
    "make", [funnel, hygiene, forecast, warning_signs], ids=lambda f: f.__name__
)
def test_results_of_the_funnel_show_their_table(make):
    leads, deals = datasets.load("leads"), datasets.load("deals")
    first, second = (deals, leads) if make in {hygiene, warning_signs} else (leads, deals)
    result = make(first, second)
    page = Tags(result._repr_html_())
    assert page.text[0] == repr(result).splitlines()[0]
    assert "table" in page.tags


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.lists(st.one_of(st.text(max_size=90), st.floats(), st.none(), st.integers()),
                 min_size=12, max_size=12),
        min_size=1, max_size=10,
    ),
    st.text(max_size=50),
)  # fmt: skip
def test_any_table_is_shown_small_and_inert(columns, sentence):
    table = pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    )
    page = Tags(as_html(sentence, table, "Kind"))
    assert page.tags <= {"div", "p", "strong", "table", "tr", "th", "td", "small"}
    lines = as_text("First.", table, "Kind").split("\n")
    assert len(lines) == 1 + 1 + N_ROWS + 1 + 1  # sentence, names, rows, how many more, kind


def test_what_is_left_out_is_said():
    table = pd.DataFrame(np.arange(22.0).reshape(11, 2), columns=["a", "b"])
    said = as_text("First.", table, "Kind")
    assert "(1 more row)" in said
    assert "more" not in as_text("First.", table.head(10), "Kind")
