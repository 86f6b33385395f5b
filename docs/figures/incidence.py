"""How long until a lead is won?

The share of leads won by each age, with losing as the competing end; leads that are still open
count for as long as they were seen.
"""

import pandas as pd

from mmm import datasets
from mmm.funnel.durations import cumulative_incidence
from mmm.funnel.plots import plot_incidence
from mmm.funnel.records import lead_outcomes

known = lead_outcomes(datasets.load("leads"), datasets.load("deals"))
curve = cumulative_incidence(known.days, known.outcome, level=0.9, n_causes=2)
ends = [
    pd.DataFrame(
        {
            "cause": cause,
            "time": curve.time,
            "incidence": curve.incidence[k],
            "lower": curve.lower[k],
            "upper": curve.upper[k],
        }
    )
    for k, cause in enumerate(["won", "lost"])
]
figure = plot_incidence(pd.concat(ends), title="How leads end", level=0.9).figure
