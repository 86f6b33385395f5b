"""A log of what was advised, what was done and what happened, and how good the advice was.

One line of JSON an entry, only ever added to: text that people and version control can read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm.errors import ConfigError
from mmm.mix.budget.plan import BudgetPlan
from mmm.tables.journal import append_entry, read_entries

KINDS = ("advised", "done", "happened")
_FOLLOWED = 0.2  # of what the plan moves may be done otherwise


@dataclass(frozen=True)
class DecisionLog:
    """The log in a file.

    Attributes
    ----------
    path : Path
        Made with the first entry.

    Examples
    --------
    >>> import tempfile
    >>> log = DecisionLog(Path(tempfile.mkdtemp()) / "decisions.jsonl")
    >>> log.done("2025-Q1", {"Search": 120.0}, on="2025-04-01")
    >>> [entry["kind"] for entry in log.entries()]
    ['done']
    """

    path: Path

    def advised(self, key: str, plan: BudgetPlan, *, on: str | date) -> None:
        """Note a plan before it is decided on.

        Parameters
        ----------
        key : str
            Name of the decision, such as "2025-Q1".
        plan : BudgetPlan
        on : date
            Day of the advice.

        Raises
        ------
        ConfigError
            If the key was advised on before.
        """
        self._add(
            key,
            "advised",
            on,
            {
                "advice": plan.advice,
                "current": _by(plan, plan.current),
                "proposed": _by(plan, plan.proposed),
                "recommended": _by(plan, plan.recommended),
                "verdict": dict(zip(plan.channels, plan.verdict, strict=True)),
                "expected_profit": plan.expected_profit,
                "profit_lower": plan.profit_lower,
                "profit_upper": plan.profit_upper,
                "level": plan.level,
                "probability_better": plan.probability_better,
                "horizon": plan.horizon,
            },
        )

    def done(self, key: str, spend: Mapping[str, float], *, on: str | date) -> None:
        """Note the spend per period that was decided, or was spent."""
        self._add(key, "done", on, {"spend": {name: float(x) for name, x in spend.items()}})

    def happened(self, key: str, profit: float, standard_error: float, *, on: str | date) -> None:
        """Note what it earned per period over staying as before, as a test or a refit estimates it.

        Parameters
        ----------
        key : str
        profit : float
            margin x outcome - spend, of what was done less that of before, per period.
        standard_error : float
            Of it, above 0: nobody sees what would have happened otherwise.
        on : date
        """
        if not (np.isfinite(profit) and np.isfinite(standard_error) and standard_error > 0):
            raise ConfigError(
                f"what happened is {profit!r} +- {standard_error!r}. Pass numbers, and an error "
                "above 0."
            )
        self._add(
            key,
            "happened",
            on,
            {"profit": float(profit), "standard_error": float(standard_error)},
        )

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries in order.

        Raises
        ------
        SourceError
            If the file cannot be read, or a line is no entry.
        """
        return read_entries(self.path, "decision log", KINDS)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a decision, graded.

        Returns
        -------
        pandas.DataFrame
            Columns key, advised_on, advice, followed (part of the advised move that was made; NaN
            where nothing was to move or nothing is noted), expected_profit, probability_better,
            profit, standard_error, grade. The last of several notes counts. Grades: "open" where
            it is not known what happened; "nothing to move" where the advice was to stay, or
            nobody noted what was done; "not followed" where what was done differs by more than
            a fifth of the advised move; else "as expected" where what happened lies in the
            interval of the plan, errors of both counted, "better" above, "worse" below.
        """
        by_key: dict[str, dict[str, dict[str, Any]]] = {}
        for entry in self.entries():
            by_key.setdefault(entry["key"], {})[entry["kind"]] = entry
        rows = [_graded(key, kinds) for key, kinds in by_key.items() if "advised" in kinds]
        names = [
            "key", "advised_on", "advice", "followed", "expected_profit", "probability_better",
            "profit", "standard_error", "grade",
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=names)

    def score(self) -> pd.Series:
        """Return how good advice that was followed has been.

        Returns
        -------
        pandas.Series
            n (decisions graded), paid (part of them that earned more than staying), said (mean of
            the probabilities that they would), bias (mean of expected less happened profit, per
            period), and brier (mean squared difference of said and paid; 0.25 is a coin's).
        """
        frame = self.to_frame()
        graded = frame[frame["grade"].isin(["as expected", "better", "worse"])]
        said = graded["probability_better"].astype(float)
        paid = (graded["profit"].astype(float) > 0).astype(float)
        bias = graded["expected_profit"].astype(float) - graded["profit"].astype(float)
        return pd.Series(
            {
                "n": len(graded),
                "paid": paid.mean(),
                "said": said.mean(),
                "bias": bias.mean(),
                "brier": ((said - paid) ** 2).mean(),
            }
        )

    def _add(self, key: str, kind: str, on: str | date, facts: Mapping[str, Any]) -> None:
        if not key:
            raise ConfigError("the decision has no name. Pass one such as '2025-Q1'.")
        if kind == "advised" and any(
            entry["key"] == key and entry["kind"] == kind for entry in self.entries()
        ):
            raise ConfigError(
                f"{key!r} stands in {self.path.name}: advice is not changed after the fact. "
                "Choose another name."
            )
        append_entry(self.path, key, kind, on, facts)


def _by(plan: BudgetPlan, spend: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, float]:
    return dict(zip(plan.channels, map(float, spend), strict=True))


def _graded(key: str, kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    plan, done, happened = kinds["advised"], kinds.get("done"), kinds.get("happened")
    followed = followed_part(plan["current"], plan["recommended"], done["spend"]) if done else None
    profit = happened["profit"] if happened else None
    return {
        "key": key,
        "advised_on": plan["on"],
        "advice": plan["advice"],
        "followed": float("nan") if followed is None else followed,
        "expected_profit": _advised_profit(plan),
        "probability_better": plan["probability_better"],
        "profit": float("nan") if profit is None else profit,
        "standard_error": happened["standard_error"] if happened else float("nan"),
        "grade": _grade(plan, followed, happened),
    }


def _advised_profit(plan: Mapping[str, Any]) -> float:
    """Return the profit that the advice comes to: of the plan, half of it, or none."""
    step = {"move": 1.0, "move half, then test": 0.5}.get(plan["advice"], 0.0)
    return step * float(plan["expected_profit"])


def followed_part(
    current: Mapping[str, float], advised: Mapping[str, float], spend: Mapping[str, float]
) -> float | None:
    """Return the part of an advised move that was made; None where nothing was to move.

    1 less the sum of absolute deviations from the advice over that of the move, cut at 0; channels
    that are not noted count as left at their current spend.

    Examples
    --------
    >>> followed_part({"a": 10.0, "b": 10.0}, {"a": 14.0, "b": 6.0}, {"a": 12.0, "b": 8.0})
    0.5
    """
    move = sum(abs(advised[name] - now) for name, now in current.items())
    if not move > 1e-9 * max(sum(current.values()), 1e-12):
        return None
    off = sum(abs(spend.get(name, now) - advised[name]) for name, now in current.items())
    off += sum(abs(x) for name, x in spend.items() if name not in current)
    return max(1.0 - off / move, 0.0)


def _grade(
    plan: Mapping[str, Any], followed: float | None, happened: Mapping[str, Any] | None
) -> str:
    if happened is None:
        return "open"
    if followed is None:
        return "nothing to move"
    if followed < 1 - _FOLLOWED:
        return "not followed"
    expected = _advised_profit(plan)
    share = expected / plan["expected_profit"] if plan["expected_profit"] else 0.0
    width = 1.645 * float(happened["standard_error"])
    lower = expected - np.hypot(share * (plan["expected_profit"] - plan["profit_lower"]), width)
    upper = expected + np.hypot(share * (plan["profit_upper"] - plan["expected_profit"]), width)
    if lower <= happened["profit"] <= upper:
        return "as expected"
    return "better" if happened["profit"] > upper else "worse"
