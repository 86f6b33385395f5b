"""Who is said to have earned most."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmm.report.findings import _costs, _part_of_spend, _unattributed, leader


def result(**shares):
    """Return a result of one model in which each channel has a share of 1,000."""
    frame = pd.DataFrame({"channel": list(shares), "share": list(shares.values())})
    frame = frame.assign(
        model="markov", credit=1000 * frame["share"], lower=frame["share"], upper=frame["share"]
    )
    value = SimpleNamespace(to_frame=lambda: frame, results=[SimpleNamespace(level=0.9)])
    return SimpleNamespace(value=value, deals=None)


@pytest.mark.parametrize(
    ("unmatched", "said"), [(0.1, False), (0.3, False), (0.5, True), (0.9, True)]
)
def test_sources_without_a_name_do_not_lead_and_are_asked_for_where_they_weigh_more(
    unmatched, said
):
    shares = {"(unmatched)": unmatched, "Events": 0.7 * (1 - unmatched)}
    shares["Email"] = 1 - sum(shares.values())
    (found,) = leader(result(**shares), "markov", "EUR")
    assert found.facts["channel"] == "Events"
    assert ("name them under [channels]" in found.sentence("en")) == said
    assert ("sotto [channels]" in found.sentence("it")) == said


def test_where_nothing_has_a_name_that_is_what_is_said():
    (found,) = leader(result(**{"(unmatched)": 0.8, "(unattributed)": 0.2}), "markov", "EUR")
    assert found.facts["channel"] == "(unmatched)"


@pytest.mark.parametrize(("begins", "said"), [(date(2024, 1, 1), 1), (date(2025, 1, 1), 0)])
def test_no_channel_is_the_cheapest_where_spend_of_a_file_is_not_all_there(begins, said):
    lines = {"channel": ["Email", "Events"], "media": [9, 90], "customers": [3, 3], "cac": [3, 30]}
    spend = pd.DataFrame()
    end = date(2025, 12, 31)
    spend.attrs["spans"] = {"ads.csv": (date(2024, 1, 1), end), "plan.xlsx": (begins, end)}
    found = SimpleNamespace(
        economics=pd.DataFrame(lines),
        spend_period=(date(2024, 1, 1), end),
        tables={"spend": spend},
        budget=None,
    )
    assert len(list(_costs(found, "EUR"))) == said
    limits = list(_part_of_spend(found))
    assert len(limits) == 1 - said
    for lang, words in (("en", "look cheaper"), ("it", "costare meno del vero")):
        assert all(words in one.sentence(lang) for one in limits)


@pytest.mark.parametrize(
    ("top", "second", "said"),
    [
        ((0.5, 0.4, 0.6), (0.45, 0.35, 0.55), "too close behind"),
        ((0.81, 0.0, 1.0), (0.002, 0.0, 1.0), "too few data"),
        ((0.6, 0.4, 0.8), (0.1, 0.0, 0.45), "too few data"),
        ((0.6, 0.5, 0.7), (0.3, 0.2, 0.4), None),
    ],
)
def test_a_channel_far_behind_is_not_called_close(top, second, said):
    found = result(Events=top[0], Email=second[0])
    frame = found.value.to_frame()
    frame[["lower", "upper"]] = [top[1:], second[1:]]
    (first,) = leader(found, "markov", "EUR")
    told = [words for words in ("too close behind", "too few data") if words in first.sentence()]
    assert told == ([] if said is None else [said])


def test_deals_without_a_contact_and_with_one_too_old_get_advice_of_their_own():
    main = pd.DataFrame({"channel": ["Email", "(unattributed)"], "credit": [600.0, 400.0]})
    main["share"] = main["credit"] / 1000
    bare = SimpleNamespace(
        conversions=np.ones(3), value=np.array([10.0, 20.0, 370.0]),
        contact=np.array(["none", "none", "older"], dtype=object),
    )  # fmt: skip
    journeys = SimpleNamespace(untouched=bare, about={"lookback_days": 180})
    none, older = _unattributed(main, SimpleNamespace(value=1, journeys=journeys), "USD")
    assert none.sentence() == (
        "2 deals worth $30 (3.0%) have no recorded contact before the close. "
        "Record the first contact of every deal in the CRM."
    )
    assert "1 deal worth $370 (37%) has recorded contacts, but too early" in older.sentence()
    assert "more than 180 days" in older.sentence()
    assert "raise lookback_days under [journeys]" in older.sentence()
    assert "aumentate lookback_days" in older.sentence("it")
