"""Why does this lead have its score?

From the average lead to this one: what each feature adds to the log-odds. The bars add up exactly.
"""

from mmm import datasets
from mmm.prediction import LeadScorer, training_table
from mmm.prediction.plots import plot_reasons

leads, touches, deals = (datasets.load(name) for name in ("leads", "touches", "deals"))
past = training_table(leads, touches, deals, horizon_days=90).past_horizon()
scorer = LeadScorer(seed=0).fit(past.X, past.y, created_at=past.created_at, groups=past.groups)
row = 0
parts = scorer.contributions(past.X.iloc[[row]])
figure = plot_reasons(
    list(parts.columns), parts.values[0], base=parts.base, title="One lead"
).figure
