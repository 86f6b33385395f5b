"""Records as they come in: one a lead, and only what a table can keep as it is."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mmm.crm.records import Cell, Records
from mmm.crm.target import FIELDS, PROBABILITY, SCORED_AT, Record, Refusal
from mmm.errors import ConfigError, TargetError, quoted

Rows = dict[str, dict[str, Cell]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows with the same fields.

    Attributes
    ----------
    names : tuple of str
        The fields, in the order of `FIELDS`.
    leads : list of str
        In their order.
    columns : list of list
        Of each field the cells, one a lead.
    """

    names: tuple[str, ...]
    leads: list[str]
    columns: list[list[Cell]]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield of each row the lead and then its cells."""
        return zip(self.leads, *self.columns, strict=True)


def utc_text(instant: datetime) -> str:
    """Return an instant as a target reads it: ISO 8601, in UTC, with seconds.

    Examples
    --------
    >>> utc_text(datetime.fromisoformat("2025-03-01T06:30:00+01:00"))
    '2025-03-01T05:30:00+00:00'
    """
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def take_in(
    records: Sequence[Record], chunk_size: int, unfit: Callable[[str], str | None] | None = None
) -> tuple[Rows, list[Refusal]]:
    """Return the fields to write by lead, in the order of ids, and what no table can keep.

    Parameters
    ----------
    records : sequence of Record
        Of two for one lead the later one wins, field by field; one without fields is nothing.
    chunk_size : int
    unfit : callable, optional
        Says of a text why this system cannot keep it, or None.

    Raises
    ------
    ConfigError
        If a field is none of `FIELDS`.
    TargetError
        If there are more than `chunk_size` records.

    Examples
    --------
    >>> take_in([Record("b", {"mmm_grade": "A"}), Record("a", {"mmm_grade": ""})], 10)
    ({'a': {'mmm_grade': None}, 'b': {'mmm_grade': 'A'}}, [])
    """
    _check_length(records, chunk_size)
    written: set[str] = set().union(*[record.fields for record in records])
    unknown = sorted(written - set(FIELDS))
    if unknown:
        raise ConfigError(f"{quoted(unknown)} are no fields of ours. Write {quoted(FIELDS)}.")
    rows: Rows = {}
    refused: dict[str, Refusal] = {}
    checked = {name: _Checked(name, unfit) for name in ("lead_id", *FIELDS)}
    ids = checked["lead_id"]
    for record in records:
        try:
            lead = str(ids[record.lead_id])
            cells = {name: checked[name][value] for name, value in record.fields.items()}
        except ValueError as error:
            refused[record.lead_id] = Refusal(record.lead_id, str(error))
            continue
        rows[lead] = rows[lead] | cells if lead in rows else cells
    kept = {lead: rows[lead] for lead in sorted(rows) if rows[lead] and lead not in refused}
    return kept, list(refused.values())


def take_in_batches(
    records: Sequence[Record], chunk_size: int, unfit: Callable[[str], str | None] | None = None
) -> tuple[list[Batch], list[Refusal]]:
    """Do as `take_in` and `by_fields` do, for tables; quickly where all records are alike.

    Examples
    --------
    >>> records = [Record("b", {"mmm_grade": "A"}), Record("a", {"mmm_grade": "B"})]
    >>> [list(batch.rows()) for batch in take_in_batches(records, 10)[0]]
    [[('a', 'B'), ('b', 'A')]]
    """
    _check_length(records, chunk_size)
    alike = _alike(records, unfit)
    if alike is not None:
        return [alike], []
    rows, refused = take_in(records, chunk_size, unfit)
    batches = [
        Batch(names, leads, [[rows[lead][name] for lead in leads] for name in names])
        for names, leads in by_fields(rows).items()
    ]
    return batches, refused


def _check_length(records: Sequence[Record], chunk_size: int) -> None:
    if len(records) > chunk_size:
        raise TargetError(f"{len(records)} records in one call. Write at most {chunk_size}.")


def _alike(records: Sequence[Record], unfit: Callable[[str], str | None] | None) -> Batch | None:
    """Return all records as they are, where all have the same fields and each value is sound."""
    if isinstance(records, Records):
        ids, given = records.leads, {tuple(records.columns)}
    else:
        ids, given = [one.lead_id for one in records], {tuple(one.fields) for one in records}
    names = tuple(name for name in FIELDS if name in next(iter(given), ()))
    if len(given) != 1 or not names or len(names) < len(next(iter(given))):
        return None
    if isinstance(records, Records):
        columns = [records.columns[name] for name in names]
    else:
        columns = [[one.fields[name] for one in records] for name in names]
    if len(set(ids)) < len(ids) or not _sound_texts(set(ids), unfit):
        return None
    for name, column in zip(names, columns, strict=True):
        told: set[Any] = set(column) - {None}
        if name == PROBABILITY:
            sound = set(map(type, told)) <= {float} and all(map(math.isfinite, told))
        else:
            sound = _sound_texts(told, unfit)
        if not sound or (name == SCORED_AT and any(_cell(name, c, None) != c for c in told)):
            return None
    order = sorted(range(len(ids)), key=ids.__getitem__)
    if order == list(range(len(ids))):
        return Batch(names, ids, columns)
    leads = [ids[row] for row in order]
    return Batch(names, leads, [[column[row] for row in order] for column in columns])


def _sound_texts(cells: set[Any], unfit: Callable[[str], str | None] | None) -> bool:
    if "" in cells or not set(map(type, cells)) <= {str}:
        return False
    together = "".join(cells)
    try:
        together.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in together and (unfit is None or not any(map(unfit, cells)))


def by_fields(rows: Mapping[str, Mapping[str, Cell]]) -> dict[tuple[str, ...], list[str]]:
    """Group leads by the fields that are written for them, in the order of `FIELDS`."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for lead, cells in rows.items():
        alike.setdefault(tuple(cells), []).append(lead)
    groups: dict[tuple[str, ...], list[str]] = {}
    for written, leads in alike.items():
        groups.setdefault(tuple(name for name in FIELDS if name in written), []).extend(leads)
    return {names: leads for names, leads in groups.items() if names}


class _Checked(dict[Cell, Cell]):
    """The values of one field as they are kept, each looked at once."""

    def __init__(self, name: str, unfit: Callable[[str], str | None] | None) -> None:
        self._name, self._unfit = name, unfit

    def __missing__(self, value: Cell) -> Cell:
        kept = self[value] = _cell(self._name, value, self._unfit)
        return kept


def _cell(name: str, value: Cell, unfit: Callable[[str], str | None] | None) -> Cell:
    if name == PROBABILITY:
        if value is None:
            return None
        if isinstance(value, str) or not math.isfinite(value):
            raise ValueError(f"{name} is no finite number")
        return float(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    if not value:
        if name == "lead_id":
            raise ValueError("lead_id is empty")
        return None
    if name != SCORED_AT:
        _fit(value, name, unfit)
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        instant = datetime.min
    if instant.tzinfo is None:
        raise ValueError(f"{name} is no ISO 8601 instant with a zone")
    return utc_text(instant)


def _fit(text: str, name: str, unfit: Callable[[str], str | None] | None) -> None:
    if "\x00" in text:
        raise ValueError(f"{name} holds a zero byte")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds half a character") from None
    if unfit is not None and (reason := unfit(text)):
        raise ValueError(f"{name} {reason}")
