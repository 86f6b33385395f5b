"""`Kpi`: one indicator with its interval, its cohort and how many records stand behind it."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from mmm.showing import Shown
from mmm.wording import format_count, format_days, format_share

Unit = Literal["money", "share", "days", "months", "count", "ratio", "money_per_day"]


@dataclass(frozen=True, repr=False)
class Kpi(Shown):
    """One key performance indicator.

    Attributes
    ----------
    name : str
        As in the table of names, for example "cac" or "mql_to_sql".
    value : float
        NaN where it cannot be said; `note` then holds the reason.
    unit : str
        What `value` counts; shares are 0-1.
    n : int
        Records behind it.
    lower, upper : float
        Interval at `level`; NaN where there is none.
    level : float
        Nominal coverage.
    cohort : tuple of (date, date) or None
        First and last day of the records it is about.
    window_days : float or None
        How long each record was followed, or the length of the period.
    group : str
        Channel, segment, owner or period it is about; empty for all.
    note : str
        What the reader has to know; empty when nothing.
    """

    name: str
    value: float
    unit: Unit
    n: int
    lower: float = float("nan")
    upper: float = float("nan")
    level: float = 0.9
    cohort: tuple[date, date] | None = None
    window_days: float | None = None
    group: str = ""
    note: str = ""

    def __repr__(self) -> str:
        about = f" of {self.group}" if self.group else ""
        said = f"{self.name}{about}: {self._said(self.value)}"
        if self.lower == self.lower:
            ends = f"{self._said(self.lower)} to {self._said(self.upper)}"
            said += f" ({format_share(self.level)} interval: {ends})"
        note = f" {self.note}" if self.note else ""
        return f"{said}.{note}\n<Kpi: {self.unit}, {self.n:,} records>"

    def _said(self, figure: float) -> str:
        if self.unit == "share":
            return format_share(figure)
        if self.unit == "days":
            return format_days(figure)
        return format_count(figure, digits=0 if abs(figure) >= 100 else 2)
