"""The stages of the funnel: who moves on, how long it takes, how soon sales calls."""

from mmm.funnel.stages.business_hours import BusinessHours
from mmm.funnel.stages.cycle import sales_cycle
from mmm.funnel.stages.delivery import Delivery, leads_delivered
from mmm.funnel.stages.speed import Speed, speed_to_lead
from mmm.funnel.stages.stage_sets import B2B, B2C, Stage, StageSet
from mmm.funnel.stages.table import Funnel, funnel

__all__ = [
    "B2B",
    "B2C",
    "BusinessHours",
    "Delivery",
    "Funnel",
    "Speed",
    "Stage",
    "StageSet",
    "funnel",
    "leads_delivered",
    "sales_cycle",
    "speed_to_lead",
]
