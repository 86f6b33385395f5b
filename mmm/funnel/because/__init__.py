"""What changed, whether it is more than noise, and what it consists of."""

from mmm.funnel.because.change import Change, change_of
from mmm.funnel.because.explain import Explanation, explain_change, explain_sum
from mmm.funnel.because.formulas import FORMULAS

__all__ = ["FORMULAS", "Change", "Explanation", "change_of", "explain_change", "explain_sum"]
