"""What a run advises: the budget, the leads to call, and what is missing for an answer.

Frames and arrays alone: no model is held, so that a page, a workbook and a test read the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.wording import Finding, say

Floats = npt.NDArray[np.float64]
Stance = Literal["move", "half", "test", "stay"]


@dataclass(frozen=True, eq=False)
class ResponseGrid:
    """Outcome of each channel over its spend, for weighing another budget without the model.

    The mean is that of the draws that chose the plan, the draws are some of those that judged it:
    for spends x of all channels, ``profit = margin * (sum of draws at x - sum at today) - (sum of
    x - sum of today)``, one number a draw; the spread of the hidden demand is ``s = sqrt(sum of
    (tau * (x - today))^2)``, and P(better than today) the mean of ``Phi(profit / s)``.

    Attributes
    ----------
    channels : tuple of str
    spend : ndarray of float64, shape (n_channels, n_grid)
        Per period, in money, evenly spaced and rising; from the least to the most that a channel
        may get, today's spend between them. All alike where a channel has no room.
    response_mean : ndarray of float64, shape (n_channels, n_grid)
        Outcome per period of holding that spend; margin not applied. Never falls. What the plan
        maximises, cubic between the points.
    held_mean : ndarray of float64, shape (n_channels, n_grid)
        Outcome per period of holding that spend over the horizon, carry-over in and out included:
        mean over all draws that judge the plan.
    draws : ndarray of float32, shape (n_draws, n_channels, n_grid)
        The same, draw by draw; at most 200 of them, evenly spaced by the profit of the plan.
    tau : ndarray of float64, shape (n_channels,)
        Standard deviation of the unknown bias of a return, in money (margin applied) a unit of
        spend.
    """

    channels: tuple[str, ...]
    spend: Floats
    response_mean: Floats
    held_mean: Floats
    draws: npt.NDArray[np.float32]
    tau: Floats


@dataclass(frozen=True, eq=False)
class BudgetAdvice:
    """Where the budget should go, and how sure that is.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a channel, the largest spend first. channel; current, proposed, change,
        recommended (what the stance comes to: the plan, half the way, or today), low, high (least
        and most allowed), all spend per period in money; verdict (cut, follow, hold, push, test:
        one that follows only gives or takes what others need); action
        (key of the sentence that says what to do); marginal_romi, marginal_romi_lower,
        marginal_romi_upper (of the last euro at current spend, missing where there is none);
        romi, romi_lower, romi_upper, contribution, share (of the outcome), over all periods
        fitted; identified (data, prior, not identified); binding (rule that stops it, or empty).
    every : {"week", "month"}
        The period.
    outcome : str
        What was explained: won_value, won_deals, opportunities, leads, ...
    total : float
        Spend per period that the plan distributes.
    margin : float
        Money that one unit of the outcome leaves: gross margin x unit value.
    gross_margin : float
        As configured; 1 where none was given and the whole revenue counts (`margin_known`).
    margin_known : bool
    unit_value : float
        Revenue that a unit of the outcome brings: 1 for an outcome in money, else the won value a
        lead or an opportunity has brought on average.
    level : float
        Coverage of the intervals.
    stance : {"move", "half", "test", "stay"}
        Move as proposed; move half, then test; test first and keep today's budget until then; keep
        today's budget, since no plan within the bounds is expected to earn more.
    probability_better : float
        That the plan in full earns more than today, hidden demand included.
    expected_gain, gain_lower, gain_upper : float
        margin x outcome of the plan less that of today, per period, in money.
    expected_profit, profit_lower, profit_upper : float
        The same less the change of spend; equal to the gain where the total stays.
    expected_loss : float
        Mean of what is lost, 0 where something is gained; per period, in money.
    multiplier : float
        Marginal ROMI that the budget asks of every last euro.
    curves : ResponseGrid
    findings : tuple of Finding
        The plan first, then a sentence a channel on its verdict.
    evidence : tuple of Finding
        What all media brought, then each channel.
    pilots : pandas.DataFrame or None
        Tests, the most worth first: channel, mode, delta (change as a share of spend), n_periods,
        power, chance (of a clear answer), value (of knowing, in money over a year), net_value
        (after its cost), periods_needed, pays (net value above 0, and the chance not too small).
        None where none was planned.
    scenarios : pandas.DataFrame or None
        scenario (key in words: what_if.<name>), total, profit, profit_lower, profit_upper against
        today per period, probability_better.
    calendar : pandas.DataFrame or None
        The recommended budget of the coming quarter for the media buyer: date, and a column a
        channel in money with cents (Decimal).
    first, last : date
        First day of the first and of the last period that were fitted.
    n_periods : int
        Periods fitted.
    horizon : int
        Periods that the plan is judged over.
    currency : str
    diagnostics : mapping
        converged, r_hat_max, ess_bulk_min, divergences, n_draws and what else the sampler reports.
    notes : tuple of Finding
        What the reader has to know: assumptions, channels joined or left out.
    contributions : pandas.DataFrame or None
        As `mmm.mix.MixModel.contributions` returns them, in units of the outcome.
    tested : tuple of str
        Channels whose experiments the mix was fitted with.
    forced : tuple of str
        Channels that the plan gives more only because the total is fixed.
    """

    table: pd.DataFrame
    every: str
    outcome: str
    total: float
    margin: float
    gross_margin: float
    margin_known: bool
    unit_value: float
    level: float
    stance: Stance
    probability_better: float
    expected_gain: float
    gain_lower: float
    gain_upper: float
    expected_profit: float
    profit_lower: float
    profit_upper: float
    expected_loss: float
    multiplier: float
    curves: ResponseGrid
    findings: tuple[Finding, ...]
    evidence: tuple[Finding, ...]
    pilots: pd.DataFrame | None
    scenarios: pd.DataFrame | None
    calendar: pd.DataFrame | None
    first: date
    last: date
    n_periods: int
    horizon: int
    currency: str
    diagnostics: Mapping[str, Any]
    notes: tuple[Finding, ...] = ()
    contributions: pd.DataFrame | None = None
    tested: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Calls:
    """Which open leads to call first, and how far to trust that.

    Attributes
    ----------
    table : pandas.DataFrame
        The leads of the highest expected value, best first, at most 20 rows: lead_id, probability
        (won within the horizon), grade (A to D), grade_lower, grade_upper (realised rate of that
        grade on leads held out), value, value_lower, value_upper (of such a deal, in money;
        missing where no deal has a value), expected_value (probability x value), next_action
        ("call now", "nurture", "wait", "drop"), reason (dict of language to why the model says
        so, up to three sentences), because (dict of language to why this action), owner,
        age_days, channel; owner and channel missing where unknown. Leads with an open opportunity
        are not in it: sales works them already.
    every : pandas.DataFrame
        All leads that could be called, the same columns and order.
    n_open : int
        Rows of `every`.
    n_in_pipeline : int
        Open leads left out since they have an open opportunity.
    n_now : int
        Leads to call now.
    by_grade : pandas.DataFrame
        grade, n, expected_wins (sum of the probabilities), expected_value; A to D.
    metrics : pandas.DataFrame
        metric (log_loss, auc, ece, lift, base_log_loss), value, lower, upper: on leads held out;
        bounds missing where not known.
    value_known : bool
        False where deals have no value and leads are ranked by probability.
    has_signal : bool
        False where no column tells leads apart: all have the base rate.
    horizon_days : float
    base_rate : float
        Share of the past leads that were won within the horizon.
    capacity : int or None
        Calls a week.
    currency : str
    as_of : date
    findings : tuple of Finding
        Whom to call, and how sure that is.
    notes : tuple of Finding
    """

    table: pd.DataFrame
    every: pd.DataFrame
    n_open: int
    n_in_pipeline: int
    n_now: int
    by_grade: pd.DataFrame
    metrics: pd.DataFrame
    value_known: bool
    has_signal: bool
    horizon_days: float
    base_rate: float
    capacity: int | None
    currency: str
    as_of: date
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class Signal:
    """What open leads and deals are worth, and what the models say together of each channel.

    Attributes
    ----------
    pipeline : pandas.DataFrame
        One row a channel, as `mmm.signal.ExpectedCredit.to_frame` returns it: channel, won,
        pipeline, total, lower, upper (currency), share, share_lower, share_upper.
    totals : pandas.DataFrame
        As `mmm.signal.ExpectedValue.totals` returns it: part, value, lower, upper, n.
    findings : tuple of Finding
        What is won and what is expected.
    model : str
        Of attribution, whose credit it is.
    horizon_days : float
        What is won later counts as not won.
    level : float
        Coverage of the intervals.
    currency : str
    models : pandas.DataFrame or None
        As `mmm.signal.Triangulation.table`: one row a channel, and "(baseline)"; None where the
        models cannot be compared.
    judged : tuple of Finding
        Of each channel, whether the methods agree, why not, and what to plan on.
    mixes : tuple of Finding
        Whether the mix on leads and that on closed revenue agree.
    outcome : str
        What the mix explained.
    first, last : date or None
        Of the period of `models`.
    experiments : pandas.DataFrame or None
        As `mmm.signal.ExperimentLog.to_frame` returns it.
    """

    pipeline: pd.DataFrame
    totals: pd.DataFrame
    findings: tuple[Finding, ...]
    model: str
    horizon_days: float
    level: float
    currency: str
    models: pd.DataFrame | None = None
    judged: tuple[Finding, ...] = ()
    mixes: tuple[Finding, ...] = ()
    outcome: str = ""
    first: date | None = None
    last: date | None = None
    experiments: pd.DataFrame | None = None


@dataclass(frozen=True)
class Gap:
    """What is missing for an answer, and what would mend it.

    Attributes
    ----------
    answer : str
        "budget", "calls", "forecast", "signal", "costs", ...; named by the key ``gap.<answer>``.
    reason : Finding
    cure : Finding
    """

    answer: str
    reason: Finding
    cure: Finding

    def sentence(self, lang: str = "en") -> str:
        """Say which answer is missing, why, and what would mend it."""
        name = say(f"gap.{self.answer}", lang)
        return f"{name} {self.reason.sentence(lang)} {self.cure.sentence(lang)}"
