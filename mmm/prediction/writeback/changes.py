"""Changes: what is written for many leads and what was there before, by field.

A hundred thousand leads are seven lists of values, not so many objects. One `Change` is made where
somebody asks for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from mmm.crm.records import Columns, Records, rows_of
from mmm.crm.target import Fields


@dataclass(frozen=True)
class Change:
    """What is written for one lead, and what is there before.

    Attributes
    ----------
    lead_id : str
    before, after : mapping of str to str, float or None
        The same fields, before and after.
    """

    lead_id: str
    before: Fields
    after: Fields


@dataclass(frozen=True, eq=False)
class Part:
    """Changes of the same fields.

    Attributes
    ----------
    leads : list of str, of length n_leads
    before, after : mapping of str to list, of length n_leads
        Values by field, the same fields in both.
    """

    leads: list[str]
    before: Columns
    after: Columns

    def changes(self) -> Iterator[Change]:
        """Yield one change a lead."""
        before, after = rows_of(self.before), rows_of(self.after)
        for lead, old, new in zip(self.leads, before, after, strict=True):
            yield Change(lead, old, new)

    def records(self) -> Records:
        """Return what a customer system is given."""
        return Records(self.leads, self.after)

    def take(self, places: Sequence[int] | slice) -> "Part":
        """Return the changes at some places.

        Examples
        --------
        >>> part = Part(["a", "b"], {"mmm_grade": [None, "B"]}, {"mmm_grade": ["A", "A"]})
        >>> part.take([1]).leads, dict(part.take(slice(1)).after)
        (['b'], {'mmm_grade': ['A']})
        """
        if isinstance(places, slice):
            places = range(*places.indices(len(self.leads)))
        return Part(
            [self.leads[place] for place in places],
            {name: [cells[place] for place in places] for name, cells in self.before.items()},
            {name: [cells[place] for place in places] for name, cells in self.after.items()},
        )


class Changes(Sequence[Change]):
    """The changes of a batch, in the order of sending.

    Parameters
    ----------
    parts : iterable of Part
        Neighbours with the same fields become one.

    Examples
    --------
    >>> changes = Changes.of([Change("a", {"mmm_grade": None}, {"mmm_grade": "A"})])
    >>> len(changes), changes[0].after, changes.leads
    (1, {'mmm_grade': 'A'}, ['a'])
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.parts = tuple(_joined(part for part in parts if part.leads))

    @classmethod
    def of(cls, changes: Iterable[Change]) -> "Changes":
        """Return changes that come one by one."""
        return cls(
            Part(
                [one.lead_id],
                {name: [one.before.get(name)] for name in one.after},
                {name: [value] for name, value in one.after.items()},
            )
            for one in changes
        )

    @property
    def leads(self) -> list[str]:
        """The leads, in their order."""
        return [lead for part in self.parts for lead in part.leads]

    def chunks(self, size: int) -> Iterator[Part]:
        """Yield parts of at most so many leads, of the same fields each."""
        for part in self.parts:
            for start in range(0, len(part.leads), size):
                yield part.take(slice(start, start + size))

    def taken_back(self) -> "Changes":
        """Return the changes that take these back, the last one first."""
        return Changes(
            Part(
                part.leads[::-1],
                {name: cells[::-1] for name, cells in part.after.items()},
                {name: cells[::-1] for name, cells in part.before.items()},
            )
            for part in reversed(self.parts)
        )

    def __len__(self) -> int:
        return sum(len(part.leads) for part in self.parts)

    def __iter__(self) -> Iterator[Change]:
        for part in self.parts:
            yield from part.changes()

    @overload
    def __getitem__(self, place: int) -> Change: ...

    @overload
    def __getitem__(self, place: slice) -> "Changes": ...

    def __getitem__(self, place: int | slice) -> "Change | Changes":
        chosen = range(len(self))[place]
        if isinstance(chosen, range):
            return Changes.of(self[row] for row in chosen)
        for part in self.parts:
            if chosen < len(part.leads):
                return next(part.take([chosen]).changes())
            chosen -= len(part.leads)
        raise IndexError(place)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    held: list[Part] = []
    for part in parts:
        if held and tuple(held[0].after) != tuple(part.after):
            yield _one(held)
            held = []
        held.append(part)
    if held:
        yield _one(held)


def _one(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    return Part(
        [lead for part in parts for lead in part.leads],
        {name: [c for part in parts for c in part.before[name]] for name in parts[0].after},
        {name: [c for part in parts for c in part.after[name]] for name in parts[0].after},
    )
