"""The repr of a result is two short lines that begin with the sentence that matters."""

import pandas as pd
import pytest

from mmm import datasets
from mmm.funnel import explain_change, forecast, funnel, hygiene, plan_target, sales_workload
from mmm.funnel import warning_signs as signs
from mmm.funnel.forecast import backtest
from mmm.funnel.stages import leads_delivered, speed_to_lead

LEADS, DEALS = datasets.load("leads"), datasets.load("deals")
OLD = {"leads": 100.0, "cost": 1000.0, "customers": 20.0}


@pytest.mark.parametrize(
    ("make", "begins"),
    [
        (lambda: hygiene(DEALS, LEADS), "2 open deals have not moved for more than"),
        (lambda: hygiene(DEALS, LEADS)["zero_value"], "0 of 86 rows fail."),
        (lambda: signs(DEALS, LEADS), "0 of 5 warning signs present."),
        (lambda: signs(DEALS)["unused_content"], "Whether content goes unused"),
        (lambda: forecast(LEADS, DEALS, n_draws=200), "Bookings of €"),
        (
            lambda: plan_target(forecast(LEADS, DEALS, n_draws=200), target=1e6),
            "If nothing changes, €",
        ),
        (
            lambda: backtest(LEADS, DEALS, as_ofs=["2025-05-01"], n_draws=100),
            "The 90% intervals held the bookings of",
        ),
        (lambda: sales_workload(LEADS, DEALS), "hours of work are expected."),
        (lambda: explain_change(OLD, OLD | {"cost": 4000.0}), "The customer acquisition cost"),
        (lambda: funnel(LEADS, DEALS), "Of 216 leads, 60 reached won."),
        (lambda: speed_to_lead(LEADS, by="owner"), "24% of 216 leads were called in time."),
        (lambda: leads_delivered(LEADS, {"2024-05": 10}), "9 delivered of 10 promised"),
    ],
)
def test_the_first_words_are_the_sentence_that_matters(make, begins):
    said = repr(make())
    first, kind = said.splitlines()
    assert begins in first[:80]
    assert kind.startswith("<")
    assert kind.endswith(">")
    assert len(said) < 330


def test_an_empty_finding_is_said_too():
    when = pd.to_datetime(["2025-03-01"], utc=True)
    clean = pd.DataFrame({"deal_id": ["d1"], "closed_at": when, "won": [True]})
    assert repr(hygiene(clean)).startswith("Nothing to mend was found")
