"""Spend and costs: money to a channel per period, with no period guessed."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.tables.currency import one_currency
from mmm.tables.parse import true_rows
from mmm.tables.read import Columns, check_choice, read, with_note
from mmm.tables.schema import SPECS, TableSpec

LABELS = ("channel", "source", "medium", "campaign")
Fill = Literal["zero", "interpolate"]


def read_spend(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    *,
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
        As in `read_touches`; needs date (first day of the period), spend, and channel or some of
        source, medium and campaign.
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
    """
    spec = SPECS["spend"]
    check_choice("on_duplicate", on_duplicate, ("error", "sum"))
    if fill is not None:
        check_choice("fill", fill, ("zero", "interpolate"))
    frame = one_currency(read(spec, source, columns, locale, tz, table), spec, currency, rates)
    _refuse_negative(frame, spec, "spend", refunds)
    if fill is None:
        _refuse_missing(frame, spec, "spend")
    frame = _one_row_each(frame, on_duplicate)
    frame.attrs["every"] = infer_period(frame["date"])
    return _complete(frame, fill)


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
    frame = one_currency(read(spec, source, columns, locale, tz, table), spec, currency, rates)
    _refuse_negative(frame, spec, "cost", refunds)
    _refuse_missing(frame, spec, "cost")
    return frame


def infer_period(dates: "pd.Series[pd.Timestamp]") -> str:
    """Tell whether dates are days, weeks or months apart.

    Examples
    --------
    >>> infer_period(pd.Series(pd.to_datetime(["2024-01-01", "2024-02-01"])))
    'month'
    """
    unique = np.sort(dates.unique()).astype("datetime64[D]")
    gaps = np.diff(unique).astype(np.int64)
    if len(unique) > 1 and (pd.DatetimeIndex(unique).day == 1).all():
        return "month"
    return "week" if len(gaps) == 0 or (gaps % 7 == 0).all() else "day"


def _refuse_negative(frame: pd.DataFrame, spec: TableSpec, name: str, allowed: bool) -> None:
    negative = true_rows((frame[name].fillna(0) < 0).to_numpy(dtype=bool))
    if negative and not allowed:
        raise InputError(
            f"{spec.name} column {name!r} is negative in {name_rows(negative)} "
            f"({frame[name].iloc[negative[0]]}). Correct it, or pass refunds=True."
        )


def _refuse_missing(frame: pd.DataFrame, spec: TableSpec, name: str) -> None:
    missing = true_rows(frame[name].isna().to_numpy(dtype=bool))
    if missing:
        offer = " Fill it in, or pass fill='zero' or fill='interpolate'." if name == "spend" else ""
        raise InputError(
            f"{spec.name} column {name!r} is missing in {name_rows(missing)}."
            f"{offer or ' Fill it in, or drop those rows.'}"
        )


def _labels(frame: pd.DataFrame) -> list[str]:
    return [name for name in LABELS if name in frame.columns]


def _one_row_each(frame: pd.DataFrame, on_duplicate: str) -> pd.DataFrame:
    key = ["date", *_labels(frame)]
    repeated = frame.duplicated(key, keep=False)
    if not repeated.any():
        return frame
    rows = true_rows(repeated.to_numpy(dtype=bool))
    if on_duplicate == "error":
        shown = frame.loc[rows[0], key]
        day, label = shown["date"].date(), " / ".join(str(v) for v in shown.iloc[1:])
        raise InputError(
            f"spend has the same {' + '.join(key)} in {name_rows(rows)} ({day}, {label}). "
            "Correct it, or pass on_duplicate='sum'."
        )
    kind = frame["spend"].dtype
    summed = frame.groupby(key, as_index=False, sort=False, dropna=False).agg(
        {
            name: (_exact_sum if name == "spend" else "first")
            for name in frame.columns
            if name not in key
        }
    )
    summed["spend"] = summed["spend"].astype(kind)
    summed.attrs = dict(frame.attrs)
    note = f"spend: {len(frame) - len(summed)} rows repeat a {' + '.join(key)}; they are added up"
    return with_note(summed[list(frame.columns)], note)


def _exact_sum(amounts: "pd.Series[Any]") -> Any:
    return amounts.sum(min_count=1)


def _complete(frame: pd.DataFrame, fill: str | None) -> pd.DataFrame:
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
    for name in frame.columns:
        whole[name] = whole[name].astype(frame[name].dtype)
    whole.attrs = dict(frame.attrs)
    if "currency" in whole.columns:
        whole["currency"] = whole["currency"].ffill()
    whole = _filled(whole.sort_values(["date", *_labels(frame)], ignore_index=True), fill)
    return with_note(
        whole, f"spend: {len(missing)} missing periods and {empty} missing amounts: fill={fill!r}"
    )


def _calendar(dates: "pd.Series[pd.Timestamp]", every: str) -> pd.DatetimeIndex:
    step = {"day": "D", "week": "7D", "month": "MS"}[every]
    return pd.date_range(dates.min(), dates.max(), freq=step)


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
        rows = true_rows(guess.isna().to_numpy(dtype=bool))
        raise InputError(
            f"spend cannot be interpolated before the first or after the last amount of a channel "
            f"({name_rows(rows)}). Fill those in, or pass fill='zero'."
        )
    exact = pd.Series(pa.array(guess[gaps].map("{:.2f}".format)).cast(kind.pyarrow_dtype))
    frame.loc[gaps, "spend"] = exact.astype(kind).to_numpy()
    return frame
