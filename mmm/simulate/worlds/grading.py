"""One answer against the truth: a row of plain numbers."""

import numpy as np

from mmm.simulate.worlds.answer import Answer
from mmm.simulate.worlds.company import World
from mmm.simulate.worlds.streams import Floats

Grade = dict[str, float]

_ESTIMATES = (
    "level",
    "n_live",
    "n_live_covered",
    "n_null",
    "n_null_covered",
    "covered_total",
    "width_live",
    "width_total",
    "total_ratio",
    "share_error",
    "null_share",
    "converged",
)
_ADVICE = ("advised", "moved", "regret", "gain", "predicted_gain", "probability_better")
GRADED = (*_ESTIMATES, *_ADVICE)


def grade(world: World, answer: Answer | None) -> Grade:
    """Grade an answer.

    Parameters
    ----------
    world : World
    answer : Answer or None
        It has passed `check_answer`. None, for a model that failed: no estimates, today's plan.

    Returns
    -------
    dict
        The numbers named in `GRADED`; missing ones are NaN. ``n_live``, ``n_live_covered``,
        ``n_null``, ``n_null_covered`` (channels whose interval holds the truth); ``covered_total``
        0 or 1; ``width_live`` (widths of the live channels' intervals, together, over true media),
        ``width_total``; ``total_ratio`` (estimated over true media); ``share_error`` (half the sum
        of the differences of the channels' shares, 0 to 1 unless estimates are negative);
        ``null_share`` (what channels without effect are given, over true media).

        In percent of today's true media response, of weeks at a spend held for good: ``gain`` of
        the plan and ``predicted_gain``; in percent of the best response: ``regret``.
        ``advised`` 0 or 1, ``moved`` whether the plan differs from today, ``probability_better``.
    """
    if answer is None:
        return {**dict.fromkeys(_ESTIMATES, float("nan")), **_advice(world, None, None, None)}
    plan, said, gain = answer.plan, answer.probability_better, answer.gain
    return {**_estimates(world, answer), **_advice(world, plan, said, gain)}


def _estimates(world: World, answer: Answer) -> Grade:
    live = world.truth.live
    true = world.truth.contribution.sum(axis=0)
    total = float(true.sum())
    # A millionth of the total, so that an exact answer is not marked down for rounding.
    slack = 1e-6 * total
    covered = (answer.lower - slack <= true) & (true <= answer.upper + slack)
    within = answer.media_lower - slack <= total <= answer.media_upper + slack
    widths = answer.upper - answer.lower
    return {
        "level": float(answer.level),
        "n_live": float(live.sum()),
        "n_live_covered": float(covered[live].sum()),
        "n_null": float((~live).sum()),
        "n_null_covered": float(covered[~live].sum()),
        "covered_total": float(within),
        "width_live": float(widths[live].sum()) / total,
        "width_total": (answer.media_upper - answer.media_lower) / total,
        "total_ratio": answer.media / total,
        "share_error": _share_error(answer.contribution, true),
        "null_share": float(answer.contribution[~live].sum()) / total if (~live).any() else np.nan,
        "converged": float(answer.converged),
    }


def _share_error(estimated: Floats, true: Floats) -> float:
    """Return the total variation between two splits of media; NaN where a split is undefined."""
    whole = float(estimated.sum())
    if whole <= 0:
        return float("nan")
    return 0.5 * float(np.abs(estimated / whole - true / true.sum()).sum())


def _advice(world: World, plan: Floats | None, said: float | None, gain: float | None) -> Grade:
    truth = world.truth
    proposed = truth.current if plan is None else plan
    today, best, planned = (
        float(truth.effects.response(spend).sum())
        for spend in (truth.current, truth.optimum, proposed)
    )
    shifted = float(np.abs(proposed - truth.current).sum())
    return {
        "advised": float(plan is not None),
        "moved": float(shifted > 1e-4 * float(truth.current.sum())),
        "regret": 100 * (best - planned) / best,
        "gain": 100 * (planned - today) / today,
        "predicted_gain": float("nan") if gain is None else 100 * gain / today,
        "probability_better": float("nan") if said is None else float(said),
    }
