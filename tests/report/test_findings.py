"""Who is said to have earned most."""

from types import SimpleNamespace

import pandas as pd
import pytest

from mmm.report.findings import leader


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
