"""Lead scoring: a calibrated probability, its reasons, and which lead to call first.

In the order of use. From tables to what a lead looked like on a day: `build_features`,
`training_table`, `TrainingTable`, `FeatureSpec`. What a model may not see: `find_leakage`. The
model and what it says: `LeadScorer`, `LeadScores`. The hand-over to sales: `Rule`,
`fit_engagement_grid`, `set_threshold`, `transitions`. What to do next: `next_actions`,
`ActionPolicy`, `going_cold`. What comes back from sales: `hold_out`, `acceptance`,
`shown_against_held_out`, `worked_against_not`, `revise_rules`. Whether the model still holds:
`feature_drift`, `calibration_doubt`, `guard_batch`.

Writing scores to a customer system, once and to be undone: `make_plan`, `open_ledger`, `Guards`,
`Pace`; the rest in `mmm.prediction.writeback`.
"""

from mmm.prediction.columns.contract import guard_batch
from mmm.prediction.columns.drift import calibration_doubt, feature_drift
from mmm.prediction.columns.leakage import find_leakage
from mmm.prediction.features.build import FeatureSpec, build_features
from mmm.prediction.features.training import TrainingTable, training_table
from mmm.prediction.handover.feedback import (
    acceptance,
    hold_out,
    shown_against_held_out,
    worked_against_not,
)
from mmm.prediction.handover.grades import fit_engagement_grid, set_threshold, transitions
from mmm.prediction.handover.next_action import ActionPolicy, going_cold, next_actions
from mmm.prediction.handover.qualify import Rule
from mmm.prediction.handover.revision import revise_rules
from mmm.prediction.scorer import LeadScorer
from mmm.prediction.scores import LeadScores
from mmm.prediction.writeback import Guards, Pace, make_plan, open_ledger

__all__ = [
    "ActionPolicy",
    "FeatureSpec",
    "Guards",
    "LeadScorer",
    "LeadScores",
    "Pace",
    "Rule",
    "TrainingTable",
    "acceptance",
    "build_features",
    "calibration_doubt",
    "feature_drift",
    "find_leakage",
    "fit_engagement_grid",
    "going_cold",
    "guard_batch",
    "hold_out",
    "make_plan",
    "next_actions",
    "open_ledger",
    "revise_rules",
    "set_threshold",
    "shown_against_held_out",
    "training_table",
    "transitions",
    "worked_against_not",
]
