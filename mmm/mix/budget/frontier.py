"""What larger and smaller budgets would earn, each split as well as can be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, check_level
from mmm.mix.budget.allocation import best_allocation
from mmm.mix.budget.limits import Limits, find_room
from mmm.mix.budget.money import check_money
from mmm.mix.budget.optimize import current_spend, mean_curves
from mmm.mix.effects.curves import steady_response
from mmm.mix.fitted import Fitted
from mmm.mix.transforms import Floats
from mmm.showing import Shown, as_text
from mmm.wording import format_share


@dataclass(frozen=True, eq=False, repr=False)
class Frontier(Shown):
    """The best split of each total.

    Attributes
    ----------
    channels : tuple of str
    total : ndarray, shape (n_totals,)
        Spend per period.
    spend : ndarray, shape (n_totals, n_channels)
        The best split of each total, per period.
    profit, lower, upper : ndarray, shape (n_totals,)
        margin x steady response - spend, per period, in money: mean and interval over draws that
        did not choose the split.
    today : tuple of (float, float)
        Total and mean profit of today's split.
    level : float
    """

    channels: tuple[str, ...]
    total: Floats
    spend: Floats
    profit: Floats
    lower: Floats
    upper: Floats
    today: tuple[float, float]
    level: float

    def __repr__(self) -> str:
        best = int(np.argmax(self.profit))
        sentence = (
            f"Profit is highest at a total of {self.total[best]:,.4g} a period: "
            f"{self.profit[best]:,.4g} ({format_share(self.level)} interval: "
            f"{self.lower[best]:,.4g} to {self.upper[best]:,.4g}); today {self.today[0]:,.4g} "
            f"brings {self.today[1]:,.4g}."
        )
        kind = f"Frontier: {len(self.total)} totals, {len(self.channels)} channels"
        return as_text(sentence, self.to_frame(), kind)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a total.

        Returns
        -------
        pandas.DataFrame
            Columns total, profit, profit_lower, profit_upper.
        """
        return pd.DataFrame(
            {
                "total": self.total,
                "profit": self.profit,
                "profit_lower": self.lower,
                "profit_upper": self.upper,
            }
        )

    def plot(self) -> Any:
        """Draw profit against total.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mmm.mix.plots import plot_frontier

        return plot_frontier(self.to_frame(), level=self.level, today=self.today)


def efficient_frontier(
    model: Fitted,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    current: Mapping[str, float] | None = None,
    margin: float = 1.0,
    level: float = 0.9,
    *,
    limits: Limits | None = None,
    n_totals: int = 13,
) -> Frontier:
    """Split every total from the least to the most that the rules allow.

    Parameters
    ----------
    model : MixModel
        Fitted.
    bounds, current, margin, limits
        As in `optimize_budget`.
    level : float
        Coverage of the intervals.
    n_totals : int
        Totals, evenly spaced.

    Returns
    -------
    Frontier

    Raises
    ------
    ConfigError
        If a name is unknown, a number is no spend, or the rules clash.

    Notes
    -----
    Hidden demand is not in the intervals: they are those of the posterior alone.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (60, 1))
    >>> quick = Sampling(n_warmup=200, n_draws=300)
    >>> model = MixModel(sampler=quick, on_nonconvergence="warn")
    >>> outcome = 900 + 3 * spend[:, 0] + rng.normal(0, 30, 60)
    >>> total = efficient_frontier(model.fit(spend, outcome), n_totals=3).total
    >>> (total / total[1]).round(3).tolist()
    [0.5, 1.0, 1.5]
    """
    tail = 0.5 * (1.0 - check_level(level))
    if n_totals < 2:
        raise ConfigError(f"n_totals is {n_totals}. Pass 2 or more.")
    check_money(model, margin)
    today = current_spend(model, current)
    room = find_room(model.channels_, today, None, bounds or {}, limits or Limits())
    value, slope = mean_curves(model, room.rules, margin)
    totals = np.linspace(*_reach(room.rules.lower, room.rules.upper, room.rules.caps), n_totals)
    spend = np.array(
        [best_allocation(value, slope, replace(room.rules, total=x)).spend for x in totals]
    )
    plans = np.vstack([spend, today])
    response = steady_response(model, plans)[1::2].sum(axis=2)
    profit = margin * response - plans.sum(axis=1)
    lower, upper = np.quantile(profit, (tail, 1.0 - tail), axis=0)
    mean = profit.mean(axis=0)
    return Frontier(
        channels=model.channels_,
        total=totals,
        spend=spend,
        profit=mean[:-1],
        lower=lower[:-1],
        upper=upper[:-1],
        today=(float(today.sum()), float(mean[-1])),
        level=level,
    )


def _reach(lower: Floats, upper: Floats, caps: Any) -> tuple[float, float]:
    """Return the least and the most that can be spent in all."""
    over = sum(max(float(upper[list(group)].sum()) - cap, 0.0) for group, cap in caps)
    return float(lower.sum()), float(upper.sum()) - over
