"""What becomes of a lead as time goes by?

The chance of being won within so many days after it came in, for the leads of the lowest, the
middle and the highest scores. Losing competes: no curve tends to 100%.
"""

import matplotlib.pyplot as plt

from mmm.prediction import LeadScorer
from mmm.simulate import simulate_company

leads = simulate_company(n_accounts=300, weeks=104, seed=3).leads
features = ["source", "industry", "employees", "pages_viewed", "price_page", "demo_request"]
scorer = LeadScorer(seed=0).fit(
    leads[features],
    leads["stage"].eq("won").astype(int),
    created_at=leads["created_at"],
    ended_at=leads["ended_at"],
)
X = leads[["lead_id", *features]]
days = [15, 30, 60, 90, 120, 180, 240, 300, 360]
chance = {day: scorer.score_leads(X, within_days=day).probability for day in days}
order = chance[days[-1]].argsort()

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, place, style in (("highest", -1, "-"), ("middle", len(X) // 2, "--"), ("lowest", 0, ":")):
    lead = order[place]
    line = [0, *(100 * chance[day][lead] for day in days)]
    ax.plot([0, *days], line, style, color="#0072B2", label=f"{name} score")
ax.set_xlim(0, days[-1])
ax.set_ylim(bottom=0)
ax.set_xlabel("days after the lead came in")
ax.set_ylabel("won by then, %")
ax.set_title("When leads are won, by score", loc="left")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
