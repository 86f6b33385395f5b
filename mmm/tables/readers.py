"""The readers: one function a table."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from mmm.errors import ConfigError, DataWarning, InputError, quoted
from mmm.tables.currency import one_currency
from mmm.tables.parse import Context, declared_flags
from mmm.tables.read import Columns, Reading, drop_duplicates, read, with_note
from mmm.tables.schema import SPECS

Keep = Literal["error", "first", "last"]


def read_touches(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    *,
    on_duplicate: Keep = "error",
) -> pd.DataFrame:
    """Read touches: recorded contacts of a person or account with a channel.

    Parameters
    ----------
    source : path, database URL, or pandas, Polars or pyarrow frame
        Needs touched_at, one of person_id and account_id, and channel or some of source, medium
        and campaign.
    columns : mapping, optional
        Our name to the source's name, for example ``{"touched_at": "Data contatto"}``.
    locale : {"it", "en", "en_GB", "en_US"}, optional
        How numbers and dates are written. None reads what can be read in one way only.
    tz : str, default "UTC"
        Zone of instants that name none.
    table : str, optional
        Table of a database, sheet of a workbook.
    on_duplicate : {"error", "first", "last"}
        What to do with a repeated touch_id.

    Returns
    -------
    pandas.DataFrame
        Typed columns; ``attrs["notes"]`` lists what was found and decided.

    Raises
    ------
    InputError, SourceError, ConfigError
        With the rows concerned and the cure.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"person_id": ["p1"], "touched_at": ["2024-03-05T09:30:00Z"], "channel": ["Email"]}
    >>> read_touches(pd.DataFrame(rows))["touched_at"].iloc[0]
    Timestamp('2024-03-05 09:30:00+0000', tz='UTC')
    """
    spec = SPECS["touches"]
    reading = read(spec, source, columns, locale, tz, table)
    frame = drop_duplicates(reading, spec, on_duplicate).done()
    if {"person_id", "account_id"} <= set(frame.columns):
        return frame
    missing = "person_id" if "person_id" not in frame.columns else "account_id"
    frame.insert(1, missing, pd.Series(pd.NA, index=frame.index, dtype="str"))
    return frame


def read_deals(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    *,
    won_values: Mapping[str, bool] | None = None,
    on_duplicate: Keep = "error",
    currency: str | None = None,
    rates: Mapping[str, Any] | None = None,
    refunds: bool = False,
) -> pd.DataFrame:
    """Read deals: won, lost and open opportunities.

    Parameters
    ----------
    source, columns, locale, tz, table, on_duplicate
        As in `read_touches`; needs deal_id, closed_at and won. ``columns={"won": True}`` declares
        that every row is a won deal. A closed_at given as a day without a time is the end of that
        day, so that the touches of the day come before it; other instants are its start.
    won_values : mapping of str to bool, optional
        Words of the won column: ``{"Closed Won": True, "Closed Lost": False}``; others are open.
    currency : str, optional
        Currency of the values, or the one to convert to.
    rates : mapping of str to number, optional
        Price of one unit of each other currency in `currency`.
    refunds : bool, default False
        Whether negative values of won deals are meant.

    Returns
    -------
    pandas.DataFrame
        won is true, false or missing (open); value is an exact decimal.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"deal_id": ["d1"], "closed_at": ["2024-06-01"], "won": ["Chiuso vinto"],
    ...         "value": ["1.234,56"]}
    >>> read_deals(pd.DataFrame(rows), locale="it")["value"].iloc[0]
    Decimal('1234.56')
    """
    spec = SPECS["deals"]
    reading = read(spec, source, columns, locale, tz, table, won_values)
    reading = drop_duplicates(reading, spec, on_duplicate)
    frame = reading.frame
    ended, closed = frame["won"].notna(), frame["closed_at"].notna()
    if (ended & ~closed).any():
        raise InputError(
            "deals are won or lost and have no closed_at in "
            f"{reading.rows.of(frame, ended & ~closed)}. "
            "Fill in the date, or leave won empty for open deals."
        )
    reading.frame = _expected_closes(_known_kinds(frame), ~ended & closed, tz)
    _warn_order(reading, ended)
    reading.frame = one_currency(reading, spec, currency, rates)
    _check_refunds(reading, refunds)
    return reading.done()


def _warn_order(reading: Reading, ended: "pd.Series[bool]") -> None:
    frame = reading.frame
    if "created_at" not in frame.columns:
        return
    late = (ended & (frame["created_at"] > frame["closed_at"])).to_numpy(dtype=bool)
    if late.any():
        problem = f"deals: closed before it was created in {reading.rows.of(frame, late)}"
        warnings.warn(f"{problem}. Check those dates.", DataWarning, stacklevel=3)
        with_note(frame, problem)


def _check_refunds(reading: Reading, allowed: bool) -> None:
    """Refuse a won deal of negative value: it would take credit away from its touches."""
    frame = reading.frame
    if "value" not in frame.columns:
        return
    negative = (frame["won"].fillna(False) & (frame["value"].fillna(0) < 0)).to_numpy(dtype=bool)
    if not negative.any():
        return
    if not (allowed or frame.attrs.get("refunds") is True):
        raise InputError(
            f"deals column 'value' is negative for a won deal in "
            f"{reading.rows.of(frame, negative)} ({frame.loc[negative, 'value'].iloc[0]}). "
            "Correct it, or pass refunds=True to read_deals where credit notes are meant."
        )
    frame.attrs["refunds"] = True
    with_note(frame, f"deals: {int(negative.sum())} won deals of negative value are refunds")


KINDS = {
    "new": ("new", "new business", "new logo", "new customer", "nuovo", "nuovo cliente", "nuova"),
    "expansion": ("expansion", "upsell", "upgrade", "cross-sell", "espansione", "ampliamento"),
    "renewal": ("renewal", "rinnovo", "existing business"),
}


def _known_kinds(frame: pd.DataFrame) -> pd.DataFrame:
    """Spell kind as new, expansion or renewal; keep other words and say which."""
    if "kind" not in frame.columns:
        return frame
    spelling = {word: kind for kind, words in KINDS.items() for word in words}
    plain = frame["kind"].str.lower().str.strip()
    known = plain.map(spelling).astype("str")
    foreign = sorted(frame.loc[known.isna() & frame["kind"].notna(), "kind"].unique())
    frame["kind"] = known.where(known.notna(), frame["kind"])
    if not foreign:
        return frame
    return with_note(
        frame,
        f"deals: kind {quoted(foreign)} is neither new, expansion nor renewal; such deals win no "
        "new customer in the costs",
    )


def _expected_closes(frame: pd.DataFrame, expected: "pd.Series[bool]", tz: str) -> pd.DataFrame:
    """Move the close of an open deal to expected_on, its day in `tz`: it has not happened."""
    if not expected.any():
        return frame
    days = frame["closed_at"].dt.tz_convert(tz).dt.tz_localize(None).dt.normalize()
    days = days.where(expected)
    known = frame["expected_on"] if "expected_on" in frame.columns else days
    frame["expected_on"] = known.fillna(days)
    frame["closed_at"] = frame["closed_at"].mask(expected)
    return with_note(frame, f"deals: closed_at of {int(expected.sum())} open deals is expected_on")


def read_leads(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
    *,
    won_values: Mapping[str, bool] | None = None,
    on_duplicate: Keep = "error",
) -> pd.DataFrame:
    """Read leads: people or companies before the deal.

    Parameters are those of `read_touches`; needs lead_id and created_at. Columns that the package
    does not know are kept: they are the features of a lead. `won_values` says which words of the
    column stage end a lead, ``{"Cliente": True, "Perso": False}``: they become won and lost, which
    are known by themselves, as is discarded. Such a lead is over though it has no ended_at.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"id": ["l1"], "created_at": ["2024-01-31"], "employees": [12]})
    >>> list(read_leads(frame, columns={"lead_id": "id"}).columns)
    ['lead_id', 'created_at', 'employees']
    """
    spec = SPECS["leads"]
    reading = drop_duplicates(read(spec, source, columns, locale, tz, table), spec, on_duplicate)
    if won_values is not None:
        _end_stages(reading, won_values)
    return reading.done()


def _end_stages(reading: Reading, won_values: Mapping[str, bool]) -> None:
    """Spell the stages that end a lead as won and lost."""
    frame = reading.frame
    if "stage" not in frame.columns:
        raise ConfigError(
            f"won_values= are words of the column stage, and leads have {quoted(frame.columns)}. "
            "Name the column with columns={'stage': ...}."
        )
    context = Context("leads column 'stage'")
    told = declared_flags(pa.array(frame["stage"], pa.string()), won_values, context)
    spelled = pd.Series(told.to_pylist(), index=frame.index, dtype=object)
    ends = spelled.map({True: "won", False: "lost"}).astype("str")
    frame["stage"] = ends.where(ends.notna(), frame["stage"])
    for note in context.notes:
        reading.frame = with_note(frame, note)


def read_contacts(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    table: str | None = None,
    *,
    on_duplicate: Keep = "error",
) -> pd.DataFrame:
    """Read contacts: which person belongs to which account. Needs person_id."""
    spec = SPECS["contacts"]
    reading = read(spec, source, columns, locale, "UTC", table)
    return drop_duplicates(reading, spec, on_duplicate).done()


def read_roles(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    table: str | None = None,
    *,
    on_duplicate: Keep = "first",
) -> pd.DataFrame:
    """Read roles: the people on each deal. Needs deal_id and person_id."""
    spec = SPECS["roles"]
    reading = read(spec, source, columns, locale, "UTC", table)
    return drop_duplicates(reading, spec, on_duplicate).done()


def read_stages(
    source: object,
    columns: Columns | None = None,
    locale: str | None = None,
    tz: str = "UTC",
    table: str | None = None,
) -> pd.DataFrame:
    """Read the stage history. Needs stage, entered_at and one of lead_id and deal_id."""
    return read(SPECS["stages"], source, columns, locale, tz, table).done()
