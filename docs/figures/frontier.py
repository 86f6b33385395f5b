"""How much should be spent at all?

For each total the best split of it, and the profit that is left. Where the curve is flat, the total
matters less than the split.
"""

from mmm.mix import MixModel, Sampling, efficient_frontier
from mmm.simulate.worlds import make_world

world = make_world(5)
names = dict(zip(world.channels, ["Partners", "Events", "Display", "Search", "Mail"], strict=True))
table = world.frame.rename(columns=names)
few = Sampling(n_warmup=200, n_draws=250)  # for a picture; leave it out for a decision
model = MixModel(list(names.values()), list(world.controls), "date", sampler=few)
model.fit(table, world.outcome)
today = dict(zip(names.values(), world.truth.current, strict=True))
figure = efficient_frontier(model, current=today, margin=0.6).plot().figure
