"""Grades: how far an answer about a dataset is from its sealed truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.datasets.catalogue import load, tables, truth
from mmm.errors import InputError, name_rows, quoted
from mmm.showing import Shown, as_text
from mmm.wording import say

Floats = npt.NDArray[np.float64]

# Kind of answer: the columns that tell it, the more particular ones first.
_KINDS = {
    "budget": ("proposed",),
    "contribution": ("contribution",),
    "attribution": ("share", "credit"),
}
_WHOLE = ("(media)", "(unattributed)")
_QUARTER = 13  # weeks that today's spend is the mean of
_REACH = 0.5  # a channel may move by half of its spend, unless the plan goes further
_STEPS = 400


@dataclass(frozen=True, eq=False, repr=False)
class Grade(Shown):
    """How far an answer is from the truth.

    Attributes
    ----------
    dataset : str
    kind : str
        "attribution", "contribution" or "budget".
    measures : mapping of str to float
        Attribution: ``share_misplaced`` (0-1), ``credited`` and ``brought`` (share of the value
        that the answer credits to channels, and that they brought). Contribution: ``total_error``
        (answer over truth, less 1), ``share_misplaced``, ``covered`` (share of the channels whose
        interval holds the truth; NaN without intervals). Budget: ``regret``, ``gain``,
        ``best_gain``, all as a share of what the channels bring at today's spend.
    channels : DataFrame
        ``channel``, ``answer``, ``truth``, ``error`` (answer less truth): shares of the credit of
        all channels; contributions; or spend a week, proposed and best. The largest error first.
    """

    dataset: str
    kind: str
    measures: Mapping[str, float]
    channels: pd.DataFrame

    def __repr__(self) -> str:
        kind = f"Grade: {self.kind} of {self.dataset}, {len(self.channels)} channels"
        return as_text(self.sentence(), self.channels, kind)

    def _small_table(self) -> pd.DataFrame:
        return self.channels

    def sentence(self, lang: str = "en") -> str:
        """Say the grade in "en" or "it"."""
        return say(f"grade.{self.kind}", lang, mark=None, **self.measures)

    def to_frame(self) -> pd.DataFrame:
        """Return the measures: ``measure``, ``value``."""
        return pd.DataFrame(list(self.measures.items()), columns=["measure", "value"])


def grade(name: str, answer: Any) -> Grade:
    """Tell how far an answer about a dataset is from its truth.

    Parameters
    ----------
    name : str
        One of `mmm.datasets.names`.
    answer : DataFrame, or a result with ``to_frame()``
        A row a channel, of this package or any other:

        - ``channel`` and ``share`` or ``credit``: who earned the deals. A row "(unattributed)" may
          be there.
        - ``channel`` and ``contribution``, with ``contribution_lower`` and ``contribution_upper``
          where there are intervals: what each channel brought over all weeks. A row "(media)" is
          left out.
        - ``channel`` and ``proposed``, and ``current`` if it is not the mean of the last 13 weeks:
          a budget a week.

    Returns
    -------
    Grade

    Raises
    ------
    InputError
        When the frame is none of these, names a channel twice, or the dataset has no such truth.

    Notes
    -----
    With shares a of the answer and t of the truth, each summing to 1 over the channels,
    ``share_misplaced`` is half of the sum of |a - t|: the part of the credit that would have to
    move. Channels that the answer leaves out count with 0, and so do those unknown to the truth.

    A budget is judged in steady state by the true curves. The best split of the same total is
    found by dynamic programming over 400 equal steps, each channel within half and one and a half
    times today's spend or as far as the plan goes. ``regret`` is what the plan brings less than
    the best one.

    Examples
    --------
    Grade the rule that everybody uses on the company of which everything is known:

    >>> from mmm import build_journeys
    >>> from mmm.attribution import last_touch
    >>> from mmm.datasets import grade, load
    >>> journeys = build_journeys(load("touches"), load("deals"), contacts=load("contacts"))
    >>> round(grade("small", last_touch(journeys)).measures["share_misplaced"], 2)
    0.52

    A mix model, and the budget that follows from it (some seconds)::

        from mmm.mix import MixModel, optimize_budget

        X = load("confounded", "weekly")
        model = MixModel(controls=["search_interest"], date="date")
        model.fit(X.drop(columns="revenue"), X["revenue"])
        grade("confounded", model.contributions())
        grade("confounded", optimize_budget(model))
    """
    known = truth(name)
    frame = answer.to_frame() if hasattr(answer, "to_frame") else answer
    kind = _kind(frame)
    if kind == "attribution":
        return _attribution(name, known, frame)
    parameters = _parameters(name, known)
    if kind == "contribution":
        return _contribution(name, parameters, frame)
    return _budget(name, parameters, frame)


def _kind(frame: object) -> str:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"the answer is a {type(frame).__name__}. Pass a pandas frame with a row a channel, or "
            "a result that has to_frame()."
        )
    columns = {str(name) for name in frame.columns}
    kinds = [kind for kind, one_of in _KINDS.items() if columns & set(one_of)]
    if "channel" not in columns or not kinds:
        raise InputError(
            f"the answer has the columns {quoted(sorted(columns), 20)}. It needs 'channel' and one "
            "of 'share', 'credit' (attribution), 'contribution' (mix), 'proposed' (budget)."
        )
    twice = frame["channel"].duplicated(keep=False)
    if twice.any():
        cure = "Grade one model at a time." if "model" in columns else "Leave one row a channel."
        raise InputError(
            f"the answer names {frame.loc[twice, 'channel'].iloc[0]!r} more than once, in "
            f"{name_rows(np.flatnonzero(twice).tolist())}. {cure}"
        )
    return kinds[0]


def _numbers(frame: pd.DataFrame, column: str) -> "pd.Series[float]":
    """Return a column by channel, without the rows of totals; every number is there."""
    values = pd.to_numeric(frame[column].astype(object), errors="coerce").astype("float64")
    wrong = ~np.isfinite(values.to_numpy())
    if wrong.any():
        raise InputError(
            f"the answer has no number under {column!r} in "
            f"{name_rows(np.flatnonzero(wrong).tolist())}. Fill it in; a channel without an answer "
            "counts as 0 where its row is dropped."
        )
    return pd.Series(values.to_numpy(), index=frame["channel"].astype(str))


def _attribution(name: str, known: Mapping[str, Any], frame: pd.DataFrame) -> Grade:
    if "channels" not in known:
        raise InputError(
            f"{name!r} has no journeys and no truth about them; grade its contributions or a budget"
        )
    told = _numbers(frame, "share" if "share" in frame.columns else "credit")
    if "share" not in frame.columns:
        told = told / told.sum()
    table = known["channels"]
    true = pd.Series(table["incremental_share"], index=table["channel"], dtype="float64")
    told = told[~told.index.isin(_WHOLE)]
    both = _beside(told, true)
    misplaced, shares = _misplaced(both)
    measures = {
        "share_misplaced": misplaced,
        "credited": float(told.sum()),
        "brought": float(true.sum()),
    }
    return Grade(name, "attribution", measures, _with_error(shares))


def _contribution(name: str, parameters: pd.DataFrame, frame: pd.DataFrame) -> Grade:
    frame = frame[~frame["channel"].isin(_WHOLE)]
    told = _numbers(frame, "contribution")
    true = parameters["contribution"]
    both = _beside(told, true)
    measures = {
        "total_error": float(told.sum() / true.sum() - 1.0),
        "share_misplaced": _misplaced(both)[0],
        "covered": _covered(frame, true),
    }
    return Grade(name, "contribution", measures, _with_error(both))


def _covered(frame: pd.DataFrame, true: "pd.Series[float]") -> float:
    ends = ("contribution_lower", "contribution_upper")
    if not set(ends) <= set(frame.columns):
        return float("nan")
    lower, upper = (_numbers(frame, end).reindex(true.index) for end in ends)
    return float(((lower <= true) & (true <= upper)).mean())


def _budget(name: str, parameters: pd.DataFrame, frame: pd.DataFrame) -> Grade:
    told = _numbers(frame, "proposed")
    same = set(told.index) == set(parameters.index)
    if not same or (told < 0).any():
        raise InputError(
            f"a budget of {name!r} needs an amount of 0 or more for each of "
            f"{quoted(parameters.index, 20)}; found {quoted(told.index, 20)}"
        )
    proposed = _floats(told.reindex(parameters.index))
    if "current" in frame.columns:
        current = _floats(_numbers(frame, "current").reindex(parameters.index))
    else:
        weekly = load(name, "weekly")
        current = _floats(weekly[list(parameters.index)].tail(_QUARTER).mean())
    low = _floats(np.minimum((1.0 - _REACH) * current, proposed))
    high = _floats(np.maximum((1.0 + _REACH) * current, proposed))
    best = _best_split(parameters, low, high, float(proposed.sum()))
    today, planned, possible = (
        float(_response(parameters, spend).sum()) for spend in (current, proposed, best)
    )
    if planned >= possible:  # the plan may lie between two steps of the grid
        best, possible = proposed, planned
    measures = {
        "regret": (possible - planned) / today,
        "gain": planned / today - 1.0,
        "best_gain": possible / today - 1.0,
    }
    spends = pd.DataFrame({"channel": parameters.index, "answer": proposed, "truth": best})
    return Grade(name, "budget", measures, _with_error(spends))


def _parameters(name: str, known: Mapping[str, Any]) -> pd.DataFrame:
    if "mix" not in known or "weekly" not in tables(name):
        raise InputError(
            f"{name!r} has no weekly table and no truth about a mix; grade an attribution"
        )
    return pd.DataFrame(known["mix"]["parameters"]).set_index("channel")


def _floats(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _response(parameters: pd.DataFrame, spend: Floats) -> Floats:
    """Return what each channel brings a week when it spends the same every week.

    Parameters
    ----------
    parameters : DataFrame (n_channels, ...)
    spend : array (..., n_channels)
    """
    half, slope, beta = (_floats(parameters[name]) for name in ("half_saturation", "slope", "beta"))
    power = np.asarray(spend, dtype=np.float64) ** slope
    return np.asarray(beta * power / (power + half**slope), dtype=np.float64)


def _best_split(parameters: pd.DataFrame, low: Floats, high: Floats, total: float) -> Floats:
    """Return the best plan of a grid: best[m] = max over k of before[m - k] + response(k)."""
    step = max(total - float(low.sum()), 0.0) / _STEPS
    money = _floats(step * np.arange(_STEPS + 1))
    given = _response(parameters, low + money[:, None])
    given[low + money[:, None] > high + 0.5 * step] = -np.inf
    gap = np.subtract.outer(np.arange(_STEPS + 1), np.arange(_STEPS + 1))
    best: Floats = np.full(_STEPS + 1, -np.inf)
    best[0] = 0.0
    choices = []
    for brings in given.T:
        worth = np.where(gap >= 0, best[np.maximum(gap, 0)] + brings, -np.inf)
        choices.append(worth.argmax(axis=1))
        best = np.asarray(worth.max(axis=1), dtype=np.float64)
    left, spend = _STEPS, low.copy()
    for channel in range(len(low) - 1, -1, -1):
        taken = int(choices[channel][left])
        spend[channel] += money[taken]
        left -= taken
    return spend


def _beside(told: "pd.Series[float]", true: "pd.Series[float]") -> pd.DataFrame:
    names = [*true.index, *(name for name in told.index if name not in true.index)]
    answer, known = (each.reindex(names, fill_value=0.0).to_numpy() for each in (told, true))
    return pd.DataFrame(
        {"channel": pd.Series(names, dtype="str"), "answer": answer, "truth": known}
    )


def _misplaced(both: pd.DataFrame) -> tuple[float, pd.DataFrame]:
    shares = both.copy()
    for side in ("answer", "truth"):
        total = float(both[side].sum())
        if total <= 0:
            raise InputError(
                f"the {side} gives the channels {total:g} in all, so that there are no shares to "
                "compare. Pass an answer that credits some channel."
            )
        shares[side] = both[side] / total
    return float((shares["answer"] - shares["truth"]).abs().sum() / 2.0), shares


def _with_error(both: pd.DataFrame) -> pd.DataFrame:
    table = both.assign(error=both["answer"] - both["truth"])
    order = np.argsort(-table["error"].abs().to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)
