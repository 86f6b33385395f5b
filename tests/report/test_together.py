"""What the models say together, on the page: it adds up, and says on page 1 what a reader needs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmm.report import render_brief
from mmm.report.formats.parts import parts_of
from mmm.report.together import disagreement, print_together
from mmm.run.answer import moved_by, pay_off
from mmm.wording import LANGUAGES
from tests.report.advised import made_up, made_up_signal, pilots
from tests.report.test_brief import Reader, a_brief, columns_add_up

HEAD = {"en": "disagree", "it": "non concordano"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_won_and_expected_add_up_by_column_and_by_row(lang):
    names = [f"channel {i}" for i in range(11)]
    for seed in range(3):
        page = Reader(render_brief(a_brief(signal=made_up_signal(names, seed=seed)), lang))
        table = page.tables["pipeline-table"]
        assert columns_add_up(table, lang, skipped=set()) == 3
        amounts = [[int("".join(filter(str.isdigit, x))) for x in row[1:]] for row in table[1:]]
        assert all(won + expected == both for won, expected, both in amounts)


def test_every_channel_has_its_figure_and_what_it_rests_on():
    signal = made_up_signal()
    shown = print_together(signal, "en")
    assert shown["has_experiment"]
    lines = {line["channel"]: line for line in shown["models"]}
    assert set(lines) == {*signal.pipeline["channel"], ""}
    assert lines["Search"]["grade"] == "experiment"
    plans = signal.models.set_index("channel")["plan"].drop("(baseline)")
    assert [name for name in lines if name] == plans.sort_values(ascending=False).index.tolist()
    assert shown["models"][-1]["plan"] == ""
    bare = print_together(made_up_signal(tests=False), "en")
    assert not bare["has_experiment"]
    assert len(bare["judged"]) == len(signal.pipeline)


def test_without_models_the_pipeline_stands_alone():
    page = render_brief(a_brief(signal=made_up_signal(models=None, judged=())))
    assert 'id="pipeline-table"' in page
    assert 'id="models-table"' not in page
    assert 'id="pipeline-table"' not in render_brief(a_brief())
    assert 'id="pipeline-table"' not in render_brief(
        a_brief(signal=made_up_signal()), "en", "weekly"
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_page_one_names_the_channel_that_moves_most_against_a_disagreement(lang):
    advice, signal = made_up(), made_up_signal()
    table = advice.table.set_index("channel")
    moved = (table["recommended"] - table["current"]).abs()
    verdict = signal.models.set_index("channel")["verdict"]
    against = [name for name in moved.index if verdict[name] == "disagree"]
    assert against
    said = disagreement(signal, advice)
    assert said.facts["channel"] == moved[against].idxmax()
    assert HEAD[lang] in said.sentence(lang)
    front = render_brief(a_brief(signal=signal, budget=advice), lang).split('class="front"')[1]
    assert front.split("</div>\n")[0]
    assert str(said.facts["channel"]) in front


@pytest.mark.parametrize(("lang", "unsure"), [("en", "not sure"), ("it", "non è sicura")])
def test_page_one_is_sure_of_a_figure_that_an_experiment_backs(lang, unsure):
    signal = made_up_signal()
    tested = replace(signal, models=signal.models.assign(grade="experiment"))
    assert unsure in disagreement(signal, made_up()).sentence(lang)
    assert unsure not in disagreement(tested, made_up()).sentence(lang)
    low = tested.models["plan"] / 10
    apart = tested.models.assign(experiment=low, experiment_lower=low, experiment_upper=2 * low)
    against = disagreement(replace(signal, models=apart), made_up())
    assert against.metric == "together.disagrees_beside"
    assert against.sentence(lang).endswith(
        "before it is tested again." if lang == "en" else "finché il test non è ripetuto."
    )


def test_what_the_answer_moves_and_which_tests_pay():
    for stance in ("move", "half"):
        advice = made_up(stance=stance, pilots=pilots())
        assert moved_by(advice) == dict.fromkeys(advice.table["channel"], stance)
        assert pay_off(advice) == {"Fairs": True, "Radio": False}
    still = replace(advice, table=advice.table.assign(recommended=advice.table["current"]))
    for unmoved in (made_up(stance="test"), still, None):
        assert moved_by(unmoved) == {}
    assert pay_off(made_up(pilots=pilots((False, False)))) == dict.fromkeys(
        advice.table["channel"], False
    )
    assert pay_off(made_up()) == pay_off(None) == {}


def test_page_one_is_silent_where_they_agree_or_nothing_moves():
    advice, signal = made_up(), made_up_signal()
    agreed = replace(signal, models=signal.models.assign(verdict="agree"))
    still = replace(advice, table=advice.table.assign(recommended=advice.table["current"]))
    for one, other in ((agreed, advice), (signal, still), (None, advice), (signal, None)):
        assert disagreement(one, other) is None
    assert disagreement(made_up_signal(models=None), advice) is None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_format_has_the_same_figures(lang):
    signal = made_up_signal()
    (part,) = [one for one in parts_of(a_brief(signal=signal), lang) if one.name == "together"]
    pipeline, models = part.tables
    np.testing.assert_allclose([row[1] for row in pipeline.rows], signal.pipeline["won"])
    plan = [one.name for one in models.columns].index("plan")
    np.testing.assert_allclose(
        [row[plan] for row in models.rows[:-1]], signal.models["plan"].iloc[:-1]
    )
    assert len(part.sentences) == len(signal.judged)
    assert pd.notna(models.rows[0][0])
