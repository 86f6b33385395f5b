"""Guards: what has to hold before the first lead of a batch is written."""

from collections.abc import Collection
from dataclasses import dataclass

from mmm.errors import ConfigError, InputError, quoted
from mmm.prediction.scores import LeadScores
from mmm.prediction.writeback.plan import Plan


@dataclass(frozen=True)
class Guards:
    """Limits of an ordinary night.

    Attributes
    ----------
    max_moved : float
        Largest share of leads that may move by more than one grade.
    max_missing : float
        Largest share of leads that the system may not know.
    n_least : int
        Leads below which a share says nothing, and is not asked for.
    insist : bool
        Write all the same.
    """

    max_moved: float = 0.25
    max_missing: float = 0.05
    n_least: int = 20
    insist: bool = False

    def __post_init__(self) -> None:
        for name in ("max_moved", "max_missing"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ConfigError(f"{name}= is {share}. Give a share between 0 and 1.")


def check_scores(scores: LeadScores) -> None:
    """Raise where a probability cannot be one, or a grade is none.

    Raises
    ------
    InputError
    """
    wrong = ~((scores.probability >= 0.0) & (scores.probability <= 1.0))
    if wrong.any():
        raise InputError(
            f"{int(wrong.sum())} probabilities are missing or outside 0 to 1. Nothing is written; "
            "score the leads again."
        )
    odd = {str(grade) for grade in scores.grade} - set("ABCD")
    if odd:
        raise InputError(f"grades are {quoted(sorted(odd))}. Nothing is written; score again.")


def check_plan(plan: Plan, guards: Guards) -> None:
    """Raise where more leads move by more than one grade than on an ordinary night.

    Raises
    ------
    InputError
    """
    if guards.insist or plan.n_known < guards.n_least:
        return
    share = plan.n_moved / plan.n_known
    if share > guards.max_moved:
        raise InputError(
            f"{plan.n_moved:,} of {plan.n_known:,} leads ({share:.0%}) would move by more than one "
            f"grade; the limit is {guards.max_moved:.0%}. Nothing is written. Look at the leads "
            "and the model, then insist with force=True."
        )


def check_missing(missing: Collection[str], n_leads: int, guards: Guards) -> None:
    """Raise where a system does not know so many leads that it may be the wrong one.

    Raises
    ------
    InputError
    """
    if guards.insist or not missing:
        return
    share = len(missing) / max(n_leads, 1)
    if len(missing) == n_leads or (n_leads >= guards.n_least and share > guards.max_missing):
        raise InputError(
            f"the customer system does not know {len(missing):,} of {n_leads:,} leads; the limit "
            f"is {guards.max_missing:.0%}. Nothing is written. Check the ids and the system, then "
            "insist with force=True."
        )
