"""Spend of several files as one table: nothing is dropped, and what cannot be compared is said."""

import warnings
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import DataWarning, InputError, quoted
from mmm.tables.money import WIDEST
from mmm.tables.read import Reading
from mmm.tables.schema import SPECS
from mmm.tables.spend import LABELS, Fill, complete, infer_period, lone_date, one_row_each

Frames = Mapping[str, pd.DataFrame]
Span = tuple[date, date]
_APART = timedelta(days=31)  # spend by month begins up to a month before or after the rest


def join_spend(frames: Frames, fill: Fill | None = None) -> pd.DataFrame:
    """Put spend of several files into one table.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The name of each file, and what `read_spend` made of it.
    fill : {"zero", "interpolate"}, optional
        What a period between two files is worth, as in `read_spend`.

    Returns
    -------
    pandas.DataFrame
        As `read_spend` returns it, without columns that it does not know; rows of one channel and
        date are added up. Where files are by different periods, all of it is by day, in cents that
        add up to the amounts. ``attrs["rows"]`` counts the rows of each file, ``attrs["spans"]``
        has the first and the last day of each, with the files that share a channel with it.

    Raises
    ------
    InputError
        For files in different currencies, and periods that are missing between them.

    Warns
    -----
    DataWarning
        Where two files have the same row, where one is by month and another by day or week, and
        where one begins later, or ends earlier, than another by more than a month.

    Examples
    --------
    >>> from mmm.tables import read_spend
    >>> rows = {"date": ["2024-01-01", "2024-01-08"], "spend": ["10", "5.50"]}
    >>> files = {n: read_spend(pd.DataFrame(rows), channel=n) for n in ("Fairs", "Email")}
    >>> join_spend(files)["spend"].sum()
    Decimal('31.00')
    """
    currency, bare = _one_currency(frames)
    every = infer_period(pd.concat([frame["date"] for frame in frames.values()]))
    own = {str(one.attrs["every"]) for one in frames.values() if one["date"].nunique() > 1}
    alike = own <= {every}
    notes = [
        f"in {name}: {said}"
        for name, frame in frames.items()
        for said in _said(frame, every if alike else "week")
    ]
    notes += [
        f"in {name}: spend: no currency is named; taken for {currency}, as in the other files"
        for name in bare
    ]
    notes += _shared_rows(frames)
    spans = _spans(frames)
    notes += _apart_said(spans)
    parts = frames if alike else {name: by_day(frame) for name, frame in frames.items()}
    notes += [] if alike else _spread_said(frames)
    whole = _stacked(parts)
    if currency is not None:
        whole["currency"] = pd.Series(currency, index=whole.index, dtype="str")
    whole.attrs = {"table": "spend", "notes": tuple(notes)}
    whole = one_row_each(Reading(whole), "sum").sort_values("date", kind="stable")
    whole = whole.reset_index(drop=True)
    whole.attrs["every"] = every if alike else "day"
    whole = complete(whole, fill)
    whole.attrs["rows"] = tuple(len(frame) for frame in frames.values())
    whole.attrs["spans"] = spans
    return whole


def not_reaching(spend: pd.DataFrame, first: date, last: date) -> dict[str, Span]:
    """Return the files of spend that begin, or end, more than a month within two days.

    Parameters
    ----------
    spend : pandas.DataFrame
        As `join_spend` returns it; spend of one file is all there is, and reaches.
    first, last : date

    Returns
    -------
    dict of str to (date, date)
        First and last day of each such file.

    Examples
    --------
    >>> from mmm.tables import read_spend
    >>> rows = {"date": ["2024-01", "2024-06"], "channel": "Fairs", "spend": ["10", "5.50"]}
    >>> spend = read_spend(pd.DataFrame(rows), fill="zero")
    >>> spend.attrs["spans"] = {"fairs.csv": (date(2024, 1, 1), date(2024, 6, 30))}
    >>> not_reaching(spend, date(2023, 12, 15), date(2024, 6, 30))
    {}
    >>> list(not_reaching(spend, date(2023, 7, 1), date(2024, 6, 30)))
    ['fairs.csv']
    """
    spans: Mapping[str, Span] = spend.attrs.get("spans", {})
    return {
        name: span
        for name, span in spans.items()
        if span[0] - first > _APART or last - span[1] > _APART
    }


