"""Do the probabilities come true?

Leads held out, later than those trained on, in groups of equal size: what was promised, and what
came. On the diagonal both are equal. Two hundred leads are few, as the whiskers say.
"""

from mmm import datasets
from mmm.prediction import LeadScorer, training_table
from mmm.prediction.plots import plot_reliability

leads, touches, deals = (datasets.load(name) for name in ("leads", "touches", "deals"))
past = training_table(leads, touches, deals, horizon_days=90).past_horizon()
scorer = LeadScorer(seed=0).fit(past.X, past.y, created_at=past.created_at, groups=past.groups)
figure = plot_reliability(scorer.card_.reliability).figure
