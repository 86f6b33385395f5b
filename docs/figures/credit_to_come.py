"""How much of the credit is still to come?

What was won so far and what open leads and deals are expected to bring, shared out by the same
model. The whiskers hold the whole.
"""

import matplotlib.pyplot as plt

from mmm.attribution import linear
from mmm.signal import attribute_expected, expected_journeys, expected_value
from mmm.simulate import simulate_company

company = simulate_company(n_accounts=400, weeks=120, seed=2)
worth = expected_value(company.leads, company.deals)
journeys = expected_journeys(
    company.touches, company.deals, worth, leads=company.leads, by="account"
)
credit = attribute_expected(linear, journeys, worth).to_frame()
credit = credit[credit["channel"] != "(unattributed)"].sort_values("total")
won, pipeline = credit["won"] / 1000, credit["pipeline"] / 1000
total = won + pipeline

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.barh(credit["channel"], won, color="#0072B2", label="won")
reach = total - credit["lower"] / 1000, credit["upper"] / 1000 - total
ax.barh(
    credit["channel"], pipeline, left=won, color="#56B4E9", hatch="//", edgecolor="white",
    xerr=reach, error_kw={"ecolor": "0.25", "capsize": 3}, label="expected (whole: 90% interval)",
)  # fmt: skip
ax.set_xlabel("credit by linear attribution, thousand euros")
ax.set_title("Won, and still to come", loc="left")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="lower right")
