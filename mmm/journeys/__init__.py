"""Journeys: ordered touches up to a close, as columns, and how to build them."""

from typing import TYPE_CHECKING

from mmm.journeys.columnar import (
    STAGES,
    UNATTRIBUTED,
    Journeys,
    Unattributed,
    UntouchedDeals,
)
from mmm.journeys.describe import path_lengths, time_lags, top_paths
from mmm.loading import at_first_use

if TYPE_CHECKING:
    from mmm.journeys.aggregate import aggregate_paths
    from mmm.journeys.build import build_journeys
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

# Loaded at first use (PEP 562): who brings paths waits for no tables.
_HOME = {
    "aggregate_paths": "mmm.journeys.aggregate",
    "build_journeys": "mmm.journeys.build",
    "local_engine": "mmm.journeys.expression",
    "stage_journeys": "mmm.journeys.stages",
}

__getattr__, __dir__ = at_first_use(__name__, _HOME, __all__)
