"""What shares rest on, and which channels count demand that others made."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import Lift, calibrate, evidence, linear
from mmm.attribution.evidence import capture_kind, last_after_others
from mmm.errors import ConfigError
from mmm.journeys import Journeys

SALE = ["Events > Email > Direct"] * 30 + ["Direct > Email > Events"] * 3 + ["Email"] * 20


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Brand search", "brand_search"),
        ("Paid search - brand", "brand_search"),
        ("google_brand", "brand_search"),
        ("Ricerca brand", "brand_search"),
        ("Ricerca marchio", "brand_search"),
        ("Non-brand search", ""),
        ("Non brand", ""),
        ("Brand awareness video", ""),
        ("Direct", "direct"),
        ("(direct)", "direct"),
        ("Accesso diretto", "direct"),
        ("Traffico diretto", "direct"),
        ("Direct mail", ""),
        ("Retargeting", "retargeting"),
        ("Display remarketing", "retargeting"),
        ("Re-marketing", "retargeting"),
        ("Organic search", "search"),
        ("Ricerca a pagamento", "search"),
        ("SEO", "search"),
        ("Research report", ""),
        ("Email", ""),
        ("Fiere", ""),
        ("", ""),
    ],
)
def test_names_in_both_languages(name, kind):
    assert capture_kind(name) == kind


def test_last_after_others_by_hand():
    journeys = Journeys.from_paths(
        ["a > b", "b > b > a > b", "b", "a > b"], conversions=[1, 2, 5, 0], nulls=[0, 0, 0, 7]
    )
    comes_last, expected, effective = last_after_others(journeys)
    np.testing.assert_allclose(comes_last, [0, 1])
    np.testing.assert_allclose(expected, [(0.5 + 2 * 0.25) / 3, (0.5 + 2 * 0.75) / 3])
    np.testing.assert_allclose(effective, [3, 3])


def test_a_channel_that_comes_last_is_flagged_whatever_its_name():
    told = evidence(Journeys.from_paths([path.replace("Direct", "X") for path in SALE]))
    frame = told.to_frame().set_index("channel")
    assert frame["by_data"].to_dict() == {"Email": False, "Events": False, "X": True}
    assert frame.loc["X", "lower"] > frame.loc["X", "expected"]
    said = told.findings()
    assert [finding.metric for finding in said] == ["evidence.none", "evidence.comes_last"]
    assert (
        said[1]
        .sentence()
        .endswith(
            "in 91% of its deals (between 79% and 96%); in random order it would be in 33%. "
            "It may count demand that others made; a hold-out would tell."
        )
    )


def test_order_by_chance_is_rarely_flagged():
    rng = np.random.default_rng(1)
    flags = 0
    for _ in range(100):
        paths = [" > ".join(rng.permutation(list("abcd"))) for _ in range(60)]
        flags += int(evidence(Journeys.from_paths(paths)).by_data.sum())
    assert flags <= 40  # of 400; the one-sided error of a 90% interval is 5%


def test_few_deals_do_not_flag():
    assert not evidence(Journeys.from_paths(["a > b"] * 4)).by_data.any()
    nothing = evidence(Journeys.from_paths(["a > b"], conversions=[0], nulls=[1]))
    assert not nothing.by_data.any()
    assert np.isnan(nothing.comes_last).all()


def test_deals_of_one_account_count_as_one():
    journeys = Journeys.from_paths(["a > b"] * 30)
    assert evidence(journeys).by_data.tolist() == [False, True]
    same = replace(journeys, cluster=np.zeros(30, dtype=np.int64))
    assert not evidence(same).by_data.any()


def test_grades_follow_the_experiments():
    journeys = Journeys.from_paths(SALE)
    assert set(evidence(journeys).grade) == {"correlational"}
    calibration = calibrate(linear(journeys), {"Direct": Lift(1.0, 1.0)})
    told = evidence(journeys, calibration=calibration)
    assert dict(zip(told.channels, told.grade, strict=True)) == {
        "Direct": "experiment", "Email": "calibrated", "Events": "calibrated",
    }  # fmt: skip
    said = [finding.sentence("it") for finding in told.findings()]
    assert said[0].startswith("Messi alla prova con un esperimento: Accesso diretto.")
    assert said[1].endswith("vale l’effetto misurato dall’esperimento, non queste quote.")
    with pytest.raises(ConfigError, match="Calibrate a result of these journeys"):
        evidence(Journeys.from_paths(["a"]), calibration=calibration)


def test_all_tested():
    journeys = Journeys.from_paths(["a > b"] * 20)
    both = calibrate(linear(journeys), {"a": Lift(5.0, 1.0), "b": Lift(5.0, 1.0)})
    assert evidence(journeys, calibration=both).findings()[0].sentence() == (
        "Every channel was tested by an experiment."
    )


@given(name=st.text(max_size=30))
def test_any_name_has_an_answer_that_ignores_case_and_spaces(name):
    kind = capture_kind(name)
    assert kind in {"", "brand_search", "direct", "retargeting", "search"}
    assert capture_kind(f"  {name} ") == kind
    assert capture_kind(name.casefold()) == kind
