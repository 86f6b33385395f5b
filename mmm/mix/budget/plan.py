"""A budget plan beside today: what it moves, what it may gain, how sure that is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.mix.transforms import Floats
from mmm.showing import Shown, as_text
from mmm.wording import format_share


@dataclass(frozen=True, eq=False, repr=False)
class BudgetPlan(Shown):
    """A plan beside today, and how sure it is.

    Attributes
    ----------
    channels : tuple of str
    current, proposed : ndarray of float64, shape (n_channels,)
        Spend per period.
    verdict : tuple of str
        push, cut, hold or test, one a channel.
    identified : tuple of str
        What the effect of each channel rests on: data, prior, not identified.
    marginal_romi, marginal_romi_lower, marginal_romi_upper : ndarray, shape (n_channels,)
        At current spend; NaN where there is none.
    marginal_romi_after, marginal_romi_after_lower, marginal_romi_after_upper : ndarray, \
shape (n_channels,)
        At proposed spend; NaN where there is none.
    multiplier : float
        Marginal ROMI that the budget asks for; 0 where the total is free.
    expected_gain, gain_lower, gain_upper : float
        Outcome per period of the plan less that of today, mean over the horizon, carry-over in
        and out included.
    expected_profit, profit_lower, profit_upper : float
        margin x gain - change of spend, per period.
    probability_better : float
        P(profit > 0), hidden demand included.
    expected_loss : float
        Mean of what is lost, 0 where something is gained; per period, in money.
    tipping_tau : float or None
        Multiple of the assumed hidden bias at which the probability falls under 80%.
    advice : str
        move; move half, then test; test first; or stay.
    optimality_gap : float
        Largest possible shortfall of the plan against the best, as a share of the response.
    profit_draws : ndarray, shape (n_scored,)
        Profit per period under the draws that did not choose the plan.
    hidden_spread : float
        Standard deviation of the profit for hidden demand, which the draws do not know.
    level, margin : float
    binding : tuple of str
        The rule that stops each channel; empty where none does.
    horizon : int
        Periods that the plan is judged over.
    notes : tuple of str
        What the reader has to know.
    """

    channels: tuple[str, ...]
    current: Floats
    proposed: Floats
    verdict: tuple[str, ...]
    identified: tuple[str, ...]
    marginal_romi: Floats
    marginal_romi_lower: Floats
    marginal_romi_upper: Floats
    marginal_romi_after: Floats
    marginal_romi_after_lower: Floats
    marginal_romi_after_upper: Floats
    multiplier: float
    expected_gain: float
    gain_lower: float
    gain_upper: float
    expected_profit: float
    profit_lower: float
    profit_upper: float
    probability_better: float
    expected_loss: float
    tipping_tau: float | None
    advice: str
    optimality_gap: float
    profit_draws: Floats
    hidden_spread: float
    level: float
    margin: float
    binding: tuple[str, ...] = ()
    horizon: int = 1
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        sentence = (
            f"{self.advice.capitalize()}: the plan beats today with probability "
            f"{format_share(self.probability_better)}; expected profit "
            f"{self.expected_profit:+,.4g} a period ({format_share(self.level)} interval: "
            f"{self.profit_lower:,.4g} to {self.profit_upper:,.4g})."
        )
        kind = (
            f"BudgetPlan: {len(self.channels)} channels, "
            f"{self.current.sum():,.6g} -> {self.proposed.sum():,.6g} a period"
        )
        return as_text(sentence, self._small_table(), kind)

    def _small_table(self) -> pd.DataFrame:
        """Return the channels, those that move most first."""
        table = self.to_frame()
        order = np.argsort(-table["change"].abs().to_numpy(), kind="stable")
        return table.iloc[order].reset_index(drop=True)

    @property
    def recommended(self) -> Floats:
        """Spend per period that the advice comes to: the plan, half the way there, or today."""
        step = {"move": 1.0, "move half, then test": 0.5}.get(self.advice, 0.0)
        return np.asarray(self.current + step * (self.proposed - self.current))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a channel.

        Returns
        -------
        pandas.DataFrame
            Columns channel, current, proposed, change, verdict, marginal_romi,
            marginal_romi_lower, marginal_romi_upper, identified, binding, and recommended: what the
            advice comes to, which is the plan, half of the way, or today.
        """
        return pd.DataFrame(
            {
                "channel": pd.Series(self.channels, dtype="str"),
                "current": self.current,
                "proposed": self.proposed,
                "change": self.proposed - self.current,
                "verdict": pd.Series(self.verdict, dtype="str"),
                "marginal_romi": self.marginal_romi,
                "marginal_romi_lower": self.marginal_romi_lower,
                "marginal_romi_upper": self.marginal_romi_upper,
                "identified": pd.Series(self.identified, dtype="str"),
                "binding": pd.Series(self.binding, dtype="str"),
                "recommended": self.recommended,
            }
        )

    def plot(self) -> "npt.NDArray[np.object_]":
        """Draw spend today and planned, the marginal return at both, and what the plan may gain.

        Returns
        -------
        ndarray of matplotlib.axes.Axes, shape (3,)
        """
        from mmm.mix.plots import plot_plan

        frame = self.to_frame()
        frame["marginal_romi_after"] = self.marginal_romi_after
        frame["marginal_romi_after_lower"] = self.marginal_romi_after_lower
        frame["marginal_romi_after_upper"] = self.marginal_romi_after_upper
        return plot_plan(
            frame,
            self.profit_draws,
            self.hidden_spread,
            level=self.level,
            title=f"{self.advice}: P(better than today) {self.probability_better:.0%}",
        )
