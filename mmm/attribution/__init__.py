"""Attribution: who earned the deal? Conventions with a name, a source and an interval."""

from mmm.attribution.chain.fit import MarkovChain, fit_chain
from mmm.attribution.chain.selection import OrderChoice, choose_order
from mmm.attribution.compare import Comparison, compare
from mmm.attribution.custom import custom
from mmm.attribution.decay import time_decay
from mmm.attribution.engagement import Engagement, engagement
from mmm.attribution.evidence import Evidence, evidence
from mmm.attribution.experiments import Calibration, IotaPrior, Lift, calibrate
from mmm.attribution.explain import Disagreement, Disagreements, explain
from mmm.attribution.groups import Split, by_kind, by_state
from mmm.attribution.influenced import Influenced, influenced_share
from mmm.attribution.markov import markov
from mmm.attribution.positions import position_based
from mmm.attribution.result import AttributionResult
from mmm.attribution.robustness import Robustness, Variation, robustness
from mmm.attribution.rules import first_touch, last_non_direct, last_touch, linear
from mmm.attribution.shapley import shapley
from mmm.attribution.shrinkage import shrink
from mmm.attribution.stages import by_stage

__all__ = [
    "AttributionResult",
    "Calibration",
    "Comparison",
    "Disagreement",
    "Disagreements",
    "Engagement",
    "Evidence",
    "Influenced",
    "IotaPrior",
    "Lift",
    "MarkovChain",
    "OrderChoice",
    "Robustness",
    "Split",
    "Variation",
    "by_kind",
    "by_stage",
    "by_state",
    "calibrate",
    "choose_order",
    "compare",
    "custom",
    "engagement",
    "evidence",
    "explain",
    "first_touch",
    "fit_chain",
    "influenced_share",
    "last_non_direct",
    "last_touch",
    "linear",
    "markov",
    "position_based",
    "robustness",
    "shapley",
    "shrink",
    "time_decay",
]
