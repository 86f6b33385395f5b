"""Records of many leads, kept by field: a hundred thousand leads are not so many objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

from mmm.crm.target import Record

Cell = str | float | None
Columns = Mapping[str, list[Cell]]  # of each field the cells, one a lead


def rows_of(columns: Columns) -> Iterator[dict[str, Cell]]:
    """Yield the fields of each lead.

    Examples
    --------
    >>> list(rows_of({"mmm_grade": ["A", "B"], "mmm_model": ["v1", "v1"]}))
    [{'mmm_grade': 'A', 'mmm_model': 'v1'}, {'mmm_grade': 'B', 'mmm_model': 'v1'}]
    """
    names = tuple(columns)
    for cells in zip(*columns.values(), strict=True):
        yield dict(zip(names, cells, strict=True))


class Records(Sequence[Record]):
    """Records that have the same fields; one is made where somebody asks for it.

    Parameters
    ----------
    leads : list of str, of length n_leads
    columns : mapping of str to list, of length n_leads

    Examples
    --------
    >>> records = Records(["a", "b"], {"mmm_grade": ["A", "B"]})
    >>> len(records), records[1]
    (2, Record(lead_id='b', fields={'mmm_grade': 'B'}))
    """

    def __init__(self, leads: list[str], columns: Columns) -> None:
        self.leads, self.columns = leads, columns

    def __len__(self) -> int:
        return len(self.leads)

    def __iter__(self) -> Iterator[Record]:
        for lead, fields in zip(self.leads, rows_of(self.columns), strict=True):
            yield Record(lead, fields)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> "Records": ...

    def __getitem__(self, place: int | slice) -> "Record | Records":
        if isinstance(place, slice):
            part = {name: cells[place] for name, cells in self.columns.items()}
            return Records(self.leads[place], part)
        fields = {name: cells[place] for name, cells in self.columns.items()}
        return Record(self.leads[place], fields)
