"""`Journeys`: ordered touches up to a close, held as columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mmm.journeys.paths import (
    check_squares,
    check_values,
    code_paths,
    path_weights,
    squares_of_single,
)

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
class UntouchedDeals:
    """Won (and expected) deals without an eligible touch, one entry a deal.

    Attributes
    ----------
    conversions, value : ndarray of float64, shape (n_untouched,)
        Weights, as in `Journeys`; they add up to `Unattributed`.
    deal_id, account_id, kind : ndarray of object, shape (n_untouched,)
        None where unknown.
    is_open : ndarray of bool, shape (n_untouched,)
        Whether the deal is open and counts with an expected value.
    contact : ndarray of object, shape (n_untouched,)
        "none" recorded up to the close; "older" than the window, and of use with a longer one; or
        "taken" by another deal.
    """

    conversions: Floats
    value: Floats
    deal_id: npt.NDArray[np.object_]
    account_id: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    is_open: npt.NDArray[np.bool_]
    contact: npt.NDArray[np.object_]

    def select(self, keep: npt.NDArray[np.bool_]) -> Self:
        """Return the deals where `keep`, shape (n_untouched,), is true."""
        return replace(self, **{name: column[keep] for name, column in vars(self).items()})

    def added_up(self) -> Unattributed:
        """Return their number and value."""
        return Unattributed(float(self.conversions.sum()), float(self.value.sum()))


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
    account_id : ndarray of object, shape (n_journeys,), or None
        Account of the deal; None for journeys without a deal, and for deals without an account.
    untouched : UntouchedDeals or None
        The deals behind `unattributed`, where they are known one by one.
    person : ndarray of int32, shape (n_touches,), or None
        Code of the person behind each touch, -1 where only the account is known.
    touched_at : ndarray of datetime64[us], shape (n_touches,), or None
        Instants in UTC.
    closed_at : ndarray of datetime64[us], shape (n_journeys,), or None
        Close of the deal in UTC, NaT where there is none.
    value_squares : ndarray of float64, shape (n_journeys,), or None
        Sum of the squared values of the deals of each row, in squared currency. None: unknown, or
        one deal a row.
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
    account_id: npt.NDArray[np.object_] | None = None
    untouched: UntouchedDeals | None = None
    person: npt.NDArray[np.int32] | None = None
    touched_at: npt.NDArray[np.datetime64] | None = None
    closed_at: npt.NDArray[np.datetime64] | None = None
    value_squares: Floats | None = None
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

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Whether a journey is an open deal that counts as expected, shape (n_journeys,)."""
        if self.deal_id is None or self.closed_at is None:
            return np.zeros(len(self), dtype=bool)
        is_deal = np.asarray(self.deal_id != None, dtype=bool)  # noqa: E711 (element by element)
        return is_deal & np.isnat(self.closed_at)

    @cached_property
    def won(self) -> Self:
        """Journeys that hold a won deal, deals without a touch included; itself where all do."""
        is_won = self.conversions > 0
        if is_won.all():
            return self
        return replace(
            self.select(is_won),
            unattributed=self.unattributed,
            untouched=self.untouched,
            total_value=self.total_value,
        )

    @cached_property
    def won_channels(self) -> tuple[Integers, Integers]:
        """Each pair of a won journey, by position, and one of its channels, once; in order."""
        won, n_channels = self.won, max(len(self.channels), 1)
        if won is not self:
            row, channel = won.won_channels
            return np.flatnonzero(self.conversions > 0)[row], channel
        # Nearly in order already, which the stable sort uses; np.unique would hash.
        pairs = np.sort(self.journey_of_touch * n_channels + self.touch, kind="stable")
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        return pairs // n_channels, pairs % n_channels

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
        value_squares: Iterable[float] | None = None,
        merge: bool = False,
    ) -> Self:
        """Build journeys from channel sequences, aggregated or not.

        Parameters
        ----------
        paths : iterable of str or of sequences of str
            A text is split on `sep`, and "Email × 2" in it is Email twice, as Google Analytics
            writes it; a sequence is taken as it stands, so that a channel name may hold either.
        conversions : iterable of float, optional
            Conversions of each row; 1 by default.
        value : iterable of float, optional
            TOTAL value of each row, in any currency. Floats are used as given.
        nulls : iterable of float, optional
            Journeys of the same sequence that did not convert; 0 by default.
        sep : str, default " > "
            Separator within a text.
        value_squares : iterable of float, optional
            Sum of the squared values of the deals of each row, which intervals of value need where
            a row holds several.
        merge : bool, default False
            Whether rows of the same text (or sequence) become one, with the sums of their weights,
            and of their squared values where each holds one deal at most. Credit and intervals
            stay as they are, and models are faster where paths repeat.

        Returns
        -------
        Journeys
            One journey a row; with `merge`, one a distinct path in order of appearance.

        Raises
        ------
        InputError
            If a path or name is empty or reserved, the columns differ in length, a weight is
            negative, infinite or missing, a row has value and no conversion, or sums of squares
            that its deals cannot have.

        Examples
        --------
        >>> journeys = Journeys.from_paths(["Email > Events", "Email"], value=[900.0, 100.0])
        >>> journeys
        Journeys(2 journeys, 3 touches, 2 channels, 2 conversions, 0 nulls, 0 unattributed)
        >>> list(journeys.paths())[0]
        ('Email', 'Events')
        """
        coded = code_paths(paths, sep, UNATTRIBUTED, merge=merge)
        n = coded.n_rows
        won = path_weights("conversions", conversions, n, 1.0)
        worth = path_weights("value", value, n, 0.0)
        check_values(won, worth)
        lost = path_weights("nulls", nulls, n, 0.0)
        squares = squares_of_single(won, worth) if merge else None
        if value_squares is not None:
            squares = path_weights("value_squares", value_squares, n, 0.0)
            check_squares(won, worth, squares)
        return cls(
            channels=coded.channels,
            touch=coded.touch,
            start=coded.start,
            conversions=coded.added_up(won),
            value=coded.added_up(worth),
            nulls=coded.added_up(lost),
            has_value=value is not None,
            value_squares=None if squares is None else coded.added_up(squares),
        )

    def select(
        self, keep: npt.NDArray[np.bool_], untouched: npt.NDArray[np.bool_] | None = None
    ) -> Self:
        """Return the journeys where `keep` is true, with the same channels.

        Parameters
        ----------
        keep : ndarray of bool, shape (n_journeys,)
        untouched : ndarray of bool, shape (n_untouched,), optional
            Which of the deals without a touch stay. None: they are left out.

        Returns
        -------
        Journeys
            Without the exact total, which is that of the whole.
        """
        rows = np.flatnonzero(np.asarray(keep, dtype=bool))
        touches, first = touches_of(self.start, rows)
        bare = self.untouched
        bare = None if bare is None or untouched is None else bare.select(untouched)

        def kept(column: Any, at: Integers) -> Any:
            return None if column is None else column[at]

        def moved(anchor: Integers) -> Integers:
            there = anchor[rows]
            return np.where(there < 0, -1, there - self.start[rows] + first)

        return replace(
            self,
            touch=self.touch[touches],
            start=np.append(first, len(touches)),
            conversions=self.conversions[rows],
            value=self.value[rows],
            nulls=self.nulls[rows],
            unattributed=Unattributed() if bare is None else bare.added_up(),
            untouched=bare,
            total_value=None,
            anchors={name: moved(at) for name, at in self.anchors.items()},
            kind=kept(self.kind, rows),
            cluster=kept(self.cluster, rows),
            deal_id=kept(self.deal_id, rows),
            account_id=kept(self.account_id, rows),
            person=kept(self.person, touches),
            touched_at=kept(self.touched_at, touches),
            closed_at=kept(self.closed_at, rows),
            value_squares=kept(self.value_squares, rows),
        )


def touches_of(start: Integers, rows: Integers) -> tuple[Integers, Integers]:
    """Return the touch positions of some journeys, and where each journey begins in them.

    Parameters
    ----------
    start : ndarray of int64, shape (n_journeys + 1,)
        As in `Journeys`.
    rows : ndarray of int64, shape (n,)
        Positions of journeys, none of them empty.

    Returns
    -------
    touches : ndarray of int64, shape (n_touches_of_rows,)
    first : ndarray of int64, shape (n,)

    Examples
    --------
    >>> touches, first = touches_of(np.array([0, 2, 5]), np.array([1, 0]))
    >>> touches.tolist(), first.tolist()
    ([2, 3, 4, 0, 1], [0, 3])
    """
    begins = start[rows]
    lengths = start[rows + 1] - begins
    ends = np.cumsum(lengths)
    first = ends - lengths
    touches = np.repeat(begins - first, lengths)
    touches += np.arange(len(touches))
    return touches, first
