"""Which choices before the model move the answer?

Each choice is made otherwise, one at a time: the lookback, who shares a contact, what counts as a
journey. What lies beyond the noise of the base is marked.
"""

from mmm import datasets
from mmm.attribution import robustness

names = ("touches", "deals", "leads", "contacts", "roles")
tables = {name: datasets.load(name) for name in names}
figure = robustness(**tables, by="account").plot().figure
