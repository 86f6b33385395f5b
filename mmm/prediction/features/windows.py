"""Windows: which events of a key happened up to an instant, for many keys and instants at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.datetime64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EventIndex:
    """Events in order of key and time.

    Attributes
    ----------
    row : ndarray of int64, shape (n_events,)
        Position of each event in the table it comes from.
    at : ndarray of datetime64[us], shape (n_events,)
    place : ndarray of int64, shape (n_events,)
        Key and rank of the instant in one ascending number.
    moments : ndarray of datetime64[us], shape (n_moments,)
        Distinct instants, ascending.
    """

    row: Integers
    at: Instants
    place: Integers
    moments: Instants

    def up_to(self, key: Integers, at: Instants) -> Integers:
        """Return how many events lie before those of `key` after `at`.

        Differences for one key count its events in between. A key of -1 has no event.
        """
        rank = np.searchsorted(self.moments, at, side="right")
        found = np.searchsorted(self.place, key * (len(self.moments) + 1) + rank, side="left")
        return np.where(key < 0, 0, found).astype(np.int64)

    def before(self, key: Integers) -> Integers:
        """Return how many events lie before the first of `key`."""
        found = np.searchsorted(self.place, key * (len(self.moments) + 1), side="left")
        return np.where(key < 0, 0, found).astype(np.int64)

    def pairs(self, key: Integers, at: Instants) -> tuple[Integers, Integers]:
        """Pair each query with its events up to `at`, in order of time.

        Returns
        -------
        query, event : ndarray of int64, shape (n_pairs,)
            Position of the query, and of the event in this index.
        """
        first, last = self.before(key), self.up_to(key, at)
        n = last - first
        query = np.repeat(np.arange(len(key), dtype=np.int64), n)
        start = np.repeat(first - (np.cumsum(n) - n), n)
        return query, np.arange(len(query), dtype=np.int64) + start


def index_events(key: Integers, at: Instants) -> EventIndex:
    """Put events in order of key and time; those without key (-1) or instant are left out.

    Parameters
    ----------
    key : ndarray of int64, shape (n,)
    at : ndarray of datetime64[us], shape (n,)

    Examples
    --------
    >>> days = np.array(["2025-01-01", "2025-01-05", "2025-01-03"], dtype="datetime64[us]")
    >>> index = index_events(np.array([0, 0, 1]), days)
    >>> query = np.array([0, 1]), days[[2, 2]]
    >>> (index.up_to(*query) - index.before(query[0])).tolist()
    [1, 1]
    """
    row = np.flatnonzero((key >= 0) & ~np.isnat(at))
    moments, rank = np.unique(at[row], return_inverse=True)
    place = key[row] * (len(moments) + 1) + rank
    order = np.argsort(place, kind="stable")
    return EventIndex(row[order], at[row][order], place[order].astype(np.int64), moments)
