"""What would another euro bring?

Outcome by spend, a channel a panel. The line is today's spend. Beyond what was ever spent the band
is mostly belief.
"""

from mmm.mix import MixModel, Sampling
from mmm.simulate.worlds import make_world

world = make_world(5)
names = dict(zip(world.channels, ["Partners", "Events", "Display", "Search", "Mail"], strict=True))
table = world.frame.rename(columns=names)
few = Sampling(n_warmup=200, n_draws=250)  # for a picture; leave it out for a decision
model = MixModel(list(names.values()), list(world.controls), "date", sampler=few)
model.fit(table, world.outcome)
figure = model.response_curves(margin=0.9).plot(outcome="revenue")[0].figure
