"""Triangulation: three figures a channel, whether they agree, and the one to plan on."""

from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mmm import build_journeys, datasets
from mmm.attribution import linear
from mmm.errors import InputError
from mmm.signal import reasons_why, triangulate

matplotlib.use("Agg")
NAMES = ["Ads", "Fairs", "Partner"]


def credit(values=(60.0, 40.0, 20.0), reach=0.02, n_deals=(90.0, 60.0, 30.0)):
    values = np.array([*values, 10.0])
    share = values / values.sum()
    return pd.DataFrame(
        {"channel": [*NAMES, "(unattributed)"], "credit": values, "share": share,
         "lower": share - reach, "upper": share + reach, "n_deals": [*n_deals, 5.0]}
    )  # fmt: skip


def mix(values=(55.0, 38.0, 22.0), reach=5.0, identified=("data", "data", "data")):
    values = np.array([*values, sum(values)])
    return pd.DataFrame(
        {"channel": [*NAMES, "(media)"], "spend": [10.0, 10.0, 5.0, 25.0], "contribution": values,
         "contribution_lower": values - reach, "contribution_upper": values + reach,
         "identified": [*identified, ""]}
    )  # fmt: skip


def hints(**columns):
    base = {"captures": False, "late": False, "unseen": False, "collinearity": 0.0}
    return pd.DataFrame({"channel": NAMES, **base, **columns})


def row(table, channel="Ads"):
    return table.set_index("channel").loc[channel]


def test_both_sides_add_up_to_the_outcome():
    found = triangulate(credit(), mix())
    table = found.table
    assert table["channel"].iloc[-1] == "(baseline)"
    assert table["attributed"].sum() == pytest.approx(found.total) == pytest.approx(130.0)
    assert table["incremental"].sum() == pytest.approx(130.0)
    assert row(table, "(baseline)")["incremental"] == pytest.approx(130.0 - 115.0)


def test_figures_within_their_errors_agree_and_rest_on_the_mix():
    table = triangulate(credit(), mix()).table
    assert (table["verdict"].iloc[:3] == "agree").all()
    assert (table["grade"].iloc[:3] == "mix").all()
    assert table["plan"].iloc[:3].tolist() == [55.0, 38.0, 22.0]


@pytest.mark.parametrize(
    ("brought", "told", "n_deals", "reason"),
    [
        (20.0, {"captures": [True, False, False]}, 90.0, "demand_capture"),
        (20.0, {}, 90.0, "would_have_come"),
        (20.0, {}, 9.0, "few_deals"),
        (20.0, {"collinearity": 0.95}, 90.0, "collinear"),
        (110.0, {"late": [True, False, False]}, 90.0, "long_lag"),
        (110.0, {"unseen": [True, False, False]}, 90.0, "unseen_touches"),
        (110.0, {}, 90.0, "unexplained"),
    ],
)
def test_a_difference_has_the_reason_that_the_data_suggest(brought, told, n_deals, reason):
    found = triangulate(
        credit(n_deals=(n_deals, 60.0, 30.0)), mix((brought, 38.0, 22.0)), hints=hints(**told)
    )
    ads = row(found.table)
    assert (ads["verdict"], ads["reason"], ads["grade"]) == ("disagree", reason, "weak")
    first = found.findings()[0]
    for lang in ("en", "it"):
        assert first.facts["channel"] == "Ads"
        assert "Ads" in first.sentence(lang)


@pytest.mark.parametrize(("lang", "still", "half", "test", "none"), [
    ("en", "do not move", "only half", "Until it is tested", "no test of it would pay"),
    ("it", "non spostate", "solo metà", "Finché non è testato", "nessun test su questo canale"),
])  # fmt: skip
def test_what_is_said_of_a_disagreement_hangs_on_what_is_done(lang, still, half, test, none):
    found = triangulate(credit(), mix((20.0, 38.0, 22.0)))

    def said(*given):
        return found.findings(*given)[0].sentence(lang)

    assert row(found.table)["verdict"] == "disagree"
    assert still in said()
    assert test in said()
    assert none not in said()
    moved = said({"Ads": "half"}, {"Ads": True})
    assert half in moved
    assert test in moved
    assert still not in moved
    for step in ("move", "half"):
        bare = said({"Ads": step}, {"Ads": False})
        assert (half in bare) == (step == "half")
        assert none in bare
        assert test not in bare
        assert still not in bare
    assert said({"Fairs": "half"}, {"Fairs": False}) == said()


@pytest.mark.parametrize(("lang", "still", "why", "backed"), [
    ("en", "do not move", "do not suggest why", "which an experiment backs"),
    ("it", "non spostate", "non ne suggeriscono", "sostenuta da un esperimento"),
])  # fmt: skip
def test_an_experiment_ends_the_warning_and_the_search_for_a_reason(lang, still, why, backed):
    tests = pd.DataFrame({"channel": ["Ads"], "lift": [90.0], "standard_error": [2.0]})
    for given, settled in ((None, False), (tests, True)):
        found = triangulate(credit(), mix((95.0, 38.0, 22.0)), given)
        assert row(found.table)["reason"] == "unexplained"
        said = found.findings()[0].sentence(lang)
        assert [still in said, why in said, backed in said] == [not settled, not settled, settled]


