"""What a mix model answers about one company, in the form that is graded and stored."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmm.errors import InputError, check_level
from mmm.simulate.worlds.streams import Floats

_MOVE = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """Contributions over all rows of the frame, and a plan.

    Attributes
    ----------
    contribution, lower, upper : float (n_channels,)
        Of each channel, in units of the outcome, with its interval.
    media, media_lower, media_upper : float
        Of all channels together.
    level : float
        Coverage that the intervals promise.
    plan : float (n_channels,) or None
        Proposed weekly spend: the same total as today (`current_spend`), each channel within 50% of
        today. None: no advice, which is graded as staying.
    probability_better : float or None
        That the plan beats today.
    gain : float or None
        What the plan is said to bring a week more than today, in units of the outcome.
    converged : bool
        Whether the model trusts its own computation; with False and a plan, the plan is graded.
    """

    contribution: Floats
    lower: Floats
    upper: Floats
    media: float
    media_lower: float
    media_upper: float
    level: float = 0.9
    plan: Floats | None = None
    probability_better: float | None = None
    gain: float | None = None
    converged: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain numbers and lists, ready for JSON."""
        return {
            "contribution": np.asarray(self.contribution, dtype=np.float64).tolist(),
            "lower": np.asarray(self.lower, dtype=np.float64).tolist(),
            "upper": np.asarray(self.upper, dtype=np.float64).tolist(),
            "media": float(self.media),
            "media_lower": float(self.media_lower),
            "media_upper": float(self.media_upper),
            "level": float(self.level),
            "plan": None if self.plan is None else np.asarray(self.plan, np.float64).tolist(),
            "probability_better": _number(self.probability_better),
            "gain": _number(self.gain),
            "converged": bool(self.converged),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Answer":
        """Return the answer that `to_dict` wrote."""
        told = dict(fields)
        for name in ("contribution", "lower", "upper", "plan"):
            if told[name] is not None:
                told[name] = np.asarray(told[name], dtype=np.float64)
        return cls(**told)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def check_answer(answer: Answer, current: Floats) -> None:
    """Check that an answer can be graded.

    Parameters
    ----------
    answer : Answer
    current : float (n_channels,)
        Today's weekly spend.

    Raises
    ------
    InputError
        If arrays have the wrong length or are not finite, the interval is upside down, the plan
        has another total than today or leaves the bounds, or the probability is none.
    """
    check_level(answer.level)
    for name in ("contribution", "lower", "upper"):
        _check_array(name, getattr(answer, name), current.size)
    whole = np.array([answer.media_lower, answer.media, answer.media_upper], dtype=np.float64)
    _check_array("media_lower, media, media_upper", whole, 3)
    if (answer.lower > answer.upper).any() or answer.media_lower > answer.media_upper:
        raise InputError("an interval ends below its beginning; check lower and upper")
    said = answer.probability_better
    if said is not None and not 0 <= said <= 1:
        raise InputError(f"probability_better is {said!r}; it lies between 0 and 1")
    if answer.gain is not None and not np.isfinite(answer.gain):
        raise InputError(f"gain is {answer.gain!r}; give a finite number, or None")
    if answer.plan is not None:
        _check_plan(answer.plan, current)


def _check_array(name: str, values: Floats, size: int) -> None:
    if np.shape(values) != (size,) or not np.isfinite(values).all():
        raise InputError(
            f"{name} has shape {np.shape(values)} or holds values that are not finite; "
            f"give {size} finite numbers"
        )


def _check_plan(plan: Floats, current: Floats) -> None:
    _check_array("plan", plan, current.size)
    total = float(current.sum())
    if abs(float(plan.sum()) - total) > 1e-4 * total:
        raise InputError(f"the plan spends {plan.sum():.6g} a week, today {total:.6g}; match them")
    slack = 1e-4 * total
    outside = (plan < (1 - _MOVE) * current - slack) | (plan > (1 + _MOVE) * current + slack)
    if outside.any():
        raise InputError(
            f"the plan moves channel {int(np.argmax(outside)) + 1} by more than {_MOVE:.0%}; "
            "keep each channel between half and one and a half of today"
        )
