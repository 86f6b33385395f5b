"""One currency a table: amounts are converted exactly at declared rates, or refused."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.tables.parse import true_rows
from mmm.tables.read import with_note
from mmm.tables.schema import TableSpec


def one_currency(
    frame: pd.DataFrame,
    spec: TableSpec,
    currency: str | None,
    rates: Mapping[str, Any] | None,
) -> pd.DataFrame:
    """Bring every amount into one currency.

    Parameters
    ----------
    frame : pandas.DataFrame
    spec : TableSpec
    currency : str or None
        The currency wanted; None takes the only one found.
    rates : mapping or None
        Price of one unit of a foreign currency in `currency`.

    Returns
    -------
    pandas.DataFrame
        With a column currency where it is known; converted amounts are rounded to cents, half to
        even.

    Raises
    ------
    InputError
        If currencies are mixed and no rate is given, or a row has none among rows that have.

    Examples
    --------
    >>> from mmm.tables import read_deals
    >>> rows = {"deal_id": ["a", "b"], "closed_at": ["2024-06-01"] * 2, "won": [True, True],
    ...         "value": ["100.00", "10.00"], "currency": ["EUR", "USD"]}
    >>> read_deals(pd.DataFrame(rows), currency="EUR", rates={"USD": "0.925"})["value"].iloc[1]
    Decimal('9.25')
    """
    if "currency" not in frame.columns:
        if currency is not None:
            frame["currency"] = pd.Series(currency, index=frame.index, dtype="str")
        return frame
    frame["currency"] = frame["currency"].str.upper()
    missing = frame["currency"].isna()
    if missing.any() and not missing.all() and currency is None:
        rows = true_rows(missing.to_numpy(dtype=bool))
        raise InputError(
            f"{spec.name} has no currency in {name_rows(rows)} and has one elsewhere. "
            "Fill it in, or pass currency= for the rows without one."
        )
    found = sorted(frame["currency"].dropna().unique())
    target = currency or (found[0] if len(found) == 1 else None)
    if target is None:
        if not found:
            return frame
        raise InputError(
            f"{spec.name} mixes the currencies {quoted(found)}. Pass currency='EUR' and "
            "rates={'USD': '0.92'}: the price of one unit of each other currency."
        )
    frame["currency"] = frame["currency"].fillna(target)
    for name in [name for name in found if name != target]:
        if name not in (rates or {}):
            raise InputError(
                f"{spec.name} has amounts in {name!r} and no rate to {target!r}. "
                f"Pass rates={{{name!r}: '...'}}: the price of one {name} in {target}."
            )
        frame = _converted(frame, spec, name, target, _rate((rates or {})[name], name))
    return frame


def _rate(value: object, name: str) -> Decimal:
    rate = Decimal(str(value))
    if not rate.is_finite() or rate <= 0:
        raise ConfigError(f"the rate of {name!r} is {value!r}. Pass a positive number.")
    return rate


def _converted(
    frame: pd.DataFrame, spec: TableSpec, name: str, target: str, rate: Decimal
) -> pd.DataFrame:
    rows = (frame["currency"] == name).to_numpy(dtype=bool)
    for column in spec.columns:
        if column.kind != "money" or column.name not in frame.columns:
            continue
        digits = frame[column.name].dtype.pyarrow_dtype.scale  # type: ignore[union-attr]
        exact = [
            _times(amount, rate) if change and amount is not pd.NA else amount
            for amount, change in zip(frame[column.name], rows, strict=True)
        ]
        plain = [None if amount is pd.NA else amount for amount in exact]
        kind = pd.ArrowDtype(pa.decimal128(38, digits))
        frame[column.name] = pd.Series(pa.array(plain, kind.pyarrow_dtype), dtype=kind)
    frame.loc[rows, "currency"] = target
    return with_note(frame, f"{spec.name}: {int(rows.sum())} rows in {name} converted at {rate}")


def _times(amount: Decimal, rate: Decimal) -> Decimal:
    with localcontext(prec=60):
        return (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
