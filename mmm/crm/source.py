"""What every customer system offers to the reader of leads, touches and deals."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pandas as pd

from mmm.crm.target import FIELDS
from mmm.errors import ConfigError, SourceError

# What was changed this long before the mark is read again: a transaction that began earlier may
# have ended later, rows may share an instant, and clocks without a zone repeat an hour in autumn.
OVERLAP = timedelta(hours=2)
MOST_SEEN = 100_000


@dataclass(frozen=True)
class Mark:
    """High-water mark of one table: how far it was read.

    Attributes
    ----------
    at : datetime
        Latest change that was read, in UTC, and never later than the clock at that time.
    seen : frozenset of str
        Fingerprints of the rows changed within `OVERLAP` before `at`, which are not handed over
        twice. Empty where they were more than `MOST_SEEN`: then those rows come again.

    Examples
    --------
    >>> mark = Mark(datetime(2025, 3, 1, tzinfo=UTC), frozenset({"a1"}))
    >>> Mark.from_text(mark.to_text()) == mark
    True
    """

    at: datetime
    seen: frozenset[str] = frozenset()

    def to_text(self) -> str:
        """Return it as JSON, to be kept until the next night."""
        return json.dumps({"at": self.at.astimezone(UTC).isoformat(), "seen": sorted(self.seen)})

    @classmethod
    def from_text(cls, text: str) -> "Mark":
        """Return the mark that `to_text` wrote.

        Raises
        ------
        ConfigError
            If it is something else.
        """
        try:
            kept = json.loads(text)
            at = datetime.fromisoformat(kept["at"])
            if at.tzinfo is None:
                raise ValueError("no zone")
            return cls(at.astimezone(UTC), frozenset(str(item) for item in kept["seen"]))
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError("that is no mark. Read once without one, and keep its mark.") from (
                error
            )

    @property
    def floor(self) -> datetime:
        """From which change on to ask the system again."""
        return self.at - OVERLAP


@dataclass(frozen=True, eq=False)
class Extract:
    """Rows of one table, new or changed since a mark.

    Attributes
    ----------
    frame : pandas.DataFrame
        Columns of the vocabulary, as `mmm.read_leads` and its like take them; perhaps no row.
        Neither `FIELDS` nor the instant of the last change are among them: no lead is to be judged
        by its own score, nor by the day on which that was written.
    mark : Mark or None
        Pass it as `since` next time; None where the table does not say when a row changed, so that
        it is read whole each time.
    """

    frame: pd.DataFrame
    mark: Mark | None


class Source(Protocol):
    """A customer system that is read.

    Every method takes the mark of the last reading, or None for all rows, and raises the errors of
    a `Target`. Rows that were deleted in the system are not told.

    Attributes
    ----------
    name : str
        Which system and place, without credentials.
    """

    name: str

    def read_leads(self, since: Mark | None = None) -> Extract:
        """Read leads."""
        ...

    def read_touches(self, since: Mark | None = None) -> Extract:
        """Read touches."""
        ...

    def read_deals(self, since: Mark | None = None) -> Extract:
        """Read deals."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def extract(
    frame: pd.DataFrame,
    since: Mark | None,
    *,
    updated: str = "updated_at",
    key: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Extract:
    """Keep what is new or changed since a mark, and set the next one.

    Parameters
    ----------
    frame : pandas.DataFrame
        All rows, or at least those changed since ``since.floor`` and those without an instant.
    since : Mark or None
    updated : str
        Column of the last change: instants, or ISO 8601 text; without a zone they are UTC. Where
        the frame lacks it, all rows are kept. Rows without an instant are always kept.
    key : str, optional
        Of rows with the same key the one changed last is kept: pages of an interface may overlap.
    clock : callable
        Returns the present instant, aware.

    Returns
    -------
    Extract

    Raises
    ------
    SourceError
        If the column of the last change holds something else.

    Examples
    --------
    >>> rows = pd.DataFrame({"lead_id": ["a", "b"], "updated_at": ["2025-03-01", "2025-03-02"]})
    >>> first = extract(rows, None)
    >>> first.frame["lead_id"].tolist(), extract(rows, first.mark).frame["lead_id"].tolist()
    (['a', 'b'], [])
    """
    if updated not in frame.columns:
        return Extract(_bare(_latest(frame, key), updated), None)
    instants = _instants(frame[updated], updated)
    order = instants.sort_values(kind="stable", na_position="first").index
    frame, instants = frame.loc[order], instants.loc[order]
    told = instants.dropna()
    reached = [min(told.iloc[-1].to_pydatetime(), clock())] if len(told) else []
    at = max([*reached, *([since.at] if since else [])], default=None)
    prints = _fingerprints(frame)
    kept = pd.Series(True, index=frame.index)
    if since is not None:
        old = instants.notna() & (instants < since.floor)
        kept = ~(old | (prints.isin(since.seen) & instants.notna()))
    fresh = _bare(_latest(frame[kept], key), updated).sort_index()
    if at is None:
        return Extract(fresh.reset_index(drop=True), None)
    near = prints[instants.notna() & (instants >= at - OVERLAP)]
    seen = frozenset(near) if len(near) <= MOST_SEEN else frozenset()
    return Extract(fresh.reset_index(drop=True), Mark(at, seen))


def _latest(frame: pd.DataFrame, key: str | None) -> pd.DataFrame:
    if key is None or key not in frame.columns:
        return frame
    return frame[~frame.duplicated(key, keep="last") | frame[key].isna()]


def _bare(frame: pd.DataFrame, updated: str) -> pd.DataFrame:
    return frame.drop(columns=[n for n in (updated, *FIELDS) if n in frame.columns])


def _instants(values: "pd.Series[Any]", name: str) -> "pd.Series[pd.Timestamp]":
    text = values.astype("str").str.strip()
    absent = values.isna() | text.isin(["", "nan", "NaT", "None"])
    try:
        return pd.to_datetime(text.mask(absent), utc=True, format="ISO8601")
    except (ValueError, TypeError, OverflowError) as error:
        raise SourceError(
            f"the column {name!r} does not hold instants such as 2025-03-01T10:30:00Z. "
            "Name another column of the last change, or leave the mark out."
        ) from error


def _fingerprints(frame: pd.DataFrame) -> "pd.Series[str]":
    """Return 16 hexadecimal digits a row, the same wherever the row is read."""
    plain = frame.reindex(columns=sorted(frame.columns, key=str)).astype("str")
    hashed = pd.util.hash_pandas_object(plain, index=False)
    return hashed.map(lambda number: f"{number:016x}")
