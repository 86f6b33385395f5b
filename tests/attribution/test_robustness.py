"""The robustness audit: one choice otherwise at a time, from the tables."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mmm import build_journeys, datasets
from mmm.attribution import Variation, linear, markov, robustness
from mmm.attribution.robustness import _Tables, added_up, default_variations, merge_labels
from mmm.errors import ConfigError
from mmm.journeys import Journeys


@pytest.fixture(scope="module")
def tables():
    return {name: datasets.load(name) for name in ("touches", "deals", "leads", "contacts")}


@pytest.fixture(scope="module")
def audit(tables):
    return robustness(**tables, by="account")


def small(**columns):
    """Three contacts of one deal, two of them within a minute and three on one day."""
    touches = pd.DataFrame(
        {
            "person_id": ["p1"] * 4,
            "channel": ["Email", "Email", "Email", "Events"],
            "touched_at": [
                "2024-02-20T10:00:05", "2024-02-20T10:00:40", "2024-02-20T15:00:00", "2024-02-21",
            ],
        }
    ).assign(**columns)  # fmt: skip
    deals = pd.DataFrame(
        {
            "deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-03-01"],
            "closed_at": ["2024-06-01"], "won": [True], "value": ["1000.00"],
        }
    )  # fmt: skip
    return touches, deals


def shares(audit, name):
    frame = audit.to_frame()
    rows = frame[frame["variation"] == name]
    return dict(zip(rows["channel"], rows["share"], strict=True))


@pytest.mark.filterwarnings("ignore:touches span")
def test_repeats_by_hand():
    variations = [Variation("keep", repeats="keep"), Variation("day", repeats="day")]
    audit = robustness(*small(), model="linear", variations=variations)
    assert dict(zip(audit.channels, audit.base_share, strict=True)) == pytest.approx(
        {"Email": 2 / 3, "Events": 1 / 3}
    )
    assert shares(audit, "keep") == pytest.approx({"Email": 3 / 4, "Events": 1 / 4})
    assert shares(audit, "day") == pytest.approx({"Email": 1 / 2, "Events": 1 / 2})


@pytest.mark.filterwarnings("ignore:touches span")
def test_finer_groups_are_added_up_and_linear_does_not_care():
    touches, deals = small(campaign=["x", "y", "y", "z"])
    variation = Variation("finer", within="campaign")
    counted = robustness(touches, deals, model="shapley", variations=[variation])
    assert shares(counted, "finer") == pytest.approx({"Email": 2 / 3, "Events": 1 / 3})
    assert counted.base_share == pytest.approx([1 / 2, 1 / 2])
    spread = touches.assign(touched_at=["2024-02-20", "2024-02-21", "2024-02-22", "2024-02-23"])
    same = robustness(spread, deals, model="linear", variations=[variation])
    assert same.change == pytest.approx(np.zeros((1, 2)))


def test_every_default_variation_is_what_it_says(tables, audit):
    assert audit.notes == ()
    assert audit.variations == (
        "lookback_short", "lookback_long", "by_person", "sharing_all_open", "duplicates_kept",
        "duplicates_daily", "grouping", "order_2", "order_3",
    )  # fmt: skip
    base = build_journeys(**tables, by="account")
    by_hand = {
        "lookback_long": markov(build_journeys(**tables, by="account", lookback_days=360)),
        "by_person": markov(build_journeys(**tables, by="person")),
        "order_2": markov(base, order=2),
    }
    for name, result in by_hand.items():
        told = shares(audit, name)
        assert [told[c] for c in result.channels] == pytest.approx(result.share, abs=1e-12)
    assert audit.base_share[: len(base.channels)] == pytest.approx(markov(base).share)
    np.testing.assert_allclose(audit.share.sum(axis=1), 1)


def test_what_leaves_the_interval_is_marked(audit):
    frame = audit.to_frame()
    np.testing.assert_allclose(frame["share"] - frame["base"], frame["change"])
    outside = (frame["share"] < frame["lower"]) | (frame["share"] > frame["upper"])
    assert (outside == frame["beyond"]).all()
    assert frame["beyond"].any()
    assert not frame["beyond"].all()
    assert not frame.loc[frame["channel"] == "(unattributed)", "beyond"].any()


def test_the_sentence_tells_the_largest_change(audit):
    frame = audit.to_frame()
    known = frame[frame["channel"] != "(unattributed)"]
    worst = known.loc[known["change"].abs().idxmax()]
    finding = audit.finding()
    assert finding.value == worst["share"]
    assert finding.facts["channel"] == worst["channel"]
    n_moved = frame.groupby("variation")["beyond"].any().sum()
    assert finding.sentence().startswith(f"{n_moved} of 9 other choices ")
    assert "(gruppi più fini, poi sommati)" in finding.sentence("it")


def test_models_have_choices_of_their_own(tables):
    read = _Tables(tables["touches"], tables["deals"], None, {})
    names = [variation.name for variation in default_variations("position_based", read)]
    assert names[-4:] == ["shape_w", "shape_full_path", "shape_j", "shape_inverse_j"]
    # None of ours: a function may be anything.
    own = [variation.name for variation in default_variations(markov, read)]
    assert own == ["lookback_short", "lookback_long", "by_account", "sharing_all_open",
                   "duplicates_kept", "duplicates_daily", "grouping"]  # fmt: skip
    asked = default_variations("time_decay", read)[-2:]
    decay = robustness(**tables, by="account", model="time_decay", variations=asked)
    assert shares(decay, "half_life_short")["Direct"] > shares(decay, "half_life_long")["Direct"]


@pytest.mark.filterwarnings("ignore:touches span")
def test_what_cannot_be_run_is_said():
    touches, deals = small()
    audit = robustness(
        touches,
        deals,
        model="linear",
        variations=[
            Variation("by colour", {"dimension": "colour"}),
            Variation("longer", {"lookback_days": 400}),
        ],
    )
    assert audit.variations == ("longer",)
    assert audit.notes[0].startswith("by colour could not be run: dimension='colour'")
    assert audit.notes[1].startswith("longer: touches span")
    none = robustness(touches, deals, model="linear", variations=[])
    assert none.to_frame().empty
    assert none.finding().sentence().startswith("There is nothing to compare")


def test_warnings_of_a_variation_become_notes_and_do_not_escape(tables):
    asked = [Variation("no nulls", model=partial(markov, include_nulls=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audit = robustness(**tables, by="account", variations=asked)
    assert audit.variations == ("no nulls",)


def test_a_stable_answer_is_called_stable(tables):
    nearly = Variation("lookback_long", {"lookback_days": 200})
    audit = robustness(**tables, by="account", variations=[nearly])
    assert not audit.beyond.any()
    assert np.abs(audit.change).max() > 0.0005
    assert audit.finding().sentence().startswith("Of 1 other choice none moves a channel")


def test_without_touches_the_choices_that_need_them_are_left_out(tables):
    read = _Tables(None, tables["deals"], tables["leads"], {})
    names = {variation.name for variation in default_variations("linear", read)}
    assert not names & {"duplicates_kept", "duplicates_daily", "grouping"}
    asked = [Variation("keep", repeats="keep")]
    told = robustness(
        None, tables["deals"], leads=tables["leads"], model="linear", variations=asked
    )
    assert "no log of touches" in told.notes[0]


def test_mistakes_are_named(tables):
    with pytest.raises(ConfigError, match="Choose from 'first_touch'"):
        robustness(tables["touches"], tables["deals"], model="shapely")
    with pytest.raises(ConfigError, match="minute, keep, day"):
        Variation("mine", repeats="hour")


def test_split_labels_become_one_again():
    journeys = Journeys.from_paths([["b", "a\x1f1", "a"], ["a\x1f2"]])
    merged = merge_labels(journeys)
    assert merged.channels == ("a", "b")
    assert list(merged.paths()) == [("b", "a", "a"), ("a",)]
    assert added_up(linear(journeys)) == pytest.approx(
        {"a": 5 / 6, "b": 1 / 6, "(unattributed)": 0}
    )


@pytest.mark.filterwarnings("ignore:touches span")
def test_an_answer_without_an_interval_is_not_called_stable():
    """One deal has no sampling interval, so nothing can be inside of it."""
    audit = robustness(*small(), model="linear", variations=[Variation("day", repeats="day")])
    told = audit.finding()
    assert not audit.beyond.any()
    assert told.sentence("en").startswith("There is no sampling interval to hold 1 other choice")
    assert told.sentence("it").startswith("Manca un intervallo di campionamento")


@pytest.mark.filterwarnings("ignore:touches span")
def test_no_change_is_not_reported_as_the_largest_one():
    same = [Variation("lookback_long", {"lookback_days": 360})]
    told = robustness(*small(), model="linear", variations=same).finding()
    assert told.sentence("en").startswith("None of the other choices (1) changes a share.")
    assert told.sentence("it").startswith(
        "Nessuna delle altre scelte provate (1) cambia una quota."
    )
