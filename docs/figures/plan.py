"""How should the budget be split?

The same total, split otherwise; what the last euro brings in each channel, before and after; and
the gain with its interval.
"""

from mmm.mix import MixModel, Sampling, optimize_budget
from mmm.simulate.worlds import make_world

world = make_world(5)
names = dict(zip(world.channels, ["Partners", "Events", "Display", "Search", "Mail"], strict=True))
table = world.frame.rename(columns=names)
few = Sampling(n_warmup=200, n_draws=250)  # for a picture; leave it out for a decision
model = MixModel(list(names.values()), list(world.controls), "date", sampler=few)
model.fit(table, world.outcome)
today = dict(zip(names.values(), world.truth.current, strict=True))
figure = optimize_budget(model, current=today).plot()[0].figure
