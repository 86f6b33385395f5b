"""What comes next, as the texts of its part of the page: bookings, and the work of sales."""

from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.errors import MmmError
from mmm.funnel.forecast import sales_workload
from mmm.report.names import sentence
from mmm.wording import Finding

WEEKS_A_MONTH = 365.25 / 12 / 7
_COLUMNS = {"leads": 1, "opportunities": 1, "hours": 0}


def next_month(
    leads: pd.DataFrame | None, deals: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame | None:
    """Expect the work of the coming month by owner; None where the tables do not tell.

    Returns
    -------
    DataFrame or None
        owner, leads (to contact), opportunities (open on average), hours.
    """
    if leads is None:
        return None
    try:
        work = sales_workload(leads, deals, as_of=as_of, months=1)
    except MmmError:
        return None
    return work.frame[["owner", "leads", "opportunities", "hours"]]


def print_work(work: pd.DataFrame | None, capacity: int | None, lang: str) -> dict[str, Any] | None:
    """Return the work of the coming month as text, held against the calls that sales can make.

    Parameters
    ----------
    work : DataFrame or None
        As `next_month` returns it.
    capacity : int or None
        Calls a week.
    lang : {"en", "it"}
    """
    if work is None or work.empty:
        return None
    columns = {name: _adding_up(work[name], digits, lang) for name, digits in _COLUMNS.items()}
    leads = float(work["leads"].sum())
    return {
        "lines": [
            {"owner": owner} | {name: columns[name][i] for name in columns}
            for i, owner in enumerate(work["owner"])
        ],
        "total": {name: column[-1] for name, column in columns.items()},
        "said": None if capacity is None else sentence(against_capacity(leads, capacity), lang),
    }


def _adding_up(amounts: "pd.Series[float]", digits: int, lang: str) -> list[str]:
    """Write amounts and, last, the sum of what is written."""
    rounded = wording.round_to_total(amounts.tolist(), digits)
    write = partial(wording.format_count, lang=lang, digits=digits)
    return [write(one) for one in [*rounded, sum(rounded, Decimal(0))]]


def against_capacity(leads: float, capacity: int) -> Finding:
    """Hold the leads of a month against the calls of a week.

    Examples
    --------
    >>> against_capacity(20.0, 3).metric, against_capacity(20.0, 10).metric
    ('brief.calls_over', 'brief.calls_within')
    """
    week = leads / WEEKS_A_MONTH
    key = "brief.calls_over" if week > capacity else "brief.calls_within"
    return Finding(key, week, facts={"week": week, "capacity": capacity})
