"""What if: several budgets side by side, each against today and on the same draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, check_level, quoted
from mmm.mix.budget.certainty import judge
from mmm.mix.budget.limits import Limits
from mmm.mix.budget.money import check_money
from mmm.mix.budget.optimize import current_spend, gain_draws, hidden_bias, optimize_budget
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.company import quarter_of
from mmm.mix.fitted import Fitted
from mmm.mix.transforms import Floats
from mmm.wording import Finding

_LIKELY = 0.8


@dataclass(frozen=True)
class Scenario:
    """A change of today's budget, or of what it buys.

    Attributes
    ----------
    total_change : float
        Of all spend, as a share: 0.2 is 20% more for every channel that stays on.
    off : tuple of str
        Channels without spend; theirs is saved, not moved, unless the split is the best one.
    spend : mapping of str to float
        Spend per period of some channels, as it shall be; the others stay.
    price : mapping of str to float
        What a unit of a channel costs, over today: at 1.1 the same money buys 1 / 1.1.
    best_split : bool
        Split what the scenario spends in all as well as can be, `off` and `spend` kept.
    limits : Limits
        Rules of that split.

    Examples
    --------
    >>> Scenario(total_change=0.2).off
    ()
    """

    total_change: float = 0.0
    off: tuple[str, ...] = ()
    spend: Mapping[str, float] = field(default_factory=dict)
    price: Mapping[str, float] = field(default_factory=dict)
    best_split: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Budgets side by side.

    Attributes
    ----------
    names : tuple of str, length n_scenarios
    channels : tuple of str
    current : ndarray, shape (n_channels,)
        Spend per period today.
    spend : ndarray, shape (n_scenarios, n_channels)
        Per period.
    gain, profit : ndarray, shape (n_scenarios, n_draws)
        Outcome, and margin x outcome - spend, less that of today, per period of the horizon.
    probability_better : ndarray, shape (n_scenarios,)
        P(profit > 0), hidden demand included.
    expected_loss : ndarray, shape (n_scenarios,)
        Mean of what is lost, 0 where something is gained; per period, in money.
    horizon : int
        Periods.
    level, margin : float
    """

    names: tuple[str, ...]
    channels: tuple[str, ...]
    current: Floats
    spend: Floats
    gain: Floats
    profit: Floats
    probability_better: Floats
    expected_loss: Floats
    horizon: int
    level: float
    margin: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row a scenario.

        Returns
        -------
        pandas.DataFrame
            Columns scenario, spend, change, gain, gain_lower, gain_upper, profit, profit_lower,
            profit_upper, probability_better, expected_loss; per period.
        """
        tail = 0.5 * (1.0 - self.level)
        total = self.spend.sum(axis=1)
        columns: dict[str, object] = {
            "scenario": pd.Series(self.names, dtype="str"),
            "spend": total,
            "change": total - self.current.sum(),
        }
        for name, draws in (("gain", self.gain), ("profit", self.profit)):
            columns[name] = draws.mean(axis=1)
            columns[f"{name}_lower"], columns[f"{name}_upper"] = np.quantile(
                draws, (tail, 1.0 - tail), axis=1
            )
        columns["probability_better"] = self.probability_better
        columns["expected_loss"] = self.expected_loss
        return pd.DataFrame(columns)

    def spend_frame(self) -> pd.DataFrame:
        """Return the spend per period, one row a channel, one column a scenario, today first."""
        frame = pd.DataFrame({"channel": pd.Series(self.channels, dtype="str")})
        frame["today"] = self.current
        for name, row in zip(self.names, self.spend, strict=True):
            frame[name] = row
        return frame

    def findings(self, currency: str) -> tuple[Finding, ...]:
        """Say of each scenario whether it is likely to earn more than today."""
        found = []
        for row in self.to_frame().to_dict("records"):
            likely = row["probability_better"]
            word = "better" if likely >= _LIKELY else "worse" if likely <= 1 - _LIKELY else "open"
            facts = {
                "scenario": row["scenario"],
                "profit": row["profit"],
                "lower": row["profit_lower"],
                "upper": row["profit_upper"],
                "probability": likely,
                "level": self.level,
                "currency": currency,
            }
            found.append(Finding(f"scenario.{word}", row["profit"], facts=facts))
        return tuple(found)


def compare_scenarios(
    model: Fitted,
    scenarios: Mapping[str, Scenario | BudgetPlan],
    *,
    current: Mapping[str, float] | None = None,
    margin: float = 1.0,
    level: float = 0.9,
    horizon: int | None = None,
    tau: Mapping[str, float] | float | None = None,
) -> Scenarios:
    """Compare budgets with today's, over the coming periods, carry-over in and out included.

    All are judged on the half of the draws that chooses no split.

    Parameters
    ----------
    model : MixModel
        Fitted.
    scenarios : mapping of str to Scenario or BudgetPlan
        By name; of a plan, what it proposes.
    current, margin, level, horizon, tau
        As in `optimize_budget`.

    Returns
    -------
    Scenarios

    Raises
    ------
    ConfigError
        If there is no scenario, a channel is unknown, or a number cannot be.

    Examples
    --------
    >>> from mmm.mix import MixModel
    >>> from mmm.mix.inference.sampler import Sampling
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(2.0, 50.0, (80, 1))
    >>> outcome = 900 + 3 * spend[:, 0] + rng.normal(0, 30, 80)
    >>> model = MixModel(sampler=Sampling(n_draws=500)).fit(spend, outcome)
    >>> without = {"without x0": Scenario(off=("x0",))}
    >>> bool(compare_scenarios(model, without).probability_better[0] < 0.2)
    True
    """
    level = check_level(level)
    if not scenarios:
        raise ConfigError("there is no scenario. Pass a mapping of names to Scenario(...).")
    check_money(model, margin)
    today = current_spend(model, current)
    if horizon is None:
        horizon = quarter_of(model.clock_)
    bias = hidden_bias(model, margin, tau)
    rows, gains, profits, judged = [], [], [], []
    for name, scenario in scenarios.items():
        spend, bought = _spend(model, today, name, scenario, margin)
        gain = gain_draws(model, today, bought, horizon)[1::2]
        profit = margin * gain - float((spend - today).sum())
        rows.append(spend)
        gains.append(gain)
        profits.append(profit)
        judged.append(judge(profit, bought - today, bias))
    return Scenarios(
        names=tuple(scenarios),
        channels=model.channels_,
        current=today,
        spend=np.array(rows),
        gain=np.array(gains),
        profit=np.array(profits),
        probability_better=np.array([each.probability_better for each in judged]),
        expected_loss=np.array([each.expected_loss for each in judged]),
        horizon=horizon,
        level=level,
        margin=margin,
    )


def _spend(
    model: Fitted, today: Floats, name: str, scenario: Scenario | BudgetPlan, margin: float
) -> tuple[Floats, Floats]:
    """Return what a scenario spends per period, and what that would have cost today."""
    channels = model.channels_
    if isinstance(scenario, BudgetPlan):
        if scenario.channels != channels:
            raise ConfigError(
                f"the plan {name!r} has {quoted(scenario.channels, 20)}, the model "
                f"{quoted(channels, 20)}. Pass a plan of this model."
            )
        return scenario.proposed, scenario.proposed
    _check(name, scenario, channels)
    on = np.array([channel not in scenario.off for channel in channels])
    spend = today * (1.0 + scenario.total_change) * on
    for channel, amount in scenario.spend.items():
        spend[channels.index(channel)] = amount
    if scenario.best_split:
        spend = _best_split(model, today, scenario, float(spend.sum()), margin)
    price = np.array([float(scenario.price.get(channel, 1.0)) for channel in channels])
    return spend, spend / price


def _best_split(
    model: Fitted, today: Floats, scenario: Scenario, kept: float, margin: float
) -> Floats:
    saved = float(sum(today[model.channels_.index(channel)] for channel in scenario.off))
    fixed = {channel: (float(x), float(x)) for channel, x in scenario.spend.items()}
    bounds = {**fixed, **dict.fromkeys(scenario.off, (0.0, 0.0))}
    given = dict(zip(model.channels_, map(float, today), strict=True))
    plan = optimize_budget(
        model,
        kept + saved * (1.0 + scenario.total_change),
        bounds,
        given,
        margin,
        limits=scenario.limits,
    )
    return plan.proposed


def _check(name: str, scenario: Scenario, channels: tuple[str, ...]) -> None:
    asked = [*scenario.off, *scenario.spend, *scenario.price]
    unknown = [channel for channel in dict.fromkeys(asked) if channel not in channels]
    if unknown:
        raise ConfigError(
            f"the scenario {name!r} names {quoted(unknown)}; the model has {quoted(channels, 20)}. "
            "Correct the names."
        )
    twice = [channel for channel in scenario.off if channel in scenario.spend]
    if twice:
        raise ConfigError(
            f"the scenario {name!r} turns {quoted(twice)} off and gives it a spend. Choose one."
        )
    amounts = [scenario.total_change + 1.0, *scenario.spend.values()]
    prices = np.array(list(scenario.price.values()))
    if not (np.isfinite(amounts).all() and min(amounts) >= 0):
        raise ConfigError(f"the scenario {name!r} has a negative or missing spend. Pass 0 or more.")
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        raise ConfigError(
            f"the scenario {name!r} has a price of 0, below, or missing. Pass 1.1 for 10% dearer."
        )
