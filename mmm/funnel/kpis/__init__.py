"""The indicators of the funnel: each with its interval, cohort, window and number of records."""

from mmm.funnel.kpis.deals import (
    VelocityParts,
    average_deal,
    sales_velocity,
    velocity_of,
    velocity_parts,
    win_rate,
    won_with_value,
)
from mmm.funnel.kpis.leads import (
    cost_per_lead,
    distinct_leads,
    lead_to_customer,
    lead_to_customer_time,
    lead_velocity,
    mql_to_sql,
)

__all__ = [
    "VelocityParts",
    "average_deal",
    "cost_per_lead",
    "distinct_leads",
    "lead_to_customer",
    "lead_to_customer_time",
    "lead_velocity",
    "mql_to_sql",
    "sales_velocity",
    "velocity_of",
    "velocity_parts",
    "win_rate",
    "won_with_value",
]