@pytest.mark.parametrize(("lang", "backed", "credit_wrong", "again"), [
    ("en", "an experiment backs", "contradicts the credit", "test again before"),
    ("it", "sostenuta da un esperimento", "contraddice il credito", "ripetete il test"),
])  # fmt: skip
@pytest.mark.parametrize(
    ("lift", "plan", "true"),
    [(60.0, 60.0, (True, False, False)), (30.0, 30.0, (True, True, False)),
     (30.0, 80.0, (False, False, True))],
)  # fmt: skip
def test_an_experiment_backs_no_figure_that_it_contradicts(
    lang, backed, credit_wrong, again, lift, plan, true
):
    tests = pd.DataFrame({"channel": ["Ads"], "lift": [lift], "standard_error": [2.0]})
    found = triangulate(credit(), mix(reach=5.0), tests)  # the credit of Ads is 60
    table = found.table.copy()
    table.loc[table["channel"] == "Ads", "plan"] = plan  # as of a mix that has taken it in
    found = replace(found, table=table)
    (said,) = [one.sentence(lang) for one in found.findings() if one.facts["channel"] == "Ads"]
    assert tuple(words in said for words in (backed, credit_wrong, again)) == true


def test_wide_errors_cannot_tell():
    table = triangulate(credit(), mix(reach=80.0)).table
    assert (table["verdict"].iloc[:3] == "cannot tell").all()
    assert row(table)["reason"] == "noise"


def test_an_experiment_is_what_to_plan_on():
    tests = pd.DataFrame({"channel": ["Ads"], "lift": [30.0], "standard_error": [2.0]})
    ads = row(triangulate(credit(), mix(reach=5.0), tests).table)
    assert ads["grade"] == "experiment"
    assert ads["plan"] == 30.0  # the mix is far off, and is left out
    near = row(triangulate(credit(), mix((32.0, 38.0, 22.0)), tests).table)
    assert 30.0 < near["plan"] < 32.0
    assert near["plan_upper"] - near["plan_lower"] < 2 * 1.645 * 2.0


def test_experiments_by_return_are_scaled_to_the_spend():
    tests = pd.DataFrame({"channel": ["Ads", "Ads"], "roas": [3.0, 5.0], "roas_error": [1.0, 1.0]})
    ads = row(triangulate(credit(), mix(), tests).table)
    assert ads["experiment"] == pytest.approx(40.0)
    assert ads["experiment_upper"] - ads["experiment"] == pytest.approx(1.6449 * 10 / 2**0.5, 1e-3)
    with pytest.raises(InputError, match="hold the spend"):
        triangulate(credit(), None, tests)


def test_credit_alone_is_planned_on_in_part():
    table = triangulate(credit()).table
    assert (table["grade"].iloc[:3] == "credit").all()
    np.testing.assert_allclose(table["plan"].iloc[:3], table["attributed"].iloc[:3] / 3)
    assert (table["plan_upper"].iloc[:3] < table["attributed"].iloc[:3]).all()


def test_a_mix_that_rests_on_its_prior_is_weak():
    table = triangulate(credit(), mix(identified=("prior", "data", "data"))).table
    assert row(table)["grade"] == "weak"


def test_two_answers_that_differ_are_pooled_with_their_difference():
    ads = row(triangulate(credit(), mix((200.0, 38.0, 22.0))).table)
    assert ads["verdict"] == "disagree"
    assert 20.0 < ads["plan"] < 200.0
    assert ads["plan_lower"] < 20.0
    assert ads["plan_upper"] > 200.0
    near = row(triangulate(credit(), mix(identified=("prior", "data", "data"))).table)
    assert 20.0 < near["plan"] < 55.0


def test_a_frame_that_lacks_a_column_is_refused():
    with pytest.raises(InputError, match="attributed lacks 'credit'"):
        triangulate(pd.DataFrame({"channel": ["Ads"]}))


def test_a_channel_called_as_the_last_row_is_refused():
    named = {"Fairs": "(baseline)"}
    for given in ((credit().replace(named), mix()), (credit(), mix().replace(named))):
        with pytest.raises(InputError, match=r"called '[(]baseline.*Rename it"):
            triangulate(*given)


@pytest.mark.filterwarnings("ignore::mmm.errors.DataWarning")
def test_hints_come_from_the_journeys_and_the_spend():
    touches, deals = datasets.load("touches"), datasets.load("deals")
    journeys = build_journeys(touches, deals)
    spend = pd.DataFrame({"Display": [1.0, 2.0, 3.0, 4.0], "Partner": [2.0, 4.0, 6.0, 8.1],
                          "Events": [5.0, 0.0, 5.0, 0.0]})  # fmt: skip
    told = reasons_why(journeys, spend).set_index("channel")
    assert told.loc["Display", "collinearity"] > 0.99 > told.loc["Events", "collinearity"]
    assert told.loc["Direct", "captures"]
    found = triangulate(linear(journeys).to_frame(), hints=told.reset_index())
    assert found.table["attributed"].sum() == pytest.approx(float(journeys.total_value))
    ax = found.plot()
    assert len(ax.get_yticklabels()) == len(found.table)
