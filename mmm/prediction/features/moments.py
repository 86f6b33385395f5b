"""Moments: the tables as read, and the instants at which each lead is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, name_rows, quoted
from mmm.prediction.features.ends import Ends, instants, lead_ends
from mmm.tables import SPECS, read_deals, read_leads, read_touches

Integers = npt.NDArray[np.int64]
Instants = npt.NDArray[np.datetime64]

_MOMENT = np.timedelta64(1, "us")
_READERS = {"leads": read_leads, "touches": read_touches, "deals": read_deals}
_INSTANT_OF = {"leads": "created_at", "touches": "touched_at", "deals": "closed_at"}


@dataclass(frozen=True, eq=False)
class Moments:
    """Leads and the instants at which they are looked at; arrays of shape (n,).

    Attributes
    ----------
    lead : ndarray of int64
        Position in the table of leads; a lead may be looked at several times.
    at : ndarray of datetime64[us]
        UTC; nothing later is known.
    """

    lead: Integers
    at: Instants

    def __len__(self) -> int:
        """Return how many looks there are."""
        return len(self.lead)


def read_tables(leads: Any, touches: Any = None, deals: Any = None) -> dict[str, pd.DataFrame]:
    """Return the tables typed by their readers; those read already stay as they are.

    Raises
    ------
    InputError
        As the readers, and if a lead_id stands twice.

    Examples
    --------
    >>> sorted(read_tables(pd.DataFrame({"lead_id": ["l"], "created_at": ["2025-01-01"]})))
    ['leads']
    """
    tables = {}
    for name, source in (("leads", leads), ("touches", touches), ("deals", deals)):
        if source is None:
            continue
        column = _INSTANT_OF[name]
        read = isinstance(source, pd.DataFrame) and column in source.columns
        if read and isinstance(source[column].dtype, pd.DatetimeTZDtype):
            tables[name] = source
            continue
        tables[name] = _READERS[name](source)
        if isinstance(source, pd.DataFrame):
            tables[name].index = source.index
    _need_ids(tables["leads"])
    return tables


def moments_on(tables: Mapping[str, pd.DataFrame], as_of: Any) -> tuple[Moments, tuple[str, ...]]:
    """Return when each lead is looked at, and what is left out; see `build_features`.

    Examples
    --------
    >>> tables = read_tables(pd.DataFrame({"lead_id": ["l"], "created_at": ["2025-01-01"]}))
    >>> moments_on(tables, "2025-01-05")[0].at.astype(str).tolist()
    ['2025-01-05T23:59:59.999999']
    """
    leads = tables["leads"]
    created, n = instants(leads, "created_at"), len(leads)
    if as_of is not None and not isinstance(as_of, str) and np.ndim(as_of) == 1:
        at = instants(pd.DataFrame({"as_of": pd.Series(as_of).to_numpy()}), "as_of")
        if len(at) != n:
            raise InputError(
                f"as_of has {len(at)} dates for {n} leads. Give one date, or one each."
            )
        early = ~(at >= created)
        if early.any():
            raise InputError(
                "as_of is missing or lies before the lead came in, in "
                f"{name_rows(np.flatnonzero(early).tolist())}. Give later dates."
            )
        return Moments(np.arange(n, dtype=np.int64), at), ()
    look = last_look(tables) if as_of is None else to_instant(as_of)
    at = np.full(n, look)
    if as_of is None:
        ended = _known_ends(tables).at
        at = np.where(ended <= look, np.maximum(ended - _MOMENT, created), at)
    kept = np.flatnonzero(created <= look)
    late = n - len(kept)
    if not len(kept):
        raise InputError(f"no lead had come in by {as_of}. Choose a later as_of.")
    notes = (f"{late} leads left out: they came in after {look}",) if late else ()
    return Moments(kept.astype(np.int64), at[kept]), notes


def _known_ends(tables: Mapping[str, pd.DataFrame]) -> Ends:
    leads, deals = tables["leads"], tables.get("deals")
    linked = deals is not None and any(
        key in leads.columns and key in deals.columns for key in ("person_id", "account_id")
    )
    if linked:
        return lead_ends(leads, deals)
    none = np.zeros(len(leads), dtype=bool)
    return Ends(instants(leads, "ended_at"), none, none)


def last_look(tables: Mapping[str, pd.DataFrame]) -> np.datetime64:
    """Return the latest instant that has happened in the tables.

    Examples
    --------
    >>> tables = read_tables(pd.DataFrame({"lead_id": ["l"], "created_at": ["2025-01-01"]}))
    >>> str(last_look(tables))
    '2025-01-01T00:00:00.000000'
    """
    ends = []
    for name, table in tables.items():
        spec = SPECS[name]
        columns = [instants(table, column) for column in spec.not_future]
        ends += [column[~np.isnat(column)].max() for column in columns if (~np.isnat(column)).any()]
    return np.datetime64(max(ends), "us")


def to_instant(day: Any) -> np.datetime64:
    """Return a date, text or timestamp as UTC; a bare day is its end.

    Raises
    ------
    ConfigError
        If it is no date.

    Examples
    --------
    >>> str(to_instant("2025-01-05"))
    '2025-01-05T23:59:59.999999'
    """
    try:
        stamp = pd.Timestamp(day)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{day!r} is no date: {error}. Write YYYY-MM-DD.") from error
    if pd.isna(stamp):
        raise ConfigError("as_of is missing. Write YYYY-MM-DD.")
    bare = isinstance(day, str) and len(day.strip()) == 10
    if bare or (hasattr(day, "year") and not hasattr(day, "hour")):
        stamp += pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    stamp = stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp
    return np.datetime64(stamp.as_unit("us").isoformat(), "us")


def _need_ids(leads: pd.DataFrame) -> None:
    if "lead_id" in leads.columns and leads["lead_id"].duplicated().any():
        rows = np.flatnonzero(leads["lead_id"].duplicated(keep=False))
        raise InputError(
            f"leads name the same lead_id twice in {name_rows(rows.tolist())} "
            f"({quoted(leads['lead_id'].iloc[rows].unique())}). "
            "Read them with mmm.read_leads, where on_duplicate= keeps one."
        )
