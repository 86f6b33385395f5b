"""What a customer costs, in all and by channel, and when that comes back."""

from mmm.funnel.economics.channel_table import TOTAL, channel_table
from mmm.funnel.economics.customer_cost import (
    cac,
    clv_to_cac,
    cohort_cac,
    payback_months,
    period_cac,
    romi,
)
from mmm.funnel.economics.full_cost import SHARED, between, period_of

__all__ = [
    "SHARED",
    "TOTAL",
    "between",
    "cac",
    "channel_table",
    "clv_to_cac",
    "cohort_cac",
    "payback_months",
    "period_cac",
    "period_of",
    "romi",
]
