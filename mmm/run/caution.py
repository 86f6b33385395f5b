"""What holds a budget plan back: counted records, suspected channels, a step not yet read."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mmm.attribution import evidence
from mmm.journeys import Journeys
from mmm.mix import BudgetPlan, LiftTest
from mmm.mix.table.outcomes import OUTCOMES
from mmm.wording import Finding

_MADE = 0.2  # of an advised move: less was not made
_TELLING = 30  # won deals of a channel, in which it shows whether it comes last too often


@dataclass(frozen=True, eq=False)
class Beside:
    """What is known of the budget beside spend and outcome.

    Attributes
    ----------
    tests : sequence of LiftTest
        What experiments showed, in currency.
    journeys : Journeys or None
        Channels that by them seem to harvest demand that others made get no more than today,
        until a test clears them.
    decisions : DataFrame or None
        Advice of before, as `DecisionLog.to_frame` returns it: after a step nothing more is moved
        for a while, unless the next plan is surely better (`patient`).
    """

    tests: Sequence[LiftTest] = ()
    journeys: Journeys | None = None
    decisions: pd.DataFrame | None = None


NOTHING = Beside()


def harvesting(
    journeys: Journeys | None, channels: Sequence[str], trusted: Sequence[str]
) -> tuple[str, ...]:
    """Name the channels with spend that seem to harvest demand that others made.

    Their credit and their return in the mix err to the same side: spend follows demand, and people
    who have decided come in through them.
    """
    if journeys is None or not len(journeys):
        return ()
    flags = evidence(journeys).to_frame()
    flagged = set(flags.loc[flags["captures"], "channel"])
    return tuple(name for name in channels if name in flagged and name not in trusted)


def careful(plan: BudgetPlan, outcome: str) -> BudgetPlan:
    """Move half at most where records are counted, not money: they are not worth the same."""
    counted = outcome in OUTCOMES and not OUTCOMES[outcome].money
    if counted and plan.advice == "move":
        return dataclasses.replace(plan, advice="move half, then test")
    return plan


def patient(
    plan: BudgetPlan, beside: Beside, quarter: pd.Timestamp
) -> tuple[BudgetPlan, tuple[Finding, ...]]:
    """Hold the plan back where a step was made of which nobody knows yet what it brought.

    A second step on the same evidence repeats the error of the first, if it was one. The worst of
    them is hidden demand: where paths tell of every channel that would grow whether it harvests
    demand, a quarter of results in the fit is enough; else the result, or a test, has to be read.

    Parameters
    ----------
    plan : BudgetPlan
    beside : Beside
    quarter : Timestamp
        First day of the last quarter that was fitted.
    """
    decisions = beside.decisions
    if decisions is None or plan.advice != "move half, then test":
        return plan, ()
    made = decisions[(decisions["followed"] > _MADE) & decisions["profit"].isna()]
    if made.empty:
        return plan, ()
    last = pd.Timestamp(made["advised_on"].max())
    if any(pd.Timestamp(test.end) > last for test in beside.tests):
        return plan, ()
    seen_through = _paths_tell(plan, beside.journeys)
    if seen_through and last <= quarter:
        return plan, ()
    key = "budget_note.waits_quarter" if seen_through else "budget_note.waits"
    note = Finding(key, len(made), facts={"on": last.date()})
    return dataclasses.replace(plan, advice="test first"), (note,)


def _paths_tell(plan: BudgetPlan, journeys: Journeys | None) -> bool:
    """Return whether enough won deals met each channel that would grow."""
    if journeys is None or not len(journeys):
        return False
    deals = evidence(journeys).to_frame().set_index("channel")["n_deals"]
    grown = [
        name
        for name, today, then in zip(plan.channels, plan.current, plan.proposed, strict=True)
        if then > today
    ]
    return bool((deals.reindex(grown).fillna(0.0) >= _TELLING).all())
