"""A public benchmark of mix models: many small companies of which everything is known.

The companies come in several makings (`MAKINGS`), so that nobody tunes to one. `score` grades any
model that answers in the form of an `Answer`.

Examples
--------
>>> from mmm.simulate.worlds import do_nothing, score, worlds
>>> card = score(do_nothing, worlds(2, making=["standard", "dear"]))
>>> card.to_frame().set_index("measure").loc["gain", "value"].item()
0.0
"""

from mmm.simulate.worlds.answer import Answer
from mmm.simulate.worlds.company import World, current_spend, make_world, worlds
from mmm.simulate.worlds.makings import MAKINGS
from mmm.simulate.worlds.scorecard import Scorecard, compare
from mmm.simulate.worlds.scoring import score
from mmm.simulate.worlds.truth import Effects, Truth
from mmm.simulate.worlds.yardsticks import do_nothing, ridge_on_spend

__all__ = [
    "MAKINGS",
    "Answer",
    "Effects",
    "Scorecard",
    "Truth",
    "World",
    "compare",
    "current_spend",
    "do_nothing",
    "make_world",
    "ridge_on_spend",
    "score",
    "worlds",
]
