"""Marketing mix: what a euro returns, and where the next one should go."""

from mmm.mix.budget import Target, optimize_budget
from mmm.mix.curves import ResponseCurves
from mmm.mix.decomposition import Decomposition, decompose
from mmm.mix.families import GeometricAdstock, HillSaturation
from mmm.mix.findings import mix_findings
from mmm.mix.frontier import Frontier, efficient_frontier
from mmm.mix.learning import prior_and_posterior
from mmm.mix.limits import Limits
from mmm.mix.model import MixModel
from mmm.mix.plan import BudgetPlan
from mmm.mix.reading import read_mix
from mmm.mix.table import mix_table

__all__ = [
    "BudgetPlan",
    "Decomposition",
    "Frontier",
    "GeometricAdstock",
    "HillSaturation",
    "Limits",
    "MixModel",
    "ResponseCurves",
    "Target",
    "decompose",
    "efficient_frontier",
    "mix_findings",
    "mix_table",
    "optimize_budget",
    "prior_and_posterior",
    "read_mix",
]
