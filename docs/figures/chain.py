"""Where does a journey go from each channel?

A row is where a journey stands, a column where it goes next; each row adds up to 100%. The last
columns are the ends: a deal, or none.
"""

import mmm
from mmm import datasets
from mmm.attribution import fit_chain

names = ("touches", "deals", "leads", "contacts", "roles")
tables = {name: datasets.load(name) for name in names}
journeys = mmm.build_journeys(**tables, by="account")
figure = fit_chain(journeys).plot().figure
