"""Where do leads stop?

Of those who entered each stage: how many moved on, and will once all had their time.
"""

from mmm import datasets
from mmm.funnel import funnel

figure = funnel(datasets.load("leads"), datasets.load("deals")).plot().figure
