"""What the tables say of each lead and deal: typed, dated, linked, and how it ended."""

from mmm.funnel.records.known import Known, Stays, known_on
from mmm.funnel.records.links import link_deals, origins
from mmm.funnel.records.outcomes import (
    Outcomes,
    customer_of,
    first_wins,
    lead_outcomes,
    of_kind,
    opportunity_outcomes,
    qualification_outcomes,
)

__all__ = [
    "Known",
    "Outcomes",
    "Stays",
    "customer_of",
    "first_wins",
    "known_on",
    "lead_outcomes",
    "link_deals",
    "of_kind",
    "opportunity_outcomes",
    "origins",
    "qualification_outcomes",
]
