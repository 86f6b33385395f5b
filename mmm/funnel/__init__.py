"""The funnel: how healthy it is, what a customer costs, what changed and why, what comes next."""

from mmm.funnel.alignment import Alignment, warning_signs
from mmm.funnel.because import Explanation, explain_change
from mmm.funnel.capacity import sales_workload
from mmm.funnel.channel_table import channel_table
from mmm.funnel.customers import segments
from mmm.funnel.duplicates import find_duplicates
from mmm.funnel.economics import cohort_cac, period_cac
from mmm.funnel.forecast import Forecast, forecast
from mmm.funnel.hygiene import Hygiene, hygiene
from mmm.funnel.kpi import Kpi
from mmm.funnel.profile import winner_profile
from mmm.funnel.stages import B2B, B2C, Funnel, funnel, sales_cycle
from mmm.funnel.target import plan_target

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
