"""What a dry run shows: who would be written, and what stands there before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_LISTED = 10


def say_changes(changes: Sequence[Any]) -> None:
    """Print a line a lead, for the first few."""
    told = [(one.lead_id, _shown(one.before), _shown(one.after)) for one in changes[:_LISTED]]
    widths = [max((len(row[place]) for row in told), default=0) for place in range(2)]
    for lead, before, after in told:
        print(f"  {lead + ':':<{widths[0] + 1}} {before:>{widths[1]}} -> {after}")
    if len(changes) > _LISTED:
        print(f"  and {len(changes) - _LISTED:,} more")


def say_replacement(found: Any, target: Path) -> None:
    """Print what becomes of a file that would be replaced whole."""
    plan, there = found.plan, target.exists()
    if found.foreign:
        print(f"{target} is no file of scores; it would be lost.")
    elif not there:
        print(f"{target} is not there; {plan.n_leads:,} leads would be written.")
    else:
        n_other = len(plan.changes) - plan.n_new
        print(
            f"Of {plan.n_leads:,} leads {plan.n_new:,} would be new in {target}, {n_other:,} get "
            f"another grade or probability, {plan.n_moved:,} of them move by more than a grade; "
            f"{found.n_gone:,} leads would no longer stand there."
        )
    say_changes(plan.changes)


def replacement_counts(found: Any) -> dict[str, int | bool]:
    """Return the same in counts, without any lead."""
    plan = found.plan
    return {
        "n_changes": len(plan.changes),
        "n_new": plan.n_new,
        "n_moved": plan.n_moved,
        "n_gone": found.n_gone,
        "replaces_another_file": found.foreign,
    }


def _shown(fields: Mapping[str, Any]) -> str:
    from mmm.crm.target import GRADE, PROBABILITY

    p, grade = fields.get(PROBABILITY), fields.get(GRADE)
    told = [f"{p:.1%}" if p is not None else "", f"({grade})" if grade is not None else ""]
    return " ".join(filter(None, told)) or "nothing"
