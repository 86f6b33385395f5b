"""Several models side by side: how much of the answer is the convention."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mmm.attribution.decay import time_decay
from mmm.attribution.explain import Disagreements, explain
from mmm.attribution.markov import markov
from mmm.attribution.positions import SHAPES, position_based
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import first_touch, last_non_direct, last_touch, linear
from mmm.attribution.shapley import shapley
from mmm.errors import ConfigError
from mmm.journeys import Journeys
from mmm.showing import Shown, as_text
from mmm.wording import format_share, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Model = Callable[..., AttributionResult]

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "first_touch": first_touch,
        "last_touch": last_touch,
        "linear": linear,
        "markov": markov,
        "shapley": shapley,
        "shapley_rate": partial(shapley, game="rate"),
        "shapley_counterfactual": partial(shapley, game="counterfactual"),
        "last_non_direct": last_non_direct,
        "time_decay": time_decay,
        "position_based": position_based,
        **{
            f"position_based_{shape}": partial(position_based, shape=shape)
            for shape in SHAPES
            if shape != "u"
        },
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """Results of several models on the same journeys.

    Attributes
    ----------
    results : tuple of AttributionResult
        In the order asked for, each with a name of its own.
    """

    results: tuple[AttributionResult, ...]

    def __repr__(self) -> str:
        kind = f"Comparison: {', '.join(result.model for result in self.results)}"
        return as_text(self._sentence(), self._small_table(), kind)

    def _sentence(self) -> str:
        shares = np.array([result.share for result in self.results])
        if not shares.size or not shares.max() > 0:
            return "No channel has a part in what was won."
        first = shares.argmax(axis=1).tolist()
        leader = max(dict.fromkeys(first), key=first.count)
        ends = [
            format_share(float(end)) for end in (shares[:, leader].min(), shares[:, leader].max())
        ]
        models = f"{first.count(leader)} of {len(first)} models"
        name = self.results[0].channels[leader]
        return f"{name} comes first by {models}, with {ends[0]} to {ends[1]} of what was won."

    def _small_table(self) -> "pd.DataFrame":
        """Return the share of each channel, one column a model."""
        import pandas as pd

        shares = {result.model: result.share for result in self.results}
        names = pd.Series(self.results[0].channels, dtype="str")
        table = pd.DataFrame({"channel": names, **shares})
        order = np.argsort(-np.mean(list(shares.values()), axis=0), kind="stable")
        return table.iloc[order].reset_index(drop=True)

    def to_frame(self, *, cents: bool = False) -> "pd.DataFrame":
        """Return one row a model and channel.

        Parameters
        ----------
        cents : bool, default False
            As in `AttributionResult.to_frame`; each model adds up to the same total.

        Returns
        -------
        pandas.DataFrame
            Columns model, channel, credit, share, lower, upper, n_deals.
        """
        import pandas as pd

        frames = []
        for result in self.results:
            frame = result.to_frame(cents=cents)
            frame.insert(0, "model", pd.Series([result.model] * len(frame), dtype="str"))
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def explain(self, journeys: Journeys | None = None) -> Disagreements:
        """Say on which channels the models disagree by more than noise, and why; see `explain`.

        Parameters
        ----------
        journeys : Journeys, optional
            What the models were run on; by default what the results remember.

        Returns
        -------
        Disagreements
        """
        return explain(self, journeys)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the shares of every model, channel by channel.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mmm.attribution.plots import plot_comparison

        first = self.results[0]
        title = f"Share of {say(f'won.{first.measure}')} by model"
        return plot_comparison(self.to_frame(), title=title, level=first.level, ax=ax)


def compare(
    journeys: Journeys,
    models: Sequence[str | Model] = ("first_touch", "last_touch", "linear", "markov"),
    *,
    measure: str | None = None,
    level: float = 0.9,
) -> Comparison:
    """Run several models on the same journeys.

    Parameters
    ----------
    journeys : Journeys
    models : sequence of str or callable
        Names, or functions called as ``model(journeys, measure=..., level=...)``. Of results with
        the same name the later ones are numbered.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals of the shares.

    Returns
    -------
    Comparison

    Raises
    ------
    MmmError
        If a model is unknown, or as the models do.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email", "Email"], value=[900.0, 100.0])
    >>> both = compare(journeys, models=["first_touch", "last_touch"]).to_frame()
    >>> both[["model", "channel", "credit"]]
             model channel  credit
    0  first_touch   Email   100.0
    1  first_touch  Events   900.0
    2   last_touch   Email  1000.0
    3   last_touch  Events     0.0
    """
    asked = [models] if isinstance(models, str) or callable(models) else list(models)
    functions = [_model(model) for model in asked]
    if not functions:
        raise ConfigError(f"models is empty. Name some of {', '.join(MODELS)}.")
    results: list[AttributionResult] = []
    seen: dict[str, int] = {}
    for function in functions:
        result = function(journeys, measure=measure, level=level)
        seen[result.model] = count = seen.get(result.model, 0) + 1
        results.append(result if count == 1 else replace(result, model=f"{result.model} ({count})"))
    return Comparison(tuple(results))


def _model(model: str | Model) -> Model:
    if callable(model):
        return model
    if model not in MODELS:
        raise ConfigError(
            f"models holds {model!r}. Choose from {', '.join(MODELS)}, or pass a function."
        )
    return MODELS[model]
