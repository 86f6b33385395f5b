"""One currency a table: amounts are converted exactly at declared rates, or refused."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError, InputError, quoted
from mmm.tables.money import CODES, WIDEST
from mmm.tables.read import Reading, with_note
from mmm.tables.schema import TableSpec

# What $ may stand for.
DOLLARS = ("USD", "AUD", "BMD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD", "$")


def one_currency(
    reading: Reading,
    spec: TableSpec,
    currency: str | None,
    rates: Mapping[str, Any] | None,
) -> pd.DataFrame:
    """Bring every amount into one currency.

    Parameters
    ----------
    reading : Reading
        The frame, how to name its rows, and the symbols that stood beside its amounts.
    spec : TableSpec
    currency : str or None
        The currency wanted; None takes the only one found.
    rates : mapping or None
        Price of one unit of a foreign currency in `currency`. Case does not matter.

    Returns
    -------
    pandas.DataFrame
        With a column currency where it is known; converted amounts are rounded to cents, half to
        even.

    Raises
    ------
    InputError
        If currencies are mixed and no rate is given, a row has none among rows that have, or the
        symbol beside an amount is of another currency than its row.
    ConfigError
        If a rate is no positive number.

    Examples
    --------
    >>> from mmm.tables import read_deals
    >>> rows = {"deal_id": ["a", "b"], "closed_at": ["2024-06-01"] * 2, "won": [True, True],
    ...         "value": ["100.00", "10.00"], "currency": ["EUR", "USD"]}
    >>> read_deals(pd.DataFrame(rows), currency="EUR", rates={"USD": "0.925"})["value"].iloc[1]
    Decimal('9.25')
    """
    frame = reading.frame
    if currency is not None:
        currency = _code("currency=", currency)
    prices = {_code("rates=", name): price for name, price in (rates or {}).items()}
    if "currency" not in frame.columns:
        if currency is not None:
            frame["currency"] = pd.Series(currency, index=frame.index, dtype="str")
            _check_symbols(reading, spec)
        return frame
    frame["currency"] = frame["currency"].str.upper().replace(CODES)
    missing = frame["currency"].isna()
    if missing.any() and not missing.all() and currency is None:
        raise InputError(
            f"{spec.name} has no currency in {reading.rows.of(frame, missing)} and has one "
            "elsewhere. "
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
    _check_symbols(reading, spec)
    for name in [name for name in found if name != target]:
        if name not in prices:
            raise InputError(
                f"{spec.name} has amounts in {name!r} and no rate to {target!r}. "
                f"Pass rates={{{name!r}: '...'}}: the price of one {name} in {target}."
            )
        frame = _converted(reading, spec, name, target, _rate(prices[name], name))
    return frame


def _code(where: str, name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{where} holds {name!r}, not a currency. Pass a code such as 'EUR'.")
    code = name.strip().upper()
    return CODES.get(code, code)


def _check_symbols(reading: Reading, spec: TableSpec) -> None:
    """Refuse $100 in a row of euros."""
    frame = reading.frame
    for column, (symbol, marked) in reading.symbols.items():
        allowed = DOLLARS if symbol == "$" else (symbol,)
        here = pd.Series(marked).reindex(frame.index, fill_value=False)
        wrong = here & frame["currency"].notna() & ~frame["currency"].isin(allowed)
        if wrong.any():
            row = frame.loc[wrong.to_numpy(), "currency"].iloc[0]
            raise InputError(
                f"{spec.name} column {column!r} has amounts in {symbol!r} where the currency is "
                f"{row!r}, in {reading.rows.of(frame, wrong)}. Put the right code of each row in "
                "the column 'currency', and pass rates= to convert."
            )


def _rate(value: object, name: str) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or rate <= 0:
        raise ConfigError(f"the rate of {name!r} is {value!r}. Pass a positive number.")
    return rate


def _converted(
    reading: Reading, spec: TableSpec, name: str, target: str, rate: Decimal
) -> pd.DataFrame:
    frame = reading.frame
    rows = (frame["currency"] == name).to_numpy(dtype=bool)
    for column in spec.columns:
        if column.kind != "money" or column.name not in frame.columns:
            continue
        digits = frame[column.name].dtype.pyarrow_dtype.scale  # type: ignore[union-attr]
        plain = [
            None if amount is pd.NA else _times(amount, rate) if change else amount
            for amount, change in zip(frame[column.name], rows, strict=True)
        ]
        limit = Decimal(10) ** (WIDEST - digits)
        large = np.array([v is not None and not v.copy_abs() < limit for v in plain])
        if large.any():
            raise InputError(
                f"{spec.name} column {column.name!r} is too large once converted to {target} at "
                f"{rate}, in {reading.rows.of(frame, large)}. Correct the amount or the rate."
            )
        kind = pd.ArrowDtype(pa.decimal128(38, digits))
        values = pa.array(plain, kind.pyarrow_dtype)
        frame[column.name] = pd.Series(values, dtype=kind, index=frame.index)
    frame.loc[rows, "currency"] = target
    return with_note(frame, f"{spec.name}: {int(rows.sum())} rows in {name} converted at {rate}")


def _times(amount: Decimal, rate: Decimal) -> Decimal:
    with localcontext(prec=200):
        product = amount * rate
        if product.adjusted() > WIDEST:
            return Decimal("Infinity")
        return product.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
