"""How long before the close do contacts happen?

The wait from each contact to the close of its deal. A window that is shorter than the sale cuts off
the contacts that came first.
"""

import mmm
from mmm import datasets
from mmm.attribution.plots import plot_time_lags
from mmm.journeys import time_lags

names = ("touches", "deals", "leads", "contacts", "roles")
tables = {name: datasets.load(name) for name in names}
journeys = mmm.build_journeys(**tables, by="account")
figure = plot_time_lags(time_lags(journeys)).figure
