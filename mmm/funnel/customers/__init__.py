"""Customers: who stays, who is worth a call, what one is worth, who wins look like."""

from mmm.funnel.customers.clv import (
    contractual_clv,
    fit_renewals,
    renewal_history,
    retained,
    retention_clv,
)
from mmm.funnel.customers.loyalty import (
    SegmentRules,
    churn,
    customer_lives,
    retention_table,
    segments,
)
from mmm.funnel.customers.profile import winner_profile

__all__ = [
    "SegmentRules",
    "churn",
    "contractual_clv",
    "customer_lives",
    "fit_renewals",
    "renewal_history",
    "retained",
    "retention_clv",
    "retention_table",
    "segments",
    "winner_profile",
]
