"""Packed columns: values of many leads as one text, which the ledger keeps and SQL can read.

The text is a JSON object, a field each. A field whose value is one and the same is that value; one
with few different values is ``{"of": values, "at": places}``; any other one is the list of values.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmm.crm.records import Cell, Columns

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_FEW = 2  # leads a value, from which on it is worth a place of its own


def text_of(plain: Any) -> str:
    """Return a plain value as JSON without blanks.

    Examples
    --------
    >>> text_of(["L1", None])
    '["L1",null]'
    """
    return _ENCODER.encode(plain)


def pack(columns: Mapping[str, Sequence[Cell]]) -> str:
    """Return columns as one text.

    Parameters
    ----------
    columns : mapping of str to sequence of str, float or None
        All of the same length, 1 or more.

    Examples
    --------
    >>> pack({"mmm_grade": ["A", "B", "A", "A"], "mmm_model": ["v1"] * 4})
    '{"mmm_grade":{"of":["A","B"],"at":[0,1,0,0]},"mmm_model":"v1"}'
    """
    return text_of({name: _packed(cells) for name, cells in columns.items()})


def unpack(text: str, n_leads: int) -> dict[str, list[Cell]]:
    """Return the columns of a text.

    Examples
    --------
    >>> unpack('{"mmm_grade":{"of":["A","B"],"at":[0,1]},"mmm_model":"v1"}', 2)
    {'mmm_grade': ['A', 'B'], 'mmm_model': ['v1', 'v1']}
    """
    return {name: _unpacked(kept, n_leads) for name, kept in json.loads(text).items()}


def without(columns: Columns, places: Sequence[int]) -> dict[str, list[Cell]]:
    """Return columns without some places."""
    out = frozenset(places)
    return {
        name: [cell for place, cell in enumerate(cells) if place not in out]
        for name, cells in columns.items()
    }


def _packed(cells: Sequence[Cell]) -> Any:
    places = {cell: place for place, cell in enumerate(dict.fromkeys(cells))}
    if len(places) == 1:
        return cells[0]
    if _FEW * len(places) > len(cells):
        return list(cells)
    return {"of": list(places), "at": [places[cell] for cell in cells]}


def _unpacked(kept: Any, n_leads: int) -> list[Cell]:
    if isinstance(kept, list):
        return kept
    if isinstance(kept, dict):
        values = kept["of"]
        return [values[place] for place in kept["at"]]
    return [kept] * n_leads
