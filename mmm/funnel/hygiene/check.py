"""One check of a CRM: how many rows fail it, what they are worth, and the list to mend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from mmm.funnel.intervals import share_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.opening import opening
from mmm.funnel.records.columns import Amounts, Flags, total
from mmm.showing import Shown
from mmm.wording import Finding

Euros = tuple[Decimal, Decimal]

LEVEL = 0.9


@dataclass(frozen=True, eq=False, repr=False)
class HygieneCheck(Shown):
    """One check and the rows that fail it.

    Attributes
    ----------
    name : str
        For example "missing_source".
    n, n_of : int
        Rows that fail, and rows looked at.
    euros, euros_of : Decimal or None
        Value of the deals that fail, and of those looked at; exact. None where the check is not
        about deals, or deals have no value.
    rows : pandas.DataFrame
        table, id, found, suggested: one row for each that fails; `suggested` is None where the
        data do not tell.
    by_month : pandas.DataFrame
        month, n, n_of, share: by the month in which the row was created (won deals: closed).
    kpi : Kpi
        The share that fails, with its interval.
    note : Finding or None
        Why the check could not run, and what to supply.
    facts : mapping of str to object
        What its sentence says besides.
    """

    name: str
    n: int
    n_of: int
    euros: Decimal | None
    euros_of: Decimal | None
    rows: pd.DataFrame
    by_month: pd.DataFrame
    kpi: Kpi
    note: Finding | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        said = self.note or f"{self.n} of {self.n_of} rows fail."
        return opening(said, f"HygieneCheck {self.name}")


@dataclass(frozen=True, eq=False)
class CrmTables:
    """The tables that are checked, typed; `value` holds the exact value of each deal."""

    deals: pd.DataFrame
    leads: pd.DataFrame | None
    touches: pd.DataFrame | None
    contacts: pd.DataFrame | None
    invoices: pd.DataFrame | None
    as_of: pd.Timestamp
    stale_days: float | None
    tolerance: Decimal
    value: Amounts | None

    @property
    def won(self) -> Flags:
        """Which deals are won."""
        return self.deals["won"].fillna(False).to_numpy(dtype=bool)


def failed_to_run(name: str, missing: str) -> HygieneCheck:
    """Return a check that could not run."""
    facts = {"check": f"name_{name}", "missing": missing}
    note = Finding("hygiene.not_run", None, facts=facts)
    kpi = Kpi(name, float("nan"), "share", 0, level=LEVEL, note=note.sentence())
    rows = pd.DataFrame(columns=["table", "id", "found", "suggested"], dtype=object)
    months = pd.DataFrame(columns=["month", "n", "n_of", "share"])
    return HygieneCheck(name, 0, 0, None, None, rows, months, kpi, note)


def counted(
    name: str,
    table: "str | pd.Series[Any]",
    frame: pd.DataFrame,
    id_column: str,
    at: "pd.Series[Any] | None",
    bad: Flags,
    *,
    value: Amounts | None = None,
    euros: Euros | None = None,
    found: Sequence[object] | Amounts | None = None,
    suggested: Sequence[object] | Amounts | None = None,
    facts: Mapping[str, object] | None = None,
) -> HygieneCheck:
    """Build a check from the rows looked at, those that fail, and what is known of each.

    Parameters
    ----------
    name : str
        Name of the check.
    table : str or Series of str, shape (n_of,)
        Name of the table of its rows, or of each row.
    frame : pandas.DataFrame
        The rows looked at.
    id_column : str
        Its id, as `ids_of` takes it.
    at : Series of instants, shape (n_of,), or None
        The month in which a row counts.
    bad : ndarray of bool, shape (n_of,)
        Which rows fail.
    value : ndarray of Decimal or None, shape (n_of,), optional
        Value of each row, added up into the euros of the check.
    euros : (Decimal, Decimal), optional
        Those euros, where they are not sums of `value`.
    found, suggested : sequence, length n_of, optional
        What each row says, and what it could say.
    facts : mapping, optional
        What the sentence of the check says besides.
    """
    n, n_of = int(bad.sum()), len(frame)
    if value is not None:
        euros = total(value[bad]), total(value)
    ids = ids_of(frame, id_column)
    where = np.flatnonzero(bad).tolist()
    names = ids.to_numpy(dtype=object)
    rows = pd.DataFrame(
        {
            "table": pd.Series(np.broadcast_to(table, n_of)[bad], dtype="str"),
            "id": pd.Series([str(names[i]) for i in where], dtype="str"),
            "found": _at(found, where),
            "suggested": _at(suggested, where),
        }
    )
    rows = rows.sort_values(["table", "id"], kind="stable", ignore_index=True)
    months, cohort = _by_month(at, bad)
    share = n / n_of if n_of else float("nan")
    lower, upper = share_interval(share, n_of, LEVEL)
    kpi = Kpi(name, share, "share", n_of, lower, upper, LEVEL, cohort)
    failing, all_of = euros or (None, None)
    return HygieneCheck(name, n, n_of, failing, all_of, rows, months, kpi, None, facts or {})


def ids_of(frame: pd.DataFrame, column: str) -> "pd.Series[Any]":
    """Return the ids of rows; the row of the table, the first being 1, where it has none.

    Examples
    --------
    >>> ids_of(pd.DataFrame({"channel": ["Fairs", "fairs"]}), "touch_id").tolist()
    ['row 1', 'row 2']
    """
    if column in frame.columns:
        return frame[column]
    return "row " + pd.Series(frame.index + 1, frame.index).astype("str")


def _at(values: Sequence[object] | Amounts | None, where: list[int]) -> "pd.Series[Any]":
    return pd.Series([values[i] if values is not None else None for i in where], dtype=object)


def _by_month(
    at: "pd.Series[Any] | None", bad: Flags
) -> tuple[pd.DataFrame, tuple[date, date] | None]:
    if at is None or not at.notna().any():
        return pd.DataFrame(columns=["month", "n", "n_of", "share"]), None
    known = at.notna().to_numpy(dtype=bool)
    days = at[known].dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    month, row = np.unique(days.astype("datetime64[M]"), return_inverse=True)
    n_of = np.bincount(row)
    n = np.bincount(row, weights=bad[known]).astype(np.int64)
    table = pd.DataFrame(
        {"month": month.astype("datetime64[us]"), "n": n, "n_of": n_of, "share": n / n_of}
    )
    return table, (pd.Timestamp(days.min()).date(), pd.Timestamp(days.max()).date())
