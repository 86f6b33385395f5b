"""How long does a euro work?

Three shapes of carry-over with the same half of the effect in the first weeks. A geometric one
begins at once; a peaked one waits, as a fair does whose leads take weeks.
"""

import matplotlib.pyplot as plt
import numpy as np

from mmm.mix.transforms import geometric_weights, peaked_weights

weeks = 13
half, slow, rise = np.array(0.5), np.array(0.7), np.array(1.5)
shapes = {
    "geometric, retention 0.5": geometric_weights(half, weeks)[0],
    "geometric, retention 0.7": geometric_weights(slow, weeks)[0],
    "peaked, retention 0.5, rise 1.5": peaked_weights(half, rise, weeks)[0],
}
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (name, weight), colour, mark in zip(
    shapes.items(), ["#0072B2", "#56B4E9", "#D55E00"], "os^", strict=True
):
    ax.plot(range(weeks), 100 * weight, mark + "-", color=colour, label=name)
ax.set_xlabel("weeks after the spend")
ax.set_ylabel("part of the effect, %")
ax.set_title("How the effect of one euro is spread over time", loc="left")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
