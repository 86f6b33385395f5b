"""How much sooner does one find the leads that are won?

Call leads in the order of their score: after so many calls, so many of the deals are found. The
diagonal is calling in any order.
"""

from mmm import datasets
from mmm.prediction import LeadScorer, training_table
from mmm.prediction.plots import plot_gains

leads, touches, deals = (datasets.load(name) for name in ("leads", "touches", "deals"))
past = training_table(leads, touches, deals, horizon_days=90).past_horizon()
scorer = LeadScorer(seed=0).fit(past.X, past.y, created_at=past.created_at, groups=past.groups)
figure = plot_gains(scorer.card_.gains).figure
