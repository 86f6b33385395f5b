"""What the models say together.

In the order of use. What open leads and deals are worth: `expected_value`. Who earns it:
`expected_journeys`, `attribute_expected`, `credit_to_come`. What spend brings, by the leads that
came: `cohort_table`, `fit_cohorts`, `mix_disagreements`. One figure a channel: `triangulate`,
`reasons_why`. Tests, registered beforehand: `ExperimentLog`, `lifts_for`. Why an answer moved:
`explain_move`.
"""

from mmm.signal.changes import Moved, explain_move, records_as_of
from mmm.signal.cohorts import CohortMix, Cohorts, cohort_table, fit_cohorts, mix_disagreements
from mmm.signal.coming import CreditToCome, credit_to_come
from mmm.signal.credit import (
    ExpectedCredit,
    StateJourneys,
    attribute_expected,
    expected_journeys,
)
from mmm.signal.expected import ExpectedValue, expected_value
from mmm.signal.experiments import ExperimentLog, lifts_for
from mmm.signal.triangulation import Triangulation, reasons_why, triangulate

__all__ = [
    "CohortMix",
    "Cohorts",
    "CreditToCome",
    "ExpectedCredit",
    "ExpectedValue",
    "ExperimentLog",
    "Moved",
    "StateJourneys",
    "Triangulation",
    "attribute_expected",
    "cohort_table",
    "credit_to_come",
    "expected_journeys",
    "expected_value",
    "explain_move",
    "fit_cohorts",
    "lifts_for",
    "mix_disagreements",
    "reasons_why",
    "records_as_of",
    "triangulate",
]
