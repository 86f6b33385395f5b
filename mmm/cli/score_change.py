"""What a run wrote, and what a dry run shows: who would be written, what stands there before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmm.cli.shell import print_notes, spoken
from mmm.wording import format_share, say

_LISTED = 10


def say_written(done: Any) -> None:
    """Print what became of a batch, or what a dry run would write."""
    facts = {"batch": done.batch, "system": done.system, "n": done.n_written}
    if done.did == "nothing":
        _print("undone_before" if done.batch is not None else "nothing", **facts)
    elif done.did == "dry run":
        _say_difference(done)
    elif done.did == "undid":
        _print("undid_all_but" if done.n_kept else "undid", **facts, kept=done.n_kept)
    else:
        key = "wrote" if done.did == "wrote" else "resumed"
        _print(key, **facts, new=done.n_new, emptied=done.n_emptied)
        _print("undo", **facts)
    if done.n_missing:
        print_notes([f"leads not known there, and not written: {done.n_missing}"])
    if done.not_written is not None:
        _print("refused", path=done.not_written.resolve())


def _say_difference(done: Any) -> None:
    _print(
        "would_write", n=done.n_changes, of=done.n_leads, system=done.system, new=done.n_new,
        emptied=done.n_emptied,
    )  # fmt: skip
    _say_changes(done.changes)
    if done.fields_missing:
        told = ", ".join(done.fields_missing)
        print_notes([f"not there yet: {told}. Create them first: mmm score prepare"])
    _print("dry_run")


def say_replacement(found: Any, target: Path) -> None:
    """Print what becomes of a file that would be replaced whole."""
    plan, there = found.plan, target.exists()
    if found.foreign:
        _print("foreign", file=target)
    elif not there:
        _print("new_file", file=target, n=plan.n_leads)
    else:
        _print(
            "would_replace", file=target, of=plan.n_leads, n=plan.n_new,
            other=len(plan.changes) - plan.n_new, moved=plan.n_moved, gone=found.n_gone,
        )  # fmt: skip
    _say_changes(plan.changes)
    _print("dry_run")


def _say_changes(changes: Sequence[Any]) -> None:
    """Print a line a lead, for the first few."""
    told = [(one.lead_id, _shown(one.before), _shown(one.after)) for one in changes[:_LISTED]]
    widths = [max((len(row[place]) for row in told), default=0) for place in range(2)]
    for lead, before, after in told:
        print(f"  {lead + ':':<{widths[0] + 1}} {before:>{widths[1]}} -> {after}")
    if len(changes) > _LISTED:
        print("  " + say("written.more", spoken(), n=len(changes) - _LISTED))


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
    told = [
        format_share(p, spoken(), 1) if p is not None else "",
        f"({grade})" if grade is not None else "",
    ]
    return " ".join(filter(None, told)) or say("written.empty", spoken())


def _print(key: str, **facts: Any) -> None:
    print(say(f"written.{key}", spoken(), **facts))
