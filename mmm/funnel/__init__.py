"""The funnel: how healthy it is, what a customer costs, what changed and why, what comes next."""

from mmm.funnel.alignment import Alignment, warning_signs
from mmm.funnel.because import Explanation, explain_change
from mmm.funnel.customers import segments, winner_profile
from mmm.funnel.economics import channel_table, cohort_cac, period_cac
from mmm.funnel.forecast import Forecast, forecast, plan_target, sales_workload
from mmm.funnel.hygiene import Hygiene, find_duplicates, hygiene
from mmm.funnel.kpi import Kpi
from mmm.funnel.stages import B2B, B2C, Funnel, funnel, sales_cycle

__all__ = [
    "B2B",
    "B2C",
    "Alignment",
    "Explanation",
    "Forecast",
    "Funnel",
    "Hygiene",
    "Kpi",
    "channel_table",
    "cohort_cac",
    "explain_change",
    "find_duplicates",
    "forecast",
    "funnel",
    "hygiene",
    "period_cac",
    "plan_target",
    "sales_cycle",
    "sales_workload",
    "segments",
    "warning_signs",
    "winner_profile",
]
