"""Plans of a company with panels: split over them, or made for each channel of each panel."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, quoted
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.company import add_up, panel_share
from mmm.mix.fitted import Fitted, panels_of


def over_panels(model: Fitted, plan: BudgetPlan) -> pd.DataFrame:
    """Split a plan of the company over its panels, in today's proportions.

    Parameters
    ----------
    model : Fitted
        With panels.
    plan : BudgetPlan
        Of that model.

    Returns
    -------
    pandas.DataFrame
        One row a panel and channel: panel, channel, current, proposed, per period; they sum to the
        plan.

    Raises
    ------
    ConfigError
        If the model has no panels, or the plan is of other channels.
    """
    names = _names(model)
    if plan.channels != model.channels_:
        raise ConfigError(
            f"the plan has {quoted(plan.channels, 20)}, the model {quoted(model.channels_, 20)}. "
            "Pass a plan of this model."
        )
    share, n_channels = panel_share(model), len(model.channels_)
    return pd.DataFrame(
        {
            "panel": pd.Series(np.repeat(names, n_channels), dtype="str"),
            "channel": pd.Series(list(model.channels_) * len(names), dtype="str"),
            "current": (share * plan.current).ravel(),
            "proposed": (share * plan.proposed).ravel(),
        }
    )


def each_panel(model: Fitted) -> Fitted:
    """Return the same fit with each channel of each panel as a channel of its own.

    A budget of it moves money between panels as well as between channels; a name is
    "channel (panel)". Hidden demand is taken as each cell's own.

    Parameters
    ----------
    model : Fitted
        With panels.

    Returns
    -------
    Fitted
        For `optimize_budget`, `efficient_frontier`, `compare_scenarios` and curves.

    Raises
    ------
    ConfigError
        If the model has no panels.
    """
    names, n_channels = _names(model), len(model.channels_)
    cells = tuple(f"{channel} ({name})" for name in names for channel in model.channels_)
    seen: dict[str, Fitted] = {}
    for i, (name, panel) in enumerate(zip(names, panels_of(model), strict=True)):
        own = slice(i * n_channels, (i + 1) * n_channels)
        spend = np.zeros((len(cells), panel.clock_.n_periods))
        active: npt.NDArray[np.bool_] = np.zeros(len(cells), dtype=bool)
        spend[own], active[own] = panel.spend_, panel.active_
        kept = {key: getattr(panel, key) for key in ("clock_", "outcome_", "scaled_", "posterior_")}
        one = SimpleNamespace(channels_=cells, spend_=spend, active_=active, **kept)
        seen[name] = cast(Fitted, one)
    return cast(Fitted, SimpleNamespace(channels_=cells, panels_=seen, **add_up(seen)))


def _names(model: Fitted) -> list[str]:
    names = list(getattr(model, "panels_", {}))
    if not names:
        raise ConfigError("The model has no panels. Fit it with panel=, or ask the model itself.")
    return names
