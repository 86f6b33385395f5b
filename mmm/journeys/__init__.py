"""Journeys: ordered touches up to a close, as columns, and how to build them."""

from mmm.journeys.aggregate import aggregate_paths
from mmm.journeys.build import build_journeys
from mmm.journeys.columnar import (
    STAGES,
    UNATTRIBUTED,
    Journeys,
    Unattributed,
    UntouchedDeals,
)
from mmm.journeys.describe import path_lengths, time_lags, top_paths
from mmm.journeys.expression import local_engine
from mmm.journeys.stages import stage_journeys

__all__ = [
    "STAGES",
    "UNATTRIBUTED",
    "Journeys",
    "Unattributed",
    "UntouchedDeals",
    "aggregate_paths",
    "build_journeys",
    "local_engine",
    "path_lengths",
    "stage_journeys",
    "time_lags",
    "top_paths",
]
