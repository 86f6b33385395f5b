"""Which marketing earned the deals, from a CRM export and a spend table."""

from importlib import import_module
from typing import TYPE_CHECKING

from mmm.loading import at_first_use

if TYPE_CHECKING:
    from mmm.attribution import AttributionResult, compare
    from mmm.channels import ChannelMap
    from mmm.errors import MmmError
    from mmm.journeys import Journeys, build_journeys
    from mmm.tables import (
        read_contacts,
        read_costs,
        read_deals,
        read_leads,
        read_roles,
        read_spend,
        read_stages,
        read_touches,
    )
    from mmm.wording import Finding

__all__ = [
    "AttributionResult",
    "ChannelMap",
    "Finding",
    "Journeys",
    "MmmError",
    "__version__",
    "build_journeys",
    "compare",
    "read_contacts",
    "read_costs",
    "read_deals",
    "read_leads",
    "read_roles",
    "read_spend",
    "read_stages",
    "read_touches",
]

# Loaded at first use (PEP 562): `import mmm` stays as light as `import numpy`.
_HOME = {
    "AttributionResult": "mmm.attribution",
    "ChannelMap": "mmm.channels",
    "Finding": "mmm.wording",
    "Journeys": "mmm.journeys",
    "MmmError": "mmm.errors",
    "build_journeys": "mmm.journeys",
    "compare": "mmm.attribution",
} | {name: "mmm.tables" for name in __all__ if name.startswith("read_")}

_SUBPACKAGES = (
    "attribution",
    "channels",
    "datasets",
    "errors",
    "funnel",
    "journeys",
    "mix",
    "prediction",
    "report",
    "run",
    "signal",
    "simulate",
    "tables",
    "wording",
)


_load, _ = at_first_use(__name__, _HOME, __all__)


def __getattr__(name: str) -> object:
    if name in _SUBPACKAGES:
        return import_module(f"mmm.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("mmm-research")
    return _load(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
