"""Attribution: who earned the deal? Conventions with a name, a source and an interval."""

from mmm.attribution.compare import Comparison, compare
from mmm.attribution.markov import markov
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import first_touch, last_touch, linear

__all__ = [
    "AttributionResult",
    "Comparison",
    "compare",
    "first_touch",
    "last_touch",
    "linear",
    "markov",
]
