"""A synthetic company with known truth, confounded by hidden buying intent on demand."""

from mmm.simulate.company import TABLES, Company, simulate_company
from mmm.simulate.revenue import MixTruth
from mmm.simulate.truth import Truth

__all__ = ["TABLES", "Company", "MixTruth", "Truth", "simulate_company"]
