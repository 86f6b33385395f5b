"""Journeys: ordered touches up to a close, as columns, and how to build them."""

from importlib import import_module
from typing import TYPE_CHECKING

from mmm.journeys.columnar import (
    STAGES,
    UNATTRIBUTED,
    Journeys,
    Unattributed,
    UntouchedDeals,
)
from mmm.journeys.describe import path_lengths, time_lags, top_paths

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


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'mmm.journeys' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
