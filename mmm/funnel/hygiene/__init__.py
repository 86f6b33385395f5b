"""The state of the CRM: what is doubled, missing, stale, impossible or misspelt."""

from mmm.funnel.hygiene.check import HygieneCheck
from mmm.funnel.hygiene.duplicates import find_duplicates
from mmm.funnel.hygiene.overview import Hygiene, hygiene

__all__ = ["Hygiene", "HygieneCheck", "find_duplicates", "hygiene"]
