"""Did the leads get better or worse?

Customers won so far, and with those expected from leads that are still open. The youngest quarter
has seen too little to be judged.
"""

import matplotlib.pyplot as plt
import pandas as pd

from mmm import datasets
from mmm.funnel.kpis import lead_to_customer
from mmm.funnel.records import lead_outcomes

leads, deals = datasets.load("leads"), datasets.load("deals")
kpis = lead_to_customer(leads, deals, every="quarter")
rates = pd.DataFrame([vars(kpi) for kpi in kpis]).set_index("group")
known = lead_outcomes(leads, deals)
quarter = pd.PeriodIndex(known.start, freq="Q").strftime("%Y-Q%q")
so_far = pd.Series(known.outcome == 1).groupby(quarter).mean()

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.plot(so_far.index, 100 * so_far, "o:", color="0.6", label="won so far")
reach = 100 * (rates["value"] - rates["lower"]), 100 * (rates["upper"] - rates["value"])
ax.errorbar(
    rates.index, 100 * rates["value"], reach, fmt="s", color="#0072B2",
    capsize=3, label="with those expected (90% interval)",
)  # fmt: skip
ax.set_ylim(bottom=0)
ax.set_xlabel("quarter in which the leads came")
ax.set_ylabel("customers per 100 leads")
ax.set_title("Young leads are not lost leads", loc="left")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
