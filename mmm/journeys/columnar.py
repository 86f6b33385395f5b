"""`Journeys`: ordered touches up to a close, held as columns."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mmm.errors import InputError, name_rows

UNATTRIBUTED = "(unattributed)"
STAGES = ("lead", "mql", "sql", "opportunity")

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Unattributed:
    """Won deals without an eligible touch.

    Attributes
    ----------
    deals : float
        Number of deals.
    value : float
        Their value, in the currency of the deals.
    """

    deals: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, eq=False)
class Journeys:
    """Journeys as columns: one entry a journey, its touches in one flat array.

    Attributes
    ----------
    channels : tuple of str
        Channel names, sorted by code point; `touch` holds positions in it.
    touch : ndarray of int32, shape (n_touches,)
        Channel code of each touch; journey after journey, in time order within one.
    start : ndarray of int64, shape (n_journeys + 1,)
        Journey ``j`` owns ``touch[start[j]:start[j + 1]]``, never empty.
    conversions, value, nulls : ndarray of float64, shape (n_journeys,)
        Weights: won deals, their total value, and journeys that ended without a deal.
    unattributed : Unattributed
        Won deals that no journey carries.
    has_value : bool
        Whether values were given; if not, models measure conversions.
    total_value : Decimal or None
        Exact closed-won value, unattributed included, where deals gave it.
    anchors : dict of str to ndarray of int64, shape (n_journeys,)
        For lead, mql, sql and opportunity: position in `touch` of the last touch at or before that
        CRM date, -1 where there is none.
    kind : ndarray of object, shape (n_journeys,), or None
        new, expansion, renewal, or None.
    cluster : ndarray of int64, shape (n_journeys,), or None
        Account (or person) of each journey. None: each conversion stands on its own.
    deal_id : ndarray of object, shape (n_journeys,), or None
        Deal of each journey, None for journeys without one.
    touched_at : ndarray of datetime64[us], shape (n_touches,), or None
        Instants in UTC.
    closed_at : ndarray of datetime64[us], shape (n_journeys,), or None
        Close of the deal in UTC, NaT where there is none.
    about : dict of str to object
        Settings and counts: what was used, left out, and why.
    """

    channels: tuple[str, ...]
    touch: npt.NDArray[np.int32]
    start: Integers
    conversions: Floats
    value: Floats
    nulls: Floats
    unattributed: Unattributed = Unattributed()
    has_value: bool = True
    total_value: Decimal | None = None
    anchors: Mapping[str, Integers] = field(default_factory=dict)
    kind: npt.NDArray[np.object_] | None = None
    cluster: Integers | None = None
    deal_id: npt.NDArray[np.object_] | None = None
    touched_at: npt.NDArray[np.datetime64] | None = None
    closed_at: npt.NDArray[np.datetime64] | None = None
    about: Mapping[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of journeys."""
        return len(self.start) - 1

    def __repr__(self) -> str:
        return (
            f"Journeys({len(self)} journeys, {len(self.touch)} touches, "
            f"{len(self.channels)} channels, {self.conversions.sum():g} conversions, "
            f"{self.nulls.sum():g} nulls, {self.unattributed.deals:g} unattributed)"
        )

    @property
    def lengths(self) -> Integers:
        """Touches per journey, shape (n_journeys,)."""
        return np.diff(self.start)

    @property
    def journey_of_touch(self) -> Integers:
        """Position of the journey that owns each touch, shape (n_touches,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def paths(self) -> Iterator[tuple[str, ...]]:
        """Yield the channel names of each journey, in order."""
        for first, end in zip(self.start[:-1], self.start[1:], strict=True):
            yield tuple(self.channels[code] for code in self.touch[first:end])

    @classmethod
    def from_paths(
        cls,
        paths: Iterable[str | Sequence[str]],
        conversions: Iterable[float] | None = None,
        value: Iterable[float] | None = None,
        nulls: Iterable[float] | None = None,
        sep: str = " > ",
    ) -> Self:
        """Build journeys from channel sequences, aggregated or not.

        Parameters
        ----------
        paths : iterable of str or of sequences of str
            A text is split on `sep`; a sequence is taken as it stands, so that a channel name may
            hold the separator.
        conversions : iterable of float, optional
            Conversions of each row; 1 by default.
        value : iterable of float, optional
            TOTAL value of each row, in any currency. Floats are used as given.
        nulls : iterable of float, optional
            Journeys of the same sequence that did not convert; 0 by default.
        sep : str, default " > "
            Separator within a text.

        Returns
        -------
        Journeys
            One journey a row; rows with the same path are not merged.

        Raises
        ------
        InputError
            If a path or name is empty or reserved, the columns differ in length, a weight is
            negative, infinite or missing, or a row has value and no conversion.

        Examples
        --------
        >>> journeys = Journeys.from_paths(["Email > Events", "Email"], value=[900.0, 100.0])
        >>> journeys
        Journeys(2 journeys, 3 touches, 2 channels, 2 conversions, 0 nulls, 0 unattributed)
        >>> list(journeys.paths())[0]
        ('Email', 'Events')
        """
        sequences = _sequences(paths, sep)
        channels = tuple(sorted({name for s in sequences for name in s}))
        code = {name: i for i, name in enumerate(channels)}
        n = len(sequences)
        won, worth = _weights("conversions", conversions, n, 1.0), _weights("value", value, n, 0.0)
        odd = np.flatnonzero((worth > 0) & (won == 0))
        if len(odd):
            raise InputError(
                f"value without a conversion in {name_rows(odd.tolist())}. "
                "Give those rows their conversions, or a value of 0."
            )
        return cls(
            channels=channels,
            touch=np.array([code[name] for s in sequences for name in s], dtype=np.int32),
            start=np.concatenate([[0], np.cumsum([len(s) for s in sequences], dtype=np.int64)]),
            conversions=won,
            value=worth,
            nulls=_weights("nulls", nulls, n, 0.0),
            has_value=value is not None,
        )

    def select(self, keep: npt.NDArray[np.bool_]) -> Self:
        """Return the journeys where `keep` is true, with the same channels.

        Parameters
        ----------
        keep : ndarray of bool, shape (n_journeys,)

        Returns
        -------
        Journeys
            Unattributed deals are left out, and with them the exact total.
        """
        keep = np.asarray(keep, dtype=bool)
        lengths = self.lengths
        touches = np.repeat(keep, lengths)
        new_position = np.concatenate([np.cumsum(touches) - 1, [-1]])

        def rows(column: Any) -> Any:
            return None if column is None else column[keep]

        return replace(
            self,
            touch=self.touch[touches],
            start=np.concatenate([[0], np.cumsum(lengths[keep])]).astype(np.int64),
            conversions=self.conversions[keep],
            value=self.value[keep],
            nulls=self.nulls[keep],
            unattributed=Unattributed(),
            total_value=None,
            anchors={name: new_position[at[keep]] for name, at in self.anchors.items()},
            kind=rows(self.kind),
            cluster=rows(self.cluster),
            deal_id=rows(self.deal_id),
            touched_at=None if self.touched_at is None else self.touched_at[touches],
            closed_at=rows(self.closed_at),
        )


def _sequences(paths: Iterable[str | Sequence[str]], sep: str) -> list[tuple[str, ...]]:
    """Split and trim every path; refuse what is no name."""
    if not sep:
        raise InputError("sep is empty. Pass the text between two channels, such as ' > '.")
    sequences, bad, reserved = [], [], []
    for row, path in enumerate(paths):
        names = path.split(sep) if isinstance(path, str) else path
        whole = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
        steps = tuple(unicodedata.normalize("NFC", name).strip() for name in names) if whole else ()
        sequences.append(steps)
        if not steps or not all(steps):
            bad.append(row)
        if UNATTRIBUTED in steps:
            reserved.append(row)
    if bad:
        raise InputError(
            f"paths hold an empty path, or a channel that is no text, in {name_rows(bad)}. "
            f"Drop those rows, or name the channel; sep is {sep!r}."
        )
    if reserved:
        raise InputError(
            f"paths hold the channel {UNATTRIBUTED!r} in {name_rows(reserved)}, which names the "
            "deals without a touch in every result. Rename it."
        )
    return sequences


def _weights(name: str, given: Iterable[float] | None, n: int, default: float) -> Floats:
    if given is None:
        return np.full(n, default)
    try:
        weights = np.asarray(list(given), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} holds something that is no number ({error}). Correct it."
        ) from error
    if len(weights) != n:
        raise InputError(f"{name} has {len(weights)} entries for {n} paths. Pass one entry a path.")
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        raise InputError(
            f"{name} is negative, infinite or missing in {name_rows(bad.tolist())}. "
            "Correct or drop those rows."
        )
    return weights
