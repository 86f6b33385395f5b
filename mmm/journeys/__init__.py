"""Journeys: ordered touches up to a close, as columns, and how to build them."""

from mmm.journeys.build import build_journeys
from mmm.journeys.columnar import (
    STAGES,
    UNATTRIBUTED,
    Journeys,
    Unattributed,
    UntouchedDeals,
)
from mmm.journeys.stages import stage_journeys

__all__ = [
    "STAGES",
    "UNATTRIBUTED",
    "Journeys",
    "Unattributed",
    "UntouchedDeals",
    "build_journeys",
    "stage_journeys",
]