def by_day(frame: pd.DataFrame) -> pd.DataFrame:
    """Spread spend by week or month evenly over its days, in cents that add up.

    Examples
    --------
    >>> from mmm.tables import read_spend
    >>> rows = {"date": ["2023-02", "2023-03"], "channel": "Fairs", "spend": ["1", "0"]}
    >>> days = by_day(read_spend(pd.DataFrame(rows)))
    >>> len(days), days["spend"].max(), days["spend"].sum()
    (59, Decimal('0.04'), Decimal('1.00'))
    """
    if frame.attrs["every"] == "day":
        return frame
    starts: Any = frame["date"]
    lengths = (_ends(starts, str(frame.attrs["every"])) - starts).dt.days.to_numpy()
    days = frame.loc[frame.index.repeat(lengths)]
    nth = np.concatenate([np.arange(n) for n in lengths])
    amounts = [
        part
        for amount, n in zip(frame["spend"], lengths, strict=True)
        for part in _parts(amount, int(n))
    ]
    kind: Any = frame["spend"].dtype
    return days.assign(
        date=days["date"] + pd.to_timedelta(nth, unit="D").as_unit("us"),
        spend=pd.Series(pa.array(amounts, kind.pyarrow_dtype), dtype=kind, index=days.index),
    ).reset_index(drop=True)


def _ends(starts: Any, every: str) -> Any:
    """Return the day after each period."""
    if every != "month":
        return starts + pd.Timedelta(days=7 if every == "week" else 1)
    following = (starts.dt.to_period("M") + 1).dt.to_timestamp()
    day = np.minimum(starts.dt.day.max(), following.dt.days_in_month)  # 30 January, 29 February
    return following + pd.to_timedelta(day - 1, unit="D")


def _spans(frames: Frames) -> dict[str, Span]:
    """Return first and last day of each file; files that share a channel go on with each other.

    A file of one date is one bill: it has no span.
    """
    own = {name: _span(frame) for name, frame in frames.items() if frame["date"].nunique() > 1}
    labels = {
        name: {one for label in ("channel", "source") if label in frame for one in frame[label]}
        for name, frame in frames.items()
    }
    spans = {}
    for name in own:
        mates = [own[other] for other in own if other == name or labels[name] & labels[other]]
        spans[name] = min(first for first, _ in mates), max(last for _, last in mates)
    return spans


def _span(frame: pd.DataFrame) -> Span:
    """Return the first and the last day of a file, its last period included."""
    ends = _ends(frame["date"], str(frame.attrs["every"]))
    return frame["date"].min().date(), (ends.max() - pd.Timedelta(days=1)).date()


def _apart_said(spans: Mapping[str, Span]) -> list[str]:
    """Warn of files that begin later, or end earlier, than another: the rest counts as 0."""
    begin = min((first for first, _ in spans.values()), default=date.min)
    end = max((last for _, last in spans.values()), default=date.max)
    notes = [
        f"spend of {name} begins on {first}, that of other files on {begin}: before, it counts as 0"
        for name, (first, _) in spans.items()
        if first - begin > _APART
    ]
    notes += [
        f"spend of {name} ends on {last}, that of other files on {end}: after, it counts as 0"
        for name, (_, last) in spans.items()
        if end - last > _APART
    ]
    for note in notes:
        cure = "Add what is not there, or a row with 0 where nothing was spent."
        warnings.warn(f"{note}. {cure}", DataWarning, stacklevel=4)
    return notes


def _parts(amount: Decimal, n: int) -> list[Decimal]:
    """Split an amount into n that differ by its last decimal at most, the larger ones first."""
    with localcontext(prec=60):
        digits = -int(amount.as_tuple().exponent)
        each, left = divmod(abs(int(amount.scaleb(digits))), n)
        sign = -1 if amount < 0 else 1
        return [Decimal(sign * (each + (i < left))).scaleb(-digits) for i in range(n)]


