"""How long records take to end, some of them still open, and how many will have converted."""

from mmm.funnel.durations.completion import Completion, complete
from mmm.funnel.durations.conversion import (
    LEAST_MATURITY,
    Every,
    cohorts,
    conversion,
    time_to_convert,
)
from mmm.funnel.durations.horizon import settled_horizon, steady_horizon
from mmm.funnel.durations.survival import (
    CumulativeIncidence,
    SurvivalCurve,
    conditional_incidence,
    cumulative_incidence,
    incidence_at,
    kaplan_meier,
    median_cycle,
    median_time,
    survival_at,
)

__all__ = [
    "LEAST_MATURITY",
    "Completion",
    "CumulativeIncidence",
    "Every",
    "SurvivalCurve",
    "cohorts",
    "complete",
    "conditional_incidence",
    "conversion",
    "cumulative_incidence",
    "incidence_at",
    "kaplan_meier",
    "median_cycle",
    "median_time",
    "settled_horizon",
    "steady_horizon",
    "survival_at",
    "time_to_convert",
]
