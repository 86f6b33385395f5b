"""Spend and costs: money to a channel per period, with no period guessed."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError, InputError, quoted
from mmm.tables.across import months_of, read_months
from mmm.tables.currency import one_currency
from mmm.tables.locales import find_locale
from mmm.tables.money import WIDEST
from mmm.tables.raw import Raw
from mmm.tables.read import (
    Columns,
    Reading,
    as_read_before,
    check_choice,
    checked,
    read,
    read_raw,
    with_note,
)
from mmm.tables.schema import SPECS, TableSpec
from mmm.tables.sources import load
from mmm.tables.wide import How, read_wide

LABELS = ("channel", "source", "medium", "campaign")
_WITH_HOLES = {"i": "Int64", "u": "UInt64", "b": "boolean"}
Fill = Literal["zero", "interpolate"]


def read_spend(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    *,
    channel: str | None = None,
    channels: Sequence[str] = (),
    fill: Fill | None = None,
    on_duplicate: Literal["error", "sum"] = "error",
    refunds: bool = False,
    currency: str | None = None,
    rates: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Read spend: one row a channel (or campaign) and period.

    Parameters
    ----------
    source, columns, locale, tz, table
        As in `read_touches`; needs date (first day of the period, or the last day of
        each month), spend, and channel or some of source, medium and campaign.
    channel : str, optional
        Channel of every row, for the export of one platform that does not name it.
    channels : sequence of str
        Of a table with a column of spend a channel: these columns. Their headings are the channels.
    fill : {"zero", "interpolate"}, optional
        What a missing amount or period is worth. None refuses both. ``interpolate`` is linear in
        time within a channel and rounds to cents.
    on_duplicate : {"error", "sum"}
        What to do with two rows of one channel and date.
    refunds : bool, default False
        Whether negative amounts are meant.
    currency, rates
        As in `read_deals`.

    Returns
    -------
    pandas.DataFrame
        spend is an exact decimal; ``attrs["every"]`` is "day", "week" or "month".

    Raises
    ------
    InputError
        For missing amounts or periods, negative amounts, repeated rows and mixed currencies.

    Examples
    --------
    >>> import pandas as pd
    >>> weeks = ["2024-01-01", "2024-01-08", "2024-01-15"]
    >>> rows = {"date": weeks, "channel": "Events", "spend": ["100.00", "0", "50.50"]}
    >>> read_spend(pd.DataFrame(rows))["spend"].sum()
    Decimal('150.50')
    >>> wide = pd.DataFrame({"date": weeks, "Events": ["100.00", "0", "50"], "Email": ["5"] * 3})
    >>> read_spend(wide, channels=["Events", "Email"])["channel"].value_counts().tolist()
    [3, 3]
    """
    spec = SPECS["spend"]
    check_choice("on_duplicate", on_duplicate, ("error", "sum"))
    if fill is not None:
        check_choice("fill", fill, ("zero", "interpolate"))
    if channels and channel is not None:
        raise ConfigError(
            "channel= is the channel of all rows, and channels= are columns of one channel each. "
            "Pass one of them."
        )
    raw = load(source, table, find_locale(locale))
    how = How(spec, checked(spec, columns or {}), locale, tz, currency, rates)
    if channel is not None:
        _give_channel(raw, how.columns, channel)
    if channels:
        reading = read_wide(raw, list(channels), how)
    elif months := months_of(raw.table.column_names, how.columns):
        reading = read_months(raw, months, how)
    else:
        reading = as_read_before(read_raw(spec, raw, columns, locale, tz), source, spec)
        reading.frame = one_currency(reading, spec, currency, rates)
    _refuse_negative(reading, spec, "spend", refunds)
    if fill is None:
        _refuse_missing(reading, spec, "spend")
    reading.frame = _first_days(reading.frame)
    frame = one_row_each(reading, on_duplicate).reset_index(drop=True)
    frame.attrs["every"] = infer_period(frame["date"])
    if frame["date"].nunique() == 1:
        frame = with_note(frame, lone_date(frame["date"].iloc[0], "week"))
    return complete(frame, fill)


