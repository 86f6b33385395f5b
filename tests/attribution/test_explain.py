"""Where models disagree, beyond noise, and why."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import compare, explain, first_touch, last_touch, linear, markov, shapley
from mmm.attribution.compare import MODELS
from mmm.attribution.differences import joint_covariance, spread_of_differences
from mmm.attribution.explain import LOOKS_AT
from mmm.attribution.measure import measured
from mmm.errors import InputError
from mmm.journeys import Journeys, Unattributed
from mmm.wording import entries

BOTH = ("first_touch", "last_touch")


def difference_errors(results, journeys, of):
    return np.sqrt(spread_of_differences(joint_covariance(results, journeys, of)))


def found(paths, models=BOTH, **weights):
    journeys = Journeys.from_paths(paths, **weights)
    return {item.channel: item for item in explain(compare(journeys, models=models)).items}


def test_the_sentence_in_both_languages():
    items = found(["Events > Email"] * 40 + ["Email"] * 40)
    events = items["Events"]
    assert (events.low_model, events.high_model, events.reason) == (*BOTH[::-1], "early")
    assert events.finding().sentence() == (
        "Events influenced 50% ± 10 of won deals; last touch shows 0% and first touch 50%, "
        "because it comes early. It is the first contact of 50% and the last of 0%."
    )
    assert events.finding().sentence("it") == (
        "Il canale Fiere ed eventi compare nel 50% ± 10 dei contratti vinti; il modello «ultimo "
        "contatto» gli assegna lo 0% e «primo contatto» il 50%, perché arriva presto. È il primo "
        "contatto nel 50% e l’ultimo nello 0% del totale vinto."
    )


def test_each_reason_comes_from_the_data():
    assert found(["a > b"] * 40 + ["b"] * 40)["b"].reason == "late"
    three = found(["a > b > c"] * 40 + ["a > c"] * 40, models=("first_touch", "linear"))
    assert (three["a"].reason, three["b"].reason, three["c"].reason) == (
        "early", "middle", "late",
    )  # fmt: skip
    around = found(["a > b > b > b > a"] * 60 + ["c"] * 30, models=("position_based", "linear"))
    assert (around["a"].reason, around["b"].reason) == ("ends", "middle")
    often = found(["a > a > a > b"] * 60 + ["c"] * 20, models=("linear", "shapley"))
    assert (often["a"].reason, often["b"].reason) == ("often", "seldom")
    few = found(["a > b"] * 3 + ["b > a"] * 90 + ["c > b"] * 4, models=BOTH)
    assert few["c"].reason == "few"
    assert few["c"].finding().sentence().endswith("that a single one moves these figures.")


def test_alone_and_beside_others():
    paths, won = ["a"] * 50 + ["b > c > d"] * 50, [1] * 100
    nulls = ["b"] * 40 + ["a"] * 2
    items = found(
        paths + nulls, ("markov", "shapley"), conversions=won + [0] * 42, nulls=[0] * 100 + [1] * 42
    )
    assert items["a"].reason == "alone"
    assert items["c"].reason == "others"
    assert items["a"].alone == 1.0
    assert items["c"].n_channels == 3.0


def test_noise_is_not_told_as_disagreement():
    rng = np.random.default_rng(0)
    paths = [" > ".join(rng.permutation(list("abc"))) for _ in range(40)]
    told = explain(compare(Journeys.from_paths(paths), models=BOTH))
    assert told.items == ()
    assert told.notes == ("Channels on which the models differ by no more than noise: 3 of 3.",)
    assert told.to_frame().empty
    assert "reason" in told.to_frame()


def test_false_alarms_are_within_the_level():
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        flips = rng.random(60) < 0.5
        paths = ["a > b" if flip else "b > a" for flip in flips]
        alarms += bool(explain(compare(Journeys.from_paths(paths), models=BOTH)).items)
    assert 5 <= alarms <= 38  # a level of 90%: about 20


def test_deals_of_very_unequal_value_raise_no_more_alarms():
    rng = np.random.default_rng(4)
    alarms, n_repeats = 0, 100
    for _ in range(n_repeats):
        paths = [" > ".join(rng.permutation(list("abcd"))) for _ in range(80)]
        journeys = Journeys.from_paths(paths, value=rng.lognormal(8, 1, 80))
        alarms += len(explain(compare(journeys, models=(*BOTH, "linear"))).items)
    assert alarms / (4 * n_repeats) < 0.12  # a level of 90%; 14% on the plain scale


def test_where_nothing_varies_few_equal_deals_prove_nothing():
    two_thirds = ["a > b > c", "b > a > c"] * 2
    assert found(two_thirds, models=("linear", "shapley")) == {}
    assert found(["a > b > b"] * 4, models=("linear", "shapley")) == {}
    told = found(["a > b > b"] * 40, models=("linear", "shapley"))
    assert {name: item.reason for name, item in told.items()} == {"a": "seldom", "b": "often"}


def test_the_error_of_a_difference_matches_a_bootstrap(company):
    rng = np.random.default_rng(8)
    journeys = company.draw(rng, 400)
    models = [first_touch, linear, markov]
    told = difference_errors([m(journeys) for m in models], journeys, measured(journeys, None))
    draws = []
    for _ in range(250):
        times = rng.poisson(1.0, len(journeys)).astype(float)
        again = replace(
            journeys,
            conversions=journeys.conversions * times,
            value=journeys.value * times,
            nulls=journeys.nulls * times,
        )
        draws.append([m(again).share for m in models])
    draws = np.array(draws)
    for one, two in ((0, 1), (0, 2), (1, 2)):
        sampled = (draws[:, one] - draws[:, two]).std(axis=0)
        np.testing.assert_allclose(told[one, two], sampled, rtol=0.25)
    assert (told[0, 0] < 1e-9).all()


def test_clusters_widen_the_noise(company):
    journeys = company.draw(np.random.default_rng(9), 300)
    of = measured(journeys, None)
    grouped = replace(journeys, cluster=np.arange(300) // 30)
    alone, together = (
        difference_errors([first_touch(j), last_touch(j)], j, of)[0, 1] for j in (journeys, grouped)
    )
    assert not np.allclose(alone, together)


def test_models_run_on_other_journeys_are_refused():
    one = compare(Journeys.from_paths(["a > b"] * 9), models=BOTH)
    with pytest.raises(InputError, match="on other journeys"):
        explain(one, Journeys.from_paths(["a > b"] * 8))
    bare = replace(one.results[0], sampling=None)
    with pytest.raises(InputError, match="Leave it out of compare"):
        explain(replace(one, results=(bare, one.results[1])))


@pytest.mark.parametrize("paths", [["a > b"], ["a"]])
def test_bad_input_11_without_an_interval_nothing_is_told(paths):
    told = compare(Journeys.from_paths(paths), models=BOTH).explain()
    assert told.items == ()
    assert "one conversion" in told.notes[0]
    single = compare(Journeys.from_paths(["a > b"] * 9), models=["linear"]).explain()
    assert single.notes == ("One model has nothing to disagree with.",)


def test_nulls_left_out_by_one_model_do_not_count_against_it():
    journeys = Journeys.from_paths(
        ["a > b"] * 30 + ["b"] * 30, conversions=[1] * 30 + [0] * 30, nulls=[0] * 30 + [1] * 30
    )
    own = markov(journeys, include_nulls=False)
    of = measured(journeys, None)
    told = difference_errors([own, shapley(journeys)], journeys, of)
    assert (told[0, 1] < 1e-6).all()  # both are 50:50 whatever is drawn


def test_unattributed_deals_and_every_model():
    journeys = replace(
        Journeys.from_paths(["a > b"] * 40 + ["b > c > a"] * 40 + ["c"] * 9, nulls=[1] * 89),
        unattributed=Unattributed(5, 0.0),
    )
    rules = [m for m in MODELS if m not in ("time_decay",) and "position_based_" not in m]
    items = explain(compare(journeys, models=[*rules, "position_based_j"])).items
    assert items
    assert all(item.high - item.low > item.noise > 0 for item in items)
    assert {item.reason for item in items} <= {
        key.partition(".")[2] for key in entries() if key.startswith("differs.")
    }
    assert set(LOOKS_AT) - {"position_based_own"} <= set(MODELS)


PATHS = st.lists(
    st.tuples(st.sampled_from(["a > b", "b > a > c", "c", "a", "b > b > c"]), st.booleans()),
    min_size=25,
    max_size=60,
)


@given(rows=PATHS, seed=st.integers(0, 99))
def test_order_of_journeys_and_aggregation_change_nothing(rows, seed):
    paths, won = [path for path, _ in rows], np.array([w for _, w in rows], dtype=float)
    order = np.random.default_rng(seed).permutation(len(rows))
    forms = [
        Journeys.from_paths(paths, won, nulls=1 - won),
        Journeys.from_paths([paths[i] for i in order], won[order], nulls=1 - won[order]),
        Journeys.from_paths(paths, won, nulls=1 - won, merge=True),
    ]
    told = [
        explain(compare(form, models=("first_touch", "last_touch", "linear", "shapley")))
        for form in forms
    ]
    for form, other in zip(forms[1:], told[1:], strict=True):
        mine = {item.channel: item for item in told[0].items}
        theirs = {item.channel: item for item in other.items}
        assert mine.keys() == theirs.keys(), form
        for channel, item in mine.items():
            assert item.influenced == pytest.approx(theirs[channel].influenced)
            assert item.high - item.low == pytest.approx(theirs[channel].high - theirs[channel].low)
