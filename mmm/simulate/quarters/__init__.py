"""A company that is played on quarter by quarter: set its budget, see what it sees, go on.

Examples
--------
>>> firm = draw_firm(1, n_quarters=1)
>>> after = begin(firm).after(firm.today)
>>> after.n_quarters, len(after.table())
(1, 117)
"""

from mmm.simulate.quarters.firm import HISTORY, QUARTER, REGIONS, Firm, draw_firm
from mmm.simulate.quarters.play import Play, Trial, begin, best_next

__all__ = [
    "HISTORY",
    "QUARTER",
    "REGIONS",
    "Firm",
    "Play",
    "Trial",
    "begin",
    "best_next",
    "draw_firm",
]
