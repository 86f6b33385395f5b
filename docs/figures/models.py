"""Who earned the deals, and how far do the models disagree?

Each bar is a model, each whisker its interval. Where the bars of a channel differ by more than the
whiskers, the answer is a matter of convention.
"""

import mmm
from mmm import datasets

names = ("touches", "deals", "leads", "contacts", "roles")
tables = {name: datasets.load(name) for name in names}
journeys = mmm.build_journeys(**tables, by="account")
models = mmm.compare(journeys, ["first_touch", "last_touch", "linear", "markov", "shapley"])
figure = models.plot().figure
