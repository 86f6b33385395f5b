"""What marketing promised to sales: leads a month, and how many were delivered."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.funnel.intervals import share_interval
from mmm.funnel.kpi import Kpi
from mmm.funnel.opening import opening
from mmm.funnel.records.columns import Flags
from mmm.funnel.records.instants import instants, last_look, plain
from mmm.funnel.stages.groups import ALL, group_labels
from mmm.showing import Shown

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Delivery(Shown):
    """Leads that marketing promised and delivered, month by month and group by group.

    Attributes
    ----------
    by : str
        Column of the groups; empty for none.
    group : tuple of str, length n_rows
        "(all)" throughout where nothing was asked for.
    month : tuple of str, length n_rows
        "2025-01", in order within a group.
    promised, delivered : ndarray of int64, shape (n_rows,)
        Leads; a month without a promise is not here.
    complete : ndarray of bool, shape (n_rows,)
        False for months that are not over.
    level : float
        Nominal coverage of the interval in `kept`.
    """

    by: str
    group: tuple[str, ...]
    month: tuple[str, ...]
    promised: Counts
    delivered: Counts
    complete: Flags
    level: float

    def __repr__(self) -> str:
        n = int(self.complete.sum())
        return opening(f"{self.ratio.note}.", f"Delivery: {n} of {len(self.month)} promises due")

    @property
    def kept(self) -> Kpi:
        """Share of promises for complete months that were kept, with Wilson's interval."""
        over = int(self.complete.sum())
        kept = int(np.sum(self.complete & (self.delivered >= self.promised)))
        share = kept / over if over else float("nan")
        lower, upper = share_interval(share, over, self.level)
        note = "" if over else "no month is over yet"
        return Kpi("promise_kept", share, "share", over, lower, upper, self.level, note=note)

    @property
    def ratio(self) -> Kpi:
        """Leads delivered per lead promised over complete months: counted, so no interval."""
        promised = int(self.promised[self.complete].sum())
        delivered = int(self.delivered[self.complete].sum())
        value = delivered / promised if promised else float("nan")
        n_months = len({m for m, over in zip(self.month, self.complete, strict=True) if over})
        note = f"{delivered} delivered of {promised} promised in {n_months} months"
        return Kpi("leads_delivered", value, "ratio", delivered, level=self.level, note=note)

    def of(self, group: str) -> "Delivery":
        """Return the promises of one group.

        Raises
        ------
        ConfigError
            If there is no such group.
        """
        mine = np.array([name == group for name in self.group], dtype=np.bool_)
        if not mine.any():
            raise ConfigError(f"there is no group {group!r}; groups are {quoted(set(self.group))}.")
        rows = np.flatnonzero(mine)
        return replace(
            self,
            group=(group,) * len(rows),
            month=tuple(self.month[i] for i in rows),
            promised=self.promised[rows],
            delivered=self.delivered[rows],
            complete=self.complete[rows],
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a group and month: group, month, promised, delivered, share, complete."""
        share = np.full(len(self.month), np.nan)
        np.divide(self.delivered, self.promised, out=share, where=self.promised > 0)
        return pd.DataFrame(
            {
                "group": pd.Series(self.group, dtype="str"),
                "month": pd.Series(self.month, dtype="str"),
                "promised": self.promised,
                "delivered": self.delivered,
                "share": share,
                "complete": self.complete,
            }
        )


def leads_delivered(
    leads: pd.DataFrame,
    promised: Mapping[str, int] | Mapping[str, Mapping[str, int]],
    *,
    by: str | None = None,
    counted: str = "mql_at",
    as_of: object = None,
    tz: str = "Europe/Rome",
    level: float = 0.9,
) -> Delivery:
    """Count the leads that marketing delivered in each month against what it promised.

    Parameters
    ----------
    leads : pandas.DataFrame
        With the column `counted`.
    promised : mapping of str to int, or of str to such a mapping
        Month, as "2025-01", to leads; with `by`, each group to its months.
    by : str, optional
        A column, such as "channel", "owner" or "segment".
    counted : str
        Instant of delivery: "mql_at" for qualified leads, "created_at" for all.
    as_of : str, date or instant, optional
        Months that end later are not complete; by default the latest instant in leads.
    tz : str
        Zone in which months begin.
    level : float
        Coverage of the interval of `Delivery.kept`.

    Returns
    -------
    Delivery

    Raises
    ------
    InputError
        If the column is missing.
    ConfigError
        If a month is not one, a promise is negative, or `promised` and `by` do not match.

    Examples
    --------
    >>> from mmm import datasets
    >>> delivery = leads_delivered(datasets.load("leads"), {"2024-05": 10, "2024-06": 8})
    >>> delivery.to_frame()["delivered"].tolist()
    [9, 11]
    >>> delivery.kept.value
    0.5
    """
    check_level(level)
    if counted not in leads.columns:
        raise InputError(f"leads has no column {counted!r}; found {quoted(leads.columns, 30)}")
    looked = plain(last_look(as_of, leads))
    rows = _promises(promised, by)
    at = instants(leads, counted)
    seen = at <= looked
    label = group_labels(leads, by)[1][seen]
    local = pd.Series(at[seen]).dt.tz_localize("UTC").dt.tz_convert(tz)
    # The zone is dropped only once the instants are local: months are local months.
    month = local.dt.tz_localize(None).dt.to_period("M").astype("str").to_numpy(dtype=object)
    counts = Counter(zip(label, month, strict=True))
    ends = [(pd.Period(month) + 1).start_time.tz_localize(tz) for _, month, _ in rows]
    now = pd.Timestamp(looked).tz_localize("UTC")
    return Delivery(
        by=by or "",
        group=tuple(group for group, _, _ in rows),
        month=tuple(month for _, month, _ in rows),
        promised=np.array([n for _, _, n in rows], dtype=np.int64),
        delivered=np.array([counts[group, month] for group, month, _ in rows], dtype=np.int64),
        complete=np.array([end <= now for end in ends], dtype=np.bool_),
        level=level,
    )


def _promises(promised: Mapping[str, Any], by: str | None) -> list[tuple[str, str, int]]:
    """List group, month and leads of each promise, in order."""
    nested = any(isinstance(months, Mapping) for months in promised.values())
    if promised and nested != (by is not None):
        raise ConfigError(
            "promised maps " + ("groups to months" if nested else "months to leads") + ", and by "
            f"is {by!r}. Give groups of months with by=, and months alone without."
        )
    by_group = promised if by is not None else {ALL: promised}
    rows = [(g, m, by_group[g][m]) for g in sorted(by_group) for m in sorted(by_group[g])]
    bad = [f"{month}: {n}" for _, month, n in rows if not _is_month(month) or not n >= 0]
    if bad:
        raise ConfigError(
            f"promised holds {quoted(bad)}; give months such as '2025-01' and numbers of leads"
        )
    return rows


def _is_month(name: str) -> bool:
    year, dash, month = name.partition("-")
    numbers = len(year) == 4 and year.isdigit() and len(month) == 2 and month.isdigit()
    return bool(dash) and numbers and 1 <= int(month) <= 12
