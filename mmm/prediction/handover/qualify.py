"""Written rules that qualify a lead: read from plain text, applied to a table."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted

Stage = Literal["MQL", "SQL"]
Flags = npt.NDArray[np.bool_]

_CONDITION = re.compile(
    r"\s*(?P<column>.+?)\s*(?:(?P<sign>>=|<=|!=|=|>|<)\s*(?P<value>.+?)"
    r"|\s+in\s+(?P<members>.+?)|\s+is\s+(?P<state>filled|missing))\s*"
)
_HOW = "column >= 5, column = word, column in word, word, column is filled, joined by 'and'"


@dataclass(frozen=True)
class Condition:
    """One condition on one column.

    Attributes
    ----------
    column : str
    sign : {">=", "<=", ">", "<", "=", "!=", "in", "filled", "missing"}
    values : tuple of str
        What the column is compared with; several for "in", none for "filled" and "missing".
    """

    column: str
    sign: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A rule that marketing and sales have agreed on.

    Attributes
    ----------
    name : str
    stage : {"MQL", "SQL"}
        What a lead that passes becomes.
    conditions : tuple of Condition
        All of them have to hold.
    text : str
        The rule as it was written.

    Examples
    --------
    >>> rule = Rule.parse("asked for a demo", "MQL", "demo_request = 1 and employees >= 10")
    >>> rule.conditions[1]
    Condition(column='employees', sign='>=', values=('10',))
    """

    name: str
    stage: Stage
    conditions: tuple[Condition, ...]
    text: str = ""

    @classmethod
    def parse(cls, name: str, stage: Stage, text: str) -> "Rule":
        """Read a rule: conditions such as ``pages >= 5`` or ``job in owner, director``, with and.

        Raises
        ------
        ConfigError
            If the stage or a condition cannot be understood.
        """
        if stage not in {"MQL", "SQL"}:
            raise ConfigError(f"the rule {name!r} leads to {stage!r}. Use 'MQL' or 'SQL'.")
        parts = [part for part in re.split(r"\s+and\s+", text.strip()) if part]
        if not parts:
            raise ConfigError(f"the rule {name!r} has no condition. Write {_HOW}.")
        return cls(name, stage, tuple(_condition(name, part) for part in parts), text)


def apply_rules(frame: pd.DataFrame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Tell which leads pass which rule.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the columns that the rules name. A missing value fails every comparison.
    rules : sequence of Rule

    Returns
    -------
    pandas.DataFrame of bool
        One column a rule, named as the rule; index of `frame`.

    Raises
    ------
    InputError
        If a column is missing, or is compared with a number and holds none.
    ConfigError
        If two rules have one name.

    Examples
    --------
    >>> rule = Rule.parse("decides", "SQL", "job in owner, director")
    >>> apply_rules(pd.DataFrame({"job": ["owner", "clerk", None]}), [rule])["decides"].tolist()
    [True, False, False]
    """
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise ConfigError(f"two rules have one name among {quoted(names)}. Rename one.")
    wanted = {condition.column for rule in rules for condition in rule.conditions}
    absent = sorted(wanted - set(map(str, frame.columns)))
    if absent:
        raise InputError(
            f"the rules name {quoted(absent)}; the table has {quoted(frame.columns)}. "
            "Correct the rules, or add the columns."
        )
    passed = {}
    for rule in rules:
        fits = [_fits(frame[c.column], c) for c in rule.conditions]
        passed[rule.name] = np.logical_and.reduce(fits)
    return pd.DataFrame(passed, index=frame.index)


def qualified(passed: pd.DataFrame, rules: Iterable[Rule], stage: Stage) -> Flags:
    """Tell which leads pass some rule of a stage; an SQL is an MQL too.

    Examples
    --------
    >>> rules = [Rule.parse("a", "MQL", "x = 1"), Rule.parse("b", "SQL", "x = 2")]
    >>> passed = apply_rules(pd.DataFrame({"x": [1, 2, 3]}), rules)
    >>> qualified(passed, rules, "MQL").tolist(), qualified(passed, rules, "SQL").tolist()
    ([True, True, False], [False, True, False])
    """
    stages = {"MQL", "SQL"} if stage == "MQL" else {"SQL"}
    names = [rule.name for rule in rules if rule.stage in stages]
    return np.asarray(passed[names].any(axis=1).to_numpy(dtype=bool))


def _condition(name: str, part: str) -> Condition:
    match = _CONDITION.fullmatch(part)
    if match is None:
        raise ConfigError(f"the rule {name!r} says {part!r}, which is no condition. Write {_HOW}.")
    column = match["column"].strip()
    if match["state"]:
        return Condition(column, match["state"])
    if match["members"]:
        members = tuple(member.strip() for member in match["members"].split(",") if member.strip())
        return Condition(column, "in", members)
    if match["sign"] in {">=", "<=", ">", "<"}:
        try:
            float(match["value"])
        except ValueError:
            raise ConfigError(
                f"the rule {name!r} compares {column!r} with {match['value']!r}, which is no "
                "number. Use = for words."
            ) from None
    return Condition(column, match["sign"], (match["value"].strip(),))


def _fits(values: "pd.Series[Any]", condition: Condition) -> Flags:
    known = values.notna().to_numpy(dtype=bool)
    if condition.sign in {"filled", "missing"}:
        return known if condition.sign == "filled" else ~known
    if condition.sign in {">=", "<=", ">", "<"}:
        numbers = _numbers(values).to_numpy(dtype=np.float64)
        limit = float(condition.values[0])
        compared: Any = {
            ">=": numbers >= limit,
            "<=": numbers <= limit,
            ">": numbers > limit,
            "<": numbers < limit,
        }[condition.sign]
        return np.asarray(known & compared)
    words = values.astype("str").str.strip().str.lower()
    same = words.isin([value.lower() for value in condition.values]).to_numpy(dtype=bool)
    same = same | _same_number(values, condition.values)
    return known & (~same if condition.sign == "!=" else same)


def _same_number(values: "pd.Series[Any]", wanted: Sequence[str]) -> Flags:
    """Tell where a number equals one that was written: 1, 1.0 and true are the same."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return np.zeros(len(values), dtype=bool)
    truth = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
    written = [truth.get(word.lower(), pd.to_numeric(word, errors="coerce")) for word in wanted]
    numbers = values.astype("Float64").astype("float64")
    return np.asarray(numbers.isin([number for number in written if pd.notna(number)]))


def _numbers(values: "pd.Series[Any]") -> "pd.Series[float]":
    try:
        return pd.to_numeric(values).astype("Float64").astype("float64")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"a rule compares {values.name!r} with a number, and it holds {error}. "
            "Type the column, or compare words with =."
        ) from error
