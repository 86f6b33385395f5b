"""Do marketing and sales pull together? Five warning signs."""

from mmm.funnel.alignment.signs import LIMITS, WarningSign
from mmm.funnel.alignment.verdict import Alignment, warning_signs

__all__ = ["LIMITS", "Alignment", "WarningSign", "warning_signs"]