def _stacked(parts: Frames) -> pd.DataFrame:
    there = {name for frame in parts.values() for name in frame.columns}
    names = [name for name in SPECS["spend"].names if name in there]
    scale = max(_scale(frame) for frame in parts.values())
    kinds: dict[str, Any] = {
        name: "str" for name in names if name in {*LABELS, "currency"}
    } | {"spend": pd.ArrowDtype(pa.decimal128(WIDEST, scale))}  # fmt: skip
    frames = [frame.reindex(columns=names).astype(kinds) for frame in parts.values()]
    return pd.concat(frames, ignore_index=True)


def _scale(frame: pd.DataFrame) -> int:
    kind: Any = frame["spend"].dtype
    return int(kind.pyarrow_dtype.scale)


def _said(frame: pd.DataFrame, every: str) -> list[str]:
    """Return the notes of a file; its one date, if it has no other, is of the period of all."""
    day = frame["date"].iloc[0]
    return [
        lone_date(day, every) if note == lone_date(day, "week") else note
        for note in frame.attrs["notes"]
    ]


def _one_currency(frames: Frames) -> tuple[str | None, list[str]]:
    """Return the currency that files name, and those that name none; refuse two."""
    found = {
        name: str(frame["currency"].dropna().iloc[0])
        for name, frame in frames.items()
        if "currency" in frame.columns and frame["currency"].notna().any()
    }
    if len(set(found.values())) > 1:
        said = ", ".join(f"{name} in {currency}" for name, currency in found.items())
        raise InputError(
            f"spend is in different currencies: {said}. Of one file, pass currency= and rates=."
        )
    if not found:
        return None, []
    return next(iter(found.values())), [name for name in frames if name not in found]


def _shared_rows(frames: Frames) -> list[str]:
    """Warn of rows that two files have alike; all of them count."""
    rows = {name: _rows(frame) for name, frame in frames.items()}
    notes = []
    for first, second in combinations(rows, 2):
        shared = [row for row in rows[first] if row in rows[second]]
        if not shared:
            continue
        day, *labels, amount = shared[0]
        label = " / ".join(str(one) for one in labels if one)
        problem = (
            f"spend: {len(shared)} rows stand in {first} and in {second} alike, with channel, date "
            f"and amount ({day.date()}, {label}, {amount}); all of them count"
        )
        cure = "If both are of one export, take one of the files out."
        warnings.warn(f"{problem}. {cure}", DataWarning, stacklevel=4)
        notes.append(problem)
    return notes


def _rows(frame: pd.DataFrame) -> dict[tuple[Any, ...], None]:
    spent = frame[(frame["spend"] != 0).to_numpy(dtype=bool)]
    labels = spent.reindex(columns=list(LABELS)).astype("object").fillna("")
    columns = [spent["date"], *(labels[name] for name in LABELS), spent["spend"]]
    return dict.fromkeys(zip(*columns, strict=True))


def _spread_said(frames: Frames) -> list[str]:
    """Say that files are by different periods; warn where one is by month, and hides its weeks."""
    by: dict[str, list[str]] = {}
    for name, frame in frames.items():
        by.setdefault(str(frame.attrs["every"]), []).append(name)
    spread = "each amount is spread evenly over its days, in cents that add up"
    order = [every for every in ("day", "week", "month") if every in by]
    said = ", ".join(f"by {every} in {quoted(by[every], 20)}" for every in order)
    if len(by) == 1:
        return [f"spend is {said}, and begins there on different days; {spread}"]
    problem = f"spend is {said}; {spread}"
    if "month" in by:
        cure = (
            "Within a month such spend never moves, and weeks say nothing of it: export it by "
            'week. With every = "month" under [mix] months are compared, where there are enough '
            "for the channels: 18 at least."
        )
        warnings.warn(f"{problem}. {cure}", DataWarning, stacklevel=4)
    return [problem]
