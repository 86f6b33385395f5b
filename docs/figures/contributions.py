"""What did each channel bring?

A simulated company, so that the truth is known: the diamonds. A whisker that reaches 0 says that no
effect cannot be excluded.
"""

from mmm.mix import MixModel, Sampling
from mmm.mix.plots import plot_contributions
from mmm.simulate.worlds import make_world

world = make_world(5)
names = dict(zip(world.channels, ["Partners", "Events", "Display", "Search", "Mail"], strict=True))
table = world.frame.rename(columns=names)
few = Sampling(n_warmup=200, n_draws=250)  # for a picture; leave it out for a decision
model = MixModel(list(names.values()), list(world.controls), "date", sampler=few)
model.fit(table, world.outcome)
contributions = model.contributions(margin=0.9)
ax = plot_contributions(contributions, level=0.9, outcome="revenue")
truth = dict(zip(names.values(), world.truth.contribution.sum(axis=0), strict=True))
shown = [label.get_text() for label in ax.get_yticklabels()]
rows = [(truth[name], row) for row, name in enumerate(shown) if name in truth]
ax.plot(*zip(*rows, strict=True), "kD", markersize=6, clip_on=False, label="truth")
figure = ax.figure