def read_costs(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    *,
    refunds: bool = False,
    currency: str | None = None,
    rates: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Read costs: tools, people and whatever is not media. Needs date, kind and cost.

    Parameters are those of `read_spend`.
    """
    spec = SPECS["costs"]
    reading = read(spec, source, columns, locale, tz, table)
    reading.frame = one_currency(reading, spec, currency, rates)
    _refuse_negative(reading, spec, "cost", refunds)
    _refuse_missing(reading, spec, "cost")
    return reading.done()


def infer_period(dates: "pd.Series[pd.Timestamp]") -> str:
    """Tell whether dates are days, weeks or months apart.

    Months are told by one day of the month, or by its last: 31 January, 29 February, 31 March.

    Examples
    --------
    >>> infer_period(pd.Series(pd.to_datetime(["2024-01-31", "2024-02-29"])))
    'month'
    """
    unique = pd.DatetimeIndex(np.sort(dates.unique()))
    gaps = np.diff(unique.to_numpy().astype("datetime64[D]")).astype(np.int64)
    same_day = unique.day == np.minimum(unique.day.max(), unique.days_in_month)
    if len(unique) > 1 and same_day.all():
        return "month"
    return "week" if len(gaps) == 0 or (gaps % 7 == 0).all() else "day"


def lone_date(day: pd.Timestamp, every: str) -> str:
    """Say for what a date is taken that is the only one."""
    return (
        f"spend: every row is of {day.date()}, which is read as one {every}; export by day or "
        "month where it is the first day of a longer time"
    )


def _first_days(frame: pd.DataFrame) -> pd.DataFrame:
    """Let the first day of a month stand for it where its last day does: a period has a start."""
    dates = frame["date"]
    if dates.nunique() < 2 or not dates.dt.is_month_end.all():
        return frame
    frame["date"] = dates.dt.to_period("M").dt.to_timestamp().astype(dates.dtype)
    return with_note(
        frame,
        "spend: dates are the last days of months; each is kept as the first day of its month",
    )


def _refuse_negative(reading: Reading, spec: TableSpec, name: str, allowed: bool) -> None:
    frame = reading.frame
    negative = (frame[name].fillna(0) < 0).to_numpy(dtype=bool)
    if negative.any() and not allowed:
        shown, negative = _of_one_column(reading, negative, name)
        raise InputError(
            f"{spec.name} column {shown!r} is negative in {reading.rows.of(frame, negative)} "
            f"({frame.loc[negative, name].iloc[0]}). Correct it, or pass refunds=True."
        )


def _of_one_column(
    reading: Reading, rows: npt.NDArray[np.bool_], name: str
) -> tuple[str, npt.NDArray[np.bool_]]:
    """Name the column of the file that rows stand in, and keep those of the first such column."""
    if reading.headings is None:
        return name, rows
    first = str(reading.headings[rows][0])
    return first, rows & (reading.headings == first)


def _give_channel(raw: Raw, columns: Columns, channel: str) -> None:
    theirs = columns.get("channel", "channel")
    if theirs in raw.table.column_names or "channel" in columns:
        raise ConfigError(
            f"channel= gives every row the channel {channel!r}, and the column {theirs!r} gives "
            "each row its own. Leave one of them out."
        )
    raw.table = raw.table.append_column("channel", pa.repeat(channel, raw.table.num_rows))


def _refuse_missing(reading: Reading, spec: TableSpec, name: str) -> None:
    missing = reading.frame[name].isna().to_numpy(dtype=bool)
    if missing.any():
        shown, missing = _of_one_column(reading, missing, name)
        offer = " Fill it in, or pass fill='zero' or fill='interpolate'." if name == "spend" else ""
        raise InputError(
            f"{spec.name} column {shown!r} is missing in "
            f"{reading.rows.of(reading.frame, missing)}."
            f"{offer or ' Fill it in, or drop those rows.'}"
        )


def _labels(frame: pd.DataFrame) -> list[str]:
    return [name for name in LABELS if name in frame.columns]


def one_row_each(reading: Reading, on_duplicate: str) -> pd.DataFrame:
    """Refuse two rows of one channel and date, or add them up."""
    frame = reading.frame
    key = ["date", *_labels(frame)]
    repeated = frame.duplicated(key, keep=False)
    if not repeated.any():
        return frame
    if on_duplicate == "error":
        shown = frame.loc[repeated, key].iloc[0]
        day, label = shown["date"].date(), " / ".join(str(v) for v in shown.iloc[1:])
        raise InputError(
            f"spend has the same {' + '.join(key)} in {reading.rows.of(frame, repeated)} "
            f"({day}, {label}). "
            "Correct it, or pass on_duplicate='sum'."
        )
    kind = frame["spend"].dtype
    others = [name for name in frame.columns if name not in SPECS["spend"].names]
    frame = frame.drop(columns=others).astype({"spend": object})
    sums = {"spend": _exact_sum} | {name: "first" for name in frame.columns if name == "currency"}
    summed = frame.groupby(key, as_index=False, sort=False, dropna=False).agg(sums)
    summed["spend"] = _exact(list(summed["spend"]), kind)
    summed.attrs = dict(frame.attrs)
    note = f"spend: {len(frame) - len(summed)} rows repeat a {' + '.join(key)}; they are added up"
    if others:
        note += f", without {quoted(others)}"
    return with_note(summed[list(frame.columns)], note)


def _exact_sum(amounts: "pd.Series[Any]") -> Decimal | None:
    there = amounts.dropna()
    with localcontext(prec=60):  # of amounts that may have 38 digits
        return sum(there, Decimal(0)) if len(there) else None


def _exact(amounts: list[Any], kind: Any) -> "pd.Series[Any]":
    """Return decimals in the type given, or in the widest one where they outgrow it."""
    amounts = [amount if isinstance(amount, Decimal) else None for amount in amounts]
    for digits in (kind.pyarrow_dtype.precision, WIDEST):
        wide = pa.decimal128(digits, kind.pyarrow_dtype.scale)
        try:
            return pd.Series(pa.array(amounts, wide), dtype=pd.ArrowDtype(wide))
        except pa.ArrowInvalid:
            continue
    raise InputError(f"spend is too large once added up: beyond {WIDEST} digits. Correct it.")


def complete(frame: pd.DataFrame, fill: str | None) -> pd.DataFrame:
    """Give every channel a row for every period between its first and its last."""
    calendar = _calendar(frame["date"], str(frame.attrs["every"]))
    missing = _missing_rows(frame, calendar)
    if len(missing) == 0 and not frame["spend"].isna().any():
        return frame
    if fill is None:
        first = missing.iloc[0]
        label = " / ".join(str(first[name]) for name in _labels(frame))
        raise InputError(
            f"spend misses {len(missing)} {frame.attrs['every']}s between the first and the last "
            f"row of a channel, the first of them {first['date'].date()} ({label}). Add the rows, "
            "or pass fill='zero' (nothing was spent) or fill='interpolate'."
        )
    empty = int(frame["spend"].isna().sum())
    whole = pd.concat([frame, missing.reindex(columns=frame.columns)], ignore_index=True)
    for name, kind in frame.dtypes.items():
        # The clicks of a day that was missing are missing.
        holes: Any = _WITH_HOLES.get(kind.kind) if whole[name].isna().any() else None
        whole[name] = whole[name].astype(holes or kind)
    whole.attrs = dict(frame.attrs)
    if "currency" in whole.columns:
        whole["currency"] = whole["currency"].ffill()
    whole = _filled(whole.sort_values(["date", *_labels(frame)], ignore_index=True), fill)
    return with_note(
        whole, f"spend: {len(missing)} missing periods and {empty} missing amounts: fill={fill!r}"
    )


def _calendar(dates: "pd.Series[pd.Timestamp]", every: str) -> pd.DatetimeIndex:
    if every != "month":
        return pd.date_range(dates.min(), dates.max(), freq="D" if every == "day" else "7D")
    starts = pd.period_range(dates.min(), dates.max(), freq="M").to_timestamp()
    day = np.minimum(dates.dt.day.max(), starts.days_in_month)  # 30 January, 29 February
    return pd.DatetimeIndex(starts + pd.to_timedelta(day - 1, unit="D")).as_unit("us")


def _missing_rows(frame: pd.DataFrame, calendar: pd.DatetimeIndex) -> pd.DataFrame:
    labels = _labels(frame)
    holes = []
    for values, rows in frame.groupby(labels, dropna=False, sort=True):
        dates = rows["date"]
        inside = calendar[(calendar >= dates.min()) & (calendar <= dates.max())]
        absent = inside.difference(pd.DatetimeIndex(dates))
        if len(absent):
            holes.append(pd.DataFrame({"date": absent} | dict(zip(labels, values, strict=True))))
    return pd.concat(holes, ignore_index=True) if holes else frame.iloc[:0][["date", *labels]]


def _filled(frame: pd.DataFrame, fill: str) -> pd.DataFrame:
    kind: Any = frame["spend"].dtype
    if fill == "zero":
        frame["spend"] = frame["spend"].fillna(0)
        return frame
    if fill != "interpolate":
        raise ConfigError(f"fill={fill!r} is unknown. Use {quoted(('zero', 'interpolate'))}.")
    gaps = frame["spend"].isna()
    cents = frame["spend"].astype("float64").to_frame().assign(date=frame["date"])
    pieces = [
        part.set_index("date")["spend"]
        .interpolate("time", limit_area="inside")
        .set_axis(part.index)
        for _, part in cents.groupby([frame[name] for name in _labels(frame)], dropna=False)
    ]
    guess = pd.concat(pieces).round(2).sort_index()
    still = guess[gaps].isna()
    if still.any():
        first = frame[gaps & guess.isna()].iloc[0]
        label = " / ".join(str(first[name]) for name in _labels(frame))
        raise InputError(
            "spend cannot be interpolated before the first or after the last amount of a channel "
            f"({first['date'].date()}, {label}). Fill it in, or pass fill='zero'."
        )
    exact = pd.Series(pa.array(guess[gaps].map("{:.2f}".format)).cast(kind.pyarrow_dtype))
    frame.loc[gaps, "spend"] = exact.astype(kind).to_numpy()
    return frame
