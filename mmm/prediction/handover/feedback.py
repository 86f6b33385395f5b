"""Feedback of sales: what was accepted, why leads were discarded, what working them changed."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.prediction.handover.rates import difference_interval, rates_by

Flags = npt.NDArray[np.bool_]


def acceptance(
    leads: pd.DataFrame, by: str | Sequence[str] = "channel", *, level: float = 0.9
) -> pd.DataFrame:
    """Tell how many of the leads handed over sales accepted, by channel, rule or anything else.

    A lead handed over is accepted once it has an sql_at, and refused once it ended without one;
    until then it waits and counts as neither.

    Parameters
    ----------
    leads : pandas.DataFrame
        mql_at, sql_at, ended_at and the columns of `by`; discard_reason where known. To group by
        rule, give one row a lead and rule that it passed.
    by : str or sequence of str
    level : float, default 0.9

    Returns
    -------
    pandas.DataFrame
        The groups; n (decided), n_hit (accepted), rate, lower, upper, n_waiting, top_reason (the
        most frequent discard reason of the refused; missing where none is written).

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> day = pd.Timestamp("2025-01-01", tz="UTC")
    >>> leads = pd.DataFrame({"channel": ["Web", "Web", "Fair"], "mql_at": [day] * 3,
    ...     "sql_at": [day, pd.NaT, pd.NaT], "ended_at": [pd.NaT, day, pd.NaT],
    ...     "discard_reason": [None, "no budget", None]})
    >>> acceptance(leads)[["channel", "n", "n_hit", "n_waiting", "top_reason"]].values.tolist()
    [['Fair', 0, 0, 1, nan], ['Web', 2, 1, 0, 'no budget']]
    """
    names = [by] if isinstance(by, str) else list(by)
    _need(leads, ["mql_at", "sql_at", "ended_at", *names])
    passed = leads[leads["mql_at"].notna()]
    accepted = passed["sql_at"].notna()
    decided = accepted | passed["ended_at"].notna()
    frame = passed[names].assign(hit=accepted.astype("boolean").mask(~decided), wait=~decided)
    groups = frame.groupby(names, dropna=False, observed=True, sort=True)["wait"].sum()
    table = groups.rename("n_waiting").reset_index()
    rates = rates_by(frame, names, "hit", level)
    table = table.merge(rates, on=names, how="left")
    table[["n", "n_hit"]] = table[["n", "n_hit"]].fillna(0).astype("int64")
    if "discard_reason" in leads.columns:
        refused = passed[decided & ~accepted]
        top = discard_reasons(refused, names).drop_duplicates(names)
        table = table.merge(top[[*names, "reason"]], on=names, how="left")
        table = table.rename(columns={"reason": "top_reason"})
    else:
        table["top_reason"] = pd.Series(pd.NA, index=table.index, dtype="str")
    order = [*names, "n", "n_hit", "rate", "lower", "upper", "n_waiting", "top_reason"]
    return table[order]


def discard_reasons(leads: pd.DataFrame, by: str | Sequence[str] = "channel") -> pd.DataFrame:
    """Count discard reasons in each group.

    Parameters
    ----------
    leads : pandas.DataFrame
        discard_reason and the columns of `by`; leads without a reason are left out.
    by : str or sequence of str

    Returns
    -------
    pandas.DataFrame
        The groups; reason, n, share (of the reasons of the group); most frequent first.

    Examples
    --------
    >>> leads = pd.DataFrame({"channel": "Web", "discard_reason": ["price", "time", "price"]})
    >>> discard_reasons(leads)[["reason", "n"]].values.tolist()
    [['price', 2], ['time', 1]]
    """
    names = [by] if isinstance(by, str) else list(by)
    _need(leads, ["discard_reason", *names])
    written = leads.loc[leads["discard_reason"].notna(), [*names, "discard_reason"]]
    keys = [*names, "discard_reason"]
    table = written.groupby(keys, dropna=False, observed=True).size().rename("n").reset_index()
    total = table.groupby(names, dropna=False)["n"].transform("sum")
    table["share"] = table["n"] / total
    table = table.rename(columns={"discard_reason": "reason"})
    order = [*names, "n", "reason"]
    ascending = [*([True] * len(names)), False, True]
    return table.sort_values(order, ascending=ascending, ignore_index=True)


def hold_out(lead_id: Iterable[Any], share: float = 0.1, *, seed: int = 0) -> Flags:
    """Choose leads at random that are treated as if there were no score.

    Where sales works what the score proposes, the outcomes of the others are seen no longer, and
    the next model learns from its own choices. Leads of the hold-out are handed over as if their
    score were unknown: their outcomes keep the loop measurable (`shown_against_held_out`). The
    choice depends on the id and the seed alone, so that a lead stays in or out for good; with a
    larger share those of the smaller one stay in.

    Parameters
    ----------
    lead_id : iterable
    share : float, default 0.1
        Expected share of leads held out.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    ConfigError
        If `share` is not between 0 and 1.

    Examples
    --------
    >>> first = hold_out(["l1", "l2", "l3"], 0.5)
    >>> (hold_out(["l3", "l1"], 0.5) == first[[2, 0]]).all()
    np.True_
    """
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"share is {share}. Choose a share between 0 and 1.")
    limit = int(share * 2**64)
    key = int(seed).to_bytes(16, "big", signed=True)
    drawn = (
        int.from_bytes(hashlib.blake2b(str(one).encode(), digest_size=8, key=key).digest(), "big")
        for one in lead_id
    )
    return np.array([number < limit for number in drawn], dtype=bool)


def worked_against_not(
    leads: pd.DataFrame, *, every: str = "W", level: float = 0.9
) -> pd.DataFrame:
    """Compare leads that sales worked with those it did not, by grade and week.

    Within a grade sales still picks, so the difference is no effect of working a lead. What chance
    decides is whose score is shown: `shown_against_held_out` tells what that changes.

    Parameters
    ----------
    leads : pandas.DataFrame
        grade, worked (bool), won (bool, missing while it is not known) and handed_at (instant).
    every : {"W", "M", "Q"}
        Length of a period: week, month or quarter.
    level : float, default 0.9

    Returns
    -------
    pandas.DataFrame
        period (its first day) and grade; n_worked, won_worked, rate_worked, n_left, won_left,
        rate_left, difference, lower, upper; a last block of period NaT over all periods.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> leads = pd.DataFrame({"grade": ["A", "A"], "worked": [True, False], "won": [True, False],
    ...     "handed_at": pd.to_datetime(["2025-01-07", "2025-01-08"], utc=True)})
    >>> table = worked_against_not(leads)
    >>> table["difference"].tolist(), str(table["period"][0].date())
    ([1.0, 1.0], '2025-01-06')
    """
    _need(leads, ["grade", "worked", "won", "handed_at"])
    if every not in {"W", "M", "Q"}:
        raise ConfigError(f"every is {every!r}. Use 'W', 'M' or 'Q'.")
    known = leads[leads["won"].notna() & leads["handed_at"].notna()]
    when = pd.to_datetime(known["handed_at"], utc=True).dt.tz_localize(None)
    frame = pd.DataFrame(
        {
            "period": when.dt.to_period(every).dt.start_time,
            "grade": known["grade"].astype("str"),
            "worked": known["worked"].astype("bool"),
            "won": known["won"].astype("bool"),
        }
    )
    whole = frame.assign(period=pd.Series(pd.NaT, frame.index, dtype=frame["period"].dtype))
    rows = []
    for block in (frame, whole):
        for (period, grade), part in block.groupby(["period", "grade"], dropna=False):
            rows.append((period, grade, *_compared(part, level)))
    sides = ["n_worked", "won_worked", "rate_worked", "n_left", "won_left", "rate_left"]
    names = ["period", "grade", *sides, "difference", "lower", "upper"]
    return pd.DataFrame(rows, columns=names)


def shown_against_held_out(leads: pd.DataFrame, *, level: float = 0.9) -> pd.DataFrame:
    """Compare leads whose score was shown to sales with those of the random hold-out, by grade.

    Chance decided whose score is shown, so the difference is what showing it changed, within its
    interval: calls and everything else that sales did on its account.

    Parameters
    ----------
    leads : pandas.DataFrame
        grade, held_out (bool) and won (bool, missing while it is not known).
    level : float, default 0.9

    Returns
    -------
    pandas.DataFrame
        grade; n_shown, won_shown, rate_shown, n_held_out, won_held_out, rate_held_out, difference,
        lower, upper; a last row of grade "all".

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> leads = pd.DataFrame({"grade": ["A", "A", "B"], "held_out": [False, True, False],
    ...     "won": [True, False, False]})
    >>> shown_against_held_out(leads)[["grade", "n_shown", "rate_shown", "difference"]].values[0]
    array(['A', 1, 1.0, 1.0], dtype=object)
    """
    _need(leads, ["grade", "held_out", "won"])
    known = leads[leads["won"].notna()]
    frame = pd.DataFrame(
        {
            "grade": known["grade"].astype("str"),
            "worked": ~known["held_out"].astype("bool"),
            "won": known["won"].astype("bool"),
        }
    )
    parts = [*frame.groupby("grade", sort=True), ("all", frame)]
    sides = ["n_shown", "won_shown", "rate_shown", "n_held_out", "won_held_out", "rate_held_out"]
    names = ["grade", *sides, "difference", "lower", "upper"]
    return pd.DataFrame([(grade, *_compared(part, level)) for grade, part in parts], columns=names)


def _compared(part: pd.DataFrame, level: float) -> tuple[float, ...]:
    counts: list[tuple[int, int]] = []
    for side in (part["worked"], ~part["worked"]):
        counts.append((int(part.loc[side, "won"].sum()), int(side.sum())))
    (won, n), (won_left, n_left) = counts
    rate = won / n if n else np.nan
    rate_left = won_left / n_left if n_left else np.nan
    gap = difference_interval(counts[0], counts[1], level)
    return (n, won, rate, n_left, won_left, rate_left, *gap)


def _need(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(
            f"the leads have no column {quoted(missing)}; found {quoted(frame.columns)}. "
            "Add it, or name another with by=."
        )
